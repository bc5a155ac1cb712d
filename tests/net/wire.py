#!/usr/bin/python3
"""wire.py: frames in, frames out: the numbered rules of the wire, as a table. Driven by 09-wire.t.

How it is done stands in frames.py.

  wire.py NDPROXYCTL SOCKET STATEDIR        writes TAP, with a plan
"""
import collections
import ipaddress
import socket
import struct
import sys

from scapy.layers.inet6 import (
    ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr,
    IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN,
    in6_chksum)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

import frames
from frames import (
    ANNOUNCED, ANSWER, UPLINK, VIF, Port, Wrong, case, ethernet, exchange, mac_bytes, snapshot, tap)

# --- who is who (09-wire.t makes it so) ---

HOST, HOST2, HOST_LL = "2800:110:2::3", "2001:db8:aa::3", "fe80::ff:fe00:3"
ROUTER, ROUTER_LL = "2800:110:2::1", "fe80::ff:fe00:1"
VIF_LL = "fe80::fcff:ffff:feff:ffff"  # the EUI-64 of its MAC, whether the kernel set it or not (N25)
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
MARK = "fe80::aaaa"  # who asks the markers
MARK_TARGET = "2800:110:2::3f"
ONE, TWO, FAR = "2800:110:2::34", "2800:110:2::36", "2001:db8:c::5"
NOBODY = "2800:110:2::e1"


def ip_bytes(text):
    return ipaddress.IPv6Address(text).packed


def ip_text(raw):
    return str(ipaddress.IPv6Address(raw))


def group(target):
    """The solicited-node group of an address, and its MAC."""
    low = ip_bytes(target)[13:]
    return (ip_text(bytes.fromhex("ff0200000000000000000001ff") + low),
            "33:33:ff:" + ":".join("%02x" % b for b in low))


# --- frames ---

def ns(port, target, src, **how):
    """A solicitation. dst, eth_dst, eth_src, hlim, code, lladdr (None: no option), options (bytes), res,
    cksum, plen, version, between (extension headers), tags, cut (bytes of ICMPv6 kept), tail (bytes)."""
    dst, eth_dst = group(target) if not how.get("unicast") else (target, port.peer)
    dst, eth_dst = how.get("dst", dst), how.get("eth_dst", eth_dst)
    lladdr = how.get("lladdr", None if src == "::" else port.mac)
    icmp = bytes(ICMPv6ND_NS(tgt=target, code=how.get("code", 0), res=how.get("res", 0), cksum=0))
    if lladdr:
        icmp += bytes(ICMPv6NDOptSrcLLAddr(lladdr=lladdr))
    icmp += how.get("options", b"")
    how = {k: v for k, v in how.items() if k not in ("dst", "eth_dst")}
    return wrap(port, icmp, src, dst, eth_dst, **how)


def na(port, target, src, dst=ALL_NODES, eth_dst=ALL_NODES_MAC, flags=(0, 0, 1), **how):
    icmp = bytes(ICMPv6ND_NA(tgt=target, R=flags[0], S=flags[1], O=flags[2], cksum=0))
    icmp += bytes(ICMPv6NDOptDstLLAddr(lladdr=how.get("lladdr", port.mac)))
    return wrap(port, icmp, src, dst, eth_dst, **how)


def wrap(port, icmp, src, dst, eth_dst, **how):
    icmp = icmp[:how.get("cut", len(icmp))]
    head = IPv6(src=src, dst=dst, hlim=how.get("hlim", 255), nh=58)
    sum_ = how.get("cksum")
    if sum_ is None:
        sum_ = in6_chksum(58, head, icmp)
    icmp = icmp[:2] + struct.pack("!H", sum_) + icmp[4:]
    between = how.get("between")
    if between:
        chain = between[0]
        for header in between[1:]:
            chain = chain / header
        packet = bytearray(bytes(IPv6(src=src, dst=dst, hlim=how.get("hlim", 255)) / chain / Raw(icmp)))
        fix_last_next_header(packet, len(between))
    else:
        packet = bytearray(bytes(head / Raw(icmp)))
    if "plen" in how:
        packet[4:6] = struct.pack("!H", how["plen"])
    if "version" in how:
        packet[0] = packet[0] & 0x0f | how["version"] << 4
    return ethernet(port, bytes(packet), 0x86dd, eth_dst, **how)


