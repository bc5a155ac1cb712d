#!/bin/bash
# 29-status: whatever is degraded, `status` says so, with a code and in words, and says it no more when it is
# mended. Each condition is brought about, seen in the text and in the JSON, and taken away. The last part
# compares the codes of the source with the table in the man page.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

SEEN=" " # codes
text_of() { # CODE: the texts of the warnings
	ctl -j status | json '"\n".join(w["text"] for w in d["warnings"] if w["code"] == a[0])' "$1"
}
has() { # CODE REGEX
	[[ $(text_of "$1") =~ $2 ]]
}
has_not() { # CODE
	[[ -z $(text_of "$1") ]]
}
degraded() { # CODE REGEX DESCRIPTION
	SEEN+="$1 "
	pass "$D: $3: $1" wait_for has "$1" "$2" || diag "$(ctl -j status | json 'd["warnings"]')"
	like "$(ctl status)" "warning $1: [^"$'\n'"]*($2)" "$D: $1: in words"
}
mended() { # CODE
	pass "$D: mended: $1 is gone" wait_for has_not "$1" || diag "$(text_of "$1")"
}
base() { # LINE...
	{
		echo 'uplink "eth0" { }'
		printf '%s\n' "$@"
		echo "guest \"vt1\" { vif = \"vif11.0\" addresses = { \"${N}34\" } }"
	} | daemon_conf
}
reload() {
	base "$@"
	ctl reload >/dev/null
}
use() { # ndproxyd|arpproxyd
	daemon_use "$1"
	D=$1
	if [[ $1 == ndproxyd ]]; then
		N=2800:110:2:: LEN=128 SYSCTL=net.ipv6.conf PROXY=proxy_ndp ALL=net.ipv6.conf.all.forwarding
	else
		N=192.0.2. LEN=32 SYSCTL=net.ipv4.conf PROXY=proxy_arp ALL=net.ipv4.conf.all.forwarding
	fi
}
set_to() { # SYSCTL VALUE
	in_ns dom0 sysctl -qw "$1=$2"
}
# the uplink's addresses and the host's default route, which IPv6 loses when the interface goes down
uplink_restore() {
	ip -n dom0 link set eth0 up
	ip -n switch link set dom0 up
	ip -n dom0 addr replace "$LAB_HOST/64" dev eth0
	ip -n dom0 addr replace "$LAB_HOST4/24" dev eth0
	ip -n dom0 -6 route replace default via "$LAB_ROUTER"
	ip -n dom0 -4 route replace default via "$LAB_ROUTER4"
}

check_uplink() {
	ip -n dom0 link set eth0 down
	degraded uplink-down 'eth0.*ip link set eth0 up' "the uplink is down"
	uplink_restore
	mended uplink-down
	ip -n switch link set dom0 down
	degraded uplink-no-carrier 'eth0.*carrier' "the uplink has no carrier"
	uplink_restore
	mended uplink-no-carrier
	ip -n dom0 link set eth0 down
	ip -n dom0 link set eth0 name away0
	degraded uplink-absent 'eth0.*does not exist' "there is no uplink"
	ip -n dom0 link set away0 name eth0
	uplink_restore
	mended uplink-absent
	[[ $D == ndproxyd ]] || return
	ip -n dom0 -6 addr flush dev eth0
	degraded N02 'eth0.*no usable address.*ip addr add' "the uplink has no address"
	ip -n dom0 -6 addr add fe80::3/64 dev eth0 nodad
	uplink_restore
	mended N02
}

