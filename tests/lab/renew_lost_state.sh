#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A node on an old disk signs nothing, until the CA renews it: then its second incarnation speaks."
lab_up
"$TREE/lab/attack" a >/dev/null
expect 5 "node-a's self-report is out" quarantined_by a b c d e
expect 5 "node-a says so too" eval "test \"\$(ask a status | jq .feed_sequence)\" -ge 1"
"$TREE/lab/release" a >/dev/null || fail "make release"
open_again() { ask a status | jq -e '.locked == "none"'; }
expect 5 "and it is released" open_again

# The snapshot is from before all that.
daemon stop a
on lab rm /run/lab/node-a/state/audit.log
daemon start a
lost() { ask a status | jq -e .lost_state; }
expect 15 "on the old disk node-a learns that it lost state" lost
sequence() { ask a status | jq -r .feed_sequence; }
before=$(sequence)
stranger y
scan_by y 8888 a >/dev/null
sleep 1
always "a touch makes it sign nothing" equals "$before" sequence
never "and nobody holds it" quarantined_by a b

on lab phalanx ca renew --dir /run/lab/ca node-a || fail "ca renew"
on lab phalanx ca bundle --dir /run/lab/ca node-a --out /run/lab/node-a/state || fail "ca bundle"
on a phalanx -c /run/lab/node-a/phalanx.conf reload || fail "phalanx reload"
renewed() { ask a status | jq -e '.synced and (.lost_state | not) and .incarnation == 2'; }
on lab /run/tree/lab/tell b || fail "lab/tell"
expect 10 "renewed, it is incarnation 2 and has lost nothing" renewed
expect 10 "linked again" linked a b c d e
for n in b c d e; do
	expect 5 "node-$n knows the new incarnation" equals 2 said "$n" a incarnation
done

# At sequence 1 of its new feed.
expect 5 "what touched it meanwhile it reports now" quarantined_by a b c d e
expect 10 "the topology shows it: the coordinator knows the new incarnation" equals quarantined topology a
"$TREE/lab/release" a >/dev/null || fail "make release"
expect 5 "it is released again" open_again
stranger z
scan_by z 8888 a >/dev/null
expect 5 "touched again, it votes itself out again" quarantined_by a b c d e
"$TREE/lab/release" a >/dev/null || fail "make release"
expect 5 "and is released" open_again
daemon stop a
daemon start a
expect 15 "and after a restart it is still itself" renewed
for n in b c d e; do
	never "node-$n saw two entries for one sequence" logged "$n" 'equivocation|proof'
done
audits a b
