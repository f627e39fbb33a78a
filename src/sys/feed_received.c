/*
 * received.log: what this node accepted from its peers, and handing all of it
 * out again at boot.
 *
 * Half of the quota is for standing entries, which are never evicted, half
 * for the rest; each author may take its equal part of either half.  When the
 * rest of an author outgrows its part, its oldest entries go until half of
 * the part is left; the file is rewritten beside and renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/feed_internal.h"
#include "sys/log.h"
#include "sys/loop.h"

#define NEW_FILE FEED_RECEIVED_LOG ".new"

struct rewrite {
	int fd;
	uint64_t bytes;
	struct feed_share *shares;
	uint64_t *to_evict; /* by author */
};

static uint64_t
share_limit(const struct feed *f)
{
	return f->config.received_limit_bytes / 2 / roster_count(f->config.roster);
}

/* MEMBER_NONE: of a member that this roster lacks; such lines stay, uncounted. */
static member_index
line_author(const struct feed *f, const struct feed_line *line)
{
	return roster_find_id(f->config.roster, &line->entry.header.author);
}

static void
count_line(struct feed *f, const struct feed_line *line, uint64_t bytes)
{
	member_index author = line_author(f, line);

	if (author == MEMBER_NONE)
		return;
	if (line->form == FEED_RECEIVED_STANDING)
		f->shares[author].standing_bytes += bytes;
	else
		f->shares[author].passing_bytes += bytes;
}

/* The next line of the file that is whole and of ours; NOT_FOUND at the end. */
static enum err
next_line(const struct feed *f, struct feed_reader *reader, struct feed_text *text,
    struct feed_line *line)
{
	enum err err;

	while ((err = feed_reader_next(reader, text)) == ERR_OK) {
		if (!text->complete || text->too_long)
			continue;
		err = feed_line_parse(f->config.crypto, text->text, text->chars, line);
		if (err == ERR_OK && line->form != FEED_OWN)
			return ERR_OK;
	}
	return err;
}

