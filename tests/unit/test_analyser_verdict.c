/*
 * A model's text is a verdict to the letter, or it is rejected by its kind:
 * whatever stands in tests/verdict_corpus.h is, and what DESIGN asks for is not.
 */
#include <stdbool.h>
#include <stdlib.h>
#include "analyser/text.h"
#include "analyser/verdict.h"
#include "tests/check.h"
#include "tests/verdict_corpus.h"

#define CLASSES_LEAST 12
#define CORPUS_LEAST  150
#define UNTOUCHED     77

/* From an allocation of exactly its size, so that a byte too far is found. */
static enum rejection
parse(const char *text, size_t size_bytes, struct verdict_opinion *out)
{
	char *copy = malloc(size_bytes > 0 ? size_bytes : 1);
	enum rejection r;

	assert_non_null(copy);
	memcpy(copy, text, size_bytes);
	r = verdict_parse(copy, size_bytes, out);
	free(copy);
	return r;
}

/* Each is rejected as what it is, and leaves the output alone. */
static void
corpus(void **unused)
{
	const size_t count = sizeof(bad_verdicts) / sizeof(bad_verdicts[0]);
	struct verdict_opinion out = { .score = UNTOUCHED };
	bool seen[REJECT_COUNT] = { false };
	unsigned classes = 0;
	enum rejection r;

	(void)unused;
	assert_true(count >= CORPUS_LEAST);
	for (size_t i = 0; i < count; i++) {
		const struct bad_verdict *bad = &bad_verdicts[i];

		r = parse(bad->text, bad->size_bytes, &out);
		if (r != bad->kind)
			fail_msg("%zu: \"%.*s\": \"%s\", expected \"%s\"", i, (int)bad->size_bytes,
			    bad->text, rejection_text(r), rejection_text(bad->kind));
		assert_int_equal(out.score, UNTOUCHED);
		classes += !seen[bad->kind];
		seen[bad->kind] = true;
	}
	assert_true(classes >= CLASSES_LEAST);
}

/* Every prefix of a good verdict but the whole is rejected. */
static void
cut_off(void **unused)
{
	static const char good[] = " {\"reason\":\"a\\u20ac\xe2\x82\xac\",\"threat_score\":10}";
	struct verdict_opinion out;

	(void)unused;
	for (size_t size = 0; size + 1 < sizeof(good); size++)
		assert_int_not_equal(parse(good, size, &out), REJECT_NONE);
	assert_int_equal(parse(good, sizeof(good) - 1, &out), REJECT_NONE);
}

static void
accepted(void **unused)
{
	static const struct {
		const char *text;
		uint32_t score;
		const char *reason;
	} cases[] = {
		{ "{\"threat_score\":0,\"reason\":\"r\"}", 0, "r" },
		{ "{\"reason\":\"r\",\"threat_score\":10}", 10, "r" },
		{ "\r\n\t { \"threat_score\" : 7 ,\n\"reason\" : \"two words\" } \n", 7,
		    "two words" },
		{ "{\"threat_score\":1,\"reason\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", 1,
		    "\"\\/\b\f\n\r\t" },
		{ "{\"threat_score\":2,\"reason\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"}", 2,
		    "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "{\"threat_score\":3,\"reason\":"
		  "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
		  "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}",
		    3,
		    "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80"
		    "\x80"
		    "\xf4\x8f\xbf\xbf" },
		{ "{\"threat_score\":4,\"reason\":\"}{ not an end `` \"}", 4, "}{ not an end `` " },
	};
	struct verdict_opinion out;

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &out), REJECT_NONE);
		assert_int_equal(out.score, cases[i].score);
		assert_string_equal(out.reason, cases[i].reason);
	}
}

/* 512 bytes are the most that a reason may have, however they are written. */
static void
longest(void **unused)
{
	static const char *const units[] = { "a", "\\u0061", "\xc3\xa9", "\\u00e9",
		"\xf0\x9f\x98\x80", "\\ud83d\\ude00" };
	static const size_t lengths[] = { 1, 1, 2, 2, 4, 4 };
	static char text[8192];
	struct verdict_opinion out;

	(void)unused;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		for (size_t more = 0; more < 2; more++) {
			strcpy(text, "{\"threat_score\":5,\"reason\":\"");
			for (size_t n = 0; n < LIMIT_REASON_BYTES / lengths[i] + more; n++)
				strcat(text, units[i]);
			strcat(text, "\"}");
			assert_int_equal(parse(text, strlen(text), &out),
			    more == 0 ? REJECT_NONE : REJECT_REASON_LENGTH);
		}
}

/* Every kind has a name of its own, fit for a log line and a metric. */
static void
kinds(void **unused)
{
	(void)unused;
	assert_string_equal(rejection_text(REJECT_NONE), "");
	for (int i = REJECT_NONE + 1; i < REJECT_COUNT; i++) {
		const char *text = rejection_text((enum rejection)i);

		assert_true(text[0] != '\0' && strlen(text) < 32);
		assert_int_equal(text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")], '\0');
		for (int j = REJECT_NONE; j < i; j++)
			assert_string_not_equal(text, rejection_text((enum rejection)j));
	}
}

/* What a reason holds reaches no terminal and ends no line; ordinary words stay as they are. */
static void
shown_to_people(void **unused)
{
	static const struct {
		const char *reason, *shown;
	} cases[] = {
		{ "Ein Fühler wurde berührt: „merkwürdig“ 😀 <b>&amp;", NULL },
		{ "\x1b[2J\x1b]0;owned\x07", "\\u001b[2J\\u001b]0;owned\\u0007" },
		{ "a\nforged line\r\n\t", "a\\u000aforged line\\u000d\\u000a\\u0009" },
		{ "\xc2\x9b"
		  "31m \xc2\x85",
		    "\\u009b31m \\u0085" },
		{ "\xe2\x80\xae"
		  "evil\xe2\x80\xac\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf\xe2\x80\xa8\x7f",
		    "\\u202eevil\\u202c\\u2066\\u200b\\ufeff\\u2028\\u007f" },
		{ "\xf3\xa0\x81\x81", "\\ue0041" },
	};
	char shown[LIMIT_REASON_BYTES + 1], long_one[LIMIT_REASON_BYTES + 1];

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text_for_people(cases[i].reason, shown);
		assert_string_equal(
		    shown, cases[i].shown != NULL ? cases[i].shown : cases[i].reason);
	}
	/* Longer by escapes, it is cut between two of them. */
	memset(long_one, '\n', LIMIT_REASON_BYTES);
	long_one[LIMIT_REASON_BYTES] = '\0';
	text_for_people(long_one, shown);
	assert_int_equal(strlen(shown), LIMIT_REASON_BYTES / 6 * 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(accepted),
		cmocka_unit_test(longest),
		cmocka_unit_test(kinds),
		cmocka_unit_test(shown_to_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
