#!/bin/bash
# 26-uplinks: macvlan, VXLAN, bridge, VLAN and bond as uplinks, all at once, each with a router and a guest, and with what
# is below one of them as an uplink too. One after the other is made, goes down, is deleted, loses its carrier; the others
# go on. A bond's fail-over announces everybody behind it again (N11, A07). What this kernel has not is skipped.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LAB_GUESTS=()
lab_up || bail "no lab"
lab_node elsewhere
has() { # KIND
	case $1 in
	macvlan | vlan) ip -n elsewhere link add link below name probe type "$1" ${2:+"${@:2}"} ;;
	*) ip -n elsewhere link add name probe type "$1" ${2:+"${@:2}"} ;;
	esac 2>/dev/null && ip -n elsewhere link del probe
}
ip -n elsewhere link add name below type veth peer name other
KINDS=
has macvlan mode private && KINDS+=" macvlan"
has vxlan id 5 dstport 4789 remote 127.0.0.1 && KINDS+=" vxlan"
has bridge && KINDS+=" bridge"
has vlan id 7 && KINDS+=" vlan"
has bond mode active-backup && KINDS+=" bond"
{
	printf 'uplink "%s" { }\n' low1 tap9
	for n in 1 2 3 4 5; do
		lab_node "r$n"
		lab_node "g$n"
		echo "uplink \"wan$n\" { announce = 1 }"
		echo "guest \"g$n\" { vif = \"vif$n.0\" uplink = \"wan$n\" addresses = { \"2001:db8:$n::34\" } }"
	done
} | daemon_conf
sed -E 's/2001:db8:([0-9])::/198.18.\1./' "$LAB_CONF" | arp daemon_conf
pass "both daemons start, with no uplink there is" both daemon_start || bail "no daemon"
export KINDS NDPROXYD=$LAB_DAEMON ARPPROXYD=${LAB_DAEMONS[arpproxyd]}
frames uplinks.py
done_testing
