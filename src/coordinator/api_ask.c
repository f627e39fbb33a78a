/*
 * api_ask: the release that a page asks for, on its way to the operator's
 * terminal and back.  Nothing is signed here; what is confirmed comes back
 * through the mesh, as every release does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/utf8.h"
#include "coordinator/door.h"
#include "coordinator/reply.h"
#include "coordinator/show.h"
#include "sys/log.h"

static const char *
kind_text(enum release_kind kind)
{
	return kind == RELEASE_OVERTURNED ? "overturned" : "cleaned";
}

static void
publish(struct coordinator *c, const struct release_ask *ask, const char *phase, const char *why)
{
	events_publish(c->events, "release",
	    json_pack("{s:o, s:o, s:s, s:s, s:s, s:s, s:I}", "id",
	        json_hex(ask->incident.bytes, sizeof(ask->incident.bytes)), "node",
	        json_hex(ask->node.bytes, sizeof(ask->node.bytes)), "name", ask->name, "phase",
	        phase, "by", ask->by, "reason", why, "request", (json_int_t)ask->number));
}

static void
refuse_ask(struct coordinator *c, const struct release_ask *ask, const char *why)
{
	log_info("release of %s asked by=%s refused: %s", ask->name, ask->by, why);
	publish(c, ask, "refused", why);
	asks_remove(c->asks, ask);
}

/* ---- waiting --------------------------------------------------------------------------- */

bool
door_listens(const struct session *session, uint64_t now_ms)
{
	return session->waiting != NULL || now_ms < session->heard_ms + LIMIT_LISTEN_GAP_MS;
}

static void
wake(struct session *session)
{
	struct http_waker *waiting = session->waiting;

	session->heard_ms = loop_now_ms();
	session->waiting = NULL;
	if (waiting != NULL)
		httpd_wake(waiting);
}

/* When something is to be done about a session, if nobody speaks before. */
static uint64_t
session_deadline_ms(const struct coordinator *c, const struct session *session)
{
	if (session->waiting != NULL)
		return session->heard_ms + LIMIT_LISTEN_MS;
	return asks_after(c->asks, session->id, 0) != NULL ? session->heard_ms + LIMIT_LISTEN_GAP_MS
	                                                   : UINT64_MAX;
}

static void
set_deadline(struct coordinator *c)
{
	const struct release_ask *first = asks_first_over(c->asks);
	uint64_t at_ms = first != NULL ? first->until_ms : UINT64_MAX;
	struct session *session = NULL;

	while ((session = sessions_next(c->sessions, session)) != NULL)
		if (session_deadline_ms(c, session) < at_ms)
			at_ms = session_deadline_ms(c, session);
	loop_timer_set(c->asks_timer, at_ms);
}

void
door_on_deadline(void *context)
{
	struct coordinator *c = context;
	struct session *session = NULL;
	const struct release_ask *ask;
	uint64_t now_ms = loop_now_ms();

	while ((ask = asks_first_over(c->asks)) != NULL && ask->until_ms <= now_ms)
		refuse_ask(c, ask, "nobody answered at the terminal");
	while ((session = sessions_next(c->sessions, session)) != NULL) {
		if (session_deadline_ms(c, session) > now_ms)
			continue;
		if (session->waiting != NULL)
			wake(session);
		else
			while ((ask = asks_after(c->asks, session->id, 0)) != NULL)
				refuse_ask(c, ask, "phalanx dashboard has gone away");
	}
	set_deadline(c);
}

void
door_session_ended(void *context, struct session *session)
{
	struct coordinator *c = context;
	const struct release_ask *ask;

	while ((ask = asks_after(c->asks, session->id, 0)) != NULL)
		refuse_ask(c, ask, "signed out");
	wake(session);
	/* One of them may be its own, and looks on only while it is signed in. */
	if (c->settings->viewers_sign_in)
		events_end_streams(c->events);
}

/* ---- POST /api/v1/incidents/{}/release, by the page --------------------------------------- */

/* NULL: a Release can lift what stands, as far as is known here; the heads judge it. */
static const char *
hindrance(const struct incident *one)
{
	if (incident_level(one) == INCIDENT_RELEASED)
		return "nothing stands any more: it is released";
	if (one->confessed || one->proven)
		return "this identity never comes back: give the host a new one "
		       "(docs/operations.md)";
	if (!one->certified && !one->precaution)
		return "nothing stands that a release lifts: what holds it ends by itself";
	return NULL;
}

