#include <stdlib.h>
#include <string.h>
#include "core/ballot.h"
#include "sim/adversary_forge.h"
#include "sim/invariants.h"

#define REPORTS 130 /* more than an author may bring at once */

/* ---- writing ------------------------------------------------------------------------- */

/* Sign a liar's entry; with sequence 0 it takes the next one. */
static struct payload *
forge(struct sim *s, member_index author, struct entry *e)
{
	uint8_t body[LIMIT_BODY_BYTES], bytes[LIMIT_ENVELOPE_BYTES];
	size_t body_bytes = sizeof(body), size_bytes = sizeof(bytes);
	const struct identity *m = &s->authority->members[author];
	struct signature signature;

	e->header.mesh = s->authority->mesh;
	e->header.author = m->id;
	e->header.incarnation = m->incarnation;
	if (e->header.epoch == 0)
		e->header.epoch = authority_current(s->authority)->number;
	if (e->header.sequence == 0) {
		uint64_t own = s->hosts[author].disk.sequence,
		         *last = &s->adversaries->sequences[author];

		*last = (*last > own ? *last : own) + 1;
		e->header.sequence = *last;
		/* No predecessor that anybody holds. */
		*last += 1;
	}
	if (e->header.sequence > 1 && e->header.previous.bytes[0] == 0)
		memset(e->header.previous.bytes, 0xad, sizeof(e->header.previous.bytes));
	if (e->header.time_ms == 0)
		e->header.time_ms = AUTHORITY_TIME_MS + s->now_ms;
	if (entry_encode(e, body, &body_bytes) != ERR_OK)
		return NULL;
	keys_sign(&s->keys, &m->key, DOMAIN_ENTRY, (struct span){ body, body_bytes }, &signature);
	if (envelope_write((struct span){ body, body_bytes }, &signature, bytes, &size_bytes) !=
	    ERR_OK)
		return NULL;
	return sim_payload(s, (struct span){ bytes, size_bytes });
}

/* To all of a liar's links, or to those with an even or odd index only. */
enum audience { EVERYBODY, EVEN_ONES, ODD_ONES };

static void
tell(struct sim *s, size_t host, struct payload *p, enum audience audience)
{
	const struct fabric_host *net = &s->fabric.hosts[host];

	if (p == NULL)
		return;
	for (size_t i = 0; i < net->link_count; i++)
		if (audience == EVERYBODY || net->peers[i] % 2 == (audience == ODD_ONES))
			fabric_send(s, host, net->links[i], p);
	payload_drop(p);
}

/* As a witness would write it. */
static struct entry
accusation(struct sim *s, member_index author, member_index subject)
{
	struct entry e = { .kind = ENTRY_STATEMENT };
	struct statement *st = &e.statement;

	st->subject = s->authority->members[subject].id;
	st->class = CLASS_HONEYPOT_TRIPPED;
	st->source.address = s->authority->members[subject].address;
	st->source.port = 40000;
	st->destination.address = s->authority->members[author].address;
	st->destination.port = 2222;
	st->score = 9;
	st->seen_ms = AUTHORITY_TIME_MS + s->now_ms;
	s->keys.crypto->sha256(NULL, "", st->evidence, 0, &st->evidence_digest);
	return e;
}

static struct entry
ballot(struct sim *s, member_index author, member_index subject, uint64_t window)
{
	struct entry e = { .kind = ENTRY_VERDICT };
	uint8_t bytes[BALLOT_BYTES];
	struct ballot b = { .level = LEVEL_QUARANTINE,
		.mesh = s->authority->mesh,
		.epoch = authority_current(s->authority)->number,
		.subject = s->authority->members[subject].id,
		.window = window };

	e.verdict.level = b.level;
	e.verdict.subject = b.subject;
	e.verdict.window = window;
	ballot_write(&b, bytes);
	keys_sign(&s->keys, &s->authority->members[author].key, DOMAIN_BALLOT,
	    (struct span){ bytes, sizeof(bytes) }, &e.verdict.ballot_signature);
	return e;
}

