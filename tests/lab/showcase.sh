#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "make showcase: notification-service is cut off by certificate, and payments go on."
KEEP=1 "$TREE/lab/showcase" | tee "$PHALANX_LAB.said" || fail "lab/showcase"
mv "$PHALANX_LAB.said" "$PHALANX_LAB/said"
always "it says how many payments were lost" grep -qE '[0-9]+ payments: [0-9]+ done, [0-9]+ lost; the longest gap' "$PHALANX_LAB/said"
for host in api-gateway auth-service transaction-engine profile-service; do
	always "$host severs notification-service" eval "ask $host incidents |
		jq -e '.[] | select(.subject == \"notification-service\").ground == \"quorum certificate\"'"
	always "and holds nobody else" equals 1 eval "ask $host incidents | jq length"
done
expect 5 "the topology shows it" eval "curl -sf http://localhost:$(<"$PHALANX_LAB/port")/api/topology |
	jq -e '.nodes[] | select(.node_id == \"notification-service\").status == \"quarantined\"'"
