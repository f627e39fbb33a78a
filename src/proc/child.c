/*
 * child: see child.h.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "proc/child.h"
#include "sys/log.h"
#include "sys/spawn.h"

struct running {
	struct child child;
	const struct child_role *role;
};

/* The largest message before the loop runs is the configuration. */
union first_message {
	struct msg_config config;
	struct msg_listener listener;
};

static enum log_level
level(const char *text)
{
	if (strcmp(text, "debug") == 0)
		return LOG_LEVEL_DEBUG;
	if (strcmp(text, "warn") == 0)
		return LOG_LEVEL_WARN;
	if (strcmp(text, "error") == 0)
		return LOG_LEVEL_ERROR;
	return LOG_LEVEL_INFO;
}

/* ---- before the sandbox: only the parent speaks -------------------------------- */

/* The parent stops its children in order; a terminal's ^C reaches all at once. */
static void
ignore_signals(void)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE };
	size_t i;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
}

static enum err
take_config(struct running *running, const struct msg_config *config, size_t size_bytes)
{
	if (size_bytes != sizeof(*config) || config->version != MESSAGES_VERSION ||
	    config->role != (uint32_t)running->role->id) {
		log_error("configuration of another build or role: install all binaries of one "
		          "version");
		return ERR_VERSION;
	}
	running->child.config = config->config;
	log_init(running->child.config.name, running->role->name,
	    level(running->child.config.log_level));
	return ERR_OK;
}

static enum err
take_listener(struct child *child, const struct msg_listener *listener, size_t size_bytes, int fd)
{
	const size_t room = sizeof(child->listeners) / sizeof(child->listeners[0]);

	if (size_bytes != sizeof(*listener) || fd == -1)
		return ERR_MALFORMED;
	if (child->listener_count == room)
		return ERR_FULL;
	child->listeners[child->listener_count++] =
	    (struct child_listener){ .about = *listener, .fd = fd };
	return ERR_OK;
}

static enum err
take_beginning(struct running *running)
{
	union first_message message;
	uint32_t type;
	size_t size_bytes;
	enum err err;
	int fd;

	for (;;) {
		err = ipc_read_blocking(SPAWN_CONTROL_FD, &type, &message, sizeof(message),
		    &size_bytes, &fd, LIMIT_CHILD_READY_MS);
		if (err != ERR_OK)
			return err;
		if (type == MSG_CONFIG)
			err = take_config(running, &message.config, size_bytes);
		else if (type == MSG_LISTENER)
			err = take_listener(&running->child, &message.listener, size_bytes, fd);
		else
			return type == MSG_GO ? ERR_OK : ERR_MALFORMED;
		if (err != ERR_OK)
			return err;
	}
}

/* The role's uid, and of all capabilities NET_ADMIN at most. */
static enum err
drop_identity(const struct running *running)
{
	const uint32_t base = running->child.config.uid_base;
	const uid_t id = base + (uint32_t)running->role->id;
	const bool net_admin = running->role->id == ROLE_ENFORCER &&
	                       capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN);

	if (base != 0) {
		/* Capabilities survive the change of uid, and all but one go right after. */
		if (net_admin && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1)
			return ERR_DENIED;
		if (setgroups(0, NULL) == -1 || setresgid(id, id, id) == -1 ||
		    setresuid(id, id, id) == -1) {
			log_errno("cannot become uid %u", id);
			return ERR_DENIED;
		}
	}
	capng_clear(CAPNG_SELECT_ALL);
	if (net_admin &&
	    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN) != 0)
		return ERR_DENIED;
	if (capng_apply(CAPNG_SELECT_CAPS) != 0) {
		log_error("cannot drop capabilities");
		return ERR_DENIED;
	}
	/* A change of uid clears both.  Where the parent is gone already, the loop finds
	 * descriptor 3 closed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return ERR_DENIED;
	return ERR_OK;
}

/* ---- in the loop -------------------------------------------------------------------- */

static void
stop(struct running *running)
{
	if (running->role->stop != NULL)
		running->role->stop(&running->child);
	loop_stop(running->child.loop, 0);
}

