#!/bin/bash
# 11-arp: arpproxyd among kernels: host routes by IPv4, gateways outside a guest's network, the kernel's own
# proxy, and both of the programs called arping as askers. The frames themselves are 10-arp-wire's.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

MON=$LAB_DIR/monitor
# A network of 128 addresses; gateways in and out of it
# shellcheck disable=SC2034 # for lab_up
LAB_LEN4=25
LAB_GUESTS=(
	"guest1 vif11.0 192.0.2.34"
	"guest2 vif12.0 192.0.2.36"
	"alone vif13.0 192.0.2.40/32"
	"onlink vif14.0 192.0.2.41/25"
	"beyond vif15.0 192.0.2.42/25"
	"far vif16.0 198.51.100.5/32"
	"closed vif17.0 192.0.2.43"
	"every vif18.0 192.0.2.44"
	"lax vif19.0 192.0.2.45"
	"watched vif20.0 192.0.2.46"
	"quiet vif21.0 192.0.2.47"
)
lab_up || bail "no lab"
lab_host stranger 192.0.2.77 02:00:00:00:00:77
ip -n alone route add default via 169.254.0.1 dev eth0 onlink
ip -n onlink route add default via 169.254.0.1 dev eth0 onlink
ip -n beyond route add default via 192.0.2.129 dev eth0 onlink
ip -n far route add default via 192.0.2.1 dev eth0 onlink
ip -n router route add 198.51.100.5 dev eth0
ip -n router addr add 203.0.113.1/32 dev lo

daemon_use arpproxyd
cat >"$LAB_DIR/base" <<'EOT'
uplink "eth0" { }
vif "vif1[34].0" { gateway = { "169.254.0.1" } }
vif "vif15.0" { gateway = { "192.0.2.129" } }
vif "vif17.*" { answer = "none" }
vif "vif18.*" { answer = "all" }
vif "vif19.*" { guard = "false" }
vif "vif20.*" { guard = "monitor" }
guest "vt1" { vif = "vif11.0" addresses = { "192.0.2.34" } }
guest "vt2" { vif = "vif12.0" addresses = { "192.0.2.36" } }
guest "alone" { vif = "vif13.0" addresses = { "192.0.2.40" } }
guest "onlink" { vif = "vif14.0" addresses = { "192.0.2.41" } }
guest "beyond" { vif = "vif15.0" addresses = { "192.0.2.42" } }
guest "far" { vif = "vif16.0" addresses = { "198.51.100.5" } }
guest "closed" { vif = "vif17.0" addresses = { "192.0.2.43" } }
guest "every" { vif = "vif18.0" addresses = { "192.0.2.44" } }
guest "lax" { vif = "vif19.0" addresses = { "192.0.2.45" } }
guest "watched" { vif = "vif20.0" addresses = { "192.0.2.46" } }
guest "quiet" { vif = "vif21.0" addresses = { "192.0.2.47" } }
EOT
daemon_conf <"$LAB_DIR/base"

# --- host routes ---

# The routes to a destination in a form to compare: "PROTOCOL METRIC SOURCE VIA DEV".
route_is() { # ADDRESS[/LEN]
	ip -n dom0 -j -4 route show exact "$1" table "${2:-main}" | json '"; ".join(" ".join([
		r.get("protocol", "-"), str(r.get("metric", "-")), r.get("prefsrc", "-"),
		r.get("gateway", "-"), r.get("dev", "-")]) for r in d)'
}
route_matches() { # WANTED ADDRESS [TABLE]
	[[ $(route_is "$2" "${3:-main}") == "$1" ]]
}
becomes() { # ADDRESS WANTED DESCRIPTION [TABLE]
	wait_for route_matches "$2" "$1" "${4:-main}"
	is "$(route_is "$1" "${4:-main}")" "$2" "$3"
}
answering() { # ADDRESS
	ctl -j list "$1" | json '[[e["answering"], e["reason"]] for e in d]'
}
answers() { # ADDRESS
	[[ $(answering "$1") == '[[true, '* ]]
}
silent() { # ADDRESS
	[[ $(answering "$1") == '[[false, '* ]]
}
warnings_of() { # CODE
	ctl -j status | json '"; ".join(w["text"] for w in d["warnings"] if w["code"] == a[0])' "$1"
}
warned() { # CODE
	[[ -n $(warnings_of "$1") ]]
}
unwarned() { # CODE
	! warned "$1"
}

