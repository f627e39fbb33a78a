#include "sys/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ballot.h"
#include "sys/feed_internal.h"
#include "sys/log.h"

#define KEPT_BUFFER_BYTES 16384

enum err
feed_open(const struct feed_config *config, struct feed **out)
{
	struct feed *f;
	enum err err;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return ERR_NOMEM;
	f->config = *config;
	f->self = roster_member(config->roster, config->self);
	f->fd = f->received = -1;
	f->shares = calloc(roster_count(config->roster), sizeof(*f->shares));
	f->directory = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->shares == NULL) {
		err = ERR_NOMEM;
		goto fail;
	}
	if (f->directory == -1) {
		log_errno("feed: open %s", config->directory);
		err = ERR_IO;
		goto fail;
	}
	if (f->config.received_limit_bytes == 0)
		f->config.received_limit_bytes = LIMIT_RECEIVED_BYTES;
	if ((err = feed_open_own(f)) != ERR_OK || (err = feed_open_received(f)) != ERR_OK)
		goto fail;
	*out = f;
	return ERR_OK;

fail:
	feed_close(f);
	return err;
}

void
feed_close(struct feed *f)
{
	if (f == NULL)
		return;
	if (f->fd != -1)
		close(f->fd); /* and with it the lock */
	if (f->received != -1)
		close(f->received);
	if (f->directory != -1)
		close(f->directory);
	free(f->lines.data);
	free(f->bodies.data);
	free(f->shares);
	free(f);
}

enum err
feed_set_roster(struct feed *f, const struct roster *roster)
{
	const struct member *self = roster_member(roster, f->config.self);
	bool begins = self->incarnation > f->self->incarnation;
	struct feed_share *shares;
	enum err err;

	shares = realloc(f->shares, roster_count(roster) * sizeof(*shares));
	if (shares == NULL)
		return ERR_NOMEM;
	for (size_t i = roster_count(f->config.roster); i < roster_count(roster); i++)
		shares[i] = (struct feed_share){ 0 };
	f->shares = shares;
	f->config.roster = roster;
	f->self = self;
	if (!begins)
		return ERR_OK;
	/* What stands on the disk says where the new one begins. */
	if ((err = feed_open_own(f)) != ERR_OK) {
		log_error("feed: %s cannot be begun anew: %s; nothing will be signed before the "
		          "next start",
		    FEED_AUDIT, err_text(err));
		f->lost_state = true;
	}
	return ERR_OK;
}

bool
feed_lost_state(const struct feed *f)
{
	return f->lost_state;
}

uint64_t
feed_sequence(const struct feed *f)
{
	return f->sequence;
}

const struct hash *
feed_head_hash(const struct feed *f)
{
	return &f->head;
}

static enum err
make_room(struct feed_buffer *b, size_t more_bytes)
{
	size_t room = b->room == 0 ? 4096 : b->room;
	uint8_t *data;

	while (room - b->used < more_bytes)
		room *= 2;
	if (room == b->room)
		return ERR_OK;
	if ((data = realloc(b->data, room)) == NULL)
		return ERR_NOMEM;
	b->data = data;
	b->room = room;
	return ERR_OK;
}

static void
empty(struct feed_buffer *b)
{
	b->used = 0;
	if (b->room > KEPT_BUFFER_BYTES) {
		free(b->data);
		*b = (struct feed_buffer){ 0 };
	}
}

static void
unstage(struct feed *f)
{
	f->staged_count = 0;
	f->staged_sequence = f->sequence;
	f->staged_head = f->head;
	empty(&f->lines);
	empty(&f->bodies);
}

/* What the draft leaves open, and for a verdict the ballot's signature. */
static void
fill_in(const struct feed *f, struct entry *e)
{
	uint8_t bytes[BALLOT_BYTES];
	struct ballot ballot;

	e->header.author = f->self->id;
	e->header.incarnation = f->self->incarnation;
	e->header.sequence = f->staged_sequence + 1;
	e->header.previous = f->staged_head;
	if (e->kind != ENTRY_VERDICT)
		return;
	ballot = (struct ballot){ .level = e->verdict.level,
		.mesh = e->header.mesh,
		.epoch = e->header.epoch,
		.subject = e->verdict.subject,
		.round = e->verdict.round,
		.window = e->verdict.window };
	ballot_write(&ballot, bytes);
	identity_sign(
	    f->config.key, DOMAIN_BALLOT, bytes, sizeof(bytes), &e->verdict.ballot_signature);
}

