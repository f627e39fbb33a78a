/*
 * events: what happens, as Server-Sent Events.  The last LIMIT_EVENTS, and no
 * more than LIMIT_EVENTS_BYTES, are kept, so that a page whose stream broke goes on where it was; one that was
 * away for longer, or comes from an earlier life of this process, is told to
 * load the state anew (event `reset`).
 *
 * An event's id is EPOCH:NUMBER; the epoch is the process's start in Unix
 * milliseconds, numbers count from 1.  While anybody listens a heartbeat
 * (event `hb`) goes out every LIMIT_EVENT_BEAT_MS; it has no id of its own.
 */
#ifndef COORDINATOR_EVENTS_H
#define COORDINATOR_EVENTS_H
#include <jansson.h>
#include "coordinator/httpd.h"
#include "sys/loop.h"

struct events; /* opaque */

MUST_USE enum err events_new(struct loop *, uint64_t epoch, struct events **out);
/* The listeners are gone already: httpd_free() first.  Accepts NULL. */
void events_free(struct events *);

/* Takes the reference.  Without memory (NULL, too) listeners are told to load anew. */
void events_publish(struct events *, const char *name, json_t *data);
/* The same of JSON text, which must be one line. */
void events_publish_text(struct events *, const char *name, const char *json);
uint64_t events_number(const struct events *); /* of the newest; 0: none yet */
/* Every stream ends: who listens comes back, and is asked anew who it is. */
void events_end_streams(struct events *);
size_t events_listeners(const struct events *);
size_t events_held_bytes(const struct events *);

/*
 * Fills in the reply: a stream that goes on behind last_id (as a browser sends
 * it back; NULL or "": from now on).  FULL: LIMIT_EVENT_LISTENERS are there;
 * MALFORMED: no id of ours; NOMEM.
 */
MUST_USE enum err events_listen(struct events *, const char *last_id, struct http_reply *);

#endif
