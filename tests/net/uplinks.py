"""uplinks.py: uplinks of several kinds at once, each with a router and a guest of its own (26-uplinks.t); see moments.py.

  uplinks.py NDPROXYCTL SOCKET STATE    in the environment, NDPROXYD and ARPPROXYD: their processes; KINDS: of links
                                        that this kernel has

Uplink N is wanN, its router rN (2001:db8:N::1, 198.18.N.1), its guest gN (::34, .34) behind vifN.0; what is below it
in Dom0 is lowN. The host is ::3, .3.
"""
import fcntl
import os
import struct
import subprocess

from moments import Announced, Answer, Bench, Ear, Route, SLOW, controls, finish, stats_of, tap, told_by

TUNSETIFF, TUNSETLINK, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x400454CD, 0x2, 0x1000
ARPHRD_ETHER, ARPHRD_NONE = 1, 0xFFFE
VIF = "fe:ff:ff:ff:ff:ff"
KINDS = os.environ["KINDS"].split()


class Uplink:
    """wire: what is below; make: the interface itself; cut and mend: the carrier is lost below it, and back."""

    def __init__(self, n, kind, wire, make, cut=(), mend=()):
        self.n, self.kind = n, kind
        self.mac, self.router_mac = "02:00:00:%02x:00:03" % n, "02:00:00:%02x:00:01" % n
        self.guest_mac = "00:16:3e:00:%02x:01" % n
        self.router, self.host, self.guest = (
            ("2001:db8:%d::%s" % (n, x), "198.18.%d.%s" % (n, x)) for x in ("1", "3", "34"))
        words = {"mac": self.mac, "router_mac": self.router_mac, "n": n}
        self.wire, self.make, self.cut, self.mend = ([s % words for s in part] for part in (wire, make, cut, mend))

    def addresses(self, node, iface, addresses):
        return ["%s: addr replace %s/64 dev %s nodad" % (node, addresses[0], iface),
                "%s: addr replace %s/24 dev %s" % (node, addresses[1], iface)]

    def around(self):
        """The router and the guest."""
        r, g, vif = "r%d" % self.n, "g%d" % self.n, "vif%d.0" % self.n
        return (self.wire + ["%s: link set eth0 up" % r, *self.addresses(r, "eth0", self.router),
                             "%s: link add name eth0 address %s type veth peer name %s address %s netns dom0" %
                             (g, self.guest_mac, vif, VIF),
                             "%s: link set eth0 up" % g, *self.addresses(g, "eth0", self.guest),
                             "dom0: link set %s up" % vif])

    def up(self):
        return ["dom0: link set wan%d up" % self.n, *self.addresses("dom0", "wan%d" % self.n, self.host)]

    def answered(self, mac=None):
        return [Answer("r%d" % self.n, a, mac or self.mac, r, self.router_mac) for a, r in zip(self.guest, self.router)]

    def announced(self, mac=None):
        return [Announced(a, mac or self.mac, "r%d" % self.n) for a in self.guest]

    def routed(self):
        return [Route(a, "vif%d.0" % self.n, s) for a, s in zip(self.guest, self.host)]

    def guest_answered(self):
        return [Answer("g%d" % self.n, r, VIF, a, self.guest_mac) for a, r in zip(self.guest, self.router)]

    def right(self):
        return self.answered() + self.routed() + self.guest_answered()

    def ping(self):
        """What of it does not get through."""
        pairs = [("r%d" % self.n, a) for a in self.guest] + [("g%d" % self.n, a) for a in self.router]
        return ["%s does not reach %s" % (node, a) for node, a in pairs if subprocess.run(
            ["nsenter", "--net=/run/netns/" + node, "ping", "-n", "-c1", "-W%d" % (2 * SLOW), a],
            stdout=subprocess.DEVNULL, check=False).returncode]


VETH = "r%(n)d: link add name eth0 address %(router_mac)s type veth peer name low%(n)d netns dom0"
LOW_UP = "dom0: link set low%(n)d up"
ALL = [
    Uplink(1, "macvlan", [VETH, LOW_UP],
           ["dom0: link add name wan%(n)d link low%(n)d address %(mac)s type macvlan mode private"],
           ["r%(n)d: link set eth0 down"],
           ["r%(n)d: link set eth0 up", "r%(n)d: addr replace 2001:db8:%(n)d::1/64 dev eth0 nodad"]),
    Uplink(2, "vxlan", [
        "r%(n)d: link add name under type veth peer name low%(n)d netns dom0", "r%(n)d: addr add 10.9.0.2/24 dev under",
        "r%(n)d: link set under up", "dom0: addr add 10.9.0.1/24 dev low%(n)d", LOW_UP,
        "r%(n)d: link add name eth0 address %(router_mac)s type vxlan id 5 dstport 4789 local 10.9.0.2 remote 10.9.0.1"],
           ["dom0: link add name wan%(n)d address %(mac)s type vxlan id 5 dstport 4789 local 10.9.0.1 remote 10.9.0.2"]),
    Uplink(3, "bridge", [VETH, "dom0: link set low%(n)d address %(mac)s", LOW_UP],
           ["dom0: link add name wan%(n)d type bridge forward_delay 0", "dom0: link set low%(n)d master wan%(n)d"],
           ["dom0: link set low%(n)d down"], ["dom0: link set low%(n)d up"]),
    Uplink(4, "vlan", [
        "r%(n)d: link add name trunk type veth peer name low%(n)d netns dom0", "r%(n)d: link set trunk up", LOW_UP,
        "r%(n)d: link add name eth0 link trunk address %(router_mac)s type vlan id 7"],
           ["dom0: link add name wan%(n)d link low%(n)d address %(mac)s type vlan id 7"],
           ["r%(n)d: link set trunk down"],
           ["r%(n)d: link set trunk up", "r%(n)d: addr replace 2001:db8:%(n)d::1/64 dev eth0 nodad"]),
    Uplink(5, "bond", [
        "r%(n)d: link add name eth0 address %(router_mac)s type bridge forward_delay 0",
        "r%(n)d: link add name a type veth peer name low%(n)da netns dom0",
        "r%(n)d: link add name b type veth peer name low%(n)db netns dom0",
        "r%(n)d: link set a up master eth0", "r%(n)d: link set b up master eth0"],
           ["dom0: link add name wan%(n)d address %(mac)s type bond mode active-backup miimon 10",
            "dom0: link set low%(n)da down", "dom0: link set low%(n)db down",
            "dom0: link set low%(n)da master wan%(n)d", "dom0: link set low%(n)db master wan%(n)d"],
           ["r%(n)d: link set a down", "r%(n)d: link set b down"],
           ["r%(n)d: link set a up", "r%(n)d: link set b up"]),
]


