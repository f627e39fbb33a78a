#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A feed cut off at an entry boundary is detected against peers' heads, and its node signs nothing more."
lab_up
"$TREE/lab/attack" a >/dev/null
expect 5 "node-a's self-report is out" quarantined_by a b c d e
log=/run/lab/node-a/state/audit.log
sequence() { ask a status | jq -r .feed_sequence; }
before=$(sequence)
always "node-a has entries of its own" test "$before" -ge 1

daemon stop a
on lab cp $log /run/lab/node-a/audit.whole
on lab sed -i '$ d' $log
always "the file has one entry less, cut at the line" \
	equals $(($(on lab grep -c . /run/lab/node-a/audit.whole) - 1)) on lab grep -c . $log
daemon start a
lost() { ask a status | jq -e .lost_state; }
expect 15 "node-a learns from its peers that it lost state" lost
expect 5 "and says so in its log" logged a '(lost|later head|later feed)'
after=$(sequence)
on intruder /run/tree/lab/scan 0 8888 10.77.0.11 >/dev/null
sleep 1
always "a touch makes it sign nothing" equals "$after" sequence
for n in b c d e; do
	always "node-$n still holds node-a quarantined" quarantined_by a $n
	never "node-$n saw two entries for one sequence" logged $n 'equivocation'
done

daemon stop a
on lab cp /run/lab/node-a/audit.whole $log
daemon start a
not_lost() { ask a status | jq -e '.synced and (.lost_state | not)'; }
expect 15 "with its whole feed it is itself again" not_lost
audits a b