static enum err
scan(struct feed *f, uint64_t from)
{
	struct feed_reader reader;
	struct feed_text text;
	struct feed_line line;
	unsigned refused = 0;
	enum err err;

	f->received_bytes = from;
	feed_reader_init(&reader, f->received, from);
	while ((err = feed_reader_next(&reader, &text)) == ERR_OK && text.complete) {
		f->received_bytes = text.offset + text.chars + 1;
		if (text.too_long) {
			f->received_bytes = reader.offset + reader.taken;
			refused++;
		} else if (feed_line_parse(f->config.crypto, text.text, text.chars, &line) !=
		               ERR_OK ||
		           line.form == FEED_OWN)
			refused++;
		else
			count_line(f, &line, text.chars + 1);
	}
	feed_reader_free(&reader);
	if (refused > 0)
		log_warn("feed: %s: %u lines are damaged and left out", FEED_RECEIVED_LOG, refused);
	if (err == ERR_OK) /* a last line without its line feed */
		return feed_set_aside(f, f->received, FEED_RECEIVED_LOG, f->received_bytes);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err
begin(const struct feed *f, int fd, uint64_t *header_bytes)
{
	char header[FEED_HEADER_BYTES];

	*header_bytes = feed_header(f, "received", "holder", header);
	if (feed_write_at(fd, header, *header_bytes, 0) != ERR_OK ||
	    ftruncate(fd, (off_t)*header_bytes) == -1) {
		log_errno("feed: begin %s", FEED_RECEIVED_LOG);
		return ERR_IO;
	}
	return ERR_OK;
}

enum err
feed_open_received(struct feed *f)
{
	char header[FEED_HEADER_BYTES];
	size_t header_bytes = feed_header(f, "received", "holder", header);
	enum feed_header_is is;
	uint64_t from;
	enum err err;

	f->received = openat(
	    f->directory, FEED_RECEIVED_LOG, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->received == -1) {
		log_errno("feed: open %s/%s", f->config.directory, FEED_RECEIVED_LOG);
		return ERR_IO;
	}
	if ((err = feed_header_check(f->received, header, header_bytes, &is)) != ERR_OK)
		return err;
	switch (is) {
	case HEADER_OURS:
		return scan(f, header_bytes);
	case HEADER_LATER:
		log_error(
		    "feed: %s/%s is of another version", f->config.directory, FEED_RECEIVED_LOG);
		return ERR_VERSION;
	case HEADER_FOREIGN:
		/* Peers have all of it still; what is not ours is kept for people. */
		if ((err = feed_set_aside(f, f->received, FEED_RECEIVED_LOG, 0)) != ERR_OK)
			return err;
		break;
	case HEADER_ABSENT:
		break;
	}
	if ((err = begin(f, f->received, &from)) == ERR_OK)
		f->received_bytes = from;
	return err;
}

/* Copy one line unless its author has to give up that much still. */
static enum err
rewrite_line(struct feed *f, struct rewrite *r, const struct feed_text *text,
    const struct feed_line *line, char *out)
{
	member_index author = line_author(f, line);
	struct signature signature;
	uint64_t bytes = text->chars + 1;

	if (feed_signature_parse(line->signature, &signature) != ERR_OK)
		return ERR_OK;
	if (author != MEMBER_NONE) {
		if (line->form != FEED_RECEIVED_STANDING && r->to_evict[author] > 0) {
			r->to_evict[author] -=
			    bytes < r->to_evict[author] ? bytes : r->to_evict[author];
			return ERR_OK;
		}
		if (line->form == FEED_RECEIVED_STANDING)
			r->shares[author].standing_bytes += bytes;
		else
			r->shares[author].passing_bytes += bytes;
	}
	/* Reading has overwritten the text: compose it again. */
	bytes = feed_line_write(
	    f->config.crypto, &line->entry, line->body, &line->hash, line->form, &signature, out);
	if (feed_write_at(r->fd, out, bytes, r->bytes) != ERR_OK)
		return ERR_IO;
	r->bytes += bytes;
	return ERR_OK;
}

static enum err
rewrite_lines(struct feed *f, struct rewrite *r)
{
	struct feed_reader reader;
	struct feed_text text;
	struct feed_line line;
	char *out = malloc(feed_line_room(LIMIT_BODY_BYTES));
	enum err err = ERR_NOMEM;

	feed_reader_init(&reader, f->received, 0);
	while (out != NULL && (err = next_line(f, &reader, &text, &line)) == ERR_OK)
		if ((err = rewrite_line(f, r, &text, &line, out)) != ERR_OK)
			break;
	feed_reader_free(&reader);
	free(out);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err
compact(struct feed *f, member_index author)
{
	size_t members = roster_count(f->config.roster);
	struct rewrite r = { .shares = calloc(members, sizeof(*r.shares)),
		.to_evict = calloc(members, sizeof(*r.to_evict)) };
	enum err err = ERR_NOMEM;

	r.fd = openat(
	    f->directory, NEW_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r.shares == NULL || r.to_evict == NULL)
		goto fail;
	err = ERR_IO;
	if (r.fd == -1)
		goto fail;
	r.to_evict[author] = f->shares[author].passing_bytes - share_limit(f) / 2;
	if ((err = begin(f, r.fd, &r.bytes)) != ERR_OK || (err = rewrite_lines(f, &r)) != ERR_OK)
		goto fail;
	if (fsync(r.fd) == -1 ||
	    renameat(f->directory, NEW_FILE, f->directory, FEED_RECEIVED_LOG) == -1 ||
	    fsync(f->directory) == -1) {
		err = ERR_IO;
		goto fail;
	}
	close(f->received);
	free(f->shares);
	free(r.to_evict);
	f->received = r.fd;
	f->received_bytes = r.bytes;
	f->shares = r.shares;
	return ERR_OK;

fail:
	log_errno("feed: rewrite %s: %s", FEED_RECEIVED_LOG, err_text(err));
	if (r.fd != -1)
		close(r.fd);
	free(r.shares);
	free(r.to_evict);
	return err;
}

/* Room for so many bytes of that author, made if need be. */
static enum err
reserve(struct feed *f, member_index author, bool standing, size_t bytes)
{
	uint64_t limit = share_limit(f);
	struct feed_share *share = &f->shares[author];

	if (bytes > limit / 2)
		return ERR_FULL;
	if (standing)
		return share->standing_bytes + bytes > limit ? ERR_FULL : ERR_OK;
	return share->passing_bytes + bytes > limit ? compact(f, author) : ERR_OK;
}

enum err
feed_keep(struct feed *f, member_index author, bool standing, struct span bytes)
{
	struct envelope envelope;
	struct entry e;
	struct hash hash;
	char *line;
	size_t line_bytes;
	enum err err;

	if (author >= roster_count(f->config.roster))
		return ERR_AUTHOR;
	if ((err = envelope_parse(bytes.data, bytes.size_bytes, &envelope)) != ERR_OK ||
	    (err = entry_decode(envelope.body, &e)) != ERR_OK)
		return err;
	if (!envelope.is_signed || e.header.sequence == 0 || entry_is_link_message(e.kind))
		return ERR_MALFORMED;
	if (!node_id_equal(&e.header.author, &roster_member(f->config.roster, author)->id))
		return ERR_AUTHOR;
	if ((line = malloc(feed_line_room(envelope.body.size_bytes))) == NULL)
		return ERR_NOMEM;
	entry_hash(f->config.crypto, envelope.body, &hash);
	line_bytes = feed_line_write(f->config.crypto, &e, envelope.body, &hash,
	    standing ? FEED_RECEIVED_STANDING : FEED_RECEIVED, &envelope.signature, line);
	if ((err = reserve(f, author, standing, line_bytes)) != ERR_OK)
		goto done;
	if ((err = feed_write_at(f->received, line, line_bytes, f->received_bytes)) != ERR_OK) {
		log_errno("feed: write %s", FEED_RECEIVED_LOG);
		if (ftruncate(f->received, (off_t)f->received_bytes) == -1)
			log_errno("feed: cut %s back", FEED_RECEIVED_LOG);
		goto done;
	}
	f->received_bytes += line_bytes;
	f->received_dirty = true;
	if (standing)
		f->shares[author].standing_bytes += line_bytes;
	else
		f->shares[author].passing_bytes += line_bytes;

done:
	free(line);
	return err;
}

enum err
feed_keep_sync(struct feed *f)
{
	if (!f->received_dirty)
		return ERR_OK;
	if (fdatasync(f->received) == -1) {
		log_errno("feed: sync %s", FEED_RECEIVED_LOG);
		return ERR_IO;
	}
	f->received_dirty = false;
	return ERR_OK;
}

struct replay {
	struct feed *feed;
	uint64_t since_ms;
	void (*each)(void *context, bool own, struct span envelope);
	void *context;
};

static void
replay_line(const struct replay *r, const struct feed_line *line, uint8_t *room, size_t room_bytes)
{
	struct signature signature;
	bool own = line->form == FEED_OWN;
	bool standing =
	    own ? entry_is_urgent(line->entry.kind) : line->form == FEED_RECEIVED_STANDING;

	if (!standing && line->entry.header.time_ms < r->since_ms)
		return;
	if (feed_signature_parse(line->signature, &signature) == ERR_OK &&
	    envelope_write(line->body, &signature, room, &room_bytes) == ERR_OK)
		r->each(r->context, own, (struct span){ room, room_bytes });
}

static enum err
replay_file(const struct replay *r, bool own, uint8_t *room)
{
	struct feed *f = r->feed;
	struct feed_reader reader;
	struct feed_text text;
	struct feed_line line;
	enum err err;

	feed_reader_init(&reader, own ? f->fd : f->received, 0);
	while ((err = feed_reader_next(&reader, &text)) == ERR_OK) {
		/* What lies behind the last good entry of our own is no part of the feed. */
		if (own && text.offset >= f->size_bytes)
			break;
		if (text.complete && !text.too_long &&
		    feed_line_parse(f->config.crypto, text.text, text.chars, &line) == ERR_OK &&
		    (line.form == FEED_OWN) == own)
			replay_line(r, &line, room, LIMIT_ENVELOPE_BYTES);
	}
	feed_reader_free(&reader);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err
feed_replay(
    struct feed *f, void (*each)(void *context, bool own, struct span envelope), void *context)
{
	uint64_t now_ms = loop_unix_ms();
	struct replay r = { .feed = f, .each = each, .context = context };
	uint8_t *room = malloc(LIMIT_ENVELOPE_BYTES);
	enum err err;

	if (room == NULL)
		return ERR_NOMEM;
	r.since_ms = now_ms > LIMIT_PRECAUTION_MS ? now_ms - LIMIT_PRECAUTION_MS : 0;
	if ((err = replay_file(&r, true, room)) == ERR_OK)
		err = replay_file(&r, false, room);
	free(room);
	return err;
}
