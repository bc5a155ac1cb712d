# shellcheck shell=bash
# lib.sh: the network lab, in namespaces of its own; sourced by tests/net/*.t, demo.sh, lab.sh.
#
#      router               switch                Dom0                           guests
#  2800:110:2::1 ---- [router | br0 | dom0] ---- eth0  vif11.0 ---------------- eth0 (guest1)
#  192.0.2.1             |       ^            ::3/64   fe80 only                 ::34/64 via ::1
#      eth0              |       |        192.0.2.3/24 no IPv4            192.0.2.34/24 via 192.0.2.1
#                  [lab_host]    |                     vif12.0 ---------------- eth0 (guest2)
#                  other hosts   |                     fe80 only                 ::36/64 via ::1
#                                |                     no IPv4            192.0.2.36/24 via 192.0.2.1
#                                port security: drops and counts every frame
#                                from Dom0 that does not bear the uplink's MAC
#
# Dom0 can have both daemons. The words below speak of one of them: ndproxyd, unless `daemon_use arpproxyd`
# says otherwise, or `arp` (or `ndp`) stands before: `arp daemon_start`, `arp ctl list`.
#
# Life cycle: sourcing this file runs the calling script again inside fresh user (where not root),
# mount, network and PID namespaces, and as the first process of the last: when that ends, in whatever
# way, the kernel ends every process of the lab and forgets every interface. Nothing of the
# machine is ever touched. Each node is a network namespace; its name is a function that runs a
# command in it: `guest1 ping -c1 2800:110:2::1`.
#
# What a script may set before lab_up:
#   LAB_ROUTER, LAB_HOST, LAB_LEN   addresses of router and Dom0, prefix length of all
#   LAB_ROUTER4, LAB_HOST4, LAB_LEN4   the same for IPv4
#   LAB_GUESTS                      array of "NAME VIF ADDRESS..." (see lab_guest)
#   LAB_UPLINK, LAB_UPLINK_KIND     name of the uplink; veth, or macvlan (on top of a veth)
#   LAB_UPLINK_MAC, LAB_ROUTER_MAC, LAB_VIF_MAC
#   LAB_EXTRA_MACS                  array of MACs that the switch lets through besides the uplink's
#   LAB_TIMES=1                     how long things take is judged as it should be, not loosely, as where
#                                   others use the machine too
#   LAB_DAD=1                       let addresses go through duplicate address detection (1 to 2 s)

set -u -o pipefail

LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
case ${BUILD:=build} in
/*) LAB_BIN=$BUILD/sbin ;;
*) LAB_BIN=$LAB_TOP/$BUILD/sbin ;;
esac
NDPROXYD=$LAB_BIN/ndproxyd
NDPROXYCTL=$LAB_BIN/ndproxyctl
ARPPROXYD=$LAB_BIN/arpproxyd
ARPPROXYCTL=$LAB_BIN/arpproxyctl

# --- getting into the namespaces ---

# A reason why there can be no lab here: a skipped test, or an error for a person.
lab_refuse() {
	if [[ $0 == *.t ]]; then
		echo "1..0 # SKIP $1"
		exit 0
	fi
	echo "$0: $1" >&2
	exit 1
}

# Between the script as called and the same script inside the lab stands a shell that waits and
# passes signals on ("unshare --fork" ignores SIGTERM, and so would outlive a timeout(1)). It
# starts one process, which is then the first of the new PID namespace, so it is not this script.
# shellcheck disable=SC2016
LAB_WAITER='
	setpriv --pdeathsig KILL env --default-signal=INT,QUIT "$@" <&0 &
	trap "kill -KILL $!; exit 130" INT
	trap "kill -KILL $!; exit 143" TERM
	trap "kill -KILL $!; exit 129" HUP
	wait $!'

lab_enter() { # the script's arguments
	local -a flags=(--mount --net --pid)

	if ((EUID != 0)); then
		flags+=(--user --map-root-user)
		unshare "${flags[@]}" --fork true 2>/dev/null ||
			lab_refuse "not root, and this kernel gives no user namespaces"
	fi
	export LAB_INSIDE=1 LAB_UID=$EUID
	exec unshare "${flags[@]}" -- "$BASH" -c "$LAB_WAITER" "$0" "$BASH" "$0" "$@"
}

[[ -n ${LAB_INSIDE:-} ]] || lab_enter "$@"
unset LAB_INSIDE NOTIFY_SOCKET WATCHDOG_USEC
export LC_ALL=C
export PATH=$PATH:/usr/sbin:/sbin
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if ! mount -t proc proc /proc || ! mount -t tmpfs -o mode=0755 tmpfs /run; then
	lab_refuse "cannot mount in a namespace of our own"
fi
mkdir -p /run/netns /run/lab
LAB_DIR=/run/lab
LAB_OUT=$LAB_DIR/out
ip link set lo up
# A pause without a process: nobody ever writes here.
mkfifo "$LAB_DIR/never"
exec {LAB_NEVER}<>"$LAB_DIR/never"

# Under sanitizers everything is slower, and a report must end the daemon.
case $BUILD in
*san*) LAB_SLOW=5 ;;
*) LAB_SLOW=1 ;;
esac
export ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

# --- waiting ---

lab_pause() { # SECONDS
	read -r -t "$1" -u "$LAB_NEVER" || true
}

# wait_for [-t SECONDS] COMMAND...: until it succeeds; fails when it has not within 10 s.
wait_for() {
	local limit=10 deadline

	if [[ $1 == -t ]]; then
		limit=$2
		shift 2
	fi
	deadline=$((${EPOCHREALTIME/./} + limit * LAB_SLOW * 1000000))
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/./} < deadline)) || return 1
		lab_pause 0.02
	done
}

# --- nodes ---

in_ns() { # NODE COMMAND...
	local node=$1

	shift
	nsenter --net="/run/netns/$node" "$@"
}

# A network namespace, and a function of its name that runs a command in it.
lab_node() { # NAME
	! type -t "$1" >/dev/null || [[ " ${LAB_NODES[*]} " == *" $1 "* ]] || return 1 # a word of the shell
	ip netns add "$1" || return 1
	eval "$1() { in_ns $1 \"\$@\"; }"
	LAB_NODES+=("$1")
	in_ns "$1" sysctl -qw net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.all.accept_ra=0 \
		net.ipv6.conf.default.router_solicitations=0
	[[ -n ${LAB_DAD:-} ]] || in_ns "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.all.accept_dad=0
	# These a new namespace has from the machine
	in_ns "$1" sysctl -qw net.ipv4.conf.{all,default}.{rp_filter,arp_ignore,arp_announce,arp_filter}=0 \
		net.ipv4.conf.{all,default}.{proxy_arp,proxy_arp_pvlan,arp_accept,arp_notify}=0 net.ipv4.ip_forward=0
	ip -n "$1" link set lo up
}

mac_of() { # NODE INTERFACE
	in_ns "$1" cat "/proc/net/dev_mcast" >/dev/null # fails early where there is no such node
	ip -n "$1" -o link show dev "$2" | sed -n 's/.* link\/ether \([0-9a-f:]*\) .*/\1/p'
}

linklocal_of() { # NODE INTERFACE
	ip -n "$1" -6 -o addr show dev "$2" scope link | awk '{ sub("/.*", "", $4); print $4; exit }'
}

no_tentative() { # NODE [INTERFACE]
	[[ -z $(ip -n "$1" -6 addr show ${2:+dev "$2"} tentative) ]]
}

# A node on the switch, with one interface eth0. ADDRESS "none": the node's kernel has neither family there.
lab_host() { # NAME ADDRESS|"ADDRESS ADDRESS" [MAC]
	lab_node "$1" || return 1
	ip -n switch link add name "$1" type veth peer name eth0 netns "$1" || return 1
	[[ -z ${3:-} ]] || ip -n "$1" link set eth0 address "$3"
	# shellcheck disable=SC2086 # a word each
	lab_addresses "$1" eth0 $2
	ip -n switch link set "$1" master br0 up
}

family() { # ADDRESS: as ip(8) wants it
	if [[ $1 == *:* ]]; then
		echo -6
	else
		echo -4
	fi
}

