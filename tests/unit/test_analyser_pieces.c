/*
 * Breaker, cache and queue of the analyser hold what their headers promise, at
 * their limits and beyond.
 */
#include <sodium.h>
#include <stdbool.h>
#include "analyser/breaker.h"
#include "analyser/cache.h"
#include "analyser/metrics.h"
#include "analyser/queue.h"
#include "base/limits.h"
#include "tests/check.h"

/* ---- breaker ---------------------------------------------------------------------- */

static void
tell(struct breaker *b, const char *outcomes, uint64_t now_ms)
{
	for (; *outcomes != '\0'; outcomes++)
		breaker_tell(b, *outcomes == 'x', now_ms);
}

/* Five of the last ten, in whatever order; four never. */
static void
breaker_opens_at_five_of_ten(void **unused)
{
	static const char *const opens[] = { "xxxxx", "x.x.x.x.x", ".....xxxxx", "xxxx.....x" },
	                         *const stays[] = { "xxxx", "x.x.x.x....x", "xxxx......x", "" };
	struct breaker b;

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		breaker_init(&b, i);
		tell(&b, opens[i], 0);
		assert_int_equal(b.state, BREAKER_OPEN);
		assert_false(breaker_would_allow(&b, 0));
		assert_false(breaker_allow(&b, LIMIT_BREAKER_MIN_MS / 2));
		breaker_init(&b, i);
		tell(&b, stays[i], 0);
		assert_int_equal(b.state, BREAKER_CLOSED);
		assert_true(breaker_allow(&b, 0));
	}
}

/* Thirty seconds, doubled by each probe that fails, to ten minutes, always jittered. */
static void
breaker_waits_double(void **unused)
{
	uint64_t now_ms = 1000, wait_ms, expected_ms = LIMIT_BREAKER_MIN_MS, last_ms = 0;
	bool differed = false;
	struct breaker b;

	(void)unused;
	breaker_init(&b, 7);
	tell(&b, "xxxxx", now_ms);
	for (int round = 0; round < 12; round++) {
		wait_ms = b.until_ms - now_ms;
		assert_in_range(wait_ms, expected_ms * 3 / 4, expected_ms * 5 / 4);
		differed = differed || (last_ms != 0 && wait_ms != 2 * last_ms);
		last_ms = wait_ms;
		assert_false(breaker_allow(&b, b.until_ms - 1));
		now_ms = b.until_ms;
		/* One probe, and no second beside it. */
		assert_true(breaker_would_allow(&b, now_ms));
		assert_true(breaker_allow(&b, now_ms));
		assert_false(breaker_allow(&b, now_ms));
		assert_false(breaker_would_allow(&b, now_ms));
		breaker_tell(&b, true, now_ms);
		expected_ms =
		    2 * expected_ms < LIMIT_BREAKER_MAX_MS ? 2 * expected_ms : LIMIT_BREAKER_MAX_MS;
	}
	assert_true(differed);
}

/* A probe that succeeds closes it and forgets what was. */
static void
breaker_recovers(void **unused)
{
	struct breaker b;

	(void)unused;
	breaker_init(&b, 7);
	tell(&b, "xxxxx", 0);
	assert_true(breaker_allow(&b, b.until_ms));
	breaker_tell(&b, true, 50000);
	assert_true(breaker_allow(&b, b.until_ms));
	breaker_tell(&b, false, 200000);
	assert_int_equal(b.state, BREAKER_CLOSED);
	tell(&b, "xxxx", 200000);
	assert_int_equal(b.state, BREAKER_CLOSED);
	tell(&b, "x", 200000);
	assert_int_equal(b.state, BREAKER_OPEN);
	assert_in_range(
	    b.until_ms - 200000, LIMIT_BREAKER_MIN_MS * 3 / 4, LIMIT_BREAKER_MIN_MS * 5 / 4);
	/* The late outcome of one that began before changes nothing. */
	tell(&b, ".x.", 200000);
	assert_int_equal(b.state, BREAKER_OPEN);
}

/* ---- cache -------------------------------------------------------------------------- */

static struct cache_key
key_of(
    const struct cache *c, uint32_t number, uint32_t version, const char *model, const char *digest)
{
	struct cache_key key;

	cache_key(c, (const uint8_t *)&number, sizeof(number), version, model, digest, &key);
	return key;
}

static void
cache_keeps_ten_minutes(void **unused)
{
	static const uint8_t secret[32] = { 1 };
	struct verdict_opinion in = { .score = 6, .reason = "because" }, out = { .score = 99 };
	struct cache_key key;
	struct cache *c;

	(void)unused;
	assert_ok(cache_new(secret, &c));
	key = key_of(c, 1, 1, "m", "d");
	assert_false(cache_get(c, &key, 0, &out));
	assert_int_equal(out.score, 99);
	cache_put(c, &key, &in, 1000);
	assert_true(cache_get(c, &key, 1000 + LIMIT_OPINION_MS - 1, &out));
	assert_int_equal(out.score, 6);
	assert_string_equal(out.reason, "because");
	assert_false(cache_get(c, &key, 1000 + LIMIT_OPINION_MS, &out));
	in.score = 7;
	cache_put(c, &key, &in, 5000);
	assert_true(cache_get(c, &key, 5000, &out));
	assert_int_equal(out.score, 7);
	assert_int_equal(cache_count(c), 1);
	cache_free(c);
}