check_kernel() {
	set_to "$SYSCTL.vif11/0.$PROXY" 1
	degraded K01 "vif11.0/$PROXY is 1.*sysctl -w" "the kernel's proxy is on"
	set_to "$SYSCTL.vif11/0.$PROXY" 0
	mended K01
	ip -n dom0 neigh add proxy "${N}34" dev eth0
	degraded K01 "${N}34.*ip neigh del proxy ${N}34 dev eth0" "the kernel has a proxy entry"
	ip -n dom0 neigh del proxy "${N}34" dev eth0
	mended K01
	set_to "$ALL" 0
	degraded K02 'forward.*sysctl -w' "the host does not forward"
	set_to "$ALL" 1
	[[ $D == arpproxyd ]] || in_ns dom0 sysctl -qw net.ipv6.conf.{eth0,vif11/0,vif12/0}.forwarding=1
	mended K02
	[[ $D == ndproxyd ]] || return
	ip -n dom0 -6 addr flush dev vif11.0 scope link
	degraded K10 'vif11.0.*link-local.*addrgenmode' "a vif has no link-local address"
	ip -n dom0 -6 addr add fe80::fcff:ffff:feff:ffff/64 dev vif11.0 nodad
	mended K10
}

check_routes() {
	reload "route { source = \"${N}77\" }"
	degraded K07 "${N}77.*ip addr add" "the routes' source is nobody's address"
	ip -n dom0 addr add "${N}77/$LEN" dev eth0
	mended K07
	ip -n dom0 addr del "${N}77/$LEN" dev eth0
	reload
	ip -n dom0 route add "${N}36" dev vif11.0 metric 5
	ctl add "${N}36" vif vif12.0 guest vt2 >/dev/null
	degraded K09 "${N}36.*vt2.*leads elsewhere.*ip $LAB_FAMILY route show ${N}36" "a route is in the way"
	like "$(ip -n dom0 "$LAB_FAMILY" route show "${N}36")" 'metric 5' "$D: and the command that it names shows it"
	ip -n dom0 route del "${N}36" dev vif11.0 metric 5
	mended K09
	if [[ $D == ndproxyd ]]; then
		set_to net.ipv6.conf.vif12/0.disable_ipv6 1
		degraded K09 "${N}36.*refused its route .Permission denied" "the kernel refuses a route"
		set_to net.ipv6.conf.vif12/0.disable_ipv6 0
		mended K09
	fi
	ctl del guest vt2 >/dev/null
	ctl add "${N}3" vif vif12.0 guest vt2 >/dev/null
	degraded N10 "${N}3 .*vt2.*host itself.*ip addr" "a guest has the host's address"
	ctl del guest vt2 >/dev/null
	mended N10
	ctl add "${N}1" vif vif12.0 guest vt2 >/dev/null
	degraded N10 "${N}1 .*gateway" "a guest has the gateway's address"
	ctl del guest vt2 >/dev/null
	mended N10
}

check_guests() {
	ctl add "${N}36" vif vif12.0 guest vt2 >/dev/null
	reload "guest \"vt3\" { vif = \"vif13.0\" addresses = { \"${N}36\" } }"
	degraded set-aside "${N}36 of run-time guest \"vt2\".*\"vt3\".*del guest vt2" \
		"the configuration has a run-time guest's address"
	reload
	mended set-aside
	ctl del guest vt2 >/dev/null
	{
		printf 'uplink "%s" { }\n' eth0 eth9
		echo "guest \"vt1\" { vif = \"vif11.0\" uplink = \"eth0\" addresses = { \"${N}34\" } }"
	} | daemon_conf
	ctl reload >/dev/null
	degraded uplink-absent '"eth9"' "the second uplink is absent"
	ctl add "${N}36" vif vif12.0 guest vt2 uplink eth9 >/dev/null
	reload
	degraded uplink-unknown '"vt2".*"eth9".*reload' "a guest's uplink is none"
	ctl del guest vt2 >/dev/null
	mended uplink-unknown
	ctl add "${N}36" vif vif12.0 guest vt2 >/dev/null
	{
		printf 'uplink "%s" { }\n' eth0 vif12.0
		echo "guest \"vt1\" { vif = \"vif11.0\" uplink = \"eth0\" addresses = { \"${N}34\" } }"
	} | daemon_conf
	ctl reload >/dev/null
	degraded vif-is-uplink '"vt2".*"vif12.0"' "a guest's vif is an uplink"
	reload
	mended vif-is-uplink
	ctl del guest vt2 >/dev/null
}

