/*
 * parent_children: one process a role, wired to the engine, and started again
 * when it dies.
 *
 * Spec: docs/privsep.md.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "proc/parent.h"
#include "sys/hook_event.h"
#include "sys/log.h"
#include "sys/spawn.h"

enum child_state {
	CHILD_DOWN,     /* the timer starts it */
	CHILD_STARTING, /* not sandboxed yet; the timer gives up on it */
	CHILD_UP,
	CHILD_STOPPING /* asked to leave; the timer kills it */
};

enum child_event { CHILD_TIMER, CHILD_READY, CHILD_EXITED };

struct process {
	enum role_id role;
	const char *name, *file;
	enum child_state state;
	pid_t pid;
	struct ipc *ipc;
	struct loop_timer *timer;
	bool was_up;   /* ever */
	bool optional; /* the node does without */
	uint64_t up_ms, backoff_ms;
	int exit_status; /* of waitpid(), for CHILD_EXITED */
};

static struct {
	struct loop *loop;
	struct msg_config *config; /* the parent's, who may change it */
	const struct parent_listeners *listeners;
	bool stopping, announced;
	int status;
} self;

/* In the order of starting; leaving goes the other way round. */
static struct process processes[] = {
	{ .role = ROLE_NOTARY, .name = "notary", .file = "phalanx-notary" },
	{ .role = ROLE_ENFORCER, .name = "enforcer", .file = "phalanx-enforcer" },
	{ .role = ROLE_ENGINE, .name = "engine", .file = "phalanx-engine" },
	{ .role = ROLE_WATCH, .name = "watch", .file = "phalanx-watch" },
	{ .role = ROLE_DECOY, .name = "decoy", .file = "phalanx-decoy" },
	{ .role = ROLE_NET, .name = "net", .file = "phalanx-net" },
	{ .role = ROLE_ADVICE, .name = "advice", .file = "phalanx-advice" },
	{ .role = ROLE_ANALYSER, .name = "analyser", .file = "phalanx-analyser", .optional = true },
	{ .role = ROLE_HOOKS, .name = "hooks", .file = "phalanx-hooks", .optional = true },
};
#define PROCESSES (sizeof(processes) / sizeof(processes[0]))

static void step(struct process *, enum child_event);
static void stop_next(void);

static struct process *
process_of(enum role_id role)
{
	size_t i;

	for (i = 0; processes[i].role != role; i++)
		;
	return &processes[i];
}

static struct process *
engine(void)
{
	return process_of(ROLE_ENGINE);
}

/* ---- one process ----------------------------------------------------------------- */

/* The kernel sees when it dies; that it hangs or talks nonsense, only who asks it. */
static void
end_faulty(struct process *analyser)
{
	if (analyser->state != CHILD_UP)
		return;
	log_warn("%s (pid %d) hangs or answers garbage: killed", analyser->name, analyser->pid);
	(void)kill(analyser->pid, SIGKILL);
}

static void
from_child(void *context, struct ipc *ipc, const struct ipc_message *message)
{
	struct process *process = context;
	const struct msg_ready *ready = ipc_expect(message, sizeof(*ready), NULL, NULL);

	(void)ipc;
	if (message->type == MSG_FAULTY && process->role == ROLE_ADVICE) {
		end_faulty(process_of(ROLE_ANALYSER));
		return;
	}
	if (message->type != MSG_READY || ready == NULL) {
		log_warn("%s: message %u is refused", process->name, message->type);
		return;
	}
	log_debug("%s is sandboxed: pid=%d uid=%u landlock=%d", process->name, process->pid,
	    ready->uid, ready->landlock_abi);
	step(process, CHILD_READY);
}

/* A process without its way to us is of no use; its end is reaped as any other. */
static void
child_gone(void *context, struct ipc *ipc, enum err why)
{
	struct process *process = context;

	(void)why;
	ipc_free(ipc);
	process->ipc = NULL;
	if (process->pid != 0 && process->state != CHILD_STOPPING)
		(void)kill(process->pid, SIGKILL);
}

