/*
 * The test vectors of docs/protocol.md are what this code computes, all of
 * them and no others.  `test_vectors print` writes them as they should stand
 * there.
 */
#include <ctype.h>
#include "base/buf.h"
#include "core/certificate.h"
#include "core/objects.h"
#include "tests/entries.h"

#define DOCUMENT    "docs/protocol.md"
#define MOST        64
#define VALUE_BYTES 1024
#define LINE_HEX    88

static struct vector {
	char name[32];
	char hex[2 * VALUE_BYTES + 1];
	bool found;
} vectors[MOST];
static size_t count;

static void
add(const char *name, const void *data, size_t size_bytes)
{
	const uint8_t *bytes = data;
	struct vector *v = &vectors[count++];

	assert_true(count < MOST && size_bytes <= VALUE_BYTES);
	snprintf(v->name, sizeof(v->name), "%s", name);
	for (size_t i = 0; i < size_bytes; i++)
		snprintf(v->hex + 2 * i, 3, "%02x", bytes[i]);
}

static void
add_member(const struct mesh *m, size_t i, const char *what, const void *data, size_t size_bytes)
{
	char name[32];

	(void)m;
	snprintf(name, sizeof(name), "member-%zu.%s", i + 1, what);
	add(name, data, size_bytes);
}

static void
add_identities(const struct mesh *m)
{
	uint8_t seed[32], heads[5 * 16];

	memset(seed, 0xca, sizeof(seed));
	add("ca.seed", seed, sizeof(seed));
	add("ca.key", m->ca.public_key.bytes, 32);
	add("mesh.id", m->id.bytes, 16);
	mesh_repeat(1, seed, sizeof(seed));
	add_member(m, 0, "seed", seed, sizeof(seed));
	add_member(m, 0, "key", m->members[0].key.public_key.bytes, 32);
	add_member(m, 0, "nonce", m->members[0].nonce, 16);
	for (size_t i = 0; i < 5; i++)
		add_member(m, i, "id", m->members[i].id.bytes, 16);
	for (size_t i = 0; i < 5; i++)
		memcpy(heads + 16 * i,
		    roster_member(m->roster, epoch_head_at(roster_current(m->roster), i))->id.bytes,
		    16);
	add("heads", heads, sizeof(heads));
}

static void
add_records(const struct mesh *m)
{
	ProtobufCBinaryData address;
	Protos__Enrolment enrolment;
	Protos__Envelope *record;

	mesh_enrolment(m, 0, &enrolment, &address);
	record = mesh_record(m, DOMAIN_ENROLMENT, &enrolment.base);
	add("enrolment.body", record->body.data, record->body.len);
	add("enrolment.signature", record->signature.data, record->signature.len);
	protos__envelope__free_unpacked(record, NULL);
	record = mesh_epoch(m, 1, MESH_TIME_MS, &(struct hash){ 0 });
	add("epoch.body", record->body.data, record->body.len);
	add("epoch.signature", record->signature.data, record->signature.len);
	protos__envelope__free_unpacked(record, NULL);
}

static void
add_entry(const struct mesh *m)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	struct entry entry = make_statement(m), ping = make_ping(m);
	struct envelope envelope;
	struct hash hash;
	size_t size;

	/* Acceptable in every respect: the witness's own address, the digest of the capture. */
	entry.statement.round = 0;
	entry.statement.destination = endpoint_of("10.77.0.1", 2222);
	crypto_sodium()->sha256(NULL, "", entry.statement.evidence, entry.statement.evidence_bytes,
	    &entry.statement.evidence_digest);
	size = mesh_envelope(&m->members[0], &entry, bytes, sizeof(bytes));
	assert_ok(envelope_parse(bytes, size, &envelope));
	entry_hash(crypto_sodium(), envelope.body, &hash);
	add("entry.body", envelope.body.data, envelope.body.size_bytes);
	add("entry.hash", hash.bytes, 32);
	add("entry.signature", envelope.signature.bytes, 64);
	add("entry.envelope", bytes, size);
	size = sizeof(bytes);
	assert_ok(entry_encode(&ping, bytes, &size));
	add("ping.body", bytes, size);
}

static void
add_incidents(const struct mesh *m)
{
	struct node_id address = { .bytes = { 198, 51, 100, 7 } };
	struct incident_id id;

	id = incident_of(crypto_sodium(), &m->members[1].id, 0);
	add("incident.round-0", id.bytes, 8);
	id = incident_of(crypto_sodium(), &m->members[1].id, 1);
	add("incident.round-1", id.bytes, 8);
	id = incident_of(crypto_sodium(), &address, 0);
	add("incident.address", id.bytes, 8);
}

