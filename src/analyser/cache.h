/*
 * cache: the opinions of the last ten minutes, by what was asked.
 *
 * Keys are HMACs under a secret of this process, so that nobody can aim at an
 * entry.  At most LIMIT_OPINIONS; the oldest gives way.  Time is an input.
 */
#ifndef ANALYSER_CACHE_H
#define ANALYSER_CACHE_H
#include <stdbool.h>
#include <stdint.h>
#include "analyser/verdict.h"
#include "base/err.h"

struct cache; /* opaque */

struct cache_key {
	uint8_t bytes[32];
};

/* secret: 32 random bytes, copied.  NOMEM. */
MUST_USE enum err cache_new(const uint8_t secret[32], struct cache **out);
void cache_free(struct cache *); /* accepts NULL */
/* HMAC-SHA-512-256 over the question's buckets and what else an answer depends on. */
void cache_key(const struct cache *, const uint8_t *question, size_t size_bytes, uint32_t version,
    const char *model, const char *digest, struct cache_key *out);
bool cache_get(const struct cache *, const struct cache_key *, uint64_t now_ms,
    struct verdict_opinion *out);
/* Insert or replace.  What finds no memory is not remembered. */
void cache_put(struct cache *, const struct cache_key *, const struct verdict_opinion *,
    uint64_t now_ms);
size_t cache_count(const struct cache *);

#endif
