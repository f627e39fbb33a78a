#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/map.h"
#include "coordinator/registry.h"

struct registry {
	const struct roster *roster;
	struct map *by_name;
	struct map *by_key_id;
	struct registry_node **list; /* order of arrival */
	size_t count, room;
	size_t members;                /* of the roster, at the head of the list */
	uint64_t serial;               /* of the newest node */
	uint16_t zones;                /* groups of two and more */
	struct registry_node **others; /* members that are no nodes: known, but not in the list */
	size_t other_count;
};

static void
name_key(const char *name, char key[LIMIT_NAME_BYTES])
{
	memset(key, 0, LIMIT_NAME_BYTES);
	memcpy(key, name, strnlen(name, LIMIT_NAME_BYTES));
}

static void
free_node(struct registry_node *node)
{
	if (node == NULL)
		return;
	free(node->peers);
	free(node->nonces);
	free(node->series);
	free(node);
}

static enum err
make_node(struct registry *r, const char *name, struct registry_node **out)
{
	struct registry_node *node;
	char key[LIMIT_NAME_BYTES];

	if ((node = calloc(1, sizeof(*node))) == NULL)
		return ERR_NOMEM;
	memcpy(node->name, name, strlen(name) + 1);
	node->serial = ++r->serial;
	node->member = MEMBER_NONE;
	node->zone = (uint16_t)(r->zones + 1);
	node->mode = MODE_UNKNOWN;
	name_key(name, key);
	if (map_put(r->by_name, key, node) != ERR_OK) {
		free_node(node);
		return ERR_NOMEM;
	}
	*out = node;
	return ERR_OK;
}

static enum err
append(struct registry *r, const char *name, struct registry_node **out)
{
	struct registry_node **list;
	size_t room;
	enum err err;

	if (r->count == r->room) {
		room = r->room == 0 ? 16 : 2 * r->room;
		if ((list = reallocarray(r->list, room, sizeof(struct registry_node *))) == NULL)
			return ERR_NOMEM;
		r->list = list;
		r->room = room;
	}
	if ((err = make_node(r, name, out)) == ERR_OK)
		r->list[r->count++] = *out;
	return err;
}

/* ---- zones -------------------------------------------------------------------- */

struct group {
	size_t members;
	uint16_t zone; /* from 1; 0: none yet */
};

static enum err
count_groups(struct registry *r, struct map *by_group, struct group *groups)
{
	const struct member *member;
	struct group *group;
	enum err err;

	for (size_t i = 0; i < r->members; i++) {
		member = roster_member(r->roster, r->list[i]->member);
		if ((group = map_get(by_group, member->group)) == NULL) {
			group = &groups[i];
			if ((err = map_put(by_group, member->group, group)) != ERR_OK)
				return err;
		}
		group->members++;
	}
	return ERR_OK;
}

/* In the order of their first members, so that a zone keeps its name when the mesh grows. */
static enum err
number_zones(struct registry *r)
{
	struct group *groups = calloc(r->members + 1, sizeof(*groups)), *group;
	struct map *by_group = NULL;
	enum err err = ERR_NOMEM;

	if (groups == NULL ||
	    (err = map_new(sizeof(((struct member *)NULL)->group), 0, &by_group)) != ERR_OK)
		goto done;
	if ((err = count_groups(r, by_group, groups)) != ERR_OK)
		goto done;
	for (size_t i = 0; i < r->members; i++) {
		group = map_get(by_group, roster_member(r->roster, r->list[i]->member)->group);
		if (group->members > 1 && group->zone == 0)
			group->zone = ++r->zones;
		r->list[i]->zone = group->zone;
	}
	/* 0: alone in its group, shown behind the groups; a stranger one further. */
	for (size_t i = 0; i < r->members; i++)
		r->list[i]->zone =
		    r->list[i]->zone > 0 ? (uint16_t)(r->list[i]->zone - 1) : r->zones;

done:
	map_free(by_group);
	free(groups);
	return err;
}

size_t
registry_zone_count(const struct registry *r)
{
	return (size_t)r->zones + 2;
}

void
registry_zone_name(const struct registry *r, size_t zone, char out[REGISTRY_ZONE_BYTES])
{
	if (zone == r->zones)
		snprintf(out, REGISTRY_ZONE_BYTES, "ungrouped");
	else if (zone > r->zones)
		snprintf(out, REGISTRY_ZONE_BYTES, "unenrolled");
	else if (zone < 26)
		snprintf(out, REGISTRY_ZONE_BYTES, "zone-%c", (char)('a' + zone));
	else
		snprintf(out, REGISTRY_ZONE_BYTES, "zone-%zu", zone + 1);
}

