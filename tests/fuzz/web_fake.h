/*
 * web_fake: a far end for cli/web.c, in the same thread.  What is sent is
 * handed to web_fake_asked(), which answers by web_fake_say(); the end of the
 * stream always follows, so that nobody waits.  The linker puts these in place
 * of the system's (--wrap, CMakeLists.txt).
 */
#ifndef FUZZ_WEB_FAKE_H
#define FUZZ_WEB_FAKE_H
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sys/loop.h"
#include "tests/fuzz/crypto_fake.h"

/* libsodium's place is taken as well. */
const struct crypto *crypto_sodium(void);
void crypto_sha256(const uint8_t *data, size_t size_bytes, uint8_t out[32]);
bool crypto_verify(const uint8_t key[32], const uint8_t *data, size_t size_bytes,
    const uint8_t signature[64]);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t size);
ssize_t __wrap_send(int fd, const void *data, size_t size_bytes, int flags);
int __wrap_getaddrinfo(
    const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **out);
void __wrap_freeaddrinfo(struct addrinfo *);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The fuzzer's: one request, whole. */
static void web_fake_asked(const char *request, size_t size_bytes);

#define WEB_FAKE_FDS 64

static int web_fake_far_of[WEB_FAKE_FDS]; /* by our end's number; 0: none */
static int web_fake_far = -1;             /* of the connection that asked last */
static uint64_t web_fake_now_ms;

static inline void
web_fake_say(const void *data, size_t size_bytes, bool end)
{
	if (web_fake_far == -1)
		return;
	/* EPIPE: it said before that this connection ends. */
	PROMISE(write(web_fake_far, data, size_bytes) == (ssize_t)size_bytes || errno == EPIPE);
	if (end)
		shutdown(web_fake_far, SHUT_WR);
}

static inline void
web_fake_reset(void)
{
	for (size_t i = 0; i < WEB_FAKE_FDS; i++)
		if (web_fake_far_of[i] != 0)
			close(web_fake_far_of[i]);
	memset(web_fake_far_of, 0, sizeof(web_fake_far_of));
	web_fake_far = -1;
}

/* As h1_post() writes them, whoever chose the path. */
static inline void
web_fake_check_request(const char *request, size_t size_bytes)
{
	const char *end = memmem(request, size_bytes, "\r\n\r\n", 4);
	const char *line = memmem(request, size_bytes, "\r\n", 2);
	size_t spaces = 0;

	PROMISE(end != NULL && line != NULL);
	for (const char *p = request; p < line; p++) {
		PROMISE((unsigned char)*p >= 0x20 && *p != 0x7f);
		spaces += *p == ' ';
	}
	PROMISE(spaces == 2 && memcmp(line - 9, " HTTP/1.1", 9) == 0);
	PROMISE(memmem(request, (size_t)(end - request), "\r\nHost: ", 8) != NULL);
}

uint64_t
loop_now_ms(void)
{
	return web_fake_now_ms += 100;
}

uint64_t
loop_unix_ms(void)
{
	return 1790000000000;
}

const struct crypto *
crypto_sodium(void)
{
	return &crypto_fake;
}

void
crypto_sha256(const uint8_t *data, size_t size_bytes, uint8_t out[32])
{
	struct hash hash;

	fake_sha256(NULL, "", data, size_bytes, &hash);
	memcpy(out, hash.bytes, sizeof(hash.bytes));
}

bool
crypto_verify(
    const uint8_t key[32], const uint8_t *data, size_t size_bytes, const uint8_t signature[64])
{
	(void)key;
	(void)data;
	(void)size_bytes;
	return signature[0] != 0xff;
}

int
__wrap_socket(int domain, int type, int protocol)
{
	int ends[2];

	(void)domain;
	(void)type;
	(void)protocol;
	PROMISE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	PROMISE(ends[0] < WEB_FAKE_FDS);
	if (web_fake_far_of[ends[0]] != 0)
		close(web_fake_far_of[ends[0]]); /* of a connection that has ended */
	web_fake_far_of[ends[0]] = ends[1];
	return ends[0];
}

int
__wrap_connect(int fd, const struct sockaddr *to, socklen_t size)
{
	(void)fd;
	(void)to;
	(void)size;
	return 0;
}

ssize_t
__wrap_send(int fd, const void *data, size_t size_bytes, int flags)
{
	(void)flags;
	PROMISE(fd >= 0 && fd < WEB_FAKE_FDS && web_fake_far_of[fd] != 0);
	web_fake_far = web_fake_far_of[fd];
	web_fake_check_request(data, size_bytes);
	web_fake_asked(data, size_bytes);
	return (ssize_t)size_bytes;
}

int
__wrap_getaddrinfo(
    const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **out)
{
	static struct sockaddr_in address = { .sin_family = AF_INET };
	static struct addrinfo found = { .ai_family = AF_INET,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)&address,
		.ai_addrlen = sizeof(address) };

	(void)hints;
	PROMISE(*host != '\0' && *port != '\0');
	*out = &found;
	return 0;
}

void
__wrap_freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

/* What our code says of an input is for people; libFuzzer has copies of its own. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)signal(SIGPIPE, SIG_IGN);
	stdout = fopen("/dev/null", "we");
	stderr = fopen("/dev/null", "we");
	return 0;
}

#endif