/* Whatever an answer depends on makes another key, and so does another secret. */
static void
cache_keys_differ(void **unused)
{
	static const uint8_t secret[32] = { 1 }, other_secret[32] = { 2 };
	struct cache *c, *other;
	struct cache_key keys[7];

	(void)unused;
	assert_ok(cache_new(secret, &c));
	assert_ok(cache_new(other_secret, &other));
	keys[0] = key_of(c, 1, 1, "m", "d");
	keys[1] = key_of(c, 2, 1, "m", "d");
	keys[2] = key_of(c, 1, 2, "m", "d");
	keys[3] = key_of(c, 1, 1, "n", "d");
	keys[4] = key_of(c, 1, 1, "m", "e");
	keys[5] = key_of(c, 1, 1, "md", "");
	keys[6] = key_of(other, 1, 1, "m", "d");
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(&keys[i], &keys[j], sizeof(keys[i]));
	keys[1] = key_of(c, 1, 1, "m", "d");
	assert_memory_equal(&keys[0], &keys[1], sizeof(keys[0]));
	cache_free(c);
	cache_free(other);
}

static void
cache_is_bounded(void **unused)
{
	static const uint8_t secret[32] = { 1 };
	struct verdict_opinion in = { .score = 1 }, out;
	struct cache_key key;
	struct cache *c;

	(void)unused;
	memset(in.reason, 'r', LIMIT_REASON_BYTES);
	assert_ok(cache_new(secret, &c));
	for (uint32_t i = 0; i < 3 * LIMIT_OPINIONS; i++) {
		key = key_of(c, i, 1, "m", "");
		cache_put(c, &key, &in, i);
		assert_true(cache_count(c) <= LIMIT_OPINIONS);
	}
	/* The oldest went, the youngest are there. */
	for (uint32_t i = 0; i < 3 * LIMIT_OPINIONS; i++) {
		key = key_of(c, i, 1, "m", "");
		assert_int_equal(
		    cache_get(c, &key, 3 * LIMIT_OPINIONS, &out), i >= 2 * LIMIT_OPINIONS);
	}
	cache_free(c);
	cache_free(NULL);
}

/* ---- queue --------------------------------------------------------------------------- */

static void
queue_serves_the_gravest_first(void **unused)
{
	struct queue q = { .count = 0 };
	static const char items[] = "abcdef";
	static const uint32_t floors[] = { 4, 9, 4, 9, 0, 10 };
	char order[7] = "";
	char *item;

	(void)unused;
	for (size_t i = 0; i < 6; i++)
		assert_null(queue_put(&q, floors[i], (char *)(uintptr_t)&items[i]));
	queue_remove(&q, &items[0]);
	queue_remove(&q, "not there");
	while ((item = queue_take(&q)) != NULL)
		strncat(order, item, 1);
	assert_string_equal(order, "fbdce");
}

/* Full, the lowest floor gives way, the youngest of it; never a graver one. */
static void
queue_drops_the_lowest(void **unused)
{
	struct queue q = { .count = 0 };
	static char items[LIMIT_ADVICE_QUEUE + 3];

	(void)unused;
	for (uint32_t i = 0; i < LIMIT_ADVICE_QUEUE; i++)
		assert_null(queue_put(&q, i < 4 ? 3 : 6, &items[i]));
	/* As low as the lowest, and younger: it has no place itself. */
	assert_ptr_equal(queue_put(&q, 3, &items[32]), &items[32]);
	assert_ptr_equal(queue_put(&q, 0, &items[32]), &items[32]);
	assert_ptr_equal(queue_put(&q, 4, &items[33]), &items[3]);
	assert_ptr_equal(queue_put(&q, 9, &items[34]), &items[2]);
	assert_int_equal(q.count, LIMIT_ADVICE_QUEUE);
	assert_ptr_equal(queue_take(&q), &items[34]);
	assert_ptr_equal(queue_take(&q), &items[4]);
}

/* ---- metrics -------------------------------------------------------------------------- */

static void
metrics_fit_one_line(void **unused)
{
	char text[METRICS_TEXT_BYTES];
	struct metrics m = { .events = 3, .by_model = 1 };

	(void)unused;
	m.rejected[REJECT_FENCE] = 2;
	metrics_format(&m, text);
	assert_string_equal(text,
	    "events=3 by_model=1 by_rules=0 remembered=0 joined=0 exchanges=0 warm_ups=0 "
	    "exchange_ms=0 refused_calls=0 rejected.fence=2");
	memset(&m, 0xff, sizeof(m));
	metrics_format(&m, text);
	assert_true(strlen(text) < METRICS_TEXT_BYTES - 1);
	assert_null(strchr(text, '\n'));
	assert_non_null(strstr(text, "rejected.trailing=18446744073709551615"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(breaker_opens_at_five_of_ten),
		cmocka_unit_test(breaker_waits_double),
		cmocka_unit_test(breaker_recovers),
		cmocka_unit_test(cache_keeps_ten_minutes),
		cmocka_unit_test(cache_keys_differ),
		cmocka_unit_test(cache_is_bounded),
		cmocka_unit_test(queue_serves_the_gravest_first),
		cmocka_unit_test(queue_drops_the_lowest),
		cmocka_unit_test(metrics_fit_one_line),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
