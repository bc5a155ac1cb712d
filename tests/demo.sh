#!/bin/bash
# demo.sh: shows, for a person to read, what the daemon does: `make demo`.
#
# Everything happens in namespaces of its own (tests/net/lib.sh draws them); whatever ends this
# script, nothing is left behind. KEEP=1 stops at the end, in a shell inside the lab. The exit status is 0
# only where everything that is claimed held.

# shellcheck source-path=SCRIPTDIR source=net/lib.sh
. "$(dirname "$0")/net/lib.sh"

if [[ -t 1 ]]; then
	BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
	BOLD='' RED='' GREEN='' PLAIN=''
fi

WRONG=0

heading() {
	printf '\n%s%s%s\n' "$BOLD" "$1" "$PLAIN"
}

# A claim that holds, or not.
holds() {
	printf '%s   ok: %s%s\n' "$GREEN" "$1" "$PLAIN"
}

broken() {
	WRONG=$((WRONG + 1))
	printf '%s   NOT AS CLAIMED: %s%s\n' "$RED" "$1" "$PLAIN"
}

# Shows a command and what it says.
show() { # NODE COMMAND...
	printf '%s# %s\n' "$1" "${*:2}"
	in_ns "$@" 2>&1 | sed 's/^/   /'
}

need() {
	local tool

	for tool in "$NDPROXYD" "$NDPROXYCTL" ip nft ping sysctl; do
		command -v "$tool" >/dev/null || {
			echo "demo: $tool is missing; \`make demo\` builds, and installs what is needed" >&2
			exit 1
		}
	done
}

NODES=(router dom0 guest1 guest2)

# The matrix of pings; LAST_OK and LAST_ALL count.
matrix() {
	local from to ms cell

	LAST_OK=0 LAST_ALL=0
	while read -r from to ms; do
		LAST_ALL=$((LAST_ALL + 1))
		if [[ $ms == - ]]; then
			cell="${RED}no answer$PLAIN"
		else
			LAST_OK=$((LAST_OK + 1))
			cell="${GREEN}answered$PLAIN after $ms ms"
		fi
		printf '   %-6s ping %-7s %-17s %s\n' "$from" "$to" "${LAB_ADDR[$to]}" "$cell"
	done < <(ping_pairs "${NODES[@]}")
}

without_daemon() {
	heading "1. Without the daemon: who reaches whom"
	matrix
	if ((LAST_OK == 2)); then
		holds "only the router and the host reach each other ($LAST_OK of $LAST_ALL)"
	else
		broken "$LAST_OK of $LAST_ALL pings were answered; 2 were expected"
	fi
}

start() {
	heading "2. The daemon starts; this is all of its configuration"
	daemon_conf <<-EOT
		uplink "$LAB_UPLINK" { }

		guest "vt1" {
		    vif       = "vif11.0"
		    addresses = { "${LAB_ADDR[guest1]}" }
		}

		guest "vt2" {
		    vif       = "vif12.0"
		    addresses = { "${LAB_ADDR[guest2]}" }
		}
	EOT
	sed 's/^/   /' "$LAB_CONF"
	printf 'dom0# ndproxyd -f -c ndproxyd.conf\n'
	if ! daemon_start; then
		broken "the daemon starts"
		exit 1
	fi
	holds "it runs, as process $LAB_DAEMON of the lab"
}

with_daemon() {
	local node

	heading "3. With the daemon: who reaches whom (all forget their neighbours first)"
	for node in "${NODES[@]}"; do
		ip -n "$node" -6 neigh flush all >/dev/null 2>&1
	done
	matrix
	if ((LAST_OK == LAST_ALL)); then
		holds "everybody reaches everybody ($LAST_OK of $LAST_ALL)"
	else
		broken "$((LAST_ALL - LAST_OK)) of $LAST_ALL pings had no answer"
	fi
}

first_answer() {
	local i ms

	heading "4. The time to the first answer: the router forgets guest1, then pings it once; 20 times"
	for ((i = 0; i < 20; i++)); do
		first_ping router "${LAB_ADDR[guest1]}"
	done >"$LAB_DIR/first"
	ms=$(median <"$LAB_DIR/first")
	printf '   milliseconds: %s\n' "$(sort -n "$LAB_DIR/first" | tr '\n' ' ')"
	if (($(wc -l <"$LAB_DIR/first") < 20)); then
		broken "each first ping is answered"
	elif awk "BEGIN { exit !($ms < 5) }"; then
		holds "median $ms ms (the kernel's own proxy: some 800 ms)"
	else
		broken "median $ms ms; below 5 ms was expected"
	fi
}

# NODE's entry for ADDRESS has MAC.
entry() { # NODE ADDRESS MAC WHOSE
	if [[ $(neigh_mac "$1" "$2") == "$3" ]]; then
		holds "$1 believes $2 at $3, $4"
	else
		broken "$1 believes $2 at '$(neigh_mac "$1" "$2")', not at $3, $4"
	fi
}

tables() {
	local guest vif

	heading "5. Neighbour tables: nobody configured any of this by hand"
	show router ip -6 neigh show dev eth0
	entry router "${LAB_ADDR[guest1]}" "$LAB_UPLINK_MAC" "the uplink's MAC"
	entry router "${LAB_ADDR[guest2]}" "$LAB_UPLINK_MAC" "the uplink's MAC"
	for guest in guest1 guest2; do
		vif=vif1${guest#guest}.0
		show $guest ip -6 neigh show dev eth0
		entry $guest "$LAB_ROUTER" "$(mac_of dom0 "$vif")" "$vif's MAC"
	done

	heading "6. Host routes: made and kept by the daemon (protocol 168)"
	show dom0 ip -6 route show proto 168
	for guest in guest1 guest2; do
		if host_routes | grep -q "^${LAB_ADDR[$guest]} dev vif1${guest#guest}.0 "; then
			holds "a route to $guest"
		else
			broken "there is a route to $guest"
		fi
	done
}

control() {
	local state

	heading "7. What the daemon says of itself"
	printf 'dom0# ndproxyctl list\n'
	ctl list | sed 's/^/   /'
	state=$(ctl -j list | tr -d ' \n' | grep -o '"answering":true' | wc -l)
	if [[ $state == 2 ]]; then
		holds "both addresses are answered"
	else
		broken "both addresses are answered"
	fi
}

wire() {
	heading "8. The switch: frames from Dom0's port with a MAC that is not the uplink's"
	show switch nft list counter bridge portsec violations
	if [[ $(violations) == 0 ]]; then
		holds "none, in all of this"
	else
		broken "$(violations) frames, from $(offenders)"
	fi
}

need
cat <<EOT
   router                switch             Dom0                          guests
 2800:110:2::1   ====  1 MAC/port  ====  uplink eth0   vif11.0 ======= eth0  2800:110:2::34/64  gw 2800:110:2::1
                                         2800:110:2::3  vif12.0 ======= eth0  2800:110:2::36/64  gw 2800:110:2::1

All of it lives in network namespaces of its own; nothing of this machine is touched.
EOT
LAB_DAD=1
lab_up || {
	echo "demo: the lab could not be made" >&2
	exit 1
}
without_daemon
start
with_daemon
first_answer
tables
control
wire

if [[ -n ${KEEP:-} ]]; then
	heading "KEEP=1: a shell in the lab"
	lab_shell
fi
if ! daemon_stop; then
	broken "the daemon stops cleanly"
	daemon_log
fi
if ((WRONG)); then
	heading "$WRONG of the claims did not hold; the daemon's log:"
	daemon_log
	exit 1
fi
heading "All of it held."
