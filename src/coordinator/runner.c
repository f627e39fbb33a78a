#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "coordinator/coordinator.h"
#include "coordinator/runner.h"
#include "proc/messages.h"
#include "sys/hook_event.h"
#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/spawn.h"

#define PROGRAM "phalanx-hooks"

struct runner {
	pid_t pid;
	struct ipc *ipc; /* NULL: it is gone */
	int far_end;     /* a copy, to see it leave */
};

/* ---- starting and leaving ------------------------------------------------------- */

static void
on_message(void *context, struct ipc *ipc, const struct ipc_message *message)
{
	(void)context;
	(void)ipc;
	if (message->type != MSG_READY)
		log_warn("hooks: message %u is refused", message->type);
}

static void
on_closed(void *context, struct ipc *ipc, enum err why)
{
	struct runner *r = context;

	log_error("hooks: the process is gone (%s): no command runs at a quarantine until the "
	          "coordinator is started anew",
	    err_text(why));
	ipc_free(ipc);
	r->ipc = NULL;
}

static enum err
brief(struct runner *r, const struct settings *settings)
{
	struct msg_config message = { .version = MESSAGES_VERSION, .role = ROLE_HOOKS };
	enum err err;

	strcpy(message.config.name, "coordinator");
	strcpy(message.config.state_dir, settings->state_dir);
	strcpy(message.config.log_level, settings->log_level);
	message.config.hooks = settings->hooks;
	if ((err = ipc_send(r->ipc, MSG_CONFIG, &message, sizeof(message), NULL, 0)) != ERR_OK)
		return err;
	return ipc_send(r->ipc, MSG_GO, NULL, 0, NULL, 0);
}

static enum err
spawn_runner(struct loop *loop, struct runner *r)
{
	const struct ipc_handler handler = {
		.message = on_message, .closed = on_closed, .context = r
	};
	char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES + 32];
	int ends[2];
	enum err err;

	if ((err = ipc_pair(ends)) != ERR_OK)
		return err;
	if ((r->far_end = fcntl(ends[0], F_DUPFD_CLOEXEC, 0)) == -1 ||
	    (err = ipc_new(loop, ends[0], &handler, &r->ipc)) != ERR_OK) {
		close(ends[0]);
		close(ends[1]);
		return r->far_end == -1 ? ERR_IO : err;
	}
	config_libexec(folder);
	snprintf(path, sizeof(path), "%s/" PROGRAM, folder);
	err = spawn_process(path, PROGRAM, ends[1], &r->pid);
	close(ends[1]);
	return err;
}

enum err
runner_start(struct loop *loop, const struct settings *settings, struct runner **out)
{
	char fault[HOOK_FAULT_BYTES];
	struct runner *r;
	enum err err;

	*out = NULL;
	if (settings->hooks.command[0] == '\0')
		return ERR_OK;
	if (*settings->roster_file == '\0' || !hook_is_usable(settings->hooks.command, fault)) {
		log_error("[hooks] on_quarantine: %s",
		    *settings->roster_file == '\0'
		        ? "without roster_file nothing can be verified: set it"
		        : fault);
		return ERR_CONFIG;
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return ERR_NOMEM;
	r->far_end = -1;
	if ((err = spawn_runner(loop, r)) != ERR_OK || (err = brief(r, settings)) != ERR_OK) {
		runner_free(r);
		return err;
	}
	*out = r;
	return ERR_OK;
}

void
runner_free(struct runner *r)
{
	struct pollfd far;

	if (r == NULL)
		return;
	if (r->ipc != NULL && ipc_send(r->ipc, MSG_STOP, NULL, 0, NULL, 0) == ERR_OK) {
		far = (struct pollfd){ .fd = r->far_end };
		(void)poll(&far, 1, LIMIT_CHILD_STOP_MS);
	}
	ipc_free(r->ipc);
	if (r->far_end != -1)
		close(r->far_end);
	free(r);
}

/* ---- what it is told ---------------------------------------------------------------- */

static const struct incident *
find(struct ledger *ledger, const struct incident_id *id)
{
	for (size_t i = ledger_incident_count(ledger); i-- > 0;) {
		const struct incident *incident = ledger_incident(ledger, i);

		if (memcmp(&incident->id, id, sizeof(*id)) == 0)
			return incident;
	}
	return NULL;
}

/* Does it hold, and on this evidence? */
static bool
stands(const struct incident *incident, const struct hook_event *event)
{
	if (incident_level(incident) != INCIDENT_QUARANTINE)
		return false;
	switch ((enum hook_evidence)event->evidence) {
	case HOOK_CERTIFICATE:
		return incident->certified;
	case HOOK_PROOF:
		return incident->proven;
	case HOOK_CONFESSION:
		return incident->confessed;
	case HOOK_PRECAUTION:
		return incident->precaution_stands;
	}
	return false;
}

/* Statements say more of the cause than a certificate does. */
static void
add_cause(const struct incident *incident, struct hook_event *event)
{
	if (event->score > 0)
		return;
	event->score = incident->score;
	event->class = (uint32_t)incident->class;
	event->source = incident->source;
}

void
runner_entry(struct coordinator *c, const struct ledger_entry *e)
{
	static struct hook_event event;
	const struct incident *incident;
	size_t evidence_bytes = e->envelope.size_bytes;

	if (c->runner == NULL || c->runner->ipc == NULL || e->subject == MEMBER_NONE ||
	    (incident = find(c->ledger, &e->incident)) == NULL ||
	    hook_event_fill(c->roster, &e->entry, e->subject, &e->incident, &event) != ERR_OK ||
	    !stands(incident, &event))
		return;
	add_cause(incident, &event);
	if (evidence_bytes > LIMIT_HOOK_CERTIFICATE_BYTES)
		evidence_bytes = 0;
	if (ipc_send(c->runner->ipc, MSG_HOOK_EVENT, &event, sizeof(event), e->envelope.data,
	        evidence_bytes) != ERR_OK)
		log_error("hooks: cannot be told of %s; it is at the next start", event.name);
}

static void
again(void *context, const struct store_entry *kept)
{
	struct coordinator *c = context;
	struct ledger_entry entry;

	if (ledger_check(c->ledger, kept->envelope, &entry) == ERR_OK)
		runner_entry(c, &entry);
}

void
runner_again(struct coordinator *c)
{
	if (c->runner != NULL && store_each_entry(c->store, again, c) != ERR_OK)
		log_error("hooks: the store cannot be read; what stood before is not acted upon");
}
