#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A host that voted itself out is readmitted by an operator's key and a quorum, in one command."
lab_up
serve a b c
"$TREE/lab/attack" a >/dev/null
expect 5 "node-a is quarantined" quarantined_by a b c d e
always "a and b do not reach each other" no_way_open a b
never "a key that is not enrolled releases nobody" on b phalanx -c /run/lab/node-b/phalanx.conf \
	release node-a --reason "not mine" --key /run/lab/node-b/state/identity.key
never "nothing stands against node-c, so nothing is released" on b phalanx \
	-c /run/lab/node-b/phalanx.conf release node-c --reason "well" --key /run/lab/operator

on b phalanx -c /run/lab/node-b/phalanx.conf release node-a --reason "looked at, and clean" \
	--key /run/lab/operator | tee "$PHALANX_LAB/shown"
always "phalanx release says so" grep -q 'node-a is released' "$PHALANX_LAB/shown"
for peer in b c d e; do
	expect 3 "node-$peer holds node-a healthy again" equals healthy said "$peer" a status
	expect 3 "and in the next round" equals 1 said "$peer" a round
	expect 3 "its kernel holds node-a no more" eval "! kernel_holds $peer 10.77.0.11"
done
open_again() { ask a status | jq -e '.locked == "none"'; }
expect 3 "node-a has unlocked itself" open_again
expect 3 "a and b reach each other every way" all_ways_open a b
expect 3 "a and c too" all_ways_open a c
expect 8 "the topology shows node-a healthy" equals healthy topology a
released() { incidents | jq -e '.incidents[] | select(.name == "node-a" and .level == "released" and .release.by == "operator")'; }
expect 5 "the coordinator shows the incident released, and by whom" released

# The next touch is a new round, and a new incident.  (The intruder's address, seen here,
# stays blocked for a quarter of an hour: who comes now is somebody else.)
on coordinator /run/tree/lab/scan 0 2222 10.77.0.11 >/dev/null || true
expect 5 "touched again, node-a is out again" equals quarantined said b a status
always "in round 1" equals 1 said b a round
"$TREE/lab/release" a "again" >/dev/null || fail "make release"
expect 5 "and comes back again" equals healthy said c a status
audits a b c d e
