#include "cli/front_door.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "base/hex.h"
#include "cli/command.h"
#include "http/answer.h"
#include "sys/crypto.h"
#include "sys/loop.h"

#define SESSION_CHARS 32
#define PATH_ROOM     128
#define LINK_ROOM     512

/* What was asked, to hold the answer against. */
struct question {
	const char *method;
	char path[PATH_ROOM]; /* without the query */
	uint8_t nonce[16];
};

struct front_door {
	struct front_door_config config;
	bool knows_coordinator;
	struct web *calls; /* short ones */
	struct web *waits; /* the one that waits for what is asked */
	struct question waiting;
	char session[SESSION_CHARS + 1]; /* "": none */
	char link[LINK_ROOM];
	uint64_t last; /* number that was taken */
	bool followed;
};

enum err
front_door_new(const struct front_door_config *config, struct front_door **out)
{
	static const struct public_key none;
	struct front_door *d = calloc(1, sizeof(*d));
	enum err err;

	if (d == NULL)
		return ERR_NOMEM;
	d->config = *config;
	d->knows_coordinator = memcmp(&config->coordinator, &none, sizeof(none)) != 0;
	if ((err = web_new(config->place, &d->calls)) != ERR_OK ||
	    (err = web_new(config->place, &d->waits)) != ERR_OK) {
		front_door_free(d);
		return err;
	}
	*out = d;
	return ERR_OK;
}

void
front_door_free(struct front_door *d)
{
	if (d == NULL)
		return;
	web_free(d->calls);
	web_free(d->waits);
	free(d);
}

/* ---- one exchange --------------------------------------------------------------------- */

static enum err
ask(struct front_door *d, struct web *web, struct question *q, const char *query, const char *body)
{
	struct http_signature_input about = { .method = q->method,
		.authority = d->config.place->authority,
		.path = q->path,
		.created_s = loop_unix_ms() / 1000 };
	struct http_signed fields;
	char target[2 * PATH_ROOM];
	struct hash digest;

	if (getrandom(q->nonce, sizeof(q->nonce), 0) != sizeof(q->nonce))
		return ERR_IO;
	memcpy(about.nonce, q->nonce, sizeof(about.nonce));
	crypto_sodium()->sha256(NULL, "", (const uint8_t *)body, strlen(body), &digest);
	memcpy(about.content_sha256, digest.bytes, sizeof(about.content_sha256));
	if (!release_key_sign_request(d->config.key, &about, &fields))
		return ERR_MALFORMED;
	(void)snprintf(target, sizeof(target), "%s%s", q->path, query);
	return web_send(
	    web, &(struct h1_request){ .method = q->method,
	             .path = target,
	             .authority = d->config.place->authority,
	             .content_type = "application/json",
	             .headers = (struct h1_header[]){ { "Content-Digest", fields.digest },
	                 { "Signature-Input", fields.input }, { "Signature", fields.value } },
	             .header_count = 3,
	             .body = (const uint8_t *)body,
	             .body_bytes = strlen(body) });
}

static enum err
check_seal(struct front_door *d, const struct h1 *h, const struct question *q)
{
	static const struct http_verifier verifier = { crypto_sha256, crypto_verify };
	const struct http_question asked = { q->method, q->path, q->nonce };
	char seen[HEX_ROOM(32)], known[HEX_ROOM(32)];
	struct public_key key;

	if (!http_answer_is_sealed(h, &asked, &verifier, key.bytes)) {
		fprintf(stderr, "phalanx dashboard: an answer without the coordinator's signature: "
		                "somebody stands in its place, or in between\n");
		return ERR_SIGNATURE;
	}
	hex_format(key.bytes, sizeof(key.bytes), seen);
	if (!d->knows_coordinator) {
		printf("The coordinator's key is %s.\nThis machine has not pinned it: compare it "
		       "with coordinator_key in the coordinator's log.\n",
		    seen);
		d->config.coordinator = key;
		d->knows_coordinator = true;
	}
	if (memcmp(&key, &d->config.coordinator, sizeof(key)) == 0)
		return ERR_OK;
	hex_format(d->config.coordinator.bytes, sizeof(key.bytes), known);
	fprintf(stderr,
	    "phalanx dashboard: the coordinator shows the key %s, but %s is known here: somebody "
	    "stands in its place, or its key was replaced (phalanx coordinator)\n",
	    seen, known);
	return ERR_SIGNATURE;
}

