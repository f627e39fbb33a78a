/*
 * hook_event: what the operator's command is told: a quarantine that verified
 * evidence stands for.  Fixed size, so that it crosses from one process to
 * another; the evidence itself, an Envelope as it was signed, goes behind it.
 *
 * Spec: docs/operations.md, "Hooks".
 */
#ifndef SYS_HOOK_EVENT_H
#define SYS_HOOK_EVENT_H
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/limits.h"
#include "core/message.h"
#include "core/roster.h"

enum hook_evidence {
	HOOK_CERTIFICATE = 1,
	HOOK_PROOF,
	HOOK_CONFESSION,
	HOOK_PRECAUTION
};

struct hook_event {
	uint32_t evidence;     /* enum hook_evidence */
	uint32_t round, score; /* score 0: the evidence names none */
	uint32_t class;        /* enum event_class, with a score */
	struct incident_id incident;
	struct mesh_id mesh_id;
	struct node_id id;
	uint16_t port;
	struct endpoint source; /* who touched the decoy; family 0: the evidence does not say */
	struct address addresses[LIMIT_ADDRESSES];
	uint32_t address_count;
	uint32_t voter_count;  /* all of them, of which LIMIT_HOOK_VOTERS are named */
	uint64_t time_ms;      /* Unix, by the evidence's author */
	char mesh[LIMIT_NAME_BYTES + 1];
	char name[LIMIT_NAME_BYTES + 1];
	char author[LIMIT_NAME_BYTES + 1]; /* of the evidence */
	char voters[LIMIT_HOOK_VOTERS][LIMIT_NAME_BYTES + 1];
};

/*
 * From a verified entry that stands against subject; RANGE: it is no evidence
 * of a quarantine (a RELEASE certificate, a statement, ...).
 */
MUST_USE enum err hook_event_fill(const struct roster *, const struct entry *, member_index subject,
    const struct incident_id *, struct hook_event *out);
/* From another process: are enums, counts and texts what they may be? */
MUST_USE enum err hook_event_check(const struct hook_event *);
/* One line of JSON with a newline, which the caller frees; seen_by: who runs the command.  NOMEM. */
MUST_USE enum err hook_event_json(const struct hook_event *, const char *seen_by,
    struct span evidence, char **out, size_t *size_bytes);

#endif