static uint64_t
window_now(const struct sim *s)
{
	return ballot_window(AUTHORITY_TIME_MS + s->now_ms);
}

static member_index
any_member(struct sim *s, struct prng *prng, member_index but)
{
	member_index m;

	do
		m = (member_index)prng_below(prng, s->count);
	while (m == but);
	return m;
}

struct entry
adversary_accusation(struct sim *s, member_index author, member_index subject)
{
	return accusation(s, author, subject);
}

void
adversary_tells(struct sim *s, size_t host, struct entry *e)
{
	tell(s, host, forge(s, (member_index)host, e), EVERYBODY);
}

void
adversary_sends_copy(struct sim *s, size_t host, const struct payload *p)
{
	tell(s, host, sim_payload(s, (struct span){ p->bytes, p->size_bytes }), EVERYBODY);
}

/* Another accusation for the place of that entry, under a signature that is not its author's. */
struct payload *
adversary_forges_as(struct sim *s, member_index author, const struct record *place)
{
	uint8_t body[LIMIT_BODY_BYTES], bytes[LIMIT_ENVELOPE_BYTES];
	size_t body_bytes = sizeof(body), size_bytes = sizeof(bytes);
	struct entry e = accusation(s, author, (member_index)((author + 1) % s->count));
	struct signature signature;

	e.header = place->header;
	memset(signature.bytes, 0x5a, sizeof(signature.bytes));
	if (entry_encode(&e, body, &body_bytes) != ERR_OK ||
	    envelope_write((struct span){ body, body_bytes }, &signature, bytes, &size_bytes) !=
	        ERR_OK)
		return NULL;
	return payload_new(bytes, size_bytes);
}

/* ---- behaviours ------------------------------------------------------------------------ */

/* The signatures of a bitmap, in its order: the liars' own, and zeros for others. */
static size_t
sign_in_order(struct sim *s, member_index subject, const uint8_t *voters, uint8_t *signatures)
{
	const struct electorate *now = authority_current(s->authority);
	size_t count = 0;

	for (size_t i = 0; i < now->head_count && count < 64; i++) {
		const struct identity *m = &s->authority->members[now->heads[i]];
		uint8_t *at = signatures + count * sizeof(struct signature);
		struct entry vote = ballot(s, now->heads[i], subject, window_now(s));

		if ((voters[i / 8] >> i % 8 & 1) == 0)
			continue;
		memset(at, 0, sizeof(struct signature));
		if (m->liar || m->key_stolen)
			memcpy(at, vote.verdict.ballot_signature.bytes, sizeof(struct signature));
		count++;
	}
	return count;
}

/* A certificate out of the liars' ballots, whether they suffice or not. */
static struct payload *
conspire(struct sim *s, struct prng *prng, size_t host, member_index subject)
{
	const struct electorate *now = authority_current(s->authority);
	uint8_t voters[LIMIT_MEMBERS / 8] = { 0 };
	uint8_t signatures[64 * sizeof(struct signature)];
	struct entry e = { .kind = ENTRY_CERTIFICATE };
	bool padded = false;
	size_t count = 0;

	for (size_t i = 0; i < now->head_count && count < 64; i++) {
		const struct identity *m = &s->authority->members[now->heads[i]];
		struct entry vote;

		if ((!m->liar && !m->key_stolen) || now->heads[i] == subject)
			continue;
		vote = ballot(s, now->heads[i], subject, window_now(s));
		voters[i / 8] |= (uint8_t)(1u << i % 8);
		memcpy(signatures + count++ * sizeof(struct signature),
		    vote.verdict.ballot_signature.bytes, sizeof(struct signature));
	}
	/* The others' names with signatures that are not theirs, as many as it takes. */
	if (prng_below(prng, 2) == 0)
		for (size_t i = 0; i < now->head_count && 2 * count <= now->head_count; i++) {
			if (now->heads[i] == subject || (voters[i / 8] >> i % 8 & 1) != 0)
				continue;
			padded = true;
			voters[i / 8] |= (uint8_t)(1u << i % 8);
			count++;
		}
	if (padded)
		count = sign_in_order(s, subject, voters, signatures);
	e.certificate.level = LEVEL_QUARANTINE;
	e.certificate.subject = s->authority->members[subject].id;
	e.certificate.epoch = now->number;
	e.certificate.window = window_now(s);
	e.certificate.voters = (struct span){ voters, (now->head_count + 7) / 8 };
	e.certificate.signatures = (struct span){ signatures, count * sizeof(struct signature) };
	return forge(s, (member_index)host, &e);
}

