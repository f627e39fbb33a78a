#include <stdlib.h>
#include <string.h>
#include "core/roster_internal.h"

/* ---- lookup tables -------------------------------------------------------- */

/* Keys come from the CA alone, so a plain FNV-1a suffices. */
static size_t
hash_bytes(const void *key, size_t size_bytes)
{
	const uint8_t *bytes = key;
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < size_bytes; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return (size_t)(hash ^ hash >> 32);
}

enum err
lookup_init(struct lookup *l, size_t items)
{
	size_t room = 4;

	while (room < items * 2)
		room *= 2;
	if ((l->slots = calloc(room, sizeof(*l->slots))) == NULL)
		return ERR_NOMEM;
	l->mask = room - 1;
	return ERR_OK;
}

typedef bool same_key(const struct roster *, uint32_t item, const void *key);

/* The slot of key, or the free one where it belongs. */
static struct lookup_slot *
lookup_slot(const struct roster *r, const struct lookup *l, same_key *same, const void *key,
    size_t key_bytes)
{
	size_t i = hash_bytes(key, key_bytes) & l->mask;

	while (l->slots[i].item != 0 && !same(r, l->slots[i].item - 1, key))
		i = (i + 1) & l->mask;
	return &l->slots[i];
}

static bool
same_name(const struct roster *r, uint32_t item, const void *key)
{
	return strcmp(r->records[item].name, key) == 0;
}

static bool
same_public_key(const struct roster *r, uint32_t item, const void *key)
{
	return memcmp(&r->records[item].key, key, sizeof(struct public_key)) == 0;
}

static bool
same_address(const struct roster *r, uint32_t item, const void *key)
{
	const struct member *m = &r->records[item / LIMIT_ADDRESSES];

	return address_equal(&m->addresses[item % LIMIT_ADDRESSES], key);
}

static struct lookup_slot *
slot_of_name(const struct roster *r, const char *name)
{
	return lookup_slot(r, &r->by_name, same_name, name, strlen(name));
}

static struct lookup_slot *
slot_of_key(const struct roster *r, const struct public_key *key)
{
	return lookup_slot(r, &r->by_key, same_public_key, key, sizeof(*key));
}

static struct lookup_slot *
slot_of_address(const struct roster *r, const struct address *address)
{
	return lookup_slot(r, &r->by_address, same_address, address, sizeof(*address));
}

static void
occupy(struct lookup_slot *slot, size_t item)
{
	if (slot->item == 0)
		slot->item = (uint32_t)item + 1;
	slot->count++;
}

static enum err
index_addresses(struct roster *r)
{
	size_t addresses = 0;
	enum err err;

	for (size_t i = 0; i < r->node_count; i++)
		addresses += r->records[i].address_count;
	if ((err = lookup_init(&r->by_address, addresses)) != ERR_OK)
		return err;
	for (size_t i = 0; i < r->node_count; i++)
		for (size_t a = 0; a < r->records[i].address_count; a++)
			occupy(slot_of_address(r, &r->records[i].addresses[a]),
			    i * LIMIT_ADDRESSES + a);
	return ERR_OK;
}

enum err
roster_index(struct roster *r)
{
	enum err err;

	if ((err = lookup_init(&r->by_name, r->record_count)) != ERR_OK)
		return err;
	if ((err = lookup_init(&r->by_key, r->record_count)) != ERR_OK)
		return err;
	for (size_t i = 0; i < r->record_count; i++) {
		struct lookup_slot *name = slot_of_name(r, r->records[i].name);
		struct lookup_slot *key = slot_of_key(r, &r->records[i].key);

		if (name->item != 0 || key->item != 0)
			return ERR_RANGE;
		occupy(name, i);
		occupy(key, i);
	}
	return index_addresses(r);
}

void
roster_free(struct roster *r)
{
	if (r == NULL)
		return;
	free(r->records);
	free(r->names);
	free(r->by_name.slots);
	free(r->by_key.slots);
	free(r->by_address.slots);
	free(r->ordinals);
	free(r->heads);
	free(r);
}

/* ---- members -------------------------------------------------------------- */

const struct mesh_id *
roster_mesh(const struct roster *r)
{
	return &r->mesh;
}

const char *
roster_mesh_name(const struct roster *r)
{
	return r->mesh_name;
}

uint64_t
roster_epoch(const struct roster *r)
{
	return r->epoch;
}

const struct epoch_parameters *
roster_parameters(const struct roster *r)
{
	return &r->parameters;
}

