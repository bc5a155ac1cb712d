#!/bin/bash
# 17-batch: the control command's -b: a command a line, answered in order and committed together.
#
#      ndproxyctl -b FILE  ---- one connection, many lines ----  ndproxyd  ---- one file a guest
#
# 17-batch.t [ndproxyd|arpproxyd]: the same for either; 21-arp-batch.t is the latter.

# shellcheck disable=SC2086,SC2317 # an address is one word; functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

daemon_use "${1:-ndproxyd}"
case $LAB_NAME in
ndproxyd)
	N=2800:110:2:: OTHERS=192.0.2.34 HOSTBITS=2001:db8::1/64
	ADDRESS='sprintf("2001:db8:7::%x", n)'
	;;
arpproxyd)
	N=192.0.2. OTHERS=2800:110:2::34 HOSTBITS=10.0.0.1/8
	ADDRESS='sprintf("10.7.%d.%d", n / 256, n % 256)'
	;;
esac
MANY=2000
lab_up || bail "no lab"
daemon_conf <<<"uplink \"eth0\" { announce = 0 }
guest \"vt1\" { vif = \"vif11.0\" addresses = { \"${N}34\" } }"
BATCH=$LAB_DIR/batch ERR=$LAB_DIR/err

batch() { # what -b says on stdout; $ERR has its complaints
	ctl -b "$@" 2>"$ERR"
}
adds() { # FIRST LAST vif GUEST|-: a guest each, named after the number, or all one guest
	awk -v from="$1" -v to="$2" -v vif="$3" -v guest="$4" 'BEGIN {
		for (n = from; n <= to; n++)
			print "add", '"$ADDRESS"', "vif", vif, "guest", (guest == "-" ? "g" n : guest)
	}'
}
addresses() { # [ARGUMENT of list...]: how many
	ctl -j list "$@" | json 'len(d)'
}
files() {
	find "$LAB_STATE" -name '*.conf' | wc -l
}
complaints() {
	sed 's/^[a-z]*ctl: //' "$ERR"
}
# System calls of the daemon that write, or, as every answer is one too, how many at least.
writes() {
	awk '$1 == "syscw:" { print $2 }' "/proc/$LAB_DAEMON/io"
}

pass "the daemon starts" daemon_start || bail "no daemon"

# words and order
cat >"$BATCH" <<EOT
# a comment, and an empty line

add ${N}50 vif vif12.0   # one more
   list ${N}50
	add ${N}51 vif vif12.0 guest vif12.0
list guest vif12.0
del ${N}50
list ${N}50
list ${N}51
EOT
exits 0 "a batch of several commands" batch "$BATCH"
is "$(cut -d' ' -f1 "$LAB_OUT" | tr '\n' ' ')" "${N}50 ${N}50 ${N}51 ${N}51 " "each sees what those before it did"
is "$(cat "$ERR")" "" "no complaints"
printf 'list %s51\nlist %s50' "$N" "$N" >"$BATCH" # no newline at the end
exits 0 "-j, and a last line without its end" batch "$BATCH" -j
exits 0 "-j holds for all lines" ctl -j -b "$BATCH"
is "$(json '[e["address"] for e in d]' <<<"$(head -1 "$LAB_OUT")") $(tail -1 "$LAB_OUT")" "[\"${N}51\"] []" "a line of JSON each"
exits 0 "from standard input" ctl -b - <<<"list ${N}51"
like "$(cat "$LAB_OUT")" "^${N}51 " "the same"
exits 0 "an empty batch" ctl -b - </dev/null
exits 1 "no such file" ctl -b "$LAB_DIR/none"
exits 1 "a directory" ctl -b "$LAB_DIR"
exits 2 "a file and words" ctl -b "$BATCH" list
exits 2 "-b without a file" ctl -b

# what is wrong is told by its line, in order, and the others are done
cat >"$BATCH" <<EOT
add ${N}52 vif vif12.0
add $HOSTBITS vif vif12.0
add ${N}34 vif vif12.0 guest thief
list ${N}52
frobnicate
add ${N}53 vif
add $OTHERS vif vif12.0
explain ${N}52
add ${N}54 vif vif12.0
EOT
exits 2 "refused and wrong lines: the heaviest status counts" batch "$BATCH"
is "$(complaints | sed -n 's/^\([^ ]*\): .*/\1/p' | tr '\n' ' ')" \
	"$(for n in 2 3 5 6 7 8; do echo -n "$BATCH:$n "; done)" "each complaint names file and line"
