#!/bin/bash
# 05-control: the control command, with the daemon and without: words, exit statuses, JSON, durability.
#
# 05-control.t [ndproxyd|arpproxyd]: the same for either; 15-arp-control.t is the latter.

# shellcheck disable=SC2086,SC2317 # an address is one word; functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

MON=$LAB_DIR/monitor
daemon_use "${1:-ndproxyd}"
case $LAB_NAME in
ndproxyd)
	N=2800:110:2:: NETWORK=2800:110:2::/64 BLOCK=2001:db8:36::/64 IN_BLOCK=2001:db8:36::77
	BLOCK2=2001:db8:50::/64 HOSTBITS=2001:db8::1/64
	BAD=("$HOSTBITS" fe80::1 ff02::1 ::1 :: ::ffff:192.0.2.1 192.0.2.1 2001:db8::1/129 2001:db8::g)
	OTHER_CTL=arpproxyctl OTHERS=192.0.2.34 OTHERS_BLOCK=192.0.2.0/24
	;;
arpproxyd)
	N=192.0.2. NETWORK=192.0.2.0/24 BLOCK=10.36.0.0/16 IN_BLOCK=10.36.7.7
	BLOCK2=10.50.0.0/16 HOSTBITS=10.0.0.1/8
	BAD=("$HOSTBITS" 169.254.0.1 224.0.0.1 127.0.0.1 0.0.0.0 255.255.255.255 2001:db8::1 192.0.2.1/33
		192.0.2 192.0.2.256 192.0.2.010 0.0.0.0/0)
	OTHER_CTL=ndproxyctl OTHERS=2800:110:2::34 OTHERS_BLOCK=2800:110:2::/64
	;;
esac
LATE="guest \"late\" { vif = \"vif13.0\" addresses = { \"${N}70\" } }"
LAB_GUESTS+=("guest3 vif13.0 ${N}37")
lab_up || bail "no lab"

# list_of EXPRESSION [ARGUMENT of list...]: e stands for an entry
list_of() {
	local expression=$1

	shift
	ctl -j list "$@" | json "sorted($expression for e in d)"
}
names() { # [ARGUMENT of list...]
	list_of 'e["guest"] + " " + e["address"]' "$@" | tr -d '[]",'
}
said() { # what the last `exits` printed
	tr '\n' ' ' <"$LAB_OUT"
}

cat >"$LAB_DIR/base" <<EOT
uplink "eth0" { announce = 1 }
guest "vt1" { vif = "vif11.0" addresses = { "${N}34" } }
EOT
daemon_conf <"$LAB_DIR/base"
exits 3 "status, nobody there: 3" ctl status
exits 3 "list, nobody there: 3" ctl list
exits 3 "reload, nobody there: 3" ctl reload
exits 2 "no command: 2" ctl
exits 2 "an unknown command: 2" ctl frobnicate
exits 2 "an unknown option: 2" ctl -Z list
exits 2 "add without a vif: 2" ctl add ${N}50
exits 2 "del of nothing: 2" ctl del
pass "the daemon starts" daemon_start || bail "no daemon"
exits 2 "add without an address: 2" ctl add vif vif12.0

# a second instance
second() {
	in_ns dom0 timeout 10 "$LAB_PROGRAM" -f -c "$LAB_CONF" -s "$LAB_DIR/other.sock" -d "$LAB_STATE"
}
exits 3 "a second instance on the same state directory: 3" second

# list
is "$(ctl -j list | json '[sorted(e) for e in d]')" \
	'[["address", "answering", "guest", "origin", "reason", "uplink", "via", "vif"]]' "list -j: every key"
is "$(ctl -j list | json '[[e["address"], e["guest"], e["vif"], e["uplink"], e["via"], e["origin"],
	e["answering"], e["reason"]] for e in d]')" \
	'[["'"${N}"'34", "vt1", "vif11.0", "eth0", null, "config", true, null]]' "list -j: their values"
like "$(ctl list)" "${N}34.*vif11\.0" "list, for people"

# add
pass "add" ctl add ${N}36 $BLOCK vif vif12.0 via ${N}36 mac 00:16:3e:00:00:02
is "$(names)" "vif12.0 $BLOCK vif12.0 ${N}36 vt1 ${N}34" "the guest is named after the vif"
is "$(list_of 'e["origin"] + " " + str(e["via"])' guest vif12.0)" \
	"[\"command ${N}36\", \"command None\"]" "origin, and via for the prefix"
pass "the new guest is reached" ping1 router ${N}36
pass "the same again: idempotent" ctl add ${N}36 vif vif12.0
pass "another address: added to what the guest has" ctl add ${N}58 vif vif12.0
is "$(names guest vif12.0 | wc -w)" 6 "it has three now"
is "$(names vif vif12.0 | wc -w)" 6 "list vif"
is "$(names ${N}58)" "vif12.0 ${N}58" "list ADDRESS"
is "$(names $IN_BLOCK)" "vif12.0 $BLOCK" "list ADDRESS within a prefix"
is "$(names guest nobody)" "" "list of a guest that is not there: nothing"

