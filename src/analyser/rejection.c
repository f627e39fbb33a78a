#include "analyser/rejection.h"

const char *
rejection_text(enum rejection rejection)
{
	static const char *const texts[REJECT_COUNT] = {
		[REJECT_NONE] = "",
		[REJECT_QUEUE] = "queue-full",
		[REJECT_SOURCE] = "source-budget",
		[REJECT_BREAKER] = "breaker-open",
		[REJECT_COLD] = "model-loading",
		[REJECT_UNREACHABLE] = "unreachable",
		[REJECT_DEADLINE] = "deadline",
		[REJECT_TORN] = "torn",
		[REJECT_HTTP] = "http",
		[REJECT_OVERSIZE] = "oversize",
		[REJECT_STATUS] = "status",
		[REJECT_ENVELOPE] = "envelope",
		[REJECT_NOT_DONE] = "not-done",
		[REJECT_CUT_SHORT] = "cut-short",
		[REJECT_REMOTE] = "remote-model",
		[REJECT_TOOLS] = "tool-call",
		[REJECT_EMPTY] = "empty",
		[REJECT_FENCE] = "fence",
		[REJECT_NOT_OBJECT] = "not-object",
		[REJECT_SYNTAX] = "syntax",
		[REJECT_KEY] = "unknown-key",
		[REJECT_DUPLICATE] = "duplicate-key",
		[REJECT_MISSING] = "missing-key",
		[REJECT_SCORE_FORM] = "score-form",
		[REJECT_SCORE_RANGE] = "score-range",
		[REJECT_REASON_FORM] = "reason-form",
		[REJECT_REASON_LENGTH] = "reason-length",
		[REJECT_UTF8] = "utf8",
		[REJECT_TRAILING] = "trailing",
	};

	return rejection < REJECT_COUNT ? texts[rejection] : "";
}
