#!/usr/bin/python3
"""arp_wire.py: wire.py's twin for ARP: the numbered rules of the wire, as a table. Driven by 10-arp-wire.t.

How it is done stands in frames.py.

  arp_wire.py ARPPROXYCTL SOCKET STATEDIR        writes TAP, with a plan
"""
import collections
import ipaddress
import json
import socket
import sys
import time

from scapy.layers.l2 import ARP, Ether

import frames
from frames import (
    ANNOUNCED, ANSWER, SLOW, UPLINK, VIF, Port, Wrong, case, ctl, ethernet, exchange, mac_bytes, snapshot, tap)

# --- who is who (10-arp-wire.t makes it so) ---

HOST, HOST2 = "192.0.2.3", "198.51.100.3"
ROUTER, GATEWAY = "192.0.2.1", "169.254.0.1"
MARK = "169.254.99.99"  # who asks the markers
MARK_TARGET = "192.0.2.63"
ONE, TWO, FAR = "192.0.2.34", "192.0.2.36", "203.0.113.5"
NOBODY, OFF = "192.0.2.225", "203.0.113.77"  # on the uplink's network and on none of its
BROADCAST, ZERO_MAC = "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"
ANY = "0.0.0.0"
REQUEST, REPLY = 1, 2

# --- frames ---


def arp(port, target, src, **how):
    """A packet. op, sha, tha, hrd, pro, hln, pln, eth_dst, eth_src, unicast, cut (bytes kept), tail, tags."""
    packet = bytes(ARP(
        op=how.get("op", REQUEST), hwsrc=how.get("sha", port.mac), psrc=src,
        hwdst=how.get("tha", ZERO_MAC), pdst=target,
        hwtype=how.get("hrd", 1), ptype=how.get("pro", 0x0800), hwlen=6, plen=4))
    packet = packet[:4] + bytes((how.get("hln", 6), how.get("pln", 4))) + packet[6:]
    packet = packet[:how.get("cut", len(packet))]
    eth_dst = how.get("eth_dst", port.peer if how.get("unicast") else BROADCAST)
    return ethernet(port, packet, ETHERTYPE, eth_dst, **{k: v for k, v in how.items() if k in ("eth_src", "tags", "tail")})


def gratuitous(port, address, **how):
    """An announcement, as a request or as a reply."""
    return arp(port, address, address, **how)


def reply(port, address, to, **how):
    return arp(port, to, address, op=REPLY, tha=port.peer, eth_dst=port.peer, **how)


# --- what must come back ---

# tpa None: an announcement
Want = collections.namedtuple("Want", "target tpa eth_dst tha")
ETHERTYPE = 0x0806


def ip_text(raw):
    return str(ipaddress.IPv4Address(raw))


def sort(raw):
    if len(raw) < 42:
        return None
    op = raw[20:22]
    if op == b"\0\2":
        return ANSWER
    return ANNOUNCED if raw[28:32] == raw[38:42] else None  # the rest are Dom0's own questions


def marker(port):
    return arp(port, port.marker_target, MARK)


def is_marker(raw):
    return ip_text(raw[38:42]) == MARK


def is_kernels(raw):
    return len(raw) == 42  # it does not pad; the daemon does


def judge(port, raw, want):
    wrong = Wrong()
    if len(raw) != 60:
        return ["it has %d bytes, not 60" % len(raw)]
    p = Ether(raw)
    a = p[ARP]
    announced = want.tpa is None
    wrong.same("Ethernet destination", p.dst, BROADCAST if announced else want.eth_dst)
    wrong.same("Ethernet source", p.src, port.peer)
    wrong.same("ethertype", p.type, ETHERTYPE)
    wrong.same("hrd pro hln pln", (a.hwtype, a.ptype, a.hwlen, a.plen), (1, 0x0800, 6, 4))
    wrong.same("opcode", a.op, REQUEST if announced else REPLY)
    wrong.same("sha", raw[22:28], mac_bytes(port.peer))
    wrong.same("spa", ip_text(raw[28:32]), want.target)
    wrong.same("tha", raw[32:38], mac_bytes(ZERO_MAC if announced else want.tha))
    wrong.same("tpa", ip_text(raw[38:42]), want.target if announced else want.tpa)
    wrong.same("padding", raw[42:], bytes(18))
    return wrong


