#include "tests/bench/load_pages.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sys/loop.h"
#include "tests/bench/load_answer.h"
#include "tests/check.h"

#define PAGE_NETWORK  2 /* 127.2.0.0/16 */
#define STATE_NETWORK 3
#define STATE_MS      100
#define READ_BYTES    (256 * 1024)
#define MOST_TIMES    200000
#define LINE_BYTES    512

struct load_pages {
	pid_t pid;
	int fd;
};

struct page {
	struct watcher *w;
	struct loop_watch *watch;
	int fd;
	size_t matched; /* of the mark that begins an event */
	bool times;     /* it looks at when the events were */
	bool is_threat; /* the line before said so */
	char line[LINE_BYTES];
	size_t line_bytes;
};

struct watcher {
	struct loop *loop;
	struct loop_timer *timer;
	uint16_t port;
	int control;
	struct page *pages;
	size_t count;
	struct load_pages_figures figures;
	float state_ms[MOST_TIMES], event_ms[MOST_TIMES];
	size_t event_times;
	int state_fd;
	struct loop_watch *state_watch;
	uint64_t asked_ns;
	struct load_answer answer;
	double cpu_before_s;
	char input[READ_BYTES];
};

static double
own_cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- a page that listens -------------------------------------------------------- */

static size_t
count_events(struct page *p, const char *data, size_t size_bytes)
{
	static const char mark[] = "\nevent: ";
	size_t events = 0;

	for (size_t i = 0; i < size_bytes; i++) {
		p->matched = data[i] == mark[p->matched] ? p->matched + 1 : data[i] == '\n';
		if (p->matched == sizeof(mark) - 1) {
			events++;
			p->matched = 0;
		}
	}
	return events;
}

static void
look_at_line(struct page *p)
{
	struct watcher *w = p->w;
	const char *t;

	p->line[p->line_bytes] = '\0';
	if (p->is_threat && (t = strstr(p->line, "\"t\":")) != NULL && w->event_times < MOST_TIMES)
		w->event_ms[w->event_times++] =
		    (float)((double)loop_unix_ms() - strtod(t + 4, NULL));
	p->is_threat = strcmp(p->line, "event: threat") == 0;
	p->line_bytes = 0;
}

static void
look_at(struct page *p, const char *data, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		if (data[i] == '\n')
			look_at_line(p);
		else if (p->line_bytes < LINE_BYTES - 1)
			p->line[p->line_bytes++] = data[i];
}

static void
on_event(void *context, unsigned ready)
{
	struct page *p = context;
	ssize_t size = recv(p->fd, p->w->input, sizeof(p->w->input), 0);

	(void)ready;
	if (size <= 0) {
		loop_remove(p->watch);
		close(p->fd);
		p->w->figures.open--;
		return;
	}
	p->w->figures.event_bytes += (size_t)size;
	p->w->figures.events += count_events(p, p->w->input, (size_t)size);
	if (p->times)
		look_at(p, p->w->input, (size_t)size);
}

