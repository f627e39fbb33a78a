/*
 * A client and a server of http/h2 face to face, and a client that lies, by
 * bare nghttp2.  Tests read as the transcript of what handlers were told.
 */
#include <stdlib.h>
#include <nghttp2/nghttp2.h>
#include "tests/check.h"
#include "base/limits.h"
#include "http/grpc.h"
#include "http/h2.h"

static char trace[4096];
static struct h2 *client, *server;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
note(const char *format, ...)
{
	size_t used = strlen(trace);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(trace + used, sizeof(trace) - used, format, args);
	va_end(args);
}

static void
expect_trace(const char *expected)
{
	assert_string_equal(trace, expected);
	trace[0] = '\0';
}

/* ---- a server that knows /echo, /small (cap 4) and nothing else ---------------------- */

static void
server_headers(void *context, int32_t stream, const char *path, const char *type, int status)
{
	(void)context;
	(void)status;
	note("S %d %s %s\n", stream, path, type);
	if (strcmp(path, "/echo") == 0)
		assert_ok(h2_accept(server, stream, "me", LIMIT_ENVELOPE_BYTES));
	else if (strcmp(path, "/small") == 0)
		assert_ok(h2_accept(server, stream, NULL, 4));
	else
		assert_ok(h2_finish(server, stream, GRPC_UNIMPLEMENTED, "no such method: 100%\n"));
}

static void
server_message(void *context, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	(void)context;
	note("S %d message %zu\n", stream, size_bytes);
	assert_ok(h2_send(server, stream, data, size_bytes));
}

static void
server_ended(void *context, int32_t stream)
{
	(void)context;
	note("S %d ended\n", stream);
	assert_ok(h2_finish(server, stream, GRPC_OK, ""));
}

static void
server_closed(void *context, int32_t stream, int status, const char *reason)
{
	(void)context;
	note("S %d closed %d %s\n", stream, status, reason);
}

static void
client_headers(void *context, int32_t stream, const char *path, const char *type, int status)
{
	(void)context;
	note("C %d %s%s %d claim=%s\n", stream, path, type, status, h2_claim(client, stream));
}

static void
client_message(void *context, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	(void)context;
	(void)data;
	note("C %d message %zu\n", stream, size_bytes);
}

static void
client_closed(void *context, int32_t stream, int status, const char *reason)
{
	(void)context;
	note("C %d closed %d %s\n", stream, status, reason);
}

static const struct h2_handler server_handler = { .headers = server_headers,
	.message = server_message,
	.ended = server_ended,
	.closed = server_closed };
static const struct h2_handler client_handler = {
	.headers = client_headers, .message = client_message, .closed = client_closed
};

static int
make(void **unused)
{
	(void)unused;
	trace[0] = '\0';
	assert_ok(h2_new(H2_CLIENT, &client_handler, &client));
	assert_ok(h2_new(H2_SERVER, &server_handler, &server));
	return 0;
}

static int
drop(void **unused)
{
	(void)unused;
	h2_free(client);
	h2_free(server);
	return 0;
}

/* Everything that one side has, to the other, in pieces of this many bytes. */
static size_t
carry(struct h2 *from, struct h2 *to, size_t room)
{
	uint8_t *bytes = malloc(room);
	size_t size, total = 0;

	for (;;) {
		assert_ok(h2_output(from, bytes, room, &size));
		if (size == 0)
			break;
		total += size;
		assert_ok(h2_receive(to, bytes, size));
	}
	free(bytes);
	return total;
}

static void
settle(size_t room)
{
	while (carry(client, server, room) + carry(server, client, room) > 0)
		;
}

static int32_t
call(const char *path)
{
	int32_t stream;

	assert_ok(h2_call(client, path, "here", H2_CLAIM, "you", LIMIT_ENVELOPE_BYTES, &stream));
	return stream;
}

/* ---- calls ----------------------------------------------------------------------------- */

