#!/bin/sh
# base, core and http make no syscalls: what they take from outside themselves
# is memory, strings, their codecs' libraries, and nothing else.
# usage: purity.sh ARCHIVE...
set -eu

allowed='
malloc calloc realloc reallocarray free
memcpy memmove memset memcmp memchr memmem
strlen strnlen strcmp strncmp strchr strrchr strstr strspn strcspn strcasecmp strncasecmp
inet_pton inet_ntop snprintf strtol strtoul __ctype_tolower_loc __ctype_b_loc
__snprintf_chk __memcpy_chk __memmove_chk __memset_chk __stack_chk_fail
__popcountdi2 _GLOBAL_OFFSET_TABLE_
'
libraries='^(nghttp2_|http_|protobuf_c_|__asan_|__ubsan_|__sanitizer_|__start_|__stop_)'

nm -A "$@" 2>/dev/null | awk -v allowed="$allowed" -v libraries="$libraries" '
	BEGIN { split(allowed, list); for (i in list) known[list[i]] = 1 }
	NF < 3 { next }
	$(NF - 1) == "U" { taken[$NF] = $1; next }
	{ known[$NF] = 1; defined++ }
	END {
		# A list without memcpy is no list: nm failed.
		if (!("memcpy" in taken)) { print "nothing to look at"; exit 1 }
		for (symbol in taken)
			if (!(symbol in known) && symbol !~ libraries) {
				print taken[symbol] " takes " symbol " from outside"
				impure = 1
			}
		if (impure) exit 1
		print defined " symbols, nothing but memory and strings from outside"
	}'
