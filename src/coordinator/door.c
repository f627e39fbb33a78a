#include "coordinator/door.h"
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include "base/hex.h"
#include "coordinator/origin.h"
#include "coordinator/reply.h"
#include "sys/crypto.h"
#include "sys/log.h"

/* ---- life ---------------------------------------------------------------------- */

enum err
door_open(struct coordinator *c)
{
	const struct sessions_config config = { .crypto = crypto_sodium(),
		.random = randombytes_buf,
		.ended = door_session_ended,
		.context = c };
	enum err err;

	if ((err = sessions_new(&config, &c->sessions)) != ERR_OK ||
	    (err = asks_new(&c->asks)) != ERR_OK)
		return err;
	return loop_timer_new(c->loop, door_on_deadline, c, &c->asks_timer);
}

void
door_close(struct coordinator *c)
{
	loop_timer_free(c->asks_timer);
	asks_free(c->asks);
	sessions_free(c->sessions);
}

/* ---- operators --------------------------------------------------------------------- */

/* NULL: no operator's key, or one whose enrolment has ended. */
static const struct member *
find_operator(const struct coordinator *c, const struct public_key *key)
{
	const struct member *member;
	uint64_t now_ms = loop_unix_ms();
	member_index index;

	if (c->roster == NULL || (index = roster_find_key(c->roster, key)) == MEMBER_NONE)
		return NULL;
	member = roster_member(c->roster, index);
	return member->role == ROLE_OPERATOR && member->not_before_ms <= now_ms &&
	               now_ms < member->not_after_ms
	           ? member
	           : NULL;
}

const struct member *
door_operator(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const struct member *member;
	struct signer signer;

	if (!auth_request(c, request, &signer, reply))
		return NULL;
	if (!signer.is_signed) {
		reply_error(reply, 401, "sign this with an operator's key: phalanx dashboard does");
		return NULL;
	}
	/* Its nonces died with the last process, and with them the memory of what was used. */
	if ((signer.created_s + 1) * 1000 < c->started_ms) {
		reply_error(reply, 401, "signed before this coordinator started; sign it anew");
		return NULL;
	}
	if ((member = find_operator(c, &signer.key)) == NULL) {
		log_warn("signer=%s is no operator: refused", signer.node->name);
		reply_error(reply, 403,
		    "this key is not enrolled as an operator's now: phalanx ca enrol --role "
		    "operator, ca epoch, and the new roster here (SIGHUP)");
	}
	return member;
}

/* ---- sessions ------------------------------------------------------------------------ */

static bool
read_cookie(const struct http_request *request, uint8_t out[SESSION_SECRET_BYTES])
{
	const char *text = http_cookie(request, "phalanx");

	return text != NULL && hex_parse(text, strlen(text), out, SESSION_SECRET_BYTES);
}

struct session *
door_session(struct coordinator *c, const struct http_request *request)
{
	uint8_t cookie[SESSION_SECRET_BYTES];
	struct session *session;

	if (!read_cookie(request, cookie) ||
	    (session = sessions_of_cookie(c->sessions, cookie, loop_now_ms())) == NULL)
		return NULL;
	if (find_operator(c, &session->key) != NULL)
		return session;
	log_info("session of %s ends with the operator's enrolment", session->name);
	sessions_end(c->sessions, session);
	return NULL;
}

struct session *
door_named_session(struct coordinator *c, const struct http_request *request,
    const struct member *operator_, struct http_reply *reply)
{
	const char *text = request->segment[0];
	uint8_t id[SESSION_ID_BYTES];
	struct session *session = NULL;

	if (hex_parse(text, strlen(text), id, sizeof(id)))
		session = sessions_find(c->sessions, id, loop_now_ms());
	if (session != NULL && memcmp(&session->key, &operator_->key, sizeof(session->key)) == 0)
		return session;
	reply_error(reply, 404,
	    "no such session of this operator: it was signed out, has ended, or the "
	    "coordinator has started anew; open another");
	return NULL;
}

/* ---- reading ------------------------------------------------------------------------- */

