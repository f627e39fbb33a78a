/*
 * Who was isolated is readmitted by an operator's request and a quorum: five
 * heads, b to f; a is down and has no weight, g is the operator.
 */
#include "sim/checker.h"

#define FIRST 1
#define HEADS 5

static struct world *
five(enum policy policy)
{
	struct world_config config = { .count = HEADS + 1,
		.seed = 1,
		.policy = policy,
		.weightless = 1,
		.with_operator = true };
	struct world *w = world_new(&config);

	for (size_t i = FIRST; i <= HEADS; i++)
		world_start(w, i);
	world_settle(w);
	(void)world_trace(w);
	return w;
}

/* What an operator reads off this node, and asks for. */
static struct entry
request(const struct world *w, size_t node, size_t subject)
{
	struct core_member_view v = world_view(w, node, subject);
	struct entry e = { .kind = ENTRY_RELEASE };

	e.release.subject = world_member(w, subject)->id;
	e.release.round = v.round;
	e.release.kind = RELEASE_CLEANED;
	e.release.names_certificate = v.has_certificate;
	e.release.certificate = v.certificate;
	e.release.incarnation = v.report_incarnation;
	e.release.sequence = v.report_sequence;
	strcpy(e.release.reason, "reinstalled");
	return e;
}

static void
submit(struct world *w, size_t node, struct entry *e)
{
	struct span bytes = world_forge(w, w->config.count, e, MESH_TIME_MS + w->now_ms);

	world_submit(w, node, bytes);
	free((void *)(uintptr_t)bytes.data);
}

static void
ask(struct world *w, size_t node, size_t subject)
{
	struct entry e = request(w, node, subject);

	submit(w, node, &e);
}

/* The newest certificate of this level on a node's disk. */
static struct span
certificate_on_disk(const struct world *w, size_t node, enum level level)
{
	const struct world_node *n = &w->nodes[node];

	for (size_t i = n->disk_count; i > 0; i--) {
		struct span bytes = { n->disk[i - 1].bytes, n->disk[i - 1].size_bytes };
		struct envelope envelope;
		struct entry e;

		assert_ok(envelope_parse(bytes.data, bytes.size_bytes, &envelope));
		assert_ok(entry_decode(envelope.body, &e));
		if (e.kind == ENTRY_CERTIFICATE && e.certificate.level == level)
			return bytes;
	}
	fail_msg("no certificate on the disk of %c", (char)('a' + node));
	return (struct span){ NULL, 0 };
}

static void
assert_free(struct world *w, size_t subject, uint32_t round)
{
	for (size_t i = FIRST; i <= HEADS; i++) {
		struct core_member_view v;

		if (w->nodes[i].core == NULL)
			continue;
		v = world_view(w, i, subject);
		assert_int_equal(v.round, round);
		if (i == subject)
			continue;
		assert_int_equal(v.status, STATUS_HEALTHY);
		assert_int_equal(w->nodes[i].held[subject], STRENGTH_NONE);
	}
	assert_int_equal(w->nodes[subject].lock, STRENGTH_NONE);
}

static void
scan(struct world *w, size_t by)
{
	for (size_t i = FIRST; i <= HEADS; i++)
		if (i != by)
			world_touch_from(w, i, by);
	world_run(w, 200);
	for (size_t i = FIRST; i <= HEADS; i++)
		if (i != by && w->nodes[i].core != NULL)
			assert_true(world_view(w, i, by).certified);
}

