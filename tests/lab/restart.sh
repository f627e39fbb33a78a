#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A restart keeps the mesh and its quarantines; down discards both."
lab_up
"$TREE/lab/attack" a >/dev/null
expect 5 "node-a is quarantined" quarantined_by a b c d e
identity=$(ask b status | jq -r .id)

"$TREE/lab/down" keep
never "nothing runs" "$PHALANX_BIN/phalanx-lab" pid -d "$PHALANX_LAB"
"$TREE/lab/up" restart >/dev/null || fail "make restart"
always "node-b is the same as before" equals "$identity" eval 'ask b status | jq -r .id'
always "node-a is quarantined, by all of the others" quarantined_by a b c d e
for n in b c d e; do
	always "node-$n's kernel holds node-a" kernel_holds "$n" 10.77.0.11
done
serve a b c
expect 3 "b and c reach each other" reach tcp b c
always "a and b do not" no_way_open b a
expect 8 "the topology shows it" equals quarantined topology a
audits b c d e

"$TREE/lab/down"
never "down leaves no file behind" test -e "$PHALANX_LAB"
lab_up
never "the new mesh has another identity" equals "$identity" eval 'ask b status | jq -r .id'
never "and nobody is quarantined" quarantined_by a b
