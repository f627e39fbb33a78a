/*
 * What a caller at the analyser's door may send, and an event for the shell:
 * whatever is taken makes a prompt that keeps its frame.  The first byte
 * chooses.
 */
#include <stdlib.h>
#include <string.h>
#include "analyser/explain.h"
#include "analyser/prompt.h"
#include "analyser/telemetry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Behind the mark's first line every line begins with the mark, to the empty one. */
static void
check_frame(const struct prompt *prompt, const char *mark)
{
	const char *line = strstr(prompt->user, "stranger sent:\n");

	if (line == NULL)
		abort();
	for (line = strchr(line, '\n') + 1; *line != '\n'; line = strchr(line, '\n') + 1)
		if (strncmp(line, mark, strlen(mark)) != 0 || strchr(line, '\n') == NULL)
			abort();
	if (strstr(line, "Answer with exactly one JSON object") == NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mark[PROMPT_MARK_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static struct telemetry telemetry;
	static struct prompt prompt;
	struct features features;
	uint8_t key[FEATURES_KEY_BYTES];
	const char *complaint;

	if (size == 0)
		return 0;
	if (data[0] & 1 ? telemetry_decode(data + 1, size - 1, &telemetry) != ERR_OK
	                : explain_parse((const char *)data + 1, size - 1, &telemetry.event,
	                      &complaint) != ERR_OK)
		return 0;
	features_of(&telemetry.event, &features);
	if (features_key(&telemetry.event, &features, key) >= sizeof(key))
		abort();
	prompt_write(&telemetry.event, &features, mark, &prompt);
	check_frame(&prompt, "0102030405060708");
	return 0;
}
