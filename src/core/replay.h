/*
 * replay: which of an author's last LIMIT_REPLAY_WINDOW sequences were
 * accepted.  What is behind the window counts as seen.
 *
 * Pure.  Spec: docs/protocol.md, "Freshness, order, replay".
 */
#ifndef CORE_REPLAY_H
#define CORE_REPLAY_H
#include <stdbool.h>
#include <stdint.h>
#include "base/limits.h"

/* Zeroed: nothing seen. */
struct replay {
	uint64_t newest;
	uint64_t seen[LIMIT_REPLAY_WINDOW / 64]; /* sequence s: bit s % LIMIT_REPLAY_WINDOW */
};

bool replay_seen(const struct replay *, uint64_t sequence);
void replay_mark(struct replay *, uint64_t sequence);

#endif
