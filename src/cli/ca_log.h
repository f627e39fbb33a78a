/*
 * ca_log: D/roster, the CA's append-only log: what a node is given and, once
 * epoch 1 is signed, what grows by every enrolment, renewal and epoch.
 *
 * Records are added first and written together: the file holds all of them or
 * none.  Enrolment files come first and the log after; what an interrupted
 * command left out is caught up with by the next.
 *
 * Spec: docs/protocol.md, "Roster"; docs/operations.md, "Enrolment".
 */
#ifndef CLI_CA_LOG_H
#define CLI_CA_LOG_H
#include "cli/ca_store.h"
#include "core/roster.h"

struct ca_log {
	const struct ca_store *store;
	struct roster *roster; /* as written; NULL: no epoch yet */
	uint8_t *news;         /* added since, serialised */
	size_t news_bytes;
};

enum ca_record_kind { CA_ENROLMENT = 1, CA_EPOCH = 2 };

/* The store is locked, so nobody else writes.  Complains. */
bool ca_log_open(const struct ca_store *, struct ca_log *out);
void ca_log_close(struct ca_log *);
/* A sealed record, to be written. */
bool ca_log_add(struct ca_log *, enum ca_record_kind, const uint8_t *envelope, size_t size_bytes);
/* Every enrolment of the store that the log lacks. */
bool ca_log_catch_up(struct ca_log *);
/* Prove what was added as every node will, then write it; log->roster is the new one. */
bool ca_log_commit(struct ca_log *);

#endif
