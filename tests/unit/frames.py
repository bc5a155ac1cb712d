"""What ndp_frames.py and arp_frames.py share: writes frames as a C table and as fuzz seeds."""
import os


def write(protocol, cases):
    """cases: (name, reason, bytes). Run from the top of the tree."""
    with open("tests/unit/%s_frames.h" % protocol, "w", encoding="ascii") as out:
        out.write("/* Made by tests/unit/%s_frames.py; do not edit. */\n" % protocol)
        out.write("/* clang-format off */\n")
        out.write("static const struct {\n\tconst char *name;\n\tenum reason reason;\n"
                  "\tsize_t len;\n\tconst char *bytes;\n} frames[] = {\n")
        for name, reason, data in cases:
            out.write('\t{ "%s", REASON_%s, %d,\n' % (name, reason, len(data)))
            for n in range(0, len(data), 24):
                out.write('\t  "%s"\n' % "".join("\\x%02x" % b for b in data[n:n + 24]))
            out.write("\t},\n")
        out.write("};\n/* clang-format on */\n")
    os.makedirs("tests/fuzz/" + protocol, exist_ok=True)
    for name, _, data in cases:
        seed = name.replace(" ", "-").replace(",", "").replace(":", "")
        with open("tests/fuzz/%s/%s" % (protocol, seed), "wb") as out:
            out.write(data)
