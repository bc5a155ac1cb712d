#!/usr/bin/python3
"""bench: ndproxyd and arpproxyd beside the kernel's proxies, ndppd and npd6. See README.md."""

import argparse
import json
import os
import sys
import time

import generator
import lab
import loading
import report
import responders

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LARGE = 100000  # addresses, from which on loading is measured
# what is measured, and about how many seconds it takes
MODES = {"search": 5.0, "cpu": 1.7, "latency": 1.2, "unlisted": 3.0, "mixed": 2.2, "overload": 1.2,
         "loading": 0.0, "batch": 0.0}
QUICK = ("nothing", "kernel-1", "ndppd", "npd6", "ndproxyd-1", "ndproxyd-1k", "ndproxyd-1M",
         "nothing-arp", "kernel-arp-1", "arpproxyd-1", "arpproxyd-100k")
SETUP = 1.0  # seconds for the lab, and for a responder to start and to stop
PER_MILLION = {"start": 8.0, "loading": 14.0}
BATCH_SECONDS = 4.0


class Run:
    """One responder in one round: what was found of it, and what went wrong."""

    def __init__(self, args, who, guess):
        self.args, self.who, self.guess = args, who, guess
        self.got, self.errors = {}, []

    def wants(self, mode):
        if mode == "loading":
            return isinstance(self.who, responders.Ours) and self.who.count >= LARGE \
                and mode in self.args.modes
        if mode == "batch":
            return isinstance(self.who, responders.Ours) and self.who.count == 1 \
                and mode in self.args.modes
        return mode in self.args.modes and (self.who.answers or mode == "unlisted")

    def gen(self, mode, **options):
        return generator.run(self.args, self.who, mode, **options)

    def search(self):
        """From the last round's rate on in small steps, else in large ones."""
        self.got["search"] = self.gen("search", rate=self.guess or 200000,
                                      step=1.2 if self.guess else 2, seconds=self.args.window)

    def rate(self):
        """The most per second that is known of it, 0 for none."""
        return self.got["search"]["rate"] if "search" in self.got else self.guess

    def cpu(self):
        rate = min(self.args.cpu_rate, 0.8 * (self.rate() or self.args.cpu_rate))
        self.got["cpu"] = self.gen("rate", rate=rate, seconds=self.args.cpu_window, windows=3,
                                   best="cpu")

    def latency(self):
        self.got["latency"] = self.gen("rate", rate=20000, seconds=0.3, windows=3,
                                       best="latency")

    def unlisted(self):
        self.got["unlisted"] = self.gen("rate", rate=0, flood=self.args.cpu_rate,
                                        seconds=self.args.cpu_window, windows=3, best="cpu")
        self.got["flood"] = self.gen("rate", rate=0, flood=self.args.flood, seconds=0.4,
                                     windows=2, best="cpu")

    def mixed(self):
        self.got["mixed"] = self.gen("rate", rate=5000, flood=self.args.flood, seconds=1, windows=2)

    def overload(self):
        if self.rate():
            self.got["overload"] = self.gen("overload", rate=self.rate(), seconds=0.5,
                                            windows=2)

    def loading(self):
        self.got["loading"].update(loading.reload(self.args, self.who))
        self.got["loading"].update(loading.again(self.args, self.who))

    def batch(self):
        self.got["batch"] = loading.batch(self.args, self.who)

    def start(self):
        if self.wants("loading"):
            self.got["loading"] = loading.start(self.args, self.who)
            return
        self.who.start()
        if self.who.answers:
            self.gen("wait", seconds=60)

    def go(self):
        self.got["machine"] = {"busy": lab.busy()}
        lab.up()
        try:
            self.start()
            for mode in MODES:
                if self.wants(mode):
                    self.attempt(getattr(self, mode))
        except lab.BenchError as e:
            self.errors.append(str(e))
        finally:
            self.who.stop()
            lab.down()

    def attempt(self, measure):
        """What goes wrong with one thing that is measured is told, and the others go on."""
        try:
            measure()
        except lab.BenchError as e:
            self.errors.append(str(e))


def estimate(args, table, names):
    """Seconds."""
    total = 0.0
    for name in names:
        run = Run(args, table[name], 0)
        total += SETUP + sum(s for mode, s in MODES.items() if run.wants(mode))
        if isinstance(table[name], responders.Ours):
            millions = table[name].count / 1e6
            total += PER_MILLION["start"] * millions
            total += PER_MILLION["loading"] * millions * run.wants("loading")
            total += BATCH_SECONDS * run.wants("batch")
    return total * args.rounds