def fix_last_next_header(packet, count):
    """Scapy does not know that what follows the last extension header is ICMPv6."""
    at, next_ = 40, packet[6]
    for _ in range(count - 1):
        length = 8 if next_ == 44 else (packet[at + 1] + 1) * 8
        next_, at = packet[at], at + length
    packet[at] = 58


# --- what must come back ---

Want = collections.namedtuple("Want", "eth_dst src dst target flags")


ETHERTYPE = 0x86dd


def sort(raw):
    if len(raw) < 78 or raw[20] != 58 or raw[54] != 136:
        return None
    if raw[58] & 0x60 == 0x20 and ip_text(raw[38:54]) == ALL_NODES:
        return ANNOUNCED
    return ANSWER


def marker(port):
    return ns(port, port.marker_target, MARK)


def is_marker(raw):
    return ip_text(raw[38:54]) == MARK


def is_kernels(raw):
    return raw[58] & 0x20 != 0  # it sets O


def judge(port, raw, want):
    wrong = Wrong()
    if len(raw) != 86:
        return ["it has %d bytes, not 86" % len(raw)]
    p = Ether(raw)
    wrong.same("Ethernet destination", p.dst, want.eth_dst)
    wrong.same("Ethernet source", p.src, port.peer)
    wrong.same("hop limit", p[IPv6].hlim, 255)
    wrong.same("traffic class and flow label", raw[14:18], b"\x60\0\0\0")
    wrong.same("payload length", p[IPv6].plen, 32)
    wrong.same("source", ip_text(raw[22:38]), want.src)
    wrong.same("destination", ip_text(raw[38:54]), want.dst)
    wrong.same("code", raw[55], 0)
    wrong.same("reserved", (raw[58] & 0x1f, raw[59:62]), (0, b"\0\0\0"))
    wrong.same("flags R S O", tuple(raw[58] >> n & 1 for n in (7, 6, 5)), want.flags)
    wrong.same("target", ip_text(raw[62:78]), want.target)
    wrong.same("TLLAO", raw[78:86], b"\2\1" + mac_bytes(port.peer))
    bare = raw[54:56] + b"\0\0" + raw[58:]
    wrong.same("checksum", "%04x" % struct.unpack("!H", raw[56:58]),
               "%04x" % in6_chksum(58, IPv6(src=ip_text(raw[22:38]), dst=ip_text(raw[38:54]), hlim=255, nh=58), bare))
    return wrong


def plain(port, src, target, our_src, flags=(0, 1, 0)):
    return Want(port.mac, our_src, src, target, flags)


def defended(target, our_src, flags=(0, 0, 0)):
    return Want(ALL_NODES_MAC, our_src, ALL_NODES, target, flags)


def sllao(mac):
    return bytes(ICMPv6NDOptSrcLLAddr(lladdr=mac))


NONCE = bytes((14, 1, 0xde, 0xad, 0xbe, 0xef, 0, 1))
EARO = bytes((33, 2, 0, 0, 0, 1, 0, 60)) + bytes(8)
SEND = bytes((11, 3)) + bytes(22) + bytes((13, 2)) + bytes(14) + bytes((12, 4)) + bytes(30)
UNKNOWN = bytes((200, 2)) + bytes(range(14))
PAD = PadN(optdata=b"\0\0\0\0")


