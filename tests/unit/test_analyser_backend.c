/*
 * What is sent to a model's server is to the letter what its protocol has, and
 * of what it answers nothing but one finished message of its own is taken.
 */
#include <stdlib.h>
#include "analyser/backend.h"
#include "tests/check.h"

static struct prompt prompt = { .user = "Event: x\n" };

static json_t *
written(const struct backend *backend, const struct prompt *or_null, bool no_think)
{
	const struct backend_question question = { "some-model:1b", or_null, no_think };
	char *body;
	json_t *root;

	assert_ok(backend_write(backend, &question, &body));
	root = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	free(body);
	return root;
}

static void
assert_json(const json_t *root, const char *expected)
{
	json_t *other = json_loads(expected, 0, NULL);

	assert_non_null(other);
	if (!json_equal(root, other))
		fail_msg("%s\nis not\n%s", json_dumps(root, 0), expected);
	json_decref(other);
}

#define SCHEMA                                                                                     \
	"{\"type\":\"object\",\"properties\":{\"threat_score\":{\"type\":\"integer\",\"minimum\":" \
	"0,"                                                                                       \
	"\"maximum\":10},\"reason\":{\"type\":\"string\"}},\"required\":[\"threat_score\","        \
	"\"reason\"],\"additionalProperties\":false}"
#define OLLAMA                                                                                \
	"\"model\":\"some-model:1b\",\"format\":" SCHEMA ",\"options\":{\"temperature\":0.0," \
	"\"seed\":42,\"num_ctx\":2048,\"num_predict\":96},\"stream\":false,\"keep_alive\":\"30m\""

static void
ollama_asks(void **unused)
{
	json_t *root = written(&backend_ollama, NULL, false), *messages;

	(void)unused;
	/* A question that only loads the model has the same options, else it is loaded twice. */
	assert_json(root, "{" OLLAMA ",\"think\":false,\"messages\":[]}");
	json_decref(root);

	root = written(&backend_ollama, &prompt, true);
	messages = json_object_get(root, "messages");
	assert_int_equal(json_array_size(messages), 2);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(messages, 0), "content")),
	    prompt_system());
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(messages, 1), "content")),
	    prompt.user);
	json_object_del(root, "messages");
	assert_json(root, "{" OLLAMA "}");
	json_decref(root);
}

static void
openai_asks(void **unused)
{
	json_t *root = written(&backend_openai, &prompt, false);

	(void)unused;
	assert_int_equal(json_array_size(json_object_get(root, "messages")), 2);
	json_object_del(root, "messages");
	assert_json(root,
	    "{\"model\":\"some-model:1b\",\"response_format\":{\"type\":\"json_schema\","
	    "\"json_schema\":{\"name\":\"verdict\",\"strict\":true,\"schema\":" SCHEMA "}},"
	    "\"temperature\":0.0,\"seed\":42,\"max_tokens\":96,\"stream\":false}");
	json_decref(root);
	root = written(&backend_openai, NULL, false);
	assert_int_equal(json_array_size(json_object_get(root, "messages")), 1);
	json_decref(root);
}

struct answer {
	const char *body;
	enum rejection kind;
};

#define MESSAGE "\"message\":{\"role\":\"assistant\",\"content\":\"text\"}"
#define DONE    "\"done\":true,\"done_reason\":\"stop\""