void
adversary_frames(struct sim *s, struct prng *prng, size_t host)
{
	member_index victim = s->adversaries->victim, me = (member_index)host;
	struct entry e;

	if (victim == MEMBER_NONE)
		return;
	e = accusation(s, me, victim);
	tell(s, host, forge(s, me, &e), EVERYBODY);
	e = ballot(s, me, victim, window_now(s));
	tell(s, host, forge(s, me, &e), EVERYBODY);
	if (prng_below(prng, 3) == 0)
		tell(s, host, conspire(s, prng, host, victim), EVERYBODY);
}

void
adversary_accuses(struct sim *s, struct prng *prng, size_t host)
{
	(void)prng;
	for (size_t i = 0; i < s->count && i < OBSERVED_MAX; i++) {
		struct entry e;

		if (i == host)
			continue;
		e = accusation(s, (member_index)host, (member_index)i);
		tell(s, host, forge(s, (member_index)host, &e), EVERYBODY);
		e = ballot(s, (member_index)host, (member_index)i, window_now(s));
		tell(s, host, forge(s, (member_index)host, &e), EVERYBODY);
	}
}

void
adversary_equivocates(struct sim *s, struct prng *prng, size_t host)
{
	member_index me = (member_index)host;
	struct entry e = accusation(s, me, any_member(s, prng, me));
	uint64_t sequence;

	tell(s, host, forge(s, me, &e), EVEN_ONES);
	sequence = e.header.sequence;
	e = accusation(s, me, any_member(s, prng, me));
	e.header.sequence = sequence;
	e.statement.score = 8;
	tell(s, host, forge(s, me, &e), ODD_ONES);
}

void
adversary_replays(struct sim *s, struct prng *prng, size_t host)
{
	const struct adversaries *a = s->adversaries;

	for (size_t n = 1 + prng_below(prng, 4); n > 0 && a->heard_count > 0; n--)
		tell(s, host, payload_share(a->heard[prng_below(prng, a->heard_count)]), EVERYBODY);
}

/*
 * Addresses outside the mesh, the latest sequence first: of an hour those of
 * the lowest count, so each takes the place of another.
 */
static void
flood_of_indicators(struct sim *s, member_index me)
{
	uint64_t *last = &s->adversaries->sequences[me], own = s->hosts[me].disk.sequence;

	*last = (*last > own ? *last : own) + 2 * REPORTS;
	for (uint64_t n = 0; n < REPORTS; n++) {
		struct entry e = { .kind = ENTRY_INDICATOR };

		e.header.sequence = *last - 2 * n;
		e.indicator.address.family = 4;
		e.indicator.address.bytes[0] = 203;
		e.indicator.address.bytes[1] = (uint8_t)(e.header.sequence >> 16);
		e.indicator.address.bytes[2] = (uint8_t)(e.header.sequence >> 8);
		e.indicator.address.bytes[3] = (uint8_t)e.header.sequence;
		e.indicator.ttl_s = 3600;
		e.indicator.reason = CLASS_HONEYPOT_TRIPPED;
		e.indicator.score = 9;
		tell(s, me, forge(s, me, &e), EVERYBODY);
	}
	*last += 1;
}

void
adversary_floods(struct sim *s, struct prng *prng, size_t host)
{
	member_index me = (member_index)host;

	if (prng_below(prng, 8) == 0) {
		flood_of_indicators(s, me);
		return;
	}
	for (size_t n = 20 + prng_below(prng, 150) * (prng_below(prng, 8) == 0); n > 0; n--) {
		struct entry e = accusation(s, me, any_member(s, prng, me));

		tell(s, host, forge(s, me, &e), EVERYBODY);
	}
}

