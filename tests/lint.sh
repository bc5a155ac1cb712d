#!/bin/bash
# Formatting, shell scripts, man pages, names of options, and who may use whom in lib/.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0
complain() {
	echo "lint: $*" >&2
	failed=1
}

mapfile -t sources < <(find lib ctl ndproxyd arpproxyd tests -name '*.[ch]' ! -name ndp_frames.h ! -name arp_frames.h)
clang-format --dry-run -Werror "${sources[@]}" || complain "clang-format -i would change the above"

mapfile -t scripts < <(grep -rlE '^#!/bin/(ba)?sh' tests etc .ci packaging 2>/dev/null)
shellcheck -x "${scripts[@]}" || complain "shellcheck"

for page in man/*.[0-9]; do
	mandoc -T lint -W warning "$page" || complain "$page"
done

# every option of the grammar stands in the man page, the sample and the printer
for option in guests-dir guests-file user group keep-routes pace announce source mld unlisted rate \
	probe yield answer gateway guard vif addresses mac uplink route via protocol metric table; do
	for file in man/ndproxyd.conf.5 etc/ndproxyd.conf lib/conf_print.c; do
		grep -q -- "$option" "$file" || complain "option $option is missing in $file"
	done
done

# The layers: a module, and the headers of lib/ that its files may include besides their own.
# Header-only policy and event are values; a module's files are NAME.c, NAME_*.c, NAME*.h.
declare -A may=(
	[addr]="" [cursor]="" [chain]="" [log]="" [policy]="addr" [event]="addr" [msg]="addr cursor"
	[spec]="addr chain" [table]="addr msg spec" [engine]="addr msg table policy event spec"
	[conf]="addr policy spec chain log" [state]="addr conf spec log" [packet]="log" [nl]="addr event log"
	[runtime]="addr spec chain" [ctl]="log" [priv]="log" [host]="msg log"
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
