#include <stddef.h>
#include <string.h>
#include "core/message.h"
#include "core/message_check.h"
#include "core/wire.h"

/* Bytes of one length or none at all; true when they are there. */
static bool
read_optional(struct wire_in *w, uint32_t number, uint8_t *out, size_t size_bytes)
{
	struct span bytes = wire_bytes(w, number, size_bytes);

	memset(out, 0, size_bytes);
	if (bytes.size_bytes == 0)
		return false;
	if (bytes.size_bytes != size_bytes)
		wire_fail(w, ERR_RANGE);
	else
		memcpy(out, bytes.data, size_bytes);
	return true;
}

/* Which of the three shapes a header has. */
struct header_shape {
	bool has_author;
	bool has_previous;
};

static enum err
read_header_fields(struct span bytes, struct entry_header *h, struct header_shape *shape)
{
	struct wire_in w;

	wire_in_init(&w, bytes);
	/* Before all else: of another version nothing else is known. */
	if (wire_u32(&w, 1, 0, UINT32_MAX) != MESSAGE_VERSION)
		wire_fail(&w, ERR_VERSION);
	wire_fixed(&w, 2, h->mesh.bytes, sizeof(h->mesh.bytes));
	h->epoch = wire_u64(&w, 3);
	shape->has_author = read_optional(&w, 4, h->author.bytes, sizeof(h->author.bytes));
	h->incarnation = wire_u64(&w, 5);
	h->sequence = wire_u64(&w, 6);
	h->time_ms = wire_u64(&w, 7);
	shape->has_previous = read_optional(&w, 8, h->previous.bytes, sizeof(h->previous.bytes));
	return wire_end(&w);
}

/*
 * A feed entry has an author, a sequence and a predecessor's hash; a draft of
 * one has none of them yet; a link message has a mesh only.
 */
static enum err
check_header(const struct entry_header *h, const struct header_shape *shape, enum entry_kind kind)
{
	static const struct hash none;

	if (h->sequence == 0) {
		if (shape->has_author || shape->has_previous || h->incarnation != 0)
			return ERR_RANGE;
		if (entry_is_link_message(kind) && (h->epoch != 0 || h->time_ms != 0))
			return ERR_RANGE;
		return ERR_OK;
	}
	if (entry_is_link_message(kind) || !shape->has_author || !shape->has_previous)
		return ERR_RANGE;
	if (h->sequence == 1 && !hash_equal(&h->previous, &none))
		return ERR_RANGE;
	return ERR_OK;
}

/* The header, and the kind by the number of the field that follows it. */
static enum err
read_header(struct wire_in *w, struct entry_header *h, enum entry_kind *kind)
{
	struct header_shape shape;
	struct span bytes;
	bool present;
	enum err err;

	bytes = wire_message(w, 1, &present);
	if (w->in.err != ERR_OK)
		return w->in.err;
	if (!present)
		return ERR_MALFORMED;
	if ((err = read_header_fields(bytes, h, &shape)) != ERR_OK)
		return err;
	switch (wire_peek(w)) {
	case ENTRY_STATEMENT:
	case ENTRY_VERDICT:
	case ENTRY_SELF_REPORT:
	case ENTRY_PROOF:
	case ENTRY_CERTIFICATE:
	case ENTRY_RELEASE:
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		*kind = (enum entry_kind)wire_peek(w);
		return check_header(h, &shape, *kind);
	case 0:
		return ERR_TRUNCATED;
	case 1:
		return ERR_MALFORMED;
	default:
		return ERR_UNKNOWN_FIELD;
	}
}

static void
read_statement(struct wire_in *w, struct statement *s)
{
	struct span evidence;

	wire_fixed(w, 1, s->subject.bytes, sizeof(s->subject.bytes));
	s->round = wire_u32(w, 2, 0, UINT32_MAX);
	s->class = (enum event_class)wire_u32(w, 3, CLASS_UNKNOWN + 1, CLASS_OPERATOR);
	wire_endpoint(w, 4, &s->source);
	wire_endpoint(w, 5, &s->destination);
	s->decoy = wire_u32(w, 6, 0, LIMIT_DECOYS - 1);
	wire_fixed(w, 7, s->evidence_digest.bytes, sizeof(s->evidence_digest.bytes));
	evidence = wire_bytes(w, 8, sizeof(s->evidence));
	s->score = wire_u32(w, 9, 0, SCORE_MAX);
	s->seen_ms = wire_u64(w, 10);
	if (w->in.err != ERR_OK)
		return;
	s->evidence_bytes = evidence.size_bytes;
	if (evidence.size_bytes > 0)
		memcpy(s->evidence, evidence.data, evidence.size_bytes);
}

