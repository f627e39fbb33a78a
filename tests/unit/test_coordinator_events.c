/*
 * Whoever listens hears every event once and in order, goes on behind the id
 * that it heard last, and is told to load anew when that is not possible.
 */
#include "base/limits.h"
#include "coordinator/events.h"
#include "tests/check.h"

struct fixture {
	struct loop *loop;
	struct events *events;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (loop_new(&f->loop) != ERR_OK)
		return -1;
	return events_new(f->loop, 1790000000000, &f->events) == ERR_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	events_free(f->events);
	loop_free(f->loop);
	free(f);
	return 0;
}

/* All that is there now, read through a window of `room` bytes. */
static char *
heard(const struct http_reply *reply, size_t room)
{
	static char text[512 * 1024];
	size_t used = 0, count;

	while ((count = reply->stream.read(reply->stream.context, text + used, room)) > 0)
		used += count;
	text[used] = '\0';
	return text;
}

static struct http_reply
listen_from(struct fixture *f, const char *last_id)
{
	struct http_reply reply = { 0 };

	assert_ok(events_listen(f->events, last_id, &reply));
	assert_string_equal(reply.type, "text/event-stream");
	return reply;
}

static void
leave(struct http_reply *reply)
{
	reply->stream.closed(reply->stream.context);
}

static void
tell(struct fixture *f, int n)
{
	events_publish(f->events, "threat", json_pack("{s:i}", "n", n));
}

/* A listener begins with a heartbeat, then hears what comes, whatever its window. */
static void
everything_once_and_in_order(void **state)
{
	struct fixture *f = *state;
	struct http_reply wide, narrow;

	tell(f, 1);
	wide = listen_from(f, NULL);
	narrow = listen_from(f, "");
	assert_int_equal(events_listeners(f->events), 2);
	assert_non_null(strstr(heard(&wide, 4096), "event: hb\n"));
	assert_non_null(strstr(heard(&narrow, 1), "\"seq\":1}"));
	tell(f, 2);
	events_publish(f->events, "incident", json_pack("{s:s}", "id", "a\n\xe2\x80\xae"));
	assert_string_equal(heard(&wide, 4096),
	    "id: 1790000000000:2\nevent: threat\ndata: {\"n\":2}\n\n"
	    "id: 1790000000000:3\nevent: incident\ndata: {\"id\":\"a\\n\\u202E\"}\n\n");
	assert_string_equal(heard(&narrow, 7),
	    "id: 1790000000000:2\nevent: threat\ndata: {\"n\":2}\n\n"
	    "id: 1790000000000:3\nevent: incident\ndata: {\"id\":\"a\\n\\u202E\"}\n\n");
	assert_string_equal(heard(&wide, 4096), "");
	leave(&wide);
	leave(&narrow);
	assert_int_equal(events_listeners(f->events), 0);
}

/* What is there goes out in one piece, as far as the window reaches. */
static void
many_go_out_together(void **state)
{
	static const char both[] = "id: 1790000000000:1\nevent: threat\ndata: {\"n\":1}\n\n"
	                           "id: 1790000000000:2\nevent: threat\ndata: {\"n\":2}\n\n";
	struct fixture *f = *state;
	struct http_reply reply = listen_from(f, NULL);
	char text[4096];

	(void)heard(&reply, 4096);
	tell(f, 1);
	tell(f, 2);
	assert_int_equal(reply.stream.read(reply.stream.context, text, 60), 60);
	assert_memory_equal(text, both, 60);
	assert_int_equal(
	    reply.stream.read(reply.stream.context, text, sizeof(text)), sizeof(both) - 1 - 60);
	assert_memory_equal(text, both + 60, sizeof(both) - 1 - 60);
	assert_int_equal(reply.stream.read(reply.stream.context, text, sizeof(text)), 0);
	leave(&reply);
}

/* Behind an id that is kept nothing is lost and nothing comes twice. */
static void
resumes_behind_an_id(void **state)
{
	struct fixture *f = *state;
	static const char expected[] = "id: 1790000000000:3\nevent: threat\ndata: {\"n\":3}\n\n"
	                               "id: 1790000000000:4\nevent: threat\ndata: {\"n\":4}\n\n"
	                               "event: hb\ndata: ";
	struct http_reply reply;

	for (int n = 1; n <= 4; n++)
		tell(f, n);
	reply = listen_from(f, "1790000000000:2");
	assert_memory_equal(heard(&reply, 4096), expected, sizeof(expected) - 1);
	leave(&reply);
}

