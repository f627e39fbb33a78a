/*
 * engine_advice: what the analyser is asked, and what becomes of its opinion.
 *
 * An opinion is for people to read.  It comes when everything that a touch
 * causes has been carried out, it is bounded by this node's own floor and
 * ceiling, and it makes no event of the core: nobody is isolated or released
 * for it (docs/analyser.md, "Bounds").
 *
 * One question a source, its repeats counted; one under way; a table that is
 * full gives up the lowest score.  A question is asked when the client has
 * said what it had to say, and later than the cuts in any case.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "core/rules.h"
#include "proc/engine.h"
#include "sys/log.h"

/* The analyser's side may take so long before it says at least that it cannot. */
#define GIVE_UP_MS (LIMIT_ADVICE_WAIT_MS + LIMIT_MODEL_DEADLINE_MS + 2 * LIMIT_ADVICE_SLACK_MS)

struct engine_ask {
	struct msg_advise about;
	size_t sample_bytes;
	uint8_t sample[LIMIT_SAMPLE_BYTES];
};

static void ask_next(struct engine *);

/* ---- the table ------------------------------------------------------------------------- */

static struct engine_question *
find(struct engine *e, enum question_state state)
{
	for (size_t i = 0; i < LIMIT_ADVICE_SOURCES; i++)
		if (e->questions[i].state == state)
			return &e->questions[i];
	return NULL;
}

static struct engine_question *
find_source(struct engine *e, const struct address *source)
{
	for (size_t i = 0; i < LIMIT_ADVICE_SOURCES; i++)
		if (e->questions[i].state != QUESTION_FREE &&
		    address_equal(&e->questions[i].report.source, source))
			return &e->questions[i];
	return NULL;
}

/* Nobody waits for the analyser any longer. */
static void
tell_by_rules(struct engine *e, struct engine_question *q)
{
	if (q->report_ms == UINT64_MAX)
		return;
	q->report_ms = UINT64_MAX;
	engine_report(e, &q->report, NULL);
}

static void
drop_ask(struct engine_question *q)
{
	free(q->ask);
	q->ask = NULL;
}

/* A place: a free one, that of a source long quiet, that of an event less grave. */
static struct engine_question *
make_room(struct engine *e, uint32_t floor)
{
	struct engine_question *free_one = find(e, QUESTION_FREE), *oldest = NULL, *lowest = NULL;

	if (free_one != NULL)
		return free_one;
	for (size_t i = 0; i < LIMIT_ADVICE_SOURCES; i++) {
		struct engine_question *q = &e->questions[i];

		if (q->state == QUESTION_QUIET && (oldest == NULL || q->due_ms < oldest->due_ms))
			oldest = q;
		if (q->state == QUESTION_GATHERING && q->report.floor < floor &&
		    (lowest == NULL || q->report.floor < lowest->report.floor))
			lowest = q;
	}
	if (oldest != NULL || lowest == NULL)
		return oldest;
	tell_by_rules(e, lowest);
	drop_ask(lowest);
	return lowest;
}

static void
arm(struct engine *e)
{
	const bool under_way = find(e, QUESTION_ASKED) != NULL;
	uint64_t at_ms = UINT64_MAX;

	for (size_t i = 0; i < LIMIT_ADVICE_SOURCES; i++) {
		const struct engine_question *q = &e->questions[i];
		uint64_t due_ms = q->due_ms;

		if (q->state != QUESTION_GATHERING && q->state != QUESTION_ASKED)
			continue;
		if (q->state == QUESTION_GATHERING && due_ms < e->next_question_ms)
			due_ms = e->next_question_ms;
		/* The others wait for its end, not for a time. */
		if (q->state == QUESTION_GATHERING && under_way)
			due_ms = UINT64_MAX;
		if (q->report_ms < due_ms)
			due_ms = q->report_ms;
		if (due_ms < at_ms)
			at_ms = due_ms;
	}
	loop_timer_set(e->advice_timer, at_ms);
}

/* ---- asking ------------------------------------------------------------------------------- */

bool
engine_advice_first(const struct engine *e, const struct core_action *action)
{
	return e->config->analysis == CONFIG_AI_FIRST && e->siblings[ROLE_ADVICE] != NULL &&
	       action->notice.score <= e->config->threshold;
}

static const struct core_action *
touch_notice(const struct engine *e)
{
	for (size_t i = 0; i < e->actions.count; i++) {
		const struct core_action *a = &e->actions.list[i];

		if (a->what == CORE_DO_NOTICE && a->notice.notice == NOTICE_TOUCH)
			return a;
	}
	return NULL;
}

static void
add_sample(struct engine_ask *ask, struct span bytes)
{
	size_t room = sizeof(ask->sample) - ask->sample_bytes;
	size_t size = bytes.size_bytes < room ? bytes.size_bytes : room;

	if (size > 0)
		memcpy(ask->sample + ask->sample_bytes, bytes.data, size);
	ask->sample_bytes += size;
}

