/*
 * hook: see hook.h.
 *
 * A run's end has two signs, in either order: the command's process ends, and
 * the last holder of its output closes it.  A process that outlives the
 * command holds it open; for that one LIMIT_HOOK_LINGER_MS are waited.
 */
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/hex.h"
#include "sys/hook.h"
#include "sys/hook_record.h"
#include "sys/log.h"

#define READS_A_TURN 8
#define READ_BYTES   4096
#define HEX_BYTES    HEX_ROOM(sizeof(((struct incident_id *)0)->bytes))

enum state {
	HOOK_IDLE,
	HOOK_RUNNING,
	HOOK_KILLED,   /* its time is over, or it wrote too much: its end is awaited */
	HOOK_LINGERING /* it ended; the rest of its output is awaited */
};

struct waiting {
	struct waiting *next;
	struct incident_id incident;
	char *json;
	size_t size_bytes;
	char name[LIMIT_NAME_BYTES + 1];
};

struct hooks {
	struct loop *loop;
	struct hook_settings settings;
	struct hook_arguments arguments;
	char seen_by[LIMIT_NAME_BYTES + 1];
	struct hook_record *record;
	struct waiting *first; /* the one that is being acted upon, when not idle */
	size_t count;
	bool stopped;
	/* the run */
	enum state state;
	char incident[HEX_BYTES];
	pid_t pid;
	int pidfd, input, output; /* -1: closed */
	struct loop_watch *pid_watch, *input_watch, *output_watch;
	struct loop_timer *timer;
	uint64_t began_ms;
	size_t written; /* of the JSON */
	size_t read_bytes, logged_bytes;
	char line[LIMIT_HOOK_LINE_BYTES];
	size_t line_bytes;
	int status;      /* of waitpid() */
	const char *why; /* it was killed; NULL: it was not */
};

static void begin_next(struct hooks *);

/* ---- descriptors -------------------------------------------------------------------- */

