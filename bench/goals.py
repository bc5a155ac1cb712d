"""goals: what the figures should be, whether they are, and by how much they are not."""

import statistics

from figures import markdown, names, values

CPU, RATE = ("cpu", "cpu_per_100k"), ("search", "rate")
P50, GOODPUT = ("latency", "p50_us"), ("overload", "goodput")
UNLISTED, FLOOD = ("unlisted", "cpu_per_100k_received"), ("flood", "cpu_per_100k_received")
LOSS = ("mixed", "loss")
SIZES = ("1", "1k", "100k", "1M")
FAMILIES = (("ndproxyd", "kernel-1", "nothing"), ("arpproxyd", "kernel-arp-1", "nothing-arp"))


class Goal:
    """At most, or at least, so much: of one figure, or of its ratio to another responder's."""

    def __init__(self, title, name, where, limit, least=False, to=None, factor=1.0, unit=""):
        self.title, self.name, self.where, self.to = title, name, where, to
        self.limit, self.least, self.factor = limit, least, factor
        self.unit = unit or (" times" if to else "")

    def measured(self, found):
        """By round: a ratio is that of two runs which were close to each other."""
        own = values(found, self.name, self.where)
        if not self.to:
            return [v * self.factor for v in own.values()]
        other = values(found, self.to, self.where)
        return [v / other[n] for n, v in own.items() if other.get(n)]

    def verdict(self, value):
        if value >= self.limit if self.least else value <= self.limit:
            return "met"
        if self.limit == 0:
            return f"**missed by {value:g}**"
        over = abs(value / self.limit - 1) * 100
        return f"**missed by {over:.0f} %**" if over < 1000 else "**missed by far**"

    def row(self, found):
        bound = f"{'≥' if self.least else '≤'} {self.limit:g}{self.unit}"
        got = self.measured(found)
        if not got:
            return [self.title, "n/a", bound, "not measured"]
        value = statistics.median(got)
        text = f"{value:.3g}"
        if len(got) > 1:
            text += f" ({min(got):.3g}–{max(got):.3g})"
        return [self.title, text + self.unit, bound, self.verdict(value)]


def of_rates(daemon, kernel, nothing):
    """Against others, in the same round."""
    def at(size):
        return f"{daemon}-{size}"

    goals = [Goal(f"CPU an answer, {size}, to the kernel's with 1", at(size), CPU, limit, to=kernel)
             for size, limit in (("1", 1.2), ("1k", 1.2), ("1M", 1.5))]
    goals.append(Goal("most per second, 100k, to the kernel's with 1", at("100k"), RATE, 0.95,
                      least=True, to=kernel))
    if daemon == "ndproxyd":
        goals.append(Goal("most per second, 100k, to npd6's", at("100k"), RATE, 2, least=True,
                          to="npd6"))
    for where, how in ((UNLISTED, "at 100,000/s"), (FLOOD, "in a flood")):
        goals += [Goal(f"CPU an unlisted question {how}, {size}, to nothing's", at(size), where,
                       1.3, to=nothing) for size in SIZES]
    goals += [Goal(f"5,000 hits/s in a flood, {size}: lost", at(size), LOSS, 0.1, factor=100,
                   unit=" %") for size in SIZES]
    goals += [Goal(f"p50 at 20,000/s, {size}, to the kernel's with 1", at(size), P50, 1.4,
                   to=kernel) for size in ("1", "1M")]
    goals += [Goal(f"twice the most, {size}: answered of the most", at(size), GOODPUT, 60,
                   least=True, factor=100, unit=" %") for size in SIZES]
    return goals


def of_loading(daemon):
    """Of itself."""
    def loading(key):
        return "loading", key

    million, ctl = f"{daemon}-1M", daemon.replace("proxyd", "proxyctl")
    return [
        Goal("start, 100k: answering, filtered, routed", f"{daemon}-100k", loading("start_s"), 1,
             unit=" s"),
        Goal("start, 1M: the same", million, loading("start_s"), 3, unit=" s"),
        Goal("reload, 1M, ten changes", million, loading("reload_s"), 1.5, unit=" s"),
        Goal("restart, 1M right routes: touched", million, loading("again_events"), 0,
             unit=" routes"),
        Goal("VmRSS, 1M", million, loading("rss_mb"), 120, unit=" MB"),
        Goal(f"`{ctl} -b`, 100,000 additions", f"{daemon}-1", ("batch", "batch_s"), 2, unit=" s"),
    ]


def text(found):
    """A table for each daemon of which anything was measured."""
    parts = []
    for daemon, kernel, nothing in FAMILIES:
        if not any(name.startswith(daemon) for name in names(found)):
            continue
        rows = [g.row(found) for g in of_rates(daemon, kernel, nothing) + of_loading(daemon)]
        met = sum(r[3] == "met" for r in rows)
        parts.append(markdown([daemon, "measured", "goal", ""], rows) +
                     f"\n\n{met} of {len(rows)} met.")
    return "\n\n".join(parts)
