#!/bin/bash
# 04-routes: the host routes: what they look like, when they come and go, and whose are left alone.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

MON=$LAB_DIR/monitor
lab_up || bail "no lab"

# The routes to a destination in a form to compare: "PROTOCOL METRIC SOURCE VIA DEV".
route_is() { # ADDRESS[/LEN]
	ip -n dom0 -j -6 route show exact "$1" table "${2:-main}" | json '"; ".join(" ".join([
		r.get("protocol", "-"), str(r.get("metric", "-")), r.get("prefsrc", "-"),
		r.get("gateway", "-"), r.get("dev", "-")]) for r in d)'
}
route_matches() { # WANTED ADDRESS [TABLE]
	[[ $(route_is "$2" "${3:-main}") == "$1" ]]
}
# becomes ADDRESS WANTED DESCRIPTION: within the time of wait_for.
becomes() {
	wait_for route_matches "$2" "$1" "${4:-main}"
	is "$(route_is "$1" "${4:-main}")" "$2" "$3"
}
answering() { # ADDRESS
	ctl -j list "$1" | json '[[e["answering"], e["reason"]] for e in d]'
}
answers() { # ADDRESS
	[[ $(answering "$1") == '[[true, '* ]]
}
silent() { # ADDRESS
	[[ $(answering "$1") == '[[false, '* ]]
}
warned() { # CODE
	ctl -j status | json 'any(w["code"] == a[0] for w in d["warnings"])' "$1" | grep -q true
}
unwarned() { # CODE
	! warned "$1"
}

# What was there before: routes of ours that are stale, right, and wrong; foreign ones.
ip -n dom0 -6 route add 2800:110:2::34 dev vif11.0 proto 168 metric 1024 src 2800:110:2::3
ip -n dom0 -6 route add 2800:110:2::36 dev vif11.0 proto 168 metric 1024 src 2800:110:2::3
ip -n dom0 -6 route add 2800:110:2::bad dev vif12.0 proto 168 metric 1024
ip -n dom0 -6 route add 2800:110:2::bad dev eth0 proto static metric 77
ip -n dom0 -6 route add 2001:db8:bad::/64 dev vif11.0 proto 168
ip -n dom0 -6 route add 2001:db8:f::/64 dev eth0 proto bird metric 32
monitor_start "$MON"

cat >"$LAB_DIR/base" <<'EOT'
uplink "eth0" { }
guest "vt1" { vif = "vif11.0" addresses = { "2800:110:2::34" } }
guest "vt2" { vif = "vif12.0" addresses = { "2800:110:2::36" } }
EOT
daemon_conf <"$LAB_DIR/base"
pass "the daemon starts" daemon_start || bail "no daemon"
RIGHT1="168 1024 2800:110:2::3 - vif11.0"
RIGHT2="168 1024 2800:110:2::3 - vif12.0"
becomes 2800:110:2::34 "$RIGHT1" "protocol 168, metric 1024, the uplink's address as source (K07)"
becomes 2800:110:2::36 "$RIGHT2" "one that led to the wrong vif is put right"
becomes 2001:db8:bad::/64 "" "a stale one of ours is deleted"
becomes 2800:110:2::bad "static 77 - - eth0" "another one, beside a foreign route, which stays"
monitor_stop "$MON"
is "$(grep -c '2800:110:2::34 ' "$MON")" 0 "the right one was not touched" || diag <"$MON"
is "$(grep -Ec '2001:db8:f::|proto static' "$MON")" 0 "nor were the foreign ones" || diag <"$MON"

# add, del
pass "add a guest" ctl add 2800:110:2::40 vif vif12.0 guest vt9
is "$(route_is 2800:110:2::40)" "$RIGHT2" "its route is there when the command returns"
pass "add a prefix" ctl add 2001:db8:9::/64 vif vif12.0 guest vt9
is "$(route_is 2001:db8:9::/64)" "$RIGHT2" "so is a prefix's"
pass "del" ctl del guest vt9
is "$(route_is 2800:110:2::40)$(route_is 2001:db8:9::/64)" "" "both are gone when the command returns"

