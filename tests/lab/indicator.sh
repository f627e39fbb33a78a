#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "An address of the Internet that touches two hosts is blocked by all five."
lab_up
# Nobody's private address: an outsider, so no host suspects itself.
outside=203.0.113.66
on lab /run/tree/lab/host node-z
on lab bash -e <<-SH
	ip -n node-z address flush dev eth0 scope global
	ip -n node-z address add $outside/24 dev eth0
	ip -n node-z route add 10.77.0.0/24 dev eth0
SH
for n in a b c d e; do
	on $n ip route add 203.0.113.0/24 dev eth0
done
scan_by z 2222 a >/dev/null
expect 3 "node-a blocks it on its own eyes" kernel_holds a $outside
sleep 1
for n in b c d e; do
	never "one report blocks nothing on node-$n" kernel_holds $n $outside
done
scan_by z 2222 b >/dev/null
for n in a b c d e; do
	expect 5 "two groups have reported it: node-$n's kernel holds it" kernel_holds $n $outside
	expect 3 "and its status says so" equals 1 eval "ask $n status | jq .indicators"
	always "no host suspects itself" equals none eval "ask $n status | jq -r .locked"
done
never "node-e's decoy answers it" on lab nsenter --net=/run/netns/node-z timeout 1 \
	bash -c 'exec 9<>/dev/tcp/10.77.0.15/2222'
always "all are linked" eval "linked a b c d e && linked b c d e && linked c d e && linked d e"
daemon kill e
daemon start e
expect 15 "node-e comes back" synced e
always "and still knows" equals 1 eval "ask e status | jq .indicators"
audits a b c
