#!/usr/bin/python3
"""bench: ndproxyd and arpproxyd beside the kernel's proxies, ndppd and npd6. See README.md."""

import argparse
import json
import os
import subprocess
import sys

import lab
import responders

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODES = ("search", "cpu", "latency", "unlisted", "mixed", "overload")


def gen(args, who, mode, **options):
    """One run of the generator: what it found."""
    words = {"if": "eth0", "proto": "arp" if who.arp else "ndp", "host-mac": lab.HOST_MAC,
             "addr": lab.REQUESTER4 if who.arp else lab.REQUESTER6,
             "first": responders.ARP_FIRST if who.arp else responders.NDP_FIRST,
             "unlisted": responders.ARP_UNLISTED if who.arp else responders.NDP_UNLISTED,
             "count": who.count, "flags": who.flags,
             "cpu": lab.REQUESTER_CPU, "host-cpu": lab.HOST_CPU, **options}
    command = ["nsenter", "--net=/run/netns/requester", os.path.join(args.build, "bench/gen")]
    for name, value in words.items():
        command += ["--" + name, str(value)]
    if not who.arp:
        command += ["--source", lab.HOST6, "--source", lab.HOST_LINKLOCAL]
    done = subprocess.run(command + [mode], stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        raise lab.BenchError(f"{who.name}, {mode}: the generator failed")
    found = json.loads(done.stdout)
    if mode == "wait" and not found["answered_at"]:
        raise lab.BenchError(f"{who.name} does not answer: {found['why']}")
    if found["wrong"] or found["stray"]:
        raise lab.BenchError(f"{who.name}, {mode}: {found['wrong']} wrong answers "
                             f"({found.get('why')}), {found['stray']} that nobody had asked for")
    return found


def measure(args, who, modes, guess):
    """All that is measured of one responder that answers."""
    got = {}
    if who.answers and ("search" in modes or "overload" in modes):
        got["search"] = gen(args, who, "search", rate=guess, seconds=args.window)
    rate = got["search"]["rate"] if "search" in got else guess
    if who.answers and "cpu" in modes:
        got["cpu"] = gen(args, who, "rate", rate=args.cpu_rate, seconds=args.cpu_window)
    if who.answers and "latency" in modes:
        got["latency"] = gen(args, who, "rate", rate=20000, seconds=1)
    if "unlisted" in modes:
        got["unlisted"] = gen(args, who, "rate", rate=0, flood=args.cpu_rate,
                              seconds=args.cpu_window)
        got["flood"] = gen(args, who, "rate", rate=0, flood=args.flood, seconds=1)
    if who.answers and "mixed" in modes:
        got["mixed"] = gen(args, who, "rate", rate=5000, flood=args.flood, seconds=2)
    if who.answers and "overload" in modes:
        got["overload"] = gen(args, who, "overload", rate=rate, seconds=1)
    return got


def run_one(args, who, modes, guess):
    lab.up()
    try:
        who.start()
        if who.answers:
            gen(args, who, "wait", seconds=60)
        return measure(args, who, modes, guess)
    finally:
        who.stop()
        lab.down()


def show(name, got):
    print(f"{name:14s}", end="")
    if "search" in got:
        s = got["search"]
        print(f" {s['rate'] / 1e3:7.1f} k/s{'+' if s['generator_limited'] else ''}", end="")
    if "cpu" in got:
        print(f"  {got['cpu']['cpu_per_100k']:.3f} s/100k", end="")
    if "latency" in got:
        print(f"  p50 {got['latency']['p50_us']:.1f} p99 {got['latency']['p99_us']:.1f} us", end="")
    if "unlisted" in got:
        print(f"  unlisted {got['unlisted']['cpu_per_100k_sent']:.3f}"
              f" flood({got['flood']['sent_per_s'] / 1e3:.0f}k)"
              f" {got['flood']['cpu_per_100k_sent']:.3f}", end="")
    if "mixed" in got:
        print(f"  mixed({got['mixed']['sent_per_s'] / 1e3:.0f}k) loss"
              f" {got['mixed']['loss'] * 100:.2f}%", end="")
    if "overload" in got:
        o = got["overload"]
        print(f"  overload x{o['offered']:.2f} {o['goodput'] * 100:.0f}%", end="")
    print(flush=True)


def parse():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--only", default="", help="responders, with commas between; --list has them")
    p.add_argument("--modes", default=",".join(MODES), help="of " + ",".join(MODES))
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--build", default=os.path.join(TOP, "build"))
    p.add_argument("--programs", default="", help="where the daemons are; default: BUILD/sbin")
    p.add_argument("--window", type=float, default=0.5, help="seconds of a step of the search")
    p.add_argument("--cpu-window", type=float, default=2.0)
    p.add_argument("--cpu-rate", type=float, default=100000)
    p.add_argument("--flood", type=float, default=800000)
    p.add_argument("--json", default="", help="all that was found, into this file")
    p.add_argument("--list", action="store_true")
    args = p.parse_args()
    args.programs = args.programs or os.path.join(args.build, "sbin")
    return args


def main():
    args = parse()
    table = responders.known(args.programs)
    if args.list:
        print("\n".join(table))
        return
    names = args.only.split(",") if args.only else list(table)
    for name in names:
        if name not in table:
            raise lab.BenchError(f"no responder called {name}")
    only_one = lab.alone()
    lab.enter()
    guess = dict.fromkeys(names, 200000)
    found = []
    for number in range(args.rounds):
        for name in names:
            got = run_one(args, table[name], args.modes.split(","), guess[name])
            if got.get("search", {}).get("rate"):
                guess[name] = got["search"]["rate"]
            found.append({"round": number + 1, "name": name, **got})
            show(name, got)
    only_one.close()
    if args.json:
        with open(args.json, "w", encoding="ascii") as f:
            json.dump(found, f, indent=1)


if __name__ == "__main__":
    try:
        main()
    except lab.BenchError as e:
        sys.exit(f"bench: {e}")
