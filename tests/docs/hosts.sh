#!/bin/bash
# hosts.sh DIRECTORY: the commands for real hosts, with the programs of DIRECTORY,
# on files that are this test's own: /var/lib and /etc in a mount namespace.
if [ "${2:-}" != inside ]; then
	if ! unshare --user --map-root-user true 2>/dev/null; then
		echo "SKIPPED: no user namespaces"
		exit 77
	fi
	exec unshare --user --map-root-user --mount --net --pid --fork --kill-child --mount-proc "$0" "$1" inside
fi
. "$(dirname "$0")/../lab/lib.sh"
. "$(dirname "$0")/lib.sh"
echo "A mesh is founded, a host enrolled and its node started, by the documents' commands."
trap - EXIT
PATH=$1:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/phalanx-hosts.XXXXXX")
trap 'umount -l "$work" 2>/dev/null; rmdir "$work"' EXIT
mount -t tmpfs hosts "$work"
cp -a /etc "$work/etc" 2>/dev/null || true
mkdir -p "$work/etc/phalanx" "$work/home"
mount --bind "$work/etc" /etc
mount -t tmpfs state /var/lib
ip link set lo up
ip address add 192.0.2.7/32 dev lo
cd "$work/home"
shown() { bash -c "$1"; }

# README, on real hosts
doc 'phalanx ca init --dir ca --mesh prod'
doc 'phalanx ca request --state /var/lib/phalanx --name web-1 --address 192.0.2.7 > web-1.json'
doc 'phalanx ca enrol --dir ca web-1.json'
doc 'phalanx ca epoch --dir ca'
doc 'phalanx ca bundle --dir ca web-1 --out web-1/'
cp -r web-1/. /var/lib/phalanx/
cp "$TREE/packaging/phalanx.conf.example" /etc/phalanx/phalanx.conf
sed -i 's/^#name = .*/name = web-1/; s|^#url = .*|url = none|; s/^#run = .*/run = no/' /etc/phalanx/phalanx.conf
doc_any 'phalanx doctor'
shown() { bash -c "exec $1" & }
doc 'phalanxd -c /etc/phalanx/phalanx.conf'
daemon=$!
shown() { bash -c "$1"; }
expect 10 "it answers on its console" phalanx --json peers
doc 'phalanx status'
kill $daemon
wait $daemon || true

# operations.md, enrolment
rm -rf /var/lib/phalanx
doc 'phalanx ca init --dir CA --mesh bank'
doc 'phalanx ca request --state /var/lib/phalanx --name node-a --address 10.77.0.11 --address fd77::11 >node-a.json'
doc 'phalanx ca enrol --dir CA node-a.json'
doc 'phalanx ca epoch --dir CA'
doc 'phalanx ca bundle --dir CA node-a --out DIRECTORY'
cp -r DIRECTORY/. /var/lib/phalanx/
always "what came back fits the keys that stayed" phalanx ca bundle --dir CA node-a --out /var/lib/phalanx

# analyser.md
doc 'echo '\''{"kind":"HONEYPOT_TRIPPED","source_ip":"10.0.0.9","port":2222,"username":"root"}'\'' | phalanx-analyser --explain -'
