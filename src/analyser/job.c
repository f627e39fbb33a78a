#include <stdio.h>
#include <stdlib.h>
#include "analyser/job.h"
#include "analyser/text.h"
#include "core/rules.h"

void
job_answer(const struct job *job, const struct adviser_waiter *w, const struct outcome *o,
    struct metrics *metrics)
{
	const struct features *f = &job->features;
	char reason[LIMIT_REASON_BYTES + 1];
	struct advice advice = { .floor = f->floor,
		.ceiling = f->ceiling,
		.score = f->floor,
		.rejected = o->rejected,
		.latency_ms = (uint32_t)(loop_now_ms() - w->asked_ms),
		.reason = reason,
		.method = "rule-based",
		.model = "",
		.model_digest = "",
		.prompt = o->prompt };

	if (o->opinion != NULL) {
		advice.has_opinion = true;
		advice.opinion = o->opinion->score;
		advice.score = rules_bound(f->class, f->floor, o->opinion->score);
		advice.method = "ai";
		advice.model = o->model;
		advice.model_digest = o->model_digest;
		text_for_people(o->opinion->reason, reason);
		metrics->by_model++;
	} else {
		(void)snprintf(reason, sizeof(reason), "rules: %s", event_meaning(f->class));
		metrics->by_rules++;
		metrics->rejected[o->rejected]++;
	}
	w->done(w->context, &advice);
}

void
job_finish(struct job *job, const struct outcome *outcome, struct metrics *metrics)
{
	struct adviser_waiter *w;

	job->finishing = true;
	while ((w = job->waiters) != NULL) {
		job->waiters = w->next;
		job_answer(job, w, outcome, metrics);
		free(w);
	}
	free(job);
}

void
job_free(struct job *job)
{
	struct adviser_waiter *w;

	if (job == NULL)
		return;
	while ((w = job->waiters) != NULL) {
		job->waiters = w->next;
		free(w);
	}
	free(job);
}

void
job_join(struct job *job, struct adviser_waiter *w, uint32_t count)
{
	w->job = job;
	w->next = job->waiters;
	job->waiters = w;
	job->event.count +=
	    count < UINT32_MAX - job->event.count ? count : UINT32_MAX - job->event.count;
}

bool
job_leave(struct adviser_waiter *w)
{
	struct job *job = w->job;
	struct adviser_waiter **at = &job->waiters;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w);
	return job->waiters == NULL && !job->finishing;
}