lab_addresses() { # NODE INTERFACE ADDRESS[/LEN]...
	local node=$1 dev=$2 address

	shift 2
	# without an address a kernel neither asks nor answers by ARP
	[[ $1 != none ]] || in_ns "$node" sysctl -qw "net/ipv6/conf/$dev/disable_ipv6=1"
	ip -n "$node" link set "$dev" up
	for address; do
		[[ $address != none ]] || continue
		if [[ $address == *:* ]]; then
			[[ $address == */* ]] || address+=/$LAB_LEN
			: "${LAB_ADDR[$node]:=${address%/*}}"
		else
			[[ $address == */* ]] || address+=/$LAB_LEN4
			: "${LAB_ADDR4[$node]:=${address%/*}}"
		fi
		ip -n "$node" addr add "$address" dev "$dev" || return 1
	done
}

# A guest behind VIF of Dom0. Called again with the same NAME it gets one more interface.
# The first interface has the default routes: by IPv6 where it has an address of it, by IPv4 where it
# has one without a length of its own. ADDRESS as for lab_host.
lab_guest() { # NAME VIF ADDRESS[/LEN]...
	local name=$1 vif=$2 n address router

	shift 2
	[[ -e /run/netns/$name ]] || lab_node "$name" || return 1
	n=$(ip -n "$name" -o link show type veth | wc -l)
	LAB_COUNT=$((LAB_COUNT + 1))
	ip -n dom0 link add name "$vif" address "$LAB_VIF_MAC" type veth \
		peer name "eth$n" address "00:16:3e:00:00:$(printf %02x "$LAB_COUNT")" netns "$name" ||
		return 1
	lab_addresses "$name" "eth$n" "$@"
	ip -n dom0 link set "$vif" up
	[[ $n == 0 ]] || return 0
	for address; do
		case $address in
		none) continue ;;
		*:*) router=$LAB_ROUTER ;;
		*/*) continue ;;
		*) router=$LAB_ROUTER4 ;;
		esac
		ip -n "$name" route replace default via "$router"
	done
}

# --- the topology ---

LAB_NODES=()
LAB_COUNT=0
declare -A LAB_ADDR=() LAB_ADDR4=() # of a node, its first of each family
: "${LAB_ROUTER:=2800:110:2::1}" "${LAB_HOST:=2800:110:2::3}" "${LAB_LEN:=64}"
: "${LAB_ROUTER4:=192.0.2.1}" "${LAB_HOST4:=192.0.2.3}" "${LAB_LEN4:=24}"
: "${LAB_UPLINK:=eth0}" "${LAB_UPLINK_KIND:=veth}" "${LAB_UPLINK_MAC:=02:00:00:00:00:03}"
: "${LAB_ROUTER_MAC:=02:00:00:00:00:01}" "${LAB_VIF_MAC:=fe:ff:ff:ff:ff:ff}"
LAB_EXTRA_MACS=()
LAB_GUESTS=("guest1 vif11.0 2800:110:2::34 192.0.2.34" "guest2 vif12.0 2800:110:2::36 192.0.2.36")

lab_up() {
	local port=$LAB_UPLINK guest macs node

	lab_node switch
	ip -n switch link add name br0 type bridge mcast_snooping 0 forward_delay 0
	in_ns switch sysctl -qw net.ipv6.conf.br0.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	# br_netfilter, where it is loaded, would drop the malformed frames that tests send
	[[ ! -e /proc/sys/net/bridge ]] || in_ns switch sysctl -qw net.bridge.bridge-nf-call-ip6tables=0 \
		net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-arptables=0
	ip -n switch link set br0 up
	macs=$LAB_UPLINK_MAC$(printf ', %s' "${LAB_EXTRA_MACS[@]}")
	in_ns switch nft -f - <<-EOT || return 1
		table bridge portsec {
			counter violations { }
			set allowed { type ether_addr; elements = { ${macs%, } } }
			set offenders { type ether_addr; flags dynamic; size 64; }
			chain pre {
				type filter hook prerouting priority -300
				iifname "dom0" ether saddr != @allowed add @offenders { ether saddr } \
					counter name violations drop
			}
		}
	EOT

	lab_host router "$LAB_ROUTER $LAB_ROUTER4" "$LAB_ROUTER_MAC" || return 1

	lab_node dom0
	in_ns dom0 sysctl -qw net.ipv6.conf.{all,default}.forwarding=1 net.ipv4.conf.{all,default}.forwarding=1
	[[ $LAB_UPLINK_KIND == veth ]] || port=port0
	ip -n switch link add name dom0 type veth peer name "$port" netns dom0 || return 1
	if [[ $LAB_UPLINK_KIND == macvlan ]]; then
		# what is below the uplink would answer for the host's IPv4 address with a MAC of its own
		in_ns dom0 sysctl -qw "net/ipv6/conf/$port/disable_ipv6=1" "net/ipv4/conf/$port/arp_ignore=8"
		ip -n dom0 link add name "$LAB_UPLINK" link "$port" address "$LAB_UPLINK_MAC" \
			type macvlan mode private || return 1
		ip -n dom0 link set "$port" up
	else
		ip -n dom0 link set "$LAB_UPLINK" address "$LAB_UPLINK_MAC"
	fi
	ip -n switch link set dom0 master br0 up
	lab_addresses dom0 "$LAB_UPLINK" "$LAB_HOST" "$LAB_HOST4" || return 1
	ip -n dom0 route add default via "$LAB_ROUTER"
	ip -n dom0 route add default via "$LAB_ROUTER4"

	for guest in "${LAB_GUESTS[@]}"; do
		# shellcheck disable=SC2086 # a word each
		lab_guest $guest || return 1
	done
	for node in "${LAB_NODES[@]}"; do
		wait_for no_tentative "$node" || return 1
	done
}

# What the switch dropped: frames from Dom0's port with a MAC that is not the uplink's.
violations() {
	in_ns switch nft list counter bridge portsec violations | awk '$1 == "packets" { print $2 }'
}

offenders() {
	in_ns switch nft list set bridge portsec offenders | sed -n 's/.*elements = //p'
}

violations_reset() {
	in_ns switch nft reset counter bridge portsec violations >/dev/null
	in_ns switch nft flush set bridge portsec offenders
}

# --- the daemons ---

declare -A LAB_DAEMONS=() # the process of each that was started
LAB_NAME=
LAB_ELSEWHERE=() # those that are not on Dom0, as daemon_use wants them
# Which daemon the words below speak of. LAB_FAMILY is its family as ip(8) wants it.
daemon_use() { # ndproxyd|arpproxyd[@NODE]
	[[ $1 != "$LAB_NAME" ]] || return 0
	[[ -z $LAB_NAME ]] || LAB_DAEMONS[$LAB_NAME]=$LAB_DAEMON
	LAB_NAME=$1
	LAB_DAEMON=${LAB_DAEMONS[$1]:-}
	LAB_AT=dom0
	[[ $1 != *@* ]] || LAB_AT=${1#*@}
	case $1 in
	ndproxyd*) LAB_PROGRAM=$NDPROXYD LAB_CTL=$NDPROXYCTL LAB_FAMILY=-6 ;;
	arpproxyd*) LAB_PROGRAM=$ARPPROXYD LAB_CTL=$ARPPROXYCTL LAB_FAMILY=-4 ;;
	esac
	LAB_CONF=$LAB_DIR/$1.conf
	LAB_SOCK=$LAB_DIR/$1.sock
	LAB_STATE=$LAB_DIR/$1.d
	LAB_LOG=$LAB_DIR/$1.log
}

# COMMAND for a daemon, whichever is in use.
daemon_with() { # ndproxyd|arpproxyd COMMAND...
	local was=$LAB_NAME rc

	daemon_use "$1"
	"${@:2}"
	rc=$?
	daemon_use "$was"
	return "$rc"
}

ndp() { # COMMAND...
	daemon_with ndproxyd "$@"
}

arp() { # COMMAND...
	daemon_with arpproxyd "$@"
}

# both COMMAND...: for each; it fails where either does
both() {
	local rc=0

	ndp "$@" || rc=$?
	arp "$@" || rc=$?
	return "$rc"
}

daemon_conf() { # the configuration on stdin
	cat >"$LAB_CONF"
}

ctl() {
	in_ns "$LAB_AT" "$LAB_CTL" -s "$LAB_SOCK" -d "$LAB_STATE" "$@"
}

# A running daemon answers; one that ended will not: no use waiting on.
daemon_answers() {
	ctl status || ! kill -0 "$LAB_DAEMON"
}

LAB_DAEMON=
LAB_WRAP=() # a command that the daemon is started through
LAB_ARGS=() # its arguments besides -f -c -s -d
daemon_start() {
	# not through in_ns: a function in the background is a shell, and would be what is killed
	nsenter --net="/run/netns/$LAB_AT" "${LAB_WRAP[@]}" "$LAB_PROGRAM" -f -c "$LAB_CONF" -s "$LAB_SOCK" \
		-d "$LAB_STATE" "${LAB_ARGS[@]}" >>"$LAB_LOG" 2>&1 &
	LAB_DAEMON=$!
	wait_for daemon_answers && ctl status >/dev/null 2>&1 && return
	diag "the daemon did not start; its log:"
	daemon_log | diag
	daemon_stop
	return 1
}

# Returns the daemon's exit status, and 98 where a sanitizer complained.
daemon_stop() {
	daemon_end TERM
}

daemon_end() { # SIGNAL
	local rc pid=$LAB_DAEMON

	[[ -n $pid ]] || return 0
	LAB_DAEMON=
	kill "-$1" "$pid" 2>/dev/null
	wait_for daemon_gone "$pid" || kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	rc=$?
	if grep -Eq 'ERROR: (Address|Leak)Sanitizer|LeakSanitizer has|runtime error:' "$LAB_LOG"; then
		diag "a sanitizer complained:"
		daemon_log | diag
		rc=98
	fi
	return "$rc"
}

daemon_gone() { # PID
	[[ ! -r /proc/$1/stat || $(</proc/"$1"/stat) == *") Z "* ]]
}

daemon_log() {
	cat "$LAB_LOG"
}

daemon_runs() {
	[[ -n $LAB_DAEMON ]]
}

daemon_init() {
	mkdir "$LAB_STATE"
	: >"$LAB_LOG"
}
daemon_use ndproxyd
both daemon_init

# --- reading JSON: `ctl -j list | json 'len(d)'` ---

json() { # EXPRESSION [ARGUMENT...]: in Python, d being the document, a the arguments
	/usr/bin/python3 -c '
import json, sys
a = sys.argv[2:]
d = json.load(sys.stdin)
r = eval(sys.argv[1])
print(r if isinstance(r, str) else json.dumps(r))' "$@"
}

dropped() { # SIDE INTERFACE REASON: the counter, 0 where it never rose
	ctl -j stats | json 'd[a[0]].get(a[1], {}).get("dropped", {}).get(a[2], 0)' "$@"
}

# --- TAP ---

TAP_N=0
TAP_BAD=0

diag() { # [TEXT], or what stdin has
	if (($#)); then
		printf '%s\n' "$*"
	else
		cat
	fi | sed 's/^/# /'
}

ok() { # DESCRIPTION
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $1"
}

not_ok() { # DESCRIPTION
	TAP_N=$((TAP_N + 1))
	TAP_BAD=$((TAP_BAD + 1))
	echo "not ok $TAP_N - $1"
}

skip() { # DESCRIPTION REASON
	ok "$1 # SKIP $2"
}

# pass DESCRIPTION COMMAND...: its output is shown only where it fails.
pass() {
	local description=$1 rc

	shift
	"$@" >"$LAB_OUT" 2>&1
	rc=$?
	if ((rc == 0)); then
		ok "$description"
		return 0
	fi
	not_ok "$description"
	diag "exit status $rc: $*"
	diag <"$LAB_OUT"
	return 1
}

# fail DESCRIPTION COMMAND...: it must fail with an ordinary exit status, not by a signal.
fail() {
	local description=$1 rc

	shift
	"$@" >"$LAB_OUT" 2>&1
	rc=$?
	if ((rc > 0 && rc < 98)); then
		ok "$description"
		return 0
	fi
	not_ok "$description"
	diag "exit status $rc: $*"
	diag <"$LAB_OUT"
	return 1
}

# exits STATUS DESCRIPTION COMMAND...; the output stays in $LAB_OUT.
exits() {
	local want=$1 description=$2 rc

	shift 2
	"$@" >"$LAB_OUT" 2>&1
	rc=$?
	if ((rc == want)); then
		ok "$description"
		return 0
	fi
	not_ok "$description"
	diag "exit status $rc instead of $want: $*"
	diag <"$LAB_OUT"
	return 1
}

is() { # GOT WANTED DESCRIPTION
	if [[ $1 == "$2" ]]; then
		ok "$3"
		return 0
	fi
	not_ok "$3"
	diag "     got: $1"
	diag "expected: $2"
	return 1
}

like() { # GOT REGEX DESCRIPTION
	if [[ $1 =~ $2 ]]; then
		ok "$3"
		return 0
	fi
	not_ok "$3"
	diag "      got: $1"
	diag "not like: $2"
	return 1
}

unlike() { # GOT REGEX DESCRIPTION
	if [[ ! $1 =~ $2 ]]; then
		ok "$3"
		return 0
	fi
	not_ok "$3"
	diag "       got: $1"
	diag "yet like: $2"
	return 1
}

# timely DESCRIPTION MS LIMIT: how long something took, which is judged with LAB_TIMES=1 alone.
timely() {
	diag "$1: $2 ms (expected: less than $3)"
	[[ -z ${LAB_TIMES:-} ]] || pass "$1" test "$2" -lt "$3"
}

plan() {
	echo "1..$TAP_N"
}

bail() { # REASON: what follows makes no sense
	echo "Bail out! $1"
	exit 1
}

# The end of every test: the daemons stop cleanly, the switch saw no foreign MAC.
done_testing() {
	local name

	for name in ndproxyd arpproxyd "${LAB_ELSEWHERE[@]}"; do
		if daemon_with "$name" daemon_runs; then
			exits 0 "$name stops cleanly" daemon_with "$name" daemon_stop
		fi
	done
	if [[ -e /run/netns/switch ]]; then
		is "$(violations)" 0 "no MAC but the uplink's own on the wire" || diag "$(offenders)"
	fi
	if ((TAP_BAD)); then
		diag "the daemons' logs, their ends:"
		tail -n 40 "$LAB_DIR"/*.log | diag
	fi
	plan
	exit $((TAP_BAD > 0))
}

# --- what several tests do ---

ping1() { # NODE ADDRESS: one packet, one answer
	in_ns "$1" ping -n -c1 -W"$((1 * LAB_SLOW))" "$2"
}

# The state of NODE's neighbour entry for ADDRESS, such as REACHABLE; empty where there is none.
neigh_state() { # NODE ADDRESS
	ip -n "$1" "$(family "$2")" neigh show to "$2" | awk '{ print $NF; exit }'
}

neigh_mac() { # NODE ADDRESS
	ip -n "$1" "$(family "$2")" neigh show to "$2" |
		awk '{ for (i = 1; i < NF; i++) if ($i == "lladdr") print $(i + 1); exit }'
}

# Milliseconds to the first answer, NODE having no neighbour entry for ADDRESS.
first_ping() { # NODE ADDRESS
	ip -n "$1" "$(family "$2")" neigh flush to "$2" >/dev/null 2>&1
	ping1 "$1" "$2" | sed -n 's/.*time[=<]\([0-9.]*\) ms.*/\1/p'
}

