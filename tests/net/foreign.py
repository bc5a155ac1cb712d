#!/usr/bin/python3
"""foreign.py: routes of other protocols beside and in the way of ours (K05, K09): what they do to our entries,
and that nothing is ever done to them.

  foreign.py NAME PROGRAM CTL DIRECTORY     in Dom0's namespace; see 24-foreign.t

Each case has an address or prefix of its own, of a guest on vif1.0, and the lines of ip(8) that make its routes
and take them away. The cases are gone through one by one while the daemon runs, and all at once through start,
add, del, reload, a vif down and up, restart, flush, and a stop that takes our routes away. What should be is
worked out by kernel.py; here stands what must not change.
"""
import json
import os
import subprocess
import sys
import time

from kernel import (MAIN, OURS, SLOW, Client, Daemon, differences, ip, ip_batch, network, plan, settle, tap)

UPLINK, VIF, OTHER = "eth0", "vif1.0", "vif2.0"
NAME, PROGRAM, CTL, DIRECTORY = sys.argv[1:]
V6 = NAME == "ndproxyd"
CONF, SOCK, STATE, LOG = (os.path.join(DIRECTORY, NAME + x) for x in (".conf", ".sock", ".d", ".log"))
FAMILY = "-6" if V6 else "-4"


def address(n):
    return ("2800:110:2::a:%x" if V6 else "192.0.2.%d") % (0x40 + n)


def prefix(n):
    return ("2001:db8:7:%x::/64" if V6 else "10.7.%d.0/24") % n


def inside(n):
    return ("2001:db8:7:%x::9" if V6 else "10.7.%d.9") % n


def covering(n):
    return ("2800:110:2::a:%x/127" if V6 else "192.0.2.%d/31") % ((0x40 + n) & ~1)


SOURCE = "2800:110:2::4" if V6 else "192.0.2.4"
GATEWAY = "fe80::7" if V6 else "192.0.2.7"
HOPS = "nexthop via {0} dev %s onlink nexthop via {0} dev %s onlink".format(GATEWAY)
BLOCKED, GOOD, BESIDE = "K09", "as good as ours", "ours is beside it"


def one(what, verdict, to, to_what=address, metric=77):
    """A single route."""
    return (what, verdict, to_what, ["route add {a} metric %d proto static %s" % (metric, to)],
            ["route del {a} metric %d proto static" % metric])


