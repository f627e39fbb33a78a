#include <string.h>
#include "core/proof.h"
#include "core/state.h"

static bool
is_from_network(const struct arrival *a)
{
	return a->via == VIA_LINK || a->via == VIA_SYNC || a->via == VIA_SUBMITTED;
}

/* What does not age is what is flooded. */
static bool
is_standing(enum entry_kind kind)
{
	return entry_is_urgent(kind);
}

static bool
is_convicted(const struct core *c, member_index author)
{
	return peer_of(c, author)->incident.proof != NULL;
}

/* Already here, byte by byte: the cheap check before any signature. */
static bool
is_held(struct core *c, const struct arrival *a)
{
	const struct object *o = objects_by_hash(&c->objects, &a->hash);

	if (o == NULL || o->size_bytes != a->bytes.size_bytes ||
	    memcmp(o->bytes, a->bytes.data, o->size_bytes) != 0)
		return false;
	if (is_from_network(a))
		spread_heard(c, o, a->from, a->via == VIA_SYNC);
	return true;
}

/* Remember it as the newest entry of its author, without holding it.  False: it is not. */
static bool
keep_as_newest(struct core *c, const struct arrival *a, bool proven)
{
	struct object *o;
	struct core_action *action;

	/* The feed of a convicted author has no order any more. */
	if (a->loose || is_convicted(c, a->author) ||
	    (o = objects_make(a->bytes, &a->entry, &a->hash, a->author)) == NULL)
		return false;
	o->proven = proven;
	if (!objects_set_newest(&c->objects, o, c->now_ms)) {
		objects_discard(&c->objects, o);
		return false;
	}
	/* That our own feed went further once must be known after a restart, too. */
	if (a->author != c->self || !is_from_network(a))
		return true;
	action = actions_add(&c->outbox, CORE_DO_KEEP);
	action->keep.bytes = (struct span){ o->bytes, o->size_bytes };
	action->keep.author = o->author;
	action->keep.standing = true;
	return true;
}

/*
 * A certificate for what is certified already changes nothing, nor does a
 * second Proof, so they are not worth their signature checks, unless they
 * contradict what their author wrote beside.  Unproven they may still be shown
 * to their author, who alone can tell that it lost its state.
 */
static bool
is_known(struct core *c, struct arrival *a)
{
	enum entry_kind kind = a->kind;
	struct proof_place place = { &a->header, &a->hash };
	struct hash key;

	if (a->peeked != ERR_OK || (kind != ENTRY_CERTIFICATE && kind != ENTRY_PROOF) ||
	    entry_decode_rest(a->envelope.body, &a->header, kind, &a->entry) != ERR_OK)
		return false;
	objects_key(&c->objects, &a->entry, &key);
	if (kind == ENTRY_CERTIFICATE ? !rounds_is_known(c, &a->entry)
	                              : objects_by_key(&c->objects, &key) == NULL)
		return false;
	a->author = roster_find_id(c->roster, &a->header.author);
	if (a->author == c->self)
		return false; /* whatever says something about our own feed is looked at */
	if (a->author != MEMBER_NONE && !is_convicted(c, a->author) &&
	    conviction_find(c, a->author, &place) != NULL)
		return false;
	if (a->author == a->from && a->via == VIA_LINK && a->envelope.is_signed &&
	    a->header.incarnation == member_of(c, a->author)->incarnation)
		(void)keep_as_newest(c, a, false);
	return true;
}

/* What the notary returns needs no proof, but must be ours. */
static enum err
decode_own(const struct core *c, struct arrival *a)
{
	enum err err;

	if ((err = entry_decode(a->envelope.body, &a->entry)) != ERR_OK)
		return err;
	if (entry_is_link_message(a->entry.kind) || a->entry.header.sequence == 0 ||
	    !node_id_equal(&a->entry.header.author, &member_of(c, c->self)->id))
		return ERR_AUTHOR;
	a->author = c->self;
	return ERR_OK;
}

/* What a convicted author says on its own word is not worth a check. */
static bool
is_silenced(const struct core *c, struct arrival *a)
{
	member_index author;

	if (a->peeked != ERR_OK ||
	    (author = roster_find_id(c->roster, &a->header.author)) == MEMBER_NONE ||
	    !conviction_silences(c, author, a->kind))
		return false;
	a->author = author;
	return true;
}