like "$(complaints)" ":3: ${N}34 .*thief" "and the reason"
is "$(ctl -j list vif vif12.0 | json 'sorted(e["address"] for e in d)')" "[\"${N}51\", \"${N}52\", \"${N}54\"]" \
	"all others are done"
exits 1 "refused ones alone: 1" batch - < <(sed '/frob/d; /53/d; /explain/d' "$BATCH")
like "$(complaints)" "^-:2: " "standard input is named -"
exits 0 "--skip-other-family holds for all lines" ctl --skip-other-family -b - <<<"add $OTHERS vif vif12.0
add $OTHERS ${N}52 vif vif12.0"
is "$(cat "$LAB_OUT")" "" "silently"
exits 0 "and on a line for that line" ctl -b - <<<"add $OTHERS vif vif12.0 --skip-other-family"
exits 2 "a line with a NUL byte" ctl -b - < <(printf 'list\0\nlist %s52\n' "$N")
like "$(cat "$LAB_OUT")" "NUL.*${N}52 |${N}52 .*NUL" "and the next is done"
exits 2 "a line that is too long" ctl -b - < <(
	head -c 3000000 /dev/zero | tr '\0' x
	echo "
list ${N}52"
)
like "$(grep -v xxx "$LAB_OUT" | tr '\n' ' ')" ":1: .*too long.*${N}52 |${N}52 .*too long" "and the next is done"
ctl del vif vif12.0 >/dev/null

# very many of one guest: a file that is written once for all that waited together
adds 1 $MANY vif12.0 big >"$BATCH"
before=$(writes)
pass "$MANY adds to one guest" ctl -b "$BATCH"
is "$(addresses guest big) $(files)" "$MANY 1" "all are there"
after=$(writes)
is "$((after - before < MANY / 4))" 1 "by far fewer writes than adds" || diag "$((after - before))"
is "$(host_routes | grep -c vif12.0)" "$MANY" "with their routes"
pass "once more: nothing to do" ctl -b "$BATCH"
is "$(grep -c "'" "$LAB_STATE/big.conf")" "$((MANY + 4))" "and the file has each once"
sed 's/^add \([^ ]*\) .*/del \1/' "$BATCH" >"$LAB_DIR/dels"
pass "$MANY dels" ctl -b "$LAB_DIR/dels"
is "$(addresses guest big) $(files)" "0 0" "all are gone"
is "$(host_routes | grep -c vif12.0)" 0 "so are the routes"

# many guests, several clients at once
pids=()
for ((k = 0; k < 8; k++)); do
	adds $((k * 500 + 1)) $((k * 500 + 500)) vif12.0 - >"$BATCH.$k"
	ctl -b "$BATCH.$k" >"$LAB_DIR/out.$k" 2>&1 &
	pids+=($!)
done
pass "a command of somebody else is answered meanwhile" ctl list ${N}34
together() {
	local rc=0 pid

	for pid in "${pids[@]}"; do
		wait "$pid" || rc=1
	done
	return $rc
}
pass "8 clients at once, 500 guests each" together
is "$(cat "$LAB_DIR"/out.*)" "" "no complaints"
is "$(addresses vif vif12.0) $(files)" "4000 4000" "all are there, a file each"
pass "a whole vif is deleted" ctl del vif vif12.0
is "$(files)" 0 "with its files"

# conflicts within a batch: as if one by one
exits 1 "one address for two guests in one batch" ctl -b - <<<"add ${N}60 vif vif12.0 guest a
add ${N}60 vif vif12.0 guest b
add ${N}60 vif vif12.0 guest c replace
add ${N}61 vif vif12.0 guest a"
like "$(cat "$LAB_OUT")" '^[a-z]*: -:2: .*"a".*"b"' "the second is refused"
is "$(ctl -j list vif vif12.0 | json 'sorted(e["guest"] + e["address"] for e in d)')" \
	"[\"a${N}61\", \"c${N}60\"]" "and the third has it"

# a directory that takes no more: every line says so, and nothing is half done
if [[ $LAB_UID == 0 ]]; then
	pass "stop" daemon_stop
	mkdir "$LAB_DIR/full"
	mount -t tmpfs -o size=64k,mode=755 tmpfs "$LAB_DIR/full"
	kept=$LAB_STATE LAB_STATE=$LAB_DIR/full
	pass "the daemon starts on a small file system" daemon_start
	adds 1 100 vif12.0 - >"$BATCH"
	exits 1 "100 guests are too many for it" batch "$BATCH"
	refused=$(complaints | grep -c 'No space left')
	is "$((refused > 0 && refused < 100)) $((100 - refused))" "1 $(files)" "those that were not refused have a file"
	is "$(addresses vif vif12.0)" "$(files)" "and are in force"
	daemon_end KILL
	pass "start again" daemon_start
	is "$(addresses vif vif12.0)" "$((100 - refused))" "and are still there"
	is "$(find "$LAB_STATE" -name '*~' | wc -l)" 0 "nothing is left over"
	pass "stop" daemon_stop
	umount "$LAB_DIR/full"
	LAB_STATE=$kept
	pass "start" daemon_start