def malformed(port, target, src, our_src):
    """The list H, with a target that would be answered. Everything here holds on both sides."""
    def bad(rule, title, reason=None, **how):
        case(rule, title, port, ns(port, how.pop("target", target), how.pop("src", src), **how),
             reason=reason or rule)

    def good(rule, title, **how):
        who = how.pop("src", src)
        case(rule, title, port, ns(port, target, who, **how), want=plain(port, who, target, our_src, FLAGS[port]))

    for hops in (254, 64, 1, 0):
        bad("H01", "hop limit %d" % hops, hlim=hops)
    for code in (1, 255):
        bad("H02", "code %d" % code, code=code)
    bad("H03", "a wrong checksum", cksum=0xbeef)
    bad("H03", "checksum 0", cksum=0)
    for size in (23, 16, 8):
        bad("H04", "an ICMPv6 message of %d bytes" % size, cut=size)
    bad("H05", "an option of length 0", options=bytes((14, 0, 0, 0, 0, 0, 0, 0)))
    bad("H05", "an SLLAO of length 0", lladdr=None, options=bytes((1, 0)) + mac_bytes(port.mac))
    bad("H06", "an option past the end", options=bytes((200, 5)) + bytes(14))
    bad("H06", "an SLLAO past the end", lladdr=None, options=bytes((1, 255)) + mac_bytes(port.mac))
    bad("H07", "an SLLAO of 16 bytes", lladdr=None, options=bytes((1, 2)) + mac_bytes(port.mac) + bytes(8))
    bad("H08", "a trailing byte", options=b"\0")
    bad("H08", "a trailing byte that is no option", options=b"\1")
    case("H09", "a multicast target", port,
         ns(port, "ff02::1:ff00:34", src, dst=group(target)[0], eth_dst=group(target)[1]), reason="H09")
    bad("H10", "a multicast source", src="ff02::1")
    bad("H10", "the loopback address as source", src="::1")
    bad("H12", "DAD with an SLLAO", src="::", lladdr=port.mac)
    bad("H12", "DAD to all nodes", src="::", dst=ALL_NODES, eth_dst=ALL_NODES_MAC)
    bad("H12", "DAD to the target itself", src="::", unicast=True)
    bad("H13", "a multicast SLLAO", lladdr="33:33:00:00:00:01")
    bad("H13", "a broadcast SLLAO", lladdr="ff:ff:ff:ff:ff:ff")
    bad("H13", "a zero SLLAO", lladdr="00:00:00:00:00:00")
    bad("H14", "the uplink's MAC as SLLAO", lladdr=UPLINK)
    if port.side == "vif":
        bad("H14", "the vif's MAC as SLLAO", lladdr=VIF)
    bad("H20", "a payload length beyond the frame", plen=2000)
    bad("H20", "a payload length beyond the frame by one", plen=33)
    bad("H20", "a payload length of 0", plen=0)
    for version in (4, 5, 7, 0):
        bad("H21", "version %d" % version, version=version)
    bad("H23", "to another host's MAC", eth_dst="02:00:00:00:00:99")
    bad("H23", "a NUD probe to another host's MAC", unicast=True, eth_dst="02:00:00:00:00:99")
    bad("H24", "VLAN 5", tags=(5,))
    bad("H24", "VLAN 4094", tags=(4094,))
    case("H26", "two tags", port, ns(port, target, src, tags=(5, 6)), uncounted=True)
    bad("N14", "an atomic fragment", between=[IPv6ExtHdrFragment(id=7)])
    bad("N14", "a first fragment", between=[IPv6ExtHdrFragment(id=7, m=1)])
    bad("N14", "a fragment behind options", between=[IPv6ExtHdrDestOpt(options=[PAD]), IPv6ExtHdrFragment(id=7)])
    bad("N15", "a routing header", between=[IPv6ExtHdrRouting(type=4, addresses=[target], segleft=0)])
    bad("N15", "a routing header behind options",
        between=[IPv6ExtHdrHopByHop(options=[PAD]), IPv6ExtHdrRouting(addresses=[target], segleft=0)])
    bad("N15", "a chain of 20 extension headers", between=[IPv6ExtHdrDestOpt(options=[PAD]) for _ in range(20)])
    good("N15", "hop-by-hop options", between=[IPv6ExtHdrHopByHop(options=[PAD])])
    good("N15", "destination options", between=[IPv6ExtHdrDestOpt(options=[PAD])])
    good("N15", "both", between=[IPv6ExtHdrHopByHop(options=[PAD]), IPv6ExtHdrDestOpt(options=[PAD])])
    good("N15", "options of 2,048 bytes", between=[IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(250)) for _ in range(5)])])
    good("N07", "reserved bits", res=0x1fffffff)
    good("N07", "a nonce", options=NONCE)
    good("N07", "an EARO", options=EARO)
    good("N07", "options of SEND", options=SEND)
    good("N07", "unknown options", options=UNKNOWN + bytes((253, 1)) + bytes(6))
    good("H15", "an SLLAO that is not the Ethernet source: the answer goes to the Ethernet source (N06)",
         lladdr="02:00:00:00:00:55")
    good("H25", "a priority tag: answered untagged", tags=(0,))
    good("H25", "padding behind the payload", tail=bytes(40))
    good("H25", "padding that is not zero", tail=b"\xff" * 7)
    good("H27", "two SLLAO: the first counts", options=sllao("02:00:00:00:00:66"))
    good("H27", "60 options", options=UNKNOWN[:2] + bytes(14) + (bytes((250, 1)) + bytes(6)) * 59)
    good("N04", "a multicast destination in a unicast frame", eth_dst=port.peer)
    good("N04", "to all nodes", dst=ALL_NODES, eth_dst=ALL_NODES_MAC)
    good("N05", "to another target's group", dst="ff02::1:ff12:3456", eth_dst="33:33:ff:12:34:56")
    good("N06", "a multicast solicitation without SLLAO", lladdr=None)