static enum err
begin(struct engine *e, struct engine_question *q, const struct msg_touch *touch,
    const struct core_action *action, struct span evidence)
{
	const uint64_t now_ms = loop_now_ms();
	/* The same source again: what was counted meanwhile belongs to this question. */
	const bool known =
	    q->state == QUESTION_QUIET && address_equal(&q->report.source, &touch->source.address);
	struct engine_ask *ask = calloc(1, sizeof(*ask));

	if (ask == NULL)
		return ERR_NOMEM;
	ask->about.class = (uint32_t)action->notice.class;
	ask->about.source = touch->source;
	ask->about.port = e->config->decoys[touch->decoy].port;
	ask->about.count = 1 + (known ? q->repeats : 0);
	ask->about.seen_ms = touch->seen_ms;
	ask->about.since_last_ms = known ? now_ms - q->last_ms : 0;
	ask->about.captured_bytes = evidence.size_bytes;
	add_sample(ask, evidence);
	*q = (struct engine_question){ .state = QUESTION_GATHERING,
		.touch = touch->touch,
		.due_ms = now_ms + (touch->more ? LIMIT_ADVICE_CAPTURE_MS : LIMIT_REPORT_DELAY_MS),
		.last_ms = now_ms,
		.report_ms = engine_advice_first(e, action)
		                 ? now_ms + e->config->analysis_deadline_ms
		                 : UINT64_MAX,
		.report = { .incident = action->incident,
		    .class = action->notice.class,
		    .source = touch->source.address,
		    .floor = action->notice.score,
		    .decision = engine_decision(e, action) },
		.ask = ask };
	arm(e);
	return ERR_OK;
}

/* false: it is asked about already, or was of late. */
static bool
is_new(struct engine_question *q)
{
	const uint64_t now_ms = loop_now_ms();

	if (q == NULL || (q->state == QUESTION_QUIET && q->due_ms <= now_ms))
		return true;
	q->last_ms = now_ms;
	if (q->ask != NULL)
		q->ask->about.count++;
	else
		q->repeats++;
	return false;
}

void
engine_advise(struct engine *e, const struct msg_touch *touch, struct span evidence)
{
	const struct core_action *action = touch_notice(e);
	struct engine_question *q = find_source(e, &touch->source.address);
	const bool waits = action != NULL && engine_advice_first(e, action);

	if (action == NULL || action->notice.cause == CAUSE_REPEATED) {
		if (q != NULL)
			(void)is_new(q);
		return;
	}
	if (action->notice.cause == CAUSE_IGNORED || e->siblings[ROLE_ADVICE] == NULL)
		return;
	if (is_new(q) && (q != NULL || (q = make_room(e, action->notice.score)) != NULL) &&
	    begin(e, q, touch, action, evidence) == ERR_OK)
		return;
	/* ai-first keeps quiet for a question alone, and this one is not asked. */
	if (waits) {
		const struct engine_report report = { .incident = action->incident,
			.class = action->notice.class,
			.source = touch->source.address,
			.floor = action->notice.score,
			.decision = engine_decision(e, action) };

		engine_report(e, &report, NULL);
	}
}

void
engine_advise_more(struct engine *e, const struct msg_capture *capture, struct span rest)
{
	for (size_t i = 0; i < LIMIT_ADVICE_SOURCES; i++) {
		struct engine_question *q = &e->questions[i];

		if (q->state != QUESTION_GATHERING || q->touch != capture->touch)
			continue;
		q->ask->about.hints = capture->hints;
		q->ask->about.captured_bytes = capture->total_bytes;
		add_sample(q->ask, rest);
		q->due_ms = loop_now_ms() + LIMIT_REPORT_DELAY_MS;
		arm(e);
		return;
	}
}

static struct engine_question *
gravest_due(struct engine *e)
{
	const uint64_t now_ms = loop_now_ms();
	struct engine_question *best = NULL;

	for (size_t i = 0; i < LIMIT_ADVICE_SOURCES; i++) {
		struct engine_question *q = &e->questions[i];

		if (q->state == QUESTION_GATHERING && q->due_ms <= now_ms &&
		    (best == NULL || q->report.floor > best->report.floor ||
		        (q->report.floor == best->report.floor && q->due_ms < best->due_ms)))
			best = q;
	}
	return best;
}

static void
fall_quiet(struct engine *e, struct engine_question *q)
{
	const uint64_t now_ms = loop_now_ms();

	drop_ask(q);
	q->state = QUESTION_QUIET;
	q->due_ms = now_ms + LIMIT_ADVICE_QUIET_MS;
	e->next_question_ms = now_ms + LIMIT_ADVICE_GAP_MS;
}

static void
give_up(struct engine *e, struct engine_question *q)
{
	e->unanswered_count++;
	tell_by_rules(e, q);
	fall_quiet(e, q);
}