/*
 * A decoy is touched from another member's address, by a link layer that is
 * not its: the witness's neighbour table shows it.
 */
void
adversary_spoofs(struct sim *s, struct prng *prng, size_t host)
{
	member_index as = any_member(s, prng, (member_index)host);
	size_t index = any_member(s, prng, as);
	struct core_event ev = { .input = CORE_NEIGHBOUR };
	size_t link = fabric_find(s, index, as);

	/* Where the right link layer was never seen, nobody could tell: not this attack. */
	if (s->hosts[index].core == NULL || link == SIZE_MAX || !s->fabric.links[link].up ||
	    s->hosts[index].stalled_until_ms > s->now_ms ||
	    s->hosts[index].kernel[as] != STRENGTH_NONE)
		return;
	ev.neighbour.address = s->authority->members[as].address;
	ev.neighbour.mac = s->authority->members[host].mac;
	host_step(s, index, &ev);
	touch_decoy_of(s, index, &ev.neighbour.address);
	ev.neighbour.mac = s->authority->members[as].mac;
	host_step(s, index, &ev);
}

void
adversary_steals(struct sim *s, struct prng *prng, size_t host)
{
	member_index as = s->adversaries->stolen, subject;
	struct entry e;

	if (as == MEMBER_NONE)
		return;
	subject = s->adversaries->victim != MEMBER_NONE && s->adversaries->victim != as
	              ? s->adversaries->victim
	              : any_member(s, prng, as);
	e = accusation(s, as, subject);
	tell(s, host, forge(s, as, &e), EVERYBODY);
	e = ballot(s, as, subject, window_now(s));
	tell(s, host, forge(s, as, &e), EVERYBODY);
}

void
adversary_reports(struct sim *s, struct prng *prng, size_t host)
{
	for (size_t n = 1 + prng_below(prng, 8); n > 0; n--) {
		struct entry e = { .kind = ENTRY_SELF_REPORT };

		e.self_report.kind = SELF_REPORT_PRECAUTION;
		e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
		e.self_report.score = 9;
		/* At whatever second suits it. */
		e.header.time_ms = AUTHORITY_TIME_MS + s->now_ms - prng_below(prng, 100000);
		tell(s, host, forge(s, (member_index)host, &e), EVERYBODY);
	}
}

/* Every window that may be open, rounds that are not, every subject. */
void
adversary_stuffs(struct sim *s, struct prng *prng, size_t host)
{
	member_index me = (member_index)host;

	for (uint64_t window = window_now(s) - 2; window <= window_now(s) + 2; window++)
		for (size_t n = 0; n < 4; n++) {
			struct entry e = ballot(s, me, any_member(s, prng, me), window);

			if (prng_below(prng, 4) == 0)
				e.verdict.round = (uint32_t)prng_below(prng, 3);
			tell(s, host, forge(s, me, &e), EVERYBODY);
		}
}

/* Sense with a flaw in its bytes; and sense that is signed, but means nothing. */
void
adversary_maims(struct sim *s, struct prng *prng, size_t host)
{
	member_index me = (member_index)host;
	struct entry e = accusation(s, me, any_member(s, prng, me));
	struct payload *p;

	switch (prng_below(prng, 4)) {
	case 0:
		e.statement.subject = s->authority->members[me].id;
		break;
	case 1:
		e.statement.seen_ms -= LIMIT_GROUNDS_MS + 1;
		break;
	case 2:
		e.header.epoch = 7;
		break;
	default:
		e.statement.source.address.bytes[3] ^= 0x80;
		break;
	}
	adversary_crafts(s, prng, host);
	tell(s, host, forge(s, me, &e), EVERYBODY);
	if ((p = forge(s, me, &e)) == NULL)
		return;
	/* A copy with one bit turned, so that the ledger sees what is sent. */
	p->bytes[prng_below(prng, p->size_bytes)] ^= (uint8_t)(1u << prng_below(prng, 8));
	tell(s, host, sim_payload(s, (struct span){ p->bytes, p->size_bytes }), EVERYBODY);
	payload_drop(p);
}
