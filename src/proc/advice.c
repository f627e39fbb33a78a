/*
 * advice: asks the analyser what it thinks of an event, and hands its opinion
 * to the engine.  It holds no secret and decides nothing.
 *
 * One question at a time, a connection a question: nothing is held, nothing
 * wakes it and nothing is connected while there is nothing to ask.  What the
 * analyser sends is bounded in bytes and time; when it is away the question
 * waits and is asked again, LIMIT_ADVICE_WAIT_MS at most.
 *
 * Spec: docs/privsep.md, "advice"; docs/analyser.md.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "http/h2.h"
#include "proc/advice_codec.h"
#include "proc/child.h"
#include "proc/profiles.h"
#include "sys/log.h"

#define METHOD       "/protos.AISidecar/AnalyzeTelemetry"
#define OUTPUT_BYTES 8192
#define DIAL_MS      2000

enum state {
	ADVICE_IDLE,
	ADVICE_WAITING, /* the timer dials */
	ADVICE_DIALLING,
	ADVICE_ASKED /* these two: the timer gives up on the connection */
};

/* What a handler of h2 saw; acted upon when h2 has returned. */
enum outcome { OUTCOME_NONE, OUTCOME_ANSWER, OUTCOME_REFUSED, OUTCOME_GARBAGE };

static struct {
	struct child *child;
	struct ipc *engine;
	enum state state;
	/* the question */
	struct msg_advise ask;
	uint8_t sample[LIMIT_SAMPLE_BYTES];
	size_t sample_bytes;
	uint64_t give_up_ms;
	/* the connection */
	int fd;
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct h2 *h2;
	int32_t stream;
	uint8_t out[OUTPUT_BYTES];
	size_t out_start, out_bytes;
	size_t read_bytes;
	enum outcome outcome;
	struct msg_opinion opinion;
	/* the next one */
	uint64_t dial_ms; /* not before */
	uint32_t delay_ms;
} advice = { .fd = -1 };

static void dial(void);

/* ---- the end of a call ---------------------------------------------------------------- */

static void
hang_up(void)
{
	loop_remove(advice.watch);
	advice.watch = NULL;
	h2_free(advice.h2);
	advice.h2 = NULL;
	if (advice.fd != -1)
		close(advice.fd);
	advice.fd = -1;
	advice.out_start = advice.out_bytes = advice.read_bytes = 0;
	advice.outcome = OUTCOME_NONE;
}

static void
tell_engine(enum err err)
{
	hang_up();
	advice.state = ADVICE_IDLE;
	loop_timer_set(advice.timer, UINT64_MAX);
	advice.opinion.request = advice.ask.request;
	advice.opinion.error = (uint32_t)err;
	if (advice.engine != NULL && ipc_send(advice.engine, MSG_OPINION, &advice.opinion,
	                                 sizeof(advice.opinion), NULL, 0) != ERR_OK)
		log_warn("an opinion is lost: the engine does not take it");
	memset(&advice.opinion, 0, sizeof(advice.opinion));
	(void)malloc_trim(0);
}

/* Away, or broken: the same question again, later. */
static void
try_later(enum err why, const char *what)
{
	const uint64_t now_ms = loop_now_ms();

	log_debug("analyser: %s: %s", what, err_text(why));
	hang_up();
	advice.dial_ms = now_ms + advice.delay_ms;
	advice.delay_ms = advice.delay_ms * 2 < LIMIT_ADVICE_DIAL_MAX_MS ? advice.delay_ms * 2
	                                                                 : LIMIT_ADVICE_DIAL_MAX_MS;
	if (advice.dial_ms >= advice.give_up_ms) {
		tell_engine(why);
		return;
	}
	advice.state = ADVICE_WAITING;
	loop_timer_set(advice.timer, advice.dial_ms);
}

/* It has the connection and no excuse: who started it may start another. */
static void
accuse(enum err why, const char *what)
{
	log_warn("analyser: %s: %s", what, err_text(why));
	if (ipc_send(advice.child->parent, MSG_FAULTY, NULL, 0, NULL, 0) != ERR_OK)
		log_warn("the parent cannot be told of it");
	try_later(why, what);
}

/* ---- the call ----------------------------------------------------------------------------- */

static void
on_headers(void *context, int32_t stream, const char *path, const char *type, int status)
{
	(void)context;
	(void)stream;
	(void)path;
	(void)type;
	(void)status;
}

static void
on_message(void *context, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	(void)context;
	(void)stream;
	if (advice.outcome == OUTCOME_NONE)
		advice.outcome =
		    advice_decode((struct span){ data, size_bytes }, &advice.opinion) == ERR_OK
		        ? OUTCOME_ANSWER
		        : OUTCOME_GARBAGE;
}