else
	skip "a full directory" "needs a file system of its own"
fi

hundred() {
	(($(wc -l <"$LAB_DIR/acknowledged") > 100))
}
# kill -9 in the middle: what was acknowledged is there
{
	adds 1 20000 vif12.0 - | awk '{ print; print "list", $2 }'
} >"$BATCH"
ctl -b "$BATCH" >"$LAB_DIR/acknowledged" 2>"$ERR" &
client=$!
pass "the first hundred are acknowledged" wait_for hundred
daemon_end KILL
wait $client
is $? 3 "kill -9 of the daemon in the middle: 3"
like "$(complaints)" "^$BATCH:[0-9]+: $LAB_NAME went away; the last line that it answered is [0-9]+$" "says what was answered"
pass "start" daemon_start
ctl -j list vif vif12.0 | json '"\n".join(e["address"] for e in d)' | sort >"$LAB_DIR/listed"
is "$(grep ' guest ' "$LAB_DIR/acknowledged" | cut -d' ' -f1 | sort | comm -23 - "$LAB_DIR/listed" | wc -l)" 0 \
	"everything that was acknowledged is there"
is "$(grep -L '^# end$' -r "$LAB_STATE" --include '*.conf' | wc -l)" 0 "the files are whole"
ctl del vif vif12.0 >/dev/null

# a client that is killed in the middle
ctl -b "$BATCH" >"$LAB_DIR/acknowledged" 2>/dev/null &
client=$!
pass "the first hundred" wait_for hundred
kill -KILL $client
wait $client 2>/dev/null
pass "kill -9 of the client: the daemon goes on" ctl status
settled() {
	[[ $(addresses vif vif12.0) == "$(files)" ]]
}
pass "with what it has done" wait_for settled
ctl del vif vif12.0 >/dev/null

# lines that come slowly are done as they come
mkfifo "$LAB_DIR/fifo"
: >"$LAB_DIR/slowly"
tail -s 0.05 -n +1 -f "$LAB_DIR/slowly" >"$LAB_DIR/fifo" &
feeder=$!
ctl -b - <"$LAB_DIR/fifo" >"$LAB_DIR/answers" 2>&1 &
client=$!
echo "add ${N}70 vif vif12.0" >>"$LAB_DIR/slowly"
registered() { # ADDRESS
	[[ $(addresses "$1") == 1 ]]
}
pass "a line that came alone" wait_for registered ${N}70
echo "list ${N}70" >>"$LAB_DIR/slowly"
pass "its answer is shown at once" wait_for grep -q "^${N}70" "$LAB_DIR/answers"
pass "the daemon stops meanwhile" daemon_stop
echo "add ${N}71 vif vif12.0 guest late" >>"$LAB_DIR/slowly"
pass "the next line is done without it" wait_for test -e "$LAB_STATE/late.conf"
pass "which lets go of the lock: the daemon starts" wait_for daemon_start
echo "add ${N}72 vif vif12.0" >>"$LAB_DIR/slowly"
pass "and with it again" wait_for registered ${N}72
kill $feeder
wait $client
is $? 0 "all that: 0"
is "$(addresses vif vif12.0)" 3 "all three are there"
pass "stop" daemon_stop
rm -f "$LAB_STATE"/*.conf

# with the daemon stopped
adds 1 $MANY vif12.0 - >"$BATCH"
exits 0 "$MANY guests with the daemon stopped" batch "$BATCH"
is "$(files)" "$MANY" "a file each"
is "$(grep -c 'is not running' "$ERR") $(($(wc -l <"$ERR") < 5))" "1 1" "which is said once"
adds 1 $MANY vif12.0 - | sed 's/^add \([^ ]*\) .*/del \1/' >"$BATCH"
sed -i "7a list\nadd $HOSTBITS vif vif12.0" "$BATCH"
exits 3 "what needs the daemon: 3" batch "$BATCH"
like "$(complaints | tr '\n' ' ')" "$BATCH:8: $LAB_NAME is not running.*$BATCH:9: " "by its line, and what is refused"
is "$(files)" 0 "and the others are done"
pass "the daemon starts" daemon_start
is "$(addresses)" 1 "with what is left"
done_testing