# refusals
exits 1 "another guest's address is refused" ctl add ${N}36 vif vif13.0 guest vt3
like "$(said)" 'vt3.*vif12\.0|vif12\.0.*vt3' "naming both"
exits 1 "a configured guest's address is refused" ctl add ${N}34 vif vif13.0 guest vt3
like "$(said)" 'vt3.*vt1|vt1.*vt3' "naming both"
exits 1 "even with replace" ctl add ${N}34 vif vif13.0 guest vt3 replace
exits 1 "a configured address cannot be deleted" ctl del ${N}34
for bad in "${BAD[@]}"; do
	exits 1 "add $bad is refused" ctl add "$bad" vif vif13.0
done
exits 1 "a bad guest name is refused" ctl add ${N}50 vif vif13.0 guest 'a b'
exits 1 "a bad vif name is refused" ctl add ${N}50 vif abcdefghijklmnop
exits 1 "a bad MAC is refused" ctl add ${N}50 vif vif13.0 mac 01:00:5e:00:00:01
exits 1 "an unknown uplink is refused" ctl add ${N}50 vif vif13.0 uplink eth9
exits 1 "a via that is not the guest's is refused" ctl add $BLOCK2 vif vif13.0 via ${N}36
exits 1 "one bad address of several: nothing is added" ctl add ${N}51 $HOSTBITS vif vif13.0
is "$(names vif vif13.0)" "" "nothing of all that is in force"

# An address of the other family: refused with the name of the other command, or passed over. $1: when
mixed() {
	local skip=--skip-other-family before

	before=$(ls "$LAB_STATE")
	for words in "add $OTHERS vif vif13.0" "add $OTHERS_BLOCK vif vif13.0" "add ${N}95 $OTHERS vif vif13.0" \
		"add $OTHERS ${N}95 vif vif13.0" "add $BLOCK2 vif vif13.0 via $OTHERS" "del $OTHERS" \
		"del ${N}36 $OTHERS" "del $OTHERS vif vif13.0"; do
		exits 1 "$1: $words: refused" ctl $words
		like "$(said)" "$OTHER_CTL" "$1: and the other command named"
	done
	is "$(ls "$LAB_STATE")" "$before" "$1: nothing of that was done"

	for words in "add $OTHERS vif vif13.0" "add $OTHERS $OTHERS_BLOCK vif vif13.0 guest g" "del $OTHERS" \
		"del $OTHERS_BLOCK vif vif13.0"; do
		exits 0 "$1: $skip $words: passed over" ctl $skip $words
		is "$(said)" "" "$1: silently"
	done
	is "$(ls "$LAB_STATE")" "$before" "$1: nothing was done"
	exits 0 "$1: $skip, a mixed list" ctl $skip add "$OTHERS" "${N}95" "$OTHERS_BLOCK" "${N}96" vif vif13.0 guest mixed
	unlike "$(said)" "$OTHERS|$OTHER_CTL" "$1: silent on those of the other family"
	like "$(cat "$LAB_STATE"/*)" "'${N}95'" "$1: those of its own are registered"
	unlike "$(cat "$LAB_STATE"/*)" "'$OTHERS" "$1: those of the other are not"
	exits 0 "$1: $skip behind the command" ctl del "${N}95" "$OTHERS" $skip
	unlike "$(cat "$LAB_STATE"/*)" "'${N}95'" "$1: it is gone"
	like "$(cat "$LAB_STATE"/*)" "'${N}96'" "$1: it alone"
	exits 1 "$1: $skip does not cover what is no address" ctl $skip add "$OTHERS" 192.0.2.x vif vif13.0
	exits 1 "$1: $skip does not cover a bad address of its own family" ctl $skip add "$OTHERS" "$HOSTBITS" vif vif13.0
	exits 0 "$1: del" ctl $skip del "${N}96" "$OTHERS"
}
mixed "running"
is "$(names guest mixed)" "" "nothing is left of it"
exits 1 "running: list $OTHERS: refused" ctl list "$OTHERS"
like "$(said)" "$OTHER_CTL" "and the other command named"
exits 0 "running: list $OTHERS, passed over" ctl --skip-other-family list "$OTHERS"
is "$(said)" "" "silently"
exits 1 "running: announce $OTHERS: refused" ctl announce "$OTHERS"
exits 0 "running: announce $OTHERS, passed over" ctl --skip-other-family announce "$OTHERS"

