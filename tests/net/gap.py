#!/usr/bin/python3
"""gap.py: how long is somebody out of reach? Asks by UDP every millisecond (udp.py serves).

  gap.py ADDRESS PORT     writes "reached" at the first answer, goes on until its stdin ends, then writes
                          SENT LOST GAP: GAP being the longest time between two answers, in ms
"""
import select
import socket
import sys
import time

INTERVAL, GRACE = 0.001, 1


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, port))
    sent = answered = 0
    last, gap = None, 0

    def listen(until):
        nonlocal answered, last, gap
        while select.select([s], [], [], max(0, until - time.monotonic()))[0]:
            try:
                s.recv(64)
            except OSError:
                continue  # an ICMP error: the question stays unanswered
            now = time.monotonic()
            if last is None:
                print("reached", flush=True)
            else:
                gap = max(gap, now - last)
            answered, last = answered + 1, now

    due = time.monotonic()
    while not select.select([sys.stdin], [], [], 0)[0]:
        try:
            s.send(b"%d" % sent)
        except OSError:
            pass
        sent += 1
        due = max(due + INTERVAL, time.monotonic() - INTERVAL)
        listen(due)
    until = time.monotonic() + GRACE
    while answered < sent and time.monotonic() < until:
        listen(min(until, time.monotonic() + 0.01))
    print(sent, sent - answered, round(gap * 1000, 1), flush=True)


main()
