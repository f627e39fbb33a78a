/*
 * prompt: one event as a question to a model.
 *
 * Pure: the mark is an input, random and new for every question.  Spec:
 * docs/analyser.md, "The prompt".
 */
#ifndef ANALYSER_PROMPT_H
#define ANALYSER_PROMPT_H
#include "analyser/features.h"

#define PROMPT_VERSION    1 /* of the wording: part of what an opinion is remembered by */
#define PROMPT_MARK_BYTES 8

struct prompt {
	char user[LIMIT_PROMPT_BYTES];
};

/* The constant part: who is asked, and for what. */
const char *prompt_system(void);
void prompt_write(const struct event *, const struct features *,
    const uint8_t mark[PROMPT_MARK_BYTES], struct prompt *out);

#endif
