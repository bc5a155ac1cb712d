#!/bin/bash
# lab.sh: the lab of the tests and the demo as a shell to play in; see tests/net/lib.sh.
#
# tests/lab.sh [-n] [-c FILE]: -n without the daemon, -c with a configuration of one's own. The
# LAB_* settings named in tests/net/lib.sh may be given in the environment.

# shellcheck source-path=SCRIPTDIR source=net/lib.sh
. "$(dirname "$0")/net/lib.sh"

usage() {
	echo "usage: tests/lab.sh [-n] [-c FILE]" >&2
	exit 2
}

RUN=1
while getopts nc: option; do
	case $option in
	n) RUN= ;;
	c) daemon_conf <"$OPTARG" || exit 1 ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
(($# == 0)) || usage

lab_up || {
	echo "lab: the lab could not be made" >&2
	exit 1
}
[[ -s $LAB_CONF ]] || daemon_conf <<-EOT
	uplink "$LAB_UPLINK" { }
	guest "vt1" { vif = "vif11.0" addresses = { "${LAB_ADDR[guest1]}" } }
	guest "vt2" { vif = "vif12.0" addresses = { "${LAB_ADDR[guest2]}" } }
EOT
if [[ -n $RUN ]]; then
	if [[ -x $NDPROXYD ]]; then
		daemon_start && echo "The daemon runs."
	else
		echo "$NDPROXYD is not there (make builds it): the lab alone."
	fi
fi
for node in "${LAB_NODES[@]}"; do
	printf '%-8s %s\n' "$node" "${LAB_ADDR[$node]:-}"
done
lab_shell