/* Messages cross both ways on one stream, whatever the pieces; each end learns of the end. */
static void
exchange(void **unused)
{
	static uint8_t big[LIMIT_ENVELOPE_BYTES];
	int32_t stream;
	size_t room;

	(void)unused;
	for (room = 1; room < 40000; room = room * 7 + 2) {
		stream = call("/echo");
		assert_ok(h2_send(client, stream, (const uint8_t *)"hi", 2));
		assert_ok(h2_send(client, stream, NULL, 0));
		settle(room);
		assert_string_equal(h2_claim(server, stream), "you");
		assert_ok(h2_send(client, stream, big, sizeof(big)));
		settle(room);
		assert_int_equal(h2_queued_bytes(client), 0);
		assert_ok(h2_finish(client, stream, 0, ""));
		settle(room);
		assert_null(strchr(trace, '%'));
		assert_non_null(strstr(trace, "/echo application/grpc\n"));
		assert_non_null(strstr(trace, "application/grpc 200 claim=me\n"));
		assert_non_null(strstr(trace, "message 2\n"));
		assert_non_null(strstr(trace, "message 0\n"));
		assert_non_null(strstr(trace, "message 65536\n"));
		assert_non_null(strstr(trace, "ended\n"));
		assert_non_null(strstr(trace, "closed 0 \n"));
		trace[0] = '\0';
	}
}

/* An unknown method is status 12 in one header block, with the reason on one line. */
static void
unknown_method(void **unused)
{
	(void)unused;
	(void)call("/other");
	settle(1000);
	expect_trace("S 1 /other application/grpc\n"
	             "S 1 closed -1 no such method: 100%\n\n"
	             "C 1 closed 12 no such method: 100%25%0A\n");
}

/* A message above the method's cap is status 8, and what follows is not heard. */
static void
oversize(void **unused)
{
	int32_t stream = call("/small");

	(void)unused;
	assert_ok(h2_send(client, stream, (const uint8_t *)"four", 4));
	assert_ok(h2_send(client, stream, (const uint8_t *)"fives", 5));
	assert_ok(h2_send(client, stream, (const uint8_t *)"x", 1));
	settle(1000);
	assert_non_null(strstr(trace, "S 1 message 4\n"));
	assert_null(strstr(trace, "S 1 message 1\n"));
	assert_non_null(strstr(trace, "C 1 closed 8 the message is too large\n"));
}

/* More than 1 MiB waiting is refused, and what was queued stays whole. */
static void
queue_is_bounded(void **unused)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	int32_t stream = call("/echo");
	int n = 0;

	(void)unused;
	while (h2_send(client, stream, bytes, sizeof(bytes)) == ERR_OK)
		n++;
	assert_int_equal(n, 15);
	assert_err(ERR_FULL, h2_send(client, stream, bytes, sizeof(bytes)));
	settle(16384);
	assert_int_equal(h2_queued_bytes(client), 0);
	assert_err(ERR_CLOSED, h2_send(client, 99, bytes, 1));
}

/* ---- liars ------------------------------------------------------------------------------ */

static nghttp2_session *liar;
static int32_t liar_status;

static int
liar_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_bytes, const uint8_t *value, size_t value_bytes, uint8_t flags, void *context)
{
	(void)session;
	(void)frame;
	(void)flags;
	(void)context;
	note("L %.*s: %.*s\n", (int)name_bytes, (const char *)name, (int)value_bytes,
	    (const char *)value);
	return 0;
}

static int
liar_make(void **state)
{
	nghttp2_session_callbacks *callbacks;

	(void)make(state);
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, liar_header);
	assert_int_equal(nghttp2_session_client_new(&liar, callbacks, &liar_status), 0);
	nghttp2_session_callbacks_del(callbacks);
	assert_int_equal(nghttp2_submit_settings(liar, 0, NULL, 0), 0);
	return 0;
}

static int
liar_drop(void **state)
{
	nghttp2_session_del(liar);
	return drop(state);
}

/* The liar's bytes to the server, and the answers back; what h2_receive said. */
static enum err
liar_talk(void)
{
	uint8_t bytes[4096];
	const uint8_t *data;
	enum err err = ERR_OK;
	size_t size;
	ssize_t n;

	while (err == ERR_OK && (n = nghttp2_session_mem_send(liar, &data)) > 0)
		err = h2_receive(server, data, (size_t)n);
	while (h2_output(server, bytes, sizeof(bytes), &size) == ERR_OK && size > 0)
		(void)nghttp2_session_mem_recv(liar, bytes, size);
	return err;
}

#define FIELD(name, value)                                                                     \
	{                                                                                      \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1, \
		    sizeof(value) - 1, 0                                                       \
	}

