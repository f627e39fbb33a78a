#include <string.h>
#include "core/state.h"

/* Within LIMIT_TOUCH_REPEAT_MS of the last one that was reported? */
static bool
is_repeated(struct core *c, const struct core_touch *t)
{
	struct touch_slot *slot = &c->touches.recent[0];

	for (size_t i = 0; i < TOUCH_SLOTS; i++) {
		struct touch_slot *s = &c->touches.recent[i];

		if (s->until_ms > c->now_ms && s->decoy == t->decoy &&
		    address_equal(&s->source, &t->source.address))
			return true;
		if (s->until_ms < slot->until_ms)
			slot = s;
	}
	slot->source = t->source.address;
	slot->decoy = t->decoy;
	slot->until_ms = c->now_ms + LIMIT_TOUCH_REPEAT_MS;
	return false;
}

static struct hash
digest_of(const struct core *c, const struct core_touch *t)
{
	struct hash digest;

	c->crypto->sha256(
	    c->crypto->context, "", t->evidence.data, t->evidence.size_bytes, &digest);
	return digest;
}

/* The source is exactly one member: cut it here, tell the others, vote. */
static enum err
accuse(struct core *c, const struct core_touch *t, member_index subject, uint32_t score)
{
	struct statement s = {
		.subject = member_of(c, subject)->id,
		.class = CLASS_HONEYPOT_TRIPPED,
		.source = t->source,
		.destination = t->destination,
		.decoy = t->decoy,
		.evidence_digest = digest_of(c, t),
		.score = score,
		.seen_ms = t->seen_ms,
	};
	bool cut = isolation_cut_member(c, subject);

	s.evidence_bytes = t->evidence.size_bytes < sizeof(s.evidence) ? t->evidence.size_bytes
	                                                               : sizeof(s.evidence);
	if (s.evidence_bytes > 0)
		memcpy(s.evidence, t->evidence.data, s.evidence_bytes);
	vote_witness(c, subject, &s);
	vote_pursue(c, subject);
	return cut ? ERR_OK : ERR_FULL;
}

/* An unexplained touch inside the private network: this host may be the breach. */
static void
take_precaution(struct core *c, const struct core_touch *t)
{
	struct wanted_report report = {
		.reason = CLASS_HONEYPOT_TRIPPED,
		.source = t->source,
		.evidence_digest = digest_of(c, t),
	};

	(void)selfreport_want(c, SELF_REPORT_PRECAUTION, &report);
}

void
touch_decoy(struct core *c, const struct core_touch *t)
{
	uint32_t score = rules_score(CLASS_HONEYPOT_TRIPPED);
	struct incident_id incident = indicators_incident(c, &t->source.address);
	member_index subject = MEMBER_NONE;
	struct core_action *a;
	struct blame blame;
	struct mac mac;
	enum err err = ERR_OK;

	c->touches.count++;
	if ((t->source.address.family != 4 && t->source.address.family != 6) || is_repeated(c, t))
		return;
	mac = links_mac_of(c, &t->source.address);
	blame = blame_of(&c->config, &t->source.address, &mac, c->link_macs);
	switch (blame.cause) {
	case CAUSE_MEMBER:
		subject = blame.member;
		incident = ballots_incident_id(c, subject);
		if (score > c->threshold)
			err = accuse(c, t, subject, score);
		break;
	case CAUSE_INSIDE:
		if (c->config.policy == POLICY_ASSUME_BREACH) {
			subject = c->self;
			incident = ballots_incident_id(c, c->self);
		}
		if (score <= c->threshold)
			break;
		if (!blame.this_host)
			err = isolation_cut_address(c, &t->source.address, &incident);
		if (c->config.policy == POLICY_ASSUME_BREACH)
			take_precaution(c, t);
		break;
	case CAUSE_OUTSIDE:
		if (score <= c->threshold)
			break;
		err = isolation_cut_address(c, &t->source.address, &incident);
		indicators_want(c, &t->source.address, CLASS_HONEYPOT_TRIPPED);
		break;
	case CAUSE_NONE:
	case CAUSE_AMBIGUOUS:
	case CAUSE_IGNORED:
	case CAUSE_REPEATED:
		break;
	}
	if (blame.cause != CAUSE_IGNORED)
		c->touches.attacked_until_ms = c->now_ms + LIMIT_LOCAL_CUT_MS;
	a = actions_notice(&c->outbox, NOTICE_TOUCH, subject);
	a->incident = incident;
	a->notice.peer = c->self;
	a->notice.cause = blame.cause;
	a->notice.class = CLASS_HONEYPOT_TRIPPED;
	a->notice.source = t->source;
	a->notice.decoy = t->decoy;
	a->notice.score = score;
	a->notice.error = err;
}
