"""moments.py: how soon a daemon is right again after something happened to an interface.

One process holds a raw socket in the router's namespace and in the guests', and netlink sockets in Dom0's. It runs
commands of ip(8), asks every two milliseconds by frames of scapy's, and looks until all that should be is: answers
with the right MAC, announcements, host routes, or silence. A moment is the time from the kernel's last event about a
link or an address to the condition that was met last. The kernel's own tables say which routes there are.

Silence is judged without waiting: a question for another guest goes behind, and is answered first.
"""
import json
import os
import re
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

import frames
from frames import CLONE_NEWNET, LOOSE, PACKET_OUTGOING, SLOW, in_namespace, libc, mac_bytes, tap

LIMIT_MS = 100 * SLOW * LOOSE
REPEATS = ROUNDS = 3
ASK_EVERY = 0.002
PATIENCE = 10 * SLOW
ROUTER_MAC = "02:00:00:00:00:01"
ROUTERS = {6: "2800:110:2::1", 4: "192.0.2.1"}
PROTOCOL = 168
EVENTS = 0x1 | 0x10 | 0x100  # RTMGRP_LINK, _IPV4_IFADDR, _IPV6_IFADDR
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTA_DST, RTA_OIF, RTA_PREFSRC, RTA_TABLE = 1, 4, 7, 15
NLM_F_REQUEST, NLM_F_DUMP, NLMSG_DONE = 1, 0x300, 3


def family_of(address):
    return 6 if ":" in address else 4


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


# --- frames ---

def question(mac, source, target):
    if family_of(target) == 6:
        group = packed(target)[-3:]
        return bytes(Ether(src=mac, dst="33:33:ff:%02x:%02x:%02x" % tuple(group))
                     / IPv6(src=source, dst="ff02::1:ff%02x:%02x%02x" % tuple(group), hlim=255)
                     / ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=mac))
    return bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=mac, psrc=source, pdst=target))


def sort(raw):
    """(what, address, MAC) of an answer or an announcement, which must say the same MAC twice; or None."""
    if raw[12:14] == b"\x86\xdd" and len(raw) >= 86 and raw[20] == 58 and raw[54] == 136:
        said = raw[80:86]
        what = "answer" if raw[58] & 0x40 else "announced"
        address = socket.inet_ntop(socket.AF_INET6, raw[62:78])
    elif raw[12:14] == b"\x08\x06" and len(raw) >= 42:
        said = raw[22:28]
        gratuitous = raw[28:32] == raw[38:42]
        if raw[21] == 1 and not gratuitous:
            return None
        what = "announced" if gratuitous else "answer"
        address = socket.inet_ntoa(raw[28:32])
    else:
        return None
    return what, address, said.hex(":") if said == raw[6:12] else "two MACs"


# --- Dom0's kernel ---

def attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("HH", data)
        if length < 4:
            break
        found[kind] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


def messages(data):
    while len(data) >= 16:
        length, kind = struct.unpack_from("IH", data)
        yield kind, data[16:length]
        data = data[(length + 3) & ~3:]


def host_routes():
    """{destination: [(oif, source or None)]} of the host routes of the daemons."""
    found = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.bind((0, 0))
        for family in (socket.AF_INET, socket.AF_INET6):
            s.send(struct.pack("IHHIIB11x", 28, RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, 1, 0, family))
            more = True
            while more:
                for kind, body in messages(s.recv(65536)):
                    if kind == NLMSG_DONE:
                        more = False
                    elif kind == RTM_NEWROUTE and body[5] == PROTOCOL:
                        a = attributes(body[12:])
                        name = {k: socket.inet_ntop(family, a[k]) for k in (RTA_DST, RTA_PREFSRC) if k in a}
                        found.setdefault(name.get(RTA_DST), []).append(
                            (struct.unpack("i", a[RTA_OIF])[0], name.get(RTA_PREFSRC)))
    return found


def index_of(name):
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


# --- what there is to look at ---

class Ear:
    """A raw socket on an interface of a node, which may come later, or be another one than before."""

    def __init__(self, node, iface="eth0"):
        self.node, self.iface, self.socket, self.index = node, iface, None, 0

    def fileno(self):
        return self.socket.fileno()

    def open(self):
        """True where there is an interface to ask on."""
        in_namespace(self.node)
        index = index_of(self.iface)
        if self.socket and index != self.index:
            self.socket.close()
            self.socket = None
        if index and not self.socket:
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            s.bind((self.iface, 3))
            s.setblocking(False)
            self.socket, self.index = s, index
        in_namespace("dom0")
        return self.socket is not None

    def ask(self, mac, source, target):
        try:
            if self.open():
                self.socket.send(question(mac, source, target))
        except OSError:
            pass  # it is down, or gone

    def heard(self):
        while self.socket:
            try:
                raw, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            if peer[2] != PACKET_OUTGOING:
                found = sort(raw)
                if found:
                    yield found


