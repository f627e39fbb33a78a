/*
 * httpd_stream: answers without an end, and answers that come later.
 * libmicrohttpd asks for what there is; when there is nothing the connection
 * is suspended until somebody wakes it.  A request that was put off is offered
 * anew when its connection is resumed.
 */
#include <stdlib.h>
#include "coordinator/httpd_internal.h"

#define STREAM_BLOCK 4096

struct http_waker {
	TAILQ_ENTRY(http_waker) link;
	struct httpd *httpd;
	struct http_stream stream;
	struct http_later later; /* in place of a stream */
	struct MHD_Connection *connection;
	bool suspended;
	bool ended;
};

static ssize_t
on_stream_read(void *context, uint64_t position, char *out, size_t room)
{
	struct http_waker *w = context;
	struct connection *c;
	size_t count;

	(void)position;
	if (w->ended)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if ((count = w->stream.read(w->stream.context, out, room)) == 0) {
		MHD_suspend_connection(w->connection);
		w->suspended = true;
		return 0;
	}
	/* What was written before has left: the far end reads. */
	if ((c = httpd_connection(w->connection)) != NULL)
		gate_postpone(c);
	return (ssize_t)count;
}

static void
on_stream_closed(void *context)
{
	struct http_waker *w = context;

	TAILQ_REMOVE(&w->httpd->streams, w, link);
	w->httpd->counters.streams--;
	w->stream.closed(w->stream.context);
	free(w);
}

void
httpd_wake(struct http_waker *w)
{
	if (!w->suspended)
		return;
	w->suspended = false;
	MHD_resume_connection(w->connection);
	w->httpd->woken = true;
	loop_timer_set(w->httpd->timer, loop_now_ms());
}

void
httpd_end(struct http_waker *w)
{
	w->ended = true;
	httpd_wake(w);
}

struct MHD_Response *
stream_open(struct httpd *h, struct MHD_Connection *connection, const struct http_stream *stream)
{
	struct MHD_Response *response;
	struct http_waker *w;

	if ((w = calloc(1, sizeof(*w))) == NULL) {
		stream->closed(stream->context);
		return NULL;
	}
	w->httpd = h;
	w->stream = *stream;
	TAILQ_INSERT_TAIL(&h->streams, w, link);
	h->counters.streams++;
	w->connection = connection;
	response = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_stream_read, w, on_stream_closed);
	if (response == NULL) {
		on_stream_closed(w);
		return NULL;
	}
	stream->opened(stream->context, w);
	return response;
}

struct http_waker *
later_open(struct httpd *h, struct MHD_Connection *connection, const struct http_later *later)
{
	struct http_waker *w;

	if ((w = calloc(1, sizeof(*w))) == NULL) {
		later->closed(later->context);
		return NULL;
	}
	w->httpd = h;
	w->later = *later;
	w->connection = connection;
	w->suspended = true;
	TAILQ_INSERT_TAIL(&h->streams, w, link);
	MHD_suspend_connection(connection);
	later->opened(later->context, w);
	return w;
}

const struct http_later *
later_due(const struct http_waker *w)
{
	return w->ended ? NULL : &w->later;
}

void
later_end(struct http_waker *w)
{
	if (w == NULL)
		return;
	TAILQ_REMOVE(&w->httpd->streams, w, link);
	w->later.closed(w->later.context);
	free(w);
}

void
stream_end_all(struct httpd *h)
{
	struct http_waker *w;

	TAILQ_FOREACH(w, &h->streams, link)
	httpd_end(w);
}
