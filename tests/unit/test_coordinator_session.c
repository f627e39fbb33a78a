/*
 * A link is good once and for a minute, a session for eight idle hours and a
 * day; both are known by hashes only, bounded in number, and one operator
 * cannot crowd another out.  Releases asked for are bounded alike.
 */
#include <stdlib.h>
#include <string.h>
#include "coordinator/asks.h"
#include "coordinator/session.h"
#include "sys/crypto.h"
#include "tests/check.h"

static const struct public_key alice = { { 1 } }, bob = { { 2 } };
static size_t ended;
static uint8_t counter;

static void
count_up(void *out, size_t size_bytes)
{
	memset(out, ++counter, size_bytes);
}

static void
count_ended(void *context, struct session *session)
{
	(void)context;
	(void)session;
	ended++;
}

static struct sessions *
make(void)
{
	const struct sessions_config config = {
		.crypto = crypto_sodium(), .random = count_up, .ended = count_ended
	};
	struct sessions *s;

	ended = 0;
	counter = 0;
	assert_ok(sessions_new(&config, &s));
	return s;
}

static struct session *
open_at(struct sessions *s, const struct public_key *key, uint64_t now_ms, uint8_t link[32])
{
	const struct session_opening opening = {
		.role = SESSION_OPERATOR, .key = *key, .name = "name", .now_ms = now_ms
	};
	struct session *one;

	assert_ok(sessions_open(s, &opening, link, &one));
	return one;
}

static void
link_is_good_once_and_for_a_minute(void **state)
{
	uint8_t link[32], cookie[32], other[32];
	struct sessions *s = make();
	struct session *one;

	(void)state;
	one = open_at(s, &alice, 1000, link);
	assert_null(sessions_of_cookie(s, link, 1000)); /* a link is no cookie */
	memcpy(other, link, sizeof(other));
	other[31] ^= 1;
	assert_null(sessions_redeem(s, other, 1000, cookie));
	assert_ptr_equal(sessions_redeem(s, link, 1000 + LIMIT_LINK_MS - 1, cookie), one);
	assert_null(sessions_redeem(s, link, 1000 + LIMIT_LINK_MS - 1, other));
	assert_memory_not_equal(link, cookie, sizeof(link));
	assert_ptr_equal(sessions_of_cookie(s, cookie, 100000), one);
	assert_null(sessions_redeem(s, cookie, 100000, other)); /* nor the reverse */

	open_at(s, &alice, 200000, link);
	assert_null(sessions_redeem(s, link, 200000 + LIMIT_LINK_MS, cookie));
	assert_int_equal(sessions_count(s), 1);
	assert_int_equal(ended, 1);
	sessions_free(s);
}

static void
secrets_are_not_kept(void **state)
{
	uint8_t link[32], cookie[32];
	struct sessions *s = make();
	struct session *one;

	(void)state;
	one = open_at(s, &alice, 0, link);
	assert_memory_not_equal(one->secret.bytes, link, sizeof(link));
	assert_non_null(sessions_redeem(s, link, 0, cookie));
	assert_memory_not_equal(one->secret.bytes, cookie, sizeof(cookie));
	sessions_free(s);
}

static void
session_ends_with_idleness_and_with_the_day(void **state)
{
	uint8_t link[32], cookie[32];
	struct sessions *s = make();
	struct session *one;
	uint64_t now_ms = 0;

	(void)state;
	open_at(s, &alice, 0, link);
	assert_non_null(sessions_redeem(s, link, 0, cookie));
	assert_null(sessions_of_cookie(s, cookie, LIMIT_SESSION_IDLE_MS));
	assert_int_equal(sessions_count(s), 0);

	one = open_at(s, &alice, 0, link);
	assert_non_null(sessions_redeem(s, link, 0, cookie));
	for (; now_ms < LIMIT_SESSION_MS; now_ms += LIMIT_SESSION_IDLE_MS - 1)
		assert_ptr_equal(sessions_of_cookie(s, cookie, now_ms), one);
	assert_null(sessions_of_cookie(s, cookie, LIMIT_SESSION_MS));
	assert_int_equal(ended, 2);
	sessions_free(s);
}

