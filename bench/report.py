"""report: the tables and the chart of what bench.py found."""

import os
import platform
import statistics
import subprocess

import goals
import lab
from figures import markdown, names, split, values

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
MISSING = "–"
QUIET_MAX = 5  # percent of the host's CPU that others may take
NOT_QUIET = "**The machine was not quiet: these figures say little.**"
OFFERED_MIN = 1.9  # an overload that the generator made less of is told

# title, where it stands, factor, digits
COLUMNS = (
    ("most/s, thousands", ("search", "rate"), 1e-3, 0),
    ("CPU µs an answer", ("cpu", "cpu_per_100k"), 10, 2),
    ("p50 µs", ("latency", "p50_us"), 1, 1),
    ("p99 µs", ("latency", "p99_us"), 1, 1),
    ("CPU µs an unlisted NS", ("unlisted", "cpu_per_100k_received"), 10, 2),
    ("the same in a flood", ("flood", "cpu_per_100k_received"), 10, 2),
    ("hits lost in a flood, %", ("mixed", "loss"), 100, 2),
    ("overload: answered, %", ("overload", "goodput"), 100, 0),
)
LOADING = (
    ("start, s", ("loading", "start_s"), 1, 2),
    ("reload, s", ("loading", "reload_s"), 1, 2),
    ("restart, s", ("loading", "again_s"), 1, 2),
    ("routes touched by it", ("loading", "again_events"), 1, 0),
    ("VmRSS, MB", ("loading", "rss_mb"), 1, 0),
)
NAMES = {"nothing": "nothing listens (ND)", "nothing-arp": "nothing listens (ARP)",
         "kernel": "kernel, proxy_ndp", "kernel-arp": "kernel, proxy_arp"}