CASES = [
    one("a lower metric, the same vif", GOOD, "dev " + VIF),
    one("an equal metric, the same vif", GOOD, "dev " + VIF, metric=1024),
    one("a higher metric, the same vif", BESIDE, "dev " + VIF, metric=2000),
    one("a lower metric, elsewhere", BLOCKED, "dev " + OTHER),
    one("an equal metric, elsewhere", BLOCKED, "dev " + OTHER, metric=1024),
    one("a higher metric, elsewhere", BESIDE, "dev " + OTHER, metric=2000),
    one("a prefix elsewhere", BLOCKED, "dev " + OTHER, prefix),
    one("a prefix, the same vif", GOOD, "dev " + VIF, prefix, metric=1024),
    one("another table", BESIDE, "dev " + OTHER + " table 100", metric=1024)[:4]
    + (["route del {a} table 100 metric 1024 proto static"],),
    one("a blackhole", BLOCKED, ""),  # the type is put in below
    one("unreachable", BLOCKED, "", metric=1024),
    one("prohibited", BESIDE, "", metric=2000),
    one("a blackhole for a prefix", BLOCKED, "", prefix),
    one("several next hops", BLOCKED, HOPS % (OTHER, "vif3.0")),
    one("several next hops, one of them the vif", BLOCKED, HOPS % (VIF, OTHER)),
    one("several next hops, higher", BESIDE, HOPS % (OTHER, "vif3.0"), metric=2000),
    one("another preferred source, the same vif", GOOD, "dev %s src %s" % (VIF, SOURCE), metric=1024),
    one("with an MTU, elsewhere", BLOCKED, "dev %s mtu 1400" % OTHER),
    one("through a gateway on the uplink", BLOCKED, "via %s dev %s onlink" % (GATEWAY, UPLINK)),
    ("one inside the guest's prefix, elsewhere", BESIDE, prefix, ["route add {i} dev %s proto static metric 77" % OTHER],
     ["route del {i} dev %s proto static" % OTHER]),
    ("one that covers the address, elsewhere", BESIDE, address, ["route add {c} dev %s proto static metric 77" % OTHER],
     ["route del {c} dev %s proto static" % OTHER]),
    ("two: the better one to the vif", GOOD, address, ["route add {a} dev %s metric 50 proto static" % VIF,
                                                     "route add {a} dev %s metric 60 proto static" % OTHER],
     ["route del {a} metric 50 proto static", "route del {a} metric 60 proto static"]),
    ("two: the better one elsewhere", BLOCKED, address, ["route add {a} dev %s metric 50 proto static" % OTHER,
                                                       "route add {a} dev %s metric 60 proto static" % VIF],
     ["route del {a} metric 60 proto static", "route del {a} metric 50 proto static"]),
    ("two of one metric, elsewhere", BLOCKED, address, ["route add {a} dev %s metric 77 proto static" % OTHER,
                                                      "route append {a} dev %s metric 77 proto static" % "vif3.0"],
     ["route del {a} dev %s metric 77" % OTHER, "route del {a} dev %s metric 77" % "vif3.0"]),
    ("two through gateways, which become one of two next hops", BLOCKED, address,
     ["route add {a} via %s dev %s onlink metric 77 proto static" % (GATEWAY, UPLINK),
      "route append {a} via %s dev %s onlink metric 77 proto static" % (GATEWAY, OTHER)],
     ["route del {a} via %s dev %s metric 77 proto static" % (GATEWAY, UPLINK),
      "route del {a} via %s dev %s metric 77 proto static" % (GATEWAY, OTHER)]),
    ("a next hop object, the same vif", GOOD, address,
     ["nexthop add id 1{n} dev %s" % VIF, "route add {a} nhid 1{n} metric 77 proto static"],
     ["route del {a} metric 77 proto static", "nexthop del id 1{n}"]),
    ("a next hop object, elsewhere, that is deleted", BLOCKED, address,
     ["nexthop add id 2{n} dev %s" % OTHER, "route add {a} nhid 2{n} metric 1024 proto static"],
     ["nexthop del id 2{n}"]),
    ("a next hop object that is replaced by one to elsewhere", BLOCKED, address,
     ["nexthop add id 3{n} dev %s" % VIF, "route add {a} nhid 3{n} metric 77 proto static",
      "nexthop replace id 3{n} dev %s" % OTHER], ["nexthop del id 3{n}"]),
    ("a next hop object that is replaced by one to the vif", GOOD, address,
     ["nexthop add id 4{n} dev %s" % OTHER, "route add {a} nhid 4{n} metric 77 proto static",
      "nexthop replace id 4{n} dev %s" % VIF], ["nexthop del id 4{n}"]),
    ("a group of next hop objects, which loses its last", BLOCKED, address,
     ["nexthop add id 5{n} dev %s" % OTHER, "nexthop add id 6{n} dev vif3.0", "nexthop add id 7{n} group 5{n}/6{n}",
      "route add {a} nhid 7{n} metric 77 proto static"],
     ["nexthop del id 5{n}", "nexthop del id 6{n}"]),
    ("a blackhole as a next hop object", BLOCKED, address,
     ["nexthop add id 8{n} blackhole", "route add {a} nhid 8{n} metric 77 proto static"],
     ["nexthop del id 8{n}"]),
    ("one that replaces, elsewhere", BLOCKED, address,
     ["route replace {a} dev %s metric 1024 proto static" % OTHER], ["route del {a} metric 1024 proto static"]),
    ("one that replaces, to the same vif", GOOD, address,
     ["route replace {a} dev %s metric 1024 proto static" % VIF], ["route del {a} metric 1024 proto static"]),
    ("one that is replaced, from elsewhere to the vif", GOOD, address,
     ["route add {a} dev %s metric 77 proto static" % OTHER, "route replace {a} dev %s metric 77 proto bird" % VIF],
     ["route del {a} metric 77 proto bird"]),
    ("several next hops that a single one replaces", GOOD, address,
     ["route add {a} metric 77 proto static " + HOPS % (OTHER, "vif3.0"),
      "route replace {a} dev %s metric 77 proto static" % VIF], ["route del {a} metric 77 proto static"]),
    ("one that several next hops replace", BLOCKED, address,
     ["route add {a} dev %s metric 77 proto static" % VIF,
      "route replace {a} metric 77 proto static " + HOPS % (OTHER, "vif3.0")],
     ["route del {a} metric 77 proto static"]),
    ("through an interface that is deleted", BLOCKED, address,
     ["link add name x{n} up type veth peer name y{n}", "link set y{n} up", "route add {a} dev x{n} metric 77 proto static"],
     ["link del x{n}"]),
    ("through an interface that goes down", BLOCKED, address,
     ["link add name x{n} up type veth peer name y{n}", "link set y{n} up", "route add {a} dev x{n} metric 77 proto static"],
     ["link set x{n} down"]),
    ("one with a preferred source that goes", None if V6 else BLOCKED, address,
     ["addr add 192.0.2.9/32 dev vif3.0", "route add {a} dev %s src 192.0.2.9 metric 77 proto static" % OTHER],
     ["addr del 192.0.2.9/32 dev vif3.0"]),
    ("one for a type of service", None if V6 else BESIDE, address,
     ["route add {a} tos 0x10 dev %s metric 77 proto static" % OTHER], ["route del {a} tos 0x10 metric 77"]),
    ("one for a source", BESIDE if V6 else None, address,
     ["route add {a} from 2001:db8::/32 dev %s metric 77 proto static" % OTHER],
     ["route del {a} from 2001:db8::/32 metric 77"]),
    # ours by their number, whoever made them: gone at once, and ours is left
    ("ours by number, another metric", BESIDE, address, ["route add {a} dev %s metric 5 proto 168" % OTHER], []),
    ("ours by number, another table", BESIDE, address, ["route add {a} dev %s table 100 proto 168" % OTHER], []),
    ("ours by number, several next hops", BESIDE, address,
     ["route add {a} metric 5 proto 168 " + HOPS % (OTHER, "vif3.0")], []),
    ("ours by number, a blackhole", BESIDE, address, ["route add blackhole {a} metric 5 proto 168"], []),
    ("ours by number, a next hop object", BESIDE, address,
     ["nexthop add id 9{n} dev %s" % OTHER, "route add {a} nhid 9{n} metric 5 proto 168"], ["nexthop del id 9{n}"]),
    ("ours by number, that replaces", BESIDE, address, ["route replace {a} dev %s metric 1024 proto 168" % OTHER], []),
]
TYPES = {"a blackhole": "blackhole", "unreachable": "unreachable", "prohibited": "prohibit",
         "a blackhole for a prefix": "blackhole"}