static const struct answer ollama_answers[] = {
	{ "{" MESSAGE "," DONE "}", REJECT_NONE },
	{ "{\"model\":\"m\"," MESSAGE "," DONE ",\"eval_count\":3,\"unknown\":[1]}", REJECT_NONE },
	{ "{\"message\":{\"content\":\"text\",\"tool_calls\":[],\"thinking\":\"hm\"}," DONE "}",
	    REJECT_NONE },
	{ "{" MESSAGE "," DONE ",\"remote_host\":\"\",\"remote_model\":null,\"error\":null}",
	    REJECT_REMOTE },
	{ "{" MESSAGE "," DONE ",\"remote_host\":\"https://h:443\"}", REJECT_REMOTE },
	{ "{" MESSAGE "," DONE ",\"remote_model\":\"big\"}", REJECT_REMOTE },
	{ "{" MESSAGE ",\"done\":false}", REJECT_NOT_DONE },
	{ "{" MESSAGE "}", REJECT_NOT_DONE },
	{ "{" MESSAGE ",\"done\":\"true\",\"done_reason\":\"stop\"}", REJECT_ENVELOPE },
	{ "{" MESSAGE ",\"done\":1,\"done_reason\":\"stop\"}", REJECT_ENVELOPE },
	{ "{" MESSAGE ",\"done\":true}", REJECT_CUT_SHORT },
	{ "{" MESSAGE ",\"done\":true,\"done_reason\":\"length\"}", REJECT_CUT_SHORT },
	{ "{" MESSAGE ",\"done\":true,\"done_reason\":\"load\"}", REJECT_CUT_SHORT },
	{ "{" MESSAGE ",\"done\":true,\"done_reason\":null}", REJECT_CUT_SHORT },
	{ "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"x\"}}]}," DONE
	  "}",
	    REJECT_TOOLS },
	{ "{\"message\":{\"content\":\"text\",\"tool_calls\":{}}," DONE "}", REJECT_TOOLS },
	{ "{\"message\":{\"content\":null}," DONE "}", REJECT_EMPTY },
	{ "{\"message\":{}," DONE "}", REJECT_EMPTY },
	{ "{\"message\":{\"content\":[\"text\"]}," DONE "}", REJECT_ENVELOPE },
	{ "{\"message\":\"text\"," DONE "}", REJECT_ENVELOPE },
	{ "{" DONE "}", REJECT_ENVELOPE },
	{ "{\"error\":\"went wrong\"," MESSAGE "," DONE "}", REJECT_ENVELOPE },
	{ "{" MESSAGE "," DONE ",\"done\":true}", REJECT_ENVELOPE },
	{ "{" MESSAGE "," MESSAGE "," DONE "}", REJECT_ENVELOPE },
	{ "{\"message\":{\"content\":\"a\",\"content\":\"b\"}," DONE "}", REJECT_ENVELOPE },
	{ "{" MESSAGE "," DONE "}{" MESSAGE "," DONE "}", REJECT_ENVELOPE },
	{ "{" MESSAGE "," DONE "}\n{}", REJECT_ENVELOPE },
	{ "[{" MESSAGE "," DONE "}]", REJECT_ENVELOPE },
	{ "", REJECT_ENVELOPE },
	{ "<html>", REJECT_ENVELOPE },
	{ "\xef\xbb\xbf{" MESSAGE "," DONE "}", REJECT_ENVELOPE },
	{ "{\"message\":{\"content\":\"\xff\"}," DONE "}", REJECT_ENVELOPE },
	{ "{\"message\":{\"content\":\"a\\u0000b\"}," DONE "}", REJECT_ENVELOPE },
	{ "{" MESSAGE "," DONE, REJECT_ENVELOPE },
};

#define CHOICE "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"text\"}"

