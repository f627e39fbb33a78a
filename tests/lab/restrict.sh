#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "Two witnesses restrict a host everywhere before any vote; without a quorum it stays at that."
lab_up
# Three of four others condemn.  With two of them stopped nobody can; two accuse.
daemon stop c
daemon stop d
expect 5 "c and d are gone" eval "test \"\$(said a c alive)\" = false && test \"\$(said a d alive)\" = false"
scan e 0 a b >/dev/null
for n in a b; do
	expect 5 "node-$n holds node-e restricted" equals restricted said $n e status
	expect 3 "cuts it off" equals cut said $n e held
	expect 3 "in its kernel too" kernel_holds $n 10.77.0.15
	never "by a vote" equals "quorum certificate" incident $n e ground
done
expect 5 "phalanx incidents says why" equals "restricted: witnesses agree (10 min)" incident a e ground
expect 5 "node-e knows: phalanx status says restricted" equals restricted eval "ask e status | jq -r .status"
always "it is not locked" equals none eval "ask e status | jq -r .locked"
expect 10 "the topology shows node-e restricted" equals restricted topology e

# With d there is a quorum, of what the two said.
daemon start d
expect 15 "node-d comes back and votes: node-e is condemned" equals "quorum certificate" incident d e ground
for n in a b d; do
	expect 5 "node-$n severs it" equals sever said $n e held
done
expect 5 "node-e has locked itself" equals sever eval "ask e status | jq -r .locked"
"$TREE/lab/release" e "looked at" >/dev/null || fail "make release"
expect 15 "released, it is open again" equals none eval "ask e status | jq -r .locked"
for n in a b d; do
	expect 5 "node-$n holds it healthy" equals healthy said $n e status
done
expect 10 "the topology shows node-e healthy" equals healthy topology e
audits a b d e
