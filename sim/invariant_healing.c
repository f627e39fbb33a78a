/*
 *  7: once everything is healed, honest hosts that can talk agree.
 * 12: evidence in public leads to a certificate.
 */
#include <inttypes.h>
#include <stdlib.h>
#include "sim/invariants.h"
#include "sim/truth.h"

#define BOOT_MS        15000 /* and to find each other */
#define CERTIFICATE_MS 2000
#define RELAYED_MS     150  /* far less than anti-entropy takes */
#define DIAL_MS        6000 /* as long as hosts wait before they try again */
#define AGREE_MS       (3 * LIMIT_SYNC_MS * 5 / 4)

static bool
takes_part(const struct sim *s, size_t host)
{
	const struct host *h = &s->hosts[host];

	return h->core != NULL && !h->liar && (h->observed >= 0 || host > s->count) &&
	       !s->authority->members[h->member].left;
}

/* Does it sign more than what it reports of itself? */
static bool
signs(const struct sim *s, size_t host)
{
	struct core_view view;

	core_view(s->hosts[host].core, &view);
	return view.synced && !view.lost_state && view.locked == STRENGTH_NONE &&
	       s->hosts[host].lock == STRENGTH_NONE;
}

/* Does any honest host that links lead to from here? */
static bool
somebody_signs(const struct sim *s, size_t host)
{
	bool *near = calloc(s->host_count, sizeof(*near));
	bool more = true, found = false;

	if (near == NULL)
		abort();
	near[host] = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < s->fabric.link_count; i++) {
			const struct link_ends *l = &s->fabric.links[i];

			if (l->up && near[l->host[0]] != near[l->host[1]] &&
			    takes_part(s, l->host[0]) && takes_part(s, l->host[1]))
				near[l->host[0]] = near[l->host[1]] = more = true;
		}
	}
	for (size_t i = 0; i < s->host_count; i++)
		found = found || (near[i] && signs(s, i));
	free(near);
	return found;
}

/*
 * Those whose link is up; so all that honest hosts connect.  Not of a member that
 * had two holders, when nobody there may write the Proof: neither body is taken
 * then where the other is.
 */
static bool
have_agreed(const struct sim *s, size_t *left, size_t *right)
{
	for (size_t i = 0; i < s->fabric.link_count; i++) {
		const struct link_ends *l = &s->fabric.links[i];
		struct core_view a, b;

		if (!l->up || !takes_part(s, l->host[0]) || !takes_part(s, l->host[1]))
			continue;
		core_view(s->hosts[l->host[0]].core, &a);
		core_view(s->hosts[l->host[1]].core, &b);
		if (a.root == b.root && a.epoch == b.epoch && a.synced && b.synced)
			continue;
		if ((!truth_is_safe(s, s->hosts[l->host[0]].member) ||
		        !truth_is_safe(s, s->hosts[l->host[1]].member)) &&
		    !somebody_signs(s, l->host[0]))
			continue;
		*left = l->host[0];
		*right = l->host[1];
		return false;
	}
	return true;
}

/* ---- 11: who is not quarantined stays connected ---------------------------------------- */

static bool
is_free(const struct sim *s, size_t host)
{
	const struct host *h = &s->hosts[host];

	/* Who was told of no list that it is on with the others, or they with it. */
	if (s->authority->members[h->member].left ||
	    authority_has_ended(s->authority, h->member, s->now_ms) ||
	    truth_epoch(s, host) < s->authority->epoch_count)
		return false;
	if (h->liar || h->core == NULL || (h->observed < 0 && host <= s->count) ||
	    h->lock != STRENGTH_NONE || !truth_is_safe(s, h->member))
		return false;
	for (size_t i = 0; i < s->count && i < OBSERVED_MAX; i++)
		if (!s->hosts[i].liar && (truth_of(s, i)->given[h->member].held != 0 ||
		                             s->hosts[i].kernel[h->member] != STRENGTH_NONE))
			return false;
	for (size_t i = s->count + 1; i < s->host_count; i++)
		if (s->hosts[i].kernel[h->member] != STRENGTH_NONE)
			return false;
	return true;
}

/* A link that should be there, and is not; NULL: none. */
static const struct link_ends *
missing_link(const struct sim *s)
{
	for (size_t i = 0; i < s->fabric.link_count; i++) {
		const struct link_ends *l = &s->fabric.links[i];

		if (!l->up && is_free(s, l->host[0]) && is_free(s, l->host[1]))
			return l;
	}
	return NULL;
}

