/*
 * mesh: a mesh of N heads with keys from fixed seeds, for tests and benches.
 *
 * Every secret is public knowledge: the CA's seed is 32 bytes of 0xca, member
 * i (from 1) has the big-endian u32 i repeated as seed, nonce and group.  The
 * CA's records are packed by protobuf-c, so the roster parser is tested
 * against another encoder than ours.
 */
#ifndef TESTS_MESH_H
#define TESTS_MESH_H
#include <sodium.h>
#include <stdlib.h>
#include "core/ballot.h"
#include "core/message.h"
#include "core/roster.h"
#include "phalanx.pb-c.h"
#include "sys/crypto.h"
#include "tests/check.h"

#define MESH_TIME_MS 1790000000000ULL /* when everything happens */

struct mesh_key {
	struct public_key public_key;
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
};

struct mesh_member {
	struct mesh_key key;
	char name[16];
	uint8_t nonce[16];
	uint8_t group[16];
	uint8_t address[4];
	struct node_id id;
	uint32_t weight;
	bool unlisted; /* in no epoch that is made from now on */
	uint64_t incarnation;
	Protos__Role role;
	member_index index; /* in the roster */
};

struct mesh {
	struct mesh_key ca;
	struct mesh_id id;
	size_t count;
	struct mesh_member *members; /* [0] has the seed 1 */
	uint32_t precautions, corroboration, vote_budget;
	/* NULL, or what a test does to a record before the CA signs it */
	void (*change_enrolment)(size_t i, Protos__Enrolment *);
	void (*change_epoch)(Protos__Epoch *);
	uint8_t *bytes; /* the serialised Roster */
	size_t size_bytes;
	struct roster *roster;
};

static inline void
mesh_repeat(uint32_t number, uint8_t *out, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		out[i] = (uint8_t)(number >> (24 - 8 * (i % 4)));
}

static inline void
mesh_key_make(const uint8_t seed[32], struct mesh_key *out)
{
	assert_int_equal(crypto_sign_seed_keypair(out->public_key.bytes, out->secret, seed), 0);
}

static inline void
mesh_sign(const struct mesh_key *key, const char *domain, struct span data, struct signature *out)
{
	size_t domain_bytes = strlen(domain);
	uint8_t *joined = malloc(domain_bytes + data.size_bytes + 1);

	memcpy(joined, domain, domain_bytes);
	memcpy(joined + domain_bytes, data.data, data.size_bytes);
	crypto_sign_detached(out->bytes, NULL, joined, domain_bytes + data.size_bytes, key->secret);
	free(joined);
}

static inline void
mesh_member_make(struct mesh_member *member, uint32_t number)
{
	uint8_t seed[32], joined[48];
	struct hash hash;

	*member = (struct mesh_member){ .weight = 32, .incarnation = 1 };
	mesh_repeat(number, seed, sizeof(seed));
	mesh_key_make(seed, &member->key);
	mesh_repeat(number, member->nonce, sizeof(member->nonce));
	mesh_repeat(number, member->group, sizeof(member->group));
	snprintf(member->name, sizeof(member->name), "node-%u", number);
	memcpy(member->address, (uint8_t[]){ 10, 77, (uint8_t)(number >> 8), (uint8_t)number }, 4);
	memcpy(joined, member->key.public_key.bytes, 32);
	memcpy(joined + 32, member->nonce, 16);
	crypto_sodium()->sha256(NULL, DOMAIN_ID, joined, sizeof(joined), &hash);
	memcpy(member->id.bytes, hash.bytes, 16);
	member->role = PROTOS__ROLE__ROLE_NODE;
}

/* Members and ids, no records yet: what follows may still be changed by a test. */
static inline void
mesh_init(struct mesh *m, size_t count)
{
	uint8_t seed[32];

	assert_true(sodium_init() >= 0);
	*m = (struct mesh){ .count = count };
	memset(seed, 0xca, sizeof(seed));
	mesh_key_make(seed, &m->ca);
	struct hash hash;
	const struct crypto *crypto = crypto_sodium();

	crypto->sha256(NULL, DOMAIN_MESH, m->ca.public_key.bytes, 32, &hash);
	memcpy(m->id.bytes, hash.bytes, 16);
	m->members = calloc(count, sizeof(*m->members));
	for (size_t i = 0; i < count; i++)
		mesh_member_make(&m->members[i], (uint32_t)i + 1);
}

static inline Protos__Envelope *
mesh_record(const struct mesh *m, const char *domain, const ProtobufCMessage *body)
{
	Protos__Envelope *e = malloc(sizeof(*e));
	struct signature signature;

	protos__envelope__init(e);
	e->body.len = protobuf_c_message_get_packed_size(body);
	e->body.data = malloc(e->body.len);
	protobuf_c_message_pack(body, e->body.data);
	mesh_sign(&m->ca, domain, (struct span){ e->body.data, e->body.len }, &signature);
	e->signature.len = sizeof(signature.bytes);
	e->signature.data = malloc(sizeof(signature.bytes));
	memcpy(e->signature.data, signature.bytes, sizeof(signature.bytes));
	return e;
}

