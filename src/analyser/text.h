/*
 * text: what strangers and models wrote, made harmless for where it goes.
 *
 * Pure.  Spec: docs/analyser.md, "The prompt".
 */
#ifndef ANALYSER_TEXT_H
#define ANALYSER_TEXT_H
#include <stddef.h>
#include <stdint.h>
#include "base/limits.h"

/*
 * For a prompt: every byte outside [A-Za-z0-9 ._:-] as =XX, at most
 * LIMIT_PROMPT_TEXT_BYTES in all, never half an escape.  This is the defence.
 */
void text_for_prompt(const uint8_t *bytes, size_t size_bytes,
    char out[LIMIT_PROMPT_TEXT_BYTES + 1]);

/*
 * Before that, as older systems did: without control characters, back-quotes,
 * braces and the phrases that talk to models.  In place; returns what is left.
 * A second line only: nothing depends on it.
 */
size_t text_strip(uint8_t *bytes, size_t size_bytes);

/*
 * For people: a model's reason (valid UTF-8) with every control character, C1
 * too, and all that reorders, hides or breaks lines as \uXXXX; at most
 * LIMIT_REASON_BYTES.  HTML is for whoever writes HTML to escape.
 */
void text_for_people(const char *reason, char out[LIMIT_REASON_BYTES + 1]);

#endif
