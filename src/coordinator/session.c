#include "coordinator/session.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOMAIN_LINK   "phalanx/link/1"
#define DOMAIN_COOKIE "phalanx/cookie/1"
#define DOMAIN_CSRF   "phalanx/csrf/1"

struct sessions {
	struct sessions_config config;
	TAILQ_HEAD(, session) list;
	size_t count;
};

enum err
sessions_new(const struct sessions_config *config, struct sessions **out)
{
	struct sessions *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	s->config = *config;
	TAILQ_INIT(&s->list);
	*out = s;
	return ERR_OK;
}

static void
drop(struct sessions *s, struct session *one)
{
	TAILQ_REMOVE(&s->list, one, link);
	s->count--;
	free(one);
}

void
sessions_free(struct sessions *s)
{
	if (s == NULL)
		return;
	while (!TAILQ_EMPTY(&s->list))
		drop(s, TAILQ_FIRST(&s->list));
	free(s);
}

size_t
sessions_count(const struct sessions *s)
{
	return s->count;
}

void
sessions_end(struct sessions *s, struct session *one)
{
	s->config.ended(s->config.context, one);
	drop(s, one);
}

struct session *
sessions_next(struct sessions *s, const struct session *one)
{
	return one == NULL ? TAILQ_FIRST(&s->list) : TAILQ_NEXT(one, link);
}

/* ---- time --------------------------------------------------------------------- */

static bool
is_over(const struct session *one, uint64_t now_ms)
{
	if (!one->is_redeemed)
		return now_ms >= one->opened_ms + LIMIT_LINK_MS;
	return now_ms >= one->opened_ms + LIMIT_SESSION_MS ||
	       now_ms >= one->used_ms + LIMIT_SESSION_IDLE_MS;
}

static void
end_those_over(struct sessions *s, uint64_t now_ms)
{
	struct session *one, *next;

	for (one = TAILQ_FIRST(&s->list); one != NULL; one = next) {
		next = TAILQ_NEXT(one, link);
		if (is_over(one, now_ms))
			sessions_end(s, one);
	}
}

/* ---- opening ------------------------------------------------------------------ */

static struct session *
longest_unused(struct sessions *s, const struct public_key *key, size_t *count)
{
	struct session *one, *oldest = NULL;

	*count = 0;
	TAILQ_FOREACH(one, &s->list, link)
	{
		if (memcmp(&one->key, key, sizeof(*key)) != 0)
			continue;
		++*count;
		if (oldest == NULL || one->used_ms < oldest->used_ms)
			oldest = one;
	}
	return oldest;
}

static void
hash_secret(const struct sessions *s, const char *domain, const uint8_t *secret, struct hash *out)
{
	const struct crypto *crypto = s->config.crypto;

	crypto->sha256(crypto->context, domain, secret, SESSION_SECRET_BYTES, out);
}

enum err
sessions_open(struct sessions *s, const struct session_opening *opening,
    uint8_t link[SESSION_SECRET_BYTES], struct session **out)
{
	struct session *one, *oldest;
	size_t count;

	end_those_over(s, opening->now_ms);
	oldest = longest_unused(s, &opening->key, &count);
	if (count >= LIMIT_SESSIONS_EACH)
		sessions_end(s, oldest);
	if (s->count >= LIMIT_SESSIONS)
		return ERR_FULL;
	if ((one = calloc(1, sizeof(*one))) == NULL)
		return ERR_NOMEM;
	one->role = opening->role;
	one->key = opening->key;
	one->opened_ms = one->used_ms = one->heard_ms = opening->now_ms;
	(void)snprintf(one->name, sizeof(one->name), "%s", opening->name);
	s->config.random(one->id, sizeof(one->id));
	s->config.random(link, SESSION_SECRET_BYTES);
	hash_secret(s, DOMAIN_LINK, link, &one->secret);
	TAILQ_INSERT_TAIL(&s->list, one, link);
	s->count++;
	*out = one;
	return ERR_OK;
}

/* ---- finding ------------------------------------------------------------------ */

/* All are compared, and each in constant time: how long it takes tells nothing. */
static struct session *
find_secret(struct sessions *s, const char *domain, const uint8_t *secret, bool redeemed)
{
	struct session *one, *found = NULL;
	struct hash hash;

	hash_secret(s, domain, secret, &hash);
	TAILQ_FOREACH(one, &s->list, link)
	{
		bool same = sodium_memcmp(one->secret.bytes, hash.bytes, sizeof(hash.bytes)) == 0;

		if (same && one->is_redeemed == redeemed)
			found = one;
	}
	return found;
}

struct session *
sessions_redeem(struct sessions *s, const uint8_t link[SESSION_SECRET_BYTES], uint64_t now_ms,
    uint8_t cookie[SESSION_SECRET_BYTES])
{
	struct session *one;

	end_those_over(s, now_ms);
	if ((one = find_secret(s, DOMAIN_LINK, link, false)) == NULL)
		return NULL;
	s->config.random(cookie, SESSION_SECRET_BYTES);
	hash_secret(s, DOMAIN_COOKIE, cookie, &one->secret);
	one->is_redeemed = true;
	one->used_ms = now_ms;
	return one;
}

struct session *
sessions_of_cookie(struct sessions *s, const uint8_t cookie[SESSION_SECRET_BYTES], uint64_t now_ms)
{
	struct session *one;

	end_those_over(s, now_ms);
	if ((one = find_secret(s, DOMAIN_COOKIE, cookie, true)) != NULL)
		one->used_ms = now_ms;
	return one;
}

struct session *
sessions_find(struct sessions *s, const uint8_t id[SESSION_ID_BYTES], uint64_t now_ms)
{
	struct session *one;

	end_those_over(s, now_ms);
	TAILQ_FOREACH(one, &s->list, link)
	if (memcmp(one->id, id, sizeof(one->id)) == 0)
		return one;
	return NULL;
}

void
session_csrf(const struct sessions *s, const uint8_t cookie[SESSION_SECRET_BYTES],
    uint8_t out[SESSION_CSRF_BYTES])
{
	struct hash hash;

	hash_secret(s, DOMAIN_CSRF, cookie, &hash);
	memcpy(out, hash.bytes, SESSION_CSRF_BYTES);
}
