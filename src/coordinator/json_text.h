/*
 * json_text: JSON written straight into a growing buffer, for answers of ten
 * thousand nodes, where an object a value would be what costs.
 *
 * A failure to get memory sticks: look at `failed` once, at the end.
 */
#ifndef COORDINATOR_JSON_TEXT_H
#define COORDINATOR_JSON_TEXT_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text {
	char *bytes; /* the caller frees; terminated unless failed */
	size_t size_bytes, room;
	bool failed;
};

void json_text_put(struct json_text *, const char *text); /* as it is */
void json_text_number(struct json_text *, uint64_t);
void json_text_tenths(struct json_text *, unsigned tenths); /* 125: 12.5 */
/* In quotes; of characters that JSON needs no escape for. */
void json_text_word(struct json_text *, const char *word);
/* Takes the reference; NULL fails. */
void json_text_value(struct json_text *, json_t *);
/* Between the elements of an array: nothing before the first. */
void json_text_comma(struct json_text *, size_t index);
void json_text_free(struct json_text *);

#endif
