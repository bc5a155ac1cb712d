#!/bin/bash
# 18-filter: the filter in the kernel: what no guest lists does not reach the daemon, and costs it
# nothing; what is listed does, from the moment that it is. Without it everything works the same.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up || bail "no lab"

EXPECTED=ebpf
[[ $LAB_UID == 0 && $BUILD != *nobpf* ]] || EXPECTED=classic

kind() {
	ctl -j status | json 'd["filter"]["kind"]'
}
unlisted() {
	ctl -j stats | json 'd["kernel"]["unlisted"]'
}
received() {
	ctl -j stats | json 'd["uplink"]["eth0"]["received"]'
}
asks() { # ADDRESS: one question from the router, by its kernel
	router ip neigh flush dev eth0 >/dev/null 2>&1
	router ping -c 1 -W 1 "$1" >/dev/null 2>&1
}
# The router asks for many addresses, by scapy: TARGETS is a python expression.
ask_all() { # TARGETS
	in_ns router /usr/bin/python3 -c '
import sys
from scapy.all import ARP, Ether, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6, conf
conf.verb = 0
mac = "02:00:00:00:00:01"
s = conf.L2socket(iface="eth0")
frames = []
for t in eval(sys.argv[1]):
    if ":" in t:
        frames.append(bytes(Ether(src=mac, dst="33:33:ff:00:00:01") / IPv6(src="2800:110:2::1", dst="ff02::1:ff00:1", hlim=255)
                            / ICMPv6ND_NS(tgt=t) / ICMPv6NDOptSrcLLAddr(lladdr=mac)))
    else:
        frames.append(bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=mac, psrc="192.0.2.1", pdst=t)))
for f in frames:
    s.send(f)' "$1"
}
switches() { # how often the daemon was woken
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$LAB_DAEMON/status"
}

one_daemon() { # DAEMON NETWORK-PREFIX TARGETS: of 2,000 unlisted addresses
	local before woken

	daemon_use "$1"
	daemon_conf <<-EOT
		uplink "eth0" { }
		guest "vt1" { vif = "vif11.0" addresses = { "${2}34" } }
	EOT
	pass "$1 starts" daemon_start || bail "no daemon"
	is "$(kind)" $EXPECTED "$1: the filter"
	if [[ $EXPECTED == classic ]]; then
		like "$(ctl status)" 'filter in the kernel: none' "$1: and status says so"
		pass "$1: answers" asks "${2}34"
		exits 1 "$1: and not for others" asks "${2}36"
		pass "$1: which the daemon drops" [ "$(ctl -j stats | json 'd["uplink"]["eth0"]["dropped"]["N10"]')" -gt 0 ]
		daemon_stop
		return
	fi
	like "$(ctl status)" 'filter in the kernel: eBPF' "$1: and status says so"
	pass "$1: what is listed is answered" asks "${2}34"

	before=$(unlisted)
	ask_all "$3"
	arrived() {
		(($(unlisted) >= before + 2000))
	}
	pass "$1: 2,000 questions for what is not are dropped in the kernel" wait_for arrived
	# but for what the router's kernel asks of the host itself, now and then
	pass "$1: none of them reached the daemon" [ "$(dropped uplink eth0 N10)" -lt 20 ]
	woken=$(switches)
	ask_all "$3"
	# asking wakes it too: a connection, a request, and what belongs to them
	pass "$1: nor woke it" [ $(($(switches) - woken)) -lt 50 ]

	exits 1 "$1: an address that is not listed has no answer" asks "${2}36"
	pass "$1: add" ctl add "${2}36" vif vif12.0
	pass "$1: from then on it has" asks "${2}36"
	before=$(unlisted)
	pass "$1: del" ctl del "${2}36"
	exits 1 "$1: and now not any more" asks "${2}36"
	pass "$1: dropped in the kernel again" [ "$(unlisted)" -gt "$before" ]

	# by reload, and as part of a network
	daemon_conf <<-EOT
		uplink "eth0" { }
		guest "vt2" { vif = "vif12.0" addresses = { "${2}36" } }
	EOT
	pass "$1: reload" ctl reload
	pass "$1: what is new in it is answered" asks "${2}36"
	exits 1 "$1: what it lacks is not" asks "${2}34"
	daemon_stop
}
one_daemon ndproxyd 2800:110:2:: '["2800:110:2::%x:%x" % (a, b) for a in range(0xa000, 0xa014) for b in range(100)]'
one_daemon arpproxyd 192.0.2. '["198.18.%d.%d" % (a, b) for a in range(20) for b in range(100)]'

# Refused: in the words of the kernel, and everything works
if [[ $EXPECTED == ebpf ]]; then
	daemon_use ndproxyd
	daemon_conf <<-'EOT'
		uplink "eth0" { }
		guest "vt1" { vif = "vif11.0" addresses = { "2800:110:2::34" } }
	EOT
	LAB_WRAP=(setpriv "--bounding-set=-bpf,-sys_admin" "--inh-caps=-bpf,-sys_admin")
	pass "without CAP_BPF: it starts" daemon_start
	LAB_WRAP=()
	is "$(kind)" classic "without CAP_BPF: the classic filter"
	like "$(ctl status)" 'filter in the kernel: none .*not permitted' "status says why"
	like "$(ctl -j status | json '[w["code"] for w in d["warnings"]]')" '"filter"' "and warns"
	pass "it answers" asks 2800:110:2::34
	exits 1 "and not for others" asks 2800:110:2::36
	pass "which the daemon drops" [ "$(ctl -j stats | json 'd["uplink"]["eth0"]["dropped"]["N10"]')" -gt 0 ]
	daemon_stop
fi
is "$(violations)" 0 "the switch counted no violation"
done_testing
