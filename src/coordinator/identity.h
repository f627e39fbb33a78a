/*
 * identity: the coordinator's own key, in state_dir/identity.key (0600, as a
 * node keeps its own).  Nodes pin it, so it is never replaced silently: a file
 * that is torn or that others may read ends the start with a remedy.  The
 * public half stands beside it in coordinator.key, as hex, for people to carry.
 *
 * Spec: docs/protocol.md, "The coordinator's signature".
 */
#ifndef COORDINATOR_IDENTITY_H
#define COORDINATOR_IDENTITY_H
#include <stddef.h>
#include "base/err.h"
#include "core/types.h"

struct identity; /* opaque */

/* Loads the key, or makes one when there is no file.  The caller owns *out.
 * DENIED (others may read it), MALFORMED (torn), IO, NOMEM; the log says what to do. */
MUST_USE enum err identity_open(const char *directory, struct identity **out);
void identity_close(struct identity *); /* wipes; accepts NULL */
const struct public_key *identity_key(const struct identity *);
/* Unix ms at which the file was written. */
uint64_t identity_since_ms(const struct identity *);
void identity_seal(const struct identity *, const char *text, size_t size_bytes,
    struct signature *out);

#endif
