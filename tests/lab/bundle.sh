#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A second verifier accepts the lab's own certificate bundle from the CA key alone, and refuses it after any bit-flip."
lab_up
"$TREE/lab/attack" lateral e >/dev/null
expect 5 "a quorum certificate stands" equals "quorum certificate" incident b e ground
id=$(incident b e incident)
on b phalanx -c /run/lab/node-b/phalanx.conf audit bundle --incident "$id" --out /run/lab/bundle.json ||
	fail "phalanx audit bundle"
verify() { node --no-warnings "$TREE/tests/interop/verify_bundle.mjs" "$PHALANX_LAB/ca/ca.pem" "$1"; }
