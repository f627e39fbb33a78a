#!/bin/bash
# deb.sh STAGED: the Debian package of what packaging/stage made, in a root of
# Debian's required packages and of what the package says that it needs.
set -euo pipefail
echo "The package installs with what it depends on and not without, its programs run, and its configuration and the host's keys outlive an upgrade and a removal."
[ "$(id -u)" = 0 ] || { echo "SKIPPED: not root: dpkg works in a chroot"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/phalanx-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
fail() {
	echo "FAILED: $*"
	exit 1
}
step() { printf '%(%T)T  %s\n' -1 "$*"; }
install_it() { dpkg --root="$root" --force-confold --install "$1" >"$work/said" 2>&1; }

deb=$("$here/../../packaging/debian/build" "$1" "$work")
mapfile -t needs < <(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/ *(.*//; s/^ *//')
"$here/rootfs.sh" "$root"
! install_it "$deb" || fail "it installs without what it depends on"
grep -q 'depends on libsodium23' "$work/said" || fail "dpkg does not name what is missing: $(<"$work/said")"
step "refused without what it depends on"

"$here/rootfs.sh" "$root" "${needs[@]}"
install_it "$deb" || fail "$(<"$work/said")"
[ "$(chroot "$root" phalanx --version)" = "phalanx $(dpkg-deb -f "$deb" Version)" ] || fail "phalanx --version"
for program in "$root"/usr/bin/phalanx* "$root"/usr/sbin/phalanx* "$root"/usr/libexec/phalanx/*; do
	! chroot "$root" ldd "${program#"$root"}" | grep 'not found' || fail "$program lacks a library"
done
step "installed; every program finds its libraries"
chroot "$root" phalanx ca init --dir /root/ca --mesh deb >/dev/null || fail "phalanx ca init"
! chroot "$root" phalanx status >/dev/null 2>"$work/said" || fail "a node runs that nobody enrolled"
grep -q 'Is phalanxd running' "$work/said" || fail "the configuration that it brings is not read: $(<"$work/said")"
step "its configuration is read as it is"
grep -qx 'uid_base = auto' "$root/etc/phalanx/phalanx.conf" || fail "it does not ask for uids of its own"
range=$(grep '^phalanx:' "$root/etc/subuid") || fail "no uids are kept: $(<"$work/said")"
[ "${range##*:}" -ge 9 ] || fail "too few: $range"
[ "$(grep '^phalanx:' "$root/etc/subgid")" = "$range" ] || fail "groups get others"
step "nine uids are kept for it"
for unit in phalanxd phalanx-coordinator phalanx-analyser; do
	started=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$root/usr/lib/systemd/system/$unit.service")
	[ -x "$root$started" ] || fail "$unit.service starts $started, which is not there"
done
step "its units start what is there"
manual() { gzip -dc "$root/usr/share/man/man${1##*.}/$1.gz"; }
chroot "$root" phalanx help --topics | while IFS= read -r topic; do
	manual phalanx.1 | grep -qxF ".Ss $topic" || fail "phalanx.1 has nothing on $topic"
done
sed -n 's/^\[\(.*\)\]$/\1/p' "$root/etc/phalanx/phalanx.conf" | while IFS= read -r section; do
	manual phalanx.conf.5 | grep -qxF ".It Cm $section" || fail "phalanx.conf.5 has nothing on [$section]"
done
for page in phalanx.1 phalanx.conf.5 phalanxd.8 phalanx-coordinator.8; do
	manual "$page" | grep -q '^\.Sh SEE ALSO' || fail "$page ends early"
	[ -z "$(command -v groff)" ] || [ -z "$(manual "$page" | groff -mdoc -Tascii -ww 2>&1 >/dev/null)" ] ||
		fail "$page: $(manual "$page" | groff -mdoc -Tascii -ww 2>&1 >/dev/null)"
done
step "its manual has every verb and every section"

echo '# mine' >>"$root/etc/phalanx/phalanx.conf"
mkdir -p "$root/var/lib/phalanx" && echo key >"$root/var/lib/phalanx/identity.key"
install_it "$deb" || fail "a second time: $(<"$work/said")"
grep -qx '# mine' "$root/etc/phalanx/phalanx.conf" || fail "an upgrade changes the configuration"
[ "$(grep '^phalanx:' "$root/etc/subuid")" = "$range" ] || fail "an upgrade takes other uids"
dpkg --root="$root" --remove phalanx >/dev/null 2>&1 || fail "removal"
[ ! -e "$root/usr/sbin/phalanxd" ] || fail "removal leaves programs"
grep -qx '# mine' "$root/etc/phalanx/phalanx.conf" || fail "removal takes the configuration"
dpkg --root="$root" --purge phalanx >"$work/said" 2>&1 || fail "purge"
[ ! -e "$root/etc/phalanx/phalanx.conf" ] || fail "purge leaves the configuration"
[ -e "$root/var/lib/phalanx/identity.key" ] || fail "purge takes this host's identity"
grep -q 'holds this host.s identity' "$work/said" || fail "and does not say what it leaves"
step "configuration outlives upgrade and removal, identity and audit log even a purge"
