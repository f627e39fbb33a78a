#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "analyser/cache.h"
#include "base/map.h"

struct entry {
	uint64_t until_ms;
	uint32_t score;
	char reason[]; /* most are a tenth of what is allowed */
};

struct cache {
	uint8_t secret[crypto_auth_hmacsha512256_KEYBYTES];
	struct map *entries; /* in order of insertion: the first is the oldest */
};

enum err
cache_new(const uint8_t secret[32], struct cache **out)
{
	struct cache *c;
	uint64_t seed;
	enum err err;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return ERR_NOMEM;
	memcpy(c->secret, secret, sizeof(c->secret));
	memcpy(&seed, secret, sizeof(seed));
	if ((err = map_new(sizeof(struct cache_key), seed, &c->entries)) != ERR_OK) {
		free(c);
		return err;
	}
	*out = c;
	return ERR_OK;
}

void
cache_free(struct cache *c)
{
	size_t cursor = 0;
	void *entry;

	if (c == NULL)
		return;
	while (map_next(c->entries, &cursor, NULL, &entry))
		free(entry);
	map_free(c->entries);
	sodium_memzero(c->secret, sizeof(c->secret));
	free(c);
}

void
cache_key(const struct cache *c, const uint8_t *question, size_t size_bytes, uint32_t version,
    const char *model, const char *digest, struct cache_key *out)
{
	crypto_auth_hmacsha512256_state state;

	_Static_assert(sizeof(out->bytes) == crypto_auth_hmacsha512256_BYTES, "one key, one HMAC");
	crypto_auth_hmacsha512256_init(&state, c->secret, sizeof(c->secret));
	crypto_auth_hmacsha512256_update(&state, (const uint8_t *)&version, sizeof(version));
	/* The zero bytes keep one name's end from passing for the next one's beginning. */
	crypto_auth_hmacsha512256_update(&state, (const uint8_t *)model, strlen(model) + 1);
	crypto_auth_hmacsha512256_update(&state, (const uint8_t *)digest, strlen(digest) + 1);
	crypto_auth_hmacsha512256_update(&state, question, size_bytes);
	crypto_auth_hmacsha512256_final(&state, out->bytes);
}

bool
cache_get(const struct cache *c, const struct cache_key *key, uint64_t now_ms,
    struct verdict_opinion *out)
{
	const struct entry *entry = map_get(c->entries, key);

	if (entry == NULL || entry->until_ms <= now_ms)
		return false;
	out->score = entry->score;
	memcpy(out->reason, entry->reason, strlen(entry->reason) + 1);
	return true;
}

static void
forget(struct cache *c, const void *key)
{
	struct cache_key copy;

	memcpy(&copy, key, sizeof(copy));
	free(map_remove(c->entries, &copy));
}

void
cache_put(struct cache *c, const struct cache_key *key, const struct verdict_opinion *opinion,
    uint64_t now_ms)
{
	size_t length = strlen(opinion->reason) + 1, cursor = 0;
	const void *oldest;
	struct entry *entry;

	forget(c, key);
	if (map_count(c->entries) >= LIMIT_OPINIONS && map_next(c->entries, &cursor, &oldest, NULL))
		forget(c, oldest);
	if ((entry = malloc(sizeof(*entry) + length)) == NULL)
		return;
	entry->until_ms = now_ms + LIMIT_OPINION_MS;
	entry->score = opinion->score;
	memcpy(entry->reason, opinion->reason, length);
	if (map_put(c->entries, key, entry) != ERR_OK)
		free(entry);
}

size_t
cache_count(const struct cache *c)
{
	return map_count(c->entries);
}
