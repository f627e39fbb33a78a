# Sourced by every test of the lab: a lab of its own, and words to judge it by.
# A test's first line of output is the sentence that it proves.
set -euo pipefail
TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NAME=$(basename "$0" .sh)
export PHALANX_BIN=${PHALANX_BIN:-$TREE/build/release/bin}
export PHALANX_LAB=${PHALANX_LABS:-$TREE/build/labs}/$NAME
export PORT=0
TALK=/run/tree/build/release/tests/talk
PORT_FREE=7000 # a service of the hosts' own, nothing of Phalanx

proves() {
	echo "$*"
	trap 'ended $?' EXIT
	trap 'exit 130' INT TERM
	rm -rf "$PHALANX_LAB" 2>/dev/null || "$PHALANX_BIN/phalanx-lab" map rm -rf "$PHALANX_LAB"
}

ended() {
	trap - EXIT
	if [ "$1" != 0 ] && [ "$1" != 77 ]; then
		for log in "$PHALANX_LAB"/*/log; do
			[ -f "$log" ] || continue
			echo "---- the end of $log"
			tail -n ${LOG_LINES:-60} "$log"
		done
	fi
	"$TREE/lab/down" || true
	exit "$1"
}

skip() {
	echo "SKIPPED: $*"
	exit 77
}

fail() {
	echo "FAILED: $*"
	exit 1
}

step() { printf '%(%T)T  %s\n' -1 "$*"; }

lab_up() { "$TREE/lab/up" >/dev/null || fail "make up"; }

on() { # HOST COMMAND...
	"$TREE/lab/enter" "$@"
}

daemon() { # VERB NODE
	on lab /run/tree/lab/node "$1" "$2"
}

incidents() { curl -sf --max-time 2 "http://localhost:$(<"$PHALANX_LAB/port")/api/v1/incidents"; }

# The coordinator has a signed receipt of every one of N peers, with its times.
cut_by() { # SUBJECT N
	incidents | jq -e --arg name "node-$1" --argjson n "$2" '.incidents[] | select(.name == $name).cut
		| .n == $n and .of == $n and .p50_ms > 0 and .p50_ms <= .last_ms and .last_ms < 1000'
}

# a -> node-a; a host's whole name stays.
full() { [[ $1 =~ ^.$ ]] && echo "node-$1" || echo "$1"; }

# What a node's daemon says: status, peers or incidents, as JSON.
ask() { # NODE VERB
	on "$1" phalanx -c "/run/lab/$(full "$1")/phalanx.conf" --json "$2" || true
}

# One field of what a node says of another: said b a status -> quarantined
said() {
	ask "$1" peers | jq -r --arg name "$(full "$2")" --arg key "$3" '.[] | select(.name == $name)[$key]'
}

incident() { # NODE SUBJECT FIELD
	ask "$1" incidents |
		jq -r --arg name "node-$2" --arg key "$3" '.[] | select(.subject == $name)[$key]'
}

topology() { # NODE
	curl -sf --max-time 2 "http://localhost:$(<"$PHALANX_LAB/port")/api/topology" |
		jq -r --arg name "node-$1" '.nodes[] | select(.node_id == $name).status'
}

# Try until it holds: expect SECONDS "what" COMMAND...
expect() {
	local seconds=$1 what=$2 end
	shift 2
	end=$((${EPOCHREALTIME/./} + seconds * 1000000))
	while ! "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || fail "$what (not within $seconds s)"
		sleep 0.05
	done
	step "$what"
}

# At once, and no second try.
always() {
	local what=$1
	shift
	"$@" >/dev/null 2>&1 || fail "$what"
	step "$what"
}

never() {
	local what=$1
	shift
	! "$@" >/dev/null 2>&1 || fail "not so: $what"
	step "not so: $what"
}

# equals EXPECTED COMMAND...
equals() {
	local expected=$1
	shift
	[ "$("$@")" = "$expected" ]
}

quarantined_by() { # SUBJECT NODE...
	local subject=$1 peer
	shift
	for peer in "$@"; do
		equals quarantined said "$peer" "$subject" status || return 1
	done
}

# Does the kernel of NODE hold ADDRESS in a set?
kernel_holds() {
	on "$1" nft list table inet phalanx | tr -s ' ,{}\t' '\n' | grep -qxF "$2"
}

address4() { echo "10.77.0.$((10 + $(printf '%d' "'$1") - 96))"; }
address6() { echo "fd77::$((10 + $(printf '%d' "'$1") - 96))"; }
link_local() { # NODE
	on "$1" ip -6 -j addr show dev eth0 scope link | jq -r '[.[].addr_info[].local // empty][0] + "%eth0"'
}

logged() { # NODE PATTERN
	grep -qE "$2" "$PHALANX_LAB/node-$1/log"
}

scan() { # FROM PARALLEL TARGET...
	local from=$1 parallel=$2 target addresses=()
	shift 2
	for target in "$@"; do
		addresses+=("$(address4 "$target")")
	done
	on "$from" /run/tree/lab/scan "$parallel" 2222 "${addresses[@]}"
}

# A host that is no member, and another scanner than the intruder: its address is not blocked yet.
stranger() { # LETTER
	on lab /run/tree/lab/host "node-$1"
}

scan_by() { # STRANGER PORT TARGET
	on lab nsenter --net="/run/netns/node-$1" /run/tree/lab/scan 0 "$2" "$(address4 "$3")" || true
}

# Hosts serve an echo of their own, so that there is something to cut.
serve() { # NODE...
	local host
	for host in "$@"; do
		on "$host" setsid "$TALK" serve $PORT_FREE >/dev/null 2>&1 </dev/null &
		expect 5 "host $host's own service answers" reach tcp "$host" "$host"
	done
}

reach() { # PROTOCOL FROM TO
	on "$2" "$TALK" try "$1" "$(address4 "$3")" $PORT_FREE 400
}

# All the ways from one host to another, tried at once.  Prints those that work.
ways() { # FROM TO
	local address probes=()
	for address in "$(address4 "$2")" "$(address6 "$2")" "$(link_local "$2")"; do
		(! on "$1" "$TALK" try tcp "$address" $PORT_FREE 500 || echo "tcp $address") &
		probes+=($!)
		(! on "$1" "$TALK" try udp "$address" $PORT_FREE 500 || echo "udp $address") &
		probes+=($!)
		(! on "$1" ping -q -c 1 -W 0.5 "$address" >/dev/null 2>&1 || echo "icmp $address") &
		probes+=($!)
	done
	wait "${probes[@]}"
}

all_ways_open() { [ "$(ways "$1" "$2" | wc -l)" = 9 ]; }
no_way_open() { [ -z "$(ways "$1" "$2")" ]; }

synced() { equals true eval "ask $1 status | jq -r .synced"; }

linked() { # NODE PEER...
	local node=$1 peer
	shift
	for peer in "$@"; do
		equals true said "$node" "$peer" linked || return 1
	done
}

# Every node's own log verifies from its first entry.
audits() { # NODE...
	local n
	for n in "$@"; do
		always "phalanx audit verify passes on node-$n" \
			on "$n" phalanx -c "/run/lab/node-$n/phalanx.conf" audit verify
	done
}
