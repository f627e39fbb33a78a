/*
 * Addresses outside the mesh: seen by enough groups, blocked by everybody, for
 * as long as enough of them say so; and what liars cannot do with it.
 */
#include <inttypes.h>
#include "sim/checker.h"

#define SCANNER "198.51.100.7"
#define LIAR    1

static struct world *
some(size_t count)
{
	struct world_config config = { .count = count, .seed = 5, .policy = POLICY_ATTRIBUTE };
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	(void)world_trace(w);
	return w;
}

static struct entry
indicator(const char *address, uint32_t ttl_s)
{
	struct entry e = { .kind = ENTRY_INDICATOR };

	assert_true(address_parse(address, &e.indicator.address));
	e.indicator.ttl_s = ttl_s;
	e.indicator.reason = CLASS_HONEYPOT_TRIPPED;
	e.indicator.score = 9;
	return e;
}

static void
tell(struct world *w, size_t to, size_t author, struct entry e, uint64_t sequence)
{
	struct span bytes = world_forge(w, author, &e, sequence);

	world_deliver(w, to, author, bytes);
	free((void *)(uintptr_t)bytes.data);
}

static size_t
blocked(const struct world *w, size_t node)
{
	return world_core_view(w, node).indicators;
}

/* f + 1 = 2 of five see the scanner: all block it, until the earlier of the two reports is over. */
static void
what_two_groups_see_all_block(void **unused)
{
	struct world *w = some(5);

	(void)unused;
	world_touch(w, 0, SCANNER);
	world_run(w, 100);
	assert_string_equal(world_trace(w), "a: enforce 198.51.100.7 sever\n"
	                                    "a: touch - from a outside 198.51.100.7\n"
	                                    "a: indicator - from a 198.51.100.7\n"
	                                    "b: indicator - from a 198.51.100.7\n"
	                                    "c: indicator - from a 198.51.100.7\n"
	                                    "d: indicator - from a 198.51.100.7\n"
	                                    "e: indicator - from a 198.51.100.7\n");
	assert_int_equal(blocked(w, 2), 0);
	world_run(w, 60 * 1000);
	(void)world_trace(w);
	world_touch(w, 1, SCANNER);
	world_run(w, 100);
	assert_string_equal(world_trace(w), "b: enforce 198.51.100.7 sever\n"
	                                    "b: touch - from b outside 198.51.100.7\n"
	                                    "b: enforce 198.51.100.7 sever\n"
	                                    "b: indicator - from b 198.51.100.7 stands\n"
	                                    "a: enforce 198.51.100.7 sever\n"
	                                    "a: indicator - from b 198.51.100.7 stands\n"
	                                    "c: enforce 198.51.100.7 sever\n"
	                                    "c: indicator - from b 198.51.100.7 stands\n"
	                                    "d: enforce 198.51.100.7 sever\n"
	                                    "d: indicator - from b 198.51.100.7 stands\n"
	                                    "e: enforce 198.51.100.7 sever\n"
	                                    "e: indicator - from b 198.51.100.7 stands\n");
	checker_agree(w);
	(void)world_trace(w);
	world_run(w, LIMIT_INDICATOR_OWN_S * UINT64_C(1000) - 60 * 1000 - 1000);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(blocked(w, i), 1);
	assert_int_equal(w->trace_bytes, 0); /* own eyes' cut ended, this did not */
	world_run(w, 2000);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(blocked(w, i), 0);
	assert_non_null(strstr(w->trace, "c: enforce 198.51.100.7 none"));
	world_free(w);
}

/* One liar, whatever it reports, blocks nothing; nor do two of one enrolment group. */
static void
f_liars_block_nothing(void **unused)
{
	struct world *w = some(5);

	(void)unused;
	w->nodes[LIAR].liar = true;
	for (uint64_t i = 1; i <= 20; i++)
		tell(w, 0, LIAR, indicator(SCANNER, LIMIT_INDICATOR_S), i);
	world_run(w, 3000);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(blocked(w, i), 0);
	checker_agree(w);
	world_free(w);
}