def come_and_go(b, u, others):
    """The others are answered all the while."""
    going_on = [c for o in others for c in o.right()]
    b.single("%s: made" % u.kind, b.measure([*u.make, *u.up()], u.right() + u.announced() + going_on))
    wrong = u.ping()
    tap(wrong, "%s: router and guest reach each other" % u.kind)
    down = ["dom0: link set wan%d down" % u.n]
    b.there_and_back("%s: down" % u.kind, down, going_on, u.up(), u.right() + u.announced())
    b.there_and_back("%s: deleted" % u.kind, ["dom0: link del wan%d" % u.n], going_on, [*u.make, *u.up()],
                     u.right() + going_on)
    if u.cut:
        b.there_and_back("%s: without carrier" % u.kind, u.cut, going_on, u.mend, u.right())
    tap(u.ping(), "%s: router and guest reach each other after all of this" % u.kind)


def bridge_takes_a_mac(b, u):
    """A bridge has the lowest MAC of its ports, unless it was given one."""
    low = "02:00:00:00:03:00"
    b.there_and_back("bridge: another port, and so another MAC", [
        "dom0: link add name low3x address %s type veth peer name low3y" % low, "dom0: link set low3x master wan3"],
                     u.answered(low) + u.announced(low), ["dom0: link del low3x"], u.answered() + u.announced())


def bond_fails_over(b, u):
    """N11, A07: nobody has moved but the port behind which they all are."""
    b.run(["dom0: link set wan5 type bond active_slave low5a"])
    b.there_and_back("bond: fail-over", ["dom0: link set wan5 type bond active_slave low5b"],
                     u.answered() + u.announced(), ["dom0: link set wan5 type bond active_slave low5a"],
                     u.answered() + u.announced())
    b.there_and_back("bond: fail-over where the active port loses its carrier", ["r5: link set a down"],
                     u.answered() + u.announced(), ["r5: link set a up"], u.answered())


def type_changes(b):
    """A TAP that is no Ethernet for a while: its frames have no header that could be read."""
    title = "an uplink that is not Ethernet for a while"
    try:
        tap9 = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tap9, TUNSETIFF, struct.pack("16sH22x", b"tap9", IFF_TAP | IFF_NO_PI))
    except OSError as e:
        tap([], "%s # SKIP no TAP: %s" % (title, e))
        return

    def unfit():
        return ["uplink \"tap9\" is no" in w["text"] for c in controls() for w in told_by(c, "status")["warnings"]
                if w["code"] == "uplink-unfit"]

    wrong = []
    for kind, want in ((ARPHRD_ETHER, []), (ARPHRD_NONE, [True, True]), (ARPHRD_ETHER, [])):
        b.run(["dom0: link set tap9 down"])
        fcntl.ioctl(tap9, TUNSETLINK, kind)
        b.run(["dom0: link set tap9 up"])
        if not b.meets(lambda want=want: unfit() == want):
            wrong.append("of kind %d: the warnings are %s" % (kind, unfit()))
    os.close(tap9)
    tap(wrong, title)


def main():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    uplinks = [u for u in ALL if u.kind in KINDS]
    ears = [Ear("%s%d" % (side, u.n)) for u in uplinks for side in "rg"]
    b = Bench(ears, {n: int(os.environ[n]) for n in ("NDPROXYD", "ARPPROXYD")})
    for u in uplinks:
        b.run(u.around())
    for ear in ears:
        ear.open()
    for n, u in enumerate(uplinks):
        come_and_go(b, u, uplinks[:n])
    for u in uplinks:
        if u.kind == "bridge":
            bridge_takes_a_mac(b, u)
        if u.kind == "bond":
            bond_fails_over(b, u)
    for u in ALL:
        if u not in uplinks:
            tap([], "%s # SKIP this kernel has none" % u.kind)
    type_changes(b)
    counted = [stats_of(c)["uplink"]["low1"]["answered"] for c in controls()]
    tap([] if counted == [0, 0] else ["it counts %s answers" % counted],
        "what is below an uplink, and is an uplink too, answers for its own guests alone")
    finish(b)


main()
