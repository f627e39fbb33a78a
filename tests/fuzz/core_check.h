/*
 * core_check: what holds after every step, whatever the step was.
 */
#ifndef FUZZ_CORE_CHECK_H
#define FUZZ_CORE_CHECK_H
#include "core/certificate.h"
#include "core/proof.h"
#include "tests/fuzz/core_world.h"

static inline bool
is_member(member_index m)
{
	return m < MEMBERS;
}

/* Sanitizers see a span that points nowhere. */
static inline void
touch_bytes(struct span s)
{
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < s.size_bytes; i++)
		sum = (uint8_t)(sum + s.data[i]);
}

static inline void
check_envelope(struct span bytes, bool feed_entry)
{
	static struct entry e;
	struct envelope envelope;
	member_index author;

	PROMISE(envelope_parse(bytes.data, bytes.size_bytes, &envelope) == ERR_OK);
	if (envelope.is_signed || feed_entry) {
		PROMISE(entry_verify(&crypto_keyed, roster, &envelope, &e, &author) == ERR_OK);
		return;
	}
	PROMISE(entry_decode(envelope.body, &e) == ERR_OK && entry_is_link_message(e.kind));
}

static inline void
check_draft(struct world *w, const struct core_action *a, const struct core_view *view)
{
	static struct entry e;
	member_index subject;
	size_t checked;

	PROMISE(entry_decode(a->append.body, &e) == ERR_OK && e.header.sequence == 0);
	PROMISE(!view->lost_state || w->draft_count > 0);
	PROMISE(e.kind == ENTRY_SELF_REPORT || view->synced);
	switch (e.kind) {
	case ENTRY_STATEMENT:
		subject = roster_find_id(roster, &e.statement.subject);
		PROMISE(is_member(subject) && w->touched[subject]);
		break;
	case ENTRY_VERDICT:
		subject = roster_find_id(roster, &e.verdict.subject);
		PROMISE(is_member(subject) && subject != w->config.self);
		break;
	case ENTRY_CERTIFICATE:
		PROMISE(certificate_verify(&crypto_keyed, roster, &e.certificate, &checked) ==
		        ERR_OK);
		break;
	case ENTRY_SELF_REPORT:
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
		break;
	case ENTRY_PROOF:
		PROMISE(proof_check(&crypto_keyed, roster, &e.proof, &checked, &subject) == ERR_OK);
		break;
	case ENTRY_RELEASE:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		PROMISE(false);
	}
}

/* Two entries at least were signed in its name; whether they contradict, proof_check() says. */
static inline bool
is_proven(const struct world *w, member_index m)
{
	struct core_member_view v;

	core_view_member(w->core, m, &v);
	return v.proven && w->signed_by[m] >= 2;
}

static inline bool
is_restricted(const struct world *w, member_index m)
{
	struct core_member_view v;

	core_view_member(w->core, m, &v);
	return v.restricted && v.statements >= 2;
}

static inline void
check_enforce(const struct world *w, const struct core_action *a, const struct core_view *view)
{
	member_index subject = a->enforce.subject;

	PROMISE(a->enforce.strength <= STRENGTH_SEVER);
	if (subject == MEMBER_NONE) {
		PROMISE(a->enforce.expires_ms <= LIMIT_INDICATOR_S * UINT64_C(1000));
		PROMISE(a->enforce.address.family == 4 || a->enforce.address.family == 6);
		return;
	}
	PROMISE(is_member(subject) && subject != w->config.self);
	PROMISE(a->enforce.expires_ms <= LIMIT_LOCAL_CUT_MS);
	PROMISE(a->enforce.strength != STRENGTH_NONE || view->synced);
	if (a->enforce.strength == STRENGTH_SEVER)
		PROMISE(w->confessed[subject] || has_quorum(w, subject) || is_proven(w, subject));
	if (a->enforce.strength == STRENGTH_CUT)
		PROMISE(w->reported[subject] || has_quorum(w, subject) || w->touched[subject] ||
		        is_proven(w, subject) || is_restricted(w, subject));
}

