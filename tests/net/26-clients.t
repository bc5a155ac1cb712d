#!/bin/bash
# 26-clients: clients of the control socket that flood, hang or send rubbish: others' commands and answers on the
# wire are not delayed, and memory is bounded (lib/ctl.h). clients.py has the kinds.
#
# They speak to the same code in both daemons, so arpproxyd has every sixth kind only.
#
# CLIENTS_ALL=1: all kinds for both; CLIENTS_SECONDS (0.4): of each; CLIENTS_MODE: one kind alone, in the words of
# clients.py

# shellcheck disable=SC2317 # functions that are called through others
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up || bail "no lab"
one_daemon() { # ADDRESS FORMAT NTH
	{
		echo 'uplink "eth0" { announce = 0 }'
		echo "guest \"vt1\" { vif = \"vif11.0\" addresses = { \"$1\" } }"
		echo "guests-file = \"$LAB_DIR/many\""
	} | daemon_conf
	for ((i = 0; i < 2000; i++)); do
		# shellcheck disable=SC2059 # the format is ours
		printf "$2 vif12.0 vt2\n" $((i >> 8)) $((i & 255))
	done >"$LAB_DIR/many"
	pass "$LAB_NAME starts" daemon_start || bail "no daemon"
	python_tap dom0 clients.py "$LAB_NAME" "$LAB_DAEMON" "$LAB_SOCK" "$1" "${CLIENTS_ALL:-$3}"
	exits 0 "$LAB_NAME stops cleanly" daemon_stop
}
ndp one_daemon 2800:110:2::34 2001:db8:1::%x:%x 1
arp one_daemon 192.0.2.34 10.1.%d.%d 6
done_testing
