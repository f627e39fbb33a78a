/*
 * job: one question, and all who wait for its answer.
 */
#ifndef ANALYSER_JOB_H
#define ANALYSER_JOB_H
#include "analyser/adviser.h"
#include "analyser/cache.h"
#include "analyser/features.h"

struct adviser_waiter {
	struct adviser_waiter *next;
	struct job *job;
	void (*done)(void *context, const struct advice *);
	void *context;
	uint64_t asked_ms;
};

struct job {
	struct event event;
	struct features features;
	uint8_t question[FEATURES_KEY_BYTES];
	size_t question_bytes;
	struct cache_key key;
	struct adviser_waiter *waiters;
	uint64_t deadline_ms;
	bool finishing; /* those who are told may forget others of it meanwhile */
};

struct outcome {
	const struct verdict_opinion *opinion; /* NULL: rejected */
	enum rejection rejected;
	const char *prompt; /* NULL: none was sent */
	const char *model, *model_digest; /* with an opinion */
};

/* Bounds the opinion, tells this one, and counts it. */
void job_answer(const struct job *, const struct adviser_waiter *, const struct outcome *,
    struct metrics *);
/* Tells all who wait, and frees it: it stands in no queue any more. */
void job_finish(struct job *, const struct outcome *, struct metrics *);
void job_free(struct job *); /* tells nobody; accepts NULL */
/* One more, whose event is counted in the question if that is not sent yet. */
void job_join(struct job *, struct adviser_waiter *, uint32_t count);
/* One less, freed; true: it was the last, and the job is the caller's to drop. */
bool job_leave(struct adviser_waiter *);

#endif
