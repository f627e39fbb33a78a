/*
 * api_mesh: the mesh's own entries, which nodes hand in and which are proven
 * here, and what they amount to, for the page.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "coordinator/auth.h"
#include "coordinator/reply.h"
#include "sys/log.h"

/* ---- taking entries in ------------------------------------------------------------------ */

struct batch {
	struct coordinator *c;
	struct ledger_entry *entries; /* proven and new; applied once they are on disk */
	size_t count, room;
	size_t known;
	json_t *refused;
};

static void
forget(void *context, const struct node_id *author)
{
	ledger_evicted(context, author);
}

/* Room for one more of this author: its share first, then everybody's. */
static enum err
make_room(struct coordinator *c, const struct ledger_entry *e)
{
	enum err err = ERR_OK;

	if (ledger_held(c->ledger, e->author) >= LIMIT_HELD_PER_AUTHOR)
		err = store_evict_entries(
		    c->store, &e->entry.header.author, LIMIT_EVICTED, forget, c->ledger);
	if (err == ERR_OK && ledger_held_total(c->ledger) >= LIMIT_HELD_OBJECTS)
		err = store_evict_entries(c->store, NULL, LIMIT_EVICTED, forget, c->ledger);
	if (err == ERR_OK && (ledger_held(c->ledger, e->author) >= LIMIT_HELD_PER_AUTHOR ||
	                         ledger_held_total(c->ledger) >= LIMIT_HELD_OBJECTS))
		err = ERR_FULL;
	return err;
}

static enum err
keep_entry(struct coordinator *c, const struct ledger_entry *e)
{
	struct store_entry kept = {
		.hash = e->hash,
		.author = e->entry.header.author,
		.time_ms = e->entry.header.time_ms,
		.standing = e->standing,
		.envelope = e->envelope,
	};
	enum err err;

	if ((err = make_room(c, e)) != ERR_OK)
		return err;
	return store_add_entry(c->store, &kept);
}

/* Verify first, then keep; REPLAY: it is here already. */
static enum err
take_entry(struct batch *b, struct span envelope)
{
	struct ledger_entry *e;
	struct hash hash;
	size_t room;
	enum err err;

	if ((err = ledger_hash(b->c->ledger, envelope, &hash)) != ERR_OK)
		return err;
	if (store_has_entry(b->c->store, &hash))
		return ERR_REPLAY;
	if (b->count == b->room) {
		room = b->room == 0 ? 4 : 2 * b->room;
		if ((e = reallocarray(b->entries, room, sizeof(*e))) == NULL)
			return ERR_NOMEM;
		b->entries = e;
		b->room = room;
	}
	e = &b->entries[b->count];
	if ((err = ledger_check(b->c->ledger, envelope, e)) == ERR_OK &&
	    (err = keep_entry(b->c, e)) == ERR_OK)
		b->count++;
	return err;
}

/* A serialised SyncItems: field 1, length-delimited, repeated; nothing else. */
static enum err
take_items(struct batch *b, const struct http_request *request)
{
	struct buf_in in;
	struct span envelope;
	json_int_t index = 0;
	enum err err;

	buf_in_init(&in, request->body, request->body_bytes);
	while (in.err == ERR_OK && buf_left(&in) > 0) {
		if (buf_take_varint(&in) != (1 << 3 | 2))
			buf_in_fail(&in, ERR_UNKNOWN_FIELD);
		envelope.size_bytes = buf_take_varint(&in);
		envelope.data = buf_take(&in, envelope.size_bytes);
		if (in.err != ERR_OK)
			break;
		err = take_entry(b, envelope);
		if (err == ERR_REPLAY)
			b->known++;
		else if (err != ERR_OK)
			json_array_append_new(b->refused,
			    json_pack("{s:I, s:s}", "index", index, "error", err_text(err)));
		index++;
	}
	return in.err;
}

static void
log_entry(const struct coordinator *c, const struct ledger_entry *e)
{
	log_info("incident=%016" PRIx64 " entry kind=%s author=%s subject=%s verified",
	    buf_load_u64(e->incident.bytes), entry_kind_text(e->entry.kind),
	    roster_member(c->roster, e->author)->name,
	    e->subject == MEMBER_NONE ? "-" : roster_member(c->roster, e->subject)->name);
}

static enum err
apply_batch(struct batch *b)
{
	enum err err;

	for (size_t i = 0; i < b->count; i++) {
		if ((err = ledger_apply(b->c->ledger, &b->entries[i])) != ERR_OK)
			return err;
		log_entry(b->c, &b->entries[i]);
	}
	b->c->entries_accepted += b->count;
	b->c->entries_refused += json_array_size(b->refused);
	if (b->count > 0)
		b->c->sequence++;
	return ERR_OK;
}

