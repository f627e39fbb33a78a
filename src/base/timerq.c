#include <stdlib.h>
#include "base/timerq.h"

#define INITIAL_ROOM 16

struct timerq {
	struct timer **heap; /* heap[i] is due no later than heap[2i+1] and heap[2i+2] */
	size_t count;
	size_t room;
	uint64_t orders;
};

enum err
timerq_new(struct timerq **out)
{
	struct timerq *q;

	if ((q = calloc(1, sizeof(*q))) == NULL)
		return ERR_NOMEM;
	*out = q;
	return ERR_OK;
}

void
timerq_free(struct timerq *q)
{
	if (q == NULL)
		return;
	free(q->heap);
	free(q);
}

static bool
before(const struct timer *a, const struct timer *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void
place(struct timerq *q, size_t at, struct timer *timer)
{
	q->heap[at] = timer;
	timer->slot = at + 1;
}

/* Move the timer that stands at the hole's position to where it belongs. */
static void
settle(struct timerq *q, size_t at, struct timer *timer)
{
	while (at > 0 && before(timer, q->heap[(at - 1) / 2])) {
		place(q, at, q->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < q->count && before(q->heap[child + 1], q->heap[child]))
			child++;
		if (child >= q->count || !before(q->heap[child], timer))
			break;
		place(q, at, q->heap[child]);
		at = child;
	}
	place(q, at, timer);
}

enum err
timerq_set(struct timerq *q, struct timer *timer, uint64_t at_ms)
{
	size_t at;

	if (timer->slot != 0) {
		at = timer->slot - 1;
	} else {
		if (q->count == q->room) {
			size_t room = q->room == 0 ? INITIAL_ROOM : q->room * 2;
			struct timer **heap = reallocarray(q->heap, room, sizeof(*heap));

			if (heap == NULL)
				return ERR_NOMEM;
			q->heap = heap;
			q->room = room;
		}
		at = q->count++;
	}
	timer->at_ms = at_ms;
	timer->order = q->orders++;
	settle(q, at, timer);
	return ERR_OK;
}

void
timerq_cancel(struct timerq *q, struct timer *timer)
{
	size_t at = timer->slot - 1;
	struct timer *last;

	if (timer->slot == 0)
		return;
	timer->slot = 0;
	last = q->heap[--q->count];
	if (last != timer)
		settle(q, at, last);
}

bool
timer_is_set(const struct timer *timer)
{
	return timer->slot != 0;
}

struct timer *
timerq_pop(struct timerq *q, uint64_t now_ms)
{
	struct timer *first;

	if (q->count == 0 || q->heap[0]->at_ms > now_ms)
		return NULL;
	first = q->heap[0];
	timerq_cancel(q, first);
	return first;
}

uint64_t
timerq_next(const struct timerq *q)
{
	return q->count == 0 ? UINT64_MAX : q->heap[0]->at_ms;
}
