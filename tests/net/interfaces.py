"""interfaces.py: the uplink and a vif come and go in every way (22-interfaces.t); see moments.py.

  interfaces.py NDPROXYCTL SOCKET STATE    in the environment, NDPROXYD and ARPPROXYD: their processes; LAB_PART:
                                           "alone", one thing after the other, or "at once"
"""
import os
import subprocess
import time

from moments import LIMIT_MS, PATIENCE, Announced, Answer, Bench, Ear, Route, controls, finish, index_of, says, tap, told_by

UPLINK, OTHER, SPARE, VIF = "02:00:00:00:00:03", "02:00:00:00:00:13", "02:00:00:00:00:33", "fe:ff:ff:ff:ff:ff"
GUEST, GUEST_MAC = ("2800:110:2::34", "192.0.2.34"), "00:16:3e:00:00:01"
MARKER = {"2800:110:2::34": "2800:110:2::36", "192.0.2.34": "192.0.2.36"}
HOST = ("2800:110:2::3", "192.0.2.3")
ROUTER = ("2800:110:2::1", "192.0.2.1")
CTLS = controls()

EARS = (Ear("router"), Ear("switch", "dom0"), Ear("guest1"))

# --- what ip(8) is told ---

UPLINK_ADDRESSES = [
    "dom0: addr replace 2800:110:2::3/64 dev eth0 nodad", "dom0: addr replace 192.0.2.3/24 dev eth0",
    "dom0: route replace default via 2800:110:2::1", "dom0: route replace default via 192.0.2.1"]
UPLINK_UP = ["dom0: link set eth0 up", *UPLINK_ADDRESSES]
UPLINK_MADE = [
    "switch: link add name dom0 type veth peer name eth0 address %s netns dom0" % UPLINK,
    "switch: link set dom0 master br0 up", lambda: EARS[1].open(), *UPLINK_UP]
VIF_MADE = [
    "dom0: link add name vif11.0 address %s type veth peer name eth0 address %s netns guest1" % (VIF, GUEST_MAC),
    "guest1: link set eth0 up", "guest1: addr add 2800:110:2::34/64 dev eth0 nodad",
    "guest1: addr add 192.0.2.34/24 dev eth0", "dom0: link set vif11.0 up"]


def sysctl(*settings):
    return lambda: subprocess.run(["nsenter", "--net=/run/netns/dom0", "sysctl", "-qw", *settings], check=True)


# --- how it should be ---

def answered(mac=UPLINK):
    return [Answer("router", a, mac) for a in GUEST]


def announced(mac=UPLINK):
    return [Announced(a, mac, "router" if mac == SPARE else "switch") for a in GUEST]


def routed(source=HOST):
    return [Route(a, "vif11.0", s) for a, s in zip(GUEST, source)]


def guest_answered(mac=VIF):
    return [Answer("guest1", r, mac, a, GUEST_MAC) for r, a in zip(ROUTER, GUEST)]


def silent():
    return [Answer("router", a, None, marker=MARKER[a]) for a in GUEST]


def unrouted():
    return [Route(a, None) for a in GUEST]


def uplink_right(mac=UPLINK, source=HOST):
    return answered(mac) + announced(mac) + routed(source)


def vif_right(mac=VIF):
    return answered() + announced() + routed() + guest_answered(mac)


# --- one thing after the other ---

def told(b, step, code):
    b.run([step])
    tap([] if b.meets(lambda: all(says(c, code) for c in CTLS)) else ["it does not"], "status says " + code)


def lost_carrier():
    return all(says(c, "uplink-down") for c in CTLS)


