/*
 * queue: what will happen in the simulated world, by time; of one
 * millisecond, in the order in which it was put there.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record;

/* Bytes under way, shared by all that they go to. */
struct payload {
	uint32_t references;
	uint32_t size_bytes;
	uint64_t digest;         /* for the trace */
	struct record **records; /* the feed entries within */
	size_t record_count;
	uint8_t bytes[];
};

enum happening_kind {
	HAPPEN_MESSAGE,   /* from one host to another */
	HAPPEN_LINK_UP,
	HAPPEN_LINK_DOWN,
	HAPPEN_WRITE,     /* a draft reaches the notary */
	HAPPEN_SYNC,      /* what it wrote is on the platter */
	HAPPEN_APPENDED,  /* what it signed comes back */
	HAPPEN_KEEP,      /* a received entry reaches the disk */
	HAPPEN_KEPT,      /* and the platter */
	HAPPEN_FLUSHED,
	HAPPEN_RECORDS,   /* the CA's records reach the notary; number: where in the log */
	HAPPEN_ROSTER,    /* they are proven and durable; number: enum err */
	HAPPEN_BOOT,
	HAPPEN_FAULT,     /* number: which of the schedule's */
	HAPPEN_RESUME     /* a process that stood still goes on */
};

struct happening {
	enum happening_kind kind;
	uint16_t to, from;
	uint32_t number; /* a request, a token, a link */
	uint32_t life;   /* of the host, or of the link: what died meanwhile hears nothing */
	struct payload *payload;
};

struct queue_slot {
	uint64_t at_ms, order;
	struct happening what;
};

struct queue {
	struct queue_slot *heap;
	size_t count, room;
	uint64_t order;
};

struct payload *payload_new(const uint8_t *bytes, size_t size_bytes);
struct payload *payload_share(struct payload *);
void payload_drop(struct payload *); /* accepts NULL */

/* The queue holds the caller's reference from now on. */
void queue_add(struct queue *, uint64_t at_ms, const struct happening *);
/* What was to reach this host at from_ms does so at at_ms, which is earlier, in the same order. */
void queue_hasten(struct queue *, uint16_t to, uint64_t from_ms, uint64_t at_ms);
uint64_t queue_next(const struct queue *); /* UINT64_MAX: nothing */
/* The reference is the caller's. */
struct happening queue_take(struct queue *);
void queue_free(struct queue *);

#endif
