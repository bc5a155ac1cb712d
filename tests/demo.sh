#!/bin/bash
# demo.sh: shows, for a person to read, what the two daemons do: `make demo`.
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

	for tool in "$NDPROXYD" "$NDPROXYCTL" "$ARPPROXYD" "$ARPPROXYCTL" ip nft ping sysctl; do
		command -v "$tool" >/dev/null || {
			echo "demo: $tool is missing; \`make demo\` builds, and installs what is needed" >&2
			exit 1
		}
	done
}

NODES=(router dom0 guest1 guest2)

# The matrix of pings in both families; LAST_OK and LAST_ALL count.
cell() { # MILLISECONDS|-
	LAST_ALL=$((LAST_ALL + 1))
	if [[ $1 == - ]]; then
		CELL="${RED}no answer      $PLAIN"
	else
		LAST_OK=$((LAST_OK + 1))
		printf -v CELL '%s%7s ms     %s' "$GREEN" "$1" "$PLAIN"
	fi
}

matrix() {
	local from to ms6 ms4

	LAST_OK=0 LAST_ALL=0
	printf '   %-24s %-15s%s\n' "" "  by IPv6" "  by IPv4"
	while read -r from to ms6 _ _ ms4; do
		cell "$ms6"
		printf '   %-6s pings %-12s %s' "$from" "$to" "$CELL"
		cell "$ms4"
		printf '%s\n' "$CELL"
	done < <(paste -d' ' <(ping_pairs -6 "${NODES[@]}") <(ping_pairs -4 "${NODES[@]}"))
}

without_daemon() {
	heading "1. Without the daemons: who reaches whom"
	matrix
	if ((LAST_OK == 4)); then
		holds "only the router and the host reach each other ($LAST_OK of $LAST_ALL)"
	else
		broken "$LAST_OK of $LAST_ALL pings were answered; 4 were expected"
	fi
}

start_one() {
	daemon_conf <<-EOT
		uplink "$LAB_UPLINK" { }

		guest "vt1" {
		    vif       = "vif11.0"
		    addresses = { "$(address_of "$LAB_FAMILY" guest1)" }
		}

		guest "vt2" {
		    vif       = "vif12.0"
		    addresses = { "$(address_of "$LAB_FAMILY" guest2)" }
		}
	EOT
	printf 'dom0# cat %s.conf\n' "$LAB_NAME"
	sed 's/^/   /' "$LAB_CONF"
	printf 'dom0# %s -f -c %s.conf\n' "$LAB_NAME" "$LAB_NAME"
	if ! daemon_start; then
		broken "$LAB_NAME starts"
		exit 1
	fi
	holds "it runs, as process $LAB_DAEMON of the lab"
}

start() {
	heading "2. The daemons start: ndproxyd for IPv6, arpproxyd for IPv4; this is all of their configuration"
	both start_one
}

forget() {
	local node

	for node in "${NODES[@]}"; do
		ip -n "$node" -6 neigh flush all
		ip -n "$node" -4 neigh flush all
	done >/dev/null 2>&1
}

with_daemon() {
	heading "3. With the daemons: who reaches whom (all forget their neighbours first)"
	forget
	matrix
	if ((LAST_OK == LAST_ALL)); then
		holds "everybody reaches everybody, in both families ($LAST_OK of $LAST_ALL)"
	else
		broken "$((LAST_ALL - LAST_OK)) of $LAST_ALL pings had no answer"
	fi
}

first_answers() { # -4|-6
	local i ms

	for ((i = 0; i < 20; i++)); do
		first_ping router "$(address_of "$1" guest1)"
	done >"$LAB_DIR/first"
	ms=$(median <"$LAB_DIR/first")
	printf '   IPv%s, milliseconds: %s\n' "${1#-}" "$(sort -n "$LAB_DIR/first" | tr '\n' ' ')"
	if (($(wc -l <"$LAB_DIR/first") < 20)); then
		broken "IPv${1#-}: each first ping is answered"
	elif awk "BEGIN { exit !($ms < 5) }"; then
		holds "IPv${1#-}: median $ms ms (the kernel's own proxy: up to 800 ms)"
	else
		broken "IPv${1#-}: median $ms ms; below 5 ms was expected"
	fi
}

first_answer() {
	heading "4. The time to the first answer: the router forgets guest1, then pings it once; 20 times"
	first_answers -6
	first_answers -4
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
	local family guest vif

	heading "5. Neighbour tables: nobody configured any of this by hand"
	show router ip neigh show dev eth0
	for guest in guest1 guest2; do
		for family in -6 -4; do
			entry router "$(address_of $family $guest)" "$LAB_UPLINK_MAC" "the uplink's MAC"
		done
	done
	for guest in guest1 guest2; do
		vif=vif1${guest#guest}.0
		show $guest ip neigh show dev eth0
		for family in -6 -4; do
			entry $guest "$(address_of $family router)" "$(mac_of dom0 "$vif")" "$vif's MAC"
		done
	done

	heading "6. Host routes: made and kept by the daemons (protocol 168)"
	both routes
}

routes() { # of the daemon in use
	local guest

	show dom0 ip "$LAB_FAMILY" route show proto 168
	for guest in guest1 guest2; do
		if host_routes | grep -q "^$(address_of "$LAB_FAMILY" $guest) dev vif1${guest#guest}.0 "; then
			holds "$LAB_NAME: a route to $guest"
		else
			broken "$LAB_NAME: there is a route to $guest"
		fi
	done
}

control() {
	heading "7. What the daemons say of themselves"
	both control_one
}

control_one() {
	local state

	printf 'dom0# %s list\n' "${LAB_CTL##*/}"
	ctl list | sed 's/^/   /'
	state=$(ctl -j list | tr -d ' \n' | grep -o '"answering":true' | wc -l)
	if [[ $state == 2 ]]; then
		holds "$LAB_NAME: both addresses are answered"
	else
		broken "$LAB_NAME: both addresses are answered"
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
 192.0.2.1                               2800:110:2::3                       192.0.2.34/24      gw 192.0.2.1
                                         192.0.2.3     vif12.0 ======= eth0  2800:110:2::36/64  gw 2800:110:2::1
                                                                             192.0.2.36/24      gw 192.0.2.1

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
stop_one() {
	daemon_stop || broken "$LAB_NAME stops cleanly"
}
log_one() {
	printf '%s:\n' "$LAB_NAME"
	daemon_log
}
both stop_one
if ((WRONG)); then
	heading "$WRONG of the claims did not hold; the daemons' logs:"
	both log_one
	exit 1
fi
heading "All of it held."