def uplink(b):
    b.there_and_back("uplink down", ["dom0: link set eth0 down"], [], UPLINK_UP, uplink_right())
    # the kernel may take a second to tell of a carrier; of one that is back by then it says nothing
    b.there_and_back("uplink without carrier", ["switch: link set dom0 down", lambda: b.meets(lost_carrier)], [],
                     ["switch: link set dom0 up"], uplink_right())
    b.there_and_back("uplink renamed", ["dom0: link set eth0 name away0"], [],
                     ["dom0: link set away0 name eth0"], uplink_right())
    b.there_and_back("uplink deleted", ["dom0: link del eth0"], [], UPLINK_MADE, uplink_right())
    b.there_and_back("uplink deleted and made under the same index", ["dom0: link del eth0"], [],
                     [UPLINK_MADE[0].replace("eth0", "eth0 index 77"), *UPLINK_MADE[1:]], uplink_right())
    b.there_and_back("uplink in another namespace", ["dom0: link set eth0 netns elsewhere"], [],
                     ["elsewhere: link set eth0 netns dom0", *UPLINK_UP], uplink_right())
    b.there_and_back("uplink's MAC changed", ["dom0: link set eth0 address " + OTHER],
                     answered(OTHER) + announced(OTHER), ["dom0: link set eth0 address " + UPLINK],
                     answered() + announced())
    b.there_and_back("uplink a port of a bridge", ["dom0: link set eth0 master br9"], [],
                     ["dom0: link set eth0 nomaster"], uplink_right())
    told(b, "dom0: link set eth0 master br9", "uplink-unfit")
    b.measure(["dom0: link set eth0 nomaster"], uplink_right())
    b.there_and_back("uplink without IPv6", [sysctl("net.ipv6.conf.eth0.disable_ipv6=1")], [],
                     [sysctl("net.ipv6.conf.eth0.disable_ipv6=0"), *UPLINK_ADDRESSES],
                     answered()[:1] + announced()[:1] + routed())
    b.there_and_back("another one renamed to the uplink's name",
                     ["dom0: link set eth0 name away0", "dom0: link set spare0 name eth0"],
                     uplink_right(SPARE, ("2800:110:2::33", "192.0.2.33")),
                     ["dom0: link set eth0 name spare0", "dom0: link set away0 name eth0"], uplink_right())


def vif(b):
    b.there_and_back("vif down", ["dom0: link set vif11.0 down"], silent() + unrouted(),
                     ["dom0: link set vif11.0 up"], vif_right())
    silent_loss = "net.ipv6.route.skip_notify_on_dev_down"
    if os.access("/proc/sys/" + silent_loss.replace(".", "/"), os.W_OK):  # not in a user namespace
        b.run([sysctl(silent_loss + "=1")])
        b.there_and_back("vif down, and the kernel says nothing of its routes", ["dom0: link set vif11.0 down"],
                         silent() + unrouted(), ["dom0: link set vif11.0 up"], vif_right())
        b.run([sysctl(silent_loss + "=0")])
    b.there_and_back("vif without carrier", ["guest1: link set eth0 down"], silent() + routed(),
                     ["guest1: link set eth0 up"], vif_right())
    b.there_and_back("vif renamed", ["dom0: link set vif11.0 name away1"], silent() + unrouted(),
                     ["dom0: link set away1 name vif11.0"], vif_right())
    b.there_and_back("vif deleted", ["dom0: link del vif11.0"], silent() + unrouted(), VIF_MADE, vif_right())
    b.there_and_back("vif in another namespace", ["dom0: link set vif11.0 netns elsewhere"], silent() + unrouted(),
                     ["elsewhere: link set vif11.0 netns dom0", "dom0: link set vif11.0 up"], vif_right())
    b.there_and_back("vif's MAC changed", ["dom0: link set vif11.0 address " + OTHER], guest_answered(OTHER),
                     ["dom0: link set vif11.0 address " + VIF], guest_answered())
    b.there_and_back("vif a port of a bridge", ["dom0: link set vif11.0 master br9"], silent(),
                     ["dom0: link set vif11.0 nomaster"], vif_right())
    told(b, "dom0: link set vif11.0 master br9", "vif-unfit")
    b.measure(["dom0: link set vif11.0 nomaster"], vif_right())
    b.there_and_back("vif without IPv6", [sysctl("net.ipv6.conf.vif11/0.disable_ipv6=1")],
                     silent()[:1] + unrouted()[:1], [sysctl("net.ipv6.conf.vif11/0.disable_ipv6=0")],
                     answered()[:1] + announced()[:1] + routed() + guest_answered())
    b.there_and_back("vif with an MTU too small for IPv6", ["dom0: link set vif11.0 mtu 1200"],
                     silent()[:1] + unrouted()[:1], ["dom0: link set vif11.0 mtu 1500"],
                     answered()[:1] + announced()[:1] + routed() + guest_answered())


# --- what the daemons learn of too late, or never ---

def lost():
    """More events than an event socket has room for, so that those of before are lost as well."""
    lines = "".join("link set lo mtu %d\n" % (40000 + n) for n in range(14000))
    subprocess.run(["ip", "-n", "dom0", "-batch", "-"], input=lines, text=True, check=True)


def at_once(b, title, steps, right, lose=False):
    """All of it happens while the daemons do not look; the time is that from when they do."""
    times = b.measure([b.stop, *steps, *([lost] if lose else []), b.go_on], right)
    b.single(title + (", the events lost" if lose else ", in one batch"), times)


