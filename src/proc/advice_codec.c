/*
 * advice_codec: see advice_codec.h.
 */
#include <string.h>
#include "core/rules.h"
#include "core/wire.h"
#include "proc/advice_codec.h"

enum { TYPE_VARINT = 0, TYPE_64 = 1, TYPE_BYTES = 2, TYPE_32 = 5 };

/* ---- the question ------------------------------------------------------------------- */

static void
put_float(struct buf_out *b, uint32_t number, float value)
{
	uint8_t bytes[4];
	uint32_t bits;
	size_t i;

	if (!(value > 0))
		return;
	memcpy(&bits, &value, sizeof(bits));
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(bits >> 8 * i);
	buf_put_varint(b, number << 3 | TYPE_32);
	buf_put(b, bytes, sizeof(bytes));
}

/*
 * A string field is UTF-8 or other readers refuse the message, and these bytes
 * may be anything: each is sent as the character of its number, so that none
 * is lost.
 */
static void
put_text(struct buf_out *b, uint32_t number, const struct msg_text *text)
{
	uint8_t out[2 * LIMIT_HINT_BYTES];
	size_t i, size = 0;

	for (i = 0; i < text->size_bytes && i < sizeof(text->bytes); i++) {
		if (text->bytes[i] >= 0x80)
			out[size++] = (uint8_t)(0xc0 | text->bytes[i] >> 6);
		out[size++] = text->bytes[i] < 0x80 ? text->bytes[i]
		                                    : (uint8_t)(0x80 | (text->bytes[i] & 0x3f));
	}
	wire_put_bytes(b, number, (struct span){ out, size });
}

enum err
advice_encode(const char *node, const struct msg_advise *ask, struct span sample, uint8_t *out,
    size_t room, size_t *size_bytes)
{
	struct buf_out b;
	char source[46];
	size_t event;

	address_format(&ask->source.address, source);
	buf_out_init(&b, out, room);
	wire_put_bytes(&b, 1, (struct span){ (const uint8_t *)node, strlen(node) });
	put_float(&b, 2, ask->cpu_percent);
	put_float(&b, 3, ask->memory_percent);
	event = wire_open(&b, 4);
	wire_put_u64(&b, 1, ask->class);
	wire_put_bytes(&b, 2, (struct span){ (const uint8_t *)source, strlen(source) });
	wire_put_u64(&b, 3, ask->seen_ms / 1000);
	wire_put_u64(&b, 4, ask->source.port);
	wire_put_u64(&b, 5, ask->port);
	wire_put_u64(&b, 6, ask->count);
	wire_put_u64(&b, 7, ask->captured_bytes);
	wire_put_bytes(&b, 8, sample);
	put_text(&b, 9, &ask->hints.banner);
	put_text(&b, 10, &ask->hints.username);
	put_text(&b, 11, &ask->hints.user_agent);
	put_text(&b, 12, &ask->hints.path);
	wire_put_u64(&b, 13, ask->since_last_ms);
	wire_close(&b, event);
	if (b.err != ERR_OK)
		return b.err;
	*size_bytes = buf_used(&b);
	return ERR_OK;
}

/* ---- text from the model ----------------------------------------------------------------- */

/* The next character of UTF-8 in its shortest form; 0: none of these bytes is one. */
static uint32_t
next_character(const uint8_t *at, size_t left, size_t *used)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const size_t more = *at < 0x80 ? 0 : *at < 0xc0 ? 4 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
	uint32_t character;
	size_t i;

	*used = 1;
	if (more == 4 || *at >= 0xf8 || more >= left)
		return 0;
	character = more == 0 ? *at : *at & (0x3fu >> more);
	for (i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (at[i] & 0x3f);
	}
	if (character < least[more] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*used = more + 1;
	return character;
}

/* What acts on a terminal, turns or hides its surroundings, or cannot be seen. */
static bool
is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || (c >= 0xe000 && c <= 0xf8ff) || c == 0xfeff ||
	       (c >= 0xfff0 && c <= 0xfffb) || (c & 0xfffe) == 0xfffe || c >= 0xe0000;
}

/* Cut off between two characters; what is harmful becomes a question mark. */
static void
clean_text(struct span from, char *out, size_t room)
{
	size_t at, used, size = 0;
	uint32_t character;

	for (at = 0; at < from.size_bytes; at += used) {
		character = next_character(from.data + at, from.size_bytes - at, &used);
		if (size + used >= room)
			break;
		if (is_harmful(character))
			out[size++] = '?';
		else
			memcpy(out + size, from.data + at, used);
		size += is_harmful(character) ? 0 : used;
	}
	out[size] = '\0';
}

