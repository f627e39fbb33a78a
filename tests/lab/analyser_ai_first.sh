#!/bin/bash
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/model.sh"
proves "ai-first: below the threshold people hear of the model first, by a deadline; a score of 10 that only the model gave isolates nobody."
model_start --answer ten
export PHALANX_ANALYSIS=ai-first PHALANX_ANALYSIS_DEADLINE=4s PHALANX_THRESHOLD=9
lab_up
expect 15 "every analyser has its model" ready_model a b c d e
on a phalanx -c /run/lab/node-a/phalanx.conf status >"$PHALANX_LAB/shown"
always "phalanx status says so" grep -q '^analysis   ai-first, 0 opinions' "$PHALANX_LAB/shown"

"$TREE/lab/attack" a >/dev/null
expect 10 "the opinion is reported" equals 10 reported a ai score
expect 5 "as something to look at, not to act on" equals monitor reported a ai decision
never "the rules were reported before" has_report a rule-based
for peer in a b c d e; do
	never "node-$peer holds node-a quarantined" quarantined_by a "$peer"
	never "node-$peer cut the intruder off" kernel_holds "$peer" 10.77.0.66
done

model_set '{"fault":"hang"}'
"$TREE/lab/attack" b >/dev/null
expect 12 "with a model that hangs the rules are reported" equals 9 reported b rule-based score
never "and no opinion" has_report b ai
for peer in a b c d e; do
	always "node-$peer holds node-b for attacked at most" eval '! quarantined_by b "$peer"'
done
