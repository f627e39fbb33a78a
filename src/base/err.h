/*
 * err: the one error type.  A function that can fail returns MUST_USE enum err
 * and leaves its outputs untouched when it does.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_USE __attribute__((warn_unused_result))

enum err {
	ERR_OK = 0,
	/* the machine */
	ERR_NOMEM,
	ERR_IO,
	ERR_LOCKED,      /* another process holds it */
	ERR_AGAIN,       /* try later; nothing was done */
	ERR_CLOSED,      /* the other end is gone */
	ERR_UNSUPPORTED, /* the kernel or build cannot */
	ERR_DENIED,      /* permission */
	ERR_NOT_FOUND,
	ERR_FULL, /* a named limit of base/limits.h is reached */
	/* input */
	ERR_TRUNCATED,
	ERR_MALFORMED,
	ERR_OVERSIZE,
	ERR_VERSION,
	ERR_UNKNOWN_FIELD,
	ERR_RANGE,
	ERR_CONFIG,
	/* the protocol's refusals, docs/protocol.md "Refusals" */
	ERR_MESH,           /* made for another mesh */
	ERR_EPOCH,          /* an epoch we do not accept */
	ERR_WINDOW,         /* a window we do not accept */
	ERR_AUTHOR,         /* not in the roster, or the wrong incarnation */
	ERR_SUBJECT,        /* no such member, or a member that may not be one */
	ERR_SIGNATURE,      /* does not verify */
	ERR_STALE,          /* too old, or too early */
	ERR_REPLAY,         /* seen before, or behind the replay window */
	ERR_QUORUM,         /* too few voters, or too little weight */
	ERR_VOTER,          /* a voter that is no head, is the subject, or votes twice */
	ERR_ROUND,          /* a round that is over, or not begun */
	ERR_EQUIVOCATION,   /* contradicts a signed predecessor */
	ERR_BUDGET,         /* a budget is exhausted */
	ERR_PROTECTED,      /* an address that may not be blocked */
	ERR_COUNT
};

/* A short lower-case phrase in English; never NULL. */
const char *err_text(enum err);

#endif
