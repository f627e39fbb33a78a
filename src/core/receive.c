#include <stdlib.h>
#include <string.h>
#include "core/state.h"

/* ---- refusals --------------------------------------------------------------- */

/* A link that brings what no honest node would send pays, and is closed in the end. */
static void
charge_link(struct core *c, member_index from)
{
	struct link *link = &peer_of(c, from)->link;
	struct core_action *a;

	(void)budget_take(&link->checks, c->now_ms, LIMIT_BAD_SIGNATURE_COST, LIMIT_CHECKS_PER_S,
	    LIMIT_CHECKS_BURST);
	if (++link->bad_signatures < LIMIT_BAD_SIGNATURES)
		return;
	link->bad_signatures = 0;
	a = actions_add(&c->outbox, CORE_DO_CLOSE);
	a->close.peer = from;
	a->close.error = ERR_SIGNATURE;
}

/*
 * In anti-entropy a peer may offer, in good faith, what we may not take any
 * more; and no peer may fill our log.
 */
static bool
is_quiet(struct core *c, member_index from, member_index author, enum via via, enum err err)
{
	/* Of what was kept, much is over by now. */
	if (via == VIA_DISK && (err == ERR_ROUND || err == ERR_EPOCH || err == ERR_SUBJECT))
		return true;
	if (via == VIA_SYNC &&
	    (err == ERR_STALE || err == ERR_REPLAY || err == ERR_BUDGET || err == ERR_FULL ||
	        err == ERR_ROUND || err == ERR_EPOCH || err == ERR_SUBJECT))
		return true;
	/* What a convicted author said before is offered until everybody knows. */
	if (err == ERR_AUTHOR && author != MEMBER_NONE &&
	    peer_of(c, author)->incident.proof != NULL)
		return true;
	return from != MEMBER_NONE && !budget_take(&peer_of(c, from)->link.refusals, c->now_ms, 1,
	                                  LIMIT_REFUSALS_PER_S, LIMIT_REFUSALS_BURST);
}

static void
refuse(struct core *c, member_index from, member_index author, enum via via, enum err err)
{
	struct core_action *a;

	c->refused++;
	if (from != MEMBER_NONE && (err == ERR_SIGNATURE || err == ERR_MALFORMED ||
	                               err == ERR_TRUNCATED || err == ERR_UNKNOWN_FIELD))
		charge_link(c, from);
	if (is_quiet(c, from, author, via, err))
		return;
	a = actions_notice(&c->outbox, NOTICE_REFUSED, author);
	a->notice.peer = from;
	a->notice.error = err;
	if (err != ERR_EQUIVOCATION)
		return;
	a = actions_notice(&c->outbox, NOTICE_EQUIVOCATION, author);
	a->notice.peer = from;
	a->notice.error = err;
	if (via == VIA_SYNC)
		conviction_show(c, author, from);
}

/* ---- the ways in ---------------------------------------------------------------- */

/* Of an epoch that we do not know yet: who accepted it has the record. */
static bool
is_of_the_future(const struct core *c, struct span body)
{
	struct entry_header header;
	enum entry_kind kind;

	return entry_peek(body, &header, &kind) == ERR_OK &&
	       header.epoch > epoch_number(roster_current(c->roster));
}

static void
receive_from(struct core *c, member_index from, enum via via, struct span bytes)
{
	struct arrival a = { .via = via, .from = from, .bytes = bytes, .author = MEMBER_NONE };
	enum err err = admit(c, &a);

	if (err == ERR_EPOCH && from != MEMBER_NONE && is_of_the_future(c, a.envelope.body))
		records_missed(c, from);
	if (err != ERR_OK)
		refuse(c, from, a.author, via, err);
}

void
receive_submitted(struct core *c, struct span bytes)
{
	if (c->started)
		receive_from(c, MEMBER_NONE, VIA_SUBMITTED, bytes);
}

void
receive_item(struct core *c, member_index from, struct span bytes)
{
	receive_from(c, from, VIA_SYNC, bytes);
}

/* Link messages are not signed: the link is. */
static enum err
receive_link_message(struct core *c, member_index from, const struct envelope *envelope,
    const struct entry_header *header, enum entry_kind kind)
{
	struct entry e;
	enum err err;

	if (!budget_take(&peer_of(c, from)->link.checks, c->now_ms, 1, LIMIT_CHECKS_PER_S,
	        LIMIT_CHECKS_BURST))
		return ERR_BUDGET;
	if (envelope->is_signed)
		return ERR_MALFORMED;
	if ((err = entry_decode_rest(envelope->body, header, kind, &e)) != ERR_OK)
		return err;
	if (memcmp(&e.header.mesh, roster_mesh(c->roster), sizeof(e.header.mesh)) != 0)
		return ERR_MESH;
	switch (e.kind) {
	case ENTRY_HELLO:
		links_hello(c, from, &e.hello);
		return ERR_OK;
	case ENTRY_PING:
		links_ping(c, from, &e.ping);
		return ERR_OK;
	case ENTRY_SYNC_BUCKETS:
		sync_buckets(c, from, &e.sync_buckets);
		return ERR_OK;
	case ENTRY_SYNC_ITEMS:
		sync_items(c, from, &e.sync_items);
		return ERR_OK;
	case ENTRY_ROSTER_ASK:
		return records_ask(c, from, &e.roster_ask);
	case ENTRY_ROSTER_PART:
		return records_part(c, from, &e.roster_part);
	case ENTRY_STATEMENT:
	case ENTRY_VERDICT:
	case ENTRY_SELF_REPORT:
	case ENTRY_PROOF:
	case ENTRY_CERTIFICATE:
	case ENTRY_RELEASE:
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
		break;
	}
	return ERR_MALFORMED;
}

