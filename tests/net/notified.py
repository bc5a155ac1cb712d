#!/usr/bin/python3
"""A service manager's ear: notified.py SOCKET LOG. Writes a line "SECONDS.MICROSECONDS TEXT" for each line of
each datagram that is sent to SOCKET (sd_notify(3)), until it is ended."""

import os
import socket
import sys
import time

path, log = sys.argv[1:]
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(path)
os.chmod(path, 0o777)
with open(log, "a", buffering=1) as out:
    while True:
        for line in ear.recv(65536).decode().splitlines():
            out.write("%.6f %s\n" % (time.monotonic(), line))
