#!/bin/bash
# 12-kernel-proxy: K01: the kernel's own proxy, which answers as well, is told of in status.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up || bail "no lab"
warnings() { # CODE: their texts
	ctl -j status | json '"\n".join(w["text"] for w in d["warnings"] if w["code"] == a[0])' "$1"
}

daemon_conf <<'EOT'
uplink "eth0" { }
guest "vt1" { vif = "vif11.0" addresses = { "2800:110:2::34" } }
EOT
pass "the daemon starts" daemon_start || bail "no daemon"
is "$(warnings K01)" "" "nothing to tell"

ip -n dom0 neigh add proxy 2800:110:2::34 dev eth0
ip -n dom0 neigh add proxy 2800:110:2::99 dev eth0
like "$(warnings K01)" "2800:110:2::34 .*ip neigh del proxy 2800:110:2::34 dev eth0" \
	"a proxy entry for a guest's address, and the command that mends it"
unlike "$(warnings K01)" "2800:110:2::99" "one for somebody else's is nobody's business"
ip -n dom0 neigh del proxy 2800:110:2::34 dev eth0
is "$(warnings K01)" "" "gone with the entry"

dom0 sysctl -qw net.ipv6.conf.vif11/0.proxy_ndp=1
like "$(warnings K01)" "vif11.0/proxy_ndp is 1" "proxy_ndp on a vif"
dom0 sysctl -qw net.ipv6.conf.vif11/0.proxy_ndp=0
if dom0 sysctl -qw net.ipv6.route.skip_notify_on_dev_down=1 2>/dev/null; then
	like "$(warnings K04)" "skip_notify_on_dev_down is 1" "K04: routes that go in silence"
	dom0 sysctl -qw net.ipv6.route.skip_notify_on_dev_down=0
else
	skip "K04: routes that go in silence" "not this namespace's to say"
fi
dom0 sysctl -qw net.ipv6.conf.eth0.forwarding=0
like "$(warnings K02)" "eth0/forwarding is 0" "K02: forwarding off on the uplink"

daemon_stop
is "$(violations)" 0 "the switch counted no violation"
done_testing
