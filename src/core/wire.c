#include <string.h>
#include "core/wire.h"

enum { TYPE_VARINT = 0, TYPE_BYTES = 2 };

static void
read_tag(struct wire_in *w)
{
	uint64_t tag;

	w->next = 0;
	if (buf_left(&w->in) == 0)
		return;
	tag = buf_take_varint(&w->in);
	if (w->in.err != ERR_OK)
		return;
	if (tag >> 3 == 0 || tag >> 32 != 0) {
		buf_in_fail(&w->in, ERR_MALFORMED);
		return;
	}
	w->next = (uint32_t)(tag >> 3);
	w->type = tag & 7;
}

void
wire_in_init(struct wire_in *w, struct span bytes)
{
	buf_in_init(&w->in, bytes.data, bytes.size_bytes);
	w->last = 0;
	w->type = 0;
	read_tag(w);
}

void
wire_fail(struct wire_in *w, enum err err)
{
	buf_in_fail(&w->in, err);
}

uint32_t
wire_peek(const struct wire_in *w)
{
	return w->in.err == ERR_OK ? w->next : 0;
}

/* Is field number at the cursor?  Everything before it was asked for, so a lower one is a stray. */
static bool
at_field(struct wire_in *w, uint32_t number, uint8_t type)
{
	uint32_t next = wire_peek(w);

	if (next == 0 || next > number) {
		w->last = number;
		return false;
	}
	if (next < number) {
		wire_fail(w, next <= w->last ? ERR_MALFORMED : ERR_UNKNOWN_FIELD);
		return false;
	}
	w->last = number;
	if (w->type != type) {
		wire_fail(w, ERR_MALFORMED);
		return false;
	}
	return true;
}

uint64_t
wire_u64(struct wire_in *w, uint32_t number)
{
	uint64_t value;

	if (!at_field(w, number, TYPE_VARINT))
		return 0;
	value = buf_take_varint(&w->in);
	if (value == 0)
		wire_fail(w, ERR_MALFORMED);
	read_tag(w);
	return value;
}

uint32_t
wire_u32(struct wire_in *w, uint32_t number, uint32_t least, uint32_t most)
{
	uint64_t value = wire_u64(w, number);

	if (value < least || value > most) {
		wire_fail(w, ERR_RANGE);
		return 0;
	}
	return (uint32_t)value;
}

bool
wire_bool(struct wire_in *w, uint32_t number)
{
	return wire_u32(w, number, 0, 1) != 0;
}

/* The bytes of the length-delimited field at the cursor. */
static struct span
take_bytes(struct wire_in *w)
{
	uint64_t size = buf_take_varint(&w->in);
	struct span bytes = { NULL, 0 };

	if (size > buf_left(&w->in)) {
		wire_fail(w, ERR_TRUNCATED);
		return bytes;
	}
	bytes.data = buf_take(&w->in, (size_t)size);
	bytes.size_bytes = bytes.data == NULL ? 0 : (size_t)size;
	read_tag(w);
	return bytes;
}

struct span
wire_bytes(struct wire_in *w, uint32_t number, size_t most_bytes)
{
	struct span bytes = { NULL, 0 };

	if (!at_field(w, number, TYPE_BYTES))
		return bytes;
	bytes = take_bytes(w);
	if (bytes.size_bytes == 0)
		wire_fail(w, ERR_MALFORMED);
	if (bytes.size_bytes > most_bytes)
		wire_fail(w, ERR_OVERSIZE);
	return bytes;
}

void
wire_fixed(struct wire_in *w, uint32_t number, uint8_t *out, size_t size_bytes)
{
	struct span bytes = { NULL, 0 };

	if (at_field(w, number, TYPE_BYTES))
		bytes = take_bytes(w);
	if (bytes.size_bytes != size_bytes) {
		wire_fail(w, ERR_RANGE);
		memset(out, 0, size_bytes);
		return;
	}
	memcpy(out, bytes.data, size_bytes);
}

struct span
wire_message(struct wire_in *w, uint32_t number, bool *present)
{
	struct span bytes = { NULL, 0 };

	*present = at_field(w, number, TYPE_BYTES);
	if (*present)
		bytes = take_bytes(w);
	return bytes;
}

bool
wire_repeated(struct wire_in *w, uint32_t number, struct span *out)
{
	if (!at_field(w, number, TYPE_BYTES))
		return false;
	*out = take_bytes(w);
	return w->in.err == ERR_OK;
}

