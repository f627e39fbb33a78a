/*
 * hook_record: for which incidents the command was begun, on disk, so that it
 * runs once an incident at most, whatever dies in between.
 *
 * A text file that only grows, a line each: "begun INCIDENT UNIX-MS", synced
 * before the command starts, and "ended INCIDENT HOW UNIX-MS".  One that was
 * begun and never ended ran, or did not, or half: nobody knows, so it is not
 * run again, and people are told.
 *
 * Spec: docs/operations.md, "Hooks".
 */
#ifndef SYS_HOOK_RECORD_H
#define SYS_HOOK_RECORD_H
#include <stdbool.h>
#include <stddef.h>
#include "core/types.h"

struct hook_record; /* opaque */

/*
 * Creates the file where it is missing; cuts a torn last line off.  LOCKED:
 * another process has it; MALFORMED: a line that nobody wrote; IO, NOMEM, FULL.
 */
MUST_USE enum err hook_record_open(const char *path, struct hook_record **out);
void hook_record_free(struct hook_record *); /* accepts NULL */

bool hook_record_has(const struct hook_record *, const struct incident_id *);
/* On disk when it returns OK.  FULL, IO, NOMEM: then the command must not run. */
MUST_USE enum err hook_record_begin(struct hook_record *, const struct incident_id *);
/* how: one word.  A failure is logged: the next start reports "unknown". */
void hook_record_end(struct hook_record *, const struct incident_id *, const char *how);
/* One that was begun and not ended; false: there is none (left). */
bool hook_record_open_ended(const struct hook_record *, struct incident_id *out);

#endif
