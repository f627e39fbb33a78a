/*
 * learn: the CA's records that members hold and this coordinator does not yet.
 *
 * A member says in its telemetry how much of the log it holds; one that holds
 * more is asked for the rest, one at a time.  Every record is proven against
 * the CA's key before it counts, so a member can bring what the CA signed and
 * nothing else.  What was learned is kept in state_dir/roster.learned, since
 * roster_file is the operator's.
 */
#ifndef COORDINATOR_LEARN_H
#define COORDINATOR_LEARN_H
#include "coordinator/coordinator.h"

struct learn; /* opaque */

MUST_USE enum err learn_new(struct coordinator *, struct learn **out);
void learn_free(struct learn *); /* accepts NULL */

/*
 * This member holds so many bytes.  True: ask it for what follows *from; false:
 * there is nothing to ask, or somebody else is being asked, or it is not to be
 * asked again so soon.
 */
bool learn_wants(struct learn *, member_index, uint64_t held_bytes, uint64_t *from);
/*
 * A part that a member brought; *from: where the next one begins.  AGAIN:
 * another is being asked.  Errors of roster_parts_put(), roster_extend(): it
 * is not asked again for LIMIT_ROSTER_RETRY_MS.
 */
MUST_USE enum err learn_take(struct learn *, member_index, uint64_t offset, struct span part,
    uint64_t *from);

/* The coordinator's roster is another one: nobody is being asked. */
void learn_stop(struct learn *);

#define LEARN_PATH_ROOM (LIMIT_PATH_BYTES + 32)
void learn_path(const struct settings *, char out[LEARN_PATH_ROOM]);

#endif