/* Which listeners a role gets. */
static bool
wants(enum role_id role, uint32_t kind)
{
	return (role == ROLE_NET && kind == LISTENER_P2P) ||
	       (role == ROLE_DECOY && kind == LISTENER_DECOY) ||
	       (role == ROLE_ANALYSER && kind == LISTENER_ANALYSER);
}

/* Without its door there is nothing for it to do: listen_analyser() said why. */
static bool
is_wanted(const struct process *process)
{
	const struct parent_listeners *all = self.listeners;

	if (process->role == ROLE_HOOKS)
		return self.config->config.hooks.command[0] != '\0';
	return process->role != ROLE_ANALYSER ||
	       all->each[all->count - 1].about.kind == LISTENER_ANALYSER;
}

static enum err
brief(struct process *process)
{
	enum err err;
	size_t i;

	self.config->role = (uint32_t)process->role;
	err = ipc_send(process->ipc, MSG_CONFIG, self.config, sizeof(*self.config), NULL, 0);
	for (i = 0; i < self.listeners->count && err == ERR_OK; i++) {
		const struct parent_listener *listener = &self.listeners->each[i];

		if (wants(process->role, listener->about.kind))
			err = ipc_send_fd(process->ipc, MSG_LISTENER, &listener->about,
			    sizeof(listener->about), listener->fd);
	}
	if (err == ERR_OK)
		err = ipc_send(process->ipc, MSG_GO, NULL, 0, NULL, 0);
	return err;
}

static enum err
start(struct process *process)
{
	const struct ipc_handler handler = {
		.message = from_child, .closed = child_gone, .context = process
	};
	char path[LIMIT_PATH_BYTES + 32];
	int ends[2];
	enum err err;

	if ((err = ipc_pair(ends)) != ERR_OK)
		return err;
	if ((err = ipc_new(self.loop, ends[0], &handler, &process->ipc)) != ERR_OK) {
		close(ends[0]);
		close(ends[1]);
		return err;
	}
	snprintf(path, sizeof(path), "%s/%s", self.config->config.libexec_dir, process->file);
	err = spawn_process(path, process->file, ends[1], &process->pid);
	close(ends[1]);
	if (err == ERR_OK && (err = brief(process)) != ERR_OK)
		(void)kill(process->pid, SIGKILL); /* reaped as any other */
	if (process->pid == 0) {
		ipc_free(process->ipc);
		process->ipc = NULL;
	}
	return err;
}

static enum err
hand_end(struct process *process, enum role_id far, int fd)
{
	const struct msg_channel channel = { .role = (uint32_t)far };

	return ipc_send_fd(process->ipc, MSG_CHANNEL, &channel, sizeof(channel), fd);
}

/* A new channel between the engine and one other, in place of an older one. */
static void
wire(struct process *other)
{
	int ends[2];
	enum err err;

	if ((err = ipc_pair(ends)) == ERR_OK) {
		err = hand_end(engine(), other->role, ends[0]);
		if (err == ERR_OK)
			err = hand_end(other, ROLE_ENGINE, ends[1]);
		close(ends[0]);
		close(ends[1]);
	}
	if (err != ERR_OK)
		log_error("channel between engine and %s: %s", other->name, err_text(err));
}

static void
came_up(struct process *process)
{
	bool all = true;
	size_t i;

	process->was_up = true;
	process->up_ms = loop_now_ms();
	for (i = 0; i < PROCESSES; i++) {
		struct process *other = &processes[i];

		all = all && (other->state == CHILD_UP || other->optional);
		/* The analyser is asked through its door, by whoever may: it has no way in here. */
		if (other->role == ROLE_ENGINE || other->role == ROLE_ANALYSER ||
		    other->state != CHILD_UP || engine()->state != CHILD_UP)
			continue;
		if (process->role == ROLE_ENGINE || other == process)
			wire(other);
	}
	if (all && !self.announced) {
		self.announced = true;
		log_info("all processes are up");
	}
}

