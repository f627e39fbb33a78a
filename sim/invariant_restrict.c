/*
 * 1, of L1: who is restricted, is so on the word of k independent witnesses
 * within a minute, each of whom accuses nobody else.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/invariants.h"
#include "sim/truth.h"

/* Clocks that are taken for right differ by less, and an expiry takes a step. */
#define SLACK_MS   (60 * 1000)
#define VOICES_MAX 4096 /* of a flood more: then nobody judges */

struct voice {
	uint64_t time_ms;
	size_t group;
};

static bool
is_before(const struct record *a, const struct record *b)
{
	return a->header.incarnation != b->header.incarnation
	           ? a->header.incarnation < b->header.incarnation
	           : a->header.sequence < b->header.sequence;
}

static bool
is_fresh(const struct sim *s, size_t host, const struct record *r, uint64_t for_ms)
{
	return r->header.time_ms + for_ms > host_unix_ms(s, &s->hosts[host]);
}

/*
 * Its oldest fresh accusation is about somebody else: the host holds one that
 * surely is, and nothing older about this subject that may be.  Of two bodies
 * in one place it may have taken either.
 */
static bool
accuses_another(const struct sim *s, size_t host, member_index witness, member_index subject)
{
	int observed = s->hosts[host].observed;
	const struct record *list = ledger_by(s->ledger, witness), *other = NULL;

	if (truth_contradicted(s, observed, witness))
		return false;
	for (const struct record *r = list; r != NULL; r = r->next_by_author)
		if (r->kind == ENTRY_STATEMENT && r->valid && (r->kept >> observed & 1) != 0 &&
		    r->subject != subject && (other == NULL || is_before(r, other)) &&
		    r->round >= truth_of(s, host)->given[r->subject].over &&
		    is_fresh(s, host, r, LIMIT_RELAYED_MS - SLACK_MS))
			other = r;
	for (const struct record *r = list; r != NULL && other != NULL; r = r->next_by_author)
		if (r->kind == ENTRY_STATEMENT && r->subject == subject &&
		    (r->reached >> observed & 1) != 0 && is_before(r, other) &&
		    is_fresh(s, host, r, LIMIT_RELAYED_MS + SLACK_MS))
			other = NULL;
	return other != NULL;
}

/* The number of the first of its enrolment group. */
static size_t
group_of(const struct sim *s, member_index m)
{
	size_t first = 0;

	while (memcmp(s->authority->members[first].group, s->authority->members[m].group, 16) != 0)
		first++;
	return first;
}

static int
by_time(const void *left, const void *right)
{
	const struct voice *a = left, *b = right;

	return a->time_ms == b->time_ms ? 0 : a->time_ms < b->time_ms ? -1 : 1;
}

/* SIZE_MAX: too many to judge. */
static size_t
gather(const struct sim *s, size_t host, member_index subject, struct voice *voices)
{
	const struct record *list = ledger_about(s->ledger, subject, SHELF_STATEMENT);
	uint32_t over = truth_of(s, host)->given[subject].over;
	size_t count = 0;

	for (size_t m = 0; m < s->count; m++) {
		if (accuses_another(s, host, (member_index)m, subject))
			continue;
		for (const struct record *r = list; r != NULL; r = r->next) {
			if (r->author != m || (r->reached >> s->hosts[host].observed & 1) == 0 ||
			    r->round < over)
				continue;
			if (count == VOICES_MAX)
				return SIZE_MAX;
			voices[count++] =
			    (struct voice){ r->header.time_ms, group_of(s, (member_index)m) };
		}
	}
	qsort(voices, count, sizeof(*voices), by_time);
	return count;
}

/* The most groups that spoke within the span. */
static size_t
most_groups(const struct sim *s, const struct voice *voices, size_t count)
{
	size_t *said = calloc(s->authority->count + AUTHORITY_NEWCOMERS, sizeof(*said));
	size_t first = 0, groups = 0, most = 0;

	if (said == NULL)
		abort();
	for (size_t i = 0; i < count; i++) {
		groups += said[voices[i].group]++ == 0;
		while (voices[first].time_ms + LIMIT_RESTRICT_SPAN_MS < voices[i].time_ms)
			groups -= --said[voices[first++].group] == 0;
		most = groups > most ? groups : most;
	}
	free(said);
	return most;
}

void
restrict_begins(struct sim *s, size_t host, member_index subject)
{
	struct given *g = &truth_of(s, host)->given[subject];
	struct voice *voices;
	size_t k = electorate_k(authority_epoch(s->authority, truth_epoch(s, host))), count;

	/* It only stood back for another that filled the cap. */
	if (g->restrict_ms != 0 && s->now_ms < g->restrict_ms + LIMIT_RESTRICT_MS)
		return;
	if ((voices = malloc(VOICES_MAX * sizeof(*voices))) == NULL)
		abort();
	/* In another epoch k was another, and whoever was no head then is not heard. */
	count = s->authority->epoch_count > 1 || truth_of(s, host)->jumped
	            ? SIZE_MAX
	            : gather(s, host, subject, voices);
	if (count != SIZE_MAX && most_groups(s, voices, count) < k)
		violated(s, 1,
		    "n%zu restricts n%u, and not so many witnesses accuse it alone within a minute",
		    host, subject);
	g->restrict_ms = s->now_ms;
	free(voices);
}