static void
nobody_is_crowded_out_by_another(void **state)
{
	uint8_t link[32], cookie[32], first[32];
	struct sessions *s = make();
	struct session *theirs, *one;
	struct public_key key = { { 3 } };
	const struct session_opening opening = { .key = bob, .name = "bob", .now_ms = 100 };

	(void)state;
	theirs = open_at(s, &bob, 0, link);
	open_at(s, &alice, 1, link);
	assert_non_null(sessions_redeem(s, link, 1, first));
	for (uint64_t i = 2; i <= LIMIT_SESSIONS_EACH; i++)
		open_at(s, &alice, i, link);
	assert_non_null(sessions_of_cookie(s, first, 50)); /* the others are unused for longer */
	open_at(s, &alice, 60, link);
	assert_int_equal(ended, 1);
	assert_non_null(sessions_of_cookie(s, first, 61));
	assert_ptr_equal(sessions_find(s, theirs->id, 61), theirs);

	while (sessions_count(s) < LIMIT_SESSIONS) {
		key.bytes[1]++;
		open_at(s, &key, 100, link);
	}
	assert_err(ERR_FULL, sessions_open(s, &opening, cookie, &one));
	assert_int_equal(sessions_count(s), LIMIT_SESSIONS);
	sessions_free(s);
}

static void
tokens_follow_from_their_cookies(void **state)
{
	uint8_t a[32] = { 1 }, b[32] = { 2 }, first[16], again[16], other[16];
	struct sessions *s = make();

	(void)state;
	session_csrf(s, a, first);
	session_csrf(s, a, again);
	session_csrf(s, b, other);
	assert_memory_equal(first, again, sizeof(first));
	assert_memory_not_equal(first, other, sizeof(first));
	sessions_free(s);
}

static struct release_ask
ask_of(uint8_t session, uint8_t incident)
{
	struct release_ask ask = { .until_ms = incident };

	memset(ask.session, session, sizeof(ask.session));
	memset(ask.incident.bytes, incident, sizeof(ask.incident.bytes));
	return ask;
}

static void
asks_are_bounded_and_one_an_incident(void **state)
{
	const struct release_ask *first, *one;
	struct release_ask wanted;
	struct asks *a;
	uint8_t incident = 0;

	(void)state;
	assert_ok(asks_new(&a));
	assert_null(asks_first_over(a));
	wanted = ask_of(1, 0);
	assert_ok(asks_add(a, &wanted, &first));
	wanted = ask_of(2, 0);
	assert_err(ERR_LOCKED, asks_add(a, &wanted, &one)); /* whoever asks */
	for (int i = 1; i < LIMIT_ASKS_EACH; i++) {
		wanted = ask_of(1, ++incident);
		assert_ok(asks_add(a, &wanted, &one));
	}
	wanted = ask_of(1, ++incident);
	assert_err(ERR_FULL, asks_add(a, &wanted, &one));
	wanted = ask_of(2, incident);
	assert_ok(asks_add(a, &wanted, &one));
	assert_ptr_equal(asks_after(a, wanted.session, 0), one);
	assert_null(asks_after(a, wanted.session, one->number));
	assert_ptr_equal(asks_find(a, first->number), first);
	assert_ptr_equal(asks_first_over(a), first);

	asks_remove(a, first);
	assert_null(asks_find(a, 1)); /* and its number does not come again */
	wanted = ask_of(1, 0);
	assert_ok(asks_add(a, &wanted, &one));
	assert_true(one->number > LIMIT_ASKS_EACH);
	for (int i = LIMIT_ASKS_EACH + 1; i < LIMIT_ASKS; i++) {
		wanted = ask_of((uint8_t)(10 + i), (uint8_t)(100 + i));
		assert_ok(asks_add(a, &wanted, &one));
	}
	wanted = ask_of(9, 99);
	assert_err(ERR_FULL, asks_add(a, &wanted, &one));
	asks_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_is_good_once_and_for_a_minute),
		cmocka_unit_test(secrets_are_not_kept),
		cmocka_unit_test(session_ends_with_idleness_and_with_the_day),
		cmocka_unit_test(nobody_is_crowded_out_by_another),
		cmocka_unit_test(tokens_follow_from_their_cookies),
		cmocka_unit_test(asks_are_bounded_and_one_an_incident),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
