#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A second make up, a taken port, a stale lab and a lab beside another each work or say what to do."
lab_up
pid=$("$PHALANX_BIN/phalanx-lab" pid -d "$PHALANX_LAB")
port=$(<"$PHALANX_LAB/port")

"$TREE/lab/up" >"$PHALANX_LAB/said" || fail "a second make up fails"
always "a second make up says that the lab runs" grep -q 'running already' "$PHALANX_LAB/said"
always "and shows its status" grep -q 'node-e' "$PHALANX_LAB/said"
always "and it is the same lab" equals "$pid" "$PHALANX_BIN/phalanx-lab" pid -d "$PHALANX_LAB"

# Somebody else's lab, in another directory, on the same port.
other=$PHALANX_LAB.other
mkdir -p "$other"
never "a second lab takes port $port too" env PHALANX_LAB="$other" PORT="$port" "$TREE/lab/up"
PHALANX_LAB=$other PORT=$port "$TREE/lab/up" >"$PHALANX_LAB/said" 2>&1 || true
always "it says which port is taken" grep -q "port $port is taken" "$PHALANX_LAB/said"
always "and which to try" grep -q "make up PORT=$((port + 1))" "$PHALANX_LAB/said"
always "on another port it runs beside the first" env PHALANX_LAB="$other" PORT=0 "$TREE/lab/up"
always "the second answers" curl -sf --max-time 3 "http://localhost:$(<"$other/port")/healthz"
always "the first answers, by IPv4" curl -sf --max-time 3 "http://127.0.0.1:$port/healthz"
always "and by IPv6" curl -sf --max-time 3 "http://[::1]:$port/healthz"
PHALANX_LAB=$other "$TREE/lab/attack" a >/dev/null
PHALANX_LAB=$other equals quarantined said b a status || fail "an attack in the second lab works"
always "an attack in one is none in the other" equals healthy said b a status
always "the second ends" env PHALANX_LAB="$other" "$TREE/lab/down"
never "and is gone" test -e "$other"
always "the first runs on" curl -sf --max-time 3 "http://localhost:$port/healthz"

# The machine crashed, or somebody killed it: nothing but files is left.
kill -KILL "$pid"
nothing_runs() { ! "$PHALANX_BIN/phalanx-lab" pid -d "$PHALANX_LAB"; }
expect 5 "a lab killed from outside leaves nothing running" nothing_runs
never "make status without a lab succeeds" "$TREE/lab/show" status
never "make attack without a lab succeeds" "$TREE/lab/attack" a
lab_up
expect 5 "make up starts it again, the mesh as it was" synced b
never "make attack on a host that is none succeeds" "$TREE/lab/attack" z
always "make down ends it" "$TREE/lab/down"
always "make down without a lab is no error" "$TREE/lab/down"