# What was there before: routes of ours that are stale, right, and wrong; foreign ones.
ip -n dom0 route add 192.0.2.34 dev vif11.0 proto 168 metric 1024 src 192.0.2.3
ip -n dom0 route add 192.0.2.36 dev vif11.0 proto 168 metric 1024 src 192.0.2.3
ip -n dom0 route add 192.0.2.99 dev vif12.0 proto 168 metric 1024
ip -n dom0 route add 192.0.2.99 dev vif13.0 proto static metric 77
ip -n dom0 route add 203.0.113.192/28 dev vif11.0 proto 168
ip -n dom0 route add 203.0.113.208/28 dev vif13.0 proto bird metric 32
monitor_start "$MON"
pass "the daemon starts" daemon_start || bail "no daemon"
RIGHT1="168 1024 192.0.2.3 - vif11.0"
RIGHT2="168 1024 192.0.2.3 - vif12.0"
becomes 192.0.2.34 "$RIGHT1" "protocol 168, metric 1024, the uplink's address as source (K07)"
becomes 192.0.2.36 "$RIGHT2" "one that led to the wrong vif is put right"
becomes 198.51.100.5 "168 1024 192.0.2.3 - vif16.0" "a guest outside the uplink's network: its address as source"
becomes 203.0.113.192/28 "" "a stale one of ours is deleted"
becomes 192.0.2.99 "static 77 - - vif13.0" "another one, beside a foreign route, which stays"
monitor_stop "$MON"
is "$(grep -c '192\.0\.2\.34 ' "$MON")" 0 "the right one was not touched" || diag <"$MON"
is "$(grep -Ec '203\.0\.113\.208|proto static' "$MON")" 0 "nor were the foreign ones" || diag <"$MON"

pass "add a prefix" ctl add 203.0.113.128/27 vif vif12.0 guest more
is "$(route_is 203.0.113.128/27)" "$RIGHT2" "its route is there when the command returns"
pass "del" ctl del guest more
is "$(route_is 203.0.113.128/27)" "" "and gone when del returns"

# down and up: the kernel takes the routes and tells nobody (K04)
ip -n dom0 link set vif11.0 down
is "$(route_is 192.0.2.34)" "" "vif down: the kernel has taken the route"
ip -n dom0 link set vif11.0 up
becomes 192.0.2.34 "$RIGHT1" "vif up again: the route is back (K04)"
pass "and the address answered" wait_for answers 192.0.2.34
pass "and the guest reached" wait_for ping1 router 192.0.2.34
for ((i = 0; i < 5; i++)); do
	ip -n dom0 link set vif11.0 down
	ip -n dom0 link set vif11.0 up
done
becomes 192.0.2.34 "$RIGHT1" "down and up five times in a row: the route is back (K04)"
ip -n guest1 link set eth0 down
pass "no carrier: not answered" wait_for silent 192.0.2.34
ip -n guest1 link set eth0 up
ip -n guest1 route replace default via 192.0.2.1
pass "carrier again: answered (K11)" wait_for answers 192.0.2.34
becomes 192.0.2.34 "$RIGHT1" "with one route, not two"

# deleted and made again under the same name
ip -n dom0 link del vif12.0
pass "vif gone: not answered" wait_for silent 192.0.2.36
ip netns del guest2
lab_guest guest2 vif12.0 192.0.2.36
becomes 192.0.2.36 "$RIGHT2" "a vif of the same name: the route is back"
pass "and the guest is reached" wait_for ping1 router 192.0.2.36

# somebody deletes our route
ip -n dom0 route del 192.0.2.36 dev vif12.0 proto 168
becomes 192.0.2.36 "$RIGHT2" "a route of ours that somebody deleted is put back"

# the source: IPv4 deletes the routes that have it, and tells nobody (K07)
ip -n dom0 addr del 192.0.2.3/25 dev eth0
becomes 192.0.2.34 "168 1024 - - vif11.0" "the host's address gone: the route without a source (K07)"
becomes 198.51.100.5 "168 1024 - - vif16.0" "so for a guest outside the network"
ip -n dom0 addr add 192.0.2.3/25 dev eth0
ip -n dom0 route replace default via 192.0.2.1
becomes 192.0.2.34 "$RIGHT1" "the address back: so is the source (K07)"
becomes 198.51.100.5 "168 1024 192.0.2.3 - vif16.0" "so for a guest outside the network"
ip -n dom0 addr add 198.51.100.1/25 dev eth0
becomes 198.51.100.5 "168 1024 198.51.100.1 - vif16.0" "an address in the guest's network: the source from now on (K07)"
ip -n dom0 addr del 198.51.100.1/25 dev eth0
becomes 198.51.100.5 "168 1024 192.0.2.3 - vif16.0" "that one gone, the other again (K07)"
pass "the guests are reached" wait_for ping1 router 192.0.2.34

