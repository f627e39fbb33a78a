/*
 * engine_act: the core's actions, carried out in the order in which they came.
 *
 * Entries that the notary has not returned must outlive it: they are kept here.
 */
#include "proc/engine.h"
#include <stdlib.h>
#include <string.h>
#include "sys/log.h"

void
engine_tell(struct engine *e, enum role_id to, uint32_t type, const void *fixed, size_t fixed_bytes,
    struct span tail)
{
	enum err err;

	if (e->siblings[to] == NULL)
		return;
	err = ipc_send(e->siblings[to], type, fixed, fixed_bytes, tail.data, tail.size_bytes);
	if (err != ERR_OK)
		log_error("message %u to role %d: %s", type, (int)to, err_text(err));
}

/* ---- entries ------------------------------------------------------------------ */

static void
send_append(struct engine *e, struct engine_append *append)
{
	struct msg_append message = { .request = append->request };

	/* The notary may be in the new incarnation already, the core is not yet. */
	append->waits = engine_roster_is_waiting(e);
	if (append->waits)
		return;
	engine_tell(e, ROLE_NOTARY, MSG_APPEND, &message, sizeof(message),
	    (struct span){ append->body, append->size_bytes });
}

static void
append(struct engine *e, const struct core_action *action)
{
	struct engine_append *entry;

	if (e->append_count == LIMIT_PENDING_APPENDS) {
		log_error("notary: %d entries wait already, one is dropped", LIMIT_PENDING_APPENDS);
		return;
	}
	entry = &e->appends[e->append_count];
	if ((entry->body = malloc(action->append.body.size_bytes)) == NULL) {
		log_error("notary: no memory for an entry");
		return;
	}
	memcpy(entry->body, action->append.body.data, action->append.body.size_bytes);
	entry->size_bytes = action->append.body.size_bytes;
	entry->request = action->append.request;
	e->append_count++;
	send_append(e, entry);
}

static void
remove_append(struct engine *e, size_t i)
{
	free(e->appends[i].body);
	e->append_count--;
	memmove(&e->appends[i], &e->appends[i + 1], (e->append_count - i) * sizeof(e->appends[0]));
}

bool
engine_append_done(struct engine *e, uint32_t request)
{
	for (size_t i = 0; i < e->append_count; i++)
		if (e->appends[i].request == request) {
			remove_append(e, i);
			return true;
		}
	return false;
}

/*
 * Is the entry what the draft asked for?  The notary filled in author, place
 * and a vote's ballot signature; without them the two must be the same.
 */
static bool
is_answer(const struct entry *entry, const struct engine_append *append)
{
	uint8_t *bytes;
	size_t size_bytes = append->size_bytes + 1;
	struct entry bare = *entry;
	struct entry draft;
	bool same;

	if (entry_decode((struct span){ append->body, append->size_bytes }, &draft) != ERR_OK)
		return false;
	bare.header = draft.header;
	if (entry->header.time_ms != draft.header.time_ms)
		return false;
	if (bare.kind == ENTRY_VERDICT && draft.kind == ENTRY_VERDICT)
		bare.verdict.ballot_signature = draft.verdict.ballot_signature;
	if ((bytes = malloc(size_bytes)) == NULL)
		return false;
	same = entry_encode(&bare, bytes, &size_bytes) == ERR_OK &&
	       size_bytes == append->size_bytes && memcmp(bytes, append->body, size_bytes) == 0;
	free(bytes);
	return same;
}

void
engine_append_matched(struct engine *e, struct span bytes)
{
	struct core_event event = { .input = CORE_APPENDED };
	struct envelope envelope;
	struct entry entry;

	if (envelope_parse(bytes.data, bytes.size_bytes, &envelope) != ERR_OK ||
	    entry_decode(envelope.body, &entry) != ERR_OK)
		return;
	for (size_t i = 0; i < e->append_count; i++) {
		if (!is_answer(&entry, &e->appends[i]))
			continue;
		event.appended.request = e->appends[i].request;
		event.appended.bytes = bytes;
		remove_append(e, i);
		engine_feed(e, &event);
		return;
	}
}

