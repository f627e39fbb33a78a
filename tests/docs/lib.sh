# Sourced by the scripts here: `doc 'COMMAND' [WORD=VALUE]...` runs what a document
# shows, letter by letter but for WORDs that stand for something.  commands.mjs
# looks for each such line in the documents, and for each of their commands here.
doc_text() { # COMMAND [WORD=VALUE]...
	local text=$1 pair
	shift
	for pair in "$@"; do
		text=${text//"${pair%%=*}"/"${pair#*=}"}
	done
	printf '%s' "$text"
}

doc() {
	local status=0
	step "$1"
	shown "$(doc_text "$@")" || status=$?
	[ $status = 0 ] || fail "exit status $status: $1"
}

# Its exit status tells something that this machine decides.
doc_any() {
	step "$1"
	shown "$(doc_text "$@")" || true
}

# Goes on until it is told to stop.
doc_follow() {
	step "$1"
	(
		trap '' TERM
		timeout 3 bash -c "$(doc_text "$@")"
	) && fail "it ends by itself: $1"
	return 0
}
