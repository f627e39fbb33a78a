#include <stdlib.h>
#include <string.h>
#include "core/certificate.h"

static bool
bit_is_set(const uint8_t *bitmap, size_t bit)
{
	return bitmap[bit / 8] >> bit % 8 & 1;
}

static size_t
bitmap_bytes(const struct epoch *epoch)
{
	return (epoch_heads(epoch) + 7) / 8;
}

/* Everything about the voters that needs no signature check. */
static enum err
check_voters(const struct epoch *epoch, const struct certificate *c, member_index subject)
{
	size_t heads = epoch_heads(epoch);
	uint64_t weight = 0;
	size_t voters = 0;

	if (c->voters.size_bytes != bitmap_bytes(epoch))
		return ERR_MALFORMED;
	for (size_t bit = 0; bit < c->voters.size_bytes * 8; bit++) {
		member_index voter;

		if (!bit_is_set(c->voters.data, bit))
			continue;
		if (bit >= heads || (voter = epoch_head_at(epoch, bit)) == subject)
			return ERR_VOTER;
		weight += epoch_weight_of(epoch, voter);
		voters++;
	}
	if (voters > LIMIT_CERTIFICATE_SIGNERS ||
	    c->signatures.size_bytes != voters * sizeof(struct signature))
		return ERR_MALFORMED;
	return epoch_is_quorum(epoch, subject, voters, weight) ? ERR_OK : ERR_QUORUM;
}

static struct ballot
ballot_of(const struct roster *roster, const struct certificate *c)
{
	return (struct ballot){
		.level = c->level,
		.mesh = *roster_mesh(roster),
		.epoch = c->epoch,
		.subject = c->subject,
		.round = c->round,
		.window = c->window,
	};
}

enum err
certificate_verify(const struct crypto *crypto, const struct roster *roster,
    const struct certificate *c, size_t *checked)
{
	const struct epoch *epoch = roster_epoch(roster, c->epoch);
	struct ballot ballot = ballot_of(roster, c);
	const uint8_t *at = c->signatures.data;
	member_index subject;
	enum err err;

	*checked = 0;
	if (epoch == NULL)
		return ERR_EPOCH;
	if (!epoch_has(epoch, subject = roster_find_id(roster, &c->subject)))
		return ERR_SUBJECT;
	if ((err = check_voters(epoch, c, subject)) != ERR_OK)
		return err;
	for (size_t bit = 0; bit < epoch_heads(epoch); bit++) {
		const struct member *voter;
		struct signature signature;

		if (!bit_is_set(c->voters.data, bit))
			continue;
		voter = roster_member(roster, epoch_head_at(epoch, bit));
		memcpy(signature.bytes, at, sizeof(signature.bytes));
		at += sizeof(signature.bytes);
		++*checked;
		if (!ballot_verify(crypto, &voter->key, &ballot, &signature))
			return ERR_SIGNATURE;
	}
	return ERR_OK;
}

void
certificate_ballot_hash(const struct crypto *crypto, const struct roster *roster,
    const struct certificate *c, struct hash *out)
{
	struct ballot ballot = ballot_of(roster, c);
	uint8_t bytes[BALLOT_BYTES];

	ballot_write(&ballot, bytes);
	crypto->sha256(crypto->context, DOMAIN_BALLOT, bytes, sizeof(bytes), out);
}

struct tally {
	struct ballot ballot;
	member_index subject;
	uint64_t weight;
	size_t voters;
	size_t room;                  /* signatures */
	struct signature *signatures; /* in bit order, as a certificate holds them */
	size_t bitmap_bytes;
	uint8_t bitmap[];
};

/* NULL: so old that the roster forgot it; then nobody can vote any more. */
static const struct epoch *
epoch_of(const struct tally *t, const struct roster *roster)
{
	return roster_epoch(roster, t->ballot.epoch);
}

enum err
tally_new(const struct roster *roster, const struct ballot *ballot, struct tally **out)
{
	const struct epoch *epoch = roster_epoch(roster, ballot->epoch);
	struct tally *t;

	if (epoch == NULL)
		return ERR_EPOCH;
	if ((t = calloc(1, sizeof(*t) + bitmap_bytes(epoch))) == NULL)
		return ERR_NOMEM;
	t->ballot = *ballot;
	t->subject = roster_find_id(roster, &ballot->subject);
	t->bitmap_bytes = bitmap_bytes(epoch);
	*out = t;
	return ERR_OK;
}

void
tally_free(struct tally *t)
{
	if (t == NULL)
		return;
	free(t->signatures);
	free(t);
}

/* How many voters stand before this bit. */
static size_t
rank_of(const struct tally *t, size_t bit)
{
	size_t rank = 0;

	for (size_t i = 0; i < bit / 8; i++)
		rank += (size_t)__builtin_popcount(t->bitmap[i]);
	return rank + (size_t)__builtin_popcount(t->bitmap[bit / 8] & ((1u << bit % 8) - 1));
}

enum err
tally_add(struct tally *t, const struct roster *roster, member_index voter,
    const struct signature *signature)
{
	const struct epoch *epoch = epoch_of(t, roster);
	int ordinal = epoch == NULL ? -1 : epoch_ordinal(epoch, voter);
	size_t bit = (size_t)ordinal;
	size_t rank;

	if (ordinal == -1 || voter == t->subject || bit_is_set(t->bitmap, bit))
		return ERR_VOTER;
	if (t->voters == LIMIT_CERTIFICATE_SIGNERS)
		return ERR_FULL;
	if (t->voters == t->room) {
		size_t room = t->room == 0 ? 4 : t->room * 2;
		struct signature *grown = reallocarray(t->signatures, room, sizeof(*grown));

		if (grown == NULL)
			return ERR_NOMEM;
		t->signatures = grown;
		t->room = room;
	}
	rank = rank_of(t, bit);
	memmove(t->signatures + rank + 1, t->signatures + rank,
	    (t->voters - rank) * sizeof(*t->signatures));
	t->signatures[rank] = *signature;
	t->bitmap[bit / 8] |= (uint8_t)(1u << bit % 8);
	t->weight += epoch_weight_of(epoch, voter);
	t->voters++;
	return ERR_OK;
}

bool
tally_is_quorum(const struct tally *t, const struct roster *roster)
{
	const struct epoch *epoch = epoch_of(t, roster);

	return epoch != NULL && epoch_is_quorum(epoch, t->subject, t->voters, t->weight);
}

size_t
tally_voters(const struct tally *t)
{
	return t->voters;
}

bool
tally_has(const struct tally *t, const struct roster *roster, member_index voter)
{
	const struct epoch *epoch = epoch_of(t, roster);
	int ordinal = epoch == NULL ? -1 : epoch_ordinal(epoch, voter);

	return ordinal != -1 && bit_is_set(t->bitmap, (size_t)ordinal);
}

enum err
tally_certificate(struct tally *t, const struct roster *roster, struct certificate *out)
{
	if (!tally_is_quorum(t, roster))
		return ERR_QUORUM;
	*out = (struct certificate){
		.level = t->ballot.level,
		.subject = t->ballot.subject,
		.round = t->ballot.round,
		.epoch = t->ballot.epoch,
		.window = t->ballot.window,
		.voters = { t->bitmap, t->bitmap_bytes },
		.signatures = { (const uint8_t *)t->signatures,
		    t->voters * sizeof(*t->signatures) },
	};
	return ERR_OK;
}
