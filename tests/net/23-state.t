#!/bin/bash
# 23-state: the state directory in bad days: damaged files, no room, read-only, gone, locked by others.
#
#   ndproxyctl ---- add, del ----> daemon ---- guests.d/ .lock good.conf bad1.conf ...
#
# 23-state.t [ndproxyd|arpproxyd]: the same for either; 23-arp-state.t is the latter.

# shellcheck disable=SC2010,SC2011,SC2086,SC2317 # names of ours; an address is one word; functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

daemon_use "${1:-ndproxyd}"
case $LAB_NAME in
ndproxyd) N=2800:110:2:: OTHERS=192.0.2.34 ;;
arpproxyd) N=192.0.2. OTHERS=2800:110:2::34 ;;
esac
MON=$LAB_DIR/monitor KEPT=$LAB_STATE
lab_up || bail "no lab"
daemon_conf <<<"uplink \"eth0\" { announce = 0 }
guest \"vt1\" { vif = \"vif11.0\" addresses = { \"${N}34\" } }"

said() {
	cat "$LAB_OUT"
}
warnings() { # CODE: their texts
	ctl -j status | json '"\n".join(w["text"] for w in d["warnings"] if w["code"] == a[0])' "$1"
}
warned() { # CODE
	[[ -n $(warnings "$1") ]]
}
names() { # the guests that a command registered
	ctl -j list | json '" ".join(sorted(e["guest"] for e in d if e["origin"] == "command"))'
}
everything() { # what `list` says, the kernel has, and the directory holds
	ctl -j list
	host_routes
	find "$LAB_STATE" -name '*.conf*' -printf '%f %i %T@ %s\n' | sort
}
guest_file() { # NAME ADDRESS
	printf "guest '%s' {\n\tvif = 'vif12.0'\n\taddresses = {\n\t\t'%s'\n\t}\n}\n# ifindex 0\n# end\n" "$1" "$2"
}

# --- damaged files: each costs its guest, and no other ---

guest_file good "${N}50" >"$LAB_STATE/good.conf"
guest_file whole "${N}51" >"$LAB_DIR/whole"
size=$(stat -c %s "$LAB_DIR/whole")
bad=()
damaged() { # NAME COMMAND...: what it prints
	"${@:2}" >"$LAB_STATE/$1.conf"
	bad+=("$1")
}
whole() { # NAME
	sed "s/'whole'/'$1'/; s/${N}51/${N}6$((${#bad[@]} % 10))/" "$LAB_DIR/whole"
}
cut_at() { # NAME BYTES
	whole "$1" | head -c "$2"
}
with_nul() {
	whole nul | head -n 2
	printf '\0'
	whole nul | tail -n +3
}
with_binary() {
	printf '\377\376frob\033[31m \200 = 1\n'
	whole binary
}
of_family() {
	whole family | sed "s/'${N}.*'/'$OTHERS'/"
}
of_two() {
	whole two | head -n 6
	whole two | sed "s/'two'/'deux'/"
}
with_section() {
	echo "uplink 'eth9' { }"
	whole section
}
for cut in 1 8 20 $((size / 2)) $((size - 7)) $((size - 1)); do
	damaged cut$cut cut_at cut$cut $cut
done
damaged empty true
damaged random head -c 5000 /dev/urandom
damaged nul with_nul
damaged binary with_binary
damaged wrongname whole other
damaged family of_family
damaged two of_two
damaged section with_section
damaged zeroes head -c 30000000 /dev/zero
mkdir "$LAB_STATE/directory.conf"
mkfifo "$LAB_STATE/fifo.conf"
ln -s good.conf "$LAB_STATE/link.conf"
ln -s /nonexistent/x "$LAB_STATE/dangling.conf"
bad+=(directory fifo link dangling)
if mknod "$LAB_STATE/device.conf" c 1 5 2>/dev/null; then
	bad+=(device)
fi
damaged unreadable whole unreadable
chmod 000 "$LAB_STATE/unreadable.conf"
damaged again cut_at again 30
echo "of last year" >"$LAB_STATE/again.conf.bad"
echo "guest 'good' {" >"$LAB_STATE/good.conf~"

