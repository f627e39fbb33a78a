/*
 * What is packed in two parts comes out of a stock decompressor as one text.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "coordinator/pack.h"
#include "tests/check.h"

static void
comes_out_as(const char *head, size_t head_bytes, const char *tail, size_t tail_bytes)
{
	struct pack pack = { 0 };
	uint8_t *packed, *out = malloc(head_bytes + tail_bytes + 1);
	size_t packed_bytes;
	z_stream z = { 0 };

	assert_ok(pack_make(tail, tail_bytes, &pack));
	assert_ok(pack_join(head, head_bytes, &pack, &packed, &packed_bytes));
	z.next_in = packed;
	z.avail_in = (uInt)packed_bytes;
	z.next_out = out;
	z.avail_out = (uInt)(head_bytes + tail_bytes + 1);
	/* 16: gzip, whose check and length zlib compares. */
	assert_int_equal(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, head_bytes + tail_bytes);
	assert_int_equal(z.avail_in, 0);
	assert_memory_equal(out, head, head_bytes);
	assert_memory_equal(out + head_bytes, tail, tail_bytes);
	inflateEnd(&z);
	pack_free(&pack);
	free(packed);
	free(out);
}

static void
two_parts_are_one(void **state)
{
	static char many[300000], head[PACK_HEAD_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = (char)(i * i % 251);
	memset(head, 'h', sizeof(head));
	comes_out_as("{\"me\":1,", 8, "\"v\":1}\n", 7);
	comes_out_as("", 0, many, sizeof(many));
	comes_out_as(head, sizeof(head), many, sizeof(many));
	comes_out_as("x", 1, "", 0);
}

static void
a_head_beyond_a_block_is_refused(void **state)
{
	static char head[PACK_HEAD_BYTES + 1];
	struct pack pack = { 0 };
	uint8_t *out;
	size_t size_bytes;

	(void)state;
	assert_ok(pack_make("x", 1, &pack));
	assert_err(pack_join(head, sizeof(head), &pack, &out, &size_bytes), ERR_OVERSIZE);
	pack_free(&pack);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_parts_are_one),
		cmocka_unit_test(a_head_beyond_a_block_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
