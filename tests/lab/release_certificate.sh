#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A host severed by a quorum certificate is released, learns of it through the coordinator or from a file, and talks again."
lab_up
serve a b e
"$TREE/lab/attack" lateral e >/dev/null
for n in a b c d; do
	expect 5 "node-$n severs node-e" equals sever incident "$n" e held
done
locked() { ask e status | jq -e '.locked == "sever"'; }
expect 5 "node-e has locked itself" locked
expect 3 "nobody has a link to it" equals false said a e linked

# Signed elsewhere, handed in here: the request is a file like any other.
on lab /run/bin/phalanx release node-e --reason "reinstalled" --key /run/lab/operator \
	--socket /run/lab/node-c/state/control.sock --out /run/lab/release.bin
always "the request is written" test -s "$PHALANX_LAB/release.bin"
on c phalanx -c /run/lab/node-c/phalanx.conf submit /run/lab/release.bin
for n in a b c d; do
	expect 5 "node-$n holds node-e released" equals healthy eval "said $n e status | sed s/unreachable/healthy/"
	expect 3 "its kernel lets node-e in" eval "! kernel_holds $n 10.77.0.15"
done
open_again() { ask e status | jq -e '.locked == "none"'; }
expect 15 "node-e learns of it through the coordinator, and unlocks" open_again
for n in a b c d; do
	expect 10 "node-$n is linked with it again" linked "$n" e
done
expect 5 "e and a reach each other every way" all_ways_open e a
expect 10 "the topology shows node-e healthy" equals healthy topology e

# Without a coordinator: the certificate is carried to the console.
on lab pkill -STOP -x phalanx-coordin
"$TREE/lab/attack" lateral e >/dev/null
expect 10 "node-e is severed again" equals sever incident a e held
expect 5 "and locked" locked
on b phalanx -c /run/lab/node-b/phalanx.conf release node-e --reason "again" --key /run/lab/operator
expect 5 "released, and it does not know" equals 2 said a e round
always "node-e is still locked" locked
on a phalanx -c /run/lab/node-a/phalanx.conf audit export --subject node-e --out /run/lab/node-e.release
on e phalanx -c /run/lab/node-e/phalanx.conf submit /run/lab/node-e.release
expect 5 "the certificate from the file unlocks it" open_again
expect 10 "and it is linked again" linked e a b c d
on lab pkill -CONT -x phalanx-coordin
audits a b c d e