static void
take_batch(struct batch *b, const struct http_request *request, const struct signer *signer,
    struct http_reply *reply)
{
	enum err err;

	if ((err = store_begin(b->c->store)) != ERR_OK) {
		reply_error(reply, 503, "cannot be kept: %s; send them again later", err_text(err));
		return;
	}
	if ((err = take_items(b, request)) != ERR_OK) {
		store_rollback(b->c->store);
		reply_error(reply, 400, "not a serialised SyncItems: %s", err_text(err));
		return;
	}
	if ((err = store_commit(b->c->store)) != ERR_OK || (err = apply_batch(b)) != ERR_OK) {
		store_rollback(b->c->store);
		reply_error(reply, 503, "cannot be kept: %s; send them again later", err_text(err));
		return;
	}
	if (json_array_size(b->refused) > 0)
		log_warn("entries from=%s refused=%zu accepted=%zu",
		    signer->is_signed ? signer->node->name : "unsigned",
		    json_array_size(b->refused), b->count);
	reply_json(reply, json_pack("{s:I, s:I, s:O}", "accepted", (json_int_t)b->count, "known",
	                      (json_int_t)b->known, "refused", b->refused));
}

void
api_entries(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct batch batch = { .c = c };
	struct signer signer;

	if (!auth_request(c, request, &signer, reply))
		return;
	if (c->ledger == NULL) {
		reply_error(
		    reply, 503, "no roster to verify entries with; set roster_file and ca_file");
		return;
	}
	if ((batch.refused = json_array()) == NULL)
		reply_error(reply, 503, "out of memory; try again later");
	else
		take_batch(&batch, request, &signer, reply);
	json_decref(batch.refused);
	free(batch.entries);
}

/* ---- incidents ----------------------------------------------------------------------------- */

static json_t *
voices_json(const struct coordinator *c, const struct voice *voices, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count && i < LIMIT_VOICES_SHOWN; i++)
		json_array_append_new(
		    list, json_pack("{s:s, s:I, s:b}", "name",
		              roster_member(c->roster, voices[i].member)->name, "t",
		              (json_int_t)voices[i].time_ms, "good", voices[i].good));
	return list;
}

/* How many of the others must sign. */
static size_t
votes_needed(const struct coordinator *c)
{
	size_t heads = epoch_heads(roster_current(c->roster)), others = heads > 0 ? heads - 1 : 0;

	if (heads <= 4)
		return others < 2 ? 2 : others;
	return others / 2 + 1;
}

static json_t *
release_json(const struct coordinator *c, const struct incident *i)
{
	if (!i->release_asked)
		return json_null();
	return json_pack("{s:s, s:s, s:I}", "by", roster_member(c->roster, i->release_by)->name,
	    "kind", i->release_kind == RELEASE_OVERTURNED ? "overturned" : "cleaned", "t",
	    (json_int_t)i->released_ms);
}

/* How many kernels hold it, and how soon. */
static json_t *
cut_json(const struct coordinator *c, const struct incident *i)
{
	uint64_t median, last;
	size_t others = 0;

	if (!incident_held_us(i, &median, &last))
		return json_null();
	for (size_t m = 0; m < roster_count(c->roster); m++)
		others += m != i->subject && epoch_has(roster_current(c->roster), (member_index)m);
	return json_pack("{s:I, s:I, s:f, s:f}", "n", (json_int_t)i->cut_count, "of",
	    (json_int_t)others, "p50_ms", (double)median / 1000, "last_ms", (double)last / 1000);
}

static json_t *
incident_json(const struct coordinator *c, const struct incident *i)
{
	const struct member *subject = roster_member(c->roster, i->subject);
	char source[46] = "";

	if (i->source.address.family != 0)
		address_format(&i->source.address, source);
	return json_pack("{s:o, s:o, s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, "
	                 "s:o, s:o, s:o, s:o}",
	    "id", json_hex(i->id.bytes, sizeof(i->id.bytes)), "node",
	    json_hex(subject->id.bytes, sizeof(subject->id.bytes)), "name", subject->name, "round",
	    (json_int_t)i->round, "level", incident_level_text(incident_level(i)), "evidence",
	    incident_evidence_text(i), "event", event_class_text(i->class), "source", source,
	    "score", (json_int_t)i->score, "t", (json_int_t)i->first_ms, "last",
	    (json_int_t)i->last_ms, "votes", (json_int_t)i->voter_count, "need",
	    (json_int_t)votes_needed(c), "seen", (json_int_t)i->witness_count, "voters",
	    voices_json(c, i->voters, i->voter_count), "witnesses",
	    voices_json(c, i->witnesses, i->witness_count), "release", release_json(c, i), "cut",
	    cut_json(c, i));
}