check_conf() {
	base "# another"
	degraded config-changed "$LAB_CONF.*$D -n.*$LAB_CTL_NAME reload" "the configuration has changed"
	ctl reload >/dev/null
	mended config-changed
	mkdir "$LAB_DIR/$D.guests"
	reload "guests-dir = \"$LAB_DIR/$D.guests\""
	pass "$D: as read, it has not changed" has_not config-changed
	echo "guest \"vt4\" { addresses = { \"${N}44\" } }" >"$LAB_DIR/$D.guests/a.conf"
	degraded config-changed "$LAB_CONF" "a file of guests-dir is new"
	ctl reload >/dev/null
	mended config-changed
	rm "$LAB_DIR/$D.guests/a.conf"
	degraded config-changed "$LAB_CONF" "a file of guests-dir is gone"
	base "guests-file = \"$LAB_DIR/$D.list\""
	echo "${N}45 vif14.0" >"$LAB_DIR/$D.list"
	ctl reload >/dev/null
	mended config-changed
	echo "${N}46 vif14.0" >>"$LAB_DIR/$D.list"
	degraded config-changed "$LAB_CONF" "the guests-file has changed"
	base nonsense
	kill -HUP "$LAB_DAEMON"
	degraded reload-failed "$LAB_CONF:2: .*nonsense.*$LAB_CTL_NAME reload" "a reload failed"
	pass "$D: one of the two is enough" has_not config-changed
	reload
	mended reload-failed
	reload 'vif "x*" { rate = 77 }'
	degraded not-in-force 'rate = 77' "an option is not in force"
	reload
	mended not-in-force
}

# --- what takes more than an interface or a file ---

first_free() { # the number of the file descriptor that would be next
	local n=0

	while [[ -L /proc/$LAB_DAEMON/fd/$n ]]; do
		n=$((n + 1))
	done
	echo "$n"
}
open_batch() { # a connection to the daemon that stays open: ask COMMAND..., until close_batch
	mkfifo "$LAB_DIR/asks"
	in_ns dom0 "$LAB_CTL" -s "$LAB_SOCK" -d "$LAB_STATE" -j -b - <"$LAB_DIR/asks" >"$LAB_DIR/answers" 2>&1 &
	BATCH=$!
	exec {ASKS}>"$LAB_DIR/asks"
	rm "$LAB_DIR/asks"
	ASKED=0
	ask stats >/dev/null
}
ask() { # COMMAND...: its answer
	echo "$*" >&"$ASKS"
	ASKED=$((ASKED + 1))
	wait_for answered && tail -n1 "$LAB_DIR/answers"
}
answered() {
	[[ $(wc -l <"$LAB_DIR/answers") == "$ASKED" ]]
}
close_batch() {
	exec {ASKS}>&-
	wait "$BATCH"
}
asked_has() { # CODE REGEX, by the open connection
	ask status >/dev/null && tail -n1 "$LAB_DIR/answers" |
		json '[w["text"] for w in d["warnings"] if w["code"] == a[0] and __import__("re").search(a[1], w["text"])][0]' "$1" "$2"
}