# down and up (K04, K11)
ip -n dom0 link set vif11.0 down
pass "vif down: not answered" wait_for silent 2800:110:2::34
like "$(answering 2800:110:2::34)" 'false, "[^"]' "with a reason"
ip -n dom0 link set vif11.0 up
becomes 2800:110:2::34 "$RIGHT1" "vif up again: the route is back (K04)"
pass "and the address answered" wait_for answers 2800:110:2::34
ip -n guest1 link set eth0 down
pass "no carrier: not answered" wait_for silent 2800:110:2::34
ip -n guest1 link set eth0 up
pass "carrier again: answered (K11)" wait_for answers 2800:110:2::34
becomes 2800:110:2::34 "$RIGHT1" "with one route, not two"

# deleted and made again under the same name
ip -n dom0 link del vif12.0
pass "vif gone: not answered" wait_for silent 2800:110:2::36
ip netns del guest2
lab_guest guest2 vif12.0 2800:110:2::36
becomes 2800:110:2::36 "$RIGHT2" "a vif of the same name: the route is back"
pass "and the guest is reached" wait_for ping1 router 2800:110:2::36
pass "and reaches the router" ping1 guest2 2800:110:2::1

# renamed away and back
ip -n dom0 link set vif12.0 down
ip -n dom0 link set vif12.0 name other
ip -n dom0 link set other up
becomes 2800:110:2::36 "" "a vif renamed away takes its route along"
ip -n dom0 link set other down
ip -n dom0 link set other name vif12.0
ip -n dom0 link set vif12.0 up
becomes 2800:110:2::36 "$RIGHT2" "renamed back, the route is back"

# somebody deletes our route
ip -n dom0 -6 route del 2800:110:2::36 dev vif12.0 proto 168
becomes 2800:110:2::36 "$RIGHT2" "a route of ours that somebody deleted is put back"

# the source (K07)
ip -n dom0 addr del 2800:110:2::3/64 dev eth0
becomes 2800:110:2::34 "168 1024 - - vif11.0" "the host's address gone: the route without a source (K07)"
ip -n dom0 addr add 2800:110:2::3/64 dev eth0
ip -n dom0 -6 route replace default via 2800:110:2::1
becomes 2800:110:2::34 "$RIGHT1" "the address back: so is the source (K07)"
ip -n dom0 addr add 2001:db8:aa::1/64 dev eth0
pass "a guest of a second network" ctl add 2001:db8:aa::2 vif vif11.0 guest vt1b
becomes 2001:db8:aa::2 "168 1024 2001:db8:aa::1 - vif11.0" "has the host's address there as source (K07)"
ctl del guest vt1b >/dev/null
ip -n dom0 addr del 2001:db8:aa::1/64 dev eth0

# K09: a foreign route in the way
FOREIGN=2800:110:2::50
ip -n dom0 -6 route add $FOREIGN dev vif11.0 proto static metric 1024
pass "add, a foreign route to the same vif being there" ctl add $FOREIGN vif vif11.0 guest k9
is "$(route_is $FOREIGN)" "static 1024 - - vif11.0" "it is left as it is, and none is added (K09)"
pass "and the address is answered" answers $FOREIGN
pass "and announced" ctl announce $FOREIGN
pass "del" ctl del $FOREIGN
is "$(route_is $FOREIGN)" "static 1024 - - vif11.0" "del leaves the foreign route (K09)"
pass "add, the foreign route leading elsewhere" ctl add $FOREIGN vif vif12.0 guest k9
pass "is not answered (K09)" wait_for silent $FOREIGN
like "$(answering $FOREIGN)" 'false, "[^"]' "with a reason"
pass "and a warning in status" wait_for warned K09
is "$(route_is $FOREIGN)" "static 1024 - - vif11.0" "the foreign route stays"
ip -n dom0 -6 route del $FOREIGN dev vif11.0 proto static
becomes $FOREIGN "$RIGHT2" "the foreign route gone, ours is made"
pass "and the address answered" wait_for answers $FOREIGN
pass "the warning is gone" wait_for unwarned K09
ctl del guest k9 >/dev/null

