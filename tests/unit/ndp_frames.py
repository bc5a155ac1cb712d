#!/usr/bin/python3
"""Writes tests/unit/ndp_frames.h and the seeds of tests/fuzz/ndp: frames made by scapy, each with
the verdict that CONFORMANCE.md gives it. Run it from the top of the tree after a change."""
import struct

import frames

from scapy.all import (Dot1AD, Dot1Q, Ether, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA,
                       ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, Raw, TCP,
                       in6_chksum, raw)

RTR, HOST = "02:00:00:00:00:01", "02:00:00:00:00:03"
SRC, TGT, GROUP = "2800:110:2::1", "2800:110:2::34", "ff02::1:ff00:34"


def ns(eth=None, ip=None, body=None, opts=None, ext=None):
    e = Ether(src=RTR, dst="33:33:ff:00:00:34")
    for k, v in (eth or {}).items():
        setattr(e, k, v)
    i = IPv6(src=SRC, dst=GROUP, hlim=255)
    for k, v in (ip or {}).items():
        setattr(i, k, v)
    b = ICMPv6ND_NS(tgt=TGT)
    for k, v in (body or {}).items():
        setattr(b, k, v)
    o = ICMPv6NDOptSrcLLAddr(lladdr=RTR) if opts is None else opts
    p = e
    for part in ([i] + (ext or []) + [b] + ([o] if o != "" else [])):
        p = p / part
    return raw(p)


def na(**kw):
    return raw(Ether(src=RTR, dst="33:33:00:00:00:01") / IPv6(src=SRC, dst="ff02::1", hlim=255) /
               ICMPv6ND_NA(tgt=TGT, **kw) / ICMPv6NDOptDstLLAddr(lladdr=RTR))


def icmp(payload, src=SRC, dst=GROUP):
    """An ICMPv6 message of raw bytes, with the right checksum."""
    i = IPv6(src=src, dst=dst, hlim=255, nh=58)
    c = in6_chksum(58, i, payload)
    payload = payload[:2] + struct.pack("!H", c) + payload[4:]
    return raw(Ether(src=RTR, dst="33:33:ff:00:00:34") / i / Raw(payload))


def body(opts=b"", target=None):
    from scapy.all import inet_pton
    import socket
    return b"\x87\0\0\0\0\0\0\0" + inet_pton(socket.AF_INET6, target or TGT) + opts


MAC = bytes.fromhex(RTR.replace(":", ""))
SLLAO = b"\1\1" + MAC
OPT = ICMPv6NDOptSrcLLAddr