# Pings from each of the nodes to each other, all at once, by the family of the daemon in use or by the
# one given. A line a pair: FROM TO MILLISECONDS, or "-".
ping_pairs() { # [-4|-6] NODE...
	local family=$LAB_FAMILY from to
	local -a pids=()

	if [[ $1 == -[46] ]]; then
		family=$1
		shift
	fi
	for from; do
		for to; do
			[[ $from != "$to" ]] || continue
			{
				echo "$from $to $(ping1 "$from" "$(address_of "$family" "$to")" |
					sed -n 's/.*time[=<]\([0-9.]*\) ms.*/\1/p')"
			} >"$LAB_DIR/pair$family.$from.$to" 2>/dev/null &
			pids+=($!)
		done
	done
	wait "${pids[@]}"
	for from; do
		for to; do
			[[ $from == "$to" ]] ||
				awk '{ print $1, $2, (NF > 2 ? $3 : "-") }' "$LAB_DIR/pair$family.$from.$to"
		done
	done
}

address_of() { # -4|-6 NODE
	if [[ $1 == -4 ]]; then
		echo "${LAB_ADDR4[$2]}"
	else
		echo "${LAB_ADDR[$2]}"
	fi
}

median() { # numbers on stdin, one a line
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}

host_routes() { # the daemon's routes, wherever they are
	ip -n "$LAB_AT" "$LAB_FAMILY" route show proto 168 table all
}

