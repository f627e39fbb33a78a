/*
 * Two bodies under one sequence, or a broken chain: whoever signs them is
 * condemned everywhere within a bound, whatever each node held of its feed,
 * and all agree again.
 */
#include "core/ballot.h"
#include "core/proof.h"
#include "sim/checker.h"
#include "tests/sim/each_seed.h"

#define CULPRIT 1

static struct world *
five(enum policy policy)
{
	struct world_config config = {
		.count = 5, .seed = 3, .policy = policy, .delay_min_ms = 1, .delay_max_ms = 1
	};
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	(void)world_trace(w);
	w->nodes[CULPRIT].liar = true;
	return w;
}

static struct entry
report(enum self_report_kind kind, uint32_t score)
{
	struct entry e = { .kind = ENTRY_SELF_REPORT };

	e.self_report.kind = kind;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	e.self_report.score = score;
	return e;
}

/* The culprit's statement that this member touched its decoy. */
static struct entry
statement(const struct world *w, size_t subject, uint32_t decoy)
{
	struct entry e = { .kind = ENTRY_STATEMENT };

	e.statement.subject = world_member(w, subject)->id;
	e.statement.class = CLASS_HONEYPOT_TRIPPED;
	e.statement.source.address =
	    roster_member(w->mesh.roster, (member_index)subject)->addresses[0];
	e.statement.destination.address = roster_member(w->mesh.roster, CULPRIT)->addresses[0];
	e.statement.decoy = decoy;
	e.statement.seen_ms = MESH_TIME_MS + w->now_ms;
	crypto_sodium()->sha256(NULL, "", NULL, 0, &e.statement.evidence_digest);
	return e;
}

/* Forge, deliver on the culprit's own link, and forget. */
static void
tell(struct world *w, size_t to, struct entry e, uint64_t sequence)
{
	struct span bytes = world_forge(w, CULPRIT, &e, sequence);

	world_deliver(w, to, CULPRIT, bytes);
	free((void *)(uintptr_t)bytes.data);
}

static void
assert_condemned(struct world *w)
{
	checker_agree(w);
	for (size_t i = 0; i < w->config.count; i++) {
		if (i == CULPRIT)
			continue;
		if (!world_view(w, i, CULPRIT).proven ||
		    w->nodes[i].held[CULPRIT] != STRENGTH_SEVER)
			fail_msg("%c holds the culprit %s, proven %d\n%s", (char)('a' + i),
			    strength_text(w->nodes[i].held[CULPRIT]),
			    world_view(w, i, CULPRIT).proven, w->trace);
		assert_int_equal(world_view(w, i, CULPRIT).status, STATUS_QUARANTINED);
	}
}

/* One statement to a, another under the same sequence to all others: the Proof reaches all. */
static void
two_bodies_convict(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	tell(w, 0, statement(w, 4, 0), 1);
	for (size_t i = 2; i < 5; i++)
		tell(w, i, statement(w, 4, 1), 1);
	assert_string_equal(world_trace(w), "a: statement e from b\n"
	                                    "c: statement e from b\n"
	                                    "d: statement e from b\n"
	                                    "e: statement e from b\n");
	world_run(w, 2000);
	/* Same decision key, so the roots are equal: the heads in a ping tell. */
	assert_non_null(strstr(w->trace, "equivocation b from"));
	assert_non_null(strstr(w->trace, "a: enforce b cut\n"));
	assert_non_null(strstr(w->trace, "d: enforce b sever\n"));
	assert_condemned(w);
	/* Its own word is gone: the statements as well. */
	for (size_t i = 0; i < 5; i++) {
		if (i == CULPRIT)
			continue;
		assert_int_equal(world_view(w, i, 4).statements, 0);
		assert_int_equal(world_view(w, i, CULPRIT).feed_sequence, 0);
	}
	/* It heard of it on its own link, and locked its host. */
	assert_true(world_core_view(w, CULPRIT).lost_state);
	assert_int_equal(w->nodes[CULPRIT].lock, STRENGTH_SEVER);
	world_free(w);
}

/*
 * While the culprit's accusations are struck off one by one, none of them takes
 * the place of the oldest: nobody is restricted on the word of who is convicted.
 */
