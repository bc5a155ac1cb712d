#!/usr/bin/python3
"""Runs a command under the system-call filter of a unit: syscalls.py UNIT COMMAND...

As systemd does, but that what the filter does not let through ends the process instead of failing, so that no
test can pass over it. systemd-analyze tells what the groups (@...) are; libseccomp makes the filter."""

import ctypes
import os
import re
import subprocess
import sys

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000


def unit_filter(path):
    text = open(path).read().replace("\\\n", " ")
    for line in re.findall(r"^SystemCallFilter=(.*)$", text, re.M):
        yield from line.split()


def members(group):
    out = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", group], check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    for line in out.splitlines():
        word = line.strip()
        if line.startswith(" ") and not word.startswith("#"):
            yield word


def expand(names):
    for name in names:
        if name.startswith("@"):
            yield from expand(members(name))
        else:
            yield name


def load(names):
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]
    filt = lib.seccomp_init(KILL_PROCESS)
    known = 0
    for name in names:
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number == -1:  # newer than the library
            continue
        if lib.seccomp_rule_add(filt, ALLOW, number, 0) != 0:
            sys.exit("cannot allow " + name)
        known += 1
    if known < 50 or lib.seccomp_load(filt) != 0:
        sys.exit("cannot load the filter of %d system calls" % known)


unit, command = sys.argv[1], sys.argv[2:]
load(sorted(set(expand(["@default", *unit_filter(unit)]))))
os.execvp(command[0], command)
