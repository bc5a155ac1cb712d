#!/bin/bash
# Formatting, shell scripts, man pages, names of options, and who may use whom in lib/.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0
complain() {
	echo "lint: $*" >&2
	failed=1
}

mapfile -t sources < <(find lib ctl ndproxyd arpproxyd bench tests -name '*.[ch]' ! -name ndp_frames.h ! -name arp_frames.h)
clang-format --dry-run -Werror "${sources[@]}" || complain "clang-format -i would change the above"

mapfile -t scripts < <(grep -rlE '^#!/bin/(ba)?sh' tests etc .ci packaging 2>/dev/null)
shellcheck -x "${scripts[@]}" || complain "shellcheck"

for page in man/*.[0-9]; do
	mandoc -T lint -W warning "$page" || complain "$page"
done

# every option of the grammar stands in the man page, the samples and the printer
options=(guests-dir guests-file user group keep-routes pace announce unlisted rate probe yield answer
	gateway guard vif addresses mac uplink route via protocol metric table source)
in_printer() {
	grep -qE "$1( = |\", )" lib/conf_print.c || complain "option $1 is missing in lib/conf_print.c"
}
in_page() {
	grep -q "^\.It Ic $1 = " man/ndproxyd.conf.5 || complain "option $1 is missing in man/ndproxyd.conf.5"
}
in_sample() { # DAEMON OPTION
	grep -qE "^\s*#?$2 = " "etc/$1.conf" || complain "option $2 is missing in etc/$1.conf"
}
for option in "${options[@]}" mld; do
	in_printer "$option"
	in_page "$option"
	in_sample ndproxyd "$option"
	[ "$option" = mld ] || in_sample arpproxyd "$option"
done
# ... and what ARP has no twin of does not stand in its sample; source is also one of the routes
for option in mld source; do
	! sed -n '/^uplink /,/^}/p' etc/arpproxyd.conf | grep -qw "$option" ||
		complain "option $option is ndproxyd's alone, and stands in etc/arpproxyd.conf"
done

# what the templates leave to `make install`
placeholders=$(grep -oh '@[A-Z]*@' packaging/systemd/*.in | sort -u)
for placeholder in $placeholders; do
	grep -q "s|$placeholder|" Makefile || complain "the Makefile knows nothing of $placeholder"
done

# The layers: a module, and the headers of lib/ that its files may include besides their own.
# Header-only policy and event are values; a module's files are NAME.c, NAME_*.c, NAME*.h.
declare -A may=(
	[addr]="" [cursor]="" [chain]="" [log]="" [policy]="addr" [event]="addr" [msg]="addr cursor"
	[spec]="addr chain" [table]="addr chain msg spec siphash" [engine]="addr msg table policy event spec"
	[conf]="addr policy spec chain log" [state]="addr conf spec log" [packet]="log thread" [nl]="addr event log thread"
	[siphash]="" [thread]="" [filter]="addr siphash"
	[runtime]="addr spec chain" [store]="runtime state" [ctl]="log" [priv]="log" [host]="msg log"
)
for file in lib/*.[ch]; do
	base=$(basename "$file")
	module=${base%%[._]*}
	[ -n "${may[$module]+there}" ] || continue # app and command: wiring
	while read -r header; do
		used=${header%%[._]*}
		case " $module ${may[$module]} " in
		*" $used "*) ;;
		*) complain "$file includes $header: $module may use ${may[$module]:-nothing} alone" ;;
		esac
	done < <(sed -n 's/^#include "\(.*\)"/\1/p' "$file")
done
for file in ndproxyd/*.[ch] arpproxyd/*.[ch]; do
	[ -e "$file" ] || continue
	case $file in */main.c) allowed="app.h|ndp.h|arp.h" ;; *) allowed="addr.h|cursor.h|msg.h|ndp.h|arp.h" ;; esac
	sed -n 's/^#include "\(.*\)"/\1/p' "$file" | grep -vxE "$allowed" |
		while read -r header; do echo "lint: $file includes $header" >&2; done
	! sed -n 's/^#include "\(.*\)"/\1/p' "$file" | grep -qvxE "$allowed" || failed=1
done
if grep -nE 'codec *== *&|->family *==|clock_gettime|time\(' lib/engine*.c | grep -v 'ADDR_V4_BITS'; then
	complain "the engine asks for a protocol or a clock"
fi
[ "$failed" = 0 ] && echo "lint: clean"
exit "$failed"
