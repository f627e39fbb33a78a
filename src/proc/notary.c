/*
 * notary: holds the identity key and the feed.  It composes every byte that it
 * signs from typed requests, and an entry is on disk before it is signed.
 *
 * Requests that wait together share one fdatasync.  Spec: docs/privsep.md,
 * docs/protocol.md "The feed on disk".
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http/signature.h"
#include "proc/child.h"
#include "proc/notary_pin.h"
#include "proc/notary_roster.h"
#include "proc/profiles.h"
#include "sys/roster_parts.h"
#include "sys/crypto.h"
#include "sys/feed.h"
#include "sys/log.h"

/* What is kept of peers may wait a little, so that it never delays an append. */
#define KEEP_SYNC_MS 5

struct request {
	uint32_t request, ticket;
};

struct notary {
	struct child *child;
	struct notary_roster members;
	struct notary_pin pin;
	struct secret_key *key;
	member_index self;
	struct feed *feed; /* NULL: it could not be opened yet */
	struct ipc *engine;
	int engine_fd; /* the ipc's; for the replay, which may block */
	struct request waiting[LIMIT_PENDING_APPENDS];
	size_t waiting_count;
	struct loop_timer *keep_timer;
	bool keep_pending;
};

static struct notary notary;

/* ---- the feed ------------------------------------------------------------------ */

static enum err
open_feed(struct notary *n)
{
	const struct feed_config config = { .directory = n->child->config.state_dir,
		.crypto = crypto_sodium(),
		.roster = n->members.roster,
		.self = n->self,
		.key = n->key };

	return n->feed != NULL ? ERR_OK : feed_open(&config, &n->feed);
}

static void
answer(struct notary *n, uint32_t request, enum err error, struct span envelope)
{
	struct msg_appended message = { .request = request, .error = (uint32_t)error };
	enum err err;

	err = ipc_send(
	    n->engine, MSG_APPENDED, &message, sizeof(message), envelope.data, envelope.size_bytes);
	if (err != ERR_OK)
		log_warn("engine: answer to append %" PRIu32 ": %s", request, err_text(err));
}

static void
committed(void *context, uint32_t ticket, struct span envelope)
{
	struct notary *n = context;

	for (size_t i = 0; i < n->waiting_count; i++) {
		if (n->waiting[i].ticket != ticket)
			continue;
		answer(n, n->waiting[i].request, ERR_OK, envelope);
		n->waiting[i] = n->waiting[--n->waiting_count];
		return;
	}
}

/* All that is staged, with one fdatasync; each request is answered exactly once. */
static void
commit(struct notary *n)
{
	enum err err;

	if (n->waiting_count == 0)
		return;
	err = feed_commit(n->feed, committed, n);
	if (err != ERR_OK)
		log_error(
		    "feed: %zu entries were not written: %s", n->waiting_count, err_text(err));
	for (size_t i = 0; i < n->waiting_count; i++)
		answer(n, n->waiting[i].request, err == ERR_OK ? ERR_IO : err, (struct span){ 0 });
	n->waiting_count = 0;
}

static void
append(struct notary *n, uint32_t request, struct span draft)
{
	uint32_t ticket;
	enum err err;

	if (n->waiting_count == LIMIT_PENDING_APPENDS)
		commit(n);
	if ((err = open_feed(n)) == ERR_OK)
		err = feed_stage(n->feed, draft, &ticket);
	if (err != ERR_OK) {
		log_warn("feed: a draft is refused: %s", err_text(err));
		answer(n, request, err, (struct span){ 0 });
		return;
	}
	n->waiting[n->waiting_count++] = (struct request){ request, ticket };
}

static void
keep(struct notary *n, const struct msg_keep *about, struct span envelope)
{
	enum err err;

	if (about->author >= roster_count(n->members.roster) || about->standing > 1) {
		log_warn("keep: author %" PRIu32 " refused", about->author);
		return;
	}
	if ((err = open_feed(n)) == ERR_OK)
		err = feed_keep(n->feed, (member_index)about->author, about->standing, envelope);
	if (err != ERR_OK) {
		log_warn("keep: an entry of %s: %s",
		    roster_member(n->members.roster, (member_index)about->author)->name,
		    err_text(err));
		return;
	}
	if (!n->keep_pending)
		loop_timer_set(n->keep_timer, loop_now_ms() + KEEP_SYNC_MS);
	n->keep_pending = true;
}

