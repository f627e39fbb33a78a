#!/bin/bash
# The same seed makes the same trace: run after run, and in the release as
# under the sanitizers.  same_trace.sh PHALANX_SIM [ANOTHER_BUILD'S]
set -uo pipefail
this=$1 other=${2:-$1}
[ -x "$other" ] || other=$this
for seed in 1 2 3 7 11 49 540 1130; do
	one=$("$this" --seed "$seed") || exit 1
	two=$("$other" --seed "$seed") || exit 1
	if [ "$one" != "$two" ]; then
		printf 'seed %s\n%s\n%s\n' "$seed" "$one" "$two"
		exit 1
	fi
	grep -q '^trace [0-9a-f]\{16\}$' <<<"$one" || exit 1
done
# And another seed makes another.
[ "$("$this" --seed 1 | tail -n 1)" != "$("$this" --seed 2 | tail -n 1)" ]
