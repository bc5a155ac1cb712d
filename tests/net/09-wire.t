#!/bin/bash
# 09-wire: the rules of the wire, frame by frame: makes the lab that wire.py speaks in, and lets it speak.

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
ip -n dom0 addr add 2001:db8:aa::3/64 dev eth0
ip -n dom0 -6 route add default via fe80::ff:fe00:1 dev eth0 metric 2048

# One vif that is down, and one without a link-local address
lab_guest raw7 vif16.0 none
ip -n dom0 link set vif16.0 down
lab_guest raw6 vif17.0 none
ip -n dom0 link set vif17.0 down
ip -n dom0 link set vif17.0 addrgenmode none
ip -n dom0 link set vif17.0 up

daemon_conf <<EOT
uplink "eth0" { announce = 2 }
vif "vif13.*" { guard = "false" answer = "all" }
vif "vif14.*" { guard = "monitor" }
vif "vif15.*" { gateway = { "fe80::1", "2001:db8:ff::fe" } answer = "none" }
guest "vt1" {
    vif = "vif11.0"
    addresses = { "2800:110:2::34", "2800:110:2:0:d::/80" }
    mac = { "$(mac_of raw1 eth0)" }
}
guest "vt2" { vif = "vif12.0" addresses = { "2800:110:2::36", "2800:110:2::3f", "2001:db8:c::5" } }
guest "vt3" { vif = "vif13.0" addresses = { "2800:110:2::37" } }
guest "vt4" { vif = "vif14.0" addresses = { "2800:110:2::38" } }
guest "vt5" { vif = "vif15.0" addresses = { "2800:110:2::39" } }
guest "vt7" { vif = "vif16.0" addresses = { "2800:110:2::3a" } }
guest "vt6" { vif = "vif17.0" addresses = { "2800:110:2::3b" } }
guest "absent" { vif = "vif99.0" addresses = { "2800:110:2::99" } }
EOT
daemon_start || bail "no daemon"

frames wire.py
done_testing