class Case:
    def __init__(self, n, what, verdict, of, make, end):
        self.what, self.verdict = what, verdict
        self.listed = of(n)
        words = {"a": self.listed, "n": n, "i": inside(n), "c": covering(n)}
        self.make, self.end = ([self.line(x.format(**words)) for x in lines] for lines in (make, end))

    def line(self, text):
        if self.what in TYPES and text.startswith("route "):
            verb, rest = text.split(" ", 2)[1:]
            text = "route %s %s %s" % (verb, TYPES[self.what], rest)
        return text


    def clean(self):
        """An interface that went down is not needed any more."""
        if self.end and self.end[0].endswith(" down"):
            ip_batch([self.end[0].replace("set", "del").replace(" down", "")])


ALL = [Case(n, *c) for n, c in enumerate(CASES) if c[1]]
GUESTS = {network(c.listed): VIF for c in ALL}


def batch(lines, errors=False):
    for line in lines:  # a group has no family
        ip_batch([line], errors=errors, family=() if " group " in line else FAMILY)


def foreign_routes():
    """All routes that are not ours by their number, of all tables; but for those of each interface, which the
    kernel changes a moment after it has lost its carrier."""
    return sorted(json.dumps(r, sort_keys=True) for r in ip("-d", FAMILY, "route", "show", "table", "all")
                  if r["protocol"] != OURS and not r["dst"].startswith(("fe80:", "ff00:")))


