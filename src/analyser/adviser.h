/*
 * adviser: an event in, a bounded score out; in between the model, if it can be
 * asked in time.
 *
 * One exchange with the server is under way at a time.  Events that ask the
 * same join one question; opinions are remembered for ten minutes.  Whatever
 * fails, the rules answer.  Spec: docs/analyser.md.
 */
#ifndef ANALYSER_ADVISER_H
#define ANALYSER_ADVISER_H
#include "analyser/event.h"
#include "analyser/metrics.h"
#include "analyser/rejection.h"
#include "sys/config.h"
#include "sys/loop.h"

struct adviser;        /* opaque */
struct adviser_waiter; /* opaque: one who waits for an answer */

struct adviser_config {
	const struct config *config; /* [analyser]; kept */
	struct address server;       /* of the model; family 0: unknown */
	const char *token;           /* "": none */
	bool warm_up;                /* have the model loaded before it is asked */
};

struct advice {
	uint32_t floor, ceiling, score; /* floor <= score <= ceiling */
	bool has_opinion;
	uint32_t opinion;
	enum rejection rejected;
	uint32_t latency_ms;
	const char *reason;       /* for people: the opinion's, or the rule's */
	const char *method;       /* "ai" or "rule-based" */
	const char *model, *model_digest; /* "" without an opinion */
	const char *prompt;       /* the part about this event; NULL: none was sent for it */
};

/* NOMEM.  libsodium has been initialised. */
MUST_USE enum err adviser_new(struct loop *, const struct adviser_config *, struct adviser **out);
/* Nobody who waits is told. */
void adviser_free(struct adviser *); /* accepts NULL */
/*
 * done() is called once, with what lives until it returns; perhaps within this
 * call, and then *waiter is NULL.
 */
void adviser_ask(struct adviser *, const struct event *,
    void (*done)(void *context, const struct advice *), void *context,
    struct adviser_waiter **waiter);
/* No longer interested; done() will not be called.  Accepts NULL. */
void adviser_forget(struct adviser *, struct adviser_waiter *);
struct metrics *adviser_metrics(struct adviser *);

#endif
