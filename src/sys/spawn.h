/*
 * spawn: fork and exec one child process, with nothing of ours but standard
 * output and error and one descriptor.
 *
 * Spec: docs/privsep.md, "How a process starts".
 */
#ifndef SYS_SPAWN_H
#define SYS_SPAWN_H
#include <sys/types.h>
#include "base/err.h"

#define SPAWN_CONTROL_FD 3

/*
 * The child gets control_fd as descriptor 3, /dev/null as 0, an empty signal
 * mask, an empty environment, and dies with the calling process.  The caller
 * keeps control_fd.  NOT_FOUND, DENIED (path cannot be executed), IO.
 */
MUST_USE enum err spawn_process(const char *path, const char *name, int control_fd, pid_t *out);

#endif
