/*
 * What becomes of decisions when the electorate changes: five nodes, a to e,
 * and the operator f; every node is restarted with the longer roster.
 */
#include "sim/checker.h"

#define NODES 5

static struct world *
five(enum policy policy)
{
	struct world_config config = {
		.count = NODES, .seed = 1, .policy = policy, .with_operator = true
	};
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	return w;
}

/* With weights and listing as the mesh's members have them now. */
static void
next_epoch(struct world *w)
{
	for (size_t i = 0; i < NODES; i++)
		world_crash(w, i);
	mesh_append_epoch(&w->mesh);
	assert_ok(mesh_parse(&w->mesh));
	world_start_all(w);
	world_run(w, 5000);
	(void)world_trace(w);
}

static struct mesh_member *
member_of_mesh(struct world *w, size_t node)
{
	for (size_t i = 0; i < w->mesh.count; i++)
		if (w->mesh.members[i].index == node)
			return &w->mesh.members[i];
	fail_msg("no member");
	return NULL;
}

static void
ask(struct world *w, size_t node, size_t subject)
{
	struct core_member_view v = world_view(w, node, subject);
	struct entry e = { .kind = ENTRY_RELEASE };
	struct span bytes;

	e.release.subject = world_member(w, subject)->id;
	e.release.round = v.round;
	e.release.kind = RELEASE_CLEANED;
	e.release.names_certificate = v.has_certificate;
	e.release.certificate = v.certificate;
	e.release.incarnation = v.report_incarnation;
	e.release.sequence = v.report_sequence;
	strcpy(e.release.reason, "reinstalled");
	bytes = world_forge(w, NODES, &e, MESH_TIME_MS + w->now_ms);
	world_submit(w, node, bytes);
	free((void *)(uintptr_t)bytes.data);
}

/* A certificate stands through epochs; a subject that weighs nothing any more can be readmitted. */
static void
a_certificate_outlives_its_epoch(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	for (size_t i = 0; i < 4; i++)
		world_touch_from(w, i, 4);
	world_run(w, 1000);
	member_of_mesh(w, 4)->weight = 0;
	next_epoch(w);
	next_epoch(w);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(w->nodes[i].held[4], STRENGTH_SEVER);
	assert_int_equal(w->nodes[4].lock, STRENGTH_SEVER);
	ask(w, 0, 4);
	world_run(w, 1000);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(world_view(w, i, 4).round, 1);
		assert_int_equal(w->nodes[i].held[4], STRENGTH_NONE);
	}
	checker_agree(w);
	world_free(w);
}

/*
 * A hundred epochs later a certificate and a confession still hold: after a
 * restart, and for whom they reach only then.
 */
static void
decisions_outlive_a_hundred_epochs(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	struct core_event confess = { .input = CORE_CONFESS, .confess.reason = CLASS_TAMPER };

	(void)unused;
	world_crash(w, 0);
	for (size_t i = 1; i < 4; i++)
		world_touch_from(w, i, 4);
	world_run(w, 1000);
	world_event(w, 3, &confess);
	world_run(w, 1000);
	for (size_t i = 1; i < NODES; i++)
		world_crash(w, i);
	for (unsigned n = 0; n < 100; n++) {
		mesh_append_epoch(&w->mesh);
		assert_ok(mesh_parse(&w->mesh));
	}
	next_epoch(w);
	assert_int_equal(world_core_view(w, 0).epoch, 102);
	for (size_t i = 0; i < 3; i++) {
		assert_true(world_view(w, i, 4).certified);
		assert_true(world_view(w, i, 3).confessed);
		assert_int_equal(w->nodes[i].held[3], STRENGTH_SEVER);
		assert_int_equal(w->nodes[i].held[4], STRENGTH_SEVER);
	}
	assert_int_equal(w->nodes[3].lock, STRENGTH_SEVER);
	assert_int_equal(w->nodes[4].lock, STRENGTH_SEVER);
	checker_agree(w);
	world_free(w);
}

/* One ballot in each of two epochs is no quorum in either; signed anew they are. */
static void
epochs_are_never_mixed(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	/* Two witnesses; their hearsay moves the two others, who are not there. */
	world_crash(w, 2);
	world_crash(w, 3);
	world_touch_from(w, 0, 4);
	world_touch_from(w, 1, 4);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 0, 4).votes, 2);
	next_epoch(w);
	/* Now all four vote in epoch 2, on the statements of epoch 1. */
	for (size_t i = 0; i < 4; i++) {
		assert_true(world_view(w, i, 4).certified);
		assert_int_equal(w->nodes[i].held[4], STRENGTH_SEVER);
	}
	checker_agree(w);
	world_free(w);
}

