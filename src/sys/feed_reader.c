#include "sys/feed_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

#define FIRST_ROOM 8192

void
feed_reader_init(struct feed_reader *r, int fd, uint64_t offset)
{
	*r = (struct feed_reader){ .fd = fd, .offset = offset };
}

void
feed_reader_free(struct feed_reader *r)
{
	free(r->data);
	*r = (struct feed_reader){ .fd = -1 };
}

/* Forget what was handed out, then make room: double it up to the limit. */
static enum err
make_room(struct feed_reader *r)
{
	char *data;
	size_t room;

	if (r->taken > 0) {
		memmove(r->data, r->data + r->taken, r->used - r->taken);
		r->used -= r->taken;
		r->offset += r->taken;
		r->taken = 0;
	}
	if (r->used < r->room)
		return ERR_OK;
	room = r->room == 0 ? FIRST_ROOM : 2 * r->room;
	if (room > LIMIT_LINE_BYTES)
		return ERR_OVERSIZE;
	if ((data = realloc(r->data, room)) == NULL)
		return ERR_NOMEM;
	r->data = data;
	r->room = room;
	return ERR_OK;
}

static enum err
fill(struct feed_reader *r)
{
	enum err err;
	ssize_t n;

	if ((err = make_room(r)) != ERR_OK)
		return err;
	do
		n = pread(
		    r->fd, r->data + r->used, r->room - r->used, (off_t)(r->offset + r->used));
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return ERR_IO;
	r->at_end = n == 0;
	r->used += (size_t)n;
	return ERR_OK;
}

/* No line of ours is that long: pass over the rest of it. */
static enum err
skip_line(struct feed_reader *r, struct feed_text *out)
{
	char *end;
	enum err err;

	for (;;) {
		r->offset += r->used;
		r->used = r->taken = 0;
		if ((err = fill(r)) != ERR_OK)
			return err;
		if (r->at_end)
			return ERR_OK;
		if ((end = memchr(r->data, '\n', r->used)) != NULL) {
			r->taken = (size_t)(end - r->data) + 1;
			out->complete = true;
			return ERR_OK;
		}
	}
}

enum err
feed_reader_next(struct feed_reader *r, struct feed_text *out)
{
	struct feed_text line = { 0 };
	size_t searched = 0;
	char *end;
	enum err err;

	while (
	    (end = r->used == r->taken + searched ? NULL
	                                          : memchr(r->data + r->taken + searched, '\n',
	                                                r->used - r->taken - searched)) == NULL) {
		searched = r->used - r->taken;
		err = r->at_end ? ERR_OK : fill(r);
		if (err == ERR_OVERSIZE) {
			line = (struct feed_text){ .offset = r->offset, .too_long = true };
			if ((err = skip_line(r, &line)) != ERR_OK)
				return err;
			*out = line;
			return ERR_OK;
		}
		if (err != ERR_OK)
			return err;
		if (!r->at_end)
			continue;
		if (searched == 0)
			return ERR_NOT_FOUND;
		end = r->data + r->used;
		break;
	}
	line.text = r->data + r->taken;
	line.chars = (size_t)(end - line.text);
	line.offset = r->offset + r->taken;
	line.complete = end < r->data + r->used;
	r->taken += line.chars + line.complete;
	*out = line;
	return ERR_OK;
}
