#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "sim/invariants.h"
#include "sim/truth.h"

void
invariants_init(struct sim *s)
{
	struct truth *t = calloc(1, sizeof(*t));
	size_t observed = s->count < OBSERVED_MAX ? s->count : OBSERVED_MAX;

	if (t == NULL || (t->has_touched = calloc(s->count, sizeof(bool))) == NULL ||
	    (t->convicted_ms = calloc(s->count, sizeof(uint64_t))) == NULL ||
	    (t->convicted_epoch = calloc(s->count, sizeof(uint64_t))) == NULL)
		abort();
	for (size_t i = 0; i < observed && !s->options.unjudged; i++)
		if ((t->observed[i].given = calloc(
		         s->authority->count + AUTHORITY_NEWCOMERS, sizeof(struct given))) == NULL)
			abort();
	s->truth = t;
}

void
invariants_free(struct sim *s)
{
	for (size_t i = 0; i < OBSERVED_MAX; i++) {
		struct given *given = s->truth->observed[i].given;

		for (size_t m = 0; given != NULL && m < s->count; m++)
			free(given[m].heard);
		free(given);
	}
	free(s->truth->touched);
	free(s->truth->has_touched);
	free(s->truth->convicted_ms);
	free(s->truth->convicted_epoch);
	free(s->truth);
}

static struct verdict_of_run *report;

void
invariants_report_to(struct verdict_of_run *r)
{
	report = r;
}

void
violated(const struct sim *s, unsigned invariant, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "invariant %u violated at step %" PRIu64 ", %" PRIu64 " ms: ", invariant,
	    s->steps, s->now_ms);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\nreplay: ", stderr);
	options_print_command(&s->options, stderr);
	if (s->trace.file != NULL)
		fflush(s->trace.file);
	if (report != NULL)
		*report = (struct verdict_of_run){ invariant, s->steps };
	_Exit(1);
}

/* ---- truth --------------------------------------------------------------------------- */

bool
truth_is_gone(const struct sim *s, size_t host, member_index m)
{
	const struct roster *known = s->hosts[host].known;
	const struct epoch *before = roster_epoch(known, truth_epoch(s, host) - 1);

	return !epoch_has(roster_current(known), m) && (before == NULL || !epoch_has(before, m));
}

bool
truth_understands(const struct sim *s, size_t host, const struct record *r)
{
	const struct roster *roster = s->hosts[host].known;

	return r->header.epoch <= truth_epoch(s, host) && r->epoch <= truth_epoch(s, host) &&
	       r->author < roster_count(roster) &&
	       r->header.incarnation <= roster_member(roster, r->author)->incarnation &&
	       (r->subject == MEMBER_NONE || r->subject < roster_count(roster));
}

bool
truth_has_adversary(const struct sim *s, enum adversary adversary)
{
	return s->options.byzantine > 0 && (s->options.adversaries >> adversary & 1) != 0;
}

bool
truth_has_fault(const struct sim *s, enum fault fault)
{
	return (s->options.faults >> fault & 1) != 0;
}

bool
truth_touched(const struct sim *s, member_index witness, member_index source, uint64_t within_ms)
{
	for (size_t i = s->truth->touched_count; i > 0; i--) {
		const struct touched *t = &s->truth->touched[i - 1];

		if (t->at_ms + within_ms < s->now_ms)
			return false;
		if (t->witness == witness && t->source == source)
			return true;
	}
	return false;
}

void
truth_suspect(struct sim *s, size_t host, member_index m)
{
	struct witnessed *w = truth_of(s, host);

	if (m >= s->count || w->suspect_count == SUSPECTS_MAX ||
	    (w->suspect_count > 0 && w->suspects[w->suspect_count - 1] == m))
		return;
	w->suspects[w->suspect_count++] = m;
}

void
truth_released(struct given *g, const struct record *r)
{
	if (r->level != LEVEL_RELEASE || r->round < g->round)
		return;
	g->round = r->round + 1;
	g->reasons = 0;
	g->held &= REASONS_FINAL;
	g->due_ms = UINT64_MAX;
}

/* Of an author that contradicts itself nothing is taken before a Proof is there. */
bool
truth_may_take(const struct sim *s, size_t host, const struct record *r)
{
	return r->author >= s->count ||
	       (truth_is_safe(s, r->author) && !s->hosts[r->author].restored) ||
	       !truth_contradicted(s, s->hosts[host].observed, r->author);
}

void
truth_reached(struct sim *s, size_t host, struct record *r)
{
	uint64_t bit = 1ULL << s->hosts[host].observed;
	struct given *g;
	size_t i = 0;

	r->reached |= bit;
	if (truth_understands(s, host, r))
		r->understood |= bit;
	if (!r->valid || r->subject == MEMBER_NONE)
		return;
	truth_suspect(s, host, r->subject);
	g = &truth_of(s, host)->given[r->subject];
	/* Known before, but a disk may have gone back in time since; of an epoch that the
	 * host has not heard of it is nothing yet. */
	if (r->kind == ENTRY_CERTIFICATE && truth_understands(s, host, r) &&
	    truth_may_take(s, host, r))
		truth_released(g, r);
	/* Again, and now of an epoch that has begun since, perhaps. */
	if (r->kind != ENTRY_STATEMENT)
		return;
	while (i < g->heard_count && g->heard[i].witness != r->author)
		i++;
	if (i == g->heard_count) {
		g->heard = reallocarray(g->heard, ++g->heard_count, sizeof(*g->heard));
		if (g->heard == NULL)
			abort();
		g->heard[i] = (struct heard){ .witness = r->author };
	}
	if (g->heard[i].born_ms < r->born_ms)
		g->heard[i].born_ms = r->born_ms;
}

