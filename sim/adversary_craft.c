/*
 * What a liar composes with care: each is wrong in one respect alone, so that
 * only the check of just that refuses it.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/adversary_forge.h"
#include "sim/invariants.h"

static member_index
other_member(struct sim *s, struct prng *prng, member_index but)
{
	return (member_index)((but + 1 + prng_below(prng, s->count - 1)) % s->count);
}

/* A touch that came from one member, told as another's. */
static void
accuse_by_another_address(struct sim *s, struct prng *prng, size_t host)
{
	member_index me = (member_index)host, subject = other_member(s, prng, me);
	struct entry e = adversary_accusation(s, me, subject);

	e.statement.source.address = s->authority->members[other_member(s, prng, subject)].address;
	adversary_tells(s, host, &e);
}

/* Any of its entries that ever left its host, the latest more often. */
static const struct record *
any_entry(struct sim *s, struct prng *prng, member_index author)
{
	const struct record *r = ledger_by(s->ledger, author), *chosen = NULL;

	for (; r != NULL && (chosen == NULL || prng_below(prng, 3) != 0); r = r->next_by_author)
		if (r->left)
			chosen = r;
	return chosen;
}

static struct span
bytes_of(const struct record *r)
{
	return (struct span){ r->bytes->bytes, r->bytes->size_bytes };
}

/* Of two entries that an honest member did sign, or of one whose signature is not its. */
static void
prove_falsely(struct sim *s, struct prng *prng, size_t host)
{
	member_index me = (member_index)host, culprit = other_member(s, prng, me);
	const struct record *a = any_entry(s, prng, culprit), *b = any_entry(s, prng, culprit);
	const struct record *first = a, *second = b;
	struct entry e = { .kind = ENTRY_PROOF };
	struct payload *copy = NULL;

	if (a == NULL || b == NULL)
		return;
	if (a->header.sequence > b->header.sequence) {
		first = b;
		second = a;
	}
	e.proof.first = bytes_of(first);
	e.proof.second = bytes_of(second);
	if (prng_below(prng, 2) == 0) {
		copy = adversary_forges_as(s, culprit, first);
		if (copy == NULL)
			return;
		e.proof.second = (struct span){ copy->bytes, copy->size_bytes };
		e.proof.first = bytes_of(first);
	}
	adversary_tells(s, host, &e);
	if (copy != NULL) {
		/* The order of a Proof is by hash: one of both is right. */
		e.header = (struct entry_header){ 0 };
		e.proof.first = e.proof.second;
		e.proof.second = bytes_of(first);
		adversary_tells(s, host, &e);
		payload_drop(copy);
	}
}

/* What an honest member never said, in its name. */
static void
speak_for(struct sim *s, struct prng *prng, size_t host)
{
	member_index author = other_member(s, prng, (member_index)host);
	const struct record *newest = ledger_by(s->ledger, author);
	struct record place;
	struct payload *p;

	if (newest == NULL)
		return;
	place = *newest;
	place.header.sequence += 2 + prng_below(prng, 100);
	place.header.time_ms = AUTHORITY_TIME_MS + s->now_ms;
	if ((p = adversary_forges_as(s, author, &place)) == NULL)
		return;
	adversary_sends_copy(s, host, p);
	payload_drop(p);
}

void
adversary_crafts(struct sim *s, struct prng *prng, size_t host)
{
	switch (prng_below(prng, 3)) {
	case 0:
		accuse_by_another_address(s, prng, host);
		break;
	case 1:
		prove_falsely(s, prng, host);
		break;
	default:
		speak_for(s, prng, host);
		break;
	}
}
