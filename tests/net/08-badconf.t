#!/bin/bash
# 08-badconf: every kind of mistake in a configuration is refused with one line that names the place, exit
# status 1 and nothing of it in force: checked with -n, at a start, and at a reload.
#
# 08-badconf.t [ndproxyd|arpproxyd]: the same for either; 16-arp-badconf.t is the latter.

# shellcheck disable=SC2086,SC2317 # an address is one word; functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2034 # for lab_up
LAB_GUESTS=("guest1 vif11.0 2800:110:2::34 192.0.2.34")
lab_up || bail "no lab"
BAD=$LAB_DIR/bad.conf
GOOD=$LAB_DIR/good.conf
mkdir "$LAB_DIR/conf.d"
daemon_use "${1:-ndproxyd}"
case $LAB_NAME in
ndproxyd) GUEST=2800:110:2::34 N=2001:db8:: SAME=2001:0db8::0005 BITS=128 BLOCK=2001:db8:5::/64 ;;
arpproxyd) GUEST=192.0.2.34 N=198.51.100. SAME=198.51.100.5/32 BITS=32 BLOCK=203.0.113.64/26 ;;
esac

cat >"$GOOD" <<EOT
uplink "eth0" { }
guest "vt1" { vif = "vif11.0" addresses = { "$GUEST" } }
EOT
daemon_conf <"$GOOD"
pass "a good configuration starts" daemon_start || bail "no daemon"
GOOD_PID=$LAB_DAEMON
GOOD_LIST=$(ctl -j list)
LAB_DAEMON_SOCK=$LAB_SOCK

