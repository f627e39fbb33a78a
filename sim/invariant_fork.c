/*
 * 10, the second half: who contradicts itself is convicted by a Proof, at
 * every honest host that holds both entries, within a second; and by 7 at all
 * others, once they can talk.
 */
#include "sim/invariants.h"
#include "sim/truth.h"

#define PROOF_WITHIN_MS 1000

/* Its own newest entry of this author, and one that was just brought, contradict. */
static bool
holds_both(const struct sim *s, size_t host, const struct record *brought)
{
	uint64_t bit = 1ULL << s->hosts[host].observed;
	struct core_member_view v;

	core_view_member(s->hosts[host].core, brought->author, &v);
	if (v.proven || v.feed_sequence == 0)
		return false;
	for (const struct record *r = ledger_by(s->ledger, brought->author); r != NULL;
	     r = r->next_by_author)
		if ((r->kept & bit) != 0 && r->header.sequence == v.feed_sequence &&
		    ledger_contradict(r, brought))
			return true;
	return false;
}

/* What says nothing new is not looked at; nor is what a link brings beyond its budget of checks. */
static bool
is_looked_at(const struct sim *s, size_t host, const struct record *r)
{
	return r->valid && r->author < s->count && r->author != s->hosts[host].member &&
	       !truth_is_safe(s, r->author) && r->kind != ENTRY_CERTIFICATE &&
	       r->kind != ENTRY_PROOF && truth_understands(s, host, r) &&
	       !truth_has_adversary(s, ADVERSARY_FLOOD) &&
	       !truth_has_adversary(s, ADVERSARY_STUFF) &&
	       !truth_has_adversary(s, ADVERSARY_MALFORMED);
}

/*
 * What came before it in one message was a later entry of the same author: then
 * the newest is another, and what was held for being the newest is gone.
 */
static bool
is_overtaken(const struct payload *p, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (p->records[i]->author == p->records[at]->author)
			return true;
	return false;
}

void
fork_delivered(struct sim *s, size_t host, const struct payload *p)
{
	struct given *g;

	for (size_t i = 0; i < p->record_count; i++) {
		if (!is_looked_at(s, host, p->records[i]) || is_overtaken(p, i) ||
		    !holds_both(s, host, p->records[i]))
			continue;
		g = &truth_of(s, host)->given[p->records[i]->author];
		if (g->proof_ms == UINT64_MAX)
			g->proof_ms = s->now_ms + PROOF_WITHIN_MS;
	}
}

/* Nothing keeps it from writing the Proof, now. */
static bool
may_write(const struct sim *s, size_t host)
{
	const struct host *h = &s->hosts[host];
	struct core_view view;

	core_view(h->core, &view);
	return view.synced && !view.lost_state && !view.clock_off && view.locked == STRENGTH_NONE &&
	       h->lock == STRENGTH_NONE && !h->disk.full &&
	       truth_of(s, host)->stepped_ms + 300 > s->now_ms;
}

void
fork_step(struct sim *s, size_t host)
{
	struct witnessed *w = truth_of(s, host);
	struct core_member_view v;

	if (s->hosts[host].core == NULL)
		return;
	for (size_t i = 0; i < s->count; i++) {
		if (w->given[i].proof_ms == UINT64_MAX)
			continue;
		core_view_member(s->hosts[host].core, (member_index)i, &v);
		if (v.proven || s->authority->members[i].left)
			w->given[i].proof_ms = UINT64_MAX;
		else if (!may_write(s, host))
			w->given[i].proof_ms = s->now_ms + PROOF_WITHIN_MS;
		else if (w->given[i].proof_ms <= s->now_ms)
			violated(s, 10,
			    "n%zu holds for a second what convicts n%zu, and there is no Proof",
			    host, i);
	}
}

void
fork_booted(struct sim *s, size_t host)
{
	for (size_t i = 0; i < s->count; i++)
		truth_of(s, host)->given[i].proof_ms = UINT64_MAX;
}
