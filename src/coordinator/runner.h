/*
 * runner: the way to phalanx-hooks, which runs the operator's command when a
 * quarantine stands on evidence that was verified here.  Started before the
 * coordinator's sandbox; where no command is configured there is none.
 *
 * Spec: docs/operations.md, "Hooks".
 */
#ifndef COORDINATOR_RUNNER_H
#define COORDINATOR_RUNNER_H
#include "coordinator/ledger.h"
#include "coordinator/settings.h"
#include "sys/loop.h"

struct coordinator;
struct runner; /* opaque */

/* *out NULL: none is configured.  CONFIG: the command cannot be run; NOT_FOUND, IO, NOMEM. */
MUST_USE enum err runner_start(struct loop *, const struct settings *, struct runner **out);
/* It is asked to leave, and waited for. */
void runner_free(struct runner *); /* accepts NULL */

/* After ledger_apply(): does a quarantine stand on this?  Who acted on it already knows. */
void runner_entry(struct coordinator *, const struct ledger_entry *);
/* All that stands in the store, once, after coordinator_restore(). */
void runner_again(struct coordinator *);

#endif
