#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A dead parent takes its children along, while its kernel's cuts stay; a killed child comes back."
lab_up
serve a b c
"$TREE/lab/attack" a >/dev/null
expect 5 "node-b's kernel holds node-a" kernel_holds b 10.77.0.11

parent=$(daemon pid b)
family() { on lab pgrep -d ' ' -P "$parent"; }
children=$(family)
for role in net engine notary enforcer decoy watch; do
	pid=$(on lab pgrep -f -P "$parent" "phalanx-$role")
	on lab kill -KILL "$pid"
	back() { local now; now=$(on lab pgrep -f -P "$parent" "phalanx-$role") && [ "$now" != "$pid" ]; }
	expect 10 "a killed $role is restarted" back
done
expect 15 "and node-b lost nothing" quarantined_by a b
expect 15 "its links are up again" linked b c d e
always "its parent is the same" equals "$parent" daemon pid b
always "the cut held throughout" kernel_holds b 10.77.0.11

children=$(family)
daemon kill b
for pid in $children; do
	never "child $pid outlives its parent" on lab sh -c "sleep 0.2; kill -0 $pid"
done
always "the kernel's cut of node-a stays" kernel_holds b 10.77.0.11
always "nothing passes" no_way_open a b
always "while b and c still talk" all_ways_open b c
daemon start b
expect 15 "node-b is back and synced" synced b
always "and holds node-a quarantined" quarantined_by a b
audits b