bool
wire_record(struct wire_in *w, uint32_t most, uint32_t *number, struct span *out)
{
	uint32_t next = wire_peek(w);

	if (next == 0)
		return false;
	if (next > most || w->type != TYPE_BYTES) {
		wire_fail(w, next > most ? ERR_UNKNOWN_FIELD : ERR_MALFORMED);
		return false;
	}
	*number = next;
	*out = take_bytes(w);
	return w->in.err == ERR_OK;
}

enum err
wire_end(struct wire_in *w)
{
	uint32_t next = wire_peek(w);

	if (next != 0)
		wire_fail(w, next <= w->last ? ERR_MALFORMED : ERR_UNKNOWN_FIELD);
	return w->in.err;
}

enum err
wire_address(struct span bytes, struct address *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct address a = { 0 };

	if (bytes.size_bytes != 4 && bytes.size_bytes != 16)
		return ERR_RANGE;
	if (bytes.size_bytes == 16 && memcmp(bytes.data, mapped, sizeof(mapped)) == 0)
		return ERR_RANGE;
	a.family = bytes.size_bytes == 4 ? 4 : 6;
	memcpy(a.bytes, bytes.data, bytes.size_bytes);
	*out = a;
	return ERR_OK;
}

void
wire_endpoint(struct wire_in *w, uint32_t number, struct endpoint *out)
{
	struct wire_in inner;
	struct span bytes;
	bool present;
	enum err err;

	*out = (struct endpoint){ 0 };
	bytes = wire_message(w, number, &present);
	if (!present)
		return;
	wire_in_init(&inner, bytes);
	bytes = wire_bytes(&inner, 1, 16);
	out->port = (uint16_t)wire_u32(&inner, 2, 0, UINT16_MAX);
	if ((err = wire_end(&inner)) != ERR_OK ||
	    (err = wire_address(bytes, &out->address)) != ERR_OK)
		wire_fail(w, err);
}

static void
put_tag(struct buf_out *b, uint32_t number, uint32_t type)
{
	buf_put_varint(b, number << 3 | type);
}

void
wire_put_u64(struct buf_out *b, uint32_t number, uint64_t value)
{
	if (value == 0)
		return;
	put_tag(b, number, TYPE_VARINT);
	buf_put_varint(b, value);
}

void
wire_put_u32(struct buf_out *b, uint32_t number, uint32_t value, uint32_t least, uint32_t most)
{
	if (value < least || value > most)
		buf_out_fail(b, ERR_RANGE);
	wire_put_u64(b, number, value);
}

void
wire_put_bool(struct buf_out *b, uint32_t number, bool value)
{
	wire_put_u64(b, number, value);
}

void
wire_put_bytes(struct buf_out *b, uint32_t number, struct span bytes)
{
	if (bytes.size_bytes > 0)
		wire_put_fixed(b, number, bytes.data, bytes.size_bytes);
}

void
wire_put_fixed(struct buf_out *b, uint32_t number, const uint8_t *bytes, size_t size_bytes)
{
	put_tag(b, number, TYPE_BYTES);
	buf_put_varint(b, size_bytes);
	buf_put(b, bytes, size_bytes);
}

size_t
wire_open(struct buf_out *b, uint32_t number)
{
	put_tag(b, number, TYPE_BYTES);
	/* The place of a short length; nearly all are. */
	buf_put_varint(b, 0);
	return buf_used(b);
}

void
wire_close(struct buf_out *b, size_t opened)
{
	size_t size_bytes = buf_used(b) - opened;

	if (b->err != ERR_OK)
		return;
	if (size_bytes < 0x80) {
		b->start[opened - 1] = (uint8_t)size_bytes;
		return;
	}
	b->start[opened - 1] = (uint8_t)(size_bytes | 0x80);
	buf_insert_varint(b, opened, size_bytes >> 7);
}

void
wire_put_address(struct buf_out *b, uint32_t number, const struct address *a)
{
	struct span bytes = { a->bytes, a->family == 4 ? 4 : 16 };
	struct address checked;

	/* What a reader would refuse is not written. */
	if ((a->family != 4 && a->family != 6) || wire_address(bytes, &checked) != ERR_OK)
		buf_out_fail(b, ERR_RANGE);
	wire_put_fixed(b, number, bytes.data, bytes.size_bytes);
}

void
wire_put_endpoint(struct buf_out *b, uint32_t number, const struct endpoint *e)
{
	size_t opened;

	if (e->address.family == 0 && e->port == 0)
		return;
	opened = wire_open(b, number);
	wire_put_address(b, 1, &e->address);
	wire_put_u32(b, 2, e->port, 0, UINT16_MAX);
	wire_close(b, opened);
}
