#!/bin/bash
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/model.sh"
proves "10,000 events in a minute, each for the model, leave the isolation of one more as quick as it is without them."
[ -x "$TREE/build/release/bench/strangers" ] || skip "the measuring programs are not built"
model_start --answer ok
export PHALANX_POLICY=attribute
lab_up
expect 15 "node-a's analyser has its model" ready_model a
memory() { # PROCESS: KiB
	on lab sh -c 'awk "/^Pss:/ { print \$2 }" /proc/$(pgrep -f -P '"$(daemon pid a)"' "$1")/smaps_rollup' sh "phalanx-$1"
}
# A shared machine is noisy, so one quiet measurement of three suffices; make bench has the figure.
is_below() { awk -v most="$1" '$1 == "ratio" { exit !($3 < most) }' "$PHALANX_LAB/figures"; }
for ((attempt = 0; attempt < 3; attempt++)); do
	on lab /run/tree/tests/bench/events 30 2 >"$PHALANX_LAB/figures" || fail "not every stranger was cut"
	cat "$PHALANX_LAB/figures"
	! is_below 2 || break
done
always "the ratio of the medians is below 2" is_below 2
always "more than 1,000 strangers came" awk '$1 == "ratio" { exit !($2 > 1000) }' "$PHALANX_LAB/figures"
always "the model was asked of some of them" test "$(model_counts answered)" -gt 10
asked=$(model_counts answered)
always "and not of all: $asked" test "$asked" -lt 1500
for process in engine advice analyser; do
	kib=$(memory $process)
	always "phalanx-$process is within its bounds: $kib KiB" test "$kib" -lt 4096
done
for peer in b c d e; do
	expect 5 "node-$peer is healthy" equals healthy said a $peer status
done
