#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "kill -9 of every process while votes fly: the mesh converges, nothing is lost, and the kernels' cuts stay."
lab_up
serve a b c d e

children() { # NODE ROLE
	local parent
	parent=$(node pid "$1") || return 0
	on lab pgrep -f -P "$parent" "phalanx-$2" || true
}

# Every child of every node once, while e scans again and again.
for role in net engine notary enforcer decoy watch; do
	scan e 1 a b c d >/dev/null &
	scanner=$!
	for n in a b c d; do
		sleep 0.02
		for pid in $(children $n $role); do on lab kill -KILL "$pid" || true; done
	done
	wait $scanner
	step "every $role of a to d was killed while e scanned"
	for n in a b c d; do
		expect 10 "node-$n has a $role again" test -n "$(sleep 0.2; children $n $role)"
	done
done
for n in a b c d; do
	expect 15 "node-$n holds node-e quarantined" quarantined_by e $n
	expect 5 "its kernel too" kernel_holds $n 10.77.0.15
done

# And whole nodes, one after the other, the first while votes on another fly.
"$TREE/lab/attack" a >/dev/null &
attack=$!
for n in b c d; do
	node kill $n
	always "node-$n is dead, its kernel's cut of e stays" kernel_holds $n 10.77.0.15
done
wait $attack
always "nothing passes between e and b" no_way_open e b
for n in b c d; do node start $n; done
for n in b c d; do expect 20 "node-$n is back and synced" synced $n; done
for n in b c d; do
	expect 10 "node-$n knows that node-e is quarantined" quarantined_by e $n
	expect 10 "and that node-a is" quarantined_by a $n
	expect 5 "its kernel too" kernel_holds $n 10.77.0.11
done
roots() { for n in a b c d; do on $n phalanx -c /run/lab/node-$n/phalanx.conf status | grep -o 'root [0-9a-f]*'; done; }
one_root() { [ "$(roots | sort | uniq -c | wc -l)" = 1 ] && [ "$(roots | wc -l)" = 4 ]; }
expect 40 "a to d hold the same set of objects" one_root
always "b and c reach each other" all_ways_open b c
audits a b c d
