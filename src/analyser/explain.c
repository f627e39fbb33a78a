#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "analyser/explain.h"
#include "analyser/prompt.h"
#include "base/hex.h"

struct reading {
	struct event event;
	const char *complaint;
};

/* ---- what each key accepts ---------------------------------------------------------- */

static bool
set_kind(struct reading *r, void *field, const json_t *value)
{
	(void)field;
	return json_is_string(value) &&
	       event_class_parse(json_string_value(value), &r->event.class);
}

static bool
set_nothing(struct reading *r, void *field, const json_t *value)
{
	(void)r;
	(void)field;
	return json_is_string(value) || json_is_integer(value);
}

static bool
set_source(struct reading *r, void *field, const json_t *value)
{
	(void)field;
	return json_is_string(value) &&
	       (json_string_length(value) == 0 ||
	           address_parse(json_string_value(value), &r->event.source));
}

static bool
in_range(const json_t *value, json_int_t most)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 &&
	       json_integer_value(value) <= most;
}

static bool
set_port(struct reading *r, void *field, const json_t *value)
{
	(void)r;
	if (!in_range(value, UINT16_MAX))
		return false;
	*(uint16_t *)field = (uint16_t)json_integer_value(value);
	return true;
}

static bool
set_count(struct reading *r, void *field, const json_t *value)
{
	(void)field;
	if (!in_range(value, UINT32_MAX))
		return false;
	if (json_integer_value(value) > 0)
		r->event.count = (uint32_t)json_integer_value(value);
	return true;
}

static bool
set_number(struct reading *r, void *field, const json_t *value)
{
	(void)r;
	if (!in_range(value, INT64_MAX))
		return false;
	*(uint64_t *)field = (uint64_t)json_integer_value(value);
	return true;
}

static bool
set_percent(struct reading *r, void *field, const json_t *value)
{
	(void)r;
	if (!json_is_number(value))
		return false;
	*(float *)field = event_percent(json_number_value(value));
	return true;
}

static bool
set_text(struct reading *r, void *field, const json_t *value)
{
	(void)r;
	if (!json_is_string(value))
		return false;
	event_set_text(field, json_string_value(value), json_string_length(value));
	return true;
}

static bool
set_payload(struct reading *r, void *field, const json_t *value)
{
	size_t digits = json_string_length(value), size = digits / 2;
	uint8_t *bytes;
	bool good;

	(void)field;
	if (!json_is_string(value) || digits % 2 != 0)
		return false;
	if ((bytes = malloc(size + 1)) == NULL)
		return false;
	good = hex_parse(json_string_value(value), digits, bytes, size);
	if (good)
		event_set_capture(&r->event, bytes, size);
	free(bytes);
	return good;
}

/* ---- an event -------------------------------------------------------------------------- */

#define FIELD(name) offsetof(struct reading, event.name)

static const struct key {
	const char *name;
	size_t offset;
	bool (*set)(struct reading *, void *field, const json_t *);
	const char *complaint;
} keys[] = {
	{ "kind", 0, set_kind, "kind: no such kind of event; give HONEYPOT_TRIPPED or another" },
	{ "node", 0, set_nothing, "node: not a string" },
	{ "timestamp", 0, set_nothing, "timestamp: not a number" },
	{ "source_ip", 0, set_source, "source_ip: not an IP address" },
	{ "source_port", FIELD(source_port), set_port, "source_port: not a port" },
	{ "port", FIELD(port), set_port, "port: not a port" },
	{ "count", 0, set_count, "count: not a number" },
	{ "since_last_ms", FIELD(since_last_ms), set_number, "since_last_ms: not a number" },
	{ "captured_bytes", FIELD(captured_bytes), set_number, "captured_bytes: not a number" },
	{ "client_banner", FIELD(banner), set_text, "client_banner: not a string" },
	{ "username", FIELD(username), set_text, "username: not a string" },
	{ "user_agent", FIELD(user_agent), set_text, "user_agent: not a string" },
	{ "path", FIELD(path), set_text, "path: not a string" },
	{ "payload_hex", 0, set_payload, "payload_hex: not pairs of hexadecimal digits" },
	{ "cpu_pct", FIELD(cpu_percent), set_percent, "cpu_pct: not a number" },
	{ "mem_pct", FIELD(memory_percent), set_percent, "mem_pct: not a number" },
};

static bool
read_member(struct reading *r, const char *name, const json_t *value)
{
	const size_t count = sizeof(keys) / sizeof(keys[0]);
	size_t i;

	for (i = 0; i < count && strcmp(keys[i].name, name) != 0; i++)
		continue;
	if (i == count)
		r->complaint = "a key that no event has";
	else if (!keys[i].set(r, (char *)r + keys[i].offset, value))
		r->complaint = keys[i].complaint;
	return r->complaint == NULL;
}

enum err
explain_parse(const char *text, size_t size_bytes, struct event *out, const char **complaint)
{
	json_t *root = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	struct reading r = { .event = { .count = 1 } };
	const char *name;
	json_t *value;

	if (!json_is_object(root))
		r.complaint = "not one JSON object";
	else if (json_object_get(root, "kind") == NULL)
		r.complaint = "kind: missing";
	else
		json_object_foreach(root, name, value) if (!read_member(&r, name, value)) break;
	json_decref(root);
	if (r.complaint != NULL) {
		*complaint = r.complaint;
		return ERR_MALFORMED;
	}
	*out = r.event;
	return ERR_OK;
}

/* ---- the answer -------------------------------------------------------------------------- */

/* What was sent, or would have been. */
static char *
prompt_text(const struct event *event, const char *sent_or_null)
{
	struct prompt *prompt = NULL;
	struct features features;
	uint8_t mark[PROMPT_MARK_BYTES];
	char *text = NULL;
	size_t room;

	if (sent_or_null == NULL) {
		if ((prompt = malloc(sizeof(*prompt))) == NULL)
			return NULL;
		randombytes_buf(mark, sizeof(mark));
		features_of(event, &features);
		prompt_write(event, &features, mark, prompt);
		sent_or_null = prompt->user;
	}
	room = strlen(prompt_system()) + strlen(sent_or_null) + 3;
	if ((text = malloc(room)) != NULL)
		(void)snprintf(text, room, "%s\n\n%s", prompt_system(), sent_or_null);
	free(prompt);
	return text;
}

char *
explain_format(const struct event *event, const struct advice *a)
{
	char *prompt = prompt_text(event, a->prompt), *text = NULL;
	json_t *root;

	if (prompt == NULL)
		return NULL;
	root = json_pack("{s:i, s:i, s:o, s:i, s:s, s:s, s:o, s:i, s:s}", "floor", (int)a->floor,
	    "ceiling", (int)a->ceiling, "opinion",
	    a->has_opinion ? json_integer((json_int_t)a->opinion) : json_null(), "final",
	    (int)a->score, "method", a->method, "reason", a->reason, "rejected",
	    a->rejected != REJECT_NONE ? json_string(rejection_text(a->rejected)) : json_null(),
	    "latency_ms", (int)a->latency_ms, "prompt", prompt);
	/* ASCII alone: safe on a terminal, whatever the model wrote. */
	if (root != NULL)
		text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(root);
	free(prompt);
	return text;
}
