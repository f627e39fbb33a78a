#include "proc/enforcer_state.h"

#include <stdlib.h>
#include <string.h>
#include "base/map.h"

/* A remaining time that differs by less from the kernel's is the same. */
#define SLACK_MS 1000

#define OUTSIDER 0x80000000u
#define STANDING UINT64_MAX

struct held;

struct claim {
	struct held *on;
	struct subject *owner;
	struct claim *next; /* on the same element */
};

struct subject {
	uint8_t key[4 + sizeof(struct address)];
	enum strength strength;
	uint64_t expires_at_ms; /* STANDING: until told otherwise */
	uint32_t round;
	size_t claim_count;
	struct claim claims[];
};

/* An element that stands. */
struct held {
	struct nft_element element; /* its timeout is not used */
	struct claim *first;
	uint32_t seen;
};

struct element_key {
	uint8_t set, is_mac, family, bytes[16];
};

struct enforcer_state {
	struct map *subjects; /* struct subject by its key */
	struct map *elements; /* struct held by struct element_key */
	uint32_t round;       /* of the engine's saying everything */
	uint32_t comparison;
};

/* ---- keys ------------------------------------------------------------------ */

static void
subject_key(const struct msg_enforce *m, uint8_t key[4 + sizeof(struct address)])
{
	memset(key, 0, 4 + sizeof(struct address));
	memcpy(key, &m->subject, 4);
	if ((m->subject & OUTSIDER) != 0)
		memcpy(key + 4, &m->addresses[0], sizeof(struct address));
}

static struct element_key
element_key(const struct nft_element *e)
{
	struct element_key key = { .set = (uint8_t)e->set, .is_mac = e->is_mac };

	if (e->is_mac) {
		memcpy(key.bytes, e->mac.bytes, sizeof(e->mac.bytes));
	} else {
		key.family = e->address.family;
		memcpy(key.bytes, e->address.bytes, e->address.family == 4 ? 4 : 16);
	}
	return key;
}

static struct held *
find(const struct enforcer_state *s, const struct nft_element *e)
{
	struct element_key key = element_key(e);

	return map_get(s->elements, &key);
}

/* ---- claims ---------------------------------------------------------------- */

/* 0: nobody wants it. */
static uint64_t
until(const struct enforcer_state *s, const struct nft_element *e)
{
	const struct held *h = find(s, e);
	const struct claim *c;
	uint64_t latest = 0;

	for (c = h == NULL ? NULL : h->first; c != NULL; c = c->next)
		if (c->owner->expires_at_ms > latest)
			latest = c->owner->expires_at_ms;
	return latest;
}

static enum err
claim(struct enforcer_state *s, struct subject *subject, const struct nft_element *e)
{
	struct claim *c = &subject->claims[subject->claim_count];
	struct element_key key = element_key(e);
	struct held *h = map_get(s->elements, &key);

	if (h == NULL) {
		if ((h = calloc(1, sizeof(*h))) == NULL)
			return ERR_NOMEM;
		h->element = *e;
		h->element.timeout_ms = 0;
		if (map_put(s->elements, &key, h) != ERR_OK) {
			free(h);
			return ERR_NOMEM;
		}
	}
	*c = (struct claim){ .on = h, .owner = subject, .next = h->first };
	h->first = c;
	subject->claim_count++;
	return ERR_OK;
}

static void
unclaim(struct enforcer_state *s, struct subject *subject)
{
	while (subject->claim_count > 0) {
		struct claim *c = &subject->claims[--subject->claim_count], **at;
		struct held *h = c->on;

		for (at = &h->first; *at != c; at = &(*at)->next)
			;
		*at = c->next;
		if (h->first == NULL) {
			struct element_key key = element_key(&h->element);

			(void)map_remove(s->elements, &key);
			free(h);
		}
	}
}

static void
forget(struct enforcer_state *s, struct subject *subject)
{
	unclaim(s, subject);
	(void)map_remove(s->subjects, subject->key);
	free(subject);
}

/* ---- one change ------------------------------------------------------------- */

/* An element that a change touches, and until when it stood before. */
struct touched {
	struct nft_element element;
	uint64_t before_ms;
};

struct touched_list {
	struct touched items[2 * ENFORCER_CLAIMS];
	size_t count;
};

