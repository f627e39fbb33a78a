/*
 * gRPC framing: whatever the pieces, the same messages; nothing beyond the cap.
 */
#include <stdlib.h>
#include "tests/check.h"
#include "http/grpc.h"

static char trace[256];

static bool
note(void *context, const uint8_t *data, size_t size_bytes)
{
	size_t used = strlen(trace);

	(void)context;
	(void)snprintf(
	    trace + used, sizeof(trace) - used, "[%.*s]", (int)size_bytes, (const char *)data);
	return true;
}

static bool
note_once(void *context, const uint8_t *data, size_t size_bytes)
{
	(void)note(context, data, size_bytes);
	return false;
}

static const uint8_t three[] = "\0\0\0\0\5first\0\0\0\0\0\0\0\0\0\6second";

/* Three messages, one of them empty, come out the same however the stream is cut. */
static void
pieces_do_not_matter(void **unused)
{
	struct grpc_reader r;
	size_t step, at, take;
	uint8_t *copy;

	(void)unused;
	for (step = 1; step <= sizeof(three) - 1; step++) {
		grpc_reader_init(&r, 16);
		trace[0] = '\0';
		for (at = 0; at < sizeof(three) - 1; at += take) {
			take = step < sizeof(three) - 1 - at ? step : sizeof(three) - 1 - at;
			/* A copy of its own, so that Asan sees reads behind a piece. */
			copy = malloc(take);
			memcpy(copy, three + at, take);
			assert_ok(grpc_read(&r, copy, take, note, NULL));
			free(copy);
		}
		assert_string_equal(trace, "[first][][second]");
		assert_false(grpc_reader_is_midway(&r));
		grpc_reader_free(&r);
	}
}

/* A message in pieces is midway until its last byte. */
static void
midway_is_known(void **unused)
{
	struct grpc_reader r;

	(void)unused;
	grpc_reader_init(&r, 16);
	assert_ok(grpc_read(&r, three, 2, note, NULL));
	assert_true(grpc_reader_is_midway(&r));
	assert_ok(grpc_read(&r, three + 2, 6, note, NULL));
	assert_true(grpc_reader_is_midway(&r));
	assert_ok(grpc_read(&r, three + 8, 2, note, NULL));
	assert_false(grpc_reader_is_midway(&r));
	grpc_reader_free(&r);
}

/* Compressed, oversize and unknown flags are refused as soon as the prefix says so. */
static void
refusals(void **unused)
{
	static const struct {
		const char *prefix;
		enum err expected;
	} cases[] = {
		{ "\1\0\0\0\1", ERR_UNSUPPORTED },
		{ "\2\0\0\0\1", ERR_MALFORMED },
		{ "\377\0\0\0\1", ERR_MALFORMED },
		{ "\0\0\0\0\21", ERR_OVERSIZE },
		{ "\0\377\377\377\377", ERR_OVERSIZE },
		{ "\0\0\0\0\20", ERR_OK },
	};
	struct grpc_reader r;
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		grpc_reader_init(&r, 16);
		assert_err(cases[i].expected,
		    grpc_read(&r, (const uint8_t *)cases[i].prefix, 5, note, NULL));
		grpc_reader_free(&r);
	}
}

/* Whoever has heard enough hears no more. */
static void
reader_may_stop(void **unused)
{
	struct grpc_reader r;

	(void)unused;
	grpc_reader_init(&r, 16);
	trace[0] = '\0';
	assert_ok(grpc_read(&r, three, sizeof(three) - 1, note_once, NULL));
	assert_string_equal(trace, "[first]");
	grpc_reader_free(&r);
}

/* What is written is read. */
static void
prefix_round_trip(void **unused)
{
	uint8_t prefix[GRPC_PREFIX_BYTES];

	(void)unused;
	grpc_write_prefix(0x01020304, prefix);
	assert_memory_equal(prefix, "\0\1\2\3\4", 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(midway_is_known),
		cmocka_unit_test(refusals),
		cmocka_unit_test(reader_may_stop),
		cmocka_unit_test(prefix_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