class Answer:
    """Somebody asks for an address, and is answered by this MAC. By none: the marker's answer comes without."""

    def __init__(self, node, target, mac, source=None, asker=None, marker=None):
        self.node, self.target, self.mac = node, target, mac
        self.source = source or ROUTERS[family_of(target)]
        self.asker = asker or ROUTER_MAC
        self.marker = marker
        self.name = "%s %s" % ("answer" if mac else "silence", target)
        self.answered = False

    def ask(self, ears):
        for target in (self.target, self.marker) if self.marker else (self.target,):
            ears[self.node].ask(self.asker, self.source, target)

    def hears(self, node, what, address, mac):
        """True: this is how it should be."""
        if node != self.node or what != "answer":
            return False
        if self.mac:
            return address == self.target and mac == self.mac
        if address == self.target:
            self.answered = True
        elif address == self.marker:
            was, self.answered = self.answered, False
            return not was
        return False


class Announced:
    """Heard at the switch's port: behind it a frame is lost until the bridge has found that there is a carrier."""

    def __init__(self, target, mac, node="switch"):
        self.target, self.mac, self.node, self.name = target, mac, node, "announced " + target

    def ask(self, ears):
        ears[self.node].open()

    def hears(self, node, what, address, mac):
        return (node, what, address, mac) == (self.node, "announced", self.target, self.mac)


class Route:
    """The one host route to a destination; no vif: none."""

    def __init__(self, target, vif, source=None):
        self.target, self.vif, self.source = target, vif, source
        self.name = "route " + target if vif else "no route " + target

    def is_right(self):
        want = [(index_of(self.vif), self.source)] if self.vif else []
        return host_routes().get(self.target, []) == want


