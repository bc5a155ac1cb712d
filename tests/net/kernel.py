"""kernel.py: what the daemons' tables should be, worked out from the kernel's own, and compared with them.

Nothing here is the daemons' code: interfaces, addresses and routes come from ip(8), sockets from /proc, and what
follows from them by the rules of CONFORMANCE.md is written down once more. Runs in Dom0's network namespace.
"""
import collections
import ctypes
import functools
import ipaddress
import json
import os
import socket
import subprocess
import time

SLOW = int(os.environ.get("LAB_SLOW", "1"))
# Times are judged as they should be with LAB_TIMES=1, on a machine with nothing else to do; otherwise loosely.
LOOSE = 1 if os.environ.get("LAB_TIMES") else 5
OURS, METRIC, MAIN = "168", 1024, "254"
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def in_namespace(name):
    """From here on, sockets and commands are made there."""
    fd = os.open("/run/netns/" + name, os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns " + name)
    os.close(fd)


def ip(*words):
    out = subprocess.run(["ip", "-N", "-j", *words], check=True, stdout=subprocess.PIPE).stdout
    return json.loads(out) if out.strip() else []


def ip_batch(lines, namespace="dom0", errors=False, family=()):
    """Runs lines of ip(8) there; with `errors`, ones that fail are passed over. family: -4 or -6."""
    subprocess.run(["nsenter", "--net=/run/netns/" + namespace, "ip", *([family] if family else []),
                    *(["-force"] if errors else []), "-batch", "-"], input="\n".join(lines).encode() + b"\n",
                   check=not errors, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL if errors else None)


class Client:
    """A connection to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60 * SLOW)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def send(self, request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")

    def receive(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the connection ended within a reply: %r" % line[:80])
        return json.loads(line)

    def ask(self, command, **words):
        self.send({"command": command, **words})
        return self.receive()

    def close(self):
        self.file.close()
        self.socket.close()


class Daemon:
    """One that runs: what it says, and what the kernel says that it has."""

    def __init__(self, name, pid, path):
        self.name, self.pid, self.path = name, int(pid), path
        self.v6 = name == "ndproxyd"
        self.family, self.ethertype = ("-6", 0x86DD) if self.v6 else ("-4", 0x0806)
        self.bits = 128 if self.v6 else 32

    def data(self, command, **words):
        c = Client(self.path)
        try:
            reply = c.ask(command, **words)
        finally:
            c.close()
        if reply["exit"] != 0:
            raise RuntimeError("%s %s: %s" % (self.name, command, reply))
        return reply.get("data")

    def inodes(self):
        found = set()
        for fd in os.listdir("/proc/%d/fd" % self.pid):
            try:
                target = os.readlink("/proc/%d/fd/%s" % (self.pid, fd))
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
        return found

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def memory(self, key="VmRSS"):
        """In KiB."""
        with open("/proc/%d/status" % self.pid, encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith(key + ":"))

    def cpu(self):
        """In seconds."""
        with open("/proc/%d/stat" % self.pid, encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def lost_events(self):
        """How often an event did not fit into its event socket's buffer."""
        own, drops = self.inodes(), 0
        with open("/proc/%d/net/netlink" % self.pid, encoding="ascii") as f:
            for line in f.readlines()[1:]:
                fields = line.split()
                if fields[9] in own and int(fields[3], 16):
                    drops += int(fields[8])
        return drops

    def listeners(self):
        """(ifindex, running) of each of its packet sockets; ifindex -1: of one that hears nothing any more."""
        own, found = self.inodes(), []
        with open("/proc/%d/net/packet" % self.pid, encoding="ascii") as f:
            for line in f.readlines()[1:]:
                fields = line.split()
                if fields[8] in own:
                    found.append((int(fields[4]), fields[5] == "1"))
        return sorted(found)


def network(text, strict=True):
    return ipaddress.ip_network(text, strict)


def is_ordinary(net):
    return not (net.network_address.is_link_local or net.network_address.is_multicast)


class Kernel:
    """A look at the kernel's tables, of one family."""

    def __init__(self, daemon):
        self.d = daemon
        self.links = {link["ifname"]: link for link in ip("-d", "link", "show")}
        self.addresses = collections.defaultdict(list)
        for link in ip(daemon.family, "addr", "show"):
            for a in link["addr_info"]:
                if "local" in a:
                    self.addresses[link["ifname"]].append(a)
        self.routes = []
        for r in ip("-d", daemon.family, "route", "show", "table", "all"):
            dst = r["dst"]
            if dst == "default":
                dst = "::/0" if daemon.v6 else "0.0.0.0/0"
            r["net"] = network(dst)
            r["table"] = r.get("table", MAIN)
            r["metric"] = r.get("metric", 0)
            self.routes.append(r)
        self.ours = [r for r in self.routes if r["protocol"] == OURS]
        self.foreign = collections.defaultdict(list)
        for r in self.routes:
            if r["protocol"] != OURS and r["table"] == MAIN and not r.get("from") and not r.get("tos"):
                self.foreign[r["net"]].append(r)

    def up(self, name):
        return name in self.links and "UP" in self.links[name]["flags"]

    def running(self, name):
        return self.up(name) and "LOWER_UP" in self.links[name]["flags"]

    @functools.cache
    def networks(self, uplink):
        found = set()
        for a in self.addresses[uplink]:
            net = network("%s/%d" % (a.get("address", a["local"]), a["prefixlen"]), False)
            if is_ordinary(net):
                found.add(net)
        for net, routes in self.foreign.items():
            if 0 < net.prefixlen < self.d.bits and is_ordinary(net):
                found.update(net for r in routes if r.get("dev") == uplink and "gateway" not in r and "via" not in r
                             and r.get("type", "unicast") in ("unicast", "1"))
        return found

    @functools.cache
    def gateways(self, uplink):
        found = set()
        for net, routes in self.foreign.items():
            for r in routes if net.prefixlen == 0 else ():
                for hop in r.get("nexthops", [r]):
                    if hop.get("dev") == uplink:
                        found.add(hop.get("gateway") or hop.get("via", {}).get("host"))
        found.discard(None)
        return {ipaddress.ip_address(a) for a in found}

    def source(self, uplink, net):
        """K07: the uplink's address of the guest's network, of equals the lowest."""
        best = None
        for a in self.addresses[uplink]:
            own = ipaddress.ip_address(a["local"])
            of = network("%s/%d" % (a.get("address", a["local"]), a["prefixlen"]), False)
            if own.is_link_local or a.get("tentative") or a.get("dadfailed"):
                continue
            rank = (-(4 * (net.network_address in of) + 2 * (not a.get("deprecated"))
                      + (not (a.get("secondary") or a.get("temporary")))), own)
            best = min(best, rank) if best else rank
        return str(best[1]) if best else None

    def in_the_way(self, net, vif):
        """K09: None, "elsewhere", or "same": as good as ours. Of several the best counts."""
        verdict, best = None, min((r["metric"] for r in self.foreign[net]), default=METRIC + 1)
        for r in self.foreign[net]:
            if r["metric"] > min(best, METRIC):
                continue
            if r.get("dev") != vif or "nexthops" in r or r.get("type", "unicast") not in ("unicast", "1"):
                return "elsewhere"
            verdict = "same"
        return verdict

    @functools.cached_property
    def own(self):
        return {a["local"] for addresses in self.addresses.values() for a in addresses}

    def is_hosts(self, address):
        return address in self.own


def reason_of(k, net, vif, uplink):
    """Why a question for it on the uplink has no answer; None: it has."""
    if net.prefixlen == k.d.bits and k.is_hosts(str(net.network_address)):
        return "N10"
    if any(g in net for g in k.gateways(uplink)):
        return "N10"
    if not k.running(vif):
        return "K04"
    if k.in_the_way(net, vif) == "elsewhere":
        return "K09"
    if not k.running(uplink):
        return "K11"
    return None


def expected_routes(k, guests, uplink):
    """Those that must be there, and those that may: beside one that is as good, ours need not be, and may stay."""
    must, may = set(), set()
    for net, vif in guests.items():
        verdict = k.in_the_way(net, vif)
        if not k.up(vif) or verdict == "elsewhere" or reason_of(k, net, vif, uplink) == "N10":
            continue
        (may if verdict else must).add((str(net), MAIN, METRIC, vif, k.source(uplink, net)))
    return must, may


class Difference(list):
    def same(self, what, is_, should):
        if is_ != should:
            self.append("%s is %s, not %s" % (what, is_, should))

    def sets(self, what, is_, should):
        for extra in sorted(is_ - should, key=str)[:5]:
            self.append("%s: %s should not be there" % (what, extra))
        for missing in sorted(should - is_, key=str)[:5]:
            self.append("%s: %s is missing" % (what, missing))


def iface_differs(out, k, said):
    name = said["name"]
    link = k.links.get(name)
    out.same(name + ": ifindex", said["ifindex"], link["ifindex"] if link else 0)
    out.same(name + ": mac", said["mac"], link["address"] if link else None)
    out.same(name + ": up", said["up"], k.running(name))


def listeners_differ(out, daemons, k, vifs, uplink):
    wanted = sorted((k.links[name]["ifindex"], k.up(name)) for name in {uplink, *vifs} if name in k.links)
    out.same("%s: its packet sockets" % k.d.name, *(
        ([x for x in a if x not in b] for a, b in ((k.d.listeners(), wanted), (wanted, k.d.listeners())))))
    for name in {uplink, *vifs} & k.links.keys():  # N00
        held = k.links[name].get("allmulti", 0)
        out.same(name + ": memberships of all multicast groups", held, daemons or max(held, 1))


def differences(daemon, guests, uplink, daemons=1):
    """guests: {network: vif}. daemons: that hear the same interfaces; 0: who knows how many. Sentences about all that is not as it should be; none: all is."""
    k, out = Kernel(daemon), Difference()
    status, listed = daemon.data("status"), daemon.data("list")
    (said,) = status["uplinks"]
    iface_differs(out, k, said)
    out.sets("networks", {network(n) for n in said["networks"]}, k.networks(uplink))
    out.sets("gateways", {ipaddress.ip_address(g) for g in said["gateways"]}, k.gateways(uplink))
    out.sets("vifs in status", {v["name"] for v in status["vifs"]}, set(guests.values()))
    for vif in status["vifs"]:
        iface_differs(out, k, vif)
    listeners_differ(out, daemons, k, set(guests.values()), uplink)
    out.sets("list", {(e["address"].split("/")[0], e["vif"], (e["reason"] or "answering").split(":")[0]) for e in listed},
             {(str(net.network_address), vif, reason_of(k, net, vif, uplink) or "answering")
              for net, vif in guests.items()})
    out.same("answering without a reason, or silent with none",
             [e for e in listed if e["answering"] != (e["reason"] is None)], [])
    out.same("host routes that are there twice", len(k.ours), len({json.dumps(r, default=str) for r in k.ours}))
    must, may = expected_routes(k, guests, uplink)
    out.sets("host routes", {(str(r["net"]), r["table"], r["metric"], r.get("dev"), r.get("prefsrc"))
                             for r in k.ours} - may, must)
    return out


def settle(daemon, guests, uplink, daemons=1, limit=10):
    """Waits until nothing differs; what still does at the end."""
    began, last = time.monotonic(), []
    while True:
        looked = time.monotonic()
        try:
            wrong = differences(daemon, guests, uplink, daemons)
        except subprocess.CalledProcessError as e:  # a dump of ip(8)'s that was interrupted
            wrong = [str(e)]
        if not wrong and looked - began > 1:
            diag("%s: settled after %.1f s; before that: %s" % (daemon.name, looked - began, last[:2]))
        if not wrong or looked - began > limit * SLOW:
            return wrong
        last = wrong
        time.sleep(0.05)


# --- TAP ---

number, failed = int(os.environ.get("TAP_FROM", "0")), 0  # lib.sh goes on from where it is


def tap(wrong, title):
    """wrong: sentences; none: it passed."""
    global number, failed
    number += 1
    print("%sok %d - %s" % ("not " if wrong else "", number, title), flush=True)
    for line in wrong:
        diag(line)
    failed += bool(wrong)
    return not wrong


def diag(text):
    print("# " + str(text), flush=True)


def plan():
    print("1..%d" % number)
    return failed > 0
