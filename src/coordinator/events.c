#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "base/limits.h"
#include "coordinator/events.h"

#define EVENT_FRAME_BYTES 96 /* of an event without its name and data, at most */

/* One for all: it lives while it is kept, or on its way to somebody. */
struct event {
	size_t holders;
	size_t size_bytes;
	char text[]; /* as it is sent */
};

/* One page's stream. */
struct listener {
	TAILQ_ENTRY(listener) link;
	struct events *events;
	struct http_waker *waker;
	uint64_t next;      /* number of the event to send */
	struct event *sent; /* it, once begun */
	size_t sent_bytes;  /* of it */
	bool reset;         /* it has to load the state anew */
	bool beat;          /* a heartbeat is due */
	char small[128];    /* reset or heartbeat, being sent */
	size_t small_bytes, small_sent;
};

struct events {
	struct loop_timer *timer;
	struct loop_timer *gather_timer;
	uint64_t woken_ms; /* when listeners were woken last */
	uint64_t epoch;
	uint64_t newest;
	struct event *ring[LIMIT_EVENTS]; /* number n at n % LIMIT_EVENTS; NULL: no memory for it */
	uint64_t oldest;                  /* none before it is kept */
	size_t held_bytes;
	TAILQ_HEAD(, listener) listeners;
	size_t listener_count;
};

static void
let_go(struct event *event)
{
	if (event != NULL && --event->holders == 0)
		free(event);
}

/* ---- to one listener --------------------------------------------------------- */

static bool
is_kept(const struct events *e, uint64_t number)
{
	return number + LIMIT_EVENTS > e->newest && e->ring[number % LIMIT_EVENTS] != NULL;
}

static size_t
copy(char *out, size_t room, const char *from, size_t size_bytes, size_t *sent)
{
	size_t count = size_bytes - *sent < room ? size_bytes - *sent : room;

	memcpy(out, from + *sent, count);
	*sent += count;
	return count;
}

/* What is not an event of the ring but must go out whole before the next one. */
static void
compose_small(struct listener *l)
{
	const struct events *e = l->events;

	l->small_bytes = l->small_sent = 0;
	if (l->sent == NULL && (l->reset || (l->next <= e->newest && !is_kept(e, l->next)))) {
		l->reset = false;
		l->next = e->newest + 1;
		l->small_bytes = (size_t)snprintf(l->small, sizeof(l->small),
		    "id: %" PRIu64 ":%" PRIu64 "\nevent: reset\ndata: {}\n\n", e->epoch, e->newest);
	} else if (l->beat && l->next > e->newest) {
		l->beat = false;
		l->small_bytes = (size_t)snprintf(l->small, sizeof(l->small),
		    "event: hb\ndata: {\"t\":%" PRIu64 ",\"seq\":%" PRIu64 "}\n\n", loop_unix_ms(),
		    e->newest);
	}
}

/* Up to the end of one event; 0: nothing is there. */
static size_t
read_one(struct listener *l, char *out, size_t room)
{
	size_t count;

	if (l->small_sent == l->small_bytes)
		compose_small(l);
	if (l->small_sent < l->small_bytes)
		return copy(out, room, l->small, l->small_bytes, &l->small_sent);
	if (l->next > l->events->newest)
		return 0;
	if (l->sent == NULL) {
		l->sent = l->events->ring[l->next % LIMIT_EVENTS];
		l->sent->holders++;
		l->sent_bytes = 0;
	}
	count = copy(out, room, l->sent->text, l->sent->size_bytes, &l->sent_bytes);
	if (l->sent_bytes == l->sent->size_bytes) {
		let_go(l->sent);
		l->sent = NULL;
		l->next++;
	}
	return count;
}

/* As much as there is: each answer to this is one write to the far end. */
static size_t
on_read(void *context, char *out, size_t room)
{
	struct listener *l = context;
	size_t used = 0, count;

	while (used < room && (count = read_one(l, out + used, room - used)) > 0)
		used += count;
	return used;
}

static void
on_opened(void *context, struct http_waker *waker)
{
	struct listener *l = context;

	l->waker = waker;
}

static void
on_closed(void *context)
{
	struct listener *l = context;
	struct events *e = l->events;

	TAILQ_REMOVE(&e->listeners, l, link);
	if (--e->listener_count == 0) {
		loop_timer_set(e->timer, UINT64_MAX);
		loop_timer_set(e->gather_timer, UINT64_MAX);
	}
	let_go(l->sent);
	free(l);
}

static void
wake_all(struct events *e)
{
	struct listener *l;

	TAILQ_FOREACH(l, &e->listeners, link)
	if (l->waker != NULL)
		httpd_wake(l->waker);
	e->woken_ms = loop_now_ms();
	loop_timer_set(e->gather_timer, UINT64_MAX);
}

static void
on_gathered(void *context)
{
	wake_all(context);
}

/* The first of a burst goes out at once, the others of it together: a page costs a write a time. */
static void
wake_soon(struct events *e)
{
	if (e->listener_count == 0)
		return;
	if (loop_now_ms() >= e->woken_ms + LIMIT_EVENT_GATHER_MS)
		wake_all(e);
	else
		loop_timer_set(e->gather_timer, e->woken_ms + LIMIT_EVENT_GATHER_MS);
}

