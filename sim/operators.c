/*
 * operators: people who release hosts, at moments that do not suit: while
 * votes are under way, hosts are down and the network is split.
 */
#include <string.h>
#include "sim/invariants.h"
#include "sim/sim.h"

/* What a host's console shows of the subject is what a Release names. */
static bool
compose(struct sim *s, const struct host *at, member_index subject, struct entry *e)
{
	struct core_member_view v;

	core_view_member(at->core, subject, &v);
	if (!v.has_certificate && v.report_sequence == 0)
		return false;
	*e = (struct entry){ .kind = ENTRY_RELEASE };
	e->release.subject = s->authority->members[subject].id;
	e->release.round = v.round;
	e->release.kind = prng_below(&s->prng, 2) == 0 ? RELEASE_CLEANED : RELEASE_OVERTURNED;
	e->release.names_certificate = v.has_certificate;
	e->release.certificate = v.certificate;
	e->release.incarnation = v.report_incarnation;
	e->release.sequence = v.report_sequence;
	/* A slip, or what stood before: it must lift nothing. */
	if (prng_below(&s->prng, 4) == 0 && e->release.sequence > 1)
		e->release.sequence--;
	else if (prng_below(&s->prng, 4) == 0)
		e->release.certificate.bytes[0] ^= 1;
	memcpy(e->release.reason, "cleaned", sizeof("cleaned"));
	return true;
}

static void
submit(struct sim *s, size_t index, struct entry *e)
{
	const struct identity *me = &s->authority->members[authority_operator(s->authority)];
	uint8_t body[2048], bytes[2048 + 128];
	size_t body_bytes = sizeof(body), size_bytes = sizeof(bytes);
	struct core_event ev = { .input = CORE_SUBMITTED };
	struct signature signature;

	e->header.mesh = s->authority->mesh;
	e->header.epoch = authority_current(s->authority)->number;
	e->header.author = me->id;
	e->header.incarnation = me->incarnation;
	e->header.sequence = e->header.time_ms = AUTHORITY_TIME_MS + s->now_ms;
	memset(e->header.previous.bytes, 1, sizeof(e->header.previous.bytes));
	if (entry_encode(e, body, &body_bytes) != ERR_OK)
		return;
	keys_sign(&s->keys, &me->key, DOMAIN_ENTRY, (struct span){ body, body_bytes }, &signature);
	if (envelope_write((struct span){ body, body_bytes }, &signature, bytes, &size_bytes) !=
	    ERR_OK)
		return;
	ev.submitted.bytes = (struct span){ bytes, size_bytes };
	invariants_submitted(s, index, ev.submitted.bytes);
	host_step(s, index, &ev);
}

bool
operators_release(struct sim *s, size_t index, member_index subject)
{
	struct entry e;

	if (!compose(s, &s->hosts[index], subject, &e))
		return false;
	trace_line(&s->trace, s->now_ms, "an operator releases n%u at n%zu", subject, index);
	submit(s, index, &e);
	return true;
}

void
operators_tick(struct sim *s)
{
	size_t index = sim_any_host(s, &s->prng), from = sim_any_host(s, &s->prng);

	if (prng_below(&s->prng, 12) != 0 || s->hosts[index].core == NULL ||
	    s->hosts[index].stalled_until_ms > s->now_ms)
		return;
	for (size_t i = 0; i < s->count; i++)
		if (operators_release(s, index, (member_index)((from + i) % s->count)))
			return;
}
