#include "core/state.h"

enum err
rounds_check_certificate(struct core *c, const struct entry *e, bool own)
{
	const struct certificate *cert = &e->certificate;
	member_index subject;
	size_t checked;
	enum err err;

	if (cert->level != LEVEL_QUARANTINE)
		return ERR_UNSUPPORTED;
	if ((err = ballots_check_subject(c, &cert->subject, cert->round, &subject)) != ERR_OK)
		return err;
	if (own)
		return ERR_OK;
	err = certificate_verify(c->crypto, c->roster, cert, &checked);
	c->checks += checked;
	return err;
}

void
rounds_accept_certificate(struct core *c, struct object *o, const struct certificate *cert)
{
	struct incident *in = &peer_of(c, o->subject)->incident;
	uint64_t age_ms = c->unix_ms > o->header.time_ms ? c->unix_ms - o->header.time_ms : 0;
	uint32_t votes = (uint32_t)(cert->signatures.size_bytes / sizeof(struct signature));
	struct span bytes = { o->bytes, o->size_bytes };

	in->certificate = o;
	in->quorum = true;
	if (in->most_votes < votes)
		in->most_votes = votes;
	in->certified_until_ms =
	    c->now_ms + (age_ms < LIMIT_VOTE_BUDGET_MS ? LIMIT_VOTE_BUDGET_MS - age_ms : 0);
	if (!c->started) {
		peer_of(c, o->subject)->isolation.severed = true;
		return;
	}
	if (o->subject == c->self) {
		isolation_update_lock(c);
		return;
	}
	isolation_update(c, o->subject);
	/* Its own certificate tells it to lock; then the mesh port closes as well. */
	if (o->author != c->self)
		actions_send(&c->outbox, bytes, o->subject, MEMBER_NONE);
	isolation_sever_soon(c, o->subject);
}