static enum err
prove(struct core *c, struct arrival *a)
{
	if (a->via == VIA_OWN)
		return decode_own(c, a);
	if (a->from != MEMBER_NONE && !budget_take(&peer_of(c, a->from)->link.checks, c->now_ms, 1,
	                                  LIMIT_CHECKS_PER_S, LIMIT_CHECKS_BURST))
		return ERR_BUDGET;
	if (is_silenced(c, a))
		return ERR_AUTHOR;
	c->checks++;
	return entry_verify(c->crypto, c->roster, &a->envelope, &a->entry, &a->author);
}

/*
 * 4.4: 30 s either way on the author's own link, ten minutes relayed or
 * synced; what stands is exempt.
 */
static enum err
check_age(const struct core *c, struct arrival *a)
{
	uint64_t time_ms = a->entry.header.time_ms, now_ms = c->unix_ms;
	uint64_t most_ms =
	    a->via == VIA_LINK && a->from == a->author ? LIMIT_FRESH_MS : LIMIT_RELAYED_MS;

	a->age_ms = time_ms < now_ms ? now_ms - time_ms : 0;
	if (is_standing(a->entry.kind) || !is_from_network(a))
		return ERR_OK;
	if (a->age_ms > most_ms || (time_ms > now_ms && time_ms - now_ms > LIMIT_FRESH_MS))
		return ERR_STALE;
	return ERR_OK;
}

/*
 * 4.4: what ages counts in the current epoch and the one before, of its
 * author's newest incarnation; what stands in any.
 */
static enum err
check_epoch(const struct core *c, const struct arrival *a)
{
	uint64_t epoch = a->entry.header.epoch, current = epoch_number(current_epoch(c));

	/* Of an indicator on the disk the effect lasts. */
	if (is_standing(a->entry.kind) || (a->via == VIA_DISK && a->entry.kind == ENTRY_INDICATOR))
		return ERR_OK;
	if (a->entry.header.incarnation != member_of(c, a->author)->incarnation)
		return ERR_AUTHOR;
	return epoch + 1 >= current ? ERR_OK : ERR_EPOCH;
}

static bool
take_budget(const struct core *c, const struct arrival *a, struct author *author)
{
	return budget_take(
	           &author->entries, c->now_ms, 1, LIMIT_ENTRIES_PER_S, LIMIT_ENTRIES_BURST) ||
	       (entry_is_urgent(a->entry.kind) && budget_take(&author->urgent, c->now_ms, 1,
	                                              LIMIT_ENTRIES_PER_S, LIMIT_URGENT_BURST));
}

/*
 * An author pays for all that it sends itself.  For what another brings it
 * pays once that is accepted: nobody spends its budget by playing back what
 * is refused.
 */
static enum err
check_budget(struct core *c, const struct arrival *a)
{
	struct author *author = &peer_of(c, a->author)->author;
	struct author spared = { .entries = author->entries, .urgent = author->urgent };

	if (!is_from_network(a))
		return ERR_OK;
	return take_budget(c, a, a->from == a->author ? author : &spared) ? ERR_OK : ERR_BUDGET;
}

static void
charge_relayed(struct core *c, const struct arrival *a)
{
	if (is_from_network(a) && a->from != a->author)
		(void)take_budget(c, a, &peer_of(c, a->author)->author);
}

