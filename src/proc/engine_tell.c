/*
 * engine_tell: the witness has cut the source off in its own kernel before it
 * tells anybody.  Writing and signing go on beside the cut; what they yield
 * waits here for the kernel's word, LIMIT_CUT_WAIT_MS at most, so that an
 * enforcer that hangs silences nobody.
 */
#include "proc/engine.h"
#include <stdlib.h>
#include <string.h>
#include "sys/log.h"

static void
to_core(struct engine *e, uint32_t request, enum core_input input, struct span envelope)
{
	struct core_event event = { .input = input };

	event.appended.request = request;
	event.appended.bytes = envelope;
	engine_feed(e, &event);
}

static void
release(struct engine *e)
{
	struct engine_answer waiting[LIMIT_PENDING_APPENDS];
	size_t count = e->answer_count;

	e->awaited_cut = 0;
	loop_timer_set(e->cut_timer, UINT64_MAX);
	memcpy(waiting, e->answers, count * sizeof(waiting[0]));
	e->answer_count = 0;
	for (size_t i = 0; i < count; i++) {
		to_core(e, waiting[i].request, waiting[i].input,
		    (struct span){ waiting[i].bytes, waiting[i].size_bytes });
		free(waiting[i].bytes);
	}
}

static void
on_late(void *context)
{
	struct engine *e = context;

	log_warn(
	    "the enforcer has not answered in %d ms; telling peers without it", LIMIT_CUT_WAIT_MS);
	release(e);
}

enum err
engine_tell_start(struct engine *e)
{
	return loop_timer_new(e->loop, on_late, e, &e->cut_timer);
}

void
engine_await_cut(struct engine *e, uint32_t request)
{
	if (e->siblings[ROLE_ENFORCER] == NULL || e->effective.mode != EFFECTIVE_ENFORCE)
		return;
	e->awaited_cut = request;
	loop_timer_set(e->cut_timer, loop_now_ms() + LIMIT_CUT_WAIT_MS);
}

void
engine_cut_done(struct engine *e, uint32_t request)
{
	if (request != 0 && request == e->awaited_cut)
		release(e);
}

void
engine_answered(struct engine *e, uint32_t request, enum core_input input, struct span envelope)
{
	struct engine_answer *answer;
	uint8_t *copy;

	if (e->awaited_cut == 0 || e->answer_count == LIMIT_PENDING_APPENDS ||
	    (copy = malloc(envelope.size_bytes + 1)) == NULL) {
		to_core(e, request, input, envelope);
		return;
	}
	if (envelope.size_bytes > 0)
		memcpy(copy, envelope.data, envelope.size_bytes);
	answer = &e->answers[e->answer_count++];
	*answer = (struct engine_answer){
		.request = request, .input = input, .size_bytes = envelope.size_bytes, .bytes = copy
	};
}
