/*
 * ollama: POST /api/chat, GET /api/tags.  A change of num_ctx or of another
 * option of the runner makes the server load the model anew, so the question
 * that only loads it (no messages) carries the same options.
 */
#include <string.h>
#include "analyser/backend.h"

#define KEEP_ALIVE "30m"
#define SEED       42

static json_t *
question(const struct backend_question *q)
{
	json_t *root;

	root = json_pack("{s:s, s:o, s:o, s:{s:f, s:i, s:i, s:i}, s:b, s:s}", "model", q->model,
	    "messages", backend_messages(q->prompt), "format", backend_schema(), "options",
	    "temperature", 0.0, "seed", SEED, "num_ctx", LIMIT_MODEL_CONTEXT, "num_predict",
	    LIMIT_MODEL_TOKENS, "stream", 0, "keep_alive", KEEP_ALIVE);
	if (root != NULL && !q->no_think && json_object_set_new(root, "think", json_false()) != 0) {
		json_decref(root);
		return NULL;
	}
	return root;
}

static enum rejection
answer(const json_t *envelope, const char **text, size_t *size_bytes)
{
	const json_t *done = json_object_get(envelope, "done"),
	             *reason = json_object_get(envelope, "done_reason");
	enum rejection r;

	if (done != NULL && !json_is_boolean(done))
		return REJECT_ENVELOPE;
	if (!json_is_true(done))
		return REJECT_NOT_DONE;
	/* A wish to call something is worse than an end for that very reason. */
	r = backend_text(json_object_get(envelope, "message"), text, size_bytes);
	if (r == REJECT_TOOLS || r == REJECT_ENVELOPE)
		return r;
	if (!json_is_string(reason) || strcmp(json_string_value(reason), "stop") != 0)
		return REJECT_CUT_SHORT;
	return r;
}

/* "dolphin-llama3" is listed as "dolphin-llama3:latest". */
static bool
is_named(const json_t *entry, const char *model)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	size_t length = strlen(model);

	return name != NULL && strncmp(name, model, length) == 0 &&
	       (name[length] == '\0' ||
	           (strchr(model, ':') == NULL && strcmp(name + length, ":latest") == 0));
}

static void
find(const json_t *list, const char *model, struct backend_model *out)
{
	const json_t *entry;
	const char *digest;
	size_t i;

	json_array_foreach(json_object_get(list, "models"), i, entry)
	{
		if (!is_named(entry, model))
			continue;
		out->remote = backend_is_remote(entry);
		digest = json_string_value(json_object_get(entry, "digest"));
		/* It is shown to people: nothing but what a digest is made of. */
		if (digest != NULL && strlen(digest) <= LIMIT_MODEL_DIGEST_BYTES &&
		    digest[strspn(digest, "0123456789abcdefABCDEF:sh")] == '\0')
			strcpy(out->digest, digest);
		return;
	}
}

const struct backend backend_ollama = { .name = "ollama",
	.chat_path = "/api/chat",
	.list_path = "/api/tags",
	.question = question,
	.answer = answer,
	.find = find };
