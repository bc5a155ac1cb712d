#!/bin/bash
# 31-announce: announcements (N11, A07): when, how often, at what pace; and `probe`, by which another host's
# address is found out before it is announced (RFC 4862 section 5.4, RFC 5227 section 2.1).

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

NEW_MAC=02:00:00:00:00:33
LAB_EXTRA_MACS=("$NEW_MAC")
ADDRESSES=10000 PACE=4000 # long enough to see whether others wait
lab_up || bail "no lab"
# whoever has an address already: a kernel, with an ordinary stack
lab_host stranger "2800:110:2::77 192.0.2.77" 02:00:00:00:00:77

watcher() {
	nsenter --net=/run/netns/router /usr/bin/python3 -B "$LAB_TOP/tests/net/announce.py" "$@"
}
watcher watch "$LAB_UPLINK_MAC" $NEW_MAC >"$LAB_DIR/heard" &
WATCHER=$!
# What was heard since `forget`, in Python: d is a list of it, f those of the daemon's family.
heard() { # EXPRESSION [ARGUMENT...]
	tail -n +$((FORGOTTEN + 1)) "$LAB_DIR/heard" | /usr/bin/python3 -c '
import json, sys
a = sys.argv[2:]
d = [json.loads(line) for line in sys.stdin]
d = [x for x in d if x["kind"] != "ready" and (":" in x["target"]) == (a[0] == "-6")]
r = eval(sys.argv[1])
print(r if isinstance(r, str) else json.dumps(r))' "$1" "$LAB_FAMILY" "${@:2}"
}
heard_is() { # VALUE EXPRESSION [ARGUMENT...]
	[[ $(heard "${@:2}") == "$1" ]]
}
FORGOTTEN=0
forget() {
	FORGOTTEN=$(wc -l <"$LAB_DIR/heard")
}
pass "somebody listens" wait_for grep -q ready "$LAB_DIR/heard"

# --- the pace: ten thousand leave at it, and answers do not wait for them ---

address_n() { # N
	if [[ $LAB_FAMILY == -6 ]]; then
		printf '2800:110:2::1:%x' "$1"
	else
		printf '10.1.%d.%d' $(($1 >> 8)) $(($1 & 255))
	fi
}
paced() {
	local rate sent lost worst n asking

	for ((n = 1; n <= ADDRESSES; n++)); do
		echo "$(address_n "$n") vif11.0"
	done >"$LAB_DIR/many"
	daemon_conf <<-EOT
		uplink "eth0" { announce = 1 }
		pace = $PACE
		guests-file = "$LAB_DIR/many"
		guest "vt2" { vif = "vif12.0" addresses = { "$(address_of "$LAB_FAMILY" guest2)" } }
	EOT
	forget
	pass "$LAB_NAME starts with $ADDRESSES addresses" daemon_start || return
	mkfifo "$LAB_DIR/end"
	exec {END}<>"$LAB_DIR/end"
	watcher ask "$(address_of "$LAB_FAMILY" guest2)" <"$LAB_DIR/end" >"$LAB_DIR/asked" &
	asking=$!
	pass "$LAB_NAME: all are announced" wait_for -t 30 heard_is $((ADDRESSES + 1)) \
		'len({x["target"] for x in d if x["kind"] == "announcement"})'
	echo >&"$END"
	wait "$asking"
	exec {END}>&-
	rm "$LAB_DIR/end"
	is "$(heard 'len(d)')" $((ADDRESSES + 1)) "$LAB_NAME: once each"
	is "$(heard '[x for x in d if x["wrong"]][:3]')" "[]" "$LAB_NAME: each as it must be"
	# any 200 ms, of which up to 10 ms may have been made good in a burst
	rate=$(heard 'max(sum(1 for y in d[i:i + 2000] if y["t"] < x["t"] + 0.2) for i, x in enumerate(d))')
	pass "$LAB_NAME: never faster than the pace" test "$rate" -le $((PACE * 220 / 1000))
	read -r sent lost worst < <(tail -n 1 "$LAB_DIR/asked")
	diag "$LAB_NAME: $rate announcements in the fullest 200 ms (pace $PACE a second)," \
		"in $(heard 'round(d[-1]["t"] - d[0]["t"], 2)') s; of $sent questions meanwhile $lost unanswered," \
		"the slowest answer took $worst ms"
	is "$lost" 0 "$LAB_NAME: every question meanwhile is answered"
	exits 0 "$LAB_NAME stops" daemon_stop
}
ndp paced
arp paced

