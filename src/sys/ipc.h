/*
 * ipc: typed messages between two processes over a SOCK_SEQPACKET socketpair.
 *
 * A message is struct ipc_header, then exactly size_bytes of payload.  A packet
 * holds one, or several of a channel that gathers, each at a multiple of eight
 * bytes; a descriptor rides beside the first.  Sending never blocks: what the
 * socket does not take waits in a queue of at most LIMIT_IPC_QUEUE packets.  The
 * receiver treats every packet as hostile: it is checked whole before its first
 * message is delivered, and ipc_expect() checks the size of each.
 */
#ifndef SYS_IPC_H
#define SYS_IPC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/limits.h"
#include "sys/loop.h"

struct ipc_header {
	uint32_t type; /* enum message_type, proc/messages.h */
	uint32_t size_bytes;
};

struct ipc; /* opaque */

struct ipc_message {
	uint32_t type;
	size_t size_bytes;
	const uint8_t *data; /* valid during the callback; 8-byte aligned */
	int fd;              /* -1: none; the callback owns it */
};

struct ipc_handler {
	void (*message)(void *context, struct ipc *, const struct ipc_message *);
	/* After the last message of one wake-up; may be NULL. */
	void (*idle)(void *context, struct ipc *);
	/* The other end is gone or broke the framing; the handler may ipc_free(). */
	void (*closed)(void *context, struct ipc *, enum err why);
	void *context;
	bool descriptors; /* expected here; else the kernel drops what comes, and fd is -1 */
};

/* Owns fd from then on.  NOMEM, IO. */
MUST_USE enum err ipc_new(struct loop *, int fd, const struct ipc_handler *, struct ipc **out);
void ipc_free(struct ipc *); /* accepts NULL; closes */
/* Both parts are copied or sent at once.  FULL, CLOSED, OVERSIZE, IO. */
MUST_USE enum err ipc_send(struct ipc *, uint32_t type, const void *fixed, size_t fixed_bytes,
    const void *tail, size_t tail_bytes);
/* The descriptor is duplicated by the kernel; the caller keeps its own. */
MUST_USE enum err ipc_send_fd(struct ipc *, uint32_t type, const void *fixed, size_t fixed_bytes,
    int fd);
size_t ipc_queued(const struct ipc *);
/* From now on what one round of the loop sends leaves together at its end; without memory for it, as before. */
void ipc_gather(struct ipc *);
/* Blocking, for a child before its loop runs: next message into a caller's buffer. */
MUST_USE enum err ipc_read_blocking(int fd, uint32_t *type, void *buffer, size_t room,
    size_t *size_bytes, int *passed_fd, int timeout_ms);
/* Blocking send on a bare descriptor, before a loop exists. */
MUST_USE enum err ipc_write_blocking(int fd, uint32_t type, const void *fixed, size_t fixed_bytes,
    const void *tail, size_t tail_bytes, int passed_fd);
/* The fixed part of a message of at least fixed_bytes, its tail behind it; NULL if too short. */
const void *ipc_expect(const struct ipc_message *, size_t fixed_bytes, const uint8_t **tail,
    size_t *tail_bytes);
/* A connected pair, CLOEXEC, with socket buffers that hold a full message. */
MUST_USE enum err ipc_pair(int fds[2]);

#endif
