/*
 * child: how every process but the parent starts.
 *
 * fork, exec, MSG_CONFIG and MSG_LISTENERs over descriptor 3, MSG_GO, drop to
 * the role's uid, prepare(), sandbox, MSG_READY; only then the first untrusted
 * byte.  It dies with its parent (PR_SET_PDEATHSIG) and is never dumpable.
 */
#ifndef PROC_CHILD_H
#define PROC_CHILD_H
#include "proc/messages.h"
#include "sys/ipc.h"
#include "sys/loop.h"
#include "sys/sandbox.h"

struct child_listener {
	struct msg_listener about;
	int fd;
};

struct child {
	struct loop *loop;
	struct config config;
	struct child_listener listeners[LIMIT_DECOYS * 2 + 2]; /* the role owns the descriptors */
	size_t listener_count;
	struct ipc *parent;
};

struct child_role {
	enum role_id id;
	const char *name; /* "decoy" */
	int nice;         /* how far it stands back for those that cut */
	/* Opens what the role needs; still its own uid, no sandbox, nothing read from strangers. */
	enum err (*prepare)(struct child *);
	/* After prepare: the profile may name paths from the config. */
	void (*profile)(const struct child *, struct sandbox_profile *out);
	/* Sandboxed.  Set up handlers; the loop runs when it returns ERR_OK. */
	enum err (*start)(struct child *);
	/* A (new) way to a sibling; owns fd.  Replaces an older one to that role. */
	void (*channel)(struct child *, enum role_id far, int fd);
	/* MSG_CONTROL; NULL refuses.  Owns fd. */
	void (*control)(struct child *, int fd);
	void (*reload)(struct child *, const struct config *); /* may be NULL */
	void (*stop)(struct child *);                            /* may be NULL */
	/* Any other message from who started it; NULL refuses. */
	void (*message)(struct child *, const struct ipc_message *);
	/* No profile, and the uid and capabilities that it was started with: what it runs is the operator's. */
	bool unconfined;
};

/* main() of every child binary is: return child_main(argc, argv, &role). */
int child_main(int argc, char **argv, const struct child_role *);

#endif
