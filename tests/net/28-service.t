#!/bin/bash
# 28-service: the installed units under a real systemd, booted in namespaces of its own: start, privileges,
# filters, reload, kill, hang, stop, upgrade. It needs root and a cgroup2 file system.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[[ $LAB_SLOW == 1 ]] || lab_refuse "the unit's limits are those of the program as installed, without sanitizers"
[[ $LAB_UID == 0 ]] || lab_refuse "booting systemd needs root"
[[ -x /usr/lib/systemd/systemd && -x /usr/bin/systemctl ]] || lab_refuse "no systemd"
version=$(systemctl --version | awk 'NR == 1 { print $2 }')
((version >= 252)) || lab_refuse "systemd is older than 252"
mkdir -p "$LAB_DIR/cgroup" "$LAB_DIR/boot/root" "$LAB_DIR/boot/overlay"
mount -t cgroup2 cgroup2 "$LAB_DIR/cgroup" 2>"$LAB_OUT" || lab_refuse "no cgroup2: $(<"$LAB_OUT")"
# a group of our own below the one that we are in
CGROUP=$(mktemp -d "$LAB_DIR/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/ndproxyd-lab.XXXXXX" 2>"$LAB_OUT") || lab_refuse "no cgroup of our own: $(<"$LAB_OUT")"

# --- booting ---

BOOT=
INIT=
booted_init() {
	INIT=$(pgrep -P "$BOOT") && [[ -n $INIT ]]
}
# a command inside
inside() {
	nsenter -t "$INIT" --mount --root --pid --net --cgroup --uts --ipc /usr/bin/env LC_ALL=C "$@"
}
booted() {
	inside systemctl is-active lab.target
}
end_boot() {
	[[ -z $INIT ]] || kill -KILL "$INIT" 2>/dev/null
	[[ -z $BOOT ]] || wait "$BOOT" 2>/dev/null
	wait_for rmdir_cgroup
}
rmdir_cgroup() {
	find "$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null
	[[ ! -e $CGROUP ]]
}
trap end_boot EXIT

install_tree() { # into the overlay
	local tree=$LAB_DIR/boot/overlay wanted

	env -u MAKEFLAGS -u MAKELEVEL make -C "$LAB_TOP" install B="${LAB_BIN%/sbin}" DESTDIR="$tree" \
		SBINDIR=/opt/ndproxyd/sbin MANDIR=/opt/ndproxyd/man UNITDIR=/etc/systemd/system \
		TMPFILESDIR=/etc/tmpfiles.d SYSUSERSDIR=/etc/sysusers.d || return 1
	# of what a boot does, what the units ask for
	for wanted in /usr/lib/systemd/system/sysinit.target.wants/*; do
		case ${wanted##*/} in
		systemd-journald.service | systemd-sysusers.service | systemd-tmpfiles-setup.service) ;;
		*) ln -s /dev/null "$tree/etc/systemd/system/${wanted##*/}" ;;
		esac
	done
	printf '%s\n' '[Unit]' 'Requires=sysinit.target' 'After=sysinit.target' >"$tree/etc/systemd/system/lab.target"
	printf '%s\n' '[Journal]' 'Storage=volatile' >"$tree/etc/systemd/journald.conf"
}

boot() {
	(
		echo "$BASHPID" >"$CGROUP/cgroup.procs" || exit 1
		exec nsenter --net=/run/netns/dom0 unshare --mount --pid --cgroup --uts --ipc --fork \
			--kill-child "$LAB_TOP/tests/net/boot.sh" "$LAB_DIR/boot/root"
	) >"$LAB_DIR/boot/log" 2>&1 &
	BOOT=$!
	wait_for booted_init && wait_for -t 30 booted
}

lab_up || bail "no lab"
pass "make install" install_tree || bail "not installed"
if ! boot; then
	diag <"$LAB_DIR/boot/log"
	if ! booted_init; then # a container that may not mount, perhaps
		skip "the units under a real systemd" "none boots here: $(tail -n1 "$LAB_DIR/boot/log")"
		plan
		exit 0
	fi
	inside systemctl --no-pager list-jobs 2>&1 | diag
	bail "systemd did not boot"
fi

# --- words ---