static void
on_beat(void *context)
{
	struct events *e = context;
	struct listener *l;

	TAILQ_FOREACH(l, &e->listeners, link)
	l->beat = true;
	wake_all(e);
	loop_timer_set(e->timer, loop_now_ms() + LIMIT_EVENT_BEAT_MS);
}

/* ---- to all --------------------------------------------------------------------- */

/* Who is in the middle of it hears its end, and then that others are lost. */
static void
drop(struct events *e, uint64_t number)
{
	struct event **event = &e->ring[number % LIMIT_EVENTS];

	if (*event == NULL)
		return;
	e->held_bytes -= (*event)->size_bytes;
	let_go(*event);
	*event = NULL;
}

/* For one more, whose bytes are counted already. */
static void
make_room(struct events *e)
{
	while (e->oldest < e->newest &&
	       (e->oldest + LIMIT_EVENTS <= e->newest || e->held_bytes > LIMIT_EVENTS_BYTES))
		drop(e, e->oldest++);
}

static struct event *
compose(const struct events *e, const char *name, const char *json)
{
	const size_t room = strlen(name) + strlen(json) + EVENT_FRAME_BYTES;
	struct event *event = malloc(sizeof(*event) + room);

	if (event == NULL)
		return NULL;
	event->holders = 1;
	event->size_bytes = (size_t)snprintf(event->text, room,
	    "id: %" PRIu64 ":%" PRIu64 "\nevent: %s\ndata: %s\n\n", e->epoch, e->newest, name,
	    json);
	return event;
}

void
events_publish_text(struct events *e, const char *name, const char *json)
{
	struct event *event;

	e->newest++;
	event = json != NULL ? compose(e, name, json) : NULL;
	e->held_bytes += event != NULL ? event->size_bytes : 0;
	make_room(e);
	e->ring[e->newest % LIMIT_EVENTS] = event;
	wake_soon(e);
}

void
events_publish(struct events *e, const char *name, json_t *data)
{
	char *json = data == NULL ? NULL
	                          : json_dumps(data,
	                                JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));

	json_decref(data);
	events_publish_text(e, name, json);
	free(json);
}

/* EPOCH:NUMBER */
static enum err
parse_id(const char *text, uint64_t *epoch, uint64_t *number)
{
	char *end;

	errno = 0;
	if (*text < '0' || *text > '9')
		return ERR_MALFORMED;
	*epoch = strtoull(text, &end, 10);
	if (end[0] != ':' || end[1] < '0' || end[1] > '9')
		return ERR_MALFORMED;
	*number = strtoull(end + 1, &end, 10);
	return *end == '\0' && errno == 0 ? ERR_OK : ERR_MALFORMED;
}

enum err
events_listen(struct events *e, const char *last_id, struct http_reply *reply)
{
	uint64_t epoch = e->epoch, number = e->newest;
	struct listener *l;
	enum err err;

	if (e->listener_count >= LIMIT_EVENT_LISTENERS)
		return ERR_FULL;
	if (last_id != NULL && *last_id != '\0' &&
	    (err = parse_id(last_id, &epoch, &number)) != ERR_OK)
		return err;
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return ERR_NOMEM;
	l->events = e;
	l->next = number + 1;
	l->reset = epoch != e->epoch || number > e->newest;
	/* The first bytes show at once that the stream is open. */
	l->beat = true;
	TAILQ_INSERT_TAIL(&e->listeners, l, link);
	if (e->listener_count++ == 0)
		loop_timer_set(e->timer, loop_now_ms() + LIMIT_EVENT_BEAT_MS);
	*reply = (struct http_reply){ .status = 200,
		.type = "text/event-stream",
		.stream = {
		    .read = on_read, .opened = on_opened, .closed = on_closed, .context = l } };
	return ERR_OK;
}

uint64_t
events_number(const struct events *e)
{
	return e->newest;
}

void
events_end_streams(struct events *e)
{
	struct listener *l;

	TAILQ_FOREACH(l, &e->listeners, link)
	if (l->waker != NULL)
		httpd_end(l->waker);
}

size_t
events_listeners(const struct events *e)
{
	return e->listener_count;
}

size_t
events_held_bytes(const struct events *e)
{
	return e->held_bytes;
}

/* ---- life ------------------------------------------------------------------------ */

enum err
events_new(struct loop *loop, uint64_t epoch, struct events **out)
{
	struct events *e = calloc(1, sizeof(*e));
	enum err err;

	if (e == NULL)
		return ERR_NOMEM;
	e->epoch = epoch;
	e->oldest = 1;
	TAILQ_INIT(&e->listeners);
	if ((err = loop_timer_new(loop, on_beat, e, &e->timer)) != ERR_OK ||
	    (err = loop_timer_new(loop, on_gathered, e, &e->gather_timer)) != ERR_OK) {
		events_free(e);
		return err;
	}
	*out = e;
	return ERR_OK;
}

void
events_free(struct events *e)
{
	if (e == NULL)
		return;
	loop_timer_free(e->timer);
	loop_timer_free(e->gather_timer);
	for (size_t i = 0; i < LIMIT_EVENTS; i++)
		let_go(e->ring[i]);
	free(e);
}
