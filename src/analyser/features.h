/*
 * features: what can be said of an event without repeating a stranger's words.
 *
 * Pure.  Spec: docs/analyser.md, "The prompt".
 */
#ifndef ANALYSER_FEATURES_H
#define ANALYSER_FEATURES_H
#include "analyser/event.h"

#define FEATURES_KEY_BYTES 64

struct features {
	enum event_class class;
	uint32_t floor, ceiling;
	const char *origin;   /* "private address" ... */
	const char *client;   /* class of the client, by banner and user agent */
	const char *account;  /* class of the user name tried */
	const char *content;  /* what the captured bytes look like */
	uint32_t entropy_tenths; /* bits a byte of the capture, times ten */
	uint32_t printable_percent;
};

void features_of(const struct event *, struct features *out);
/*
 * The event in buckets (powers of two, classes): what two events have in common
 * that one opinion serves both.  Returns the bytes used.
 */
size_t features_key(const struct event *, const struct features *,
    uint8_t out[FEATURES_KEY_BYTES]);

#endif