static void
liar_asks(const char *method, const char *type, const char *te, const char *path)
{
	nghttp2_nv fields[] = { FIELD(":method", "POST"), FIELD(":scheme", "https"),
		FIELD(":authority", "x"), FIELD(":path", "/echo"), FIELD("content-type", ""),
		FIELD("te", "trailers") };

	fields[0].value = (uint8_t *)(uintptr_t)method;
	fields[0].valuelen = strlen(method);
	fields[3].value = (uint8_t *)(uintptr_t)path;
	fields[3].valuelen = strlen(path);
	fields[4].value = (uint8_t *)(uintptr_t)type;
	fields[4].valuelen = strlen(type);
	assert_true(nghttp2_submit_request(liar, NULL, fields, te == NULL ? 5 : 6, NULL, NULL) > 0);
}

/* Requests that are not gRPC are answered in plain HTTP and never reach a handler. */
static void
not_grpc(void **unused)
{
	(void)unused;
	liar_asks("GET", "application/grpc", "trailers", "/echo");
	assert_ok(liar_talk());
	assert_non_null(strstr(trace, "L :status: 405\n"));
	liar_asks("POST", "text/html", "trailers", "/echo");
	assert_ok(liar_talk());
	assert_non_null(strstr(trace, "L :status: 415\n"));
	liar_asks("POST", "application/grpcx", "trailers", "/echo");
	assert_ok(liar_talk());
	liar_asks("POST", "application/grpc+proto", NULL, "/echo");
	assert_ok(liar_talk());
	assert_non_null(strstr(trace, "L :status: 400\n"));
	assert_null(strstr(trace, "S "));
}

static ssize_t
compressed_message(nghttp2_session *session, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *context)
{
	(void)session;
	(void)id;
	(void)room;
	(void)source;
	(void)context;
	memcpy(out, "\1\0\0\0\1x", 6);
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return 6;
}

/* A compressed message is status 12. */
static void
compressed(void **unused)
{
	nghttp2_nv fields[] = { FIELD(":method", "POST"), FIELD(":scheme", "https"),
		FIELD(":authority", "x"), FIELD(":path", "/echo"),
		FIELD("content-type", "application/grpc"), FIELD("te", "trailers") };
	nghttp2_data_provider provider = { .read_callback = compressed_message };

	(void)unused;
	assert_true(nghttp2_submit_request(liar, NULL, fields, 6, &provider, NULL) > 0);
	assert_ok(liar_talk());
	assert_non_null(strstr(trace, "L grpc-status: 12\n"));
	assert_null(strstr(trace, "S 1 message"));
}

/* Header lists above 8 KiB never reach a handler. */
static void
huge_headers(void **unused)
{
	static char path[9000];

	(void)unused;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	liar_asks("POST", "application/grpc", "trailers", path);
	assert_ok(liar_talk());
	assert_null(strstr(trace, "S 1 /"));
}

/* Open and reset, over and over (CVE-2023-44487): the connection ends. */
static void
rapid_reset(void **unused)
{
	enum err err = ERR_OK;
	int i;

	(void)unused;
	for (i = 0; i < 1000 && err == ERR_OK && !h2_is_over(server); i++) {
		trace[0] = '\0';
		liar_asks("POST", "application/grpc", "trailers", "/echo");
		err = liar_talk();
		(void)nghttp2_submit_rst_stream(liar, 0, 2 * i + 1, NGHTTP2_CANCEL);
		if (err == ERR_OK)
			err = liar_talk();
	}
	print_message("ended after %d resets\n", i);
	assert_true(i < 200);
}

/* What does not begin like HTTP/2 is a broken connection at once. */
static void
no_preface(void **unused)
{
	(void)unused;
	assert_err(ERR_MALFORMED,
	    h2_receive(server, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n________", 26));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(exchange, make, drop),
		cmocka_unit_test_setup_teardown(unknown_method, make, drop),
		cmocka_unit_test_setup_teardown(oversize, make, drop),
		cmocka_unit_test_setup_teardown(queue_is_bounded, make, drop),
		cmocka_unit_test_setup_teardown(not_grpc, liar_make, liar_drop),
		cmocka_unit_test_setup_teardown(compressed, liar_make, liar_drop),
		cmocka_unit_test_setup_teardown(huge_headers, liar_make, liar_drop),
		cmocka_unit_test_setup_teardown(rapid_reset, liar_make, liar_drop),
		cmocka_unit_test_setup_teardown(no_preface, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