def plain(port, src, target, **how):
    return Want(target, src, how.get("eth_src", port.mac), how.get("sha", port.mac))


# --- what holds on both sides ---

def malformed(port, target, src):
    """With a target that would be answered to src."""
    def bad(rule, title, reason=None, **how):
        case(rule, title, port, arp(port, how.pop("target", target), how.pop("src", src), **how), reason=reason or rule)

    def good(rule, title, **how):
        case(rule, title, port, arp(port, target, src, **how), want=plain(port, src, target, **how))

    for hrd in (0, 6, 256, 0xffff):
        bad("H40", "hardware type %d" % hrd, hrd=hrd)
    for pro in (0, 0x0806, 0x86dd, 0x0008):
        bad("H40", "protocol type 0x%04x" % pro, pro=pro)
    for hln in (0, 5, 7, 8, 255):
        bad("H40", "hardware length %d" % hln, hln=hln)
    for pln in (0, 3, 5, 16, 255):
        bad("H40", "protocol length %d" % pln, pln=pln)
    for size in (27, 24, 14, 8, 7, 1, 0):
        bad("H40", "cut after %d bytes" % size, cut=size)
    for op in (0, 3, 4, 8, 9, 256, 0xffff):
        bad("H40", "opcode %d" % op, op=op)
    bad("A10", "the types before the opcode", reason="H40", hrd=6, op=9)
    bad("H42", "sha broadcast", sha=BROADCAST)
    bad("H42", "sha multicast", sha="01:00:5e:00:00:01")
    bad("H42", "sha zero", sha=ZERO_MAC)
    bad("H42", "sha zero in a probe", sha=ZERO_MAC, src=ANY)
    bad("H43", "sha the uplink's MAC", sha=UPLINK)
    if port.side == "vif":
        bad("H43", "sha the vif's MAC", sha=VIF)
    for spa in ("127.0.0.1", "127.255.255.254", "0.0.0.1", "0.255.1.2", "240.0.0.1", "255.255.255.255",
                "224.0.0.1", "239.255.255.255"):
        bad("H44", "spa %s" % spa, src=spa)
    for spa in ("192.0.2.255", "198.51.100.127"):
        bad("H44", "spa %s, a network's broadcast address" % spa, src=spa)
    bad("H44", "a reply of 0.0.0.0", src=ANY, op=REPLY)
    for tpa in ("255.255.255.255", "0.0.0.0", "224.0.0.1", "239.1.2.3", "127.0.0.1", "127.1.2.3"):
        bad("H46", "target %s" % tpa, target=tpa)
    for tpa in ("192.0.2.255", "198.51.100.127"):
        bad("H46", "target %s, a network's broadcast address" % tpa, target=tpa)
        bad("H46", "a probe for %s" % tpa, target=tpa, src=ANY)
    bad("H23", "to another host's MAC", eth_dst="02:00:00:00:00:99")
    bad("H24", "VLAN 5", tags=(5,))
    bad("H24", "VLAN 4094", tags=(4094,))
    case("H26", "two tags", port, arp(port, target, src, tags=(5, 6)), uncounted=True)
    if port.side == "vif":  # the switch drops it
        bad("H16", "a multicast Ethernet source", eth_src="03:00:00:00:00:01")
    good("H15", "sha is not the Ethernet source: the answer goes to the Ethernet source (N06)", sha="02:00:00:00:00:55")
    good("H25", "a priority tag: answered untagged", tags=(0,))
    good("H47", "to a multicast MAC", eth_dst="01:00:5e:00:00:12")
    good("H47", "to another multicast MAC", eth_dst="33:33:00:00:00:01")
    good("H48", "a nonzero tha", tha="02:00:00:00:00:99")
    good("H48", "a tha of ones", tha=BROADCAST)
    good("H48", "padding", tail=bytes(18))
    good("H48", "padding that is not zero: the answer's is (A11)", tail=b"\xff" * 18)
    good("H48", "1,400 bytes behind it", tail=b"\xa5" * 1400)
    for n in range(3):
        good("N03", "a unicast request, time %d" % (n + 1), unicast=True, tha=port.peer)


