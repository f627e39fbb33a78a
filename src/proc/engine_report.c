/*
 * engine_report: what people are told.  A line in the log for every notice,
 * and for the coordinator: registrations, telemetry, reports and the very
 * entries that prove them.  Nothing here decides anything, and a coordinator
 * that is dead costs no more than a bounded queue.
 */
#include "proc/engine.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/crypto.h"
#include "sys/log.h"

struct text {
	char bytes[2048];
	size_t size;
};

static void put(struct text *, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->bytes + t->size, sizeof(t->bytes) - t->size, format, args);
	va_end(args);
	if (n > 0)
		t->size += (size_t)n;
	if (t->size >= sizeof(t->bytes))
		t->size = sizeof(t->bytes) - 1;
}

static void
put_hex(struct text *t, const uint8_t *bytes, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		put(t, "%02x", bytes[i]);
}

/* ---- posts: compose, have signed, send ------------------------------------------ */

static void
free_post(struct engine_post *post)
{
	free(post->body);
	memset(post, 0, sizeof(*post));
}

static struct engine_post *
find_post(struct engine *e, uint32_t request)
{
	for (size_t i = 0; i < ENGINE_POSTS; i++)
		if (e->posts[i].request == request)
			return &e->posts[i];
	return NULL;
}

/* A free place; when all wait for a signature, telemetry gives way. */
static struct engine_post *
new_post(struct engine *e)
{
	struct engine_post *post = find_post(e, 0);

	if (post != NULL)
		return post;
	for (size_t i = 0; i < ENGINE_POSTS; i++)
		if (e->posts[i].path == HTTP_TELEMETRY || e->posts[i].path == HTTP_REGISTER) {
			free_post(&e->posts[i]);
			return &e->posts[i];
		}
	return NULL;
}

static struct engine_post *
queue_post(struct engine *e, enum http_path path, const void *body, size_t size_bytes)
{
	struct engine_post *post;

	if (e->config->coordinator_host[0] == '\0' || e->siblings[ROLE_NOTARY] == NULL ||
	    (post = new_post(e)) == NULL || (post->body = malloc(size_bytes)) == NULL)
		return NULL;
	memcpy(post->body, body, size_bytes);
	post->size_bytes = size_bytes;
	post->path = path;
	post->request = engine_request(e);
	return post;
}

/* The body's signature rides in HTTP fields; RFC 9421. */
static void
post_signed(struct engine *e, enum http_path path, const void *body, size_t size_bytes)
{
	const struct crypto *crypto = crypto_sodium();
	struct engine_post *post = queue_post(e, path, body, size_bytes);
	struct msg_sign_http sign = { 0 };
	char authority[CONFIG_AUTHORITY_BYTES];

	if (post == NULL)
		return;
	post->created_s = loop_unix_ms() / 1000;
	e->nonce++;
	memcpy(post->nonce, &e->nonce, sizeof(e->nonce));
	memcpy(post->nonce + 8, &e->started_ms, 8);
	sign.request = post->request;
	sign.path = (uint32_t)path;
	sign.created_s = post->created_s;
	memcpy(sign.nonce, post->nonce, sizeof(sign.nonce));
	crypto->sha256(crypto->context, "", body, size_bytes, &sign.body);
	config_authority(e->config, authority);
	(void)snprintf(sign.authority, sizeof(sign.authority), "%.255s", authority);
	if (ipc_send(e->siblings[ROLE_NOTARY], MSG_SIGN_HTTP, &sign, sizeof(sign), NULL, 0) !=
	    ERR_OK)
		free_post(post);
}

static void
register_here(struct engine *e)
{
	struct msg_sign_registration sign = { .timestamp_s = loop_unix_ms() / 1000 };
	const struct member *self = roster_member(e->roster, e->self);
	struct engine_post *post;
	char address[46];

	address_format(&self->addresses[0], address);
	(void)snprintf(sign.address, sizeof(sign.address),
	    self->addresses[0].family == 6 ? "[%s]:%u" : "%s:%u", address, self->p2p_port);
	/* The body waits as the text that was signed over; the signature completes it. */
	post = queue_post(e, HTTP_REGISTER, sign.address, sizeof(sign.address));
	if (post == NULL)
		return;
	post->created_s = sign.timestamp_s;
	sign.request = post->request;
	if (ipc_send(e->siblings[ROLE_NOTARY], MSG_SIGN_REGISTRATION, &sign, sizeof(sign), NULL,
	        0) != ERR_OK)
		free_post(post);
}

