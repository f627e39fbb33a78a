#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "Any node runs a hook of its own, once an incident, after kill -9 of it too; a command that cannot be run is refused at the start."
lab_with_hook() {
	mkdir -p "$PHALANX_LAB"
	printf '#!/bin/bash\ncat >>/run/lab/events\n' >"$PHALANX_LAB/hook"
	chmod 755 "$PHALANX_LAB/hook"
	lab_up
	daemon stop b
}
runs() { grep -c . "$PHALANX_LAB/events"; }
start_b() { on lab env PHALANX_ON_QUARANTINE="$1" PHALANX_ON_PRECAUTION="${2:-true}" /run/tree/lab/node start b; }

lab_with_hook
start_b /run/lab/none
expect 5 "a command that is not there ends the start" logged b 'on_quarantine: /run/lab/none: there is no such file'
never "the node runs" daemon pid b
start_b '/run/lab/hook --flag "two words"'
expect 10 "with one that is, it runs" synced b
always "phalanx doctor looks at it" on b env PHALANX_ON_QUARANTINE=/run/lab/hook \
	bash -c 'phalanx -c /run/lab/node-b/phalanx.conf doctor | grep -q "hooks"'

"$TREE/lab/attack" a >/dev/null
expect 5 "the hook ran on node-b" equals 1 runs
always "its event is node-b's view" jq -e '.node.name == "node-a" and .seen_by == "node-b"' "$PHALANX_LAB/events"
expect 3 "and ended" logged b 'hook incident=[0-9a-f]{16} node=node-a done'
daemon kill b
start_b /run/lab/hook
expect 10 "node-b is killed, and back" synced b
always "it holds node-a" quarantined_by a b
sleep 1
always "the hook is not run again" equals 1 runs

# Its engine alone: a new one tells all that stands.
pid=$(on lab pgrep -P "$(daemon pid b)" phalanx-engine)
on lab kill -KILL "$pid"
expect 10 "its engine is killed, and back" synced b
sleep 0.5
always "the hook is not run again" equals 1 runs
always "no other node has a process for hooks" equals 1 eval "on lab pgrep -c phalanx-hooks"

# Without on_precaution a host's own word is not acted upon; a certificate is.
"$TREE/lab/down"
lab_with_hook
start_b /run/lab/hook false
expect 10 "node-b has synced" synced b
"$TREE/lab/attack" a >/dev/null
always "node-b holds node-a for its precaution" quarantined_by a b
sleep 0.5
never "the hook ran" test -e "$PHALANX_LAB/events"
"$TREE/lab/attack" lateral e >/dev/null
expect 5 "for a certificate it does" equals 1 runs
always "for that" jq -e '.node.name == "node-e" and .evidence == "certificate"' "$PHALANX_LAB/events"