def nud(port, target, src, our_src):
    for lladdr in (port.mac, None):
        for n in range(3):
            case("N03", "NUD probe %d with%s SLLAO" % (n + 1, "" if lladdr else "out"), port,
                 ns(port, target, src, unicast=True, lladdr=lladdr),
                 want=plain(port, src, target, our_src, FLAGS[port]))


# --- the tables ---

def on_the_uplink(t, g1):
    me, me_ll = "2800:110:2::7", "fe80::7"
    FLAGS[t] = (0, 1, 0)

    case("N01", "a multicast solicitation", t, ns(t, ONE, me), want=plain(t, me, ONE, HOST))
    case("N01", "for another guest", t, ns(t, TWO, me), want=plain(t, me, TWO, HOST))
    case("N01", "for an address of a prefix", t, ns(t, "2800:110:2:0:d::1", me),
         want=plain(t, me, "2800:110:2:0:d::1", HOST))
    case("N02", "a link-local requester", t, ns(t, ONE, me_ll), want=plain(t, me_ll, ONE, HOST_LL))
    case("N02", "a requester of the uplink's other network", t, ns(t, ONE, "2001:db8:aa::7"),
         want=plain(t, "2001:db8:aa::7", ONE, HOST2))
    other = ns(t, ONE, "2001:db8:ffff::1")
    got = exchange(t, [other])
    sources = [ip_text(g[22:38]) for g in got or []]
    tap([] if len(sources) == 1 and sources[0] in (HOST, HOST2) else ["answered from %s" % sources],
        "H19 %s: an off-link requester is answered from a global address (N02)" % t.name)
    snapshot()
    nud(t, ONE, me, HOST)
    malformed(t, ONE, me, HOST)

    case("H16", "the uplink's own MAC as Ethernet source", t, ns(t, ONE, me, eth_src=UPLINK, lladdr=None), reason="H16")
    case("H17", "the source is the target", t, ns(t, ONE, ONE), reason="H17")
    case("H17", "the source is the target, unlisted", t, ns(t, NOBODY, NOBODY), reason="H17")
    case("H18", "the source is the host's own", t, ns(t, ONE, HOST), reason="H18")

    case("N10", "an unlisted target", t, ns(t, NOBODY, me), reason="N10")
    case("N10", "an unlisted target off the network", t, ns(t, "2001:db8:bb::1", me), reason="N10")
    case("N10", "the host's own address: the kernel's", t, ns(t, HOST, me), reason="N10", kernel=1, listed=True)
    case("N10", "a gateway's", t, ns(t, ROUTER, me), reason="N10")
    case("N10", "a link-local target that is nobody's", t, ns(t, "fe80::1234", me_ll), reason="N10")
    case("N10", "DAD for an unlisted address", t, ns(t, NOBODY, "::"), reason="N10")
    case("K04", "a guest whose vif is down", t, ns(t, "2800:110:2::3a", me), reason="K04")
    case("K04", "a guest whose vif is absent", t, ns(t, "2800:110:2::99", me), reason="K04")
    case("K04", "DAD for a guest whose vif is down", t, ns(t, "2800:110:2::3a", "::"), reason="K04")

    case("N12", "a foreign unsolicited advertisement", t, na(t, ONE, ONE), reason="N12")
    case("N12", "a foreign solicited advertisement", t,
         na(t, ONE, ONE, dst=HOST, eth_dst=UPLINK, flags=(0, 1, 1)), reason="N12")
    case("N12", "a solicitation in a guest's name", t, ns(t, TWO, ONE), reason="N12")
    case("N12", "the guest is answered all the same", t, ns(t, ONE, me), want=plain(t, me, ONE, HOST))
    case("N13", "an advertisement of somebody else's", t, na(t, NOBODY, NOBODY), reason="N13")
    case("N13", "what was heard is not proxied", t, ns(t, NOBODY, me), reason="N10")

    # RFC 4862: DAD of strangers, and our guests' own coming back
    case("D03", "a stranger's DAD", t, ns(t, ONE, "::"), want=defended(ONE, HOST))
    case("D03", "with a nonce", t, ns(t, "2800:110:2:0:d::2", "::", options=NONCE),
         want=defended("2800:110:2:0:d::2", HOST))
    mine = bytes((14, 1, 1, 2, 3, 4, 5, 6))
    case("D01", "a guest's own DAD with a nonce", g1, ns(g1, "2800:110:2:0:d::3", "::", options=mine), reason="D01")
    case("D02", "the same coming back", t, ns(t, "2800:110:2:0:d::3", "::", options=mine), reason="D02")
    case("D02", "the same from a MAC of the host", t, ns(t, "2800:110:2:0:d::3", "::", eth_src=UPLINK), reason="H16")
    case("D02", "not with another nonce: a stranger's (D03)", t, ns(t, "2800:110:2:0:d::3", "::", options=NONCE),
         want=defended("2800:110:2:0:d::3", HOST))
    case("D02", "not for another target: a stranger's (D03)", t, ns(t, "2800:110:2:0:d::4", "::", options=mine),
         want=defended("2800:110:2:0:d::4", HOST))


