#!/bin/bash
# compose.sh RELAY BUILT: compose.yaml and the Dockerfile run without Docker, by
# tests/packaging/stand_in.mjs.  RELAY: lab/relay's program, BUILT: what
# packaging/stage made.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ "${3:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || { echo "SKIPPED: not root: users of the images are made in a chroot"; exit 77; }
	exec unshare --mount --net --pid --fork --kill-child --mount-proc "$0" "$1" "$2" inside
fi
echo "The five nodes of compose.yaml, in their images, run as uid 8790 with NET_ADMIN alone, cut an attacked one off and take it back."
export STAND_IN STAND_IN_RELAY=$1 STAND_IN_BUILD=$2 PATH=$here/stand-in:$PATH PORT=8090
STAND_IN=$(mktemp -d "${TMPDIR:-/tmp}/phalanx-compose.XXXXXX")
lab() { make -s --no-print-directory -C "$here/../.." DOCKER=1 "$@"; }
ended() {
	local status=$?
	trap - EXIT
	[ $status = 0 ] || tail -n 8 "$STAND_IN"/containers/*/log 2>/dev/null || true
	docker compose down --volumes >/dev/null 2>&1 || true
	rm -rf "$STAND_IN"
	exit $status
}
trap ended EXIT
mount -t tmpfs run /run
mount -t sysfs sys /sys
ip link set lo up

fail() {
	echo "FAILED: $*"
	exit 1
}
step() { printf '%(%T)T  %s\n' -1 "$*"; }
expect() { # SECONDS "what" COMMAND...
	# Thrice the time: each check here starts a process in namespaces of its own.
	local what=$2 end=$((${EPOCHREALTIME/./} + $1 * 3000000))
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || fail "$what"
		sleep 0.2
	done
	step "$what"
}
topology() { # NODE STATUS
	[ "$(curl -sf --max-time 2 "http://localhost:$PORT/api/topology" |
		jq -r --arg name "$1" '.nodes[] | select(.node_id == $name).status')" = "$2" ]
}
in_state() { docker compose ps | grep -x "$1 running $2"; }
privileges() { # SERVICE: uid, capabilities of its first process
	docker compose exec -T "$1" grep -hE '^(Uid|CapPrm|CapBnd|NoNewPrivs):' /proc/1/status | tr -s '\t\n' ' '
}

lab up >/dev/null || fail "make up"
step "make up DOCKER=1 comes back"
all_healthy() { [ "$(docker compose ps | grep -c ' running healthy$')" = 11 ]; }
expect 20 "coordinator, nodes and analysers are healthy by their own checks" all_healthy
for letter in a b c d e; do
	expect 10 "node-$letter is in the topology" topology "node-$letter" healthy
done
bit=0000000000001000 none=0000000000000000
[ "$(privileges node-a)" = "Uid: 8790 8790 8790 8790 CapPrm: $bit CapBnd: $bit NoNewPrivs: 1 " ] ||
	fail "node-a: $(privileges node-a)"
for service in coordinator analyser-a; do
	[ "$(privileges $service)" = "Uid: 8790 8790 8790 8790 CapPrm: $none CapBnd: $none NoNewPrivs: 1 " ] ||
		fail "$service: $(privileges $service)"
done
step "a node has NET_ADMIN and nothing else, coordinator and analyser have nothing; none is root"
! docker compose exec -T node-a bash -c 'echo >/etc/x || echo >/usr/x || echo >/x' 2>/dev/null || fail "a root that can be written"
! docker compose exec -T node-a test -e /mesh || fail "a node sees the CA's volume"
step "its root is read-only, and no other's key is in it"
[ "$(docker compose exec -T node-a phalanx --json status | jq -r '"\(.mode) \(.links)"')" = "enforce 4" ] || fail "node-a enforces"

lab attack NODE=a >"$STAND_IN/said" 2>&1 || fail "make attack: $(<"$STAND_IN/said")"
grep -q '^node-a  quarantined' "$STAND_IN/said" || fail "make attack: $(<"$STAND_IN/said")"
for letter in b c d e; do
	expect 5 "node-$letter holds node-a quarantined" eval "docker compose exec -T node-$letter phalanx --json incidents |
		jq -e '.[] | select(.subject == \"node-a\" and .held == \"cut\")'"
	expect 5 "its kernel drops it" eval "nsenter --net=/run/netns/node-$letter nft list table inet phalanx | grep -F 10.77.0.11"
done
expect 5 "node-a's own check says that it needs a person" in_state node-a unhealthy
expect 5 "node-b goes on" in_state node-b healthy

lab restart >/dev/null || fail "make restart"
expect 10 "every process stopped when asked to; a restart keeps the quarantine" topology node-a quarantined
lab release NODE=a REASON="seen to" || fail "make release"
expect 10 "the operator's release readmits it" topology node-a healthy
expect 10 "and its own check agrees" in_state node-a healthy

lab attack-lateral FROM=e PARALLEL=1 >/dev/null 2>&1 || fail "make attack-lateral"
expect 10 "a scan from within node-e severs it by certificate" topology node-e quarantined
lab topology | jq -e '.nodes | length == 5' >/dev/null || fail "make topology"
lab report | jq -e '.events | length > 0' >/dev/null || fail "make report"
lab status topology report | grep "node       node-c" >/dev/null || fail "make status"
lab logs-node NODE=b | grep incident= >/dev/null || fail "make logs-node"
lab down || fail "make down"
step "make down ends all of it"
[ ! -e "$STAND_IN/volumes" ] || fail "make down leaves volumes"
