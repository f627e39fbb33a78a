/*
 * Opening audit.log: what stands there is proven, what a crash left half done
 * is completed or set aside, and everything else is lost state.
 *
 * A commit is: lines with blank signatures, fdatasync, signatures.  So a crash
 * leaves one of two things behind the last whole entry: lines that were never
 * signed, of which any part may be missing, or whole lines whose signatures
 * are blank in part.  The former were never handed out and are cut off; the
 * latter are signed again with the same bytes, as Ed25519 is deterministic.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "sys/feed_internal.h"
#include "sys/log.h"

#define SIGNATURE_MARK "\"signature\":\""
#define TORN_MOST      1000
#define COPY_BYTES     16384

size_t
feed_header(const struct feed *f, const char *what, const char *owner, char out[FEED_HEADER_BYTES])
{
	char mesh[HEX_ROOM(sizeof(struct mesh_id))], id[HEX_ROOM(sizeof(struct node_id))];

	hex_format(roster_mesh(f->config.roster)->bytes, sizeof(struct mesh_id), mesh);
	hex_format(f->self->id.bytes, sizeof(f->self->id.bytes), id);
	return (size_t)snprintf(out, FEED_HEADER_BYTES,
	    "{\"phalanx_%s\":%d,\"mesh\":\"%s\",\"%s\":\"%s\"}\n", what, MESSAGE_VERSION, mesh,
	    owner, id);
}

enum err
feed_header_check(int fd, const char *expected, size_t expected_bytes, enum feed_header_is *out)
{
	char found[FEED_HEADER_BYTES + 1] = "";
	size_t name_bytes = strcspn(expected, ":");
	ssize_t n = pread(fd, found, FEED_HEADER_BYTES, 0);

	if (n == -1)
		return ERR_IO;
	if ((size_t)n >= expected_bytes && memcmp(found, expected, expected_bytes) == 0)
		*out = HEADER_OURS;
	else if ((size_t)n < expected_bytes && memchr(found, '\n', (size_t)n) == NULL)
		*out = HEADER_ABSENT; /* a crash in its very first write */
	else if (memcmp(found, expected, name_bytes + 1) == 0 &&
	         memcmp(found + name_bytes, expected + name_bytes, 3) != 0)
		*out = HEADER_LATER;
	else
		*out = HEADER_FOREIGN;
	return ERR_OK;
}

enum err
feed_write_at(int fd, const void *data, size_t size_bytes, uint64_t offset)
{
	const uint8_t *at = data;

	while (size_bytes > 0) {
		ssize_t n = pwrite(fd, at, size_bytes, (off_t)offset);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_IO;
		at += n;
		offset += (uint64_t)n;
		size_bytes -= (size_t)n;
	}
	return ERR_OK;
}

static enum err
copy_tail(int from, uint64_t offset, int to)
{
	char data[COPY_BYTES];
	uint64_t written = 0;
	ssize_t n;

	while ((n = pread(from, data, sizeof(data), (off_t)(offset + written))) > 0) {
		if (feed_write_at(to, data, (size_t)n, written) != ERR_OK)
			return ERR_IO;
		written += (uint64_t)n;
	}
	return n == 0 && fsync(to) == 0 ? ERR_OK : ERR_IO;
}

