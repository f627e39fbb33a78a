# Sourced by the lab's scripts, outside and inside: where things are, and who is there.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${PHALANX_BIN:-$ROOT/build/release/bin}
LAB=${PHALANX_LAB:-$ROOT/.lab}
NETWORK4=10.77.0
NETWORK6=fd77:
SSH_PORT=2222
HTTP_PORT=8888
MODEL_URL=http://localhost:11434 # as a node sees its model's server

die() {
	printf '%s\n' "$*" >&2
	exit 1
}

# The nodes: a line each in the lab's file `hosts`, NAME NUMBER ZONE.  NUMBER is
# the last one of its addresses, ZONE its enrolment group.  lab/up writes the
# file, who joins or replaces is appended, who is retired is taken out.
HOSTS=()
declare -A NUMBER=() ZONE=()
hosts_read() {
	local name number zone
	HOSTS=() NUMBER=() ZONE=()
	while read -r name number zone; do
		HOSTS+=("$name")
		NUMBER[$name]=$number
		ZONE[$name]=$zone
	done
}
[ ! -f "$LAB/hosts" ] || hosts_read <"$LAB/hosts"

# a -> node-a; refuses what is no node
node_name() {
	local name
	for name in "$1" "node-$1"; do
		[ -z "${NUMBER[$name]:-}" ] || {
			printf '%s' "$name"
			return
		}
	done
	die "There is no node '$1': the lab has ${HOSTS[*]}."
}

# Last number of a host's addresses: node-a -> 11
host_number() {
	case $1 in
	coordinator) echo 2 ;;
	intruder) echo 66 ;;
	customer) echo 77 ;;
	*)
		if [ -n "${NUMBER[$1]:-}" ]; then
			echo "${NUMBER[$1]}"
		elif [[ $1 =~ ^node-[a-z]$ ]]; then # not there (yet)
			echo $((10 + $(printf '%d' "'${1#node-}") - 96))
		else
			die "There is no host '$1' in the lab."
		fi
		;;
	esac
}
host_ipv4() { echo "$NETWORK4.$(host_number "$1")"; }
host_ipv6() { echo "$NETWORK6:$(host_number "$1")"; }

# ---- outside only ----
lab_pid() { [ -d "$LAB" ] && [ -x "$BIN/phalanx-lab" ] && "$BIN/phalanx-lab" pid -d "$LAB"; }
lab_needed() { lab_pid >/dev/null || die "No lab is running: make up starts one."; }
lab_url() { echo "http://localhost:$(<"$LAB/port")"; }