def changed(before):
    """Sentences on what is not as it was."""
    now = foreign_routes()
    return (["gone: " + r for r in before if r not in now] + ["new: " + r for r in now if r not in before])[:6]


def without_vif(routes):
    return [r for r in routes if '"%s"' % VIF not in r]


class Running:
    """The daemon, as this program starts and stops it."""

    def __init__(self):
        self.process = self.daemon = None

    def conf(self, **top):
        with open(CONF, "w", encoding="ascii") as f:
            f.writelines("%s = %s\n" % line for line in top.items())
            f.write('uplink "%s" { announce = 0 }\n' % UPLINK)

    def start(self):
        with open(LOG, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "-f", "-c", CONF, "-s", SOCK, "-d", STATE], stderr=log)
        until = time.monotonic() + 10 * SLOW
        while True:
            try:
                Client(SOCK).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        self.daemon = Daemon(NAME, self.process.pid, SOCK)

    def stop(self):
        self.process.terminate()
        return self.process.wait(30 * SLOW)

    def settled(self):
        return settle(self.daemon, GUESTS, UPLINK, limit=3)

    def change(self, command, *addresses, **words):
        c = Client(SOCK)
        reply = c.ask(command, addresses=addresses, **words)
        c.close()
        return [] if reply["exit"] == 0 else [str(reply)]

    def add(self, cases):
        return self.change("add", *(x.listed for x in cases), vif=VIF, guest="g")

    def drop(self):
        self.daemon.data("del", guest="g")


def verdict_differs(d, case):
    """kernel.py compares with what it works out; this is what the case itself says."""
    (entry,) = d.data("list", address=case.listed)
    reason = (entry["reason"] or "").split(":")[0]
    warned = [w["text"] for w in d.data("status")["warnings"] if w["code"] == "K09" and w["text"].split()[0] == case.listed]
    ours = [r for r in ip("-d", FAMILY, "route", "show", "exact", case.listed, "table", "all") if r["protocol"] == OURS]
    wrong = []
    if (reason, len(warned)) != (("K09", 1) if case.verdict == BLOCKED else ("", 0)):
        wrong.append("reason %r, %d warnings" % (reason, len(warned)))
    if len(ours) not in {BESIDE: [1], BLOCKED: [0], GOOD: [0, 1]}[case.verdict]:
        wrong.append("ours: %s" % ours)
    return wrong


def gone_through(r, case):
    """The routes are there, then they go."""
    before = foreign_routes()
    wrong = r.settled() + verdict_differs(r.daemon, case) + changed(before)
    if case.end:
        batch(case.end)
    before = foreign_routes()
    wrong += ["after its end: " + x for x in r.settled() + changed(before)]
    case.clean()
    (entry,) = r.daemon.data("list", address=case.listed)
    if not entry["answering"]:
        wrong.append("after its end: " + entry["reason"])
    return wrong


def one_by_one(r):
    for case in ALL:
        GUESTS.pop(network(case.listed))
        wrong = r.change("del", case.listed) + r.settled()
        batch(case.make)
        GUESTS[network(case.listed)] = VIF
        wrong += r.change("add", case.listed, vif=VIF, guest="g")
        wrong += gone_through(r, case)
        tap(wrong, "%s: %s, and then we: %s" % (NAME, case.what, case.verdict))
        if any(line.startswith("route add") and "metric 1024" in line for line in case.make):
            continue  # the kernel refuses it beside ours
        batch(case.make)
        tap(gone_through(r, case), "%s: %s, after us: %s" % (NAME, case.what, case.verdict))