static void
close_watched(struct loop_watch **watch, int *fd)
{
	loop_remove(*watch);
	*watch = NULL;
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
close_input(struct hooks *h)
{
	close_watched(&h->input_watch, &h->input);
}

static void
close_all(struct hooks *h)
{
	close_input(h);
	close_watched(&h->output_watch, &h->output);
	close_watched(&h->pid_watch, &h->pidfd);
}

/* ---- the end of a run ------------------------------------------------------------------ */

static void
drop_first(struct hooks *h)
{
	struct waiting *done = h->first;

	h->first = done->next;
	h->count--;
	free(done->json);
	free(done);
}

static void
flush_line(struct hooks *h)
{
	if (h->line_bytes > 0)
		log_info("hook incident=%s says: %.*s", h->incident, (int)h->line_bytes, h->line);
	h->line_bytes = 0;
}

static void
finish(struct hooks *h)
{
	const unsigned long long ms = loop_now_ms() - h->began_ms;
	char how[32];

	flush_line(h);
	close_all(h);
	loop_timer_set(h->timer, UINT64_MAX);
	if (h->why != NULL)
		snprintf(how, sizeof(how), "%s", h->why);
	else if (WIFSIGNALED(h->status))
		snprintf(how, sizeof(how), "signal:%d", WTERMSIG(h->status));
	else
		snprintf(how, sizeof(how), "exit:%d", WEXITSTATUS(h->status));
	hook_record_end(h->record, &h->first->incident, how);
	if (strcmp(how, "exit:0") == 0)
		log_info("hook incident=%s node=%s done ms=%llu", h->incident, h->first->name, ms);
	else
		log_warn("hook incident=%s node=%s failed: %s ms=%llu; it is not run again",
		    h->incident, h->first->name, how, ms);
	drop_first(h);
	h->state = HOOK_IDLE;
	begin_next(h);
}

static void
kill_group(struct hooks *h, int signal_number, const char *why)
{
	h->why = why;
	h->state = HOOK_KILLED;
	loop_timer_set(h->timer, UINT64_MAX);
	(void)kill(-h->pid, signal_number);
}

static void
on_exit_of(void *context, unsigned ready)
{
	struct hooks *h = context;

	(void)ready;
	/* While it is not reaped its number is its own: so is the group's. */
	(void)kill(-h->pid, SIGKILL);
	if (waitpid(h->pid, &h->status, WNOHANG) != h->pid)
		return;
	close_watched(&h->pid_watch, &h->pidfd);
	close_input(h);
	if (h->output == -1) {
		finish(h);
		return;
	}
	h->state = HOOK_LINGERING;
	loop_timer_set(h->timer, loop_now_ms() + LIMIT_HOOK_LINGER_MS);
}

static void
on_timer(void *context)
{
	struct hooks *h = context;

	switch (h->state) {
	case HOOK_RUNNING:
		log_warn("hook incident=%s: not done after %u ms: killed, with all of its group",
		    h->incident, h->settings.timeout_ms);
		kill_group(h, SIGKILL, "timeout");
		break;
	case HOOK_LINGERING:
		log_warn("hook incident=%s: it left a process behind that holds its output; "
		         "nobody listens any more",
		    h->incident);
		finish(h);
		break;
	case HOOK_IDLE:
	case HOOK_KILLED:
		break;
	}
}

/* ---- input and output --------------------------------------------------------------------- */

static void
on_input(void *context, unsigned ready)
{
	struct hooks *h = context;
	const struct waiting *event = h->first;
	ssize_t n;

	(void)ready;
	n = write(h->input, event->json + h->written, event->size_bytes - h->written);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		h->written += (size_t)n;
	if (n == -1)
		log_info("hook incident=%s: it did not read all of the event", h->incident);
	if (n == -1 || h->written == event->size_bytes)
		close_input(h);
}

/* The log escapes what is not printable; a zero byte would end the line there. */
static void
take_byte(struct hooks *h, char c)
{
	if (h->logged_bytes == LIMIT_HOOK_OUTPUT_BYTES)
		return;
	if (c != '\n')
		h->line[h->line_bytes++] = c == '\0' ? '\x01' : c;
	if (c == '\n' || h->line_bytes == sizeof(h->line))
		flush_line(h);
	if (++h->logged_bytes < LIMIT_HOOK_OUTPUT_BYTES)
		return;
	flush_line(h);
	log_warn("hook incident=%s: it writes more than %d bytes; the rest is dropped", h->incident,
	    LIMIT_HOOK_OUTPUT_BYTES);
}

static void
on_output(void *context, unsigned ready)
{
	struct hooks *h = context;
	char bytes[READ_BYTES];
	ssize_t n = -1;

	(void)ready;
	for (int turn = 0; turn < READS_A_TURN; turn++) {
		if ((n = read(h->output, bytes, sizeof(bytes))) <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			take_byte(h, bytes[i]);
		h->read_bytes += (size_t)n;
		if (h->read_bytes > LIMIT_HOOK_DRAIN_BYTES && h->state == HOOK_RUNNING) {
			log_warn("hook incident=%s: it writes without end: killed", h->incident);
			kill_group(h, SIGKILL, "flood");
		}
	}
	if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
		return;
	close_watched(&h->output_watch, &h->output);
	if (h->state == HOOK_LINGERING)
		finish(h);
}

/* ---- the beginning of a run ------------------------------------------------------------------ */

/* Between fork and exec. */
static _Noreturn void
become(const struct hooks *h, int input, int output)
{
	char *const environment[] = { (char *)(uintptr_t) "PATH=/usr/local/sbin:/usr/local/bin:/"
		                                          "usr/sbin:/usr/bin:/sbin:/bin",
		(char *)(uintptr_t) "LANG=C.UTF-8", NULL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	if (setpgid(0, 0) == -1 || chdir("/") == -1 || dup2(input, STDIN_FILENO) == -1 ||
	    dup2(output, STDOUT_FILENO) == -1 || dup2(output, STDERR_FILENO) == -1 ||
	    close_range(STDERR_FILENO + 1, ~0u, 0) == -1)
		_exit(126);
	execve(h->arguments.list[0], h->arguments.list, environment);
	_exit(127);
}

static enum err
start_process(struct hooks *h, const int in[2], const int out[2])
{
	if ((h->pid = fork()) == -1)
		return ERR_IO;
	if (h->pid == 0)
		become(h, in[0], out[1]);
	(void)setpgid(h->pid, h->pid); /* whoever comes first; or it has gone on to exec */
	h->pidfd = pidfd_open(h->pid, 0);
	h->input = in[1];
	h->output = out[0];
	close(in[0]);
	close(out[1]);
	if (h->pidfd == -1 || fcntl(h->input, F_SETFL, O_NONBLOCK) == -1 ||
	    fcntl(h->output, F_SETFL, O_NONBLOCK) == -1 ||
	    loop_add(h->loop, h->pidfd, LOOP_READ, on_exit_of, h, &h->pid_watch) != ERR_OK ||
	    loop_add(h->loop, h->input, LOOP_WRITE, on_input, h, &h->input_watch) != ERR_OK ||
	    loop_add(h->loop, h->output, LOOP_READ, on_output, h, &h->output_watch) != ERR_OK) {
		(void)kill(-h->pid, SIGKILL);
		(void)waitpid(h->pid, &h->status, 0);
		close_all(h);
		return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err
run(struct hooks *h)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) == -1)
		return ERR_IO;
	if (pipe2(out, O_CLOEXEC) == -1) {
		close(in[0]);
		close(in[1]);
		return ERR_IO;
	}
	h->written = h->read_bytes = h->logged_bytes = h->line_bytes = 0;
	h->why = NULL;
	h->began_ms = loop_now_ms();
	return start_process(h, in, out);
}

/* Looked at again, for a file may have changed hands since the start. */
static bool
may_run(struct hooks *h)
{
	char fault[HOOK_FAULT_BYTES];
	enum err err;

	if (!hook_is_usable(h->settings.command, fault)) {
		log_error("hook incident=%s is not run: %s", h->incident, fault);
		return false;
	}
	if ((err = hook_record_begin(h->record, &h->first->incident)) != ERR_OK) {
		log_error("hook incident=%s is not run: it cannot be recorded: %s", h->incident,
		    err_text(err));
		return false;
	}
	return true;
}

static void
begin_next(struct hooks *h)
{
	while (!h->stopped && h->state == HOOK_IDLE && h->first != NULL) {
		hex_format(h->first->incident.bytes, sizeof(h->first->incident.bytes), h->incident);
		if (!may_run(h)) {
			drop_first(h);
			continue;
		}
		log_info("hook incident=%s node=%s begins: %s", h->incident, h->first->name,
		    h->arguments.list[0]);
		if (run(h) == ERR_OK) {
			h->state = HOOK_RUNNING;
			loop_timer_set(h->timer, h->began_ms + h->settings.timeout_ms);
			continue;
		}
		log_errno("hook incident=%s cannot be started", h->incident);
		hook_record_end(h->record, &h->first->incident, "not-started");
		drop_first(h);
	}
}

/* ---- in and out ------------------------------------------------------------------------------- */

static void
report_unknown(struct hooks *h)
{
	struct incident_id incident;
	char hex[HEX_BYTES];

	while (hook_record_open_ended(h->record, &incident)) {
		hex_format(incident.bytes, sizeof(incident.bytes), hex);
		log_warn("hook incident=%s: unknown whether it ran: it was begun, and nobody saw "
		         "its end. It is not run again: look what it did",
		    hex);
		hook_record_end(h->record, &incident, "unknown");
	}
}

enum err
hooks_new(struct loop *loop, const struct hook_settings *settings, const char *record_path,
    const char *seen_by, struct hooks **out)
{
	char fault[HOOK_FAULT_BYTES];
	struct hooks *h;
	enum err err;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return ERR_NOMEM;
	h->loop = loop;
	h->settings = *settings;
	h->pidfd = h->input = h->output = -1;
	snprintf(h->seen_by, sizeof(h->seen_by), "%s", seen_by);
	if (!hook_is_usable(settings->command, fault)) {
		log_error("[hooks] on_quarantine: %s", fault);
		err = ERR_CONFIG;
		goto fail;
	}
	if ((err = hook_split(settings->command, &h->arguments)) != ERR_OK ||
	    (err = loop_timer_new(loop, on_timer, h, &h->timer)) != ERR_OK ||
	    (err = hook_record_open(record_path, &h->record)) != ERR_OK)
		goto fail;
	report_unknown(h);
	*out = h;
	return ERR_OK;

fail:
	hooks_free(h);
	return err;
}

void
hooks_stop(struct hooks *h)
{
	h->stopped = true;
	if (h->state != HOOK_RUNNING)
		return;
	log_warn("hook incident=%s: this process leaves; the command is asked to end", h->incident);
	hook_record_end(h->record, &h->first->incident, "stopped");
	kill_group(h, SIGTERM, "stopped");
}

void
hooks_free(struct hooks *h)
{
	if (h == NULL)
		return;
	if (h->record != NULL)
		hooks_stop(h);
	close_all(h);
	while (h->first != NULL)
		drop_first(h);
	loop_timer_free(h->timer);
	hook_record_free(h->record);
	free(h);
}

static bool
is_waiting(const struct hooks *h, const struct incident_id *incident)
{
	for (const struct waiting *w = h->first; w != NULL; w = w->next)
		if (memcmp(&w->incident, incident, sizeof(*incident)) == 0)
			return true;
	return false;
}

enum err
hooks_take(struct hooks *h, const struct hook_event *event, struct span evidence)
{
	struct waiting *w, **end = &h->first;
	enum err err;

	if (h->stopped || (event->evidence == HOOK_PRECAUTION && !h->settings.on_precaution) ||
	    hook_record_has(h->record, &event->incident) || is_waiting(h, &event->incident))
		return ERR_OK;
	if (h->count == LIMIT_HOOK_QUEUE)
		return ERR_FULL;
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return ERR_NOMEM;
	w->incident = event->incident;
	snprintf(w->name, sizeof(w->name), "%s", event->name);
	err = hook_event_json(event, h->seen_by, evidence, &w->json, &w->size_bytes);
	if (err != ERR_OK) {
		free(w);
		return err;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = w;
	h->count++;
	begin_next(h);
	return ERR_OK;
}