/* What is no address to block, or nobody's to report, is refused. */
static void
bad_indicators_are_refused(void **unused)
{
	static const struct {
		const char *address;
		enum err err;
	} cases[] = {
		{ "10.77.0.2", ERR_SUBJECT }, /* a member's */
		{ "10.1.2.3", ERR_RANGE },
		{ "127.0.0.1", ERR_RANGE },
		{ "224.0.0.1", ERR_RANGE },
		{ "255.255.255.255", ERR_RANGE },
		{ "fe80::1", ERR_RANGE },
		{ "ff02::1", ERR_RANGE },
	};
	struct world *w = some(5);
	struct entry e;
	uint64_t sequence = 0;

	(void)unused;
	w->nodes[LIAR].liar = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *said;

		tell(w, 0, LIAR, indicator(cases[i].address, 60), ++sequence);
		said = world_trace(w);
		if (strstr(said, err_text(cases[i].err)) == NULL)
			fail_msg("%s: %s", cases[i].address, said);
	}
	e = indicator(SCANNER, 60);
	e.indicator.reason = CLASS_CPU_SPIKE;
	tell(w, 0, LIAR, e, ++sequence);
	assert_non_null(strstr(world_trace(w), err_text(ERR_RANGE)));
	/* 30 s either way on its author's own link, and within its own time. */
	e = indicator(SCANNER, 60);
	e.header.time_ms = MESH_TIME_MS + w->now_ms + LIMIT_FRESH_MS + 1;
	tell(w, 0, LIAR, e, ++sequence);
	assert_non_null(strstr(world_trace(w), err_text(ERR_STALE)));
	e.header.time_ms = MESH_TIME_MS + w->now_ms - LIMIT_FRESH_MS - 1;
	tell(w, 0, LIAR, e, ++sequence);
	assert_non_null(strstr(world_trace(w), err_text(ERR_STALE)));
	e = indicator(SCANNER, 5);
	e.header.time_ms = MESH_TIME_MS + w->now_ms - 6000;
	tell(w, 0, LIAR, e, ++sequence);
	assert_non_null(strstr(world_trace(w), err_text(ERR_STALE)));
	assert_int_equal(world_core_view(w, 0).objects, 0);
	world_free(w);
}

/* What stands outlives a restart of everybody, for the rest of its time. */
static void
a_block_outlives_a_restart(void **unused)
{
	struct world *w = some(5);

	(void)unused;
	world_touch(w, 0, SCANNER);
	world_touch(w, 1, SCANNER);
	world_run(w, LIMIT_RELAYED_MS * 2);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(blocked(w, i), 1);
		world_crash(w, i);
	}
	(void)world_trace(w);
	world_start_all(w);
	for (size_t i = 0; i < 5; i++) {
		char expected[64];

		snprintf(
		    expected, sizeof(expected), "%c: enforce 198.51.100.7 sever", (int)('a' + i));
		assert_non_null(strstr(w->trace, expected));
		assert_int_equal(blocked(w, i), 1);
	}
	world_run(w, LIMIT_INDICATOR_OWN_S * UINT64_C(1000));
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(blocked(w, i), 0);
	world_free(w);
}

/*
 * Of an hour the hundred of the lowest sequences count, whoever was shown
 * which of them first: a liar that shows each another hundred splits nobody.
 */