use() { # ndproxyd|arpproxyd
	daemon_use "$1"
	D=$1
	if [[ $D == ndproxyd ]]; then
		C=ndproxyctl GUEST=2800:110:2::34 OTHER=2800:110:2::36 PROXY=net.ipv6.conf.eth0.proxy_ndp
	else
		C=arpproxyctl GUEST=192.0.2.34 OTHER=192.0.2.36 PROXY=net.ipv4.conf.eth0.proxy_arp
	fi
}
ctl() { # as the lab's, of the daemon inside
	inside "/opt/ndproxyd/sbin/$C" "$@"
}
root_file() { # FILE, from stdin
	cat >"/proc/$INIT/root/$1"
}
conf() { # LINE...
	{
		echo 'uplink "eth0" { }'
		echo "guest \"vt1\" { vif = \"vif11.0\" addresses = { \"$GUEST\" } }"
		printf '%s\n' "$@"
	} | root_file "etc/$D.conf"
}
dropin() { # LINE...
	mkdir -p "/proc/$INIT/root/etc/systemd/system/$D.service.d"
	printf '%s\n' '[Service]' "$@" | root_file "etc/systemd/system/$D.service.d/test.conf"
	inside systemctl daemon-reload
}
unit() { # VERB
	inside timeout 30 systemctl "$1" "$D"
}
property() { # NAME
	inside systemctl show -P "$1" "$D"
}
property_is() { # NAME VALUE
	[[ $(property "$1") == "$2" ]]
}
pid() { # the daemon's, in the lab's PID namespace
	pgrep -x "$D"
}
of_process() { # NAME, of /proc/PID/status
	awk -v name="$1:" '$1 == name { $1 = ""; print substr($0, 2) }' "/proc/$(pid)/status"
}
journal() {
	inside journalctl -q --no-pager -o cat -u "$D"
}
journal_has() { # REGEX
	journal | grep -Eq "$1"
}
warned() { # CODE
	[[ -n $(warning "$1") ]]
}
not_warned() {
	! warned "$1"
}
warning() { # CODE: its texts
	ctl -j status | json '"\n".join(w["text"] for w in d["warnings"] if w["code"] == a[0])' "$1"
}
answers() { # ADDRESS
	ip -n router neigh flush all
	ping1 router "$1"
}
registered() { # ADDRESS
	[[ $(ctl -j list "$1" | json 'd[0]["answering"]') == true ]]
}
restarted() { # PID: another than this, and ready
	[[ $(pid) != "$1" ]] && property_is ActiveState active && registered "$OTHER"
}

check_start() {
	conf
	pass "$D: starts" unit start || journal | diag
	is "$(property ActiveState) $(property SubState)" "active running" "$D: is active"
	is "$(stat -c %U "/proc/$(pid)")" "$(stat -c %U "/proc/$INIT/root/run/$D")" "$D: as the owner of its directory"
	unlike "$(of_process Uid)" '\<0\>' "$D: who is not root"
	is "$(of_process CapEff) $(of_process NoNewPrivs) $(of_process Seccomp)" "0000000000003000 1 2" \
		"$D: two capabilities, no new privileges, a filter of system calls"
	is "$(ctl -j status | json 'd["filter"]["kind"]')" ebpf "$D: the filter is in the kernel"
	is "$(ctl -j status | json '[w for w in d["warnings"]]')" "[]" "$D: nothing is degraded"
	pass "$D: the router reaches a guest" answers "$GUEST"
	in_ns dom0 sysctl -qw "$PROXY=1"
	like "$(warning K01)" "$PROXY|${PROXY//.//}" "$D: /proc/sys is read from inside (K01)"
	in_ns dom0 sysctl -qw "$PROXY=0"
	pass "$D: add" ctl add "$OTHER" vif vif12.0 guest vt2
	pass "$D: and the router reaches that one" answers "$OTHER"
	pass "$D: it may be changed by root and read as text" ctl status
}

check_reload() {
	conf 'pace = 77'
	pass "$D: systemctl reload" unit reload
	like "$(ctl status)" 'pace = 77' "$D: and the new configuration is in force"
	conf 'pace = 88' 'nonsense'
	fail "$D: systemctl reload fails with a bad configuration" unit reload
	is "$(property ActiveState)" active "$D: it runs on"
	pass "$D: the journal has the reason" wait_for journal_has "/etc/$D.conf:4: .*nonsense"
	like "$(warning reload-failed)" "/etc/$D.conf:4: .*nonsense" "$D: so has status"
	like "$(property StatusText)" "older one: /etc/$D.conf:4: .*nonsense" "$D: and systemctl status"
	like "$(ctl status)" 'pace = 77' "$D: the configuration in force stays"
	conf 'pace = 99'
	pass "$D: SIGHUP reloads too" inside systemctl kill -s HUP --kill-who=main "$D"
	pass "$D: and status has it no more" wait_for not_warned reload-failed
	is "$(property StatusText)" "" "$D: nor has systemctl status"
}

