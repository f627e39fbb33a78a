/*
 * event: one event to be graded, as it came, whoever sent it.
 *
 * Pure.  Strings are a stranger's bytes: never printed, logged or put into a
 * prompt but through text.h.
 */
#ifndef ANALYSER_EVENT_H
#define ANALYSER_EVENT_H
#include <stddef.h>
#include <stdint.h>
#include "base/limits.h"
#include "core/types.h"

/* The first bytes, and how many there were. */
struct event_text {
	uint32_t total_bytes;
	uint16_t kept_bytes;
	uint8_t bytes[LIMIT_EVENT_TEXT_BYTES];
};

struct event {
	enum event_class class;
	struct address source; /* family 0: none */
	uint16_t source_port, port;
	uint32_t count;        /* repeats in one, at least 1 */
	uint32_t others;       /* events of the same payload that weigh no more */
	uint64_t since_last_ms; /* 0: unknown */
	uint64_t captured_bytes; /* seen in all */
	uint16_t capture_kept;
	uint8_t capture[LIMIT_EVENT_CAPTURE_BYTES];
	struct event_text banner, username, user_agent, path;
	float cpu_percent, memory_percent; /* 0 to 100 */
};

/* Neither NaN nor out of range, whatever was sent. */
float event_percent(double value);
void event_set_text(struct event_text *, const void *bytes, size_t size_bytes);
void event_set_capture(struct event *, const void *bytes, size_t size_bytes);
/* "HONEYPOT_TRIPPED" ... into its class; false: no such. */
bool event_class_parse(const char *text, enum event_class *out);
/* What happened, as half a sentence: "a decoy was touched that ...". */
const char *event_meaning(enum event_class);

#endif
