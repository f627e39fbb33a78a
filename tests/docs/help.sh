#!/bin/bash
# help.sh DIRECTORY: the help of the programs in it.
set -euo pipefail
echo "Every verb says how it is used: asked on standard output, mistyped on standard error."
PATH=$1:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/phalanx-help.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() {
	echo "FAILED: $*"
	exit 1
}
# status WANTED COMMAND...
status() {
	local wanted=$1 got=0
	shift
	"$@" >"$work/out" 2>"$work/err" </dev/null || got=$?
	[ "$got" = "$wanted" ] || fail "$*: exit $got, not $wanted: $(cat "$work/err")"
}
said() { grep -qF -- "$2" "$work/$1" || fail "$1 has not: $2, but: $(cat "$work/$1")"; }
silent() { [ ! -s "$work/$1" ] || fail "$1: $(cat "$work/$1")"; }

status 0 phalanx --help
mapfile -t verbs < <(sed -n 's/^  \([a-z]*\).*/\1/p' "$work/out")
[ ${#verbs[@]} -ge 12 ] || fail "only ${#verbs[@]} verbs"
mapfile -t topics < <(phalanx help --topics)
for verb in "${verbs[@]}"; do
	printf '%s\n' "${topics[@]}" | grep -qx "$verb" || fail "there is no help on $verb"
done
for topic in "${topics[@]}"; do
	read -ra words <<<"$topic"
	for asked in "help ${topic}" "${topic} --help" "${topic} -h"; do
		read -ra asked <<<"$asked"
		status 0 phalanx "${asked[@]}"
		said out "  phalanx $topic"
		silent err
	done
	status 2 phalanx "${words[@]}" --no-such-option
	silent out
	[ -s "$work/err" ] || fail "phalanx $topic --no-such-option says nothing"
done
status 2 phalanx
said err "usage: phalanx"
status 2 phalanx nonsense
said err "no such verb: nonsense"
status 2 phalanx help nonsense
said err "no such verb: nonsense"
status 2 phalanx ca enrol
said err "phalanx ca enrol --dir DIR"
status 2 phalanx ca nonsense
said err "phalanx ca init|request"

# The daemons too.
for daemon in phalanxd phalanx-coordinator; do
	for word in --help -h; do
		status 0 $daemon $word
		said out "usage: $daemon"
		silent err
	done
	status 0 $daemon --version
	said out "$daemon $(phalanx --version | cut -d' ' -f2)"
	status 2 $daemon --nonsense
	said err "usage: $daemon"
	silent out
done
