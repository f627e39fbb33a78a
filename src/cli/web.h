/*
 * web: one HTTP/1.1 connection to the coordinator, for programs that wait.
 * Plain http only: across a network put ssh -L or a proxy that speaks https in
 * between.
 */
#ifndef CLI_WEB_H
#define CLI_WEB_H
#include <stdbool.h>
#include "http/h1.h"

#define WEB_HOST_BYTES 256

struct web; /* opaque */

struct web_place {
	char host[WEB_HOST_BYTES];
	char port[8];
	char authority[WEB_HOST_BYTES + 8]; /* as in Host: */
	bool is_loopback;
};

/* Of "http://HOST[:PORT][/]"; says what is wrong and returns false. */
bool web_place_parse(const char *url, struct web_place *out);

/* The place lives as long.  NOMEM. */
MUST_USE enum err web_new(const struct web_place *, struct web **out);
void web_free(struct web *); /* accepts NULL */
/* Connects if need be, and sends; waits LIMIT_WEB_MS at most.  IO, CLOSED, NOT_FOUND (no such
 * host), errors of h1_post(). */
MUST_USE enum err web_send(struct web *, const struct h1_request *);
/* To poll for reading, once sent; -1: not connected. */
int web_fd(const struct web *);
/* When it is readable.  After an error it is not connected any more. */
MUST_USE enum err web_receive(struct web *, bool *done);
/* Until the answer is whole.  AGAIN: not within wait_ms. */
MUST_USE enum err web_wait(struct web *, int wait_ms);
/* The answer, once it is whole. */
const struct h1 *web_answer(const struct web *);
void web_disconnect(struct web *);

#endif
