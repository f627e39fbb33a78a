/* The cursor never leaves its bytes, and numbers have one form. */
#include "base/buf.h"
#include "tests/check.h"

static void
varints(void **state)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 300, 16383, 16384, UINT32_MAX,
		(uint64_t)UINT32_MAX + 1, UINT64_MAX >> 1, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		uint8_t bytes[10];
		struct buf_out out;
		struct buf_in in;

		buf_out_init(&out, bytes, sizeof(bytes));
		buf_put_varint(&out, values[i]);
		assert_ok(out.err);
		buf_in_init(&in, bytes, buf_used(&out));
		assert_true(buf_take_varint(&in) == values[i]);
		assert_ok(in.err);
		assert_int_equal(buf_left(&in), 0);
		buf_in_init(&in, bytes, buf_used(&out) - 1);
		assert_int_equal(buf_take_varint(&in), 0);
		assert_err(ERR_TRUNCATED, in.err);
	}
}

static void
errors_stick(void **state)
{
	static const uint8_t bytes[] = { 0x81, 0x00, 7 };
	struct buf_out out;
	struct buf_in in;
	uint8_t room[2];

	(void)state;
	buf_in_init(&in, bytes, sizeof(bytes));
	assert_int_equal(buf_take_varint(&in), 0);
	assert_err(ERR_MALFORMED, in.err);
	assert_null(buf_take(&in, 1));
	assert_int_equal(buf_left(&in), 0);
	buf_in_fail(&in, ERR_RANGE);
	assert_err(ERR_MALFORMED, in.err);

	buf_out_init(&out, room, sizeof(room));
	buf_put(&out, "abc", 3);
	buf_put(&out, "a", 1);
	assert_err(ERR_OVERSIZE, out.err);
	assert_int_equal(buf_used(&out), 0);
}

/* A length goes in front of what it measures, and only if there is room. */
static void
inserted_lengths(void **state)
{
	uint8_t bytes[8];
	struct buf_out out;

	(void)state;
	buf_out_init(&out, bytes, sizeof(bytes));
	buf_put(&out, "abcde", 5);
	buf_insert_varint(&out, 1, 300);
	assert_memory_equal(bytes,
	    "a\xac\x02"
	    "bcde",
	    7);
	buf_insert_varint(&out, 0, 300);
	assert_err(ERR_OVERSIZE, out.err);
	assert_int_equal(buf_used(&out), 7);
}

static void
nothing_to_read(void **state)
{
	struct buf_in in;

	(void)state;
	buf_in_init(&in, NULL, 0);
	assert_non_null(buf_take(&in, 0));
	assert_null(buf_take(&in, 1));
	assert_err(ERR_TRUNCATED, in.err);
}

static void
big_endian(void **state)
{
	uint8_t bytes[8];

	(void)state;
	buf_store_u64(bytes, 0x0123456789abcdef);
	assert_memory_equal(bytes, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	assert_true(buf_load_u64(bytes) == 0x0123456789abcdef);
	buf_store_u32(bytes, 0xfedcba98);
	assert_memory_equal(bytes, "\xfe\xdc\xba\x98", 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints),
		cmocka_unit_test(errors_stick),
		cmocka_unit_test(inserted_lengths),
		cmocka_unit_test(nothing_to_read),
		cmocka_unit_test(big_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
