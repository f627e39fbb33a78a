#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "core/state.h"

#define PARTS_AN_ASK 4
#define PART_COST    16 /* signature checks that sending one costs the link that asks */

void
records_free(struct core *c)
{
	free(c->records.bytes);
}

uint64_t
records_held(const struct core *c)
{
	return roster_records(c->roster).size_bytes;
}

static void
end(struct core *c)
{
	free(c->records.bytes);
	c->records = (struct records){ .from = MEMBER_NONE };
}

/* Who did not deliver is not asked again soon. */
static void
give_up(struct core *c)
{
	peer_of(c, c->records.from)->link.records_after_ms = c->now_ms + LIMIT_ROSTER_RETRY_MS;
	end(c);
}

/* ---- asking --------------------------------------------------------------------- */

static void
ask(struct core *c)
{
	struct records *r = &c->records;
	struct entry e = { .kind = ENTRY_ROSTER_ASK };

	e.header.mesh = *roster_mesh(c->roster);
	e.roster_ask.offset = r->start + r->size_bytes;
	r->parts = 0;
	(void)actions_send_link_message(&c->outbox, &e, r->from);
}

static void
begin(struct core *c, member_index from)
{
	struct records *r = &c->records;

	if (r->active && c->now_ms - r->since_ms >= LIMIT_ROSTER_ASK_MS)
		give_up(c);
	if (r->active || peer_of(c, from)->link.records_after_ms > c->now_ms)
		return;
	r->active = true;
	r->from = from;
	r->since_ms = c->now_ms;
	r->start = records_held(c);
	ask(c);
}

void
records_told(struct core *c, member_index from, uint64_t held_bytes)
{
	if (held_bytes > records_held(c) && peer_of(c, from)->link.up)
		begin(c, from);
}

void
records_missed(struct core *c, member_index from)
{
	/* It knows the epoch, so it holds the record; but nobody says how much. */
	records_told(c, from, UINT64_MAX);
}

void
records_unlinked(struct core *c, member_index peer)
{
	if (c->records.active && c->records.from == peer)
		end(c);
}

/* ---- what comes ------------------------------------------------------------------ */

/* How many bytes at the start are whole records: two tags there are, and a length behind each. */
static enum err
whole_records(struct span bytes, size_t *whole)
{
	struct buf_in in;
	uint64_t tag, size;

	buf_in_init(&in, bytes.data, bytes.size_bytes);
	for (*whole = 0; buf_left(&in) > 0; *whole = bytes.size_bytes - buf_left(&in)) {
		tag = buf_take_varint(&in);
		if (in.err == ERR_OK && tag != (1 << 3 | 2) && tag != (2 << 3 | 2))
			return ERR_MALFORMED;
		size = buf_take_varint(&in);
		if (in.err == ERR_OK && size > LIMIT_ROSTER_RECORD_BYTES)
			return ERR_MALFORMED;
		if (in.err != ERR_OK || size > buf_left(&in))
			break;
		(void)buf_take(&in, (size_t)size);
	}
	return in.err == ERR_MALFORMED ? ERR_MALFORMED : ERR_OK;
}

/* One thing at a time is with the outside. */
static enum err
hand_out(struct core *c)
{
	struct records *r = &c->records;
	struct core_action *a;
	size_t whole;
	enum err err;

	if (r->handed_bytes > 0 || !actions_have_room(&c->outbox, 1))
		return ERR_OK;
	if ((err = whole_records((struct span){ r->bytes, r->size_bytes }, &whole)) != ERR_OK)
		return err;
	if (whole == 0)
		return ERR_OK;
	r->handed_bytes = whole;
	a = actions_add(&c->outbox, CORE_DO_ROSTER);
	a->roster.from = r->from;
	a->roster.offset = r->start;
	a->roster.records = (struct span){ r->bytes, whole };
	return ERR_OK;
}

