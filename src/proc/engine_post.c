/*
 * engine_post: the way to the coordinator.  A body is composed, waits a
 * moment, is signed by the notary and handed to net.  Nothing here decides
 * anything; a coordinator that is dead costs no more than a bounded queue.
 */
#include "proc/engine.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/hex.h"
#include "proc/engine_text.h"
#include "sys/crypto.h"
#include "sys/log.h"
#include "sys/roster_parts.h"

#define RECORDS_HEAD_BYTES 32 /* of a RosterPart before its records, at most */
#define RECORDS_WISH_BYTES 64

static void flush_batch(struct engine *);

static void
arm(struct engine *e)
{
	if (e->post_due)
		return;
	e->post_due = true;
	loop_timer_set(e->post_timer, loop_now_ms() + LIMIT_REPORT_DELAY_MS);
}

/* ---- posts ------------------------------------------------------------------------- */

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

	if ((post = new_post(e)) == NULL || (post->body = malloc(size_bytes)) == NULL)
		return NULL;
	memcpy(post->body, body, size_bytes);
	post->size_bytes = size_bytes;
	post->path = path;
	post->request = engine_request(e);
	arm(e);
	return post;
}

void
engine_post(struct engine *e, enum http_path path, const void *body, size_t size_bytes)
{
	if (e->config->coordinator_host[0] != '\0' && queue_post(e, path, body, size_bytes) == NULL)
		log_warn("coordinator: no room for a report");
}

/* The body's signature rides in HTTP fields; RFC 9421. */
static void
ask_for_signature(struct engine *e, struct engine_post *post)
{
	const struct crypto *crypto = crypto_sodium();
	struct msg_sign_http sign = { 0 };
	char authority[CONFIG_AUTHORITY_BYTES];

	post->created_s = loop_unix_ms() / 1000;
	e->nonce++;
	memcpy(post->nonce, &e->nonce, sizeof(e->nonce));
	memcpy(post->nonce + 8, &e->started_ms, 8);
	sign.request = post->request;
	sign.path = (uint32_t)post->path;
	sign.created_s = post->created_s;
	memcpy(sign.nonce, post->nonce, sizeof(sign.nonce));
	crypto->sha256(crypto->context, "", post->body, post->size_bytes, &sign.body);
	config_authority(e->config, authority);
	(void)snprintf(sign.authority, sizeof(sign.authority), "%.255s", authority);
	post->asked = ipc_send(e->siblings[ROLE_NOTARY], MSG_SIGN_HTTP, &sign, sizeof(sign), NULL,
	                  0) == ERR_OK;
}

/* The body waits as the address that is signed over; the signature completes it. */
void
engine_post_registration(struct engine *e)
{
	const struct member *self = roster_member(e->roster, e->self);
	char address[46], text[300];

	address_format(&self->addresses[0], address);
	(void)snprintf(text, sizeof(text), self->addresses[0].family == 6 ? "[%s]:%u" : "%s:%u",
	    address, self->p2p_port);
	engine_post(e, HTTP_REGISTER, text, sizeof(text));
}

static void
ask_for_registration(struct engine *e, struct engine_post *post)
{
	struct msg_sign_registration sign = { .request = post->request };

	post->created_s = sign.timestamp_s = loop_unix_ms() / 1000;
	memcpy(sign.address, post->body, sizeof(sign.address));
	post->asked = ipc_send(e->siblings[ROLE_NOTARY], MSG_SIGN_REGISTRATION, &sign, sizeof(sign),
	                  NULL, 0) == ERR_OK;
}

/*
 * Report last: what people are told waits until the mesh has heard and cut, so
 * that it does not compete for the processor with what protects.
 */
static void
on_due(void *context)
{
	struct engine *e = context;

	flush_batch(e);
	e->post_due = false;
	if (e->siblings[ROLE_NOTARY] == NULL)
		return;
	for (size_t i = 0; i < ENGINE_POSTS; i++) {
		struct engine_post *post = &e->posts[i];

		if (post->request == 0 || post->asked)
			continue;
		if (post->path == HTTP_REGISTER)
			ask_for_registration(e, post);
		else
			ask_for_signature(e, post);
	}
}

