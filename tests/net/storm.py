#!/usr/bin/python3
"""storm.py: vifs and their addresses come and go, by many clients of the control socket at once.

  storm.py VIFS SECONDS NAME PID SOCKET STATEDIR [NAME PID SOCKET STATEDIR]     in Dom0's namespace

Ten rounds, each a tenth of SECONDS: one thread makes and deletes vifs, and for each daemon 16 clients add and
delete addresses, in random order. Each vif's registrations are one client's alone, so each knows what every
request of its own must come to; together they are the model. At the end of a round everything that the daemons
say and have must be what model and kernel say (kernel.py); then all is deleted, and memory, descriptors and
the filter in the kernel must be as after the rounds before. One address that stays is asked for meanwhile.
See 25-storm.t.
"""
import ipaddress
import json
import os
import random
import re
import subprocess
import sys
import threading
import time

from kernel import SLOW, Client, Daemon, diag, ip, ip_batch, plan, settle, tap

CLIENTS, ADDRESSES, ROUNDS, BATCH, UPLINK = 16, 10, 10, 25, "eth0"
DOOMED = 99  # the group of interfaces that are deleted together, which is a hundred times faster
ANCHOR = {True: "2800:110:2::34", False: "192.0.2.34"}  # guest "anchor" of the configuration, on vif11.0


def vif(i):
    return "vif%d" % i


