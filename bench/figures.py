"""figures: what of the responders was found, by round."""

ADDRESSES = {"1": 1, "1k": 1000, "10k": 10000, "100k": 100000, "1M": 1000000}


def split(name):
    """Kind and number of addresses of a responder's name."""
    kind, _, size = name.rpartition("-")
    if size in ADDRESSES:
        return kind, ADDRESSES[size]
    return name, None


def values(found, name, where):
    """One figure of a responder, by round, as far as it was measured."""
    group, key = where
    return {run["round"]: run[group][key] for run in found["runs"]
            if run["name"] == name and key in run.get(group, {})}


def names(found):
    return list(dict.fromkeys(run["name"] for run in found["runs"]))


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" + "--:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