static inline void
mesh_enrolment(const struct mesh *m, size_t i, Protos__Enrolment *e, ProtobufCBinaryData *address)
{
	struct mesh_member *member = &m->members[i];

	protos__enrolment__init(e);
	e->mesh = (ProtobufCBinaryData){ 16, (uint8_t *)(uintptr_t)m->id.bytes };
	e->mesh_name = (char *)(uintptr_t) "test-mesh";
	e->name = member->name;
	e->id = (ProtobufCBinaryData){ 16, member->id.bytes };
	e->key = (ProtobufCBinaryData){ 32, member->key.public_key.bytes };
	e->nonce = (ProtobufCBinaryData){ 16, member->nonce };
	e->group = (ProtobufCBinaryData){ 16, member->group };
	*address = (ProtobufCBinaryData){ 4, member->address };
	e->n_addresses = 1;
	e->addresses = address;
	e->p2p_port = 9000;
	e->incarnation = member->incarnation;
	e->not_before_ms = MESH_TIME_MS - 1000;
	e->not_after_ms = MESH_TIME_MS + 1000;
	e->role = member->role;
}

static inline int
mesh_compare_ids(const void *a, const void *b)
{
	const struct mesh_member *const *left = a, *const *right = b;

	return node_id_compare(&(*left)->id, &(*right)->id);
}

/* The members with a role, or of every role (0), by ascending id; to free. */
static inline struct mesh_member **
mesh_sorted(const struct mesh *m, int role, size_t *count)
{
	struct mesh_member **sorted = malloc((m->count + 1) * sizeof(struct mesh_member *));

	*count = 0;
	for (size_t i = 0; i < m->count; i++)
		if (role == 0 || (int)m->members[i].role == role)
			sorted[(*count)++] = &m->members[i];
	qsort(sorted, *count, sizeof(struct mesh_member *), mesh_compare_ids);
	return sorted;
}

/* Pack an Epoch over the members with role node that are listed. */
static inline Protos__Envelope *
mesh_epoch(const struct mesh *m, uint64_t number, uint64_t time_ms, const struct hash *previous)
{
	size_t count;
	struct mesh_member **sorted = mesh_sorted(m, PROTOS__ROLE__ROLE_NODE, &count);
	Protos__EpochMember *list = calloc(count + 1, sizeof(*list));
	Protos__EpochMember **pointers = calloc(count + 1, sizeof(*pointers));
	Protos__EpochParameters parameters = PROTOS__EPOCH_PARAMETERS__INIT;
	Protos__Epoch epoch = PROTOS__EPOCH__INIT;
	Protos__Envelope *record;

	for (size_t i = 0; i < count; i++) {
		Protos__EpochMember *listed = &list[epoch.n_members];

		if (sorted[i]->unlisted)
			continue;
		protos__epoch_member__init(listed);
		listed->id = (ProtobufCBinaryData){ 16, sorted[i]->id.bytes };
		listed->weight = sorted[i]->weight;
		pointers[epoch.n_members++] = listed;
	}
	epoch.mesh = (ProtobufCBinaryData){ 16, (uint8_t *)(uintptr_t)m->id.bytes };
	epoch.number = number;
	epoch.previous = (ProtobufCBinaryData){ 32, (uint8_t *)(uintptr_t)previous->bytes };
	epoch.time_ms = time_ms;
	epoch.members = pointers;
	parameters.precautions = m->precautions;
	parameters.corroboration = m->corroboration;
	parameters.vote_budget = m->vote_budget;
	epoch.parameters = &parameters;
	if (m->change_epoch != NULL)
		m->change_epoch(&epoch);
	record = mesh_record(m, DOMAIN_EPOCH, &epoch.base);
	free(sorted);
	free(list);
	free(pointers);
	return record;
}

static inline Protos__Envelope *
mesh_enrol(const struct mesh *m, size_t i)
{
	ProtobufCBinaryData address;
	Protos__Enrolment e;

	mesh_enrolment(m, i, &e, &address);
	if (m->change_enrolment != NULL)
		m->change_enrolment(i, &e);
	return mesh_record(m, DOMAIN_ENROLMENT, &e.base);
}

/* Serialise the members as they stand, by ascending id, and epoch 1 into m->bytes. */
static inline void
mesh_pack(struct mesh *m)
{
	Protos__Roster roster = PROTOS__ROSTER__INIT;
	Protos__Envelope *epoch = mesh_epoch(m, 1, MESH_TIME_MS, &(struct hash){ 0 });
	struct mesh_member **sorted = mesh_sorted(m, 0, &roster.n_enrolments);

	roster.enrolments = calloc(m->count + 1, sizeof(*roster.enrolments));
	for (size_t i = 0; i < m->count; i++)
		roster.enrolments[i] = mesh_enrol(m, (size_t)(sorted[i] - m->members));
	roster.n_epochs = 1;
	roster.epochs = &epoch;
	free(m->bytes);
	m->size_bytes = protos__roster__get_packed_size(&roster);
	m->bytes = malloc(m->size_bytes);
	protos__roster__pack(&roster, m->bytes);
	for (size_t i = 0; i < m->count; i++)
		protos__envelope__free_unpacked(roster.enrolments[i], NULL);
	free(roster.enrolments);
	free(sorted);
	protos__envelope__free_unpacked(epoch, NULL);
}

