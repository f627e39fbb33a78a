#include <stdlib.h>
#include <string.h>
#include "core/epoch_internal.h"

/* ---- making --------------------------------------------------------------- */

enum err
epoch_new(size_t member_count, struct epoch **out)
{
	struct epoch *e;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		return ERR_NOMEM;
	e->member_count = member_count;
	e->weights = malloc(member_count + 1);
	e->ordinals = calloc(member_count + 1, sizeof(*e->ordinals));
	e->heads = calloc(member_count + 1, sizeof(*e->heads));
	if (e->weights == NULL || e->ordinals == NULL || e->heads == NULL) {
		epoch_free(e);
		return ERR_NOMEM;
	}
	memset(e->weights, EPOCH_NOT_LISTED, member_count);
	for (size_t i = 0; i < member_count; i++)
		e->ordinals[i] = EPOCH_NO_ORDINAL;
	*out = e;
	return ERR_OK;
}

enum err
epoch_copy(const struct epoch *from, struct epoch **out)
{
	struct epoch *e, made;
	enum err err;

	if ((err = epoch_new(from->member_count, &e)) != ERR_OK)
		return err;
	memcpy(e->weights, from->weights, from->member_count);
	memcpy(e->ordinals, from->ordinals, from->member_count * sizeof(*e->ordinals));
	memcpy(e->heads, from->heads, from->head_count * sizeof(*e->heads));
	made = *from;
	made.weights = e->weights;
	made.ordinals = e->ordinals;
	made.heads = e->heads;
	*e = made;
	*out = e;
	return ERR_OK;
}

void
epoch_free(struct epoch *e)
{
	if (e == NULL)
		return;
	free(e->weights);
	free(e->ordinals);
	free(e->heads);
	free(e);
}

void
epoch_list(struct epoch *e, member_index index, uint8_t weight)
{
	e->weights[index] = weight;
	if (weight == 0)
		return;
	e->ordinals[index] = (uint16_t)e->head_count;
	e->heads[e->head_count++] = index;
	e->weight += weight;
}

/* ---- the record ----------------------------------------------------------- */

uint64_t
epoch_number(const struct epoch *e)
{
	return e->number;
}

uint64_t
epoch_time_ms(const struct epoch *e)
{
	return e->time_ms;
}

const struct hash *
epoch_hash(const struct epoch *e)
{
	return &e->hash;
}

const struct epoch_parameters *
epoch_parameters(const struct epoch *e)
{
	return &e->parameters;
}

bool
epoch_has(const struct epoch *e, member_index index)
{
	return index < e->member_count && e->weights[index] != EPOCH_NOT_LISTED;
}

uint32_t
epoch_weight_of(const struct epoch *e, member_index index)
{
	return epoch_has(e, index) ? e->weights[index] : 0;
}

size_t
epoch_heads(const struct epoch *e)
{
	return e->head_count;
}

int
epoch_ordinal(const struct epoch *e, member_index index)
{
	if (index >= e->member_count || e->ordinals[index] == EPOCH_NO_ORDINAL)
		return -1;
	return e->ordinals[index];
}

member_index
epoch_head_at(const struct epoch *e, size_t ordinal)
{
	return ordinal < e->head_count ? e->heads[ordinal] : MEMBER_NONE;
}

uint64_t
epoch_weight(const struct epoch *e)
{
	return e->weight;
}

/* ---- the electorate's numbers --------------------------------------------- */

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

size_t
epoch_f(const struct epoch *e)
{
	static const struct {
		size_t heads;
		size_t most;
	} caps[] = { { 9, 1 }, { 100, 5 }, { 1000, 20 }, { 10000, 32 } };
	size_t f = e->head_count == 0 ? 0 : (e->head_count - 1) / 4;

	for (size_t i = 0; i < sizeof(caps) / sizeof(*caps); i++)
		if (e->head_count <= caps[i].heads)
			return f < caps[i].most ? f : caps[i].most;
	return caps[3].most;
}

size_t
epoch_k(const struct epoch *e, uint32_t local_corroboration)
{
	return larger(
	    larger(2, epoch_f(e) + 1), larger(e->parameters.corroboration, local_corroboration));
}

size_t
epoch_local_cuts(const struct epoch *e)
{
	return e->head_count == 0 ? 0 : (e->head_count - 1) / 2;
}

size_t
epoch_restrictions(const struct epoch *e)
{
	return larger(1, e->head_count / 20);
}

size_t
epoch_precautions(const struct epoch *e)
{
	return e->parameters.precautions != 0 ? e->parameters.precautions
	                                      : larger(1, e->head_count / 3);
}

bool
epoch_is_quorum(const struct epoch *e, member_index subject, size_t voters, uint64_t weight)
{
	size_t others = e->head_count - (epoch_ordinal(e, subject) != -1);
	uint64_t others_weight = e->weight - epoch_weight_of(e, subject);

	if (voters < 2 || voters > others)
		return false;
	if (e->head_count <= 4)
		return voters == others;
	return 2 * voters > others && 2 * weight > others_weight;
}
