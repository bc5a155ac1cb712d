#!/bin/bash
# 20-flood: while the wire is full of questions, listed and not, the daemon does everything else too:
# it answers others, takes commands, follows the kernel, and stops.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up || bail "no lab"
lab_host tester 2800:110:2::7 02:00:00:00:00:77
daemon_conf <<'EOT'
uplink "eth0" { announce = 0 }
guest "vt1" { vif = "vif11.0" addresses = { "2800:110:2::34", "2800:110:2:0:d::/80" } }
EOT
pass "the daemon starts" daemon_start || bail "no daemon"

# As fast as one process can: questions for the guest's network, and for nobody's.
in_ns router /usr/bin/python3 -c '
import socket
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import Ether
mac = "02:00:00:00:00:01"
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
frames = [bytes(Ether(src=mac, dst="33:33:ff:00:00:01") / IPv6(src="2800:110:2::1", dst="ff02::1:ff00:1", hlim=255)
                / ICMPv6ND_NS(tgt="2800:110:2:0:%s::%x" % (net, n)) / ICMPv6NDOptSrcLLAddr(lladdr=mac))
          for n in range(1, 500) for net in ("d", "e")]
print("ready", flush=True)
while True:
    for f in frames:
        try:
            s.send(f)
        except OSError:
            pass
' >"$LAB_DIR/flood" &
FLOOD=$!
flooding() {
	grep -q ready "$LAB_DIR/flood" && (($(ctl -j stats | json 'd["uplink"]["eth0"]["answered"]') > 20000))
}
pass "20,000 questions are answered, and it goes on" wait_for -t 30 flooding

pass "add" ctl add 2800:110:2::36 vif vif12.0 guest vt2
pass "another host asks for it" wait_for ping1 tester 2800:110:2::36
ip -n dom0 link set vif12.0 down
is_down() {
	[[ $(ctl -j list 2800:110:2::36 | json 'd[0]["reason"]') == K04* ]]
}
pass "a vif that goes down is noticed" wait_for is_down
ip -n dom0 link set vif12.0 up
pass "and up again" wait_for ping1 tester 2800:110:2::36
pass "reload" ctl reload
pass "del" ctl del 2800:110:2::36
kill -0 "$FLOOD" 2>/dev/null
is $? 0 "the flood went on all the while"
before=$(ctl -j stats | json 'd["uplink"]["eth0"]["answered"]')
more() {
	(($(ctl -j stats | json 'd["uplink"]["eth0"]["answered"]') > before))
}
pass "and is answered" wait_for more
exits 0 "it stops in the middle of it" daemon_stop
kill "$FLOOD"
wait "$FLOOD" 2>/dev/null
is "$(violations)" 0 "the switch counted no violation"
done_testing
