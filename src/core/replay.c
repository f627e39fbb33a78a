#include <string.h>
#include "core/replay.h"

static uint64_t
bit(uint64_t sequence)
{
	return UINT64_C(1) << sequence % 64;
}

static uint64_t
word(uint64_t sequence)
{
	return sequence % LIMIT_REPLAY_WINDOW / 64;
}

bool
replay_seen(const struct replay *r, uint64_t sequence)
{
	if (sequence > r->newest)
		return false;
	if (r->newest - sequence >= LIMIT_REPLAY_WINDOW)
		return true;
	return (r->seen[word(sequence)] & bit(sequence)) != 0;
}

void
replay_mark(struct replay *r, uint64_t sequence)
{
	if (sequence > r->newest) {
		if (sequence - r->newest >= LIMIT_REPLAY_WINDOW)
			memset(r->seen, 0, sizeof(r->seen));
		else
			for (uint64_t s = r->newest + 1; s < sequence; s++)
				r->seen[word(s)] &= ~bit(s);
		r->newest = sequence;
	} else if (r->newest - sequence >= LIMIT_REPLAY_WINDOW) {
		return;
	}
	r->seen[word(sequence)] |= bit(sequence);
}
