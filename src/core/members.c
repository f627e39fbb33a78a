#include <stdlib.h>
#include <string.h>
#include "core/members.h"

void
members_free(struct members *s)
{
	free(s->list);
	memset(s, 0, sizeof(*s));
}

size_t
members_from(const struct members *s, member_index m)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s->list[middle] < m)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
members_has(const struct members *s, member_index m)
{
	size_t at = members_from(s, m);

	return at < s->count && s->list[at] == m;
}

enum err
members_add(struct members *s, member_index m)
{
	size_t at = members_from(s, m);

	if (at < s->count && s->list[at] == m)
		return ERR_OK;
	if (s->count == s->room) {
		size_t room = s->room == 0 ? 8 : s->room * 2;
		member_index *list = reallocarray(s->list, room, sizeof(*list));

		if (list == NULL)
			return ERR_NOMEM;
		s->list = list;
		s->room = room;
	}
	memmove(&s->list[at + 1], &s->list[at], (s->count - at) * sizeof(*s->list));
	s->list[at] = m;
	s->count++;
	return ERR_OK;
}

void
members_remove_at(struct members *s, size_t at)
{
	s->count--;
	memmove(&s->list[at], &s->list[at + 1], (s->count - at) * sizeof(*s->list));
}