static enum err
check_meaning(struct core *c, const struct arrival *a)
{
	bool own = a->via == VIA_OWN;

	switch (a->entry.kind) {
	case ENTRY_STATEMENT:
		return ballots_check_statement(c, &a->entry, a->author);
	case ENTRY_VERDICT:
		return ballots_check_verdict(c, &a->entry, a->author, own);
	case ENTRY_SELF_REPORT:
		return selfreport_check(c, &a->entry, &a->hash, a->author);
	case ENTRY_CERTIFICATE:
		return rounds_check_certificate(c, &a->entry, own);
	case ENTRY_PROOF:
		return conviction_check(c, &a->entry, own);
	case ENTRY_RELEASE:
		return release_check(c, &a->entry, &a->hash, a->author);
	case ENTRY_INDICATOR:
		return indicators_check(c, a);
	case ENTRY_RECEIPT:
		return ERR_UNSUPPORTED;
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return ERR_MALFORMED;
}

/* What the rest of the core wants to know of it without decoding again. */
static void
describe(struct core *c, struct object *o, const struct arrival *a)
{
	const struct entry *e = &a->entry;
	struct node_id accused;

	o->key = a->key;
	switch (e->kind) {
	case ENTRY_STATEMENT:
		o->subject = roster_find_id(c->roster, &e->statement.subject);
		o->round = e->statement.round;
		o->class = e->statement.class;
		o->score = rules_score(o->class);
		break;
	case ENTRY_VERDICT:
		o->subject = roster_find_id(c->roster, &e->verdict.subject);
		o->round = e->verdict.round;
		o->level = e->verdict.level;
		o->epoch = e->header.epoch;
		o->window = e->verdict.window;
		break;
	case ENTRY_SELF_REPORT:
		o->subject = a->author;
		o->round = e->self_report.round;
		o->class = e->self_report.reason;
		o->score = rules_score(o->class);
		o->report = e->self_report.kind;
		break;
	case ENTRY_CERTIFICATE:
		o->subject = roster_find_id(c->roster, &e->certificate.subject);
		o->round = e->certificate.round;
		o->level = e->certificate.level;
		o->epoch = e->certificate.epoch;
		o->window = e->certificate.window;
		break;
	case ENTRY_PROOF:
		o->subject = proof_accused(&e->proof, &accused)
		                 ? roster_find_id(c->roster, &accused)
		                 : MEMBER_NONE;
		break;
	case ENTRY_RELEASE:
		o->subject = roster_find_id(c->roster, &e->release.subject);
		o->round = e->release.round;
		break;
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
}

/* Durations run on the monotonic clock from here on: the wall clock may jump. */
static void
set_life(const struct core *c, struct object *o, uint64_t age_ms)
{
	if (is_standing(o->kind)) {
		o->tree_until_ms = o->fresh_until_ms = UINT64_MAX;
		return;
	}
	o->fresh_until_ms = c->now_ms + (age_ms < LIMIT_RELAYED_MS ? LIMIT_RELAYED_MS - age_ms : 0);
	o->tree_until_ms = c->now_ms + (age_ms < LIMIT_TREE_MS ? LIMIT_TREE_MS - age_ms : 0);
}

static enum err
take(struct core *c, struct object *o, const struct arrival *a)
{
	switch (o->kind) {
	case ENTRY_STATEMENT:
		ballots_accept_statement(c, o);
		return ERR_OK;
	case ENTRY_VERDICT:
		return ballots_accept_verdict(c, o, &a->entry.verdict);
	case ENTRY_SELF_REPORT:
		return selfreport_accept(c, o);
	case ENTRY_CERTIFICATE:
		rounds_accept_certificate(c, o, &a->entry.certificate);
		return ERR_OK;
	case ENTRY_PROOF:
		conviction_accept(c, o);
		return ERR_OK;
	case ENTRY_RELEASE:
		return release_accept(c, o, &a->entry.release);
	case ENTRY_INDICATOR:
		return indicators_accept(c, o, a);
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return ERR_MALFORMED;
}

static enum notice
notice_of(const struct object *o)
{
	switch (o->kind) {
	case ENTRY_STATEMENT:
		return NOTICE_STATEMENT;
	case ENTRY_VERDICT:
		return NOTICE_VERDICT;
	case ENTRY_SELF_REPORT:
		return NOTICE_SELF_REPORT;
	case ENTRY_PROOF:
		return NOTICE_PROOF;
	case ENTRY_RELEASE:
		return NOTICE_RELEASE;
	case ENTRY_CERTIFICATE:
		return o->level == LEVEL_RELEASE ? NOTICE_RELEASED : NOTICE_CERTIFICATE;
	case ENTRY_INDICATOR:
		return NOTICE_INDICATOR;
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return NOTICE_CERTIFICATE;
}

/* Of the round that it speaks of, which it may just have ended. */
static struct incident_id
incident_for(const struct core *c, const struct object *o)
{
	if (o->round == peer_of(c, o->subject)->incident.round)
		return ballots_incident_id(c, o->subject);
	return incident_of(c->crypto, &member_of(c, o->subject)->id, o->round);
}

static uint32_t
votes_for(const struct core *c, const struct object *o, const struct entry *e)
{
	if (o->kind == ENTRY_CERTIFICATE)
		return (uint32_t)(e->certificate.signatures.size_bytes / sizeof(struct signature));
	return ballots_votes(c, o->subject, o->level);
}

static void
report(struct core *c, const struct object *o, const struct arrival *a)
{
	const struct incident *incident = &peer_of(c, o->subject)->incident;
	struct core_action *action = actions_notice(&c->outbox, notice_of(o), o->subject);

	action->incident = incident_for(c, o);
	action->notice.peer = o->author;
	action->notice.class = o->class;
	action->notice.level = o->level;
	action->notice.score = o->score;
	action->notice.object = (struct span){ o->bytes, o->size_bytes };
	if (o->kind == ENTRY_STATEMENT)
		action->notice.source = a->entry.statement.source;
	else if (o->kind == ENTRY_SELF_REPORT)
		action->notice.source = a->entry.self_report.source;
	if (o->kind == ENTRY_VERDICT || o->kind == ENTRY_CERTIFICATE) {
		action->notice.votes = votes_for(c, o, &a->entry);
		action->notice.needed = c->needed;
	}
	action->notice.standing =
	    (o->kind == ENTRY_CERTIFICATE && o->level == LEVEL_QUARANTINE) ||
	    o->kind == ENTRY_PROOF ||
	    (o->kind == ENTRY_SELF_REPORT &&
	        (o->report == SELF_REPORT_CONFESSION || incident->precaution_stands));
}

/* Forward, persist, report. */
static void
pass_on(struct core *c, struct object *o, const struct arrival *a)
{
	struct span bytes = { o->bytes, o->size_bytes };
	struct core_action *action;

	if (a->via == VIA_OWN) {
		actions_send(&c->outbox, bytes, MEMBER_NONE, MEMBER_NONE);
	} else {
		action = actions_add(&c->outbox, CORE_DO_KEEP);
		if (o->subject != MEMBER_NONE)
			action->incident = incident_for(c, o);
		action->keep.bytes = bytes;
		action->keep.author = o->author;
		action->keep.standing = is_standing(o->kind);
		/* What a newcomer catches up with, its peers have: else roots tell. */
		if (a->via == VIA_LINK || is_full_mesh(c) || c->synced)
			spread_accept(c, o, a->from, a->via == VIA_SYNC);
	}
	/* What is about no member reports itself. */
	if (o->subject != MEMBER_NONE)
		report(c, o, a);
}

/* From here on nothing is refused but for want of room. */
static enum err
accept(struct core *c, const struct arrival *a)
{
	struct object *o = objects_make(a->bytes, &a->entry, &a->hash, a->author);
	enum err err;

	if (o == NULL)
		return ERR_NOMEM;
	describe(c, o, a);
	o->proven = true;
	o->loose = a->loose;
	o->receipted = a->via == VIA_DISK; /* enforced before, in another life */
	set_life(c, o, a->age_ms);
	if ((err = objects_hold(&c->objects, o, o->tree_until_ms > c->now_ms)) != ERR_OK) {
		objects_discard(&c->objects, o);
		return err;
	}
	if (o->tree_until_ms != UINT64_MAX)
		err = timerq_set(
		    c->timers, &o->expiry.timer, o->in_tree ? o->tree_until_ms : o->fresh_until_ms);
	if (err == ERR_OK)
		err = take(c, o, a);
	if (err != ERR_OK) {
		timerq_cancel(c->timers, &o->expiry.timer);
		objects_leave_tree(&c->objects, o);
		o->fresh_until_ms = 0;
		objects_release(&c->objects, o, c->now_ms);
		return err;
	}
	charge_relayed(c, a);
	if (a->entry.header.incarnation == member_of(c, a->author)->incarnation)
		replay_mark(&peer_of(c, a->author)->author.replay, a->entry.header.sequence);
	/* By now its author may stand convicted, of its own making. */
	if (!a->loose && !is_convicted(c, a->author))
		(void)objects_set_newest(&c->objects, o, c->now_ms);
	if (a->via != VIA_DISK)
		pass_on(c, o, a);
	if (c->started) {
		if (o->subject != MEMBER_NONE)
			vote_pursue(c, o->subject);
		restrict_judge(c);
		sync_evaluate(c);
	}
	return ERR_OK;
}

/*
 * Proven, but it says what another entry of the same meaning said already, or
 * it is too old to count: only that it was said last matters.
 */
static bool
is_only_newest(struct core *c, const struct arrival *a)
{
	if (a->via == VIA_DISK && !is_standing(a->entry.kind) &&
	    (a->age_ms > LIMIT_RELAYED_MS || prune_is_out_of_date(c, &a->entry.header, a->author)))
		return true;
	if (a->entry.kind == ENTRY_CERTIFICATE && rounds_is_known(c, &a->entry))
		return true;
	/* Private: of its author's feed no more than that it goes so far. */
	if (a->entry.kind == ENTRY_RECEIPT)
		return true;
	return objects_by_key(&c->objects, &a->key) != NULL;
}

/* What is no object of ours may still have an effect. */
static void
take_newest(struct core *c, const struct arrival *a)
{
	const struct object *newest = objects_newest(&c->objects, a->author);

	if (a->via == VIA_DISK && a->entry.kind == ENTRY_INDICATOR)
		indicators_restore(c, a);
	if (a->via == VIA_OWN && a->entry.kind == ENTRY_RECEIPT && newest != NULL &&
	    hash_equal(&newest->hash, &a->hash))
		receipts_accept(
		    c, &a->entry.receipt, (struct span){ newest->bytes, newest->size_bytes });
}

static enum err
check_order(struct core *c, const struct arrival *a, bool *held)
{
	const struct entry_header *h = &a->entry.header;
	const struct object *o =
	    objects_by_place(&c->objects, a->author, h->incarnation, h->sequence);

	if (a->loose)
		o = objects_by_hash(&c->objects, &a->hash);
	*held = o != NULL && hash_equal(&o->hash, &a->hash);
	if (*held)
		return ERR_OK;
	if (o != NULL)
		return ERR_EQUIVOCATION;
	if (!is_standing(a->entry.kind) && is_from_network(a) &&
	    h->incarnation == member_of(c, a->author)->incarnation &&
	    replay_seen(&peer_of(c, a->author)->author.replay, h->sequence))
		return ERR_REPLAY;
	return ERR_OK;
}

/* Proven: is it also new, timely, affordable and meant for us? */
static enum err
admit_proven(struct core *c, struct arrival *a)
{
	/*
	 * What proves itself counts at its place on the disk, before the Proof
	 * against its author; and what we wrote, though another signed with our key.
	 */
	bool counts = !is_from_network(a) && conviction_proves_itself(a->entry.kind), held;
	enum err err;

	err = conviction_look(c, a);
	if (err != ERR_OK && !counts)
		return err;
	a->loose = err != ERR_OK || is_convicted(c, a->author);
	if ((err = check_age(c, a)) != ERR_OK || (err = check_epoch(c, a)) != ERR_OK)
		return err;
	err = check_order(c, a, &held);
	if (err == ERR_EQUIVOCATION && a->via == VIA_OWN)
		sync_lost_state(c);
	if (err == ERR_EQUIVOCATION && counts)
		a->loose = true;
	else if (err != ERR_OK || held)
		return err;
	if ((err = check_budget(c, a)) != ERR_OK)
		return err;
	objects_key(&c->objects, &a->entry, &a->key);
	if (is_only_newest(c, a)) {
		if (keep_as_newest(c, a, true))
			charge_relayed(c, a);
		take_newest(c, a);
		return ERR_OK;
	}
	if ((err = check_meaning(c, a)) != ERR_OK)
		return err;
	return accept(c, a);
}

enum err
admit(struct core *c, struct arrival *a)
{
	enum err err;

	if ((err = envelope_parse(a->bytes.data, a->bytes.size_bytes, &a->envelope)) != ERR_OK)
		return err;
	entry_hash(c->crypto, a->envelope.body, &a->hash);
	if (is_held(c, a))
		return ERR_OK;
	a->peeked = entry_peek(a->envelope.body, &a->header, &a->kind);
	if (is_from_network(a) && is_known(c, a))
		return ERR_OK;
	if ((err = prove(c, a)) != ERR_OK)
		return err;
	if (a->author == c->self && is_from_network(a))
		sync_check_own(c, a->from, &a->entry.header, &a->hash);
	err = admit_proven(c, a);
	/* Somebody else signed with our key for that place: peers see both, then. */
	if (a->via == VIA_OWN && err == ERR_EQUIVOCATION)
		actions_send(&c->outbox, a->bytes, MEMBER_NONE, MEMBER_NONE);
	/*
	 * An honest author may be told so, and when it comes back with an old
	 * snapshot it must hear how far its feed went.
	 */
	if (err == ERR_STALE || err == ERR_BUDGET || err == ERR_ROUND || err == ERR_EPOCH)
		(void)keep_as_newest(c, a, true);
	/* What the notary returns was written before its round or epoch ended. */
	return a->via == VIA_OWN && (err == ERR_ROUND || err == ERR_EPOCH) ? ERR_OK : err;
}

void
admit_expired(struct core *c, struct object *o)
{
	if (o->in_tree) {
		objects_leave_tree(&c->objects, o);
		sync_evaluate(c);
		if (o->fresh_until_ms > c->now_ms &&
		    timerq_set(c->timers, &o->expiry.timer, o->fresh_until_ms) == ERR_OK)
			return;
	}
	if (o->kind == ENTRY_STATEMENT)
		ballots_forget_statement(c, o);
	o->fresh_until_ms = 0;
	objects_release(&c->objects, o, c->now_ms);
}