def measure_all(args, table, names):
    """All rounds, interleaved: a machine that is slower for a while is so for everybody."""
    guess = dict.fromkeys(names, 0)
    found, took, began = [], dict.fromkeys(names, 0.0), time.monotonic()
    for number in range(1, args.rounds + 1):
        for name in names:
            if time.monotonic() - began + took[name] > args.minutes * 60:
                found.append({"round": number, "name": name, "errors": ["no time was left"]})
                continue
            run, since = Run(args, table[name], guess[name]), time.monotonic()
            run.go()
            took[name] = time.monotonic() - since
            guess[name] = run.got.get("search", {}).get("rate") or guess[name]
            found.append({"round": number, "name": name, "errors": run.errors,
                          "took": took[name], **run.got})
            print(report.line(number, name, found[-1]), flush=True)
    return found


def parse():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--only", default="", help="responders, with commas between; --list has them")
    p.add_argument("--modes", default=",".join(MODES), help="of " + ",".join(MODES))
    p.add_argument("--rounds", type=int, help="3, with --quick 1")
    p.add_argument("--quick", action="store_true", help="one round, and not everybody")
    p.add_argument("--minutes", type=float, default=14.5, help="nothing begins after that")
    p.add_argument("--build", default=os.path.join(TOP, "build"))
    p.add_argument("--programs", default="", help="where the daemons are; default: BUILD/sbin")
    p.add_argument("--window", type=float, default=0.4, help="seconds of a step of the search")
    p.add_argument("--cpu-window", type=float, default=0.5)
    p.add_argument("--cpu-rate", type=float, default=100000)
    p.add_argument("--flood", type=float, default=800000)
    p.add_argument("--json", default="", help="all that was found; default: BUILD/bench/found.json")
    p.add_argument("--again", action="store_true", help="measure nothing: report that file")
    p.add_argument("--readme", default="", help="the file whose table is written anew")
    p.add_argument("--chart", default="", help="the SVG to draw")
    p.add_argument("--list", action="store_true")
    args = p.parse_args()
    args.build = os.path.abspath(args.build)
    args.programs = os.path.abspath(args.programs or os.path.join(args.build, "sbin"))
    args.json = args.json or os.path.join(args.build, "bench/found.json")
    args.rounds = args.rounds or (1 if args.quick else 3)
    args.modes = args.modes.split(",")
    for mode in args.modes:
        if mode not in MODES:
            p.error(f"no mode called {mode}")
    return args


def select(args, table):
    names = args.only.split(",") if args.only else QUICK if args.quick else list(table)
    for name in names:
        if name not in table:
            raise lab.BenchError(f"no responder called {name}")
    return names


def check_machine():
    """What would otherwise be told in a roundabout way, and late."""
    if os.geteuid() != 0:
        raise lab.BenchError("it makes namespaces, and needs root")
    if not {lab.HOST_CPU, lab.REQUESTER_CPU} <= os.sched_getaffinity(0):
        raise lab.BenchError("it needs two CPUs, one for whoever answers and one for the questions")


def measure(args):
    check_machine()
    table = responders.known(args.programs)
    names = select(args, table)
    only_one, began = lab.alone(), time.monotonic()
    print(f"bench: {len(names)} responders, rounds: {args.rounds}, about "
          f"{estimate(args, table, names) / 60:.1f} minutes; nothing of this machine is touched",
          flush=True)
    lab.enter()
    found = {"machine": report.machine(), "rounds": args.rounds,
             "runs": measure_all(args, table, names)}
    only_one.close()
    print(f"bench: took {(time.monotonic() - began) / 60:.1f} minutes")
    with open(args.json, "w", encoding="ascii") as f:
        json.dump(found, f, indent=1)
    return found


def main():
    args = parse()
    if args.list:
        print("\n".join(responders.known(args.programs)))
        return
    if args.again:
        with open(args.json, encoding="ascii") as f:
            found = json.load(f)
    else:
        found = measure(args)
    text = report.text(found)
    print("\n" + text)
    if args.readme:
        report.write(args.readme, text)
    if args.chart:
        report.chart(args.chart, found)
    if any(run["errors"] for run in found["runs"]):
        sys.exit("bench: not everything could be measured; see the notes")


if __name__ == "__main__":
    try:
        main()
    except (lab.BenchError, OSError) as e:
        sys.exit(f"bench: {e}")