def address(v6, i, n):
    return "2001:db8:%x::%x" % (i + 1, n + 1) if v6 else "10.%d.%d.%d" % (1 + i // 250, i % 250, n + 1)


class Links(threading.Thread):
    """Makes and deletes vifs until told to stop."""

    def __init__(self, seed, count):
        super().__init__()
        self.r, self.count, self.stop, self.made, self.error = random.Random(seed), count, threading.Event(), 0, None
        self.there = set()

    def make(self, some):
        ip_batch(["link add name %s%s type veth peer name p%s netns guests" % (vif(i), " up" * self.r.randrange(2), i)
                  for i in some])
        ip_batch(["link set p%d up" % i for i in some], "guests")
        self.there |= set(some)
        self.made += len(some)

    def delete(self, some):
        if some:
            ip_batch(["link set %s group %d" % (vif(i), DOOMED) for i in some] + ["link del group %d" % DOOMED])
        self.there -= set(some)

    def flap(self, some):
        ip_batch(["link set %s %s" % (vif(i), self.r.choice(["up", "up", "down"])) for i in some])

    def step(self):
        absent = sorted(set(range(self.count)) - self.there)
        if self.r.random() < 0.5 and absent:
            self.make(self.r.sample(absent, min(BATCH, len(absent))))
        elif self.there:
            some = self.r.sample(sorted(self.there), min(BATCH, len(self.there)))
            self.r.choice([self.delete, self.flap])(some)

    def run(self):
        try:
            while not self.stop.is_set():
                self.step()
        except Exception as e:  # told by the main thread
            self.error = e


class Worker(threading.Thread):
    """A client, and what it has registered: {address: vif}."""

    def __init__(self, d, seed, vifs):
        super().__init__()
        self.d, self.r, self.vifs = d, random.Random(seed), vifs
        self.has, self.wrong, self.requests, self.slowest = {}, [], 0, 0
        self.stop = None
        self.client = Client(d.path)

    def ask(self, exit_status, error, command, **words):
        began = time.monotonic()
        reply = self.client.ask(command, **words)
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.requests += 1
        if reply["exit"] != exit_status or (error and not re.search(error, reply.get("error", ""))):
            self.wrong.append("%s %s: %s" % (command, words, reply))

    def own(self, i):
        return [a for a, v in self.has.items() if v == vif(i)]

    def add(self, i):
        some = [address(self.d.v6, i, n) for n in self.r.sample(range(ADDRESSES), self.r.randint(1, ADDRESSES))]
        if any(self.has.get(a, vif(i)) != vif(i) for a in some):
            self.ask(1, "another|guest", "add", addresses=some, vif=vif(i))
            return
        self.ask(0, None, "add", addresses=some, vif=vif(i))
        self.has.update(dict.fromkeys(some, vif(i)))

    def take(self, i):
        """From another one's guest."""
        a = address(self.d.v6, self.r.choice(self.vifs), self.r.randrange(ADDRESSES))
        self.ask(0, None, "add", addresses=[a], vif=vif(i), replace=True)
        self.has[a] = vif(i)

    def delete(self, i):
        some = [address(self.d.v6, i, n) for n in self.r.sample(range(ADDRESSES), self.r.randint(1, 4))]
        self.ask(0, None, "del", addresses=some)
        for a in some:
            self.has.pop(a, None)

    def delete_all(self, i):
        self.ask(0, None, "del", **{self.r.choice(["vif", "guest"]): vif(i)})
        for a in self.own(i):
            del self.has[a]

    def refused(self, i):
        self.ask(1, r"anchor", "add", addresses=[ANCHOR[self.d.v6]], vif=vif(i))

    def look(self, i):
        reply = self.client.ask("list", vif=vif(i))
        if {e["address"] for e in reply["data"]} != set(self.own(i)):
            self.wrong.append("list vif %s: %s, not %s" % (vif(i), reply, self.own(i)))

    def together(self, _):
        """Several requests at once, on one connection."""
        some = self.r.sample(self.vifs, min(5, len(self.vifs)))
        for i in some:
            a = address(self.d.v6, i, 0)
            if self.has.get(a, vif(i)) == vif(i):
                self.client.send({"command": "add", "addresses": [a], "vif": vif(i)})
            else:
                self.client.send({"command": "del", "addresses": [a]})
        for i in some:
            a = address(self.d.v6, i, 0)
            reply = self.client.receive()
            self.requests += 1
            if reply["exit"] != 0:
                self.wrong.append("one of several, for %s: %s" % (a, reply))
            if self.has.get(a, vif(i)) == vif(i):
                self.has[a] = vif(i)
            else:
                del self.has[a]

    def one(self):
        what = self.r.choices([self.add, self.delete, self.delete_all, self.take, self.refused, self.look, self.together],
                              [40, 20, 10, 10, 5, 5, 10])[0]
        what(self.r.choice(self.vifs))

    def run(self):
        try:
            while not self.stop.is_set() and len(self.wrong) < 10:
                self.one()
        except Exception as e:
            self.wrong.append("%s: %r" % (self.d.name, e))

    def clear(self):
        for i in self.vifs:
            self.client.send({"command": "del", "vif": vif(i)})
        for _ in self.vifs:
            self.client.receive()
        self.has = {}


class Asked:
    """The anchor's address, while it lasts: asker.py, in the router."""

    def __init__(self, d):
        self.p = subprocess.Popen(
            ["nsenter", "--net=/run/netns/router", sys.executable,
             os.path.join(os.path.dirname(os.path.abspath(__file__)), "asker.py"), ANCHOR[d.v6], "cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end(self):
        return json.loads(self.p.communicate()[0])


class Storm:
    """Both daemons, from round to round."""

    def __init__(self, count, seconds, daemons, seed):
        self.count, self.seconds, self.daemons, self.seed = count, seconds, daemons, seed
        self.workers = {d: [Worker(d, "%d %s %d" % (seed, d.name, w), range(w, count, CLIENTS))
                            for w in range(CLIENTS)] for d in daemons}
        self.levels = {d: [] for d in daemons}  # (KiB, descriptors, listed) after each round
        self.requests = self.made = 0

    def model(self, d):
        found = {ipaddress.ip_network(ANCHOR[d.v6]): "vif11.0"}
        for w in self.workers[d]:
            found.update((ipaddress.ip_network(a), v) for a, v in w.has.items())
        return found

    def blow(self, n):
        links, stop = Links("%d links %d" % (self.seed, n), self.count), threading.Event()
        everybody = [w for d in self.daemons for w in self.workers[d]]
        # a thread runs once, what a client knows stays
        threads = []
        for w in everybody:
            w.stop, w.wrong = stop, []
            threads.append(threading.Thread(target=w.run))
        links.start()
        for t in threads:
            t.start()
        time.sleep(self.seconds / ROUNDS)  # how long it storms, not what is waited for
        stop.set()
        for t in threads:
            t.join()
        links.stop.set()
        links.join()
        wrong = [x for w in everybody for x in w.wrong] + ([repr(links.error)] if links.error else [])
        tap(wrong[:10], "round %d: every request comes to what it must" % n)
        self.made += links.made
        return links

    def compare(self, n):
        for d in self.daemons:
            guests = self.model(d)
            wrong = settle(d, guests, UPLINK, 0, 20)
            files = {x for x in os.listdir(d.state) if not x.startswith(".")}
            names = {v + ".conf" for v in guests.values() if v != "vif11.0"}
            if files != names:
                wrong.append("files that are missing or should not be there: %s" % sorted(files ^ names)[:5])
            tap(wrong, "round %d: %s: %d addresses as the model has them" % (n, d.name, len(guests)))

    def clear(self, links, n):
        for d in self.daemons:
            for w in self.workers[d]:
                w.clear()
        links.delete(sorted(links.there))
        for d in self.daemons:
            wrong = settle(d, self.model(d), UPLINK, 0, 20)
            tap(wrong, "round %d: %s: all that came is gone" % (n, d.name))
            listed = d.data("status")["filter"]["listed"]
            self.levels[d].append((d.memory(), self.descriptors(d), listed))

    def descriptors(self, d):
        """When those that are just being closed are."""
        until = time.monotonic() + 5 * SLOW
        wanted = self.levels[d][0][1] if self.levels[d] else 0
        while True:
            time.sleep(0.05)
            fds = d.fds()
            if fds <= wanted or time.monotonic() > until or (not wanted and fds == d.fds()):
                return fds

    def leaks(self):
        for d in self.daemons:
            memory, fds, listed = zip(*self.levels[d])
            diag("%s: KiB after each round: %s; at most %d" % (d.name, " ".join(map(str, memory)), d.memory("VmHWM")))
            early, late = max(memory[:ROUNDS // 2]), max(memory[ROUNDS // 2:])
            if SLOW > 1:  # they keep what is freed for a while, and tell of leaks themselves
                tap([], "%s: memory # SKIP under sanitizers" % d.name)
            else:
                tap(["%d KiB at first, %d later" % (early, late)] if late > early * 1.1 + 512 else [],
                    "%s: memory does not grow over ten rounds" % d.name)
            tap([str(fds)] if len(set(fds)) > 1 else [], "%s: nor do open descriptors" % d.name)
            tap([str(listed)] if len(set(listed)) > 1 else [], "%s: nor does what the kernel's filter lists" % d.name)
            diag("%s: the slowest reply took %.0f ms" % (d.name, 1000 * max(w.slowest for w in self.workers[d])))


def main():
    count, seconds = int(sys.argv[1]), float(sys.argv[2])
    daemons = []
    for n in range(3, len(sys.argv), 4):
        daemons.append(Daemon(*sys.argv[n:n + 3]))
        daemons[-1].state = sys.argv[n + 3]
    seed = int(os.environ.get("STORM_SEED") or random.randrange(1000000))
    diag("seed %d" % seed)
    storm = Storm(count, seconds, daemons, seed)
    asked = {d: Asked(d) for d in daemons}
    for n in range(ROUNDS):
        links = storm.blow(n)
        storm.compare(n)
        storm.clear(links, n)
    storm.leaks()
    for d in daemons:
        got = asked[d].end()
        diag("%s: %s" % (d.name, got))
        # its announcements look the same, so there may be more answers than questions
        tap([] if got["sent"] and got["lost"] <= 0 else [str(got)], "%s: no question meanwhile was lost" % d.name)
    diag("%d requests, %d vifs made" % (sum(w.requests for d in daemons for w in storm.workers[d]), storm.made))
    sys.exit(plan())


main()