check_restarts() {
	local was

	was=$(pid)
	kill -KILL "$was"
	pass "$D: kill -9: it is back, with what was registered" wait_for restarted "$was"
	pass "$D: and answers" answers "$OTHER"
	dropin WatchdogSec=1
	pass "$D: restart" unit restart
	was=$(pid)
	kill -STOP "$was"
	pass "$D: stopped in its tracks: the watchdog has it back" wait_for restarted "$was"
	pass "$D: and the journal says why" journal_has 'Watchdog timeout'
	pass "$D: it answers" answers "$OTHER"
}

# So many addresses take longer than the watchdog's patience: that is no hang.
check_busy() {
	local was

	seq 0 399999 | if [[ $D == ndproxyd ]]; then
		awk '{ printf "2001:db8:%x:%x::1 vif11.0\n", $1 / 65536, $1 % 65536 }'
	else
		awk '{ printf "10.%d.%d.%d vif11.0\n", $1 / 65536, $1 / 256 % 256, $1 % 256 }'
	fi | root_file "etc/$D.many"
	dropin WatchdogSec=1
	conf
	pass "$D: restart, impatient" unit restart
	was=$(pid)
	conf "guests-file = \"$D.many\""
	pass "$D: reload of very many addresses" unit reload
	is "$(pid)" "$was" "$D: the watchdog had patience"
	conf
	dropin ''
}

# A packet every 10 ms, all the while.
check_stop() {
	local routes

	pass "$D: restart" unit restart
	pass "$D: it answers" wait_for answers "$GUEST"
	routes=$(host_routes)
	router ping -q -i 0.01 -c 100 "$GUEST" >"$LAB_DIR/pings" 2>&1 &
	pass "$D: an upgrade: stop" unit stop
	is "$(host_routes)" "$routes" "$D: the routes stay"
	pass "$D: and the journal says so" wait_for journal_has 'host routes stay \(keep-routes\)'
	pass "$D: start" unit start
	wait $!
	like "$(<"$LAB_DIR/pings")" ' 0% packet loss' "$D: no packet is lost"
	is "$(host_routes)" "$routes" "$D: the routes are the same"
	pass "$D: what was registered is there" registered "$OTHER"
}

check_exits() {
	local holder

	unit stop
	conf nonsense
	fail "$D: a bad configuration: no start" unit start
	is "$(property ActiveState) $(property ExecMainStatus) $(property NRestarts)" "failed 1 0" \
		"$D: and no other try"
	conf
	flock "/proc/$INIT/root/run/$D/guests.d/.lock" sleep 60 &
	holder=$!
	fail "$D: somebody has the state directory: no start" unit start
	pass "$D: but other tries" wait_for tried_again
	pkill -P "$holder"
	wait "$holder" 2>/dev/null
	pass "$D: until it may" wait_for registered "$OTHER"
	is "$(property ActiveState)" active "$D: it is active"
}
tried_again() {
	(($(property NRestarts) >= 1)) && property_is ExecMainStatus 3
}

# what the comment in the unit says of it
check_as_root() {
	local -a lines

	mapfile -t lines < <(sed -n '/^#   \[Service\]/,/^# (/s/^#   \([A-Z].*\)/\1/p' \
		"$LAB_DIR/boot/overlay/etc/systemd/system/$D.service")
	unit stop
	dropin "${lines[@]}"
	pass "$D: as root: starts" unit start || journal | diag
	is "$(of_process Uid | awk '{ print $2 }') $(of_process CapEff)" "0 0000000000003000" \
		"$D: as root: with two capabilities"
	pass "$D: as root: reload" unit reload
	pass "$D: as root: the router reaches a guest" answers "$OTHER"
	unit stop
	conf "user = \"$D\""
	pass "$D: as root, with a user: starts" unit start || journal | diag
	unlike "$(of_process Uid)" '\<0\>' "$D: as root, with a user: becomes that"
	pass "$D: as root, with a user: the router reaches a guest" answers "$OTHER"
	pass "$D: as root, with a user: reload" unit reload
	unit stop
	dropin ''
}

for name in ndproxyd arpproxyd; do
	use $name
	check_start
	check_reload
	check_restarts
	check_busy
	check_stop
	check_exits
	check_as_root
done
# the two on one host, by default
both_run() {
	use ndproxyd && conf && unit start && use arpproxyd && conf && unit start
}
answers_guest() {
	use "$LAB_NAME"
	answers "$GUEST"
}
pass "both are started" both_run
pass "and both answer" both answers_guest
trap - EXIT
end_boot
done_testing
