#!/bin/bash
# 30-idle: daemons that have nothing to do do nothing: no wake-up, no CPU. What is tried again by the clock (a
# route, a listener, the control socket) is tried seldom, and costs next to nothing. Both are watched at once.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up || bail "no lab"
# a second uplink, and a vif whose other end goes nowhere
ip -n dom0 link add eth1 up type veth peer name e1
ip -n dom0 link set e1 up
ip -n dom0 link add v3 up type veth peer name p3
ip -n dom0 link set p3 up

woken() { # how often it waited for something, which is once for each wake-up
	awk '/^voluntary/ { print $2 }' "/proc/$LAB_DAEMON/status"
}
cpu() { # in ticks of 10 ms
	sed 's/.*) //' "/proc/$LAB_DAEMON/stat" | awk '{ print $12 + $13 }'
}
# What each does in so many seconds: TICKS[NAME], WAKES[NAME].
declare -A TICKS WAKES
note() { # twice: the difference
	WAKES[$LAB_NAME]=$(($(woken) - WAKES[$LAB_NAME]))
	TICKS[$LAB_NAME]=$(($(cpu) - TICKS[$LAB_NAME]))
}
watch_both() { # SECONDS
	WAKES=([ndproxyd]=0 [arpproxyd]=0) TICKS=([ndproxyd]=0 [arpproxyd]=0)
	both note
	lab_pause "$1"
	both note
}
# Nothing is on its way any more: the kernel's events, announcements (the repeated ones 2 s apart).
at_rest() { # [WAKE-UPS]
	watch_both 2.2
	((WAKES[ndproxyd] <= ${1:-0} && WAKES[arpproxyd] <= ${1:-0}))
}
idle() { # DESCRIPTION
	local name

	pass "$1: both come to rest" wait_for -t 20 at_rest
	watch_both 2.5
	for name in ndproxyd arpproxyd; do
		is "${WAKES[$name]} ${TICKS[$name]}" "0 0" "$1: no wake-up and no CPU of $name"
	done
}
# By the clock alone: some wake-ups, and no CPU that could be seen
seldom() { # SECONDS LEAST MOST DESCRIPTION
	local name

	watch_both "$1"
	for name in ndproxyd arpproxyd; do
		diag "$4: $name: ${WAKES[$name]} wake-ups, ${TICKS[$name]} ticks in $1 s"
		pass "$4: $name: $2 to $3 wake-ups in $1 s" \
			test "${WAKES[$name]}" -ge "$2" -a "${WAKES[$name]}" -le "$3"
		pass "$4: $name: no CPU to speak of" test "${TICKS[$name]}" -le $((2 * LAB_SLOW))
	done
}
prefix() {
	if [[ $LAB_NAME == ndproxyd ]]; then
		echo 2800:110:2::
	else
		echo 192.0.2.
	fi
}
conf() {
	local n

	n=$(prefix)
	daemon_conf <<-EOT
		uplink "eth0" { }
		uplink "eth1" { }
		uplink "absent0" { }
		guest "vt1" { vif = "vif11.0" uplink = "eth0" addresses = { "${n}34" } }
		guest "vt2" { vif = "vif12.0" uplink = "eth0" addresses = { "${n}36" } }
		guest "vt3" { vif = "v3" uplink = "eth1" addresses = { "${n}38" } }
		guest "vt4" { vif = "absent1" uplink = "absent0" addresses = { "${n}39" } }
	EOT
}
answering() {
	[[ $(ctl -j list | json '[e["answering"] for e in d]') == "[true, true, true, false]" ]]
}
start() { # its control socket in a directory that can be removed
	LAB_SOCK=$LAB_DIR/sock.$LAB_NAME/ctl.sock
	mkdir -p "${LAB_SOCK%/*}"
	daemon_start
}
words() { # COMMAND...: with that socket
	LAB_SOCK=$LAB_DIR/sock.$LAB_NAME/ctl.sock
	"$@"
}
warned() { # CODE
	[[ $(ctl -j status | json '[w["code"] for w in d["warnings"]]') == *"\"$1\""* ]]
}

both conf
pass "both start" both start || bail "no daemons"
# not told by a ping: the peers' neighbour entries would be probed for half a minute, and answered
pass "both answer for three of four" both words answering
idle "guests, uplinks and vifs"
# all that may leave a descriptor readable: interfaces that go down, and away
ip -n dom0 link set v3 down
ip -n dom0 link set eth1 down
ip -n dom0 link del p3
idle "an uplink down, and a vif gone"

both daemon_stop
LAB_WRAP=(env NOTIFY_SOCKET="$LAB_DIR/nobody" WATCHDOG_USEC=$((1000000 * LAB_SLOW)))
pass "both start, with a watchdog of a second" both start
LAB_WRAP=()
wait_for at_rest 6
seldom $((2 * LAB_SLOW)) 3 6 "the watchdog"
both daemon_stop

# what is tried again, all at once: every 5 s, and with what the kernel's answers take; every 2 s
pass "both start" both start
in_ns dom0 sysctl -qw net.ipv6.conf.vif12/0.disable_ipv6=1
pass "a route is refused" wait_for ndp words warned K09
deaf_vif() {
	words ctl add "$(prefix)50" vif t0 uplink eth0
	prlimit --pid "$LAB_DAEMON" --nofile=12:
}
pass "no file descriptor is left for a vif to come" both deaf_vif
ip -n dom0 link add t0 up type veth peer name p0
ip -n dom0 link set p0 up
no_socket() {
	wait_for rm -r "$LAB_DIR/sock.$LAB_NAME" # the daemon may be quicker
}
pass "the control sockets are gone" both no_socket
wait_for at_rest 8
seldom 6 3 30 "a refused route, a vif not heard, a socket not there"
tried_deaf() {
	grep -q 'cannot listen on t0' "$LAB_LOG"
}
pass "which have been tried" both tried_deaf
done_testing
