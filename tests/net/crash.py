#!/usr/bin/python3
"""crash.py: kills a daemon again and again while clients change its guests, and compares what it then has.

  crash.py ndproxyd|arpproxyd CTL SOCKET STATEDIR CONF ROUNDS SLOW DAEMON [ARGUMENT...]     in Dom0's namespace

A round: the daemon runs, clients work, links go down and up, kill -9 at a random moment, start, and then
  - each address is where the last acknowledged request about it put it, or one of the requests behind that, which
    nobody has acknowledged;
  - the files of the state directory are whole, say the same as `list`, and there is nothing beside them;
  - the kernel's routes of our protocol are those that `list` calls for, and no others (K05, K07).
Rounds are of these kinds in turn: clients at work; killed once or several times while it starts; during reloads;
during a batch of thousands of lines; while it stops with keep-routes off; and a client killed that works without it.

The model is the test's own: addresses and whose they are, request by request. Prints TAP, a line for each kind.
"""
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

NAME, CTL, SOCKET, STATEDIR, CONF = sys.argv[1:6]
ROUNDS, SLOW, DAEMON = int(sys.argv[6]), int(sys.argv[7]), sys.argv[8:]
V6 = NAME == "ndproxyd"
VIFS = ["k0", "k1", "k2", "k3"]
RENEWED = "k4"  # deleted and made again and again: one guest's, whose registration survives that
ABSENT = "k9"
SOURCE, METRIC, PROTOCOL = ("2800:110:2::3", 1024, "168") if V6 else ("192.0.2.3", 1024, "168")
SEED = int(os.environ.get("CRASH_SEED", random.randrange(1 << 32)))
rng = random.Random(SEED)
LOG = open(os.path.dirname(SOCKET) + "/crash.log", "ab")