/* Members 1, 3 and 4 of five against member 2. */
static void
add_ballots(const struct mesh *m)
{
	static const size_t voters[] = { 0, 2, 3 };
	struct entry entry = { .kind = ENTRY_CERTIFICATE,
		.header = mesh_header(m, &m->members[0]) };
	struct ballot ballot = mesh_ballot(m, &m->members[1]);
	uint8_t bytes[BALLOT_BYTES], body[1024];
	struct signature signature;
	size_t size = sizeof(body);
	struct tally *tally;
	Protos__Entry *unpacked;

	ballot_write(&ballot, bytes);
	add("ballot.bytes", bytes, sizeof(bytes));
	assert_ok(tally_new(m->roster, &ballot, &tally));
	for (size_t i = 0; i < 3; i++) {
		signature = mesh_vote(&m->members[voters[i]], &ballot);
		if (i == 0)
			add("ballot.signature", signature.bytes, 64);
		assert_ok(tally_add(tally, m->roster, m->members[voters[i]].index, &signature));
	}
	assert_ok(tally_certificate(tally, m->roster, &entry.certificate));
	add("certificate.voters", entry.certificate.voters.data,
	    entry.certificate.voters.size_bytes);
	assert_ok(entry_encode(&entry, body, &size));
	unpacked = protos__entry__unpack(NULL, size, body);
	size = protos__certificate__pack(unpacked->certificate, body);
	add("certificate.message", body, size);
	protos__entry__free_unpacked(unpacked, NULL);
	tally_free(tally);
}

/* The decision key of one of each, and the tree that holds the Statement alone. */
static void
add_keys(const struct mesh *m)
{
	static const char *const names[] = { "key.statement", "key.verdict", "key.self-report",
		"key.certificate" };
	static uint8_t envelope[LIMIT_ENVELOPE_BYTES];
	struct objects objects = { 0 };
	uint64_t digests[LIMIT_SYNC_BUCKETS];
	struct object *object;
	uint8_t bytes[8];
	struct hash key;

	assert_ok(objects_new(&objects, crypto_sodium(), 0));
	assert_ok(objects_grow(&objects, m->count));
	for (size_t i = sizeof(names) / sizeof(*names); i-- > 0;) {
		struct entry entry = makers[i](m);

		entry.statement.round = i == 0 ? 0 : entry.statement.round;
		objects_key(&objects, &entry, &key);
		add(names[i], key.bytes, sizeof(key.bytes));
		if (i > 0)
			continue;
		object = objects_make((struct span){ envelope, mesh_envelope(&m->members[0], &entry,
		                                                   envelope, sizeof(envelope)) },
		    &entry, &(struct hash){ 0 }, m->members[0].index);
		assert_non_null(object);
		object->key = key;
		assert_ok(objects_hold(&objects, object, true));
	}
	objects_digests(&objects, digests);
	buf_store_u64(bytes, digests[key.bytes[0]]);
	add("bucket.digest", bytes, sizeof(bytes));
	buf_store_u64(bytes, objects_root(&objects));
	add("root", bytes, sizeof(bytes));
	objects_free(&objects);
}

static void
compute(void)
{
	struct mesh m;

	mesh_make(&m, 5);
	add_identities(&m);
	add_records(&m);
	add_entry(&m);
	add_incidents(&m);
	add_ballots(&m);
	add_keys(&m);
	mesh_free(&m);
}

static void
compare(const char *name, const char *hex)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(vectors[i].name, name) != 0)
			continue;
		if (strcmp(vectors[i].hex, hex) != 0)
			fail_msg(
			    "%s: the document says\n%s\nbut it is\n%s", name, hex, vectors[i].hex);
		if (vectors[i].found)
			fail_msg("%s stands twice in " DOCUMENT, name);
		vectors[i].found = true;
		return;
	}
	fail_msg("nobody computes %s", name);
}

/* "name = hex", the hex going on over lines that begin with a space. */
static void
document_agrees(void **state)
{
	static char name[64], hex[2 * VALUE_BYTES + 1];
	char line[256];
	bool inside = false;
	FILE *file;

	(void)state;
	if ((file = fopen(DOCUMENT, "r")) == NULL)
		fail_msg("cannot open " DOCUMENT);
	while (fgets(line, sizeof(line), file) != NULL) {
		char *value = line;

		if (strncmp(line, "```", 3) == 0 || (inside && line[0] != ' ')) {
			if (name[0] != '\0')
				compare(name, hex);
			name[0] = hex[0] = '\0';
		}
		if (strncmp(line, "```", 3) == 0) {
			inside = strcmp(line, "```vectors\n") == 0;
			continue;
		}
		if (!inside)
			continue;
		if (line[0] != ' ') {
			value = strstr(line, " =");
			if (value == NULL || sscanf(line, "%63s", name) != 1)
				fail_msg("no vector: %s", line);
			value += 2;
		}
		for (size_t end = strlen(hex); *value != '\0' && end < sizeof(hex) - 1; value++)
			if (!isspace((unsigned char)*value)) {
				hex[end++] = *value;
				hex[end] = '\0';
			}
	}
	fclose(file);
	for (size_t i = 0; i < count; i++)
		if (!vectors[i].found)
			fail_msg("%s is not in " DOCUMENT, vectors[i].name);
}

static void
print(void)
{
	for (size_t i = 0; i < count; i++) {
		printf("%s =", vectors[i].name);
		for (size_t at = 0; at < strlen(vectors[i].hex); at += LINE_HEX)
			printf("\n  %.*s", LINE_HEX, vectors[i].hex + at);
		printf("\n");
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(document_agrees) };

	compute();
	if (argc == 2 && strcmp(argv[1], "print") == 0) {
		print();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
