/*
 *  2: nobody honest who touched nothing is convicted by a minority that the
 *     mesh promises to bear; and who is honest votes on grounds only.
 * 11: votes cannot dissolve the mesh: each voter's budget, and their sum.
 */
#include <inttypes.h>
#include <string.h>
#include "sim/invariants.h"
#include "sim/truth.h"

/* A statement counts for ten minutes by clocks that may differ by two. */
#define HEARD_WITHIN_MS (LIMIT_RELAYED_MS + 2 * 60 * 1000 + LIMIT_FRESH_MS)
/* Well within the ten minutes in which a ballot is open. */
#define OPEN_MS (LIMIT_RELAYED_MS - 3 * 60 * 1000)

static bool
same_group(const struct sim *s, member_index a, member_index b)
{
	return memcmp(s->authority->members[a].group, s->authority->members[b].group, 16) == 0;
}

size_t
truth_witnesses(const struct sim *s, size_t host, member_index subject)
{
	const struct given *g = &truth_of(s, host)->given[subject];
	size_t count = 0;

	for (size_t i = 0; i < g->heard_count; i++) {
		size_t earlier = 0;

		if (g->heard[i].born_ms + HEARD_WITHIN_MS < s->now_ms)
			continue;
		while (earlier < i &&
		       (g->heard[earlier].born_ms + HEARD_WITHIN_MS < s->now_ms ||
		           !same_group(s, g->heard[earlier].witness, g->heard[i].witness)))
			earlier++;
		count += earlier == i;
	}
	return count;
}

static bool
certificate_reached(const struct sim *s, int observed, member_index subject, uint32_t round)
{
	for (const struct record *r = ledger_about(s->ledger, subject, SHELF_CERTIFICATE);
	     r != NULL; r = r->next)
		if (r->level == LEVEL_QUARANTINE && r->round >= round &&
		    (r->reached >> observed & 1) != 0)
			return true;
	return false;
}

/*
 * Blast radius: what its ballots that are open, or led to certificates, weigh.
 * One that it wrote and did not send before it lost power may be of a round that
 * its disk does not know to have begun: then nobody ever hears of it.
 */
static void
check_budget(struct sim *s, const struct electorate *e, size_t host, member_index subject)
{
	const struct host *h = &s->hosts[host];
	uint64_t weight = 0;

	for (size_t other = 0; other < s->count; other++) {
		const struct record *r =
		    ledger_about(s->ledger, (member_index)other, SHELF_VERDICT);
		uint32_t round = truth_of(s, host)->given[other].round;
		bool certified = certificate_reached(s, h->observed, (member_index)other, round);

		for (; r != NULL; r = r->next)
			if (r->author == h->member && r->level == LEVEL_QUARANTINE &&
			    r->epoch == e->number && r->round >= round &&
			    (r->left || r->born_ms > truth_of(s, host)->booted_ms) &&
			    (certified || r->born_ms + OPEN_MS > s->now_ms))
				break;
		if (r != NULL && other != subject)
			weight += electorate_weight_of(e, (member_index)other);
	}
	if (weight > 0 && (weight + electorate_weight_of(e, subject)) * 6 > e->weight)
		violated(s, 11, "n%zu votes against n%u beyond its budget", host, subject);
}

/* Only an operator's word releases, and nobody who it knows confessed or contradicted itself. */
static void
check_release(struct sim *s, size_t host, member_index subject, uint32_t round)
{
	int observed = s->hosts[host].observed;
	const struct record *r = ledger_about(s->ledger, subject, SHELF_RELEASE);

	while (r != NULL && !(r->round == round && (r->reached >> observed & 1) != 0))
		r = r->next;
	if (r == NULL)
		violated(s, 5, "n%zu votes to release n%u, and no operator asked", host, subject);
	/* What reached it in another life, and the disk does not have, it cannot know. */
	if (truth_of(s, host)->given[subject].final)
		violated(s, 5, "n%zu votes to release n%u, who confessed or contradicted itself",
		    host, subject);
}