static void
from_parent(void *context, struct ipc *ipc, const struct ipc_message *message)
{
	struct running *running = context;
	const struct child_role *role = running->role;
	const struct msg_channel *channel;
	const struct msg_config *config;

	(void)ipc;
	switch (message->type) {
	case MSG_CHANNEL:
		channel = ipc_expect(message, sizeof(*channel), NULL, NULL);
		if (channel == NULL || message->fd == -1 || role->channel == NULL ||
		    channel->role >= ROLE_ID_COUNT)
			break;
		role->channel(&running->child, (enum role_id)channel->role, message->fd);
		return;
	case MSG_CONTROL:
		if (message->fd == -1 || role->control == NULL)
			break;
		role->control(&running->child, message->fd);
		return;
	case MSG_RELOAD:
		config = ipc_expect(message, sizeof(*config), NULL, NULL);
		if (config == NULL || config->version != MESSAGES_VERSION)
			break;
		if (role->reload != NULL)
			role->reload(&running->child, &config->config);
		running->child.config = config->config;
		return;
	case MSG_STOP:
		stop(running);
		return;
	default:
		if (role->message == NULL || message->fd != -1)
			break;
		role->message(&running->child, message);
		return;
	}
	if (message->fd != -1)
		close(message->fd);
	log_warn("message %u from the parent is refused", message->type);
}

static void
parent_gone(void *context, struct ipc *ipc, enum err why)
{
	struct running *running = context;

	(void)ipc;
	log_warn("the parent is gone (%s); leaving", err_text(why));
	loop_stop(running->child.loop, 1);
}

static enum err
enter_sandbox(struct running *running)
{
	struct sandbox_profile profile;
	struct sandbox_report report;
	struct msg_ready ready = { 0 };
	enum err err;

	ready.uid = getuid();
	if (running->role->unconfined)
		return ipc_send(running->child.parent, MSG_READY, &ready, sizeof(ready), NULL, 0);
	running->role->profile(&running->child, &profile);
	if ((err = sandbox_enter(&profile, &report)) != ERR_OK)
		return err;
	ready.landlock_abi = report.landlock_abi;
	ready.tcp_scope = report.tcp_scope;
	ready.signal_scope = report.signal_scope;
	return ipc_send(running->child.parent, MSG_READY, &ready, sizeof(ready), NULL, 0);
}

static enum err
begin(struct running *running)
{
	const struct ipc_handler handler = { .message = from_parent,
		.closed = parent_gone,
		.context = running,
		.descriptors = true };
	struct child *child = &running->child;
	enum err err;

	if ((err = take_beginning(running)) != ERR_OK)
		return err;
	if (!running->role->unconfined && (err = drop_identity(running)) != ERR_OK)
		return err;
	if ((err = loop_new(&child->loop)) != ERR_OK)
		return err;
	if ((err = ipc_new(child->loop, SPAWN_CONTROL_FD, &handler, &child->parent)) != ERR_OK)
		return err;
	if (running->role->prepare != NULL && (err = running->role->prepare(child)) != ERR_OK)
		return err;
	if ((err = enter_sandbox(running)) != ERR_OK)
		return err;
	return running->role->start(child);
}

int
child_main(int argc, char **argv, const struct child_role *role)
{
	static struct running running;
	enum err err;

	(void)argc;
	(void)argv;
	running.role = role;
	/* Before the first message: nobody of the same uid may look in. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return 1;
	/* No more than a preference: a kernel that refuses changes nothing else. */
	if (role->nice > 0)
		(void)setpriority(PRIO_PROCESS, 0, role->nice);
	umask(077);
	ignore_signals();
	log_init("", role->name, LOG_LEVEL_INFO);
	if (capng_get_caps_process() != 0) {
		log_error("cannot read capabilities");
		return 1;
	}
	if ((err = begin(&running)) != ERR_OK) {
		log_error("start: %s", err_text(err));
		return 1;
	}
	return loop_run(running.child.loop);
}