/* Who was released just now finds the others when they dial again. */
static bool
check_connected(struct sim *s)
{
	const struct link_ends *l;

	for (unsigned waits = 0; (l = missing_link(s)) != NULL; waits++) {
		if (waits == 3)
			violated(s, 11, "n%u and n%u are honest and free, and find no link",
			    l->host[0], l->host[1]);
		if (!sim_run_until(s, s->now_ms + DIAL_MS))
			return false;
	}
	return true;
}

/* ---- 12: evidence leads to a certificate -------------------------------------------------- */

/* Nothing keeps it from voting against anybody. */
static bool
may_vote(const struct sim *s, size_t host, member_index subject)
{
	const struct host *h = &s->hosts[host];
	struct core_view view;

	if (h->member == subject || !is_free(s, host) || h->restored ||
	    h->kernel[subject] != STRENGTH_NONE)
		return false;
	core_view(h->core, &view);
	if (!view.synced || view.lost_state || view.clock_off)
		return false;
	for (size_t other = 0; other < s->count; other++)
		for (const struct record *r =
		         ledger_about(s->ledger, (member_index)other, SHELF_VERDICT);
		     r != NULL; r = r->next)
			if (r->author == h->member)
				return false;
	return true;
}

/* An intruder on the subject touches decoys of the first k who may vote. */
static bool
show_evidence(struct sim *s, member_index subject, size_t *voters_out)
{
	const struct electorate *e = authority_current(s->authority);
	size_t voters = 0, touched = 0;
	uint64_t weight = 0;

	for (size_t i = 0; i < s->count && i < OBSERVED_MAX; i++)
		if (may_vote(s, i, subject) && electorate_weight_of(e, s->hosts[i].member) > 0) {
			voters++;
			weight += electorate_weight_of(e, s->hosts[i].member);
		}
	if (voters < electorate_k(e) || !electorate_is_quorum(e, subject, voters, weight))
		return false;
	*voters_out = voters;
	for (size_t i = 0; i < s->count && touched < electorate_k(e); i++)
		if (may_vote(s, i, subject)) {
			touch_from(s, i, subject);
			touched++;
		}
	return true;
}

static void
check_evidence(struct sim *s)
{
	size_t voters;

	if (s->count > OBSERVED_MAX)
		return;
	for (size_t i = 0; i < s->count; i++) {
		if (!is_free(s, i) || !show_evidence(s, s->hosts[i].member, &voters))
			continue;
		if (!sim_run_until(s, s->now_ms + CERTIFICATE_MS))
			return;
		if (s->truth->convicted_ms[s->hosts[i].member] == 0)
			violated(s, 12,
			    "n%zu touched decoys of enough, %zu may vote, and there is no "
			    "certificate",
			    i, voters);
		return;
	}
}

/* ---- 8: who alone has another time knows it ------------------------------------------------- */

static void
check_clock(struct sim *s)
{
	size_t free_hosts = 0, linked = 0, wrong = SIZE_MAX;
	struct core_view view;

	for (size_t i = 0; i < s->count && i < OBSERVED_MAX; i++)
		if (is_free(s, i)) {
			free_hosts++;
			wrong = i;
		}
	if (free_hosts < 3 || free_hosts < s->count)
		return;
	for (size_t i = 0; i < s->fabric.hosts[wrong].link_count; i++)
		linked += s->fabric.links[s->fabric.hosts[wrong].links[i]].up;
	if (linked < free_hosts - 1)
		return;
	s->hosts[wrong].clock_offset_ms = s->now_ms % 2 == 0 ? 30000 : -30000;
	if (!sim_run_until(s, s->now_ms + 5000))
		return;
	core_view(s->hosts[wrong].core, &view);
	if (!view.clock_off)
		violated(
		    s, 8, "the clock of n%zu is half a minute off, and it does not know", wrong);
}

/* ---- 7: what is urgent is at once where a link leads ------------------------------------------ */

static bool
may_be_released(const struct sim *s, size_t host, member_index subject)
{
	struct core_member_view v;

	core_view_member(s->hosts[host].core, subject, &v);
	return !v.confessed && !v.proven && (v.has_certificate || v.report_sequence != 0);
}

/* An operator's word, handed in at one host: nobody but that host can pass it on. */
static bool
hand_in(struct sim *s, size_t *host)
{
	for (*host = 0; *host < s->count && *host < OBSERVED_MAX; ++*host)
		for (size_t m = 0; m < s->count && is_free(s, *host); m++)
			if (m != *host && !s->authority->members[m].left &&
			    may_be_released(s, *host, (member_index)m) &&
			    operators_release(s, *host, (member_index)m))
				return true;
	return false;
}