static void
what_is_struck_off_accuses_nobody(void **unused)
{
	(void)unused;
	for (uint32_t variant = 0; variant < 8; variant++) {
		/* Ten heads, so k = 3, of which five are up: no certificate hides what L1 does. */
		struct world_config config = {
			.count = 10, .seed = variant, .policy = POLICY_ATTRIBUTE
		};
		struct world *w = world_new(&config);

		for (size_t i = 0; i < 5; i++)
			world_start(w, i);
		world_settle(w);
		w->nodes[CULPRIT].liar = true;
		world_touch_from(w, 0, 4);
		world_touch_from(w, 2, 4);
		world_run(w, 100);
		/* It accuses c and d before e. */
		for (uint64_t sequence = 1; sequence <= 3; sequence++)
			for (size_t i = 0; i < 5; i++)
				if (i != CULPRIT)
					tell(w, i, statement(w, sequence + 1, variant), sequence);
		world_run(w, 100);
		assert_int_equal(world_view(w, 3, 4).statements, 3);
		assert_false(world_view(w, 3, 4).restricted);
		tell(w, 0, statement(w, 2, variant + 1), 1);
		world_run(w, 2000);
		for (size_t i = 0; i < 5; i++) {
			if (i == CULPRIT)
				continue;
			assert_true(world_view(w, i, CULPRIT).proven);
			assert_int_equal(world_view(w, i, 4).statements, 2);
			assert_false(world_view(w, i, 4).restricted);
		}
		world_free(w);
	}
}

/* The next entry names another predecessor than the one that is held. */
static void
a_broken_chain_convicts(void **unused)
{
	for (unsigned reversed = 0; reversed < 2; reversed++) {
		struct world *w = five(POLICY_ATTRIBUTE);
		struct entry e = statement(w, 4, 0), next = statement(w, 3, 0);
		struct span first = world_forge(w, CULPRIT, &e, 1), second;

		(void)unused;
		w->forged_count = 0; /* what comes next names zeros */
		second = world_forge(w, CULPRIT, &next, 2);
		world_deliver(w, 0, CULPRIT, reversed ? second : first);
		assert_null(strstr(world_trace(w), "refused"));
		world_deliver(w, 0, CULPRIT, reversed ? first : second);
		assert_non_null(strstr(w->trace, "a: equivocation b from b"));
		world_run(w, 1000);
		assert_condemned(w);
		free((void *)(uintptr_t)first.data);
		free((void *)(uintptr_t)second.data);
		world_free(w);
	}
}

/*
 * To split the mesh, a precaution is shown to a and another to the others,
 * with heads that run on: the older of the two still meets its twin.
 */
static void
a_split_by_precautions_heals(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	tell(w, 0, report(SELF_REPORT_PRECAUTION, 1), 1);
	for (size_t i = 2; i < 5; i++) {
		tell(w, i, report(SELF_REPORT_PRECAUTION, 2), 1);
		tell(w, i, statement(w, 4, 0), 2);
		tell(w, i, statement(w, 3, 0), 3);
	}
	world_run(w, 2000);
	assert_condemned(w);
	for (size_t i = 0; i < 5; i++)
		assert_false(i != CULPRIT && world_view(w, i, CULPRIT).precaution_stands);
	world_free(w);
}

/* A culprit's precaution made another stand down; with the Proof that other one stands. */
static void
a_culprits_precaution_counts_for_nobody(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	for (size_t i = 0; i < 5; i++)
		if (i != CULPRIT)
			tell(w, i, report(SELF_REPORT_PRECAUTION, 1), 1);
	world_run(w, 3000);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 1000);
	assert_true(world_view(w, 2, 0).precaution_stood_down);
	assert_int_equal(w->nodes[2].held[0], STRENGTH_NONE);
	tell(w, 2, report(SELF_REPORT_PRECAUTION, 2), 1);
	world_run(w, 1000);
	assert_condemned(w);
	for (size_t i = 2; i < 5; i++) {
		assert_true(world_view(w, i, 0).precaution_stands);
		assert_int_equal(w->nodes[i].held[0], STRENGTH_CUT);
	}
	assert_int_equal(w->nodes[0].lock, STRENGTH_CUT);
	world_free(w);
}

/* What a convicted author says afterwards is refused, quietly and unchecked; what it proved stays. */
static void
a_culprit_has_no_word(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	uint64_t checks, root;

	(void)unused;
	tell(w, 0, statement(w, 4, 0), 1);
	tell(w, 0, statement(w, 4, 1), 1);
	world_run(w, 1000);
	assert_condemned(w);
	checks = world_core_view(w, 0).checks;
	root = world_core_view(w, 0).root;
	(void)world_trace(w);
	tell(w, 0, statement(w, 3, 0), 9);
	tell(w, 0, report(SELF_REPORT_CONFESSION, 1), 10);
	assert_int_equal(w->trace_bytes, 0);
	assert_int_equal(world_core_view(w, 0).checks, checks);
	assert_int_equal(world_core_view(w, 0).root, root);
	world_free(w);
}

