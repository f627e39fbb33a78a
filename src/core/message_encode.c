#include <string.h>
#include "core/message.h"
#include "core/message_check.h"
#include "core/wire.h"

static void
write_header(struct buf_out *b, const struct entry *e)
{
	static const struct node_id nobody;
	static const struct hash none;
	const struct entry_header *h = &e->header;
	bool draft = h->sequence == 0;
	size_t opened;

	if (draft && (!node_id_equal(&h->author, &nobody) || h->incarnation != 0 ||
	                 !hash_equal(&h->previous, &none)))
		buf_out_fail(b, ERR_RANGE);
	if (entry_is_link_message(e->kind) && (!draft || h->epoch != 0 || h->time_ms != 0))
		buf_out_fail(b, ERR_RANGE);
	if (h->sequence == 1 && !hash_equal(&h->previous, &none))
		buf_out_fail(b, ERR_RANGE);
	opened = wire_open(b, 1);
	wire_put_u64(b, 1, MESSAGE_VERSION);
	wire_put_fixed(b, 2, h->mesh.bytes, sizeof(h->mesh.bytes));
	wire_put_u64(b, 3, h->epoch);
	if (!draft)
		wire_put_fixed(b, 4, h->author.bytes, sizeof(h->author.bytes));
	wire_put_u64(b, 5, h->incarnation);
	wire_put_u64(b, 6, h->sequence);
	wire_put_u64(b, 7, h->time_ms);
	if (!draft)
		wire_put_fixed(b, 8, h->previous.bytes, sizeof(h->previous.bytes));
	wire_close(b, opened);
}

static void
write_statement(struct buf_out *b, const struct statement *s)
{
	if (s->evidence_bytes > sizeof(s->evidence)) {
		buf_out_fail(b, ERR_OVERSIZE);
		return;
	}
	wire_put_fixed(b, 1, s->subject.bytes, sizeof(s->subject.bytes));
	wire_put_u32(b, 2, s->round, 0, UINT32_MAX);
	wire_put_u32(b, 3, s->class, CLASS_UNKNOWN + 1, CLASS_OPERATOR);
	wire_put_endpoint(b, 4, &s->source);
	wire_put_endpoint(b, 5, &s->destination);
	wire_put_u32(b, 6, s->decoy, 0, LIMIT_DECOYS - 1);
	wire_put_fixed(b, 7, s->evidence_digest.bytes, sizeof(s->evidence_digest.bytes));
	wire_put_bytes(b, 8, (struct span){ s->evidence, s->evidence_bytes });
	wire_put_u32(b, 9, s->score, 0, SCORE_MAX);
	wire_put_u64(b, 10, s->seen_ms);
}

static void
write_verdict(struct buf_out *b, const struct verdict *v, bool draft)
{
	wire_put_u32(b, 1, v->level, LEVEL_QUARANTINE, LEVEL_RELEASE);
	wire_put_fixed(b, 2, v->subject.bytes, sizeof(v->subject.bytes));
	wire_put_u32(b, 3, v->round, 0, UINT32_MAX);
	wire_put_u64(b, 4, v->window);
	if (!draft)
		wire_put_fixed(b, 5, v->ballot_signature.bytes, sizeof(v->ballot_signature.bytes));
}

static void
write_self_report(struct buf_out *b, const struct self_report *s)
{
	wire_put_u32(b, 1, s->kind, SELF_REPORT_CONFESSION, SELF_REPORT_PRECAUTION);
	wire_put_u32(b, 2, s->round, 0, UINT32_MAX);
	wire_put_u32(b, 3, s->reason, CLASS_UNKNOWN + 1, CLASS_OPERATOR);
	wire_put_endpoint(b, 4, &s->source);
	wire_put_fixed(b, 5, s->evidence_digest.bytes, sizeof(s->evidence_digest.bytes));
	wire_put_u32(b, 6, s->score, 0, SCORE_MAX);
}

