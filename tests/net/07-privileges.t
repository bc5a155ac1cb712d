#!/bin/bash
# 07-privileges: what the running daemon may still do: administer the network and hear raw frames, and
# nothing else; a daemon that cannot give up the rest does not run (L20).

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up || bail "no lab"
# The socket in a directory that may be given away
mkdir "$LAB_DIR/run"
LAB_SOCK=$LAB_DIR/run/ctl.sock
ONLY=0000000000003000 # CAP_NET_ADMIN, CAP_NET_RAW

conf() { # [LINE]
	daemon_conf <<-EOT
		${1:-}
		uplink "eth0" { }
		guest "vt1" { vif = "vif11.0" addresses = { "2800:110:2::34" } }
	EOT
}
field() { # NAME, of /proc/PID/status
	awk -v name="$1:" '$1 == name { $1 = ""; print substr($0, 2) }' "/proc/$LAB_DAEMON/status" | tr '\t' ' '
}
four() { # ID: real, effective, saved, of the file system
	echo "$1 $1 $1 $1"
}
stripped() { # WHO
	is "$(field CapEff)" $ONLY "$1: effective"
	is "$(field CapPrm)" $ONLY "$1: permitted"
	is "$((0x$(field CapBnd) & ~0x3000))" 0 "$1: bounding"
	is "$((0x$(field CapAmb) & ~0x3000))" 0 "$1: ambient"
	is "$((0x$(field CapInh) & ~0x3000))" 0 "$1: inheritable"
	is "$(field Groups | tr -d ' ')" "" "$1: no supplementary groups"
}
# It works all the same: answers, opens new listeners, makes and removes routes.
works() { # WHO
	pass "$1: the guest is reached" ping1 router 2800:110:2::34
	pass "$1: a new guest on a new vif" ctl add 2800:110:2::36 vif vif12.0
	pass "$1: is reached" ping1 router 2800:110:2::36
	pass "$1: and removed" ctl del vif vif12.0
	is "$(route_to 2800:110:2::36)" "" "$1: with its route"
}

conf
pass "as root: the daemon starts" daemon_start || bail "no daemon"
stripped "as root"
works "as root"
exits 0 "as root: it stops cleanly" daemon_stop

# A failure to drop ends it: no CAP_SETUID, no other user.
conf 'user = "nobody"'
daemon_may_not() { # SETPRIV-ARGUMENT...
	in_ns dom0 setpriv "$@" timeout 10 "$NDPROXYD" -f -c "$LAB_CONF" -s "$LAB_SOCK" -d "$LAB_STATE"
}
exits 3 "it cannot become the user: 3" daemon_may_not --bounding-set=-setuid,-setgid
like "$(cat "$LAB_OUT")" '[a-z]' "and says so"
pass "no socket is left" [ ! -e "$LAB_SOCK" ]
conf
exits 3 "without CAP_NET_ADMIN: 3" daemon_may_not --bounding-set=-net_admin
exits 3 "without CAP_NET_RAW: 3" daemon_may_not --bounding-set=-net_raw
conf 'user = "no-such-user"'
exits 1 "an unknown user is an error of the configuration" daemon_may_not --bounding-set=+net_raw

if [[ $LAB_UID != 0 ]]; then
	skip 'user = "nobody"' "needs root"
	skip "ambient capabilities" "needs root"
	done_testing
fi

chown nobody: "$LAB_STATE" "$LAB_DIR/run"
conf 'user = "nobody"'
pass "user = nobody: the daemon starts" daemon_start
is "$(field Uid | tr -s ' ')" "$(four "$(id -u nobody)")" "user = nobody: it is nobody"
is "$(field Gid | tr -s ' ')" "$(four "$(id -g nobody)")" "user = nobody: of nobody's group"
stripped "user = nobody"
works "user = nobody"
pass "user = nobody: reload" ctl reload
is "$(stat -c %U "$LAB_SOCK")" nobody "user = nobody: the socket is theirs"
as_nobody() {
	in_ns dom0 setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "$NDPROXYCTL" -s "$LAB_SOCK" \
		-d "$LAB_STATE" "$@"
}
pass "user = nobody: the user may change things" as_nobody add 2800:110:2::3b vif vif11.0
exits 0 "user = nobody: it stops cleanly" daemon_stop

# As under systemd's User= with AmbientCapabilities=
conf
BOTH=+net_admin,+net_raw
LAB_WRAP=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "--inh-caps=-all,$BOTH"
	"--ambient-caps=$BOTH" "--bounding-set=-all,$BOTH")
pass "ambient capabilities: the daemon starts" daemon_start
stripped "ambient capabilities"
works "ambient capabilities"
is "$(ctl -j list 2800:110:2::3b | json 'len(d)')" 1 "ambient capabilities: it reads what was registered before"
exits 0 "ambient capabilities: it stops cleanly" daemon_stop

# With CAP_BPF at the start, for the filter in the kernel: given up like the rest
filter() {
	ctl -j status | json 'd["filter"]["kind"]'
}
EFFECTIVE=+net_admin,+net_raw,+bpf
LAB_WRAP=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "--inh-caps=-all,$EFFECTIVE"
	"--ambient-caps=$EFFECTIVE" "--bounding-set=-all,$EFFECTIVE")
pass "ambient capabilities and CAP_BPF: the daemon starts" daemon_start
is "$(field CapEff) $(field CapPrm)" "$ONLY $ONLY" "CAP_BPF is given up"
is "$((0x$(field CapAmb)))" 0 "in the ambient set too"
is "$(filter)" ebpf "the filter is in the kernel"
works "CAP_BPF"
exits 0 "CAP_BPF: it stops cleanly" daemon_stop
LAB_WRAP=()

done_testing
