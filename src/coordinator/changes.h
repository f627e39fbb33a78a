/*
 * changes: what is different from what listeners were told last, as events.
 *
 * How nodes are is compared row by row, at most every LIMIT_CHANGES_MS, while
 * anybody listens, and before a snapshot is made: a snapshot never says what
 * the events up to its number did not.  What the mesh's entries say is told at
 * once, an incident's own account gathered for LIMIT_INCIDENT_TOLD_MS.
 */
#ifndef COORDINATOR_CHANGES_H
#define COORDINATOR_CHANGES_H
#include "coordinator/coordinator.h"

struct changes; /* opaque */

/* What an incident was like before an entry was applied. */
struct changes_before {
	bool known;
	size_t voters, cuts;
};

/* Registry, ledger, loop and events of the coordinator are there. */
MUST_USE enum err changes_new(struct coordinator *, struct changes **out);
void changes_free(struct changes *); /* accepts NULL */

/* A node may be shown otherwise than before; or somebody began to listen. */
void changes_noted(struct changes *);
/* Tell all that is to be told. */
void changes_tell(struct changes *);
/* Registry and ledger are other ones: listeners load anew. */
void changes_restarted(struct changes *);

/* The coordinator's own log has grown. */
void changes_logged(struct changes *);
void changes_report(struct changes *, const struct store_report *);
void changes_before(struct changes *, const struct ledger_entry *, struct changes_before *out);
void changes_entry(struct changes *, const struct ledger_entry *, const struct changes_before *);

#endif
