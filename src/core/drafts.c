#include <stdlib.h>
#include "core/state.h"

bool
drafts_pending(const struct core *c, enum entry_kind kind, member_index subject, uint64_t detail)
{
	for (size_t i = 0; i < c->drafts.count; i++) {
		const struct draft *d = &c->drafts.list[i];

		if (d->kind == kind && d->subject == subject && d->detail == detail)
			return true;
	}
	return false;
}

static size_t
room_for(const struct entry *e)
{
	size_t room = 1024 + LIMIT_EVIDENCE_BYTES;

	if (e->kind == ENTRY_CERTIFICATE)
		room += e->certificate.voters.size_bytes + e->certificate.signatures.size_bytes;
	else if (e->kind == ENTRY_PROOF)
		room += e->proof.first.size_bytes + e->proof.second.size_bytes;
	return room;
}

bool
drafts_ask(struct core *c, struct entry *e, member_index subject, uint64_t detail)
{
	struct drafts *d = &c->drafts;
	size_t size_bytes = room_for(e);
	struct core_action *a;
	uint8_t *body;

	if (d->count == LIMIT_PENDING_APPENDS || c->now_ms < d->retry_ms ||
	    !actions_have_room(&c->outbox, 1))
		return false;
	e->header = (struct entry_header){
		.mesh = *roster_mesh(c->roster),
		.epoch = epoch_number(current_epoch(c)),
		.time_ms = c->unix_ms,
	};
	if ((body = actions_bytes(&c->outbox, size_bytes)) == NULL ||
	    entry_encode(e, body, &size_bytes) != ERR_OK)
		return false;
	d->list[d->count++] = (struct draft){
		.request = ++d->last_request,
		.kind = e->kind,
		.subject = subject,
		.detail = detail,
	};
	a = actions_add(&c->outbox, CORE_DO_APPEND);
	a->incident = e->kind == ENTRY_INDICATOR ? indicators_incident(c, &e->indicator.address)
	                                         : ballots_incident_id(c, subject);
	a->append.request = d->last_request;
	a->append.body = (struct span){ body, size_bytes };
	return true;
}

static bool
forget(struct drafts *d, uint32_t request)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->list[i].request != request)
			continue;
		d->list[i] = d->list[--d->count];
		return true;
	}
	return false;
}

void
drafts_withdraw(struct core *c)
{
	struct core_actions *out = c->outbox.out;
	size_t kept = 0;

	for (size_t i = 0; i < out->count; i++)
		if (out->list[i].what != CORE_DO_APPEND ||
		    !forget(&c->drafts, out->list[i].append.request))
			out->list[kept++] = out->list[i];
	out->count = kept;
}

void
drafts_returned(struct core *c, uint32_t request, struct span envelope)
{
	/* Asked for before a restart, or given up: it is in our feed all the same. */
	(void)forget(&c->drafts, request);
	receive_own(c, envelope);
}

void
drafts_failed(struct core *c, uint32_t request)
{
	if (!forget(&c->drafts, request))
		return;
	c->drafts.retry_ms = c->now_ms + LIMIT_APPEND_RETRY_MS;
	/* Without memory for a timer the next tick tries again. */
	wake_try(c->timers, &c->drafts.retry, c->drafts.retry_ms);
}