# K09: foreign routes, whose metric by IPv4 is 0 where none is given
FOREIGN=192.0.2.50
ip -n dom0 route add $FOREIGN dev vif11.0 proto static
pass "add, a foreign route to the same vif being there" ctl add $FOREIGN vif vif11.0 guest k9
is "$(route_is $FOREIGN)" "static - - - vif11.0" "it is left as it is, and none is added (K09)"
pass "and the address is answered" answers $FOREIGN
pass "del" ctl del $FOREIGN
is "$(route_is $FOREIGN)" "static - - - vif11.0" "del leaves the foreign route (K09)"
pass "add, the foreign route of metric 0 leading elsewhere" ctl add $FOREIGN vif vif12.0 guest k9
pass "is not answered (K09)" wait_for silent $FOREIGN
like "$(answering $FOREIGN)" 'false, "[^"]' "with a reason"
pass "and a warning in status" wait_for warned K09
is "$(route_is $FOREIGN)" "static - - - vif11.0" "the foreign route stays, alone"
fail "it is not reached from the wire" ping1 router $FOREIGN
ip -n dom0 route del $FOREIGN dev vif11.0 proto static
becomes $FOREIGN "$RIGHT2" "the foreign route gone, ours is made"
pass "and the address answered" wait_for answers $FOREIGN
pass "the warning is gone" wait_for unwarned K09
ip -n dom0 route add $FOREIGN dev vif11.0 proto static
pass "a foreign route of metric 0 that comes later: not answered" wait_for silent $FOREIGN
ip -n dom0 route del $FOREIGN dev vif11.0 proto static
pass "gone again: answered" wait_for answers $FOREIGN
becomes $FOREIGN "$RIGHT2" "through ours"
ip -n dom0 route add $FOREIGN dev vif11.0 proto static metric 2000
pass "one of a greater metric than ours is in nobody's way" answers $FOREIGN
is "$(route_is $FOREIGN)" "$RIGHT2; static 2000 - - vif11.0" "and both stand"
ip -n dom0 route del $FOREIGN dev vif11.0 proto static
ctl del guest k9 >/dev/null

# Settings, restart, flush
{ sed 's/^uplink.*/&\nroute { protocol = 199 metric = 77 table = 500 }/' "$LAB_DIR/base"; } | daemon_conf
pass "reload with other settings of routes" ctl reload
becomes 192.0.2.34 "199 77 192.0.2.3 - vif11.0" "protocol, metric and table as configured" 500
is "$(host_routes)" "" "none of the former protocol is left"
daemon_conf <"$LAB_DIR/base"
pass "reload with the former settings" ctl reload
becomes 192.0.2.34 "$RIGHT1" "the former routes"
is "$(ip -n dom0 -4 route show table 500 2>/dev/null)$(ip -n dom0 -4 route show proto 199 table all)" "" "and they alone"
monitor_start "$MON"
pass "stop" daemon_stop
pass "start" daemon_start
monitor_stop "$MON"
is "$(cat "$MON")" "" "keep-routes: a restart touches no route"
pass "stop" daemon_stop
is "$(host_routes | wc -l)" "${#LAB_GUESTS[@]}" "they stay"
pass "flush with the daemon stopped" ctl flush
is "$(host_routes)" "" "removes them"
is "$(route_is 192.0.2.99)" "static 77 - - vif13.0" "and no foreign one"
pass "start" daemon_start
becomes 192.0.2.34 "$RIGHT1" "a start makes them again"
is "$(route_is 203.0.113.208/28)" "bird 32 - - vif13.0" "after all of this the foreign route is as it was"

# --- gateways outside the guest's own network, and the settings of vifs ---

while read -r from to ms; do
	unlike "$ms" '^-$' "$from reaches $to"
done < <(ping_pairs router dom0 guest1 guest2 alone onlink beyond far)
for guest in guest1 alone onlink beyond far; do
	pass "$guest reaches what is beyond the router" ping1 $guest 203.0.113.1
