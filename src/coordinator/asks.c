#include "coordinator/asks.h"
#include <stdlib.h>
#include <string.h>

struct asks {
	TAILQ_HEAD(, release_ask) list; /* in the order of their numbers, and so of until_ms */
	size_t count;
	uint64_t last;
};

enum err
asks_new(struct asks **out)
{
	struct asks *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return ERR_NOMEM;
	TAILQ_INIT(&a->list);
	*out = a;
	return ERR_OK;
}

void
asks_free(struct asks *a)
{
	if (a == NULL)
		return;
	while (!TAILQ_EMPTY(&a->list))
		asks_remove(a, TAILQ_FIRST(&a->list));
	free(a);
}

static bool
is_of(const struct release_ask *one, const uint8_t session[SESSION_ID_BYTES])
{
	return memcmp(one->session, session, SESSION_ID_BYTES) == 0;
}

enum err
asks_add(struct asks *a, const struct release_ask *wanted, const struct release_ask **out)
{
	const struct release_ask *other;
	struct release_ask *one;
	size_t each = 0;

	if (asks_find_incident(a, &wanted->incident) != NULL)
		return ERR_LOCKED;
	TAILQ_FOREACH(other, &a->list, link)
	each += is_of(other, wanted->session);
	if (a->count >= LIMIT_ASKS || each >= LIMIT_ASKS_EACH)
		return ERR_FULL;
	if ((one = malloc(sizeof(*one))) == NULL)
		return ERR_NOMEM;
	*one = *wanted;
	one->number = ++a->last;
	TAILQ_INSERT_TAIL(&a->list, one, link);
	a->count++;
	*out = one;
	return ERR_OK;
}

const struct release_ask *
asks_find(const struct asks *a, uint64_t number)
{
	const struct release_ask *one;

	TAILQ_FOREACH(one, &a->list, link)
	if (one->number == number)
		return one;
	return NULL;
}

const struct release_ask *
asks_find_incident(const struct asks *a, const struct incident_id *incident)
{
	const struct release_ask *one;

	TAILQ_FOREACH(one, &a->list, link)
	if (memcmp(&one->incident, incident, sizeof(*incident)) == 0)
		return one;
	return NULL;
}

const struct release_ask *
asks_after(const struct asks *a, const uint8_t session[SESSION_ID_BYTES], uint64_t number)
{
	const struct release_ask *one;

	TAILQ_FOREACH(one, &a->list, link)
	if (one->number > number && is_of(one, session))
		return one;
	return NULL;
}

const struct release_ask *
asks_first_over(const struct asks *a)
{
	return TAILQ_FIRST(&a->list);
}

void
asks_remove(struct asks *a, const struct release_ask *ask)
{
	struct release_ask *one = (struct release_ask *)(uintptr_t)ask;

	TAILQ_REMOVE(&a->list, one, link);
	a->count--;
	free(one);
}
