/*
 * HTTP/1.1 answers, whole, in pieces, torn, hostile.
 */
#include <stdlib.h>
#include "tests/check.h"
#include "http/h1.h"

static struct h1 *h;

static int
make(void **unused)
{
	(void)unused;
	assert_ok(h1_new(16, &h));
	return 0;
}

static int
drop(void **unused)
{
	(void)unused;
	h1_free(h);
	return 0;
}

static void
ask(void)
{
	struct h1_request request = { .path = "/x", .authority = "h:1", .content_type = "t/t" };
	uint8_t *bytes;
	size_t size;

	assert_ok(h1_post(h, &request, &bytes, &size));
	free(bytes);
}

static enum err
answer(const char *text, size_t step, bool *done)
{
	size_t left = strlen(text), take;
	enum err err = ERR_OK;

	for (*done = false; left > 0 && !*done; left -= take, text += take) {
		take = step < left ? step : left;
		if ((err = h1_receive(h, (const uint8_t *)text, take, done)) != ERR_OK)
			return err;
	}
	return err;
}

static void
expect(int status, const char *body, bool keeps_alive)
{
	size_t size;
	const uint8_t *bytes = h1_body(h, &size);

	assert_int_equal(h1_status(h), status);
	assert_int_equal(size, strlen(body));
	if (size > 0)
		assert_memory_equal(bytes, body, size);
	assert_int_equal(h1_keeps_alive(h), keeps_alive);
}

/* The request is what RFC 9112 asks for, byte for byte. */
static void
request_is_exact(void **unused)
{
	static const struct h1_header headers[] = { { "A", "1" }, { "B", "2" } };
	static const char expected[] =
	    "POST /register HTTP/1.1\r\nHost: here:8090\r\n"
	    "Content-Type: application/json\r\nContent-Length: 2\r\nA: 1\r\nB: 2\r\n\r\n{}";
	struct h1_request request = { .path = "/register",
		.authority = "here:8090",
		.content_type = "application/json",
		.headers = headers,
		.header_count = 2,
		.body = (const uint8_t *)"{}",
		.body_bytes = 2 };
	uint8_t *bytes;
	size_t size;

	(void)unused;
	assert_ok(h1_post(h, &request, &bytes, &size));
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(bytes, expected, size);
	free(bytes);
	assert_err(ERR_LOCKED, h1_post(h, &request, &bytes, &size));
}

/* Another method, when it is named. */
static void
get_is_exact(void **unused)
{
	static const char expected[] = "GET /api/tags HTTP/1.1\r\nHost: h\r\n"
	                               "Content-Type: t\r\nContent-Length: 0\r\n\r\n";
	struct h1_request request = {
		.method = "GET", .path = "/api/tags", .authority = "h", .content_type = "t"
	};
	uint8_t *bytes;
	size_t size;

	(void)unused;
	assert_ok(h1_post(h, &request, &bytes, &size));
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(bytes, expected, size);
	free(bytes);
}

/* A field cannot smuggle a line of its own. */
static void
no_smuggling(void **unused)
{
	struct h1_header evil = { "A", "1\r\nB: 2" };
	struct h1_request request = { .path = "/x", .authority = "h", .content_type = "t" };
	uint8_t *bytes;
	size_t size;

	(void)unused;
	request.headers = &evil;
	request.header_count = 1;
	assert_err(ERR_MALFORMED, h1_post(h, &request, &bytes, &size));
	request.header_count = 0;
	request.path = "/x HTTP/1.1\r\nHost: other\r\n\r\n";
	assert_err(ERR_MALFORMED, h1_post(h, &request, &bytes, &size));
	request.path = "/x y";
	assert_err(ERR_MALFORMED, h1_post(h, &request, &bytes, &size));
	request.path = "/x";
	request.method = "GET /y";
	assert_err(ERR_MALFORMED, h1_post(h, &request, &bytes, &size));
}

/* Answers of each kind, cut anywhere, on one connection. */
static void
answers_in_pieces(void **unused)
{
	static const struct {
		const char *text;
		int status;
		const char *body;
		bool keeps_alive;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true },
		{ "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
		    200, "abc", true },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", 401,
		    "", true },
		{ "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 503, "x",
		    false },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false },
	};
	size_t i, step;
	bool done;

	(void)unused;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (step = 1; step <= strlen(cases[i].text); step++) {
			ask();
			assert_ok(answer(cases[i].text, step, &done));
			assert_true(done);
			expect(cases[i].status, cases[i].body, cases[i].keeps_alive);
		}
}

/* A body may end with the connection, a head may not. */
static void
end_of_connection(void **unused)
{
	bool done;

	(void)unused;
	ask();
	assert_ok(answer("HTTP/1.1 200 OK\r\n\r\nall", 99, &done));
	assert_false(done);
	assert_ok(h1_eof(h, &done));
	assert_true(done);
	expect(200, "all", false);

	ask();
	assert_false(h1_has_begun(h));
	assert_err(ERR_TRUNCATED, h1_eof(h, &done));
}

