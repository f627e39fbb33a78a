#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A touched decoy under assume-breach: the host votes itself out, and every peer's kernel cuts it off."
lab_up
serve a b c d e
for peer in a c; do
	always "before: b and $peer reach each other every way" all_ways_open b "$peer"
done
on b "$TALK" hold "$(address4 a)" $PORT_FREE >"$PHALANX_LAB/hold-ba" &
on a "$TALK" hold "$(address6 b)" $PORT_FREE >"$PHALANX_LAB/hold-ab" &
on b "$TALK" hold "$(address4 c)" $PORT_FREE >"$PHALANX_LAB/hold-bc" &
held=$!
for pair in ba ab bc; do
	expect 3 "before: the connection $pair is established" grep -qx up "$PHALANX_LAB/hold-$pair"
done

"$TREE/lab/attack" a | tee "$PHALANX_LAB/shown"
always "make attack says that node-a is quarantined" grep -qE '^node-a +quarantined' "$PHALANX_LAB/shown"
for peer in b c d e; do
	expect 3 "node-$peer's kernel holds 10.77.0.11" kernel_holds "$peer" 10.77.0.11
	always "node-$peer's kernel holds fd77::11" kernel_holds "$peer" fd77::11
	always "node-$peer holds node-a quarantined" quarantined_by a "$peer"
	always "node-$peer logs the verified report and the cut" \
		logged "$peer" 'incident=[0-9a-f]{16} .*isolate subject=node-a strength=cut'
done
expect 5 "node-a's log shows the touch with its score" logged a 'incident=.* touch.*score=[89]'
expect 5 "node-a's log shows its self-report" logged a 'incident=.*self-report'
expect 3 "the established connection b to a dies" grep -qE '^(dead|silent)' "$PHALANX_LAB/hold-ba"
expect 3 "the established connection a to b dies" grep -qE '^(dead|silent)' "$PHALANX_LAB/hold-ab"
always "b to a: nothing new by TCP, UDP, ICMP over IPv4, IPv6, link-local" no_way_open b a
always "a to b: nothing new by TCP, UDP, ICMP over IPv4, IPv6, link-local" no_way_open a b
always "a and e: nothing either" no_way_open a e
always "the connection b to c lives on" kill -0 "$held"
for pair in "b c" "c d" "d e" "e b"; do
	# shellcheck disable=SC2086 # two words
	always "$pair reach each other every way" all_ways_open $pair
done
always "b, c, d, e stay linked" linked b c d e
expect 5 "make topology shows node-a quarantined" equals quarantined topology a
expect 5 "and node-b healthy" equals healthy topology b
expect 5 "the coordinator has the receipts of four kernels, with their times" cut_by a 4
incidents | jq -c '.incidents[0].cut'

report=$("$TREE/lab/show" report | jq -c '[.events[] | select(.node_id == "node-a" and .decision == "quarantine")][0]')
always "make report shows score, method and decision" jq -e \
	'.score > 7 and .method == "rule-based" and .source_ip == "10.77.0.66" and .event_type != null' <<<"$report"

# Only entries pass between a and the others now: by the mesh port.
"$TREE/lab/attack" b | tee "$PHALANX_LAB/shown"
always "make attack NODE=b shows attacked" grep -qE '^node-b +attacked' "$PHALANX_LAB/shown"
always "and prints why: one precaution stands" grep -qiE 'incident=.*(stand|precaution)' "$PHALANX_LAB/shown"
for peer in b c d e; do
	expect 3 "node-$peer holds node-b attacked" equals attacked said "$peer" b status
done
expect 3 "node-a, cut off, still learns of it through the mesh port" equals attacked said a b status
always "b and c still reach each other every way" all_ways_open b c
audits a b c d e

# node-a cannot say otherwise: not while it is frozen, and not when it is gone.
pid=$(daemon pid a)
on lab kill -STOP "$pid"
sleep 11
always "node-a stopped with SIGSTOP is still quarantined in the topology" equals quarantined topology a
on lab kill -CONT "$pid"
daemon kill a
sleep 11
always "node-a killed is still quarantined in the topology" equals quarantined topology a
always "and the others still hold it" quarantined_by a b c d e
always "its own kernel still drops what it was cut from" no_way_open a b
