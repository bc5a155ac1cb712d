#!/bin/bash
# 01-scenario: the scenario of the demo, asserted: nobody configures a neighbour entry by hand, in either
# family; and the two daemons share nothing: each works whatever becomes of the other.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LAB_DAD=1
lab_up || bail "no lab"
NODES=(router dom0 guest1 guest2)

# The switch's rule must be seen to work, or a counter at 0 says nothing.
dom0 /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for type in "86dd", "0806":
    s.send(bytes.fromhex("0200000000010016" "3e000001" + type) + bytes(50))'
two_violations() {
	[[ $(violations) == 2 ]]
}
pass "the switch counts frames of both families with a foreign MAC" wait_for two_violations
violations_reset

forget() { # what all nodes know of each other
	local node

	for node in "${NODES[@]}"; do
		ip -n "$node" -6 neigh flush all
		ip -n "$node" -4 neigh flush all
	done >/dev/null 2>&1
}
# all_pairs -4|-6 [DESCRIPTION]: each reaches each. A description makes one test of it.
all_pairs() {
	local from to ms unreached=""

	while read -r from to ms; do
		if (($# == 1)); then
			unlike "$ms" '^-$' "IPv${1#-}: $from reaches $to"
		elif [[ $ms == - ]]; then
			unreached+="$from does not reach $to; "
		fi
	done < <(ping_pairs "$1" "${NODES[@]}")
	(($# == 1)) || is "$unreached" "" "$2"
}
# Only router and host reach each other.
no_pairs() { # -4|-6 DESCRIPTION
	local pairs

	pairs=$(ping_pairs "$1" "${NODES[@]}")
	is "$(grep -vc -- '-$' <<<"$pairs")" 2 "$2" || diag "$pairs"
}

# Without the daemons
no_pairs -6 "without ndproxyd only router and host reach each other by IPv6"
no_pairs -4 "without arpproxyd only router and host reach each other by IPv4"

# With them
conf_of() { # the configuration of the daemon in use
	daemon_conf <<-EOT
		uplink "eth0" { }

		guest "vt1" {
		    vif       = "vif11.0"
		    addresses = { "$(address_of "$LAB_FAMILY" guest1)" }
		}

		guest "vt2" {
		    vif       = "vif12.0"
		    addresses = { "$(address_of "$LAB_FAMILY" guest2)" }
		}
	EOT
}
both conf_of
pass "ndproxyd starts" ndp daemon_start || bail "no daemon"
forget
all_pairs -6 "arpproxyd absent: all reach each other by IPv6"
no_pairs -4 "and still nobody by IPv4"
pass "arpproxyd starts" arp daemon_start || bail "no daemon"
forget
all_pairs -6
all_pairs -4

for guest in guest1 guest2; do
	for family in -6 -4; do
		ip="IPv${family#-}"
		is "$(neigh_mac router "$(address_of $family $guest)")" "$LAB_UPLINK_MAC" \
			"$ip: the router sees $guest at the uplink's MAC"
		is "$(neigh_mac $guest "$(address_of $family router)")" "$LAB_VIF_MAC" \
			"$ip: $guest sees the router at the vif's MAC"
		is "$(neigh_mac $guest "$(address_of $family dom0)")" "$LAB_VIF_MAC" \
			"$ip: $guest sees the host at the vif's MAC"
	done
done
is "$(ip -n guest1 -6 neigh show to "$LAB_ROUTER" | grep -c router)" 1 \
	"guest1: the gateway counts as a router (N08)"
is "$(ip -n router -6 neigh show to "${LAB_ADDR[guest1]}" | grep -c ' router')" 0 \
	"router: the guest does not (N08)"
by_hand() {
	local node

	for node in "${NODES[@]}"; do
		ip -n "$node" -6 neigh show nud permanent
		ip -n "$node" -4 neigh show nud permanent
		ip -n "$node" -6 neigh show proxy
		ip -n "$node" -4 neigh show proxy
	done
}
is "$(by_hand)" "" "no neighbour entry was configured by hand, nor a proxy entry of the kernel"
is "$(dom0 sh -c 'cat /proc/sys/net/ipv4/conf/*/proxy_arp /proc/sys/net/ipv6/conf/*/proxy_ndp' | sort -u)" 0 \
	"nor is a proxy of the kernel's own on"
is "$(ip -n dom0 -4 addr show dev vif11.0)$(ip -n dom0 -4 addr show dev vif12.0)" "" "the vifs have no IPv4 address"
listed() {
	ctl -j list | json '[sorted(e["address"] for e in d), all(e["answering"] for e in d)]'
}
is "$(ndp listed)" '[["2800:110:2::34", "2800:110:2::36"], true]' "ndproxyd answers for both of its addresses"
is "$(arp listed)" '[["192.0.2.34", "192.0.2.36"], true]' "arpproxyd answers for both of its addresses"

# From a cold router: one packet, one answer, each time
for family in -6 -4; do
	ip="IPv${family#-}"
	for ((i = 0; i < 20; i++)); do
		first_ping router "$(address_of $family guest1)"
	done >"$LAB_DIR/first"
	is "$(grep -c . "$LAB_DIR/first")" 20 "$ip: each of 20 first pings was answered"
	diag "$ip: first ping from a cold router: median $(median <"$LAB_DIR/first") ms"
	for ((i = 0; i < 5; i++)); do
		first_ping guest1 "$(address_of $family guest2)"
	done >"$LAB_DIR/first"
	is "$(grep -c . "$LAB_DIR/first")" 5 "$ip: each of 5 first pings from guest to guest was answered"
done

# Neighbour unreachability detection (N03), both ways and in both families, under traffic that confirms nothing
probes() { # NODE ip6|arp
	in_ns "$1" nft list counter "$2" nud probes | awk '$1 == "packets" { print $2 }'
}
enough_probes() {
	local node family

	for node in router guest1; do
		for family in ip6 arp; do
			(($(probes "$node" "$family") >= 12)) || return 1
		done
	done
}
heard_something() { # NODE: its monitor is up once it has told of anything
	ip -n "$1" -6 neigh replace fe80::ca4a:4e lladdr 02:00:00:00:00:ff dev eth0 nud stale
	ip -n "$1" -6 neigh del fe80::ca4a:4e dev eth0
	[[ -s $LAB_DIR/neigh.$1 ]]
}
for node in router guest1; do
	for cache in ndisc_cache arp_cache; do
		ip -n $node ntable change name $cache dev eth0 base_reachable 200 delay_probe 100 retrans 200
	done
done
forget # entries that began with the long timers
for way in "router guest1" "guest1 router"; do
	read -r node peer <<<"$way"
	in_ns "$node" nft -f - <<-EOT
		table ip6 nud {
			counter probes { }
			chain out {
				type filter hook output priority 0
				icmpv6 type nd-neighbor-solicit ip6 daddr ${LAB_ADDR[$peer]} counter name probes
			}
		}
		table arp nud {
			counter probes { }
			chain out {
				type filter hook output priority 0
				arp operation request arp daddr ip ${LAB_ADDR4[$peer]} counter name probes
			}
		}
	EOT
	in_ns "$node" stdbuf -oL ip monitor neigh >"$LAB_DIR/neigh.$node" 2>&1 &
	wait_for heard_something "$node"
done
guest1 /usr/bin/python3 "$(dirname "$0")/udp.py" serve 4000 >"$LAB_DIR/serve" &
wait_for grep -q ready "$LAB_DIR/serve"
askers=()
for family in -6 -4; do
	mkfifo "$LAB_DIR/stop$family"
	router /usr/bin/python3 "$(dirname "$0")/udp.py" ask "$(address_of $family guest1)" 4000 \
		<"$LAB_DIR/stop$family" >"$LAB_DIR/asked$family" &
	askers+=($!)
done
exec 8>"$LAB_DIR/stop-6" 9>"$LAB_DIR/stop-4"
pass "router and guest each probe the other 12 times in each family" wait_for -t 20 enough_probes
exec 8>&- 9>&-
wait "${askers[@]}"
for family in "-6 ip6" "-4 arp"; do
	read -r family table <<<"$family"
	read -r sent lost <"$LAB_DIR/asked$family"
	ip="IPv${family#-}"
	diag "$ip: $sent datagrams, $(probes router "$table") probes by the router, $(probes guest1 "$table") by the guest"
	is "$lost" 0 "$ip: no datagram was lost meanwhile"
	for way in "router guest1" "guest1 router"; do
		read -r node peer <<<"$way"
		address=$(address_of "$family" "$peer")
		is "$(grep -c "^$address .*FAILED" "$LAB_DIR/neigh.$node")" 0 "$ip: $node: the entry never failed"
		like "$(neigh_state "$node" "$address")" '^(REACHABLE|STALE|DELAY|PROBE)$' "$ip: $node: the entry is usable"
	done
	pass "$ip: router: the entry became reachable again and again" \
		[ "$(grep -c "^$(address_of "$family" guest1) .*REACHABLE" "$LAB_DIR/neigh.router")" -ge 10 ]
done

counted() { # on how many interfaces questions and answers were counted
	ctl -j stats | json 'sum(i["received"] > 0 and i["answered"] > 0 for i in
		list(d["uplink"].values()) + list(d["vif"].values()))'
}
is "$(ndp counted)" 3 "all three interfaces count questions and answers of ndproxyd"
is "$(arp counted)" 3 "all three interfaces count questions and answers of arpproxyd"

# The daemons share nothing: either may end, in whatever way, and come back.
for way in "ndp arp -6 -4 192.0.2.44" "arp ndp -4 -6 2800:110:2::44"; do
	read -r one other its others address <<<"$way"
	before=$("$other" listed)
	routes=$("$other" host_routes)
	exits 0 "$one: stops" "$one" daemon_stop
	is "$("$other" host_routes)" "$routes" "$one stopped: the host routes of $other stay"
	pass "flush of what $one left" "$one" ctl flush
	is "$("$one" host_routes)" "" "takes the routes of $one"
	is "$("$other" host_routes)" "$routes" "and none of $other"
	forget
	all_pairs "$others" "$one stopped: all reach each other by the other family"
	fail "$one stopped: the router does not reach the guest by its family" \
		ping1 router "$(address_of "$its" guest1)"
	pass "$one stopped: $other takes a run-time guest" "$other" ctl add "$address" vif vif11.0
	pass "and gives it up" "$other" ctl del "$address"
	pass "$one: starts again" "$one" daemon_start
	forget
	all_pairs "$its" "$one started again: all reach each other"
	"$one" daemon_end KILL
	is "$("$other" listed)" "$before" "$one killed: $other answers for the same"
	forget
	all_pairs "$others" "$one killed: all reach each other by the other family"
	pass "$one: starts again after a kill" "$one" daemon_start
	forget
	all_pairs "$its" "and serves its family"
done

done_testing