done
is "$(neigh_mac alone 169.254.0.1)" "$LAB_VIF_MAC" "alone: 169.254.0.1 is at the vif's MAC (A12)"
is "$(neigh_mac onlink 169.254.0.1)" "$LAB_VIF_MAC" "onlink: 169.254.0.1 is at the vif's MAC (A12)"
is "$(neigh_mac beyond 192.0.2.129)" "$LAB_VIF_MAC" "beyond: 192.0.2.129 is at the vif's MAC"
is "$(neigh_mac far 192.0.2.1)" "$LAB_VIF_MAC" "far: the router is at the vif's MAC, not being on far's network"
is "$(neigh_mac router 198.51.100.5)" "$LAB_UPLINK_MAC" "router: far is at the uplink's MAC"
ip -n guest1 route add 169.254.0.1 dev eth0
fail "169.254.0.1 is not answered where it is not configured (A12)" ping1 guest1 169.254.0.1
is "$(($(dropped vif vif11.0 N21) > 0))" 1 "counted as N21"
ip -n guest1 route add 192.0.2.129 dev eth0
fail "nor is 192.0.2.129" ping1 guest1 192.0.2.129
is "$(($(dropped vif vif11.0 N22) > 0))" 1 "counted as N22, being outside the network of 128"

for guest in every guest2; do
	ip -n $guest route add 203.0.113.0/24 dev eth0
done
pass "answer = all: beyond the uplink's networks" ping1 every 203.0.113.1
fail "answer = on-link: not (N22)" ping1 guest2 203.0.113.1
is "$(($(dropped vif vif12.0 N22) > 0))" 1 "counted as N22"
pass "answer = none: the gateway all the same" ping1 closed 192.0.2.1
is "$(neigh_mac closed 192.0.2.1)" "$LAB_VIF_MAC" "which is at the vif's MAC"
fail "answer = none: another guest is not answered" ping1 closed 192.0.2.34
is "$(neigh_mac closed 192.0.2.34)" "" "indeed"

# guard: an address that the guest was not given, as source of its questions (H61)
spoof() { # GUEST: its kernel asks for another guest in the name of the address that it took
	ip -n "$1" neigh flush to 192.0.2.36 >/dev/null 2>&1
	in_ns "$1" ping -n -c1 -W1 -I 192.0.2.66 192.0.2.36
	[[ -n $(neigh_mac "$1" 192.0.2.36) ]]
}
for guest in guest1 lax watched; do
	ip -n $guest addr add 192.0.2.66/32 dev eth0
done
fail "guard: a question from an address not given is not answered" spoof guest1
is "$(($(dropped vif vif11.0 H61) > 0))" 1 "counted as H61"
pass "guard = false: it is" spoof lax
is "$(dropped vif vif19.0 H61)" 0 "and nothing counted"
pass "guard = monitor: it is" spoof watched
is "$(($(dropped vif vif20.0 H61) > 0))" 1 "and yet counted as H61"
for guest in guest1 lax watched; do
	ip -n $guest addr del 192.0.2.66/32 dev eth0
done

# --- the kernel's own proxy (K01) ---

pass "no warning of the kernel's own proxy" unwarned K01
for sysctl in proxy_arp proxy_arp_pvlan; do
	for interface in vif12.0 eth0 all; do
		dom0 sysctl -qw "net/ipv4/conf/$interface/$sysctl=1"
		pass "$sysctl on $interface: a warning (K01)" wait_for warned K01
		like "$(warnings_of K01)" "$interface/$sysctl" "that names it"
		dom0 sysctl -qw "net/ipv4/conf/$interface/$sysctl=0"
		pass "off again: none" wait_for unwarned K01
	done
done
dom0 sysctl -qw net.ipv4.conf.vif12/0.forwarding=0
pass "no forwarding on a vif: a warning (K02)" wait_for warned K02
dom0 sysctl -qw net.ipv4.conf.vif12/0.forwarding=1
pass "on again: none" wait_for unwarned K02

# --- arping, that of iputils ---

