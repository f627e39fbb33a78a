#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
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

/* Room for items, at most half full. */
static enum err
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
same_id(const struct roster *r, uint32_t item, const void *key)
{
	return node_id_equal(&r->records[item].id, key);
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
slot_of_id(const struct roster *r, const struct node_id *id)
{
	return lookup_slot(r, &r->by_id, same_id, id, sizeof(*id));
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
index_member(struct roster *r, size_t i)
{
	struct lookup_slot *name = slot_of_name(r, r->records[i].name);
	struct lookup_slot *key = slot_of_key(r, &r->records[i].key);

	if (name->item != 0 || key->item != 0)
		return ERR_RANGE;
	occupy(slot_of_id(r, &r->records[i].id), i);
	occupy(name, i);
	occupy(key, i);
	return ERR_OK;
}

enum err
roster_index_member(struct roster *r)
{
	return index_member(r, r->count - 1);
}

enum err
roster_index(struct roster *r, size_t members)
{
	enum err err;

	if ((err = lookup_init(&r->by_id, members)) != ERR_OK ||
	    (err = lookup_init(&r->by_name, members)) != ERR_OK ||
	    (err = lookup_init(&r->by_key, members)) != ERR_OK)
		return err;
	for (size_t i = 0; i < r->count && err == ERR_OK; i++)
		err = index_member(r, i);
	return err;
}

/* Whoever left the mesh may have left an address to somebody else: who is listed goes first. */
static void
occupy_address(struct roster *r, size_t item, bool listed)
{
	size_t index = item / LIMIT_ADDRESSES;
	struct lookup_slot *slot =
	    slot_of_address(r, &r->records[index].addresses[item % LIMIT_ADDRESSES]);

	if (listed || slot->item == 0 ||
	    !epoch_has(roster_current(r), (member_index)((slot->item - 1) / LIMIT_ADDRESSES)))
		occupy(slot, item);
}

enum err
roster_index_addresses(struct roster *r)
{
	size_t addresses = 0;
	enum err err;

	for (size_t i = 0; i < r->count; i++)
		addresses += r->records[i].address_count;
	if ((err = lookup_init(&r->by_address, addresses)) != ERR_OK)
		return err;
	for (int listed = 1; listed >= 0; listed--)
		for (size_t i = 0; i < r->count; i++) {
			if (r->records[i].role != ROLE_NODE ||
			    epoch_has(roster_current(r), (member_index)i) != listed)
				continue;
			for (size_t a = 0; a < r->records[i].address_count; a++)
				occupy_address(r, i * LIMIT_ADDRESSES + a, listed);
		}
	return ERR_OK;
}

void
roster_free(struct roster *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->epoch_count; i++)
		epoch_free(r->epochs[i]);
	free(r->epochs);
	free(r->bytes);
	free(r->records);
	free(r->names);
	free(r->by_id.slots);
	free(r->by_name.slots);
	free(r->by_key.slots);
	free(r->by_address.slots);
	free(r);
}

/* ---- the log -------------------------------------------------------------- */

struct span
roster_records(const struct roster *r)
{
	return (struct span){ r->bytes, r->size_bytes };
}

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

const struct epoch *
roster_current(const struct roster *r)
{
	return r->epochs[r->epoch_count - 1];
}

const struct epoch *
roster_epoch(const struct roster *r, uint64_t number)
{
	/* From 1 without a gap, so the number is the place. */
	return number >= 1 && number <= r->epoch_count ? r->epochs[number - 1] : NULL;
}

/* ---- members -------------------------------------------------------------- */

size_t
roster_count(const struct roster *r)
{
	return r->count;
}

const struct member *
roster_member(const struct roster *r, member_index index)
{
	return &r->records[index];
}

bool
roster_is_node(const struct roster *r, member_index index)
{
	return index < r->count && r->records[index].role == ROLE_NODE;
}

static member_index
member_in(const struct lookup_slot *slot)
{
	return slot->item == 0 ? MEMBER_NONE : (member_index)(slot->item - 1);
}

member_index
roster_find_id(const struct roster *r, const struct node_id *id)
{
	return member_in(slot_of_id(r, id));
}

member_index
roster_find_name(const struct roster *r, const char *name)
{
	return member_in(slot_of_name(r, name));
}

member_index
roster_find_key(const struct roster *r, const struct public_key *key)
{
	return member_in(slot_of_key(r, key));
}

member_index
roster_find_address(const struct roster *r, const struct address *address, size_t *holders)
{
	const struct lookup_slot *slot = slot_of_address(r, address);

	*holders = slot->count;
	return slot->count == 1 ? (member_index)((slot->item - 1) / LIMIT_ADDRESSES) : MEMBER_NONE;
}

bool
roster_has_address(const struct roster *r, const struct address *address)
{
	return slot_of_address(r, address)->count > 0;
}

static bool
has_address(const struct member *m, const struct address *address)
{
	for (size_t i = 0; i < m->address_count; i++)
		if (address_equal(&m->addresses[i], address))
			return true;
	return false;
}

/* The CA may have signed both in one millisecond: then the log's order tells. */
static bool
is_enrolled_after(const struct roster *r, member_index a, member_index b)
{
	uint64_t left = r->records[a].not_before_ms, right = r->records[b].not_before_ms;

	return left != right ? left > right : a > b;
}

member_index
roster_successor(
    const struct roster *r, member_index subject, const struct address *address, member_index from)
{
	bool listed = epoch_has(roster_current(r), subject);
	size_t holders;

	/* As nearly always: it alone has it. */
	if (roster_find_address(r, address, &holders) == subject || holders == 0)
		return MEMBER_NONE;
	for (size_t i = from; i < r->count; i++) {
		member_index m = (member_index)i;

		if (m != subject && roster_is_node(r, m) && epoch_has(roster_current(r), m) &&
		    (!listed || is_enrolled_after(r, m, subject)) &&
		    has_address(&r->records[i], address))
			return m;
	}
	return MEMBER_NONE;
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
