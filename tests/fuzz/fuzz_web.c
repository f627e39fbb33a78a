/*
 * What an operator's machine reads of a coordinator's connection before it
 * trusts a byte: answers to requests on a kept connection, in any pieces; and
 * the address that was typed.  The first byte: the size of pieces; then the
 * address up to a line feed; then what comes after each request, ended by 0x1e
 * (then the connection ends) or 0x1f (it stays).
 */
#include "cli/web.h"
#include "base/limits.h"
#include "tests/fuzz/web_fake.h"

#define MOST_EXCHANGES 8

static const uint8_t *rest;
static size_t rest_bytes, step;

/* Up to the next mark; *last: no other answer of this connection follows. */
static size_t
next_answer(bool *ends)
{
	size_t n = 0;

	while (n < rest_bytes && rest[n] != 0x1e && rest[n] != 0x1f)
		n++;
	*ends = n == rest_bytes || rest[n] == 0x1e;
	return n;
}

static void
web_fake_asked(const char *request, size_t size_bytes)
{
	PROMISE(size_bytes > 4 && memcmp(request, "GET ", 4) == 0);
}

static void
check_place(const char *url, struct web_place *place)
{
	size_t length;

	memset(place, 0xa5, sizeof(*place));
	if (!web_place_parse(url, place)) {
		PROMISE(web_place_parse("http://h:1", place));
		return;
	}
	length = strnlen(place->port, sizeof(place->port));
	PROMISE(length >= 1 && length <= 5 && strspn(place->port, "0123456789") == length);
	length = strnlen(place->host, sizeof(place->host));
	PROMISE(length >= 1 && length < sizeof(place->host));
	PROMISE(strlen(place->authority) < sizeof(place->authority));
	PROMISE(strpbrk(place->authority, " /\r\n\t@?#\\\"") == NULL);
}

/* Give it in pieces; true: it is whole. */
static bool
receive(struct web *w, bool *failed)
{
	bool ends, done = false;
	size_t left = next_answer(&ends), take, body_bytes;
	const bool stays = !ends;

	while (left > 0 && !done && !*failed) {
		take = left < step ? left : step;
		web_fake_say(rest, take, false);
		rest += take;
		rest_bytes -= take;
		left -= take;
		*failed = web_receive(w, &done) != ERR_OK;
	}
	rest += left;
	rest_bytes -= left;
	if (rest_bytes > 0) {
		rest++;
		rest_bytes--;
	}
	if (!done && !*failed && !stays) {
		web_fake_say("", 0, true);
		*failed = web_wait(w, LIMIT_WEB_MS) != ERR_OK;
		done = !*failed;
	}
	PROMISE(!*failed || web_fd(w) == -1);
	if (done) {
		(void)h1_body(web_answer(w), &body_bytes);
		PROMISE(body_bytes <= LIMIT_HTTP_BODY_BYTES);
		PROMISE(h1_status(web_answer(w)) >= 0);
	}
	return done;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct h1_request request = { .method = "GET", .path = "/x", .content_type = "t" };
	struct h1_request asked = request;
	struct web_place place;
	struct web *w;
	char url[300];
	size_t n = 0;
	bool failed = false;

	if (size < 2)
		return 0;
	step = (size_t)data[0] + 1;
	for (data++, size--; n < size && data[n] != '\n' && n < sizeof(url) - 1; n++)
		url[n] = (char)data[n];
	url[n] = '\0';
	check_place(url, &place);
	n += n < size;
	rest = data + n;
	rest_bytes = size - n;
	PROMISE(web_new(&place, &w) == ERR_OK);
	asked.authority = place.authority;
	for (int i = 0; i < MOST_EXCHANGES && rest_bytes > 0; i++) {
		failed = false;
		PROMISE(web_send(w, &asked) == ERR_OK);
		if (!receive(w, &failed) && !failed)
			web_disconnect(w); /* as who waits in vain does */
	}
	web_free(w);
	web_fake_reset();
	return 0;
}
