#!/bin/bash
# 25-interfaces-at-once: 22-interfaces.t, of things that happen while the daemons do not look, or that are many.
LAB_PART="at once" exec "$(dirname "$0")/22-interfaces.t"
