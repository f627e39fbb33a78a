/*
 * role: runs one shipped process with the test as its parent and its engine.
 */
#ifndef TESTS_ROLE_H
#define TESTS_ROLE_H
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "proc/messages.h"
#include "sys/ipc.h"
#include "sys/spawn.h"
#include "tests/check.h"

struct role {
	pid_t pid;
	int control; /* as the parent */
	int engine;  /* as the engine; -1: not given */
};

struct heard {
	uint32_t type;
	size_t size_bytes;
	_Alignas(8) uint8_t bytes[LIMIT_IPC_BYTES];
};

/* false: nothing within timeout_ms, or the other end is gone. */
static inline bool
role_hear(int fd, struct heard *out, int timeout_ms)
{
	int passed = -1;

	return ipc_read_blocking(fd, &out->type, out->bytes, sizeof(out->bytes), &out->size_bytes,
	           &passed, timeout_ms) == ERR_OK;
}

static inline void
role_connect(struct role *role)
{
	const struct msg_channel channel = { .role = ROLE_ENGINE };
	int ends[2];

	assert_ok(ipc_pair(ends));
	assert_ok(ipc_write_blocking(
	    role->control, MSG_CHANNEL, &channel, sizeof(channel), NULL, 0, ends[1]));
	close(ends[1]);
	role->engine = ends[0];
}

/* Starts bin/phalanx-NAME beside this test's folder, up to MSG_READY. */
static inline void
role_start(struct role *role, enum role_id id, const char *name, const struct config *config,
    const struct msg_listener *listeners, const int *fds, size_t count)
{
	static struct msg_config message;
	static struct heard heard;
	char self[512], path[1024];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int ends[2];
	size_t i;

	assert_true(length > 0);
	self[length] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(path, sizeof(path), "%s/../bin/%s", self, name);
	message = (struct msg_config){ .version = MESSAGES_VERSION,
		.role = (uint32_t)id,
		.config = *config };
	assert_ok(ipc_pair(ends));
	assert_ok(spawn_process(path, name, ends[1], &role->pid));
	close(ends[1]);
	role->control = ends[0];
	role->engine = -1;
	assert_ok(ipc_write_blocking(
	    role->control, MSG_CONFIG, &message, sizeof(message), NULL, 0, -1));
	for (i = 0; i < count; i++)
		assert_ok(ipc_write_blocking(role->control, MSG_LISTENER, &listeners[i],
		    sizeof(listeners[i]), NULL, 0, fds[i]));
	assert_ok(ipc_write_blocking(role->control, MSG_GO, NULL, 0, NULL, 0, -1));
	assert_true(role_hear(role->control, &heard, 5000));
	assert_int_equal(heard.type, MSG_READY);
}

/* MSG_STOP; it must leave with status 0. */
static inline void
role_stop(struct role *role)
{
	int status;

	assert_ok(ipc_write_blocking(role->control, MSG_STOP, NULL, 0, NULL, 0, -1));
	assert_int_equal(waitpid(role->pid, &status, 0), role->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(role->control);
	if (role->engine != -1)
		close(role->engine);
}

#endif
