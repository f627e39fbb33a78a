/*
 * The codec writes what protobuf-c writes, reads back what it wrote, and
 * refuses everything else with the reason.
 */
#include "core/wire.h"
#include "tests/entries.h"

static struct mesh mesh;
static const struct mesh_member *author, *subject;

static uint8_t body[LIMIT_BODY_BYTES];
static size_t body_bytes;
static uint8_t wrapped[LIMIT_ENVELOPE_BYTES];
static size_t wrapped_bytes;
static struct entry entry;

static int
setup(void **state)
{
	(void)state;
	mesh_init(&mesh, 6);
	mesh.members[5].role = PROTOS__ROLE__ROLE_OPERATOR;
	mesh_pack(&mesh);
	assert_ok(mesh_parse(&mesh));
	author = &mesh.members[0];
	subject = &mesh.members[1];
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	mesh_free(&mesh);
	return 0;
}

static void
encode(const struct entry *e)
{
	body_bytes = sizeof(body);
	assert_ok(entry_encode(e, body, &body_bytes));
}

static enum err
decode(void)
{
	return entry_decode((struct span){ body, body_bytes }, &entry);
}

static void
wrap(const struct entry *e)
{
	encode(e);
	wrapped_bytes = mesh_envelope(
	    e->kind == ENTRY_RELEASE ? &mesh.members[5] : author, e, wrapped, sizeof(wrapped));
}

/* Envelope and entry together, as a link would. */
static enum err
verify(void)
{
	struct envelope envelope;
	member_index index;
	enum err err;

	if ((err = envelope_parse(wrapped, wrapped_bytes, &envelope)) != ERR_OK)
		return err;
	return entry_verify(crypto_sodium(), mesh.roster, &envelope, &entry, &index);
}

/* ---- agreement with the reference ------------------------------------------ */

static void
assert_reference_agrees(void)
{
	Protos__Entry *reference = protos__entry__unpack(NULL, body_bytes, body);
	uint8_t *again;

	assert_non_null(reference);
	assert_int_equal(protos__entry__get_packed_size(reference), body_bytes);
	again = malloc(body_bytes);
	protos__entry__pack(reference, again);
	assert_memory_equal(again, body, body_bytes);
	free(again);
	protos__entry__free_unpacked(reference, NULL);
}

/* protobuf-c reads every kind that we write, and packs it into the same bytes. */
static void
same_bytes_as_protobuf_c(void **state)
{
	(void)state;
	for (size_t i = 0; i < MAKERS; i++) {
		struct entry e = makers[i](&mesh);

		encode(&e);
		assert_reference_agrees();
	}
}

/* Field by field: the statement's numbers mean to protobuf-c what they mean to us. */
static void
same_meaning_as_protobuf_c(void **state)
{
	struct entry e = make_statement(&mesh);
	Protos__Entry *reference;

	(void)state;
	encode(&e);
	reference = protos__entry__unpack(NULL, body_bytes, body);
	assert_int_equal(reference->header->version, MESSAGE_VERSION);
	assert_memory_equal(reference->header->mesh.data, mesh.id.bytes, 16);
	assert_int_equal(reference->header->epoch, 1);
	assert_memory_equal(reference->header->author.data, author->id.bytes, 16);
	assert_int_equal(reference->header->incarnation, 1);
	assert_int_equal(reference->header->sequence, 1);
	assert_int_equal(reference->header->time_ms, MESH_TIME_MS);
	assert_int_equal(reference->payload_case, PROTOS__ENTRY__PAYLOAD_STATEMENT);
	assert_memory_equal(reference->statement->subject.data, subject->id.bytes, 16);
	assert_int_equal(reference->statement->round, 300);
	assert_int_equal(reference->statement->class_, PROTOS__EVENT_TYPE__HONEYPOT_TRIPPED);
	assert_int_equal(reference->statement->source->address.len, 4);
	assert_int_equal(reference->statement->source->port, 40000);
	assert_int_equal(reference->statement->destination->address.len, 16);
	assert_int_equal(reference->statement->destination->port, 2222);
	assert_int_equal(reference->statement->decoy, 1);
	assert_memory_equal(reference->statement->evidence.data, "SCAN\r\n", 6);
	assert_int_equal(reference->statement->score, 9);
	assert_int_equal(reference->statement->seen_ms, MESH_TIME_MS - 1);
	protos__entry__free_unpacked(reference, NULL);
}

/* What was encoded decodes, and encodes into the same bytes again. */
static void
round_trip(void **state)
{
	static uint8_t again[LIMIT_BODY_BYTES];

	(void)state;
	for (size_t i = 0; i < MAKERS; i++) {
		struct entry e = makers[i](&mesh);
		struct entry_header header;
		enum entry_kind kind;
		size_t size = sizeof(again);

		encode(&e);
		assert_ok(entry_peek((struct span){ body, body_bytes }, &header, &kind));
		assert_int_equal(kind, e.kind);
		assert_ok(decode());
		assert_int_equal(entry.kind, e.kind);
		assert_memory_equal(&entry.header, &header, sizeof(header));
		assert_ok(entry_encode(&entry, again, &size));
		assert_int_equal(size, body_bytes);
		assert_memory_equal(again, body, size);
	}
}

