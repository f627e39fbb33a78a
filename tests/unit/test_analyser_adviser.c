/*
 * Every question is answered once, in time, whatever the model's server does; it
 * is asked for no more than is needed, and never what it must not see.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>
#include "analyser/adviser.h"
#include "tests/check.h"

#define REQUESTS_MOST 8
#define REQUEST_BYTES 8192
#define DEADLINE_MS   400
#define PATIENCE_MS   5000

/* ---- a server that does as it is told, in a process of its own --------------------- */

struct step {
	const char *body;
	int status;   /* 0: hang up without a word */
	int delay_ms; /* before it answers */
	bool leaves;  /* closes behind the answer, without having said so */
};

static struct {
	char requests[REQUESTS_MOST][REQUEST_BYTES];
	size_t count;
} * server;

static pid_t server_pid;

static bool
read_request(int fd, char *out)
{
	size_t used = 0, length;
	char *body, *header;
	ssize_t n;

	while ((n = read(fd, out + used, REQUEST_BYTES - 1 - used)) > 0) {
		used += (size_t)n;
		out[used] = '\0';
		header = strstr(out, "Content-Length: ");
		length = header != NULL ? strtoul(header + 16, NULL, 10) : 0;
		if ((body = strstr(out, "\r\n\r\n")) != NULL &&
		    used >= (size_t)(body + 4 - out) + length)
			return true;
	}
	return false;
}

static _Noreturn void
serve(int listener, const struct step *steps, size_t count)
{
	char answer[2048];
	int fd = -1, length;

	for (size_t i = 0; i < count;) {
		if (fd == -1 && (fd = accept(listener, NULL, NULL)) == -1)
			_exit(1);
		if (!read_request(fd, server->requests[server->count])) {
			close(fd);
			fd = -1;
			continue;
		}
		server->count++;
		usleep((useconds_t)steps[i].delay_ms * 1000);
		length = snprintf(answer, sizeof(answer),
		    "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", steps[i].status,
		    strlen(steps[i].body), steps[i].body);
		if (steps[i].status != 0 && write(fd, answer, (size_t)length) != length)
			_exit(1);
		if (steps[i].status == 0 || steps[i].leaves) {
			close(fd);
			fd = -1;
		}
		i++;
	}
	/* Whoever asks once more waits for nothing, and the count says so. */
	while (fd != -1 && read_request(fd, server->requests[server->count]))
		server->count++;
	pause();
	_exit(0);
}

/* ---- the one who asks ------------------------------------------------------------------ */

static struct loop *loop;
static struct loop_timer *patience;
static struct config config;
static struct adviser *adviser;

struct asker {
	struct adviser_waiter *waiter;
	struct asker *forgets; /* when it is told */
	unsigned told;
	struct advice advice;
	char reason[LIMIT_REASON_BYTES + 1], prompt[LIMIT_PROMPT_BYTES];
};

static size_t awaited;

static void
out_of_patience(void *unused)
{
	(void)unused;
	loop_stop(loop, 1);
}

static void
begin(const struct step *steps, size_t count, bool warm_up)
{
	struct sockaddr_in where = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct adviser_config about = { .config = &config, .token = "", .warm_up = warm_up };
	socklen_t size = sizeof(where);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&where, size), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&where, &size), 0);
	server =
	    mmap(NULL, sizeof(*server), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(server, MAP_FAILED);
	server_pid = 0;
	if (count > 0) { /* else nobody listens */
		assert_int_equal(listen(listener, 8), 0);
		assert_int_not_equal(server_pid = fork(), -1);
		if (server_pid == 0)
			serve(listener, steps, count);
	}
	close(listener);

	memset(&config, 0, sizeof(config));
	strcpy(config.model, "m");
	strcpy(config.model_host, "localhost");
	config.model_port = ntohs(where.sin_port);
	config.model_deadline_ms = DEADLINE_MS;
	assert_true(address_parse("127.0.0.1", &about.server));
	awaited = 0;
	assert_ok(loop_new(&loop));
	assert_ok(loop_timer_new(loop, out_of_patience, NULL, &patience));
	assert_ok(adviser_new(loop, &about, &adviser));
}

static void
end(void)
{
	adviser_free(adviser);
	loop_timer_free(patience);
	loop_free(loop);
	if (server_pid != 0) {
		kill(server_pid, SIGKILL);
		waitpid(server_pid, NULL, 0);
	}
	munmap(server, sizeof(*server));
}

static void
told(void *context, const struct advice *advice)
{
	struct asker *asker = context;

	asker->told++;
	asker->waiter = NULL;
	asker->advice = *advice;
	strcpy(asker->reason, advice->reason);
	strcpy(asker->prompt, advice->prompt != NULL ? advice->prompt : "");
	if (asker->forgets != NULL) {
		adviser_forget(adviser, asker->forgets->waiter);
		asker->forgets->waiter = NULL;
		awaited--;
	}
	if (--awaited == 0)
		loop_stop(loop, 0);
}