static void
send_post(struct engine *e, const struct engine_post *post, const struct signature *signature)
{
	struct msg_post message = { .request = post->request, .path = (uint32_t)post->path };
	const struct member *self = roster_member(e->roster, e->self);
	const uint8_t *body = post->body;
	size_t size_bytes = post->size_bytes;
	struct text text = { .size = 0 };

	if (post->path == HTTP_REGISTER) {
		put(&text, "{\"id\":\"%s\",\"address\":\"%s\",\"pub_key\":\"", e->config->name,
		    (const char *)post->body);
		put_hex(&text, self->key.bytes, sizeof(self->key.bytes));
		put(&text, "\",\"timestamp\":%" PRIu64 ",\"signature\":\"", post->created_s);
		put_hex(&text, signature->bytes, sizeof(signature->bytes));
		put(&text, "\"}");
		body = (const uint8_t *)text.bytes;
		size_bytes = text.size;
	} else {
		message.created_s = post->created_s;
		memcpy(message.nonce, post->nonce, sizeof(message.nonce));
		message.signature = *signature;
	}
	engine_tell(
	    e, ROLE_NET, MSG_POST, &message, sizeof(message), (struct span){ body, size_bytes });
}

void
engine_signed(struct engine *e, const struct msg_signed *made)
{
	struct engine_post *post;

	if (made->request == 0 || (post = find_post(e, made->request)) == NULL)
		return;
	if (made->error == ERR_OK)
		send_post(e, post, &made->signature);
	else
		log_warn("notary: no signature for the coordinator: %s",
		    made->error < ERR_COUNT ? err_text((enum err)made->error) : "unknown error");
	free_post(post);
}

/* ---- entries ---------------------------------------------------------------------- */

/* One Envelope as field 1 of a SyncItems message. */
static void
add_to_batch(struct engine *e, const uint8_t *bytes, size_t size_bytes)
{
	uint8_t head[8];
	size_t n = 0;
	size_t length = size_bytes;

	head[n++] = 0x0a;
	for (; length >= 0x80; length >>= 7)
		head[n++] = (uint8_t)(length | 0x80);
	head[n++] = (uint8_t)length;
	if (e->batch == NULL && (e->batch = malloc(ENGINE_BATCH_BYTES)) == NULL)
		return;
	if (e->batch_bytes + n + size_bytes > ENGINE_BATCH_BYTES)
		engine_post_batch(e);
	if (n + size_bytes > ENGINE_BATCH_BYTES || e->batch == NULL)
		return;
	memcpy(e->batch + e->batch_bytes, head, n);
	memcpy(e->batch + e->batch_bytes + n, bytes, size_bytes);
	e->batch_bytes += n + size_bytes;
}

void
engine_post_batch(struct engine *e)
{
	if (e->batch_bytes == 0)
		return;
	post_signed(e, HTTP_ENTRIES, e->batch, e->batch_bytes);
	e->batch_bytes = 0;
	free(e->batch);
	e->batch = NULL;
}

/* Standing objects are told again to a coordinator that comes back. */
static void
remember(struct engine *e, struct span object)
{
	struct engine_object *place;

	for (size_t i = 0; i < e->object_count; i++)
		if (e->objects[i].size_bytes == object.size_bytes &&
		    memcmp(e->objects[i].bytes, object.data, object.size_bytes) == 0)
			return;
	if (e->object_count == ENGINE_OBJECTS)
		return;
	place = &e->objects[e->object_count];
	if ((place->bytes = malloc(object.size_bytes)) == NULL)
		return;
	memcpy(place->bytes, object.data, object.size_bytes);
	place->size_bytes = object.size_bytes;
	e->object_count++;
}

void
engine_remember_restored(struct engine *e, struct span bytes)
{
	struct envelope envelope;
	struct entry_header header;
	enum entry_kind kind;

	if (e->config->coordinator_host[0] != '\0' &&
	    envelope_parse(bytes.data, bytes.size_bytes, &envelope) == ERR_OK &&
	    entry_peek(envelope.body, &header, &kind) == ERR_OK && entry_is_urgent(kind))
		remember(e, bytes);
}

