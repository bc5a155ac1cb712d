#!/bin/bash
# 27-systemd: what the installed units say, without a systemd that runs: they are right, they expose little, the
# daemons need no system call besides those that they allow, and the daemons tell a service manager (here
# one of the test's own) what it must know. 28-service has them under the real one.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# --- the units ---

TREE=$LAB_DIR/tree
UNITS=$TREE/usr/lib/systemd/system
install_tree() {
	env -u MAKEFLAGS -u MAKELEVEL make -C "$LAB_TOP" install B="${LAB_BIN%/sbin}" ${SAN:+SAN=1} \
		DESTDIR="$TREE" PREFIX=/usr UNITDIR=/usr/lib/systemd/system
}
[[ $LAB_SLOW == 1 ]] || SAN=1
pass "make install" install_tree || bail "not installed"

verify() { # what it has to say; nothing is well
	systemd-analyze verify --man=no --root="$TREE" --recursive-errors=no "$1.service" 2>&1
}
version=$(systemd-analyze --version 2>/dev/null | awk 'NR == 1 { print $2 }')
for name in ndproxyd arpproxyd; do
	if ((${version:-0} < 252)); then
		skip "$name.service is right and exposes little" "no systemd-analyze of 252 or later"
		continue
	fi
	# what units refer to
	cp -rn /usr/lib/systemd/system/*.{target,slice} "$UNITS"
	is "$(verify $name)" "" "$name.service: systemd-analyze verify finds nothing"
	echo 'Nonsense=yes' >>"$UNITS/$name.service"
	like "$(verify $name)" Nonsense "which it would"
	sed -i '$d' "$UNITS/$name.service"
	pass "$name.service: exposure below 2.0" systemd-analyze security --no-pager --offline=yes \
		--root="$TREE" --threshold=19 "$UNITS/$name.service"
	diag "$(sed -n 's/.*\(Overall.*[0-9]\.[0-9]\).*/\1/p' "$LAB_OUT")"
done

# --- system calls ---

lab_up || bail "no lab"
conf() { # LINE...
	{
		echo 'uplink "eth0" { }'
		echo "guest \"vt1\" { vif = \"vif11.0\" addresses = { \"$GUEST\" } }"
		printf '%s\n' "$@"
	} | daemon_conf
}
use() { # ndproxyd|arpproxyd
	daemon_use "$1"
	if [[ $1 == ndproxyd ]]; then
		GUEST=2800:110:2::34 OTHER=2800:110:2::36
	else
		GUEST=192.0.2.34 OTHER=192.0.2.36
	fi
}
confined_ctl() {
	in_ns dom0 /usr/bin/python3 "$LAB_TOP/tests/net/syscalls.py" "$UNITS/$LAB_NAME.service" \
		"$LAB_CTL" -s "$LAB_SOCK" -d "$LAB_STATE" "$@"
}
pings() { # ADDRESS
	ip -n router neigh flush all
	ping1 router "$1"
}
logged() { # REGEX
	grep -Eq "$1" "$LAB_LOG"
}
routes_follow() { # a vif of its own that comes, goes down, and goes
	ip -n dom0 link add v0 up type veth peer name p0
	ip -n dom0 link set p0 up
	wait_for has_route && ip -n dom0 link set v0 down && wait_for has_no_route &&
		ip -n dom0 link del v0
}
has_route() {
	[[ -n $(route_to "$OTHER") ]]
}
has_no_route() {
	[[ -z $(route_to "$OTHER") ]]
}
batch() {
	printf 'add %s vif vif12.0 guest vt2\nlist\nstats -p\nstatus\nannounce %s\ndel guest vt2\n' "$OTHER" "$OTHER" |
		ctl -b -
}

