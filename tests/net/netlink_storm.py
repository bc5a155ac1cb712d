#!/usr/bin/python3
"""netlink_storm.py: ten thousand events that the daemons do not see, and whether they know the outcome.

  netlink_storm.py ROUNDS EVENTS NAME PID SOCKET [NAME PID SOCKET]     in Dom0's namespace

A round: the daemons are stopped (SIGSTOP), interfaces, addresses and routes change at random until each of their
event sockets has lost some (K05), and they go on. Every second round the changes go on too, while they read
the tables. Then everything they say and have must be what the kernel says (kernel.py), and their listeners must
answer. The seed of each round is printed; STORM_SEED repeats it. See 24-netlink.t for the topology.
"""
import ipaddress
import os
import random
import select
import signal
import socket
import sys
import threading
import time

from kernel import (SLOW, Daemon, diag, differences, in_namespace, ip, ip_batch, Kernel, plan, reason_of, settle, tap)
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

VIFS, UPLINK, BATCH = 12, "eth0", 1000
MACS = {UPLINK: ["02:00:00:00:00:03", "02:00:00:00:00:13", "02:00:00:00:00:23"]}
ROUTERS = {True: ["2800:110:2::1", "2800:110:2::9"], False: ["192.0.2.1", "192.0.2.9"]}
HOSTS = {True: ["2800:110:2::3/64", "2800:110:2::4/64", "2001:db8:5::3/64", "2001:db8:6::3/48"],
         False: ["192.0.2.3/24", "192.0.2.4/24", "198.51.100.3/24", "203.0.113.3/25"]}


def vif(i):
    return "vif%d.0" % i


def guests(v6):
    """{network: vif}: two addresses, one of another network, and a prefix each, as 24-netlink.t configures them."""
    found = {}
    for i in range(VIFS):
        for text in (("2800:110:2::1:%x" % i, "2001:db8:5::1:%x" % i, "2001:db8:7:%x::/64" % i) if v6 else
                     ("192.0.2.%d" % (100 + i), "198.51.100.%d" % (100 + i), "10.7.%d.0/24" % i)):
            found[ipaddress.ip_network(text)] = vif(i)
    return found


