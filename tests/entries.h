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

	e.hello =
	    (struct hello){ .incarnation = 1, .mine = make_head(m, 4), .root = 0x0123456789abcdef };
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
		.heads = { make_head(m, 1), make_head(m, UINT64_MAX) } };
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

static struct entry (*const makers[])(const struct mesh *) = { make_statement, make_verdict,
	make_self_report, make_certificate, make_hello, make_ping, make_buckets, make_items };
#define MAKERS      (sizeof(makers) / sizeof(*makers))
#define FEED_MAKERS 4 /* the first of them are entries of a feed */

#endif