pass "the daemon starts" daemon_start || bail "no daemon"
is "$(names)" good "with the one guest whose file is whole"
like "$(route_to ${N}50)" vif12.0 "which has its route"
for name in "${bad[@]}"; do
	aside=$name.conf.bad
	[[ $name != again ]] || aside=again.conf.bad.2
	[[ ! -e $LAB_STATE/$name.conf && (-e $LAB_STATE/$aside || -L $LAB_STATE/$aside) ]]
	is $? 0 "$name: moved aside"
	like "$(warnings state-file)" "$LAB_STATE/$aside is set aside: [ -~]" "$name: in status"
	grep -qF "$LAB_STATE/$aside is set aside" "$LAB_LOG"
	is $? 0 "$name: in the log"
done
is "$(cat "$LAB_STATE/again.conf.bad")" "of last year" "one that was aside before is kept"
is "$(warnings state-file | wc -l)" $((${#bad[@]} + 1)) "a warning for each, and nothing else"
is "$(LC_ALL=C grep -c '[^ -~]' "$LAB_LOG")" 0 "nothing that harms a terminal is printed"
is "$(ls "$LAB_STATE" | grep -c '~')" 0 "a left-over of a write is gone"
pass "a guest whose file was bad is added again" ctl add ${N}52 vif vif12.0 guest nul
daemon_end KILL
pass "kill -9 and start" daemon_start
is "$(names)" "good nul" "both are there"
is "$(warnings state-file | wc -l)" $((${#bad[@]} + 1)) "what is aside is still told"
rm "$LAB_STATE/nul.conf.bad"
is "$(warnings state-file | grep -c nul)" 0 "until it is removed"
rm -r "$LAB_STATE"/*.bad*
is "$(warnings state-file)" "" "with the last the warnings are gone"
ctl del guest nul >/dev/null

# a move that a crash cut short between two files: an address has one owner, and deleted is deleted
pass "add" ctl add ${N}53 vif vif11.0 guest zz
daemon_end KILL
sed "s/'zz'/'aa'/; s/vif11.0/vif12.0/" "$LAB_STATE/zz.conf" >"$LAB_STATE/aa.conf"
pass "two files have one address: the daemon starts" daemon_start
is "$(names)" "aa good" "one of them gets it"
like "$(daemon_log | grep "${N}53")" 'zz.*aa|aa.*zz' "which is logged"
is "$(warnings state-file)" "" "and nothing that anybody must do"
pass "it is deleted" ctl del ${N}53
daemon_end KILL
pass "start" daemon_start
is "$(names)" "good" "and does not come back"

# --- no room, and no right to write ---

mount_small() {
	mkdir -p "$LAB_DIR/small"
	mount -t tmpfs -o size=64k,mode=755 tmpfs "$LAB_DIR/small"
}
remount() { # ro|rw: the file system, or where we are not root, the mount
	mount -o "remount,$1" "$LAB_STATE" 2>/dev/null || mount -o "remount,bind,$1" "$LAB_STATE"
}
fill() {
	cat /dev/zero >"$LAB_STATE/filling" 2>/dev/null
	[[ $(stat -f -c %a "$LAB_STATE") == 0 ]]
}
# fails_well DESCRIPTION ERROR ADVICE: nothing can be changed, and nothing changes
fails_well() {
	local before words

	before=$(everything)
	monitor_start "$MON"
	for words in "add ${N}55 vif vif12.0" "add ${N}50 ${N}56 vif vif12.0 guest good" "add ${N}50 vif vif11.0 guest good" \
		"add ${N}50 vif vif11.0 guest thief replace" "del ${N}50" "del ${N}51 ${N}50" "del vif vif12.0"; do
		[[ $2 != "No space"* || $words != "del ${N}51 ${N}50" && $words != "del vif"* ]] || continue # needs no room
		exits 1 "$1: $words" ctl $words
		like "$(said)" "$LAB_STATE: $2.*; $3" "$1: the reason, and what to do"
	done
	exits 1 "$1: -b" ctl -b - <<<"add ${N}55 vif vif12.0
add ${N}56 vif vif12.0 guest good
del ${N}51"
	is "$(everything)" "$before" "$1: nothing has changed"
	monitor_stop "$MON"
	is "$(cat "$MON")" "" "$1: no route was touched"
	like "$(warnings state-dir)" "$LAB_STATE: $2.*; $3" "$1: told in status"
	pass "$1: list goes on" ctl list
	pass "$1: and the router reaches the guest" ping1 router ${N}34
}
works_again() { # DESCRIPTION
	is "$(warnings state-dir)" "" "$1: the warning is gone"
	pass "$1: add" ctl add ${N}55 vif vif12.0 guest later
	is "$(names)" "good later" "$1: works"
	daemon_end KILL
	pass "$1: kill -9 and start" daemon_start
	is "$(names)" "good later" "$1: and lasts"
	pass "$1: del" ctl del guest later
}
daemon_stop
mount_small
LAB_STATE=$LAB_DIR/small
guest_file good "${N}50" | sed "s/'${N}50'/'${N}50', '${N}51'/" >"$LAB_STATE/good.conf"
pass "start on a small file system" daemon_start
pass "it is filled" fill
fails_well "full" "No space left on device" "make room"
exits 0 "full: what needs no room is done" ctl del guest nobody
daemon_end KILL
pass "full: kill -9 and start: it starts" daemon_start
is "$(names)" "good good" "full: with what is there"
like "$(warnings state-dir)" "No space left" "full: and says so"
like "$(daemon_log | tail -n 20)" "cannot be changed.*No space left" "full: in the log too"
rm "$LAB_STATE/filling"
is "$(warnings state-dir)" "" "full: room is made: the warning is gone"
pass "full: add" ctl add ${N}55 vif vif12.0 guest later
pass "full: del" ctl del guest later

second() { # another instance on the same directory
	! timeout 10 nsenter --net=/run/netns/dom0 "$LAB_PROGRAM" -f -c "$LAB_CONF" -s "$LAB_DIR/second.sock" -d "$LAB_STATE" \
		>"$LAB_OUT" 2>&1 && grep -q "another instance is running" "$LAB_OUT"
}
remount ro
fails_well "read-only" "Read-only file system" "mount it writable"
daemon_end KILL
pass "read-only: kill -9 and start: it starts" daemon_start
is "$(names)" "good good" "read-only: with what is there"
like "$(warnings state-dir)" "Read-only" "read-only: and says so"
pass "read-only: a second instance is refused" second
remount rw
is "$(warnings state-dir)" "" "writable again: the warning is gone"
pass "writable again: add" ctl add ${N}55 vif vif12.0 guest later
pass "writable again: del" ctl del guest later
daemon_stop
remount ro
exits 1 "read-only and stopped: add" ctl add ${N}55 vif vif12.0 guest later
like "$(said)" "nothing was changed: cannot write to $LAB_STATE: Read-only.*; mount it writable" "the reason, and what to do"
remount rw
rm "$LAB_STATE/.lock"
remount ro
pass "read-only and without a lock: it starts" daemon_start
fail "and a second one does not" timeout 10 nsenter --net=/run/netns/dom0 "$LAB_PROGRAM" -f -c "$LAB_CONF" \
	-s "$LAB_DIR/second.sock" -d "$LAB_STATE"
remount rw
pass "writable again: add makes the lock" ctl add ${N}55 vif vif12.0 guest later
pass "writable again: a second instance is refused" second
pass "writable again: del" ctl del guest later

# the daemon has given up what root could: modes count
chmod 0555 "$LAB_STATE"
fails_well "not writable" "Permission denied" "the user of the daemon must be able to write there"
head -c 30 "$LAB_DIR/whole" >"$LAB_STATE/stuck.conf"
daemon_end KILL
pass "not writable, and a file cut short: kill -9 and start" daemon_start
is "$(names)" "good good" "not writable: with all others"
like "$(warnings state-file)" "$LAB_STATE/stuck.conf is set aside: cut short" "what cannot be moved aside is told where it is"
chmod 0755 "$LAB_STATE"
pass "writable again: its guest is added anew" ctl add ${N}55 vif vif12.0 guest stuck
is "$(warnings state-file)$(warnings state-dir)" "" "and nothing is wrong any more"
pass "writable again: del" ctl del guest stuck

# the directory goes, or is another all of a sudden
pass "a directory is mounted over it" mount -t tmpfs -o mode=755 tmpfs "$LAB_STATE"
guest_file stranger "${N}57" >"$LAB_STATE/stranger.conf"
pass "the next change goes there" ctl add ${N}55 vif vif12.0 guest later
is "$(ls "$LAB_STATE" | xargs)" "good.conf later.conf stranger.conf.bad" "with all that the daemon knows, and nothing else"
like "$(warnings state-file)" "stranger" "what it does not know is told"
rm "$LAB_STATE/stranger.conf.bad"
pass "del" ctl del guest later
daemon_end KILL
pass "kill -9 and start" daemon_start
is "$(names)" "good good" "there is where it starts from"
pass "del" ctl del guest good
pass "it is unmounted" umount -l "$LAB_STATE"
is "$(grep -o "'${N}" "$LAB_STATE/good.conf" | wc -l)" 2 "and the one that was there before has what was there then"
pass "which is ours again" ctl add ${N}50 vif vif12.0 guest good
is "$(ls "$LAB_STATE" | xargs)" "good.conf good.conf.bad" "a guest that was deleted meanwhile is set aside"
is "$(grep -o "'${N}" "$LAB_STATE/good.conf" | wc -l)" 1 "and the file says what the daemon does"
daemon_stop
umount "$LAB_STATE"
LAB_STATE=$KEPT
pass "start" daemon_start
mv "$LAB_STATE" "$LAB_STATE.gone"
mkdir "$LAB_STATE.none"
everything_gone() {
	ctl -j list
	host_routes
}
before=$(everything_gone)
exits 1 "the directory is gone: add" ctl add ${N}55 vif vif12.0 guest later
like "$(said)" "$LAB_STATE: No such file.*; make the directory" "the reason, and what to do"
exits 1 "the directory is gone: del" ctl del guest good
is "$(everything_gone)" "$before" "nothing has changed"
like "$(warnings state-dir)" "$LAB_STATE: No such file.*; make the directory" "told in status"
mkdir "$LAB_STATE"
works_again "made again"
rm -rf "$LAB_STATE.gone"
rm "$LAB_STATE/.lock"
pass "the lock is removed: add" ctl add ${N}55 vif vif12.0 guest later
pass "a second instance is refused" second
pass "del" ctl del guest later
rm "$LAB_STATE/.lock"
exec {thief}>"$LAB_STATE/.lock"
flock -n "$thief"
exits 1 "somebody else has taken it: add" ctl add ${N}55 vif vif12.0 guest later
like "$(said)" "nothing was changed.*another instance has locked it" "the reason"
like "$(warnings state-dir)" "another instance has locked it" "told in status"
exec {thief}>&-
works_again "let go"

# --- the lock, at a start ---

daemon_stop
held() {
	! flock -n "$LAB_STATE/.lock" true
}
mkfifo "$LAB_DIR/lines"
ctl -b - <"$LAB_DIR/lines" >"$LAB_DIR/hook" 2>&1 &
hook=$!
exec {lines}>"$LAB_DIR/lines"
feeding() { # lines, often enough for the command to keep the lock
	local n=0

	while [[ ! -e $LAB_DIR/fed ]]; do
		echo "add ${N}$((60 + n++ % 30)) vif vif12.0 guest hook" >&$lines
		lab_pause 0.02
	done
}
feeding &
feeder=$!
pass "a command registers guests while the daemon is stopped" wait_for held
: >"$LAB_LOG"
nsenter --net=/run/netns/dom0 "$LAB_PROGRAM" -f -c "$LAB_CONF" -s "$LAB_SOCK" -d "$LAB_STATE" >>"$LAB_LOG" 2>&1 {lines}>&- &
LAB_DAEMON=$!
pass "a start meanwhile waits, and says for whom" wait_for grep -q "waiting for $LAB_STATE, which ${LAB_CTL##*/} [0-9]* has locked" "$LAB_LOG"
lab_pause 1.5 # it used to give up after one second
[[ $(grep -c "cannot lock" "$LAB_LOG") == 0 ]] && kill -0 "$LAB_DAEMON" && held
is $? 0 "goes on waiting"
kill -HUP "$LAB_DAEMON" # a reload that is asked for too early is done later
touch "$LAB_DIR/fed"
wait $feeder
exec {lines}>&-
wait $hook
is $? 0 "the command ends well"
pass "the daemon starts then" wait_for ctl status
pass "and does the reload that was asked for meanwhile" wait_for grep -q "configuration read" "$LAB_LOG"
is "$(names | tr ' ' '\n' | sort | uniq -c | awk '{ print $1, $2 }' | xargs)" "1 good 30 hook" "with all that it registered"
pass "a second instance is refused at once" second
done_testing
