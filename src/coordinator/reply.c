#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/hex.h"
#include "coordinator/pack.h"
#include "coordinator/reply.h"
#include "sys/crypto.h"

#define TYPE_JSON "application/json"

static const char no_memory[] = "{\"error\":\"out of memory; try again later\"}\n";

void
reply_text(struct http_reply *reply, const char *type, char *text, size_t size_bytes)
{
	reply->status = 200;
	reply->type = type;
	reply->body = text;
	reply->body_bytes = size_bytes;
	reply->is_static = false;
}

static void
refuse_no_memory(struct http_reply *reply)
{
	reply->status = 503;
	reply->type = TYPE_JSON;
	reply->body = (void *)(uintptr_t)no_memory;
	reply->body_bytes = sizeof(no_memory) - 1;
	reply->is_static = true;
}

void
reply_json(struct http_reply *reply, json_t *value)
{
	/* ENSURE_ASCII: what attackers typed cannot hide as bidi or control characters in a log. */
	char *text = value != NULL ? json_dumps(value,
	                                 JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6))
	                           : NULL;
	char *line;
	size_t length;

	json_decref(value);
	length = text != NULL ? strlen(text) : 0;
	if (text != NULL && (line = realloc(text, length + 2)) != NULL) {
		memcpy(line + length, "\n", 2);
		reply_text(reply, TYPE_JSON, line, length + 1);
		return;
	}
	free(text);
	refuse_no_memory(reply);
}

void
reply_json_text(struct http_reply *reply, struct json_text *text)
{
	if (text->failed) {
		json_text_free(text);
		refuse_no_memory(reply);
		return;
	}
	reply_text(reply, TYPE_JSON, text->bytes, text->size_bytes);
	*text = (struct json_text){ 0 };
}

bool
reply_cached(const struct coordinator *c, const struct cached *cached, struct http_reply *reply)
{
	char *copy;

	if (registry_count(c->registry) <= LIMIT_STATE_NODES || cached->text == NULL ||
	    cached->at_ms + LIMIT_STATE_MS <= loop_now_ms() ||
	    (copy = malloc(cached->size_bytes)) == NULL)
		return false;
	memcpy(copy, cached->text, cached->size_bytes);
	reply_text(reply, TYPE_JSON, copy, cached->size_bytes);
	reply->body_digest = &cached->digest;
	return true;
}

void
reply_cache(const struct coordinator *c, struct cached *cached, struct http_reply *reply)
{
	const struct crypto *crypto = crypto_sodium();

	if (registry_count(c->registry) <= LIMIT_STATE_NODES || reply->status != 200)
		return;
	free(cached->text);
	cached->text = malloc(reply->body_bytes);
	if (cached->text == NULL)
		return;
	memcpy(cached->text, reply->body, reply->body_bytes);
	cached->size_bytes = reply->body_bytes;
	cached->at_ms = loop_now_ms();
	crypto->sha256(crypto->context, "", reply->body, reply->body_bytes, &cached->digest);
	reply->body_digest = &cached->digest;
}

void
reply_and_cache(
    const struct coordinator *c, struct cached *cached, json_t *value, struct http_reply *reply)
{
	reply_json(reply, value);
	reply_cache(c, cached, reply);
}

bool
reply_may_pack(const struct http_request *request)
{
	const char *named = http_header(request, "Accept-Encoding");

	if (named == NULL || (named = strcasestr(named, "gzip")) == NULL)
		return false;
	named += strlen("gzip");
	named += strspn(named, " \t");
	if (*named != ';')
		return true;
	named += strcspn(named, "=,");
	return *named != '=' || strtod(named + 1, NULL) > 0;
}

static void
say_packed(struct http_reply *reply, uint8_t *bytes, size_t size_bytes)
{
	size_t n = 0;

	if (!reply->is_static)
		free(reply->body);
	reply->body = bytes;
	reply->body_bytes = size_bytes;
	reply->is_static = false;
	reply->body_digest = NULL;
	while (reply->fields[n].name != NULL)
		n++;
	reply->fields[n] = (struct http_field){ "Content-Encoding", "gzip" };
	reply->fields[n + 1] = (struct http_field){ "Vary", "Accept-Encoding" };
}

void
reply_pack(const struct http_request *request, struct http_reply *reply)
{
	struct pack pack = { 0 };
	uint8_t *bytes;
	size_t size_bytes;

	/* Without memory it goes out as it is. */
	if (reply->status == 200 && reply->body_bytes >= LIMIT_PACK_FROM_BYTES &&
	    reply_may_pack(request) && pack_make(reply->body, reply->body_bytes, &pack) == ERR_OK &&
	    pack_join("", 0, &pack, &bytes, &size_bytes) == ERR_OK)
		say_packed(reply, bytes, size_bytes);
	pack_free(&pack);
}

