#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "With no model, and with no analyser's program at all, the lab runs and the rules answer."
"$TREE/lab/up" >"$PHALANX_LAB.shown" || fail "make up"
always "make up says so" grep -q 'rules answer; no model at http://localhost:11434' "$PHALANX_LAB.shown"
rm -f "$PHALANX_LAB.shown"
for node in a b c d e; do
	expect 10 "node-$node's log says so" logged $node 'analyser info +rules answer; no model at http://localhost:11434'
done
"$TREE/lab/attack" a >/dev/null
expect 3 "the peers hold node-a quarantined" quarantined_by a b c d e
"$TREE/lab/down"

# Every program but that one.
export PHALANX_BIN=$PHALANX_LAB.bin
rm -rf "$PHALANX_BIN"
cp -r "$TREE/build/release/bin" "$PHALANX_BIN"
rm "$PHALANX_BIN/phalanx-analyser"
lab_up
expect 5 "node-a says that there is none" logged a 'no analyser: .*phalanx-analyser is not there; the rules answer alone'
always "once" equals 1 grep -c 'no analyser' "$PHALANX_LAB/node-a/log"
"$TREE/lab/attack" a >/dev/null
expect 3 "the peers hold node-a quarantined" quarantined_by a b c d e
expect 5 "the report says rule-based" eval '"$TREE/lab/show" report | jq -e "any(.events[]; .method == \"rule-based\" and .decision == \"quarantine\")"'
"$TREE/lab/down"
rm -rf "$PHALANX_BIN"
