/*
 * 1: who is held quarantined, is so for a reason that reached this host.
 * 5: it lasts: as long as it runs, and across crashes what is on disk.
 * 6: who accepted the reason, cuts.
 * 8: no data plane before first sync.
 */
#include "sim/invariants.h"
#include <string.h>
#include "sim/truth.h"

#define CUT_WITHIN_MS 50
#define MANY          16 /* entries in one message: more may wait for another */

static bool
has(const struct record *r, int observed)
{
	return (r->reached >> observed & 1) != 0;
}

/* ---- reasons ------------------------------------------------------------------------- */

static bool
ballots_reached(const struct sim *s, int observed, member_index subject, uint32_t round)
{
	const struct record *list = ledger_about(s->ledger, subject, SHELF_VERDICT);

	for (const struct record *r = list; r != NULL; r = r->next) {
		const struct electorate *e = authority_epoch(s->authority, r->epoch);
		bool counted[LIMIT_CERTIFICATE_SIGNERS] = { false };
		size_t voters = 0;
		uint64_t weight = 0;

		if (!has(r, observed) || r->level != LEVEL_QUARANTINE || r->round < round)
			continue;
		for (const struct record *o = list; o != NULL; o = o->next) {
			if (!has(o, observed) || o->level != r->level || o->epoch != r->epoch ||
			    o->round != r->round || o->window != r->window ||
			    o->author >= LIMIT_CERTIFICATE_SIGNERS || counted[o->author])
				continue;
			counted[o->author] = true;
			voters++;
			weight += electorate_weight_of(e, o->author);
		}
		if (electorate_is_quorum(e, subject, voters, weight))
			return true;
	}
	return false;
}

bool
truth_contradicted(const struct sim *s, int observed, member_index subject)
{
	for (const struct record *a = ledger_by(s->ledger, subject); a != NULL;
	     a = a->next_by_author)
		for (const struct record *b = a->next_by_author; b != NULL && has(a, observed);
		     b = b->next_by_author)
			if (has(b, observed) && ledger_contradict(a, b))
				return true;
	return false;
}

/* All that was ever brought to this host; remembered. */
static uint8_t
reasons(const struct sim *s, size_t host, member_index subject)
{
	int observed = s->hosts[host].observed;
	struct given *g = &truth_of(s, host)->given[subject];
	const struct record *r;

	for (r = ledger_about(s->ledger, subject, SHELF_SELF_REPORT); r != NULL; r = r->next)
		if (has(r, observed) &&
		    (r->round >= g->round || r->report == SELF_REPORT_CONFESSION))
			g->reasons |= r->report == SELF_REPORT_CONFESSION ? REASON_CONFESSION
			                                                  : REASON_PRECAUTION;
	for (r = ledger_about(s->ledger, subject, SHELF_CERTIFICATE); r != NULL; r = r->next)
		if (has(r, observed) && r->level == LEVEL_QUARANTINE && r->round >= g->round)
			g->reasons |= REASON_CERTIFICATE;
	for (r = ledger_about(s->ledger, subject, SHELF_PROOF); r != NULL; r = r->next)
		if (has(r, observed))
			g->reasons |= REASON_PROOF;
	if ((g->reasons & (REASON_CERTIFICATE | REASON_BALLOTS)) == 0 &&
	    ballots_reached(s, observed, subject, g->round))
		g->reasons |= REASON_BALLOTS;
	/* Last, for it takes longest: did it sign two entries that contradict? */
	if (g->reasons == 0 && !truth_is_safe(s, subject) &&
	    truth_contradicted(s, observed, subject))
		g->reasons |= REASON_PROOF;
	return g->reasons;
}

void
isolation_delivered(struct sim *s, size_t host, const struct payload *p)
{
	const struct host *h = &s->hosts[host];

	if (h->liar || p->record_count > MANY || truth_has_adversary(s, ADVERSARY_FLOOD) ||
	    truth_has_adversary(s, ADVERSARY_STUFF))
		return;
	for (size_t i = 0; i < p->record_count; i++) {
		const struct record *r = p->records[i];
		struct given *g;

		if (!r->valid || !truth_understands(s, host, r) || r->subject == h->member ||
		    !truth_is_safe(s, r->author) || !truth_may_take(s, host, r) ||
		    !(r->kind == ENTRY_CERTIFICATE
		            ? r->level == LEVEL_QUARANTINE
		            : r->kind == ENTRY_SELF_REPORT && r->report == SELF_REPORT_CONFESSION))
			continue;
		g = &truth_of(s, host)->given[r->subject];
		if (r->round < g->round && r->kind == ENTRY_CERTIFICATE)
			continue;
		if (g->due_ms > s->now_ms + CUT_WITHIN_MS)
			g->due_ms = s->now_ms + CUT_WITHIN_MS;
		if (truth_of(s, host)->due_ms > g->due_ms)
			truth_of(s, host)->due_ms = g->due_ms;
	}
}

