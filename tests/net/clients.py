#!/usr/bin/python3
"""clients.py: clients of the control socket that flood, hang or send rubbish, beside one that behaves.

  clients.py NAME PID SOCKET ADDRESS N   in Dom0's namespace; ADDRESS is a guest's, to be asked for on the wire;
                                         every Nth kind alone
  clients.py --bad MODE SOCKET           is such clients, until it is killed

While they do, the well-behaved one's status, add and del are timed, each over a connection of its own, and so are
answers on the wire; and what it all costs in memory is looked at. See 26-clients.t.
"""
import ipaddress
import json
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time

from kernel import LOOSE, SLOW, Client, Daemon, diag, in_namespace, plan, tap

LINE_MAX, PLACES = 1024 * 1024, 64  # as lib/ctl.h has them
MAC = "02:00:00:00:00:01"
SECONDS = float(os.environ.get("CLIENTS_SECONDS", "0.4"))  # of each kind, and of those who take all places, twice


# --- the bad ones: each is a function that is run by several threads ---

def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s


def flood(path, line):
    """Requests without an end; the replies are read and thrown away."""
    s = connect(path)
    s.setblocking(False)
    out, left = line * max(1, 65536 // len(line)), b""
    while True:
        readable, writable, _ = select.select([s], [s], [])
        if writable:
            left = left or out
            left = left[s.send(left):]
        if readable and not s.recv(1 << 20):
            return


def again(path, data):
    """The same on one connection after another, as far as it is taken."""
    while True:
        s = connect(path)
        s.settimeout(5)
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except OSError:
            pass
        s.close()


def silent(path, data):
    """Says that much, and nothing more."""
    s = connect(path)
    s.sendall(data)
    time.sleep(3600)


def deaf(path, line):
    """Asks, and never reads."""
    s = connect(path)
    s.setblocking(False)
    for _ in range(5000):
        try:
            s.send(line)
        except BlockingIOError:
            break
    time.sleep(3600)


def dribble(path, data):
    """A byte now and then, of a line that never ends."""
    while True:
        s = connect(path)
        try:
            while True:
                s.sendall(data)
                time.sleep(0.2)
        except OSError:
            s.close()


def endless(path, data):
    while True:
        s = connect(path)
        try:
            while True:
                s.sendall(data)
        except OSError:
            s.close()


def line(**request):
    return json.dumps(request).encode() + b"\n"


def fill(piece, end=b""):
    """As many pieces as there is room for in a line."""
    return piece * ((LINE_MAX - len(end) - 16) // len(piece)) + end


BAD = {  # what they do: (how many, function, argument, or what makes it)
    "ask for status without an end": (8, flood, line(command="status")),
    "ask for the list without an end": (8, flood, line(command="list")),
    "add and delete without an end": (8, flood, line(command="add", addresses=["2001:db8:f::1", "10.99.0.1"], vif="flood")
                                      + line(command="del", vif="flood")),
    "ask for nonsense without an end": (8, flood, b"{}\n[]\n7\nnonsense\n\n" + line(command="nonsense")),
    "connect and never say a word": (40, silent, b""),
    "say half a line": (40, silent, b'{"command":"stat'),
    "say nearly a MiB of a line": (40, silent, b"x" * (LINE_MAX - 1)),
    "never read the list": (20, deaf, line(command="list")),
    "never read status": (20, deaf, line(command="status")),
    "never read what came of add": (20, deaf, line(command="add", addresses=["nonsense"], vif="flood")),
    "send binary": (8, again, lambda: random.Random(1).randbytes(LINE_MAX // 2)),
    "send zeros": (8, again, b"\0" * (2 * LINE_MAX)),
    "send a line without an end": (8, endless, b"x" * 65536),
    "send deep arrays": (8, again, lambda: fill(b"[") + b"\n"),
    "send arrays in arrays": (8, again, lambda: b"[" + fill(b"[],", b"1]") + b"\n"),
    "send objects in an array": (8, again, lambda: b"[" + fill(b"{},", b"1]") + b"\n"),
    "send objects in an add": (8, again, lambda: b'{"command":"add","vif":"v","addresses":[' + fill(b'{"a":1},', b"1]}")[64:] + b"\n"),
    "send very many texts": (8, again, lambda: b'{"command":"add","vif":"v","addresses":[' + fill(b'"",', b'""]}')[66:] + b"\n"),
    "send an object of very many keys": (4, again, lambda: b"{" + b",".join(b'"%x":1' % n for n in range(90000)) + b"}\n"),
    "send a long number": (8, again, lambda: b'{"command":' + fill(b"9", b"}") + b"\n"),
    "take 100 connections and say nothing": (100, silent, b""),
    "take 100 connections and dribble": (100, dribble, b"x"),
}
BUSY = {"take 100 connections and say nothing", "take 100 connections and dribble"}  # others wait for a place: some 3 s


def bad(mode, path):
    how_many, function, argument = BAD[mode]
    argument = argument() if callable(argument) else argument
    threading.stack_size(256 * 1024)

    def go():
        while True:
            try:
                function(path, argument)
            except OSError:
                time.sleep(0.05)

    for _ in range(how_many):
        threading.Thread(target=go, daemon=True).start()
    time.sleep(3600)


# --- the good one ---

class Wire:
    """Asks for a guest's address from the router, in its own process's namespace."""

    def __init__(self, v6, target):
        from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
        from scapy.layers.l2 import ARP, Ether
        self.v6, self.packed = v6, ipaddress.ip_address(target).packed
        if v6:
            self.frame = bytes(Ether(src=MAC, dst="33:33:ff:00:00:01") / IPv6(src="2800:110:2::1", dst="ff02::1:ff00:1", hlim=255)
                               / ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=MAC))
        else:
            self.frame = bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=MAC, psrc="192.0.2.1", pdst=target))
        in_namespace("router")
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD if v6 else 0x0806))
        self.s.bind(("eth0", self.s.getsockname()[1]))
        in_namespace("dom0")

    def answered(self, frame):
        if self.v6:
            return frame[54] == 136 and frame[62:78] == self.packed
        return frame[21] == 2 and frame[28:32] == self.packed

    def ask(self):
        """Seconds to the answer; None: there was none."""
        began = time.monotonic()
        self.s.send(self.frame)
        while time.monotonic() - began < 5 * SLOW:
            if select.select([self.s], [], [], 1)[0] and self.answered(self.s.recv(4096)):
                return time.monotonic() - began
        return None