class Chaos:
    """Random changes. It remembers where an interface is; a change that does not fit is refused by the kernel."""

    def __init__(self, rng):
        self.r = rng
        self.where = {name: "dom0" for name in [UPLINK] + [vif(i) for i in range(VIFS)]}
        self.index = {link["ifname"]: link["ifindex"] for link in ip("link", "show")}
        self.todo = []  # (namespace, line)
        self.events = 0

    def do(self, line, where="dom0"):
        self.todo.append((where, line))

    def flush(self):
        """In order, a run of lines of one namespace at a time."""
        start = 0
        for n in range(1, len(self.todo) + 1):
            if n == len(self.todo) or self.todo[n][0] != self.todo[start][0]:
                ip_batch([line for _, line in self.todo[start:n]], self.todo[start][0], errors=True)
                start = n
        self.events += len(self.todo)
        self.todo = []

    def new_mac(self, name):
        return self.r.choice(MACS.get(name) or ["fe:ff:ff:ff:ff:%02x" % n for n in range(16)])

    def make(self, i):
        """One more of its name, mostly with the index that the last one had."""
        same = " index %d" % self.index[vif(i)] if vif(i) in self.index and self.r.random() < 0.7 else ""
        self.do("link add name %s%s address %s type veth peer name p%d netns guests"
                % (vif(i), same, self.new_mac(vif(i)), i))
        self.do("link set p%d up" % i, "guests")
        self.do("link set %s up" % vif(i))
        self.where[vif(i)] = "dom0"

    def recreate(self, i):
        self.do("link del p%d" % i, "guests")  # both ends, wherever the other is
        if self.r.random() < 0.9:
            self.make(i)
        else:
            self.where[vif(i)] = None

    def move(self, name):
        """Away or, with the same index, back."""
        if self.where[name] == "dom0":
            self.do("link set %s netns limbo" % name)
            self.where[name] = "limbo"
        if self.where[name] == "limbo" and self.r.random() < 0.8:
            self.do("link set %s netns dom0" % name, "limbo")
            self.do("link set %s up" % name)
            self.where[name] = "dom0"

    def rename(self, name):
        other = self.r.choice(["x1", "x2", vif(self.r.randrange(VIFS))])
        self.do("link set %s down" % name)
        self.do("link set %s name %s" % (name, other))
        if self.r.random() < 0.8:
            self.do("link set %s name %s" % (other, name))
            self.do("link set %s up" % name)
        self.do("link set %s up" % other)

    def back(self, name):
        """From under the other names."""
        for other in ("x1", "x2"):
            self.do("link set %s down" % other)
            self.do("link set %s name %s" % (other, name))
            self.do("link set %s up" % name)

    def address(self):
        v6 = self.r.random() < 0.5
        dev = UPLINK if self.r.random() < 0.8 else vif(self.r.randrange(VIFS))
        self.do("addr %s %s dev %s" % (self.r.choice(["add", "add", "del"]), self.r.choice(HOSTS[v6]), dev))

    def default(self):
        v6 = self.r.random() < 0.5
        a, b = ROUTERS[v6]
        to = self.r.choice(["via %s dev %s" % (a, UPLINK), "via %s dev %s" % (b, UPLINK),
                            "nexthop via %s dev %s nexthop via %s dev %s" % (a, UPLINK, b, UPLINK)])
        self.do("route %s default %s metric %d" % (self.r.choice(["add", "replace", "del"]), to,
                                                      self.r.choice([50, 1024])))

    def foreign(self):
        """K09: somebody else's route to a guest's address, and an end to ours."""
        v6 = self.r.random() < 0.5
        net = self.r.choice(sorted(guests(v6), key=str))
        to = self.r.choice(["dev " + vif(self.r.randrange(VIFS)), "dev " + vif(self.r.randrange(VIFS)),
                            "dev " + guests(v6)[net]])
        how = self.r.choice(["add", "replace", "del", "del"])
        proto, metric = ("168", 1024) if how == "del" and self.r.random() < 0.3 else ("static",
                                                                                self.r.choice([77, 1024, 2000]))
        if proto == "168":
            to = ""
        self.do("route %s %s %s metric %d proto %s" % (how, net, to, metric, proto))

    def one(self):
        i = self.r.randrange(VIFS)
        name = vif(i) if self.r.random() < 0.85 else UPLINK
        what = self.r.random()
        if what < 0.60:
            self.do("link set %s address %s" % (name, self.new_mac(name)))
        elif what < 0.75:
            self.do("link set %s %s" % (name, self.r.choice(["up", "down"])))
        elif what < 0.79:
            self.do("link set p%d %s" % (i, self.r.choice(["up", "down"])), "guests")
        elif what < 0.86:
            self.address()
        elif what < 0.91:
            self.default()
        elif what < 0.98:
            self.foreign()
        elif what < 0.985:
            self.rename(vif(i))
        elif what < 0.990:
            self.back(vif(i))
        elif what < 0.995:
            self.move(name)
        else:
            self.recreate(i)

    def storm(self, events):
        for _ in range(events):
            self.one()
        self.flush()

    def mend(self):
        """Most of it works again, so that there is something to ask for."""
        for i in range(VIFS):
            self.back(vif(i))
            if self.where[vif(i)] != "dom0":
                self.do("link del p%d" % i, "guests")
                self.make(i)
            if self.r.random() < 0.8:
                self.do("link set %s up" % vif(i))
                self.do("link set p%d up" % i, "guests")
        self.do("link set %s netns dom0" % UPLINK, "limbo")
        self.do("link set %s up" % UPLINK)
        self.where[UPLINK] = "dom0"
        for v6 in (True, False):
            self.do("addr add %s dev %s" % (HOSTS[v6][0], UPLINK))
            self.do("route replace default via %s dev %s" % (ROUTERS[v6][0], UPLINK))
        self.flush()


# --- questions ---

class Asker:
    """A raw socket on one interface of a node."""

    def __init__(self, node, dev, v6):
        in_namespace(node)
        self.v6 = v6
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD if v6 else 0x0806))
        self.s.bind((dev, self.s.getsockname()[1]))
        self.mac = ":".join("%02x" % b for b in self.s.getsockname()[4])
        in_namespace("dom0")

    def ask(self, source, target):
        if self.v6:
            frame = (Ether(src=self.mac, dst="33:33:ff:00:00:01") / IPv6(src=source, dst="ff02::1:ff00:1", hlim=255)
                     / ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=self.mac))
        else:
            frame = Ether(src=self.mac, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=self.mac, psrc=source, pdst=target)
        self.s.send(bytes(frame))

    def answers(self, wanted, limit):
        """{target: MAC}, as soon as all that are wanted are there, or the time is over."""
        got, until = {}, time.monotonic() + limit
        while wanted - got.keys():
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.s], [], [], left)[0]:
                break
            frame = Ether(self.s.recv(4096))
            if self.v6 and frame.type == 0x86DD and bytes(frame)[54] == 136 and frame.dst == self.mac:
                got[str(ipaddress.IPv6Address(bytes(frame)[62:78]))] = frame.src
            elif not self.v6 and ARP in frame and frame[ARP].op == 2:
                got[frame[ARP].psrc] = frame.src
        return got