static void
go_on(struct core *c)
{
	struct records *r = &c->records;
	uint64_t have = r->start + r->size_bytes;

	if (have >= r->total) {
		if (r->size_bytes == 0)
			end(c);
	} else if ((r->parts == 0 || r->parts == PARTS_AN_ASK) &&
	           r->size_bytes <= LIMIT_ROSTER_RECORD_BYTES) {
		ask(c);
	}
}

static enum err
append(struct records *r, struct span bytes)
{
	size_t room = r->size_bytes + bytes.size_bytes;

	if (room > r->room_bytes) {
		uint8_t *grown = realloc(r->bytes, room);

		if (grown == NULL)
			return ERR_NOMEM;
		r->bytes = grown;
		r->room_bytes = room;
	}
	memcpy(r->bytes + r->size_bytes, bytes.data, bytes.size_bytes);
	r->size_bytes += bytes.size_bytes;
	return ERR_OK;
}

enum err
records_part(struct core *c, member_index from, const struct roster_part *part)
{
	struct records *r = &c->records;
	enum err err;

	/* In answer to an ask that was given up, or to none at all. */
	if (!r->active || r->from != from || part->offset != r->start + r->size_bytes ||
	    r->parts == PARTS_AN_ASK)
		return ERR_OK;
	r->total = part->total;
	r->parts++;
	if ((err = append(r, part->records)) == ERR_OK)
		err = hand_out(c);
	if (err == ERR_OK)
		go_on(c);
	else
		give_up(c);
	return err;
}

void
records_grown(struct core *c)
{
	struct records *r = &c->records;

	for (size_t i = 0; i < c->near.count; i++)
		links_announce(c, c->near.list[i]);
	if (!r->active)
		return;
	if (r->handed_bytes == 0 || records_held(c) != r->start + r->handed_bytes) {
		end(c); /* it came from elsewhere */
		return;
	}
	r->since_ms = c->now_ms;
	r->start += r->handed_bytes;
	r->size_bytes -= r->handed_bytes;
	memmove(r->bytes, r->bytes + r->handed_bytes, r->size_bytes);
	r->handed_bytes = 0;
	if (hand_out(c) != ERR_OK)
		give_up(c);
	else
		go_on(c);
}

void
records_refused(struct core *c, enum err err)
{
	struct core_action *a;
	member_index from = c->records.from;

	if (!c->records.active || c->records.handed_bytes == 0)
		return;
	give_up(c);
	/* Nobody but the CA can make two histories; anybody can make nonsense. */
	if (err == ERR_SIGNATURE) {
		a = actions_add(&c->outbox, CORE_DO_CLOSE);
		a->close.peer = from;
		a->close.error = err;
		return;
	}
	a = actions_notice(&c->outbox, NOTICE_ROSTER_FORK, from);
	a->notice.peer = from;
	a->notice.error = err;
}

/* ---- answering ------------------------------------------------------------------- */

enum err
records_ask(struct core *c, member_index from, const struct roster_ask *a)
{
	struct link *link = &peer_of(c, from)->link;
	struct span log = roster_records(c->roster);
	struct entry e = { .kind = ENTRY_ROSTER_PART };
	uint64_t at = a->offset;

	e.header.mesh = *roster_mesh(c->roster);
	for (unsigned i = 0; i < PARTS_AN_ASK && at < log.size_bytes; i++) {
		size_t left = log.size_bytes - (size_t)at;

		if (!budget_take(&link->checks, c->now_ms, PART_COST, LIMIT_CHECKS_PER_S,
		        LIMIT_CHECKS_BURST))
			return ERR_BUDGET;
		e.roster_part.offset = at;
		e.roster_part.total = log.size_bytes;
		e.roster_part.records.data = log.data + at;
		e.roster_part.records.size_bytes =
		    left < LIMIT_ROSTER_PART_BYTES ? left : LIMIT_ROSTER_PART_BYTES;
		(void)actions_send_link_message(&c->outbox, &e, from);
		at += e.roster_part.records.size_bytes;
	}
	return ERR_OK;
}