/* A draft leaves out what the notary fills in; it decodes, but is no entry of a feed. */
static void
drafts(void **state)
{
	struct entry e = make_verdict(&mesh);

	(void)state;
	e.header.sequence = 0;
	body_bytes = sizeof(body);
	assert_err(ERR_RANGE, entry_encode(&e, body, &body_bytes));
	e.header = (struct entry_header){ .mesh = mesh.id, .epoch = 1, .time_ms = MESH_TIME_MS };
	wrap(&e);
	assert_reference_agrees();
	assert_ok(decode());
	assert_int_equal(entry.header.sequence, 0);
	assert_true(entry.verdict.ballot_signature.bytes[0] == 0);
	assert_err(ERR_MALFORMED, verify());
}

/* ---- damage --------------------------------------------------------------- */

/* A signed entry verifies; cut short anywhere, or with anything behind it, it does not. */
static void
truncated_at_every_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < FEED_MAKERS; i++) {
		struct entry e = makers[i](&mesh);
		size_t whole;

		wrap(&e);
		assert_ok(verify());
		for (whole = wrapped_bytes, wrapped_bytes = 0; wrapped_bytes < whole;
		     wrapped_bytes++)
			if (verify() == ERR_OK)
				fail_msg("kind %d: %zu of %zu bytes accepted", e.kind,
				    wrapped_bytes, whole);
		wrapped[wrapped_bytes++] = 0;
		assert_err(ERR_MALFORMED, verify());
	}
	for (size_t i = 0; i < MAKERS; i++) {
		struct entry e = makers[i](&mesh);
		size_t whole;

		encode(&e);
		for (whole = body_bytes, body_bytes = 0; body_bytes < whole; body_bytes++) {
			struct span exact = { memcpy(malloc(body_bytes + 1), body, body_bytes),
				body_bytes };

			/* In memory of its own, so that the sanitizer sees one byte too far. */
			if (entry_decode(exact, &entry) == ERR_OK)
				fail_msg(
				    "kind %d: %zu of %zu bytes decoded", e.kind, body_bytes, whole);
			free((void *)(uintptr_t)exact.data);
		}
	}
}

/* No single bit of a signed entry can change without it being refused. */
static void
every_bit_flip_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < FEED_MAKERS; i++) {
		struct entry e = makers[i](&mesh);

		wrap(&e);
		for (size_t bit = 0; bit < wrapped_bytes * 8; bit++) {
			wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (verify() == ERR_OK)
				fail_msg("kind %d: bit %zu flipped and accepted", e.kind, bit);
			wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		assert_ok(verify());
	}
}

/* ---- refusals of an entry --------------------------------------------------- */

/* Another's signature, no signature, another mesh, epoch, author or incarnation. */
static void
foreign_entries(void **state)
{
	struct entry e = make_verdict(&mesh);
	struct envelope envelope;
	member_index index;
	struct mesh_member stranger = *author;

	(void)state;
	encode(&e);
	wrapped_bytes = mesh_envelope(subject, &e, wrapped, sizeof(wrapped));
	assert_err(ERR_SIGNATURE, verify());

	wrapped_bytes = sizeof(wrapped);
	assert_ok(envelope_write((struct span){ body, body_bytes }, NULL, wrapped, &wrapped_bytes));
	assert_ok(envelope_parse(wrapped, wrapped_bytes, &envelope));
	assert_false(envelope.is_signed);
	assert_err(
	    ERR_SIGNATURE, entry_verify(crypto_sodium(), mesh.roster, &envelope, &entry, &index));
	assert_int_equal(index, author->index); /* for the budget */

	e.header.mesh.bytes[0] ^= 1;
	wrap(&e);
	assert_err(ERR_MESH, verify());
	e = make_verdict(&mesh);
	e.header.epoch = 2;
	wrap(&e);
	assert_err(ERR_EPOCH, verify());
	e = make_verdict(&mesh);
	e.header.incarnation = 2;
	wrap(&e);
	assert_err(ERR_AUTHOR, verify());
	e = make_verdict(&mesh);
	stranger.id.bytes[15] ^= 1;
	e.header.author = stranger.id;
	wrap(&e);
	assert_err(ERR_AUTHOR, verify());
	assert_ok(envelope_parse(wrapped, wrapped_bytes, &envelope));
	assert_err(
	    ERR_AUTHOR, entry_verify(crypto_sodium(), mesh.roster, &envelope, &entry, &index));
	assert_int_equal(index, MEMBER_NONE);
}

