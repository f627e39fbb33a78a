/*
 * advice_codec: a question to the analyser as a TelemetryPayload, and its
 * ThreatAnalysis as an opinion.
 *
 * The analyser is not trusted: what it answers is read through the bounded
 * cursor, of every field the last one counts and unknown ones are skipped (it
 * may be older or newer, or another's), numbers are checked, and text is made
 * harmless before it leaves this process.
 *
 * Pure.  Spec: docs/analyser.md, "The door"; proto/phalanx.proto.
 */
#ifndef PROC_ADVICE_CODEC_H
#define PROC_ADVICE_CODEC_H
#include "core/message.h"
#include "proc/messages.h"

/* OVERSIZE when it does not fit into room. */
MUST_USE enum err advice_encode(const char *node, const struct msg_advise *, struct span sample,
    uint8_t *out, size_t room, size_t *size_bytes);
/*
 * Fills in all but request and error.  An answer of the first two fields
 * alone is an opinion too.  TRUNCATED, MALFORMED, RANGE; out is untouched then.
 */
MUST_USE enum err advice_decode(struct span answer, struct msg_opinion *out);

#endif
