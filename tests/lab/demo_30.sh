#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "make demo-30: of thirty nodes one is cut off and replaced by a host with keys of its own."
KEEP=1 "$TREE/lab/demo-30" | tee "$PHALANX_LAB.said" || fail "lab/demo-30"
mv "$PHALANX_LAB.said" "$PHALANX_LAB/said"
for what in 'each of the 30 sees all 30' 'its decoy is touched' 'the last of 29 peers has' \
	'hook begins' 'node-14 is switched off' 'the page shows node-14-replica healthy'; do
	always "its timeline has: $what" grep -qE "^  [+-][0-9]+\.[0-9]{3} s +.*$what" "$PHALANX_LAB/said"
done
always "the hook ran once" equals 1 grep -c 'hook incident=.* begins' "$PHALANX_LAB/coordinator/log"
always "node-14 runs no more" eval "! daemon pid node-14"
never "its host is there" on lab test -e /run/netns/node-14

# Of all that the replacement has, no secret and no public key is the old host's.
on lab sha256sum /run/lab/node-14/state/{identity.key,certs/peer.key,certs/peer.pem} | cut -c 1-64 >"$PHALANX_LAB/old"
on lab bash -c 'find /run/lab/node-14-replica/state -type f -exec sha256sum {} +' | cut -c 1-64 >"$PHALANX_LAB/new"
always "three files of the old host are compared" equals 3 grep -c . "$PHALANX_LAB/old"
always "with those of the new one" test "$(grep -c . "$PHALANX_LAB/new")" -ge 5
never "one of them is the same" grep -qFf "$PHALANX_LAB/old" "$PHALANX_LAB/new"
enrolled() { # FIELD: of the old host and of the new one
	on lab phalanx ca show --json --dir /run/lab/ca |
		jq -r --arg field "$1" '.enrolments[] | select(.name | test("^node-14(-replica)?$"))[$field]'
}
for field in id key; do
	always "the CA enrolled two" equals 2 eval "enrolled $field | grep -cE '^[0-9a-f]{32}'"
	always "of different $field" equals 2 eval "enrolled $field | sort -u | grep -c ."
done
always "the newcomer's peers are its own mesh's, and hold 30" equals 30 eval \
	"ask node-14-replica peers | jq '[.[] | select(.status == \"healthy\")] | length'"
always "it votes only after its probation" equals false eval \
	"ask node-14-replica peers | jq '.[] | select(.self) | .head'"
for n in node-1 node-15 node-30; do
	expect 5 "$n holds node-14 quarantined" equals quarantined said "$n" node-14 status
	expect 5 "and its replacement healthy" equals healthy said "$n" node-14-replica status
done