/* Head and tail in one piece. */
static void
answer_plain(const struct json_text *head, const struct cached *tail, struct http_reply *reply)
{
	char *text = malloc(head->size_bytes + tail->size_bytes + 1);

	if (text == NULL) {
		refuse_no_memory(reply);
		return;
	}
	memcpy(text, head->bytes, head->size_bytes);
	memcpy(text + head->size_bytes, tail->text, tail->size_bytes);
	reply_text(reply, TYPE_JSON, text, head->size_bytes + tail->size_bytes);
}

bool
cached_is_fresh(const struct coordinator *c, const struct cached *cached)
{
	return registry_count(c->registry) > LIMIT_STATE_NODES && cached->text != NULL &&
	       cached->at_ms + LIMIT_STATE_MS > loop_now_ms();
}

void
cached_take(struct cached *cached, struct json_text *text)
{
	cached_free(cached);
	*cached = (struct cached){
		.text = text->bytes, .size_bytes = text->size_bytes, .at_ms = loop_now_ms()
	};
	*text = (struct json_text){ 0 };
}

void
cached_free(struct cached *cached)
{
	free(cached->text);
	pack_free(&cached->pack);
	*cached = (struct cached){ 0 };
}

void
reply_headed(const struct http_request *request, const struct json_text *head, struct cached *tail,
    struct http_reply *reply)
{
	uint8_t *bytes;
	size_t size_bytes;

	if (head->failed || tail->text == NULL) {
		refuse_no_memory(reply);
		return;
	}
	reply->status = 200;
	reply->type = TYPE_JSON;
	if (reply_may_pack(request) &&
	    (tail->pack.bytes != NULL ||
	        pack_make(tail->text, tail->size_bytes, &tail->pack) == ERR_OK) &&
	    pack_join(head->bytes, head->size_bytes, &tail->pack, &bytes, &size_bytes) == ERR_OK)
		say_packed(reply, bytes, size_bytes);
	else
		answer_plain(head, tail, reply);
}

void
reply_error(struct http_reply *reply, unsigned status, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	reply_json(reply, json_pack("{s:s}", "error", text));
	if (reply->status == 200)
		reply->status = status;
}

json_t *
body_object(const struct http_request *request, struct http_reply *reply)
{
	json_error_t error;
	json_t *value = json_loadb(
	    (const char *)request->body, request->body_bytes, JSON_REJECT_DUPLICATES, &error);

	if (value == NULL)
		reply_error(reply, 400,
		    "not one JSON value without duplicate keys (line %d, column %d)", error.line,
		    error.column);
	else if (!json_is_object(value)) {
		json_decref(value);
		value = NULL;
		reply_error(reply, 400, "send a JSON object");
	}
	return value;
}

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

const char *
body_string(
    const json_t *object, const char *key, size_t room, bool optional, struct http_reply *reply)
{
	const json_t *value = json_object_get(object, key);
	const char *text;

	if (value == NULL && optional)
		return "";
	text = json_string_value(value);
	if (text == NULL || strlen(text) >= room || has_control(text) ||
	    (*text == '\0' && !optional)) {
		reply_error(reply, 400,
		    "%s: give a string of %d to %zu bytes without control characters", key,
		    optional ? 0 : 1, room - 1);
		return NULL;
	}
	return text;
}

bool
body_number(
    const json_t *object, const char *key, double most, double *out, struct http_reply *reply)
{
	const json_t *value = json_object_get(object, key);
	double number = json_number_value(value);

	if (value != NULL && (!json_is_number(value) || !(number >= 0 && number <= most))) {
		reply_error(reply, 400, "%s: give a number from 0 to %g", key, most);
		return false;
	}
	*out = number;
	return true;
}

bool
query_number(const struct http_request *request, const char *name, uint64_t least, uint64_t most,
    uint64_t *out, struct http_reply *reply)
{
	const char *text = http_query(request, name);
	char *end;
	unsigned long long value;

	if (text == NULL)
		return true;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < least ||
	    value > most) {
		reply_error(reply, 400, "%s: give a whole number from %llu to %llu", name,
		    (unsigned long long)least, (unsigned long long)most);
		return false;
	}
	*out = value;
	return true;
}

const char *
time_text(uint64_t unix_ms, char out[TIME_ROOM])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	char day[32];
	struct tm tm;

	*out = '\0';
	if (gmtime_r(&seconds, &tm) != NULL &&
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) > 0)
		snprintf(out, TIME_ROOM, "%s.%03uZ", day, (unsigned)(unix_ms % 1000));
	return out;
}

json_t *
json_time(uint64_t unix_ms)
{
	char text[TIME_ROOM];

	return json_string(time_text(unix_ms, text));
}

json_t *
json_number_short(double number)
{
	return number == floor(number) && fabs(number) < 1e15 ? json_integer((json_int_t)number)
	                                                      : json_real(number);
}

json_t *
json_hex(const uint8_t *bytes, size_t size_bytes)
{
	char text[HEX_ROOM(64)];

	return size_bytes > 64 ? NULL : json_string_nocheck(hex_format(bytes, size_bytes, text));
}
