#!/bin/bash
# lab.sh: the lab of the tests and the demo as a shell to play in; see tests/net/lib.sh.
#
# tests/lab.sh [-n] [-c FILE] [-a FILE]: -n without the daemons, -c with a configuration of one's own for
# ndproxyd, -a for arpproxyd. The LAB_* settings named in tests/net/lib.sh may be given in the environment.

# shellcheck source-path=SCRIPTDIR source=net/lib.sh
. "$(dirname "$0")/net/lib.sh"

usage() {
	echo "usage: tests/lab.sh [-n] [-c FILE] [-a FILE]" >&2
	exit 2
}

RUN=1
while getopts nc:a: option; do
	case $option in
	n) RUN= ;;
	c) ndp daemon_conf <"$OPTARG" || exit 1 ;;
	a) arp daemon_conf <"$OPTARG" || exit 1 ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
(($# == 0)) || usage

lab_up || {
	echo "lab: the lab could not be made" >&2
	exit 1
}
start() { # the daemon in use
	[[ -s $LAB_CONF ]] || daemon_conf <<-EOT
		uplink "$LAB_UPLINK" { }
		guest "vt1" { vif = "vif11.0" addresses = { "$(address_of "$LAB_FAMILY" guest1)" } }
		guest "vt2" { vif = "vif12.0" addresses = { "$(address_of "$LAB_FAMILY" guest2)" } }
	EOT
	[[ -n $RUN ]] || return 0
	if [[ -x $LAB_PROGRAM ]]; then
		daemon_start && echo "$LAB_NAME runs."
	else
		echo "$LAB_PROGRAM is not there (make builds it)."
	fi
}
both start
for node in "${LAB_NODES[@]}"; do
	printf '%-8s %-18s %s\n' "$node" "${LAB_ADDR[$node]:-}" "${LAB_ADDR4[$node]:-}"
done
lab_shell
