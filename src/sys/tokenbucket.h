/*
 * tokenbucket: so many acts a second a source address, for at most
 * LIMIT_BUCKETS addresses; the address not seen for longest gives way.
 *
 * Pure: time and the hash's seed are inputs.  Spec: docs/protocol.md,
 * "Budgets".
 */
#ifndef SYS_TOKENBUCKET_H
#define SYS_TOKENBUCKET_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "core/types.h"

struct tokenbucket; /* opaque */

struct tokenbucket_config {
	uint32_t addresses;   /* at most; 1 to 65535 */
	uint32_t per_second;
	uint32_t burst;
	uint32_t repeat_ms;   /* how long tokenbucket_tell() stays silent */
	uint64_t seed;        /* random, so that nobody can aim at one chain */
};

MUST_USE enum err tokenbucket_new(const struct tokenbucket_config *, struct tokenbucket **out);
void tokenbucket_free(struct tokenbucket *); /* accepts NULL */
/* May this source act now?  Takes the token if so. */
bool tokenbucket_take(struct tokenbucket *, const struct address *, uint64_t now_ms);
/* Is it time to raise an alarm about this source (at most one every repeat_ms)? */
bool tokenbucket_tell(struct tokenbucket *, const struct address *, uint64_t now_ms);

#endif
