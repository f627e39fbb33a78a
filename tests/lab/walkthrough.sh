#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "make walkthrough, without pauses: every command does what its text says."
PAUSE=0 "$TREE/lab/walkthrough" >"$PHALANX_LAB.said" 2>&1 </dev/null || { tail -n 40 "$PHALANX_LAB.said"; fail "lab/walkthrough"; }
for chapter in 'Identity' 'Attack' 'Consensus' 'Audit' 'Release'; do
	always "it has: $chapter" grep -qE "^== [1-5]\. $chapter" "$PHALANX_LAB.said"
done
always "and the commands that it ran" test "$(grep -c '^\$ ' "$PHALANX_LAB.said")" -ge 15
always "the mesh that it made is gone" test ! -e "$PHALANX_LAB"
rm -f "$PHALANX_LAB.said"
