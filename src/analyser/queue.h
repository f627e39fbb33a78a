/*
 * queue: what waits for the model, gravest first, then oldest first.
 *
 * At most LIMIT_ADVICE_QUEUE.  When it is full, the lowest floor gives way, of
 * those the youngest.  Pure; items belong to the caller.
 */
#ifndef ANALYSER_QUEUE_H
#define ANALYSER_QUEUE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/limits.h"

struct queue_place {
	void *item;
	uint64_t order;
	uint32_t floor;
};

struct queue {
	struct queue_place places[LIMIT_ADVICE_QUEUE];
	uint64_t order;
	size_t count;
};

/* The item that has no place any more: another one, this one, or NULL. */
void *queue_put(struct queue *, uint32_t floor, void *item);
/* The next, taken out; NULL: empty. */
void *queue_take(struct queue *);
void queue_remove(struct queue *, const void *item);

#endif
