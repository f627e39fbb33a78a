#!/bin/sh
# base, core and http make no syscalls: what they take from outside themselves
# is memory, strings, their codecs' libraries, and nothing else.
# usage: purity.sh ARCHIVE...
set -eu

allowed='
malloc calloc realloc reallocarray free
memcpy memmove memset memcmp memchr
strlen strcmp strncmp strchr strrchr strcasecmp strncasecmp strnlen
inet_pton inet_ntop
snprintf __snprintf_chk strtol
__stack_chk_fail __memcpy_chk __memmove_chk __memset_chk __popcountdi2
_GLOBAL_OFFSET_TABLE_
'
prefixes='^(nghttp2_|http_|protobuf_c_|__asan_|__ubsan_|__sanitizer_|__start_|__stop_)'

defined=$(nm --defined-only "$@" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
taken=$(nm -A -u "$@" 2>/dev/null | awk 'NF > 2 && $(NF - 1) == "U" { print $NF, $1 }' | sort -u)
# A list without memcpy is no list: nm or awk failed.
echo "$taken" | grep -q '^memcpy '
strays=$(echo "$taken" | while read -r symbol place; do
	echo "$symbol" | grep -Eq "$prefixes" && continue
	echo "$allowed" | tr -s ' \n' '\n' | grep -Fxq "$symbol" && continue
	echo "$defined" | grep -Fxq "$symbol" && continue
	echo "$place takes $symbol from outside"
done)
if [ -n "$strays" ]; then
	echo "$strays"
	exit 1
fi
echo "$(echo "$defined" | wc -l) symbols, nothing but memory and strings from outside"