# replace, move, absent vif
pass "replace" ctl add ${N}58 vif vif13.0 guest vt3 replace
is "$(names ${N}58)" "vt3 ${N}58" "it is the other guest's now"
is "$(route_to ${N}58 | grep -c vif13.0)" 1 "and its route leads there"
is "$(names guest vif12.0 | wc -w)" 4 "the former one has it no more"
ip -n guest3 addr add ${N}58/${NETWORK#*/} dev eth0
pass "and is reached there" wait_for ping1 router ${N}58
pass "the same address and guest on another vif: a move" ctl add ${N}58 vif vif12.0 guest vt3
is "$(list_of 'e["vif"]' ${N}58)" '["vif12.0"]' "it is on the other vif"
is "$(route_to ${N}58 | grep -c vif13.0)$(route_to ${N}58 | grep -c vif12.0)" 01 "so is its route"
pass "an absent vif is accepted" ctl add ${N}60 vif vif60.0
is "$(list_of '[e["answering"], bool(e["reason"])]' ${N}60)" '[[false, true]]' "and not answered, with a reason"
is "$(route_to ${N}60)" "" "nor routed"
lab_guest guest60 vif60.0 ${N}60
pass "until it is there" wait_for ping1 router ${N}60

# del
pass "del of what is not there: 0" ctl del ${N}199
pass "del of a guest that is not there: 0" ctl del guest nobody
pass "del of a vif that is not there: 0" ctl del vif vif99.0
pass "del ADDRESS vif VIF, being on another vif: 0" ctl del ${N}60 vif vif12.0
is "$(names ${N}60)" "vif60.0 ${N}60" "and it stays"
exits 0 "del of a part of a prefix: nothing to delete" ctl del $IN_BLOCK
is "$(names guest vif12.0 | grep -c "$BLOCK")" 1 "and the prefix stays whole"
pass "del ADDRESS vif VIF" ctl del ${N}60 vif vif60.0
is "$(names ${N}60)" "" "is gone"
is "$(route_to ${N}60)" "" "with its route"
fail "and is reached no more" ping1 router ${N}60
pass "again: 0" ctl del ${N}60 vif vif60.0

# a registration after its vif was made anew; and another guest's first one there
pass "add" ctl add ${N}61 vif vif60.0 guest old
ip -n dom0 link del vif60.0
ip netns del guest60
lab_guest guest60 vif60.0 ${N}61
pass "a registration comes back with a recreated vif" wait_for ping1 router ${N}61
pass "the first add of another guest there" ctl add ${N}62 vif vif60.0 guest new
is "$(names vif vif60.0)" "new ${N}62" "removes the earlier guest's"
pass "and the next does not" ctl add ${N}63 vif vif60.0 guest newer
is "$(names vif vif60.0)" "new ${N}62 newer ${N}63" "those of one time"
ctl del vif vif60.0 >/dev/null
is "$(names vif vif60.0)" "" "del vif removes all there"

# announce
pass "announce" ctl announce
pass "announce ADDRESS" ctl announce ${N}34
pass "announce vif" ctl announce vif vif12.0
pass "announce guest" ctl announce guest vt3
announced() {
	(($(ctl -j stats | json 'd["uplink"]["eth0"]["announced"]') >= 4))
}
pass "they leave" wait_for announced
ip -n router "$LAB_FAMILY" neigh flush all >/dev/null 2>&1
dom0 ip link show >/dev/null

# status, stats
is "$(ctl -j status | json '[d["name"], d["uplinks"][0]["name"], d["uplinks"][0]["mac"], d["uplinks"][0]["up"],
	d["uplinks"][0]["networks"], d["uplinks"][0]["gateways"], sorted(v["name"] for v in d["vifs"])]')" \
	'["'"$LAB_NAME"'", "eth0", "02:00:00:00:00:03", true, ["'$NETWORK'"], ["'$N'1"], ["vif11.0", "vif12.0"]]' \
	"status -j"
is "$(ctl -j status | json '[isinstance(d["warnings"], list), all(set(w) == {"code", "text"} for w in d["warnings"])]')" \
	'[true, true]' "its warnings"
like "$(ctl status)" 'eth0' "status, for people"
is "$(ctl -j stats | json '[sorted(d), sorted(d["uplink"]), all(set(i) >= {"received", "answered", "announced", "dropped"}
	for i in list(d["uplink"].values()) + list(d["vif"].values())), list(d["kernel"])]')" \
	'[["kernel", "uplink", "vif"], ["eth0"], true, ["unlisted", "other", "overload"]]' "stats -j"
like "$(ctl stats)" 'eth0' "stats, for people"