static void
log_end(const struct process *process)
{
	const int status = process->exit_status;

	if (WIFSIGNALED(status))
		log_warn("%s (pid %d) ended by signal %d (%s)", process->name, process->pid,
		    WTERMSIG(status), sigdescr_np(WTERMSIG(status)));
	else if (process->state != CHILD_STOPPING || WEXITSTATUS(status) != 0)
		log_warn("%s (pid %d) ended with status %d", process->name, process->pid,
		    WEXITSTATUS(status));
}

/* Started before our sandbox, for what it runs shall have none: not to be had again. */
static void
give_up_hooks(struct process *hooks)
{
	hooks->state = CHILD_DOWN;
	log_error("%s is gone: no command runs at a quarantine until phalanxd is started anew",
	    hooks->name);
}

static void
retry_later(struct process *process)
{
	process->state = CHILD_DOWN;
	loop_timer_set(process->timer, loop_now_ms() + process->backoff_ms);
	log_info(
	    "%s starts again in %llu ms", process->name, (unsigned long long)process->backoff_ms);
	process->backoff_ms = process->backoff_ms * 2 < LIMIT_RESTART_MAX_MS
	                          ? process->backoff_ms * 2
	                          : LIMIT_RESTART_MAX_MS;
}

void
children_stop(int status)
{
	self.stopping = true;
	self.status = status;
	stop_next();
}

static void
ended(struct process *process)
{
	const bool gave_up = WIFEXITED(process->exit_status) && !process->was_up;

	log_end(process);
	process->pid = 0;
	ipc_free(process->ipc);
	process->ipc = NULL;
	loop_timer_set(process->timer, UINT64_MAX);
	if (self.stopping) {
		process->state = CHILD_DOWN;
		stop_next();
		return;
	}
	if (process->role == ROLE_HOOKS) {
		give_up_hooks(process);
		return;
	}
	/* Not a crash: it said on its way out what it lacks, and will lack it again. */
	if (gave_up && process->optional) {
		process->state = CHILD_DOWN;
		log_warn("%s cannot start; see its lines above. Going on without, until a reload",
		    process->name);
		return;
	}
	if (gave_up) {
		process->state = CHILD_DOWN;
		log_error("%s cannot start; see its lines above", process->name);
		children_stop(1);
		return;
	}
	if (process->state == CHILD_UP && loop_now_ms() - process->up_ms >= LIMIT_CHILD_HEALTHY_MS)
		process->backoff_ms = LIMIT_RESTART_MIN_MS;
	retry_later(process);
}

static void
try_start(struct process *process)
{
	enum err err = start(process);

	if (err == ERR_OK || process->pid != 0) {
		process->state = CHILD_STARTING;
		loop_timer_set(process->timer, loop_now_ms() + LIMIT_CHILD_READY_MS);
	} else if (process->role == ROLE_HOOKS) {
		give_up_hooks(process);
	} else if (!process->was_up && !process->optional) {
		log_error("%s cannot be started: %s", process->name, err_text(err));
		children_stop(1);
	} else {
		retry_later(process);
	}
}

static void
step(struct process *process, enum child_event event)
{
	switch (process->state) {
	case CHILD_DOWN:
		if (event == CHILD_TIMER)
			try_start(process);
		break;
	case CHILD_STARTING:
		switch (event) {
		case CHILD_TIMER:
			log_warn(
			    "%s is not ready after %d ms", process->name, LIMIT_CHILD_READY_MS);
			(void)kill(process->pid, SIGKILL);
			break;
		case CHILD_READY:
			process->state = CHILD_UP;
			loop_timer_set(process->timer, UINT64_MAX);
			came_up(process);
			break;
		case CHILD_EXITED:
			ended(process);
			break;
		}
		break;
	case CHILD_UP:
		if (event == CHILD_EXITED)
			ended(process);
		break;
	case CHILD_STOPPING:
		switch (event) {
		case CHILD_TIMER:
			log_warn("%s does not leave; killed", process->name);
			(void)kill(process->pid, SIGKILL);
			break;
		case CHILD_READY:
			break;
		case CHILD_EXITED:
			ended(process);
			break;
		}
		break;
	}
}

