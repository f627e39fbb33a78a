/*
 * The rules' floors are those of DESIGN 5.1, and no opinion whatever, however
 * far it goes, leaves [floor, ceiling] or carries an event over the threshold
 * that is not a decoy's.
 */
#include "core/rules.h"
#include "tests/check.h"

static const struct {
	enum event_class class;
	uint32_t floor, ceiling;
} table[] = {
	{ CLASS_UNKNOWN, 0, 2 },
	{ CLASS_HONEYPOT_TRIPPED, 9, 10 },
	{ CLASS_HONEYTOKEN_USED, 10, 10 },
	{ CLASS_CPU_SPIKE, 4, 6 },
	{ CLASS_RAM_SPIKE, 4, 6 },
	{ CLASS_NET_SPIKE, 4, 6 },
	{ CLASS_SENSOR, 7, 7 },
	{ CLASS_PEER_SILENT, 3, 5 },
	{ CLASS_PEER_BAD_SIGNATURES, 6, 7 },
	{ CLASS_PEER_FLOOD, 6, 7 },
	{ CLASS_TAMPER, 10, 10 },
	{ CLASS_OPERATOR, 10, 10 },
};

static void
floors_and_ceilings(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(table[i].class, i);
		assert_int_equal(rules_score(table[i].class), table[i].floor);
		assert_int_equal(rules_ceiling(table[i].class, table[i].floor), table[i].ceiling);
	}
}

/* A decision needs more than the threshold: the rules' own, or none. */
static void
no_opinion_decides(void **unused)
{
	static const uint32_t opinions[] = { 0, 1, 5, 7, 8, 10, 11, 1000, UINT32_MAX };
	uint32_t floor, bounded;

	(void)unused;
	for (uint32_t class = 0; class <= CLASS_OPERATOR; class ++)
		for (floor = 0; floor <= RULES_HIGHEST; floor++)
			for (size_t i = 0; i < sizeof(opinions) / sizeof(opinions[0]); i++) {
				bounded = rules_bound((enum event_class) class, floor, opinions[i]);
				assert_in_range(bounded, floor, RULES_HIGHEST);
				if (class != CLASS_HONEYPOT_TRIPPED)
					assert_int_equal(
					    bounded > RULES_THRESHOLD, floor > RULES_THRESHOLD);
			}
	assert_int_equal(rules_bound(CLASS_CPU_SPIKE, 4, 5), 5);
	assert_int_equal(rules_bound(CLASS_CPU_SPIKE, 4, 10), 6);
	/* With a decoy touch beside it a spike's floor is 8 (DESIGN 5.1). */
	assert_int_equal(rules_bound(CLASS_CPU_SPIKE, 8, 10), 8);
	assert_int_equal(rules_bound(CLASS_HONEYPOT_TRIPPED, 9, 0), 9);
	assert_int_equal(rules_bound(CLASS_HONEYPOT_TRIPPED, 9, 10), 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floors_and_ceilings),
		cmocka_unit_test(no_opinion_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