check() { # ARGUMENT...
	in_ns dom0 timeout 20 "$LAB_PROGRAM" "$@" >"$LAB_DIR/stdout" 2>"$LAB_OUT"
}
# What went wrong with one refusal, on stdout; nothing where all is well. $1: place as a regular expression
judge() { # PLACE STATUS
	local lines

	lines=$(grep -c '' "$LAB_OUT")
	(($2 == 1)) || echo "exit status $2 instead of 1"
	((lines == 1)) || echo "$lines lines instead of one"
	((${#1} == 0)) || grep -Eq "$1" "$LAB_OUT" || echo "no '$1' in it"
	grep -aq '[[:cntrl:]]' "$LAB_OUT" && echo "control characters in it"
	(($(head -n 1 "$LAB_OUT" | wc -c) < 1200)) || echo "an endless line"
}
# The daemon that runs is asked to reload $LAB_CONF; nothing may change.
reload_refused() { # PLACE
	local rc

	ctl reload >"$LAB_OUT" 2>&1
	rc=$?
	((rc == 1)) || echo "reload: exit status $rc instead of 1"
	grep -Eq "$1" "$LAB_OUT" || echo "reload: no '$1' in: $(head -c 300 "$LAB_OUT")"
	[[ $(ctl -j list) == "$GOOD_LIST" ]] || echo "reload: the list has changed"
}

# All that went wrong with refusing $BAD, three times.
refusal() { # PLACE
	check -n -c "$BAD"
	judge "$1" $?
	check -f -c "$BAD" -s "$LAB_DIR/bad.sock" -d "$LAB_DIR/conf.d"
	judge "$1" $? | sed 's/^/at a start: /'
	[[ ! -e $LAB_DIR/bad.sock ]] || echo "at a start: a socket was left"
	ln -sfT "$BAD" "$LAB_CONF"
	reload_refused "${1/bad/$LAB_NAME}"
}

# refused DESCRIPTION LINE: $BAD has the configuration; LINE is where its mistake is ("-": no line)
refused() {
	local place="bad\.conf:$2:"

	[[ $2 != - ]] || place='bad\.conf'
	refused_at "$1" "$place"
}
refused_at() { # DESCRIPTION PLACE
	local wrong

	wrong=$(refusal "$2")
	if [[ -z $wrong ]]; then
		ok "$1"
	else
		not_ok "$1"
		diag "$wrong"
		check -n -c "$BAD"
		head -c 500 "$LAB_OUT" | diag
	fi
}

# bad DESCRIPTION LINE, the configuration on stdin
bad() {
	cat >"$BAD"
	refused "$1" "$2"
}
# in_guest DESCRIPTION TEXT: inside an otherwise good guest section, on line 4
in_guest() {
	bad "$1" 4 <<-EOT
		uplink "eth0" { }
		guest "vt2" {
			vif = "vif12.0"
			$2
			addresses = { "${N}5" }
		}
	EOT
}
# address DESCRIPTION ADDRESS: a guest's, on line 2
address() {
	bad "$1" 2 <<-EOT
		uplink "eth0" { }
		guest "vt2" { vif = "vif12.0" addresses = { "$2" } }
	EOT
}
# in_uplink, in_vif, in_route, on_top DESCRIPTION TEXT: on line 2
in_uplink() {
	bad "$1" 2 <<-EOT
		uplink "eth0" {
			$2
		}
	EOT
}
in_vif() {
	bad "$1" 2 <<-EOT
		vif "vif*" {
			$2
		}
		uplink "eth0" { }
	EOT
}
in_route() {
	bad "$1" 2 <<-EOT
		route {
			$2
		}
		uplink "eth0" { }
	EOT
}
on_top() {
	bad "$1" 2 <<-EOT
		uplink "eth0" { }
		$2
	EOT
}

# addresses
address "not an address" ${N}g
address "an empty address" ""
address "no prefix length" ${N}/
address "a negative prefix length" ${N}0/-1
address "a prefix length beyond $BITS" ${N}0/$((BITS + 1))
address "an interface" ${N}1%eth0
address "blanks around it" " ${N}5"
case $LAB_NAME in
ndproxyd)
	address "an address of the other family" 192.0.2.1
	address "a v4-mapped address" ::ffff:192.0.2.1
	address "a link-local address" fe80::1
	address "a multicast address" ff02::1
	address "the loopback address" ::1
	address "the unspecified address" ::
	address "the default route" ::/0
	address "host bits in a prefix" 2001:db8::1/64
	HOSTBITS=2001:db8:1:2:3::/64 NETWORK=2001:db8:1:2::/64
	;;
arpproxyd)
	address "an address of the other family" 2001:db8::1
	address "a network of the other family" 2001:db8::/64
	address "a link-local address" 169.254.0.1
	address "a link-local network" 169.254.0.0/16
	address "a multicast address" 224.0.0.1
	address "a multicast network" 232.0.0.0/8
	address "the loopback address" 127.0.0.1
	address "a loopback network" 127.0.0.0/8
	address "the unspecified address" 0.0.0.0
	address "the broadcast address" 255.255.255.255
	address "the default route" 0.0.0.0/0
	address "host bits in a prefix" 198.51.100.1/24
	address "three numbers" 198.51.100
	address "five numbers" 198.51.100.1.1
	address "a number beyond 255" 198.51.100.256
	address "a number in octal" 198.51.100.010
	address "a number in hexadecimal" 198.51.100.0x10
	address "a netmask" 198.51.100.0/255.255.255.0
	HOSTBITS=198.51.100.77/26 NETWORK=198.51.100.64/26
	;;
esac
bad "host bits: the message names the network" 1 <<<"guest \"g\" { vif = \"v\" addresses = { \"$HOSTBITS\" } } uplink \"eth0\" { }"
check -n -c "$BAD"
like "$(cat "$LAB_OUT")" "$NETWORK" "indeed"
bad "an address twice in one guest" 2 <<EOT
uplink "eth0" { }
guest "a" { vif = "v1" addresses = { "${N}5", "$SAME" } }
EOT
bad "an address twice in two guests" 3 <<EOT
uplink "eth0" { }
guest "a" { vif = "v1" addresses = { "${N}5" } }
guest "b" { vif = "v2" addresses = { "${N}5" } }
EOT
check -n -c "$BAD"
like "$(cat "$LAB_OUT")" ':3:.*:2|:2.*:3' "both places are named"
bad "no addresses" '[23]' <<'EOT'
uplink "eth0" { }
guest "a" { vif = "v1" }
EOT
bad "an empty list of addresses" 2 <<'EOT'
uplink "eth0" { }
guest "a" { vif = "v1" addresses = { } }
EOT

# guests
bad "a guest twice" 3 <<EOT
uplink "eth0" { }
guest "a" { vif = "v1" addresses = { "${N}5" } }
guest "a" { vif = "v2" addresses = { "${N}6" } }
EOT
bad "a guest without a name" 2 <<EOT
uplink "eth0" { }
guest { vif = "v1" addresses = { "${N}5" } }
EOT
on_top "a guest's name with a blank" "guest \"a b\" { addresses = { \"${N}5\" } }"
on_top "a guest's name that is a path" "guest \"../x\" { addresses = { \"${N}5\" } }"
on_top "a guest's name too long" "guest \"$(printf '%065d' 0)\" { addresses = { \"${N}5\" } }"
on_top "an empty guest's name" "guest \"\" { addresses = { \"${N}5\" } }"
bad "an option twice" 4 <<EOT
uplink "eth0" { }
guest "a" {
	vif = "v1"
	vif = "v2"
	addresses = { "${N}5" }
}
EOT
bad "a vif's name too long" 2 <<EOT
uplink "eth0" { }
guest "a" { vif = "abcdefghijklmnop" addresses = { "${N}5" } }
EOT
in_guest "an unknown option" 'colour = "red"'
in_guest "not a MAC" 'mac = { "00:16:3e:00:00" }'
in_guest "a multicast MAC" 'mac = { "01:00:5e:00:00:01" }'
in_guest "route neither true nor false" 'route = "maybe"'
in_guest "an uplink that is not there" 'uplink = "eth7"'
in_guest "a via that is none of the guest's" "via = \"${N}77\""
in_guest "a via that is a prefix" "via = \"$BLOCK\""
bad "several uplinks, and a guest that says none" '[34]' <<EOT
uplink "eth0" { }
uplink "eth1" { }
guest "a" { vif = "v1" addresses = { "${N}5" } }
EOT

# uplinks, vifs, routes, the top
bad "no uplink" - <<<"guest \"a\" { vif = \"v1\" addresses = { \"${N}5\" } }"
bad "an empty file" - </dev/null
bad "an uplink twice" 2 <<'EOT'
uplink "eth0" { }
uplink "eth0" { }
EOT
in_uplink "announce beyond 10" 'announce = 11'
in_uplink "a negative number" 'announce = -1'
in_uplink "a huge number" 'rate = 99999999999999999999'
in_uplink "no number" 'announce = three'
in_uplink "a number in octal" 'announce = 010'
in_uplink "an unknown word" 'mld = "sometimes"'
in_uplink "source that is no address" 'source = "here"'
if [[ $LAB_NAME == arpproxyd ]]; then
	in_uplink "source is ndproxyd's alone" 'source = "auto"'
	in_uplink "mld is ndproxyd's alone" 'mld = "auto"'
	in_vif "a gateway of the other family" 'gateway = { "fe80::1" }'
	in_route "a source of the other family" 'source = "2001:db8::1"'
	in_guest "a via of the other family" 'via = "2001:db8::1"'
else
	in_vif "a gateway of the other family" 'gateway = { "169.254.0.1" }'
	in_route "a source of the other family" 'source = "192.0.2.1"'
	in_guest "a via of the other family" 'via = "192.0.2.1"'
fi
in_uplink "unlisted = route: not in this version" 'unlisted = "route"'
in_uplink "unlisted = relay: not in this version" 'unlisted = "relay"'
bad "probe and yield together" '[1-4]' <<'EOT'
uplink "eth0" {
	probe = true
	yield = true
}
EOT
in_vif "an unknown answer" 'answer = "some"'
in_vif "an unknown guard" 'guard = "perhaps"'
in_vif "a gateway that is no address" 'gateway = { "router" }'
in_vif "a multicast gateway" 'gateway = { "ff02::2" }'
in_route "a protocol beyond 255" 'protocol = 256'
in_route "protocol 0" 'protocol = 0'
in_route "a negative metric" 'metric = -5'
in_route "a source that is no address" 'source = "eth0"'
on_top "an unknown option on top" 'speed = 5'
on_top "an unknown section" 'downlink "eth0" { }'
on_top "keep-routes neither true nor false" 'keep-routes = "perhaps"'
on_top "a negative pace" 'pace = -1'
on_top "a guests-dir that is not there" 'guests-dir = "/nonexistent"'
on_top "a guests-file that is not there" 'guests-file = "/nonexistent"'
on_top "no quote at the end" 'guest "a { }'
on_top "a brace too many" '}'
bad "no value" '[23]' <<'EOT'
uplink "eth0" { }
pace =
EOT
on_top "garbage" '%&$!@'

# the file itself
bad "end of file inside a section" '[23]' <<EOT
uplink "eth0" { }
guest "a" { vif = "v1" addresses = { "${N}5" }
EOT
bad "end of file inside a comment" '[23]' <<'EOT'
uplink "eth0" { }
/* and so on
EOT
printf 'uplink "eth0" { }\nguest "a" { vif = "v1\0" addresses = { "%s" } }\n' ${N}5 >"$BAD"
refused "a NUL byte" 2
{ printf 'uplink "eth0" { }\n' && head -c 1000000 /dev/zero | tr '\0' x && echo; } >"$BAD"
refused "1 MB on a line, of one word" 2
{ printf 'uplink "eth0" { }\nguest "' && head -c 1000000 /dev/zero | tr '\0' x && echo '" { }'; } >"$BAD"
refused "1 MB on a line, in quotes" 2
head -c 65536 /dev/urandom >"$BAD"
refused "64 KiB of noise" -
rm "$BAD"
refused "a missing file" -
mkdir "$BAD"
refused "a directory" -
rmdir "$BAD"
ln -s "$BAD" "$BAD"
refused "a link to itself" -
rm "$BAD"

# guests-dir and guests-file: the mistake is there
printf 'uplink "eth0" { }\nguests-dir = "%s"\n' "$LAB_DIR/conf.d" >"$BAD"
printf 'guest "a" {\n\tvif = "v1"\n\taddresses = { "%s" }\n}\n' ${N}x >"$LAB_DIR/conf.d/10-a.conf"
refused_at "a mistake in a file of guests-dir" '10-a\.conf:3:'
printf 'uplink "eth1" { }\n' >"$LAB_DIR/conf.d/10-a.conf"
refused_at "a section other than guest in guests-dir" '10-a\.conf:1:'
rm "$LAB_DIR/conf.d/10-a.conf"
printf 'uplink "eth0" { }\nguests-file = "%s"\n' "$LAB_DIR/many" >"$BAD"
printf '# many\n%s v1 a\n%s v1\n' ${N}5 ${N}x >"$LAB_DIR/many"
refused_at "a mistake in the guests-file" 'many:3:'
printf '%s v1 a\n%s v2 b\n' ${N}5 ${N}5 >"$LAB_DIR/many"
refused_at "an address twice in the guests-file" 'many:2:'
printf '%s\n' ${N}5 >"$LAB_DIR/many"
refused_at "a line without a vif" 'many:1:'

# after all of this
is "$LAB_DAEMON" "$GOOD_PID" "the daemon is the same"
is "$(ctl -j list)" "$GOOD_LIST" "with the same guests"
pass "and answers" ping1 router $GUEST
LAB_SOCK=$LAB_DAEMON_SOCK
ln -sfT "$GOOD" "$LAB_CONF"
pass "a good configuration is taken again" ctl reload

# -n and -nv on good ones: the print read again prints the same
case $LAB_NAME in
ndproxyd) ALONE='source = "link-local" mld = none' LINKLOCAL=fe80::1 ;;
arpproxyd) ALONE='' LINKLOCAL=169.254.0.1 ;;
esac
cat >"$LAB_DIR/full.conf" <<EOT
# comments, quotes of both kinds, every section
uplink "eth0" { announce = 2 $ALONE rate = 7 probe = yes }
uplink 'eth1' { yield = on unlisted = ignore }
vif "vif*.0" { answer = "all" gateway = { "$LINKLOCAL", "${N}1" } guard = "monitor" rate = 0 }
route { protocol = 99 metric = 5 table = 200 source = "${N}3" }
pace = 20
keep-routes = no
guest "a" { vif = "v1" uplink = "eth0" addresses = { "${N}5", "$BLOCK" } via = "${N}5"
	mac = { "00:16:3E:00:00:01", "00:16:3e:00:00:02" } route = "true" }
guest "b" { uplink = "eth1" addresses = { "${N}6" } route = off }
EOT
exits 0 "-n: a good configuration" check -n -c "$LAB_DIR/full.conf"
is "$(cat "$LAB_DIR/stdout")" "" "prints nothing"
exits 0 "-nv" check -n -v -c "$LAB_DIR/full.conf"
cp "$LAB_DIR/stdout" "$LAB_DIR/printed.conf"
like "$(cat "$LAB_DIR/printed.conf")" "$BLOCK" "prints it"
exits 0 "-nv of that" check -n -v -c "$LAB_DIR/printed.conf"
pass "prints the same" diff "$LAB_DIR/printed.conf" "$LAB_DIR/stdout"
exits 2 "an unknown option: 2" check -Z
exits 2 "an argument too many: 2" check -n -c "$GOOD" more
exits 0 "-V" check -V
done_testing
