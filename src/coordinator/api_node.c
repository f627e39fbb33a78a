/*
 * api_node: one node: what it says, who it is, and how it has been.
 */
#include <string.h>
#include "base/hex.h"
#include "coordinator/reply.h"
#include "coordinator/show.h"

/* By name, or by node id; SIZE_MAX: neither. */
static size_t
find(const struct coordinator *c, const char *text)
{
	const struct registry_node *node = NULL;
	uint8_t id[16];

	if (registry_is_name(text))
		node = registry_find(c->registry, text);
	if (node == NULL && hex_parse(text, strlen(text), id, sizeof(id)))
		node = registry_find_key_id(c->registry, id);
	for (size_t i = 0; node != NULL && i < registry_count(c->registry); i++)
		if (registry_at(c->registry, i) == node)
			return i;
	return SIZE_MAX;
}

static const char *
mode_text(enum node_mode mode)
{
	switch (mode) {
	case MODE_ENFORCE:
		return "enforce";
	case MODE_OBSERVE:
		return "observe";
	case MODE_UNKNOWN:
		break;
	}
	return "unknown";
}

/* Empty for a stranger. */
static json_t *
enrolment_json(const struct coordinator *c, const struct registry_node *node)
{
	const struct epoch *epoch;
	const struct member *member;
	json_t *addresses = json_array();
	char address[46];

	if (node->member == MEMBER_NONE)
		return json_pack("{s:s, s:o}", "role", "", "addresses", addresses);
	epoch = roster_current(c->roster);
	member = roster_member(c->roster, node->member);
	for (size_t i = 0; i < member->address_count; i++) {
		address_format(&member->addresses[i], address);
		json_array_append_new(addresses, json_string(address));
	}
	return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:b, s:I}", "role", "node", "addresses",
	    addresses, "incarnation", (json_int_t)member->incarnation, "not_before",
	    (json_int_t)member->not_before_ms, "not_after", (json_int_t)member->not_after_ms,
	    "weight", (json_int_t)epoch_weight_of(epoch, node->member), "listed",
	    epoch_has(epoch, node->member), "roster_epoch", (json_int_t)epoch_number(epoch));
}

static json_t *
node_json(struct coordinator *c, size_t index)
{
	const struct registry_node *node = registry_at(c->registry, index);
	const struct node_row row = show_node(c, node, loop_unix_ms());
	char zone[REGISTRY_ZONE_BYTES];
	json_t *out, *enrolment = enrolment_json(c, node);

	registry_zone_name(c->registry, node->zone, zone);
	out = json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:i, s:s, s:b, s:I, s:I, "
	                "s:s, s:o}",
	    "idx", (json_int_t)index, "id",
	    node->proven ? json_hex(node->key_id, sizeof(node->key_id)) : json_string(""), "name",
	    node->name, "zone", zone, "status", node_status_text((enum node_status)row.status),
	    "says", node->status, "score", row.score / 10.0, "cpu", row.cpu / 10.0, "ram",
	    row.ram / 10.0, "hp", (int)row.decoys, "mode", mode_text(node->mode), "drift",
	    row.drift, "seen", (json_int_t)node->seen_ms, "t", (json_int_t)loop_unix_ms(),
	    "address", node->address, "key",
	    node->proven ? json_hex(node->key.bytes, sizeof(node->key.bytes)) : json_string(""));
	if (out != NULL && enrolment != NULL)
		json_object_update(out, enrolment);
	json_decref(enrolment);
	return out;
}

/* GET /api/v1/nodes/{name or id} */
void
api_node(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	size_t index = find(c, request->segment[0]);

	if (index == SIZE_MAX)
		reply_error(reply, 404, "no such node; give a name or an id of 32 hex digits");
	else
		reply_json(reply, node_json(c, index));
}

static void
put_sample(struct json_text columns[3], unsigned index, const struct series_sample *sample)
{
	const unsigned values[3] = { sample->cpu, sample->ram, sample->score * 10U };

	for (int k = 0; k < 3; k++) {
		json_text_comma(&columns[k], index);
		if (sample->score == SERIES_NONE)
			json_text_put(&columns[k], "null");
		else
			json_text_tenths(&columns[k], values[k]);
	}
}

static void
answer_series(const struct registry_node *node, struct http_reply *reply)
{
	static const char *const names[3] = { ",\"cpu\":[", ",\"ram\":[", ",\"score\":[" };
	const struct series_sample none = { .score = SERIES_NONE };
	const uint64_t now_ms = loop_unix_ms();
	struct series_sample sample;
	struct json_text columns[3] = { 0 }, t = { 0 };

	for (unsigned i = 0; i < SERIES_SAMPLES; i++) {
		sample = node->series != NULL ? series_at(node->series, now_ms, i) : none;
		put_sample(columns, i, &sample);
	}
	json_text_put(&t, "{\"t0\":");
	json_text_number(&t, (now_ms / SERIES_STEP_MS - SERIES_SAMPLES + 1) * SERIES_STEP_MS);
	json_text_put(&t, ",\"step_ms\":");
	json_text_number(&t, SERIES_STEP_MS);
	for (int k = 0; k < 3; k++) {
		json_text_put(&t, names[k]);
		if (!columns[k].failed)
			json_text_put(&t, columns[k].bytes);
		t.failed = t.failed || columns[k].failed;
		json_text_put(&t, "]");
		json_text_free(&columns[k]);
	}
	json_text_put(&t, "}\n");
	reply_json_text(reply, &t);
}

/* GET /api/v1/nodes/{name or id}/series */
void
api_series(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	size_t index = find(c, request->segment[0]);

	if (index == SIZE_MAX) {
		reply_error(reply, 404, "no such node; give a name or an id of 32 hex digits");
		return;
	}
	answer_series(registry_at(c->registry, index), reply);
	reply_pack(request, reply);
}
