/*
 * What a model may write: whatever the parser takes, jansson, which shares no
 * code with it, must read as the same two members; and what is shown of a
 * reason must hold no control character.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "analyser/text.h"
#include "analyser/verdict.h"
#include "core/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
compare(const uint8_t *data, size_t size, const struct verdict_opinion *opinion)
{
	json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

	check(json_is_object(root) && json_object_size(root) == 2);
	check(json_is_integer(json_object_get(root, "threat_score")) &&
	      json_integer_value(json_object_get(root, "threat_score")) ==
	          (json_int_t)opinion->score);
	check(strcmp(json_string_value(json_object_get(root, "reason")), opinion->reason) == 0);
	json_decref(root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verdict_opinion opinion;
	char shown[LIMIT_REASON_BYTES + 1];
	enum rejection r = verdict_parse((const char *)data, size, &opinion);

	check(r < REJECT_COUNT);
	if (r != REJECT_NONE)
		return 0;
	check(opinion.score <= RULES_HIGHEST);
	check(opinion.reason[0] != '\0' && strlen(opinion.reason) <= LIMIT_REASON_BYTES);
	compare(data, size, &opinion);
	text_for_people(opinion.reason, shown);
	for (const char *c = shown; *c != '\0'; c++)
		check((unsigned char)*c >= 0x20 && *c != 0x7f);
	return 0;
}
