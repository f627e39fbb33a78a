/*
 * sockets: where the coordinator listens: what it inherited (systemd's
 * LISTEN_FDS), and what it opens itself.
 */
#ifndef COORDINATOR_SOCKETS_H
#define COORDINATOR_SOCKETS_H
#include "base/err.h"
#include "coordinator/settings.h"

#define SOCKETS_MOST 32

struct sockets {
	int fds[SOCKETS_MOST];
	size_t count;
};

/*
 * With LISTEN_FDS = n, descriptors 3 to n+2 are taken (LISTEN_PID, where
 * given and not 0, must be ours); settings' addresses are opened besides, the
 * default ones only if nothing was inherited.  IO, CONFIG, FULL: a line in
 * the log says what to do.
 */
MUST_USE enum err sockets_open(const struct settings *, struct sockets *out);

#endif