static void
sync_kept(void *context)
{
	struct notary *n = context;

	n->keep_pending = false;
	if (n->feed != NULL && feed_keep_sync(n->feed) != ERR_OK)
		log_error("feed: what peers sent may not outlive a power loss");
}

static void
restore(void *context, bool own, struct span envelope)
{
	struct notary *n = context;
	struct msg_restored message = { .own = own };

	/* Nothing else is under way: let the socket set the pace. */
	if (ipc_write_blocking(n->engine_fd, MSG_RESTORED, &message, sizeof(message), envelope.data,
	        envelope.size_bytes, -1) != ERR_OK)
		log_warn("engine: a restored entry was not taken");
}

static void
replay(struct notary *n)
{
	struct msg_replayed done = { 0 };
	enum err err;

	commit(n);
	if ((err = open_feed(n)) == ERR_OK)
		err = feed_replay(n->feed, restore, n);
	if (err != ERR_OK)
		log_error("feed: replay: %s", err_text(err));
	if (n->feed != NULL) {
		done.sequence = feed_sequence(n->feed);
		done.hash = *feed_head_hash(n->feed);
		done.lost_state = feed_lost_state(n->feed);
		done.writable = err == ERR_OK && !done.lost_state;
	}
	if ((err = ipc_send(n->engine, MSG_REPLAYED, &done, sizeof(done), NULL, 0)) != ERR_OK)
		log_error("engine: end of replay: %s", err_text(err));
}

/* ---- the roster ------------------------------------------------------------------ */

static void
tell_held(struct notary *n, enum err error)
{
	struct msg_roster_held held = { .bytes = notary_roster_bytes(&n->members),
		.error = (uint32_t)error };
	enum err err;

	if (n->engine == NULL)
		return;
	if ((err = ipc_send(n->engine, MSG_ROSTER_HELD, &held, sizeof(held), NULL, 0)) != ERR_OK)
		log_warn("engine: length of the roster: %s", err_text(err));
}

static void
tell_pin(struct notary *n)
{
	enum err err;

	if (n->engine == NULL)
		return;
	err = ipc_send(n->engine, MSG_PIN, &n->pin.held, sizeof(n->pin.held), NULL, 0);
	if (err != ERR_OK)
		log_warn("engine: the coordinator's key: %s", err_text(err));
}

static enum err
on_changing(void *context, const struct roster *next)
{
	struct notary *n = context;

	/* What was asked for in the old incarnation is signed in it. */
	commit(n);
	return n->feed == NULL ? ERR_OK : feed_set_roster(n->feed, next);
}

static void
on_reread(void *context)
{
	tell_held(context, ERR_OK);
}

static void
send_records(struct notary *n, uint64_t offset)
{
	struct msg_roster message = { .offset = offset };
	struct span part = roster_parts_cut(roster_records(n->members.roster), offset);
	enum err err;

	if (part.size_bytes == 0)
		return;
	err =
	    ipc_send(n->engine, MSG_ROSTER, &message, sizeof(message), part.data, part.size_bytes);
	if (err != ERR_OK)
		log_warn("engine: records from byte %" PRIu64 ": %s", offset, err_text(err));
}

/* ---- session signatures: they decide nothing ------------------------------------- */

static void
answer_signed(struct notary *n, uint32_t request, enum err error, const char *text, size_t chars)
{
	struct msg_signed message = { .request = request, .error = (uint32_t)error };
	enum err err;

	/* Entries, ballots and CA records begin so; nothing here may pass for one. */
	if (error == ERR_OK && (chars < 8 || memcmp(text, "phalanx/", 8) == 0))
		message.error = ERR_DENIED;
	if (message.error == ERR_OK)
		identity_sign(n->key, "", (const uint8_t *)text, chars, &message.signature);
	if ((err = ipc_send(n->engine, MSG_SIGNED, &message, sizeof(message), NULL, 0)) != ERR_OK)
		log_warn("engine: signature %" PRIu32 ": %s", request, err_text(err));
}

