#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "With the coordinator never started, nodes boot cold from their saved rosters and every flow passes."
export COORDINATOR=0
lab_up
serve a b c d e
never "nothing answers on the coordinator's address" on a "$TALK" try tcp 10.77.0.2 8090 300

for n in a b c d e; do daemon stop $n; done
for n in a b c d e; do daemon start $n; done
for n in a b c d e; do expect 10 "node-$n boots cold and syncs with its peers" synced $n; done
for n in a b c d; do expect 5 "node-$n is linked to the others" linked $n e; done

"$TREE/lab/attack" a
for n in b c d e; do
	expect 5 "node-$n holds node-a quarantined" quarantined_by a $n
	expect 3 "its kernel too" kernel_holds $n 10.77.0.11
done
"$TREE/lab/attack" b >/dev/null
for n in a c d e; do expect 5 "node-$n holds node-b attacked" equals attacked said $n b status; done
always "b and c go on" all_ways_open b c

"$TREE/lab/attack" lateral e
for n in b c d; do
	expect 5 "node-$n holds node-e quarantined" quarantined_by e $n
	expect 3 "and severs it" equals sever incident $n e held
done
always "nothing passes between e and c" no_way_open e c
always "b, c and d go on" all_ways_open c d
audits a b c d e
