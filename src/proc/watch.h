/*
 * watch: what the two senses of the watch process offer it.
 */
#ifndef PROC_WATCH_H
#define PROC_WATCH_H
#include <sys/types.h>
#include "base/err.h"
#include "proc/messages.h"

/* ---- watch_load.c: processor and memory, a few reads a second ------------------- */

enum load_scope {
	LOAD_MACHINE, /* /proc/uptime, /proc/meminfo */
	LOAD_CGROUP,  /* a cgroup v2 with a limit of its own */
	LOAD_TREE     /* phalanxd and its children, where the machine is not ours */
};

struct load; /* opaque */

/* Chooses the scope: a limited cgroup, else the tree of root inside a user namespace, else all. */
MUST_USE enum err load_open(pid_t root, struct load **out);
/* With the scope given, for tests. */
MUST_USE enum err load_open_scope(enum load_scope, pid_t root, struct load **out);
void load_close(struct load *); /* accepts NULL */
const char *load_scope_text(const struct load *);
/* Since the last call; AGAIN on the first one.  Always within 0..100. */
MUST_USE enum err load_read(struct load *, uint64_t now_ns, struct msg_telemetry *out);

/* ---- watch_neighbour.c: who stands behind which link-layer address ----------------- */

struct neighbours; /* opaque */

/* Opens the netlink socket; reads nothing yet. */
MUST_USE enum err neighbours_open(struct neighbours **out);
void neighbours_close(struct neighbours *); /* accepts NULL */
int neighbours_fd(const struct neighbours *);
/* Ask the kernel for routes and neighbours anew, if they are in doubt. */
void neighbours_tick(struct neighbours *);
/* Readable: take what the kernel says. */
void neighbours_hear(struct neighbours *);
/* Everything that each() has not been told; false from it: keep for later. */
void neighbours_publish(struct neighbours *,
    bool (*each)(void *context, const struct msg_neighbour *), void *context);
/* A new listener knows nothing. */
void neighbours_forget_published(struct neighbours *);

#endif
