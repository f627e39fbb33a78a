#!/bin/bash
# A certificate of a real mesh is proven to a stranger who has the CA's key
# and nothing else, and no single bit of the proof may differ.
#
# bundle.sh PHALANX MAKE_CERTIFICATE FLIP_BUNDLE NODE
set -euo pipefail
phalanx=$1 make_certificate=$2 flip_bundle=$3 node=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

refused() {
	if "$@" >out 2>&1; then
		echo "not refused: $*" >&2
		cat out >&2
		exit 1
	fi
}

key=$("$phalanx" ca init --dir ca --mesh proof)
for n in a b c d e; do
	"$phalanx" ca request --state "$n" --name "node-$n" --address "10.77.0.1${n/[a-e]/$((16#$n - 9))}" \
		>"$n.json"
	"$phalanx" ca enrol --dir ca "$n.json"
done
"$phalanx" ca epoch --dir ca
for n in a b c d e; do "$phalanx" ca bundle --dir ca "node-$n" --out "$n"; done

# Three of the four others of node-e: a quorum.
"$make_certificate" node-e a b c
"$phalanx" audit verify --dir a --file a/audit.log
"$phalanx" audit bundle --dir a --subject node-e --out bundle.json
refused "$phalanx" audit bundle --dir a --subject node-d --out none.json
"$phalanx" audit verify --bundle bundle.json --ca-key "$key"
"$phalanx" audit verify --bundle bundle.json --ca ca/ca.pem
"$node" "$here/verify_bundle.mjs" bundle.json "$key"

# Another CA proves nothing.
other=$("$phalanx" ca init --dir other --mesh proof)
refused "$phalanx" audit verify --bundle bundle.json --ca-key "$other"
refused "$node" "$here/verify_bundle.mjs" bundle.json "$other"

"$flip_bundle" bundle.json "$key"
"$node" "$here/flip_bundle.mjs" bundle.json "$key"