/* The Proof of one's own equivocation counts, too. */
static void
a_proof_by_the_culprit_counts(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	struct entry one = statement(w, 4, 0), other = statement(w, 4, 1);
	struct span a = world_forge(w, CULPRIT, &one, 1), b = world_forge(w, CULPRIT, &other, 1);
	struct entry e = { .kind = ENTRY_PROOF };

	(void)unused;
	assert_ok(proof_make(crypto_sodium(), a, b, &e.proof));
	tell(w, 3, e, 2);
	world_run(w, 2000);
	assert_condemned(w);
	free((void *)(uintptr_t)a.data);
	free((void *)(uintptr_t)b.data);
	world_free(w);
}

/* Handed a Proof against itself, an honest host locks itself, says so, and signs nothing any more. */
static void
who_is_proven_locks_itself(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);
	uint64_t sequence;

	(void)unused;
	tell(w, 0, statement(w, 4, 0), 1);
	tell(w, 0, statement(w, 4, 1), 1);
	world_run(w, 1000);
	assert_non_null(strstr(w->trace, "b: proof b from a stands"));
	assert_non_null(strstr(w->trace, "b: lost-state b"));
	assert_non_null(strstr(w->trace, "b: lock sever"));
	for (unsigned restarts = 0; restarts < 2; restarts++) {
		sequence = w->nodes[CULPRIT].sequence;
		world_touch(w, CULPRIT, "10.77.0.66");
		world_touch_from(w, CULPRIT, 4);
		world_run(w, 1000);
		assert_int_equal(w->nodes[CULPRIT].sequence, sequence);
		assert_int_equal(w->nodes[CULPRIT].lock, STRENGTH_SEVER);
		world_crash(w, CULPRIT);
		world_start(w, CULPRIT);
		world_run(w, 1000);
		assert_true(world_core_view(w, CULPRIT).lost_state);
	}
	world_free(w);
}

/* Who may not sign keeps both bodies, and writes the Proof when it may. */
static void
who_may_not_sign_writes_it_later(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	for (size_t i = 1; i < 5; i++)
		world_crash(w, i);
	world_start(w, 2);
	world_run(w, 2000);
	w->nodes[0].append_fails = true;
	tell(w, 0, statement(w, 4, 0), 1);
	tell(w, 0, statement(w, 4, 1), 1);
	world_run(w, 3000);
	assert_false(world_view(w, 0, CULPRIT).proven);
	w->nodes[0].append_fails = false;
	world_run(w, 1000);
	assert_true(world_view(w, 0, CULPRIT).proven);
	assert_true(world_view(w, 2, CULPRIT).proven);
	assert_int_equal(w->nodes[0].sequence, 1);
	world_free(w);
}

/* After a restart, and in whatever order the disk returns it, a Proof stands as before. */
static void
a_proof_outlives_a_restart(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);
	uint64_t root;

	(void)unused;
	tell(w, 0, report(SELF_REPORT_PRECAUTION, 1), 1);
	tell(w, 2, report(SELF_REPORT_PRECAUTION, 2), 1);
	world_run(w, 2000);
	assert_condemned(w);
	root = world_core_view(w, 0).root;
	for (size_t i = 0; i < 3; i += 2) {
		struct world_node *n = &w->nodes[i];

		world_crash(w, i);
		for (size_t d = 0; d < n->disk_count / 2; d++) {
			struct disk_entry swapped = n->disk[d];

			n->disk[d] = n->disk[n->disk_count - 1 - d];
			n->disk[n->disk_count - 1 - d] = swapped;
		}
		world_partition(w, 1u << i);
		world_start(w, i);
		assert_int_equal(n->held[CULPRIT], STRENGTH_SEVER);
		assert_int_equal(world_core_view(w, i).root, root);
		world_partition(w, 0);
		world_run(w, 2000);
	}
	assert_condemned(w);
	world_free(w);
}

