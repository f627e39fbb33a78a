#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "analyser/adviser.h"
#include "analyser/backend.h"
#include "analyser/breaker.h"
#include "analyser/cache.h"
#include "analyser/exchange.h"
#include "analyser/job.h"
#include "analyser/queue.h"
#include "sys/log.h"
#include "sys/tokenbucket.h"

/* What the exchange under way is for. */
enum step { STEP_IDLE, STEP_LIST, STEP_WARM_UP, STEP_ASK };

struct adviser {
	struct adviser_config config;
	const struct backend *backend;
	struct exchange *exchange;
	struct cache *cache;
	struct tokenbucket *sources;
	struct breaker breaker;
	struct queue queue;
	struct loop_timer *deadlines, *soon;
	struct metrics metrics;

	enum step step;
	struct job *asked;      /* STEP_ASK */
	struct prompt prompt;   /* of the job that was asked last */
	uint64_t began_ms;      /* of the step */
	uint64_t usual_ms;      /* what the last good answer took */
	bool allowed;           /* by the breaker, which has not been told yet how it went */
	bool listed;            /* what the server says of the model is known */
	bool no_think;          /* the server refused the field, and it is left out */
	bool told_remote;       /* people know why it is not asked */
	bool wants_warm_up;     /* though nobody waits: at the start */
	uint64_t warm_until_ms; /* the model is in memory so long */
	struct backend_model model;
};

static void proceed(struct adviser *);

/* ---- answers ---------------------------------------------------------------------- */

/* Without having asked. */
static void
reject(struct adviser *a, struct job *job, enum rejection why)
{
	const struct outcome outcome = { .rejected = why };

	job_finish(job, &outcome, &a->metrics);
}

static void
finish_all(struct adviser *a, enum rejection why)
{
	struct job *job;

	while ((job = queue_take(&a->queue)) != NULL)
		reject(a, job, why);
}

static void
arm(struct adviser *a)
{
	uint64_t next_ms = UINT64_MAX;
	size_t i;

	for (i = 0; i < a->queue.count; i++) {
		const struct job *job = a->queue.places[i].item;

		next_ms = job->deadline_ms < next_ms ? job->deadline_ms : next_ms;
	}
	loop_timer_set(a->deadlines, next_ms);
}

static void
end_late(void *context)
{
	struct adviser *a = context;
	const enum rejection why = a->step == STEP_WARM_UP ? REJECT_COLD : REJECT_DEADLINE;
	uint64_t now_ms = loop_now_ms();
	size_t i;

	for (i = 0; i < a->queue.count;) {
		struct job *job = a->queue.places[i].item;

		if (job->deadline_ms > now_ms) {
			i++;
			continue;
		}
		queue_remove(&a->queue, job);
		reject(a, job, why);
	}
	arm(a);
}

/* ---- the server --------------------------------------------------------------------- */

static void
tell_breaker(struct adviser *a, bool failed)
{
	const enum breaker_state before = a->breaker.state;

	a->allowed = false;
	breaker_tell(&a->breaker, failed, loop_now_ms());
	if (a->breaker.state == BREAKER_OPEN)
		log_warn("the model failed too often; rules alone for %llu s",
		    (unsigned long long)(a->breaker.until_ms - loop_now_ms()) / 1000);
	else if (before == BREAKER_PROBING)
		log_info("the model answers again");
}

static void
forget_server(struct adviser *a)
{
	a->listed = false;
	a->warm_until_ms = 0;
}

static void
begin(struct adviser *a, enum step step, const struct prompt *or_null, uint64_t deadline_ms)
{
	const struct backend_question question = {
		.model = a->config.config->model, .prompt = or_null, .no_think = a->no_think
	};
	char *body = NULL;

	a->step = step;
	a->began_ms = loop_now_ms();
	if (step == STEP_LIST) {
		exchange_start(a->exchange, a->backend->list_path, NULL, deadline_ms);
		return;
	}
	/* Without memory for a question this is an exchange that times out at once. */
	if (backend_write(a->backend, &question, &body) != ERR_OK)
		deadline_ms = a->began_ms;
	exchange_start(a->exchange, a->backend->chat_path, body != NULL ? body : "", deadline_ms);
	free(body);
}

static void
ask(struct adviser *a, struct job *job)
{
	uint8_t mark[PROMPT_MARK_BYTES];

	a->asked = job;
	randombytes_buf(mark, sizeof(mark));
	prompt_write(&job->event, &job->features, mark, &a->prompt);
	a->metrics.exchanges++;
	begin(a, STEP_ASK, &a->prompt, job->deadline_ms);
}