static void
coordinator_is(struct engine *e, bool up)
{
	if (up == e->coordinator_up)
		return;
	e->coordinator_up = up;
	log_info("coordinator %s is %s", e->config->coordinator_host,
	    up ? "there" : "unreachable; nothing depends on it");
	if (!up)
		return;
	for (size_t i = 0; i < e->object_count; i++)
		add_to_batch(e, e->objects[i].bytes, e->objects[i].size_bytes);
	engine_post_batch(e);
}

void
engine_posted(struct engine *e, const struct msg_posted *posted)
{
	coordinator_is(e, posted->status != 0);
	if (posted->status != 0 && posted->status != 200 && posted->status != 202)
		log_warn(
		    "coordinator: request %u answered HTTP %u", posted->request, posted->status);
}

/* ---- heartbeat ----------------------------------------------------------------------- */

static void
post_telemetry(struct engine *e)
{
	struct text text = { .size = 0 };
	struct core_member_view view;
	bool first = true;

	core_view_member(e->core, e->self, &view);
	put(&text, "{\"node_id\":\"%s\",\"status\":\"%s\",\"peers\":[", e->config->name,
	    node_status_text(view.status));
	for (size_t i = 0; i < roster_count(e->roster); i++) {
		core_view_member(e->core, (member_index)i, &view);
		/* A name may take all of its limit; the list ends before the buffer does. */
		if (!view.linked || text.size + LIMIT_NAME_BYTES + 128 > sizeof(text.bytes))
			continue;
		put(&text, "%s\"%s\"", first ? "" : ",",
		    roster_member(e->roster, (member_index)i)->name);
		first = false;
	}
	put(&text, "],\"cpu_pct\":%.1f,\"ram_pct\":%.1f}", (double)e->telemetry.cpu_percent,
	    (double)e->telemetry.memory_percent);
	post_signed(e, HTTP_TELEMETRY, text.bytes, text.size);
}

/* No timer of its own: it rides on whatever wakes the engine next. */
void
engine_heartbeat(struct engine *e)
{
	uint64_t now_ms = loop_now_ms();

	if (!e->opened || now_ms < e->heartbeat_ms)
		return;
	e->heartbeat_ms = now_ms + LIMIT_HEARTBEAT_MS;
	register_here(e);
	post_telemetry(e);
}

/* ---- notices --------------------------------------------------------------------------- */

static void
put_endpoint(struct text *t, const char *key, const struct endpoint *endpoint)
{
	char address[46];

	if (endpoint->address.family == 0)
		return;
	address_format(&endpoint->address, address);
	put(t, endpoint->address.family == 6 ? " %s=[%s]:%u" : " %s=%s:%u", key, address,
	    endpoint->port);
}

static const char *
decision_of(const struct engine *e, const struct core_action *action)
{
	if (e->config->mode == CONFIG_OBSERVE)
		return "monitor";
	switch (action->notice.cause) {
	case CAUSE_MEMBER:
	case CAUSE_INSIDE:
	case CAUSE_OUTSIDE:
		return action->notice.score > e->config->threshold ? "quarantine" : "monitor";
	case CAUSE_NONE:
	case CAUSE_AMBIGUOUS:
	case CAUSE_IGNORED:
	case CAUSE_REPEATED:
		break;
	}
	return "monitor";
}

static void
report_touch(struct engine *e, const struct core_action *action)
{
	struct text text = { .size = 0 };
	char source[46];

	address_format(&action->notice.source.address, source);
	put(&text,
	    "{\"node_id\":\"%s\",\"score\":%u,\"event_type\":\"%s\",\"source_ip\":\"%s\","
	    "\"decision\":\"%s\",\"method\":\"rule-based\",\"incident\":\"",
	    e->config->name, action->notice.score, event_class_text(action->notice.class), source,
	    decision_of(e, action));
	put_hex(&text, action->incident.bytes, sizeof(action->incident.bytes));
	put(&text, "\"}");
	post_signed(e, HTTP_REPORT, text.bytes, text.size);
}

