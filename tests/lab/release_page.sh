#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A release asked for at the page changes nothing until the operator's terminal has signed it; declined, or with the terminal killed, what stands still stands."
PTY=$TREE/build/release/tests/pty
lab_up
url=http://localhost:$(<"$PHALANX_LAB/port")
screen=$PHALANX_LAB/screen typed=$PHALANX_LAB/typed terminal=
jar=$PHALANX_LAB/cookies csrf=
mkfifo "$typed"

# The operator's terminal: lab/dashboard at a pty, and a browser that follows its link.
terminal_opens() {
	: >"$screen"
	"$PTY" "$typed" "$TREE/lab/dashboard" >"$screen" 2>&1 &
	terminal=$!
	expect 10 "the terminal shows a link" shows "$url/session/"
	page_signs_in
}
page_signs_in() {
	curl -sf --max-time 2 -o /dev/null -c "$jar" "$(grep -o "$url/session/[0-9a-f]*" "$screen" | tail -1)" ||
		fail "the link signs in"
	csrf=$(curl -sf --max-time 2 -b "$jar" "$url/api/v1/session" | jq -r .csrf)
}
shows() { grep -qF -- "$1" "$screen"; }
shows_times() { equals "$1" grep -cF -- "$2" "$screen"; } # N WORDS
types() { printf '%s\n' "$1" >"$typed"; }
incident_of() { incidents | jq -r --arg name "node-$1" '[.incidents[] | select(.name == $name and .level == "quarantine")][0].id // empty'; }
coordinator_knows() { [ -n "$(incident_of "$1")" ]; }

# As the page asks: prints the status.
page_asks() { # NODE REASON
	curl -s --max-time 5 -o "$PHALANX_LAB/answer" -w '%{http_code}' -b "$jar" \
		-H "Origin: $url" -H 'Sec-Fetch-Site: same-origin' -H 'Content-Type: application/json' -H "X-Phalanx-Csrf: $csrf" \
		-d "$(jq -n --arg name "node-$1" --arg reason "$2" '{confirm: $name, reason: $reason, kind: "cleaned"}')" \
		"$url/api/v1/incidents/$(incident_of "$1")/release"
}
asked_at_page() { equals "$1" page_asks "$2" "$3"; }
events() { curl -s --max-time 1 -H "Last-Event-ID: $first" "$url/api/v1/events" || true; }
pages_hear() { grep -q "\"phase\":\"$1\"" <<<"$(events | grep -A2 '^event: release')"; } # PHASE
first=$(curl -sf "$url/api/v1/state" | jq -r '"\(.epoch):\(.seq)"')

"$TREE/lab/attack" a >/dev/null
for n in b c d e; do
	expect 5 "node-$n cuts node-a" quarantined_by a "$n"
done
expect 5 "the coordinator knows" coordinator_knows a
terminal_opens

still_cut() { # SUBJECT PEER...
	quarantined_by "$@"
}
well() { # SUBJECT PEER...
	local subject=$1 peer
	shift
	for peer in "$@"; do
		equals healthy said "$peer" "$subject" status || return 1
	done
}

step "declined at the terminal"
always "the page asks" asked_at_page 202 a "looked at it"
expect 3 "the terminal shows what would be signed" shows "Release of node-a, round 0, as operator"
expect 5 "and what stands, as a node here knows it" shows "precaution, since"
always "asked twice it is refused" asked_at_page 409 a "again"
types n
expect 3 "the page hears it" pages_hear refused
always "node-a is still cut" still_cut a b c d e

step "anything but yes is no"
always "the page asks again" asked_at_page 202 a "looked at it again"
expect 3 "the terminal asks again" shows_times 2 "Sign it"
types "yes please"
expect 3 "declined" shows_times 2 "Not released"
always "node-a is still cut" still_cut a b c d e

step "confirmed at the terminal"
always "the page asks" asked_at_page 202 a "it was a drill; über"
expect 3 "the terminal asks, in plain ASCII" shows 'drill; \xc3\xbcber'
types y
expect 5 "the terminal sees the certificate" shows "node-a is released: the certificate stands, round 1 begins."
expect 10 "all hold it healthy" well a b c d e
expect 10 "the topology shows it" equals healthy topology a
expect 3 "the page heard that it was signed" pages_hear asked
expect 5 "and that it is released" pages_hear released

step "killed between asking and signing"
"$TREE/lab/attack" lateral e >/dev/null
for n in a b c d; do
	expect 10 "node-$n severs node-e" equals sever incident "$n" e held
done
expect 5 "the coordinator knows" coordinator_knows e
always "the page asks" asked_at_page 202 e "cleaned"
expect 3 "the terminal asks" shows "Release of node-e, round 0"
on lab pkill -KILL -x phalanx
wait "$terminal" || true
gone() { grep -q "gone away" <<<"$(events)"; }
expect 20 "the page hears that the terminal has gone" gone
always "asked now, it is refused" asked_at_page 503 e "cleaned"
always "node-e is still cut" still_cut e a b c d

terminal_opens
always "a new terminal, a new session: the page asks" asked_at_page 202 e "cleaned"
expect 3 "the terminal asks, and says on what grounds" shows "quorum certificate"
types y
expect 10 "the terminal sees the certificate" shows "node-e is released"
expect 20 "all hold it healthy" well e a b c d

step "the coordinator starts anew"
signed_in() { curl -sf --max-time 2 -b "$jar" "$url/api/v1/session" | jq -e ".signed_in == $1 and .listens == $1"; }
always "the page is signed in" signed_in true
on lab pkill -TERM -x phalanx-coordin
expect 20 "the terminal says so, and has another link" shows_times 2 "/session/"
always "the old cookie opens nothing" signed_in false
page_signs_in
always "the new link does" signed_in true

step "signed out"
printf '\003' >"$typed"
wait "$terminal" || true
expect 5 "the terminal has signed out" shows "The session has ended"
always "and the page with it" signed_in false
audits a b c d e