static enum level
read_level(struct wire_in *w, uint32_t number)
{
	return (enum level)wire_u32(w, number, LEVEL_QUARANTINE, LEVEL_RELEASE);
}

static void
read_verdict(struct wire_in *w, struct verdict *v, bool draft)
{
	v->level = read_level(w, 1);
	wire_fixed(w, 2, v->subject.bytes, sizeof(v->subject.bytes));
	v->round = wire_u32(w, 3, 0, UINT32_MAX);
	v->window = wire_u64(w, 4);
	if (draft)
		v->ballot_signature = (struct signature){ 0 };
	else
		wire_fixed(w, 5, v->ballot_signature.bytes, sizeof(v->ballot_signature.bytes));
}

static void
read_self_report(struct wire_in *w, struct self_report *s)
{
	s->kind =
	    (enum self_report_kind)wire_u32(w, 1, SELF_REPORT_CONFESSION, SELF_REPORT_PRECAUTION);
	s->round = wire_u32(w, 2, 0, UINT32_MAX);
	s->reason = (enum event_class)wire_u32(w, 3, CLASS_UNKNOWN + 1, CLASS_OPERATOR);
	wire_endpoint(w, 4, &s->source);
	wire_fixed(w, 5, s->evidence_digest.bytes, sizeof(s->evidence_digest.bytes));
	s->score = wire_u32(w, 6, 0, SCORE_MAX);
}

static void
read_certificate(struct wire_in *w, struct certificate *c)
{
	c->level = read_level(w, 1);
	wire_fixed(w, 2, c->subject.bytes, sizeof(c->subject.bytes));
	c->round = wire_u32(w, 3, 0, UINT32_MAX);
	c->epoch = wire_u64(w, 4);
	c->window = wire_u64(w, 5);
	c->voters = wire_bytes(w, 6, (LIMIT_MEMBERS + 7) / 8);
	c->signatures = wire_bytes(w, 7, LIMIT_CERTIFICATE_SIGNERS * sizeof(struct signature));
}

static void
read_proof(struct wire_in *w, const struct mesh_id *mesh, struct proof *p)
{
	bool present;
	enum err err;

	p->first = wire_message(w, 1, &present);
	p->second = wire_message(w, 2, &present);
	if (w->in.err == ERR_OK && (err = message_check_proof(mesh, p)) != ERR_OK)
		wire_fail(w, err);
}

static void
read_release(struct wire_in *w, struct release *r)
{
	struct span reason;
	enum err err;

	wire_fixed(w, 1, r->subject.bytes, sizeof(r->subject.bytes));
	r->round = wire_u32(w, 2, 0, UINT32_MAX);
	r->kind = (enum release_kind)wire_u32(w, 3, RELEASE_CLEANED, RELEASE_OVERTURNED);
	r->names_certificate =
	    read_optional(w, 4, r->certificate.bytes, sizeof(r->certificate.bytes));
	r->incarnation = wire_u64(w, 5);
	r->sequence = wire_u64(w, 6);
	reason = wire_bytes(w, 7, LIMIT_REASON_BYTES);
	if (w->in.err != ERR_OK)
		return;
	memset(r->reason, 0, sizeof(r->reason));
	if (reason.size_bytes > 0)
		memcpy(r->reason, reason.data, reason.size_bytes);
	if ((err = message_check_release(r)) != ERR_OK)
		wire_fail(w, err);
	else if (strlen(r->reason) != reason.size_bytes)
		wire_fail(w, ERR_RANGE); /* a zero byte would hide the rest */
}

static void
read_indicator(struct wire_in *w, struct indicator *i)
{
	struct span address = wire_bytes(w, 1, sizeof(i->address.bytes));
	enum err err;

	if ((err = wire_address(address, &i->address)) != ERR_OK)
		wire_fail(w, err);
	i->ttl_s = wire_u32(w, 2, 1, LIMIT_INDICATOR_S);
	i->reason = (enum event_class)wire_u32(w, 3, CLASS_UNKNOWN + 1, CLASS_OPERATOR);
	i->score = wire_u32(w, 4, 0, SCORE_MAX);
}

