#!/bin/bash
# 01-scenario: the scenario of the demo, asserted: nobody configures a neighbour entry by hand.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LAB_DAD=1
lab_up || bail "no lab"

# The switch's rule must be seen to work, or a counter at 0 says nothing.
dom0 /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
s.send(bytes.fromhex("0200000000010016" "3e00000186dd") + bytes(50))'
one_violation() {
	[[ $(violations) == 1 ]]
}
pass "the switch counts a frame with a foreign MAC" wait_for one_violation
violations_reset

# Without the daemon
without=$(ping_pairs router dom0 guest1 guest2)
is "$(grep -vc -- '-$' <<<"$without")" 2 "without the daemon only router and host reach each other" ||
	diag "$without"

# With it
daemon_conf <<'EOT'
uplink "eth0" { }

guest "vt1" {
    vif       = "vif11.0"
    addresses = { "2800:110:2::34" }
}

guest "vt2" {
    vif       = "vif12.0"
    addresses = { "2800:110:2::36" }
}
EOT
pass "the daemon starts" daemon_start || bail "no daemon"
while read -r from to ms; do
	unlike "$ms" '^-$' "$from reaches $to"
done < <(ping_pairs router dom0 guest1 guest2)

for guest in guest1 guest2; do
	is "$(neigh_mac router "${LAB_ADDR[$guest]}")" "$LAB_UPLINK_MAC" "router: $guest is at the uplink's MAC"
	is "$(neigh_mac $guest "$LAB_ROUTER")" "$LAB_VIF_MAC" "$guest: the router is at the vif's MAC"
	is "$(neigh_mac $guest "$LAB_HOST")" "$LAB_VIF_MAC" "$guest: the host is at the vif's MAC"
done
is "$(ip -n guest1 -6 neigh show to "$LAB_ROUTER" | grep -c router)" 1 \
	"guest1: the gateway counts as a router (N08)"
is "$(ip -n router -6 neigh show to "${LAB_ADDR[guest1]}" | grep -c ' router')" 0 \
	"router: the guest does not (N08)"
is "$(for node in router dom0 guest1 guest2; do ip -n $node -6 neigh show nud permanent; done)" "" \
	"no neighbour entry was configured by hand"
is "$(for node in router dom0 guest1 guest2; do ip -n $node -6 neigh show proxy; done)" "" \
	"nor a proxy entry of the kernel"
is "$(ctl -j list | json '[sorted(e["address"] for e in d), all(e["answering"] for e in d)]')" \
	'[["2800:110:2::34", "2800:110:2::36"], true]' "both addresses are answered"

# From a cold router: one packet, one answer, each time
for ((i = 0; i < 20; i++)); do
	first_ping router "${LAB_ADDR[guest1]}"
done >"$LAB_DIR/first"
is "$(grep -c . "$LAB_DIR/first")" 20 "each of 20 first pings was answered"
diag "first ping from a cold router: median $(median <"$LAB_DIR/first") ms"
for ((i = 0; i < 5; i++)); do
	first_ping guest1 "${LAB_ADDR[guest2]}"
done >"$LAB_DIR/first"
is "$(grep -c . "$LAB_DIR/first")" 5 "each of 5 first pings from guest to guest was answered"

# Neighbour unreachability detection (N03), both ways, under traffic that confirms nothing
probes() { # NODE
	in_ns "$1" nft list counter ip6 nud probes | awk '$1 == "packets" { print $2 }'
}
enough_probes() {
	(($(probes router) >= 12 && $(probes guest1) >= 12))
}
heard_something() { # NODE: its monitor is up once it has told of anything
	ip -n "$1" -6 neigh replace fe80::ca4a:4e lladdr 02:00:00:00:00:ff dev eth0 nud stale
	ip -n "$1" -6 neigh del fe80::ca4a:4e dev eth0
	[[ -s $LAB_DIR/neigh.$1 ]]
}
for node in router guest1; do
	ip -n $node ntable change name ndisc_cache dev eth0 base_reachable 200 delay_probe 100 retrans 200
	ip -n $node -6 neigh flush all >/dev/null 2>&1 # entries that began with the long timers
done
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
	EOT
	in_ns "$node" stdbuf -oL ip -6 monitor neigh >"$LAB_DIR/neigh.$node" 2>&1 &
	wait_for heard_something "$node"
done
guest1 /usr/bin/python3 "$(dirname "$0")/udp.py" serve 4000 >"$LAB_DIR/serve" &
wait_for grep -q ready "$LAB_DIR/serve"
mkfifo "$LAB_DIR/stop"
router /usr/bin/python3 "$(dirname "$0")/udp.py" ask "${LAB_ADDR[guest1]}" 4000 \
	<"$LAB_DIR/stop" >"$LAB_DIR/asked" &
asker=$!
exec 9>"$LAB_DIR/stop"
pass "router and guest each probe the other 12 times" wait_for -t 20 enough_probes
exec 9>&-
wait "$asker"
read -r sent lost <"$LAB_DIR/asked"
diag "$sent datagrams, $(probes router) probes by the router, $(probes guest1) by the guest"
is "$lost" 0 "no datagram was lost meanwhile"
for way in "router ${LAB_ADDR[guest1]}" "guest1 $LAB_ROUTER"; do
	read -r node address <<<"$way"
	is "$(grep -c "^$address .*FAILED" "$LAB_DIR/neigh.$node")" 0 "$node: the entry never failed"
	like "$(neigh_state "$node" "$address")" '^(REACHABLE|STALE|DELAY|PROBE)$' "$node: the entry is usable"
done
pass "router: the entry became reachable again and again" \
	[ "$(grep -c "^${LAB_ADDR[guest1]} .*REACHABLE" "$LAB_DIR/neigh.router")" -ge 10 ]

is "$(ctl -j stats | json 'sum(i["received"] > 0 and i["answered"] > 0 for i in
	list(d["uplink"].values()) + list(d["vif"].values()))')" 3 "all three interfaces count questions and answers"

done_testing
