/*
 * A question goes out over a new connection when the far end ended the last
 * one, and nothing is left of that.  (What leaks is seen by the Asan build.)
 */
#include "cli/web.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/limits.h"
#include "tests/check.h"

static int
listen_here(struct web_place *place)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char url[64];

	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(at.sin_port));
	assert_true(web_place_parse(url, place));
	return fd;
}

/* Accepts, says it and closes. */
static void
say(int listener, const char *text)
{
	int fd = accept(listener, NULL, NULL);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
an_ended_connection_leaves_nothing(void **unused)
{
	static const char answer[] =
	    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
	struct h1_request request = { .method = "GET", .path = "/", .content_type = "t" };
	struct web_place place;
	struct web *web;
	size_t size_bytes;
	int listener = listen_here(&place);

	(void)unused;
	request.authority = place.authority;
	assert_ok(web_new(&place, &web));
	for (int i = 0; i < 3; i++) {
		assert_ok(web_send(web, &request));
		say(listener, answer);
		assert_ok(web_wait(web, LIMIT_WEB_MS));
		assert_int_equal(h1_status(web_answer(web)), 200);
		assert_memory_equal(h1_body(web_answer(web), &size_bytes), "{}", 2);
		assert_int_equal(size_bytes, 2);
		assert_int_equal(web_fd(web), -1);
	}
	assert_ok(web_send(web, &request));
	say(listener, "no HTTP\r\n\r\n");
	assert_err(ERR_MALFORMED, web_wait(web, LIMIT_WEB_MS));
	assert_int_equal(web_fd(web), -1);
	web_free(web);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ended_connection_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