static const char *
path_text(uint32_t path)
{
	switch (path) {
	case HTTP_TELEMETRY:
		return "/api/telemetry";
	case HTTP_REPORT:
		return "/api/report/submit";
	case HTTP_ENTRIES:
		return "/api/v1/entries";
	case HTTP_RECORDS:
		return "/api/v1/roster";
	default: /* a registration carries a signature of its own */
		return NULL;
	}
}

static void
sign_http(struct notary *n, const struct msg_sign_http *m)
{
	struct http_signature_input input = {
		.method = "POST", .path = path_text(m->path), .created_s = m->created_s
	};
	char authority[sizeof(m->authority) + 1], base[HTTP_SIGNATURE_BASE_BYTES];
	size_t chars = 0;
	enum err err = ERR_RANGE;

	memcpy(authority, m->authority, sizeof(m->authority));
	authority[sizeof(m->authority)] = '\0';
	input.authority = authority;
	memcpy(input.content_sha256, m->body.bytes, sizeof(input.content_sha256));
	memcpy(input.nonce, m->nonce, sizeof(input.nonce));
	memcpy(input.key_id, roster_member(n->members.roster, n->self)->id.bytes,
	    sizeof(input.key_id));
	if (input.path != NULL)
		err = http_signature_base(&input, base, &chars);
	answer_signed(n, m->request, err, base, chars);
}

static void
sign_registration(struct notary *n, const struct msg_sign_registration *m)
{
	char text[LIMIT_NAME_BYTES + sizeof(m->address) + 24];
	size_t length = strnlen(m->address, sizeof(m->address));
	enum err err = ERR_OK;
	int chars;

	if (length == 0 || length == sizeof(m->address) || strchr(m->address, '|') != NULL)
		err = ERR_MALFORMED;
	chars = snprintf(text, sizeof(text), "%s|%.*s|%" PRIu64,
	    roster_member(n->members.roster, n->self)->name, (int)length, m->address,
	    m->timestamp_s);
	answer_signed(n, m->request, err, text, (size_t)chars);
}

/* ---- the engine speaks ------------------------------------------------------------ */

static void
from_engine(void *context, struct ipc *ipc, const struct ipc_message *m)
{
	struct notary *n = context;
	const uint8_t *tail;
	size_t tail_bytes;
	const void *fixed;

	(void)ipc;
	switch (m->type) {
	case MSG_APPEND:
		if ((fixed = ipc_expect(m, sizeof(struct msg_append), &tail, &tail_bytes)) == NULL)
			break;
		append(n, ((const struct msg_append *)fixed)->request,
		    (struct span){ tail, tail_bytes });
		return;
	case MSG_KEEP:
		if ((fixed = ipc_expect(m, sizeof(struct msg_keep), &tail, &tail_bytes)) == NULL)
			break;
		keep(n, fixed, (struct span){ tail, tail_bytes });
		return;
	case MSG_PIN:
		if ((fixed = ipc_expect(m, sizeof(struct msg_pin), NULL, NULL)) == NULL)
			break;
		notary_pin_keep(&n->pin, fixed);
		if (n->pin.held.source != PIN_NONE)
			tell_pin(n);
		return;
	case MSG_SIGN_HTTP:
		if ((fixed = ipc_expect(m, sizeof(struct msg_sign_http), NULL, NULL)) == NULL)
			break;
		sign_http(n, fixed);
		return;
	case MSG_SIGN_REGISTRATION:
		fixed = ipc_expect(m, sizeof(struct msg_sign_registration), NULL, NULL);
		if (fixed == NULL)
			break;
		sign_registration(n, fixed);
		return;
	case MSG_REPLAY:
		replay(n);
		return;
	case MSG_ROSTER:
		if ((fixed = ipc_expect(m, sizeof(struct msg_roster), &tail, &tail_bytes)) == NULL)
			break;
		tell_held(
		    n, notary_roster_take(&n->members, ((const struct msg_roster *)fixed)->offset,
		           (struct span){ tail, tail_bytes }));
		return;
	case MSG_ROSTER_ASK:
		if ((fixed = ipc_expect(m, sizeof(struct msg_roster_ask), NULL, NULL)) == NULL)
			break;
		send_records(n, ((const struct msg_roster_ask *)fixed)->offset);
		return;
	default:
		break;
	}
	log_error("engine: message %" PRIu32 " of %zu bytes refused", m->type, m->size_bytes);
}

