#!/bin/bash
# coordinator_full.sh DIRECTORY-OF-BINARIES NODE: coordinator_full.mjs with a disk of its own that is soon full.
set -euo pipefail
export bin=$1 node=$2 here
here=$(dirname "$0")
unshare -Urm true 2>/dev/null || { echo "SKIPPED: no user namespaces"; exit 77; }
exec unshare -Urm bash -c '
	disk=$(mktemp -d)
	mount -t tmpfs -o size=1m phalanx "$disk"
	"$node" "$here/coordinator_full.mjs" "$bin" "$disk"'
