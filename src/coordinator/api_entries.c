/*
 * api_entries: the mesh's own entries, which nodes hand in and which are
 * proven here.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/hex.h"
#include "coordinator/auth.h"
#include "coordinator/changes.h"
#include "coordinator/log_chain.h"
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
forget(void *context, const struct node_id *author, const struct incident_id *incident)
{
	ledger_evicted(context, author, incident);
}

static enum err
evict(struct coordinator *c, member_index author)
{
	if (author == MEMBER_NONE)
		return ERR_OK;
	return store_evict_entries(
	    c->store, &roster_member(c->roster, author)->id, LIMIT_EVICTED, forget, c->ledger);
}

/* Room for one more of this author: who floods pushes out its own. */
static enum err
make_room(struct coordinator *c, const struct ledger_entry *e)
{
	enum err err = ERR_OK;

	if (ledger_held(c->ledger, e->author) >= LIMIT_HELD_PER_AUTHOR)
		err = evict(c, e->author);
	if (err == ERR_OK && ledger_held_total(c->ledger) >= LIMIT_HELD_OBJECTS)
		err = evict(c, ledger_gives_way(c->ledger, e->author));
	if (err == ERR_OK && (ledger_held(c->ledger, e->author) >= LIMIT_HELD_PER_AUTHOR ||
	                         ledger_held_total(c->ledger) >= LIMIT_HELD_OBJECTS))
		err = ERR_FULL;
	return err;
}

static const char *
name_of(const struct coordinator *c, member_index member)
{
	return member == MEMBER_NONE ? "" : roster_member(c->roster, member)->name;
}

/* A line of the coordinator's own log: what was verified, and the hash of the signed bytes. */
static enum err
log_entry(struct coordinator *c, const struct ledger_entry *e)
{
	char incident[HEX_ROOM(sizeof(e->incident.bytes))] = "";

	if (e->subject != MEMBER_NONE)
		hex_format(e->incident.bytes, sizeof(e->incident.bytes), incident);
	return log_chain_add(c->log_chain, entry_kind_text(e->entry.kind), name_of(c, e->subject),
	    incident,
	    json_pack("{s:s, s:o, s:I, s:b}", "by", name_of(c, e->author), "entry",
	        json_hex(e->hash.bytes, sizeof(e->hash.bytes)), "said",
	        (json_int_t)e->entry.header.time_ms, "good", e->good));
}

static enum err
keep_entry(struct coordinator *c, struct ledger_entry *e)
{
	struct store_entry kept = {
		.hash = e->hash,
		.author = e->entry.header.author,
		.time_ms = e->entry.header.time_ms,
		.standing = e->standing,
		.incident = e->incident,
		.envelope = e->envelope,
	};
	enum err err;

	if ((err = make_room(c, e)) != ERR_OK || (err = store_add_entry(c->store, &kept)) != ERR_OK)
		return err;
	e->number = kept.incident_number;
	if ((err = log_entry(c, e)) != ERR_OK && store_drop_entry(c->store, &e->hash) != ERR_OK)
		log_warn("store: an entry is kept that the log does not name");
	return err;
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
tell_log(const struct coordinator *c, const struct ledger_entry *e)
{
	log_info("incident=%016" PRIx64 " entry kind=%s author=%s subject=%s verified",
	    buf_load_u64(e->incident.bytes), entry_kind_text(e->entry.kind),
	    roster_member(c->roster, e->author)->name,
	    e->subject == MEMBER_NONE ? "-" : roster_member(c->roster, e->subject)->name);
}

static enum err
apply_batch(struct batch *b)
{
	struct changes_before before;
	enum err err;

	for (size_t i = 0; i < b->count; i++) {
		changes_before(b->c->changes, &b->entries[i], &before);
		if ((err = ledger_apply(b->c->ledger, &b->entries[i])) != ERR_OK)
			return err;
		changes_entry(b->c->changes, &b->entries[i], &before);
		tell_log(b->c, &b->entries[i]);
	}
	for (size_t i = 0; i < b->count; i++)
		runner_entry(b->c, &b->entries[i]);
	if (b->count > 0)
		changes_logged(b->c->changes);
	b->c->entries_accepted += b->count;
	b->c->entries_refused += json_array_size(b->refused);
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
		log_chain_settle(b->c->log_chain, false);
		reply_error(reply, 400, "not a serialised SyncItems: %s", err_text(err));
		return;
	}
	err = store_commit(b->c->store);
	log_chain_settle(b->c->log_chain, err == ERR_OK);
	if (err != ERR_OK || (err = apply_batch(b)) != ERR_OK) {
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
	if (signer.is_signed)
		signer.node->retold = true;
	if ((batch.refused = json_array()) == NULL)
		reply_error(reply, 503, "out of memory; try again later");
	else
		take_batch(&batch, request, &signer, reply);
	json_decref(batch.refused);
	free(batch.entries);
}