def address(kind, n):
    """The n-th address of a client (its number), all different."""
    if V6:
        return "2001:db8:%x::%x" % (kind + 1, n + 1)
    return "10.%d.%d.%d" % (kind + 1, n // 250, n % 250 + 1)


class Wrong(Exception):
    pass


# --- the daemon ---

daemon = None


def start(wait=True):
    global daemon
    daemon = subprocess.Popen(DAEMON, stdout=LOG, stderr=LOG, stdin=subprocess.DEVNULL)
    if wait:
        ready()


def ready():
    until = time.monotonic() + 20 * SLOW
    while time.monotonic() < until:
        try:
            return ask({"command": "list", "vif": "none"})
        except OSError:
            if daemon.poll() is not None:
                raise Wrong("the daemon did not start: exit status %d" % daemon.returncode) from None
            time.sleep(0.002)
    raise Wrong("the daemon does not answer")


def kill(sig=signal.SIGKILL):
    try:
        daemon.send_signal(sig)
    except ProcessLookupError:
        pass
    daemon.wait()


class Line:
    """A connection: a line of JSON for a line of JSON."""

    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(60 * SLOW)
        self.s.connect(SOCKET)
        self.rest = b""

    def send(self, *requests):
        self.s.sendall(b"".join(json.dumps(r).encode() + b"\n" for r in requests))

    def receive(self):
        while b"\n" not in self.rest:
            more = self.s.recv(1 << 20)
            if not more:
                raise ConnectionResetError
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        self.s.close()


def ask(request):
    line = Line()
    try:
        line.send(request)
        return line.receive()
    finally:
        line.close()


# --- the model ---

class Model:
    """What a client's addresses may be: the state that its acknowledged requests made, and those behind it."""

    def __init__(self, kind, guests, addresses):
        self.kind = kind
        self.guests = ["c%dg%d" % (kind, n) for n in range(guests)]
        self.addresses = [address(kind, n) for n in range(addresses)]
        self.sure = ({}, {})  # address -> guest, guest -> vif
        self.open = []        # requests that were sent after that, and not acknowledged

    @staticmethod
    def apply(state, r):
        """The state after a request, by the rules of the manual, or None where it is refused."""
        owner, vif = dict(state[0]), dict(state[1])
        if r["command"] == "add":
            g = r["guest"]
            has = [a for a in owner if owner[a] == g]
            if not r.get("replace") and any(owner.get(a, g) != g for a in r["addresses"]):
                return None
            if has and vif[g] not in (r["vif"], ABSENT) and not r.get("replace") and \
                    not any(a in has for a in r["addresses"]):
                return None
            for a in r["addresses"]:
                owner[a] = g
            vif[g] = r["vif"]
        else:
            for a in r.get("addresses") or list(owner):
                if owner.get(a) and r.get("guest") in (None, owner[a]):
                    del owner[a]
        return owner, {g: v for g, v in vif.items() if g in owner.values()}

    def request(self):
        """A random one that is not refused after all that are open."""
        state = self.sure
        for r in self.open:
            state = self.apply(state, r)
        while True:
            g = rng.choice(self.guests)
            some = rng.sample(self.addresses, rng.randint(1, 3))
            what = rng.random()
            if what < 0.25:
                r = {"command": "del", "addresses": some}
            elif what < 0.3:
                r = {"command": "del", "guest": g}
            else:
                r = {"command": "add", "addresses": some, "guest": g, "vif": rng.choice(VIFS + [ABSENT])}
                # where a guest is known to be, most go: the rest moves it
                if g in state[1] and rng.random() < 0.6:
                    r["vif"] = state[1][g]
                if rng.random() < 0.5:
                    r["replace"] = True
            if self.apply(state, r) is not None:
                return r

    def acknowledge(self):
        self.sure = self.apply(self.sure, self.open.pop(0))

    def places(self):
        """address -> all (guest, vif) where it may be now; None: nowhere."""
        states = [self.sure]
        for r in self.open:
            states.append(self.apply(states[-1], r))
        may = {a: set() for a in self.addresses}
        for owner, vif in states:
            for a in self.addresses:
                may[a].add((owner[a], vif[owner[a]]) if a in owner else None)
        return may

    def settle(self, entries):
        """What `list` says must be possible; from now on it is sure."""
        is_ = {e["address"]: (e["guest"], e["vif"]) for e in entries}
        for a, may in self.places().items():
            if is_.get(a) not in may:
                raise Wrong("%s is at %s, and may be at %s" % (a, is_.get(a), sorted(map(str, may))))
        self.sure = ({a: is_[a][0] for a in self.addresses if a in is_},
                     {is_[a][0]: is_[a][1] for a in self.addresses if a in is_})
        self.open = []


# --- clients: each works until told to stop, or nobody answers ---

acknowledged = 0


def count(n=1):
    global acknowledged
    acknowledged += n


def raw_client(model, stop):
    """Several requests at a time on one connection."""
    line = None
    try:
        line = Line()
        while not stop.is_set():
            some = []
            for _ in range(rng.randint(1, 12)):
                some.append(model.request())
                model.open.append(some[-1])
            line.send(*some)
            for _ in some:
                reply = line.receive()
                if reply["exit"] != 0:
                    raise Wrong("refused: %s: %s" % (model.open[0], reply))
                model.acknowledge()
                count()
    except OSError:
        pass
    finally:
        if line:
            line.close()


def words(r):
    w = [r["command"]] + r.get("addresses", [])
    for k in ("vif", "guest"):
        if k in r:
            w += [k, r[k]]
    return w + (["replace"] if r.get("replace") else [])


def run_ctl(*args, **kw):
    return subprocess.run([CTL, "-s", SOCKET, "-d", STATEDIR, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **kw)


def command_client(model, stop):
    """A process for each request; with nobody there it changes the files itself."""
    while not stop.is_set():
        r = model.request()
        model.open.append(r)
        done = run_ctl(*words(r))
        if done.returncode == 0:
            while model.open:
                model.acknowledge()
            count()
        elif done.returncode == 1 and "nothing was changed" not in done.stdout or done.returncode == 2:
            raise Wrong("%s: exit status %d: %s" % (words(r), done.returncode, done.stdout))


def batch_client(model, stop):
    """Fifty lines at a time through -b."""
    while not stop.is_set():
        requests = []
        for _ in range(50):
            requests.append(model.request())
            model.open.append(requests[-1])
        done = run_ctl("-b", "-", input="".join(" ".join(words(r)) + "\n" for r in requests))
        if done.returncode == 0:
            n = len(requests)
        else:
            said = re.search(r"the last line that it answered is (\d+)", done.stdout)
            if done.returncode != 3 or re.search(r": -:\d+: (?!%s went away)" % NAME, done.stdout):
                raise Wrong("-b: exit status %d: %s" % (done.returncode, done.stdout))
            n = int(said.group(1)) if said else 0
        for _ in range(n):
            model.acknowledge()
        count(n)
        if n < len(requests):
            return  # what it did of the others nobody knows


def many_client(model, stop):
    """Thousands of addresses, of one guest and of many, as one batch: all there, then all gone."""
    lines = []
    for n, a in enumerate(model.addresses):
        lines.append({"command": "add", "addresses": [a], "guest": model.guests[n % len(model.guests)], "vif": "k1"})
    if model.sure[0]:
        lines = [{"command": "del", "addresses": [a]} for a in model.addresses]
    model.open += lines
    done = run_ctl("-b", "-", input="".join(" ".join(words(r)) + "\n" for r in lines))
    said = re.search(r"the last line that it answered is (\d+)", done.stdout)
    n = len(lines) if done.returncode == 0 else int(said.group(1)) if said else 0
    # one state of thousands of addresses costs as much as all of them: the sum of what was acknowledged
    acked, model.open = model.open[:n], model.open[n:]
    owner, vif = dict(model.sure[0]), dict(model.sure[1])
    for r in acked:
        for a in r["addresses"]:
            if r["command"] == "add":
                owner[a] = r["guest"]
                vif[r["guest"]] = r["vif"]
            else:
                owner.pop(a, None)
    model.sure = owner, vif
    count(n)
    stop.wait()


class Many(Model):
    """Every address is asked for once: it is as before, or as asked."""

    def places(self):
        may = {a: {(self.sure[0][a], self.sure[1][self.sure[0][a]]) if a in self.sure[0] else None}
               for a in self.addresses}
        for r in self.open:
            for a in r["addresses"]:
                may[a].add((r["guest"], r["vif"]) if r["command"] == "add" else None)
        return may


def links(stop):
    """Vifs go down and up, and one is deleted and made anew."""
    while not stop.is_set():
        v = rng.choice(VIFS[1:] + [RENEWED])
        if v == RENEWED:
            ip("link", "del", v)
            make(v)
        else:
            ip("link", "set", v, "down")
            stop.wait(rng.random() * 0.02)
            ip("link", "set", v, "up")
        stop.wait(rng.random() * 0.02)


def ip(*args):
    done = subprocess.run(["ip", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Wrong("ip %s: %s" % (" ".join(args), done.stderr))
    return done.stdout


def make(v):
    ip("link", "add", v, "type", "veth", "peer", "name", v + "p")
    ip("link", "set", v + "p", "up")
    ip("link", "set", v, "up")


# --- configurations ---

def configured(which):
    """Two versions: 300 addresses each, 200 of them the same, 50 on other vifs."""
    guests = []
    for n in range(30):
        first = n * 10 if n < 20 else (n + (10 if which else 0)) * 10
        vif = "k3" if 15 <= n < 20 and which else "k2"
        guests.append(("conf%d" % n, vif, [address(100, first + i) for i in range(10)]))
    return guests


def configure(which):
    with open(CONF + "~", "w", encoding="ascii") as f:
        f.write('uplink "eth0" { announce = 0 }\nkeep-routes = false\n')
        for name, vif, addresses in configured(which):
            f.write('guest "%s" { vif = "%s" addresses = { %s } }\n'
                    % (name, vif, ", ".join('"%s"' % a for a in addresses)))
    os.rename(CONF + "~", CONF)


def reloader(stop, version):
    victim = daemon  # its successor has no handler yet when it is born
    while not stop.is_set():
        version[0] ^= 1
        configure(version[0])
        if rng.random() < 0.5:
            run_ctl("reload")
        else:
            victim.send_signal(signal.SIGHUP)
            stop.wait(0.005)


# --- checks ---

def listed():
    reply = ask({"command": "list"})
    if reply["exit"] != 0:
        raise Wrong("list: %s" % reply)
    return reply["data"]


def check_files(entries):
    """The files are whole, and say what `list` says."""
    want, have = {}, {}
    for e in entries:
        if e["origin"] == "command":
            want.setdefault(e["guest"], (e["vif"], set()))[1].add(e["address"])
    for file in os.listdir(STATEDIR):
        if file in (".lock", ".started"):
            continue
        if not file.endswith(".conf"):
            raise Wrong("left over in the state directory: %s" % file)
        with open(os.path.join(STATEDIR, file), encoding="ascii") as f:
            text = f.read()
        if not re.search(r"\n# ifindex \d+\n# end\n$", text):
            raise Wrong("%s is not whole: %s" % (file, text))
        have[file[:-5]] = (re.search(r"vif = '(.*)'", text).group(1),
                           set(a for a in re.findall(r"'([^']*)'", text) if ":" in a or re.match(r"\d+\.\d", a)))
    if want != have:
        raise Wrong("files and list differ: %s" % [(g, want.get(g), have.get(g)) for g in sorted(set(want) | set(have))
                                                   if want.get(g) != have.get(g)])


def routes():
    family = "-6" if V6 else "-4"
    found = []
    for r in json.loads(ip("-j", family, "route", "show", "proto", PROTOCOL, "table", "all") or "[]"):
        found.append((r["dst"], r.get("dev"), r.get("metric"), r.get("prefsrc"), r.get("table", "main")))
    return sorted(found, key=str)


def check_routes(entries):
    """Entry by entry; the kernel's last event may still be on its way."""
    want = sorted(((e["address"], e["vif"], METRIC, SOURCE, "main") for e in entries if e["vif"] != ABSENT), key=str)
    until = time.monotonic() + 2 * SLOW
    while True:
        have = routes()
        if have == want:
            return
        if time.monotonic() > until:
            raise Wrong("routes: missing %s, stale %s" % ([r for r in want if r not in have],
                                                          [r for r in have if r not in want or have.count(r) > 1]))
        time.sleep(0.005)


def check_configured(entries, version):
    want = sorted((a, g, v) for g, v, list_ in configured(version) for a in list_)
    have = sorted((e["address"], e["guest"], e["vif"]) for e in entries if e["origin"] == "config")
    if want != have:
        raise Wrong("the configuration: missing %s, stale %s" % ([x for x in want if x not in have],
                                                                 [x for x in have if x not in want]))


def check(models, version):
    entries = listed()
    for m in models:
        mine = set(m.addresses)
        m.settle([e for e in entries if e["address"] in mine])
    known = set(a for m in models for a in m.addresses)
    strange = [e for e in entries if e["origin"] != "config" and e["address"] not in known]
    if strange:
        raise Wrong("strange: %s" % strange)
    check_configured(entries, version)
    check_files(entries)
    check_routes(entries)
    warnings = [w for w in ask({"command": "status"})["data"]["warnings"] if w["code"].startswith("state")]
    if warnings:
        raise Wrong("warnings: %s" % warnings)


# --- rounds ---

models = [Model(0, 6, 40), Model(1, 6, 40), Model(2, 6, 40), Model(3, 6, 40), Many(4, 60, 2000), Model(5, 1, 3)]
work = [raw_client, raw_client, batch_client, command_client]
version = [0]
failures = []


def guarded(f, *args):
    def body():
        try:
            f(*args)
        except Wrong as e:
            failures.append(str(e))
    t = threading.Thread(target=body)
    t.start()
    return t


def stop_slowly():
    """Stops, deletes its routes meanwhile, and is killed at that."""
    daemon.send_signal(signal.SIGTERM)
    time.sleep(rng.random() * 0.012)
    kill()


def kill_starting():
    kill()
    for _ in range(rng.randint(1, 3)):
        start(wait=False)
        time.sleep(rng.random() * 0.03 * SLOW)
        kill()


def offline():
    """The daemon is away; a client that changes the files in its place is killed."""
    m = models[rng.randrange(4)]
    kill()
    requests = []
    for _ in range(200):
        requests.append(m.request())
        m.open.append(requests[-1])
    with subprocess.Popen([CTL, "-s", SOCKET, "-d", STATEDIR, "-b", "-"], stdin=subprocess.PIPE, stdout=LOG, stderr=LOG,
                          text=True) as p:
        p.stdin.write("".join(" ".join(words(r)) + "\n" for r in requests))
        p.stdin.flush()
        time.sleep(rng.random() * 0.02 * SLOW)
        p.kill()


KINDS = ["work", "start", "reload", "batch", "stop", "offline"]


def run_round(kind):
    stop = threading.Event()
    threads = [] if kind == "offline" else [guarded(f, m, stop) for f, m in zip(work, models)]
    if kind == "batch":
        threads.append(guarded(many_client, models[4], stop))
    if kind == "reload":
        threads.append(guarded(reloader, stop, version))
    threads.append(guarded(links, stop))
    time.sleep((0.005 + rng.random() * 0.08) * SLOW)
    {"stop": stop_slowly, "start": kill_starting, "offline": offline}.get(kind, kill)()
    start(wait=False)
    stop.set()
    for t in threads:
        t.join()
    ready()
    if kind == "reload":
        configure(version[0])  # what the file says last: it may have started with the one before
        run_ctl("reload")
    if failures:
        raise Wrong(failures[0])
    check(models, version[0])


def main():
    worst = 0
    done = dict.fromkeys(KINDS, 0)
    for v in VIFS + [RENEWED]:
        make(v)
    configure(0)
    start()
    models[5].open.append({"command": "add", "addresses": models[5].addresses, "guest": "c5g0", "vif": RENEWED})
    ask(models[5].open[0])
    models[5].acknowledge()
    began = time.monotonic()
    wrong = None
    for n in range(ROUNDS):
        kind = KINDS[n % len(KINDS)] if ROUNDS < 60 else rng.choice(KINDS)
        at = time.monotonic()
        try:
            run_round(kind)
        except Wrong as e:
            wrong = "round %d (%s), CRASH_SEED=%d: %s" % (n, kind, SEED, str(e)[:2000])
            break
        done[kind] += 1
        worst = max(worst, time.monotonic() - at)
    took = time.monotonic() - began
    for n, kind in enumerate(KINDS):
        bad = wrong and "(%s)" % kind in wrong
        print("%sok %d - killed in kind \"%s\": %d times" % ("not " if bad else "", n + 1, kind, done[kind]))
        if bad:
            print("# " + wrong.replace("\n", "\n# "))
    print("# %d rounds, %.2f s each, the longest %.2f s; %d requests acknowledged, none lost" % (
        sum(done.values()), took / max(1, sum(done.values())), worst, acknowledged))
    daemon.send_signal(signal.SIGTERM)
    print("%sok %d - it stops cleanly" % ("" if daemon.wait() == 0 else "not ", len(KINDS) + 1))
    left = routes()
    print("%sok %d - and leaves no route behind (keep-routes off)" % ("not " if left else "", len(KINDS) + 2))
    print("1..%d" % (len(KINDS) + 2))
    sys.exit(1 if wrong else 0)


main()
