#!/bin/bash
# 32-move: a guest moves from one host to another, with `yield` and without (N12, A06, H74). Two hosts, one
# router; the guest has an interface to each host, and is where its address is. Its vif on the host that it
# leaves stays up, as it does for a while when a guest is migrated: only the other's announcement tells.
# It is printed how long the router cannot reach it, in ms, with a datagram every millisecond.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

MAC_B=02:00:00:00:00:04
GUEST_MAC=00:16:3e:00:00:01
LAB_GUESTS=("guest1 vif1.0 2800:110:2::34 192.0.2.34")
LAB_ELSEWHERE=(ndproxyd@host2 arpproxyd@host2)
lab_up || bail "no lab"
lab_host host2 "2800:110:2::4 192.0.2.4" $MAC_B
in_ns host2 sysctl -qw net.ipv6.conf.{all,default}.forwarding=1 net.ipv4.conf.{all,default}.forwarding=1
ip -n host2 route add default via "$LAB_ROUTER"
ip -n host2 route add default via "$LAB_ROUTER4"
ip -n host2 link add name vif1.0 address "$LAB_VIF_MAC" type veth \
	peer name eth1 address 00:16:3e:00:00:99 netns guest1
ip -n host2 link set vif1.0 up

a6() { daemon_with ndproxyd "$@"; }
b6() { daemon_with ndproxyd@host2 "$@"; }
a4() { daemon_with arpproxyd "$@"; }
b4() { daemon_with arpproxyd@host2 "$@"; }
for daemon in a6 a4 b6 b4; do
	[[ $daemon == a* ]] || $daemon daemon_init
	$daemon daemon_conf <<<'uplink "eth0" { yield = true }'
	pass "$daemon: a daemon on each host, for each family" $daemon daemon_start || bail "no daemon"
done

# The guest is there: it has its MAC, addresses and default routes on that interface alone. The other's link
# stays, and what is sent to the guest there is lost.
in_ns guest1 sysctl -qw net.ipv4.conf.all.arp_ignore=1
guest_to() { # eth0|eth1
	local other=eth0

	[[ $1 != eth0 ]] || other=eth1
	in_ns guest1 ip -batch - <<-EOT
		link set $1 up address $GUEST_MAC
		link set $other up address 00:16:3e:00:00:99
		address flush dev $other scope global
		address replace ${LAB_ADDR[guest1]}/64 dev $1
		address replace ${LAB_ADDR4[guest1]}/24 dev $1
		route replace default via $LAB_ROUTER dev $1
		route replace default via $LAB_ROUTER4 dev $1
	EOT
}
answered_by() { # FAMILY MAC: what the router believes
	[[ $(neigh_mac router "$(address_of "$1" guest1)") == "$2" ]]
}
reason() { # COMMAND...: of a host: why it does not answer; null where it does
	"$@" ctl -j list | json 'd[0]["reason"]'
}
is_given_up() { # COMMAND...
	[[ $(reason "$@") == *"given up"* ]] && [[ -z $("$@" host_routes) ]]
}
warnings() { # COMMAND...: codes of `status`
	"$@" ctl -j status | json '" ".join(sorted(w["code"] for w in d["warnings"] if w["code"] in ("yield", "N12", "H45")))'
}
guest1 /usr/bin/python3 "$LAB_TOP/tests/net/udp.py" serve 7 >"$LAB_DIR/served" &
pass "the guest serves" wait_for grep -q ready "$LAB_DIR/served"

guest_to eth0
for family in 6 4; do
	address=$(address_of -$family guest1)
	pass "$address: added on A" a$family ctl add "$address" vif vif1.0 guest vt1
	pass "$address: reached" wait_for ping1 router "$address"
done

