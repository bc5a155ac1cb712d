#!/bin/bash
# 06-vifs: several guests on a vif, a guest with two, prefixes, gateways, and the settings of a vif; with
# other addresses than elsewhere.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2034 # for lab_up
LAB_ROUTER=2001:db8:1::1 LAB_HOST=2001:db8:1::2:2 LAB_LEN=48 LAB_UPLINK=uplink0 LAB_UPLINK_MAC=3c:ec:ef:01:02:03
LAB_GUESTS=(
	"shared tap100i0 2001:db8:1::11 2001:db8:1::12"
	"twice ve-two.0 2001:db8:1::21"
	"twice ve-two.1 2001:db8:1:7::22"
	"block vif3.0 2001:db8:1::31 2001:db8:c::1/64"
	"inner vif4.0 2001:db8:1::41 2001:db8:c::4/64"
	"every vif5.0 2001:db8:1::51"
	"alone vif6.0 2001:db8:1::61"
	"lonely vif7.0 2001:db8:1::71"
	"lax vif8.0 2001:db8:1::81"
	"watched vif9.0 2001:db8:1::91"
)
lab_up || bail "no lab"

daemon_conf <<'EOT'
uplink "uplink0" { }
vif "vif5.*" { answer = "all" }
vif "vif6.*" { answer = "none" }
vif "vif7.*" { gateway = { "fe80::1", "2001:db8:ff::fe" } }
vif "vif8.*" { guard = "false" }
vif "vif9.*" { guard = monitor }
vif "vif[5-9].*" { answer = "none" }
guest "one" { vif = "tap100i0" addresses = { "2001:db8:1::11" } }
guest "two" { vif = "tap100i0" addresses = { "2001:db8:1::12" } }
guest "twice-a" { vif = "ve-two.0" addresses = { "2001:db8:1::21" } }
guest "twice-b" { vif = "ve-two.1" addresses = { "2001:db8:1:7::22" } }
guest "block" { vif = "vif3.0" addresses = { "2001:db8:c::/64", "2001:db8:1::31" } }
guest "inner" { vif = "vif4.0" addresses = { "2001:db8:c::4", "2001:db8:1::41" } }
guest "every" { vif = "vif5.0" addresses = { "2001:db8:1::51" } }
guest "alone" { vif = "vif6.0" addresses = { "2001:db8:1::61" } }
guest "lonely" { vif = "vif7.0" addresses = { "2001:db8:1::71" } }
guest "lax" { vif = "vif8.0" addresses = { "2001:db8:1::81" } mac = { "02:de:ad:be:ef:00" } }
guest "watched" { vif = "vif9.0" addresses = { "2001:db8:1::91" } }
EOT
pass "the daemon starts" daemon_start || bail "no daemon"

# All pairs that are meant to reach each other
while read -r from to ms; do
	unlike "$ms" '^-$' "$from reaches $to"
done < <(ping_pairs router dom0 shared twice every lax watched)
pass "the second guest on a vif" ping1 router 2001:db8:1::12
pass "the second vif of a guest" ping1 router 2001:db8:1:7::22
is "$(ctl -j list vif tap100i0 | json 'sorted(e["guest"] for e in d)')" '["one", "two"]' "list of a vif with two guests"
twice_sees() { # a guest's own address on its other vif: it is another guest's there
	ip -n twice -6 route add 2001:db8:1::11 dev eth1 && ping1 twice 2001:db8:1::11
}
pass "its second vif serves other guests as well" twice_sees

# Prefixes
ip -n router -6 route add 2001:db8:c::/64 dev eth0
pass "an address of a prefix" ping1 router 2001:db8:c::1
pass "a longer entry elsewhere" ping1 router 2001:db8:c::4
is "$(ip -n dom0 -6 route get 2001:db8:c::4 | grep -o 'dev [^ ]*')" "dev vif4.0" "goes to its own vif"
is "$(ip -n dom0 -6 route get 2001:db8:c::5 | grep -o 'dev [^ ]*')" "dev vif3.0" "and the rest to the prefix's"
pass "both on one link as they think: prefix to inner" ping1 block 2001:db8:c::4
pass "inner to prefix" ping1 inner 2001:db8:c::1

# answer
ip -n router addr add 2001:db8:ee::1/128 dev lo
for guest in every shared; do
	ip -n $guest -6 route add 2001:db8:ee::/64 dev eth0
done
pass "answer = all: beyond the uplink's networks" ping1 every 2001:db8:ee::1
fail "answer = on-link: not (N22)" ping1 shared 2001:db8:ee::1
is "$(($(dropped vif tap100i0 N22) > 0))" 1 "counted as N22"
pass "answer = none: the gateway all the same" ping1 alone "$LAB_ROUTER"
is "$(neigh_mac alone "$LAB_ROUTER")" "$LAB_VIF_MAC" "which is at the vif's MAC"
fail "answer = none: another guest is not answered" ping1 alone 2001:db8:1::51
fail "answer = none: nor the host" ping1 alone "$LAB_HOST"

# gateway
ip -n lonely -6 route replace default via fe80::1 dev eth0
pass "a configured link-local gateway" ping1 lonely 2001:db8:ee::1
like "$(ip -n lonely -6 neigh show to fe80::1)" "$LAB_VIF_MAC.*router" "is at the vif's MAC, and a router (N08)"
ip -n lonely -6 route add 2001:db8:ff::fe dev eth0
ip -n lonely -6 route replace default via 2001:db8:ff::fe dev eth0
pass "a configured gateway outside the networks" ping1 lonely 2001:db8:ee::1
like "$(ip -n lonely -6 neigh show to 2001:db8:ff::fe)" "$LAB_VIF_MAC.*router" "is at the vif's MAC, and a router"
fail "other link-local addresses are not answered (N21)" ping1 shared fe80::1%eth0
is "$(($(dropped vif tap100i0 N21) > 0))" 1 "counted as N21"

# guard: an address that the guest was not given, as source of its questions (H61)
for guest in shared lax watched; do
	ip -n $guest addr add 2001:db8:1::bad/48 dev eth0
	ip -n $guest -6 neigh flush dev eth0 >/dev/null 2>&1
done
spoof() { # GUEST: the kernel asks for the host in the name of the address given
	in_ns "$1" ping -6 -n -c1 -W1 -I 2001:db8:1::bad 2001:db8:1::21
	[[ -n $(neigh_mac "$1" 2001:db8:1::21) ]]
}
fail "guard: a question from an address not given is not answered" spoof shared
is "$(($(dropped vif tap100i0 H61) > 0))" 1 "counted as H61"
pass "guard = false: it is, and the MAC is not looked at" spoof lax
is "$(ctl -j stats | json '[d["vif"]["vif8.0"]["dropped"].get(r, 0) for r in ("H60", "H61")]')" "[0, 0]" "and nothing counted"
pass "guard = monitor: it is" spoof watched
is "$(($(dropped vif vif9.0 H61) > 0))" 1 "and yet counted as H61"

done_testing
