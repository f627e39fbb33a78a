#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "coordinator/pack.h"

#define LEVEL        1 /* twice the speed of the default, a tenth more bytes */
#define HEADER_BYTES 10
#define BLOCK_BYTES  5 /* before a stored block's text */
#define END_BYTES    8

enum err
pack_make(const char *text, size_t size_bytes, struct pack *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)size_bytes };
	uint8_t *bytes;
	size_t room;

	/* Negative bits: DEFLATE alone, without zlib's own header. */
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return ERR_NOMEM;
	room = deflateBound(&z, size_bytes);
	if ((bytes = malloc(room)) == NULL) {
		deflateEnd(&z);
		return ERR_NOMEM;
	}
	z.next_out = bytes;
	z.avail_out = (uInt)room;
	(void)deflate(&z, Z_FINISH); /* cannot fall short: there is room for the worst */
	*out = (struct pack){ .bytes = bytes,
		.size_bytes = z.total_out,
		.check = (uint32_t)crc32(0, (const Bytef *)text, (uInt)size_bytes),
		.text_bytes = size_bytes };
	deflateEnd(&z);
	return ERR_OK;
}

void
pack_free(struct pack *p)
{
	free(p->bytes);
	*p = (struct pack){ 0 };
}

static uint8_t *
put_little(uint8_t *at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		*at++ = (uint8_t)(value >> 8 * i);
	return at;
}

enum err
pack_join(
    const char *head, size_t head_bytes, const struct pack *p, uint8_t **out, size_t *out_bytes)
{
	/* Magic, DEFLATE, no flags, no time, no hint, system unknown. */
	static const uint8_t header[HEADER_BYTES] = { 0x1f, 0x8b, 8, [9] = 255 };
	const size_t size = HEADER_BYTES + BLOCK_BYTES + head_bytes + p->size_bytes + END_BYTES;
	uLong check;
	uint8_t *at;

	if (head_bytes > PACK_HEAD_BYTES)
		return ERR_OVERSIZE;
	if ((*out = malloc(size)) == NULL)
		return ERR_NOMEM;
	at = *out;
	memcpy(at, header, HEADER_BYTES);
	at += HEADER_BYTES;
	*at++ = 0; /* a stored block, not the last */
	at = put_little(at, head_bytes, 2);
	at = put_little(at, ~(uint64_t)head_bytes, 2);
	memcpy(at, head, head_bytes);
	memcpy(at + head_bytes, p->bytes, p->size_bytes);
	at += head_bytes + p->size_bytes;
	check = crc32(0, (const Bytef *)head, (uInt)head_bytes);
	check = crc32_combine(check, p->check, (z_off_t)p->text_bytes);
	at = put_little(at, check, 4);
	(void)put_little(at, head_bytes + p->text_bytes, 4);
	*out_bytes = size;
	return ERR_OK;
}