def appended(r):
    """A route that another protocol appends to ours, when both have gateways, becomes with it one route with
    two next hops (IPv6). Taking ours away leaves the other."""
    net = "2001:db8:9::/48" if V6 else "10.9.0.0/16"
    via = ALL[0].listed
    GUESTS[network(net)] = VIF
    c = Client(SOCK)
    wrong = [x for x in [c.ask("add", addresses=[net], vif=VIF, guest="g", via=via)] if x["exit"]]
    wrong += r.settled()
    batch(["route append %s via %s dev %s onlink metric 1024 proto static" % (net, GATEWAY, OTHER)])
    until = time.monotonic() + 10 * SLOW
    while c.ask("list", address=net)["data"][0]["answering"] and time.monotonic() < until:
        time.sleep(0.02)
    left = ip("-d", FAMILY, "route", "show", "exact", net)
    if [(x["protocol"], x.get("gateway"), x.get("dev")) for x in left] != [("4", GATEWAY, OTHER)]:
        wrong.append("left is %s" % left)
    wrong += r.settled()
    batch(["route del %s via %s dev %s metric 1024 proto static" % (net, GATEWAY, OTHER)])
    wrong += ["after its end: " + x for x in r.settled()]
    c.ask("del", addresses=[net])
    c.close()
    del GUESTS[network(net)]
    wrong += r.settled()
    tap(wrong, "%s: one that is appended to ours: ours makes way, and it stays" % NAME)


def all_at_once(r):
    r.drop()
    for case in ALL:
        batch(case.make)
    # those that are ours by number are gone, and do not count
    before = foreign_routes()

    def step(what, wrong=()):
        tap([*wrong, *changed(before)], "%s: %s changes no foreign route" % (NAME, what))

    step("add", r.add(ALL) + r.settled())
    r.drop()
    step("del", [] if not ip("-d", FAMILY, "route", "show", "table", "all", "proto", OURS) else ["ours are left"])
    step("add again", r.add(ALL) + r.settled())
    r.daemon.data("reload")
    step("reload", r.settled())
    step("stop", [] if r.stop() == 0 else ["it did not stop cleanly"])
    for case in ALL:
        if case.what.startswith("ours by number") and "nhid" not in case.make[-1]:
            batch([x for x in case.make if "table" in x or "metric 5" in x])
    r.start()
    step("start", r.settled())
    r.stop()
    subprocess.run([CTL, "-s", SOCK, "-d", STATE, "flush"], check=True, stdout=subprocess.DEVNULL)
    step("flush", [] if not ip("-d", FAMILY, "route", "show", "table", "all", "proto", OURS) else ["ours are left"])
    r.start()
    step("start without routes of ours", r.settled())
    r.conf(**{"keep-routes": "false"})
    r.daemon.data("reload")
    r.stop()
    step("stop with keep-routes off", [] if not ip("-d", FAMILY, "route", "show", "table", "all", "proto", OURS)
         else ["ours are left"])
    r.start()
    step("start again", r.settled())
    # the kernel itself takes the routes through a vif that goes down
    before = without_vif(before)
    batch(["link set %s down" % VIF])
    wrong = r.settled()
    batch(["link set %s up" % VIF])
    wrong += r.settled()
    tap(wrong + [x for x in changed(before) if x.startswith("gone")], "%s: nor does a vif down and up" % NAME)
    for case in ALL:
        batch(case.end, errors=True)
        case.clean()
    tap(r.settled() + ["%s: %s" % (e["address"], e["reason"]) for e in r.daemon.data("list") if not e["answering"]],
        "%s: when they are gone, all is answered" % NAME)


def run(r):
    r.conf()
    r.start()
    batch(["addr add %s/%d dev %s" % (SOURCE, 64 if V6 else 24, UPLINK)])
    tap(r.add(ALL) + r.settled(), "%s: all is well without them" % NAME)
    one_by_one(r)
    appended(r)
    all_at_once(r)
    tap([] if r.stop() == 0 else ["it did not"], "%s stops cleanly" % NAME)


def main():
    r = Running()
    try:
        run(r)
    finally:
        if r.process:
            r.process.kill()
            r.process.wait()
    sys.exit(plan())


main()