# --- when ---

announced_twice() { # DESCRIPTION NODE MAC: the address of that node
	local interval=0.99 address

	address=$(address_of "$LAB_FAMILY" "$2")
	[[ $LAB_FAMILY == -6 ]] || interval=1.99
	pass "$LAB_NAME: $1: announced twice" wait_for heard_is 2 \
		'sum(x["kind"] == "announcement" and x["target"] == a[1] for x in d)' "$address"
	is "$(heard '[y["t"] - x["t"] >= float(a[2]) for e in [[z for z in d if z["target"] == a[1]]]
		for x, y in zip(e, e[1:])]' "$address" "$interval")" '[true]' "$LAB_NAME: $1: its interval apart"
	is "$(heard 'sorted({x["mac"] for x in d}), [x for x in d if x["wrong"]][:3]')" "[[\"$3\"], []]" \
		"$LAB_NAME: $1: with the uplink's MAC, each as it must be"
}
silent_for() { # DESCRIPTION NODE
	is "$(heard 'sum(x["target"] == a[1] for x in d)' "$(address_of "$LAB_FAMILY" "$2")")" 0 \
		"$LAB_NAME: $1: nothing is said of others"
}
configured() {
	daemon_conf <<-EOT
		uplink "eth0" { announce = 2 }
		guest "vt1" { vif = "vif11.0" addresses = { "$(address_of "$LAB_FAMILY" guest1)" } }
	EOT
}
both configured
forget
both pass "starts" daemon_start
both announced_twice "at the start" guest1 "$LAB_UPLINK_MAC"
forget
added() {
	pass "$LAB_NAME: add" ctl add "$(address_of "$LAB_FAMILY" guest2)" vif vif12.0
}
both added
both announced_twice "an arrival" guest2 "$LAB_UPLINK_MAC"
both silent_for "an arrival" guest1
forget
by_hand() {
	pass "$LAB_NAME: announce" ctl announce "$(address_of "$LAB_FAMILY" guest1)"
}
both by_hand
both announced_twice "by hand" guest1 "$LAB_UPLINK_MAC"
both silent_for "by hand" guest2
forget
ip -n dom0 link set vif12.0 down
ip -n dom0 link set vif12.0 up
both announced_twice "a vif comes up" guest2 "$LAB_UPLINK_MAC"
both silent_for "a vif comes up" guest1
forget
ip -n switch link set dom0 down
ip -n switch link set dom0 up
both announced_twice "the uplink's carrier comes back" guest1 "$LAB_UPLINK_MAC"
both announced_twice "the uplink's carrier comes back" guest2 "$LAB_UPLINK_MAC"
forget
ip -n dom0 link set eth0 address $NEW_MAC
both announced_twice "the uplink has another MAC" guest1 $NEW_MAC
both announced_twice "the uplink has another MAC" guest2 $NEW_MAC
ip -n dom0 link set eth0 address "$LAB_UPLINK_MAC"
both pass "reload" ctl reload
both exits 0 "stops" daemon_stop
both ctl del vif vif12.0 2>/dev/null

# --- probe ---

