"""generator: gen, and what it found."""

import json
import os
import subprocess

import lab
import responders


def start(args, who, mode, **options):
    """gen, running: a subprocess."""
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
    return subprocess.Popen(command + [mode], stdout=subprocess.PIPE, text=True)


def result(who, mode, process):
    """What it found, when it has ended; each answer was right."""
    text, _ = process.communicate()
    if not text:
        raise lab.BenchError(f"{who.name}, {mode}: the generator failed")
    found = json.loads(text)
    if mode == "wait" and not found["answered_at"]:
        raise lab.BenchError(f"{who.name} does not answer: {found['why']}")
    if found["wrong"] or found["stray"]:
        raise lab.BenchError(f"{who.name}, {mode}: {found['wrong']} wrong answers "
                             f"({found.get('why')}), {found['stray']} that nobody had asked for")
    return found


def run(args, who, mode, **options):
    return result(who, mode, start(args, who, mode, **options))