/* Those that hold first, then the newest. */
static int
compare_incidents(const void *left, const void *right)
{
	const struct incident *a = *(const struct incident *const *)left;
	const struct incident *b = *(const struct incident *const *)right;
	bool a_holds = incident_level(a) == INCIDENT_QUARANTINE;
	bool b_holds = incident_level(b) == INCIDENT_QUARANTINE;

	if (a_holds != b_holds)
		return a_holds ? -1 : 1;
	if (a->last_ms != b->last_ms)
		return a->last_ms > b->last_ms ? -1 : 1;
	return memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes));
}

static json_t *
incidents_json(struct coordinator *c)
{
	size_t count = c->ledger != NULL ? ledger_incident_count(c->ledger) : 0;
	const struct incident **sorted;
	json_t *list = json_array();

	if (count == 0)
		return list;
	if ((sorted = calloc(count, sizeof(const struct incident *))) == NULL) {
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = ledger_incident(c->ledger, i);
	qsort(sorted, count, sizeof(sorted[0]), compare_incidents);
	for (size_t i = 0; i < count && i < LIMIT_INCIDENTS_SHOWN; i++)
		json_array_append_new(list, incident_json(c, sorted[i]));
	free(sorted);
	return list;
}

void
api_incidents(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	(void)request;
	if (!reply_cached(c, &c->incidents, reply))
		reply_and_cache(c, &c->incidents,
		    json_pack("{s:i, s:I, s:o}", "v", 1, "t", (json_int_t)loop_unix_ms(),
		        "incidents", incidents_json(c)),
		    reply);
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

/* Members always, others while they were seen of late. */
static bool
is_shown(const struct registry_node *node, uint64_t now_ms)
{
	return node->member != MEMBER_NONE || node->seen_ms + LIMIT_STRANGER_SHOWN_MS > now_ms;
}

static json_t *
nodes_json(struct coordinator *c, uint64_t now_ms)
{
	json_t *id = json_array(), *name = json_array(), *st = json_array(), *score = json_array();
	json_t *cpu = json_array(), *ram = json_array(), *seen = json_array(),
	       *enrolled = json_array();
	const struct registry_node *node;

	for (size_t i = 0; i < registry_count(c->registry); i++) {
		node = registry_at(c->registry, i);
		if (!is_shown(node, now_ms))
			continue;
		json_array_append_new(id,
		    node->proven ? json_hex(node->key_id, sizeof(node->key_id)) : json_string(""));
		json_array_append_new(name, json_string(node->name));
		json_array_append_new(st, json_integer(coordinator_status(c, node, now_ms)));
		json_array_append_new(
		    score, json_number_short(
		               node->score_ms + LIMIT_GROUNDS_MS > now_ms ? node->score : 0));
		json_array_append_new(cpu, json_number_short(node->cpu));
		json_array_append_new(ram, json_number_short(node->ram));
		json_array_append_new(seen, json_integer((json_int_t)node->seen_ms));
		json_array_append_new(enrolled, json_integer(node->member != MEMBER_NONE));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", id, "name", name, "st",
	    st, "score", score, "cpu", cpu, "ram", ram, "seen", seen, "enrolled", enrolled);
}

static json_t *
state_json(struct coordinator *c)
{
	uint64_t now_ms = loop_unix_ms();
	json_t *states = json_array();

	for (int i = STATUS_HEALTHY; i <= STATUS_UNREACHABLE; i++)
		json_array_append_new(states, json_string(node_status_text((enum node_status)i)));
	return json_pack("{s:i, s:I, s:I, s:I, s:s, s:I, s:o, s:o, s:o}", "v", 1, "epoch",
	    (json_int_t)c->started_ms, "seq", (json_int_t)c->sequence, "t", (json_int_t)now_ms,
	    "mesh", c->roster != NULL ? roster_mesh_name(c->roster) : "", "heads",
	    (json_int_t)(c->roster != NULL ? epoch_heads(roster_current(c->roster)) : 0), "states",
	    states, "nodes", nodes_json(c, now_ms), "incidents", incidents_json(c));
}

void
api_state(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	(void)request;
	if (!reply_cached(c, &c->state, reply))
		reply_and_cache(c, &c->state, state_json(c), reply);
}