reason() { # ADDRESS
	ctl -j list "$1" | json 'd[0]["reason"]'
}
probed() {
	local taken free more other probes rounds code

	if [[ $LAB_FAMILY == -6 ]]; then
		taken=2800:110:2::77 free=2800:110:2::38 more=2800:110:2::39 other=2800:110:2::3a probes=1 rounds=1 code=N12
	else
		taken=192.0.2.77 free=192.0.2.38 more=192.0.2.39 other=192.0.2.40 probes=3 rounds=4 code=H45
	fi
	daemon_conf <<<'uplink "eth0" { probe = true announce = 1 }'
	pass "$LAB_NAME starts with probe" daemon_start || return
	forget
	exits 1 "$LAB_NAME: an address that another host has" ctl add "$taken" vif vif11.0 guest vt7
	like "$(<"$LAB_OUT")" "$taken is not answered: 02:00:00:00:00:77 has it on eth0" "$LAB_NAME: it is told who"
	like "$(reason "$taken")" "$code: 02:00:00:00:00:77 has it" "$LAB_NAME: list says so"
	like "$(ctl status)" "$code.*$taken of guest \"vt7\".*ctl announce $taken" "$LAB_NAME: and status, with what to do"
	is "$(route_to "$taken")" "" "$LAB_NAME: it has no route"
	is "$(heard 'len(d), {(x["kind"], x["target"], x["mac"]) for x in d} == {("probe", a[1], a[2])}, [x for x in d if x["wrong"]]' \
		"$taken" "$LAB_UPLINK_MAC")" '[1, true, []]' "$LAB_NAME: one probe, as it must be, and no announcement"

	forget
	pass "$LAB_NAME: a free address" ctl add "$free" vif vif12.0 guest vt8
	is "$(reason "$free")" null "$LAB_NAME: is answered"
	like "$(route_to "$free")" "dev vif12.0" "$LAB_NAME: routed"
	pass "$LAB_NAME: and announced" wait_for heard_is 1 'sum(x["kind"] == "announcement" for x in d)'
	is "$(heard '[sum(x["kind"] == "probe" for x in d), d[-1]["kind"], [x for x in d if x["wrong"]]]')" \
		"[$probes, \"announcement\", []]" "$LAB_NAME: after $probes probe(s)"
	is "$(heard 'd[-1]["t"] - d[0]["t"] >= float(a[1]) - 0.01' "$rounds")" true "$LAB_NAME: and $rounds s"

	forget
	printf 'add %s vif vif11.0 guest vt7\nadd %s vif vif12.0 guest vt9\n' "$taken" "$more" >"$LAB_DIR/batch"
	exits 1 "$LAB_NAME: both kinds in a batch" ctl -b "$LAB_DIR/batch"
	like "$(<"$LAB_OUT")" "batch:1: $taken is not answered" "$LAB_NAME: the line is told"
	unlike "$(<"$LAB_OUT")" "batch:2" "$LAB_NAME: and no other"
	is "$(reason "$more")" null "$LAB_NAME: the free one of the batch is answered"

	# who asks for an address at the same time is heard too
	ip -n stranger addr del "$taken/$([[ $LAB_FAMILY == -6 ]] && echo 64 || echo 24)" dev eth0
	pass "$LAB_NAME: the other host has given it up: announce" ctl announce "$taken"
	answers() {
		[[ $(reason "$taken") == null ]]
	}
	pass "$LAB_NAME: it is probed again, and answered" wait_for answers
	like "$(route_to "$taken")" "dev vif11.0" "$LAB_NAME: and routed"
	# one without a route of its own: another protocol's leads to its vif
	ip -n dom0 route add "$other" dev vif12.0 proto static metric 50
	pass "$LAB_NAME: one whose route is somebody else's" ctl add "$other" vif vif12.0 guest vt9
	forget
	exits 0 "$LAB_NAME stops" daemon_stop
	pass "$LAB_NAME starts again" daemon_start
	is "$(reason "$taken") $(reason "$free") $(reason "$other")" "null null null" "$LAB_NAME: what it had before is answered at once"
	is "$(heard 'sum(x["kind"] == "probe" for x in d)')" 0 "$LAB_NAME: and not probed"
}
# both at once: most of it is waiting
(TAP_N=0 LAB_OUT=$LAB_DIR/out4 && arp probed && arp daemon_stop) >"$LAB_DIR/probed4" 2>&1 &
other=$!
ndp probed
wait "$other"
while read -r line; do
	case $line in
	"ok "*) ok "${line#ok * - }" ;;
	"not ok "*) not_ok "${line#not ok * - }" ;;
	*) echo "$line" ;;
	esac
done <"$LAB_DIR/probed4"
kill "$WATCHER"
wait "$WATCHER" 2>/dev/null
done_testing
