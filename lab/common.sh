# Sourced by the lab's scripts, outside and inside: where things are.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${PHALANX_BIN:-$ROOT/build/release/bin}
LAB=${PHALANX_LAB:-$ROOT/.lab}
NODES=(a b c d e)
# Those that joined later.
[ ! -f "$LAB/joined" ] || mapfile -t -O "${#NODES[@]}" NODES <"$LAB/joined"
NETWORK4=10.77.0
NETWORK6=fd77:
SSH_PORT=2222
HTTP_PORT=8888
MODEL_URL=http://localhost:11434 # as a node sees its model's server

die() {
	printf '%s\n' "$*" >&2
	exit 1
}

# a -> node-a; refuses what is no node
node_name() {
	local letter=${1#node-}
	[[ " ${NODES[*]} " == *" $letter "* ]] || die "There is no node '$1': the lab has ${NODES[*]}."
	printf 'node-%s' "$letter"
}

# Last number of a host's addresses: node-a -> 11
host_number() {
	case $1 in
	coordinator) echo 2 ;;
	intruder) echo 66 ;;
	node-?) echo $((10 + $(printf '%d' "'${1#node-}") - 96)) ;;
	*) die "There is no host '$1' in the lab." ;;
	esac
}
host_ipv4() { echo "$NETWORK4.$(host_number "$1")"; }
host_ipv6() { echo "$NETWORK6:$(host_number "$1")"; }

# ---- outside only ----
lab_pid() { [ -d "$LAB" ] && [ -x "$BIN/phalanx-lab" ] && "$BIN/phalanx-lab" pid -d "$LAB"; }
lab_needed() { lab_pid >/dev/null || die "No lab is running: make up starts one."; }
lab_url() { echo "http://localhost:$(<"$LAB/port")"; }
