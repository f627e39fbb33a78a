#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "All five decoys at once: one precaution stands, all agree on which, and the mesh goes on."
lab_up
serve a b c d e
"$TREE/lab/attack" all | tee "$PHALANX_LAB/shown"

# Who stands where, as one node sees it.
view() { ask "$1" peers | jq -rc '[.[] | {(.name): .status}] | add | tojson'; }
count() { # STATUS
	view "$1" | jq "[.[] | select(. == \"$2\")] | length"
}
one_and_four() { [ "$(count "$1" quarantined)" = 1 ] && [ "$(count "$1" attacked)" = 4 ]; }
for n in a b c d e; do
	expect 5 "node-$n holds one quarantined and four attacked" one_and_four "$n"
done
for n in b c d e; do
	expect 5 "node-$n agrees with node-a on which" equals "$(view a)" view "$n"
done
subject=$(view b | jq -r 'to_entries[] | select(.value == "quarantined").key')
subject=${subject#node-}
others=()
for n in a b c d e; do
	[ "$n" = "$subject" ] || others+=("$n")
	expect 3 "the intruder is blocked by node-$n, which it touched" kernel_holds "$n" 10.77.0.66
done
step "node-$subject is the one"
for n in "${others[@]}"; do
	expect 3 "node-$n's kernel holds node-$subject" kernel_holds "$n" "$(address4 "$subject")"
	for m in "${others[@]}"; do
		[ "$m" = "$n" ] || never "node-$n's kernel holds node-$m" kernel_holds "$n" "$(address4 "$m")"
	done
done
always "the mesh goes on: ${others[0]} and ${others[1]}" all_ways_open "${others[0]}" "${others[1]}"
always "the mesh goes on: ${others[2]} and ${others[3]}" all_ways_open "${others[2]}" "${others[3]}"
always "and stays linked" linked "${others[0]}" "${others[@]:1}"
expect 6 "the topology says the same of node-$subject" equals quarantined topology "$subject"
for n in "${others[@]}"; do
	expect 6 "the topology says attacked of node-$n" equals attacked topology "$n"
done
audits a b c d e