def batches(b):
    away_and_back = ["dom0: link set eth0 netns elsewhere", "elsewhere: link set eth0 netns dom0", *UPLINK_UP]
    vif_away_and_back = ["dom0: link set vif11.0 netns elsewhere", "elsewhere: link set vif11.0 netns dom0",
                         "dom0: link set vif11.0 up"]
    for lose in (False, True):
        before = index_of("eth0"), index_of("vif11.0")
        at_once(b, "uplink in another namespace and back", away_and_back, uplink_right(), lose)
        at_once(b, "vif in another namespace and back", vif_away_and_back, vif_right(), lose)
        after = index_of("eth0"), index_of("vif11.0")
        tap([] if before == after else ["%s, then %s" % (before, after)], "both came back with the same ifindex")
        at_once(b, "uplink deleted and made", ["dom0: link del eth0", *UPLINK_MADE], uplink_right(), lose)
        index = index_of("vif11.0")
        at_once(b, "vif deleted and made with the same ifindex",
                ["dom0: link del vif11.0", VIF_MADE[0].replace("vif11.0", "vif11.0 index %d" % index), *VIF_MADE[1:]],
                vif_right(), lose)
        at_once(b, "vif down and up", ["dom0: link set vif11.0 down", "dom0: link set vif11.0 up"],
                answered() + routed() + guest_answered(), lose)
        at_once(b, "uplink and spare0 swap their names",
                ["dom0: link set eth0 name away0", "dom0: link set spare0 name eth0", "dom0: link set away0 name spare0"],
                uplink_right(SPARE, ("2800:110:2::33", "192.0.2.33")), lose)
        at_once(b, "and once more", ["dom0: link set eth0 name away0", "dom0: link set spare0 name eth0",
                                     "dom0: link set away0 name spare0"], uplink_right(), lose)
    at_once(b, "a vif made and deleted", ["dom0: link add name vif13.0 type veth peer name p13", "dom0: link del vif13.0"],
            answered() + routed())
    tap(["a daemon is deaf"] if any(says(c, "deaf") for c in CTLS) else [], "and nobody misses it")


def flapping(b):
    """A hundred times down and up, two vifs in turn, with syncs in the middle of it."""
    orders = [("vif11.0", "vif12.0"), ("vif12.0", "vif11.0")]

    def once():
        orders.reverse()
        steps = ["dom0: link set %s %s" % (vif, how) for _ in range(100) for vif in orders[0] for how in ("down", "up")]
        return (b.measure(steps, answered() + routed() + guest_answered()),)

    b.repeated(["two vifs go down and up, a hundred times"], once)


def route_is_there(b):
    """The vif has gone down and up before that is read, and somebody has made the route (as a sync would have)."""
    made = ["dom0: route add 2800:110:2::34 dev vif11.0 proto 168 metric 1024",
            "dom0: route add 192.0.2.34 dev vif11.0 proto 168 metric 1024"]
    b.repeated(["a vif down and up, with the route there already"], lambda: (b.measure(
        [b.stop, "dom0: link set vif11.0 down", "dom0: link set vif11.0 up", *made, b.go_on], answered() + routed()),))


def stale_mac(b):
    """What has happened comes first, then what was asked after it: no answer bears the old MAC."""
    asked = answered(OTHER)
    stale = answered(UPLINK)

    def ask():
        for c in asked:
            c.ask(b.ears)

    # all earlier questions are answered, and neither is stopped in the middle of a turn
    b.measure([], [Answer("router", a, UPLINK) for a in MARKER.values()])
    b.meets(b.quiet)
    met, until = [], time.monotonic() + PATIENCE
    b.measure([b.stop, "dom0: link set eth0 address " + OTHER, ask, b.go_on], [])
    while len(met) < len(asked) and time.monotonic() < until:
        met += b.look(asked + stale, 0.02)
    tap(["%s with the old MAC" % c.name for c in met if c in stale] +
        ["no %s" % c.name for c, old in zip(asked, stale) if c not in met and old not in met],
        "a question behind a change of the uplink's MAC is answered with the new one")
    b.measure(["dom0: link set eth0 address " + UPLINK], answered())


VIFS = 100
SILENCE_MS = 3 * LIMIT_MS  # less than the 500 ms of D03


def many(b):
    """Very many guests go at the same time, and then their vifs: nobody else waits for them (D03)."""
    networks = "2800:110:2::7:%x", "198.51.100.%d"
    made = [line % {"n": n} for n in range(VIFS) for line in (
        "dom0: link add name many%(n)d group 7 type veth peer name peer%(n)d",
        "dom0: link set peer%(n)d up", "dom0: link set many%(n)d up")]
    last = [Route(network % (VIFS - 1), "many%d" % (VIFS - 1), source) for network, source in zip(networks, HOST)]
    adds = ["".join("add %s vif many%d\n" % (network % n, n) for n in range(VIFS)) for network in networks]
    dels = "".join("del vif many%d\n" % n for n in range(VIFS))
    vifs_go = [(["ip", "-n", "dom0", "link", "del", "group", "7"], "")]
    guests_go = [([*c, "-b", "-"], dels) for c in CTLS]

    def add():
        for c, lines in zip(CTLS, adds):
            subprocess.run([*c, "-b", "-"], input=lines, text=True, check=True, stdout=subprocess.DEVNULL)

    def once():
        return (b.measure([add, *made], last), b.silences(vifs_go, answered()), b.measure(made, last),
                b.silences(guests_go, answered()), b.measure(["dom0: link del group 7"], answered()))

    b.repeated(["%d vifs made" % VIFS, "all deleted at once: others are answered all the while", "made again",
                "all guests deleted at once: others are answered all the while", "their vifs deleted"], once, SILENCE_MS)


