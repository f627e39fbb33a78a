/*
 * verdict: what the model wrote, taken to the letter or not at all.
 *
 * Pure.  Spec: docs/analyser.md, "The verdict": one JSON object with exactly
 * "threat_score", an integer 0 to 10, and "reason", 1 to 512 bytes of UTF-8.
 */
#ifndef ANALYSER_VERDICT_H
#define ANALYSER_VERDICT_H
#include <stddef.h>
#include <stdint.h>
#include "analyser/rejection.h"
#include "base/limits.h"

struct verdict_opinion {
	uint32_t score;                      /* 0 to 10 */
	char reason[LIMIT_REASON_BYTES + 1]; /* UTF-8 without a zero byte; not escaped: see text.h */
};

/* REJECT_NONE, and then *out; every other rejection leaves it untouched. */
enum rejection verdict_parse(const char *text, size_t size_bytes, struct verdict_opinion *out);

#endif
