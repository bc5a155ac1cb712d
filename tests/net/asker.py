#!/usr/bin/python3
"""asker.py: asks for one address every 5 ms, by raw frames of scapy's, while a command runs.

  asker.py [-g SECONDS] TARGET COMMAND...    in the router's namespace; writes SENT ANSWERED LOST as JSON: how many
                                questions were sent while the command ran, how many answers came while it ran, and
                                how many questions of all never had one; then the command's exit status.
                                -g: how long it waits for late answers at the end (10)
"""
import json
import select
import socket
import subprocess
import sys
import time

from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

MAC, INTERVAL = "02:00:00:00:00:01", 0.005


def question(target):
    if ":" in target:
        return bytes(Ether(src=MAC, dst="33:33:ff:00:00:01") / IPv6(src="2800:110:2::1", dst="ff02::1:ff00:1", hlim=255)
                     / ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=MAC))
    return bytes(Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=MAC, psrc="192.0.2.1", pdst=target))


def is_answer(frame, target):
    if ":" in target:
        return frame[12:14] == b"\x86\xdd" and frame[54] == 136 and frame[62:78] == socket.inet_pton(socket.AF_INET6, target)
    return frame[12:14] == b"\x08\x06" and frame[21] == 2 and frame[28:32] == socket.inet_aton(target)


def main():
    grace = 10
    if sys.argv[1] == "-g":
        grace = float(sys.argv[2])
        del sys.argv[1:3]
    target, command = sys.argv[1], sys.argv[2:]
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD if ":" in target else 0x0806))
    s.bind(("eth0", s.getsockname()[1]))
    frame = question(target)
    sent = answered = sent_during = answered_during = 0

    def listen(seconds):
        """Returns how many answers came."""
        n, until = 0, time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            if not select.select([s], [], [], max(0, left))[0]:
                return n
            n += is_answer(s.recv(4096), target)

    def ask(times):
        nonlocal sent, answered
        for _ in range(times):
            s.send(frame)
            sent += 1
            answered += listen(INTERVAL)

    ask(20)
    before = sent, answered
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            ask(1)
        sent_during, answered_during = sent - before[0], answered - before[1]
    ask(20)
    until = time.monotonic() + grace
    while answered < sent and time.monotonic() < until:
        answered += listen(0.05)
    print(json.dumps({"sent": sent_during, "answered": answered_during, "lost": sent - answered,
                      "exit": running.returncode}))


if __name__ == "__main__":
    main()