def reused(b):
    """A vif's name is another guest's now: what the earlier one had there has gone with its first `add`."""
    was, now = ("2800:110:2::40", "192.0.2.40"), ("2800:110:2::41", "192.0.2.41")
    make = ["dom0: link add name vif30.0 type veth peer name peer30", "dom0: link set peer30 up",
            "dom0: link set vif30.0 up"]

    def add(guest, addresses):
        return [lambda: [subprocess.run([*c, "add", a, "vif", "vif30.0", "guest", guest], check=True,
                                        stdout=subprocess.DEVNULL) for c, a in zip(CTLS, addresses)]]

    def here(addresses):
        return [Answer("router", a, UPLINK) for a in addresses] + [
            Route(a, "vif30.0", s) for a, s in zip(addresses, HOST)]

    def gone(addresses):
        return [Answer("router", a, None, marker=m) for a, m in zip(addresses, MARKER.values())] + [
            Route(a, None) for a in addresses]

    b.single("a guest on vif30.0", b.measure([*make, *add("was", was)], here(was)))
    b.single("its vif has gone", b.measure(["dom0: link del vif30.0"], gone(was)))
    b.single("a vif of that name: it is back", b.measure(make, here(was)))
    b.run(["dom0: link del vif30.0", *make])
    b.single("another guest is added there: the earlier one has gone", b.measure(add("now", now), here(now) + gone(was)))
    tap([] if all(not told_by(c, "list", "guest", "was") for c in CTLS) else ["list has it"], "and is not listed")
    for c in CTLS:
        subprocess.run([*c, "del", "vif", "vif30.0"], check=True, stdout=subprocess.DEVNULL)
    b.run(["dom0: link del vif30.0"])


# --- at rest ---

def at_rest(b):
    b.rests("at rest")
    b.run(["dom0: link set vif11.0 down"])
    b.rests("at rest, a vif down")
    b.run(["dom0: link set vif11.0 up", "switch: link set dom0 down"])
    b.rests("at rest, the uplink without carrier")
    b.run(["switch: link set dom0 up", "dom0: link set eth0 down"])
    b.rests("at rest, the uplink down")
    b.run(["dom0: link del eth0"])
    b.rests("at rest, the uplink absent")
    b.measure(UPLINK_MADE, uplink_right())
    for name, pid in b.daemons.items():
        limit = len(os.listdir("/proc/%d/fd" % pid)) + 10
        subprocess.run(["prlimit", "--pid", str(pid), "--nofile=%d:" % limit], check=True)
    b.measure(["dom0: link del vif11.0", *VIF_MADE], answered() + routed())
    tap([] if all(says(c, "deaf") for c in CTLS) else ["neither says so"], "both are deaf on the vif")
    b.rests("at rest, deaf")
    for pid in b.daemons.values():
        subprocess.run(["prlimit", "--pid", str(pid), "--nofile=1024:"], check=True)
    wrong = [n for n, t in b.measure([], guest_answered()).items() if t is None]
    tap(wrong, "and not for ever")


def main():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    b = Bench(EARS, {n: int(os.environ[n]) for n in ("NDPROXYD", "ARPPROXYD")})
    b.run(["dom0: link add name br9 type bridge", "dom0: link set br9 up",
           "switch: link add name spare type veth peer name spare0 address %s netns dom0" % SPARE,
           "switch: link set spare master br0 up", "dom0: addr add 2800:110:2::33/64 dev spare0 nodad",
           "dom0: addr add 192.0.2.33/24 dev spare0", "dom0: link set spare0 up"])
    b.single("vif absent at start", b.measure(VIF_MADE, routed((None, None))))
    b.single("uplink absent at start", b.measure(UPLINK_MADE, uplink_right() + guest_answered()))
    parts = {"alone": (uplink, vif, at_rest), "at once": (batches, route_is_there, flapping, stale_mac, reused, many)}
    try:
        for part in parts[os.environ["LAB_PART"]]:
            part(b)
    finally:
        b.go_on()
    finish(b)


main()