static enum err
bind_member(struct registry *r, struct registry_node *node, member_index index)
{
	const struct member *member = roster_member(r->roster, index);
	uint8_t digest[crypto_hash_sha256_BYTES];
	enum err err;

	node->member = index;
	node->proven = true;
	node->key = member->key;
	memcpy(node->key_id, member->id.bytes, sizeof(node->key_id));
	crypto_hash_sha256(digest, member->key.bytes, sizeof(member->key.bytes));
	if ((err = map_put(r->by_key_id, node->key_id, node)) != ERR_OK)
		return err;
	return map_put(r->by_key_id, digest, node);
}

static enum err
add_members(struct registry *r)
{
	struct registry_node *node;
	enum err err;

	for (size_t i = 0; i < roster_count(r->roster); i++) {
		if (!roster_is_node(r->roster, (member_index)i))
			continue;
		err = append(r, roster_member(r->roster, (member_index)i)->name, &node);
		if (err != ERR_OK || (err = bind_member(r, node, (member_index)i)) != ERR_OK)
			return err;
	}
	r->members = r->count;
	return number_zones(r);
}

/* Operators and their like sign requests too, but are no hosts. */
static enum err
add_others(struct registry *r)
{
	struct registry_node **node;
	enum err err;

	r->others = calloc(roster_count(r->roster) - r->members + 1, sizeof(*r->others));
	if (r->others == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < roster_count(r->roster); i++) {
		if (roster_is_node(r->roster, (member_index)i))
			continue;
		node = &r->others[r->other_count];
		err = make_node(r, roster_member(r->roster, (member_index)i)->name, node);
		if (err != ERR_OK)
			return err;
		r->other_count++;
		if ((err = bind_member(r, *node, (member_index)i)) != ERR_OK)
			return err;
	}
	return ERR_OK;
}

enum err
registry_new(const struct roster *roster, struct registry **out)
{
	struct registry *r;
	uint64_t seed;
	enum err err;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return ERR_NOMEM;
	r->roster = roster;
	randombytes_buf(&seed, sizeof(seed));
	if ((err = map_new(LIMIT_NAME_BYTES, seed, &r->by_name)) != ERR_OK ||
	    (err = map_new(16, seed, &r->by_key_id)) != ERR_OK)
		goto fail;
	if (roster != NULL && ((err = add_members(r)) != ERR_OK || (err = add_others(r)) != ERR_OK))
		goto fail;
	*out = r;
	return ERR_OK;

fail:
	registry_free(r);
	return err;
}

void
registry_free(struct registry *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++)
		free_node(r->list[i]);
	for (size_t i = 0; i < r->other_count; i++)
		free_node(r->others[i]);
	free(r->list);
	free(r->others);
	map_free(r->by_name);
	map_free(r->by_key_id);
	free(r);
}

/* All that was said and is remembered of it; what the roster says is the newer one's. */
static void
take_over(struct registry_node *node, struct registry_node *was)
{
	struct registry_node listed = *node;

	*node = *was;
	memcpy(node->name, listed.name, sizeof(node->name));
	node->serial = listed.serial;
	node->member = listed.member;
	node->zone = listed.zone;
	memcpy(node->key_id, listed.key_id, sizeof(node->key_id));
	/* What it sent and the roster did not bear out then it is asked for again. */
	node->retell_until_ms = listed.retell_until_ms;
	node->retold = listed.retold;
	was->peers = listed.peers;
	was->series = listed.series;
	was->nonces = listed.nonces;
}

static void
carry(struct registry *to, struct registry_node **list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct registry_node *node = registry_find(to, list[i]->name);

		if (node != NULL && node->proven && list[i]->proven &&
		    memcmp(&node->key, &list[i]->key, sizeof(node->key)) == 0)
			take_over(node, list[i]);
	}
}

void
registry_carry(struct registry *from, struct registry *to)
{
	carry(to, from->list, from->count);
	carry(to, from->others, from->other_count);
}

size_t
registry_count(const struct registry *r)
{
	return r->count;
}

struct registry_node *
registry_at(const struct registry *r, size_t index)
{
	return r->list[index];
}

struct registry_node *
registry_find(const struct registry *r, const char *name)
{
	char key[LIMIT_NAME_BYTES];

	name_key(name, key);
	return map_get(r->by_name, key);
}

struct registry_node *
registry_find_key_id(const struct registry *r, const uint8_t key_id[16])
{
	return map_get(r->by_key_id, key_id);
}

/* IPv6 hosts have a whole network of 64 bits to choose their addresses from. */
static bool
same_source(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 6 ? 8 : 4) == 0;
}

