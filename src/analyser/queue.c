#include "analyser/queue.h"

/* Is a served before b? */
static bool
before(const struct queue_place *a, const struct queue_place *b)
{
	return a->floor != b->floor ? a->floor > b->floor : a->order < b->order;
}

static size_t
find_extreme(const struct queue *q, bool last)
{
	size_t found = 0, i;

	for (i = 1; i < q->count; i++)
		if (before(&q->places[i], &q->places[found]) != last)
			found = i;
	return found;
}

void *
queue_put(struct queue *q, uint32_t floor, void *item)
{
	const struct queue_place place = { item, q->order++, floor };
	size_t last;
	void *dropped;

	if (q->count < LIMIT_ADVICE_QUEUE) {
		q->places[q->count++] = place;
		return NULL;
	}
	last = find_extreme(q, true);
	if (!before(&place, &q->places[last]))
		return item;
	dropped = q->places[last].item;
	q->places[last] = place;
	return dropped;
}

void *
queue_take(struct queue *q)
{
	size_t first;
	void *item;

	if (q->count == 0)
		return NULL;
	first = find_extreme(q, false);
	item = q->places[first].item;
	q->places[first] = q->places[--q->count];
	return item;
}

void
queue_remove(struct queue *q, const void *item)
{
	size_t i;

	for (i = 0; i < q->count; i++)
		if (q->places[i].item == item) {
			q->places[i] = q->places[--q->count];
			return;
		}
}
