/* What a client says of itself is picked out whatever else it sends, within bounds, as it came. */
#include <stdlib.h>
#include "proc/decoy_hints.h"
#include "tests/check.h"

static struct msg_hints hints;

/* From a heap block of exactly this size, so that a byte too far is found. */
static void
see_bytes(const void *data, size_t size_bytes)
{
	uint8_t *exact = malloc(size_bytes > 0 ? size_bytes : 1);

	memcpy(exact, data, size_bytes);
	decoy_hints(exact, size_bytes, &hints);
	free(exact);
}

static void
see(const char *text)
{
	see_bytes(text, strlen(text));
}

static void
assert_text(const char *expected, const struct msg_text *text)
{
	assert_int_equal(text->size_bytes, strlen(expected));
	assert_memory_equal(text->bytes, expected, strlen(expected));
}

static void
assert_hints(const char *banner, const char *username, const char *user_agent, const char *path)
{
	assert_text(banner, &hints.banner);
	assert_text(username, &hints.username);
	assert_text(user_agent, &hints.user_agent);
	assert_text(path, &hints.path);
}

/* SSH, HTTP, a login in clear and remote desktop are recognised on any port. */
static void
recognises(void **unused)
{
	(void)unused;
	see("SSH-2.0-libssh2_1.4.3\r\nmore");
	assert_hints("SSH-2.0-libssh2_1.4.3", "", "", "");
	see("GET /wp-login.php?a=b HTTP/1.1\r\nHost: x\r\nuser-AGENT:  zgrab/0.x \r\n"
	    "Authorization: Basic cm9vdDp0b29y\r\n\r\nUser-Agent: not this\r\n");
	assert_hints("", "root", "zgrab/0.x ", "/wp-login.php?a=b");
	see("USER admin\r\nPASS x\r\n");
	assert_hints("", "admin", "", "");
	see_bytes("\x03\x00\x00\x2f\x2a\xe0\x00\x00\x00\x00\x00"
	          "Cookie: mstshash=eltons\r\n\x01\x00",
	    11 + 27);
	assert_hints("", "eltons", "", "");
	see("head /"); /* cut off */
	assert_hints("", "", "", "/");
}

/* Anything else, and anything torn, says nothing; no byte behind the end is looked at. */
static void
refuses(void **unused)
{
	static const char *const silent[] = { "", "\n", "\r\n", " ", "SSH", "ssh-2.0-x\r\n",
		"GETX / HTTP/1.1\r\n", "\x16\x03\x01", "user",
		"Cookie: mstshash=", "\r\n\r\nGET / HTTP/1.1" };
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		see(silent[i]);
		assert_hints("", "", "", "");
	}
	see("GET");
	assert_hints("", "", "", "");
	see("POST / HTTP/1.1\r\nAuthorization: Basic !!!!\r\nAuthorization: Bearer x\r\n");
	assert_hints("", "", "", "/");
	see("POST / HTTP/1.1\r\nAuthorization:Basic\r\nUser-Agent:\r\n");
	assert_hints("", "", "", "/");
}

/* Hostile bytes are kept as they are, too many of them cut off, and headers end somewhere. */
static void
bounds(void **unused)
{
	static uint8_t big[LIMIT_CAPTURE_BYTES];
	size_t i;

	(void)unused;
	memcpy(big, "SSH-", 4);
	for (i = 4; i < sizeof(big); i++)
		big[i] = (uint8_t)(0x80 | i);
	see_bytes(big, sizeof(big));
	assert_int_equal(hints.banner.size_bytes, LIMIT_HINT_BYTES);
	assert_memory_equal(hints.banner.bytes, big, LIMIT_HINT_BYTES);

	see_bytes("GET /a\0b\x1b[2J HTTP/1.1\r\n", 24);
	assert_int_equal(hints.path.size_bytes, 8);
	assert_memory_equal(hints.path.bytes, "/a\0b\x1b[2J", 8);

	memset(big, '\n', sizeof(big));
	memcpy(big, "GET / HTTP/1.1\r\n", 16);
	for (i = 16; i + 4 < sizeof(big); i += 4)
		memcpy(big + i, "a:b\n", 4);
	memcpy(big + sizeof(big) - 16, "User-Agent: far\n", 16);
	see_bytes(big, sizeof(big));
	assert_text("", &hints.user_agent);
}

/* Every cut of a whole request is taken without harm. */
static void
every_prefix(void **unused)
{
	static const char whole[] = "PROPFIND /x%00y HTTP/1.1\r\nUser-Agent: \xff\xfe\r\n"
	                            "Authorization: basic YTpi\r\nCookie: mstshash";
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(whole); i++)
		see_bytes(whole, i);
	assert_text("a", &hints.username);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recognises),
		cmocka_unit_test(refuses),
		cmocka_unit_test(bounds),
		cmocka_unit_test(every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