static void
put_touch(const struct engine *e, struct text *t, const struct core_action *action)
{
	static const char *const kinds[] = {
		[DECOY_TCP] = "tcp", [DECOY_SSH] = "ssh", [DECOY_HTTP] = "http"
	};
	const struct config_decoy *decoy;

	if (action->notice.decoy < e->config->decoy_count) {
		decoy = &e->config->decoys[action->notice.decoy];
		put(t, " decoy=%s:%u", kinds[decoy->kind], decoy->port);
	}
	put(t, " event=%s score=%u method=rule-based cause=%s decision=%s",
	    event_class_text(action->notice.class), action->notice.score,
	    cause_text(action->notice.cause), decision_of(e, action));
}

static void
log_notice(const struct engine *e, const struct core_action *action)
{
	struct text t = { .size = 0 };
	static const struct incident_id none;

	if (memcmp(&action->incident, &none, sizeof(none)) != 0) {
		put(&t, "incident=");
		put_hex(&t, action->incident.bytes, sizeof(action->incident.bytes));
		put(&t, " ");
	}
	put(&t, "%s", notice_text(action->notice.notice));
	if (action->notice.subject != MEMBER_NONE)
		put(&t, " subject=%s", engine_member_name(e, action->notice.subject));
	if (action->notice.peer != MEMBER_NONE)
		put(&t, " from=%s", engine_member_name(e, action->notice.peer));
	put_endpoint(&t, "source", &action->notice.source);
	if (action->notice.notice == NOTICE_TOUCH)
		put_touch(e, &t, action);
	if (action->notice.needed > 0)
		put(&t, " votes=%u/%u", action->notice.votes, action->notice.needed);
	if (action->notice.notice == NOTICE_SELF_REPORT ||
	    action->notice.notice == NOTICE_CERTIFICATE)
		put(&t, " verified %s",
		    action->notice.standing ? "stands: quarantined" : "does not stand: attacked");
	if (action->notice.error != ERR_OK)
		put(&t, " error=\"%s\"", err_text(action->notice.error));
	if (action->notice.error != ERR_OK || action->notice.notice >= NOTICE_LOST_STATE)
		log_warn("%s", t.bytes);
	else
		log_info("%s", t.bytes);
}

/*
 * An author tells the coordinator what it signed; everybody tells what they
 * accepted of a quarantine, so that the subject's silence hides nothing.
 */
static void
gather_object(struct engine *e, const struct core_action *action)
{
	struct span object = action->notice.object;

	if (object.size_bytes == 0 || e->config->coordinator_host[0] == '\0')
		return;
	switch (action->notice.notice) {
	case NOTICE_SELF_REPORT:
	case NOTICE_CERTIFICATE:
		remember(e, object);
		add_to_batch(e, object.data, object.size_bytes);
		break;
	case NOTICE_STATEMENT:
	case NOTICE_VERDICT:
		if (action->notice.peer == e->self)
			add_to_batch(e, object.data, object.size_bytes);
		break;
	case NOTICE_TOUCH:
	case NOTICE_STAND_DOWN:
	case NOTICE_REFUSED:
	case NOTICE_PEER_ALIVE:
	case NOTICE_PEER_SUSPECT:
	case NOTICE_PEER_DEAD:
	case NOTICE_FIRST_SYNC:
	case NOTICE_LOST_STATE:
	case NOTICE_CLOCK:
	case NOTICE_EQUIVOCATION:
	case NOTICE_BLAST_RADIUS:
		break;
	}
}

void
engine_notice(struct engine *e, const struct core_action *action)
{
	log_notice(e, action);
	gather_object(e, action);
	if (action->notice.notice == NOTICE_TOUCH && action->notice.cause != CAUSE_REPEATED &&
	    action->notice.cause != CAUSE_IGNORED)
		report_touch(e, action);
	/* The page shows a change of state at once, not at the next heartbeat. */
	if (action->notice.notice == NOTICE_TOUCH || action->notice.notice == NOTICE_SELF_REPORT ||
	    action->notice.notice == NOTICE_CERTIFICATE ||
	    action->notice.notice == NOTICE_STAND_DOWN)
		e->heartbeat_ms = 0;
}
