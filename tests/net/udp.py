#!/usr/bin/python3
"""udp.py: UDP to and fro, because ping(8) confirms neighbours (MSG_CONFIRM) and so hides NUD.

  udp.py serve PORT           echoes for ever; writes "ready" once it does
  udp.py ask ADDRESS PORT [MS]   asks every 10 ms, or MS, until its stdin ends, then writes SENT LOST
"""
import select
import socket
import sys
import time


def serve(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port))
    print("ready", flush=True)
    while True:
        data, peer = s.recvfrom(64)
        try:
            s.sendto(data, peer)
        except OSError:
            pass  # no route for a moment: the answer is lost, as it would be on a wire


def ask(address, port, interval):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, port))
    sent = 0
    open_ = set()

    def drain(timeout):
        until = time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            if left <= 0:
                return
            if not select.select([s], [], [], left)[0]:
                return
            try:
                open_.discard(int(s.recv(64)))
            except OSError:
                pass  # an ICMP error: the question stays unanswered, and is counted as lost

    while not select.select([sys.stdin], [], [], 0)[0]:
        sent += 1
        open_.add(sent)
        try:
            s.send(str(sent).encode())
        except OSError:
            pass
        drain(interval)
    for _ in range(100):
        if not open_:
            break
        drain(0.01)
    print(sent, len(open_), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        ask(sys.argv[2], int(sys.argv[3]), float((sys.argv[4:] + ["10"])[0]) / 1000)
