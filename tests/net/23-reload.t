#!/bin/bash
# 23-reload: a reload is a difference: what did not change is not touched, what moved is never without a route, and
# a mistake changes nothing.
#
#   router ---- a packet every ms ----> Dom0 ---- vif11.0 ---- eth0 (guest1), which has its address on both
#                                         `------ vif13.0 ---- eth1
#
# 23-reload.t [ndproxyd|arpproxyd]: the same for either; 23-arp-reload.t is the latter.

# shellcheck disable=SC2086,SC2317 # an address is one word; functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

daemon_use "${1:-ndproxyd}"
case $LAB_NAME in
ndproxyd)
	N=2800:110:2:: HOST=128 NET=2001:db8:5::/64 HOSTBITS=2001:db8::1/64 OTHERS=192.0.2.34
	ADDRESS='sprintf("2001:db8:7::%x", n)'
	;;
arpproxyd)
	N=192.0.2. HOST=32 NET=198.51.100.0/24 HOSTBITS=10.0.0.1/8 OTHERS=2800:110:2::34
	ADDRESS='sprintf("10.7.%d.%d", n / 250, n % 250 + 1)'
	;;
esac
MON=$LAB_DIR/monitor ALL=$LAB_DIR/all D=$LAB_DIR/guests.d
lab_up || bail "no lab"
lab_guest guest1 vif13.0 ${N}34/$HOST # without a network: what it sends leaves by eth0

said() {
	cat "$LAB_OUT"
}
addresses() { # FIRST LAST
	awk -v from="$1" -v to="$2" 'BEGIN { for (n = from; n <= to; n++) print '"$ADDRESS"' }'
}
conf() { # VIF OF GUEST1: it, and what $ALL lists
	daemon_conf <<-EOT
		uplink "eth0" { announce = 0 }
		vif "*" { guard = false }
		guests-dir = "$D"
		guests-file = "$ALL"
		guest "vt1" { vif = "$1" addresses = { "${N}34" } }
		guest "other" { vif = "vif11.0" addresses = { "${N}35" } }
		$(cat "$LAB_DIR/more" 2>/dev/null)
	EOT
}
routes_of() { # MONITOR: what it saw of each destination: the fewest routes that it had at any time, and the end
	/usr/bin/python3 -c '
import sys
had, least, now = int(sys.argv[1]), {}, {}
for line in sys.stdin:
	w = line.split()
	gone = w[0] == "Deleted"
	dst = w[gone]
	now[dst] = now.get(dst, had) + (-1 if gone else 1)
	least[dst] = min(least.get(dst, had), now[dst])
print(" ".join("%s:%d:%d" % (d, least[d], now[d]) for d in sorted(now)))' "${2:-1}" <"$1"
}
mkdir "$D"
addresses 1 9995 | sed 's/$/ vif12.0/' >"$ALL"
conf vif11.0
pass "the daemon starts with 9,997 addresses" daemon_start || bail "no daemon"
is "$(host_routes | wc -l)" 9997 "each with its route"

# the difference, and nothing but the difference
monitor_start "$MON"
pass "a reload without any change" ctl reload
is "$(ctl reload)" "+0 -0 =9997" "is told as such"
sed -i 1d "$ALL"
addresses 9996 9998 | sed 's/$/ vif12.0/' >>"$ALL"
is "$(ctl reload)" "+3 -1 =9996" "three addresses more and one less"
monitor_stop "$MON"
is "$(wc -l <"$MON") $(grep -c ^Deleted "$MON")" "4 1" "in the kernel too" || head "$MON" | diag
is "$(ctl -j reload)" '{"added":0,"removed":0,"same":9999}' "-j"

# foreign routes that ours is preferred to stay out of it (K09)
foreign() {
	ip -n dom0 "$LAB_FAMILY" route show proto static
}
ip -n dom0 "$LAB_FAMILY" route add ${N}34 dev eth0 metric 1025 proto static
ip -n dom0 "$LAB_FAMILY" route add ${N}34 dev vif12.0 metric 1026 proto static
FOREIGN=$(foreign)