static void
ask_next(struct engine *e)
{
	struct engine_question *q;

	if (find(e, QUESTION_ASKED) != NULL || loop_now_ms() < e->next_question_ms ||
	    (q = gravest_due(e)) == NULL)
		return;
	if (e->siblings[ROLE_ADVICE] == NULL) {
		give_up(e, q);
		return;
	}
	q->request = engine_request(e);
	q->ask->about.request = q->request;
	q->ask->about.cpu_percent = e->telemetry.cpu_percent;
	q->ask->about.memory_percent = e->telemetry.memory_percent;
	engine_tell(e, ROLE_ADVICE, MSG_ADVISE, &q->ask->about, sizeof(q->ask->about),
	    (struct span){ q->ask->sample, q->ask->sample_bytes });
	drop_ask(q);
	q->state = QUESTION_ASKED;
	q->due_ms = loop_now_ms() + GIVE_UP_MS;
}

static void
on_timer(void *context)
{
	struct engine *e = context;
	const uint64_t now_ms = loop_now_ms();
	struct engine_question *asked = find(e, QUESTION_ASKED);

	if (asked != NULL && asked->due_ms <= now_ms)
		give_up(e, asked);
	for (size_t i = 0; i < LIMIT_ADVICE_SOURCES; i++)
		if (e->questions[i].report_ms <= now_ms && e->questions[i].state != QUESTION_FREE)
			tell_by_rules(e, &e->questions[i]);
	ask_next(e);
	arm(e);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void
remember(struct engine *e, const struct engine_question *q, const struct msg_opinion *opinion)
{
	struct msg_judged *place;

	if (e->opinions == NULL &&
	    (e->opinions = calloc(LIMIT_OPINIONS_KEPT, sizeof(*e->opinions))) == NULL)
		return;
	place = &e->opinions[e->opinion_count++ % LIMIT_OPINIONS_KEPT];
	*place = (struct msg_judged){ .time_ms = loop_unix_ms(),
		.incident = q->report.incident,
		.source = q->report.source,
		.class = (uint32_t)q->report.class,
		.floor = q->report.floor,
		.opinion = opinion->opinion,
		.score = rules_bound(q->report.class, q->report.floor, opinion->opinion),
		.count = 1 + q->repeats };
	memcpy(place->model, opinion->model, sizeof(place->model));
	memcpy(place->reason, opinion->reason, sizeof(place->reason));
}

static void
attach(struct engine *e, struct engine_question *q, const struct msg_opinion *opinion)
{
	char incident[HEX_ROOM(sizeof(q->report.incident.bytes))], source[46];

	hex_format(q->report.incident.bytes, sizeof(q->report.incident.bytes), incident);
	address_format(&q->report.source, source);
	/* The reason stands last: whatever it holds, no field follows that it could forge. */
	log_info("incident=%s opinion source=%s event=%s floor=%u opinion=%u score=%u method=ai "
	         "decision=%s ms=%u model=%s reason=%s",
	    incident, source, event_class_text(q->report.class), q->report.floor, opinion->opinion,
	    rules_bound(q->report.class, q->report.floor, opinion->opinion), q->report.decision,
	    opinion->latency_ms, opinion->model, opinion->reason);
	q->report_ms = UINT64_MAX;
	engine_report(e, &q->report, opinion);
	remember(e, q, opinion);
	fall_quiet(e, q);
}

static void
take_opinion(struct engine *e, struct msg_opinion *opinion)
{
	struct engine_question *q = find(e, QUESTION_ASKED);

	/* Whoever is late speaks of a question that was given up. */
	if (q == NULL || q->request != opinion->request)
		return;
	if (opinion->error == ERR_OK && opinion->has_opinion) {
		attach(e, q, opinion);
	} else {
		log_info("no opinion, the rules stand: %s%s",
		    opinion->error != ERR_OK ? err_text((enum err)opinion->error)
		                             : "the analyser has none: ",
		    opinion->error != ERR_OK ? "" : opinion->rejected);
		give_up(e, q);
	}
	ask_next(e);
	arm(e);
}

void
engine_hear_advice(struct engine *e, const struct ipc_message *m)
{
	const struct msg_opinion *said;
	struct msg_opinion opinion;
	const uint8_t *tail;
	size_t tail_bytes;

	said = ipc_expect(m, sizeof(*said), &tail, &tail_bytes);
	if (m->type != MSG_OPINION || said == NULL || said->error >= ERR_COUNT ||
	    said->opinion > RULES_HIGHEST) {
		log_error("advice: message %u of %zu bytes refused", m->type, m->size_bytes);
		return;
	}
	opinion = *said;
	opinion.model[sizeof(opinion.model) - 1] = '\0';
	opinion.rejected[sizeof(opinion.rejected) - 1] = '\0';
	opinion.reason[sizeof(opinion.reason) - 1] = '\0';
	take_opinion(e, &opinion);
}

void
engine_advice_again(struct engine *e)
{
	struct engine_question *q = find(e, QUESTION_ASKED);

	if (q != NULL)
		give_up(e, q);
	arm(e);
}

enum err
engine_advice_start(struct engine *e)
{
	for (size_t i = 0; i < LIMIT_ADVICE_SOURCES; i++)
		e->questions[i].report_ms = UINT64_MAX;
	return loop_timer_new(e->loop, on_timer, e, &e->advice_timer);
}
