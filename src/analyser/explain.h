/*
 * explain: one event as JSON in, one JSON object with its score out.
 *
 * The very adviser that answers at the door.  Spec: docs/analyser.md,
 * "From the shell".
 */
#ifndef ANALYSER_EXPLAIN_H
#define ANALYSER_EXPLAIN_H
#include "analyser/adviser.h"

#define EXPLAIN_EVENT_BYTES (64 * 1024)

/* MALFORMED: *complaint says what about it, and lives as long as the process. */
MUST_USE enum err explain_parse(const char *text, size_t size_bytes, struct event *out,
    const char **complaint);
/* The object as one line, which the caller frees; NULL: out of memory. */
char *explain_format(const struct event *, const struct advice *);

#endif