/* A precaution is lifted by one request and a quorum; the subject hears it on its mesh port. */
static void
a_precaution_is_lifted(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 2000);
	assert_int_equal(w->nodes[1].lock, STRENGTH_CUT);
	(void)world_trace(w);
	ask(w, 3, 1);
	assert_true(world_view(w, 3, 1).release_asked);
	world_run(w, 2000);
	assert_string_equal(world_trace(w), "d: release b from g\n"
	                                    "d: release-verdict b from d\n"
	                                    "b: release-verdict b from d\n"
	                                    "c: release-verdict b from d\n"
	                                    "e: release-verdict b from d\n"
	                                    "f: release-verdict b from d\n"
	                                    "b: release b from g\n"
	                                    "c: release b from g\n"
	                                    "e: release b from g\n"
	                                    "f: release b from g\n"
	                                    "c: release-verdict b from c\n"
	                                    "e: release-verdict b from e\n"
	                                    "f: release-verdict b from f\n"
	                                    "b: release-verdict b from c\n"
	                                    "d: release-verdict b from c\n"
	                                    "e: release-verdict b from c\n"
	                                    "f: release-verdict b from c\n"
	                                    "b: release-verdict b from e\n"
	                                    "c: release-verdict b from e\n"
	                                    "d: release-verdict b from e\n"
	                                    "f: release-verdict b from e\n"
	                                    "b: release-verdict b from f\n"
	                                    "c: release-verdict b from f\n"
	                                    "d: release-verdict b from f\n"
	                                    "e: release-verdict b from f\n"
	                                    "e: released b from e\n"
	                                    "f: released b from f\n"
	                                    "c: released b from c\n"
	                                    "d: released b from d\n"
	                                    "b: lock none\n"
	                                    "b: released b from e\n");
	assert_free(w, 1, 1);
	checker_agree(w);
	world_free(w);
}

/* A certificate is lifted everywhere; the severed subject hears it on its console. */
static void
a_certificate_is_lifted(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	scan(w, 5);
	assert_int_equal(w->nodes[5].lock, STRENGTH_SEVER);
	ask(w, 1, 5);
	world_run(w, 2000);
	for (size_t i = FIRST; i < 5; i++) {
		assert_int_equal(w->nodes[i].held[5], STRENGTH_NONE);
		assert_false(world_view(w, i, 5).certified);
	}
	assert_int_equal(w->nodes[5].lock, STRENGTH_SEVER);
	world_submit(w, 5, certificate_on_disk(w, 2, LEVEL_RELEASE));
	world_run(w, 2000);
	assert_free(w, 5, 1);
	checker_agree(w);
	/* Only the RELEASE is left of all that. */
	assert_int_equal(world_core_view(w, 1).root, world_core_view(w, 5).root);
	world_run(w, 2 * LIMIT_RELAYED_MS);
	checker_agree(w);
	world_free(w);
}

/* A request lifts what it names: another certificate, an earlier report, nothing at all. */
static void
a_request_lifts_what_it_names(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);
	struct entry e;

	(void)unused;
	world_touch(w, 5, "10.77.0.66");
	world_run(w, 100);
	for (size_t i = FIRST; i < 5; i++)
		world_touch_from(w, i, 5);
	world_run(w, 1000);
	assert_true(world_view(w, 1, 5).certified && world_view(w, 1, 5).precaution_stands);
	e = request(w, 1, 5);
	e.release.certificate.bytes[0] ^= 1;
	submit(w, 1, &e);
	world_run(w, 100);
	e = request(w, 1, 5);
	e.release.names_certificate = false;
	submit(w, 1, &e);
	world_run(w, 100);
	e = request(w, 1, 5);
	e.release.sequence = 0;
	e.release.incarnation = 0;
	submit(w, 1, &e);
	world_run(w, 100);
	e = request(w, 1, 5);
	e.release.sequence++; /* a report that is to come */
	submit(w, 1, &e);
	world_run(w, 2000);
	assert_null(strstr(w->trace, "release-verdict"));
	assert_int_equal(world_view(w, 1, 5).status, STATUS_QUARANTINED);
	checker_agree(w);
	ask(w, 1, 5);
	world_run(w, 2000);
	assert_false(world_view(w, 1, 5).certified || world_view(w, 1, 5).precaution_stands);
	world_free(w);
}

