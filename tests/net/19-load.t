#!/bin/bash
# 19-load: very many addresses from a guests-file: all are routed and answered; a restart touches
# nothing; a reload is a difference, and questions are answered while the file is read.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

N=50000
lab_up || bail "no lab"

addresses() { # NETWORK-FORMAT: printf's, of two numbers
	local i

	for ((i = 0; i < N; i++)); do
		# shellcheck disable=SC2059 # the format is ours
		printf "$1 vif%d.0 vt%d\n" $((i >> 8)) $((i & 255)) $((11 + i % 2)) $((1 + i % 2))
	done
}
routes() {
	ip -n dom0 "$LAB_FAMILY" route show proto 168 | wc -l
}

one_daemon() { # DAEMON FORMAT LAST-ADDRESS NEW-ADDRESS
	local mon=$LAB_DIR/monitor-$1 got

	daemon_use "$1"
	addresses "$2" >"$LAB_DIR/guests"
	daemon_conf <<-EOT
		uplink "eth0" { announce = 0 }
		guests-file = "$LAB_DIR/guests"
	EOT
	pass "$1 starts with $N addresses" daemon_start || bail "no daemon"
	is "$(routes)" "$N" "$1: as many routes"
	is "$(ctl -j list "$3" | json 'd[0]["answering"]')" true "$1: the last one is answering"

	daemon_stop
	monitor_start "$mon"
	pass "$1: a restart" daemon_start
	monitor_stop "$mon"
	is "$(wc -l <"$mon")" 0 "$1: touches no route"

	# five go, one comes
	sed -i '1,5d' "$LAB_DIR/guests"
	echo "$4 vif12.0 vt2" >>"$LAB_DIR/guests"
	got=$(in_ns router /usr/bin/python3 "$LAB_TOP/tests/net/asker.py" "$3" nsenter --net=/run/netns/dom0 \
		"$LAB_CTL" -s "$LAB_SOCK" -d "$LAB_STATE" reload)
	diag "during a reload: $got"
	is "$(json '[d["exit"], d["lost"]]' <<<"$got")" "[0, 0]" "$1: no question is lost over a reload"
	is "$(json 'd["answered"] * 2 >= d["sent"]' <<<"$got")" true "$1: they are answered while the file is read"
	is "$(routes)" "$((N - 4))" "$1: the reload was a difference"
	is "$(ctl -j list "$4" | json 'd[0]["answering"]')" true "$1: what is new is answering"
	like "$(ctl reload)" "=$((N - 4))" "$1: another one finds nothing to do"

	# the same file with a mistake in its last line
	echo nonsense >>"$LAB_DIR/guests"
	exits 1 "$1: a mistake in the last line: refused" ctl reload
	is "$(routes)" "$((N - 4))" "$1: and nothing has changed"
	sed -i '$d' "$LAB_DIR/guests"
	daemon_stop
	dom0 "$LAB_CTL" -s "$LAB_SOCK" -d "$LAB_STATE" flush >/dev/null
	is "$(routes)" 0 "$1: flush removes them all"
}
one_daemon ndproxyd 2001:db8:1::%x:%x 2001:db8:1::c3:4f 2001:db8:2::1
one_daemon arpproxyd 10.1.%d.%d 10.1.195.79 10.2.0.1
is "$(violations)" 0 "the switch counted no violation"
done_testing