static void
touch(const struct enforcer_state *s, struct touched_list *list, const struct nft_element *e)
{
	struct element_key key = element_key(e);
	size_t i;

	for (i = 0; i < list->count; i++) {
		struct element_key other = element_key(&list->items[i].element);

		if (memcmp(&key, &other, sizeof(key)) == 0)
			return;
	}
	list->items[list->count++] = (struct touched){ *e, until(s, e) };
}

static void
touch_all(const struct enforcer_state *s, struct touched_list *list, const struct subject *subject)
{
	size_t i;

	for (i = 0; i < subject->claim_count; i++)
		touch(s, list, &subject->claims[i].on->element);
}

static void
difference(const struct enforcer_state *s, const struct touched_list *list, uint64_t now_ms,
    struct enforcer_change *out)
{
	size_t i;

	out->remove_count = out->add_count = 0;
	for (i = 0; i < list->count; i++) {
		struct nft_element e = list->items[i].element;
		uint64_t after_ms = until(s, &e);

		if (after_ms == list->items[i].before_ms)
			continue;
		if (after_ms == 0) {
			out->remove[out->remove_count++] = e;
			continue;
		}
		/* Another's claim that ran out a moment ago may be the latest: a millisecond is left. */
		e.timeout_ms = after_ms == STANDING ? 0 : after_ms > now_ms ? after_ms - now_ms : 1;
		out->add[out->add_count++] = e;
	}
}

static size_t
elements_of(
    const struct msg_enforce *m, enum nft_set mac_set, struct nft_element out[ENFORCER_CLAIMS])
{
	/* Who is no member has no business on the mesh port. */
	bool cut = m->is_member && m->strength != STRENGTH_SEVER;
	static const struct mac unknown;
	size_t i, count = 0;

	for (i = 0; i < m->address_count; i++)
		out[count++] = (struct nft_element){ .set = cut ? NFT_CUT : NFT_SEVER,
			.address = m->addresses[i] };
	if (memcmp(&m->mac, &unknown, sizeof(unknown)) != 0)
		out[count++] =
		    (struct nft_element){ .set = mac_set, .is_mac = true, .mac = m->mac };
	return count;
}

/* A subject with its claims, or nothing at all. */
static enum err
admit(struct enforcer_state *s, const struct msg_enforce *m, enum nft_set mac_set, uint64_t now_ms,
    struct subject **out)
{
	struct nft_element elements[ENFORCER_CLAIMS];
	size_t i, count = elements_of(m, mac_set, elements);
	struct subject *subject;
	enum err err = ERR_OK;

	subject = calloc(1, sizeof(*subject) + count * sizeof(subject->claims[0]));
	if (subject == NULL)
		return ERR_NOMEM;
	subject_key(m, subject->key);
	subject->strength = (enum strength)m->strength;
	subject->expires_at_ms = m->expires_ms == 0 ? STANDING : now_ms + m->expires_ms;
	subject->round = s->round;
	for (i = 0; i < count && err == ERR_OK; i++)
		err = claim(s, subject, &elements[i]);
	if (err == ERR_OK)
		err = map_put(s->subjects, subject->key, subject);
	if (err != ERR_OK) {
		unclaim(s, subject);
		free(subject);
		return err;
	}
	*out = subject;
	return ERR_OK;
}

enum err
enforcer_state_set(struct enforcer_state *s, const struct msg_enforce *m, enum nft_set mac_set,
    uint64_t now_ms, struct enforcer_change *out)
{
	struct nft_element elements[ENFORCER_CLAIMS];
	struct touched_list list = { .count = 0 };
	uint8_t key[4 + sizeof(struct address)];
	struct subject *old, *fresh;
	size_t i, count;
	enum err err;

	subject_key(m, key);
	old = map_get(s->subjects, key);
	if (old == NULL && m->strength != STRENGTH_NONE && map_count(s->subjects) >= LIMIT_ENFORCED)
		return ERR_FULL;
	if (old != NULL)
		touch_all(s, &list, old);
	if (m->strength != STRENGTH_NONE) {
		count = elements_of(m, mac_set, elements);
		for (i = 0; i < count; i++)
			touch(s, &list, &elements[i]);
		/* It takes the old one's place in the map. */
		if ((err = admit(s, m, mac_set, now_ms, &fresh)) != ERR_OK)
			return err;
		if (old != NULL) {
			unclaim(s, old);
			free(old);
		}
	} else if (old != NULL) {
		forget(s, old);
	}
	difference(s, &list, now_ms, out);
	return ERR_OK;
}

