/*
 * api_state: one snapshot of everything that the page shows, and the
 * incidents alone.
 */
#include <stdlib.h>
#include <string.h>
#include "coordinator/changes.h"
#include "coordinator/door.h"
#include "coordinator/identity.h"
#include "coordinator/log_chain.h"
#include "coordinator/reply.h"
#include "coordinator/show.h"

void
api_incidents(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	if (!reply_cached(c, &c->incidents, reply))
		reply_and_cache(c, &c->incidents,
		    json_pack("{s:i, s:I, s:o}", "v", 1, "t", (json_int_t)loop_unix_ms(),
		        "incidents", show_incidents(c)),
		    reply);
	reply_pack(request, reply);
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

static size_t
members_of(const struct roster *roster)
{
	size_t count = 0;

	for (size_t m = 0; m < roster_count(roster); m++)
		count += epoch_has(roster_current(roster), (member_index)m);
	return count;
}

/* {name: value, ...} without its braces. */
static void
put_members(struct json_text *t, json_t *object)
{
	const char *key;
	json_t *value;

	if (object == NULL)
		t->failed = true;
	json_object_foreach(object, key, value)
	{
		json_text_put(t, ",");
		json_text_word(t, key);
		json_text_put(t, ":");
		json_text_value(t, json_incref(value));
	}
	json_decref(object);
}

static json_t *
mesh_json(const struct coordinator *c, uint64_t now_ms)
{
	const struct epoch *epoch = c->roster != NULL ? roster_current(c->roster) : NULL;
	json_t *states = json_array();

	for (int i = STATUS_HEALTHY; i <= STATUS_UNREACHABLE; i++)
		json_array_append_new(states, json_string(node_status_text((enum node_status)i)));
	return json_pack("{s:I, s:I, s:I, s:s, s:o, s:I, s:I, s:I, s:I, s:o}", "epoch",
	    (json_int_t)c->started_ms, "seq", (json_int_t)events_number(c->events), "t",
	    (json_int_t)now_ms, "mesh", epoch != NULL ? roster_mesh_name(c->roster) : "", "key",
	    json_hex(identity_key(c->identity)->bytes, sizeof(identity_key(c->identity)->bytes)),
	    "key_since", (json_int_t)identity_since_ms(c->identity), "heads",
	    (json_int_t)(epoch != NULL ? epoch_heads(epoch) : 0), "members",
	    (json_int_t)(epoch != NULL ? members_of(c->roster) : 0), "roster_epoch",
	    (json_int_t)(epoch != NULL ? epoch_number(epoch) : 0), "states", states);
}

/* The same for everybody; `"v":1` first, no opening brace. */
static void
compose(struct coordinator *c, struct json_text *t)
{
	uint64_t now_ms = loop_unix_ms();

	changes_tell(c->changes);
	json_text_put(t, "\"v\":1");
	put_members(t, mesh_json(c, now_ms));
	json_text_put(t, ",\"zones\":");
	show_zones(c, t);
	json_text_put(t, ",\"nodes\":");
	show_nodes(c, now_ms, t);
	json_text_put(t, ",\"incidents\":");
	json_text_value(t, show_incidents(c));
	json_text_put(t, ",\"threats\":");
	json_text_value(t, show_threats(c, LIMIT_THREATS_SHOWN));
	json_text_put(t, ",\"blocked\":");
	json_text_value(t, show_blocked_list(c, now_ms));
	json_text_put(t, ",\"feed\":");
	json_text_value(
	    t, json_pack("{s:I, s:o}", "entries", (json_int_t)log_chain_count(c->log_chain), "head",
	           json_hex(log_chain_head(c->log_chain)->bytes,
	               sizeof(log_chain_head(c->log_chain)->bytes))));
	json_text_put(t, "}\n");
}

void
api_state(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct json_text all = { 0 }, mine = { 0 };

	if (!cached_is_fresh(c, &c->state)) {
		compose(c, &all);
		if (all.failed)
			json_text_free(&all);
		cached_take(&c->state, &all);
	}
	json_text_put(&mine, "{\"me\":");
	json_text_value(&mine, session_describe(c, request));
	json_text_put(&mine, ",");
	reply_headed(request, &mine, &c->state, reply);
	json_text_free(&mine);
}