/* The next that can still be answered in time, as far as the last one tells. */
static struct job *
next_job(struct adviser *a)
{
	uint64_t now_ms = loop_now_ms();
	struct job *job;

	while ((job = queue_take(&a->queue)) != NULL) {
		if (job->deadline_ms > now_ms && job->deadline_ms - now_ms >= a->usual_ms)
			return job;
		reject(a, job, REJECT_DEADLINE);
	}
	return NULL;
}

/* What there is to do now: look the model up, have it loaded, ask it. */
static void
proceed(struct adviser *a)
{
	uint64_t now_ms = loop_now_ms();
	struct job *job;

	if (a->step != STEP_IDLE)
		return;
	if (a->queue.count == 0 && !a->wants_warm_up) {
		/* Nobody is left to be asked for; as far as it went, it went well. */
		if (a->allowed)
			tell_breaker(a, false);
	} else if (!a->allowed && !breaker_allow(&a->breaker, now_ms)) {
		a->wants_warm_up = false;
		finish_all(a, REJECT_BREAKER);
	} else if (a->config.warm_up && now_ms >= a->warm_until_ms) {
		a->allowed = true;
		if (!a->listed && a->backend->list_path != NULL) {
			begin(a, STEP_LIST, NULL, now_ms + a->config.config->model_deadline_ms);
		} else {
			a->metrics.warm_ups++;
			begin(a, STEP_WARM_UP, NULL, now_ms + LIMIT_WARM_UP_MS);
		}
	} else if (!a->listed && a->backend->list_path != NULL) {
		a->allowed = true;
		begin(a, STEP_LIST, NULL, now_ms + a->config.config->model_deadline_ms);
	} else if ((job = next_job(a)) != NULL) {
		a->allowed = true;
		ask(a, job);
	} else if (a->allowed) {
		tell_breaker(a, false);
	}
	arm(a);
}

/* ---- what the server said ------------------------------------------------------------ */

static void
came_list(struct adviser *a, enum rejection why, int status, const uint8_t *body, size_t size_bytes)
{
	if (why == REJECT_UNREACHABLE || why == REJECT_DEADLINE) {
		if (a->wants_warm_up)
			log_info("rules answer; no model at %s (%s)", a->config.config->model_url,
			    rejection_text(why));
		forget_server(a);
		a->wants_warm_up = false;
		tell_breaker(a, true);
		finish_all(a, why);
		return;
	}
	/* A server without such a list is asked all the same. */
	a->listed = true;
	if (why == REJECT_NONE && status == 200)
		backend_find(a->backend, body, size_bytes, a->config.config->model, &a->model);
	if (!a->model.remote || a->config.config->allow_remote_model) {
		a->told_remote = false;
		return;
	}
	/* Before a word about an event has left this host. */
	if (!a->told_remote)
		log_warn("the model %s runs on another host; it is not asked unless "
		         "allow_remote_model is true",
		    a->config.config->model);
	a->told_remote = true;
	forget_server(a);
	a->model = (struct backend_model){ .remote = false };
	a->wants_warm_up = false;
	tell_breaker(a, false);
	finish_all(a, REJECT_REMOTE);
}

/* The answer to "think": false of a model that cannot: said once, remembered. */
static bool
drops_think(struct adviser *a, enum rejection why, int status)
{
	if (why != REJECT_NONE || status != 400 || a->no_think || a->backend != &backend_ollama)
		return false;
	a->no_think = true;
	return true;
}

static void
came_warm_up(struct adviser *a, enum rejection why, int status)
{
	a->wants_warm_up = drops_think(a, why, status);
	if (a->wants_warm_up)
		return;
	if (why == REJECT_NONE && status != 200)
		why = REJECT_STATUS;
	if (why != REJECT_NONE) {
		log_info("the model %s could not be loaded: %s", a->config.config->model,
		    rejection_text(why));
		forget_server(a);
		tell_breaker(a, true);
		finish_all(a, why);
		return;
	}
	log_info("the model %s is ready after %llu ms", a->config.config->model,
	    (unsigned long long)(loop_now_ms() - a->began_ms));
	a->warm_until_ms = loop_now_ms() + LIMIT_WARM_MS;
}

static enum rejection
read_answer(struct adviser *a, const uint8_t *body, size_t size_bytes, bool *server_failed,
    struct verdict_opinion *out)
{
	json_t *envelope;
	const char *text;
	size_t text_bytes;
	enum rejection r;

