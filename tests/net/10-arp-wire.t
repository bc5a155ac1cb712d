#!/bin/bash
# 10-arp-wire: the rules of the wire for ARP, frame by frame: makes the lab that arp_wire.py speaks in, and
# lets it speak.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2034 # for lab_up
LAB_GUESTS=(
	"raw1 vif11.0 none"
	"raw2 vif12.0 none"
	"raw3 vif13.0 none"
	"raw4 vif14.0 none"
	"raw5 vif15.0 none"
)
lab_up || bail "no lab"
lab_host tester none 02:00:00:00:00:77
ip -n dom0 addr add 198.51.100.3/25 dev eth0

# One vif that is down, and one that a foreign route is in the way of
lab_guest raw6 vif16.0 none
ip -n dom0 link set vif16.0 down
lab_guest raw7 vif17.0 none
ip -n dom0 route add 192.0.2.59 dev vif11.0 proto static

daemon_use arpproxyd
daemon_conf <<EOT
uplink "eth0" { announce = 3 }
vif "vif13.*" { guard = "false" answer = "all" }
vif "vif14.*" { guard = "monitor" }
vif "vif15.*" { gateway = { "169.254.0.1", "203.0.113.254" } answer = "none" }
guest "vt1" {
    vif = "vif11.0"
    addresses = { "192.0.2.34", "192.0.2.200/29" }
    mac = { "$(mac_of raw1 eth0)" }
}
guest "vt2" { vif = "vif12.0" addresses = { "192.0.2.36", "192.0.2.63", "203.0.113.5", "203.0.113.128/28" } }
guest "vt3" { vif = "vif13.0" addresses = { "192.0.2.37" } }
guest "vt4" { vif = "vif14.0" addresses = { "192.0.2.38" } }
guest "vt5" { vif = "vif15.0" addresses = { "192.0.2.39" } }
guest "vt6" { vif = "vif16.0" addresses = { "192.0.2.58" } }
guest "vt7" { vif = "vif17.0" addresses = { "192.0.2.59" } }
guest "absent" { vif = "vif99.0" addresses = { "192.0.2.153" } }
EOT
daemon_start || bail "no daemon"

frames arp_wire.py
done_testing