route_to() { # ADDRESS[/LEN]: the routes of Dom0 to exactly that, in whatever table
	ip -n dom0 "$(family "$1")" route show exact "$1" table all
}

# Dom0's route events of the daemon's family into FILE, from before monitor_start returns until
# monitor_stop has seen all.
canary_seen() { # FILE TABLE
	ip -n dom0 "$LAB_FAMILY" route add blackhole "$LAB_CANARY" table "$2" 2>/dev/null ||
		ip -n dom0 "$LAB_FAMILY" route del blackhole "$LAB_CANARY" table "$2"
	grep -q "blackhole $LAB_CANARY .*table $2 " "$1"
}

monitor_start() { # FILE
	LAB_CANARY=2001:db8:ca4a:4e::/64
	[[ $LAB_FAMILY == -6 ]] || LAB_CANARY=203.0.113.64/28
	: >"$1"
	nsenter --net=/run/netns/dom0 stdbuf -oL ip "$LAB_FAMILY" monitor route >"$1" 2>&1 &
	LAB_MONITOR=$!
	wait_for canary_seen "$1" 4001
}

# Stops watching; FILE keeps what happened but for the canaries.
monitor_stop() { # FILE
	wait_for canary_seen "$1" 4002
	kill "$LAB_MONITOR"
	wait "$LAB_MONITOR" 2>/dev/null
	sed -i "\\|$LAB_CANARY|d" "$1"
}

