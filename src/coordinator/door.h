/*
 * door: who may read, and what stands before a page's writes and an
 * operator's: the checks, without the endpoints.
 *
 * Spec: docs/threats.md, "Release from the page".
 */
#ifndef COORDINATOR_DOOR_H
#define COORDINATOR_DOOR_H
#include <jansson.h>
#include "coordinator/auth.h"
#include "coordinator/coordinator.h"

/* Sessions and asks, empty.  NOMEM, IO. */
MUST_USE enum err door_open(struct coordinator *);
void door_close(struct coordinator *); /* accepts one that never opened */

/* By the setting viewers.  False: reply says 401 and what to do. */
bool door_may_read(struct coordinator *, const struct http_request *, struct http_reply *);
/* Whose browser this is, by its cookie; NULL: nobody's who is signed in. */
struct session *door_session(struct coordinator *, const struct http_request *);
/* A write by our own page of one who is signed in.  NULL: reply says 401 or 403, and why. */
struct session *door_page(struct coordinator *, const struct http_request *,
    struct http_reply *);
/* Beyond that: of an operator's session, with its token, in JSON.  NULL: reply says why. */
struct session *door_operator_page(struct coordinator *, const struct http_request *,
    struct http_reply *);
/* Signed by a key that is enrolled as an operator's now.  NULL: reply says 401 or 403. */
const struct member *door_operator(struct coordinator *, const struct http_request *,
    struct http_reply *);

/* {"role", "name", "csrf", "sign_in", "signed_in", "listens", "waiting": []}: for state.me. */
json_t *session_describe(struct coordinator *, const struct http_request *);

/* POST /api/v1/sessions, and what follows: api_session.c. */
void api_session_open(struct coordinator *, const struct http_request *, struct http_reply *);
void api_session_close(struct coordinator *, const struct http_request *, struct http_reply *);
void api_session_enter(struct coordinator *, const struct http_request *, struct http_reply *);
void api_session_show(struct coordinator *, const struct http_request *, struct http_reply *);
void api_session_leave(struct coordinator *, const struct http_request *, struct http_reply *);
/* POST /api/v1/incidents/{}/release, and what follows: api_ask.c. */
void api_ask(struct coordinator *, const struct http_request *, struct http_reply *);
void api_asks(struct coordinator *, const struct http_request *, struct http_reply *);
void api_ask_answer(struct coordinator *, const struct http_request *, struct http_reply *);

/* The session that a path names, of this operator.  NULL: reply says 404. */
struct session *door_named_session(struct coordinator *, const struct http_request *,
    const struct member *operator_, struct http_reply *);
/* A session is over: what waits for it is refused. */
void door_session_ended(void *coordinator, struct session *);
/* Does its phalanx dashboard listen? */
bool door_listens(const struct session *, uint64_t now_ms);
/* Deadlines of asks and waits. */
void door_on_deadline(void *coordinator);

#endif