static void
read_receipt(struct wire_in *w, struct receipt *r)
{
	wire_fixed(w, 1, r->subject.bytes, sizeof(r->subject.bytes));
	r->round = wire_u32(w, 2, 0, UINT32_MAX);
	wire_fixed(w, 3, r->object.bytes, sizeof(r->object.bytes));
	r->held_us = wire_u64(w, 4);
}

static enum err
read_feed_head(struct span bytes, struct feed_head *f)
{
	struct wire_in w;

	wire_in_init(&w, bytes);
	wire_fixed(&w, 1, f->author.bytes, sizeof(f->author.bytes));
	f->incarnation = wire_u64(&w, 2);
	if ((f->sequence = wire_u64(&w, 3)) == 0)
		wire_fail(&w, ERR_RANGE);
	wire_fixed(&w, 4, f->hash.bytes, sizeof(f->hash.bytes));
	return wire_end(&w);
}

static void
read_optional_head(struct wire_in *w, uint32_t number, struct feed_head *f)
{
	struct span bytes;
	bool present;
	enum err err;

	*f = (struct feed_head){ 0 };
	bytes = wire_message(w, number, &present);
	if (present && (err = read_feed_head(bytes, f)) != ERR_OK)
		wire_fail(w, err);
}

static uint64_t
read_digest(struct wire_in *w, uint32_t number)
{
	uint8_t bytes[8];

	wire_fixed(w, number, bytes, sizeof(bytes));
	return buf_load_u64(bytes);
}

static void
read_hello(struct wire_in *w, struct hello *h)
{
	h->incarnation = wire_u64(w, 1);
	read_optional_head(w, 2, &h->yours);
	read_optional_head(w, 3, &h->mine);
	h->root = read_digest(w, 4);
	h->roster_bytes = wire_u64(w, 5);
}

static void
read_ping(struct wire_in *w, struct ping *p)
{
	struct span bytes;
	enum err err;

	p->nonce = wire_u32(w, 1, 0, UINT32_MAX);
	p->answer = wire_bool(w, 2);
	p->time_ms = wire_u64(w, 3);
	p->root = read_digest(w, 4);
	for (p->head_count = 0; wire_repeated(w, 5, &bytes); p->head_count++) {
		if (p->head_count == LIMIT_PING_HEADS) {
			wire_fail(w, ERR_OVERSIZE);
			return;
		}
		if ((err = read_feed_head(bytes, &p->heads[p->head_count])) != ERR_OK)
			wire_fail(w, err);
	}
	p->roster_bytes = wire_u64(w, 6);
}

static void
read_sync_buckets(struct wire_in *w, struct sync_buckets *s)
{
	struct span bytes = wire_bytes(w, 1, sizeof(s->digests));

	s->answer = wire_bool(w, 2);
	if (bytes.size_bytes != sizeof(s->digests)) {
		wire_fail(w, ERR_RANGE);
		return;
	}
	for (size_t i = 0; i < LIMIT_SYNC_BUCKETS; i++)
		s->digests[i] = buf_load_u64(bytes.data + 8 * i);
}

static void
read_sync_items(struct wire_in *w, struct sync_items *s)
{
	struct envelope envelope;
	size_t total_bytes = 0;
	struct span bytes;
	enum err err;

	for (s->count = 0; wire_repeated(w, 1, &bytes); s->count++) {
		total_bytes += bytes.size_bytes;
		/* One large certificate may travel alone. */
		if (s->count == LIMIT_SYNC_ITEMS ||
		    (s->count > 0 && total_bytes > LIMIT_SYNC_BYTES)) {
			wire_fail(w, ERR_OVERSIZE);
			return;
		}
		if ((err = envelope_parse(bytes.data, bytes.size_bytes, &envelope)) != ERR_OK)
			wire_fail(w, err);
		s->items[s->count] = bytes;
	}
}

static void
read_roster_part(struct wire_in *w, struct roster_part *p)
{
	enum err err;

	p->offset = wire_u64(w, 1);
	p->total = wire_u64(w, 2);
	p->records = wire_bytes(w, 3, LIMIT_ROSTER_PART_BYTES);
	if (w->in.err == ERR_OK && (err = message_check_roster_part(p)) != ERR_OK)
		wire_fail(w, err);
}

