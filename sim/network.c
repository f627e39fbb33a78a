#include <stdlib.h>
#include <string.h>
#include "sim/network.h"

void
network_clear(struct network *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->heap[i]);
	n->count = 0;
}

void
network_free(struct network *n)
{
	network_clear(n);
	free(n->heap);
}

static bool
is_before(const struct arrival_event *a, const struct arrival_event *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void
network_add(struct network *n, const struct arrival_event *e, const uint8_t *bytes)
{
	struct arrival_event *copy = malloc(sizeof(*copy) + e->size_bytes);
	size_t i = n->count++;

	if (n->count > n->room) {
		n->room = n->room == 0 ? 64 : n->room * 2;
		n->heap = reallocarray(n->heap, n->room, sizeof(struct arrival_event *));
	}
	if (copy == NULL || n->heap == NULL)
		abort();
	*copy = *e;
	copy->order = n->order++;
	if (e->size_bytes > 0)
		memcpy(copy->bytes, bytes, e->size_bytes);
	for (; i > 0 && is_before(copy, n->heap[(i - 1) / 2]); i = (i - 1) / 2)
		n->heap[i] = n->heap[(i - 1) / 2];
	n->heap[i] = copy;
}

void
network_send(struct network *n, const struct arrival_event *e, const uint8_t *bytes)
{
	struct arrival_event copy = *e;
	unsigned copies = prng_below(&n->prng, 1000) < n->doubled_per_1000 ? 2 : 1;

	if (prng_below(&n->prng, 1000) < n->lost_per_1000)
		return;
	for (; copies > 0; copies--) {
		copy.at_ms = e->at_ms + n->delay_min_ms +
		             prng_below(&n->prng, n->delay_max_ms - n->delay_min_ms + 1);
		network_add(n, &copy, bytes);
	}
}

uint64_t
network_next(const struct network *n)
{
	return n->count == 0 ? UINT64_MAX : n->heap[0]->at_ms;
}

struct arrival_event *
network_take(struct network *n)
{
	struct arrival_event *first = n->heap[0], *last = n->heap[--n->count];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < n->count && is_before(n->heap[child + 1], n->heap[child]))
			child++;
		if (child >= n->count || !is_before(n->heap[child], last))
			break;
		n->heap[i] = n->heap[child];
		i = child;
	}
	n->heap[i] = last;
	return first;
}