/* Nodes never release, and operators do nothing else. */
static void
who_may_write_what(void **state)
{
	const struct mesh_member *official = &mesh.members[5];
	struct entry e = make_release(&mesh);

	(void)state;
	wrap(&e);
	assert_ok(verify());
	e.header = mesh_header(&mesh, author);
	encode(&e);
	wrapped_bytes = mesh_envelope(author, &e, wrapped, sizeof(wrapped));
	assert_err(ERR_AUTHOR, verify());
	e = make_verdict(&mesh);
	e.header = mesh_header(&mesh, official);
	encode(&e);
	wrapped_bytes = mesh_envelope(official, &e, wrapped, sizeof(wrapped));
	assert_err(ERR_AUTHOR, verify());
}

/* A good signature under another domain is no signature of an entry. */
static void
domains_are_apart(void **state)
{
	struct entry e = make_verdict(&mesh);
	struct signature signature;

	(void)state;
	encode(&e);
	mesh_sign(&author->key, DOMAIN_BALLOT, (struct span){ body, body_bytes }, &signature);
	wrapped_bytes = sizeof(wrapped);
	assert_ok(
	    envelope_write((struct span){ body, body_bytes }, &signature, wrapped, &wrapped_bytes));
	assert_err(ERR_SIGNATURE, verify());
}

/* Signed link messages do not pass for entries. */
static void
link_messages_are_no_entries(void **state)
{
	struct entry e = make_ping(&mesh);

	(void)state;
	wrap(&e);
	assert_err(ERR_MALFORMED, verify());
	assert_true(entry_is_link_message(ENTRY_PING));
	assert_false(entry_is_link_message(ENTRY_CERTIFICATE));
}

/* ---- refusals by hand-made bytes -------------------------------------------- */

static struct buf_out hand;
static uint8_t hand_previous[32];

static void
hand_header(uint32_t version, bool complete)
{
	size_t opened;

	buf_out_init(&hand, body, sizeof(body));
	opened = wire_open(&hand, 1);
	wire_put_u64(&hand, 1, version);
	wire_put_fixed(&hand, 2, mesh.id.bytes, 16);
	if (complete) {
		wire_put_u64(&hand, 3, 1);
		wire_put_fixed(&hand, 4, author->id.bytes, 16);
		wire_put_u64(&hand, 5, 1);
		wire_put_u64(&hand, 6, 1);
		wire_put_u64(&hand, 7, MESH_TIME_MS);
		wire_put_fixed(&hand, 8, hand_previous, 32);
	}
	wire_close(&hand, opened);
}

static void
hand_verdict_fields(uint32_t level)
{
	uint8_t signature[64] = { 0 };

	wire_put_u64(&hand, 1, level);
	wire_put_fixed(&hand, 2, subject->id.bytes, 16);
	wire_put_u64(&hand, 4, 7);
	wire_put_fixed(&hand, 5, signature, 64);
}

static void
hand_verdict(uint32_t level)
{
	size_t opened = wire_open(&hand, ENTRY_VERDICT);

	hand_verdict_fields(level);
	wire_close(&hand, opened);
}

static enum err
decode_hand(void)
{
	assert_ok(hand.err);
	body_bytes = buf_used(&hand);
	return decode();
}

/* The first entry has no predecessor. */
static void
predecessor_of_the_first(void **state)
{
	(void)state;
	hand_previous[31] = 1;
	hand_header(1, true);
	hand_verdict(1);
	hand_previous[31] = 0;
	assert_err(ERR_RANGE, decode_hand());
}

static void
wrong_versions(void **state)
{
	(void)state;
	hand_header(1, true);
	hand_verdict(1);
	assert_ok(decode_hand());
	hand_header(0, true);
	hand_verdict(1);
	assert_err(ERR_VERSION, decode_hand());
	hand_header(2, true);
	/* Of another version not even the fields are known. */
	wire_put_u64(&hand, 99, 1);
	assert_err(ERR_VERSION, decode_hand());
}

/* Fields that this version does not know are refused, wherever they stand. */
static void
unknown_fields(void **state)
{
	size_t opened;

	(void)state;
	hand_header(1, true);
	hand_verdict(1);
	wire_put_u64(&hand, 38, 1);
	assert_err(ERR_UNKNOWN_FIELD, decode_hand());
	for (uint32_t reserved = 10; reserved < 32; reserved++) {
		hand_header(1, true);
		wire_close(&hand, wire_open(&hand, reserved));
		assert_err(ERR_UNKNOWN_FIELD, decode_hand());
	}
	hand_header(1, true);
	opened = wire_open(&hand, ENTRY_VERDICT);
	hand_verdict_fields(1);
	wire_put_u64(&hand, 6, 1);
	wire_close(&hand, opened);
	assert_err(ERR_UNKNOWN_FIELD, decode_hand());
}

