#!/bin/bash
# 03-dad: duplicate address detection by the kernel's own stack: a guest's own passes, nobody takes an
# address that is not theirs (D01 to D05). What is exact about the frames is 09-wire's.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LAB_GUESTS+=("guest3 vif13.0 2800:110:2::37" "guest4 vif14.0 2800:110:2::38")
LAB_GUESTS+=("guest5 vif15.0 2800:110:2::39 2001:db8:5::1/64")
lab_up || bail "no lab"
lab_host stranger 2800:110:2::77

daemon_conf <<'EOT'
uplink "eth0" { }
vif "vif13.*" { guard = "false" }
vif "vif14.*" { guard = "monitor" }
vif "vif15.*" { gateway = { "fe80::1" } }
guest "vt1" { vif = "vif11.0" addresses = { "2800:110:2::34" } }
guest "vt2" { vif = "vif12.0" addresses = { "2800:110:2::36" } }
guest "vt3" { vif = "vif13.0" addresses = { "2800:110:2::37" } }
guest "vt4" { vif = "vif14.0" addresses = { "2800:110:2::38" } }
guest "vt5" { vif = "vif15.0" addresses = { "2800:110:2::39", "2001:db8:5::/64" } }
EOT
pass "the daemon starts" daemon_start || bail "no daemon"

# From here on addresses are probed for, with a nonce as always.
for node in router dom0 guest1 guest2 guest3 guest4 guest5 stranger; do
	in_ns $node sysctl -qw net.ipv6.conf.eth0.accept_dad=1
done

# The outcome of DAD: "failed", "passed", or nothing yet.
outcome() { # NODE ADDRESS
	local flags

	flags=$(ip -n "$1" -6 addr show dev eth0 to "$2")
	case $flags in
	*dadfailed*) echo failed ;;
	*tentative* | '') ;;
	*) echo passed ;;
	esac
}
decided() { # NODE ADDRESS
	[[ -n $(outcome "$1" "$2") ]]
}

CASES=() # "NODE ADDRESS WANTED DESCRIPTION"
try() { # NODE ADDRESS WANTED DESCRIPTION
	CASES+=("$*")
	ip -n "$1" -6 addr del "$2/64" dev eth0 2>/dev/null
	ip -n "$1" -6 addr add "$2/64" dev eth0
}
judge() {
	local entry node address wanted description

	for entry in "${CASES[@]}"; do
		read -r node address wanted description <<<"$entry"
		wait_for decided "$node" "$address"
		is "$(outcome "$node" "$address")" "$wanted" "$description"
		[[ $wanted == passed ]] || ip -n "$node" -6 addr del "$address/64" dev eth0
	done
	CASES=()
}

# One kernel probes for all of these at once: the cases do not disturb each other.
try guest1 2800:110:2::34 passed "a guest's own address (D01)"
try guest5 2800:110:2::39 passed "one of several of its own (D01)"
try guest5 2001:db8:5::99 passed "an address of its own prefix (D01)"
try guest1 fe80::1234 passed "a link-local address (D05)"
try guest1 2800:110:2::3 failed "the host's address (D04)"
try guest1 2800:110:2::1 failed "the gateway's address (D04)"
try guest1 2800:110:2::36 failed "another guest's address (D04)"
try guest1 2001:db8:5::7 failed "an address of another guest's prefix (D04)"
try guest1 2800:110:2::99 failed "an unlisted address of the network, with guard (D05)"
try guest2 "$(linklocal_of dom0 vif12.0)" failed "the link-local address of its own vif (D05)"
try guest3 2800:110:2::98 passed "an unlisted address of the network, guard = false (D05)"
try guest3 2800:110:2::3 failed "the host's address, guard = false (D04)"
try guest3 2800:110:2::34 failed "another guest's address, guard = false (D04)"
try guest4 2800:110:2::97 passed "an unlisted address of the network, guard = monitor (D05)"
try guest4 2800:110:2::1 failed "the gateway's address, guard = monitor (D04)"
try guest5 fe80::1 failed "a configured link-local gateway's address (D05)"
try stranger 2800:110:2::38 failed "a stranger on the wire takes a guest's address (D03)"
try stranger 2800:110:2::39 failed "a stranger on the wire takes another guest's address (D03)"
try stranger 2001:db8:5::55 failed "a stranger on the wire takes one of a guest's prefix (D03)"
try stranger 2800:110:2::96 passed "a stranger on the wire takes an unlisted address (N10)"
judge
for node in guest1 guest5 stranger; do
	ip -n $node -6 addr flush dev eth0 to 2800:110:2::90/124
done

# A guest that comes up again probes for what it has.
ip -n dom0 link set vif12.0 down
ip -n guest2 link set eth0 down
ip -n guest2 link set eth0 up
ip -n dom0 link set vif12.0 up
ip -n guest2 -6 addr add 2800:110:2::36/64 dev eth0
CASES=("guest2 2800:110:2::36 passed a guest's own address after its interface came up again (D01)")
judge
ip -n guest2 -6 route replace default via 2800:110:2::1
pass "and the guest is reached" ping1 router 2800:110:2::36
pass "the guest that was attacked as well" ping1 router 2800:110:2::34

is "$(ctl -j stats | json 'd["vif"]["vif11.0"]["dropped"].get("D01", 0) > 0')" true \
	"the guest's own detection was heard and left alone (D01)"

done_testing
