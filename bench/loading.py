"""loading: how long ndproxyd and arpproxyd take to start, to read their configuration again, to
start over beside routes that are right already, and to be told of addresses one by one."""

import json
import subprocess
import time

import generator
import lab

CHANGES = 10
BATCH_ADDS, BATCH_GUESTS, BATCH_FIRST = 100000, 1000, 1000


def _answering(args, who, begin):
    """Runs begin(); when the last target was answered first, and the daemon said it was ready,
    whichever was later."""
    with generator.start(args, who, "wait", seconds=60) as waiting:
        begin()
        ready = who.ready()
        answered = generator.result(who, "wait", waiting)["answered_at"]
    return max(ready, answered) - who.started


def _complete(who):
    """Every address is routed, and known to the filter in the kernel where there is one."""
    routes = who.routes()
    if routes != who.count:
        raise lab.BenchError(f"{who.name}: {routes} routes, not {who.count}")
    known = json.loads(who.ctl("-j", "status")).get("filter")
    if known and known["kind"] != "classic" and (known["listed"] < who.count or known["beyond"]):
        raise lab.BenchError(f"{who.name}: the filter lists {known['listed']}")


def start(args, who):
    """The first start. Its routes stay when it stops, so that again() finds them."""
    took = _answering(args, who, lambda: who.start(keep=True))
    _complete(who)
    return {"start_s": took, "rss_mb": who.memory()}


def reload(args, who):
    """As many addresses are new as are gone."""
    who.write_guests(skip=CHANGES)
    began = time.monotonic()
    said = who.ctl("reload")
    ended = time.monotonic()
    last = who.count + CHANGES
    answered = generator.run(args, who, "wait", seconds=10, count=last)["answered_at"]
    if answered - ended > 0.1:  # else it is what starting the generator takes
        ended = answered
    if not said.startswith(f"+{CHANGES} -{CHANGES} "):
        raise lab.BenchError(f"{who.name}: reload says {said.strip()}")
    _complete(who)
    return {"reload_s": ended - began}


class _Monitor:
    """Counts the events of a daemon's routes."""

    def __init__(self, who):
        self.who, self.path = who, f"/run/bench/{who.name}.monitor"
        self.sentinel = "192.0.2.77" if who.arp else "2001:db8:77::77"
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                ["ip", "-n", "host", "-N", "-4" if who.arp else "-6", "monitor", "route"],
                stdout=out, stderr=out)
        self._until_seen()

    def _text(self):
        with open(self.path, "r", encoding="ascii") as f:
            return f.read()

    def _until_seen(self):
        """A route of ours shows up once all that the kernel told before it has been read."""
        before = self._text().count(self.sentinel)

        def seen():
            for what in ("replace", "del"):
                self.who.ip("route", what, self.sentinel, "dev", "vif1", "proto", "99")
            return self._text().count(self.sentinel) > before

        lab.wait_for("ip monitor route", seen)

    def count(self):
        self._until_seen()
        self.process.terminate()
        self.process.wait()
        return sum("proto 168 " in line for line in self._text().splitlines())


def again(args, who):
    """A second start, beside the routes of the first. It takes them away when it stops."""
    monitor = _Monitor(who)
    who.halt()
    first = who.count
    who.count += CHANGES  # reload() has moved the last address
    try:
        took = _answering(args, who, lambda: who.start(guests=False, keep=False))
    finally:
        who.count = first
    events = monitor.count()
    _complete(who)
    return {"again_s": took, "again_events": events}


def batch(args, who):
    """Additions by `ndproxyctl -b`; nothing where this version has no such option."""
    path = f"/run/bench/{who.name}.batch"
    with open(path, "w", encoding="ascii") as f:
        f.writelines(f"add {who.address(BATCH_FIRST + i)} vif vif1 guest g{i % BATCH_GUESTS}\n"
                     for i in range(BATCH_ADDS))
    began = time.monotonic()
    try:
        who.ctl("-b", path)
    except lab.BenchError as e:
        if "-b: not in this version" in str(e) or "-b: no such option" in str(e):
            return {}
        raise
    ended = time.monotonic()
    generator.run(args, who, "wait", seconds=10, count=BATCH_FIRST + BATCH_ADDS)
    routes = who.routes()
    if routes != who.count + BATCH_ADDS:
        raise lab.BenchError(f"{who.name}: {routes} routes after {BATCH_ADDS} additions")
    return {"batch_s": ended - began}
