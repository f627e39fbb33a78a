#!/bin/bash
# identity.sh BUILT: packaging/docker/identity, which gives a Kubernetes host its place in the mesh.
set -euo pipefail
echo "A host makes its keys once, waits for the CA's answer, and keeps records that are newer than the operator's."
PATH=$1/usr/bin:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/phalanx-identity.XXXXXX")
trap 'rm -rf "$work"' EXIT
export STATE=$work/state RECORDS=$work/records PAUSE=0.1 NODE_ID=worker-1 HOST_ADDRESSES=192.0.2.7,2001:db8::7
identity=$(cd "$(dirname "$0")" && pwd)/../../packaging/docker/identity
fail() {
	echo "FAILED: $*"
	exit 1
}
mkdir "$RECORDS"

! NODE_ID=ip-10.internal "$identity" 2>"$work/said" || fail "a name that no member may have passes"
grep -q 'is no name of a member' "$work/said" || fail "it does not say why"
"$identity" >"$work/request" &
waiting=$!
for ((tries = 0; tries < 100; tries++)); do
	! grep -q '^}' "$work/request" || break
	sleep 0.05
done
kill -0 $waiting || fail "it does not wait"
sed -n '2,$p' "$work/request" >"$work/worker-1.json"
phalanx ca init --dir "$work/ca" --mesh cluster >/dev/null
phalanx ca enrol --dir "$work/ca" "$work/worker-1.json" >/dev/null
phalanx ca epoch --dir "$work/ca" >/dev/null
# As docs/containers.md has it filled.
phalanx ca bundle --dir "$work/ca" worker-1 --out "$work/bundle" >/dev/null
cp "$work/bundle/certs/ca.pem" "$work/bundle/roster" "$RECORDS/"
kill -0 $waiting || fail "it goes on without its own certificate"
cp "$work/bundle/certs/peer.pem" "$RECORDS/worker-1.pem"
wait $waiting || fail "it does not end when the records are there"
cmp "$STATE/roster" "$RECORDS/roster" || fail "the roster is not in the state directory"
cmp "$STATE/certs/peer.pem" "$RECORDS/worker-1.pem" || fail "the certificate is not in the state directory"
[ "$(stat -c %a "$STATE/identity.key")" = 600 ] || fail "the key can be read by others"

key=$(sha256sum <"$STATE/identity.key")
printf 'more than the operator has' >>"$STATE/roster"
longer=$(stat -c %s "$STATE/roster")
timeout 10 "$identity" >"$work/again" || fail "a second start waits"
[ "$(sha256sum <"$STATE/identity.key")" = "$key" ] || fail "a second start makes another key"
[ "$(stat -c %s "$STATE/roster")" = "$longer" ] || fail "newer records were thrown away"
[ ! -s "$work/again" ] || fail "a second start asks again"
echo "all of it holds"
