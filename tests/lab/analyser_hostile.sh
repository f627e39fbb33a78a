#!/bin/bash
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/model.sh"
answer=$1
proves "A model that is hostile ($answer) changes no quarantine, in either direction."
model_start --answer "$answer" --seed 5
lab_up
expect 15 "every analyser has its model" ready_model a b c d e

# What the mesh makes of these attacks is known from attack_one and attack_all: nothing of it may differ.
"$TREE/lab/attack" a >/dev/null
for peer in b c d e; do
	expect 3 "node-$peer holds node-a quarantined" quarantined_by a "$peer"
done
"$TREE/lab/attack" b >/dev/null
for peer in c d e; do
	expect 3 "node-$peer holds node-b attacked, not quarantined" equals attacked said "$peer" b status
done
expect 10 "the model was asked about node-a" has_report a ai
expect 10 "and about node-b" has_report b ai
for node in a b; do
	always "rules said 9 of node-$node" equals 9 reported $node rule-based score
	score=$(reported $node ai score)
	always "with the model it is 9 or 10, not $score" test "$score" -ge 9
	expect 5 "the decision is that of the rules" equals "$(reported $node rule-based decision)" reported $node ai decision
done

# And afterwards, when all opinions are in.
sleep 1
for peer in b c d e; do
	always "node-$peer still holds node-a quarantined" quarantined_by a "$peer"
	always "node-$peer's kernel still holds it" kernel_holds "$peer" 10.77.0.11
done
for subject in b c d e; do
	for peer in a b c d e; do
		never "node-$peer holds node-$subject quarantined" quarantined_by "$subject" "$peer"
	done
done
serve c d
always "c and d reach each other every way" all_ways_open c d

# What the model said reaches no log and no terminal as it is, and forges no line.
if grep -hP '[^\x20-\x7e]' "$PHALANX_LAB"/*/log >/dev/null; then
	fail "a log holds a byte that is not printable ASCII"
fi
never "a line of a log begins otherwise than with its time" \
	grep -hvE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z ' "$PHALANX_LAB"/node-{a,b,c,d,e}/log
ask a incidents >"$PHALANX_LAB/shown"
on a phalanx -c /run/lab/node-a/phalanx.conf incidents >>"$PHALANX_LAB/shown"
"$TREE/lab/show" report >>"$PHALANX_LAB/shown"
always "incidents show an opinion" grep -q '  opinion ' "$PHALANX_LAB/shown"
never "a terminal is shown anything but printable ASCII" grep -qP '[^\x20-\x7e]' "$PHALANX_LAB/shown"