static void
write_certificate(struct buf_out *b, const struct certificate *c)
{
	if (c->voters.size_bytes > (LIMIT_MEMBERS + 7) / 8 ||
	    c->signatures.size_bytes > LIMIT_CERTIFICATE_SIGNERS * sizeof(struct signature))
		buf_out_fail(b, ERR_OVERSIZE);
	wire_put_u32(b, 1, c->level, LEVEL_QUARANTINE, LEVEL_RELEASE);
	wire_put_fixed(b, 2, c->subject.bytes, sizeof(c->subject.bytes));
	wire_put_u32(b, 3, c->round, 0, UINT32_MAX);
	wire_put_u64(b, 4, c->epoch);
	wire_put_u64(b, 5, c->window);
	wire_put_bytes(b, 6, c->voters);
	wire_put_bytes(b, 7, c->signatures);
}

static void
write_proof(struct buf_out *b, const struct mesh_id *mesh, const struct proof *p)
{
	enum err err = message_check_proof(mesh, p);

	if (err != ERR_OK)
		buf_out_fail(b, err);
	wire_put_fixed(b, 1, p->first.data, p->first.size_bytes);
	wire_put_fixed(b, 2, p->second.data, p->second.size_bytes);
}

static void
write_release(struct buf_out *b, const struct release *r)
{
	enum err err = message_check_release(r);

	if (err != ERR_OK) {
		buf_out_fail(b, err);
		return;
	}
	wire_put_fixed(b, 1, r->subject.bytes, sizeof(r->subject.bytes));
	wire_put_u32(b, 2, r->round, 0, UINT32_MAX);
	wire_put_u32(b, 3, r->kind, RELEASE_CLEANED, RELEASE_OVERTURNED);
	if (r->names_certificate)
		wire_put_fixed(b, 4, r->certificate.bytes, sizeof(r->certificate.bytes));
	wire_put_u64(b, 5, r->incarnation);
	wire_put_u64(b, 6, r->sequence);
	wire_put_fixed(b, 7, (const uint8_t *)r->reason, strlen(r->reason));
}

static void
write_indicator(struct buf_out *b, const struct indicator *i)
{
	wire_put_address(b, 1, &i->address);
	wire_put_u32(b, 2, i->ttl_s, 1, LIMIT_INDICATOR_S);
	wire_put_u32(b, 3, i->reason, CLASS_UNKNOWN + 1, CLASS_OPERATOR);
	wire_put_u32(b, 4, i->score, 0, SCORE_MAX);
}

static void
write_receipt(struct buf_out *b, const struct receipt *r)
{
	wire_put_fixed(b, 1, r->subject.bytes, sizeof(r->subject.bytes));
	wire_put_u32(b, 2, r->round, 0, UINT32_MAX);
	wire_put_fixed(b, 3, r->object.bytes, sizeof(r->object.bytes));
	wire_put_u64(b, 4, r->held_us);
}

static void
write_feed_head(struct buf_out *b, uint32_t number, const struct feed_head *f)
{
	size_t opened;

	if (f->sequence == 0)
		buf_out_fail(b, ERR_RANGE);
	opened = wire_open(b, number);
	wire_put_fixed(b, 1, f->author.bytes, sizeof(f->author.bytes));
	wire_put_u64(b, 2, f->incarnation);
	wire_put_u64(b, 3, f->sequence);
	wire_put_fixed(b, 4, f->hash.bytes, sizeof(f->hash.bytes));
	wire_close(b, opened);
}

static void
write_digest(struct buf_out *b, uint32_t number, uint64_t digest)
{
	uint8_t bytes[8];

	buf_store_u64(bytes, digest);
	wire_put_fixed(b, number, bytes, sizeof(bytes));
}

static void
write_hello(struct buf_out *b, const struct hello *h)
{
	wire_put_u64(b, 1, h->incarnation);
	if (h->yours.sequence != 0)
		write_feed_head(b, 2, &h->yours);
	if (h->mine.sequence != 0)
		write_feed_head(b, 3, &h->mine);
	write_digest(b, 4, h->root);
	wire_put_u64(b, 5, h->roster_bytes);
}