# --- the tables ---

def on_the_uplink(t):
    me = "192.0.2.7"

    def ask(rule, title, target, src=me, **how):
        case(rule, title, t, arp(t, target, src, **how), want=plain(t, src, target, **how))

    def silent(rule, title, target, reason, src=me, kernel=0, **how):
        case(rule, title, t, arp(t, target, src, **how), reason=reason, kernel=kernel, listed=kernel > 0)

    def told(rule, title, frame, reason):
        case(rule, title, t, frame, reason=reason)

    ask("A01", "a request", ONE)
    ask("A01", "for another guest", TWO)
    ask("A01", "for a guest's address outside the uplink's networks", FAR)
    ask("A01", "for an address of a guest's prefix", "203.0.113.130")
    ask("A01", "from the uplink's other network", ONE, src="198.51.100.7")
    ask("H19", "from a network that is not the uplink's", ONE, src="203.0.113.200")
    ask("A01", "from the router's address", ONE, src=ROUTER)
    ask("A02", "a probe: tpa 0.0.0.0", ONE, src=ANY)
    ask("A02", "a probe for an address of a guest's prefix", "203.0.113.131", src=ANY)
    ask("A02", "a unicast probe", TWO, src=ANY, unicast=True)
    for n in range(3):
        ask("A02", "a probe, time %d" % (n + 1), TWO, src=ANY)
    malformed(t, ONE, me)
    silent("H16", "the uplink's own MAC as Ethernet source", ONE, "H16", eth_src=UPLINK)
    silent("H18", "the host's address as source", ONE, "H18", src=HOST)

    silent("N10", "an unlisted target", NOBODY, "N10")
    silent("N10", "an unlisted target off the network", OFF, "N10")
    silent("N10", "a probe for an unlisted target", NOBODY, "N10", src=ANY)
    silent("N10", "the host's own address: the kernel's", HOST, "N10", kernel=1)
    silent("N10", "a gateway's", ROUTER, "N10")
    silent("N10", "a vif's configured gateway", GATEWAY, "N10")
    silent("K04", "a guest whose vif is down", "192.0.2.58", "K04")
    silent("K04", "a guest whose vif is absent", "192.0.2.153", "K04")
    silent("K04", "a probe for a guest whose vif is down", "192.0.2.58", "K04", src=ANY)
    silent("K09", "a guest whose route is in another's way", "192.0.2.59", "K09")

    told("H45", "a foreign reply for a guest's address (A06)", reply(t, ONE, HOST), "H45")
    told("H45", "a foreign announcement of it, as a request (A06)", gratuitous(t, ONE), "H45")
    told("H45", "as a reply (A06)", gratuitous(t, ONE, op=REPLY), "H45")
    told("H45", "as a unicast request (A06)", gratuitous(t, ONE, unicast=True), "H45")
    told("H45", "a request in a guest's name (A06)", arp(t, TWO, ONE), "H45")
    told("H45", "a request in the name of a guest's prefix", arp(t, NOBODY, "203.0.113.130"), "H45")
    told("H45", "in the name of a guest whose vif is down", arp(t, NOBODY, "192.0.2.58"), "H45")
    warnings = [w for w in json.loads(ctl("-j", "status"))["warnings"]
                if w["code"] == "H45" and ONE in w["text"] and t.mac in w["text"]]
    tap([] if warnings else ["no warning names %s and %s" % (ONE, t.mac)],
        "A06 %s: the conflict is shown in status (N12)" % t.name)
    ask("N12", "the guest is answered all the same", ONE)
    told("A05", "an announcement of somebody else's", gratuitous(t, NOBODY), "A05")
    told("A05", "as a reply", gratuitous(t, NOBODY, op=REPLY), "A05")
    told("A05", "as a reply, unicast", gratuitous(t, NOBODY, op=REPLY, unicast=True), "A05")
    told("A05", "the router's", gratuitous(t, ROUTER), "A05")
    told("N13", "a reply of somebody else's", reply(t, NOBODY, HOST), "N13")
    told("N13", "a reply with a broadcast tpa", arp(t, "255.255.255.255", NOBODY, op=REPLY), "N13")
    silent("N13", "what was heard is not proxied", NOBODY, "N10")


