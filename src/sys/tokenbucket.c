#include <stdlib.h>
#include <string.h>
#include "sys/tokenbucket.h"

#define NONE   UINT16_MAX
#define CHAINS 512

struct bucket {
	struct address address;
	uint16_t next;           /* in its chain */
	uint16_t older, younger; /* by last use */
	bool told;
	uint32_t milli_tokens;
	uint64_t filled_ms, told_ms;
};

struct tokenbucket {
	struct tokenbucket_config config;
	uint32_t used;
	uint16_t oldest, youngest;
	struct bucket *buckets;
	uint16_t chains[CHAINS];
};

enum err
tokenbucket_new(const struct tokenbucket_config *config, struct tokenbucket **out)
{
	struct tokenbucket *t;
	uint32_t i;

	if (config->addresses == 0 || config->addresses >= NONE || config->per_second == 0)
		return ERR_RANGE;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return ERR_NOMEM;
	t->config = *config;
	t->oldest = t->youngest = NONE;
	/* calloc, so that pages of buckets never used are never touched. */
	t->buckets = calloc(config->addresses, sizeof(*t->buckets));
	if (t->buckets == NULL) {
		tokenbucket_free(t);
		return ERR_NOMEM;
	}
	for (i = 0; i < CHAINS; i++)
		t->chains[i] = NONE;
	*out = t;
	return ERR_OK;
}

void
tokenbucket_free(struct tokenbucket *t)
{
	if (t == NULL)
		return;
	free(t->buckets);
	free(t);
}

static uint16_t *
chain_of(struct tokenbucket *t, const struct address *a)
{
	uint64_t h = t->config.seed ^ a->family;
	size_t i;

	for (i = 0; i < sizeof(a->bytes); i++) {
		h = (h ^ a->bytes[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return &t->chains[h % CHAINS];
}

static void
unlink_age(struct tokenbucket *t, uint16_t i)
{
	struct bucket *b = &t->buckets[i];

	if (b->older != NONE)
		t->buckets[b->older].younger = b->younger;
	else
		t->oldest = b->younger;
	if (b->younger != NONE)
		t->buckets[b->younger].older = b->older;
	else
		t->youngest = b->older;
}

static void
link_youngest(struct tokenbucket *t, uint16_t i)
{
	struct bucket *b = &t->buckets[i];

	b->younger = NONE;
	b->older = t->youngest;
	if (t->youngest != NONE)
		t->buckets[t->youngest].younger = i;
	else
		t->oldest = i;
	t->youngest = i;
}

static uint16_t
evict_oldest(struct tokenbucket *t)
{
	uint16_t i = t->oldest;
	uint16_t *at = chain_of(t, &t->buckets[i].address);

	while (*at != i)
		at = &t->buckets[*at].next;
	*at = t->buckets[i].next;
	unlink_age(t, i);
	return i;
}

static struct bucket *
find_or_make(struct tokenbucket *t, const struct address *a, uint64_t now_ms)
{
	uint16_t *chain = chain_of(t, a);
	uint16_t i;
	struct bucket *b;

	for (i = *chain; i != NONE; i = t->buckets[i].next) {
		if (address_equal(&t->buckets[i].address, a)) {
			unlink_age(t, i);
			link_youngest(t, i);
			return &t->buckets[i];
		}
	}
	i = t->used < t->config.addresses ? (uint16_t)t->used++ : evict_oldest(t);
	b = &t->buckets[i];
	memset(b, 0, sizeof(*b));
	b->address = *a;
	b->milli_tokens = t->config.burst * 1000;
	b->filled_ms = now_ms;
	b->next = *chain;
	*chain = i;
	link_youngest(t, i);
	return b;
}

bool
tokenbucket_take(struct tokenbucket *t, const struct address *a, uint64_t now_ms)
{
	struct bucket *b = find_or_make(t, a, now_ms);
	uint64_t most = (uint64_t)t->config.burst * 1000, passed, tokens;

	/* A token each 1000/per_second ms is per_second thousandths a ms. */
	passed = now_ms - b->filled_ms;
	tokens = passed > most ? most : b->milli_tokens + passed * t->config.per_second;
	if (tokens > most)
		tokens = most;
	b->filled_ms = now_ms;
	if (tokens < 1000) {
		b->milli_tokens = (uint32_t)tokens;
		return false;
	}
	b->milli_tokens = (uint32_t)(tokens - 1000);
	return true;
}

bool
tokenbucket_tell(struct tokenbucket *t, const struct address *a, uint64_t now_ms)
{
	struct bucket *b = find_or_make(t, a, now_ms);

	if (b->told && now_ms - b->told_ms < t->config.repeat_ms)
		return false;
	b->told = true;
	b->told_ms = now_ms;
	return true;
}