static const struct answer openai_answers[] = {
	{ "{\"choices\":[{" CHOICE ",\"finish_reason\":\"stop\"}]}", REJECT_NONE },
	{ "{\"id\":\"x\",\"choices\":[{\"message\":{\"content\":\"text\",\"refusal\":null,"
	  "\"tool_calls\":[],\"function_call\":null},\"finish_reason\":\"stop\",\"logprobs\":null}]"
	  "}",
	    REJECT_NONE },
	{ "{\"choices\":[{" CHOICE ",\"finish_reason\":null}]}", REJECT_NOT_DONE },
	{ "{\"choices\":[{" CHOICE "}]}", REJECT_NOT_DONE },
	{ "{\"choices\":[{" CHOICE ",\"finish_reason\":\"length\"}]}", REJECT_CUT_SHORT },
	{ "{\"choices\":[{" CHOICE ",\"finish_reason\":\"content_filter\"}]}", REJECT_CUT_SHORT },
	{ "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"1\"}]},"
	  "\"finish_reason\":\"tool_calls\"}]}",
	    REJECT_TOOLS },
	{ "{\"choices\":[{\"message\":{\"content\":null,\"function_call\":{\"name\":\"f\"}},"
	  "\"finish_reason\":\"stop\"}]}",
	    REJECT_TOOLS },
	{ "{\"choices\":[]}", REJECT_ENVELOPE },
	{ "{\"choices\":[{" CHOICE ",\"finish_reason\":\"stop\"},{" CHOICE
	  ",\"finish_reason\":\"stop\"}]}",
	    REJECT_ENVELOPE },
	{ "{\"choices\":{}}", REJECT_ENVELOPE },
	{ "{\"choices\":[5]}", REJECT_ENVELOPE },
	{ "{}", REJECT_ENVELOPE },
	{ "{\"error\":{\"message\":\"x\"}}", REJECT_ENVELOPE },
	{ "data: {\"choices\":[]}\n\n", REJECT_ENVELOPE },
};

static void
check_answers(const struct backend *backend, const struct answer *answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(answers[i].body), text_bytes = 0;
		char *copy = malloc(size > 0 ? size : 1);
		json_t *envelope = NULL;
		const char *text = NULL;
		enum rejection r;

		assert_non_null(copy);
		memcpy(copy, answers[i].body, size);
		r = backend_read(backend, copy, size, false, &envelope, &text, &text_bytes);
		free(copy);
		if (r != answers[i].kind)
			fail_msg("%s: \"%s\", expected \"%s\"", answers[i].body, rejection_text(r),
			    rejection_text(answers[i].kind));
		if (r == REJECT_NONE) {
			assert_int_equal(text_bytes, 4);
			assert_memory_equal(text, "text", 4);
			json_decref(envelope);
		} else {
			assert_null(envelope);
		}
	}
}

static void
answers(void **unused)
{
	json_t *envelope;
	const char *text;
	size_t size;

	(void)unused;
	check_answers(
	    &backend_ollama, ollama_answers, sizeof(ollama_answers) / sizeof(ollama_answers[0]));
	check_answers(
	    &backend_openai, openai_answers, sizeof(openai_answers) / sizeof(openai_answers[0]));
	/* Another host's answer is taken where that is allowed. */
	assert_int_equal(backend_read(&backend_ollama, ollama_answers[4].body,
	                     strlen(ollama_answers[4].body), true, &envelope, &text, &size),
	    REJECT_NONE);
	json_decref(envelope);
}

static void
lists(void **unused)
{
	static const char list[] =
	    "{\"models\":[{\"name\":\"other\",\"digest\":\"00\"},"
	    "{\"name\":\"m:latest\",\"digest\":\"sha256:0a\"},"
	    "{\"name\":\"far:1b\",\"digest\":\"0b\",\"remote_host\":\"https://h\"},"
	    "{\"name\":\"forged\",\"digest\":\"<b>\\n\"},{\"name\":5},7]}";
	static const struct {
		const char *model, *digest;
		bool remote;
	} cases[] = { { "m", "sha256:0a", false }, { "m:latest", "sha256:0a", false },
		{ "m:1b", "", false }, { "far:1b", "0b", true }, { "far", "", false },
		{ "forged", "", false }, { "missing", "", false } };
	struct backend_model found;

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		backend_find(&backend_ollama, list, sizeof(list) - 1, cases[i].model, &found);
		assert_string_equal(found.digest, cases[i].digest);
		assert_int_equal(found.remote, cases[i].remote);
	}
	backend_find(&backend_ollama, "[", 1, "m", &found);
	assert_string_equal(found.digest, "");
	backend_find(&backend_ollama, "{\"models\":5}", 12, "m", &found);
	assert_string_equal(found.digest, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ollama_asks),
		cmocka_unit_test(openai_asks),
		cmocka_unit_test(answers),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
