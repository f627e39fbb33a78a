/*
 * api_session: signing in and out.  An operator's signed request gets a link;
 * the browser that follows it gets the cookie.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/hex.h"
#include "coordinator/door.h"
#include "coordinator/reply.h"
#include "sys/log.h"

static char cookie_text[HEX_ROOM(SESSION_SECRET_BYTES) + 128]; /* until the answer is composed */

/* allowed_origin where that is the host asked for: a proxy may speak https before us. */
static bool
is_behind_https(const struct coordinator *c, const struct http_request *request)
{
	const char *origin = c->settings->allowed_origin;

	return strncmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, request->host) == 0;
}

static bool
read_role(const struct http_request *request, enum session_role *out, struct http_reply *reply)
{
	json_t *body = body_object(request, reply);
	const char *role;
	bool known = false;

	if (body == NULL)
		return false;
	if ((role = body_string(body, "role", 16, false, reply)) != NULL) {
		known = strcmp(role, "operator") == 0 || strcmp(role, "viewer") == 0;
		*out = strcmp(role, "operator") == 0 ? SESSION_OPERATOR : SESSION_VIEWER;
		if (!known)
			reply_error(reply, 400, "role: give operator or viewer");
	}
	json_decref(body);
	return known;
}

/* POST /api/v1/sessions {"role"}, signed by an operator. */
void
api_session_open(
    struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct session_opening opening = { .now_ms = loop_now_ms() };
	uint8_t link[SESSION_SECRET_BYTES];
	char token[HEX_ROOM(SESSION_SECRET_BYTES)], url[SETTINGS_HOST_BYTES + sizeof(token) + 32];
	const struct member *by = door_operator(c, request, reply);
	struct session *session;
	enum err err;

	if (by == NULL || !read_role(request, &opening.role, reply))
		return;
	opening.key = by->key;
	opening.name = by->name;
	if ((err = sessions_open(c->sessions, &opening, link, &session)) != ERR_OK) {
		reply_error(reply, 503, "%s: at most %d sessions; try again later", err_text(err),
		    LIMIT_SESSIONS);
		return;
	}
	log_info("session opened by=%s role=%s", by->name,
	    session->role == SESSION_OPERATOR ? "operator" : "viewer");
	(void)snprintf(url, sizeof(url), "%s://%s/session/%s",
	    is_behind_https(c, request) ? "https" : "http", request->host,
	    hex_format(link, sizeof(link), token));
	reply_json(
	    reply, json_pack("{s:s, s:i, s:o, s:s}", "link", url, "expires_s", LIMIT_LINK_MS / 1000,
	               "session", json_hex(session->id, sizeof(session->id)), "name", by->name));
}

/* DELETE /api/v1/sessions/{}, signed by its operator. */
void
api_session_close(
    struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const struct member *by = door_operator(c, request, reply);
	struct session *session;

	if (by == NULL || (session = door_named_session(c, request, by, reply)) == NULL)
		return;
	log_info("session of %s closed by phalanx dashboard", session->name);
	sessions_end(c->sessions, session);
	reply_json(reply, json_pack("{s:b}", "ended", true));
}

static void
refuse_link(struct http_reply *reply, unsigned status, const char *text)
{
	*reply = (struct http_reply){ .status = status,
		.type = "text/plain; charset=utf-8",
		.body = (void *)(uintptr_t)text,
		.body_bytes = strlen(text),
		.is_static = true };
}

static void
set_cookie(struct http_reply *reply, const char *value, bool secure, const char *rest)
{
	(void)snprintf(cookie_text, sizeof(cookie_text),
	    "phalanx=%s; Path=/; HttpOnly; SameSite=Strict%s%s", value, secure ? "; Secure" : "",
	    rest);
	reply->fields[0] = (struct http_field){ "Set-Cookie", cookie_text };
}

/* GET /session/{}: the link, followed by a person; a link in a foreign page signs nobody in. */
void
api_session_enter(
    struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	uint8_t link[SESSION_SECRET_BYTES], cookie[SESSION_SECRET_BYTES];
	char value[HEX_ROOM(SESSION_SECRET_BYTES)];
	const char *site = http_header(request, "Sec-Fetch-Site");
	const char *text = request->segment[0];
	struct session *session;

	if (strcmp(request->method, "GET") != 0) {
		reply_error(reply, 405, "use GET here");
		reply->allow = "GET";
		return;
	}
	if (site != NULL && strcmp(site, "none") != 0) {
		refuse_link(reply, 403,
		    "Another page led here.  Copy the link that phalanx dashboard printed into "
		    "the address bar.\n");
		return;
	}
	if (!hex_parse(text, strlen(text), link, sizeof(link)) ||
	    (session = sessions_redeem(c->sessions, link, loop_now_ms(), cookie)) == NULL) {
		refuse_link(reply, 410,
		    "This link was followed before, or is more than 60 seconds old, or the "
		    "coordinator has started anew since.\nphalanx dashboard, on the operator's "
		    "machine, prints another.\n");
		return;
	}
	log_info("session of %s signed in", session->name);
	reply->status = 303;
	set_cookie(
	    reply, hex_format(cookie, sizeof(cookie), value), is_behind_https(c, request), "");
	reply->fields[1] = (struct http_field){ "Location", "/" };
}

/* GET /api/v1/session: as whom this browser is known; to anyone. */
void
api_session_show(
    struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	reply_json(reply, session_describe(c, request));
}

/* DELETE /api/v1/session: signing out at the page. */
void
api_session_leave(
    struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct session *session = door_page(c, request, reply);

	if (session == NULL)
		return;
	log_info("session of %s signed out", session->name);
	sessions_end(c->sessions, session);
	reply_json(reply, json_pack("{s:b}", "ended", true));
	set_cookie(reply, "", is_behind_https(c, request), "; Max-Age=0");
}
