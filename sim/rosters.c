/*
 * rosters: the CA's side of a run: weights change, members leave, come and are
 * renewed, epochs begin; one host is told, the others hear it from each other.
 */
#include "sim/sim.h"
#include "sim/truth.h"

#define FEWEST_NODES 5 /* nobody leaves a smaller mesh */

size_t
rosters_count_listed(const struct sim *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		count += !s->authority->members[i].left;
	return count;
}

/* As evidence would have it, and some caprice. */
static void
change_weights(struct sim *s, struct prng *prng)
{
	for (size_t i = 0; i < s->count + 1 + s->came; i++)
		if (i != s->count)
			s->authority->members[i].weight = 32 + 2 * (uint32_t)prng_below(prng, 17);
}

/* A member's host comes when the epoch lists it; some that came die, as others do. */
static void
welcome(struct sim *s, struct prng *prng)
{
	size_t first = s->count + 1;

	if (s->came > 0 && prng_below(prng, 3) == 0)
		host_crash(s, first + prng_below(prng, s->came), prng_below(prng, 2) == 0);
	for (; first + s->came < s->authority->count && first + s->came < s->host_count;
	     s->came++) {
		trace_line(&s->trace, s->now_ms, "n%zu is enrolled", first + s->came);
		host_join(s, first + s->came);
	}
}

/* Who is convicted has no vote. */
static void
disarm(struct sim *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->truth->convicted_ms[i] != 0)
			s->authority->members[i].weight = 0;
}

/* First of all whose disk is an old snapshot. */
static void
renew(struct sim *s, struct prng *prng)
{
	size_t from = sim_any_host(s, prng), chosen = from;

	for (size_t i = 0; i < s->count; i++)
		if (s->hosts[(from + i) % s->count].restored) {
			chosen = (from + i) % s->count;
			break;
		}
	trace_line(&s->trace, s->now_ms, "the CA renews n%zu", chosen);
	authority_renew(s->authority, s->hosts[chosen].member, UINT64_MAX);
}

static void
remove_one(struct sim *s, struct prng *prng)
{
	size_t chosen = sim_any_host(s, prng);

	if (rosters_count_listed(s) <= FEWEST_NODES)
		return;
	trace_line(&s->trace, s->now_ms, "n%zu is to leave", chosen);
	s->authority->members[s->hosts[chosen].member].left = true;
}

/* An operator hands it to somebody who is up and has links. */
static void
hand_to_one(struct sim *s, size_t from)
{
	for (size_t i = 0; i < s->host_count; i++) {
		size_t index = (from + i) % s->host_count;
		const struct host *h = &s->hosts[index];

		if (index == s->count || h->core == NULL || h->liar || h->lock == STRENGTH_SEVER ||
		    h->disk.full || s->authority->members[h->member].left)
			continue;
		host_hand_roster(s, index);
		return;
	}
}

void
rosters_begin_epoch(struct sim *s, struct prng *prng)
{
	authority_next_epoch(s->authority);
	trace_line(&s->trace, s->now_ms, "the CA begins epoch %zu", s->authority->epoch_count);
	welcome(s, prng);
	hand_to_one(s, sim_any_host(s, prng));
}

void
rosters_change(struct sim *s, struct prng *prng)
{
	switch (prng_below(prng, 8)) {
	case 0:
	case 1:
		change_weights(s, prng);
		break;
	case 2:
	case 3:
		disarm(s);
		break;
	case 4:
	case 5:
		renew(s, prng);
		break;
	case 6:
		remove_one(s, prng);
		break;
	default:
		(void)authority_enrol(s->authority, prng);
		break;
	}
	rosters_begin_epoch(s, prng);
}

/* After healing: whoever has been told may be cut off by now, so the next one is told, too. */
void
rosters_hand_out(struct sim *s)
{
	hand_to_one(s, s->now_ms / 1000 % s->host_count);
}
