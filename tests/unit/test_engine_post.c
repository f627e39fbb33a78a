/*
 * When a node says again who it is: only as often as what is shown of it has
 * to be fresh, and with the next heartbeat when the coordinator forgot it,
 * was away, or is not believed.  The engine's other files are replaced.
 */
#include "proc/engine.h"
#include <stdlib.h>
#include "tests/check.h"

void
engine_tell(struct engine *e, enum role_id to, uint32_t type, const void *fixed, size_t fixed_bytes,
    struct span tail)
{
	(void)e;
	(void)to;
	(void)type;
	(void)fixed;
	(void)fixed_bytes;
	(void)tail;
}

uint32_t
engine_request(struct engine *e)
{
	return ++e->next_request;
}

void
engine_feed(struct engine *e, struct core_event *event)
{
	(void)e;
	(void)event;
}

bool
engine_hooks_wanted(const struct engine *e)
{
	(void)e;
	return false;
}

enum err
engine_roster_offer(struct engine *e, member_index from, uint64_t offset, struct span records)
{
	(void)e;
	(void)from;
	(void)offset;
	(void)records;
	return ERR_OK;
}

static void
answered(struct engine *e, enum http_path path, uint32_t status)
{
	const struct msg_posted posted = { .request = 1, .path = path, .status = status };

	engine_posted(e, &posted, (struct span){ NULL, 0 });
}

static bool
is_due(const struct engine *e)
{
	return loop_now_ms() >= e->register_ms;
}

static void
registers_when_it_must(void **unused)
{
	static const struct config config = { .coordinator_host = "coordinator" };
	static struct engine e = { .config = &config };
	uint64_t from_ms, to_ms;

	(void)unused;
	assert_true(is_due(&e));
	answered(&e, HTTP_TELEMETRY, 200); /* telemetry alone registers nobody */
	assert_true(is_due(&e));
	from_ms = loop_now_ms();
	answered(&e, HTTP_REGISTER, 200);
	to_ms = loop_now_ms();
	assert_true(e.register_ms >= from_ms + LIMIT_REGISTER_MS);
	assert_true(e.register_ms <= to_ms + LIMIT_REGISTER_MS);
	answered(&e, HTTP_TELEMETRY, 200);
	answered(&e, HTTP_ENTRIES, 202);
	assert_false(is_due(&e));

	answered(&e, HTTP_TELEMETRY, 401); /* "keyid is not known here" */
	assert_true(is_due(&e));
	answered(&e, HTTP_REGISTER, 200);
	answered(&e, HTTP_REPORT, 0); /* away, or its answer was refused */
	assert_true(is_due(&e));
	answered(&e, HTTP_REGISTER, 409);
	assert_true(is_due(&e));
}

/* A coordinator that lost what it knew is told it again, but not as often as it likes. */
static void
tells_again_when_asked(void **unused)
{
	static const char wish[] = "{\"entries\":true}";
	const struct span body = { (const uint8_t *)wish, sizeof(wish) - 1 };
	const struct msg_posted posted = { .request = 1, .path = HTTP_TELEMETRY, .status = 200 };
	static const struct config config = { .coordinator_host = "coordinator" };
	static struct engine e = { .config = &config, .coordinator_up = true };

	(void)unused;
	engine_posted(&e, &posted, (struct span){ NULL, 0 });
	assert_true(e.told_all_ms == 0);
	engine_posted(&e, &posted, body);
	assert_true(e.told_all_ms > 0);
	e.told_all_ms = 1;
	engine_posted(&e, &posted, body);
	assert_true(e.told_all_ms > 1 || loop_now_ms() < 1 + LIMIT_RETELL_MS);
	e.told_all_ms = loop_now_ms() + 1000;
	engine_posted(&e, &posted, body);
	assert_true(e.told_all_ms > loop_now_ms());
}

/* What readers are told of a node is never older than a registration may be. */
static void
what_is_shown_is_fresh(void **unused)
{
	(void)unused;
	assert_true(LIMIT_REGISTER_MS + 2 * LIMIT_HEARTBEAT_MS < LIMIT_REGISTER_AGE_S * 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_when_it_must),
		cmocka_unit_test(tells_again_when_asked),
		cmocka_unit_test(what_is_shown_is_fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