	r = backend_read(a->backend, body, size_bytes, a->config.config->allow_remote_model,
	    &envelope, &text, &text_bytes);
	*server_failed = r != REJECT_NONE;
	if (r != REJECT_NONE)
		return r;
	/* What the model writes, strangers may steer: it must not open the breaker. */
	r = verdict_parse(text, text_bytes, out);
	json_decref(envelope);
	return r;
}

static void
came_answer(
    struct adviser *a, enum rejection why, int status, const uint8_t *body, size_t size_bytes)
{
	const uint64_t now_ms = loop_now_ms();
	struct outcome outcome = { .prompt = a->prompt.user,
		.model = a->config.config->model,
		.model_digest = a->model.digest };
	struct verdict_opinion opinion;
	struct job *job = a->asked;
	bool failed = true;

	if (drops_think(a, why, status)) {
		ask(a, job);
		return;
	}
	a->asked = NULL;
	if (why == REJECT_NONE)
		why = status == 200 ? read_answer(a, body, size_bytes, &failed, &opinion)
		                    : REJECT_STATUS;
	tell_breaker(a, failed);
	if (why == REJECT_UNREACHABLE || why == REJECT_DEADLINE || why == REJECT_TORN)
		forget_server(a);
	if (why != REJECT_NONE) {
		log_debug("opinion rejected: %s", rejection_text(why));
		outcome.rejected = why;
		job_finish(job, &outcome, &a->metrics);
		return;
	}
	a->metrics.exchange_ms += now_ms - a->began_ms;
	/* One slow answer must not keep every later question from being asked. */
	a->usual_ms = now_ms - a->began_ms < a->config.config->model_deadline_ms / 2
	                  ? now_ms - a->began_ms
	                  : a->config.config->model_deadline_ms / 2;
	a->warm_until_ms = now_ms + LIMIT_WARM_MS;
	cache_key(a->cache, job->question, job->question_bytes, PROMPT_VERSION,
	    a->config.config->model, a->model.digest, &job->key);
	cache_put(a->cache, &job->key, &opinion, now_ms);
	outcome.opinion = &opinion;
	job_finish(job, &outcome, &a->metrics);
}

static void
exchanged(void *context, enum rejection why, int status, const uint8_t *body, size_t size_bytes)
{
	struct adviser *a = context;
	enum step step = a->step;

	a->step = STEP_IDLE;
	switch (step) {
	case STEP_LIST:
		came_list(a, why, status, body, size_bytes);
		break;
	case STEP_WARM_UP:
		came_warm_up(a, why, status);
		break;
	case STEP_ASK:
		came_answer(a, why, status, body, size_bytes);
		break;
	case STEP_IDLE:
		break;
	}
	proceed(a);
}

/* ---- questions ------------------------------------------------------------------------ */

static struct job *
find_job(const struct adviser *a, const struct cache_key *key)
{
	size_t i;

	if (a->asked != NULL && memcmp(&a->asked->key, key, sizeof(*key)) == 0)
		return a->asked;
	for (i = 0; i < a->queue.count; i++) {
		struct job *job = a->queue.places[i].item;

		if (memcmp(&job->key, key, sizeof(*key)) == 0)
			return job;
	}
	return NULL;
}

/* Six a minute are a tenth of a token a second: the bucket's clock goes ten times slower. */
static bool
within_budget(struct adviser *a, const struct address *source)
{
	return tokenbucket_take(a->sources, source, loop_now_ms() / 10);
}

static enum rejection
objection(struct adviser *a, const struct event *e)
{
	if (a->step == STEP_IDLE ? !breaker_would_allow(&a->breaker, loop_now_ms())
	                         : a->breaker.state == BREAKER_PROBING)
		return REJECT_BREAKER;
	return within_budget(a, &e->source) ? REJECT_NONE : REJECT_SOURCE;
}

/* A job of its own in the queue; the rejection of it, and then w is the caller's still. */
static enum rejection
enqueue(struct adviser *a, const struct job *like, struct adviser_waiter *w)
{
	struct job *job, *dropped;

	if ((job = malloc(sizeof(*job))) == NULL)
		return REJECT_QUEUE;
	*job = *like;
	if ((dropped = queue_put(&a->queue, job->features.floor, job)) == job) {
		free(job);
		return REJECT_QUEUE;
	}
	w->job = job;
	job->waiters = w;
	if (dropped != NULL)
		reject(a, dropped, REJECT_QUEUE);
	arm(a);
	/* Not within the caller's call, which may be in the middle of an answer. */
	loop_timer_set(a->soon, 0);
	return REJECT_NONE;
}