def wire_differs(d):
    """The uplink answers for what is to be answered, and each vif for another guest's address."""
    k, listed, wrong = Kernel(d), guests(d.v6), []
    exact = {str(net.network_address): name for net, name in listed.items() if net.prefixlen == d.bits}
    router = Asker("router", "eth0", d.v6)
    wanted = {a for a in exact if reason_of(k, ipaddress.ip_network(a), exact[a], UPLINK) is None}
    answering = len(wanted)
    for a in exact:
        router.ask(ROUTERS[d.v6][0], a)
    mac = k.links[UPLINK]["address"] if UPLINK in k.links else None
    for a, got in router.answers(wanted, 5 * SLOW).items():
        if a in wanted and got != mac:
            wrong.append("%s: the router was told %s, not %s" % (a, got, mac))
        elif a in exact and a not in wanted:
            wrong.append("%s was answered, and should not be" % a)
        wanted.discard(a)
    wrong += ["%s has no answer on the uplink" % a for a in sorted(wanted)]
    asked = 0
    for i in range(VIFS):
        own = [a for a in exact if exact[a] == vif(i)][0]
        other = [a for a in exact if exact[a] == vif((i + 1) % VIFS)][0]
        if not k.running(vif(i)) or k.is_hosts(own) or k.is_hosts(other):
            continue
        in_namespace("guests")
        guest = Asker("guests", socket.if_indextoname(k.links[vif(i)]["link_index"]), d.v6)
        guest.ask(own, other)
        got = guest.answers({other}, 5 * SLOW).get(other)
        guest.s.close()
        asked += 1
        if got != k.links[vif(i)]["address"]:
            wrong.append("%s: asked for %s it told %s" % (vif(i), other, got))
    router.s.close()
    diag("%s: %d of %d addresses answer on the uplink, %d vifs asked" % (d.name, answering, len(exact), asked))
    return wrong


def one_round(daemons, seed, events, meanwhile):
    chaos = Chaos(random.Random(seed))
    before = {d.name: d.lost_events() for d in daemons}

    def overflown():
        return all(d.lost_events() > before[d.name] for d in daemons)

    for d in daemons:
        os.kill(d.pid, signal.SIGSTOP)
    while chaos.events < events or (not overflown() and chaos.events < 10 * events):
        chaos.storm(BATCH)
    tap([] if overflown() else ["no event was lost in %d" % chaos.events],
        "seed %d: %d changes; the event sockets overflow (/proc/net/netlink)" % (seed, chaos.events))
    began = time.monotonic()
    for d in daemons:
        os.kill(d.pid, signal.SIGCONT)
    if meanwhile:
        ended = threading.Event()

        def go_on():
            while not ended.is_set():
                chaos.storm(50)

        t = threading.Thread(target=go_on)
        t.start()
        time.sleep(1)  # how long it is stormy, not what is waited for
        ended.set()
        t.join()
        began = time.monotonic()
    for d in daemons:
        wrong = settle(d, guests(d.v6), UPLINK, len(daemons))
        tap(wrong, "seed %d: %s's tables, routes and listeners are the kernel's" % (seed, d.name))
        diag("after %.2f s" % (time.monotonic() - began))
    chaos.mend()
    for d in daemons:
        wrong = settle(d, guests(d.v6), UPLINK, len(daemons))
        tap(wrong, "seed %d: %s: so they are when most of it is mended" % (seed, d.name))
        tap(wire_differs(d), "seed %d: %s's listeners answer" % (seed, d.name))


def main():
    rounds, events = int(sys.argv[1]), int(sys.argv[2])
    daemons = [Daemon(*sys.argv[n:n + 3]) for n in range(3, len(sys.argv), 3)]
    first = int(os.environ.get("STORM_SEED") or random.randrange(1000000))
    for d in daemons:
        tap(differences(d, guests(d.v6), UPLINK, len(daemons)), "%s: all is well to begin with" % d.name)
    for n in range(rounds):
        one_round(daemons, first + n, events, n % 2 == 1)
    sys.exit(plan())


main()
