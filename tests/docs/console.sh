#!/bin/bash
. "$(dirname "$0")/../lab/lib.sh"
. "$(dirname "$0")/lib.sh"
export LAB_HOSTS="web-1 web-3 node-a node-d node-e"
proves "What docs/operations.md says to type does what it says, from an incident to an epoch."
lab_up
work=$PHALANX_LAB/work
mkdir -p "$work/home"
ln -s ../ca "$work/CA"
# On web-1's console unless HOST says otherwise.
shown() {
	on "${HOST:-web-1}" env HOME=/run/lab/work/home bash -c "cd /run/lab/work
		phalanx() { command phalanx -c /run/lab/${HOST:-web-1}/phalanx.conf \"\$@\"; }
		$1"
}
status_of() { curl -sf "http://localhost:$(<"$PHALANX_LAB/port")/api/topology" | jq -r --arg name "$1" '.nodes[] | select(.node_id == $name).status'; }
held() { shown 'phalanx --json incidents' | jq -e --arg name "$1" '.[] | select(.subject == $name)' >/dev/null; }
address() { awk -v name="$1" '$1 == name { print "10.77.0." $2 }' "$PHALANX_LAB/hosts"; }

# Release: an operator, enrolled while the mesh runs
doc 'phalanx ca request --state ~/phalanx-operator --name alice --role operator >alice.json'
doc 'phalanx ca enrol --dir CA --role operator alice.json'
doc 'phalanx ca epoch --dir CA'
doc 'phalanx submit CA/roster'
cp "$PHALANX_LAB/ca/roster" "$PHALANX_LAB/coordinator/roster"
on lab pkill -HUP -x phalanx-coordin

# 3 a.m.
"$TREE/lab/attack" web-3 >/dev/null
expect 5 "web-3 is cut off" held web-3
doc 'phalanx incidents'
doc 'phalanx audit show'
incident=$(shown 'phalanx --json incidents' | jq -r '.[] | select(.subject == "web-3").incident')
HOST=web-3 doc_any 'phalanx status'
HOST=web-3 doc 'phalanx unlock' unlock='unlock --yes'
HOST=web-3 doc 'phalanx unlock --undo' --undo='--undo --yes'
HOST=web-1 doc 'phalanx unlock --all' --all='--all --yes'
HOST=web-1 shown 'phalanx unlock --undo --yes' >/dev/null
doc 'phalanx reload'
doc 'curl -s COORDINATOR/api/v1/incidents | jq '\''.incidents[].cut'\''' COORDINATOR="http://10.77.0.2:8090"
doc 'phalanx release web-3 --reason "reinstalled from the image of 11 November" --key ~/phalanx-operator'
expect 5 "web-3 is back" equals healthy status_of web-3
doc 'phalanx audit export --subject web-3 --out web-3.release'
HOST=web-3 doc 'phalanx submit web-3.release'
doc 'phalanx submit FILE' FILE=web-3.release
stranger z
on lab nsenter --net=/run/netns/node-z /run/tree/lab/scan 0 2222 "$(address web-3)" >/dev/null
expect 5 "web-3 is cut off again" held web-3
ln -s home/phalanx-operator "$work/KEY"
doc 'phalanx release web-3 --reason "our own scanner, forgotten on the ignore list" --overturned --key KEY'

# The audit log, and a quarantine as a proof
"$TREE/lab/attack" lateral node-e >/dev/null
expect 5 "node-e is severed" held node-e
incident=$(shown 'phalanx --json incidents' | jq -r '.[] | select(.subject == "node-e").incident')
doc 'phalanx audit verify'
doc 'phalanx audit verify --file LOG --dir STATE' LOG=/run/lab/node-a/state/audit.log STATE=/run/lab/web-1/state
doc 'phalanx audit show [--json]' '[--json]=--json'
doc 'phalanx audit bundle --subject node-e --out F.json'
doc 'phalanx audit bundle --incident ID --out proof.json' ID="$incident"
doc 'phalanx audit verify --bundle F.json --ca-key HEX' HEX="$(shown 'phalanx ca show --dir CA --json' | jq -r .ca_key)"
cp "$PHALANX_LAB/ca/ca.pem" "$work/"
doc 'phalanx audit verify --bundle proof.json --ca ca.pem'
doc 'phalanx audit export --subject node-e --out F'

# Later: a node comes, is renewed, leaves
shown 'phalanx ca request --state f --name node-f --address 10.77.0.99 >node-f.json'
doc 'phalanx ca enrol --dir CA node-f.json'
doc 'phalanx ca renew --dir CA --days 365 node-a'
mkdir -p "$work/logs/web-1"
cp "$PHALANX_LAB/web-1/state/audit.log" "$PHALANX_LAB/web-1/state/received.log" "$work/logs/web-1/"
doc 'phalanx ca epoch --dir CA --evidence logs/*/audit.log logs/*/received.log'
doc 'phalanx ca epoch --dir CA --remove node-d'
doc 'phalanx ca epoch --dir CA --weight node-e=16'
doc 'phalanx ca bundle --dir CA node-f --out DIRECTORY'
doc 'phalanx submit roster' roster=CA/roster