static void
proceed_soon(void *context)
{
	proceed(context);
}

void
adviser_ask(struct adviser *a, const struct event *e,
    void (*done)(void *context, const struct advice *), void *context,
    struct adviser_waiter **waiter)
{
	struct adviser_waiter now = { .done = done, .context = context, .asked_ms = loop_now_ms() };
	struct outcome outcome = { .model = a->config.config->model,
		.model_digest = a->model.digest };
	struct job like = { .event = *e };
	struct verdict_opinion opinion;
	struct adviser_waiter *w;
	struct job *same;

	*waiter = NULL;
	a->metrics.events += e->count;
	like.deadline_ms = now.asked_ms + a->config.config->model_deadline_ms;
	features_of(e, &like.features);
	like.question_bytes = features_key(e, &like.features, like.question);
	cache_key(a->cache, like.question, like.question_bytes, PROMPT_VERSION,
	    a->config.config->model, a->model.digest, &like.key);
	if (cache_get(a->cache, &like.key, now.asked_ms, &opinion)) {
		a->metrics.remembered++;
		outcome.opinion = &opinion;
		job_answer(&like, &now, &outcome, &a->metrics);
		return;
	}
	if ((w = malloc(sizeof(*w))) == NULL) {
		outcome.rejected = REJECT_QUEUE;
		job_answer(&like, &now, &outcome, &a->metrics);
		return;
	}
	*w = now;
	if ((same = find_job(a, &like.key)) != NULL) {
		a->metrics.joined++;
		job_join(same, w, e->count);
	} else if ((outcome.rejected = objection(a, e)) != REJECT_NONE ||
	           (outcome.rejected = enqueue(a, &like, w)) != REJECT_NONE) {
		free(w);
		job_answer(&like, &now, &outcome, &a->metrics);
		return;
	}
	*waiter = w;
}

void
adviser_forget(struct adviser *a, struct adviser_waiter *w)
{
	struct job *job;

	if (w == NULL)
		return;
	job = w->job;
	/* A question that is out is finished: its answer will be remembered. */
	if (job_leave(w) && job != a->asked) {
		queue_remove(&a->queue, job);
		free(job);
		arm(a);
	}
}

struct metrics *
adviser_metrics(struct adviser *a)
{
	return &a->metrics;
}

/* ---- life --------------------------------------------------------------------------------- */

enum err
adviser_new(struct loop *loop, const struct adviser_config *config, struct adviser **out)
{
	const struct config *c = config->config;
	struct tokenbucket_config sources = {
		.addresses = LIMIT_BUCKETS, .per_second = 1, .burst = LIMIT_ADVICE_PER_MINUTE
	};
	struct exchange_config exchange = { .server = { config->server, c->model_port },
		.host = c->model_host,
		.token = config->token,
		.done = exchanged };
	struct adviser *a;
	uint8_t secret[32];
	uint64_t seed;
	enum err err;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return ERR_NOMEM;
	a->config = *config;
	a->backend = c->backend == CONFIG_OPENAI ? &backend_openai : &backend_ollama;
	a->wants_warm_up = config->warm_up;
	exchange.context = a;
	randombytes_buf(&sources.seed, sizeof(sources.seed));
	randombytes_buf(&seed, sizeof(seed));
	randombytes_buf(secret, sizeof(secret));
	breaker_init(&a->breaker, seed);
	if ((err = cache_new(secret, &a->cache)) != ERR_OK ||
	    (err = tokenbucket_new(&sources, &a->sources)) != ERR_OK ||
	    (err = exchange_new(loop, &exchange, &a->exchange)) != ERR_OK ||
	    (err = loop_timer_new(loop, end_late, a, &a->deadlines)) != ERR_OK ||
	    (err = loop_timer_new(loop, proceed_soon, a, &a->soon)) != ERR_OK)
		goto fail;
	sodium_memzero(secret, sizeof(secret));
	loop_timer_set(a->soon, 0);
	*out = a;
	return ERR_OK;

fail:
	sodium_memzero(secret, sizeof(secret));
	adviser_free(a);
	return err;
}

void
adviser_free(struct adviser *a)
{
	struct job *job;

	if (a == NULL)
		return;
	while ((job = queue_take(&a->queue)) != NULL)
		job_free(job);
	job_free(a->asked);
	exchange_free(a->exchange);
	cache_free(a->cache);
	tokenbucket_free(a->sources);
	loop_timer_free(a->deadlines);
	loop_timer_free(a->soon);
	free(a);
}
