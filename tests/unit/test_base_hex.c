/* hex: every byte string has one text, and nothing else is read. */
#include "base/hex.h"
#include <stdlib.h>
#include "tests/check.h"

/* What is written is read back, in either case, whatever the bytes and their number. */
static void
every_byte_comes_back(void **unused)
{
	uint8_t bytes[256], back[256];
	char text[HEX_ROOM(sizeof(bytes))];

	(void)unused;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_ptr_equal(hex_format(bytes, sizeof(bytes), text), text);
	assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
	assert_string_equal(text + 500, "fafbfcfdfeff");
	assert_true(hex_parse(text, 512, back, sizeof(back)));
	assert_memory_equal(back, bytes, sizeof(bytes));
	assert_true(hex_parse("fAFBfc", 6, back, 3));
	assert_memory_equal(back, bytes + 0xfa, 3);
	assert_string_equal(hex_format(NULL, 0, text), "");
	assert_true(hex_parse("", 0, back, 0));
}

/* A wrong length or one wrong character is refused, and nothing is written. */
static void
anything_else_is_refused(void **unused)
{
	static const char *const wrong[] = { "", "0", "012", "01234", "01 3", "0x12", "012g",
		"/012", ":012", "@012", "G012", "`012",
		"\xff"
		"012",
		" 012", "+012", "-012" };
	uint8_t out[2] = { 0x5a, 0xa5 };

	(void)unused;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (hex_parse(wrong[i], strlen(wrong[i]), out, sizeof(out)))
			fail_msg("\"%s\" was read", wrong[i]);
	assert_false(hex_parse("0102", 3, out, 2));
	assert_false(hex_parse("0102", 4, out, 1));
	assert_false(hex_parse("01\0"
	                       "2",
	    4, out, 2));
	assert_memory_equal(out, "\x5a\xa5", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