# an address moves: by a reload, by an add, to another guest, with all that it has
monitor_start "$MON"
conf vif13.0
is "$(ctl reload)" "+0 -0 =9999" "a reload that moves an address"
monitor_stop "$MON"
is "$(routes_of "$MON")" "${N}34:1:1" "at no time is it without a route" || diag <"$MON"
like "$(route_to ${N}34)" "dev vif13.0 .*metric 1024" "which leads to the other vif"
conf vif11.0
ctl reload >/dev/null
monitor_start "$MON"
sed -i '1,100s/vif12.0/vif13.0/' "$ALL"
is "$(ctl reload)" "+0 -0 =9999" "a reload that moves a hundred"
monitor_stop "$MON"
is "$(routes_of "$MON" | tr ' ' '\n' | grep -c ':1:1$')" 100 "none of them is ever without a route"
is "$(host_routes | grep -c 'dev vif13.0.*metric 1024') $(host_routes | wc -l)" "100 9999" "all lead to the other vif"
sed -i '100,$d' "$ALL"
is "$(ctl reload)" "+0 -9898 =101" "a reload that drops most"
ctl add ${N}50 $NET vif vif12.0 guest mover via ${N}50
monitor_start "$MON"
pass "an add that moves an address and a network behind it" ctl add ${N}50 vif vif13.0 guest mover
monitor_stop "$MON"
is "$(routes_of "$MON")" "$(printf '%s\n' "${N}50:1:1" "$NET:1:1" | sort | xargs)" "neither is ever without a route" || diag <"$MON"
monitor_start "$MON"
pass "an add that takes it from another guest" ctl add ${N}50 vif vif11.0 guest taker replace
monitor_stop "$MON"
is "$(routes_of "$MON" | tr ' ' '\n' | grep -v "$NET")" "${N}50:1:1" "it is never without a route" || diag <"$MON"
like "$(route_to ${N}50)" "dev vif11.0 .*metric 1024" "which leads to the taker's vif"
is "$(foreign)" "$FOREIGN" "routes of others are as they were"
ctl del guest mover >/dev/null
ctl del guest taker >/dev/null
monitor_start "$MON"
ip -n dom0 addr add ${N}7/${NET#*/} dev eth0
pass "another address of the uplink" wait_for no_tentative dom0 eth0
echo "route { source = \"${N}7\" }" >"$LAB_DIR/more"
conf vif11.0
is "$(ctl reload)" "+0 -0 =101" "a reload that sets the source of all routes"
monitor_stop "$MON"
is "$(routes_of "$MON" | tr ' ' '\n' | grep -c ':1:1$')" 101 "none of them is ever without a route"
is "$(host_routes | grep "src ${N}7 " | grep -c "metric 1024")" 101 "all have it (K07)"
rm "$LAB_DIR/more"
conf vif11.0
ctl reload >/dev/null

# the same as packets: one every ms, to and fro
in_ns dom0 nft -f - <<-EOT
	table inet strays {
		chain out {
		type filter hook postrouting priority 0
		oifname "eth0" ip6 daddr $([[ $LAB_FAMILY == -6 ]] && echo ${N}34 || echo ::1) counter
		oifname "eth0" ip daddr $([[ $LAB_FAMILY == -4 ]] && echo ${N}34 || echo 127.0.0.1) counter
		}
	}
EOT
strays() {
	in_ns dom0 nft list table inet strays | awk '/counter packets/ { for (i = 1; i < NF; i++) if ($i == "packets") n += $(i + 1) } END { print n }'
}
guest1 /usr/bin/python3 -B "$LAB_TOP/tests/net/udp.py" serve 7777 >"$LAB_DIR/serve" &
server=$!
pass "a guest that echoes" wait_for grep -q ready "$LAB_DIR/serve"
# it asks by eth0 alone, where it is a stranger half of the time (D04, H45)
ip -n guest1 neigh replace ${N}1 lladdr "$LAB_VIF_MAC" dev eth0 nud permanent
mkfifo "$LAB_DIR/until"
router /usr/bin/python3 -B "$LAB_TOP/tests/net/udp.py" ask ${N}34 7777 1 <"$LAB_DIR/until" >"$LAB_DIR/asked" &
asker=$!
exec {until}>"$LAB_DIR/until"
for n in {1..10}; do
	conf vif13.0
	ctl reload >/dev/null
	conf vif11.0
	ctl reload >/dev/null
done
ctl add ${N}34 vif vif11.0 guest vt1 >/dev/null
sed -i '/^guest "vt1"/d' "$LAB_CONF"
is "$(ctl reload)" "+0 -1 =100" "from the configuration to a command"
for n in {1..50}; do
	ctl add ${N}34 vif vif13.0 guest vt1 >/dev/null
	ctl add ${N}34 vif vif11.0 guest vt1 >/dev/null
done
conf vif13.0
is "$(ctl reload)" "+0 -0 =101" "and back"
like "$(ctl -j list ${N}34)" '"guest":"vt1","vif":"vif13.0".*"origin":"config"' "moved 120 times"
exec {until}>&-
wait $asker
read -r sent lost <"$LAB_DIR/asked"
is "$((sent > 100)) $lost $(strays)" "1 0 0" "no packet is lost meanwhile, nor sent out of the uplink"
diag "$sent packets, $lost lost"
kill $server
ctl del guest vt1 >/dev/null

# a mistake of whatever kind, in whichever file: exit 1, its place, and all as it was
conf vif11.0
ctl reload >/dev/null
cp "$LAB_CONF" "$LAB_DIR/good"
cp "$ALL" "$LAB_DIR/good-all"
ctl -j list >"$LAB_DIR/before"
monitor_start "$MON"
refused() { # DESCRIPTION PLACE
	exits 1 "$1: refused" ctl reload
	like "$(said)" "$2" "$1: told where"
	kill -HUP "$LAB_DAEMON"
	wait_for grep -qE "${2#^}.*the configuration in force stays" "$LAB_LOG" || not_ok "$1: SIGHUP: logged"
	ctl -j list | cmp -s - "$LAB_DIR/before"
	is $? 0 "$1: nothing changes"
	cp "$LAB_DIR/good" "$LAB_CONF"
	cp "$LAB_DIR/good-all" "$ALL"
	rm -rf "${D:?}"/*
	: >"$LAB_LOG"
}
while IFS='|' read -r description line; do
	echo "$line" >>"$LAB_CONF"
	refused "$description" "$LAB_CONF:$(wc -l <"$LAB_CONF"):"
	printf '# a comment\n\n%s\n' "$line" >"$D/50-bad.conf"
	# of the sections only guests may stand there: which is a mistake as well
	refused "$description, in guests-dir" "$D/50-bad.conf:3:"
done <<EOT
an unknown option|frobnicate = 1
an unknown section|house "x" { }
host bits|guest "bad" { vif = "vif11.0" addresses = { "$HOSTBITS" } }
the other family|guest "bad" { vif = "vif11.0" addresses = { "$OTHERS" } }
an address twice|guest "bad" { vif = "vif11.0" addresses = { "${N}34" } }
a guest twice|guest "vt1" { vif = "vif11.0" addresses = { "${N}99" } }
a section without its end|guest "bad" { vif = "vif11.0"
a string without its end|guest "bad { vif = vif11.0
EOT
sed -i '50s/.*/'"${HOSTBITS//\//\\/}"' vif12.0/' "$ALL"
refused "guests-file: host bits" "$ALL:50:"
sed -i '50s/.*/x/' "$ALL"
refused "guests-file: no address" "$ALL:50:"
line=$(sed -n 7p "$ALL")
echo "$line" >>"$ALL"
refused "guests-file: an address twice" "$ALL:$(wc -l <"$ALL"):"
printf 'a\0b vif12.0\n' >>"$ALL"
refused "guests-file: a NUL byte" "$ALL:$(wc -l <"$ALL")"
rm "$ALL"
refused "guests-file: not there" "$ALL"
rm "$LAB_CONF"
refused "no configuration" "$LAB_CONF"
rm "$LAB_CONF" && mkdir "$LAB_CONF"
exits 1 "a directory in its place" ctl reload
rmdir "$LAB_CONF"
cp "$LAB_DIR/good" "$LAB_CONF"
monitor_stop "$MON"
is "$(wc -l <"$MON")" 0 "no route was touched" || diag <"$MON"
is "$(ctl reload)" "+0 -0 =101" "put right, it is read again"
done_testing