/* Names of models, digests, kinds of rejection: letters, digits and a little more. */
static void
clean_word(struct span from, char *out, size_t room)
{
	static const char more[] = "-_.:/@+ ";
	size_t i;

	for (i = 0; i < from.size_bytes && i + 1 < room; i++) {
		const uint8_t c = from.data[i];

		out[i] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		                 (c >= '0' && c <= '9') || (c != 0 && strchr(more, c) != NULL)
		             ? (char)c
		             : '?';
	}
	out[i] = '\0';
}

/* ---- the answer --------------------------------------------------------------------------- */

struct field {
	uint32_t number;
	uint64_t value; /* of a varint */
	float real;     /* of 32 bits */
	struct span bytes;
};

/* false: none left, or b->err says what is wrong. */
static bool
next_field(struct buf_in *b, struct field *out)
{
	const uint8_t *at;
	uint64_t tag, size;
	uint32_t bits;

	if (buf_left(b) == 0)
		return false;
	memset(out, 0, sizeof(*out));
	tag = buf_take_varint(b);
	if (b->err != ERR_OK || tag >> 3 == 0 || tag >> 32 != 0) {
		buf_in_fail(b, ERR_MALFORMED);
		return false;
	}
	out->number = (uint32_t)(tag >> 3);
	switch (tag & 7) {
	case TYPE_VARINT:
		out->value = buf_take_varint(b);
		break;
	case TYPE_64:
		(void)buf_take(b, 8);
		break;
	case TYPE_BYTES:
		size = buf_take_varint(b);
		if (size > buf_left(b))
			buf_in_fail(b, ERR_TRUNCATED);
		else
			out->bytes = (struct span){ buf_take(b, (size_t)size), (size_t)size };
		break;
	case TYPE_32:
		if ((at = buf_take(b, 4)) == NULL)
			break;
		bits = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
		       (uint32_t)at[3] << 24;
		memcpy(&out->real, &bits, sizeof(bits));
		break;
	default:
		buf_in_fail(b, ERR_MALFORMED);
		break;
	}
	return b->err == ERR_OK;
}

struct answer {
	float score;
	bool has_opinion;
	uint64_t opinion, latency_ms;
	struct span reason, method, model, digest, rejected;
};

static void
take_field(const struct field *f, struct answer *a)
{
	switch (f->number) {
	case 2:
		a->score = f->real;
		break;
	case 3:
		a->reason = f->bytes;
		break;
	case 4:
		a->method = f->bytes;
		break;
	case 5:
		a->has_opinion = f->value != 0;
		break;
	case 6:
		a->opinion = f->value;
		break;
	case 9:
		a->model = f->bytes;
		break;
	case 10:
		a->digest = f->bytes;
		break;
	case 11:
		a->latency_ms = f->value;
		break;
	case 12:
		a->rejected = f->bytes;
		break;
	default: /* floor and ceiling are our own to know */
		break;
	}
}

enum err
advice_decode(struct span answer, struct msg_opinion *out)
{
	struct answer a = { .score = 0 };
	struct field field;
	struct buf_in b;

	/* Not even a score of its own: nothing was said. */
	if (answer.size_bytes == 0)
		return ERR_TRUNCATED;
	buf_in_init(&b, answer.data, answer.size_bytes);
	while (next_field(&b, &field))
		take_field(&field, &a);
	if (b.err != ERR_OK)
		return b.err;
	/* Written so that NaN fails. */
	if (!(a.score >= 0 && a.score <= RULES_HIGHEST) || a.opinion > RULES_HIGHEST)
		return ERR_RANGE;
	/* A program that knows the first fields alone has nothing to say but its score. */
	if (a.method.size_bytes == 0) {
		a.has_opinion = true;
		a.opinion = (uint64_t)(a.score + 0.5f);
	}
	out->has_opinion = a.has_opinion;
	out->opinion = (uint8_t)a.opinion;
	out->latency_ms = a.latency_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)a.latency_ms;
	clean_text(a.reason, out->reason, sizeof(out->reason));
	clean_word(a.model, out->model, sizeof(out->model));
	clean_word(a.digest, out->digest, sizeof(out->digest));
	clean_word(a.rejected, out->rejected, sizeof(out->rejected));
	return ERR_OK;
}