/* What a whole answer says; *out NULL unless it is a JSON object. */
static enum err
read_answer(struct front_door *d, const struct web *web, const struct question *q, json_t **out)
{
	const struct h1 *h = web_answer(web);
	const uint8_t *body;
	size_t size_bytes;
	enum err err;

	*out = NULL;
	if ((err = check_seal(d, h, q)) != ERR_OK)
		return err;
	body = h1_body(h, &size_bytes);
	*out = json_loadb((const char *)body, size_bytes, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
	}
	switch (h1_status(h)) {
	case 200:
	case 202:
		return *out != NULL ? ERR_OK : ERR_MALFORMED;
	case 404:
		return ERR_NOT_FOUND;
	default:
		return ERR_DENIED;
	}
}

static void
complain(const json_t *answer, enum err err)
{
	const char *said = json_string_value(json_object_get(answer, "error"));

	if (err == ERR_SIGNATURE)
		return; /* it was said */
	fputs("phalanx dashboard: the coordinator ", stderr);
	fputs(err == ERR_DENIED || err == ERR_NOT_FOUND ? "refuses" : "is not there", stderr);
	fputs(": ", stderr);
	cli_escape(stderr, said != NULL ? said : err_text(err));
	fputc('\n', stderr);
}

/* A short question and its answer; a kept connection that timed out is dialled anew, once. */
static enum err
call(struct front_door *d, struct question *q, const char *body, json_t **out)
{
	bool was_kept = web_fd(d->calls) != -1;
	enum err err = ask(d, d->calls, q, "", body);

	*out = NULL;
	if (err == ERR_OK)
		err = web_wait(d->calls, LIMIT_WEB_MS);
	if (err == ERR_OK)
		return read_answer(d, d->calls, q, out);
	return was_kept ? call(d, q, body, out) : ERR_AGAIN;
}

/* ---- the session ------------------------------------------------------------------------- */

static bool
is_session(const char *text)
{
	return text != NULL && strlen(text) == SESSION_CHARS &&
	       strspn(text, "0123456789abcdef") == SESSION_CHARS;
}

enum err
front_door_enter(struct front_door *d, const char **link)
{
	struct question q = { .method = "POST", .path = "/api/v1/sessions" };
	const char *session, *text;
	json_t *answer;
	enum err err = call(d, &q,
	    d->config.is_viewer ? "{\"role\":\"viewer\"}" : "{\"role\":\"operator\"}", &answer);

	if (err == ERR_OK) {
		session = json_string_value(json_object_get(answer, "session"));
		text = json_string_value(json_object_get(answer, "link"));
		if (is_session(session) && text != NULL && strlen(text) < sizeof(d->link)) {
			memcpy(d->session, session, sizeof(d->session));
			memcpy(d->link, text, strlen(text) + 1);
			d->last = 0;
			d->followed = false;
			*link = d->link;
		} else {
			err = ERR_MALFORMED;
		}
	}
	if (err != ERR_OK)
		complain(answer, err);
	json_decref(answer);
	return err == ERR_NOT_FOUND ? ERR_DENIED : err;
}

void
front_door_leave(struct front_door *d)
{
	struct question q = { .method = "DELETE" };
	json_t *answer;

	if (*d->session == '\0')
		return;
	(void)snprintf(q.path, sizeof(q.path), "/api/v1/sessions/%s", d->session);
	(void)call(d, &q, "", &answer);
	json_decref(answer);
	*d->session = '\0';
}

/* ---- what is asked ------------------------------------------------------------------------ */

