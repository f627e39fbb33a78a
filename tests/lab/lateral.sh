#!/bin/bash
# lateral.sh [parallel]
. "$(dirname "$0")/lib.sh"
how=${1:-sequential}
PHALANX_LAB=$PHALANX_LAB-$how
proves "A member that scans the others' decoys ($how): witnesses cut it at once, and a quorum of them severs it everywhere."
lab_up
serve a b c d e
parallel=0
[ "$how" = sequential ] || parallel=1
PARALLEL=$parallel "$TREE/lab/attack" lateral e

for n in a b c d; do
	expect 5 "node-$n holds node-e quarantined" quarantined_by e "$n"
	expect 3 "by a quorum certificate" equals "quorum certificate" incident "$n" e ground
	expect 3 "node-$n severs it: the mesh port too" equals sever incident "$n" e held
	expect 3 "its kernel holds both addresses" kernel_holds "$n" 10.77.0.15
	expect 3 "of node-e" kernel_holds "$n" fd77::15
	expect 3 "node-$n has no link to it" equals false said "$n" e linked
	never "node-e's mesh port answers node-$n" on "$n" "$TALK" try tcp 10.77.0.15 9000 300
done
expect 5 "each touched node cut e at once, on its own eyes" logged a 'isolate subject=node-e strength=cut'
for n in a b c d; do
	always "nothing passes between e and $n" no_way_open "$n" e
done
expect 3 "e, which was sent its certificate, holds itself quarantined" quarantined_by e e
locked() { ask e status | jq -e '.locked != "none"'; }
expect 3 "and locks its own host" locked
always "a to d go on" all_ways_open a b
always "c to d go on" all_ways_open c d
always "a to d stay linked" linked a b c d
expect 6 "make topology shows node-e quarantined" equals quarantined topology e
expect 5 "the coordinator has the receipts of four kernels, with their times" cut_by e 4
audits a b c d e