/* Immunity is for rounds that are over: old statements count no more, new touches at once. */
static void
new_evidence_opens_the_next_round(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	struct span old;

	(void)unused;
	scan(w, 5);
	old = certificate_on_disk(w, 2, LEVEL_QUARANTINE);
	ask(w, 1, 5);
	world_run(w, 1000);
	world_submit(w, 5, certificate_on_disk(w, 2, LEVEL_RELEASE));
	world_run(w, 1000);
	assert_free(w, 5, 1);
	(void)world_trace(w);
	world_deliver(w, 1, 2, old);
	assert_non_null(strstr(w->trace, "round is over or not begun"));
	world_run(w, 1000);
	assert_free(w, 5, 1);
	world_touch_from(w, 1, 5);
	world_run(w, 100);
	assert_int_equal(world_view(w, 2, 5).statements, 1);
	scan(w, 5);
	for (size_t i = FIRST; i < 5; i++) {
		assert_int_equal(world_view(w, i, 5).round, 1);
		assert_int_equal(w->nodes[i].held[5], STRENGTH_SEVER);
	}
	assert_int_equal(w->nodes[5].lock, STRENGTH_SEVER);
	ask(w, 1, 5);
	world_run(w, 1000);
	world_submit(w, 5, certificate_on_disk(w, 2, LEVEL_RELEASE));
	world_run(w, 1000);
	assert_free(w, 5, 2);
	checker_agree(w);
	world_free(w);
}

/* Who confessed comes back with a new identity only. */
static void
a_confession_is_never_lifted(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_TAMPER };

	(void)unused;
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 1000);
	world_crash(w, 3);
	world_crash(w, 4);
	ask(w, 2, 1); /* two of the others do not suffice */
	world_run(w, 1000);
	assert_true(world_view(w, 2, 1).release_asked);
	world_event(w, 1, &ev);
	world_run(w, 1000);
	assert_false(world_view(w, 2, 1).release_asked);
	ask(w, 2, 1);
	assert_non_null(strstr(w->trace, "unknown or impossible subject"));
	world_start(w, 3);
	world_start(w, 4);
	world_run(w, 5000);
	for (size_t i = 2; i <= HEADS; i++)
		assert_int_equal(w->nodes[i].held[1], STRENGTH_SEVER);
	checker_agree(w);
	world_free(w);
}

/* A request is an operator's to make, and nothing else is. */
static void
operators_ask_and_nothing_else(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);
	struct entry e;
	struct span bytes;

	(void)unused;
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 1000);
	e = request(w, 2, 1);
	bytes = world_forge(w, 3, &e, 1000);
	world_submit(w, 2, bytes);
	assert_non_null(strstr(w->trace, "c: refused d from - error\n   unknown author"));
	free((void *)(uintptr_t)bytes.data);
	e = (struct entry){ .kind = ENTRY_VERDICT };
	e.verdict.level = LEVEL_RELEASE;
	e.verdict.subject = world_member(w, 1)->id;
	e.verdict.window = ballot_window(MESH_TIME_MS + w->now_ms);
	submit(w, 2, &e);
	assert_non_null(strstr(w->trace, "c: refused g from - error\n   unknown author"));
	e = request(w, 2, 1);
	e.release.round = 1;
	submit(w, 2, &e);
	assert_non_null(strstr(w->trace, "c: refused g from - error\n   round is over"));
	assert_false(world_view(w, 2, 1).release_asked);
	world_free(w);
}

/* Whoever keeps an operator's key when its enrolment has ended asks for nothing any more. */
static void
an_operators_key_ends_with_its_enrolment(void **unused)
{
	struct world_config config = { .count = HEADS + 1,
		.seed = 1,
		.policy = POLICY_ASSUME_BREACH,
		.weightless = 1,
		.with_operator = true,
		.brief_operator = true };
	struct world *w = world_new(&config);

	(void)unused;
	for (size_t i = FIRST; i <= HEADS; i++)
		world_start(w, i);
	world_settle(w);
	(void)world_trace(w);
	world_touch(w, 1, "10.77.0.66");
	world_run(w, WORLD_BRIEF_MS);
	ask(w, 2, 1);
	assert_non_null(strstr(w->trace, "c: refused g from - error\n   unknown author"));
	assert_false(world_view(w, 2, 1).release_asked);
	world_run(w, 1000);
	for (size_t i = 2; i <= HEADS; i++)
		assert_int_equal(w->nodes[i].held[1], STRENGTH_CUT);
	world_free(w);
}

/* Released while it was down: it boots locked, and is told. */
static void
released_while_it_was_down(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 1000);
	world_crash(w, 1);
	ask(w, 2, 1);
	world_run(w, 1000);
	assert_int_equal(w->nodes[2].held[1], STRENGTH_NONE);
	world_start(w, 1);
	assert_int_equal(w->nodes[1].lock, STRENGTH_CUT);
	world_run(w, 1000);
	assert_free(w, 1, 1);
	checker_agree(w);
	world_free(w);
}