dad() { # NODE ADDRESS: 0: free, 1: taken
	in_ns "$1" /usr/bin/arping -q -D -f -I eth0 -c 2 -w 2 "$2"
}
# Several at once, for a free address takes its time.
CASES=()
try() { # NODE ADDRESS free|taken DESCRIPTION
	CASES+=("$*")
}
judge() { # PROBER: a function, its exit status 0 for free and 1 for taken
	local n node address wanted description
	local -a pids=()

	for n in "${!CASES[@]}"; do
		read -r node address wanted description <<<"${CASES[n]}"
		"$1" "$node" "$address" >"$LAB_DIR/dad.$n" 2>&1 &
		pids+=($!)
	done
	for n in "${!CASES[@]}"; do
		read -r node address wanted description <<<"${CASES[n]}"
		wait "${pids[n]}"
		case $? in
		0) is free "$wanted" "$description" ;;
		1) is taken "$wanted" "$description" ;;
		*) is "$(cat "$LAB_DIR/dad.$n")" "$wanted" "$description" ;;
		esac
	done
	CASES=()
}
probes() {
	try stranger 192.0.2.34 taken "$1: from the wire: a guest's address is taken (A02)"
	try stranger 198.51.100.5 taken "$1: from the wire: a guest's outside the network is taken (A02)"
	try stranger 192.0.2.100 free "$1: from the wire: an unlisted address is free (N10)"
	try guest1 192.0.2.34 free "$1: a guest's own address is free (A03)"
	try guest1 192.0.2.36 taken "$1: another guest's is taken (A04)"
	try guest1 192.0.2.3 taken "$1: the host's is taken (A04)"
	try guest1 192.0.2.1 taken "$1: the gateway's is taken (A04)"
	try guest1 192.0.2.101 taken "$1: an unlisted address, with guard: taken (A04)"
	try alone 169.254.0.1 taken "$1: a configured link-local gateway's is taken (A04)"
	try alone 192.0.2.40 free "$1: a guest's own address is free, its gateway being elsewhere (A03)"
	try closed 192.0.2.34 taken "$1: another guest's is taken, answer = none (A04)"
	try lax 192.0.2.102 free "$1: an unlisted address, guard = false: free (D05)"
	try lax 192.0.2.34 taken "$1: another guest's, guard = false: taken (A04)"
	try watched 192.0.2.103 free "$1: an unlisted address, guard = monitor: free (D05)"
}
probes "arping -D"
judge dad

# A host on the wire has taken a guest's address, and another guest would like to: refused on the vif.
ip -n stranger addr add 192.0.2.47/32 dev eth0
try guest1 192.0.2.47 taken "arping -D: a duplicate is refused on the vif"
try quiet 192.0.2.47 free "arping -D: the guest that it was given to keeps it"
judge dad
ip -n stranger addr del 192.0.2.47/32 dev eth0

# Gratuitous ARP is never answered (A05): replies are counted where they would arrive.
for node in stranger quiet; do
	in_ns $node nft -f - <<-EOT
		table arp heard {
			counter replies { }
			chain in {
				type filter hook input priority 0
				arp operation reply counter name replies
			}
		}
	EOT
done
replies() { # NODE
	in_ns "$1" nft list counter arp heard replies | awk '$1 == "packets" { print $2 }'
}
# COMMAND on NODE makes the daemon count one more for REASON, and no reply arrives; the reply to a
# question behind it shows that one would have. COMMAND's exit status says nothing: it hears no reply.
unanswered() { # DESCRIPTION NODE SIDE INTERFACE REASON COMMAND...
	local description=$1 node=$2 side=$3 interface=$4 reason=$5 before heard

	shift 5
	before=$(dropped "$side" "$interface" "$reason")
	heard=$(replies "$node")
	in_ns "$node" "$@" >"$LAB_DIR/unanswered" 2>&1
	one_more() {
		(($(dropped "$side" "$interface" "$reason") == before + 1))
	}
	pass "$description: counted as $reason" wait_for one_more || diag <"$LAB_DIR/unanswered"
	in_ns "$node" /usr/bin/arping -q -f -I eth0 -c 1 -w 2 192.0.2.36
	is "$(replies "$node")" $((heard + 1)) "$description: no answer"
}
# In a guest's name, which the program wants to see on an interface of its own
ip -n stranger addr add 192.0.2.34/32 dev lo
stranger sysctl -qw net.ipv4.conf.all.arp_ignore=1 # so that the address of lo is not answered for
I=(/usr/bin/arping -c 1 -I eth0)
unanswered "arping -U from the wire" stranger uplink eth0 A05 "${I[@]}" -U 192.0.2.77
unanswered "arping -A from the wire" stranger uplink eth0 A05 "${I[@]}" -A 192.0.2.77
unanswered "arping -U for a guest's address from the wire (A06)" stranger uplink eth0 H45 "${I[@]}" -U -s 192.0.2.34 192.0.2.34
unanswered "arping -A for a guest's address from the wire (A06)" stranger uplink eth0 H45 "${I[@]}" -A -s 192.0.2.34 192.0.2.34
like "$(warnings_of H45)" "192\.0\.2\.34" "the conflict is shown in status (A06)"
unanswered "arping -U of a guest" quiet vif vif21.0 A05 "${I[@]}" -U 192.0.2.47
unanswered "arping -A of a guest" quiet vif vif21.0 A05 "${I[@]}" -A 192.0.2.47

