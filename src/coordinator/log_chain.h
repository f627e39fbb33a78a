/*
 * log_chain: the coordinator's own log of what it verified, a chain of SHA-256:
 * who keeps a copy of one hash sees whether anything before it was changed.
 * It proves what this coordinator said, not what is true: that is proven by
 * the nodes' own feeds.
 *
 * Spec: docs/api.md, "The feed".
 */
#ifndef COORDINATOR_LOG_CHAIN_H
#define COORDINATOR_LOG_CHAIN_H
#include <jansson.h>
#include "coordinator/store.h"

struct log_chain; /* opaque */

/* Goes on behind the store's newest line.  The caller owns *out. */
MUST_USE enum err log_chain_open(struct store *, struct log_chain **out);
void log_chain_close(struct log_chain *); /* accepts NULL */

/*
 * One more line within the store's transaction; the caller says what became of
 * that with log_chain_settle().  node and incident may be "".  Takes the
 * reference: members of `more` stand beside n, t, kind, node and incident.
 */
MUST_USE enum err log_chain_add(struct log_chain *, const char *kind, const char *node,
    const char *incident, json_t *more);
/* True: what was added is on disk.  False: it never was. */
void log_chain_settle(struct log_chain *, bool committed);

/* Of what is settled; 0: none. */
uint64_t log_chain_count(const struct log_chain *);
const struct hash *log_chain_head(const struct log_chain *);
const char *log_chain_kind(const struct log_chain *); /* of the newest; "" */

#endif
