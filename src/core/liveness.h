/*
 * liveness: is one peer alive, suspect or dead?  Decides whom people see as
 * unreachable, and nothing else.
 *
 * Pure.  An observer that is itself late doubts itself first (Lifeguard:
 * Dadgar, Phillips, Currey, 2018): its timeouts grow with its health score.
 * Spec: docs/protocol.md, "Spreading".
 */
#ifndef CORE_LIVENESS_H
#define CORE_LIVENESS_H
#include <stdbool.h>
#include <stdint.h>

enum liveness_state { LIVENESS_DEAD, LIVENESS_SUSPECT, LIVENESS_ALIVE };
enum liveness_input {
	LIVENESS_HEARD,    /* any message on its link */
	LIVENESS_LINKED,   /* its link came up */
	LIVENESS_UNLINKED, /* its link went down */
	LIVENESS_TICK      /* a ping period is over */
};

/* Zeroed: never heard of. */
struct liveness {
	enum liveness_state state;
	uint64_t heard_ms;
	uint64_t since_ms; /* in this state */
	bool linked;
};

struct liveness_event {
	uint64_t now_ms;
	enum liveness_input input;
	uint32_t period_ms; /* between pings */
	unsigned health;    /* the observer's: 0 is well */
};

/* Apply one event.  True: the state changed. */
bool liveness_step(struct liveness *, const struct liveness_event *);

/* The observer's own health, 0 to LIMIT_HEALTH_MAX, after a tick that was late_ms late. */
unsigned liveness_health(unsigned health, uint64_t late_ms, uint32_t period_ms);

#endif
