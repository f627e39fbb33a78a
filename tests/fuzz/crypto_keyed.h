/*
 * crypto_keyed: crypto whose signatures can be made, cheaply, but not by
 * mutation: a keyed hash; and a roster of N founders signed with it.
 */
#ifndef FUZZ_CRYPTO_KEYED_H
#define FUZZ_CRYPTO_KEYED_H
#include <stdlib.h>
#include <string.h>
#include "core/roster.h"
#include "core/wire.h"

/* NDEBUG or not, a broken promise ends the run. */
#define PROMISE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static inline uint64_t
keyed_mix(uint64_t h, const uint8_t *data, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		h = (h ^ data[i]) * 0x100000001b3;
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15 + size_bytes;
}

static inline void
keyed_sha256(void *context, const char *domain, const uint8_t *data, size_t size_bytes,
    struct hash *out)
{
	uint64_t h = keyed_mix(0xcbf29ce484222325, (const uint8_t *)domain, strlen(domain));

	(void)context;
	h = keyed_mix(h, data, size_bytes);
	for (size_t i = 0; i < sizeof(out->bytes); i++) {
		h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9;
		out->bytes[i] = (uint8_t)(h >> 56);
	}
}

static inline struct signature
keyed_sign(const struct public_key *key, const char *domain, const uint8_t *data,
    size_t size_bytes)
{
	struct signature signature = { 0 };
	struct hash hash;
	uint64_t h;

	keyed_sha256(NULL, domain, data, size_bytes, &hash);
	h = keyed_mix(0x5163, key->bytes, sizeof(key->bytes));
	h = keyed_mix(h, hash.bytes, sizeof(hash.bytes));
	memcpy(signature.bytes, hash.bytes, sizeof(hash.bytes));
	memcpy(signature.bytes + 32, &h, sizeof(h));
	return signature;
}

static inline bool
keyed_verify(void *context, const struct public_key *key, const char *domain, const uint8_t *data,
    size_t size_bytes, const struct signature *signature)
{
	struct signature right = keyed_sign(key, domain, data, size_bytes);

	(void)context;
	return memcmp(right.bytes, signature->bytes, sizeof(right.bytes)) == 0;
}

static const struct crypto crypto_keyed = { .sha256 = keyed_sha256, .verify = keyed_verify };

/* A record of the CA, whose key is all zeros, as a field of the roster. */
static inline void
keyed_put_record(struct buf_out *b, uint32_t number, const char *domain, const uint8_t *body,
    size_t size_bytes)
{
	static const struct public_key ca;
	struct signature signature = keyed_sign(&ca, domain, body, size_bytes);
	size_t opened = wire_open(b, number);

	wire_put_fixed(b, 1, body, size_bytes);
	wire_put_fixed(b, 2, signature.bytes, sizeof(signature.bytes));
	wire_close(b, opened);
}

static inline struct node_id
keyed_put_enrolment(struct buf_out *b, const struct mesh_id *mesh, uint8_t number)
{
	uint8_t body[512], material[32 + 16], name[1] = { (uint8_t)('a' + number) };
	uint8_t shared[4] = { 10, 77, 1, 1 }, address[4] = { 10, 77, 0, (uint8_t)(11 + number) };
	struct buf_out e;
	struct node_id id;
	struct hash hash;

	memset(material, number + 1, sizeof(material));
	keyed_sha256(NULL, DOMAIN_ID, material, sizeof(material), &hash);
	memcpy(id.bytes, hash.bytes, sizeof(id.bytes));
	buf_out_init(&e, body, sizeof(body));
	wire_put_fixed(&e, 1, mesh->bytes, sizeof(mesh->bytes));
	wire_put_fixed(&e, 2, (const uint8_t *)"mesh", 4);
	wire_put_fixed(&e, 3, name, 1);
	wire_put_fixed(&e, 4, id.bytes, sizeof(id.bytes));
	wire_put_fixed(&e, 5, material, 32);
	wire_put_fixed(&e, 6, material + 32, 16);
	wire_put_fixed(&e, 7, material, 16); /* the group: each its own */
	wire_put_fixed(&e, 8, address, sizeof(address));
	/* Of two members, so of nobody; the others have one more of their own. */
	if (number >= 2) {
		shared[3] = number;
		shared[2] = 2;
	}
	wire_put_fixed(&e, 8, shared, sizeof(shared));
	wire_put_u64(&e, 9, 9000);
	wire_put_u64(&e, 10, 1);
	wire_put_u64(&e, 11, 1);
	wire_put_u64(&e, 12, UINT64_MAX);
	wire_put_u64(&e, 13, ROLE_NODE);
	PROMISE(e.err == ERR_OK);
	keyed_put_record(b, 1, DOMAIN_ENROLMENT, body, buf_used(&e));
	return id;
}

static inline int
keyed_compare(const void *a, const void *b)
{
	return node_id_compare(a, b);
}

static inline struct roster *
keyed_roster(uint8_t members)
{
	static const struct public_key ca;
	static const uint8_t zeros[32];
	uint8_t bytes[8192], body[2048];
	struct roster *roster = NULL;
	struct node_id ids[32];
	struct buf_out b, e;
	struct mesh_id mesh;
	struct hash hash;

	keyed_sha256(NULL, DOMAIN_MESH, ca.bytes, sizeof(ca.bytes), &hash);
	memcpy(mesh.bytes, hash.bytes, sizeof(mesh.bytes));
	buf_out_init(&b, bytes, sizeof(bytes));
	for (uint8_t i = 0; i < members; i++)
		ids[i] = keyed_put_enrolment(&b, &mesh, i);
	qsort(ids, members, sizeof(ids[0]), keyed_compare);
	buf_out_init(&e, body, sizeof(body));
	wire_put_fixed(&e, 1, mesh.bytes, sizeof(mesh.bytes));
	wire_put_u64(&e, 2, 1);
	wire_put_fixed(&e, 3, zeros, sizeof(zeros));
	wire_put_u64(&e, 4, 1);
	for (uint8_t i = 0; i < members; i++) {
		size_t opened = wire_open(&e, 5);

		wire_put_fixed(&e, 1, ids[i].bytes, sizeof(ids[i].bytes));
		wire_put_u64(&e, 2, 32);
		wire_close(&e, opened);
	}
	wire_close(&e, wire_open(&e, 6));
	PROMISE(e.err == ERR_OK);
	keyed_put_record(&b, 2, DOMAIN_EPOCH, body, buf_used(&e));
	PROMISE(b.err == ERR_OK);
	PROMISE(roster_parse(&crypto_keyed, &ca, bytes, buf_used(&b), &roster) == ERR_OK);
	return roster;
}


#endif
