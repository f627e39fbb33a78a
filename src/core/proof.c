#include <string.h>
#include "core/proof.h"

/* One of the two, taken apart. */
struct half {
	struct envelope envelope;
	struct entry_header header;
	struct hash hash;
};

static enum err
open_half(const struct crypto *crypto, struct span bytes, struct half *out)
{
	enum entry_kind kind;
	enum err err;

	if ((err = envelope_parse(bytes.data, bytes.size_bytes, &out->envelope)) != ERR_OK)
		return err;
	if ((err = entry_peek(out->envelope.body, &out->header, &kind)) != ERR_OK)
		return err;
	/* Neither a link message nor a draft has a place in a feed. */
	if (entry_is_link_message(kind) || out->header.sequence == 0)
		return ERR_MALFORMED;
	entry_hash(crypto, out->envelope.body, &out->hash);
	return ERR_OK;
}

bool
proof_contradict(const struct proof_place *a, const struct proof_place *b)
{
	const struct entry_header *x = a->header, *y = b->header;

	if (!node_id_equal(&x->author, &y->author) || x->incarnation != y->incarnation)
		return false;
	if (x->sequence == y->sequence)
		return !hash_equal(a->hash, b->hash);
	if (x->sequence > y->sequence)
		return x->sequence - y->sequence == 1 && !hash_equal(&x->previous, b->hash);
	return y->sequence - x->sequence == 1 && !hash_equal(&y->previous, a->hash);
}

/* Lower sequence first; of one sequence, lower hash first. */
static bool
are_in_order(const struct half *first, const struct half *second)
{
	if (first->header.sequence != second->header.sequence)
		return first->header.sequence < second->header.sequence;
	return memcmp(first->hash.bytes, second->hash.bytes, sizeof(first->hash.bytes)) < 0;
}

static bool
halves_contradict(const struct half *x, const struct half *y)
{
	struct proof_place a = { &x->header, &x->hash }, b = { &y->header, &y->hash };

	return proof_contradict(&a, &b);
}

enum err
proof_make(const struct crypto *crypto, struct span a, struct span b, struct proof *out)
{
	struct half x, y;
	bool ordered;

	if (open_half(crypto, a, &x) != ERR_OK || open_half(crypto, b, &y) != ERR_OK ||
	    !halves_contradict(&x, &y))
		return ERR_MALFORMED;
	ordered = are_in_order(&x, &y);
	out->first = ordered ? a : b;
	out->second = ordered ? b : a;
	return ERR_OK;
}

bool
proof_accused(const struct proof *proof, struct node_id *out)
{
	struct entry_header header;
	struct envelope envelope;
	enum entry_kind kind;

	if (envelope_parse(proof->first.data, proof->first.size_bytes, &envelope) != ERR_OK ||
	    entry_peek(envelope.body, &header, &kind) != ERR_OK || header.sequence == 0)
		return false;
	*out = header.author;
	return true;
}

static bool
is_signed(const struct crypto *crypto, const struct member *member, const struct envelope *e)
{
	return e->is_signed && crypto->verify(crypto->context, &member->key, DOMAIN_ENTRY,
	                           e->body.data, e->body.size_bytes, &e->signature);
}

enum err
proof_check(const struct crypto *crypto, const struct roster *roster, const struct proof *proof,
    size_t *checked, member_index *culprit)
{
	const struct member *member;
	struct half first, second;
	member_index accused;

	*checked = 0;
	if (open_half(crypto, proof->first, &first) != ERR_OK ||
	    open_half(crypto, proof->second, &second) != ERR_OK || !are_in_order(&first, &second) ||
	    !halves_contradict(&first, &second))
		return ERR_MALFORMED;
	if (memcmp(&first.header.mesh, roster_mesh(roster), sizeof(first.header.mesh)) != 0 ||
	    memcmp(&second.header.mesh, roster_mesh(roster), sizeof(second.header.mesh)) != 0)
		return ERR_MESH;
	if ((accused = roster_find_id(roster, &first.header.author)) == MEMBER_NONE)
		return ERR_SUBJECT;
	member = roster_member(roster, accused);
	if (member->role != ROLE_NODE)
		return ERR_SUBJECT;
	if (first.header.incarnation > member->incarnation)
		return ERR_AUTHOR;
	for (const struct half *half = &first; half != NULL;
	     half = half == &first ? &second : NULL) {
		++*checked;
		if (!is_signed(crypto, member, &half->envelope))
			return ERR_SIGNATURE;
	}
	*culprit = accused;
	return ERR_OK;
}