void
receive_message(struct core *c, member_index from, struct span bytes)
{
	struct envelope envelope;
	struct entry_header header;
	enum entry_kind kind;
	enum err err;

	if (!is_other_node(c, from) || !c->started)
		return;
	/* Two lines of memory far apart, on their way while the message is decoded. */
	__builtin_prefetch(&peer_of(c, from)->link);
	objects_expect(&c->objects, from);
	if ((err = envelope_parse(bytes.data, bytes.size_bytes, &envelope)) == ERR_OK)
		err = entry_peek(envelope.body, &header, &kind);
	links_heard(c, from);
	if (err == ERR_OK && !entry_is_link_message(kind)) {
		receive_from(c, from, VIA_LINK, bytes);
		return;
	}
	if (err == ERR_OK)
		err = receive_link_message(c, from, &envelope, &header, kind);
	if (err != ERR_OK)
		refuse(c, from, MEMBER_NONE, VIA_LINK, err);
}

/* Of a round that has not begun here: the certificate that begins it may follow. */
static bool
wait_for_round(struct core *c, const struct arrival *a)
{
	struct waiting *w = &c->waiting;
	struct span *list;
	uint8_t *copy;

	if (c->started || w->count == LIMIT_RESTORE_WAITING || !rounds_is_ahead(c, &a->entry))
		return false;
	if ((copy = malloc(a->bytes.size_bytes)) == NULL)
		return false;
	if (w->list == NULL && (list = calloc(LIMIT_RESTORE_WAITING, sizeof(*list))) != NULL)
		w->list = list;
	if (w->list == NULL) {
		free(copy);
		return false;
	}
	memcpy(copy, a->bytes.data, a->bytes.size_bytes);
	w->list[w->count++] = (struct span){ copy, a->bytes.size_bytes };
	return true;
}

void
receive_restored(struct core *c, struct span bytes)
{
	struct arrival a = {
		.via = VIA_DISK, .from = MEMBER_NONE, .bytes = bytes, .author = MEMBER_NONE
	};
	enum err err = admit(c, &a);

	/* Voted within the day, whatever began since: a round, an epoch, an incarnation. */
	if (a.author == c->self && a.entry.kind == ENTRY_VERDICT)
		vote_remember(c, &a.entry.verdict, a.age_ms);
	if (err == ERR_ROUND && wait_for_round(c, &a))
		return;
	if (err != ERR_OK)
		refuse(c, MEMBER_NONE, a.author, VIA_DISK, err);
}

void
receive_waiting(struct core *c)
{
	struct waiting w = c->waiting;

	/* All certificates are here: what has to wait longer is offered by peers. */
	c->waiting = (struct waiting){ 0 };
	for (size_t i = 0; i < w.count; i++) {
		struct arrival a = { .via = VIA_DISK,
			.from = MEMBER_NONE,
			.bytes = w.list[i],
			.author = MEMBER_NONE };
		enum err err = admit(c, &a);

		if (err != ERR_OK)
			refuse(c, MEMBER_NONE, a.author, VIA_DISK, err);
		free((void *)(uintptr_t)w.list[i].data);
	}
	free(w.list);
}

void
receive_free(struct waiting *w)
{
	for (size_t i = 0; i < w->count; i++)
		free((void *)(uintptr_t)w->list[i].data);
	free(w->list);
}

void
receive_own(struct core *c, struct span bytes)
{
	struct arrival a = {
		.via = VIA_OWN, .from = c->self, .bytes = bytes, .author = MEMBER_NONE
	};
	enum err err = admit(c, &a);
	const struct object *newest;

	if (err != ERR_OK) {
		refuse(c, MEMBER_NONE, c->self, VIA_OWN, err);
		return;
	}
	if (a.author != c->self || a.entry.header.sequence <= c->own_sequence ||
	    a.entry.header.incarnation != member_of(c, c->self)->incarnation)
		return;
	c->own_sequence = a.entry.header.sequence;
	c->own_hash = a.hash;
	/* Others said it first, so it was not sent; but peers must know how far our feed goes. */
	newest = objects_newest(&c->objects, c->self);
	c->unpublished = newest != NULL && !newest->indexed;
}