CAPS=+net_admin,+net_raw,+bpf
check_calls() {
	# as a user of its own and with the unit's capabilities
	LAB_WRAP=(setpriv "--inh-caps=-all,$CAPS" "--ambient-caps=$CAPS" "--bounding-set=-all,$CAPS"
		--reuid nobody --regid "$(id -g nobody)" --clear-groups
		/usr/bin/python3 "$LAB_TOP/tests/net/syscalls.py" "$UNITS/$1.service")
	mkdir -p "$LAB_DIR/run.$1"
	chown nobody "$LAB_DIR/run.$1" "$LAB_STATE"
	LAB_SOCK=$LAB_DIR/run.$1/ctl.sock
	echo '# rubbish' >"$LAB_STATE/bad.conf"
	: >"$LAB_STATE/cut.conf~"
	conf
	pass "$1: starts under the unit's filter of system calls" daemon_start || return
	like "$(</proc/"$LAB_DAEMON"/status)" $'\nSeccomp:\t2\n' "$1: which is in force"
	pass "$1: the router reaches a guest" pings "$GUEST"
	pass "$1: a batch, in which everything is asked" batch
	pass "$1: add" ctl add "$OTHER" vif v0
	pass "$1: a vif comes, goes down, and goes" routes_follow
	conf 'pace = 100'
	pass "$1: reload, as the unit does" confined_ctl reload
	conf 'nonsense'
	fail "$1: which fails where the configuration is bad" confined_ctl reload
	conf "guests-file = \"$LAB_DIR/many.$1\"" 'keep-routes = false'
	many "$1" 20000 >"$LAB_DIR/many.$1"
	kill -HUP "$LAB_DAEMON"
	pass "$1: SIGHUP, and very many addresses" wait_for -t 30 logged '\+20000 -0'
	pass "$1: the router reaches a guest" pings "$GUEST"
	chmod 500 "$LAB_STATE"
	fail "$1: nothing can be written" ctl add "$OTHER" vif vif12.0 guest vt3
	chmod 755 "$LAB_STATE"
	exits 0 "$1: stops" daemon_stop
	is "$(host_routes)" "" "$1: and takes its routes along"
	LAB_WRAP=()
}
many() { # ndproxyd|arpproxyd N: so many lines of a guests-file
	seq 0 "$(($2 - 1))" | if [[ $1 == ndproxyd ]]; then
		awk '{ printf "2001:db8:%x:%x::1 vif11.0\n", $1 / 65536, $1 % 65536 }'
	else
		awk '{ printf "10.%d.%d.%d vif11.0\n", $1 / 65536, $1 / 256 % 256, $1 % 256 }'
	fi
}
for name in ndproxyd arpproxyd; do
	if [[ $LAB_SLOW != 1 ]]; then
		skip "$name under the unit's filter of system calls" "sanitizers need more"
	elif [[ $LAB_UID != 0 ]]; then
		skip "$name under the unit's filter of system calls" "needs another user than root, there is one here"
	elif ((${version:-0} < 252)) || ! /usr/bin/python3 -c 'import ctypes; ctypes.CDLL("libseccomp.so.2")' 2>"$LAB_OUT"; then
		skip "$name under the unit's filter of system calls" "no systemd-analyze of 252 or later, or no libseccomp"
	else
		use $name
		check_calls $name
		chown root "$LAB_STATE"
	fi
done

# --- what a service manager is told ---