/* Nobody was told: the one who was away hears of it all when it comes back. */
static void
who_was_away_hears_of_both(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	world_crash(w, 3);
	scan(w, 5);
	ask(w, 1, 5);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 1, 5).round, 1);
	world_start(w, 3);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 3, 5).round, 1);
	assert_int_equal(w->nodes[3].held[5], STRENGTH_NONE);
	checker_agree(w);
	world_free(w);
}

/* Two requests at once are one release. */
static void
two_requests_at_once(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);
	struct span bytes;
	struct entry e;

	(void)unused;
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 1000);
	ask(w, 2, 1);
	e = request(w, 4, 1);
	e.release.kind = RELEASE_OVERTURNED;
	bytes = world_forge(w, w->config.count, &e, MESH_TIME_MS + w->now_ms + 1);
	world_submit(w, 4, bytes);
	free((void *)(uintptr_t)bytes.data);
	world_run(w, 1000);
	assert_free(w, 1, 1);
	checker_agree(w);
	world_free(w);
}

/* The newest entry on a node's disk that it wrote itself. */
static struct span
own_on_disk(const struct world *w, size_t node)
{
	const struct world_node *n = &w->nodes[node];

	for (size_t i = n->disk_count; i > 0; i--)
		if (n->disk[i - 1].own)
			return (struct span){ n->disk[i - 1].bytes, n->disk[i - 1].size_bytes };
	fail_msg("%c wrote nothing", (char)('a' + node));
	return (struct span){ NULL, 0 };
}

/*
 * A confession that nobody else holds does not keep the others from releasing,
 * and it is not lost: its author stays locked, and whoever hears it later obeys it.
 */
static void
a_confession_unheard_is_not_lost(void **unused)
{
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_TAMPER };
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 1000);
	world_partition(w, 1u << 1);
	world_event(w, 1, &ev);
	world_run(w, 5000);
	assert_int_equal(w->nodes[1].lock, STRENGTH_SEVER);
	ask(w, 2, 1);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 2, 1).round, 1);
	assert_int_equal(w->nodes[2].held[1], STRENGTH_NONE);

	world_partition(w, 0);
	world_submit(w, 1, certificate_on_disk(w, 2, LEVEL_RELEASE));
	world_run(w, 5000);
	assert_int_equal(w->nodes[1].lock, STRENGTH_SEVER);
	world_crash(w, 1);
	world_start(w, 1);
	world_run(w, 5000);
	assert_int_equal(w->nodes[1].lock, STRENGTH_SEVER);

	world_submit(w, 3, own_on_disk(w, 1));
	world_run(w, 1000);
	for (size_t i = 2; i <= HEADS; i++) {
		assert_true(world_view(w, i, 1).confessed);
		assert_int_equal(w->nodes[i].held[1], STRENGTH_SEVER);
	}
	world_free(w);
}

/*
 * A precaution that stood down may be lifted, too.  What is lifted ranks as
 * before: the next one of the day still stands down.
 */
static void
rank_outlives_release(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 1000);
	world_touch(w, 2, "10.77.0.66");
	world_run(w, 1000);
	assert_int_equal(world_view(w, 3, 2).status, STATUS_ATTACKED);
	ask(w, 3, 2);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 3, 2).round, 1);
	assert_false(world_view(w, 3, 2).precaution_stood_down);
	ask(w, 3, 1);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 3, 1).round, 1);
	world_touch(w, 3, "10.77.0.66");
	world_run(w, 1000);
	for (size_t i = FIRST; i <= HEADS; i++) {
		assert_int_equal(world_view(w, i, 3).status, STATUS_ATTACKED);
		assert_true(world_view(w, i, 3).precaution_stood_down);
	}
	checker_agree(w);
	world_free(w);
}

/* Grounds that no certificate stands for yet are not named by a request: they run out first. */
static void
a_witness_waits_for_its_own_grounds(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 100);
	world_touch_from(w, 2, 1);
	world_run(w, 1000);
	world_crash(w, 3);
	ask(w, 4, 1);
	world_run(w, 5000);
	/* c, e and f are three of the four others; c voted against b. */
	assert_int_equal(world_view(w, 4, 1).round, 0);
	assert_null(strstr(w->trace, "release-verdict b from c"));
	world_run(w, LIMIT_GROUNDS_MS + 5000);
	assert_non_null(strstr(w->trace, "release-verdict b from c"));
	assert_int_equal(world_view(w, 4, 1).round, 1);
	assert_int_equal(w->nodes[1].lock, STRENGTH_NONE);
	world_free(w);
}