enum err
engine_post_start(struct engine *e)
{
	e->register_retry_ms = LIMIT_REGISTER_RETRY_MS;
	return loop_timer_new(e->loop, on_due, e, &e->post_timer);
}

void
engine_post_again(struct engine *e)
{
	for (size_t i = 0; i < ENGINE_POSTS; i++)
		e->posts[i].asked = false;
	arm(e);
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
		text_put(&text, "{\"id\":\"%s\",\"address\":\"%s\",\"pub_key\":\"", e->config->name,
		    (const char *)post->body);
		text_put_hex(&text, self->key.bytes, sizeof(self->key.bytes));
		text_put(&text, "\",\"timestamp\":%" PRIu64 ",\"signature\":\"", post->created_s);
		text_put_hex(&text, signature->bytes, sizeof(signature->bytes));
		text_put(&text, "\"}");
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
		flush_batch(e);
	if (n + size_bytes > ENGINE_BATCH_BYTES || e->batch == NULL)
		return;
	memcpy(e->batch + e->batch_bytes, head, n);
	memcpy(e->batch + e->batch_bytes + n, bytes, size_bytes);
	e->batch_bytes += n + size_bytes;
	arm(e);
}

void
engine_post_entry(struct engine *e, struct span object)
{
	if (e->config->coordinator_host[0] != '\0')
		add_to_batch(e, object.data, object.size_bytes);
}

static void
flush_batch(struct engine *e)
{
	if (e->batch_bytes == 0)
		return;
	engine_post(e, HTTP_ENTRIES, e->batch, e->batch_bytes);
	e->batch_bytes = 0;
	free(e->batch);
	e->batch = NULL;
}

static void
tell_all(struct engine *e)
{
	for (size_t i = 0; i < e->object_count; i++)
		add_to_batch(e, e->objects[i].bytes, e->objects[i].size_bytes);
	flush_batch(e);
	e->told_all_ms = loop_now_ms();
}

static void
coordinator_is(struct engine *e, bool up)
{
	if (up == e->coordinator_up)
		return;
	e->coordinator_up = up;
	log_info("coordinator %s is %s", e->config->coordinator_host,
	    up ? "there" : "unreachable; nothing depends on it");
	if (up)
		tell_all(e);
}

/* ---- what a host that is cut off still can ask ------------------------------------ */

static void
ask(struct engine *e, enum http_path path, const char *query)
{
	struct msg_post message = { .request = engine_request(e), .path = (uint32_t)path };

	engine_tell(e, ROLE_NET, MSG_POST, &message, sizeof(message),
	    (struct span){ (const uint8_t *)query, strlen(query) });
}

void
engine_ask_release(struct engine *e)
{
	char id[HEX_ROOM(sizeof(struct node_id))], query[64];
	struct core_view view;

	core_view(e->core, &view);
	if (view.locked == STRENGTH_NONE || e->config->coordinator_host[0] == '\0')
		return;
	hex_format(roster_member(e->roster, e->self)->id.bytes, sizeof(struct node_id), id);
	(void)snprintf(query, sizeof(query), "node=%s", id);
	ask(e, HTTP_RELEASES, query);
	/* The certificate may be of an epoch that came after it was cut off. */
	e->growth.asked = roster_records(e->roster).size_bytes;
	(void)snprintf(query, sizeof(query), "offset=%" PRIu64, e->growth.asked);
	ask(e, HTTP_ROSTER, query);
}

/* A SyncItems: each is proven by the core, as if a peer had relayed it. */
static void
take_items(struct engine *e, struct span body)
{
	struct core_event event = { .input = CORE_SUBMITTED };
	struct buf_in in;

	buf_in_init(&in, body.data, body.size_bytes);
	while (buf_left(&in) > 0) {
		if (buf_take_varint(&in) != (1 << 3 | 2))
			buf_in_fail(&in, ERR_UNKNOWN_FIELD);
		event.submitted.bytes.size_bytes = buf_take_varint(&in);
		event.submitted.bytes.data = buf_take(&in, event.submitted.bytes.size_bytes);
		if (in.err != ERR_OK || event.submitted.bytes.size_bytes > LIMIT_ENVELOPE_BYTES) {
			log_warn("coordinator: its answer is no list of entries");
			return;
		}
		engine_feed(e, &event);
	}
}

