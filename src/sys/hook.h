/*
 * hook: runs the operator's command, once an incident, one run at a time.
 *
 * The command gets the event as one line of JSON on standard input; what it
 * writes is bounded and goes to the log line by line.  It runs in a process
 * group of its own, which is killed when its time is over and when it ends.  No
 * behaviour of the command stops or delays the caller's loop.
 *
 * Spec: docs/operations.md, "Hooks".
 */
#ifndef SYS_HOOK_H
#define SYS_HOOK_H
#include "sys/hook_event.h"
#include "sys/hook_settings.h"
#include "sys/loop.h"

struct hooks; /* opaque */

/*
 * Opens the record at record_path, and reports and closes what was begun and
 * not ended.  seen_by: this host, in the event.  CONFIG: the command cannot be
 * run; errors of hook_record_open().
 */
MUST_USE enum err hooks_new(struct loop *, const struct hook_settings *, const char *record_path,
    const char *seen_by, struct hooks **out);
void hooks_free(struct hooks *); /* accepts NULL; a run is ended first, as by hooks_stop() */

/*
 * A quarantine that stands, and the Envelope that proves it.  Not acted upon
 * when it was before, or is waiting already.  FULL: LIMIT_HOOK_QUEUE wait; the
 * sender says it again at its next start.
 */
MUST_USE enum err hooks_take(struct hooks *, const struct hook_event *, struct span evidence);
/* The run, if there is one, is asked to end, and nothing that waits is begun. */
void hooks_stop(struct hooks *);

#endif