/* The stranger (of an address, unless NULL) that was silent longest, and how many there are. */
static size_t
find_oldest(const struct registry *r, const struct address *from, size_t *count)
{
	size_t oldest = r->count;

	*count = 0;
	for (size_t i = r->members; i < r->count; i++) {
		if (from != NULL && !same_source(&r->list[i]->from, from))
			continue;
		++*count;
		if (oldest == r->count || r->list[i]->seen_ms < r->list[oldest]->seen_ms)
			oldest = i;
	}
	return oldest;
}

/* It gives its place away, if it was silent long enough. */
static enum err
replace(struct registry *r, size_t oldest, const struct registry_call *call,
    struct registry_node **out, char dropped[LIMIT_NAME_BYTES + 1])
{
	struct registry_node *node = r->list[oldest];
	char key[LIMIT_NAME_BYTES];
	enum err err;

	if (node->seen_ms + LIMIT_STRANGER_MS > call->now_ms)
		return ERR_FULL;
	if ((err = make_node(r, call->name, out)) != ERR_OK)
		return err;
	memcpy(dropped, node->name, sizeof(node->name));
	name_key(node->name, key);
	map_remove(r->by_name, key);
	if (node->proven && map_get(r->by_key_id, node->key_id) == node)
		map_remove(r->by_key_id, node->key_id);
	r->list[oldest] = *out;
	free_node(node);
	return ERR_OK;
}

/* Who makes up names fills its own share with them, and nobody else's. */
static enum err
take_stranger(struct registry *r, const struct registry_call *call, struct registry_node **out,
    char dropped[LIMIT_NAME_BYTES + 1])
{
	bool counts = call->from != NULL && !address_is_loopback(call->from);
	size_t count, oldest;

	if (counts) {
		oldest = find_oldest(r, call->from, &count);
		if (count >= LIMIT_STRANGERS_PER_ADDRESS)
			return replace(r, oldest, call, out, dropped);
	}
	if (r->count - r->members < LIMIT_MEMBERS)
		return append(r, call->name, out);
	return replace(r, find_oldest(r, NULL, &count), call, out, dropped);
}

enum err
registry_take(struct registry *r, const struct registry_call *call, struct registry_node **out,
    char dropped[LIMIT_NAME_BYTES + 1])
{
	enum err err;

	dropped[0] = '\0';
	if ((*out = registry_find(r, call->name)) != NULL)
		return ERR_OK;
	if ((err = take_stranger(r, call, out, dropped)) == ERR_OK && call->from != NULL)
		(*out)->from = *call->from;
	return err;
}

enum err
registry_prove(struct registry *r, struct registry_node *node, const struct public_key *key)
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	struct registry_node *holder;

	if (node->proven && memcmp(&node->key, key, sizeof(*key)) != 0)
		return ERR_AUTHOR;
	if (node->member != MEMBER_NONE)
		return ERR_OK;
	crypto_hash_sha256(digest, key->bytes, sizeof(key->bytes));
	holder = map_get(r->by_key_id, digest);
	if (holder != NULL && holder->member != MEMBER_NONE)
		return ERR_AUTHOR; /* an enrolled key goes by its enrolled name only */
	if (holder == NULL && map_put(r->by_key_id, digest, node) != ERR_OK)
		return ERR_NOMEM;
	node->key = *key;
	memcpy(node->key_id, digest, sizeof(node->key_id));
	node->proven = true;
	return ERR_OK;
}

enum err
registry_note_nonce(
    struct registry_node *node, const uint8_t nonce[16], uint64_t created_s, uint64_t now_s)
{
	struct nonce_seen *grown;
	size_t kept = 0, room;

	for (size_t i = 0; i < node->nonce_count; i++)
		if (memcmp(node->nonces[i].nonce, nonce, sizeof(node->nonces[i].nonce)) == 0)
			return ERR_REPLAY;
	for (size_t i = 0; i < node->nonce_count; i++)
		if (node->nonces[i].created_s + LIMIT_REGISTER_AGE_S >= now_s)
			node->nonces[kept++] = node->nonces[i];
	node->nonce_count = kept;
	if (kept >= LIMIT_HTTP_NONCES)
		return ERR_FULL;
	if (kept == node->nonce_room) {
		room = kept == 0 ? 16 : 2 * kept;
		if ((grown = reallocarray(node->nonces, room, sizeof(*grown))) == NULL)
			return ERR_NOMEM;
		node->nonces = grown;
		node->nonce_room = room;
	}
	memcpy(node->nonces[kept].nonce, nonce, sizeof(node->nonces[kept].nonce));
	node->nonces[kept].created_s = created_s;
	node->nonce_count = kept + 1;
	return ERR_OK;
}

bool
registry_is_name(const char *text)
{
	size_t length = strlen(text);

	return length >= 1 && length <= LIMIT_NAME_BYTES &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
	           length;
}
