/*
 * parent: what the pieces of phalanxd's own process share.
 *
 * Spec: docs/privsep.md.
 */
#ifndef PROC_PARENT_H
#define PROC_PARENT_H
#include "proc/messages.h"
#include "sys/ipc.h"
#include "sys/loop.h"

/* ---- parent_listen.c: every socket that is bound, before anything is dropped ---- */

struct parent_listener {
	struct msg_listener about;
	int fd;
};

struct parent_listeners {
	struct parent_listener each[LIMIT_DECOYS + 2]; /* the mesh port first */
	size_t count;
	int control_fd;
};

/*
 * The analyser's socket is the last one, if this node is to run one; else a
 * line says why not.
 * On error a line in the log names the port, who wants it and what to do.  LOCKED,
 * DENIED, IO.
 */
MUST_USE enum err listen_all(const struct config *, struct parent_listeners *out);
/* A client that may ask: root or our own uid.  AGAIN, DENIED. */
MUST_USE enum err listen_accept(int control_fd, int *out);

/* ---- parent_children.c: one process a role, started again when it dies ------------- */

/*
 * The hooks' process starts at once, before the caller's sandbox; config and listeners live as
 * long, and the config may change.  CONFIG, NOMEM.
 */
MUST_USE enum err children_prepare(struct loop *, struct msg_config *,
    const struct parent_listeners *);
/* All the others. */
void children_start(void);
/* One after the other; when the last has left, the loop ends with that status. */
void children_stop(int status);
bool children_are_stopping(void);
/* After SIGCHLD. */
void children_reap(void);
/* The configuration to all that are there. */
void children_broadcast(void);
/* It starts anew, with the configuration as it is; net: false if it is not up. */
void children_renew_analyser(void);
bool children_renew_net(void);
/* Hands a control client's connection, which stays the caller's, to the engine; false: it is not up. */
bool children_take_client(int fd);

/* ---- parent_reload.c: what a configuration that is read again may change ---------- */

/* What a running node cannot change, because it was bound or dropped at the start; or NULL. */
const char *reload_needs_restart(const struct config *old, const struct config *new);
/* Since the last call; false at the first. */
bool reload_certificate_changed(const struct config *);

/* ---- parent_files.c: who owns what in the state directory ------------------------ */

/*
 * Creates the directory where it is missing and gives every file to the role
 * that needs it.  Follows no symbolic link and takes no file with two names.
 */
MUST_USE enum err files_hand_over(const struct config *);
/* Can roles have uids of their own here?  Says why not, once. */
bool files_uids_usable(uint32_t uid_base);

/* ---- parent_resolve.c: a name, looked up by a child of its own -------------------- */

struct resolver; /* opaque: one lookup under way */

/* Forks; the child has no capabilities and answers over a pipe.  IO, NOMEM. */
MUST_USE enum err resolver_start(const char *host, struct resolver **out);
int resolver_fd(const struct resolver *); /* readable once there is an answer */
/* NOT_FOUND; AGAIN if timeout_ms ran out first. */
MUST_USE enum err resolver_take(struct resolver *, int timeout_ms, struct address *out);
void resolver_free(struct resolver *); /* accepts NULL; ends the child */

/* ---- parent_names.c: the names that the configuration may hold --------------------- */

/*
 * Fills in the addresses of coordinator, analyser and model.  Waits a little,
 * so that in the usual case nobody starts without; found() hears of later ones.
 */
MUST_USE enum err names_start(struct loop *, struct config *, void (*found)(void));

#endif