/* An operator is no host: nobody holds it, before first sync as after it. */
static void
an_operator_is_never_held(void **unused)
{
	const size_t official = HEADS + 1;
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	world_crash(w, 1);
	world_start(w, 1);
	assert_int_equal(world_view(w, 1, 2).strength, STRENGTH_HOLD);
	assert_int_equal(world_view(w, 1, official).strength, STRENGTH_NONE);
	world_settle(w);
	assert_int_equal(world_view(w, 1, official).strength, STRENGTH_NONE);
	assert_int_equal(w->nodes[1].held[official], STRENGTH_NONE);
	world_free(w);
}

/* Among four heads all others have to agree, and wait for who is down, window after window. */
static void
few_heads_wait_for_all(void **unused)
{
	struct world_config config = { .count = 5,
		.seed = 1,
		.policy = POLICY_ASSUME_BREACH,
		.weightless = 1,
		.with_operator = true };
	struct world *w = world_new(&config);

	(void)unused;
	for (size_t i = FIRST; i <= 4; i++)
		world_start(w, i);
	world_settle(w);
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 1000);
	world_crash(w, 3);
	ask(w, 2, 1);
	world_run(w, 3 * LIMIT_WINDOW_S * 1000);
	assert_int_equal(world_view(w, 2, 1).round, 0);
	world_start(w, 3);
	world_run(w, 5000);
	assert_int_equal(world_view(w, 2, 1).round, 1);
	assert_int_equal(w->nodes[1].lock, STRENGTH_NONE);
	checker_agree(w);
	world_free(w);
}

/* Standing lines in any order lead to the same state after a restart. */
static void
any_order_on_disk(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	struct world_node *n = &w->nodes[2];
	uint64_t root;
	struct prng p;

	(void)unused;
	for (unsigned round = 0; round < 2; round++) {
		scan(w, 5);
		if (round == 1)
			break;
		ask(w, 1, 5);
		world_run(w, 1000);
		world_submit(w, 5, certificate_on_disk(w, 2, LEVEL_RELEASE));
		world_run(w, 1000);
	}
	world_run(w, 2 * LIMIT_RELAYED_MS);
	root = world_core_view(w, 2).root;
	prng_seed(&p, 9);
	for (unsigned order = 0; order < 50; order++) {
		world_crash(w, 2);
		for (size_t i = n->disk_count - 1; i > 0; i--) {
			size_t j = (size_t)prng_below(&p, i + 1);
			struct disk_entry swap = n->disk[i];

			n->disk[i] = n->disk[j];
			n->disk[j] = swap;
		}
		world_start(w, 2);
		assert_int_equal(world_core_view(w, 2).root, root);
		assert_int_equal(world_view(w, 2, 5).round, 1);
		assert_int_equal(n->held[5], STRENGTH_SEVER);
		assert_false(world_core_view(w, 2).lost_state);
	}
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_precaution_is_lifted),
		cmocka_unit_test(a_certificate_is_lifted),
		cmocka_unit_test(a_request_lifts_what_it_names),
		cmocka_unit_test(new_evidence_opens_the_next_round),
		cmocka_unit_test(a_confession_is_never_lifted),
		cmocka_unit_test(a_confession_unheard_is_not_lost),
		cmocka_unit_test(operators_ask_and_nothing_else),
		cmocka_unit_test(an_operators_key_ends_with_its_enrolment),
		cmocka_unit_test(released_while_it_was_down),
		cmocka_unit_test(who_was_away_hears_of_both),
		cmocka_unit_test(two_requests_at_once),
		cmocka_unit_test(rank_outlives_release),
		cmocka_unit_test(a_witness_waits_for_its_own_grounds),
		cmocka_unit_test(an_operator_is_never_held),
		cmocka_unit_test(few_heads_wait_for_all),
		cmocka_unit_test(any_order_on_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
