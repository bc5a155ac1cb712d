#!/bin/bash
# 14-arp-silent: what the kernel does to IPv4 routes without telling anybody (K04, K07), and the
# addresses that look like a guest's and are none.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up || bail "no lab"
daemon_use arpproxyd
OURS="proto 168 scope link src 192.0.2.3 metric 1024"
route_is_ours() { # ADDRESS VIF
	route_to "$1" | grep -q "dev $2 $OURS"
}
both_are_ours() {
	route_is_ours 192.0.2.34 vif11.0 && route_is_ours 192.0.2.36 vif12.0
}
gateways_are() { # LIST
	[[ $(ctl -j status | json '" ".join(d["uplinks"][0]["gateways"])') == "$1" ]]
}
networks_are() { # LIST
	[[ $(ctl -j status | json '" ".join(d["uplinks"][0]["networks"])') == "$1" ]]
}
reason_of() { # ADDRESS
	ctl -j list "$1" | json 'd[0]["reason"] or "answering"'
}

daemon_conf <<'EOT'
uplink "eth0" { }
guest "vt1" { vif = "vif11.0" addresses = { "192.0.2.34" } }
guest "vt2" { vif = "vif12.0" addresses = { "192.0.2.36" } }
EOT
pass "the daemon starts" daemon_start || bail "no daemon"
pass "a route to each guest" wait_for route_is_ours 192.0.2.34 vif11.0

# a device that loses its last address loses all its routes
for address in 192.0.2.3/32 192.168.9.1/24; do
	ip -n dom0 addr add "$address" dev vif11.0
	ip -n dom0 addr del "$address" dev vif11.0
	pass "$address comes and goes on a vif: the route is there" wait_for route_is_ours 192.0.2.34 vif11.0
done

# and one that goes down, foreign ones too
ip -n dom0 route add 192.0.2.34 dev vif11.0 proto static
ip -n dom0 link set vif11.0 down
ip -n dom0 link set vif11.0 up
pass "a foreign route that went with its vif: ours is there" wait_for route_is_ours 192.0.2.34 vif11.0
ip -n dom0 route add 192.0.2.36 dev vif11.0 proto static metric 5
blocked() {
	[[ $(reason_of 192.0.2.36) == K09* ]]
}
pass "a foreign route to elsewhere: not answered (K09)" wait_for blocked
ip -n dom0 link set vif11.0 down
ip -n dom0 link set vif11.0 up
unblocked() {
	[[ $(reason_of 192.0.2.36) == answering ]]
}
pass "gone with its interface: answered again" wait_for unblocked
pass "and routed" wait_for route_is_ours 192.0.2.36 vif12.0

# the source of the routes goes and comes at once, again and again
for _ in {1..20}; do
	printf 'addr del 192.0.2.3/24 dev eth0\naddr add 192.0.2.3/24 dev eth0\n' | ip -n dom0 -b -
	wait_for both_are_ours || break
done
pass "the uplink's address goes and comes: the source is right each time" both_are_ours
ip -n dom0 route replace default via 192.0.2.1

# what the uplink's going down takes with it
ip -n dom0 route add 10.99.0.0/24 dev eth0
pass "a network is learned" wait_for networks_are "192.0.2.0/24 10.99.0.0/24"
ip -n dom0 link set eth0 down
ip -n dom0 link set eth0 up
ip -n dom0 route add default via 192.0.2.2
pass "the old gateway is forgotten, the new one learned" wait_for gateways_are 192.0.2.2
pass "and the network" wait_for networks_are 192.0.2.0/24
ip -n dom0 route add default via 192.0.2.1 tos 0x10
ip -n dom0 route del default via 192.0.2.1 tos 0x10
pass "a default route for one TOS is nobody's gateway" gateways_are 192.0.2.2

# the choice among several addresses is the same after a restart
dom0 sysctl -qw net.ipv4.conf.all.promote_secondaries=1
ip -n dom0 addr add 192.0.2.9/24 dev eth0
ip -n dom0 addr add 192.0.2.8/24 dev eth0
ip -n dom0 addr del 192.0.2.3/24 dev eth0
promoted() {
	route_to 192.0.2.34 | grep -q 'src 192.0.2.9 '
}
pass "the promoted address is the source" wait_for promoted
daemon_stop
monitor_start "$LAB_DIR/monitor"
pass "start again" daemon_start
monitor_stop "$LAB_DIR/monitor"
is "$(grep -c 'proto 168' "$LAB_DIR/monitor")" 0 "a restart touches no route"
ip -n dom0 addr add 192.0.2.3/24 dev eth0

# the broadcast address of the uplink's network is no guest's
pass "add the broadcast address" ctl add 192.0.2.255 vif vif12.0 guest vt2
like "$(reason_of 192.0.2.255)" "H46" "it is not answered, and says why"
is "$(route_to 192.0.2.255 | grep -c 'proto 168')" 0 "nor routed"

# arp_ignore 8: the kernel answers for nothing, so the daemon does, on a vif that has the address too
ip -n dom0 addr add 192.0.2.3/32 dev vif11.0
dom0 sysctl -qw net.ipv4.conf.all.arp_ignore=8
taken() {
	! guest1 arping -D -q -c 1 -w 1 -I eth0 192.0.2.3
}
pass "arp_ignore 8: the host's address is still taken (A04)" wait_for taken

daemon_stop
is "$(violations)" 0 "the switch counted no violation"
done_testing
