/*
 * entries: one valid entry of each kind, by the mesh's first member about its
 * second, for tests, fuzzers' corpora and benches.
 */
#ifndef TESTS_ENTRIES_H
#define TESTS_ENTRIES_H
#include "tests/mesh.h"

static inline struct endpoint
endpoint_of(const char *text, uint16_t port)
{
	struct endpoint e = { .port = port };

	assert_true(address_parse(text, &e.address));
	return e;
}

static inline struct entry
make_statement(const struct mesh *m)
{
	struct entry e = { .kind = ENTRY_STATEMENT, .header = mesh_header(m, &m->members[0]) };

	e.statement = (struct statement){ .subject = m->members[1].id,
		.round = 300,
		.class = CLASS_HONEYPOT_TRIPPED,
		.source = endpoint_of("10.77.0.2", 40000),
		.destination = endpoint_of("fd77::11", 2222),
		.decoy = 1,
		.evidence = "SCAN\r\n",
		.evidence_bytes = 6,
		.score = 9,
		.seen_ms = MESH_TIME_MS - 1 };
	memset(e.statement.evidence_digest.bytes, 0x77, 32);
	return e;
}

static inline struct entry
make_verdict(const struct mesh *m)
{
	struct entry e = { .kind = ENTRY_VERDICT, .header = mesh_header(m, &m->members[0]) };
	struct ballot ballot = mesh_ballot(m, &m->members[1]);

	e.verdict = (struct verdict){ .level = LEVEL_QUARANTINE,
		.subject = m->members[1].id,
		.window = ballot.window,
		.ballot_signature = mesh_vote(&m->members[0], &ballot) };
	return e;
}

static inline struct entry
make_self_report(const struct mesh *m)
{
	struct entry e = { .kind = ENTRY_SELF_REPORT, .header = mesh_header(m, &m->members[0]) };

	e.self_report = (struct self_report){ .kind = SELF_REPORT_PRECAUTION,
		.reason = CLASS_HONEYPOT_TRIPPED,
		.source = endpoint_of("10.77.0.66", 0),
		.score = 9 };
	return e;
}

static inline struct entry
make_certificate(const struct mesh *m)
{
	static const uint8_t voters[] = { 0x1c };
	static uint8_t signatures[3 * 64];
	struct entry e = { .kind = ENTRY_CERTIFICATE, .header = mesh_header(m, &m->members[0]) };

	memset(signatures, 0x55, sizeof(signatures));
	e.certificate = (struct certificate){ .level = LEVEL_RELEASE,
		.subject = m->members[1].id,
		.round = 1,
		.epoch = 1,
		.window = 2983333,
		.voters = { voters, sizeof(voters) },
		.signatures = { signatures, sizeof(signatures) } };
	return e;
}

/* The second member signed two bodies as its seventh entry. */
static inline struct entry
make_proof(const struct mesh *m)
{
	static uint8_t envelopes[2][1024];
	struct entry e = { .kind = ENTRY_PROOF, .header = mesh_header(m, &m->members[0]) };
	struct envelope envelope;
	struct span items[2];
	struct hash hashes[2];

	for (size_t i = 0; i < 2; i++) {
		struct entry inside = make_self_report(m);

		inside.header = mesh_header(m, &m->members[1]);
		inside.header.sequence = 7;
		inside.self_report.score = (uint32_t)i;
		items[i].data = envelopes[i];
		items[i].size_bytes =
		    mesh_envelope(&m->members[1], &inside, envelopes[i], sizeof(envelopes[i]));
		assert_ok(envelope_parse(items[i].data, items[i].size_bytes, &envelope));
		entry_hash(crypto_sodium(), envelope.body, &hashes[i]);
	}
	if (memcmp(&hashes[0], &hashes[1], sizeof(hashes[0])) < 0)
		e.proof = (struct proof){ items[0], items[1] };
	else
		e.proof = (struct proof){ items[1], items[0] };
	return e;
}

