#!/bin/bash
# 23-restart: routes that were right are never touched: not by a crash and a start, not by an upgrade. A packet every
# ms between router and guest, and a question every 5 ms, say what of it is felt.
#
#   router ---- UDP to and fro, NS or ARP ----> Dom0: kill -9, start; stop, start ---- guest1, guest2
#
# 23-restart.t [ndproxyd|arpproxyd]: the same for either; 23-arp-restart.t is the latter.

# shellcheck disable=SC2086,SC2317 # an address is one word; functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

daemon_use "${1:-ndproxyd}"
case $LAB_NAME in
ndproxyd)
	N=2800:110:2::
	ADDRESS='sprintf("2001:db8:7::%x", n)'
	;;
arpproxyd)
	N=192.0.2.
	ADDRESS='sprintf("10.7.%d.%d", n / 250, n % 250 + 1)'
	;;
esac
MON=$LAB_DIR/monitor PY=(/usr/bin/python3 -B)
lab_up || bail "no lab"
daemon_conf <<<"uplink \"eth0\" { }
guests-file = \"$LAB_DIR/all\"
guest \"vt1\" { vif = \"vif11.0\" addresses = { \"${N}34\" } }"
awk 'BEGIN { for (n = 1; n <= 3000; n++) print '"$ADDRESS"', "vif12.0" }' >"$LAB_DIR/all"
pass "the daemon starts" daemon_start || bail "no daemon"
pass "one more guest by command" ctl add ${N}36 vif vif12.0 guest vt2
is "$(host_routes | wc -l)" 3002 "all have their routes"

guest1 "${PY[@]}" "$LAB_TOP/tests/net/udp.py" serve 7777 >"$LAB_DIR/serve1" &
guest2 "${PY[@]}" "$LAB_TOP/tests/net/udp.py" serve 7777 >"$LAB_DIR/serve2" &
pass "guests that echo" wait_for grep -q ready "$LAB_DIR/serve1"
pass "both" wait_for grep -q ready "$LAB_DIR/serve2"
for n in 1 2 3; do
	mkfifo "$LAB_DIR/until$n"
done
# Each reads from a pipe that it holds open itself, and ends when a line comes.
traffic_start() {
	router "${PY[@]}" "$LAB_TOP/tests/net/udp.py" ask ${N}34 7777 1 <>"$LAB_DIR/until1" >"$LAB_DIR/asked1" &
	router "${PY[@]}" "$LAB_TOP/tests/net/udp.py" ask ${N}36 7777 1 <>"$LAB_DIR/until2" >"$LAB_DIR/asked2" &
}
traffic_stop() { # DESCRIPTION
	local n sent lost

	echo >"$LAB_DIR/until1"
	echo >"$LAB_DIR/until2"
	wait_for test -s "$LAB_DIR/asked1" && wait_for test -s "$LAB_DIR/asked2"
	for n in 1 2; do
		read -r sent lost <"$LAB_DIR/asked$n"
		is "$((sent > 20)) $lost" "1 0" "$1: no packet to guest$n and back is lost"
		diag "$sent packets, $lost lost"
		: >"$LAB_DIR/asked$n"
	done
}
questioned() { # by how many answers there are
	(($(ctl -j stats | json 'd["uplink"]["eth0"]["answered"]') > 25))
}
questions_start() {
	# shellcheck disable=SC2016
	router "${PY[@]}" "$LAB_TOP/tests/net/asker.py" -g "$LAB_SLOW" ${N}34 bash -c 'read -r <>"$1"' - "$LAB_DIR/until3" >"$LAB_DIR/questions" &
	wait_for questioned
}
questions_stop() { # DESCRIPTION
	echo >"$LAB_DIR/until3"
	wait_for -t 30 test -s "$LAB_DIR/questions"
	is "$(json 'd["answered"] > 0 and d["lost"] <= d["sent"] - d["answered"] + 2' <"$LAB_DIR/questions")" true \
		"$1: every question from its start on is answered"
	diag "of $(json '"%d questions while it was away or there, %d had no answer: %d ms" % (d["sent"], d["lost"], 5 * d["lost"])' \
		<"$LAB_DIR/questions")"
	: >"$LAB_DIR/questions"
}
restarts() { # HOW DESCRIPTION
	local before

	before=$(host_routes)
	pass "$2: guest1 is reached" ping1 router ${N}34
	pass "$2: guest2 is reached" ping1 router ${N}36
	monitor_start "$MON"
	traffic_start
	for n in 1 2 3; do
		$1
		pass "$2: start" daemon_start
	done
	traffic_stop "$2"
	questions_start
	$1
	pass "$2: start" daemon_start
	questions_stop "$2"
	monitor_stop "$MON"
	is "$(wc -l <"$MON")" 0 "$2: no route was touched" || head "$MON" | diag
	is "$(host_routes)" "$before" "$2: all are there"
}
crash() {
	daemon_end KILL
}
restarts crash "kill -9"
restarts daemon_stop "upgrade"

# what moved while it was stopped is put right without a moment in which it is nowhere
daemon_stop
ctl add ${N}36 vif vif11.0 guest vt2 >/dev/null 2>&1
monitor_start "$MON"
pass "start after a move" daemon_start
monitor_stop "$MON"
is "$(sed 's/^Deleted.*/-/; s/^[^-].*/+/' "$MON" | xargs)" "+ - + -" "the new route comes before the old one goes" || diag <"$MON"
is "$(route_to ${N}36 | grep -c 'vif11.0.*metric 1024')" 1 "and is there"
done_testing
