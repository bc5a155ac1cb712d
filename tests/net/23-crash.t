#!/bin/bash
# 23-crash: kill -9 at any moment, and a start: nothing acknowledged is lost, no route is missing or stale.
#
#   clients ---- add, del, move, replace ----> daemon ---- files of the state directory
#   links go down, up, away                       `------- host routes           both compared with a model (crash.py)
#
# 23-crash.t [ndproxyd|arpproxyd]. KILLS says how often (18; under sanitizers 6), CRASH_SEED gives a run the random numbers of another.

# shellcheck disable=SC2317 # functions that wait_for and pass call
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

daemon_use "${1:-ndproxyd}"
lab_up || bail "no lab"
: "${KILLS:=$((LAB_SLOW > 1 ? 6 : 18))}"
PYTHONDONTWRITEBYTECODE=1 dom0 /usr/bin/python3 "$LAB_TOP/tests/net/crash.py" "$LAB_NAME" "$LAB_CTL" "$LAB_SOCK" "$LAB_STATE" \
	"$LAB_CONF" "$KILLS" "$LAB_SLOW" "$LAB_PROGRAM" -f -c "$LAB_CONF" -s "$LAB_SOCK" -d "$LAB_STATE" >"$LAB_DIR/tap"
rc=$?
grep -v '^1\.\.' "$LAB_DIR/tap"
TAP_N=$((TAP_N + $(grep -Ec '^(not )?ok ' "$LAB_DIR/tap")))
TAP_BAD=$((TAP_BAD + $(grep -c '^not ok ' "$LAB_DIR/tap")))
is "$rc $(grep -c '^1\.\.' "$LAB_DIR/tap")" "0 1" "it came to its end" || tail -n 40 "$LAB_DIR/crash.log" | diag
is "$(grep -Ec 'Sanitizer|runtime error' "$LAB_DIR/crash.log")" 0 "no sanitizer complained" ||
	grep -E -A20 'Sanitizer|runtime error' "$LAB_DIR/crash.log" | diag
done_testing