class Bench:
    """The sockets, the daemons' processes, and the list of what was measured."""

    def __init__(self, ears, daemons):
        self.daemons = daemons  # {name: process}
        self.ears = {ear.node: ear for ear in ears}
        in_namespace("dom0")
        self.events = self.follow()
        self.last_event = 0
        self.worst = (0, "nothing")

    @staticmethod
    def follow():
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        s.bind((0, EVENTS))
        s.setblocking(False)
        return s

    def see_events(self):
        while True:
            try:
                self.events.recv(65536)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: there were some
                pass
            self.last_event = time.monotonic()

    def look(self, waiting, seconds):
        """What of it is as it should be, after so many seconds at most."""
        ears = [e for e in self.ears.values() if e.socket]
        select.select([self.events, *ears], [], [], seconds)
        self.see_events()
        met = []
        for node, ear in self.ears.items():
            for found in ear.heard():
                met += [c for c in waiting if not isinstance(c, Route) and c.hears(node, *found)]
        return met + [c for c in waiting if isinstance(c, Route) and c.is_right()]

    def stop(self):
        """So that what follows is one batch of events to the daemons."""
        for pid in self.daemons.values():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        self.last_event = time.monotonic()
        for pid in self.daemons.values():
            os.kill(pid, signal.SIGCONT)

    def run(self, steps):
        """Each step: a function, or "NODE: a line of ip(8)". Events are followed all the while."""
        while steps:
            step = steps[0]
            if callable(step):
                step()
                steps = steps[1:]
                continue
            node = step.split(":", 1)[0]
            batch = []
            while steps and not callable(steps[0]) and steps[0].startswith(node + ": "):
                batch.append(steps[0].split(": ", 1)[1])
                steps = steps[1:]
            with subprocess.Popen(["ip", "-n", node, "-batch", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True) as p:
                p.stdin.write("\n".join(batch) + "\n")
                p.stdin.close()
                while p.poll() is None:
                    select.select([self.events], [], [], 0.001)
                    self.see_events()
                if p.returncode:
                    raise RuntimeError("ip -n %s, %s: %s" % (node, batch, p.stderr.read()))

    def measure(self, steps, conditions):
        """{condition's name: milliseconds since the last event, or None}"""
        for ear in self.ears.values():
            list(ear.heard())
        self.last_event = time.monotonic()
        self.run(steps)
        until = time.monotonic() + PATIENCE
        waiting, when = list(conditions), {}
        while waiting and time.monotonic() < until:
            for c in waiting:
                if not isinstance(c, Route):
                    c.ask(self.ears)
            for c in self.look(waiting, ASK_EVERY):
                when[c.name] = (time.monotonic() - self.last_event) * 1000
                waiting = [w for w in waiting if w is not c]
        when.update({c.name: None for c in waiting})
        return when

    def there_and_back(self, title, away, gone, back, right):
        """Breaks and mends it some times."""
        self.repeated([title, title + ", and back"], lambda: (self.measure(away, gone), self.measure(back, right)))

    def repeated(self, titles, once, limit=LIMIT_MS):
        """once() measures something for each title, and is judged by the medians. Others may keep the machine busy for
        a while: what is late a second and a third time is late."""
        for _ in range(ROUNDS):
            times = list(zip(*(once() for _ in range(REPEATS))))
            if not any(self.late(t, limit) for t in times) or any(None in x.values() for t in times for x in t):
                break
        for title, t in zip(titles, times):
            self.judge(title, t, limit)

    @staticmethod
    def late(times, limit):
        wrong = []
        for name in times[0]:
            took = [t[name] for t in times]
            text = ", ".join("-" if t is None else "%.1f" % t for t in took)
            if None in took:
                wrong.append("%s: never (%s ms)" % (name, text))
            elif statistics.median(took) > limit:
                wrong.append("%s: %s ms, more than %d" % (name, text, limit))
        return wrong

    def judge(self, title, times, limit=LIMIT_MS):
        wrong = self.late(times, limit)
        tap(wrong, title)
        if times[0] and not wrong:
            median, slowest = max((statistics.median(t[name] for t in times), name) for name in times[0])
            self.worst = max(self.worst, (median, "%s: %s" % (title, slowest)))
            print("#   last: %s, after %s ms" % (slowest, ", ".join("%.1f" % t[slowest] for t in times)), flush=True)

    def single(self, title, times):
        """What cannot be repeated: no more than that it does not wait for a timer (of a second, or of five)."""
        self.judge(title, [times], 9 * LIMIT_MS)

    def silences(self, commands, answers):
        """{name: milliseconds}, the longest between two answers of each kind to one who asks all the while: from the
        start of these commands, each a list and its stdin, to their end and a little more."""
        longest = {a.name: 0 for a in answers}
        last = dict.fromkeys(longest, time.monotonic())
        running, until = [], None
        for command, text in commands:
            p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
            p.stdin.write(text)
            p.stdin.close()
            running.append(p)
        while until is None or time.monotonic() < until:
            if until is None and all(p.poll() is not None for p in running):
                until = time.monotonic() + 0.3
            for a in answers:
                a.ask(self.ears)
            heard = [a.name for a in self.look(answers, ASK_EVERY)]
            for name, at in last.items():
                longest[name] = max(longest[name], time.monotonic() - at)
            last.update(dict.fromkeys(heard, time.monotonic()))
        return {name: s * 1000 for name, s in longest.items()}

    def meets(self, condition, seconds=PATIENCE):
        """Does it become true?"""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                return False
            self.look([], 0.02)
        return True

    # --- at rest ---

    def effort(self):
        """What each daemon has done so far: ticks of the CPU, and times that it was woken."""
        done = {}
        for name, pid in self.daemons.items():
            with open("/proc/%d/stat" % pid, encoding="ascii") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            with open("/proc/%d/status" % pid, encoding="ascii") as f:
                woken = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", f.read(), re.M).group(1)
            done[name] = (int(fields[11]) + int(fields[12]), int(woken))
        return done

    def quiet(self, seconds=0.1):
        before = self.effort()
        time.sleep(seconds)
        return self.effort() == before

    def rests(self, title, seconds=1.5):
        """Within some windows there is one in which no daemon moves. (There may be announcements to be made, and
        what could not be had is tried again every five seconds.)"""
        wrong = []
        for _ in range(6):
            before = self.effort()
            time.sleep(seconds)
            after = self.effort()
            if before == after:
                break
            wrong = ["%s: ticks and wake-ups were %s, and %g s later %s" % (name, before[name], seconds, after[name])
                     for name in before if before[name] != after[name]]
        else:
            tap(wrong, title)
            return
        tap([], title)


def controls():
    """The control commands of both daemons, ndproxyctl's arguments being ours."""
    return [[c[0], "-s", c[1], "-d", c[2]]
            for c in (frames.CTL, [w.replace("ndproxy", "arpproxy") for w in frames.CTL])]


def told_by(ctl, *words):
    return json.loads(subprocess.run([*ctl, "-j", *words], check=True, stdout=subprocess.PIPE).stdout)


def stats_of(ctl):
    return told_by(ctl, "stats")


def says(ctl, code):
    """Is there a warning of this code in the status of the daemon that this command controls?"""
    return any(w["code"] == code for w in told_by(ctl, "status")["warnings"])


def finish(bench):
    print("# the slowest: %.1f ms, %s" % bench.worst)
    print("1..%d" % frames.number)
    sys.exit(frames.failed > 0)