static inline void
check_notice(const struct core_action *a)
{
	PROMISE(a->notice.subject == MEMBER_NONE || is_member(a->notice.subject));
	PROMISE(a->notice.peer == MEMBER_NONE || is_member(a->notice.peer));
	PROMISE(a->notice.error < ERR_COUNT && a->notice.votes < MEMBERS);
	PROMISE(a->notice.notice >= NOTICE_TOUCH && a->notice.notice <= NOTICE_ROSTER_FORK);
	touch_bytes(a->notice.object);
}

static inline void
check_action(struct world *w, const struct core_action *a, const struct core_view *view)
{
	switch (a->what) {
	case CORE_DO_ENFORCE:
		check_enforce(w, a, view);
		return;
	case CORE_DO_LOCK:
		PROMISE(a->lock.strength <= STRENGTH_SEVER && a->lock.strength != STRENGTH_HOLD);
		if (a->lock.strength == STRENGTH_SEVER)
			PROMISE(w->confessed[w->config.self] || has_quorum(w, w->config.self) ||
			        is_proven(w, w->config.self));
		if (a->lock.strength == STRENGTH_CUT)
			PROMISE(w->reported[w->config.self] || w->wants_confession);
		return;
	case CORE_DO_APPEND:
		check_draft(w, a, view);
		return;
	case CORE_DO_SEND:
		PROMISE(a->send.to == MEMBER_NONE ||
		        (is_member(a->send.to) && a->send.to != w->config.self));
		PROMISE(a->send.except == MEMBER_NONE || is_member(a->send.except));
		check_envelope(a->send.bytes, false);
		return;
	case CORE_DO_KEEP:
		PROMISE(is_member(a->keep.author));
		check_envelope(a->keep.bytes, true);
		return;
	case CORE_DO_FLUSH:
		return;
	case CORE_DO_ROSTER:
		PROMISE(is_member(a->roster.from) && a->roster.records.size_bytes > 0);
		return;
	case CORE_DO_CLOSE:
		PROMISE(is_member(a->close.peer) && a->close.peer != w->config.self);
		return;
	case CORE_DO_PUBLISH:
		check_envelope(a->publish.bytes, true);
		return;
	case CORE_DO_NOTICE:
		check_notice(a);
		return;
	}
	PROMISE(false);
}

static inline void
check_members(struct world *w, const struct core_view *view)
{
	for (member_index m = 0; m < MEMBERS; m++) {
		struct core_member_view v;
		bool condemned;

		core_view_member(w->core, m, &v);
		condemned = v.certified || v.confessed || v.proven;
		PROMISE(!v.proven || w->signed_by[m] >= 2);
		PROMISE(!v.precaution_stands || w->reported[m]);
		PROMISE(!v.confessed || w->confessed[m]);
		PROMISE(!v.certified || has_quorum(w, m));
		PROMISE(v.status != STATUS_QUARANTINED || v.precaution_stands || condemned ||
		        has_quorum(w, m));
		PROMISE(v.votes <= votes_against(w, m) && v.statements < MEMBERS && v.round == 0);
		PROMISE(condemned || !w->condemned[m]); /* monotone */
		w->condemned[m] = condemned;
		if (!w->started || m == w->config.self)
			continue;
		PROMISE(view->synced || v.strength >= STRENGTH_HOLD);
		PROMISE(v.status != STATUS_QUARANTINED || v.strength >= STRENGTH_CUT);
	}
}

static inline void
core_check(struct world *w)
{
	struct core_view view;

	core_view(w->core, &view);
	PROMISE(w->actions.count <= LIMIT_CORE_ACTIONS);
	PROMISE(view.objects <= w->signed_count + w->disk_count);
	PROMISE(view.local_cuts <= LIMIT_LOCAL_CUTS);
	/* Of one message: its items, each with at most a certificate of all others. */
	PROMISE(view.checks - w->checks <= LIMIT_SYNC_ITEMS * (1 + MEMBERS));
	w->checks = view.checks;
	for (size_t i = 0; i < w->actions.count; i++)
		check_action(w, &w->actions.list[i], &view);
	check_members(w, &view);
}

#endif
