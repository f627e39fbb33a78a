#!/bin/bash
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/model.sh"
proves "An analyser that dies, hangs or has a broken model changes no decision, and is started again."
model_start --answer ok
lab_up
expect 15 "every analyser has its model" ready_model a b c d e
analyser() { # NODE: its pid
	on lab pgrep -f -P "$(daemon pid "$1")" phalanx-analyser
}
replaced() { # NODE PID
	local now
	now=$(analyser "$1") && [ "$now" != "$2" ]
}

# Killed while nobody asks, and in the middle of a question.
pid=$(analyser a)
on lab kill -KILL "$pid"
expect 5 "node-a's analyser is back after kill -9" replaced a "$pid"
model_set '{"fault":"hang"}'
"$TREE/lab/attack" a >/dev/null
for peer in b c d e; do
	expect 3 "node-$peer holds node-a quarantined, the model hanging" quarantined_by a "$peer"
done
always "by the rules" equals 9 reported a rule-based score
pid=$(analyser a)
# What hangs goes on hanging; the next question is answered.
model_set '{"fault":""}'
on lab kill -KILL "$pid"
expect 5 "killed in the middle of the question it is back" replaced a "$pid"
expect 40 "and the question is asked again and answered" has_report a ai

# It hangs: who asks says so, and it is replaced.
pid=$(analyser b)
on lab kill -STOP "$pid"
"$TREE/lab/attack" b >/dev/null
expect 3 "node-c holds node-b attacked" equals attacked said c b status
expect 20 "node-b's hanging analyser is replaced" replaced b "$pid"
expect 10 "the log says why" logged b 'analyser .*hangs or answers garbage: killed'
expect 40 "and the question is answered by the new one" has_report b ai

# A model that speaks nonsense: the rules answer.
for fault in reset-in-body huge garbage two-objects remote length 500 ndjson; do
	model_set "{\"fault\":\"$fault\"}"
	sleep 0.1
done
model_set '{"fault":"garbage"}'
"$TREE/lab/attack" c >/dev/null
expect 3 "node-d holds node-c attacked" equals attacked said d c status
expect 30 "node-c's log says that the rules stand" logged c 'no opinion, the rules stand'
never "anything was reported of node-c with a model" has_report c ai
for subject in b c d e; do
	for peer in a b c d e; do
		never "node-$peer holds node-$subject quarantined" quarantined_by "$subject" "$peer"
	done
done
always "and node-a still is" quarantined_by a b c d e