# reload
pass "reload" ctl reload
monitor_start "$MON"
cat - "$LAB_DIR/base" <<<"$LATE" | daemon_conf
kill -HUP "$LAB_DAEMON"
routed() {
	[[ -n $(route_to ${N}70) ]]
}
pass "SIGHUP: the new guest's route" wait_for routed
pass "an answered address goes on" ping1 router ${N}36
monitor_stop "$MON"
is "$(grep -vc "${N}70 " "$MON")" 0 "nothing else was touched" || diag <"$MON"
exits 1 "an address of the configuration cannot be had by add" ctl add ${N}70 vif vif12.0
daemon_conf <"$LAB_DIR/base"
pass "reload without it" ctl reload
is "$(route_to ${N}70)" "" "it is gone"
pass "a run-time guest has it now" ctl add ${N}70 vif vif12.0 guest late2
cat - "$LAB_DIR/base" <<<"$LATE" | daemon_conf
pass "the configuration takes it: a reload succeeds" ctl reload
is "$(list_of '[e["guest"], e["answering"]]' ${N}70 | grep -c '"late", true')" 1 "the configuration wins"
like "$(ctl status) $(ctl list)" 'late2' "the run-time one is set aside, and named"
daemon_conf <"$LAB_DIR/base"
pass "reload without it again" ctl reload
is "$(list_of '[e["guest"], e["answering"]]' ${N}70)" '[["late2", true]]' "the run-time one is in force again"
pass "del" ctl del guest late2

# durable
before=$(names)
pass "add, then kill -9 at once" ctl add ${N}80 vif vif12.0 guest hard
daemon_end KILL
pass "start" daemon_start
is "$(names)" "$(tr ' ' '\n' <<<"$before hard ${N}80" | paste -d' ' - - | sort | paste -sd' ')" "everything is there"
is "$(grep -L '^# end$' "$LAB_STATE"/*)" "" "the files are whole"
pass "del, then kill -9 at once" ctl del guest hard
daemon_end KILL
pass "start" daemon_start
is "$(names)" "$before" "it stays deleted"

# with the daemon stopped
pass "stop" daemon_stop
pass "add with the daemon stopped" ctl add ${N}81 vif vif13.0 guest off
like "$(said)" '[a-z]' "says so"
exits 1 "another's address is refused there as well" ctl add ${N}81 vif vif13.0 guest off2
like "$(said)" 'off.*off2|off2.*off' "naming both"
exits 1 "so is a bad one" ctl add $HOSTBITS vif vif13.0
pass "replace works there" ctl add ${N}81 vif vif13.0 guest off2 replace
pass "del works there" ctl del ${N}58
pass "del of what is not there" ctl del guest nobody
mixed "stopped"
pass "start" daemon_start
is "$(names guest off2)" "off2 ${N}81" "what was added is in force"
is "$(names guest off)" "" "what was replaced is not"
is "$(names ${N}58)" "" "what was deleted is gone"
is "$(route_to ${N}81 | grep -c vif13.0)$(route_to ${N}58)" 1 "so with the routes"

# a file that is cut short costs that guest alone
pass "stop" daemon_stop
file=$(grep -l off2 "$LAB_STATE"/*.conf)
sed -i '$d' "$file"
pass "a file cut short: the daemon starts" daemon_start
is "$(names guest off2)" "" "without that guest"
is "$(names guest vif12.0 | wc -w)" 4 "and with the others"
like "$(daemon_log)" "$(basename "$file")" "the log names the file"

# who may
if [[ $LAB_UID == 0 ]]; then
	outsider() {
		in_ns dom0 setpriv --reuid 12345 --regid 12345 --clear-groups "$LAB_CTL" -s "$LAB_SOCK" \
			-d "$LAB_STATE" "$@"
	}
	fail "somebody else changes nothing" outsider add ${N}90 vif vif13.0
	fail "nor reads" outsider list
	reader() {
		in_ns dom0 setpriv --reuid 12345 --regid 0 --clear-groups "$LAB_CTL" -s "$LAB_SOCK" \
			-d "$LAB_STATE" "$@"
	}
	pass "the socket's group reads" reader list
	exits 1 "and changes nothing" reader add ${N}90 vif vif13.0
	is "$(names ${N}90)" "" "indeed"
else
	skip "who may change anything" "needs several users"
fi

# garbage on the socket
garbage() {
	/usr/bin/python3 -c '
import socket, sys
for junk in (b"\n", b"{}\n", b"[1]\n", b"{\"command\":7}\n", b"{\"command\":\"add\",\"addresses\":7}\n",
		b"\0\1\2\n", b"{" * 5000 + b"\n", b"x" * 3000000):
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(10)
	s.connect(sys.argv[1])
	try:
		s.sendall(junk)
		s.shutdown(socket.SHUT_WR)
		while s.recv(4096):
			pass
	except (BrokenPipeError, ConnectionResetError):
		pass
	s.close()' "$LAB_SOCK"
}
pass "garbage on the socket" garbage
pass "and the daemon goes on" ctl status

exits 1 "flush is refused while the routes are in use" ctl flush
done_testing
