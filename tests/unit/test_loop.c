/* Descriptors and timers call back as asked, and may be removed inside any callback. */
#include <unistd.h>
#include "sys/loop.h"
#include "tests/check.h"

#define MANY 200

struct world {
	struct loop *loop;
	struct loop_timer *timers[MANY];
	struct loop_watch *watches[2];
	int pipes[2][2];
	unsigned fired, called[2], rearmed;
	uint64_t last_ms;
	bool ordered;
};

struct armed {
	struct world *world;
	uint64_t at_ms;
};

static void
note(void *context)
{
	struct armed *armed = context;
	struct world *world = armed->world;

	world->ordered =
	    world->ordered && armed->at_ms >= world->last_ms && loop_now_ms() >= armed->at_ms;
	world->last_ms = armed->at_ms;
	if (++world->fired == MANY / 2)
		loop_stop(world->loop, 7);
}

/* Timers fire in the order of their times, never early, and not at all when disarmed. */
static void
timers_in_order(void **unused)
{
	struct world world = { .ordered = true };
	struct armed armed[MANY];
	uint64_t start_ms = loop_now_ms();
	unsigned i, seed = 12345;

	(void)unused;
	assert_ok(loop_new(&world.loop));
	for (i = 0; i < MANY; i++) {
		seed = seed * 1103515245u + 12345u;
		armed[i] = (struct armed){ &world, start_ms + (seed >> 16) % 40 };
		assert_ok(loop_timer_new(world.loop, note, &armed[i], &world.timers[i]));
		loop_timer_set(world.timers[i], start_ms + (seed >> 20) % 40);
		loop_timer_set(world.timers[i], armed[i].at_ms);
	}
	for (i = 0; i < MANY; i += 2)
		loop_timer_set(world.timers[i], UINT64_MAX);
	assert_int_equal(loop_run(world.loop), 7);
	assert_int_equal(world.fired, MANY / 2);
	assert_true(world.ordered);
	for (i = 0; i < MANY; i++)
		loop_timer_free(world.timers[i]);
	loop_free(world.loop);
}

static void
arm_again(void *context)
{
	struct world *world = context;

	world->rearmed++;
	loop_timer_set(world->timers[0], 0);
}

static void
readable(void *context, unsigned ready)
{
	struct world *world = context;
	char byte;

	assert_int_equal(ready, LOOP_READ);
	assert_int_equal(read(world->pipes[0][0], &byte, 1), 1);
	if (++world->called[0] == 3)
		loop_stop(world->loop, 0);
	else
		assert_int_equal(write(world->pipes[0][1], "x", 1), 1);
}

/* A timer that always arms itself for the past does not starve descriptors. */
static void
no_starvation(void **unused)
{
	struct world world = { 0 };

	(void)unused;
	assert_ok(loop_new(&world.loop));
	assert_int_equal(pipe(world.pipes[0]), 0);
	assert_ok(loop_timer_new(world.loop, arm_again, &world, &world.timers[0]));
	loop_timer_set(world.timers[0], 0);
	assert_ok(loop_add(
	    world.loop, world.pipes[0][0], LOOP_READ, readable, &world, &world.watches[0]));
	assert_int_equal(write(world.pipes[0][1], "x", 1), 1);
	assert_int_equal(loop_run(world.loop), 0);
	assert_int_equal(world.called[0], 3);
	assert_true(world.rearmed >= 2);
	loop_remove(world.watches[0]);
	loop_timer_free(world.timers[0]);
	loop_free(world.loop);
	close(world.pipes[0][0]);
	close(world.pipes[0][1]);
}

static void
remove_both(void *context, unsigned ready)
{
	struct world *world = context;

	(void)ready;
	world->called[0]++;
	loop_remove(world->watches[0]);
	loop_remove(world->watches[1]);
	loop_timer_set(world->timers[0], loop_now_ms() + 5);
}

static void
stop(void *context)
{
	loop_stop(((struct world *)context)->loop, 0);
}

/* Of two ready descriptors the first callback removes both: the second is never called. */
static void
remove_inside(void **unused)
{
	struct world world = { 0 };
	int i;

	(void)unused;
	assert_ok(loop_new(&world.loop));
	assert_ok(loop_timer_new(world.loop, stop, &world, &world.timers[0]));
	for (i = 0; i < 2; i++) {
		assert_int_equal(pipe(world.pipes[i]), 0);
		assert_int_equal(write(world.pipes[i][1], "x", 1), 1);
		assert_ok(loop_add(world.loop, world.pipes[i][0], LOOP_READ, remove_both, &world,
		    &world.watches[i]));
	}
	assert_int_equal(loop_run(world.loop), 0);
	assert_int_equal(world.called[0], 1);
	for (i = 0; i < 2; i++) {
		close(world.pipes[i][0]);
		close(world.pipes[i][1]);
	}
	loop_timer_free(world.timers[0]);
	loop_free(world.loop);
}

/* A descriptor that cannot be watched is an error, not a silence. */
static void
bad_descriptor(void **unused)
{
	struct loop_watch *watch;
	struct loop *loop;

	(void)unused;
	assert_ok(loop_new(&loop));
	assert_err(ERR_IO, loop_add(loop, 9999, LOOP_READ, remove_both, NULL, &watch));
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_in_order),
		cmocka_unit_test(no_starvation),
		cmocka_unit_test(remove_inside),
		cmocka_unit_test(bad_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