check_descriptors() {
	ctl add "${N}50" vif t0 >/dev/null
	open_batch
	prlimit --pid "$LAB_DAEMON" --nofile="$(first_free):"
	ip -n dom0 link add t0 up type veth peer name p0
	ip -n dom0 link set p0 up
	SEEN+="deaf netlink "
	pass "$D: no file descriptor is left: deaf" wait_for asked_has deaf 't0.*Too many open files.*LimitNOFILE'
	# more events than the socket holds: the kernel's tables must be read again, and cannot
	kill -STOP "$LAB_DAEMON"
	ip -n dom0 link add t1 type veth peer name p1
	seq 1300 21299 | sed 's/^/link set dev t1 mtu /' | ip -n dom0 -batch -
	kill -CONT "$LAB_DAEMON"
	pass "$D: nor for the kernel's tables: netlink" wait_for asked_has netlink 'Too many open files.*again'
	prlimit --pid "$LAB_DAEMON" --nofile=1024:
	close_batch
	mended deaf
	mended netlink
	ip -n dom0 link del t0
	ip -n dom0 link del t1
	ctl del vif t0 >/dev/null
}

check_control() {
	local inode

	inode=$(stat -c %i "$LAB_SOCK")
	rm "$LAB_SOCK"
	pass "$D: the control socket is removed, and made again" wait_for ctl status
	mv "$LAB_SOCK" "$LAB_SOCK.away"
	pass "$D: and where it is moved away" wait_for ctl status
	rm "$LAB_SOCK.away"
	like "$(stat -c '%i %a' "$LAB_SOCK")" ' 660$' "$D: with its mode"
	unlike "$(stat -c %i "$LAB_SOCK")" "^$inode\$" "$D: it is another"
	chmod 600 "$LAB_SOCK"
	open_batch
	# the daemon may be quicker
	wait_for rm -r "$LAB_DIR/sock.$D"
	SEEN+="control "
	pass "$D: its directory is removed: control" wait_for asked_has control \
		"$LAB_SOCK.*No such file or directory.*directory"
	mkdir "$LAB_DIR/sock.$D"
	pass "$D: and made again" wait_for ctl status
	pass "$D: whoever was connected still is" ask status
	close_batch
	mended control
}

# A host that stands still has frames wait, and loses what finds no room.
flood() { # NODE: 12,000 questions
	in_ns "$1" /usr/bin/python3 -c '
import socket, sys
from scapy.all import ARP, Ether, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
mac, v6, v4 = sys.argv[1:]
if sys.argv[0] and v6:
    frame = Ether(src=mac, dst="33:33:ff:00:00:34") / IPv6(src="2800:110:2::1", dst="ff02::1:ff00:34", hlim=255) \
        / ICMPv6ND_NS(tgt=v6) / ICMPv6NDOptSrcLLAddr(lladdr=mac)
else:
    frame = Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=mac, psrc="192.0.2.1", pdst=v4)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
frame = bytes(frame)
for i in range(12000):
    s.send(frame)' "$LAB_ROUTER_MAC" "$2" "$3"
}
check_lost() {
	kill -STOP "$LAB_DAEMON"
	if [[ $D == ndproxyd ]]; then
		flood router "${N}34" ''
	else
		flood router '' "${N}34"
	fi
	kill -CONT "$LAB_DAEMON"
	degraded lost 'eth0.*lost, [0-9]+ so far.*load' "frames are lost"
	pass "$D: stats counts them" test "$(ctl -j stats | json 'd["uplink"]["eth0"]["lost"]')" -gt 1000
	like "$(ctl stats)" 'uplink eth0:.* lost [0-9]{4}' "$D: for people too"
	like "$(ctl stats -p)" "${D}_lost_total.kind=\"uplink\",interface=\"eth0\". [0-9]{4}" "$D: and for Prometheus"
	if [[ $(ctl -j status | json 'd["filter"]["kind"]') == ebpf ]]; then
		degraded overload 'eth0.*tcpdump -ni eth0' "more questions than can be answered"
	else
		skip "$D: overload" "no filter in the kernel"
	fi
	# a minute later they are warned of no more: tests/unit/test_engine
}