/* A torn head, and a torn body of known length, are no answer. */
static void
torn_is_refused(void **unused)
{
	bool done;

	(void)unused;
	ask();
	assert_ok(answer("HTTP/1.1 200 OK\r\nContent-Le", 99, &done));
	assert_true(h1_has_begun(h));
	assert_err(ERR_TRUNCATED, h1_eof(h, &done));
	h1_free(h);
	assert_ok(h1_new(16, &h));
	ask();
	assert_ok(answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", 99, &done));
	assert_err(ERR_TRUNCATED, h1_eof(h, &done));
}

static void
expect_refused(enum err expected, const char *text)
{
	bool done;

	h1_free(h);
	assert_ok(h1_new(16, &h));
	ask();
	assert_err(expected, answer(text, strlen(text), &done));
}

/* What is too long or not HTTP ends the connection. */
static void
hostile_answers(void **unused)
{
	static char long_head[20000] = "HTTP/1.1 200 OK\r\nX: ";

	(void)unused;
	memset(long_head + 20, 'x', sizeof(long_head) - 21);
	expect_refused(ERR_OVERSIZE, long_head);
	expect_refused(ERR_OVERSIZE, "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n");
	expect_refused(ERR_OVERSIZE, "HTTP/1.1 200 OK\r\n\r\n12345678901234567");
	expect_refused(ERR_OVERSIZE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	                             "11\r\n12345678901234567\r\n");
	expect_refused(ERR_MALFORMED, "SSH-2.0-OpenSSH\r\n");
	expect_refused(ERR_MALFORMED, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
	                              "Transfer-Encoding: chunked\r\n\r\n");
	expect_refused(ERR_MALFORMED, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
}

/* Bytes behind the answer are nobody's: the connection is not used again. */
static void
more_than_asked(void **unused)
{
	bool done;

	(void)unused;
	assert_err(ERR_MALFORMED, h1_receive(h, (const uint8_t *)"HTTP", 4, &done));
	ask();
	assert_ok(answer(
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 X\r\n\r\n", 99, &done));
	assert_true(done);
	expect(200, "", false);
}

/* The fields that sign an answer are kept, in whatever pieces and case they come; the rest is not. */
static void
fields_are_kept(void **unused)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nSIGNATURE-input: a=b;c\r\nEmpty:\r\n"
	                           "Signature: x=:y:\r\nSignature-Inputs: no\r\n"
	                           "Content-Digest: \r\nContent-Length: 0\r\n\r\n";
	bool done;

	(void)unused;
	for (size_t step = 1; step < sizeof(text); step++) {
		ask();
		assert_null(h1_field(h, H1_SIGNATURE));
		assert_ok(answer(text, step, &done));
		assert_true(done);
		assert_string_equal(h1_field(h, H1_SIGNATURE_INPUT), "a=b;c");
		assert_string_equal(h1_field(h, H1_SIGNATURE), "x=:y:");
		assert_string_equal(h1_field(h, H1_CONTENT_DIGEST), "");
		if (!h1_keeps_alive(h)) {
			h1_free(h);
			assert_ok(h1_new(16, &h));
		}
	}
}

/* Twice there, or longer than any such field is: not there. */
static void
odd_fields_are_left_out(void **unused)
{
	char text[2048], longest[1024];
	bool done;

	(void)unused;
	memset(longest, 'x', sizeof(longest) - 1);
	for (size_t length = 510; length <= 1023; length++) {
		longest[length] = '\0';
		snprintf(text, sizeof(text),
		    "HTTP/1.1 200 OK\r\nSignature: %s\r\nContent-Length: 0\r\n\r\n", longest);
		longest[length] = 'x';
		ask();
		assert_ok(answer(text, 100, &done));
		assert_int_equal(h1_field(h, H1_SIGNATURE) != NULL, length < 512);
	}
	ask();
	assert_ok(answer("HTTP/1.1 200 OK\r\nSignature: a\r\nsignature: a\r\n"
	                 "Content-Digest: d\r\nContent-Length: 0\r\n\r\n",
	    100, &done));
	assert_null(h1_field(h, H1_SIGNATURE));
	assert_string_equal(h1_field(h, H1_CONTENT_DIGEST), "d");
	/* Those of an interim answer are not the answer's. */
	ask();
	assert_ok(answer("HTTP/1.1 103 Early\r\nSignature: early\r\n\r\n"
	                 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	    1, &done));
	assert_true(done);
	assert_null(h1_field(h, H1_SIGNATURE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(request_is_exact, make, drop),
		cmocka_unit_test_setup_teardown(get_is_exact, make, drop),
		cmocka_unit_test_setup_teardown(no_smuggling, make, drop),
		cmocka_unit_test_setup_teardown(answers_in_pieces, make, drop),
		cmocka_unit_test_setup_teardown(end_of_connection, make, drop),
		cmocka_unit_test_setup_teardown(torn_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(hostile_answers, make, drop),
		cmocka_unit_test_setup_teardown(more_than_asked, make, drop),
		cmocka_unit_test_setup_teardown(fields_are_kept, make, drop),
		cmocka_unit_test_setup_teardown(odd_fields_are_left_out, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