def on_a_vif(g1, g2):
    mine = ONE

    def ask(rule, title, target, src=mine, **how):
        case(rule, title, g1, arp(g1, target, src, **how), want=plain(g1, src, target, **how))

    def silent(rule, title, target, reason, src=mine, kernel=0, **how):
        case(rule, title, g1, arp(g1, target, src, **how), reason=reason, kernel=kernel)

    def told(rule, title, frame, reason):
        case(rule, title, g1, frame, reason=reason)

    ask("N20", "an address of the uplink's network", NOBODY)
    ask("N20", "an address of the uplink's other network", "198.51.100.77")
    ask("N20", "from a link-local source", NOBODY, src="169.254.1.2")
    ask("N20", "another guest's", TWO)
    ask("N22", "another guest's outside those networks", FAR)
    ask("N22", "another guest's prefix outside those networks", "203.0.113.140")
    ask("N20", "another guest's whose vif is down", "192.0.2.58")
    ask("N20", "the gateway", ROUTER)
    ask("N20", "a unicast request for the gateway", ROUTER, unicast=True, tha=VIF)
    silent("N20", "the guest's own address", mine, "N20", src="169.254.1.2")
    silent("N20", "another one of its own", "192.0.2.201", "N20")
    silent("A12", "a link-local target that is no gateway", "169.254.7.7", "N21")
    silent("A12", "a gateway that is configured for another vif", GATEWAY, "N21")
    silent("N22", "outside the uplink's networks", OFF, "N22")
    malformed(g1, NOBODY, mine)

    for n in range(3):
        silent("A03", "the guest's own probe, time %d" % (n + 1), mine, "D01", src=ANY)
    silent("A03", "a probe for one of its own prefix", "192.0.2.202", "D01", src=ANY)
    told("A03", "the guest's own announcement", gratuitous(g1, mine), "A05")
    told("A05", "as a reply", gratuitous(g1, mine, op=REPLY), "A05")
    told("A05", "as a unicast reply", gratuitous(g1, mine, op=REPLY, unicast=True), "A05")
    told("A05", "of a link-local address", gratuitous(g1, "169.254.1.2"), "A05")
    told("N13", "the guest's own reply", reply(g1, mine, HOST), "N13")
    ask("A04", "a probe for the gateway", ROUTER, src=ANY)
    ask("A04", "for another guest", TWO, src=ANY)
    ask("A04", "for another guest outside the networks", FAR, src=ANY)
    ask("A04", "for another guest whose vif is down", "192.0.2.58", src=ANY)
    ask("A04", "for an address that nobody has, with guard (D05)", "192.0.2.226", src=ANY)
    ask("A04", "for one outside the networks, with guard", OFF, src=ANY)
    silent("D05", "for a link-local one: not defended", "169.254.7.7", "N21", src=ANY)

    silent("H60", "a MAC that is not the guest's", NOBODY, "H60", eth_src="02:00:00:00:00:bb")
    silent("H60", "the same in a probe", "192.0.2.226", "H60", eth_src="02:00:00:00:00:bb", src=ANY)
    silent("H61", "a source that was not given", TWO, "H61", src="192.0.2.229")
    silent("H61", "another guest's address as source", NOBODY, "H61", src=TWO)
    silent("H61", "the host's address as source", NOBODY, "H61", src=HOST)
    silent("H61", "the gateway's address as source", NOBODY, "H61", src=ROUTER)
    told("H62", "an announcement of another guest's address", gratuitous(g1, TWO), "H62")
    told("H62", "as a reply", gratuitous(g1, TWO, op=REPLY), "H62")
    told("H62", "of the gateway's", gratuitous(g1, ROUTER), "H62")
    told("H62", "of the host's", gratuitous(g1, HOST), "H62")
    told("H62", "of nobody's", gratuitous(g1, NOBODY), "H62")
    silent("H64", "the vif's MAC as Ethernet source", NOBODY, "H64", eth_src=VIF)
    silent("H64", "the uplink's MAC as Ethernet source", NOBODY, "H64", eth_src=UPLINK)
    case("H60", "a guest without a list: its MAC is not checked", g2, arp(g2, NOBODY, TWO, eth_src="02:00:00:00:00:bb"),
         want=plain(g2, TWO, NOBODY, eth_src="02:00:00:00:00:bb"))
    case("A04", "the other way round", g2, arp(g2, ONE, ANY), want=plain(g2, ANY, ONE))
    case("N20", "a guest asks for the other", g2, arp(g2, ONE, TWO), want=plain(g2, TWO, ONE))


