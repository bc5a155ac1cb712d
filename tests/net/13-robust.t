#!/bin/bash
# 13-robust: what hosts do to a daemon: renames, too few file descriptors, replaced routes, another
# table, a guest on the uplink, the gateway's address, and a stranger at the lock.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up || bail "no lab"
warnings() { # CODE: their texts
	ctl -j status | json '"\n".join(w["text"] for w in d["warnings"] if w["code"] == a[0])' "$1"
}
warned() { # CODE
	[[ -n $(warnings "$1") ]]
}
answering() { # ADDRESS: true, or why not
	ctl -j list "$1" | json 'd[0]["reason"] or "answering"'
}
is_answering() { # ADDRESS
	[[ $(answering "$1") == answering ]]
}
source_of() { # UPLINK
	ctl -j status | json '[u["source"] for u in d["uplinks"] if u["name"] == a[0]][0]' "$1"
}
source_is() { # UPLINK ADDRESS
	[[ $(source_of "$1") == "$2" ]]
}
reached() { # ADDRESS: from a router that has forgotten everybody
	ip -n router neigh flush all
	router ping -c1 -W1 -q "$1"
}
fds() {
	find "/proc/$LAB_DAEMON/fd" -type l | wc -l
}

cat >"$LAB_DIR/base" <<'EOT'
uplink "eth0" { }
guest "vt1" { vif = "vif11.0" addresses = { "2800:110:2::34" } }
guest "vt2" { vif = "vif12.0" addresses = { "2800:110:2::36" } }
EOT
daemon_conf <"$LAB_DIR/base"
pass "the daemon starts" daemon_start || bail "no daemon"
pass "the router reaches a guest" wait_for reached 2800:110:2::34

# the kernel keeps the addresses of an interface that is renamed, and tells nobody of them again
ip -n dom0 link set eth0 name tmp0
pass "the uplink is renamed" wait_for warned uplink-absent
like "$(answering 2800:110:2::34)" "K11" "list says why nothing is answered"
ip -n dom0 link set tmp0 name eth0
pass "and back: its address is known" wait_for source_is eth0 2800:110:2::3
pass "the router reaches a guest" reached 2800:110:2::34
is "$(route_to 2800:110:2::34 | grep -c 'src 2800:110:2::3')" 1 "its route has its source (K07)"

# ip route replace over ours, and its end
ip -n dom0 -6 route replace 2800:110:2::34 dev vif11.0 metric 1024
pass "a route that replaced ours, to the same vif, is as good" is_answering 2800:110:2::34
ip -n dom0 -6 route del 2800:110:2::34 dev vif11.0 proto boot
ours_back() {
	route_to 2800:110:2::34 | grep -q "proto 168"
}
pass "ours is back when it goes" wait_for ours_back
pass "the router reaches a guest" reached 2800:110:2::34

# the gateway's address, and a network with it, given to a guest
for bad in 2800:110:2::1 2800:110:2::/120 2800:110:2::/64; do
	pass "add $bad" ctl add "$bad" vif vif12.0 guest bad
	like "$(answering "$bad")" "N10" "$bad has the gateway in it: not answered"
	like "$(warnings N10)" "gateway" "and told in status"
	is "$(route_to "$bad" | grep -c 'proto 168')" 0 "no route to it"
	pass "the router still reaches a guest" reached 2800:110:2::34
	pass "del" ctl del guest bad
done

# link-local addresses of other links are none of the uplink's
ip -n dom0 addr add fe80::1/64 dev vif12.0 nodad
ip -n router addr add fe80::1/64 dev eth0 nodad
router ip -6 route add 2800:110:2::34/128 dev eth0 src 2800:110:2::1
neigh_from_ll() {
	ip -n router neigh flush all
	router ping -c1 -W1 -q -I fe80::1%eth0 fe80::99%eth0
	router ping -c1 -W1 -q 2800:110:2::34
}
pass "a router at fe80::1 is heard although a vif has fe80::1" neigh_from_ll
is "$(dropped uplink eth0 H18)" 0 "no conflict was seen"

# a vif that has become an uplink
pass "add a guest on vif13.0" ctl add 2800:110:2::44 vif vif13.0
{ cat "$LAB_DIR/base" && echo 'uplink "vif13.0" { }'; } | sed 's/addresses =/uplink = "eth0" &/' | daemon_conf
pass "its vif becomes an uplink" ctl reload
like "$(answering 2800:110:2::44)" "N10" "the guest is set aside"
like "$(warnings vif-is-uplink)" "vif13.0" "and told in status"
daemon_conf <"$LAB_DIR/base"
pass "reload" ctl reload
pass "del" ctl del vif vif13.0

# too few file descriptors: what cannot be listened on is told, and heals
for n in {1..20}; do
	ctl add "2800:110:2::1:$n" vif "t$n"
done
prlimit --pid "$LAB_DAEMON" --nofile="$(($(fds) + 26)):"
for n in {1..20}; do
	ip -n dom0 link add "t$n" up type veth peer name "p$n"
	ip -n dom0 link set "p$n" up
done
pass "short of file descriptors: told in status" wait_for warned deaf
prlimit --pid "$LAB_DAEMON" --nofile=1024:
not_deaf() {
	! warned deaf
}
pass "with enough of them, it listens again by itself" wait_for not_deaf
pass "the router reaches a guest" reached 2800:110:2::36

# another table: what the earlier configuration left goes, at a reload and at a start
daemon_stop
{ cat "$LAB_DIR/base" && echo 'route { table = 100 }'; } | daemon_conf
pass "start with another table" daemon_start
only_in_100() {
	[[ $(ip -n dom0 -6 route show proto 168 table main | wc -l) == 0 &&
		$(ip -n dom0 -6 route show proto 168 table 100 | wc -l) -ge 2 ]]
}
pass "the routes in the main table are gone, those in the other are there" wait_for only_in_100
daemon_conf <"$LAB_DIR/base"
pass "reload with the main table" ctl reload
only_in_main() {
	[[ $(ip -n dom0 -6 route show proto 168 table all | grep -c 'table 100') == 0 &&
		$(ip -n dom0 -6 route show proto 168 table main | wc -l) -ge 2 ]]
}
pass "and back" wait_for only_in_main

# somebody who may read the state directory may not lock it
daemon_stop
if [[ $LAB_UID == 0 ]]; then
	fail "a stranger cannot open the lock" dom0 setpriv --reuid 65534 --regid 65534 --clear-groups \
		flock -n "$LAB_STATE/.lock" true
else
	skip "a stranger cannot open the lock" "there is one user here"
fi
pass "the daemon starts" daemon_start
daemon_stop
is "$(violations)" 0 "the switch counted no violation"
done_testing
