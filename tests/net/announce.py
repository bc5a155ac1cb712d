#!/usr/bin/python3
"""announce.py: what a daemon says on the uplink without being asked, judged by scapy.

  announce.py watch MAC...        in a namespace on the switch: a JSON object a line for each announcement
                                  and each probe from one of the MACs, until killed: "t" (s), "kind" ("announcement" or
                                  "probe"), "target", "mac" (the one told, or of a probe the sender's),
                                  "wrong" (what is not as N11, A07, RFC 4862 5.4.2, RFC 5227 2.1.1 say; of very
                                  many one in ten is judged, and it is null for the others)
  announce.py ask TARGET          asks for TARGET every 5 ms until its stdin ends; writes SENT LOST WORST:
                                  the longest time that an answer took, in ms
"""
import json
import select
import socket
import struct
import sys
import time

from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IPv6, in6_getnsma, in6_getnsmac
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Padding

from asker import is_answer, question

SO_RCVBUFFORCE, SO_TIMESTAMPNS, PACKET_OUTGOING = 33, 35, 4
ZERO, ALL = "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"


class Wrong(list):
    def same(self, what, got, want):
        if got != want:
            self.append("%s is %r, expected %r" % (what, got, want))


def judge_nd(p, wrong):
    """Returns kind, target and MAC, or None."""
    if not p.haslayer(ICMPv6ND_NA) and not p.haslayer(ICMPv6ND_NS):
        return None
    probe = p.haslayer(ICMPv6ND_NS)
    body = p[ICMPv6ND_NS] if probe else p[ICMPv6ND_NA]
    if not probe and body.S or probe and p[IPv6].src != "::":
        return None
    group = socket.inet_ntop(socket.AF_INET6, in6_getnsma(socket.inet_pton(socket.AF_INET6, body.tgt)))
    wrong.same("hop limit", p[IPv6].hlim, 255)
    wrong.same("code", body.code, 0)
    wrong.same("reserved", body.res, 0)
    wrong.same("length", p[IPv6].plen, 24 if probe else 32)
    again = p.copy()
    del again[type(body)].cksum
    wrong.same("checksum", body.cksum, Ether(bytes(again))[type(body)].cksum)
    if probe:
        wrong.same("destination", p[IPv6].dst, group)
        wrong.same("Ethernet destination", p.dst, in6_getnsmac(socket.inet_pton(socket.AF_INET6, group)))
        return "probe", body.tgt, p.src
    wrong.same("destination", p[IPv6].dst, "ff02::1")
    wrong.same("Ethernet destination", p.dst, "33:33:00:00:00:01")
    wrong.same("O", body.O, 1)
    wrong.same("R", body.R, 0)
    if p[IPv6].src in ("::", body.tgt) or p[IPv6].src.startswith("ff"):
        wrong.append("source %s" % p[IPv6].src)
    if not p.haslayer(ICMPv6NDOptDstLLAddr):
        wrong.append("no TLLAO")
        return "announcement", body.tgt, p.src
    wrong.same("TLLAO", p[ICMPv6NDOptDstLLAddr].lladdr, p.src)
    return "announcement", body.tgt, p[ICMPv6NDOptDstLLAddr].lladdr


def judge_arp(p, wrong):
    if not p.haslayer(ARP):
        return None
    a = p[ARP]
    if a.op != 1 or a.psrc not in ("0.0.0.0", a.pdst):
        return None
    wrong.same("Ethernet destination", p.dst, ALL)
    wrong.same("types and lengths", (a.hwtype, a.ptype, a.hwlen, a.plen), (1, 0x0800, 6, 4))
    wrong.same("sha", a.hwsrc, p.src)
    wrong.same("tha", a.hwdst, ZERO)
    wrong.same("padding", bytes(p[Padding]) if p.haslayer(Padding) else b"", bytes(18))
    return "probe" if a.psrc == "0.0.0.0" else "announcement", a.pdst, a.hwsrc


def is_announced(raw):
    """As judge_nd() and judge_arp(), without judging, of what looks like an announcement."""
    mac = raw[6:12].hex(":")
    if len(raw) == 86 and raw[12:14] == b"\x86\xdd" and raw[54] == 136 and not raw[58] & 0x40:
        return "announcement", socket.inet_ntop(socket.AF_INET6, raw[62:78]), mac
    if raw[12:14] == b"\x08\x06" and raw[28:32] == raw[38:42]:
        return "announcement", socket.inet_ntoa(raw[28:32]), mac
    return None


def watch(macs):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    s.bind(("eth0", 3))
    print(json.dumps({"kind": "ready"}), flush=True)
    announced = 0
    while True:
        raw, extra, _, peer = s.recvmsg(2048, 256)
        if peer[2] == PACKET_OUTGOING or raw[6:12] not in macs:
            continue
        heard = is_announced(raw)
        if heard:
            announced += 1
        if not heard or announced % 10 == 0 or announced < 1000:
            p, wrong = Ether(raw), Wrong()
            heard = judge_nd(p, wrong) or judge_arp(p, wrong)
        else:
            wrong = None
        if heard:
            at = struct.unpack("qq", extra[0][2])
            print(json.dumps({"t": at[0] + at[1] / 1e9, "kind": heard[0], "target": heard[1],
                              "mac": heard[2], "wrong": wrong}), flush=True)


def ask(target):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD if ":" in target else 0x0806))
    s.bind(("eth0", s.getsockname()[1]))
    frame, sent, answered, worst = question(target), 0, 0, 0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        began = time.monotonic()
        s.send(frame)
        sent += 1
        until, done = began + 2, False
        while not done and select.select([s], [], [], max(0, until - time.monotonic()))[0]:
            done = is_answer(s.recv(2048), target)
        if done:
            answered += 1
            worst = max(worst, time.monotonic() - began)
        time.sleep(max(0, began + 0.005 - time.monotonic()))
    print(sent, sent - answered, round(worst * 1000, 1), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch({bytes.fromhex(m.replace(':', '')) for m in sys.argv[2:]})
    else:
        ask(sys.argv[2])
