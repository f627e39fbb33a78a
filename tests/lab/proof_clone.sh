#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "Two hosts with one identity convict it: all others sever both, and no operator brings it back."
lab_up

# node-x has node-e's disk and addresses.  It, c and d are on a switch of their own.
daemon stop e
on lab /run/tree/lab/host node-x
on lab bash -e <<-'SH'
	ip -n node-x address flush dev eth0 scope global
	ip -n node-x address add 10.77.0.15/24 dev eth0
	ip -n node-x address add fd77::15/64 dev eth0 nodad
	ip link add br1 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
	ip link set br1 up
	for host in c d x; do
		ip link set node-$host master br1
	done
	mkdir -p /run/lab/node-x
	cp -a /run/lab/node-e/state /run/lab/node-x/
	sed s,node-e/state,node-x/state, /run/lab/node-e/phalanx.conf >/run/lab/node-x/phalanx.conf
	echo node-x 34 node-x >>/run/lab/hosts
SH
daemon start e
daemon start x
expect 15 "node-e has synced with a and b" eval "synced e && linked e a b"
expect 15 "so has its clone, with c and d" eval "synced x && linked x c d"
never "nothing passes between the switches" reach tcp a c

stranger z
on lab ip link set node-z master br1
scan intruder 0 e >/dev/null
on lab nsenter --net=/run/netns/node-z /run/tree/lab/scan 0 2222 10.77.0.15 >/dev/null || true
expect 5 "a and b hear node-e's report" quarantined_by e a b
expect 5 "c and d hear the clone's" quarantined_by e c d
for n in a c; do
	expect 5 "node-$n holds a precaution, no more" equals precaution incident "$n" e ground
done

# Two hosts have one address: each keeps the way to those that it is linked with, whoever answers for it.
on lab bash -e <<-'SH'
	hold() { # HOST NEIGHBOUR
		mac=$(ip -n node-$2 -json link show eth0 | jq -r '.[0].address')
		for address in 10.77.0.15 fd77::15; do
			ip -n node-$1 neigh replace $address lladdr $mac dev eth0 nud permanent
		done
	}
	hold a e
	hold b e
	hold c x
	hold d x
	ip link add br0-br1 type veth peer name br1-br0
	ip link set br0-br1 master br0 up
	ip link set br1-br0 master br1 up
SH
for n in a b c d; do
	expect 15 "node-$n holds the proof" equals "proof: it signed two histories" incident "$n" e ground
	expect 5 "and severs node-e" equals sever incident "$n" e held
	expect 3 "in its kernel too" kernel_holds "$n" 10.77.0.15
done
locked() { ask "$1" status | jq -e '.locked == "sever"'; }
for n in e x; do
	expect 10 "node-$n knows that it is convicted" equals "proof: it signed two histories" incident "$n" e ground
	expect 5 "and is locked" locked "$n"
done
linked_without() { linked a b c d && linked c a b d; }
expect 15 "the others are linked with one another again" linked_without
expect 5 "the topology shows node-e quarantined" equals quarantined topology e
never "an operator releases nobody who is convicted" on b phalanx \
	-c /run/lab/node-b/phalanx.conf release node-e --reason "well" --key /run/lab/operator
audits a b c d