def on_a_vif(g1, g2):
    mine, mine_ll = ONE, "fe80::34"
    FLAGS[g1] = (0, 1, 0)

    def ask(rule, title, target, router=0, src=mine, **how):
        case(rule, title, g1, ns(g1, target, src, **how), want=plain(g1, src, target, VIF_LL, (router, 1, 0)))

    def silent(rule, title, target, reason, src=mine, **how):
        case(rule, title, g1, ns(g1, target, src, **how), reason=reason, kernel=how.get("kernel", 0))

    ask("N20", "an address of the uplink's network", NOBODY)
    ask("N20", "an address of the uplink's other network", "2001:db8:aa::77")
    ask("N20", "from a link-local source", NOBODY, src=mine_ll)
    ask("N20", "another guest's", TWO)
    ask("N22", "another guest's outside those networks", FAR)
    ask("N20", "another guest's whose vif is down", "2800:110:2::3a")
    ask("N08", "the gateway: R set", ROUTER, router=1)
    ask("N20", "a NUD probe of the gateway", ROUTER, router=1, unicast=True)
    ask("N20", "a NUD probe of the gateway without SLLAO", ROUTER, router=1, unicast=True, lladdr=None)
    ask("N23", "the host's address", HOST)
    ask("N23", "a NUD probe of the host's address", HOST, unicast=True)
    ask("N21", "a learned link-local gateway: R set", ROUTER_LL, router=1, src=mine_ll)
    silent("N20", "the guest's own address", mine, "N20", src=mine_ll)
    silent("N20", "an address of the guest's own prefix", "2800:110:2:0:d::9", "N20")
    silent("N21", "a link-local target", "fe80::99", "N21", src=mine_ll)
    silent("N22", "outside the uplink's networks", "2001:db8:bb::1", "N22")
    case("N21", "the vif's own link-local address: the kernel's", g1, ns(g1, VIF_LL, mine_ll), reason="N21", kernel=1)
    nud(g1, NOBODY, mine, VIF_LL)
    malformed(g1, NOBODY, mine, VIF_LL)

    def dad(rule, title, port, target, reason=None, router=0):
        case(rule, title, port, ns(port, target, "::", options=NONCE),
             want=None if reason else defended(target, VIF_LL, (router, 0, 0)), reason=reason)

    for n in range(3):
        dad("D01", "the guest's own, time %d" % (n + 1), g1, mine, "D01")
    dad("D01", "of the guest's own prefix", g1, "2800:110:2:0:d::a", "D01")
    dad("D04", "the host's", g1, HOST)
    dad("D04", "the gateway's", g1, ROUTER, router=1)
    dad("D04", "another guest's", g1, TWO)
    dad("D04", "another guest's outside the networks", g1, FAR)
    dad("D04", "a learned link-local gateway's", g1, ROUTER_LL, router=1)
    dad("D05", "an address that nobody has, with guard", g1, "2800:110:2::e2")
    dad("D05", "a link-local one is not defended", g1, "fe80::77", "N21")
    dad("N22", "outside the uplink's networks", g1, "2001:db8:bb::2", "N22")

    case("H16", "a multicast Ethernet source", g1, ns(g1, NOBODY, mine, eth_src="03:00:00:00:00:01", lladdr=None), reason="H16")
    case("H17", "the source is the target", g1, ns(g1, mine, mine), reason="H17")
    case("H60", "a MAC that is not the guest's", g1, ns(g1, NOBODY, mine, eth_src="02:00:00:00:00:bb", lladdr=None), reason="H60")
    case("H60", "the same in DAD", g1, ns(g1, "2800:110:2::e2", "::", eth_src="02:00:00:00:00:bb"), reason="H60")
    case("H61", "a source that was not given", g1, ns(g1, TWO, "2800:110:2::e5"), reason="H61")
    case("H61", "another guest's address as source (N24)", g1, ns(g1, NOBODY, TWO), reason="H61")
    case("H61", "the host's address as source", g1, ns(g1, NOBODY, HOST), reason="H61")
    case("H61", "the gateway's address as source", g1, ns(g1, NOBODY, ROUTER), reason="H61")
    case("H61", "a gateway's link-local address as source", g1, ns(g1, NOBODY, ROUTER_LL), reason="H61")
    case("H62", "an advertisement for another guest's address", g1, na(g1, TWO, mine), reason="H62")
    case("H62", "an advertisement for the gateway's", g1, na(g1, ROUTER, mine_ll), reason="H62")
    case("H62", "an advertisement for the host's", g1, na(g1, HOST, mine), reason="H62")
    case("H62", "an advertisement for nobody's", g1, na(g1, NOBODY, mine), reason="H62")
    case("N13", "an advertisement for its own", g1, na(g1, mine, mine), reason="N13")
    case("N13", "an advertisement for its link-local one", g1, na(g1, mine_ll, mine_ll), reason="N13")
    ra = bytes(ICMPv6ND_RA(cksum=0))
    case("H63", "a router advertisement", g1, wrap(g1, ra, mine_ll, ALL_NODES, ALL_NODES_MAC), reason="H63")
    case("H64", "the vif's MAC as source", g1, ns(g1, NOBODY, mine, eth_src=VIF, lladdr=None), reason="H64")
    case("H64", "the uplink's MAC as source", g1, ns(g1, NOBODY, mine, eth_src=UPLINK, lladdr=None), reason="H64")
    case("H60", "a guest without a list: its MAC is not checked", g2, ns(g2, NOBODY, TWO, eth_src="02:00:00:00:00:bb", lladdr=None),
         want=Want("02:00:00:00:00:bb", VIF_LL, TWO, NOBODY, (0, 1, 0)))
    case("D04", "the other way round", g2, ns(g2, ONE, "::"), want=defended(ONE, VIF_LL))
    case("N20", "a guest asks for the other", g2, ns(g2, ONE, TWO), want=plain(g2, TWO, ONE, VIF_LL))


