#include "base/err.h"

static const char *const texts[ERR_COUNT] = {
	[ERR_OK] = "ok",
	[ERR_NOMEM] = "out of memory",
	[ERR_IO] = "input or output failed",
	[ERR_LOCKED] = "held by another process",
	[ERR_AGAIN] = "try again later",
	[ERR_CLOSED] = "the other end is gone",
	[ERR_UNSUPPORTED] = "not supported here",
	[ERR_DENIED] = "permission denied",
	[ERR_NOT_FOUND] = "not found",
	[ERR_FULL] = "a limit is reached",
	[ERR_TRUNCATED] = "truncated",
	[ERR_MALFORMED] = "malformed",
	[ERR_OVERSIZE] = "too large",
	[ERR_VERSION] = "unknown version",
	[ERR_UNKNOWN_FIELD] = "unknown field",
	[ERR_RANGE] = "value out of range",
	[ERR_CONFIG] = "bad configuration",
	[ERR_MESH] = "made for another mesh",
	[ERR_EPOCH] = "not an accepted epoch",
	[ERR_WINDOW] = "not an accepted window",
	[ERR_AUTHOR] = "unknown author or incarnation",
	[ERR_SUBJECT] = "unknown or impossible subject",
	[ERR_SIGNATURE] = "bad signature",
	[ERR_STALE] = "too old or too early",
	[ERR_REPLAY] = "replayed",
	[ERR_QUORUM] = "no quorum",
	[ERR_VOTER] = "voter may not vote, or twice",
	[ERR_ROUND] = "round is over or not begun",
	[ERR_EQUIVOCATION] = "contradicts a signed entry",
	[ERR_BUDGET] = "budget exhausted",
	[ERR_PROTECTED] = "protected address",
};

const char *
err_text(enum err err)
{
	if ((unsigned)err >= ERR_COUNT || texts[err] == 0)
		return "unknown error";
	return texts[err];
}