static void
an_hour_has_a_hundred(void **unused)
{
	enum { many = LIMIT_INDICATORS_PER_H + 60 };
	struct world *w = some(5);
	struct span list[many];

	(void)unused;
	w->nodes[LIAR].liar = true;
	for (unsigned i = 0; i < many; i++) {
		char address[32];
		struct entry e;

		snprintf(address, sizeof(address), "198.51.%u.%u", 100 + i / 200, 1 + i % 200);
		e = indicator(address, LIMIT_INDICATOR_S);
		list[i] = world_forge(w, LIAR, &e, i + 1);
	}
	for (unsigned i = 0; i < many; i++) {
		world_deliver(w, 0, LIAR, list[i]);
		world_deliver(w, 2, LIAR, list[many - 1 - i]);
		world_run(w, 120); /* within its budget */
	}
	for (unsigned i = 0; i < many; i++)
		free((void *)(uintptr_t)list[i].data);
	world_run(w, 3 * LIMIT_SYNC_MS);
	checker_agree(w);
	assert_int_equal(world_core_view(w, 0).objects, world_core_view(w, 2).objects);
	assert_in_range(world_core_view(w, 0).objects, LIMIT_INDICATORS_PER_H,
	    LIMIT_INDICATORS_PER_H + 1); /* one is the newest besides */
	world_free(w);
}

/* The word of a convicted member counts for no address. */
static void
a_culprits_reports_count_no_more(void **unused)
{
	struct world *w = some(5);
	struct entry e = { .kind = ENTRY_SELF_REPORT };

	(void)unused;
	w->nodes[LIAR].liar = true;
	for (size_t i = 0; i < 5; i++)
		if (i != LIAR)
			tell(w, i, LIAR, indicator(SCANNER, LIMIT_INDICATOR_S), 1);
	world_touch(w, 0, SCANNER);
	world_run(w, 1000);
	assert_int_equal(blocked(w, 3), 1);
	e.self_report.kind = SELF_REPORT_PRECAUTION;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	tell(w, 0, LIAR, e, 1);
	world_run(w, 1000);
	for (size_t i = 0; i < 5; i++) {
		if (i == LIAR)
			continue;
		assert_true(world_view(w, i, LIAR).proven);
		assert_int_equal(blocked(w, i), 0);
	}
	checker_agree(w);
	world_free(w);
}

/* The same source again is told again when half of its time is over, not before. */
static void
a_source_is_told_once(void **unused)
{
	struct world *w = some(5);

	(void)unused;
	for (unsigned i = 0; i < 5; i++) {
		world_touch(w, 0, SCANNER);
		world_run(w, LIMIT_TOUCH_REPEAT_MS + 1);
	}
	assert_int_equal(w->nodes[0].sequence, 1);
	world_run(w, LIMIT_INDICATOR_OWN_S * UINT64_C(500));
	world_touch(w, 0, SCANNER);
	world_run(w, 1000);
	assert_int_equal(w->nodes[0].sequence, 2);
	world_free(w);
}

/* Before first sync nothing is said, but the source is cut; then it is told. */
static void
what_was_seen_early_is_told_later(void **unused)
{
	struct world *w = some(5);

	(void)unused;
	world_crash(w, 0);
	world_partition(w, 1u << 0);
	world_start(w, 0);
	world_touch(w, 0, SCANNER);
	world_run(w, 1000);
	assert_int_equal(world_core_view(w, 0).local_cuts, 1);
	assert_int_equal(w->nodes[0].sequence, 0);
	world_partition(w, 0);
	world_run(w, 5000);
	assert_int_equal(w->nodes[0].sequence, 1);
	world_free(w);
}

/* With up to four heads f is 0: what one sees all block. */
static void
of_four_one_is_enough(void **unused)
{
	struct world *w = some(4);

	(void)unused;
	world_touch(w, 0, SCANNER);
	world_run(w, 100);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(blocked(w, i), 1);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_two_groups_see_all_block),
		cmocka_unit_test(f_liars_block_nothing),
		cmocka_unit_test(bad_indicators_are_refused),
		cmocka_unit_test(a_block_outlives_a_restart),
		cmocka_unit_test(an_hour_has_a_hundred),
		cmocka_unit_test(a_culprits_reports_count_no_more),
		cmocka_unit_test(a_source_is_told_once),
		cmocka_unit_test(what_was_seen_early_is_told_later),
		cmocka_unit_test(of_four_one_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