static void
engine_idle(void *context, struct ipc *ipc)
{
	(void)ipc;
	commit(context);
}

/* What it asked for and did not hear of, the next engine finds in the replay. */
static void
engine_gone(void *context, struct ipc *ipc, enum err why)
{
	struct notary *n = context;

	log_info("engine: %s", err_text(why));
	commit(n);
	ipc_free(ipc);
	n->engine = NULL;
}

static void
channel(struct child *child, enum role_id far, int fd)
{
	const struct ipc_handler handler = { .message = from_engine,
		.idle = engine_idle,
		.closed = engine_gone,
		.context = &notary };
	enum err err;

	if (far != ROLE_ENGINE) {
		log_error("a channel to role %d is refused", (int)far);
		close(fd);
		return;
	}
	if (notary.engine != NULL)
		engine_gone(&notary, notary.engine, ERR_CLOSED);
	notary.engine_fd = fd;
	if ((err = ipc_new(child->loop, fd, &handler, &notary.engine)) != ERR_OK) {
		log_error("engine: %s", err_text(err));
		return;
	}
	tell_pin(&notary);
	tell_held(&notary, ERR_OK);
}

/* ---- coming and going --------------------------------------------------------------- */

/* The one member of the roster that has our key. */
static enum err
find_self(struct notary *n)
{
	struct public_key key;

	identity_public(n->key, &key);
	n->self = roster_find_key(n->members.roster, &key);
	if (!roster_is_node(n->members.roster, n->self)) {
		log_error("%s: no member of %s has this key", n->child->config.identity_file,
		    n->child->config.roster_file);
		return ERR_AUTHOR;
	}
	return ERR_OK;
}

static enum err
prepare(struct child *child)
{
	const struct config *config = &child->config;
	enum err err;

	notary.child = child;
	notary.members.changing = on_changing;
	notary.members.reread = on_reread;
	notary.members.context = &notary;
	if ((err = notary_roster_load(&notary.members, config->roster_file, config->ca_file)) !=
	    ERR_OK)
		return err;
	if ((err = identity_load(config->identity_file, &notary.key)) != ERR_OK) {
		log_error("%s: %s", config->identity_file, err_text(err));
		return err;
	}
	if ((err = find_self(&notary)) != ERR_OK)
		return err;
	notary_pin_load(&notary.pin, config);
	/* A full disk must not keep the node from enforcing: it opens when there is room. */
	err = open_feed(&notary);
	return err == ERR_IO ? ERR_OK : err;
}

static enum err
start(struct child *child)
{
	enum err err;

	if ((err = notary_roster_start(&notary.members, child->loop)) != ERR_OK)
		return err;
	return loop_timer_new(child->loop, sync_kept, &notary, &notary.keep_timer);
}

/* After phalanx ca bundle another roster may lie there. */
static void
reload(struct child *child, const struct config *config)
{
	(void)child;
	notary_roster_reread(&notary.members);
	notary_pin_load(&notary.pin, config);
	tell_pin(&notary);
}

static void
stop(struct child *child)
{
	(void)child;
	commit(&notary);
	sync_kept(&notary);
	feed_close(notary.feed);
	notary.feed = NULL;
	identity_free(notary.key);
	notary.key = NULL;
	notary_roster_free(&notary.members);
}

int
main(int argc, char **argv)
{
	static const struct child_role role = { .id = ROLE_NOTARY,
		.name = "notary",
		.nice = 1,
		.prepare = prepare,
		.profile = profile_notary,
		.start = start,
		.channel = channel,
		.reload = reload,
		.stop = stop };

	return child_main(argc, argv, &role);
}
