/*
 * api_events: the stream of what happens.
 */
#include "coordinator/changes.h"
#include "coordinator/reply.h"

void
api_events(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	/* A browser repeats the header; ?since= is for those that begin with a state. */
	const char *last = http_header(request, "Last-Event-ID");
	const char *since = http_query(request, "since");
	enum err err = events_listen(c->events, last != NULL ? last : since, reply);

	if (err == ERR_OK) {
		changes_noted(c->changes);
		return;
	}
	if (err == ERR_FULL)
		reply_error(
		    reply, 503, "%d pages listen already; try again later", LIMIT_EVENT_LISTENERS);
	else if (err == ERR_MALFORMED)
		reply_error(
		    reply, 400, "since: give epoch:seq of /api/v1/state, or the id of an event");
	else
		reply_error(reply, 503, "%s; try again later", err_text(err));
}
