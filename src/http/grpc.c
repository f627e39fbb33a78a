#include <stdlib.h>
#include <string.h>
#include "http/grpc.h"

#define FIRST_ROOM_BYTES 512

void
grpc_reader_init(struct grpc_reader *r, size_t cap_bytes)
{
	memset(r, 0, sizeof(*r));
	r->cap_bytes = cap_bytes;
}

void
grpc_reader_free(struct grpc_reader *r)
{
	free(r->message);
	r->message = NULL;
	r->have_bytes = r->room_bytes = r->prefix_bytes = 0;
}

bool
grpc_reader_is_midway(const struct grpc_reader *r)
{
	return r->prefix_bytes > 0;
}

static size_t
announced_bytes(const struct grpc_reader *r)
{
	return (size_t)r->prefix[1] << 24 | (size_t)r->prefix[2] << 16 | (size_t)r->prefix[3] << 8 |
	       (size_t)r->prefix[4];
}

static enum err
check_prefix(const struct grpc_reader *r)
{
	if (r->prefix[0] == 1)
		return ERR_UNSUPPORTED;
	if (r->prefix[0] != 0)
		return ERR_MALFORMED;
	return announced_bytes(r) > r->cap_bytes ? ERR_OVERSIZE : ERR_OK;
}

static enum err
keep_piece(struct grpc_reader *r, size_t total_bytes, const uint8_t *data, size_t size_bytes)
{
	size_t room = r->room_bytes;
	uint8_t *bigger;

	if (size_bytes == 0)
		return ERR_OK;
	if (room == 0)
		room = FIRST_ROOM_BYTES;
	while (room < r->have_bytes + size_bytes)
		room *= 2;
	if (room > total_bytes)
		room = total_bytes;
	if (room != r->room_bytes) {
		if ((bigger = realloc(r->message, room)) == NULL)
			return ERR_NOMEM;
		r->message = bigger;
		r->room_bytes = room;
	}
	memcpy(r->message + r->have_bytes, data, size_bytes);
	r->have_bytes += size_bytes;
	return ERR_OK;
}

enum err
grpc_read(struct grpc_reader *r, const uint8_t *data, size_t size_bytes,
    bool (*message)(void *, const uint8_t *, size_t), void *context)
{
	size_t take, total;
	enum err err;
	bool more;

	while (size_bytes > 0) {
		if (r->prefix_bytes < GRPC_PREFIX_BYTES) {
			take = GRPC_PREFIX_BYTES - r->prefix_bytes;
			if (take > size_bytes)
				take = size_bytes;
			memcpy(r->prefix + r->prefix_bytes, data, take);
			r->prefix_bytes += take;
			data += take;
			size_bytes -= take;
			if (r->prefix_bytes < GRPC_PREFIX_BYTES)
				break;
			if ((err = check_prefix(r)) != ERR_OK)
				return err;
		}
		total = announced_bytes(r);
		take = total - r->have_bytes;
		if (take > size_bytes)
			take = size_bytes;
		/* The usual case, a message in one piece, is passed on without a copy. */
		if (take == total) {
			r->prefix_bytes = 0;
			more = message(context, data, total);
		} else {
			if ((err = keep_piece(r, total, data, take)) != ERR_OK)
				return err;
			if (r->have_bytes < total)
				break;
			more = message(context, r->message, total);
			grpc_reader_free(r);
		}
		if (!more)
			break;
		data += take;
		size_bytes -= take;
	}
	return ERR_OK;
}

void
grpc_write_prefix(size_t message_bytes, uint8_t out[GRPC_PREFIX_BYTES])
{
	out[0] = 0;
	out[1] = (uint8_t)(message_bytes >> 24);
	out[2] = (uint8_t)(message_bytes >> 16);
	out[3] = (uint8_t)(message_bytes >> 8);
	out[4] = (uint8_t)message_bytes;
}
