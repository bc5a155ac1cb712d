#!/bin/bash
# 24-netlink: events that are lost (K05): the daemons are stopped while interfaces, addresses and routes change
# ten thousand times, until their event sockets overflow; when they go on, all that they say and have must be what
# the kernel says. netlink_storm.py does it, kernel.py compares.
#
# STORM_ROUNDS (2), STORM_EVENTS (10000 a round), STORM_SEED (random, printed: repeats a run)

# shellcheck disable=SC2317 # functions that are called through others
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

VIFS=12 # as netlink_storm.py has it
LAB_GUESTS=()
LAB_EXTRA_MACS=(02:00:00:00:00:13 02:00:00:00:00:23)
lab_up || bail "no lab"
lab_node guests && lab_node limbo
for ((i = 0; i < VIFS; i++)); do
	echo "link add name vif$i.0 type veth peer name p$i netns guests"
	echo "link set vif$i.0 up"
done | ip -n dom0 -batch -
for ((i = 0; i < VIFS; i++)); do
	echo "link set p$i up"
done | ip -n guests -batch -

sections() { # PRINTF-FORMAT of guests' addresses, of the same number three times
	echo 'uplink "eth0" { announce = 0 }'
	for ((i = 0; i < VIFS; i++)); do
		# shellcheck disable=SC2059 # the format is ours
		printf "guest \"vt$i\" { vif = \"vif$i.0\" addresses = { $1 } }\n" "$((100 * $2 + i))" \
			"$((100 * $2 + i))" "$i"
	done
}
ndp daemon_conf < <(sections '"2800:110:2::1:%x", "2001:db8:5::1:%x", "2001:db8:7:%x::/64"' 0)
arp daemon_conf < <(sections '"192.0.2.%d", "198.51.100.%d", "10.7.%d.0/24"' 1)
pass "the daemons start" both daemon_start || bail "no daemon"
daemon_args() {
	echo "$LAB_NAME" "$LAB_DAEMON" "$LAB_SOCK"
}
mapfile -t args < <(both daemon_args | tr ' ' '\n')
python_tap dom0 netlink_storm.py "${STORM_ROUNDS:-2}" "${STORM_EVENTS:-10000}" "${args[@]}"
done_testing
