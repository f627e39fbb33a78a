/*
 * touch: a decoy was touched here; what follows.
 *
 * Pure.  Spec: docs/protocol.md, "Isolation".
 */
#ifndef CORE_TOUCH_H
#define CORE_TOUCH_H
#include "core/core.h"

#define TOUCH_SLOTS 64 /* sources remembered to collapse repeats; a lost one is reported again */

struct touches {
	struct touch_slot {
		struct address source;
		uint32_t decoy;
		uint64_t until_ms;
	} recent[TOUCH_SLOTS];
	uint64_t count;
	uint64_t attacked_until_ms; /* monotonic */
};

void touch_decoy(struct core *, const struct core_touch *);

#endif
