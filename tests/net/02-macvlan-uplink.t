#!/bin/bash
# 02-macvlan-uplink: a macvlan filters multicast as a real card does, so only a listener that asks for
# it hears the questions for its guests (N00). Other names, addresses and MACs than elsewhere.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LAB_UPLINK_KIND=macvlan LAB_UPLINK=wan7 LAB_UPLINK_MAC=52:54:00:ab:cd:ef LAB_ROUTER_MAC=00:00:5e:00:02:07
LAB_VIF_MAC=4a:5b:6c:7d:8e:9f
LAB_ROUTER=2001:db8:77:5::ffff:1 LAB_HOST=2001:db8:77:5::a:b LAB_LEN=56
LAB_ROUTER4=198.51.100.254 LAB_HOST4=198.51.100.129 LAB_LEN4=25
LAB_GUESTS=(
	"web tap7 2001:db8:77:5:1:2:3:4 198.51.100.130"
	"mail vethX 2001:db8:77:42::2 198.51.100.131"
	"dns ve1.0 2001:db8:77::5:0:9 198.51.100.253"
)
lab_up || bail "no lab"

# How many of 64 solicited-node groups get through to the uplink? A listener of our own, without a
# membership, beside whatever the daemon does.
groups_heard() {
	local listener

	: >"$LAB_DIR/heard" # the listener's "ready" of last time must not count
	dom0 /usr/bin/python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0x86dd))
s.settimeout(10)
print("ready")
seen = set()
while True:
    f = s.recv(2048)
    if f[14:18] == b"mark":
        if f[:6] == bytes.fromhex("333300000001"):
            break
        seen.add(f[:6])
print(len(seen))' "$LAB_UPLINK" >"$LAB_DIR/heard" &
	listener=$!
	wait_for grep -q ready "$LAB_DIR/heard"
	# From one processor, or the last frame may overtake others
	router /usr/bin/python3 -c '
import os, socket
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for n in range(64):
    s.send(bytes.fromhex("3333ff0815%02x" % n) + bytes.fromhex("00005e000207" "86dd") + b"mark" + bytes(60))
s.send(bytes.fromhex("333300000001" "00005e000207" "86dd") + b"mark" + bytes(60))'
	wait "$listener"
	tail -n 1 "$LAB_DIR/heard"
}

before=$(groups_heard)
diag "$before of 64 foreign groups got through without the daemon"
pass "the uplink filters multicast, as a card does" [ "$before" -lt 32 ]

daemon_conf <<'EOT'
uplink "wan7" { }
guest "web" { vif = "tap7" addresses = { "2001:db8:77:5:1:2:3:4" } }
guest "mail" { vif = "vethX" addresses = { "2001:db8:77:42::2" } }
guest "dns" { vif = "ve1.0" addresses = { "2001:db8:77::5:0:9" } }
EOT
pass "the daemon starts" daemon_start || bail "no daemon"
is "$(groups_heard)" 64 "with the daemon every group gets through"

while read -r from to ms; do
	unlike "$ms" '^-$' "$from reaches $to"
done < <(ping_pairs router dom0 web mail dns)
for guest in web mail dns; do
	is "$(neigh_mac router "${LAB_ADDR[$guest]}")" "$LAB_UPLINK_MAC" "router: $guest is at the macvlan's MAC"
	unlike "$(first_ping router "${LAB_ADDR[$guest]}")" '^$' "the first ping of a cold router to $guest"
done
is "$(neigh_mac web "$LAB_ROUTER")" "$LAB_VIF_MAC" "web: the router is at the vif's MAC"

daemon_end KILL
is "$(groups_heard)" "$before" "after a kill the filter is as it was"
pass "the daemon starts again after a kill" daemon_start
unlike "$(first_ping router "${LAB_ADDR[web]}")" '^$' "and answers"

# ARP through the same uplink
arp daemon_conf <<'EOT'
uplink "wan7" { }
guest "web" { vif = "tap7" addresses = { "198.51.100.130" } }
guest "mail" { vif = "vethX" addresses = { "198.51.100.131" } }
guest "dns" { vif = "ve1.0" addresses = { "198.51.100.253" } }
EOT
pass "arpproxyd starts" arp daemon_start || bail "no daemon"
while read -r from to ms; do
	unlike "$ms" '^-$' "IPv4: $from reaches $to"
done < <(ping_pairs -4 router dom0 web mail dns)
for guest in web mail dns; do
	is "$(neigh_mac router "${LAB_ADDR4[$guest]}")" "$LAB_UPLINK_MAC" "router: $guest is at the macvlan's MAC, by ARP"
	unlike "$(first_ping router "${LAB_ADDR4[$guest]}")" '^$' "the first ping of a cold router to $guest, by IPv4"
done
is "$(neigh_mac web "$LAB_ROUTER4")" "$LAB_VIF_MAC" "web: the router is at the vif's MAC, by ARP"

done_testing