size_t
roster_count(const struct roster *r)
{
	return r->node_count;
}

const struct member *
roster_member(const struct roster *r, member_index index)
{
	return &r->records[index];
}

static const struct member *
find_id(const struct member *list, size_t count, const struct node_id *id)
{
	size_t low = 0;

	while (count > 0) {
		size_t half = count / 2;
		int order = node_id_compare(&list[low + half].id, id);

		if (order == 0)
			return &list[low + half];
		if (order < 0) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return NULL;
}

member_index
roster_find_id(const struct roster *r, const struct node_id *id)
{
	const struct member *m = find_id(r->records, r->node_count, id);

	return m == NULL ? MEMBER_NONE : (member_index)(m - r->records);
}

const struct member *
roster_find_official(const struct roster *r, const struct node_id *id)
{
	return find_id(r->records + r->node_count, r->record_count - r->node_count, id);
}

/* The node that a slot names. */
static member_index
node_in(const struct roster *r, const struct lookup_slot *slot)
{
	if (slot->item == 0 || slot->item > r->node_count)
		return MEMBER_NONE;
	return (member_index)(slot->item - 1);
}

member_index
roster_find_name(const struct roster *r, const char *name)
{
	return node_in(r, slot_of_name(r, name));
}

member_index
roster_find_key(const struct roster *r, const struct public_key *key)
{
	return node_in(r, slot_of_key(r, key));
}

member_index
roster_find_address(const struct roster *r, const struct address *address, size_t *holders)
{
	const struct lookup_slot *slot = slot_of_address(r, address);

	*holders = slot->count;
	return slot->count == 1 ? (member_index)((slot->item - 1) / LIMIT_ADDRESSES) : MEMBER_NONE;
}

size_t
roster_heads(const struct roster *r)
{
	return r->head_count;
}

int
roster_head_ordinal(const struct roster *r, member_index index)
{
	if (index >= r->node_count || r->ordinals[index] == NO_ORDINAL)
		return -1;
	return r->ordinals[index];
}

member_index
roster_head_at(const struct roster *r, size_t ordinal)
{
	return ordinal < r->head_count ? r->heads[ordinal] : MEMBER_NONE;
}

uint64_t
roster_weight(const struct roster *r)
{
	return r->weight;
}

/* ---- the electorate's numbers --------------------------------------------- */

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

size_t
roster_f(const struct roster *r)
{
	static const struct {
		size_t heads;
		size_t most;
	} caps[] = { { 9, 1 }, { 100, 5 }, { 1000, 20 }, { 10000, 32 } };
	size_t f = r->head_count == 0 ? 0 : (r->head_count - 1) / 4;

	for (size_t i = 0; i < sizeof(caps) / sizeof(*caps); i++)
		if (r->head_count <= caps[i].heads)
			return f < caps[i].most ? f : caps[i].most;
	return caps[3].most;
}

size_t
roster_k(const struct roster *r, uint32_t local_corroboration)
{
	return larger(
	    larger(2, roster_f(r) + 1), larger(r->parameters.corroboration, local_corroboration));
}

size_t
roster_local_cuts(const struct roster *r)
{
	return r->head_count == 0 ? 0 : (r->head_count - 1) / 2;
}

size_t
roster_precautions(const struct roster *r)
{
	return r->parameters.precautions != 0 ? r->parameters.precautions
	                                      : larger(1, r->head_count / 3);
}

bool
roster_is_quorum(const struct roster *r, member_index subject, size_t voters, uint64_t weight)
{
	bool is_head = roster_head_ordinal(r, subject) != -1;
	size_t others = r->head_count - is_head;
	uint64_t others_weight = r->weight - (is_head ? r->records[subject].weight : 0);

	if (voters < 2 || voters > others)
		return false;
	if (r->head_count <= 4)
		return voters == others;
	return 2 * voters > others && 2 * weight > others_weight;
}

struct incident_id
incident_of(const struct crypto *crypto, const struct node_id *subject, uint32_t round)
{
	uint8_t bytes[sizeof(subject->bytes) + 4];
	struct incident_id incident;
	struct hash hash;

	memcpy(bytes, subject->bytes, sizeof(subject->bytes));
	buf_store_u32(bytes + sizeof(subject->bytes), round);
	crypto->sha256(crypto->context, DOMAIN_INCIDENT, bytes, sizeof(bytes), &hash);
	memcpy(incident.bytes, hash.bytes, sizeof(incident.bytes));
	return incident;
}
