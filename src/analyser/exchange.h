/*
 * exchange: one HTTP/1.1 exchange at a time with the model's server, in plain
 * text, within a deadline for the whole of it: connect, send, receive.
 *
 * The connection is kept for the next one where the server agrees.  No
 * redirect is followed.  Spec: docs/analyser.md, "The exchange".
 */
#ifndef ANALYSER_EXCHANGE_H
#define ANALYSER_EXCHANGE_H
#include <stdint.h>
#include "analyser/rejection.h"
#include "core/types.h"
#include "sys/loop.h"

struct exchange; /* opaque */

struct exchange_config {
	struct endpoint server; /* family 0: its name could not be looked up */
	const char *host;       /* as configured */
	const char *token;      /* a bearer's; "": none */
	/* Never within exchange_start(), and may call it.  status and body only with
	 * REJECT_NONE; the body lives until this returns. */
	void (*done)(void *context, enum rejection, int status, const uint8_t *body,
	    size_t size_bytes);
	void *context;
};

/* Copies what it needs.  NOMEM. */
MUST_USE enum err exchange_new(struct loop *, const struct exchange_config *,
    struct exchange **out);
void exchange_free(struct exchange *); /* accepts NULL */
/* GET when body is NULL, else it is copied; path is kept.  Only when none is under way. */
void exchange_start(struct exchange *, const char *path, const char *body, uint64_t deadline_ms);

#endif
