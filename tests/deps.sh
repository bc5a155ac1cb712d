#!/bin/sh
# Sees to it that these Debian packages are installed. As root it installs what is missing; otherwise
# it prints the one command that does. Asks nobody where nothing is missing.
set -eu

if ! command -v dpkg-query >/dev/null; then
	echo "not a Debian system: what is needed is called there: $*" >&2
	exit 0
fi
missing=
for package; do
	case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
	'install ok installed') ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "some Debian packages are missing; as root:" >&2
	echo "  apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # one word a package
if ! { apt-get install -y -q --no-install-recommends $missing ||
	{ apt-get update -q && apt-get install -y -q --no-install-recommends $missing; }; } >"$log" 2>&1; then
	cat "$log" >&2
	echo "cannot install:$missing" >&2
	exit 1
fi