/* An id of another life, of the future, or too old: load the state anew. */
static void
says_when_it_cannot(void **state)
{
	static const char *const ids[] = { "1780000000000:2", "1790000000000:3000",
		"1790000000000:1" };
	struct fixture *f = *state;

	for (int n = 1; n <= LIMIT_EVENTS + 5; n++)
		tell(f, n);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct http_reply reply = listen_from(f, ids[i]);

		assert_non_null(
		    strstr(heard(&reply, 64), "id: 1790000000000:2005\nevent: reset\n"));
		leave(&reply);
	}
}

/* Who is in the middle of an event when it leaves the ring hears its end, then that others are lost. */
static void
the_slow_hear_the_end_first(void **state)
{
	static const char rest[] = "ent: threat\ndata: {\"n\":1}\n\n"
	                           "id: 1790000000000:2002\nevent: reset\ndata: {}\n\n";
	struct fixture *f = *state;
	struct http_reply reply = listen_from(f, NULL);
	char text[32];

	(void)heard(&reply, 4096);
	tell(f, 1);
	assert_int_equal(reply.stream.read(reply.stream.context, text, 22), 22);
	for (int n = 2; n <= LIMIT_EVENTS + 2; n++)
		tell(f, n);
	assert_memory_equal(heard(&reply, 4096), rest, sizeof(rest) - 1);
	leave(&reply);
}

/* A listener too slow for the ring loses nothing silently. */
static void
the_slow_are_told(void **state)
{
	struct fixture *f = *state;
	struct http_reply reply = listen_from(f, NULL);
	char *text;

	(void)heard(&reply, 4096);
	for (int n = 1; n <= LIMIT_EVENTS + 1; n++)
		tell(f, n);
	text = heard(&reply, 4096);
	assert_ptr_equal(strstr(text, "event: reset"), strstr(text, "event: "));
	assert_null(strstr(text, "event: threat"));
	tell(f, 7);
	assert_non_null(strstr(heard(&reply, 4096), "{\"n\":7}"));
	leave(&reply);
}

static void
refuses_what_is_no_id(void **state)
{
	static const char *const ids[] = { "x", ":", "1:", ":1", "1", "-1:2", "1:-2", "1:2x",
		" 1:2", "99999999999999999999:1" };
	struct fixture *f = *state;
	struct http_reply reply = { 0 };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_err(events_listen(f->events, ids[i], &reply), ERR_MALFORMED);
	assert_int_equal(events_listeners(f->events), 0);
}

/* The limit holds, and a place that is left can be taken. */
static void
only_so_many(void **state)
{
	static struct http_reply replies[LIMIT_EVENT_LISTENERS];
	struct fixture *f = *state;
	struct http_reply more = { 0 };

	for (size_t i = 0; i < LIMIT_EVENT_LISTENERS; i++)
		replies[i] = listen_from(f, NULL);
	assert_err(events_listen(f->events, NULL, &more), ERR_FULL);
	leave(&replies[0]);
	replies[0] = listen_from(f, NULL);
	for (size_t i = 0; i < LIMIT_EVENT_LISTENERS; i++)
		leave(&replies[i]);
}

/* What could not be composed is not skipped in silence. */
static void
a_lost_event_resets(void **state)
{
	struct fixture *f = *state;
	struct http_reply reply = listen_from(f, NULL);

	(void)heard(&reply, 4096);
	events_publish(f->events, "threat", NULL);
	assert_non_null(strstr(heard(&reply, 4096), "event: reset\n"));
	leave(&reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_once_and_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(many_go_out_together, setup, teardown),
		cmocka_unit_test_setup_teardown(resumes_behind_an_id, setup, teardown),
		cmocka_unit_test_setup_teardown(says_when_it_cannot, setup, teardown),
		cmocka_unit_test_setup_teardown(the_slow_hear_the_end_first, setup, teardown),
		cmocka_unit_test_setup_teardown(the_slow_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_id, setup, teardown),
		cmocka_unit_test_setup_teardown(only_so_many, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_event_resets, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