static void
on_timer(void *context)
{
	step(context, CHILD_TIMER);
}

static void
ask_to_leave(struct process *process)
{
	process->state = CHILD_STOPPING;
	loop_timer_set(process->timer, loop_now_ms() + LIMIT_CHILD_STOP_MS);
	if (process->ipc == NULL || ipc_send(process->ipc, MSG_STOP, NULL, 0, NULL, 0) != ERR_OK)
		(void)kill(process->pid, SIGKILL);
}

/* net leaves first, so that nothing new comes in; the notary last, so that nothing is lost. */
static void
stop_next(void)
{
	size_t i;

	for (i = PROCESSES; i-- > 0;) {
		struct process *process = &processes[i];

		if (process->state == CHILD_STOPPING)
			return;
		if (process->state == CHILD_DOWN) {
			loop_timer_set(process->timer, UINT64_MAX);
			continue;
		}
		ask_to_leave(process);
		return;
	}
	loop_stop(self.loop, self.status);
}

void
children_reap(void)
{
	int status;
	pid_t pid;
	size_t i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < PROCESSES; i++)
			if (processes[i].pid == pid) {
				processes[i].exit_status = status;
				step(&processes[i], CHILD_EXITED);
			}
}

void
children_broadcast(void)
{
	size_t i;

	for (i = 0; i < PROCESSES; i++) {
		if (processes[i].ipc == NULL)
			continue;
		self.config->role = (uint32_t)processes[i].role;
		if (ipc_send(processes[i].ipc, MSG_RELOAD, self.config, sizeof(*self.config), NULL,
		        0) != ERR_OK)
			log_warn("%s cannot be told of the configuration", processes[i].name);
	}
}

/* Cheaper than a second way for it to take a configuration: it holds nothing but a cache. */
void
children_renew_analyser(void)
{
	struct process *analyser = process_of(ROLE_ANALYSER);

	if (analyser->state == CHILD_DOWN && is_wanted(analyser)) {
		loop_timer_set(analyser->timer, loop_now_ms());
	} else if (analyser->state == CHILD_UP) {
		ask_to_leave(analyser);
	}
}

bool
children_renew_net(void)
{
	if (process_of(ROLE_NET)->state != CHILD_UP)
		return false;
	ask_to_leave(process_of(ROLE_NET));
	return true;
}

bool
children_take_client(int fd)
{
	return engine()->state == CHILD_UP &&
	       ipc_send_fd(engine()->ipc, MSG_CONTROL, NULL, 0, fd) == ERR_OK;
}

bool
children_are_stopping(void)
{
	return self.stopping;
}

enum err
children_prepare(
    struct loop *loop, struct msg_config *config, const struct parent_listeners *listeners)
{
	struct process *hooks = process_of(ROLE_HOOKS);
	char fault[HOOK_FAULT_BYTES];
	enum err err;

	self.loop = loop;
	self.config = config;
	self.listeners = listeners;
	for (size_t i = 0; i < PROCESSES; i++) {
		processes[i].backoff_ms = LIMIT_RESTART_MIN_MS;
		err = loop_timer_new(self.loop, on_timer, &processes[i], &processes[i].timer);
		if (err != ERR_OK)
			return err;
	}
	if (!is_wanted(hooks))
		return ERR_OK;
	if (!hook_is_usable(self.config->config.hooks.command, fault)) {
		log_error("[hooks] on_quarantine: %s", fault);
		return ERR_CONFIG;
	}
	try_start(hooks);
	return ERR_OK;
}

void
children_start(void)
{
	for (size_t i = 0; i < PROCESSES && !self.stopping; i++)
		if (is_wanted(&processes[i]) && processes[i].state == CHILD_DOWN)
			try_start(&processes[i]);
}