/* ---- precautions that stand ------------------------------------------------------------ */

static bool
precedes(const struct record *a, const struct record *b)
{
	uint64_t left = a->header.time_ms / 1000, right = b->header.time_ms / 1000;

	return left != right ? left < right
	                     : memcmp(a->hash.bytes, b->hash.bytes, sizeof(a->hash.bytes)) < 0;
}

/* Does it stand even if all that reached this host counts? */
static bool
stands(const struct sim *s, size_t host, const struct record *p)
{
	size_t heads = authority_epoch(s->authority, truth_epoch(s, host))->head_count;
	int observed = s->hosts[host].observed;
	size_t limit = heads / 3 > 0 ? heads / 3 : 1, before = 0;

	for (size_t m = 0; m < s->count; m++) {
		const struct record *r =
		    ledger_about(s->ledger, (member_index)m, SHELF_SELF_REPORT);

		if (m == p->subject)
			continue;
		while (r != NULL && !(has(r, observed) && r->report == SELF_REPORT_PRECAUTION &&
		                        precedes(r, p) &&
		                        r->header.time_ms / 1000 + LIMIT_PRECAUTION_MS / 1000 >=
		                            p->header.time_ms / 1000))
			r = r->next;
		before += r != NULL;
	}
	return before < limit;
}

static bool
has_standing_precaution(const struct sim *s, size_t host, member_index subject, uint32_t round)
{
	int observed = s->hosts[host].observed;

	for (const struct record *r = ledger_about(s->ledger, subject, SHELF_SELF_REPORT);
	     r != NULL; r = r->next)
		if ((r->kept >> observed & 1) != 0 && r->report == SELF_REPORT_PRECAUTION &&
		    r->round >= round && stands(s, host, r))
			return true;
	return false;
}

/* ---- a step --------------------------------------------------------------------------------- */

/* A RELEASE that it may have refused, for its author's sake, was taken after all. */
static bool
was_released(const struct sim *s, size_t host, member_index subject, struct given *g)
{
	const struct record *r = ledger_about(s->ledger, subject, SHELF_CERTIFICATE);

	while (r != NULL && !(has(r, s->hosts[host].observed) && r->valid &&
	                        r->level == LEVEL_RELEASE && r->round >= g->round))
		r = r->next;
	if (r == NULL)
		return false;
	truth_released(g, r);
	return (g->held & REASONS_FINAL) == 0;
}

/* 5. */
static void
check_lasts(struct sim *s, size_t host, member_index subject, bool quarantined)
{
	struct given *g = &truth_of(s, host)->given[subject];

	if (quarantined) {
		g->held |= g->reasons & REASON_PRECAUTION;
		return;
	}
	/* Stood down, it may stand again: nothing released it. */
	if (g->held == REASON_PRECAUTION && !has_standing_precaution(s, host, subject, g->round))
		g->held = 0;
	if (g->held == 0 || was_released(s, host, subject, g))
		return;
	if ((g->held & REASONS_CONDEMN) != 0)
		violated(s, 5, "n%zu let n%u go", host, subject);
	if ((g->held & REASON_PRECAUTION) != 0 && truth_is_safe(s, subject) &&
	    has_standing_precaution(s, host, subject, g->round))
		violated(s, 5, "n%zu let n%u go, whose precaution stands", host, subject);
	g->held = 0;
}

/*
 * L1 lasts ten minutes: an epoch that wants more witnesses ends none, nor one
 * that waits because others fill the cap, be it from its beginning or later.
 */
static size_t
least_k(const struct sim *s, size_t host, member_index subject)
{
	struct given *g = &truth_of(s, host)->given[subject];
	size_t k = electorate_k(authority_epoch(s->authority, truth_epoch(s, host)));
	bool began = g->restrict_ms != 0 && s->now_ms < g->restrict_ms + LIMIT_RESTRICT_MS;

	if (g->least_k != 0 && g->least_k < k)
		k = g->least_k;
	began = began || s->hosts[host].kernel[subject] >= STRENGTH_CUT ||
	        truth_witnesses(s, host, subject) >= k;
	return g->least_k = began ? k : 0;
}

/* k independent witnesses' statements, fresh by the host's own clock. */
static bool
may_restrict(const struct sim *s, size_t host, member_index subject, size_t k)
{
	return truth_witnesses(s, host, subject) >= k ||
	       (truth_of(s, host)->jumped && truth_of(s, host)->given[subject].heard_count >= k);
}