static enum err
check_draft(const struct feed *f, const struct entry *e)
{
	uint64_t epoch = epoch_number(roster_current(f->config.roster));

	if (entry_is_link_message(e->kind) || e->header.sequence != 0)
		return ERR_MALFORMED;
	if (memcmp(e->header.mesh.bytes, roster_mesh(f->config.roster)->bytes,
	        sizeof(e->header.mesh.bytes)) != 0)
		return ERR_MESH;
	/* The core may not have heard of the newest epoch yet. */
	return e->header.epoch == epoch || e->header.epoch + 1 == epoch ? ERR_OK : ERR_EPOCH;
}

enum err
feed_stage(struct feed *f, struct span draft, uint32_t *ticket)
{
	struct feed_staged *s = &f->staged[f->staged_count];
	struct entry e;
	struct hash hash;
	struct span body;
	size_t room, line_bytes;
	enum err err;

	if (f->lost_state)
		return ERR_DENIED;
	if (f->staged_count == LIMIT_PENDING_APPENDS)
		return ERR_FULL;
	if ((err = entry_decode(draft, &e)) != ERR_OK || (err = check_draft(f, &e)) != ERR_OK)
		return err;
	fill_in(f, &e);

	/* Author, incarnation, sequence, previous and a ballot's signature are what it grows by. */
	room = draft.size_bytes + 256;
	if ((err = make_room(&f->bodies, room)) != ERR_OK ||
	    (err = make_room(&f->lines, feed_line_room(room))) != ERR_OK)
		return err;
	body = (struct span){ f->bodies.data + f->bodies.used, room };
	if ((err = entry_encode(&e, f->bodies.data + f->bodies.used, &body.size_bytes)) != ERR_OK)
		return err;
	if (body.size_bytes > LIMIT_BODY_BYTES)
		return ERR_OVERSIZE;
	entry_hash(f->config.crypto, body, &hash);
	line_bytes = feed_line_write(f->config.crypto, &e, body, &hash, FEED_OWN, NULL,
	    (char *)f->lines.data + f->lines.used);

	*s = (struct feed_staged){ f->next_ticket++, f->bodies.used, body.size_bytes,
		f->lines.used + line_bytes - FEED_LINE_END_BYTES - FEED_SIGNATURE_CHARS };
	f->bodies.used += body.size_bytes;
	f->lines.used += line_bytes;
	f->staged_count++;
	f->staged_sequence++;
	f->staged_head = hash;
	*ticket = s->ticket;
	return ERR_OK;
}

/* The lines durable, or the file as it was before. */
static enum err
write_lines(struct feed *f)
{
	if (f->dirty_tail && ftruncate(f->fd, (off_t)f->size_bytes) == -1) {
		log_errno("feed: cut %s back", FEED_AUDIT);
		return ERR_IO;
	}
	f->dirty_tail = false;
	if (feed_write_at(f->fd, f->lines.data, f->lines.used, f->size_bytes) == ERR_OK &&
	    fdatasync(f->fd) == 0)
		return ERR_OK;
	log_errno("feed: write %s", FEED_AUDIT);
	f->dirty_tail = ftruncate(f->fd, (off_t)f->size_bytes) == -1;
	return ERR_IO;
}

/* *out points into room. */
static enum err
sign_staged(
    struct feed *f, const struct feed_staged *s, uint8_t *room, size_t room_bytes, struct span *out)
{
	struct span body = { f->bodies.data + s->body_at, s->body_bytes };
	char text[FEED_SIGNATURE_CHARS];
	struct signature signature;
	enum err err;

	identity_sign(f->config.key, DOMAIN_ENTRY, body.data, body.size_bytes, &signature);
	base64_encode(signature.bytes, sizeof(signature.bytes), text);
	/* The entry is durable: what cannot be written now is made again on opening. */
	if (feed_write_at(f->fd, text, sizeof(text), f->size_bytes + s->signature_at) != ERR_OK)
		log_errno("feed: complete %s", FEED_AUDIT);
	out->data = room;
	out->size_bytes = room_bytes;
	if ((err = envelope_write(body, &signature, room, &out->size_bytes)) != ERR_OK)
		log_error("feed: envelope: %s", err_text(err));
	return err;
}

enum err
feed_commit(struct feed *f, void (*done)(void *context, uint32_t ticket, struct span envelope),
    void *context)
{
	uint8_t room[LIMIT_ENVELOPE_BYTES];
	struct span envelope;
	enum err err;

	if (f->staged_count == 0)
		return ERR_OK;
	if ((err = write_lines(f)) != ERR_OK) {
		unstage(f);
		return err;
	}
	for (size_t i = 0; i < f->staged_count; i++)
		if (sign_staged(f, &f->staged[i], room, sizeof(room), &envelope) == ERR_OK)
			done(context, f->staged[i].ticket, envelope);
	f->size_bytes += f->lines.used;
	f->sequence = f->staged_sequence;
	f->head = f->staged_head;
	unstage(f);
	return ERR_OK;
}