static inline struct entry
make_release(const struct mesh *m)
{
	/* The last member: an operator, where that matters. */
	struct entry e = { .kind = ENTRY_RELEASE,
		.header = mesh_header(m, &m->members[m->count - 1]) };

	e.release = (struct release){ .subject = m->members[1].id,
		.round = 2,
		.kind = RELEASE_OVERTURNED,
		.names_certificate = true,
		.incarnation = 1,
		.sequence = 7,
		.reason = "Überprüft: ein \"Scanner\", kein Angriff \xf0\x9f\x9b\xa1" };
	memset(e.release.certificate.bytes, 0x66, sizeof(e.release.certificate.bytes));
	return e;
}

static inline struct entry
make_indicator(const struct mesh *m)
{
	struct entry e = { .kind = ENTRY_INDICATOR, .header = mesh_header(m, &m->members[0]) };

	e.indicator = (struct indicator){ .address = endpoint_of("198.51.100.7", 0).address,
		.ttl_s = LIMIT_INDICATOR_OWN_S,
		.reason = CLASS_HONEYPOT_TRIPPED,
		.score = 9 };
	return e;
}

static inline struct entry
make_receipt(const struct mesh *m)
{
	struct entry e = { .kind = ENTRY_RECEIPT, .header = mesh_header(m, &m->members[0]) };

	e.receipt = (struct receipt){ .subject = m->members[1].id, .round = 2, .held_us = 730 };
	memset(e.receipt.object.bytes, 0x33, sizeof(e.receipt.object.bytes));
	return e;
}

static inline struct feed_head
make_head(const struct mesh *m, uint64_t sequence)
{
	struct feed_head head = { .author = m->members[0].id, .incarnation = 1, .sequence = sequence };

	memset(head.hash.bytes, (int)sequence, sizeof(head.hash.bytes));
	return head;
}

static inline struct entry
make_hello(const struct mesh *m)
{
	struct entry e = { .kind = ENTRY_HELLO, .header.mesh = m->id };

	e.hello = (struct hello){ .incarnation = 1,
		.mine = make_head(m, 4),
		.root = 0x0123456789abcdef,
		.roster_bytes = 1000 };
	return e;
}

static inline struct entry
make_ping(const struct mesh *m)
{
	struct entry e = { .kind = ENTRY_PING, .header.mesh = m->id };

	e.ping = (struct ping){ .nonce = UINT32_MAX,
		.answer = true,
		.time_ms = MESH_TIME_MS,
		.head_count = 2,
		.heads = { make_head(m, 1), make_head(m, UINT64_MAX) },
		.roster_bytes = LIMIT_ROSTER_BYTES };
	return e;
}

static inline struct entry
make_buckets(const struct mesh *m)
{
	struct entry e = { .kind = ENTRY_SYNC_BUCKETS, .header.mesh = m->id };

	for (size_t i = 0; i < LIMIT_SYNC_BUCKETS; i++)
		e.sync_buckets.digests[i] = i * 0x0101010101010101;
	e.sync_buckets.answer = true;
	return e;
}

static inline struct entry
make_items(const struct mesh *m)
{
	static uint8_t items[2][1024];
	struct entry e = { .kind = ENTRY_SYNC_ITEMS, .header.mesh = m->id };
	struct entry inside[2] = { make_verdict(m), make_statement(m) };

	e.sync_items.count = 2;
	for (size_t i = 0; i < 2; i++) {
		size_t size = mesh_envelope(&m->members[0], &inside[i], items[i], sizeof(items[i]));

		e.sync_items.items[i] = (struct span){ items[i], size };
	}
	return e;
}

static inline struct entry
make_roster_ask(const struct mesh *m)
{
	return (struct entry){
		.kind = ENTRY_ROSTER_ASK, .header.mesh = m->id, .roster_ask.offset = 1000
	};
}

static inline struct entry
make_roster_part(const struct mesh *m)
{
	static const uint8_t records[100] = { 1, 2, 3 };

	return (struct entry){ .kind = ENTRY_ROSTER_PART,
		.header.mesh = m->id,
		.roster_part = { .offset = 1000,
			.total = 2000,
			.records = { records, sizeof(records) } } };
}

static struct entry (*const makers[])(const struct mesh *) = { make_statement, make_verdict,
	make_self_report, make_certificate, make_proof, make_release, make_indicator, make_receipt,
	make_hello, make_ping, make_buckets, make_items, make_roster_ask, make_roster_part };
#define MAKERS      (sizeof(makers) / sizeof(*makers))
#define FEED_MAKERS 8 /* the first of them are entries of a feed */

#endif