enum err
feed_set_aside(const struct feed *f, int fd, const char *name, uint64_t from)
{
	char aside[64];
	int to = -1;

	for (int i = 1; to == -1 && i < TORN_MOST; i++) {
		snprintf(aside, sizeof(aside), "%s.torn.%d", name, i);
		to = openat(f->directory, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (to == -1 && errno != EEXIST)
			break;
	}
	if (to == -1 || copy_tail(fd, from, to) != ERR_OK) {
		log_errno("feed: keep the torn end of %s as %s", name, aside);
		if (to != -1)
			close(to);
		return ERR_IO;
	}
	close(to);
	if (ftruncate(fd, (off_t)from) == -1 || fdatasync(fd) == -1 || fsync(f->directory) == -1) {
		log_errno("feed: cut off the torn end of %s", name);
		return ERR_IO;
	}
	log_warn("feed: the end of %s was torn: cut off at byte %" PRIu64 " and kept as %s", name,
	    from, aside);
	return ERR_OK;
}

/*
 * Is the signature that stands there the one that we make?  Blank places,
 * left by a crash, are filled in.
 */
static enum err
complete_signature(struct feed *f, const struct feed_text *text, const struct feed_line *line)
{
	char expected[FEED_SIGNATURE_CHARS];
	struct signature signature;
	bool blanks = false;

	identity_sign(
	    f->config.key, DOMAIN_ENTRY, line->body.data, line->body.size_bytes, &signature);
	base64_encode(signature.bytes, sizeof(signature.bytes), expected);
	for (size_t i = 0; i < sizeof(expected); i++) {
		if (line->signature[i] == ' ')
			blanks = true;
		else if (line->signature[i] != expected[i])
			return ERR_SIGNATURE;
	}
	if (!blanks)
		return ERR_OK;
	return feed_write_at(f->fd, expected, sizeof(expected),
	    text->offset + (uint64_t)(line->signature - text->text));
}

static void
begin_incarnation(struct feed *f, uint64_t incarnation)
{
	f->incarnation = incarnation;
	f->sequence = 0;
	memset(&f->head, 0, sizeof(f->head));
}

static enum err
accept_line(struct feed *f, const struct feed_text *text)
{
	const struct entry_header *h;
	struct feed_line line;
	enum err err;

	if (!text->complete || text->too_long)
		return ERR_TRUNCATED;
	if ((err = feed_line_parse(f->config.crypto, text->text, text->chars, &line)) != ERR_OK)
		return err;
	h = &line.entry.header;
	if (line.form != FEED_OWN ||
	    memcmp(h->mesh.bytes, roster_mesh(f->config.roster)->bytes, sizeof(h->mesh.bytes)) !=
	        0 ||
	    !node_id_equal(&h->author, &f->self->id))
		return ERR_AUTHOR;
	if (h->incarnation > f->self->incarnation)
		return ERR_STALE; /* the roster is, or this log is from another life */
	/* A new incarnation begins anew. */
	if (h->incarnation > f->incarnation)
		begin_incarnation(f, h->incarnation);
	if (h->incarnation != f->incarnation || h->sequence != f->sequence + 1 ||
	    !hash_equal(&h->previous, &f->head))
		return ERR_EQUIVOCATION;
	if ((err = complete_signature(f, text, &line)) != ERR_OK)
		return err;
	f->sequence = h->sequence;
	f->head = line.hash;
	f->size_bytes = text->offset + text->chars + 1;
	return ERR_OK;
}

/* Could this broken line have been signed, and so handed out? */
static bool
was_signed(const struct feed_text *text)
{
	const char *at, *end = text->text + text->chars;

	if (text->too_long)
		return true;
	if (text->complete)
		return text->chars < FEED_SIGNATURE_CHARS + FEED_LINE_END_BYTES - 1 ||
		       !feed_signature_is_blank(
		           end - FEED_SIGNATURE_CHARS - (FEED_LINE_END_BYTES - 1));
	at = memmem(text->text, text->chars, SIGNATURE_MARK, sizeof(SIGNATURE_MARK) - 1);
	if (at == NULL)
		return false;
	at += sizeof(SIGNATURE_MARK) - 1;
	end = (size_t)(end - at) > FEED_SIGNATURE_CHARS ? at + FEED_SIGNATURE_CHARS : end;
	while (at < end && *at == ' ')
		at++;
	return at < end;
}

/* Every line that holds; *broken_at: the first byte of what does not, or the end. */
static enum err
scan(struct feed *f, bool *torn)
{
	struct feed_reader reader;
	struct feed_text text;
	unsigned line = 1;
	enum err err, why = ERR_OK;

	*torn = false;
	feed_reader_init(&reader, f->fd, f->size_bytes);
	while ((err = feed_reader_next(&reader, &text)) == ERR_OK) {
		line++;
		if (why == ERR_OK) {
			why = accept_line(f, &text);
			if (why == ERR_OK)
				continue;
			if (why == ERR_IO)
				break;
			*torn = true;
		}
		if (was_signed(&text)) {
			*torn = false;
			f->lost_state = true;
			log_error("feed: %s line %u: %s; nothing more will be signed before the CA "
			          "renews this node; see phalanx audit verify",
			    FEED_AUDIT, line, err_text(why));
			break;
		}
	}
	feed_reader_free(&reader);
	if (why == ERR_IO)
		return ERR_IO;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err
write_header(struct feed *f, const char *header, size_t header_bytes)
{
	enum err err;

	if ((err = feed_write_at(f->fd, header, header_bytes, 0)) != ERR_OK ||
	    ftruncate(f->fd, (off_t)header_bytes) == -1 || fdatasync(f->fd) == -1 ||
	    fsync(f->directory) == -1) {
		log_errno("feed: begin %s", FEED_AUDIT);
		return ERR_IO;
	}
	return ERR_OK;
}

/* ---- a log that is damaged ------------------------------------------------------- */

/* 0: no mark, or none that can be read. */
static uint64_t
lost_in(const struct feed *f)
{
	char text[24] = "";
	uint64_t incarnation = 0;
	int fd = openat(f->directory, FEED_LOST, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return 0;
	if (read(fd, text, sizeof(text) - 1) <= 0 || sscanf(text, "%" SCNu64, &incarnation) != 1)
		incarnation = 0;
	close(fd);
	return incarnation;
}

static enum err
mark_lost(const struct feed *f)
{
	char text[24];
	int chars = snprintf(text, sizeof(text), "%" PRIu64 "\n", f->self->incarnation);
	int fd = openat(
	    f->directory, FEED_LOST, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum err err;

	if (fd == -1)
		return ERR_IO;
	err = feed_write_at(fd, text, (size_t)chars, 0);
	if (err == ERR_OK && (fsync(fd) == -1 || fsync(f->directory) == -1))
		err = ERR_IO;
	close(fd);
	return err;
}

static enum err
unmark_lost(const struct feed *f)
{
	if (unlinkat(f->directory, FEED_LOST, 0) == -1)
		return errno == ENOENT ? ERR_OK : ERR_IO;
	return fsync(f->directory) == -1 ? ERR_IO : ERR_OK;
}

/*
 * Which of our sequences were used, a damaged log cannot say.  In a later
 * incarnation than the one in which the damage was found none was: the log is
 * set aside, and a new one begins.  The mark goes first, so that no crash
 * leaves it beside a log that is whole.
 */
static enum err
begin_again(struct feed *f, const char *header, size_t header_bytes)
{
	uint64_t incarnation = lost_in(f);
	enum err err;

	if (incarnation == 0 || incarnation >= f->self->incarnation)
		return incarnation == 0 ? mark_lost(f) : ERR_OK;
	if ((err = unmark_lost(f)) != ERR_OK ||
	    (err = feed_set_aside(f, f->fd, FEED_AUDIT, 0)) != ERR_OK)
		return err;
	begin_incarnation(f, 0);
	f->size_bytes = header_bytes;
	f->lost_state = false;
	log_warn("feed: %s was damaged; this node's incarnation %" PRIu64 " begins a new one",
	    FEED_AUDIT, f->self->incarnation);
	return write_header(f, header, header_bytes);
}

static enum err
open_log(struct feed *f)
{
	char header[FEED_HEADER_BYTES];
	size_t header_bytes = feed_header(f, "audit", "author", header);
	enum feed_header_is is;
	bool torn;
	enum err err;

	if (f->fd == -1)
		f->fd = openat(
		    f->directory, FEED_AUDIT, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd == -1) {
		log_errno("feed: open %s/%s", f->config.directory, FEED_AUDIT);
		return ERR_IO;
	}
	/* Two writers would fork the hash chain, so never share the file. */
	if (flock(f->fd, LOCK_EX | LOCK_NB) == -1) {
		log_errno("feed: lock %s/%s", f->config.directory, FEED_AUDIT);
		return errno == EWOULDBLOCK ? ERR_LOCKED : ERR_IO;
	}
	if ((err = feed_header_check(f->fd, header, header_bytes, &is)) != ERR_OK)
		return err;
	switch (is) {
	case HEADER_OURS:
		break;
	case HEADER_ABSENT:
		f->size_bytes = header_bytes;
		return write_header(f, header, header_bytes);
	case HEADER_FOREIGN:
		f->lost_state = true;
		log_error("feed: %s/%s is of another mesh or identity, or damaged: nothing will be "
		          "signed before the CA renews this node",
		    f->config.directory, FEED_AUDIT);
		return begin_again(f, header, header_bytes);
	case HEADER_LATER:
		log_error("feed: %s/%s is of another version", f->config.directory, FEED_AUDIT);
		return ERR_VERSION;
	}
	f->size_bytes = header_bytes;
	if ((err = scan(f, &torn)) != ERR_OK)
		return err;
	if (f->lost_state)
		return begin_again(f, header, header_bytes);
	if (torn)
		return feed_set_aside(f, f->fd, FEED_AUDIT, f->size_bytes);
	/*
	 * A process that was killed before its fdatasync left lines in the cache
	 * that are about to be handed out: they must outlive a power loss, too.
	 */
	if (fdatasync(f->fd) == -1) {
		log_errno("feed: sync %s", FEED_AUDIT);
		return ERR_IO;
	}
	return ERR_OK;
}

enum err
feed_open_own(struct feed *f)
{
	enum err err;

	f->lost_state = f->dirty_tail = false;
	begin_incarnation(f, 0);
	if ((err = open_log(f)) != ERR_OK || (!f->lost_state && (err = unmark_lost(f)) != ERR_OK))
		return err;
	/* Renewed since its last entry. */
	if (f->incarnation < f->self->incarnation)
		begin_incarnation(f, f->self->incarnation);
	f->staged_sequence = f->sequence;
	f->staged_head = f->head;
	return ERR_OK;
}
