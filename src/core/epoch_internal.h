/*
 * epoch_internal: what an epoch is made of, for epoch.c and roster_parse.c.
 */
#ifndef CORE_EPOCH_INTERNAL_H
#define CORE_EPOCH_INTERNAL_H
#include "base/err.h"
#include "core/epoch.h"

struct epoch {
	uint64_t number;
	uint64_t time_ms;
	struct hash hash;
	struct epoch_parameters parameters;
	uint64_t weight;
	size_t member_count;  /* of the roster when it was made: who came later is not in it */
	uint8_t *weights;     /* a member; EPOCH_NOT_LISTED */
	uint16_t *ordinals;   /* a member; EPOCH_NO_ORDINAL */
	member_index *heads;  /* ascending id */
	size_t head_count;
};

#define EPOCH_NOT_LISTED 0xff
#define EPOCH_NO_ORDINAL 0xffff

/* Nobody listed yet.  The caller owns *out.  ERR_NOMEM. */
MUST_USE enum err epoch_new(size_t member_count, struct epoch **out);
MUST_USE enum err epoch_copy(const struct epoch *, struct epoch **out);
void epoch_free(struct epoch *); /* accepts NULL */
/* Call in ascending id. */
void epoch_list(struct epoch *, member_index, uint8_t weight);

#endif