/* About an event of its own kind for each source. */
static void
ask(struct asker *asker, uint8_t source)
{
	struct event e = { .class = CLASS_CPU_SPIKE,
		.count = 1,
		.source = { .family = 4, .bytes = { 10, 0, 0, source } } };
	struct adviser_waiter *waiter;
	struct asker *forgets = asker->forgets;

	memset(asker, 0, sizeof(*asker));
	asker->forgets = forgets;
	awaited++;
	adviser_ask(adviser, &e, told, asker, &waiter);
	if (waiter != NULL)
		asker->waiter = waiter;
}

static void
await(void)
{
	loop_timer_set(patience, loop_now_ms() + PATIENCE_MS);
	assert_int_equal(loop_run(loop), 0);
	loop_timer_set(patience, UINT64_MAX);
}

static bool
request_is(size_t i, const char *beginning)
{
	return i < server->count && strncmp(server->requests[i], beginning, strlen(beginning)) == 0;
}

#define LIST "{\"models\":[{\"name\":\"m\",\"digest\":\"00ff\"}]}"
#define WARM "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"load\"}"
#define OPINION                                                                              \
	"{\"message\":{\"content\":\"{\\\"threat_score\\\":10,\\\"reason\\\":\\\"r\\\"}\"}," \
	"\"done\":true,\"done_reason\":\"stop\"}"

/* ---- what holds -------------------------------------------------------------------------- */

/* The list of models, the loading, and only then the event; remembered after that. */
static void
in_order(void **unused)
{
	static const struct step steps[] = { { LIST, 200, 0, false }, { WARM, 200, 0, false },
		{ OPINION, 200, 0, false } };
	struct asker a = { 0 }, b = { 0 };

	(void)unused;
	begin(steps, 3, true);
	ask(&a, 1);
	await();
	assert_true(a.advice.has_opinion);
	assert_int_equal(a.advice.opinion, 10);
	assert_int_equal(a.advice.score, 6); /* the ceiling of a spike */
	assert_string_equal(a.advice.method, "ai");
	assert_string_equal(a.reason, "r");
	assert_true(request_is(0, "GET /api/tags HTTP/1.1\r\n"));
	assert_true(request_is(1, "POST /api/chat HTTP/1.1\r\n"));
	assert_non_null(strstr(server->requests[1], "\"messages\":[]"));
	assert_null(strstr(server->requests[1], "CPU_SPIKE"));
	assert_non_null(strstr(server->requests[2], "CPU_SPIKE"));
	ask(&b, 1);
	assert_int_equal(b.told, 1);
	assert_true(b.advice.has_opinion);
	assert_int_equal(server->count, 3);
	assert_int_equal(adviser_metrics(adviser)->remembered, 1);
	end();
}

/* A kept connection that is gone costs one more attempt; a new one that is hung up on, none. */
static void
connection_lost(void **unused)
{
	static const struct step steps[] = { { LIST, 200, 0, false }, { OPINION, 200, 0, false },
		{ "", 0, 0, false }, { OPINION, 200, 0, true }, { "", 0, 0, false } };
	struct asker a = { 0 };

	(void)unused;
	begin(steps, 5, false);
	ask(&a, 1);
	await();
	assert_true(a.advice.has_opinion);
	ask(&a, 2); /* hung up on where two answers came before */
	await();
	assert_true(a.advice.has_opinion);
	assert_int_equal(server->count, 4);
	usleep(50 * 1000);
	ask(&a, 3);
	await();
	assert_false(a.advice.has_opinion);
	assert_int_equal(a.advice.rejected, REJECT_TORN);
	assert_int_equal(server->count, 5);
	end();
}

/* A 400 to "think" is taken to heart, once and for all. */
static void
think_refused(void **unused)
{
	static const struct step steps[] = { { LIST, 200, 0, false },
		{ "{\"error\":\"does not support thinking\"}", 400, 0, false },
		{ OPINION, 200, 0, false }, { OPINION, 200, 0, false } };
	struct asker a = { 0 };

	(void)unused;
	begin(steps, 4, false);
	ask(&a, 1);
	await();
	assert_true(a.advice.has_opinion);
	ask(&a, 2);
	await();
	assert_true(a.advice.has_opinion);
	assert_non_null(strstr(server->requests[1], "\"think\":false"));
	assert_null(strstr(server->requests[2], "\"think\""));
	assert_null(strstr(server->requests[3], "\"think\""));
	end();
}

/* Too late is too late, and costs no more than the deadline. */
static void
deadline(void **unused)
{
	static const struct step steps[] = { { LIST, 200, 0, false },
		{ OPINION, 200, 3 * DEADLINE_MS, false } };
	struct asker a = { 0 };

	(void)unused;
	begin(steps, 2, false);
	ask(&a, 1);
	await();
	assert_int_equal(a.advice.rejected, REJECT_DEADLINE);
	assert_int_equal(a.advice.score, 4);
	assert_string_equal(a.advice.method, "rule-based");
	assert_in_range(a.advice.latency_ms, DEADLINE_MS - 1, 2 * DEADLINE_MS);
	end();
}