static bool
read_ask(const json_t *body, struct release_ask *out, struct http_reply *reply)
{
	const char *confirm = body_string(body, "confirm", sizeof(out->name), false, reply);
	const char *reason, *kind;

	if (confirm == NULL)
		return false;
	if (strcmp(confirm, out->name) != 0) {
		reply_error(reply, 400, "confirm: type the node's name, %s", out->name);
		return false;
	}
	if ((reason = body_string(body, "reason", sizeof(out->reason), false, reply)) == NULL ||
	    (kind = body_string(body, "kind", 16, true, reply)) == NULL)
		return false;
	if (!utf8_is_printable((const uint8_t *)reason, strlen(reason)) ||
	    strspn(reason, " ") == strlen(reason)) {
		reply_error(reply, 400, "reason: say why, without control characters");
		return false;
	}
	out->kind = strcmp(kind, "overturned") == 0 ? RELEASE_OVERTURNED : RELEASE_CLEANED;
	if (*kind != '\0' && strcmp(kind, kind_text(out->kind)) != 0) {
		reply_error(reply, 400, "kind: give cleaned or overturned");
		return false;
	}
	(void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
	return true;
}

static void
queue_ask(struct coordinator *c, struct session *session, const struct release_ask *wanted,
    struct http_reply *reply)
{
	const struct release_ask *ask;
	enum err err = asks_add(c->asks, wanted, &ask);

	if (err == ERR_LOCKED) {
		reply_error(
		    reply, 409, "its release is asked for already, and waits at a terminal");
		return;
	}
	if (err != ERR_OK) {
		reply_error(reply, 503, "%s: %d releases of a session wait at most; answer them",
		    err_text(err), LIMIT_ASKS_EACH);
		return;
	}
	log_info("release of %s asked by=%s at the page", ask->name, ask->by);
	publish(c, ask, "waiting", ask->reason);
	reply_json(reply, json_pack("{s:I}", "request", (json_int_t)ask->number));
	if (reply->status == 200)
		reply->status = 202;
	wake(session);
	set_deadline(c);
}

void
api_ask(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct session *session = door_operator_page(c, request, reply);
	struct release_ask ask = { .asked_ms = loop_unix_ms(),
		.until_ms = loop_now_ms() + LIMIT_ASK_MS,
		.from = request->peer };
	const struct incident *incident;
	const char *why;
	json_t *body;

	if (session == NULL)
		return;
	if ((incident = show_find(c, request->segment[0])) == NULL) {
		reply_error(reply, 404, "no such incident");
		return;
	}
	ask.incident = incident->id;
	ask.node = roster_member(c->roster, incident->subject)->id;
	memcpy(ask.session, session->id, sizeof(ask.session));
	(void)snprintf(
	    ask.name, sizeof(ask.name), "%s", roster_member(c->roster, incident->subject)->name);
	(void)snprintf(ask.by, sizeof(ask.by), "%s", session->name);
	if ((body = body_object(request, reply)) == NULL)
		return;
	if (read_ask(body, &ask, reply)) {
		if ((why = hindrance(incident)) != NULL)
			reply_error(reply, 409, "%s", why);
		else if (!door_listens(session, loop_now_ms()))
			reply_error(reply, 503,
			    "no phalanx dashboard listens for this session; start it on the "
			    "operator's machine and follow its link");
		else
			queue_ask(c, session, &ask, reply);
	}
	json_decref(body);
}

/* ---- GET /api/v1/sessions/{}/requests?after=N, by phalanx dashboard ---------------------- */

struct wait {
	struct coordinator *c;
	uint8_t session[SESSION_ID_BYTES];
	uint64_t after;
	struct http_waker *waker;
};

static json_t *
ask_json(const struct release_ask *ask)
{
	char from[46];

	address_format(&ask->from, from);
	return json_pack("{s:I, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "n",
	    (json_int_t)ask->number, "incident",
	    json_hex(ask->incident.bytes, sizeof(ask->incident.bytes)), "node",
	    json_hex(ask->node.bytes, sizeof(ask->node.bytes)), "name", ask->name, "by", ask->by,
	    "kind", kind_text(ask->kind), "reason", ask->reason, "from", from, "t",
	    (json_int_t)ask->asked_ms, "expires_s", (json_int_t)(LIMIT_ASK_MS / 1000));
}

static void
reply_asks(struct coordinator *c, struct session *session, uint64_t after, struct http_reply *reply)
{
	const struct release_ask *ask = asks_after(c->asks, session->id, after);
	json_t *list = json_array();

	for (; ask != NULL; ask = asks_after(c->asks, session->id, ask->number))
		json_array_append_new(list, ask_json(ask));
	session->heard_ms = loop_now_ms();
	set_deadline(c);
	reply_json(
	    reply, json_pack("{s:o, s:b}", "requests", list, "followed", session->is_redeemed));
}

static void
wait_opened(void *context, struct http_waker *waker)
{
	struct wait *w = context;
	struct session *session = sessions_find(w->c->sessions, w->session, loop_now_ms());

	w->waker = waker;
	if (session == NULL) {
		httpd_wake(waker);
		return;
	}
	wake(session); /* one that waits already */
	session->waiting = waker;
	set_deadline(w->c);
}

static void
wait_answer(void *context, struct http_reply *reply)
{
	struct wait *w = context;
	struct session *session = sessions_find(w->c->sessions, w->session, loop_now_ms());

	if (session != NULL)
		reply_asks(w->c, session, w->after, reply);
	else
		reply_error(reply, 404, "the session has ended; open another");
}

static void
wait_closed(void *context)
{
	struct wait *w = context;
	struct session *session = sessions_find(w->c->sessions, w->session, loop_now_ms());

	if (session != NULL && w->waker != NULL && session->waiting == w->waker) {
		session->waiting = NULL;
		session->heard_ms = loop_now_ms();
		set_deadline(w->c);
	}
	free(w);
}

void
api_asks(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const struct member *by = door_operator(c, request, reply);
	const char *text = http_query(request, "after");
	struct session *session;
	struct wait *w;
	uint64_t after = text != NULL ? strtoull(text, NULL, 10) : 0;

	if (by == NULL || (session = door_named_session(c, request, by, reply)) == NULL)
		return;
	if (asks_after(c->asks, session->id, after) != NULL) {
		reply_asks(c, session, after, reply);
		return;
	}
	if ((w = calloc(1, sizeof(*w))) == NULL) {
		reply_error(reply, 503, "out of memory; try again later");
		return;
	}
	w->c = c;
	w->after = after;
	memcpy(w->session, session->id, sizeof(w->session));
	reply->later = (struct http_later){
		.answer = wait_answer, .opened = wait_opened, .closed = wait_closed, .context = w
	};
}

/* ---- POST /api/v1/sessions/{}/requests/{}, by phalanx dashboard ---------------------------- */

static void
answer_ask(struct coordinator *c, const struct release_ask *ask, const json_t *body,
    struct http_reply *reply)
{
	const char *answer = body_string(body, "answer", 16, false, reply);
	const char *why;

	if (answer == NULL || (why = body_string(body, "why", 256, true, reply)) == NULL)
		return;
	if (strcmp(answer, "confirmed") == 0) {
		log_info("release of %s confirmed by=%s", ask->name, ask->by);
		publish(c, ask, "asked", ask->reason);
		asks_remove(c->asks, ask);
	} else if (strcmp(answer, "declined") == 0) {
		refuse_ask(c, ask, *why != '\0' ? why : "declined at the terminal");
	} else {
		reply_error(reply, 400, "answer: give confirmed or declined");
		return;
	}
	reply_json(reply, json_pack("{s:b}", "taken", true));
}

void
api_ask_answer(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const struct member *by = door_operator(c, request, reply);
	const struct release_ask *ask;
	struct session *session;
	json_t *body;

	if (by == NULL || (session = door_named_session(c, request, by, reply)) == NULL)
		return;
	ask = asks_find(c->asks, strtoull(request->segment[1], NULL, 10));
	if (ask == NULL || memcmp(ask->session, session->id, sizeof(ask->session)) != 0) {
		reply_error(reply, 404, "no such request waits: it was answered, or is too old");
		return;
	}
	session->heard_ms = loop_now_ms();
	if ((body = body_object(request, reply)) == NULL)
		return;
	answer_ask(c, ask, body, reply);
	json_decref(body);
	set_deadline(c);
}
