/*
 * feed_line: one entry as one line of JSON, and back.
 *
 * {"seq":…,"time":…,"time_ms":…,"kind":…,"author":…,"incarnation":…,"epoch":…,
 *  summary of the payload,"incident":…,"hash":…,"previous":…,
 *  ["standing":true|false,]"body":base64,"signature":base64}
 *
 * Only body and signature count.  There is exactly one text for an entry, so
 * reading a line means decoding its body and composing the line again: a
 * summary that contradicts its body is a difference in bytes.
 *
 * No files.  Spec: docs/protocol.md, "The feed on disk".
 */
#ifndef SYS_FEED_LINE_H
#define SYS_FEED_LINE_H
#include "base/base64.h"
#include "base/err.h"
#include "core/message.h"

#define FEED_SIGNATURE_CHARS BASE64_CHARS(sizeof(struct signature))
/* Behind the signature: quote, brace, line feed. */
#define FEED_LINE_END_BYTES  3
/* Before the body, at most. */
#define FEED_PREFIX_BYTES    3072 /* LIMIT_REASON_BYTES become thrice as many at most */

enum feed_form { FEED_OWN, FEED_RECEIVED, FEED_RECEIVED_STANDING };

struct feed_line {
	struct entry entry; /* its spans point into body */
	struct span body;   /* inside the text, which decoding overwrites */
	struct hash hash;
	enum feed_form form;
	/* FEED_SIGNATURE_CHARS of the text: base64, or blanks not yet filled in */
	const char *signature;
};

/* The most that a line for such a body takes, line feed included. */
size_t feed_line_room(size_t body_bytes);
/*
 * Compose the line, the signature's place blank when signature is NULL.
 * Returns its bytes, line feed included; room as feed_line_room() says.
 */
size_t feed_line_write(const struct crypto *, const struct entry *, struct span body,
    const struct hash *, enum feed_form, const struct signature *or_null, char *out);
/*
 * Read a line without its line feed; the text is overwritten.  MALFORMED: not
 * a line of ours; ERR_EQUIVOCATION: its summary contradicts its body; else as
 * entry_decode.  The signature is not looked at.
 */
MUST_USE enum err feed_line_parse(const struct crypto *, char *text, size_t chars,
    struct feed_line *out);
/* All of the place is blank. */
bool feed_signature_is_blank(const char signature[FEED_SIGNATURE_CHARS]);
MUST_USE enum err feed_signature_parse(const char signature[FEED_SIGNATURE_CHARS],
    struct signature *out);

#endif