static enum err
read_payload(struct span bytes, bool draft, struct entry *e)
{
	struct wire_in w;

	wire_in_init(&w, bytes);
	switch (e->kind) {
	case ENTRY_STATEMENT:
		read_statement(&w, &e->statement);
		break;
	case ENTRY_VERDICT:
		read_verdict(&w, &e->verdict, draft);
		break;
	case ENTRY_SELF_REPORT:
		read_self_report(&w, &e->self_report);
		break;
	case ENTRY_PROOF:
		read_proof(&w, &e->header.mesh, &e->proof);
		break;
	case ENTRY_CERTIFICATE:
		read_certificate(&w, &e->certificate);
		break;
	case ENTRY_RELEASE:
		read_release(&w, &e->release);
		break;
	case ENTRY_INDICATOR:
		read_indicator(&w, &e->indicator);
		break;
	case ENTRY_RECEIPT:
		read_receipt(&w, &e->receipt);
		break;
	case ENTRY_HELLO:
		read_hello(&w, &e->hello);
		break;
	case ENTRY_PING:
		read_ping(&w, &e->ping);
		break;
	case ENTRY_SYNC_BUCKETS:
		read_sync_buckets(&w, &e->sync_buckets);
		break;
	case ENTRY_SYNC_ITEMS:
		read_sync_items(&w, &e->sync_items);
		break;
	case ENTRY_ROSTER_ASK:
		e->roster_ask.offset = wire_u64(&w, 1);
		break;
	case ENTRY_ROSTER_PART:
		read_roster_part(&w, &e->roster_part);
		break;
	}
	return wire_end(&w);
}

enum err
entry_peek(struct span body, struct entry_header *out, enum entry_kind *kind)
{
	struct entry_header header;
	struct wire_in w;
	enum err err;

	if (body.size_bytes > LIMIT_BODY_BYTES)
		return ERR_OVERSIZE;
	wire_in_init(&w, body);
	if ((err = read_header(&w, &header, kind)) == ERR_OK)
		*out = header;
	return err;
}

/* What of an entry of this kind means something: to copy the rest would take longest of all. */
static size_t
used_bytes(enum entry_kind kind)
{
	size_t payload = 0;

	switch (kind) {
	case ENTRY_STATEMENT:
		payload = sizeof(struct statement);
		break;
	case ENTRY_VERDICT:
		payload = sizeof(struct verdict);
		break;
	case ENTRY_SELF_REPORT:
		payload = sizeof(struct self_report);
		break;
	case ENTRY_PROOF:
		payload = sizeof(struct proof);
		break;
	case ENTRY_CERTIFICATE:
		payload = sizeof(struct certificate);
		break;
	case ENTRY_RELEASE:
		payload = sizeof(struct release);
		break;
	case ENTRY_INDICATOR:
		payload = sizeof(struct indicator);
		break;
	case ENTRY_RECEIPT:
		payload = sizeof(struct receipt);
		break;
	case ENTRY_HELLO:
		payload = sizeof(struct hello);
		break;
	case ENTRY_PING:
		payload = sizeof(struct ping);
		break;
	case ENTRY_SYNC_BUCKETS:
		payload = sizeof(struct sync_buckets);
		break;
	case ENTRY_SYNC_ITEMS:
		payload = sizeof(struct sync_items);
		break;
	case ENTRY_ROSTER_ASK:
		payload = sizeof(struct roster_ask);
		break;
	case ENTRY_ROSTER_PART:
		payload = sizeof(struct roster_part);
		break;
	}
	return offsetof(struct entry, statement) + payload;
}

enum err
entry_decode_rest(
    struct span body, const struct entry_header *header, enum entry_kind kind, struct entry *out)
{
	struct entry entry;
	struct span payload;
	struct wire_in w;
	bool present;
	enum err err;

	entry.header = *header;
	entry.kind = kind;
	wire_in_init(&w, body);
	(void)wire_message(&w, 1, &present);
	payload = wire_message(&w, kind, &present);
	/* A second payload is a field too many, whatever its number. */
	if (wire_peek(&w) != 0)
		wire_fail(
		    &w, wire_peek(&w) > ENTRY_ROSTER_PART ? ERR_UNKNOWN_FIELD : ERR_MALFORMED);
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	if ((err = read_payload(payload, header->sequence == 0, &entry)) != ERR_OK)
		return err;
	memcpy(out, &entry, used_bytes(kind));
	return ERR_OK;
}

enum err
entry_decode(struct span body, struct entry *out)
{
	struct entry_header header;
	enum entry_kind kind;
	enum err err = entry_peek(body, &header, &kind);

	return err == ERR_OK ? entry_decode_rest(body, &header, kind, out) : err;
}
