/*
 * members: a set of members, walked in ascending index.  What happens often
 * walks such a set, never the whole roster.
 *
 * Pure.
 */
#ifndef CORE_MEMBERS_H
#define CORE_MEMBERS_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "core/types.h"

/* Zeroed: empty. */
struct members {
	member_index *list; /* ascending */
	size_t count;
	size_t room;
};

void members_free(struct members *);
/* The position of the first that is not below m. */
size_t members_from(const struct members *, member_index m);
bool members_has(const struct members *, member_index);
/* Already there: no effect.  ERR_NOMEM. */
MUST_USE enum err members_add(struct members *, member_index);
void members_remove_at(struct members *, size_t at);

#endif