/* A third epoch knows nothing of what was said in the first. */
static void
two_epochs_later_statements_are_nothing(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	world_crash(w, 1);
	world_crash(w, 2);
	world_crash(w, 3);
	world_touch_from(w, 0, 4);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 0, 4).statements, 1);
	for (size_t i = 0; i < NODES; i++)
		if (w->nodes[i].core != NULL)
			world_crash(w, i);
	mesh_append_epoch(&w->mesh);
	assert_ok(mesh_parse(&w->mesh));
	next_epoch(w);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(world_view(w, i, 4).statements, 0);
		assert_int_equal(world_view(w, i, 4).votes, 0);
		assert_int_equal(world_core_view(w, i).objects, 0);
	}
	checker_agree(w);
	world_free(w);
}

/*
 * A lifted precaution leaves two epochs after its RELEASE, but not while one
 * that is not lifted stands down for its sake.
 */
static void
lifted_precautions_leave_two_epochs_later(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);
	size_t objects;

	(void)unused;
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 1000);
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 1000);
	ask(w, 2, 0);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 2, 0).round, 1);
	world_run(w, 2 * LIMIT_RELAYED_MS);
	objects = world_core_view(w, 2).objects;
	next_epoch(w);
	next_epoch(w);
	assert_int_equal(world_core_view(w, 2).objects, objects);
	assert_true(world_view(w, 2, 1).precaution_stood_down);
	ask(w, 2, 1);
	world_run(w, 1000);
	world_run(w, 2 * LIMIT_RELAYED_MS);
	next_epoch(w);
	next_epoch(w);
	/* The two RELEASE certificates are left. */
	for (size_t i = 0; i < NODES; i++) {
		assert_int_equal(world_core_view(w, i).objects, 2);
		assert_int_equal(world_view(w, i, 0).round, 1);
		assert_int_equal(world_view(w, i, 1).round, 1);
	}
	checker_agree(w);
	world_free(w);
}

/* Of a member that two epochs do not list nothing is left, and it lets itself out nowhere. */
static void
who_is_struck_off_is_forgotten(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	for (size_t i = 0; i < 4; i++)
		world_touch_from(w, i, 4);
	world_run(w, 1000);
	member_of_mesh(w, 4)->unlisted = true;
	next_epoch(w);
	for (size_t i = 0; i < 4; i++)
		assert_true(world_view(w, i, 4).certified);
	for (size_t i = 0; i < 4; i++)
		w->nodes[i].was_condemned[4] = false;
	next_epoch(w);
	for (size_t i = 0; i < 4; i++) {
		assert_false(world_view(w, i, 4).certified);
		assert_int_equal(world_core_view(w, i).objects, 0);
	}
	assert_int_equal(w->nodes[4].lock, STRENGTH_SEVER);
	world_free(w);
}

/* What still pushes another's precaution down is given to who was not there, whatever round it names. */
static void
who_is_struck_off_still_ranks(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 1000);
	ask(w, 2, 0);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 2, 0).round, 1);
	world_partition(w, 1 << 3);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 1000);
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 1000);
	assert_true(world_view(w, 2, 0).precaution_stands);
	assert_true(world_view(w, 2, 1).precaution_stood_down);
	member_of_mesh(w, 0)->unlisted = true;
	next_epoch(w);
	next_epoch(w);
	world_crash(w, 0);
	world_partition(w, 0);
	world_run(w, 60000);
	/* The three precautions; nobody holds the rounds that they name. */
	for (size_t i = 1; i < NODES; i++) {
		assert_true(world_view(w, i, 1).precaution_stood_down);
		assert_int_equal(world_core_view(w, i).objects, 3);
	}
	checker_agree(w);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_outlives_its_epoch),
		cmocka_unit_test(decisions_outlive_a_hundred_epochs),
		cmocka_unit_test(epochs_are_never_mixed),
		cmocka_unit_test(two_epochs_later_statements_are_nothing),
		cmocka_unit_test(lifted_precautions_leave_two_epochs_later),
		cmocka_unit_test(who_is_struck_off_is_forgotten),
		cmocka_unit_test(who_is_struck_off_still_ranks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