/* Repeated, reordered and missing parts, and two payloads. */
static void
repeated_and_missing(void **state)
{
	size_t opened;

	(void)state;
	hand_header(1, true);
	assert_err(ERR_TRUNCATED, decode_hand());
	hand_verdict(1);
	hand_verdict(1);
	assert_err(ERR_MALFORMED, decode_hand());
	hand_header(1, true);
	hand_verdict(1);
	wire_close(&hand, wire_open(&hand, ENTRY_SELF_REPORT));
	assert_err(ERR_MALFORMED, decode_hand());
	buf_out_init(&hand, body, sizeof(body));
	hand_verdict(1);
	assert_err(ERR_MALFORMED, decode_hand());
	hand_header(1, true);
	opened = wire_open(&hand, ENTRY_VERDICT);
	wire_put_u64(&hand, 1, 1);
	hand_verdict_fields(1);
	wire_close(&hand, opened);
	assert_err(ERR_MALFORMED, decode_hand());
	hand_header(1, true);
	opened = wire_open(&hand, ENTRY_VERDICT);
	wire_put_fixed(&hand, 2, subject->id.bytes, 16);
	wire_put_u64(&hand, 1, 1);
	wire_close(&hand, opened);
	assert_err(ERR_RANGE, decode_hand()); /* no level where it belongs */
	hand_header(1, false);
	hand_verdict(1);
	/* A draft has no ballot signature yet. */
	assert_err(ERR_UNKNOWN_FIELD, decode_hand());
}

/* Numbers have one form: no zero written out, no over-long varint, nothing above 64 bits. */
static void
non_canonical_numbers(void **state)
{
	static const struct {
		uint8_t bytes[12];
		size_t size_bytes;
		enum err err;
	} cases[] = {
		{ { 0x18, 0x00 }, 2, ERR_MALFORMED },                     /* round 0, written out */
		{ { 0x18, 0x81, 0x00 }, 3, ERR_MALFORMED },               /* 1 in two bytes */
		{ { 0x98, 0x00, 0x01 }, 3, ERR_MALFORMED },               /* the tag in two bytes */
		{ { 0x18, 0x80, 0x80, 0x80, 0x80, 0x10 }, 6, ERR_RANGE }, /* 2^32 */
		{ { 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 }, 11,
		    ERR_MALFORMED },                                    /* more than 64 bits */
		{ { 0x19, 1, 0, 0, 0, 0, 0, 0, 0 }, 9, ERR_MALFORMED }, /* fixed64 */
		{ { 0x1a, 0x01, 0x01 }, 3, ERR_MALFORMED },             /* bytes for a number */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t signature[64] = { 0 };
		size_t opened;

		hand_header(1, true);
		opened = wire_open(&hand, ENTRY_VERDICT);
		wire_put_u64(&hand, 1, 1);
		wire_put_fixed(&hand, 2, subject->id.bytes, 16);
		buf_put(&hand, cases[i].bytes, cases[i].size_bytes);
		wire_put_u64(&hand, 4, 7);
		wire_put_fixed(&hand, 5, signature, 64);
		wire_close(&hand, opened);
		if (decode_hand() != cases[i].err)
			fail_msg("case %zu: %s", i, err_text(decode_hand()));
	}
}

/* Enums, scores, decoys, ports and addresses within their bounds, both ways. */
static void
values_out_of_range(void **state)
{
	struct entry e;

	(void)state;
	for (uint32_t level = 0; level < 5; level++) {
		hand_header(1, true);
		hand_verdict(level);
		assert_err(level == 1 || level == 2 ? ERR_OK : ERR_RANGE, decode_hand());
	}
#define REFUSED(error, change)                                          \
	do {                                                            \
		e = make_statement(&mesh);                              \
		e.change;                                               \
		body_bytes = sizeof(body);                              \
		assert_err(error, entry_encode(&e, body, &body_bytes)); \
		assert_int_equal(body_bytes, sizeof(body));             \
	} while (0)
	REFUSED(ERR_RANGE, statement.score = 11);
	REFUSED(ERR_RANGE, statement.class = CLASS_UNKNOWN);
	REFUSED(ERR_RANGE, statement.class = (enum event_class)12);
	REFUSED(ERR_RANGE, statement.decoy = LIMIT_DECOYS);
	REFUSED(ERR_RANGE, statement.source.address.family = 5);
	REFUSED(ERR_RANGE, statement.source.address.family = 0);
	REFUSED(ERR_OVERSIZE, statement.evidence_bytes = LIMIT_EVIDENCE_BYTES + 1);
	REFUSED(ERR_RANGE, header.previous.bytes[0] = 1); /* a predecessor of the first */
#undef REFUSED
	/* An IPv4 address in IPv6's clothes would be a second form of the same. */
	e = make_statement(&mesh);
	e.statement.source.address =
	    (struct address){ .family = 6, .bytes = { [10] = 0xff, [11] = 0xff, 10, 77, 0, 2 } };
	body_bytes = sizeof(body);
	assert_err(ERR_RANGE, entry_encode(&e, body, &body_bytes));
}

/* ---- what must hold inside a payload --------------------------------------------- */

