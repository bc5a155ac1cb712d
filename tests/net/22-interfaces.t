#!/bin/bash
# 22-interfaces: the uplink and a vif are absent at start, go down, lose their carrier, are deleted, renamed, moved to
# another namespace and back, become another's, in ways that the kernel tells of and in ways that are
# lost (25-interfaces-at-once.t). Each time both daemons must be right within 100 ms (LAB_TIMES=1; it is printed in any case), and at
# rest all the while.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2034 # for lab_up
LAB_EXTRA_MACS=(02:00:00:00:00:13)
lab_up || bail "no lab"
lab_node elsewhere
daemon_conf <<'EOT'
uplink "eth0" { announce = 1 }
guest "vt1" { vif = "vif11.0" addresses = { "2800:110:2::34" } }
guest "vt2" { vif = "vif12.0" addresses = { "2800:110:2::36" } }
guest "vt3" { vif = "vif13.0" addresses = { "2800:110:2::38" } }
EOT
sed 's/2800:110:2::/192.0.2./' "$LAB_CONF" | arp daemon_conf
ip -n dom0 link del eth0
ip -n dom0 link del vif11.0
pass "both daemons start without uplink and vif" both daemon_start || bail "no daemon"
export LAB_PART=${LAB_PART:-alone} NDPROXYD=$LAB_DAEMON ARPPROXYD=${LAB_DAEMONS[arpproxyd]}
frames interfaces.py
done_testing
