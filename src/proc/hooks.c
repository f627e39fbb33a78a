/*
 * hooks: runs the operator's command when a quarantine stands on verified
 * evidence.  It is told so by the node's engine, or by a coordinator that
 * started it for itself, and by nobody else; it reads nothing from strangers
 * but what the command writes.
 *
 * What it runs is the operator's and needs what the operator needs, so it takes
 * no sandbox: it is what phalanxd was started as, and starts before phalanxd
 * gives that up.
 *
 * Spec: docs/privsep.md, "hooks"; docs/operations.md, "Hooks".
 */
#include <stdio.h>
#include <string.h>
#include "proc/child.h"
#include "sys/hook.h"
#include "sys/log.h"

#define NICE 5

static struct {
	struct hooks *hooks;
	struct ipc *engine;
} self;

static void
on_event(const struct ipc_message *message)
{
	static struct hook_event event;
	const uint8_t *evidence;
	size_t evidence_bytes;
	const void *fixed = ipc_expect(message, sizeof(event), &evidence, &evidence_bytes);
	enum err err = ERR_MALFORMED;

	if (message->type == MSG_HOOK_EVENT && fixed != NULL) {
		memcpy(&event, fixed, sizeof(event));
		err = evidence_bytes > LIMIT_HOOK_CERTIFICATE_BYTES ? ERR_OVERSIZE
		                                                    : hook_event_check(&event);
	}
	if (err == ERR_OK)
		err = hooks_take(self.hooks, &event, (struct span){ evidence, evidence_bytes });
	if (err == ERR_FULL)
		log_error("hook: %d quarantines wait already; %s is left to the next start",
		    LIMIT_HOOK_QUEUE, event.name);
	else if (err != ERR_OK)
		log_warn("hook: message %u is refused: %s", message->type, err_text(err));
}

static void
from_engine(void *context, struct ipc *ipc, const struct ipc_message *message)
{
	(void)context;
	(void)ipc;
	on_event(message);
}

static void
from_coordinator(struct child *child, const struct ipc_message *message)
{
	(void)child;
	on_event(message);
}

static void
engine_gone(void *context, struct ipc *ipc, enum err why)
{
	(void)context;
	(void)why;
	ipc_free(ipc);
	self.engine = NULL;
}

static void
channel(struct child *child, enum role_id far, int fd)
{
	const struct ipc_handler handler = { .message = from_engine, .closed = engine_gone };

	(void)far;
	ipc_free(self.engine);
	self.engine = NULL;
	if (ipc_new(child->loop, fd, &handler, &self.engine) != ERR_OK)
		log_error("channel to the engine: no memory");
}

static enum err
start(struct child *child)
{
	const struct config *config = &child->config;

	log_info("hooks: on_quarantine = %s, for at most %u s", config->hooks.command,
	    config->hooks.timeout_ms / 1000);
	return ERR_OK;
}

static enum err
prepare(struct child *child)
{
	const struct config *config = &child->config;
	char path[LIMIT_PATH_BYTES + 16];

	snprintf(path, sizeof(path), "%s/hooks.record", config->state_dir);
	return hooks_new(child->loop, &config->hooks, path, config->name, &self.hooks);
}

static void
stop(struct child *child)
{
	(void)child;
	hooks_stop(self.hooks);
}

int
main(int argc, char **argv)
{
	static const struct child_role role = {
		.id = ROLE_HOOKS,
		.name = "hooks",
		.nice = NICE,
		.prepare = prepare,
		.start = start,
		.channel = channel,
		.message = from_coordinator,
		.stop = stop,
		.unconfined = true,
	};

	return child_main(argc, argv, &role);
}
