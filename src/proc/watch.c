/*
 * watch: looks at its own host.  Processor and memory every second, and the
 * neighbour table, told to the engine.  One wake-up a second, a few reads.
 *
 * Spec: docs/privsep.md, "watch".
 */
#include <math.h>
#include <unistd.h>
#include "proc/child.h"
#include "proc/profiles.h"
#include "proc/watch.h"
#include "sys/log.h"

static struct {
	struct child *child;
	struct ipc *engine;
	struct load *load;
	struct neighbours *neighbours;
	struct loop_watch *netlink_watch;
	struct loop_timer *timer;
	struct msg_telemetry told;
	uint64_t told_ms; /* 0: never to this engine */
	bool load_failed;
} watch;

static bool
tell_neighbour(void *context, const struct msg_neighbour *message)
{
	(void)context;
	return ipc_send(watch.engine, MSG_NEIGHBOUR, message, sizeof(*message), NULL, 0) == ERR_OK;
}

static void
publish(void)
{
	if (watch.engine != NULL)
		neighbours_publish(watch.neighbours, tell_neighbour, NULL);
}

static void
on_netlink(void *context, unsigned ready)
{
	(void)context;
	(void)ready;
	neighbours_hear(watch.neighbours);
	publish();
}

static void
look_at_load(uint64_t now_ms)
{
	struct msg_telemetry now;
	enum err err = load_read(watch.load, loop_now_ns(), &now);

	if (err == ERR_AGAIN)
		return;
	if (err != ERR_OK) {
		if (!watch.load_failed)
			log_errno("processor and memory cannot be read");
		watch.load_failed = true;
		return;
	}
	watch.load_failed = false;
	if (watch.engine == NULL ||
	    (watch.told_ms != 0 && now_ms - watch.told_ms < LIMIT_TELEMETRY_MS &&
	        fabsf(now.cpu_percent - watch.told.cpu_percent) < LIMIT_TELEMETRY_POINTS &&
	        fabsf(now.memory_percent - watch.told.memory_percent) < LIMIT_TELEMETRY_POINTS))
		return;
	if (ipc_send(watch.engine, MSG_TELEMETRY, &now, sizeof(now), NULL, 0) != ERR_OK)
		return;
	watch.told = now;
	watch.told_ms = now_ms;
}

static void
on_second(void *context)
{
	const uint64_t now_ms = loop_now_ms();

	(void)context;
	look_at_load(now_ms);
	neighbours_tick(watch.neighbours);
	loop_timer_set(watch.timer, now_ms + LIMIT_WATCH_MS);
}

static void
from_engine(void *context, struct ipc *ipc, const struct ipc_message *message)
{
	(void)context;
	(void)ipc;
	log_warn("message %u from the engine is refused", message->type);
}

static void
engine_gone(void *context, struct ipc *ipc, enum err why)
{
	(void)context;
	(void)why;
	ipc_free(ipc);
	watch.engine = NULL;
}

static void
channel(struct child *child, enum role_id far, int fd)
{
	const struct ipc_handler handler = { .message = from_engine, .closed = engine_gone };

	if (far != ROLE_ENGINE) {
		close(fd);
		return;
	}
	ipc_free(watch.engine);
	watch.engine = NULL;
	if (ipc_new(child->loop, fd, &handler, &watch.engine) != ERR_OK) {
		close(fd);
		loop_stop(child->loop, 1);
		return;
	}
	watch.told_ms = 0;
	neighbours_forget_published(watch.neighbours);
	publish();
}

static enum err
prepare(struct child *child)
{
	enum err err;

	(void)child;
	if ((err = load_open(getppid(), &watch.load)) != ERR_OK) {
		log_errno("/proc cannot be read");
		return err;
	}
	return neighbours_open(&watch.neighbours);
}

static enum err
start(struct child *child)
{
	enum err err;

	watch.child = child;
	err = loop_add(child->loop, neighbours_fd(watch.neighbours), LOOP_READ, on_netlink, NULL,
	    &watch.netlink_watch);
	if (err == ERR_OK)
		err = loop_timer_new(child->loop, on_second, NULL, &watch.timer);
	if (err != ERR_OK)
		return err;
	log_info("watching the %s", load_scope_text(watch.load));
	on_second(NULL);
	return ERR_OK;
}

int
main(int argc, char **argv)
{
	static const struct child_role role = {
		.id = ROLE_WATCH,
		.name = "watch",
		.nice = 5,
		.prepare = prepare,
		.profile = profile_watch,
		.start = start,
		.channel = channel,
	};

	return child_main(argc, argv, &role);
}
