/*
 * What `phalanx dashboard` reads of a coordinator: one that holds its key and
 * says anything, one in between that does not.  The input is a list of
 * answers, each a byte of kind, a byte of status and a text ended by 0x1e.
 */
#include "cli/front_door.h"
#include <sys/random.h>
#include "base/hex.h"
#include "base/limits.h"
#include "tests/fuzz/web_fake.h"

#define MOST_WAITS  32
#define ANSWER_ROOM 8192
#define OTHER_NONCE 1 /* what is wrong with the seal, bits of the kind */
#define OTHER_KEY   2
#define UNSEALED    4
#define RAW         8 /* the text is all that comes */
#define KEPT        16

ssize_t __wrap_getrandom(void *out, size_t size_bytes, unsigned flags);

static const uint8_t *rest;
static size_t rest_bytes;
static bool sealed; /* the last answer was as it should be */

ssize_t
__wrap_getrandom(void *out, size_t size_bytes, unsigned flags)
{
	(void)flags;
	memset(out, 7, size_bytes);
	return (ssize_t)size_bytes;
}

bool
release_key_sign_request(
    const struct release_key *key, struct http_signature_input *about, struct http_signed *out)
{
	static const uint8_t signature[64];

	(void)key;
	return http_signature_headers(about, signature, out->digest, out->input, out->value) ==
	       ERR_OK;
}

static void
seal_and_say(unsigned kind, unsigned status, const char *request, const uint8_t *body, size_t size)
{
	struct http_response_signature about = { .status = status, .created_s = 1790000000 };
	char answer[ANSWER_ROOM], digest[HTTP_SIGNATURE_HEADER_BYTES],
	    input[HTTP_SIGNATURE_HEADER_BYTES], value[HTTP_SIGNATURE_HEADER_BYTES];
	static const uint8_t signature[64] = { 1 };
	struct hash hash;
	int n;

	(void)request;
	fake_sha256(NULL, "", body, size, &hash);
	memcpy(about.content_sha256, hash.bytes, sizeof(about.content_sha256));
	memset(about.nonce, (kind & OTHER_NONCE) != 0 ? 8 : 7, sizeof(about.nonce));
	memset(about.key, (kind & OTHER_KEY) != 0 ? 2 : 1, sizeof(about.key));
	about.method = about.path = "/"; /* the base is not compared: crypto_fake */
	PROMISE(http_response_headers(&about, signature, digest, input, value) == ERR_OK);
	n = snprintf(answer, sizeof(answer),
	    "HTTP/1.1 %u x\r\nContent-Length: %zu\r\nContent-Digest: %s\r\n%s%s%s%s\r\n\r\n",
	    status, size, digest, (kind & UNSEALED) != 0 ? "X: " : "Signature-Input: ", input,
	    (kind & UNSEALED) != 0 ? "\r\nY: " : "\r\nSignature: ", value);
	PROMISE(n > 0 && (size_t)n + size < sizeof(answer));
	memcpy(answer + n, body, size);
	web_fake_say(answer, (size_t)n + size, (kind & KEPT) == 0);
	sealed = (kind & (OTHER_NONCE | OTHER_KEY | UNSEALED)) == 0;
}

/* Paths are made of a session that the coordinator chose. */
static void
check_path(const char *request)
{
	const char *path = strchr(request, ' ') + 1;
	const size_t length = strcspn(path, " ");

	PROMISE(strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789/?=") == length);
	PROMISE(length >= 16 && memcmp(path, "/api/v1/sessions", 16) == 0);
}

static void
web_fake_asked(const char *request, size_t size_bytes)
{
	static const unsigned statuses[] = { 200, 202, 404, 401, 409, 503 };
	size_t n = 0;
	unsigned kind, status;

	check_path(request);
	(void)size_bytes;
	sealed = false;
	if (rest_bytes < 2) {
		rest_bytes = 0;
		web_fake_say("", 0, true);
		return;
	}
	kind = rest[0];
	status = statuses[rest[1] % (sizeof(statuses) / sizeof(statuses[0]))];
	rest += 2;
	rest_bytes -= 2;
	while (n < rest_bytes && rest[n] != 0x1e && n < ANSWER_ROOM / 2)
		n++;
	if ((kind & RAW) != 0)
		web_fake_say(rest, n, true);
	else
		seal_and_say(kind, status, request, rest, n);
	rest += n;
	rest_bytes -= n;
	if (rest_bytes > 0) {
		rest++;
		rest_bytes--;
	}
}

static void
check_ask(const struct front_door_ask *ask, uint64_t *last)
{
	PROMISE(ask->number > *last);
	*last = ask->number;
	PROMISE(strnlen(ask->incident, sizeof(ask->incident)) < sizeof(ask->incident));
	PROMISE(strnlen(ask->name, sizeof(ask->name)) < sizeof(ask->name));
	PROMISE(strnlen(ask->by, sizeof(ask->by)) < sizeof(ask->by));
	PROMISE(strnlen(ask->from, sizeof(ask->from)) < sizeof(ask->from));
	PROMISE(strnlen(ask->reason, sizeof(ask->reason)) < sizeof(ask->reason));
	PROMISE(ask->kind == RELEASE_CLEANED || ask->kind == RELEASE_OVERTURNED);
	PROMISE(ask->expires_ms <= web_fake_now_ms + LIMIT_ASK_MS);
}

static void
listen_once(struct front_door *d, uint64_t *last)
{
	static struct front_door_ask asks[LIMIT_ASKS_EACH];
	size_t count = SIZE_MAX;
	bool whole = false;
	enum err err;

	if (front_door_listen(d) != ERR_OK)
		return;
	do
		err = front_door_take(d, asks, &count, &whole);
	while (err == ERR_OK && !whole);
	PROMISE(err != ERR_OK || sealed);
	if (err != ERR_OK)
		return;
	PROMISE(count <= LIMIT_ASKS_EACH);
	for (size_t i = 0; i < count; i++)
		check_ask(&asks[i], last);
	if (count > 0 && front_door_answer(d, asks[0].number, false, "because") == ERR_OK)
		PROMISE(sealed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct web_place place = { .host = "h", .port = "1", .authority = "h:1" };
	struct front_door_config config = { .place = &place };
	struct front_door *d;
	const char *link = NULL;
	uint64_t last = 0;

	memset(config.coordinator.bytes, 1, sizeof(config.coordinator.bytes));
	rest = data;
	rest_bytes = size;
	PROMISE(front_door_new(&config, &d) == ERR_OK);
	if (front_door_enter(d, &link) == ERR_OK) {
		PROMISE(sealed && link != NULL);
		for (int i = 0; i < MOST_WAITS && rest_bytes > 0; i++)
			listen_once(d, &last);
		front_door_leave(d);
	}
	front_door_free(d);
	web_fake_reset();
	return 0;
}
