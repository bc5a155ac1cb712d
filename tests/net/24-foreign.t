#!/bin/bash
# 24-foreign: routes of other protocols (K05, K09): whatever their metric, table, kind or overlap, none is ever
# changed; an entry that one of them blocks says so, and comes back when it goes. foreign.py has the cases.

# shellcheck disable=SC2317 # functions that are called through others
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LAB_GUESTS=("guest1 vif1.0 none" "guest2 vif2.0 none" "guest3 vif3.0 none")
lab_up || bail "no lab"
one_daemon() {
	python_tap dom0 foreign.py "$LAB_NAME" "$LAB_PROGRAM" "$LAB_CTL" "$LAB_DIR"
}
ndp one_daemon
arp one_daemon
done_testing
