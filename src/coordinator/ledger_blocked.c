/*
 * ledger_blocked: addresses outside the mesh that members asked to block.
 */
#include <stdlib.h>
#include "coordinator/ledger_internal.h"

static void
free_blocked(struct blocked *b)
{
	free(b->reporters);
	free(b);
}

/* Whose time was over first makes room; an incident's own account is in its entries. */
static void
forget_blocked(struct ledger *l, size_t index)
{
	map_remove(l->by_address, &l->blocked[index]->address);
	free_blocked(l->blocked[index]);
	l->blocked[index] = l->blocked[--l->blocked_count];
}

static uint64_t
blocked_until_ms(const struct blocked *b)
{
	return b->time_ms + b->ttl_s * 1000ULL;
}

static enum err
take_blocked(struct ledger *l, const struct address *address, struct blocked **out)
{
	struct blocked *b = map_get(l->by_address, address), **list;
	size_t first = 0;

	if (b != NULL) {
		*out = b;
		return ERR_OK;
	}
	if (l->blocked_count >= LIMIT_INDICATORS) {
		for (size_t i = 1; i < l->blocked_count; i++)
			if (blocked_until_ms(l->blocked[i]) < blocked_until_ms(l->blocked[first]))
				first = i;
		forget_blocked(l, first);
	}
	list =
	    ledger_grown(l->blocked, l->blocked_count, &l->blocked_room, sizeof(struct blocked *));
	if (list == NULL)
		return ERR_NOMEM;
	l->blocked = list;
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return ERR_NOMEM;
	b->address = *address;
	if (map_put(l->by_address, address, b) != ERR_OK) {
		free(b);
		return ERR_NOMEM;
	}
	l->blocked[l->blocked_count++] = b;
	*out = b;
	return ERR_OK;
}

enum err
ledger_apply_indicator(struct ledger *l, const struct ledger_entry *e)
{
	const struct indicator *indicator = &e->entry.indicator;
	const struct voice voice = ledger_voice_of(e);
	struct blocked *b;
	enum err err;

	if ((err = take_blocked(l, &indicator->address, &b)) != ERR_OK)
		return err;
	b->class = indicator->reason;
	if (voice.time_ms >= b->time_ms) {
		b->time_ms = voice.time_ms;
		b->ttl_s = indicator->ttl_s;
	}
	return ledger_add_voice(&b->reporters, &b->reporter_count, &voice);
}

size_t
ledger_blocked_count(const struct ledger *l)
{
	return l->blocked_count;
}

const struct blocked *
ledger_blocked(const struct ledger *l, size_t index)
{
	return l->blocked[index];
}

const struct blocked *
ledger_find_blocked(const struct ledger *l, const struct address *address)
{
	return map_get(l->by_address, address);
}

void
ledger_free_blocked(struct ledger *l)
{
	for (size_t i = 0; i < l->blocked_count; i++)
		free_blocked(l->blocked[i]);
	free(l->blocked);
	map_free(l->by_address);
}