EAR_LOG=$LAB_DIR/told
/usr/bin/python3 "$LAB_TOP/tests/net/notified.py" "$LAB_DIR/notify" "$EAR_LOG" &
EAR=$!
pass "the test has a service manager" wait_for test -S "$LAB_DIR/notify"
told() { # REGEX
	grep -Eq "^[0-9.]+ $1\$" "$EAR_LOG"
}
told_times() { # REGEX N: at least so often
	(($(grep -Ec "^[0-9.]+ $1\$" "$EAR_LOG") >= $2))
}
longest_gap() { # REGEX: in ms, between two
	awk -v re="^[0-9.]+ $1\$" '$0 ~ re { if (t && $1 - t > max) max = $1 - t; t = $1 }
		END { printf "%d\n", max * 1000 }' "$EAR_LOG"
}
forget() {
	: >"$EAR_LOG"
}
MANY=400000 CLOSE=1000
[[ $LAB_SLOW == 1 ]] || MANY=200000 CLOSE=2000
check_told() {
	conf
	forget
	LAB_WRAP=(env NOTIFY_SOCKET="$LAB_DIR/notify" WATCHDOG_USEC=$((1000000 * LAB_SLOW)))
	pass "$1: starts with a watchdog" daemon_start
	pass "$1: READY=1" wait_for told READY=1
	pass "$1: signs of life" wait_for told_times WATCHDOG=1 5
	timely "$1: twice in its time" "$(longest_gap WATCHDOG=1)" $((1000 * LAB_SLOW))
	forget
	conf 'pace = 100'
	pass "$1: reload" ctl reload
	pass "$1: RELOADING=1" wait_for told RELOADING=1
	pass "$1: READY=1 again, and no trouble" wait_for told STATUS=
	forget
	conf 'nonsense'
	fail "$1: reload of a bad one" ctl reload
	pass "$1: READY=1, and the reason" wait_for told 'STATUS=.*:3: .*nonsense.*'
	pass "$1: READY=1" told READY=1
	kill -STOP "$LAB_DAEMON"
	forget
	# there is nothing to wait for but its silence: a ping goes every half second while it lives
	lab_pause $((1 * LAB_SLOW))
	fail "$1: a daemon that stands still gives no sign of life" told WATCHDOG=1
	kill -CONT "$LAB_DAEMON"
	pass "$1: it goes on" wait_for told WATCHDOG=1
	exits 0 "$1: stops" daemon_stop
	pass "$1: STOPPING=1" told STOPPING=1
	pass "$1: and says that routes stay" told 'STATUS=.*routes stay.*'
	ctl flush >/dev/null

	forget
	conf
	# the watchdog of another process
	LAB_WRAP=(env NOTIFY_SOCKET="$LAB_DIR/notify" WATCHDOG_USEC=100000 WATCHDOG_PID=1)
	pass "$1: starts without a watchdog" daemon_start
	pass "$1: READY=1" wait_for told READY=1
	exits 0 "$1: stops" daemon_stop
	fail "$1: no sign of life is given that nobody wants" told WATCHDOG=1

	# a load that is longer than half of the watchdog's time
	many "$1" $MANY >"$LAB_DIR/many"
	LAB_WRAP=(env NOTIFY_SOCKET="$LAB_DIR/notify" WATCHDOG_USEC=$((CLOSE * 1000)))
	pass "$1: starts, watched closely" daemon_start
	forget
	conf "guests-file = \"$LAB_DIR/many\""
	pass "$1: reload with very many addresses" ctl reload
	pass "$1: signs of life meanwhile" told_times WATCHDOG=1 2
	timely "$1: twice in its time" "$(longest_gap WATCHDOG=1)" $CLOSE
	exits 0 "$1: stops" daemon_stop
	ctl flush >/dev/null

	forget
	nsenter --net=/run/netns/dom0 "${LAB_WRAP[@]}" "$LAB_PROGRAM" -f -c "$LAB_CONF" -s "$LAB_SOCK" \
		-d "$LAB_STATE" >>"$LAB_LOG" 2>&1 &
	LAB_DAEMON=$!
	pass "$1: starts with very many addresses" wait_for -t 60 told READY=1
	pass "$1: asked for time meanwhile" told EXTEND_TIMEOUT_USEC=30000000
	is "$(sed '/READY=1/q' "$EAR_LOG" | grep -c WATCHDOG)" 0 "$1: before it was ready it gave no other sign"
	exits 0 "$1: stops" daemon_stop
	LAB_WRAP=()
}
for name in ndproxyd arpproxyd; do
	use $name
	check_told $name
done
kill $EAR
done_testing
