#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "The coordinator's hook acts once an incident: not again after kill -9, before, in the middle of or after its run."

hook() { # BODY: what it does with \$name
	mkdir -p "$PHALANX_LAB"
	cat >"$PHALANX_LAB/hook" <<-SH
		#!/bin/bash
		event=\$(cat)
		name=\$(jq -r .node.name <<<"\$event")
		printf '%s\n' "\$event" >>/run/lab/events
		$1
	SH
	chmod 755 "$PHALANX_LAB/hook"
}
runs() { grep -c . "$PHALANX_LAB/events"; }
coordinator() { on lab pgrep -x phalanx-coordin; }
told() { grep -qE "$1" "$PHALANX_LAB/coordinator/log"; }
starts() { grep -c "coordinator info  ready" "$PHALANX_LAB/coordinator/log"; }
# Killed, and started again by the lab.
crash() {
	local before
	before=$(starts)
	on lab kill -KILL "$(coordinator)"
	expect 10 "the coordinator is killed, and back" eval "[ \$(starts) -gt $before ]"
}
export LAB_HOOK=/run/lab/hook

hook 'echo "dealt with $name"'
lab_up
"$TREE/lab/attack" a >/dev/null
expect 5 "the hook ran, and ended well" told 'hook incident=[0-9a-f]{16} node=node-a done'
always "once" equals 1 runs
expect 5 "what it wrote is in the log" told 'hook incident=.* says: dealt with node-a'
jq -c 'del(.certificate)' "$PHALANX_LAB/events"
always "its event names node, evidence, cause and proof" jq -e '.v == 1 and .event == "quarantine"
	and .mesh == "lab" and (.incident | test("^[0-9a-f]{16}$")) and .round == 0
	and .node.name == "node-a" and .node.addresses == ["10.77.0.11", "fd77::11"] and .node.port == 9000
	and .evidence == "precaution" and .author == "node-a" and .source == "10.77.0.66" and .score == 9
	and .seen_by == "coordinator" and .time_ms > 1700000000000' "$PHALANX_LAB/events"
jq -r .certificate "$PHALANX_LAB/events" | base64 -d >"$PHALANX_LAB/envelope"
always "its certificate is the entry that node-a signed" grep -qaF "$(jq -r .body \
	<(grep '"kind":"self-report"' "$PHALANX_LAB/node-a/state/audit.log") | base64 -d | head -c 20 | tr -d '\0\n')" \
	"$PHALANX_LAB/envelope"
crash
expect 15 "nodes have told it again" equals healthy topology b
sleep 1
always "it is not run again" equals 1 runs

# A certificate is another incident; its event says who voted.
"$TREE/lab/attack" lateral e >/dev/null
expect 10 "the certificate against node-e has its own run" equals 2 runs
always "with the voters' names" jq -se '.[1] | .node.name == "node-e" and .evidence == "certificate"
	and .votes >= 3 and (.voters | length) == .votes and (.voters | index("node-e")) == null' "$PHALANX_LAB/events"
"$TREE/lab/down"

hook 'sleep 30'
lab_up
"$TREE/lab/attack" c >/dev/null
expect 5 "the hook is in the middle of its run" equals 1 runs
crash
expect 5 "the next start says so" told 'hook incident=[0-9a-f]{16}: unknown whether it ran'
expect 15 "nodes have told it again" equals healthy topology b
sleep 1
always "it is not run again" equals 1 runs
always "the record says how it ended" grep -q ' unknown ' "$PHALANX_LAB/coordinator/hooks.record"
"$TREE/lab/down"

# On disk before the run, or no run.
hook 'true'
mkdir -p "$PHALANX_LAB/coordinator"
mkdir "$PHALANX_LAB/coordinator/hooks.record"
lab_up
expect 5 "without a record there is no hook, and the log says why" told 'hooks.record: Is a directory'
"$TREE/lab/attack" d >/dev/null
sleep 0.5
never "it ran" test -e "$PHALANX_LAB/events"
expect 5 "all else goes on" equals quarantined topology d
