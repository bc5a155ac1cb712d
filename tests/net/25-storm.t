#!/bin/bash
# 25-storm: vifs and their addresses come and go, by 16 clients at once for each daemon: every request comes to what
# it must, nothing leaks, and at the end of each round tables, routes and listeners are those of a model that the test
# keeps. storm.py does it.
#
# STORM_VIFS (120; 1000 for the whole thing), STORM_SECONDS (6; 60), STORM_SEED (random, printed)

# shellcheck disable=SC2317 # functions that are called through others
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LAB_GUESTS=("guest1 vif11.0 2800:110:2::34 192.0.2.34")
lab_up || bail "no lab"
lab_node guests
guests sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ulimit -n 4096
ndp daemon_conf <<'EOT'
uplink "eth0" { }
guest "anchor" { vif = "vif11.0" addresses = { "2800:110:2::34" } }
EOT
arp daemon_conf <<'EOT'
uplink "eth0" { }
guest "anchor" { vif = "vif11.0" addresses = { "192.0.2.34" } }
EOT
pass "the daemons start" both daemon_start || bail "no daemon"
daemon_args() {
	echo "$LAB_NAME" "$LAB_DAEMON" "$LAB_SOCK" "$LAB_STATE"
}
mapfile -t args < <(both daemon_args | tr ' ' '\n')
python_tap dom0 storm.py "${STORM_VIFS:-120}" "${STORM_SECONDS:-6}" "${args[@]}"
done_testing
