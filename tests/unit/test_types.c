/* Addresses have one text and one value; private is what the Internet does not route. */
#include "core/types.h"
#include "tests/check.h"

static void
addresses(void **state)
{
	static const struct {
		const char *text, *shown;
		uint8_t family;
		bool is_private, is_loopback;
	} cases[] = {
		{ "10.0.0.1", "10.0.0.1", 4, true, false },
		{ "172.15.0.1", "172.15.0.1", 4, false, false },
		{ "172.16.0.1", "172.16.0.1", 4, true, false },
		{ "172.31.255.255", "172.31.255.255", 4, true, false },
		{ "172.32.0.0", "172.32.0.0", 4, false, false },
		{ "192.168.1.1", "192.168.1.1", 4, true, false },
		{ "100.63.0.1", "100.63.0.1", 4, false, false },
		{ "100.127.0.1", "100.127.0.1", 4, true, false },
		{ "169.254.3.4", "169.254.3.4", 4, true, false },
		{ "127.9.9.9", "127.9.9.9", 4, true, true },
		{ "192.0.2.1", "192.0.2.1", 4, false, false },
		{ "::ffff:10.0.0.1", "10.0.0.1", 4, true, false },
		{ "::1", "::1", 6, true, true },
		{ "::2", "::2", 6, false, false },
		{ "fd77:0:0::11", "fd77::11", 6, true, false },
		{ "fe80::1", "fe80::1", 6, true, false },
		{ "febf::1", "febf::1", 6, true, false },
		{ "fec0::1", "fec0::1", 6, false, false },
		{ "2001:DB8::1", "2001:db8::1", 6, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct address a;
		char text[46];

		if (!address_parse(cases[i].text, &a))
			fail_msg("%s refused", cases[i].text);
		address_format(&a, text);
		assert_string_equal(text, cases[i].shown);
		assert_int_equal(a.family, cases[i].family);
		if (address_is_private(&a) != cases[i].is_private ||
		    address_is_loopback(&a) != cases[i].is_loopback)
			fail_msg("%s misjudged", cases[i].text);
	}
}

static void
no_addresses(void **state)
{
	static const char *const texts[] = { "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4",
		" 1.2.3.4", "1.2.3.4 ", "[::1]", "fe80::1%eth0", "1::2::3", "example" };
	struct address a = { .family = 9 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (address_parse(texts[i], &a))
			fail_msg("'%s' accepted", texts[i]);
	assert_int_equal(a.family, 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(no_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
