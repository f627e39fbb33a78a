#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "kill -9 of every process while votes fly: the mesh converges, nothing is lost, and the kernels' cuts stay."
lab_up
serve a b c d e

children() { # NODE ROLE
	local parent
	parent=$(daemon pid "$1") || return 0
	on lab pgrep -f -P "$parent" "phalanx-$2" || true
}
back() { [ -n "$(children "$1" "$2")" ]; }

afresh() {
	local n
	for n in a b c d e; do daemon kill $n; done
	for n in a b c d e; do daemon wipe $n; done
	for n in a b c d e; do daemon start $n; done
	on lab /run/tree/lab/ready node-a node-b node-c node-d node-e
}

# One role at a time, of every witness, a moment after e's scan began.  A touch
# whose only witness died with it in hand is not known to anybody: so e, whom
# that witness has not cut off either, comes again.
for role in net engine notary enforcer decoy watch; do
	scan e 1 a b c d >/dev/null &
	scanner=$!
	sleep 0.0$((RANDOM % 90 + 10))
	for n in a b c d; do
		for pid in $(children $n $role); do on lab kill -KILL "$pid" || true; done
	done
	wait $scanner
	step "the $role of a, b, c and d was killed while e scanned"
	for n in a b c d; do expect 10 "node-$n has its $role again" back $n $role; done
	scan e 1 a b c d >/dev/null
	for n in a b c d; do
		expect 15 "node-$n holds node-e quarantined" quarantined_by e $n
		expect 5 "its kernel too" kernel_holds $n 10.77.0.15
	done
	[ $role = watch ] || afresh
done

# Whole nodes, one after the other, while votes on another fly.
"$TREE/lab/attack" a >/dev/null &
attack=$!
for n in b c d; do
	daemon kill $n
	always "node-$n is dead, its kernel's cut of e stays" kernel_holds $n 10.77.0.15
done
wait $attack
always "nothing passes between e and b" no_way_open e b
for n in b c d; do daemon start $n; done
for n in b c d; do expect 20 "node-$n is back and synced" synced $n; done
for n in b c d; do
	expect 10 "node-$n knows that node-e is quarantined" quarantined_by e $n
	expect 10 "and that node-a is" quarantined_by a $n
	expect 5 "its kernel too" kernel_holds $n 10.77.0.11
done
roots() {
	local n
	for n in a b c d; do
		on $n phalanx -c /run/lab/node-$n/phalanx.conf status | grep -o 'root [0-9a-f]*'
	done
}
one_root() { [ "$(roots | sort | uniq -c | awk '{ print $1 }')" = 4 ]; }
expect 40 "a to d hold the same set of objects" one_root
always "b and c reach each other" all_ways_open b c
audits a b c d