void
enforcer_state_expire(struct enforcer_state *s, uint64_t now_ms)
{
	size_t cursor = 0;
	void *value;

	while (map_next(s->subjects, &cursor, NULL, &value)) {
		struct subject *subject = value;

		if (subject->expires_at_ms <= now_ms)
			forget(s, subject);
	}
}

/* ---- everything again --------------------------------------------------------- */

void
enforcer_state_begin(struct enforcer_state *s)
{
	s->round++;
}

bool
enforcer_state_stale(
    struct enforcer_state *s, size_t *cursor, uint64_t now_ms, struct enforcer_change *out)
{
	struct touched_list list = { .count = 0 };
	void *value;

	while (map_next(s->subjects, cursor, NULL, &value)) {
		struct subject *subject = value;

		if (subject->round == s->round)
			continue;
		touch_all(s, &list, subject);
		forget(s, subject);
		difference(s, &list, now_ms, out);
		return true;
	}
	return false;
}

enum strength
enforcer_state_strength(const struct enforcer_state *s, const struct address *address)
{
	static const enum nft_set sets[] = { NFT_SEVER, NFT_CUT };
	enum strength strongest = STRENGTH_NONE;
	size_t i;

	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct nft_element e = { .set = sets[i], .address = *address };
		const struct held *h = find(s, &e);
		const struct claim *c;

		for (c = h == NULL ? NULL : h->first; c != NULL; c = c->next) {
			enum strength strength = c->owner->strength;

			/* An outsider's CUT leaves it no mesh port. */
			if (strength == STRENGTH_CUT && sets[i] == NFT_SEVER)
				strength = STRENGTH_SEVER;
			if (strength > strongest)
				strongest = strength;
		}
	}
	return strongest;
}

/* ---- comparing with the kernel --------------------------------------------------- */

void
enforcer_state_compare_begin(struct enforcer_state *s)
{
	s->comparison++;
}

enum enforcer_seen
enforcer_state_compare_seen(struct enforcer_state *s, const struct nft_element *found,
    uint64_t now_ms, struct nft_element *wanted)
{
	struct held *h = find(s, found);
	uint64_t left_ms, at_ms;

	if (h == NULL)
		return SEEN_SURPLUS;
	h->seen = s->comparison;
	at_ms = until(s, found);
	if (at_ms != STANDING && at_ms <= now_ms)
		return SEEN_WANTED; /* about to be forgotten */
	left_ms = at_ms == STANDING ? 0 : at_ms - now_ms;
	*wanted = h->element;
	wanted->timeout_ms = left_ms;
	if ((left_ms == 0) != (found->timeout_ms == 0))
		return SEEN_STALE;
	if (left_ms > found->timeout_ms + SLACK_MS || found->timeout_ms > left_ms + SLACK_MS)
		return SEEN_STALE;
	return SEEN_WANTED;
}

bool
enforcer_state_compare_missing(
    struct enforcer_state *s, size_t *cursor, uint64_t now_ms, struct nft_element *wanted)
{
	void *value;

	while (map_next(s->elements, cursor, NULL, &value)) {
		const struct held *h = value;
		uint64_t at_ms;

		if (h->seen == s->comparison)
			continue;
		at_ms = until(s, &h->element);
		/* It runs out in the kernel a little before it does here. */
		if (at_ms != STANDING && at_ms <= now_ms + SLACK_MS)
			continue;
		*wanted = h->element;
		wanted->timeout_ms = at_ms == STANDING ? 0 : at_ms - now_ms;
		return true;
	}
	return false;
}

/* ---- life --------------------------------------------------------------------------- */

enum err
enforcer_state_new(uint64_t seed, struct enforcer_state **out)
{
	struct enforcer_state *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return ERR_NOMEM;
	if (map_new(4 + sizeof(struct address), seed, &s->subjects) != ERR_OK ||
	    map_new(sizeof(struct element_key), seed, &s->elements) != ERR_OK) {
		enforcer_state_free(s);
		return ERR_NOMEM;
	}
	*out = s;
	return ERR_OK;
}

void
enforcer_state_free(struct enforcer_state *s)
{
	size_t cursor = 0;
	void *value;

	if (s == NULL)
		return;
	while (s->subjects != NULL && s->elements != NULL &&
	       map_next(s->subjects, &cursor, NULL, &value))
		forget(s, value);
	map_free(s->subjects);
	map_free(s->elements);
	free(s);
}

size_t
enforcer_state_count(const struct enforcer_state *s)
{
	return map_count(s->subjects);
}
