/*
 * ca_evidence: what the logs of nodes prove about the past of members: who was
 * isolated, who misbehaved, whose accusations were overturned.
 *
 * A log is any node's audit.log or received.log and may have been written by
 * an intruder: every entry is verified against the roster, and what does not
 * verify is reported and ignored.  Spec: docs/protocol.md, "Weight".
 */
#ifndef CLI_CA_EVIDENCE_H
#define CLI_CA_EVIDENCE_H
#include <stdbool.h>
#include "core/roster.h"

struct ca_evidence; /* opaque */

/* What is known of one member. */
struct ca_past {
	bool misbehaved;     /* confessed, or a Proof convicts it */
	bool quarantined;    /* its latest certificate isolates it */
	uint32_t overturned; /* its accusations, of the last 30 days */
	uint64_t penalty_ms; /* the latest of them, or of its isolations; 0: none */
};

/* The roster outlives it.  NULL: out of memory. */
struct ca_evidence *ca_evidence_new(const struct roster *);
void ca_evidence_free(struct ca_evidence *); /* accepts NULL */
/* Complains of what it ignores; false: the file cannot be read. */
bool ca_evidence_read(struct ca_evidence *, const char *path);
struct ca_past ca_evidence_of(const struct ca_evidence *, member_index, uint64_t now_ms);

#endif