def settings(lax, watch, none):
    def on(port):
        def ask(rule, title, target, src, reason=None, **how):
            case(rule, title, port, arp(port, target, src, **how), want=plain(port, src, target, **how), reason=reason)

        def silent(rule, title, target, reason, src, **how):
            case(rule, title, port, arp(port, target, src, **how), reason=reason)
        return ask, silent

    (ask, silent), g = on(lax), "192.0.2.37"
    ask("N22", "answer = all: outside the networks", OFF, g)
    silent("N20", "answer = all: the guest's own", g, "N20", "169.254.1.2")
    silent("A03", "answer = all: the guest's own probe", g, "D01", ANY)
    silent("D05", "guard = false: a probe for nobody's", "192.0.2.227", "D05", ANY)
    silent("D05", "guard = false: a probe for nobody's, off the networks", OFF, "D05", ANY)
    ask("A04", "guard = false: a probe for the gateway", ROUTER, ANY)
    ask("A04", "guard = false: a probe for another guest", ONE, ANY)
    ask("H61", "guard = false: a source that was not given", NOBODY, "192.0.2.229")
    case("H45", "guard = false: another guest's address as source", lax, arp(lax, NOBODY, ONE), reason="H45")
    silent("H18", "guard = false: the host's address as source", NOBODY, "H18", HOST)
    silent("H16", "guard = false: the vif's MAC as Ethernet source", NOBODY, "H16", g, eth_src=VIF)
    case("A05", "guard = false: an announcement of another guest's", lax, gratuitous(lax, ONE), reason="A05")

    (ask, silent), g = on(watch), "192.0.2.38"
    silent("D05", "guard = monitor: a probe for nobody's", "192.0.2.227", "D05", ANY)
    ask("A04", "guard = monitor: a probe for another guest", ONE, ANY)
    ask("H61", "guard = monitor: a source that was not given: counted, and answered", NOBODY, "192.0.2.229", reason="H61")

    (ask, silent), g = on(none), "192.0.2.39"
    silent("N22", "answer = none: on the uplink's network", NOBODY, "N22", g)
    silent("N22", "answer = none: another guest's", ONE, "N22", g)
    ask("N22", "answer = none: the gateway", ROUTER, g)
    ask("A12", "a configured link-local gateway", GATEWAY, g)
    ask("A12", "the same from a link-local source", GATEWAY, "169.254.3.3")
    ask("A12", "a configured gateway elsewhere", "203.0.113.254", g)
    silent("A12", "another link-local address", "169.254.0.2", "N21", g)
    ask("A04", "answer = none: a probe for another guest", ONE, ANY)
    ask("A04", "answer = none: a probe for nobody's, with guard", "192.0.2.228", ANY)
    ask("A04", "a probe for a configured link-local gateway", GATEWAY, ANY)
    ask("A04", "a probe for a configured gateway elsewhere", "203.0.113.254", ANY)
    silent("H61", "a configured gateway's link-local address as source", ROUTER, "H61", GATEWAY)
    case("H62", "an announcement of a configured link-local gateway", none, gratuitous(none, GATEWAY), reason="H62")