void
invariants_touched(struct sim *s, size_t host, member_index source)
{
	struct truth *t = s->truth;

	if (t->touched_count == t->touched_room) {
		t->touched_room = t->touched_room == 0 ? 32 : t->touched_room * 2;
		t->touched = reallocarray(t->touched, t->touched_room, sizeof(*t->touched));
		if (t->touched == NULL)
			abort();
	}
	t->touched[t->touched_count++] =
	    (struct touched){ s->hosts[host].member, source, s->now_ms };
	t->has_touched[source] = true;
	if (s->hosts[host].observed >= 0)
		truth_of(s, host)->given[source].cut_ms = s->now_ms + LIMIT_LOCAL_CUT_MS;
}

/* ---- what the world tells -------------------------------------------------------------- */

static bool
is_judged(const struct sim *s, size_t host)
{
	return s->hosts[host].observed >= 0 && !s->hosts[host].liar;
}

void
invariants_draft(struct sim *s, size_t host, struct span body)
{
	struct entry e;

	if (!is_judged(s, host))
		return;
	if (entry_decode(body, &e) != ERR_OK)
		violated(s, 10, "n%zu asks its notary for what is no entry", host);
	feed_draft(s, host, &e);
	votes_draft(s, host, &e);
	admission_draft(s, host, &e);
}

void
invariants_signed(struct sim *s, size_t host, struct span envelope)
{
	struct record *r = ledger_enter(s->ledger, envelope, s->now_ms);

	if (r == NULL)
		violated(s, 10, "the notary of n%zu signed what is no entry", host);
	if (s->hosts[host].observed >= 0)
		truth_reached(s, host, r);
	if (is_judged(s, host))
		admission_own(s, host, r);
}

void
invariants_submitted(struct sim *s, size_t host, struct span envelope)
{
	struct record *r = ledger_enter(s->ledger, envelope, s->now_ms);

	if (r != NULL && s->hosts[host].observed >= 0)
		truth_reached(s, host, r);
	s->hosts[host].dirty = true;
}

void
invariants_left(struct sim *s, const struct record *r)
{
	s->counts.entries[ledger_shelf(r->kind)]++;
	if (!r->signed_well || s->options.unjudged)
		return;
	feed_left(s, r);
	votes_left(s, r);
}

void
invariants_delivered(struct sim *s, size_t host, size_t from, const struct payload *p)
{
	struct host *h = &s->hosts[host];

	if (is_judged(s, host) && h->core != NULL)
		admission_delivered(s, host, from, p);
	if (p->record_count == 0)
		return;
	h->dirty = true;
	for (size_t i = 0; i < p->record_count; i++)
		if (ledger_left(s->ledger, p->records[i]))
			invariants_left(s, p->records[i]);
	if (h->observed < 0 || h->core == NULL)
		return;
	for (size_t i = 0; i < p->record_count; i++)
		truth_reached(s, host, p->records[i]);
	isolation_delivered(s, host, p);
	if (is_judged(s, host))
		fork_delivered(s, host, p);
}

void
invariants_enforced(struct sim *s, size_t host, const struct core_action *a)
{
	if (s->hosts[host].observed >= 0)
		truth_suspect(s, host, a->enforce.subject);
	if (is_judged(s, host))
		admission_enforced(s, host, a);
}

void
invariants_kept(struct sim *s, size_t host, const struct core_action *a)
{
	if (is_judged(s, host) && !s->hosts[host].starting)
		admission_kept(s, host, a->keep.bytes, a->keep.standing);
}

void
invariants_notice(struct sim *s, size_t host, const struct core_action *a)
{
	if (is_judged(s, host))
		admission_notice(s, host, a);
	if (s->hosts[host].observed >= 0)
		truth_suspect(s, host, a->notice.subject);
	if (s->hosts[host].observed >= 0 && a->notice.notice == NOTICE_FIRST_SYNC) {
		truth_of(s, host)->synced = true;
		feed_synced(s, host);
		if (a->notice.error != ERR_OK)
			truth_of(s, host)->ever_alarmed = true;
	}
}

void
invariants_step(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];

	if (!is_judged(s, host)) {
		h->dirty = false;
		return;
	}
	if (host_unix_ms(s, h) + LIMIT_CLOCK_SKEW_MS < AUTHORITY_TIME_MS + s->now_ms ||
	    host_unix_ms(s, h) > AUTHORITY_TIME_MS + s->now_ms + LIMIT_CLOCK_SKEW_MS)
		truth_of(s, host)->jumped = true;
	isolation_step(s, host);
	fork_step(s, host);
	admission_step(s, host);
	if (h->dirty)
		bounds_step(s, host);
	h->dirty = false;
}

void
invariants_booted(struct sim *s, size_t host)
{
	struct host *h = &s->hosts[host];

	h->dirty = true;
	if (h->observed < 0)
		return;
	truth_of(s, host)->synced = false;
	truth_of(s, host)->boots++;
	truth_of(s, host)->booted_ms = s->now_ms;
	isolation_booted(s, host);
	admission_booted(s, host);
	fork_booted(s, host);
}

void
invariants_crashed(struct sim *s, size_t host, bool power)
{
	(void)power;
	if (s->hosts[host].observed >= 0)
		truth_of(s, host)->synced = false;
}

void
invariants_healed(struct sim *s)
{
	healing_check(s);
}