# An ordinary question, many of them, and one to the MAC that answered
pass "arping: a guest is answered" stranger /usr/bin/arping -q -I eth0 -f -w 2 192.0.2.36
fail "arping: an unlisted address is not" stranger /usr/bin/arping -q -I eth0 -c 1 -w 1 192.0.2.100
one_mac() { # NODE ADDRESS MAC: three questions, the latter ones unicast; all answers from MAC
	[[ $(in_ns "$1" /usr/bin/arping -I eth0 -c 3 -w 4 "$2" | grep -ic "reply from $2 \[$3\]") == 3 ]]
}
pass "arping: three answers, all from the uplink's MAC" one_mac stranger 192.0.2.36 "$LAB_UPLINK_MAC"
pass "arping on a vif: three answers, all from the vif's MAC" one_mac quiet 192.0.2.1 "$LAB_VIF_MAC"

# --- arping, that of Habets ---

HABETS=$LAB_TOP/build/habets/usr/sbin/arping
if [[ ! -x $HABETS ]]; then
	skip "Habets' arping" "it is not in build/habets (tests/habets.sh puts it there)"
	done_testing
elif ! "$HABETS" --help >/dev/null 2>&1; then
	skip "Habets' arping" "it does not run here: $("$HABETS" --help 2>&1 | head -n 1)"
	done_testing
fi
habets_dad() { # NODE ADDRESS: as dad; the program says 0 where it had an answer
	in_ns "$1" "$HABETS" -q -0 -i eth0 -c 2 -C 1 -W 0.3 "$2"
	case $? in
	0) return 1 ;;
	1) return 0 ;;
	esac
	return 2
}
probes "Habets' arping -0"
judge habets_dad
pass "Habets' arping: a guest is answered" stranger "$HABETS" -q -i eth0 -c 1 -W 0.5 192.0.2.36
fail "Habets' arping: an unlisted address is not" stranger "$HABETS" -q -i eth0 -c 1 -W 0.3 192.0.2.100
pass "Habets' arping -d: no answers from two MACs, on the wire" stranger "$HABETS" -q -d -i eth0 -c 2 -W 0.3 192.0.2.36
pass "Habets' arping -d: nor on a vif for the gateway" quiet "$HABETS" -q -d -i eth0 -c 2 -W 0.3 192.0.2.1
pass "Habets' arping -d: nor on a vif for the host (A12)" quiet "$HABETS" -q -d -i eth0 -c 2 -W 0.3 192.0.2.3
fail "Habets' arping -b: the broadcast address asks in vain (H44)" stranger "$HABETS" -q -b -i eth0 -c 1 -W 0.3 192.0.2.36
is "$(($(dropped uplink eth0 H44) > 0))" 1 "counted as H44"
H=("$HABETS" -q -i eth0 -c 1 -W 0.1)
unanswered "Habets' arping -U from the wire" stranger uplink eth0 A05 "${H[@]}" -U -S 192.0.2.77 192.0.2.77
unanswered "Habets' arping -U -P from the wire" stranger uplink eth0 A05 "${H[@]}" -U -P -S 192.0.2.77 192.0.2.77
unanswered "Habets' arping -U for a guest's address (A06)" stranger uplink eth0 H45 "${H[@]}" -U -S 192.0.2.34 192.0.2.34
unanswered "Habets' arping -U of a guest" quiet vif vif21.0 A05 "${H[@]}" -U -S 192.0.2.47 192.0.2.47
unanswered "Habets' arping -U -P of a guest" quiet vif vif21.0 A05 "${H[@]}" -U -P -S 192.0.2.47 192.0.2.47

done_testing