void
votes_draft(struct sim *s, size_t host, const struct entry *e)
{
	const struct host *h = &s->hosts[host];
	const struct electorate *now = authority_epoch(s->authority, e->header.epoch);
	member_index subject;
	size_t heard;

	if (e->kind != ENTRY_VERDICT)
		return;
	subject = authority_find_node(s->authority, &e->verdict.subject);
	if (subject == MEMBER_NONE || subject == h->member)
		violated(s, 2, "n%zu votes against itself or nobody", host);
	if (now == NULL || electorate_weight_of(now, h->member) == 0)
		violated(s, 2, "n%zu votes, but is no head", host);
	if (e->verdict.level == LEVEL_RELEASE) {
		check_release(s, host, subject, e->verdict.round);
		return;
	}
	heard = truth_witnesses(s, host, subject);
	if (heard < electorate_k(now) &&
	    !truth_touched(s, h->member, subject, LIMIT_GROUNDS_MS + 1000))
		violated(s, 2,
		    "n%zu votes against n%u on the word of %zu witnesses, saw nothing itself", host,
		    subject, heard);
	if (!h->restored && !truth_of(s, host)->jumped && truth_is_safe(s, h->member))
		check_budget(s, now, host, subject);
}

/* ---- what it comes to ------------------------------------------------------------------- */

struct liars {
	size_t groups, number;
	uint64_t weight;
};

static struct liars
count_liars(const struct sim *s, const struct electorate *e, member_index but)
{
	struct liars liars = { 0 };

	for (size_t i = 0; i < e->head_count; i++) {
		member_index m = e->heads[i];
		size_t earlier = 0;

		if (truth_is_safe(s, m) || m == but)
			continue;
		liars.number++;
		liars.weight += electorate_weight_of(e, m);
		while (earlier < i && (truth_is_safe(s, e->heads[earlier]) ||
		                          !same_group(s, e->heads[earlier], m)))
			earlier++;
		liars.groups += earlier == i;
	}
	return liars;
}

static void
check_framed(struct sim *s, const struct record *r)
{
	const struct electorate *e = authority_epoch(s->authority, r->epoch);
	bool head = electorate_weight_of(e, r->subject) > 0;
	uint64_t others_weight = e->weight - electorate_weight_of(e, r->subject);
	struct liars liars = count_liars(s, e, r->subject);

	if (!truth_is_safe(s, r->subject) || s->truth->has_touched[r->subject] ||
	    liars.groups >= electorate_k(e) || 2 * liars.number > e->head_count - head ||
	    2 * liars.weight > others_weight)
		return;
	violated(s, 2, "n%u is honest and touched nothing, and is convicted by %zu liars",
	    r->subject, liars.number);
}

/*
 * Each certificate took ballots of more than half of the others' weight, and
 * nobody honest votes beyond a sixth of the base, or one member: so the sum of
 * subject's weight x voters' weight is bounded by voters' weight x budget.
 */
static void
check_sum(struct sim *s, const struct electorate *e)
{
	struct liars liars = count_liars(s, e, MEMBER_NONE);
	uint64_t heaviest = 0, budget, spent = 0;

	for (size_t i = 0; i < e->head_count; i++) {
		uint64_t weight = electorate_weight_of(e, e->heads[i]);

		heaviest = weight > heaviest ? weight : heaviest;
	}
	budget = e->weight / 6 > heaviest ? e->weight / 6 : heaviest;
	for (size_t i = 0; i < e->head_count; i++) {
		uint64_t weight = electorate_weight_of(e, e->heads[i]);
		uint64_t needed = (e->weight - weight) / 2;

		if (e->heads[i] < s->count && s->truth->convicted_ms[e->heads[i]] != 0 &&
		    s->truth->convicted_epoch[e->heads[i]] == e->number && needed > liars.weight)
			spent += weight * (needed - liars.weight);
	}
	if (spent > (e->weight - liars.weight) * budget)
		violated(s, 11, "more is quarantined by votes than honest budgets allow");
}

void
votes_left(struct sim *s, const struct record *r)
{
	if (r->kind != ENTRY_CERTIFICATE || !r->valid)
		return;
	if (r->level == LEVEL_RELEASE) {
		s->counts.released += s->truth->convicted_ms[r->subject] != 0;
		s->truth->convicted_ms[r->subject] = 0;
		return;
	}
	if (s->truth->convicted_ms[r->subject] != 0)
		return;
	s->truth->convicted_ms[r->subject] = s->now_ms;
	s->truth->convicted_epoch[r->subject] = r->epoch;
	s->counts.convicted++;
	check_framed(s, r);
	check_sum(s, authority_epoch(s->authority, r->epoch));
}