/* While the model is loaded nobody waits for longer than that, and the load goes on. */
static void
loading(void **unused)
{
	static const struct step steps[] = { { LIST, 200, 0, false },
		{ WARM, 200, 2 * DEADLINE_MS, false }, { OPINION, 200, 0, false } };
	struct asker a = { 0 };

	(void)unused;
	begin(steps, 3, true);
	ask(&a, 1);
	await();
	assert_int_equal(a.advice.rejected, REJECT_COLD);
	/* On a busy machine an answer of no delay takes a while, too. */
	for (int i = 0; i < 10 && !a.advice.has_opinion; i++) {
		ask(&a, 1);
		await();
	}
	assert_true(a.advice.has_opinion);
	assert_int_equal(server->count, 3);
	end();
}

/* Who asks the same joins: one question, which says how often, and one answer for all. */
static void
joined(void **unused)
{
	static const struct step steps[] = { { LIST, 200, 0, false }, { OPINION, 200, 0, false } };
	struct asker a[3] = { 0 };

	(void)unused;
	begin(steps, 2, false);
	for (size_t i = 0; i < 3; i++)
		ask(&a[i], 1);
	await();
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(a[i].told, 1);
		assert_true(a[i].advice.has_opinion);
		assert_non_null(strstr(a[i].prompt, "Times seen: 3\n"));
	}
	assert_int_equal(server->count, 2);
	assert_int_equal(adviser_metrics(adviser)->joined, 2);
	end();
}

/* Who was forgotten is not told, also when that happens while another is. */
static void
forgotten(void **unused)
{
	static const struct step steps[] = { { LIST, 200, 0, false }, { OPINION, 200, 0, false },
		{ OPINION, 200, 0, false } };
	struct asker a = { 0 }, b = { 0 }, c = { 0 };

	(void)unused;
	begin(steps, 3, false);
	ask(&a, 1);
	b.forgets = &a;
	ask(&b, 1); /* told before a: it joined later */
	ask(&c, 2);
	adviser_forget(adviser, c.waiter);
	awaited--;
	await();
	assert_int_equal(a.told, 0);
	assert_int_equal(b.told, 1);
	assert_int_equal(c.told, 0);
	adviser_forget(adviser, NULL);
	/* One that is out when everything ends. */
	ask(&c, 3);
	end();
	assert_int_equal(c.told, 0);
}

/* A model that another host runs never hears of an event. */
static void
remote(void **unused)
{
	static const struct step steps[] = {
		{ "{\"models\":[{\"name\":\"m\",\"remote_host\":\"h\"}]}", 200, 0, false },
		{ "{\"models\":[{\"name\":\"m\",\"remote_host\":\"h\"}]}", 200, 0, false }
	};
	struct asker a = { 0 };

	(void)unused;
	begin(steps, 2, false);
	for (uint8_t i = 1; i <= 2; i++) {
		ask(&a, i);
		await();
		assert_int_equal(a.advice.rejected, REJECT_REMOTE);
		assert_string_equal(a.prompt, "");
	}
	for (size_t i = 0; i < server->count; i++)
		assert_true(request_is(i, "GET /api/tags "));
	end();
}

/* Nobody there: the rules answer, from the sixth question on without even trying. */
static void
nobody_there(void **unused)
{
	struct asker a = { 0 };

	(void)unused;
	begin(NULL, 0, false);
	for (uint8_t i = 1; i <= LIMIT_BREAKER_FAILURES; i++) {
		ask(&a, i);
		await();
		assert_int_equal(a.advice.rejected, REJECT_UNREACHABLE);
		assert_int_equal(a.advice.score, 4);
	}
	ask(&a, 100);
	assert_int_equal(a.told, 1);
	assert_int_equal(a.advice.rejected, REJECT_BREAKER);
	end();
}

/* A source has six questions a minute, those without an address one budget together. */
static void
budget(void **unused)
{
	struct event e = { .class = CLASS_CPU_SPIKE, .count = 1 };
	struct asker a[LIMIT_ADVICE_PER_MINUTE + 1] = { 0 }, other = { 0 };
	struct adviser_waiter *waiter;

	(void)unused;
	begin(NULL, 0, false);
	for (size_t i = 0; i <= LIMIT_ADVICE_PER_MINUTE; i++) {
		e.port = (uint16_t)(i + 1);
		awaited++;
		adviser_ask(adviser, &e, told, &a[i], &waiter);
		assert_int_equal(waiter == NULL, i == LIMIT_ADVICE_PER_MINUTE);
	}
	assert_int_equal(a[LIMIT_ADVICE_PER_MINUTE].advice.rejected, REJECT_SOURCE);
	ask(&other, 9);
	assert_non_null(other.waiter);
	await();
	assert_int_equal(other.told, 1);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(connection_lost),
		cmocka_unit_test(think_refused),
		cmocka_unit_test(deadline),
		cmocka_unit_test(loading),
		cmocka_unit_test(joined),
		cmocka_unit_test(forgotten),
		cmocka_unit_test(remote),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(budget),
	};

	if (sodium_init() == -1)
		return 1;
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