bool
door_may_read(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct signer signer;

	if (!c->settings->viewers_sign_in || door_session(c, request) != NULL)
		return true;
	if (http_header(request, "Signature-Input") != NULL)
		return auth_request(c, request, &signer, reply);
	reply_error(reply, 401,
	    "sign in to look: phalanx dashboard, on an operator's machine, prints a link "
	    "(--viewer for one that only looks); a restart of the coordinator signs everybody out");
	return false;
}

/* ---- a page's writes ----------------------------------------------------------------- */

/* Browsers set these two themselves, and no page can make them say otherwise. */
static bool
is_same_origin(
    const struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const char *site = http_header(request, "Sec-Fetch-Site");

	if (site == NULL)
		reply_error(reply, 403,
		    "no Sec-Fetch-Site: browsers send it over https and to localhost only; open "
		    "the page so, for example through ssh -L 8090:localhost:8090");
	else if (strcmp(site, "same-origin") != 0)
		reply_error(reply, 403, "a page of another site may not write here");
	else if (!origin_is_ours(c, request))
		reply_error(reply, 403, "a page of another origin may not write here");
	else
		return true;
	return false;
}

struct session *
door_page(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct session *session;

	if (!is_same_origin(c, request, reply))
		return NULL;
	if ((session = door_session(c, request)) == NULL)
		reply_error(reply, 401,
		    "not signed in: phalanx dashboard, on the operator's machine, prints a link; "
		    "a restart of the coordinator signs everybody out");
	return session;
}

static bool
has_token(struct coordinator *c, const struct http_request *request)
{
	const char *text = http_header(request, "X-Phalanx-Csrf");
	uint8_t cookie[SESSION_SECRET_BYTES], wanted[SESSION_CSRF_BYTES], sent[SESSION_CSRF_BYTES];

	if (text == NULL || !hex_parse(text, strlen(text), sent, sizeof(sent)) ||
	    !read_cookie(request, cookie))
		return false;
	session_csrf(c->sessions, cookie, wanted);
	return sodium_memcmp(wanted, sent, sizeof(wanted)) == 0;
}

static bool
is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t length = sizeof(json) - 1;

	return type != NULL && strncasecmp(type, json, length) == 0 &&
	       (type[length] == '\0' || type[length] == ';' || type[length] == ' ');
}

struct session *
door_operator_page(
    struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct session *session = door_page(c, request, reply);

	if (session == NULL)
		return NULL;
	if (session->role != SESSION_OPERATOR)
		reply_error(reply, 403,
		    "this session only looks; phalanx dashboard without --viewer opens one that "
		    "may ask for a release");
	else if (!has_token(c, request))
		reply_error(
		    reply, 403, "X-Phalanx-Csrf is not this session's; load the page again");
	else if (!is_json(http_header(request, "Content-Type")))
		reply_error(reply, 415, "send application/json");
	else
		return session;
	return NULL;
}

/* ---- what the page is told of itself ------------------------------------------------- */

static json_t *
waiting_json(const struct coordinator *c, const struct session *session)
{
	const struct release_ask *ask = asks_after(c->asks, session->id, 0);
	json_t *list = json_array();

	for (; ask != NULL; ask = asks_after(c->asks, session->id, ask->number))
		json_array_append_new(
		    list, json_pack("{s:I, s:o, s:s}", "request", (json_int_t)ask->number, "id",
		              json_hex(ask->incident.bytes, sizeof(ask->incident.bytes)), "name",
		              ask->name));
	return list;
}

json_t *
session_describe(struct coordinator *c, const struct http_request *request)
{
	struct session *session = door_session(c, request);
	uint8_t cookie[SESSION_SECRET_BYTES], csrf[SESSION_CSRF_BYTES];
	char token[HEX_ROOM(SESSION_CSRF_BYTES)] = "";
	bool is_operator = session != NULL && session->role == SESSION_OPERATOR;

	if (is_operator && read_cookie(request, cookie)) {
		session_csrf(c->sessions, cookie, csrf);
		hex_format(csrf, sizeof(csrf), token);
	}
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:o}", "role",
	    is_operator ? "operator" : "viewer", "name", session != NULL ? session->name : "",
	    "csrf", token, "sign_in", c->roster != NULL, "signed_in", session != NULL, "listens",
	    session != NULL && door_listens(session, loop_now_ms()), "waiting",
	    session != NULL ? waiting_json(c, session) : json_array());
}