static void
on_closed(void *context, int32_t stream, int grpc_status, const char *reason)
{
	(void)context;
	(void)stream;
	if (advice.outcome != OUTCOME_NONE)
		return;
	/* Status 0 without a message, and none at all, are no answers. */
	advice.outcome = grpc_status > 0 ? OUTCOME_REFUSED : OUTCOME_GARBAGE;
	log_debug("analyser: call ended with status %d: %s", grpc_status, reason);
}

/* AGAIN: the rest waits for the socket. */
static enum err
write_output(void)
{
	ssize_t size;
	enum err err;

	for (;;) {
		if (advice.out_bytes == 0) {
			err =
			    h2_output(advice.h2, advice.out, sizeof(advice.out), &advice.out_bytes);
			if (err != ERR_OK || advice.out_bytes == 0)
				return err;
			advice.out_start = 0;
		}
		size =
		    send(advice.fd, advice.out + advice.out_start, advice.out_bytes, MSG_NOSIGNAL);
		if (size == -1)
			return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_CLOSED;
		advice.out_start += (size_t)size;
		advice.out_bytes -= (size_t)size;
	}
}

/* What is there to read, an answer's worth at most. */
static enum err
read_input(void)
{
	uint8_t in[4096];
	ssize_t size;
	enum err err;

	while (advice.outcome == OUTCOME_NONE) {
		size = recv(advice.fd, in, sizeof(in), 0);
		if (size == -1)
			return errno == EAGAIN || errno == EINTR ? ERR_OK : ERR_CLOSED;
		if (size == 0)
			return ERR_CLOSED;
		advice.read_bytes += (size_t)size;
		if (advice.read_bytes > LIMIT_ADVICE_READ_BYTES)
			return ERR_OVERSIZE;
		if ((err = h2_receive(advice.h2, in, (size_t)size)) != ERR_OK)
			return err;
	}
	return ERR_OK;
}

static void
judge(enum err err)
{
	switch (advice.outcome) {
	case OUTCOME_ANSWER:
		advice.delay_ms = LIMIT_ADVICE_DIAL_MIN_MS;
		advice.dial_ms = 0;
		tell_engine(ERR_OK);
		return;
	case OUTCOME_REFUSED:
		tell_engine(ERR_UNSUPPORTED);
		return;
	case OUTCOME_GARBAGE:
		accuse(ERR_MALFORMED, "its answer is none");
		return;
	case OUTCOME_NONE:
		break;
	}
	if (err == ERR_CLOSED)
		try_later(err, "it hung up");
	else if (err != ERR_OK && err != ERR_AGAIN)
		accuse(err, "what it sends is no gRPC");
	else if (loop_change(advice.watch, err == ERR_AGAIN ? LOOP_READ | LOOP_WRITE : LOOP_READ) !=
	         ERR_OK)
		try_later(ERR_IO, "cannot watch the socket");
}

static void
talk(void)
{
	enum err err = read_input();

	if (err == ERR_OK && advice.outcome == OUTCOME_NONE)
		err = write_output();
	judge(err);
}

static enum err
call(void)
{
	const struct h2_handler handler = {
		.headers = on_headers, .message = on_message, .closed = on_closed
	};
	uint8_t question[LIMIT_ADVICE_REPLY_BYTES];
	size_t size;
	enum err err;

	if ((err = advice_encode(advice.child->config.name, &advice.ask,
	         (struct span){ advice.sample, advice.sample_bytes }, question, sizeof(question),
	         &size)) != ERR_OK ||
	    (err = h2_new(H2_CLIENT, &handler, &advice.h2)) != ERR_OK ||
	    (err = h2_call(advice.h2, METHOD, "localhost", NULL, NULL, LIMIT_ADVICE_REPLY_BYTES,
	         &advice.stream)) != ERR_OK ||
	    (err = h2_send(advice.h2, advice.stream, question, size)) != ERR_OK)
		return err;
	return h2_finish(advice.h2, advice.stream, 0, "");
}

/* ---- the connection -------------------------------------------------------------------------- */