/* Nothing keeps a host from hearing the other on their link. */
static bool
may_hear(const struct sim *s, size_t host, size_t other)
{
	size_t link = fabric_find(s, other, s->hosts[host].member);

	return host != other && is_free(s, host) && link != SIZE_MAX && s->fabric.links[link].up;
}

static void
check_relayed(struct sim *s)
{
	bool could_hear[OBSERVED_MAX] = { false };
	const struct record *said;
	struct core_member_view v;
	size_t host;

	if (s->count > LIMIT_FULL_MESH || !hand_in(s, &host))
		return;
	/* Whoever finds a link later, as the released does, hears of it from anti-entropy. */
	for (size_t i = 0; i < s->count && i < OBSERVED_MAX; i++)
		could_hear[i] = may_hear(s, i, host);
	said = ledger_by(s->ledger, authority_operator(s->authority));
	if (!sim_run_until(s, s->now_ms + RELAYED_MS))
		return;
	for (size_t i = 0; i < s->count && i < OBSERVED_MAX; i++) {
		if (!could_hear[i] || !may_hear(s, i, host) || (said->reached >> i & 1) != 0)
			continue;
		/* What was granted meanwhile need not be asked for. */
		core_view_member(s->hosts[i].core, said->subject, &v);
		if (v.round <= said->round)
			violated(s, 7, "n%zu has a Release, and n%zu has not heard of it", host, i);
	}
}

/*
 * A liar signed two bodies for one place, and the electorates of one are over: who
 * took that one threw it away, refuses the other as played back, and proves nothing.
 */
static bool
has_buried_evidence(const struct sim *s, member_index liar)
{
	for (const struct record *a = ledger_by(s->ledger, liar); a != NULL; a = a->next_by_author)
		for (const struct record *b = ledger_by(s->ledger, liar);
		     b != NULL && a->header.epoch + 1 < s->authority->epoch_count;
		     b = b->next_by_author)
			if (b->header.epoch > a->header.epoch && ledger_contradict(a, b))
				return true;
	return false;
}

/* How long hosts may take to hold the same. */
static uint64_t
agreement_ms(const struct sim *s)
{
	uint64_t within_ms = BOOT_MS + LIMIT_FIRST_SYNC_MS + AGREE_MS;

	/*
	 * What a clock that was ahead signed is refused until its time has come; its
	 * author lets go of it after ten minutes, who took it then ten minutes later.
	 * And where two hosts had one feed, some refuse as played back what others
	 * took, and nobody need hold what contradicts it any more.  Likewise what a
	 * liar wrote 1,024 sequences ago, or in a place that it had used before.
	 */
	if (truth_has_adversary(s, ADVERSARY_STUFF) || truth_has_adversary(s, ADVERSARY_FLOOD))
		within_ms = 2 * LIMIT_RELAYED_MS + AGREE_MS;
	for (size_t i = 0; i < s->count && i < OBSERVED_MAX; i++)
		if (truth_of(s, i)->jumped || truth_of(s, i)->forked ||
		    s->authority->members[i].key_stolen ||
		    (s->hosts[i].liar && has_buried_evidence(s, (member_index)i)))
			within_ms = 2 * LIMIT_RELAYED_MS + AGREE_MS;
	/* Who did not deliver records is not asked again for a while. */
	if (s->authority->roster_count > 1)
		within_ms += LIMIT_ROSTER_ASK_MS + LIMIT_ROSTER_RETRY_MS;
	return within_ms;
}

void
healing_check(struct sim *s)
{
	uint64_t within_ms = agreement_ms(s), until_ms = s->now_ms + within_ms;
	size_t left = 0, right = 0;

	if (!sim_run_until(s, s->now_ms + BOOT_MS))
		return;
	while (!have_agreed(s, &left, &right)) {
		if (s->now_ms >= until_ms)
			violated(s, 7,
			    "n%zu and n%zu hold different objects %" PRIu64
			    " s after everything is healed",
			    left, right, within_ms / 1000);
		rosters_hand_out(s);
		if (!sim_run_until(s, s->now_ms + 1000))
			return;
		fabric_tick(s);
	}
	if (!check_connected(s))
		return;
	/* Rarely: it takes the time of many runs. */
	if (s->options.seed % 128 == 5)
		snapshot_check(s);
	else if (s->options.seed % 4 == 0)
		check_clock(s);
	else if (s->options.seed % 4 == 1)
		check_relayed(s);
	else
		check_evidence(s);
}