def machine():
    """What the figures were taken on."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model or platform.machine(), "cpus": os.cpu_count(),
            "kernel": f"{platform.system()} {platform.release()}"}


def cell(got, factor, digits):
    """Median, and from what to what."""
    if not got:
        return MISSING
    numbers = sorted(v * factor for v in got.values())
    text = f"{statistics.median(numbers):.{digits}f}"
    if len(numbers) > 1:
        text += f" ({numbers[0]:.{digits}f}–{numbers[-1]:.{digits}f})"
    return text


def line(number, name, run):
    """One run, for whoever watches."""
    words = [f"{number} {name:15s}"]
    for title, (group, key), factor, digits in COLUMNS + LOADING:
        if key in run.get(group, {}):
            words.append(f"{title} {run[group][key] * factor:.{digits}f};")
    if run.get("search", {}).get("generator_limited"):
        words.append("the generator was the limit;")
    words += [f"[{e}]" for e in run["errors"]]
    return " ".join(words)


def row(found, name, columns):
    kind, count = split(name)
    addresses = f"{count:,}" if count else "a prefix" if kind in ("ndppd", "npd6") else MISSING
    cells = []
    for _, where, factor, digits in columns:
        text = cell(values(found, name, where), factor, digits)
        if where[0] == "search" and any(values(found, name, ("search", "generator_limited"))
                                        .values()):
            text = "≥ " + text
        offered = values(found, name, ("overload", "offered"))
        if where[0] == "overload" and offered and min(offered.values()) < OFFERED_MIN:
            text += f" of ×{min(offered.values()):.1f}"
        cells.append(text)
    return [NAMES.get(kind, kind), addresses] + cells


def batches(found):
    lines = []
    for name in names(found):
        if any("batch" in run for run in found["runs"] if run["name"] == name):
            ctl = split(name)[0].replace("proxyd", "proxyctl")
            text = cell(values(found, name, ("batch", "batch_s")), 1, 2)
            text = "n/a: no such option" if text == MISSING else text + " s"
            lines.append(f"`{ctl} -b` with 100,000 additions: {text}.")
    return "\n".join(lines)


def notes(found):
    lines = [f"- Round {run['round']}, {run['name']}: {error}." for run in found["runs"]
             for error in run["errors"]]
    return "Not measured:\n\n" + "\n".join(lines) if lines else ""


def heading(found):
    m = found["machine"]
    busy = [run["machine"]["busy"] for run in found["runs"] if "machine" in run] or [0]
    floods = {n: run["flood"]["sent_per_s"] for n, run in enumerate(found["runs"])
              if "flood" in run}
    flood = f" Floods: {cell(floods, 1e-3, 0)} thousand a second." if floods else ""
    return (f"{m['cpu']}, {m['cpus']} CPUs, {m['kernel']}. Rounds: {found['rounds']}; medians, and "
            "in parentheses from least to most. Before each measurement the host's CPU was busy "
            f"with other things for {statistics.median(busy):.0f} % of the time, at most "
            f"{max(busy):.0f} %.{flood}" +
            (f"\n\n{NOT_QUIET}" if statistics.median(busy) > QUIET_MAX else ""))


def text(found):
    """All of it, as Markdown."""
    main = [row(found, name, COLUMNS) for name in names(found)
            if any(values(found, name, c[1]) for c in COLUMNS)]
    large = [row(found, name, LOADING) for name in names(found)
             if values(found, name, ("loading", "start_s"))]
    parts = [heading(found)]
    if main:
        parts.append(markdown(["", "addresses"] + [c[0] for c in COLUMNS], main))
    if large:
        parts.append(markdown(["loading", "addresses"] + [c[0] for c in LOADING], large))
    parts += [batches(found), "### Goals", goals.text(found), notes(found)]
    return "\n\n".join(p for p in parts if p)


def write(path, body):
    """Between the markers of that file."""
    with open(path, encoding="utf-8") as f:
        head, begin, rest = f.read().partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise lab.BenchError(f"{path}: no markers")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{head}{BEGIN}\n\n{body}\n\n{END}{tail}")


def series(found, kind, where, factor):
    """Lines for gnuplot: addresses, median, least, most."""
    lines = []
    for name in names(found):
        got = values(found, name, where)
        if split(name)[0] == kind and got:
            numbers = [v * factor for v in got.values()]
            # a prefix is asked for as many addresses
            count = split(name)[1] or 100000
            lines.append(f"{count} {statistics.median(numbers)} {min(numbers)} {max(numbers)}")
    return lines


CHART = """set terminal svg size 1000,440 noenhanced font "sans,12" background rgb "white"
set output OUT
set multiplot layout 1,2
set logscale x
set xrange [0.6:1700000]
set yrange [0:*]
set xtics ("1" 1, "10" 10, "100" 100, "1k" 1e3, "10k" 1e4, "100k" 1e5, "1M" 1e6)
set xlabel "addresses"
set grid ytics lc rgb "#dddddd"
set key below maxrows 3
"""
PANELS = (("most answers a second, thousands", ("search", "rate"), 1e-3, ""),
          ("answered at twice that rate, % of it", ("overload", "goodput"), 100,
           "set arrow from graph 0, first 60 to graph 1, first 60 nohead dt 2 lc rgb '#888888'\n"))
STYLES = {"kernel": "lc rgb '#555555' pt 7", "kernel-arp": "lc rgb '#bbbbbb' pt 7",
          "ndppd": "lc rgb '#d08000' pt 9", "npd6": "lc rgb '#8040c0' pt 11",
          "ndproxyd": "lc rgb '#0060c0' pt 5 lw 2", "arpproxyd": "lc rgb '#00a060' pt 5 lw 2"}


def chart(path, found):
    """An SVG of what was found, by gnuplot."""
    script = CHART.replace("OUT", f'"{path}"')
    for title, where, factor, more in PANELS:
        plots = []
        for number, (kind, style) in enumerate(STYLES.items()):
            lines = series(found, kind, where, factor)
            if not lines:
                continue
            script += "\n".join([f"$d{number} << EOD"] + lines + ["EOD", ""])
            how = "yerrorlines" if len(lines) > 1 else "yerrorbars"
            plots.append(f"$d{number} using 1:2:3:4 with {how} {style} "
                         f"title '{NAMES.get(kind, kind)}'")
        if plots:
            script += f"{more}set title '{title}'\nplot " + ", ".join(plots) + "\n"
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise lab.BenchError("gnuplot: " + done.stderr.strip())