/* Refused by the writer, and so by the reader, which sees the bytes of the unchanged one. */
static void
refuse_entry(enum err expected, const struct entry *e, const char *what)
{
	enum err err;

	body_bytes = sizeof(body);
	if ((err = entry_encode(e, body, &body_bytes)) != expected)
		fail_msg("%s: %s, expected %s", what, err_text(err), err_text(expected));
	assert_int_equal(body_bytes, sizeof(body));
}

/* One more entry by the given member, signed or not; the last eight live. */
static struct span
evidence(size_t by, uint64_t sequence, uint32_t score, bool is_signed)
{
	static uint8_t kept[8][512];
	static size_t next;
	uint8_t inner[512], *out = kept[next++ % 8];
	struct entry e = make_self_report(&mesh);
	size_t size = sizeof(inner), room = sizeof(kept[0]);

	e.header = mesh_header(&mesh, &mesh.members[by]);
	e.header.sequence = sequence;
	e.self_report.score = score;
	assert_ok(entry_encode(&e, inner, &size));
	if (is_signed)
		return (struct span){ out, mesh_envelope(&mesh.members[by], &e, out, room) };
	assert_ok(envelope_write((struct span){ inner, size }, NULL, out, &room));
	return (struct span){ out, room };
}

/* A proof as its bytes stand, whatever they are, read as a peer would. */
static enum err
decode_proof(struct span first, struct span second)
{
	size_t opened;

	hand_header(1, true);
	opened = wire_open(&hand, ENTRY_PROOF);
	wire_put_fixed(&hand, 1, first.data, first.size_bytes);
	wire_put_fixed(&hand, 2, second.data, second.size_bytes);
	wire_close(&hand, opened);
	return decode_hand();
}