class Good:
    def __init__(self, d, wire):
        self.d, self.wire, self.wrong = d, wire, []
        self.address = "2001:db8:e::1" if d.v6 else "10.98.0.1"

    def timed(self, command, **words):
        began = time.monotonic()
        c = Client(self.d.path)
        reply = c.ask(command, **words)
        c.close()
        if reply["exit"] != 0:
            self.wrong.append("%s: %s" % (command, reply))
        return time.monotonic() - began

    def go(self, seconds):
        """{what: [seconds each]}"""
        times = {"status": [], "add": [], "del": [], "wire": []}
        until = time.monotonic() + seconds
        while time.monotonic() < until or len(times["del"]) < 3:
            times["status"].append(self.timed("status"))
            times["wire"].append(self.wire.ask())
            times["add"].append(self.timed("add", addresses=[self.address], vif="good"))
            times["del"].append(self.timed("del", addresses=[self.address]))
        if None in times["wire"]:
            self.wrong.append("%d questions had no answer" % times["wire"].count(None))
        return {what: [t for t in v if t is not None] or [999] for what, v in times.items()}


def median(v):
    return sorted(v)[len(v) // 2]


def judge(times, mode):
    """Nobody waits for somebody else's requests to end: a turn of each, at most, is before ours. Where all
    places are taken, for one of those who do nothing to lose his (3 s)."""
    wrong = []
    limit, worst = (6, 12) if mode in BUSY else (0.75, 3)
    for what, v in times.items():
        if what == "wire":
            limit, worst = 0.3, 1
        if median(v) > limit * SLOW * LOOSE or max(v) > worst * SLOW * LOOSE:
            wrong.append("%s took %.0f ms in the middle, %.0f at most" % (what, 1000 * median(v), 1000 * max(v)))
    return wrong


def wait_for(condition):
    until = time.monotonic() + 10 * SLOW
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)


def one(d, good, mode, alone):
    """alone: the descriptors of the daemon when nobody is connected."""
    before = d.memory()
    with open("/proc/%d/clear_refs" % d.pid, "w", encoding="ascii") as f:
        f.write("5")  # VmHWM counts from here
    # nice, because it is the daemon's turns that count here, and not who gets the processor
    p = subprocess.Popen(["nice", "-n", "19", sys.executable, os.path.abspath(__file__), "--bad", mode, d.path])
    # they are at it when they have their connections
    wait_for(lambda: d.fds() >= alone + min(BAD[mode][0], 4))
    good.wrong = []
    times = good.go(SECONDS * (2 if mode in BUSY else 1))
    p.kill()
    p.wait()
    wait_for(lambda: d.fds() <= alone)
    peak = d.memory("VmHWM") - before
    diag("%s: %s: %s; peak +%d KiB, now +%d" % (d.name, mode, ", ".join(
        "%s %.1f/%.0f ms" % (what, 1000 * median(v), 1000 * max(v)) for what, v in times.items()), peak, d.memory() - before))
    # a line each, some replies, and what one line becomes when it is read
    wrong = good.wrong + judge(times, mode)
    if peak > (PLACES + 32) * 1024 and SLOW == 1:
        wrong.append("it cost %d KiB" % peak)
    tap(wrong, "%s: they %s" % (d.name, mode))


def main():
    d = Daemon(*sys.argv[1:4])
    good = Good(d, Wire(d.v6, sys.argv[4]))
    diag("%s, alone: %s" % (d.name, ", ".join("%s %.1f/%.0f ms" % (what, 1000 * median(v), 1000 * max(v))
                                             for what, v in good.go(1).items())))
    memory, alone = d.memory(), d.fds()
    for mode in list(BAD)[::int(sys.argv[5])]:
        if os.environ.get("CLIENTS_MODE", mode) == mode:
            one(d, good, mode, alone)
    good.timed("status")
    after = d.memory()
    # sanitizers keep what is freed for a while
    tap(["%d KiB before, %d after" % (memory, after)] if after > memory + 16 * 1024 and SLOW == 1 else [],
        "%s: afterwards it needs no more memory than before" % d.name)
    diag("%d KiB before, %d after" % (memory, after))
    sys.exit(plan())


if sys.argv[1] == "--bad":
    bad(*sys.argv[2:])
main()
