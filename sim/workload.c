/*
 * workload: who touches which decoy: intruders on members' hosts, outsiders,
 * strangers inside the private network, local programs, scanners.
 */
#include "sim/clone.h"
#include "sim/invariants.h"
#include "sim/sim.h"

void
touch_decoy_of(struct sim *s, size_t index, const struct address *source)
{
	struct host *h = &s->hosts[index];
	struct core_event ev = { .input = CORE_TOUCH };

	if (h->core == NULL || h->stalled_until_ms > s->now_ms)
		return;
	ev.touch.source.address = *source;
	ev.touch.source.port = (uint16_t)(32768 + prng_below(&s->prng, 20000));
	ev.touch.destination.address = s->authority->members[h->member].address;
	ev.touch.destination.port = 2222;
	ev.touch.decoy = (uint32_t)prng_below(&s->prng, 2);
	ev.touch.seen_ms = host_unix_ms(s, h);
	ev.touch.evidence = (struct span){ (const uint8_t *)"SSH-2.0", prng_below(&s->prng, 8) };
	s->counts.touches++;
	host_step(s, index, &ev);
}

void
touch_from(struct sim *s, size_t member, size_t source)
{
	size_t index = member == source ? source : clone_behind(s, source, member);
	const struct host *from = &s->hosts[source], *to = &s->hosts[index];

	/* The data plane: both kernels, and the intruder's host if its node locked it. */
	if (index == source || to->core == NULL || to->stalled_until_ms > s->now_ms ||
	    to->kernel[from->member] != STRENGTH_NONE || to->lock != STRENGTH_NONE ||
	    from->lock != STRENGTH_NONE ||
	    (!from->liar && from->kernel[to->member] != STRENGTH_NONE) ||
	    !fabric_passes(s, source, index) || !fabric_passes(s, index, source))
		return;
	trace_line(
	    &s->trace, s->now_ms, "an intruder on n%zu touches a decoy of n%zu", source, index);
	invariants_touched(s, index, from->member);
	touch_decoy_of(s, index, &s->authority->members[from->member].address);
}

static struct address
address_of(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct address){ .family = 4, .bytes = { a, b, c, d } };
}

/* Of one host: a few of the others' decoys, or all. */
static void
scan(struct sim *s)
{
	size_t source = sim_any_host(s, &s->prng);
	bool all = prng_below(&s->prng, 3) == 0;

	for (size_t n = all ? s->count : 1 + prng_below(&s->prng, 3), i = 0; n > 0; n--, i++)
		touch_from(s, all ? i : sim_any_host(s, &s->prng), source);
}

void
workload_tick(struct sim *s)
{
	struct address outside = address_of(198, 51, 100, (uint8_t)prng_below(&s->prng, 256));
	struct address inside = address_of(10, 99, 0, (uint8_t)prng_below(&s->prng, 256));
	struct address local = address_of(127, 0, 0, 1);
	size_t index = sim_any_host(s, &s->prng);

	switch (prng_below(&s->prng, 40)) {
	case 0:
	case 1:
		scan(s);
		break;
	case 2:
		touch_decoy_of(s, index, &outside);
		break;
	case 3:
		touch_decoy_of(s, index, &inside);
		break;
	case 4:
		touch_decoy_of(s, index, &local);
		break;
	case 5: {
		struct core_event ev = { .input = CORE_CONFESS };

		/* Rarely: it is for good. */
		ev.confess.reason = CLASS_TAMPER;
		if (prng_below(&s->prng, 8) == 0)
			host_step(s, index, &ev);
		break;
	}
	case 6: /* several intruders, one host at once */
		for (size_t i = 0; i < s->count; i++)
			touch_from(s, index, i);
		break;
	default:
		break;
	}
}