/* Ballots of a, c and d against e. */
static struct entry
certificate_against_e(const struct world *w)
{
	static const uint8_t voters[1] = { 1u << 0 | 1u << 2 | 1u << 3 };
	static uint8_t signatures[3 * sizeof(struct signature)];
	struct entry e = { .kind = ENTRY_CERTIFICATE };
	struct ballot b = { .level = LEVEL_QUARANTINE,
		.mesh = w->mesh.id,
		.epoch = 1,
		.subject = world_member(w, 4)->id,
		.window = ballot_window(MESH_TIME_MS + w->now_ms) };
	size_t count = 0;

	for (size_t i = 0; i < 4; i++) {
		struct signature signature = mesh_vote(world_member(w, i), &b);

		if (i != CULPRIT)
			memcpy(signatures + count++ * sizeof(signature), &signature,
			    sizeof(signature));
	}
	e.certificate = (struct certificate){ .level = b.level,
		.subject = b.subject,
		.epoch = b.epoch,
		.window = b.window,
		.voters = { voters, sizeof(voters) },
		.signatures = { signatures, sizeof(signatures) } };
	return e;
}

static void
swap_lines(struct world_node *n, size_t a, size_t b)
{
	struct disk_entry line = n->disk[a];

	n->disk[a] = n->disk[b];
	n->disk[b] = line;
}

/*
 * What proves itself holds whoever wrote it: a certificate by the culprit is
 * in force at a start, though on the disk it stands before the Proof and
 * behind the entry that it contradicts.
 */
static void
a_culprits_certificate_outlives_a_restart(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	struct world_node *n = &w->nodes[0];
	uint64_t root;

	(void)unused;
	/* a and d write no Proof before they hear of c's. */
	w->nodes[0].append_fails = w->nodes[3].append_fails = true;
	tell(w, 0, statement(w, 3, 1), 1);
	for (size_t i = 2; i < 4; i++)
		tell(w, i, statement(w, 3, i != 2), 1);
	world_run(w, 2000);
	w->nodes[0].append_fails = w->nodes[3].append_fails = false;
	w->forged_count = 0; /* another chain */
	w->touched_others[4] = true;
	tell(w, 2, certificate_against_e(w), 2);
	world_run(w, 2000);
	assert_condemned(w);
	assert_int_equal(n->held[4], STRENGTH_SEVER);
	root = world_core_view(w, 0).root;
	assert_int_equal(n->disk_count, 3);
	for (size_t i = 0; i < 6; i++) {
		swap_lines(n, i % 2, i % 2 + 1);
		world_crash(w, 0);
		world_start(w, 0);
		assert_int_equal(n->held[4], STRENGTH_SEVER);
		assert_int_equal(n->held[CULPRIT], STRENGTH_SEVER);
		assert_int_equal(world_core_view(w, 0).root, root);
	}
	world_free(w);
}

/*
 * A certificate for what is certified is not worth its checks, unless its
 * author wrote something else in its place: who brings it may sign no Proof.
 */
static void
a_certificate_that_changes_nothing_convicts(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	struct entry e;
	struct span bytes;

	(void)unused;
	world_touch_from(w, 0, 4);
	world_touch_from(w, 2, 4);
	world_touch_from(w, 3, 4);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 2, 4).status, STATUS_QUARANTINED);
	assert_int_equal(w->nodes[2].held[CULPRIT], STRENGTH_NONE);
	w->forged_count = 0; /* two bodies, each first in a chain of its own */
	tell(w, 2, report(SELF_REPORT_PRECAUTION, 9), 9);
	world_run(w, 100);
	assert_false(world_view(w, 2, CULPRIT).proven);
	w->forged_count = 0;
	e = certificate_against_e(w);
	bytes = world_forge(w, CULPRIT, &e, 9);
	world_deliver(w, 2, 3, bytes);
	free((void *)(uintptr_t)bytes.data);
	world_run(w, 1000);
	/* e, cut off, hears nothing. */
	for (size_t i = 0; i < 4; i++)
		assert_true(i == CULPRIT || (world_view(w, i, CULPRIT).proven &&
		                                w->nodes[i].held[CULPRIT] == STRENGTH_SEVER));
	world_free(w);
}

/*
 * Only a has what convicts, and may not sign: it shows that to whoever offers
 * the other body, for by what it means nobody would ask for it.
 */
static void
who_may_not_sign_shows_it(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	struct entry own = report(SELF_REPORT_PRECAUTION, 1);
	struct span bytes = world_forge(w, 0, &own, 1);

	(void)unused;
	world_partition(w, 1u << 0);
	world_touch_from(w, 2, 4);
	world_touch_from(w, 3, 4);
	world_run(w, 1000);
	w->touched_others[4] = true;
	w->forged_count = 0; /* two bodies, each in a chain of its own */
	tell(w, 0, certificate_against_e(w), 9);
	world_deliver(w, 0, 3, bytes);
	free((void *)(uintptr_t)bytes.data);
	assert_true(world_core_view(w, 0).lost_state);
	w->forged_count = 0;
	tell(w, 2, statement(w, 3, 0), 9);
	tell(w, 2, statement(w, 4, 0), 10);
	world_run(w, 100);
	assert_false(world_view(w, 2, CULPRIT).proven);
	world_crash(w, CULPRIT);
	world_partition(w, 0);
	world_run(w, LIMIT_FIRST_SYNC_MS);
	for (size_t i = 0; i < 4; i++)
		assert_true(i == CULPRIT || world_view(w, i, CULPRIT).proven);
	world_free(w);
}

