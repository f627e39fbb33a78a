/*
 * rejection: why there is no opinion of the model's in an answer.
 *
 * Each kind is counted (metrics.h) and named in ThreatAnalysis.rejected.
 * Spec: docs/analyser.md, "What is rejected".
 */
#ifndef ANALYSER_REJECTION_H
#define ANALYSER_REJECTION_H

enum rejection {
	REJECT_NONE = 0,
	/* the model was not asked */
	REJECT_QUEUE,       /* 32 others wait, none of a lower floor */
	REJECT_SOURCE,      /* this source has had its six questions of this minute */
	REJECT_BREAKER,     /* the model failed too often of late */
	REJECT_COLD,        /* it is being loaded */
	/* the exchange failed */
	REJECT_UNREACHABLE,
	REJECT_DEADLINE,
	REJECT_TORN,        /* the answer ended in the middle */
	REJECT_HTTP,        /* no HTTP, or of a form that we refuse */
	REJECT_OVERSIZE,
	REJECT_STATUS,      /* another than 200 */
	/* the server's envelope */
	REJECT_ENVELOPE,    /* not one JSON object as its protocol has it */
	REJECT_NOT_DONE,
	REJECT_CUT_SHORT,   /* done, but not because the model had finished */
	REJECT_REMOTE,      /* another host answered */
	REJECT_TOOLS,       /* the model wants to call something */
	/* the model's text */
	REJECT_EMPTY,
	REJECT_FENCE,       /* wrapped in back-quotes */
	REJECT_NOT_OBJECT,
	REJECT_SYNTAX,
	REJECT_KEY,         /* a key that nobody asked for */
	REJECT_DUPLICATE,
	REJECT_MISSING,
	REJECT_SCORE_FORM,  /* not an integer token */
	REJECT_SCORE_RANGE,
	REJECT_REASON_FORM, /* not a string */
	REJECT_REASON_LENGTH,
	REJECT_UTF8,
	REJECT_TRAILING,    /* something behind the object */
	REJECT_COUNT
};

/* "score-range"; "" for REJECT_NONE. */
const char *rejection_text(enum rejection);

#endif
