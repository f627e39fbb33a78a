#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A sixth host joins the running mesh: one node is told, all learn of it, and its vote is the one that a quorum needs."
lab_up
"$TREE/lab/attack" b >/dev/null
expect 5 "node-b is quarantined" quarantined_by b a c d e

on lab env EPOCH="--weight node-f=32" /run/tree/lab/join f || fail "lab/join f"
for n in a b c d e; do
	expect 5 "node-$n is in epoch 2" equals 2 eval "ask $n status | jq -r .epoch"
	always "and knows six members" equals 6 eval "ask $n status | jq -r .members"
done
expect 15 "node-f has synced" synced f
expect 5 "it is linked with the others" linked f a c d e
expect 5 "and they with it" eval "linked a f && linked c f && linked d f && linked e f"
expect 5 "it holds node-b quarantined, which was before its time" quarantined_by b f
expect 3 "its kernel holds node-b" kernel_holds f 10.77.0.12
for n in a c d e; do
	always "node-$n still holds node-b" quarantined_by b "$n"
done
expect 15 "a member taught the coordinator the new epoch" grep -q 'records learned from node=node-.* epoch=2' "$PHALANX_LAB/coordinator/log"
expect 10 "the topology shows node-f healthy" equals healthy topology f
never "nobody is held who is no node" grep -lE 'isolate subject=(operator|unknown)' "$PHALANX_LAB"/node-*/log

# Six heads: three of the five others condemn.  Neither b nor d votes, so a, c and f must.
daemon stop d
scan e 0 a c f
for n in a c f; do
	expect 5 "node-$n holds node-e by a certificate" equals "quorum certificate" incident "$n" e ground
done
expect 3 "node-f has signed a verdict" on f grep -q '"kind":"verdict"' /run/lab/node-f/state/audit.log
daemon start d
expect 15 "node-d comes back" synced d
expect 5 "and learns of it" quarantined_by e d
always "in epoch 2" equals 2 eval "ask d status | jq -r .epoch"

# What it learned stays over a restart.
daemon stop f
daemon start f
expect 15 "node-f comes back" synced f
always "it holds both quarantined" eval "quarantined_by b f && quarantined_by e f"
audits a c d f