# A program in Python whose TAP is ours, but for the plan and the numbers; in the namespace of NODE, or here ("-").
python_tap() { # NODE|- PROGRAM [ARGUMENT...]
	local node=$1 rc bad
	local -a where=()

	[[ $node == - ]] || where=(nsenter "--net=/run/netns/$node")
	LAB_SLOW=$LAB_SLOW TAP_FROM=$TAP_N PYTHONDONTWRITEBYTECODE=1 "${where[@]}" /usr/bin/python3 \
		"$LAB_TOP/tests/net/$2" "${@:3}" >"$LAB_DIR/tap"
	rc=$?
	awk -v n="$TAP_N" '/^1\.\./ { next } /^(not )?ok / { sub(/ok [0-9]+/, "ok " ++n) } 1' "$LAB_DIR/tap"
	TAP_N=$((TAP_N + $(grep -Ec '^(not )?ok ' "$LAB_DIR/tap")))
	bad=$(grep -c '^not ok ' "$LAB_DIR/tap")
	TAP_BAD=$((TAP_BAD + bad))
	is "$rc $(grep -c '^1\.\.' "$LAB_DIR/tap")" "$((bad > 0)) 1" "$2 came to its end"
}

# Lets a table of frames (frames.py) speak to the daemon in use.
frames() { # PROGRAM
	python_tap - "$1" "$LAB_CTL" "$LAB_SOCK" "$LAB_STATE"
}

