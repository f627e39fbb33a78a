#include <stdlib.h>
#include <string.h>
#include "analyser/backend.h"

json_t *
backend_schema(void)
{
	return json_pack("{s:s, s:{s:{s:s, s:i, s:i}, s:{s:s}}, s:[s,s], s:b}", "type", "object",
	    "properties", "threat_score", "type", "integer", "minimum", 0, "maximum", 10, "reason",
	    "type", "string", "required", "threat_score", "reason", "additionalProperties", 0);
}

json_t *
backend_messages(const struct prompt *or_null)
{
	if (or_null == NULL)
		return json_array();
	return json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", prompt_system(),
	    "role", "user", "content", or_null->user);
}

static bool
is_something(const json_t *value)
{
	return value != NULL && !json_is_null(value) &&
	       !(json_is_array(value) && json_array_size(value) == 0);
}

enum rejection
backend_text(const json_t *message, const char **text, size_t *size_bytes)
{
	const json_t *content;

	if (!json_is_object(message))
		return REJECT_ENVELOPE;
	if (is_something(json_object_get(message, "tool_calls")) ||
	    is_something(json_object_get(message, "function_call")))
		return REJECT_TOOLS;
	content = json_object_get(message, "content");
	if (content == NULL || json_is_null(content))
		return REJECT_EMPTY;
	if (!json_is_string(content))
		return REJECT_ENVELOPE;
	*text = json_string_value(content);
	*size_bytes = json_string_length(content);
	return REJECT_NONE;
}

bool
backend_is_remote(const json_t *envelope)
{
	return is_something(json_object_get(envelope, "remote_host")) ||
	       is_something(json_object_get(envelope, "remote_model"));
}

enum err
backend_write(const struct backend *b, const struct backend_question *q, char **out)
{
	json_t *question = b->question(q);
	char *body = NULL;

	if (question != NULL)
		body = json_dumps(question, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(question);
	if (body == NULL)
		return ERR_NOMEM;
	*out = body;
	return ERR_OK;
}

enum rejection
backend_read(const struct backend *b, const void *body, size_t size_bytes, bool allow_remote,
    json_t **envelope, const char **text, size_t *text_bytes)
{
	json_t *root = json_loadb(body, size_bytes, JSON_REJECT_DUPLICATES, NULL);
	enum rejection r;

	if (!json_is_object(root))
		r = REJECT_ENVELOPE;
	else if (is_something(json_object_get(root, "error")))
		r = REJECT_ENVELOPE;
	else if (!allow_remote && backend_is_remote(root))
		r = REJECT_REMOTE;
	else
		r = b->answer(root, text, text_bytes);
	if (r != REJECT_NONE)
		json_decref(root);
	else
		*envelope = root;
	return r;
}

void
backend_find(const struct backend *b, const void *body, size_t size_bytes, const char *model,
    struct backend_model *out)
{
	json_t *root = json_loadb(body, size_bytes, JSON_REJECT_DUPLICATES, NULL);

	*out = (struct backend_model){ .remote = false };
	if (json_is_object(root))
		b->find(root, model, out);
	json_decref(root);
}
