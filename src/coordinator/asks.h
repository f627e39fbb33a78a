/*
 * asks: releases that a page asked for, until the operator has answered them
 * at the terminal.  An ask decides nothing: it is a request to look and sign.
 *
 * No syscalls.  Spec: docs/threats.md, "Release from the page".
 */
#ifndef COORDINATOR_ASKS_H
#define COORDINATOR_ASKS_H
#include <stdbool.h>
#include <sys/queue.h>
#include "base/limits.h"
#include "core/message.h"
#include "coordinator/session.h"

struct asks; /* opaque */

struct release_ask {
	TAILQ_ENTRY(release_ask) link;
	uint64_t number; /* from 1 */
	uint8_t session[SESSION_ID_BYTES];
	struct incident_id incident;
	struct node_id node;
	char name[LIMIT_NAME_BYTES + 1]; /* the node's */
	char by[LIMIT_NAME_BYTES + 1];   /* the operator's */
	char reason[LIMIT_REASON_BYTES + 1];
	enum release_kind kind;
	struct address from;  /* where the page's request came from */
	uint64_t asked_ms;    /* Unix */
	uint64_t until_ms;    /* loop_now_ms() scale */
};

MUST_USE enum err asks_new(struct asks **out);
void asks_free(struct asks *); /* accepts NULL */

/*
 * Copies what it is given, but for the number, which it gives.  LOCKED: this
 * incident's release is asked for already; FULL: LIMIT_ASKS, or
 * LIMIT_ASKS_EACH of this session, wait; NOMEM.
 */
MUST_USE enum err asks_add(struct asks *, const struct release_ask *, const struct release_ask **out);
/* NULL: none. */
const struct release_ask *asks_find(const struct asks *, uint64_t number);
const struct release_ask *asks_find_incident(const struct asks *, const struct incident_id *);
/* The oldest of a session beyond that number.  NULL: none. */
const struct release_ask *asks_after(const struct asks *, const uint8_t session[SESSION_ID_BYTES],
    uint64_t number);
/* The one that is over first.  NULL: none. */
const struct release_ask *asks_first_over(const struct asks *);
void asks_remove(struct asks *, const struct release_ask *);

#endif
