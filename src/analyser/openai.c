/*
 * openai: POST /v1/chat/completions, as llama.cpp's server, vLLM and Ollama
 * have it.  There is no way to have a model loaded but to ask it something.
 */
#include <string.h>
#include "analyser/backend.h"

#define SEED 42

static json_t *
question(const struct backend_question *q)
{
	json_t *messages = q->prompt != NULL ? backend_messages(q->prompt)
	                                     : json_pack("[{s:s, s:s}]", "role", "user", "content",
	                                           "Are you there?");

	return json_pack("{s:s, s:o, s:{s:s, s:{s:s, s:b, s:o}}, s:f, s:i, s:i, s:b}", "model",
	    q->model, "messages", messages, "response_format", "type", "json_schema", "json_schema",
	    "name", "verdict", "strict", 1, "schema", backend_schema(), "temperature", 0.0, "seed",
	    SEED, "max_tokens", LIMIT_MODEL_TOKENS, "stream", 0);
}

static enum rejection
answer(const json_t *envelope, const char **text, size_t *size_bytes)
{
	const json_t *choices = json_object_get(envelope, "choices"), *choice, *reason;
	enum rejection r;

	if (!json_is_array(choices) || json_array_size(choices) != 1)
		return REJECT_ENVELOPE;
	choice = json_array_get(choices, 0);
	reason = json_object_get(choice, "finish_reason");
	r = backend_text(json_object_get(choice, "message"), text, size_bytes);
	if (r == REJECT_TOOLS || r == REJECT_ENVELOPE)
		return r;
	if (reason == NULL || json_is_null(reason))
		return REJECT_NOT_DONE;
	if (!json_is_string(reason) || strcmp(json_string_value(reason), "stop") != 0)
		return REJECT_CUT_SHORT;
	return r;
}

const struct backend backend_openai = { .name = "openai",
	.chat_path = "/v1/chat/completions",
	.question = question,
	.answer = answer };