static void
open_page(struct watcher *w, size_t i)
{
	static const char request[] = "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
	struct page *p = &w->pages[i];

	*p = (struct page){ .w = w, .times = i == 0 };
	if ((p->fd = load_connect(w->port, PAGE_NETWORK, i)) == -1)
		return;
	assert_ok(loop_add(w->loop, p->fd, LOOP_READ, on_event, p, &p->watch));
	w->figures.open += send(p->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0;
}

/* ---- the one that asks for the snapshot ------------------------------------------ */

static void
hang_up(struct watcher *w)
{
	loop_remove(w->state_watch);
	w->state_watch = NULL;
	if (w->state_fd != -1)
		close(w->state_fd);
	w->state_fd = -1;
}

static void
on_state(void *context, unsigned ready)
{
	struct watcher *w = context;
	ssize_t size = recv(w->state_fd, w->input, sizeof(w->input), 0);
	struct load_pages_figures *f = &w->figures;

	(void)ready;
	if (size > 0 && !load_answer_take(&w->answer, w->input, (size_t)size))
		return;
	if (size > 0 && w->answer.status == 200 && f->states < MOST_TIMES) {
		w->state_ms[f->states++] = (float)(load_now_ns() - w->asked_ns) / 1e6f;
		f->state_bytes = w->answer.body_bytes;
	}
	hang_up(w);
}

static void
on_timer(void *context)
{
	static const char request[] = "GET /api/v1/state HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	                              "Accept-Encoding: gzip\r\n\r\n";
	struct watcher *w = context;

	loop_timer_set(w->timer, loop_now_ms() + STATE_MS);
	if (w->state_fd != -1)
		return;
	w->asked_ns = load_now_ns();
	load_answer_start(&w->answer);
	if ((w->state_fd = load_connect(w->port, STATE_NETWORK, 0)) == -1)
		return;
	assert_ok(loop_add(w->loop, w->state_fd, LOOP_READ, on_state, w, &w->state_watch));
	(void)!send(w->state_fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
}

/* ---- the process ---------------------------------------------------------------------- */

static void
begin(struct watcher *w)
{
	w->figures = (struct load_pages_figures){ .open = w->figures.open };
	w->event_times = 0;
	w->cpu_before_s = own_cpu_s();
}

static void
answer_and_end(struct watcher *w)
{
	struct load_pages_figures *f = &w->figures;

	f->state_p50_ms = load_quantile(w->state_ms, f->states, 0.5);
	f->state_p99_ms = load_quantile(w->state_ms, f->states, 0.99);
	f->event_p50_ms = load_quantile(w->event_ms, w->event_times, 0.5);
	f->event_p99_ms = load_quantile(w->event_ms, w->event_times, 0.99);
	f->cpu_s = own_cpu_s() - w->cpu_before_s;
	_exit(write(w->control, f, sizeof(*f)) == sizeof(*f) ? 0 : 1);
}

static void
on_control(void *context, unsigned ready)
{
	struct watcher *w = context;
	char order;

	(void)ready;
	if (read(w->control, &order, 1) != 1)
		_exit(1);
	if (order == 'e')
		answer_and_end(w);
	if (order == 'r') {
		begin(w);
		return;
	}
	for (size_t i = 0; i < w->count; i++)
		open_page(w, i);
	loop_timer_set(w->timer, loop_now_ms());
}

static void
look_on(uint16_t port, size_t pages, int control)
{
	static struct watcher w;
	struct loop_watch *watch;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	w.port = port;
	w.count = pages;
	w.control = control;
	w.state_fd = -1;
	assert_non_null(w.pages = calloc(pages + 1, sizeof(*w.pages)));
	assert_ok(loop_new(&w.loop));
	assert_ok(loop_timer_new(w.loop, on_timer, &w, &w.timer));
	assert_ok(loop_add(w.loop, control, LOOP_READ, on_control, &w, &watch));
	_exit(loop_run(w.loop));
}

struct load_pages *
load_pages_start(uint16_t port, size_t pages)
{
	struct load_pages *p = calloc(1, sizeof(*p));
	int ends[2];

	assert_non_null(p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		close(ends[0]);
		look_on(port, pages, ends[1]);
	}
	close(ends[1]);
	p->fd = ends[0];
	return p;
}

void
load_pages_open(struct load_pages *p)
{
	assert_int_equal(write(p->fd, "o", 1), 1);
}

void
load_pages_reset(struct load_pages *p)
{
	assert_int_equal(write(p->fd, "r", 1), 1);
}

void
load_pages_end(struct load_pages *p, struct load_pages_figures *out)
{
	assert_int_equal(write(p->fd, "e", 1), 1);
	assert_int_equal(recv(p->fd, out, sizeof(*out), MSG_WAITALL), (ssize_t)sizeof(*out));
	waitpid(p->pid, NULL, 0);
	close(p->fd);
	free(p);
}
