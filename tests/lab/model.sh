# Sourced after lib.sh by the tests that need a model: the stand-in, outside.
command -v node >/dev/null || skip "node is not there to run the stand-in for a model's server"
MODEL_PORT=
MODEL_PID=

# model_start [--KEY VALUE...]: AI for lab_up.
model_start() {
	local out
	out=$(mktemp)
	node "$TREE/tests/interop/model_server.mjs" --model qwen2.5:1.5b-instruct "$@" >"$out" &
	MODEL_PID=$!
	for ((tries = 0; tries < 200; tries++)); do
		read -r MODEL_PORT <"$out" && break
		sleep 0.02
	done
	rm -f "$out"
	[ -n "$MODEL_PORT" ] || fail "the stand-in did not start"
	export AI=http://127.0.0.1:$MODEL_PORT
	trap 'status=$?; kill $MODEL_PID 2>/dev/null || true; ended $status' EXIT
}

# model_set '{"answer":"ten"}'
model_set() {
	curl -sf -X POST -d "$1" "http://127.0.0.1:$MODEL_PORT/_control" >/dev/null || fail "the stand-in refuses $1"
}

model_counts() { # NAME
	curl -sf "http://127.0.0.1:$MODEL_PORT/_control" | jq -r --arg name "$1" '.counts[$name]'
}

ready_model() { # NODE...
	local n
	for n in "$@"; do
		logged "$n" 'analyser info +the model .* is ready' || return 1
	done
}

# Of a node's reports by this method, a field of the newest: reported b ai reason
reported() {
	curl -sf --max-time 2 "http://localhost:$(<"$PHALANX_LAB/port")/api/report" |
		jq -r --arg name "node-$1" --arg method "$2" --arg key "$3" \
			'[.events[] | select(.node_id == $name and .method == $method)] | last | .[$key] // empty'
}

has_report() { [ -n "$(reported "$1" "$2" score)" ]; }
