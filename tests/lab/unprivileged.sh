#!/bin/bash
# unprivileged.sh range|single [guest]: as root it makes a user, in a mount
# namespace of its own, and runs itself as that user in a copy of the tree.
. "$(dirname "$0")/lib.sh"
how=$1
uid=48219 first=1610612736

if [ "${2:-}" = "" ]; then
	[ "$(id -u)" = 0 ] || skip "not root: every test of the lab runs unprivileged here"
	exec unshare --mount "$0" "$how" root
fi

if [ "$2" = root ]; then
	home=$(mktemp -d /tmp/phalanx-guest.XXXXXX)
	# The guest's ids own the tree, its lab's own ids what the lab made.
	trap 'rm -rf "$home"' EXIT
	mkdir -p "$home/tree/build/release" "$home/tree/tests"
	cp -r "$TREE/Makefile" "$TREE/lab" "$home/tree/"
	cp -r "$TREE/tests/lab" "$home/tree/tests/"
	cp -r "$TREE/build/release/tests" "$home/tree/build/release/"
	cp -rL "$PHALANX_BIN" "$home/tree/build/release/bin"
	chown -R $uid:$uid "$home"
	cp -a /etc "$home/etc"
	echo "guest:x:$uid:$uid::$home:/bin/bash" >>"$home/etc/passwd"
	[ "$how" = single ] || echo "guest:$first:65536" | tee "$home/etc/subuid" >"$home/etc/subgid"
	mount --bind "$home/etc" /etc
	cd /
	env -u PHALANX_BIN -u PHALANX_LAB -u PHALANX_LABS setpriv --reuid=$uid --regid=$uid --clear-groups \
		"$home/tree/tests/lab/unprivileged.sh" "$how" guest
	exit
fi

proves "The lab runs for a user without root ($how: the user's one id, or a range from /etc/subuid)."
always "we are not root" test "$(id -u)" = $uid
lab_up
map=$(on lab cat /proc/self/uid_map | awk '{ print $2 ":" $3 }' | paste -sd ' ')
case $how in
single) always "one id is mapped" test "$map" = "$uid:1" ;;
range) always "the user's range is mapped" test "$map" = "$uid:1 $first:65536" ;;
esac
ids() { on lab ps -o uid= --ppid "$(daemon pid a)" | sort -u | wc -l; }
case $how in
single) always "all processes of a node share it" equals 1 ids ;;
range) expect 5 "every process of a node has an id of its own" equals 8 ids ;;
esac
serve a b c
"$TREE/lab/attack" a
for n in b c d e; do
	expect 5 "node-$n holds node-a quarantined" quarantined_by a $n
	expect 3 "its kernel too" kernel_holds $n 10.77.0.11
done
always "nothing passes between a and b" no_way_open a b
always "b and c go on" all_ways_open b c
"$TREE/lab/attack" lateral e >/dev/null
for n in b c d; do expect 5 "node-$n severs node-e by certificate" equals sever incident $n e held; done
expect 6 "the topology shows it" equals quarantined topology e
audits a b c d e
"$TREE/lab/down" keep
"$TREE/lab/up" restart >/dev/null || fail "make restart"
expect 10 "a restart keeps it" quarantined_by a b c d
always "make down removes every file" "$TREE/lab/down"
never "even those of the lab's own ids" test -e "$PHALANX_LAB"