# One move, as a hotplug hook sees it: the guest is there, and is added on the host where it is.
move() { # DESCRIPTION FROM TO INTERFACE MAC
	local what=$1 from=$2 to=$3 interface=$4 mac=$5 family address sent lost gap
	local -a pids=() ends=()

	for family in 6 4; do
		mkfifo "$LAB_DIR/end$family"
		exec {end}<>"$LAB_DIR/end$family"
		in_ns router /usr/bin/python3 "$LAB_TOP/tests/net/gap.py" "$(address_of -$family guest1)" 7 \
			<"$LAB_DIR/end$family" >"$LAB_DIR/gap$family" &
		pids+=($!)
		ends+=("$end")
		pass "$what: IPv$family flows" wait_for grep -q reached "$LAB_DIR/gap$family"
	done
	guest_to "$interface"
	for family in 6 4; do
		address=$(address_of -$family guest1)
		pass "$what: $address: added there" "$to$family" ctl add "$address" vif vif1.0 guest vt1
	done
	for family in 6 4; do
		address=$(address_of -$family guest1)
		pass "$what: $address: the router asks the other host" wait_for answered_by -$family "$mac"
		pass "$what: $address: the host that it left has given up answers and route" \
			wait_for is_given_up "$from$family"
		is "$(reason "$to$family")" null "$what: $address: the other answers"
		is "$(warnings "$from$family" | grep -ow yield)" yield "$what: $address: \`status\` there says so"
		pass "$what: $address: reached" wait_for ping1 router "$address"
	done
	for family in 6 4; do
		echo >&"${ends[0]}"
		wait "${pids[0]}"
		read -r sent lost gap < <(tail -n 1 "$LAB_DIR/gap$family")
		pids=("${pids[@]:1}")
		eval "exec ${ends[0]}>&-"
		ends=("${ends[@]:1}")
		rm "$LAB_DIR/end$family"
		diag "$what: IPv$family: $lost of $sent datagrams lost, the gap was $gap ms"
	done
}
move "from A to B" a b eth1 "$MAC_B"

# A that is started again while the vif is still there takes nothing back.
for family in 6 4; do
	exits 0 "IPv$family: A stops" a$family daemon_stop
	pass "IPv$family: and is started again" a$family daemon_start
	like "$(reason a$family)" "given up" "IPv$family: what it had given up stays so"
	pass "IPv$family: it has no route" test -z "$(a$family host_routes)"
	exits 137 "IPv$family: and it is killed" a$family daemon_end KILL
	pass "IPv$family: and started again" a$family daemon_start
	like "$(reason a$family)" "given up" "IPv$family: what it had given up stays so after a kill"
	pass "IPv$family: the router still asks B" answered_by -$family "$MAC_B"
done

move "back to A" b a eth0 "$LAB_UPLINK_MAC"

# What takes an address back: `announce`, an `add` (while the daemon is stopped, too), its vif that comes up.
for family in 6 4; do
	address=$(address_of -$family guest1)
	pass "$address: announced by B" b$family ctl announce "$address"
	pass "$address: A gives it up" wait_for is_given_up a$family
	exits 0 "$address: A stops" a$family daemon_stop
	pass "$address: added there meanwhile" a$family ctl add "$address" vif vif1.0 guest vt1
	pass "$address: A starts" a$family daemon_start
	is "$(reason a$family)" null "$address: and answers"
	pass "$address: B gives it up" wait_for is_given_up b$family
	pass "$address: announced by B" b$family ctl announce "$address"
	pass "$address: A gives it up" wait_for is_given_up a$family
	pass "$address: added on A, where nothing of it is new" a$family ctl add "$address" vif vif1.0 guest vt1
	is "$(reason a$family)" null "$address: A answers"
	pass "$address: B gives it up" wait_for is_given_up b$family
done
guest_to eth1
for family in 6 4; do
	address=$(address_of -$family guest1)
	pass "$address: announced by B" b$family ctl announce "$address"
	pass "$address: A gives it up" wait_for is_given_up a$family
done
guest_to eth0
ip -n dom0 link set vif1.0 down
ip -n dom0 link set vif1.0 up
for family in 6 4; do
	address=$(address_of -$family guest1)
	pass "$address: taken back by A, whose vif came up" wait_for answered_by -$family "$LAB_UPLINK_MAC"
	pass "$address: B gives it up" wait_for is_given_up b$family
	pass "$address: A routes it" wait_for ping1 router "$address"
done

# Without `yield` it is a conflict, and nothing changes.
for family in 6 4; do
	address=$(address_of -$family guest1)
	code=N12
	[[ $family == 6 ]] || code=H45
	a$family daemon_conf <<<'uplink "eth0" { }'
	pass "IPv$family: A without yield" a$family ctl reload
	pass "$address: announced by B" b$family ctl announce "$address"
	conflict_shown() {
		[[ $(warnings "a$family") == *$code* ]]
	}
	pass "$address: a conflict in A's \`status\`" wait_for conflict_shown
	like "$(a$family ctl -j status | json '[w["text"] for w in d["warnings"]]')" "$MAC_B claimed $address" \
		"$address: which names the other host"
	is "$(reason a$family)" null "$address: and A goes on answering"
	pass "$address: with its route" test -n "$(a$family host_routes)"
done
done_testing
