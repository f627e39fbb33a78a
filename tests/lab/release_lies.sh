#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A coordinator that shows one thing and asks for another gets nothing signed that the operator's own node does not know, and cannot speak to the operator's terminal."
PTY=$TREE/build/release/tests/pty
command -v node >/dev/null || skip "node is missing"
lab_up
screen=$PHALANX_LAB/screen typed=$PHALANX_LAB/typed liar=$PHALANX_LAB/liar
mkdir "$liar"
mkfifo "$typed"
: >"$liar/asks"
: >"$liar/answers"
: >"$screen"
"$TREE/lab/attack" lateral e >/dev/null
for n in a b c d; do
	expect 10 "node-$n severs node-e" equals sever incident "$n" e held
done
node "$TREE/tests/lab/lying_coordinator.mjs" "$TREE" "$liar/port" "$liar/key" "$liar/asks" "$liar/answers" &
lying=$!
trap 'kill $lying 2>/dev/null || true; ended $?' EXIT
expect 10 "the coordinator lies in wait" test -s "$liar/port"

shows() { grep -qF -- "$1" "$screen"; }
types() { printf '%s\n' "$1" >"$typed"; }
answered() { grep -q "^$1 .*$2" "$liar/answers"; } # NUMBER PATTERN
lies() { jq -nc "$@" >>"$liar/asks"; }

# The terminal as lab/dashboard starts it, but at the liar's address.
"$PTY" "$typed" nsenter --target "$("$PHALANX_BIN/phalanx-lab" pid -d "$PHALANX_LAB")" --user --mount --pid --preserve-credentials --wd=/ \
	/run/bin/phalanx dashboard --key /run/lab/operator --url "http://127.0.0.1:$(<"$liar/port")" \
	--coordinator-key "$(<"$liar/key")" --socket /run/lab/node-a/state/control.sock >"$screen" 2>&1 &
terminal=$!
expect 10 "the link is shown without its escapes" shows 'http://localhost/\x1b]0;owned\x07\xe2\x80\xae'

incident=$(incident a e incident)
lies '{incident: "0011223344556677", name: "node-e"}'
expect 5 "an incident that does not stand here is declined unasked" answered 1 'declined.*another incident'
lies --arg i "$incident" '{incident: $i, name: "node-a"}'
expect 5 "so is a host that nothing stands against" answered 2 'declined.*nothing stands'
lies --arg i "$incident" '{incident: $i, name: "node-z"}'
expect 5 "and one that does not exist" answered 3 'declined.*no such member'
lies --arg i "$incident" '{incident: $i, name: "node-e", reason: "a\nb"}'
expect 5 "and a reason that would break the lines" answered 4 'declined.*plain text'
always "nothing was asked of the operator" eval '! shows "Sign it"'

# The page showed node-b, say; the terminal shows what would be signed.
lies --arg i "$incident" '{incident: $i, name: "node-e", by: "\u001b[2Jalice", from: "\u202e127.0.0.1", reason: "node-b\u202e is clean"}'
expect 5 "what would be signed is named as the node here knows it" shows "Release of node-e, round 0, as operator"
expect 5 "with the grounds" shows "quorum certificate"
expect 5 "and the liar's words in plain ASCII" shows '\x1b[2Jalice, from \xe2\x80\xae127.0.0.1'
never "a byte of theirs reaches the terminal" env LC_ALL=C grep -qP '[^\x07\x0a\x0d\x20-\x7e]' "$screen"
types n
expect 3 "declined" answered 5 'declined at the terminal'
for n in a b c d; do
	always "node-$n still severs node-e" equals sever incident "$n" e held
done

lies '{incident: "0011223344556677", name: "other key"}'
expect 5 "another key than the known one is refused" shows "but $(<"$liar/key") is known here"
wait "$terminal" && fail "the terminal goes on" || step "and the terminal ends"