/* ---- what a coordinator that is behind asks for ----------------------------------- */

/* Records of the CA from that byte on, as a RosterPart. */
static void
post_records(struct engine *e, uint64_t offset)
{
	const struct span part = roster_parts_cut(roster_records(e->roster), offset);
	size_t room = part.size_bytes + RECORDS_HEAD_BYTES;
	struct buf_out out;
	uint8_t *bytes;

	if (part.size_bytes == 0 || (bytes = malloc(room)) == NULL)
		return;
	buf_out_init(&out, bytes, room);
	buf_put_varint(&out, 1 << 3 | 0);
	buf_put_varint(&out, offset);
	buf_put_varint(&out, 3 << 3 | 2);
	buf_put_varint(&out, part.size_bytes);
	buf_put(&out, part.data, part.size_bytes);
	e->growth.told = offset + part.size_bytes;
	engine_post(e, HTTP_RECORDS, bytes, buf_used(&out));
	free(bytes);
}

/*
 * {"roster":N}: it holds so many bytes.  Of one telemetry's answers each goes
 * further, so they end.  {"entries":true}: it has lost what it knew.
 */
static void
take_wish(struct engine *e, const struct msg_posted *posted, struct span body)
{
	char text[RECORDS_WISH_BYTES] = "";
	uint64_t offset;

	if (body.size_bytes >= sizeof(text))
		return;
	memcpy(text, body.data, body.size_bytes);
	if (sscanf(text, "{\"roster\":%" SCNu64 "}", &offset) == 1 &&
	    (posted->path == HTTP_TELEMETRY || offset == e->growth.told))
		post_records(e, offset);
	if (strstr(text, "\"entries\":true") != NULL &&
	    (e->told_all_ms == 0 || loop_now_ms() >= e->told_all_ms + LIMIT_RETELL_MS))
		tell_all(e);
}

static void
take_answer(struct engine *e, const struct msg_posted *posted, struct span body)
{
	if (posted->status != 200 || body.size_bytes == 0)
		return;
	if (posted->path == HTTP_TELEMETRY || posted->path == HTTP_RECORDS)
		take_wish(e, posted, body);
	else if (posted->path == HTTP_RELEASES)
		take_items(e, body);
	else if (posted->path == HTTP_ROSTER &&
	         engine_roster_offer(e, MEMBER_NONE, e->growth.asked, body) != ERR_OK)
		log_debug("coordinator: records of the roster are left for later");
}

/*
 * Who this is has to be told again when the coordinator forgot it, was away,
 * or is not believed, and else only so that what it shows stays fresh: each
 * registration costs it a signature checked and one made.
 */
static void
schedule_registration(struct engine *e, const struct msg_posted *posted)
{
	const bool is_good = posted->status == 200 || posted->status == 202;
	const uint64_t now_ms = loop_now_ms();

	if (!is_good)
		e->register_ms = 0;
	if (posted->path != HTTP_REGISTER)
		return;
	if (is_good) {
		e->register_ms = now_ms + LIMIT_REGISTER_MS;
		e->register_retry_ms = LIMIT_REGISTER_RETRY_MS;
	} else if (posted->status != 0 && e->heartbeat_ms > now_ms + e->register_retry_ms) {
		/* A newcomer, perhaps, of whom it is told in this very moment. */
		e->heartbeat_ms = now_ms + e->register_retry_ms;
		e->register_retry_ms *= 2;
	}
}

void
engine_posted(struct engine *e, const struct msg_posted *posted, struct span body)
{
	coordinator_is(e, posted->status != 0);
	schedule_registration(e, posted);
	take_answer(e, posted, body);
	if (posted->status != 0 && posted->status != 200 && posted->status != 202)
		log_warn(
		    "coordinator: request %u answered HTTP %u", posted->request, posted->status);
}
