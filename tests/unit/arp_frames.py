#!/usr/bin/python3
"""Writes tests/unit/arp_frames.h and the seeds of tests/fuzz/arp: frames made by scapy, each with
the verdict that CONFORMANCE.md gives it. Run it from the top of the tree after a change."""
import frames
from scapy.all import ARP, Dot1AD, Dot1Q, Ether, IP, Raw, raw

RTR, HOST = "02:00:00:00:00:01", "02:00:00:00:00:03"
SPA, TPA = "192.0.2.1", "192.0.2.34"
ALL = "ff:ff:ff:ff:ff:ff"


def arp(eth=None, **kw):
    fields = {"op": 1, "hwsrc": RTR, "psrc": SPA, "hwdst": "00:00:00:00:00:00", "pdst": TPA,
              "hwlen": 6, "plen": 4}
    fields.update(kw)
    e = {"src": RTR, "dst": ALL}
    e.update(eth or {})
    return raw(Ether(**e) / ARP(**fields))


CASES = [
    ("a01 request", "ANSWERED", arp()),
    ("a01 unicast request", "ANSWERED", arp({"dst": HOST})),
    ("a02 probe", "ANSWERED", arp(psrc="0.0.0.0")),
    ("a05 gratuitous request", "ANSWERED", arp(psrc=TPA)),
    ("a05 gratuitous reply", "ANSWERED", arp(op=2, psrc=TPA)),
    ("reply", "ANSWERED", arp(op=2, hwdst=HOST)),
    ("a10 wrong hardware before wrong opcode", "H40", arp(hwtype=6, op=9)),
    ("h15 sha differs", "ANSWERED", arp(hwsrc="02:00:00:00:00:99")),
    ("h25 priority tag", "ANSWERED", arp()[:12] + b"\x81\0\xe0\0" + arp()[12:]),
    ("h24 another vlan", "H24", arp()[:12] + b"\x81\0\0\7" + arp()[12:]),
    ("h26 double tags", "H26", raw(Ether(src=RTR, dst=ALL) / Dot1AD(vlan=5) / Dot1Q(vlan=6) /
                                   Raw(arp()[14:]))),
    ("h40 hardware type", "H40", arp(hwtype=6)),
    ("h40 protocol type", "H40", arp(ptype=0x86dd)),
    ("h40 hardware length", "H40", arp()[:18] + b"\x08" + arp()[19:]),
    ("h40 protocol length", "H40", arp()[:19] + b"\x10" + arp()[20:]),
    ("h40 truncated", "H40", arp()[:41]),
    ("h40 opcode 0", "H40", arp(op=0)),
    ("h40 opcode 3", "H40", arp(op=3)),
    ("h40 opcode 257", "H40", arp(op=257)),
    ("h42 sha broadcast", "H42", arp(hwsrc=ALL)),
    ("h42 sha multicast", "H42", arp(hwsrc="01:00:5e:00:00:01")),
    ("h42 sha zero", "H42", arp(hwsrc="00:00:00:00:00:00")),
    ("h44 spa loopback", "H44", arp(psrc="127.0.0.1")),
    ("h44 spa this network", "H44", arp(psrc="0.0.0.1")),
    ("h44 spa reserved", "H44", arp(psrc="240.0.0.1")),
    ("h44 spa broadcast", "H44", arp(psrc="255.255.255.255")),
    ("h44 spa multicast", "H44", arp(psrc="224.0.0.1")),
    ("h44 reply from nobody", "H44", arp(op=2, psrc="0.0.0.0")),
    ("h46 target broadcast", "H46", arp(pdst="255.255.255.255")),
    ("h46 target zero", "H46", arp(pdst="0.0.0.0")),
    ("h46 target multicast", "H46", arp(pdst="239.1.2.3")),
    ("h46 target loopback", "H46", arp(pdst="127.0.0.1")),
    ("h47 multicast ethernet", "ANSWERED", arp({"dst": "01:00:5e:00:00:22"})),
    ("h48 tha nonzero", "ANSWERED", arp(hwdst="02:aa:aa:aa:aa:aa")),
    ("h48 trailing bytes", "ANSWERED", arp() + b"\xff" * 200),
    ("not ours: ip", "IGNORED", raw(Ether(src=RTR, dst=HOST) / IP(src=SPA, dst=TPA))),
    ("not ours: 5 bytes", "IGNORED", bytes(5)),
]

if __name__ == "__main__":
    frames.write("arp", CASES)
