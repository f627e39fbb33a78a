#!/bin/bash
# siege.sh DIRECTORY-OF-BINARIES NODE: siege.mjs in a network namespace of its
# own, where clients have addresses that are not loopback's.
set -euo pipefail
export here bin=$1 node=$2
here=$(dirname "$0")
ulimit -n "$(ulimit -Hn)"
unshare -Urn true 2>/dev/null || { echo "SKIPPED: no user namespaces"; exit 77; }
exec unshare -Urn bash -c '
	ip link set lo up
	for n in $(seq 1 40) 250; do ip address add "10.99.0.$n/24" dev lo; done
	exec "$node" "$here/siege.mjs" "$bin"'
