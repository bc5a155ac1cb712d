#!/bin/sh
# Sees to it that Thomas Habets' arping is in build/habets. Debian's package of it cannot be installed
# beside iputils-arping, whose program has the same name and other options, so it is only unpacked there. Asks
# nobody where it is there already. Where it cannot be had the tests with it are skipped, and say so.
set -u

dir=$(cd "$(dirname "$0")/.." && pwd)/build/habets
[ ! -x "$dir/usr/sbin/arping" ] || exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
	echo "not a Debian system: the tests with Habets' arping are skipped" >&2
	exit 0
fi
mkdir -p "$dir" || exit 1
work=$(mktemp -d "$dir/download.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
if (cd "$work" && { apt-get download -q arping || { apt-get update -q && apt-get download -q arping; }; } &&
	dpkg -x arping_*.deb "$dir") >"$work/log" 2>&1; then
	exit 0
fi
cat "$work/log" >&2
echo "Debian's package arping cannot be had: the tests with Habets' arping are skipped" >&2