/* ---- the log grows: each appends one record to m->bytes ----------------- */

static inline void
mesh_append_record(struct mesh *m, Protos__Envelope *record, bool is_epoch)
{
	Protos__Roster one = PROTOS__ROSTER__INIT;
	size_t size_bytes;

	one.n_enrolments = !is_epoch;
	one.enrolments = &record;
	one.n_epochs = is_epoch;
	one.epochs = &record;
	size_bytes = protos__roster__get_packed_size(&one);
	m->bytes = realloc(m->bytes, m->size_bytes + size_bytes);
	protos__roster__pack(&one, m->bytes + m->size_bytes);
	m->size_bytes += size_bytes;
	protos__envelope__free_unpacked(record, NULL);
}

/* What was appended since a roster was read: roster_extend() takes it. */
static inline struct span
mesh_news(const struct mesh *m, const struct roster *since)
{
	size_t known = roster_records(since).size_bytes;

	return (struct span){ m->bytes + known, m->size_bytes - known };
}

/* One more member, with the next seed, not listed before the next epoch; its place in members. */
static inline size_t
mesh_append_member(struct mesh *m)
{
	m->members = realloc(m->members, (m->count + 1) * sizeof(*m->members));
	mesh_member_make(&m->members[m->count], (uint32_t)m->count + 1);
	mesh_append_record(m, mesh_enrol(m, m->count), false);
	return m->count++;
}

/* The same identity, one incarnation higher. */
static inline void
mesh_append_renewal(struct mesh *m, size_t i)
{
	m->members[i].incarnation++;
	mesh_append_record(m, mesh_enrol(m, i), false);
}

/* The epoch after the one that m->roster has, with weights and listing as the members have them. */
static inline void
mesh_append_epoch(struct mesh *m)
{
	const struct epoch *last = roster_current(m->roster);

	mesh_append_record(m,
	    mesh_epoch(m, epoch_number(last) + 1, epoch_time_ms(last) + 1000, epoch_hash(last)),
	    true);
}

static inline enum err
mesh_parse(struct mesh *m)
{
	enum err err;

	roster_free(m->roster);
	m->roster = NULL;
	err = roster_parse(crypto_sodium(), &m->ca.public_key, m->bytes, m->size_bytes, &m->roster);
	for (size_t i = 0; err == ERR_OK && i < m->count; i++)
		m->members[i].index = roster_find_id(m->roster, &m->members[i].id);
	return err;
}

static inline void
mesh_make(struct mesh *m, size_t count)
{
	mesh_init(m, count);
	mesh_pack(m);
	assert_ok(mesh_parse(m));
}

static inline void
mesh_free(struct mesh *m)
{
	roster_free(m->roster);
	free(m->bytes);
	free(m->members);
}

/* The member that stands at an index of the roster. */
static inline const struct mesh_member *
mesh_at(const struct mesh *m, member_index index)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->members[i].index == index)
			return &m->members[i];
	fail_msg("no member %u", index);
	return NULL;
}

static inline struct ballot
mesh_ballot(const struct mesh *m, const struct mesh_member *subject)
{
	return (struct ballot){ .level = LEVEL_QUARANTINE, .mesh = m->id, .epoch = 1,
		.subject = subject->id, .round = 0, .window = ballot_window(MESH_TIME_MS) };
}

static inline struct signature
mesh_vote(const struct mesh_member *voter, const struct ballot *ballot)
{
	uint8_t bytes[BALLOT_BYTES];
	struct signature signature;

	ballot_write(ballot, bytes);
	mesh_sign(&voter->key, DOMAIN_BALLOT, (struct span){ bytes, sizeof(bytes) }, &signature);
	return signature;
}

/* A header of this author's first entry. */
static inline struct entry_header
mesh_header(const struct mesh *m, const struct mesh_member *author)
{
	return (struct entry_header){ .mesh = m->id, .epoch = 1, .author = author->id,
		.incarnation = author->incarnation, .sequence = 1, .time_ms = MESH_TIME_MS };
}

/* Encode, sign by author and wrap; returns the envelope's size. */
static inline size_t
mesh_envelope(const struct mesh_member *author, const struct entry *entry, uint8_t *out,
    size_t room)
{
	static uint8_t body[LIMIT_BODY_BYTES];
	size_t size = sizeof(body);
	struct signature signature;

	assert_ok(entry_encode(entry, body, &size));
	mesh_sign(&author->key, DOMAIN_ENTRY, (struct span){ body, size }, &signature);
	assert_ok(envelope_write((struct span){ body, size }, &signature, out, &room));
	return room;
}

#endif
