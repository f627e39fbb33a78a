#!/bin/bash
# analyser_flow.sh ANSWER TEST [ARGUMENT...]: another test of the lab, unchanged, while
# every node asks a model that gives this answer.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/model.sh"
echo "With a model that answers $1, $2 holds to the letter."
model_start --answer "$1" --seed 7
trap 'kill $MODEL_PID 2>/dev/null || true' EXIT
shift
test=$1
shift
bash "$TREE/tests/lab/$test.sh" "$@"
always "the model was asked" test "$(model_counts answered)" -gt 5