enum err
front_door_listen(struct front_door *d)
{
	char query[32];
	enum err err;

	d->waiting.method = "GET";
	(void)snprintf(
	    d->waiting.path, sizeof(d->waiting.path), "/api/v1/sessions/%s/requests", d->session);
	(void)snprintf(query, sizeof(query), "?after=%" PRIu64, d->last);
	if ((err = ask(d, d->waits, &d->waiting, query, "")) == ERR_OK)
		return ERR_OK;
	return err == ERR_NOMEM ? err : ERR_AGAIN;
}

int
front_door_fd(const struct front_door *d)
{
	return web_fd(d->waits);
}

bool
front_door_is_followed(const struct front_door *d)
{
	return d->followed;
}

static bool
copy_text(const json_t *from, const char *key, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(from, key));

	if (text == NULL || strlen(text) >= room)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static bool
read_ask(const json_t *from, struct front_door_ask *out)
{
	json_int_t number = json_integer_value(json_object_get(from, "n"));
	json_int_t expires_s = json_integer_value(json_object_get(from, "expires_s"));
	char kind[16];

	if (number <= 0 || expires_s <= 0 || expires_s > LIMIT_ASK_MS / 1000 ||
	    !copy_text(from, "incident", out->incident, sizeof(out->incident)) ||
	    !copy_text(from, "name", out->name, sizeof(out->name)) ||
	    !copy_text(from, "by", out->by, sizeof(out->by)) ||
	    !copy_text(from, "from", out->from, sizeof(out->from)) ||
	    !copy_text(from, "reason", out->reason, sizeof(out->reason)) ||
	    !copy_text(from, "kind", kind, sizeof(kind)) ||
	    (strcmp(kind, "cleaned") != 0 && strcmp(kind, "overturned") != 0))
		return false;
	out->number = (uint64_t)number;
	out->kind = strcmp(kind, "overturned") == 0 ? RELEASE_OVERTURNED : RELEASE_CLEANED;
	out->asked_ms = (uint64_t)json_integer_value(json_object_get(from, "t"));
	out->expires_ms = loop_now_ms() + (uint64_t)expires_s * 1000;
	return true;
}

static enum err
read_asks(struct front_door *d, const json_t *answer, struct front_door_ask *out, size_t *count)
{
	const json_t *list = json_object_get(answer, "requests");

	if (!json_is_array(list) || json_array_size(list) > LIMIT_ASKS_EACH)
		return ERR_MALFORMED;
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!read_ask(json_array_get(list, i), &out[i]) || out[i].number <= d->last)
			return ERR_MALFORMED;
		d->last = out[i].number;
	}
	*count = json_array_size(list);
	d->followed = json_is_true(json_object_get(answer, "followed"));
	return ERR_OK;
}

enum err
front_door_take(struct front_door *d, struct front_door_ask *out, size_t *count, bool *whole)
{
	json_t *answer;
	enum err err;

	*count = 0;
	if (web_receive(d->waits, whole) != ERR_OK)
		return ERR_AGAIN;
	if (!*whole)
		return ERR_OK;
	if ((err = read_answer(d, d->waits, &d->waiting, &answer)) == ERR_OK)
		err = read_asks(d, answer, out, count);
	if (err != ERR_OK && err != ERR_NOT_FOUND)
		complain(answer, err);
	json_decref(answer);
	return err;
}

enum err
front_door_answer(struct front_door *d, uint64_t number, bool confirmed, const char *why)
{
	struct question q = { .method = "POST" };
	json_t *answer = NULL, *body = json_pack("{s:s, s:s}", "answer",
	                           confirmed ? "confirmed" : "declined", "why", why);
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	enum err err = ERR_NOMEM;

	(void)snprintf(
	    q.path, sizeof(q.path), "/api/v1/sessions/%s/requests/%" PRIu64, d->session, number);
	if (text != NULL && (err = call(d, &q, text, &answer)) != ERR_OK)
		complain(answer, err);
	json_decref(answer);
	json_decref(body);
	free(text);
	return err;
}
