#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A coordinator with another key is refused by every node and shouted about; the mesh goes on; a person brings it back."
lab_up
serve a b c d e
COORDINATOR_STATE=$PHALANX_LAB/coordinator

trust_of() { ask "$1" status | jq -r .coordinator_trust; }
shown_key() { ask "$1" coordinator | jq -r "$2"; }
exchange() { # FILE: the key with which the coordinator runs from now on; none: a new one
	rm -f "$COORDINATOR_STATE/identity.key"
	[ $# = 0 ] || cp -p "$1" "$COORDINATOR_STATE/identity.key"
	on lab sh -c 'kill "$(pidof phalanx-coordinator)"'
}
refused_by_all() {
	local n
	for n in a b c d e; do equals "KEY CHANGED: refused" trust_of $n || return 1; done
}

for n in a b c d e; do
	expect 10 "node-$n keeps the first key that it saw" \
		equals "signed by the first key seen" trust_of $n
done
first=$(<"$COORDINATOR_STATE/coordinator.key")
for n in a b c d e; do always "and it is the coordinator's" equals "$first" shown_key $n .key; done

daemon stop a
daemon start a
expect 10 "a restart of the node keeps it" equals "signed by the known key" trust_of a

cp -p "$COORDINATOR_STATE/identity.key" "$PHALANX_LAB/first.key"
exchange
expect 20 "with another key behind their back, every node refuses it" refused_by_all
second=$(<"$COORDINATOR_STATE/coordinator.key")
never "it is another key" equals "$first" echo "$second"
expect 5 "a node names the key that it knows" equals "$first" shown_key b .key
expect 5 "and the one that it is shown" equals "$second" shown_key b .shows
expect 5 "its log says what to do" logged b "ALARM coordinator .* phalanx coordinator trust $second"
always "and says it once" equals 1 grep -c 'ALARM coordinator' "$PHALANX_LAB/node-b/log"
never "phalanx status is content" on b phalanx -c /run/lab/node-b/phalanx.conf status
never "phalanx doctor is content" on b phalanx -c /run/lab/node-b/phalanx.conf doctor

"$TREE/lab/attack" a
for n in b c d e; do
	expect 5 "node-$n cuts an attacker all the same" quarantined_by a $n
	expect 3 "its kernel too" kernel_holds $n 10.77.0.11
done

always "a person compares the key and trusts it on node-b" \
	on b phalanx -c /run/lab/node-b/phalanx.conf coordinator trust "$second"
expect 15 "node-b takes its word again" equals "signed by the known key" trust_of b
expect 5 "and has kept that key" equals "$second" shown_key b .key
expect 15 "the coordinator hears of the attack" equals quarantined topology a
always "another lets node-c take the next that it sees" \
	on c phalanx -c /run/lab/node-c/phalanx.conf coordinator forget
expect 15 "node-c takes its word again" equals "signed by the first key seen" trust_of c
always "node-d still refuses" equals "KEY CHANGED: refused" trust_of d

# Brought to the CA, the key comes with every bundle.
cp "$COORDINATOR_STATE/coordinator.key" "$PHALANX_LAB/ca/coordinator.key"
always "the CA's bundle brings the key along" \
	on lab phalanx ca bundle --dir /run/lab/ca node-e --out /run/lab/bundle
always "as it is" equals "$second" cat "$PHALANX_LAB/bundle/coordinator.key"

exchange "$PHALANX_LAB/first.key"
expect 20 "the first key is back: node-d needs nobody" equals "signed by the known key" trust_of d
expect 20 "and now node-b refuses" equals "KEY CHANGED: refused" trust_of b
audits b c d e