# --- for people ---

lab_help() {
	cat <<-EOT
		Nodes: ${LAB_NODES[*]}; a name runs a command there:
		  router ping -c3 ${LAB_ADDR[guest1]:-ADDRESS}
		  dom0 tcpdump -ni $LAB_UPLINK icmp6 or arp
		  guest1 ip neigh
		  ndp ctl list, arp ctl list   ndproxyctl and arpproxyctl, talking to this lab's daemons
		  daemon_start             with the configuration in $LAB_DIR; LAB_ARGS=(-v): tells more
		  daemon_log, daemon_stop; arp, ndp or both before a word says of which, ndp where nothing does
		  violations, offenders    what the switch dropped: foreign MACs from Dom0's port
		  lab_guest guest3 vif13.0 ADDRESS...; ctl add ADDRESS vif vif13.0
		  lab_help                 this text
		Leaving the shell (exit) removes the lab.
	EOT
}

# An interactive shell that has all of this file's functions.
lab_shell() {
	{
		declare -f
		# shellcheck disable=SC2086 # a word each
		declare -p ${!LAB_*} NDPROXYD NDPROXYCTL ARPPROXYD ARPPROXYCTL
		echo 'PS1="lab# "; unset PROMPT_COMMAND; set +u'
	} >"$LAB_DIR/rc"
	lab_help
	"$BASH" --rcfile "$LAB_DIR/rc" -i
}
