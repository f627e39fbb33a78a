/*
 * map: fixed-size byte keys to pointers, open addressing.
 *
 * Iteration is in order of insertion: it depends neither on addresses nor on
 * the seed.  The seed only keeps those who choose keys from choosing
 * collisions.  Keys are copied; values belong to the caller.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct map; /* opaque */

/* key_bytes at least 1.  The caller owns *out.  ERR_NOMEM. */
MUST_USE enum err map_new(size_t key_bytes, uint64_t seed, struct map **out);
void map_free(struct map *); /* not the values; accepts NULL */
size_t map_count(const struct map *);
/* NULL: not there. */
void *map_get(const struct map *, const void *key);
/* Insert or replace (a replaced key keeps its place in the order).  value must not be NULL.  ERR_NOMEM. */
MUST_USE enum err map_put(struct map *, const void *key, void *value);
/* The value that was there, or NULL. */
void *map_remove(struct map *, const void *key);
/*
 * Walk in order of insertion: start with *cursor 0, ends with false.  key and
 * value may be NULL.  While walking, any key may be removed, none inserted.
 * *key is valid until the next map_put.
 */
bool map_next(const struct map *, size_t *cursor, const void **key, void **value);

#endif