/* Two signed entries of one feed, of one place or of two neighbouring ones, and of nothing else. */
static void
proofs(void **state)
{
	struct span seventh = evidence(1, 7, 1, true), other = evidence(1, 7, 2, true);
	struct entry e = make_proof(&mesh);
	struct {
		const char *what;
		struct span first, second;
		enum err err;
	} cases[] = {
		{ "one place", seventh, other, ERR_OK },
		{ "its successor", seventh, evidence(1, 8, 1, true), ERR_OK },
		{ "the same twice", seventh, seventh, ERR_RANGE },
		{ "its predecessor", seventh, evidence(1, 6, 1, true), ERR_RANGE },
		{ "two apart", seventh, evidence(1, 9, 1, true), ERR_RANGE },
		{ "two authors", seventh, evidence(2, 7, 1, true), ERR_AUTHOR },
		{ "unsigned", evidence(1, 7, 3, false), seventh, ERR_SIGNATURE },
		{ "nothing", seventh, { seventh.data, 0 }, ERR_MALFORMED },
		{ "cut short", seventh, { other.data, other.size_bytes - 1 }, ERR_TRUNCATED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum err err = decode_proof(cases[i].first, cases[i].second);

		if (err != cases[i].err)
			fail_msg("%s: %s", cases[i].what, err_text(err));
		e.proof = (struct proof){ cases[i].first, cases[i].second };
		if (cases[i].err != ERR_OK)
			refuse_entry(cases[i].err, &e, cases[i].what);
	}
	/* Another incarnation, another mesh, a draft, and what is no entry at all. */
	e = make_self_report(&mesh);
	e.header = mesh_header(&mesh, &mesh.members[1]);
	e.header.sequence = 7;
	e.header.incarnation = 2;
	wrapped_bytes = mesh_envelope(&mesh.members[1], &e, wrapped, sizeof(wrapped));
	assert_err(ERR_AUTHOR, decode_proof(seventh, (struct span){ wrapped, wrapped_bytes }));
	e.header.incarnation = 1;
	e.header.mesh.bytes[0] ^= 1;
	wrapped_bytes = mesh_envelope(&mesh.members[1], &e, wrapped, sizeof(wrapped));
	assert_err(ERR_MESH, decode_proof(seventh, (struct span){ wrapped, wrapped_bytes }));
	e.header = (struct entry_header){ .mesh = mesh.id, .epoch = 1, .time_ms = MESH_TIME_MS };
	wrapped_bytes = mesh_envelope(&mesh.members[1], &e, wrapped, sizeof(wrapped));
	assert_err(ERR_MALFORMED, decode_proof(seventh, (struct span){ wrapped, wrapped_bytes }));
	e = make_ping(&mesh);
	wrapped_bytes = mesh_envelope(&mesh.members[1], &e, wrapped, sizeof(wrapped));
	assert_err(ERR_MALFORMED, decode_proof(seventh, (struct span){ wrapped, wrapped_bytes }));
}

/* Read a release with these bytes as its reason. */
static enum err
decode_reason(const char *reason, size_t reason_bytes)
{
	size_t opened;

	hand_header(1, true);
	opened = wire_open(&hand, ENTRY_RELEASE);
	wire_put_fixed(&hand, 1, subject->id.bytes, 16);
	wire_put_u64(&hand, 3, RELEASE_CLEANED);
	wire_put_u64(&hand, 5, 1);
	wire_put_u64(&hand, 6, 7);
	wire_put_bytes(&hand, 7, (struct span){ (const uint8_t *)reason, reason_bytes });
	wire_close(&hand, opened);
	return decode_hand();
}

/* A release lifts something and says why, in text that may be shown on any screen. */
static void
releases(void **state)
{
	static const struct {
		const char *reason;
		enum err err;
	} reasons[] = {
		{ "cleaned", ERR_OK },
		{ "", ERR_RANGE },
		{ "a\nb", ERR_RANGE },
		{ "a\x1b[2J", ERR_RANGE },
		{ "a\x7f", ERR_RANGE },
		{ "\xc2\x80", ERR_RANGE }, /* C1 */
		{ "\xc2\x9f", ERR_RANGE },
		{ "\xc2\xa0", ERR_OK },
		{ "\xc0\xaf", ERR_RANGE }, /* long forms */
		{ "\xe0\x80\xaf", ERR_RANGE },
		{ "\xed\xa0\x80", ERR_RANGE },     /* a surrogate */
		{ "\xf4\x90\x80\x80", ERR_RANGE }, /* past the last code point */
		{ "\xf4\x8f\xbf\xbf", ERR_OK },
		{ "\xe2\x82", ERR_RANGE }, /* cut short */
		{ "\x80", ERR_RANGE },
		{ "\xff", ERR_RANGE },
	};
	char longest[LIMIT_REASON_BYTES + 1];
	struct entry e;

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (decode_reason(reasons[i].reason, strlen(reasons[i].reason)) != reasons[i].err)
			fail_msg("reason %zu: %s", i, reasons[i].reason);
		e = make_release(&mesh);
		snprintf(e.release.reason, sizeof(e.release.reason), "%s", reasons[i].reason);
		if (reasons[i].err != ERR_OK)
			refuse_entry(reasons[i].err, &e, reasons[i].reason);
	}
	memset(longest, 'x', sizeof(longest));
	assert_ok(decode_reason(longest, LIMIT_REASON_BYTES));
	assert_int_equal(strlen(entry.release.reason), LIMIT_REASON_BYTES);
	assert_err(ERR_OVERSIZE, decode_reason(longest, LIMIT_REASON_BYTES + 1));
	assert_err(ERR_RANGE, decode_reason("a\0b", 3));
	e = make_release(&mesh);
	memcpy(e.release.reason, longest, sizeof(longest)); /* without an end */
	refuse_entry(ERR_RANGE, &e, "endless reason");
#define REFUSED(change)                               \
	do {                                          \
		e = make_release(&mesh);              \
		e.release.change;                     \
		refuse_entry(ERR_RANGE, &e, #change); \
	} while (0)
	REFUSED(kind = (enum release_kind)0);
	REFUSED(kind = (enum release_kind)3);
	REFUSED(sequence = 0); /* an incarnation of nothing */
#undef REFUSED
	e = make_release(&mesh);
	e.release.sequence = e.release.incarnation = 0;
	encode(&e);
	assert_ok(decode());
	assert_true(entry.release.names_certificate);
	e.release.names_certificate = false;
	refuse_entry(ERR_RANGE, &e, "lifts nothing");
}

/* An address of either family, blocked for at least a second and at most a day. */
static void
indicators(void **state)
{
	struct entry e = make_indicator(&mesh);

	(void)state;
	e.indicator.address = endpoint_of("2001:db8::7", 0).address;
	e.indicator.ttl_s = LIMIT_INDICATOR_S;
	encode(&e);
	assert_ok(decode());
	assert_true(address_equal(&entry.indicator.address, &e.indicator.address));
#define REFUSED(change)                               \
	do {                                          \
		e = make_indicator(&mesh);            \
		e.indicator.change;                   \
		refuse_entry(ERR_RANGE, &e, #change); \
	} while (0)
	REFUSED(ttl_s = 0);
	REFUSED(ttl_s = LIMIT_INDICATOR_S + 1);
	REFUSED(score = SCORE_MAX + 1);
	REFUSED(reason = CLASS_UNKNOWN);
	REFUSED(reason = (enum event_class)12);
	REFUSED(address.family = 0);
	REFUSED(address = ((struct address){ 6, { [10] = 0xff, [11] = 0xff, 198, 51, 100, 7 } }));
#undef REFUSED
	for (size_t size = 0; size <= 17; size++) {
		static const uint8_t zeros[17];
		size_t opened;

		hand_header(1, true);
		opened = wire_open(&hand, ENTRY_INDICATOR);
		wire_put_bytes(&hand, 1, (struct span){ zeros, size });
		wire_put_u64(&hand, 2, 1);
		wire_put_u64(&hand, 3, 1);
		wire_close(&hand, opened);
		assert_err(size == 4 || size == 16 ? ERR_OK
		           : size == 17            ? ERR_OVERSIZE
		                                   : ERR_RANGE,
		    decode_hand());
	}
}

/* A part holds something, lies inside the whole, and neither is larger than its limit. */
static void
roster_parts(void **state)
{
	static const uint8_t records[LIMIT_ROSTER_PART_BYTES + 1];
	struct entry e = make_roster_part(&mesh);
	size_t opened;

	(void)state;
	e.roster_part = (struct roster_part){ LIMIT_ROSTER_BYTES - LIMIT_ROSTER_PART_BYTES,
		LIMIT_ROSTER_BYTES, { records, LIMIT_ROSTER_PART_BYTES } };
	encode(&e);
	assert_ok(decode());
	assert_int_equal(entry.roster_part.records.size_bytes, LIMIT_ROSTER_PART_BYTES);
#define REFUSED(error, change)                    \
	do {                                      \
		e = make_roster_part(&mesh);      \
		e.roster_part.change;             \
		refuse_entry(error, &e, #change); \
	} while (0)
	REFUSED(ERR_RANGE, records.size_bytes = 0);
	REFUSED(ERR_RANGE, total = 1099);
	REFUSED(ERR_RANGE, offset = 2000);
	REFUSED(ERR_RANGE, offset = UINT64_MAX);
	REFUSED(ERR_OVERSIZE, total = LIMIT_ROSTER_BYTES + 1);
	REFUSED(ERR_OVERSIZE, records = ((struct span){ records, sizeof(records) }));
#undef REFUSED
	for (size_t size = 0; size <= sizeof(records); size += sizeof(records)) {
		hand_header(1, false);
		opened = wire_open(&hand, ENTRY_ROSTER_PART);
		wire_put_u64(&hand, 2, sizeof(records));
		wire_put_bytes(&hand, 3, (struct span){ records, size });
		wire_close(&hand, opened);
		assert_err(size == 0 ? ERR_RANGE : ERR_OVERSIZE, decode_hand());
	}
}

/* What floods is what stands. */
static void
urgent_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < MAKERS; i++) {
		struct entry e = makers[i](&mesh);
		bool urgent = e.kind == ENTRY_SELF_REPORT || e.kind == ENTRY_PROOF ||
		              e.kind == ENTRY_CERTIFICATE || e.kind == ENTRY_RELEASE;

		assert_int_equal(entry_is_urgent(e.kind), urgent);
		assert_int_equal(entry_is_link_message(e.kind), i >= FEED_MAKERS);
		assert_string_not_equal(entry_kind_text(e.kind), "unknown");
	}
}

/* ---- sizes ------------------------------------------------------------------ */

static void
oversized(void **state)
{
	static uint8_t large[LIMIT_ENVELOPE_BYTES + 1];
	struct envelope envelope;
	struct entry e = make_ping(&mesh);
	struct entry_header header;
	enum entry_kind kind;
	size_t room = sizeof(wrapped);

	(void)state;
	assert_err(ERR_OVERSIZE, envelope_parse(large, sizeof(large), &envelope));
	assert_err(ERR_OVERSIZE,
	    envelope_write((struct span){ large, LIMIT_BODY_BYTES + 1 }, NULL, wrapped, &room));
	assert_ok(envelope_write(
	    (struct span){ large, LIMIT_BODY_BYTES }, &(struct signature){ 0 }, wrapped, &room));
	assert_true(room <= LIMIT_ENVELOPE_BYTES);
	assert_ok(envelope_parse(wrapped, room, &envelope));
	assert_err(
	    ERR_OVERSIZE, entry_decode((struct span){ large, LIMIT_BODY_BYTES + 1 }, &entry));
	assert_err(
	    ERR_OVERSIZE, entry_peek((struct span){ large, LIMIT_BODY_BYTES + 1 }, &header, &kind));

	/* No room, at every size, is an error and no overrun. */
	encode(&e);
	for (size_t less = 0; less < body_bytes; less++) {
		uint8_t *exact = malloc(less + 1);
		size_t size = less;

		assert_err(ERR_OVERSIZE, entry_encode(&e, exact, &size));
		assert_int_equal(size, less);
		free(exact);
	}
	e.ping.head_count = LIMIT_PING_HEADS + 1;
	assert_err(ERR_OVERSIZE, entry_encode(&e, body, &body_bytes));
}

/* A ninth head, a sixty-fifth item and 48 KiB in many are refused; one large item is not. */
static void
too_many(void **state)
{
	uint8_t head[128], item[128];
	struct buf_out b;
	size_t opened;

	(void)state;
	buf_out_init(&b, head, sizeof(head));
	wire_put_fixed(&b, 1, author->id.bytes, 16);
	wire_put_u64(&b, 3, 1);
	wire_put_fixed(&b, 4, (uint8_t[32]){ 0 }, 32);
	for (size_t count = LIMIT_PING_HEADS; count <= LIMIT_PING_HEADS + 1; count++) {
		hand_header(1, false);
		opened = wire_open(&hand, ENTRY_PING);
		wire_put_fixed(&hand, 4, (uint8_t[8]){ 0 }, 8);
		for (size_t i = 0; i < count; i++)
			wire_put_fixed(&hand, 5, head, buf_used(&b));
		wire_close(&hand, opened);
		assert_err(count == LIMIT_PING_HEADS ? ERR_OK : ERR_OVERSIZE, decode_hand());
	}
	buf_out_init(&b, item, sizeof(item));
	wire_put_fixed(&b, 1, (uint8_t[1]){ 7 }, 1);
	for (size_t count = LIMIT_SYNC_ITEMS; count <= LIMIT_SYNC_ITEMS + 1; count++) {
		hand_header(1, false);
		opened = wire_open(&hand, ENTRY_SYNC_ITEMS);
		for (size_t i = 0; i < count; i++)
			wire_put_fixed(&hand, 1, item, buf_used(&b));
		wire_close(&hand, opened);
		assert_err(count == LIMIT_SYNC_ITEMS ? ERR_OK : ERR_OVERSIZE, decode_hand());
	}
	for (size_t count = 1; count <= 2; count++) {
		static const uint8_t large[LIMIT_SYNC_BYTES];

		hand_header(1, false);
		opened = wire_open(&hand, ENTRY_SYNC_ITEMS);
		for (size_t i = 0; i < count; i++) {
			size_t inner = wire_open(&hand, 1);

			wire_put_fixed(
			    &hand, 1, large, count == 1 ? sizeof(large) : sizeof(large) / 2);
			wire_close(&hand, inner);
		}
		wire_close(&hand, opened);
		assert_err(count == 1 ? ERR_OK : ERR_OVERSIZE, decode_hand());
	}
}

/* ---- envelopes ---------------------------------------------------------------- */

static void
hostile_envelopes(void **state)
{
	static const struct {
		const char *name;
		uint8_t bytes[16];
		size_t size_bytes;
		enum err err;
	} cases[] = {
		{ "good", { 0x0a, 1, 7 }, 3, ERR_OK },
		{ "nothing", { 0 }, 0, ERR_MALFORMED },
		{ "empty body", { 0x0a, 0 }, 2, ERR_MALFORMED },
		{ "length beyond the end", { 0x0a, 2, 7 }, 3, ERR_TRUNCATED },
		{ "huge length", { 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 },
		    11, ERR_TRUNCATED },
		{ "length without end", { 0x0a, 0x80 }, 2, ERR_TRUNCATED },
		{ "over-long length", { 0x0a, 0x81, 0x00, 7 }, 4, ERR_MALFORMED },
		{ "body twice", { 0x0a, 1, 7, 0x0a, 1, 7 }, 6, ERR_MALFORMED },
		{ "short signature", { 0x0a, 1, 7, 0x12, 1, 7 }, 6, ERR_MALFORMED },
		{ "empty signature written out", { 0x0a, 1, 7, 0x12, 0 }, 5, ERR_MALFORMED },
		{ "signature first", { 0x12, 1, 7, 0x0a, 1, 7 }, 6, ERR_MALFORMED },
		{ "third field", { 0x0a, 1, 7, 0x1a, 1, 7 }, 6, ERR_UNKNOWN_FIELD },
		{ "field 0", { 0x02, 1, 7 }, 3, ERR_MALFORMED },
		{ "a group", { 0x0b, 0x0c }, 2, ERR_MALFORMED },
	};
	struct envelope envelope;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum err err = envelope_parse(cases[i].bytes, cases[i].size_bytes, &envelope);

		if (err != cases[i].err)
			fail_msg("%s: %s, expected %s", cases[i].name, err_text(err),
			    err_text(cases[i].err));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bytes_as_protobuf_c),
		cmocka_unit_test(same_meaning_as_protobuf_c),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(drafts),
		cmocka_unit_test(truncated_at_every_length),
		cmocka_unit_test(every_bit_flip_is_refused),
		cmocka_unit_test(foreign_entries),
		cmocka_unit_test(who_may_write_what),
		cmocka_unit_test(domains_are_apart),
		cmocka_unit_test(link_messages_are_no_entries),
		cmocka_unit_test(predecessor_of_the_first),
		cmocka_unit_test(wrong_versions),
		cmocka_unit_test(unknown_fields),
		cmocka_unit_test(repeated_and_missing),
		cmocka_unit_test(non_canonical_numbers),
		cmocka_unit_test(values_out_of_range),
		cmocka_unit_test(proofs),
		cmocka_unit_test(releases),
		cmocka_unit_test(indicators),
		cmocka_unit_test(roster_parts),
		cmocka_unit_test(urgent_kinds),
		cmocka_unit_test(oversized),
		cmocka_unit_test(too_many),
		cmocka_unit_test(hostile_envelopes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
