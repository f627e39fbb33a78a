#include <string.h>
#include "core/state.h"

static enum node_status
status_of(const struct core *c, member_index m)
{
	const struct peer *p = peer_of(c, m);
	const struct incident *in = &p->incident;

	if (isolation_is_quarantined(c, m))
		return STATUS_QUARANTINED;
	if (restrict_until_ms(c, m) != 0)
		return STATUS_RESTRICTED;
	if (m != c->self && p->liveness.state == LIVENESS_DEAD)
		return STATUS_UNREACHABLE;
	if (in->precaution_down || in->touched_until_ms > c->now_ms ||
	    (m == c->self && c->touches.attacked_until_ms > c->now_ms))
		return STATUS_ATTACKED;
	return STATUS_HEALTHY;
}

/* The earliest object that holds it. */
static uint64_t
since_ms(const struct core *c, member_index m)
{
	const struct incident *in = &peer_of(c, m)->incident;
	const struct precaution *p = precaution_standing(&c->precautions, m);
	uint64_t since = UINT64_MAX;

	if (in->certificate != NULL)
		since = in->certificate->header.time_ms;
	if (in->confession != NULL && in->confession->header.time_ms < since)
		since = in->confession->header.time_ms;
	if (in->proof != NULL && in->proof->header.time_ms < since)
		since = in->proof->header.time_ms;
	if (p != NULL && p->second * 1000 < since)
		since = p->second * 1000;
	return since == UINT64_MAX ? 0 : since;
}

void
core_view_member(const struct core *c, member_index m, struct core_member_view *out)
{
	const struct peer *p;
	const struct object *newest, *report;

	memset(out, 0, sizeof(*out));
	if (m >= c->member_count)
		return;
	p = peer_of(c, m);
	newest = objects_newest(&c->objects, m);
	report = selfreport_last(&p->incident);
	out->status = status_of(c, m);
	out->strength = m == c->self ? c->lock.in_force : isolation_in_force(c, m);
	out->linked = p->link.up;
	out->alive = m == c->self || p->liveness.state != LIVENESS_DEAD;
	out->precaution_stands = p->incident.precaution_stands;
	out->precaution_stood_down = p->incident.precaution_down;
	out->certified = p->incident.certificate != NULL;
	out->confessed = p->incident.confession != NULL;
	out->proven = p->incident.proof != NULL;
	out->restricted = restrict_until_ms(c, m) != 0;
	out->release_asked = p->incident.requests != NULL;
	out->votes = ballots_votes(c, m, LEVEL_QUARANTINE);
	out->statements = (uint32_t)ballots_witnesses(c, m);
	out->round = p->incident.round;
	out->since_ms = since_ms(c, m);
	out->incident = ballots_incident_id(c, m);
	out->has_certificate = p->incident.certificate != NULL;
	if (out->has_certificate)
		out->certificate = p->incident.certificate_ballot;
	if (report != NULL) {
		out->report_incarnation = report->header.incarnation;
		out->report_sequence = report->header.sequence;
	}
	out->feed_sequence = newest == NULL ? 0 : newest->header.sequence;
	if (m == c->self && c->own_sequence > out->feed_sequence)
		out->feed_sequence = c->own_sequence;
}

void
core_view(const struct core *c, struct core_view *out)
{
	/* Only the cache of its digests changes. */
	struct objects *objects = (struct objects *)&c->objects;

	*out = (struct core_view){
		.synced = c->synced,
		.lost_state = c->lost_state,
		.clock_off = c->clock_off,
		.locked = c->lock.in_force,
		.root = objects_root(objects),
		.sequence = c->own_sequence,
		.objects = objects_count(&c->objects),
		.indicators = c->indicators.blocked,
		.epoch = epoch_number(current_epoch(c)),
		.local_cuts = map_count(c->local_cuts.by_address),
		.touches = c->touches.count,
		.refused = c->refused,
		.checks = c->checks,
	};
}

const char *
notice_text(enum notice notice)
{
	switch (notice) {
	case NOTICE_TOUCH:
		return "touch";
	case NOTICE_SELF_REPORT:
		return "self-report";
	case NOTICE_STATEMENT:
		return "statement";
	case NOTICE_VERDICT:
		return "verdict";
	case NOTICE_CERTIFICATE:
		return "certificate";
	case NOTICE_STAND_DOWN:
		return "stand-down";
	case NOTICE_REFUSED:
		return "refused";
	case NOTICE_PEER_ALIVE:
		return "peer-alive";
	case NOTICE_PEER_SUSPECT:
		return "peer-suspect";
	case NOTICE_PEER_DEAD:
		return "peer-dead";
	case NOTICE_FIRST_SYNC:
		return "first-sync";
	case NOTICE_LOST_STATE:
		return "lost-state";
	case NOTICE_CLOCK:
		return "clock";
	case NOTICE_EQUIVOCATION:
		return "equivocation";
	case NOTICE_BLAST_RADIUS:
		return "blast-radius";
	case NOTICE_ROSTER_FORK:
		return "roster-fork";
	case NOTICE_PROOF:
		return "proof";
	case NOTICE_RESTRICTED:
		return "restricted";
	case NOTICE_RELEASE:
		return "release";
	case NOTICE_EPOCH:
		return "epoch";
	case NOTICE_RELEASED:
		return "released";
	case NOTICE_INDICATOR:
		return "indicator";
	}
	return "unknown";
}

const char *
cause_text(enum cause cause)
{
	switch (cause) {
	case CAUSE_NONE:
		return "none";
	case CAUSE_MEMBER:
		return "member";
	case CAUSE_AMBIGUOUS:
		return "ambiguous";
	case CAUSE_OUTSIDE:
		return "outside";
	case CAUSE_INSIDE:
		return "inside";
	case CAUSE_IGNORED:
		return "ignored";
	case CAUSE_REPEATED:
		return "repeated";
	}
	return "unknown";
}