static void
check_subject(struct sim *s, size_t host, member_index subject, bool synced)
{
	const struct host *h = &s->hosts[host];
	struct given *g = &truth_of(s, host)->given[subject];
	struct core_member_view v;
	size_t k = least_k(s, host, subject);
	bool quarantined;

	/* What was said of it leaves with it, and it has no links. */
	if (s->authority->members[subject].left)
		return;
	core_view_member(h->core, subject, &v);
	quarantined = v.status == STATUS_QUARANTINED;
	if (quarantined && g->reasons == 0 && reasons(s, host, subject) == 0)
		violated(s, 1, "n%zu holds n%u quarantined without a reason", host, subject);
	if (h->kernel[subject] >= STRENGTH_CUT && g->reasons == 0 && g->cut_ms < s->now_ms &&
	    !may_restrict(s, host, subject, k) && reasons(s, host, subject) == 0)
		violated(s, 1, "n%zu cuts n%u without a reason", host, subject);
	if (h->kernel[subject] == STRENGTH_SEVER && (g->reasons & REASONS_CONDEMN) == 0 &&
	    (reasons(s, host, subject) & REASONS_CONDEMN) == 0)
		violated(s, 1, "n%zu severs n%u, who is not condemned", host, subject);
	if (quarantined && h->kernel[subject] < STRENGTH_CUT)
		violated(s, 6, "n%zu holds n%u quarantined, but data passes", host, subject);
	check_lasts(s, host, subject, quarantined);
	/* A large mesh takes several steps of the same millisecond to hold. */
	if (!synced && h->kernel[subject] < STRENGTH_HOLD &&
	    s->now_ms > truth_of(s, host)->booted_ms)
		violated(s, 8, "data passes between n%zu and n%u before first sync", host, subject);
}

static void
check_due(struct sim *s, size_t host)
{
	struct witnessed *w = truth_of(s, host);
	uint64_t next_ms = UINT64_MAX;

	for (size_t i = 0; i < s->count; i++) {
		if (w->given[i].due_ms > s->now_ms) {
			next_ms = w->given[i].due_ms < next_ms ? w->given[i].due_ms : next_ms;
			continue;
		}
		if (s->hosts[host].kernel[i] < STRENGTH_CUT && !s->authority->members[i].left)
			violated(
			    s, 6, "n%zu was told to cut n%zu 50 ms ago, and data passes", host, i);
		w->given[i].due_ms = UINT64_MAX;
	}
	w->due_ms = next_ms;
}

void
isolation_step(struct sim *s, size_t host)
{
	const struct host *h = &s->hosts[host];
	struct witnessed *w = truth_of(s, host);
	struct core_view view;

	if (h->core == NULL)
		return;
	if (w->due_ms <= s->now_ms)
		check_due(s, host);
	if (!h->dirty)
		return;
	core_view(h->core, &view);
	if (s->count <= SUSPECTS_MAX || w->suspect_count == SUSPECTS_MAX ||
	    w->swept_ms + SWEEP_MS <= s->now_ms) {
		for (size_t i = 0; i < s->count; i++)
			if (i != h->member)
				check_subject(s, host, (member_index)i, view.synced);
		w->swept_ms = s->now_ms;
	} else {
		for (size_t i = 0; i < w->suspect_count; i++)
			if (w->suspects[i] != h->member)
				check_subject(s, host, w->suspects[i], view.synced);
	}
	w->suspect_count = 0;
}

static struct record *
line_record(struct sim *s, const struct host *h, size_t line)
{
	const struct payload *p = h->disk.lines[line].bytes;

	return ledger_enter(s->ledger, (struct span){ p->bytes, p->size_bytes }, s->now_ms);
}

/* What is on its disk is in force before the network opens. */
void
isolation_booted(struct sim *s, size_t host)
{
	const struct host *h = &s->hosts[host];
	struct witnessed *w = truth_of(s, host);

	w->due_ms = UINT64_MAX;
	w->swept_ms = 0;
	for (size_t i = 0; i < s->count; i++) {
		w->given[i].held = 0;
		w->given[i].condemned_round = 0;
		w->given[i].round = w->given[i].over = 0;
		w->given[i].due_ms = UINT64_MAX;
		w->given[i].cut_ms = 0;
	}
	for (size_t i = 0; i < h->disk.count; i++) {
		struct record *r = line_record(s, h, i);

		truth_reached(s, host, r);
		if (!r->valid || r->kind != ENTRY_CERTIFICATE || r->level != LEVEL_RELEASE)
			continue;
		truth_released(&w->given[r->subject], r);
		w->given[r->subject].over = w->given[r->subject].round;
	}
	for (size_t i = 0; i < h->disk.count; i++) {
		const struct record *r = line_record(s, h, i);
		struct given *g;

		if (!r->valid || r->subject == h->member || r->subject == MEMBER_NONE)
			continue;
		g = &w->given[r->subject];
		if (r->kind == ENTRY_CERTIFICATE && r->level == LEVEL_QUARANTINE &&
		    r->round >= g->round)
			g->held |= REASON_CERTIFICATE;
		if (r->kind == ENTRY_PROOF)
			g->held |= REASON_PROOF;
		if (r->kind == ENTRY_SELF_REPORT && r->report == SELF_REPORT_CONFESSION)
			g->held |= REASON_CONFESSION;
		else if (r->kind == ENTRY_SELF_REPORT && r->round >= g->round)
			g->held |= REASON_PRECAUTION;
	}
}