CASES = [
    ("n01 valid multicast NS", "ANSWERED", ns()),
    ("n03 unicast NS without SLLAO", "ANSWERED", ns({"dst": HOST}, {"dst": TGT}, opts="")),
    ("n04 multicast in unicast ethernet", "ANSWERED", ns({"dst": HOST})),
    ("n05 to all nodes", "ANSWERED", ns({"dst": "33:33:00:00:00:01"}, {"dst": "ff02::1"})),
    ("n06 multicast NS without SLLAO", "ANSWERED", ns(opts="")),
    ("n07 reserved bits", "ANSWERED", ns(body={"res": 0xffffffff})),
    ("n07 nonce", "ANSWERED", icmp(body(SLLAO + b"\x0e\1" + b"abcdef"))),
    ("n07 earo", "ANSWERED", icmp(body(SLLAO + b"\x21\2" + bytes(14)))),
    ("n07 unknown option", "ANSWERED", icmp(body(b"\xfd\3" + bytes(22) + SLLAO))),
    ("n13 na", "ANSWERED", na(S=0, O=1, R=0)),
    ("h63 ra", "ANSWERED", raw(Ether(src=RTR, dst="33:33:00:00:00:01") /
                               IPv6(src="fe80::1", dst="ff02::1", hlim=255) / ICMPv6ND_RA())),
    ("n14 fragment", "N14", ns(ext=[IPv6ExtHdrFragment(nh=58)])),
    ("n15 hop-by-hop", "ANSWERED", ns(ext=[IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0\0\0")])])),
    ("n15 destination options", "ANSWERED", ns(ext=[IPv6ExtHdrDestOpt()])),
    ("n15 routing", "N15", ns(ext=[IPv6ExtHdrRouting(addresses=[])])),
    ("n15 chain of eight", "ANSWERED", ns(ext=[IPv6ExtHdrDestOpt() for _ in range(8)])),
    ("n15 chain of nine", "N15", ns(ext=[IPv6ExtHdrDestOpt() for _ in range(9)])),
    ("d03 dad", "ANSWERED", ns(ip={"src": "::"}, opts="")),
    ("h01 hop limit 254", "H01", ns(ip={"hlim": 254})),
    ("h01 hop limit 0", "H01", ns(ip={"hlim": 0})),
    ("h02 code 1", "H02", ns(body={"code": 1})),
    ("h03 checksum", "H03", ns(body={"cksum": 0x1234})),
    ("h04 20 bytes", "H04", icmp(body()[:20])),
    ("h04 23 bytes", "H04", icmp(body()[:23])),
    ("h05 option length 0", "H05", icmp(body(b"\1\0" + MAC))),
    ("h05 unknown option length 0", "H05", icmp(body(SLLAO + b"\xfd\0" + bytes(6)))),
    ("h06 option past the end", "H06", icmp(body(b"\1\2" + MAC))),
    ("h06 two bytes", "H06", icmp(body(b"\1\1"))),
    ("h07 sllao of 16 bytes", "H07", icmp(body(b"\1\2" + MAC + bytes(8)))),
    ("h08 trailing byte", "H08", icmp(body(SLLAO + b"\1"))),
    ("h09 multicast target", "H09", ns(body={"tgt": "ff02::1"})),
    ("h10 multicast source", "H10", ns(ip={"src": "ff02::5"})),
    ("h10 loopback source", "H10", ns(ip={"src": "::1"})),
    ("h12 dad with sllao", "H12", ns(ip={"src": "::"})),
    ("h12 dad to all nodes", "H12", ns(ip={"src": "::", "dst": "ff02::1"}, opts="")),
    ("h12 dad to unicast", "H12", ns(ip={"src": "::", "dst": TGT}, opts="")),
    ("h13 sllao multicast", "H13", ns(opts=OPT(lladdr="33:33:00:00:00:01"))),
    ("h13 sllao broadcast", "H13", ns(opts=OPT(lladdr="ff:ff:ff:ff:ff:ff"))),
    ("h13 sllao zero", "H13", ns(opts=OPT(lladdr="00:00:00:00:00:00"))),
    ("h20 payload beyond frame", "H20", ns(ip={"plen": 200})),
    ("h20 payload 0", "H20", ns(ip={"plen": 0})),
    ("h20 cut inside the ip header", "H20", ns()[:30]),
    ("h21 version 4", "H21", ns(ip={"version": 4})),
    ("h24 another vlan", "H24", raw(Ether(src=RTR, dst="33:33:ff:00:00:34") / Dot1Q(vlan=7) /
                                    Raw(ns()[14:]))[:16] + b"\x86\xdd" + ns()[14:]),
    ("h25 priority tag", "ANSWERED", ns()[:12] + b"\x81\0\xe0\0" + ns()[12:]),
    ("h25 padding", "ANSWERED", ns() + bytes(20)),
    ("h26 double tags", "H26", raw(Ether(src=RTR, dst="33:33:ff:00:00:34") / Dot1AD(vlan=5) /
                                   Dot1Q(vlan=6) / Raw(ns()[14:]))),
    ("h27 two sllao, the first counts", "ANSWERED", icmp(body(SLLAO + b"\1\1" + bytes(6)))),
    ("h27 60 options", "ANSWERED", icmp(body(SLLAO + (b"\xfd\1" + bytes(6)) * 59))),
    ("not ours: tcp", "IGNORED", raw(Ether(src=RTR, dst=HOST) / IPv6(src=SRC, dst=TGT) / TCP())),
    ("not ours: 5 bytes", "IGNORED", bytes(5)),
]

if __name__ == "__main__":
    frames.write("ndp", CASES)
