#!/bin/bash
. "$(dirname "$0")/lib.sh"
proves "A hook that hangs, fails, writes garbage, forks or reads nothing is reported, and harms nothing."
told() { grep -qaE "$1" "$PHALANX_LAB/coordinator/log"; }
export LAB_HOOK=/run/lab/hook LAB_HOOK_TIMEOUT_S=2

# hook BODY: attack a with it.
attack_with() {
	"$TREE/lab/down"
	mkdir -p "$PHALANX_LAB"
	printf '#!/bin/bash\n%s\n' "$1" >"$PHALANX_LAB/hook"
	chmod 755 "$PHALANX_LAB/hook"
	lab_up
	"$TREE/lab/attack" a >/dev/null
}
well() {
	always "the coordinator answers" curl -sf --max-time 1 "http://localhost:$(<"$PHALANX_LAB/port")/healthz"
	always "node-a is cut off by all" quarantined_by a b c d e
}

step "it hangs, and a child of it too"
attack_with 'trap "" TERM; sleep 1234 & sleep 1234'
expect 3 "it has begun" told 'node=node-a begins'
well
expect 5 "it is killed when its time is over" told 'not done after 2000 ms: killed'
expect 2 "and reported" told 'node=node-a failed: timeout'
never "its child is left" on lab pgrep -f 'sleep 1234'

step "it writes garbage without end"
attack_with 'exec cat /dev/urandom'
expect 5 "its output is bounded" told 'it writes more than 16384 bytes'
expect 5 "and it is ended" told 'failed: flood'
well
never "the log holds a control character" grep -qaP '[\x00-\x08\x0b-\x1f\x7f-\xff]' "$PHALANX_LAB/coordinator/log"
always "nor much of it" test "$(grep -ac 'hook incident=.* says' "$PHALANX_LAB/coordinator/log")" -lt 400

step "it reads nothing, forges a line of the log, leaves a daemon that holds its output, and fails"
attack_with 'exec <&-
printf "\033[2J\r2026-01-01T00:00:00.000Z coordinator info  all is well\n"
printf "a\0b\n"
setsid sleep 1235 &
sleep 0.5
exit 3'
expect 5 "its status is reported" told 'node=node-a failed: exit:3'
well
expect 5 "what it wrote is escaped" told 'says: \\x1b\[2J\\x0d2026-01-01T00:00:00.000Z coordinator info  all is well$'
never "it forged a line" grep -qa '^2026-01-01' "$PHALANX_LAB/coordinator/log"
expect 5 "nobody waits for its daemon" told 'it left a process behind that holds its output'

step "it is gone when it is needed"
attack_with 'true'
expect 5 "the first run is fine" told 'node=node-a done'
on lab mv /run/lab/hook /run/lab/hook.gone
"$TREE/lab/attack" lateral e >/dev/null
expect 5 "the next is not made, and the log says why" told 'is not run: /run/lab/hook: there is no such file'
on lab mv /run/lab/hook.gone /run/lab/hook
on lab chmod o+w /run/lab/hook
never "a coordinator starts with a command that anybody may change" on coordinator \
	env LAB_HOOK= phalanx-coordinator -c /run/lab/coordinator/coordinator.conf state_dir=/run/lab/other