check_start() {
	daemon_stop
	echo rubbish >"$LAB_STATE/bad.conf"
	daemon_start
	degraded state-file "bad.conf" "a state file is no good"
	daemon_stop
	rm "$LAB_STATE/bad.conf.bad"
	# /proc/sys out of sight, and no eBPF
	LAB_WRAP=(unshare --mount "$BASH" -c 'mount -t tmpfs none /proc/sys; exec "$@"' unseen
		setpriv "--bounding-set=-bpf,-sys_admin")
	daemon_start
	mended state-file
	degraded sysctl '/proc/sys/net.*ProcSubset' "/proc/sys cannot be seen"
	degraded filter 'no filter in the kernel .*CPU' "the kernel gives no filter"
	daemon_stop
	LAB_WRAP=()
	daemon_start
	mended sysctl
	[[ $(ctl -j status | json 'd["filter"]["kind"]') != ebpf ]] || mended filter
}

check_full() {
	if [[ $(ctl -j status | json 'd["filter"]["kind"]') != ebpf || $LAB_SLOW != 1 ]]; then
		skip "$D: filter-full" "no filter in the kernel, or sanitizers: too slow"
		return
	fi
	# on a vif that is not there: no routes
	seq 0 699999 | if [[ $D == ndproxyd ]]; then
		awk '{ printf "2001:db8:%x:%x::1 none0\n", $1 / 65536, $1 % 65536 }'
	else
		awk '{ printf "10.%d.%d.%d none0\n", $1 / 65536, $1 / 256 % 256, $1 % 256 }'
	fi >"$LAB_DIR/many"
	reload "guests-file = \"$LAB_DIR/many\""
	degraded filter-full 'restart' "more is listed than the filter has room for"
	reload
	mended filter-full
}

lab_up || bail "no lab"
for name in ndproxyd arpproxyd; do
	use $name
	LAB_CTL_NAME=${LAB_CTL##*/}
	mkdir "$LAB_DIR/sock.$D"
	LAB_SOCK=$LAB_DIR/sock.$D/ctl.sock
	base
	pass "$D: starts" daemon_start || bail "no daemon"
	is "$(ctl -j status | json '[w["code"] for w in d["warnings"] if w["code"] != "filter"]')" "[]" \
		"$D: nothing is degraded"
	check_uplink
	check_kernel
	check_routes
	check_guests
	check_conf
	check_lost
	# what knows no family is done once
	if [[ $D == ndproxyd ]]; then
		check_descriptors
		check_control
		check_start
		check_full
	fi
	is "$(ctl -j status | json '[w["code"] for w in d["warnings"] if w["code"] not in ("filter", "lost", "overload")]')" \
		"[]" "$D: nothing is degraded in the end"
	exits 0 "$D: stops" daemon_stop
done

# --- the codes ---

codes() { # of the source: the first argument of a warning that is a text
	{
		cat "$LAB_TOP"/lib/*.c | tr -d '\n' |
			grep -oE '\b(warn|warning_add|each)\((&?[a-z.>-]+, *){0,2}"[A-Za-z0-9-]+",' |
			sed 's/.*"\(.*\)",/\1/'
		grep -hoE '"K0[0-9]"' "$LAB_TOP"/*proxyd/*.c | tr -d '"'
		echo N12 H45
	} | tr ' ' '\n' | sort -u
}
paged() { # the codes of the man page's table
	sed -n '/^\.Sh WARNINGS/,/^\.Sh /s/^\.It //p' "$LAB_TOP/man/ndproxyctl.8" | tr -d ', ' | sort -u
}
is "$(codes)" "$(paged)" "the man page has each code of the source, and no other"
for code in $(codes); do
	case $code in
	N12 | H45 | yield) continue ;;      # 03-dad, 11-arp, 32-move
	state-dir) continue ;;              # 23-state
	uplink-unfit | vif-unfit) continue ;; # 22-interfaces
	K04) continue ;;                    # 12-kernel-proxy
	esac
	[[ $SEEN == *" $code "* ]] || [[ $code == overload || $code == filter-full ]] || MISSED="${MISSED:-}$code "
done
is "${MISSED:-}" "" "each was brought about here"
done_testing