static void
write_ping(struct buf_out *b, const struct ping *p)
{
	if (p->head_count > LIMIT_PING_HEADS) {
		buf_out_fail(b, ERR_OVERSIZE);
		return;
	}
	wire_put_u64(b, 1, p->nonce);
	wire_put_bool(b, 2, p->answer);
	wire_put_u64(b, 3, p->time_ms);
	write_digest(b, 4, p->root);
	for (size_t i = 0; i < p->head_count; i++)
		write_feed_head(b, 5, &p->heads[i]);
	wire_put_u64(b, 6, p->roster_bytes);
}

static void
write_sync_buckets(struct buf_out *b, const struct sync_buckets *s)
{
	uint8_t bytes[8 * LIMIT_SYNC_BUCKETS];

	for (size_t i = 0; i < LIMIT_SYNC_BUCKETS; i++)
		buf_store_u64(bytes + 8 * i, s->digests[i]);
	wire_put_fixed(b, 1, bytes, sizeof(bytes));
	wire_put_bool(b, 2, s->answer);
}

static void
write_sync_items(struct buf_out *b, const struct sync_items *s)
{
	size_t total_bytes = 0;

	if (s->count > LIMIT_SYNC_ITEMS) {
		buf_out_fail(b, ERR_OVERSIZE);
		return;
	}
	for (size_t i = 0; i < s->count; i++) {
		total_bytes += s->items[i].size_bytes;
		wire_put_fixed(b, 1, s->items[i].data, s->items[i].size_bytes);
	}
	if (s->count > 1 && total_bytes > LIMIT_SYNC_BYTES)
		buf_out_fail(b, ERR_OVERSIZE);
}

static void
write_roster_part(struct buf_out *b, const struct roster_part *p)
{
	enum err err = message_check_roster_part(p);

	if (err != ERR_OK) {
		buf_out_fail(b, err);
		return;
	}
	wire_put_u64(b, 1, p->offset);
	wire_put_u64(b, 2, p->total);
	wire_put_fixed(b, 3, p->records.data, p->records.size_bytes);
}

enum err
entry_encode(const struct entry *e, uint8_t *out, size_t *size_bytes)
{
	bool draft = e->header.sequence == 0;
	struct buf_out b;
	size_t opened;

	buf_out_init(&b, out, *size_bytes);
	write_header(&b, e);
	opened = wire_open(&b, e->kind);
	switch (e->kind) {
	case ENTRY_STATEMENT:
		write_statement(&b, &e->statement);
		break;
	case ENTRY_VERDICT:
		write_verdict(&b, &e->verdict, draft);
		break;
	case ENTRY_SELF_REPORT:
		write_self_report(&b, &e->self_report);
		break;
	case ENTRY_PROOF:
		write_proof(&b, &e->header.mesh, &e->proof);
		break;
	case ENTRY_CERTIFICATE:
		write_certificate(&b, &e->certificate);
		break;
	case ENTRY_RELEASE:
		write_release(&b, &e->release);
		break;
	case ENTRY_INDICATOR:
		write_indicator(&b, &e->indicator);
		break;
	case ENTRY_RECEIPT:
		write_receipt(&b, &e->receipt);
		break;
	case ENTRY_HELLO:
		write_hello(&b, &e->hello);
		break;
	case ENTRY_PING:
		write_ping(&b, &e->ping);
		break;
	case ENTRY_SYNC_BUCKETS:
		write_sync_buckets(&b, &e->sync_buckets);
		break;
	case ENTRY_SYNC_ITEMS:
		write_sync_items(&b, &e->sync_items);
		break;
	case ENTRY_ROSTER_ASK:
		wire_put_u64(&b, 1, e->roster_ask.offset);
		break;
	case ENTRY_ROSTER_PART:
		write_roster_part(&b, &e->roster_part);
		break;
	}
	wire_close(&b, opened);
	if (b.err == ERR_OK && buf_used(&b) > LIMIT_BODY_BYTES)
		return ERR_OVERSIZE;
	if (b.err == ERR_OK)
		*size_bytes = buf_used(&b);
	return b.err;
}
