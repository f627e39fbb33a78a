/*
 * expiries: enrolments end by their date.  Some founders' do anyhow; others are
 * renewed for seconds, when it suits least.  The CA renews in time, too late or
 * not at all, and leaves some out of the next epoch.
 */
#include "sim/sim.h"

#define FEWEST_NODES 4 /* nobody is left out of a smaller mesh */
#define SHORTEST_MS  500
#define LONGEST_MS   20000
#define SOON_MS      5000 /* who ends within that is seen to */

/* Down, behind a partition, or just being cut off by somebody; or anybody. */
static bool
suits_ill(const struct sim *s, size_t host, uint64_t moment)
{
	const struct host *h = &s->hosts[host];

	if (moment == 0)
		return h->core == NULL;
	if (moment == 1)
		return s->fabric.hosts[host].side != 0 || s->fabric.hosts[host].mute;
	for (size_t i = 0; moment == 2 && i < s->count; i++)
		if (s->hosts[i].kernel[h->member] >= STRENGTH_CUT)
			return true;
	return false;
}

/* New records, and with them the certificate that is the member's own, brought to its host. */
static void
renew(struct sim *s, size_t host, uint64_t not_after_ms)
{
	authority_renew(s->authority, s->hosts[host].member, not_after_ms);
	host_hand_roster(s, host);
}

void
expiries_shorten(struct sim *s, struct prng *prng)
{
	size_t from = sim_any_host(s, prng), chosen = from;
	uint64_t moment = prng_below(prng, 4), in_ms = sim_between(prng, SHORTEST_MS, LONGEST_MS);

	for (size_t i = s->count; i > 0; i--)
		if (suits_ill(s, (from + i) % s->count, moment))
			chosen = (from + i) % s->count;
	if (s->authority->members[chosen].left)
		return;
	trace_line(&s->trace, s->now_ms, "n%zu is enrolled for %llu ms", chosen,
	    (unsigned long long)in_ms);
	renew(s, chosen, AUTHORITY_TIME_MS + s->now_ms + in_ms);
	rosters_begin_epoch(s, prng);
}

/* A process starts anew or a connection breaks: the next handshake is refused. */
static void
break_links(struct sim *s, size_t host)
{
	const struct fabric_host *net = &s->fabric.hosts[host];

	for (size_t i = 0; i < net->link_count; i++)
		fabric_break(s, net->links[i], 0);
}

/* True: the CA does something about it. */
static bool
settle(struct sim *s, size_t host, struct prng *prng)
{
	struct identity *m = &s->authority->members[host];

	if (prng_below(prng, 2) == 0)
		break_links(s, host);
	switch (prng_below(prng, 3)) {
	case 0:
		trace_line(&s->trace, s->now_ms, "the CA renews n%zu, whose enrolment ends", host);
		renew(s, host, UINT64_MAX);
		return true;
	case 1:
		if (rosters_count_listed(s) <= FEWEST_NODES)
			return false;
		trace_line(&s->trace, s->now_ms, "n%zu is to leave, its enrolment ends", host);
		m->left = true;
		return true;
	default:
		return false;
	}
}

void
expiries_settle(struct sim *s, struct prng *prng)
{
	bool changed = false;

	for (size_t i = 0; i < s->count; i++)
		if (!s->authority->members[i].left &&
		    authority_has_ended(s->authority, (member_index)i, s->now_ms + SOON_MS))
			changed |= settle(s, i, prng);
	if (changed)
		rosters_begin_epoch(s, prng);
}