def settings(lax, watch, none, bare):
    g = "2800:110:2::37"
    case("N22", "answer = all: outside the networks", lax, ns(lax, "2001:db8:bb::1", g), want=plain(lax, g, "2001:db8:bb::1", VIF_LL))
    case("N20", "answer = all: the guest's own", lax, ns(lax, g, "fe80::37"), reason="N20")
    case("D01", "answer = all: the guest's own DAD", lax, ns(lax, g, "::"), reason="D01")
    case("D05", "guard = false: DAD for nobody's", lax, ns(lax, "2800:110:2::e3", "::"), reason="D05")
    case("D04", "guard = false: DAD for the host's", lax, ns(lax, HOST, "::"), want=defended(HOST, VIF_LL))
    case("H61", "guard = false: a source that was not given", lax, ns(lax, NOBODY, "2800:110:2::e5"),
         want=plain(lax, "2800:110:2::e5", NOBODY, VIF_LL))
    case("H18", "guard = false: the host's address as source", lax, ns(lax, NOBODY, HOST), reason="H18")
    case("H16", "guard = false: the vif's MAC as source", lax, ns(lax, NOBODY, g, eth_src=VIF, lladdr=None), reason="H16")

    g = "2800:110:2::38"
    case("D05", "guard = monitor: DAD for nobody's", watch, ns(watch, "2800:110:2::e3", "::"), reason="D05")
    case("D04", "guard = monitor: DAD for another guest's", watch, ns(watch, ONE, "::"), want=defended(ONE, VIF_LL))
    case("H61", "guard = monitor: a source that was not given: counted, and answered", watch,
         ns(watch, NOBODY, "2800:110:2::e5"), want=plain(watch, "2800:110:2::e5", NOBODY, VIF_LL), reason="H61")

    g = "2800:110:2::39"
    case("N22", "answer = none: on the uplink's network", none, ns(none, NOBODY, g), reason="N22")
    case("N22", "answer = none: another guest's", none, ns(none, ONE, g), reason="N22")
    case("N22", "answer = none: the host's", none, ns(none, HOST, g), reason="N22")
    case("N22", "answer = none: the gateway", none, ns(none, ROUTER, g), want=plain(none, g, ROUTER, VIF_LL, (1, 1, 0)))
    case("N21", "a configured link-local gateway: R set", none, ns(none, "fe80::1", g), want=plain(none, g, "fe80::1", VIF_LL, (1, 1, 0)))
    case("N08", "a configured gateway elsewhere: R set", none, ns(none, "2001:db8:ff::fe", g),
         want=plain(none, g, "2001:db8:ff::fe", VIF_LL, (1, 1, 0)))
    case("D04", "answer = none: DAD for another guest's", none, ns(none, ONE, "::"), want=defended(ONE, VIF_LL))
    case("D05", "answer = none: DAD for nobody's, with guard", none, ns(none, "2800:110:2::e4", "::"),
         want=defended("2800:110:2::e4", VIF_LL))
    case("D05", "a configured link-local gateway's", none, ns(none, "fe80::1", "::"), want=defended("fe80::1", VIF_LL, (1, 0, 0)))
    case("H61", "a configured gateway's link-local address as source", none, ns(none, ROUTER, "fe80::1"), reason="H61")

    g = "2800:110:2::3b"
    case("N25", "a vif without a link-local address: that of its MAC", bare, ns(bare, NOBODY, g), want=plain(bare, g, NOBODY, VIF_LL))
    case("N25", "in DAD as well", bare, ns(bare, ONE, "::"), want=defended(ONE, VIF_LL))


FLAGS = {}


def tables():
    this = sys.modules[__name__]
    tester = Port(this, "tester", "uplink", "eth0", MARK_TARGET)
    g1, g2, lax, watch, none, bare = (
        Port(this, name, "vif", vif, ROUTER) for name, vif in (
            ("raw1", "vif11.0"), ("raw2", "vif12.0"), ("raw3", "vif13.0"),
            ("raw4", "vif14.0"), ("raw5", "vif15.0"), ("raw6", "vif17.0")))
    snapshot()
    on_the_uplink(tester, g1)
    frames.outgoing(tester, socket.AF_INET6, ["2800:110:2::c%d" % n for n in range(5)])
    on_a_vif(g1, g2)
    settings(lax, watch, none, bare)
    new = "2800:110:2::70"
    frames.announcements("N11", tester, new, "vif11.0", 2, 1, lambda raw: ip_text(raw[62:78]) == new,
                         Want(ALL_NODES_MAC, HOST, ALL_NODES, new, (0, 0, 1)))


if __name__ == "__main__":
    sys.exit(frames.run(tables))
