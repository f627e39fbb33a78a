#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "What README shows people of a lab works: make status, topology, report, logs-node, and each target is there."
lab_up
"$TREE/lab/attack" a >/dev/null
for what in status topology report; do
	expect 8 "make $what shows node-a" eval "'$TREE/lab/show' $what | grep node-a"
done
timeout 2 "$TREE/lab/logs" b >"$PHALANX_LAB/followed" || true
always "make logs-node NODE=b follows that node's log" grep -q ' node-b engine ' "$PHALANX_LAB/followed"
never "and no other's" grep -q ' node-c ' "$PHALANX_LAB/followed"
timeout 2 "$TREE/lab/logs" >"$PHALANX_LAB/followed" || true
for who in node-a node-e coordinator; do
	always "make logs has $who" grep -q " $who " "$PHALANX_LAB/followed"
done
OVERTURNED=1 "$TREE/lab/release" a "a scanner of our own" >/dev/null || fail "an overturned release"
expect 5 "make release OVERTURNED=1 brings node-a back" equals healthy said b a status
