#include "cli/web.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/limits.h"
#include "sys/loop.h"

struct web {
	const struct web_place *place;
	struct h1 *h1;
	int fd;
};

/* ---- where -------------------------------------------------------------------------- */

static bool
complain(const char *url, const char *what)
{
	fprintf(stderr, "phalanx: %s: %s\n", url, what);
	return false;
}

static bool
is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool
take_host(const char **at, char out[WEB_HOST_BYTES])
{
	bool bracketed = **at == '[';
	const char *start = *at + bracketed;
	size_t length = strcspn(start, bracketed ? "]" : ":/");

	if (length == 0 || length >= WEB_HOST_BYTES || (bracketed && start[length] != ']'))
		return false;
	memcpy(out, start, length);
	out[length] = '\0';
	*at = start + length + bracketed;
	return strspn(out, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_:%") ==
	       length;
}

bool
web_place_parse(const char *url, struct web_place *out)
{
	const char *at = url, *port = "80";
	size_t digits = 2;
	bool literal;

	if (strncasecmp(url, "https://", 8) == 0)
		return complain(url, "this program speaks plain http: go through ssh -L "
		                     "8090:localhost:8090, and name http://localhost:8090");
	if (strncasecmp(url, "http://", 7) != 0)
		return complain(url, "give http://HOST:PORT");
	at += 7;
	if (!take_host(&at, out->host))
		return complain(url, "no host there; give http://HOST:PORT");
	if (*at == ':') {
		port = ++at;
		digits = strspn(port, "0123456789");
		at += digits;
	}
	if (digits == 0 || digits > 5 || (*at != '\0' && strcmp(at, "/") != 0))
		return complain(url, "give http://HOST:PORT, and nothing behind it");
	(void)snprintf(out->port, sizeof(out->port), "%.*s", (int)digits, port);
	literal = strchr(out->host, ':') != NULL;
	(void)snprintf(out->authority, sizeof(out->authority), "%s%.248s%s:%s", literal ? "[" : "",
	    out->host, literal ? "]" : "", out->port);
	out->is_loopback = is_loopback(out->host);
	return true;
}

/* ---- the connection ------------------------------------------------------------------- */

enum err
web_new(const struct web_place *place, struct web **out)
{
	struct web *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return ERR_NOMEM;
	w->place = place;
	w->fd = -1;
	*out = w;
	return ERR_OK;
}

void
web_disconnect(struct web *w)
{
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
	h1_free(w->h1);
	w->h1 = NULL;
}

void
web_free(struct web *w)
{
	if (w == NULL)
		return;
	web_disconnect(w);
	free(w);
}

/* Linux's SO_SNDTIMEO bounds connect() as well. */
static int
dial(const struct addrinfo *to)
{
	const struct timeval limit = { LIMIT_WEB_MS / 1000, 0 };
	int fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC, to->ai_protocol);

	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
	    connect(fd, to->ai_addr, to->ai_addrlen) == 0)
		return fd;
	close(fd);
	return -1;
}

static enum err
connect_to(struct web *w)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	enum err err;

	h1_free(w->h1); /* of a connection that ended with its answer */
	w->h1 = NULL;
	if ((err = h1_new(LIMIT_HTTP_BODY_BYTES, &w->h1)) != ERR_OK)
		return err;
	if (getaddrinfo(w->place->host, w->place->port, &hints, &list) != 0)
		return ERR_NOT_FOUND;
	for (const struct addrinfo *a = list; a != NULL && w->fd == -1; a = a->ai_next)
		w->fd = dial(a);
	freeaddrinfo(list);
	return w->fd != -1 ? ERR_OK : ERR_IO;
}

static enum err
send_all(int fd, const uint8_t *data, size_t size_bytes)
{
	while (size_bytes > 0) {
		ssize_t n = send(fd, data, size_bytes, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_CLOSED;
		data += n;
		size_bytes -= (size_t)n;
	}
	return ERR_OK;
}

enum err
web_send(struct web *w, const struct h1_request *request)
{
	uint8_t *bytes = NULL;
	size_t size_bytes;
	enum err err = ERR_OK;

	if (w->fd == -1)
		err = connect_to(w);
	if (err == ERR_OK && (err = h1_post(w->h1, request, &bytes, &size_bytes)) == ERR_OK)
		err = send_all(w->fd, bytes, size_bytes);
	free(bytes);
	if (err != ERR_OK)
		web_disconnect(w);
	return err;
}

int
web_fd(const struct web *w)
{
	return w->fd;
}

enum err
web_receive(struct web *w, bool *done)
{
	uint8_t buffer[4096];
	ssize_t n;
	enum err err;

	*done = false;
	if (w->fd == -1)
		return ERR_CLOSED;
	if ((n = recv(w->fd, buffer, sizeof(buffer), MSG_DONTWAIT)) == -1)
		err = errno == EAGAIN || errno == EINTR ? ERR_OK : ERR_CLOSED;
	else if (n == 0)
		err = h1_eof(w->h1, done);
	else
		err = h1_receive(w->h1, buffer, (size_t)n, done);
	if (err != ERR_OK) {
		web_disconnect(w);
		return err;
	}
	if (*done && !h1_keeps_alive(w->h1)) {
		close(w->fd);
		w->fd = -1;
	}
	return ERR_OK;
}

enum err
web_wait(struct web *w, int wait_ms)
{
	uint64_t until_ms = loop_now_ms() + (uint64_t)wait_ms, now_ms;
	bool done = false;
	enum err err = ERR_OK;

	while (err == ERR_OK && !done) {
		struct pollfd wanted = { .fd = w->fd, .events = POLLIN };

		if ((now_ms = loop_now_ms()) >= until_ms) {
			web_disconnect(w);
			return ERR_AGAIN;
		}
		if (poll(&wanted, 1, (int)(until_ms - now_ms)) > 0)
			err = web_receive(w, &done);
	}
	return err;
}

const struct h1 *
web_answer(const struct web *w)
{
	return w->h1;
}
