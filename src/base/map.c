#include <stdlib.h>
#include <string.h>
#include "base/map.h"

#define INITIAL_ROOM 8 /* entries; the table has twice as many slots */

/*
 * Entries stand in an array in order of insertion; a table of slots, probed
 * linearly, finds them.  A removed entry stays in its place, without a value,
 * until the array is rebuilt.
 */
struct map {
	size_t key_bytes;
	uint64_t seed;
	uint8_t *keys;
	void **values;   /* NULL: removed */
	uint32_t *slots; /* entry + 1; 0: never used */
	size_t used;     /* entries, removed ones too */
	size_t count;
	size_t room; /* a power of two */
};

enum err
map_new(size_t key_bytes, uint64_t seed, struct map **out)
{
	struct map *m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return ERR_NOMEM;
	m->key_bytes = key_bytes;
	m->seed = seed;
	*out = m;
	return ERR_OK;
}

void
map_free(struct map *m)
{
	if (m == NULL)
		return;
	free(m->keys);
	free(m->values);
	free(m->slots);
	free(m);
}

size_t
map_count(const struct map *m)
{
	return m->count;
}

/* Multiply and fold, eight bytes at a time. */
static uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t
hash_key(const struct map *m, const uint8_t *key)
{
	uint64_t hash = m->seed ^ 0xa0761d6478bd642f;
	size_t left = m->key_bytes;

	for (; left > 0;) {
		size_t part = left < 8 ? left : 8;
		uint64_t word = 0;

		memcpy(&word, key, part);
		hash = fold(hash ^ word, m->seed ^ 0xe7037ed1a0b428db);
		key += part;
		left -= part;
	}
	return fold(hash ^ m->key_bytes, 0x8ebc6af09c88c6e3);
}

static uint8_t *
key_at(const struct map *m, size_t entry)
{
	return m->keys + entry * m->key_bytes;
}

/* The slot that holds key, or the free one where it belongs.  Needs a table. */
static uint32_t *
find_slot(const struct map *m, const void *key)
{
	size_t mask = m->room * 2 - 1;
	size_t i = (size_t)hash_key(m, key) & mask;

	while (m->slots[i] != 0 && memcmp(key_at(m, m->slots[i] - 1), key, m->key_bytes) != 0)
		i = (i + 1) & mask;
	return &m->slots[i];
}

void *
map_get(const struct map *m, const void *key)
{
	uint32_t slot;

	if (m->count == 0)
		return NULL;
	slot = *find_slot(m, key);
	return slot == 0 ? NULL : m->values[slot - 1];
}

/* A new array and table without the removed entries, with room for one more. */
static enum err
rebuild(struct map *m)
{
	struct map fresh = { .key_bytes = m->key_bytes, .seed = m->seed, .room = INITIAL_ROOM };

	while (fresh.room <= m->count + m->count / 4)
		fresh.room *= 2;
	fresh.keys = reallocarray(NULL, fresh.room, m->key_bytes);
	fresh.values = reallocarray(NULL, fresh.room, sizeof(*fresh.values));
	fresh.slots = calloc(fresh.room * 2, sizeof(*fresh.slots));
	if (fresh.keys == NULL || fresh.values == NULL || fresh.slots == NULL) {
		free(fresh.keys);
		free(fresh.values);
		free(fresh.slots);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < m->used; i++) {
		if (m->values[i] == NULL)
			continue;
		memcpy(key_at(&fresh, fresh.used), key_at(m, i), m->key_bytes);
		fresh.values[fresh.used] = m->values[i];
		*find_slot(&fresh, key_at(m, i)) = (uint32_t)++fresh.used;
	}
	fresh.count = fresh.used;
	free(m->keys);
	free(m->values);
	free(m->slots);
	*m = fresh;
	return ERR_OK;
}

enum err
map_put(struct map *m, const void *key, void *value)
{
	uint32_t *slot;
	enum err err;

	if (m->count > 0 && *(slot = find_slot(m, key)) != 0 && m->values[*slot - 1] != NULL) {
		m->values[*slot - 1] = value;
		return ERR_OK;
	}
	if (m->used == m->room && (err = rebuild(m)) != ERR_OK)
		return err;
	/* A key that was removed and comes again goes to the end; its slot follows it. */
	slot = find_slot(m, key);
	memcpy(key_at(m, m->used), key, m->key_bytes);
	m->values[m->used] = value;
	*slot = (uint32_t)++m->used;
	m->count++;
	return ERR_OK;
}

void *
map_remove(struct map *m, const void *key)
{
	uint32_t slot;
	void *value;

	if (m->count == 0 || (slot = *find_slot(m, key)) == 0)
		return NULL;
	value = m->values[slot - 1];
	if (value != NULL) {
		m->values[slot - 1] = NULL;
		m->count--;
	}
	return value;
}

bool
map_next(const struct map *m, size_t *cursor, const void **key, void **value)
{
	while (*cursor < m->used && m->values[*cursor] == NULL)
		++*cursor;
	if (*cursor == m->used)
		return false;
	if (key != NULL)
		*key = key_at(m, *cursor);
	if (value != NULL)
		*value = m->values[*cursor];
	++*cursor;
	return true;
}