/*
 * Somebody else signed in b's name, and b itself alone has the other body for
 * that place: b signs nothing more, and shows what it said, so that it is convicted.
 */
static void
who_is_doubled_shows_its_own_word(void **unused)
{
	for (unsigned apart = 0; apart < 2; apart++) {
		struct world *w = five(POLICY_ASSUME_BREACH);
		struct entry e = report(SELF_REPORT_PRECAUTION, 1);
		struct span forged = world_forge(w, CULPRIT, &e, 1);

		(void)unused;
		world_partition(w, apart << CULPRIT);
		world_touch(w, CULPRIT, "10.77.0.66");
		/* Apart, both mean the same, so the roots are equal; else b hears it while its notary writes. */
		for (size_t i = 0; i < 5; i++)
			if (i != CULPRIT || !apart)
				world_deliver(w, i, 4, forged);
		world_run(w, 5000);
		world_partition(w, 0);
		world_run(w, 5000);
		assert_true(world_core_view(w, CULPRIT).lost_state);
		assert_condemned(w);
		free((void *)(uintptr_t)forged.data);
		world_free(w);
	}
}

/* ---- at random -------------------------------------------------------------------- */

/* The culprit tells random contradictions to random nodes, cut apart or not; then all heals. */
static void
run_seed(uint64_t seed)
{
	struct world_config config = { .count = 5,
		.seed = seed,
		.policy = POLICY_ASSUME_BREACH,
		.delay_max_ms = 5,
		.disk_ms = 3 };
	struct world *w = world_new(&config);
	bool proven = false;
	struct prng p;

	prng_seed(&p, seed);
	world_start_all(w);
	world_settle(w);
	w->nodes[CULPRIT].liar = true;
	for (unsigned i = 0; i < 12; i++) {
		size_t to = (size_t)prng_below(&p, 5);
		uint64_t sequence = 1 + prng_below(&p, 4);

		if (prng_below(&p, 4) == 0)
			world_partition(w, (uint32_t)prng_below(&p, 32));
		if (prng_below(&p, 8) == 0 && to != CULPRIT) {
			world_crash(w, to);
			world_start(w, to);
		}
		if (to != CULPRIT)
			tell(w, to,
			    prng_below(&p, 2)
			        ? statement(
			              w, 2 + (size_t)prng_below(&p, 3), (uint32_t)prng_below(&p, 3))
			        : report(prng_below(&p, 6) == 0 ? SELF_REPORT_CONFESSION
			                                        : SELF_REPORT_PRECAUTION,
			              (uint32_t)prng_below(&p, 3)),
			    sequence);
		world_run(w, prng_below(&p, 300));
	}
	world_partition(w, 0);
	world_run(w, LIMIT_FIRST_SYNC_MS + 3 * LIMIT_SYNC_MS);
	checker_agree(w);
	for (size_t i = 0; i < 5; i++)
		proven = proven || (i != CULPRIT && world_view(w, i, CULPRIT).proven);
	if (proven)
		assert_condemned(w);
	world_free(w);
}

static void
whatever_each_held_all_agree(void **unused)
{
	(void)unused;
	each_seed(150, run_seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_bodies_convict),
		cmocka_unit_test(what_is_struck_off_accuses_nobody),
		cmocka_unit_test(a_broken_chain_convicts),
		cmocka_unit_test(a_split_by_precautions_heals),
		cmocka_unit_test(a_culprits_precaution_counts_for_nobody),
		cmocka_unit_test(a_culprit_has_no_word),
		cmocka_unit_test(a_proof_by_the_culprit_counts),
		cmocka_unit_test(who_is_proven_locks_itself),
		cmocka_unit_test(who_may_not_sign_writes_it_later),
		cmocka_unit_test(a_proof_outlives_a_restart),
		cmocka_unit_test(a_culprits_certificate_outlives_a_restart),
		cmocka_unit_test(a_certificate_that_changes_nothing_convicts),
		cmocka_unit_test(who_may_not_sign_shows_it),
		cmocka_unit_test(who_is_doubled_shows_its_own_word),
		cmocka_unit_test(whatever_each_held_all_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
