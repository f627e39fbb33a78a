#!/bin/bash
# build.sh TREE DIRECTORY: the build stage of packaging/docker/Dockerfile outside
# Docker: only what .dockerignore lets through, compiled and laid out by
# packaging/stage under DIRECTORY/root.
set -euo pipefail
tree=$1 directory=$2
rm -rf "$directory/context"
mkdir -p "$directory/context"
cd "$tree"
[ "$(grep -v '^#' .dockerignore | head -n 1)" = '*' ] || { echo "FAILED: .dockerignore lets through what it does not name"; exit 1; }
while IFS= read -r pattern; do
	# shellcheck disable=SC2086 # a pattern
	cp -rp --parents $pattern "$directory/context"
done < <(sed -n 's/^!//p' .dockerignore)
"$directory/context/packaging/stage" "$directory/build" "$directory/root"
