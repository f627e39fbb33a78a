#!/bin/bash
# rootfs.sh DIRECTORY [PACKAGE...]: what a Debian 12 image holds with these
# packages and nothing else, from the files of this machine's own packages: the
# required ones, PACKAGEs, and all that they depend on.  Asks no network.
set -euo pipefail
root=$1
shift

# Names that only others provide (awk, debconf-2.0) have no files of their own.
declare -A depends=()
queue=()
while IFS='|' read -r package priority state list; do
	[ "$state" = "ii " ] || continue
	depends[$package]=$list
	[ "$priority" != required ] || queue+=("$package")
done < <(dpkg-query -W -f '${Package}|${Priority}|${db:Status-Abbrev}|${Pre-Depends},${Depends}\n' |
	sed 's/ | [^,]*//g; s/ *([^)]*)//g; s/:any//g; s/,/ /g')

declare -A seen=()
queue+=("$@")
while [ ${#queue[@]} -gt 0 ]; do
	package=${queue[-1]}
	unset 'queue[-1]'
	[ -z "${seen[$package]:-}" ] || continue
	seen[$package]=1
	# shellcheck disable=SC2206 # several names
	queue+=(${depends[$package]-})
done
for package in "$@"; do
	[ -n "${depends[$package]+there}" ] || { echo "rootfs: $package is not installed here" >&2; exit 1; }
done

rm -rf "$root"
mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{etc,proc,sys,dev,tmp,run,root,home,var/lib}
for folder in bin sbin lib lib64; do
	ln -s usr/$folder "$root/$folder"
done
{ dpkg-query -L "${!seen[@]}" 2>/dev/null || true; } | sort -u | grep -vE '^/usr/share/(doc|man|locale|info)/|^/\.$' |
	while IFS= read -r file; do
		if [ -e "$file" ] && { [ ! -d "$file" ] || [ -L "$file" ]; }; then
			printf '%s\n' "${file#/}"
		fi
	done | tar -C / -cf - --no-recursion -T - | tar -C "$root" -xf - --keep-directory-symlink
[ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
echo root:x:0:0:root:/root:/bin/bash >"$root/etc/passwd"
echo root:x:0: >"$root/etc/group"
mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers}
dpkg-query -s "${!seen[@]}" >"$root/var/lib/dpkg/status" 2>/dev/null || true
: >"$root/var/lib/dpkg/available"
ldconfig -r "$root"