void
engine_append_again(struct engine *e)
{
	for (size_t i = 0; i < e->append_count; i++)
		send_append(e, &e->appends[i]);
}

void
engine_append_waiting(struct engine *e)
{
	for (size_t i = 0; i < e->append_count; i++)
		if (e->appends[i].waits)
			send_append(e, &e->appends[i]);
}

/* ---- all of them ------------------------------------------------------------------ */

/*
 * Cut first, forward second, persist third: what peers said waits a moment, so
 * that writing it down does not compete with the cuts of the peers.  What a
 * crash of this process loses in that moment, peers still hold.
 */
static void
keep(struct engine *e, const struct core_action *action)
{
	struct engine_kept *kept;

	if (e->kept_count == ENGINE_KEPT)
		engine_keep_now(e);
	kept = &e->kept[e->kept_count];
	if ((kept->bytes = malloc(action->keep.bytes.size_bytes)) == NULL) {
		log_error(
		    "no memory to keep an entry of %s", engine_member_name(e, action->keep.author));
		return;
	}
	memcpy(kept->bytes, action->keep.bytes.data, action->keep.bytes.size_bytes);
	kept->size_bytes = action->keep.bytes.size_bytes;
	kept->about =
	    (struct msg_keep){ .author = action->keep.author, .standing = action->keep.standing };
	e->kept_count++;
	engine_later(e);
}

void
engine_keep_now(struct engine *e)
{
	for (size_t i = 0; i < e->kept_count; i++) {
		struct engine_kept *kept = &e->kept[i];

		engine_tell(e, ROLE_NOTARY, MSG_KEEP, &kept->about, sizeof(kept->about),
		    (struct span){ kept->bytes, kept->size_bytes });
		free(kept->bytes);
	}
	e->kept_count = 0;
}

static void
send_out(struct engine *e, const struct core_action *action)
{
	struct msg_send message = { .to = MSG_ALL, .except = MSG_ALL };

	if (action->send.to != MEMBER_NONE)
		message.to = action->send.to;
	if (action->send.except != MEMBER_NONE)
		message.except = action->send.except;
	engine_tell(e, ROLE_NET, MSG_SEND, &message, sizeof(message), action->send.bytes);
}

void
engine_carry_out(struct engine *e, const struct core_action *action)
{
	struct msg_flush flush = { 0 };
	struct msg_close_link close = { 0 };
	enum err err;

	switch (action->what) {
	case CORE_DO_ENFORCE:
		engine_enforce(e, action);
		break;
	case CORE_DO_LOCK:
		engine_lock(e, action);
		break;
	case CORE_DO_APPEND:
		append(e, action);
		break;
	case CORE_DO_SEND:
		send_out(e, action);
		break;
	case CORE_DO_KEEP:
		keep(e, action);
		break;
	case CORE_DO_FLUSH:
		flush.token = action->flush.token;
		engine_tell(e, ROLE_NET, MSG_FLUSH, &flush, sizeof(flush), (struct span){ 0 });
		break;
	case CORE_DO_CLOSE:
		close.peer = action->close.peer;
		close.error = action->close.error;
		engine_tell(e, ROLE_NET, MSG_CLOSE_LINK, &close, sizeof(close), (struct span){ 0 });
		break;
	case CORE_DO_ROSTER:
		err = engine_roster_offer(
		    e, action->roster.from, action->roster.offset, action->roster.records);
		if (err != ERR_OK)
			log_debug("roster: a part of %s is left: %s",
			    engine_member_name(e, action->roster.from), err_text(err));
		break;
	case CORE_DO_PUBLISH:
		engine_post_entry(e, action->publish.bytes);
		break;
	case CORE_DO_NOTICE:
		engine_notice(e, action);
		break;
	}
}