static void
connected(void)
{
	int error = 0;
	socklen_t size = sizeof(error);
	enum err err;

	if (getsockopt(advice.fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		error = errno;
	if (error != 0) {
		try_later(ERR_CLOSED, strerrordesc_np(error));
		return;
	}
	if ((err = call()) != ERR_OK) {
		log_error("analyser: the call cannot be made: %s", err_text(err));
		tell_engine(err);
		return;
	}
	advice.state = ADVICE_ASKED;
	loop_timer_set(advice.timer,
	    loop_now_ms() + advice.child->config.model_deadline_ms + LIMIT_ADVICE_SLACK_MS);
	talk();
}

static void
on_ready(void *context, unsigned ready)
{
	(void)context;
	(void)ready;
	switch (advice.state) {
	case ADVICE_DIALLING:
		connected();
		break;
	case ADVICE_ASKED:
		talk();
		break;
	case ADVICE_IDLE:
	case ADVICE_WAITING:
		break;
	}
}

static socklen_t
door(struct sockaddr_storage *out)
{
	const struct config *config = &advice.child->config;
	const struct address *a = &config->sidecar_address;
	struct sockaddr_un *path = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;
	struct sockaddr_in *v4 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (config->sidecar_port == 0) {
		path->sun_family = AF_UNIX;
		/* The configuration takes none that does not fit. */
		snprintf(path->sun_path, sizeof(path->sun_path), "%.*s",
		    (int)sizeof(path->sun_path) - 1, config->sidecar_path);
		return sizeof(*path);
	}
	if (a->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(config->sidecar_port);
		memcpy(&v4->sin_addr, a->bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(config->sidecar_port);
	memcpy(&v6->sin6_addr, a->bytes, 16);
	return a->family == 6 ? sizeof(*v6) : 0; /* 0: its name was not found yet */
}

static void
dial(void)
{
	const uint64_t now_ms = loop_now_ms();
	struct sockaddr_storage where;
	socklen_t size = door(&where);

	if (now_ms < advice.dial_ms) {
		advice.state = ADVICE_WAITING;
		loop_timer_set(advice.timer, advice.dial_ms);
		return;
	}
	if (size == 0) {
		try_later(ERR_NOT_FOUND, "its name is not known");
		return;
	}
	advice.fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (advice.fd == -1 ||
	    (connect(advice.fd, (struct sockaddr *)&where, size) == -1 && errno != EINPROGRESS)) {
		try_later(ERR_CLOSED, strerrordesc_np(errno));
		return;
	}
	if (loop_add(advice.child->loop, advice.fd, LOOP_WRITE, on_ready, NULL, &advice.watch) !=
	    ERR_OK) {
		try_later(ERR_IO, "cannot watch the socket");
		return;
	}
	advice.state = ADVICE_DIALLING;
	loop_timer_set(advice.timer, now_ms + DIAL_MS);
}

static void
on_timer(void *context)
{
	(void)context;
	switch (advice.state) {
	case ADVICE_WAITING:
		dial();
		break;
	case ADVICE_DIALLING:
		try_later(ERR_AGAIN, "it does not take the connection");
		break;
	case ADVICE_ASKED:
		accuse(ERR_AGAIN, "it does not answer");
		break;
	case ADVICE_IDLE:
		break;
	}
}

/* ---- the engine ------------------------------------------------------------------------------- */

static bool
is_sound(const struct msg_advise *ask, size_t sample_bytes)
{
	return sample_bytes <= LIMIT_SAMPLE_BYTES &&
	       ask->hints.banner.size_bytes <= LIMIT_HINT_BYTES &&
	       ask->hints.username.size_bytes <= LIMIT_HINT_BYTES &&
	       ask->hints.user_agent.size_bytes <= LIMIT_HINT_BYTES &&
	       ask->hints.path.size_bytes <= LIMIT_HINT_BYTES;
}

static void
from_engine(void *context, struct ipc *ipc, const struct ipc_message *message)
{
	const struct msg_advise *ask;
	const uint8_t *sample;
	size_t sample_bytes;

	(void)context;
	(void)ipc;
	ask = ipc_expect(message, sizeof(*ask), &sample, &sample_bytes);
	if (message->type != MSG_ADVISE || ask == NULL || !is_sound(ask, sample_bytes) ||
	    advice.state != ADVICE_IDLE) {
		log_warn("message %u from the engine is refused", message->type);
		return;
	}
	advice.ask = *ask;
	if (sample_bytes > 0)
		memcpy(advice.sample, sample, sample_bytes);
	advice.sample_bytes = sample_bytes;
	advice.give_up_ms = loop_now_ms() + LIMIT_ADVICE_WAIT_MS;
	dial();
}

static void
engine_gone(void *context, struct ipc *ipc, enum err why)
{
	(void)context;
	(void)why;
	ipc_free(ipc);
	advice.engine = NULL;
	/* Whoever comes next has not asked this. */
	if (advice.state != ADVICE_IDLE)
		tell_engine(ERR_CLOSED);
}

static void
channel(struct child *child, enum role_id far, int fd)
{
	const struct ipc_handler handler = { .message = from_engine, .closed = engine_gone };

	if (far != ROLE_ENGINE) {
		close(fd);
		return;
	}
	if (advice.engine != NULL)
		engine_gone(NULL, advice.engine, ERR_CLOSED);
	if (ipc_new(child->loop, fd, &handler, &advice.engine) != ERR_OK) {
		close(fd);
		loop_stop(child->loop, 1);
	}
}

static enum err
start(struct child *child)
{
	advice.child = child;
	advice.delay_ms = LIMIT_ADVICE_DIAL_MIN_MS;
	return loop_timer_new(child->loop, on_timer, NULL, &advice.timer);
}

int
main(int argc, char **argv)
{
	static const struct child_role role = {
		.id = ROLE_ADVICE,
		.name = "advice",
		.nice = 10,
		.profile = profile_advice,
		.start = start,
		.channel = channel,
	};

	return child_main(argc, argv, &role);
}
