#include <stdlib.h>
#include <string.h>
#include "base/limits.h"
#include "core/precaution.h"

void
precaution_free(struct precautions *p)
{
	free(p->list);
	memset(p, 0, sizeof(*p));
}

static int
compare(const struct precaution *a, const struct precaution *b)
{
	if (a->second != b->second)
		return a->second < b->second ? -1 : 1;
	return memcmp(a->hash.bytes, b->hash.bytes, sizeof(a->hash.bytes));
}

enum err
precaution_add(struct precautions *p, const struct precaution *new)
{
	size_t at = p->count;

	/* Most arrive in order, so search from the end. */
	while (at > 0 && compare(&p->list[at - 1], new) > 0)
		at--;
	if (at > 0 && compare(&p->list[at - 1], new) == 0)
		return ERR_OK;
	if (p->count == p->room) {
		size_t room = p->room == 0 ? 8 : p->room * 2;
		struct precaution *list = reallocarray(p->list, room, sizeof(*list));

		if (list == NULL)
			return ERR_NOMEM;
		p->list = list;
		p->room = room;
	}
	memmove(&p->list[at + 1], &p->list[at], (p->count - at) * sizeof(*p->list));
	p->list[at] = *new;
	p->list[at].stands = false;
	p->count++;
	return ERR_OK;
}

void
precaution_remove(struct precautions *p, const struct hash *hash)
{
	for (size_t i = 0; i < p->count; i++) {
		if (memcmp(p->list[i].hash.bytes, hash->bytes, sizeof(hash->bytes)) != 0)
			continue;
		p->count--;
		memmove(&p->list[i], &p->list[i + 1], (p->count - i) * sizeof(*p->list));
		return;
	}
}

void
precaution_judge(struct precautions *p, size_t limit, uint32_t *counts)
{
	const uint64_t day_s = LIMIT_PRECAUTION_MS / 1000;
	size_t oldest = 0, subjects = 0;

	/* list[oldest..i) are those of the 24 h before list[i]; counts[] of each subject. */
	for (size_t i = 0; i < p->count; i++) {
		struct precaution *this = &p->list[i];
		size_t others;

		while (oldest < i && p->list[oldest].second + day_s < this->second)
			if (--counts[p->list[oldest++].subject] == 0)
				subjects--;
		others = subjects - (counts[this->subject] > 0 ? 1 : 0);
		this->stands = others < limit && !this->over;
		if (counts[this->subject]++ == 0)
			subjects++;
	}
	while (oldest < p->count)
		counts[p->list[oldest++].subject] = 0;
}

bool
precaution_matters(const struct precautions *p, const struct precaution *this)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct precaution *later = &p->list[i];

		if (later->subject != this->subject && !later->over && compare(this, later) < 0 &&
		    later->second <= this->second + LIMIT_PRECAUTION_MS / 1000)
			return true;
	}
	return false;
}

const struct precaution *
precaution_standing(const struct precautions *p, member_index subject)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].subject == subject && p->list[i].stands)
			return &p->list[i];
	return NULL;
}

bool
precaution_held(const struct precautions *p, member_index subject)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].subject == subject && !p->list[i].over)
			return true;
	return false;
}

const struct precaution *
precaution_first_standing(const struct precautions *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].stands)
			return &p->list[i];
	return NULL;
}