# Settings: table, metric, protocol, source, via, route = false; changed by reload
daemon_conf <<'EOT'
uplink "eth0" { }
route { protocol = 199 metric = 77 table = 500 source = "2800:110:2::3" }
guest "vt1" { vif = "vif11.0" addresses = { "2800:110:2::34", "2001:db8:34::/48" } via = "2800:110:2::34" }
guest "vt2" { vif = "vif12.0" addresses = { "2800:110:2::36" } route = false }
EOT
pass "reload with other settings of routes" ctl reload
becomes 2800:110:2::34 "199 77 2800:110:2::3 - vif11.0" "protocol, metric, table and source as configured" 500
becomes 2001:db8:34::/48 "199 77 2800:110:2::3 2800:110:2::34 vif11.0" "a prefix through via (K08)" 500
is "$(host_routes)" "" "none of the former protocol is left"
is "$(route_is 2800:110:2::36)$(route_is 2800:110:2::36 500)" "" "route = false: none"
pass "and yet answered" answers 2800:110:2::36
ip -n dom0 link set vif11.0 down
pass "vif down" wait_for silent 2800:110:2::34
ip -n dom0 link set vif11.0 up
becomes 2001:db8:34::/48 "199 77 2800:110:2::3 2800:110:2::34 vif11.0" "vif up: the one through via as well" 500
daemon_conf <"$LAB_DIR/base"
pass "reload with the former settings" ctl reload
becomes 2800:110:2::34 "$RIGHT1" "the former routes"
is "$(ip -n dom0 -6 route show table 500)$(ip -n dom0 -6 route show proto 199 table all)" "" "and they alone"

# Stop and start
pass "add one at run time" ctl add 2800:110:2::41 vif vif12.0 guest vt2b
monitor_start "$MON"
pass "stop" daemon_stop
pass "start" daemon_start
monitor_stop "$MON"
is "$(cat "$MON")" "" "keep-routes: a restart touches no route"
{ echo 'keep-routes = false' && cat "$LAB_DIR/base"; } | daemon_conf
pass "reload with keep-routes = false" ctl reload
pass "stop" daemon_stop
is "$(host_routes)" "" "keep-routes = false: they are gone after a stop"
pass "start" daemon_start
daemon_conf <"$LAB_DIR/base"
pass "reload with keep-routes again" ctl reload
becomes 2800:110:2::41 "$RIGHT2" "the run-time guest's is back"
pass "stop" daemon_stop
is "$(host_routes | wc -l)" 3 "they stay"
pass "flush with the daemon stopped" ctl flush
is "$(host_routes)" "" "removes them"
is "$(route_is 2800:110:2::bad)" "static 77 - - eth0" "and no foreign one"
pass "start" daemon_start
becomes 2800:110:2::34 "$RIGHT1" "a start makes them again"

is "$(route_is 2001:db8:f::/64)" "bird 32 - - eth0" "after all of this the foreign route is as it was"

# A stop in the middle of a start is clean too: what it has installed goes.
! daemon_runs || daemon_stop
ctl flush >"$LAB_OUT" 2>&1
for ((n = 0; n < 60000; n++)); do
	printf '2001:db8:77::%x vif11.0\n' $((n + 1))
done >"$LAB_DIR/many"
daemon_conf <<EOT
keep-routes = false
uplink "eth0" { }
guests-file = "$LAB_DIR/many"
EOT
nsenter --net=/run/netns/dom0 "$LAB_PROGRAM" -f -c "$LAB_CONF" -s "$LAB_SOCK" -d "$LAB_STATE" >>"$LAB_LOG" 2>&1 &
LAB_DAEMON=$!
some_routes() {
	[[ -n $(dom0 ip -6 route show proto 168 | head -n 1) ]]
}
pass "a start of very many has begun" wait_for some_routes
exits 0 "a stop in its middle ends cleanly" daemon_stop
is "$(host_routes | wc -l)" 0 "and takes its routes back"
done_testing
