#include <stdlib.h>
#include <string.h>
#include "sim/digest.h"
#include "sim/queue.h"

#define FANOUT 4

struct payload *
payload_new(const uint8_t *bytes, size_t size_bytes)
{
	struct payload *p = malloc(sizeof(*p) + size_bytes);

	if (p == NULL)
		abort();
	*p = (struct payload){ .references = 1,
		.size_bytes = (uint32_t)size_bytes,
		.digest = digest_bytes(0, bytes, size_bytes) };
	if (size_bytes > 0)
		memcpy(p->bytes, bytes, size_bytes);
	return p;
}

struct payload *
payload_share(struct payload *p)
{
	p->references++;
	return p;
}

void
payload_drop(struct payload *p)
{
	if (p == NULL || --p->references > 0)
		return;
	free(p->records);
	free(p);
}

static bool
is_before(const struct queue_slot *a, const struct queue_slot *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

/* Into place i, which is free, or above it. */
static void
rise(struct queue *q, size_t i, struct queue_slot slot)
{
	for (; i > 0 && is_before(&slot, &q->heap[(i - 1) / FANOUT]); i = (i - 1) / FANOUT)
		q->heap[i] = q->heap[(i - 1) / FANOUT];
	q->heap[i] = slot;
}

void
queue_add(struct queue *q, uint64_t at_ms, const struct happening *what)
{
	struct queue_slot slot = { at_ms, q->order++, *what };

	if (q->count == q->room) {
		q->room = q->room == 0 ? 256 : q->room * 2;
		q->heap = reallocarray(q->heap, q->room, sizeof(*q->heap));
		if (q->heap == NULL)
			abort();
	}
	rise(q, q->count++, slot);
}

void
queue_hasten(struct queue *q, uint16_t to, uint64_t from_ms, uint64_t at_ms)
{
	for (size_t i = 0; i < q->count; i++) {
		struct queue_slot slot = q->heap[i];

		if (slot.what.to == to && slot.at_ms == from_ms)
			slot.at_ms = at_ms;
		rise(q, i, slot);
	}
}

uint64_t
queue_next(const struct queue *q)
{
	return q->count == 0 ? UINT64_MAX : q->heap[0].at_ms;
}

struct happening
queue_take(struct queue *q)
{
	struct happening first = q->heap[0].what;
	struct queue_slot last = q->heap[--q->count];
	size_t i = 0;

	for (;;) {
		size_t child = FANOUT * i + 1, best = child;

		if (child >= q->count)
			break;
		for (size_t c = child + 1; c < child + FANOUT && c < q->count; c++)
			if (is_before(&q->heap[c], &q->heap[best]))
				best = c;
		if (!is_before(&q->heap[best], &last))
			break;
		q->heap[i] = q->heap[best];
		i = best;
	}
	q->heap[i] = last;
	return first;
}

void
queue_free(struct queue *q)
{
	for (size_t i = 0; i < q->count; i++)
		payload_drop(q->heap[i].what.payload);
	free(q->heap);
}