def set_arp_ignore(where, value):
    frames.in_namespace("dom0")
    with open("/proc/sys/net/ipv4/conf/%s/arp_ignore" % where, "w", encoding="ascii") as f:
        f.write("%d\n" % value)


def host_on_a_vif(g1, lax, none):
    """A12, N23: exactly one of the kernel and the daemon answers for the host's addresses."""
    def each(says, kernel):
        for rule, title, port, target, src in (
                ("A12", "the host's address", g1, HOST, ONE),
                ("A12", "the host's other address", g1, HOST2, ONE),
                ("A04", "a probe for the host's address", g1, HOST, ANY),
                ("A04", "guard = false: a probe for it", lax, HOST, ANY)):
            case(rule, "%s: %s: %s" % (says, title, "the kernel's" if kernel else "ours"), port, arp(port, target, src),
                 want=None if kernel else plain(port, src, target), reason="N21" if kernel else None, kernel=int(kernel))

    def takes_effect(kernel):
        """The daemon reads the setting again in time; never two are silent, nor do two answer, once it has."""
        until = time.monotonic() + 10 * SLOW
        while time.monotonic() < until:
            answers = [len(exchange(port, [arp(port, HOST, ANY)]) or []) == 1 for port in (g1, lax)]
            by_kernel = [is_kernels((exchange(port, [arp(port, HOST, ANY)]) or [b""])[0]) for port in (g1, lax)]
            if all(answers) and by_kernel == [kernel, kernel]:
                break
        snapshot()

    each("arp_ignore 0", True)
    for value in (1, 2):
        set_arp_ignore("all", value)
        takes_effect(False)
        each("arp_ignore %d on all" % value, False)
    set_arp_ignore("all", 0)
    takes_effect(True)
    each("arp_ignore 0 again", True)
    for vif in (g1.iface, lax.iface, none.iface):
        set_arp_ignore(vif, 1)
    takes_effect(False)
    each("arp_ignore 1 on the vif", False)
    case("N22", "arp_ignore 1: answer = none: the host's", none, arp(none, HOST, "192.0.2.39"), reason="N22")
    case("A04", "arp_ignore 1: answer = none: a probe for the host's", none, arp(none, HOST, ANY), want=plain(none, ANY, HOST))
    for vif in (g1.iface, lax.iface, none.iface):
        set_arp_ignore(vif, 0)
    takes_effect(True)


def tables():
    this = sys.modules[__name__]
    tester = Port(this, "tester", "uplink", "eth0", MARK_TARGET)
    g1, g2, lax, watch, none = (
        Port(this, name, "vif", vif, ROUTER) for name, vif in (
            ("raw1", "vif11.0"), ("raw2", "vif12.0"), ("raw3", "vif13.0"), ("raw4", "vif14.0"), ("raw5", "vif15.0")))
    snapshot()
    on_the_uplink(tester)
    frames.outgoing(tester, socket.AF_INET, ["192.0.2.%d" % n for n in range(180, 185)])
    on_a_vif(g1, g2)
    settings(lax, watch, none)
    host_on_a_vif(g1, lax, none)
    new = "192.0.2.70"
    frames.announcements("A07", tester, new, "vif11.0", 3, 2, lambda raw: ip_text(raw[28:32]) == new,
                         Want(new, None, None, None))


if __name__ == "__main__":
    sys.exit(frames.run(tables))
