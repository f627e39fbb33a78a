/*
 * ipc: see ipc.h.
 */
#include <sys/socket.h>
#include <sys/uio.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sys/ipc.h"
#include "sys/log.h"

#define PACKETS_A_WAKE_UP 64
#define PACKET_BYTES      (sizeof(struct ipc_header) + LIMIT_IPC_BYTES)
#define SOCKET_BYTES      (4 * (int)PACKET_BYTES)
#define GATHER_BYTES      (16 * 1024)

/* What the socket did not take. */
struct packet {
	struct packet *next;
	int fd; /* -1: none; owned */
	size_t size_bytes;
	uint8_t bytes[]; /* header and payload */
};

struct ipc {
	struct loop *loop;
	struct loop_watch *watch; /* NULL: closed */
	int fd;
	struct ipc_handler handler;
	struct packet *first, **last;
	size_t queued;
	struct loop_timer *leave; /* NULL: each message is a packet */
	uint8_t *gathered;
	size_t gathered_bytes;
	bool busy;   /* a handler is on the stack */
	bool doomed; /* freed by that handler */
};

union ancillary {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* ---- packets ------------------------------------------------------------------ */

static enum err
transmit(int fd, const struct iovec *parts, size_t part_count, int passed_fd, int flags)
{
	union ancillary ancillary = { 0 };
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts,
		.msg_iovlen = part_count };
	struct cmsghdr *header;

	if (passed_fd != -1) {
		message.msg_control = ancillary.bytes;
		message.msg_controllen = sizeof(ancillary.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
	}
	for (;;) {
		if (sendmsg(fd, &message, flags | MSG_NOSIGNAL) != -1)
			return ERR_OK;
		switch (errno) {
		case EINTR:
			continue;
		case EAGAIN:
		case ENOBUFS:
			return ERR_AGAIN;
		case EPIPE:
		case ECONNRESET:
		case ENOTCONN:
			return ERR_CLOSED;
		case EMSGSIZE:
			return ERR_OVERSIZE;
		default:
			log_errno("ipc: send");
			return ERR_IO;
		}
	}
}

/* The kernel may fit a second descriptor into the padding: keep one at most. */
static int
take_descriptor(struct msghdr *message)
{
	struct cmsghdr *header;
	size_t count, i;
	int fd, kept = -1;

	for (header = CMSG_FIRSTHDR(message); header != NULL;
	     header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (kept == -1)
				kept = fd;
			else
				close(fd);
		}
	}
	return kept;
}

static size_t
padded(size_t size_bytes)
{
	return (size_bytes + 7) & ~(size_t)7;
}

/* Does the packet end where a message of it does?  size_bytes: all behind the first header. */
static bool
is_framed(struct ipc_header header, const uint8_t *payload, size_t size_bytes)
{
	while (header.size_bytes != size_bytes) {
		size_t end = padded(header.size_bytes);

		if (end + sizeof(header) > size_bytes)
			return false;
		memcpy(&header, payload + end, sizeof(header));
		payload += end + sizeof(header);
		size_bytes -= end + sizeof(header);
	}
	return true;
}

/*
 * One packet, its first header apart from the rest, which is *size_bytes long.
 * passed_fd NULL: the kernel drops descriptors.
 */
static enum err
receive(int fd, struct ipc_header *header, void *payload, size_t room, size_t *size_bytes,
    int *passed_fd)
{
	struct iovec parts[2] = { { header, sizeof(*header) }, { payload, room } };
	union ancillary ancillary;
	struct msghdr message = { .msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = passed_fd != NULL ? ancillary.bytes : NULL,
		.msg_controllen = passed_fd != NULL ? sizeof(ancillary.bytes) : 0 };
	enum err err = ERR_OK;
	ssize_t size;
	int taken;

	do
		size = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (size == -1 && errno == EINTR);
	if (size == -1) {
		if (errno == EAGAIN)
			return ERR_AGAIN;
		if (errno == ECONNRESET)
			return ERR_CLOSED;
		log_errno("ipc: receive");
		return ERR_IO;
	}
	taken = take_descriptor(&message);
	if (size == 0)
		err = ERR_CLOSED;
	else if (message.msg_flags & MSG_TRUNC)
		err = ERR_OVERSIZE;
	else if ((size_t)size < sizeof(*header))
		err = ERR_TRUNCATED;
	else if (!is_framed(*header, payload, (size_t)size - sizeof(*header)))
		err = ERR_MALFORMED;
	else
		*size_bytes = (size_t)size - sizeof(*header);
	if (err == ERR_OK && passed_fd != NULL)
		*passed_fd = taken;
	else if (taken != -1)
		close(taken);
	return err;
}

/* ---- sending --------------------------------------------------------------------- */

static enum err
enqueue(struct ipc *ipc, const struct iovec *parts, size_t part_count, int passed_fd)
{
	struct packet *packet;
	size_t i, size_bytes = 0;
	enum err err;

	if (ipc->queued >= LIMIT_IPC_QUEUE)
		return ERR_FULL;
	for (i = 0; i < part_count; i++)
		size_bytes += parts[i].iov_len;
	if ((packet = malloc(sizeof(*packet) + size_bytes)) == NULL)
		return ERR_NOMEM;
	packet->next = NULL;
	packet->fd = -1;
	packet->size_bytes = 0;
	for (i = 0; i < part_count; i++) {
		if (parts[i].iov_len == 0)
			continue;
		memcpy(packet->bytes + packet->size_bytes, parts[i].iov_base, parts[i].iov_len);
		packet->size_bytes += parts[i].iov_len;
	}
	if (passed_fd != -1 && (packet->fd = fcntl(passed_fd, F_DUPFD_CLOEXEC, 3)) == -1) {
		free(packet);
		return ERR_IO;
	}
	if ((err = loop_change(ipc->watch, LOOP_READ | LOOP_WRITE)) != ERR_OK) {
		if (packet->fd != -1)
			close(packet->fd);
		free(packet);
		return err;
	}
	*ipc->last = packet;
	ipc->last = &packet->next;
	ipc->queued++;
	return ERR_OK;
}

static void
drop_first(struct ipc *ipc)
{
	struct packet *packet = ipc->first;

	if ((ipc->first = packet->next) == NULL)
		ipc->last = &ipc->first;
	ipc->queued--;
	if (packet->fd != -1)
		close(packet->fd);
	free(packet);
}

static enum err
flush(struct ipc *ipc)
{
	enum err err;

	while (ipc->first != NULL) {
		struct iovec part = { ipc->first->bytes, ipc->first->size_bytes };

		err = transmit(ipc->fd, &part, 1, ipc->first->fd, MSG_DONTWAIT);
		if (err == ERR_AGAIN)
			return ERR_OK;
		if (err != ERR_OK)
			return err;
		drop_first(ipc);
	}
	return loop_change(ipc->watch, LOOP_READ);
}

static enum err
transmit_or_enqueue(struct ipc *ipc, const struct iovec *parts, size_t part_count, int passed_fd)
{
	enum err err;

	if (ipc->first == NULL) {
		err = transmit(ipc->fd, parts, part_count, passed_fd, MSG_DONTWAIT);
		if (err != ERR_AGAIN)
			return err;
	}
	return enqueue(ipc, parts, part_count, passed_fd);
}

static enum err
send_gathered(struct ipc *ipc)
{
	struct iovec part = { ipc->gathered, ipc->gathered_bytes };

	if (ipc->gathered_bytes == 0)
		return ERR_OK;
	ipc->gathered_bytes = 0;
	return transmit_or_enqueue(ipc, &part, 1, -1);
}

/* Who closed the channel is heard of by reading from it. */
static void
leave(void *context)
{
	struct ipc *ipc = context;
	enum err err = ipc->watch == NULL ? ERR_CLOSED : send_gathered(ipc);

	if (err != ERR_OK && err != ERR_CLOSED)
		log_error("ipc: what was gathered is lost: %s", err_text(err));
}

static void
put(struct ipc *ipc, const struct iovec *part)
{
	if (part->iov_len > 0)
		memcpy(ipc->gathered + ipc->gathered_bytes, part->iov_base, part->iov_len);
	ipc->gathered_bytes += part->iov_len;
}

static void
gather(struct ipc *ipc, const struct iovec parts[3])
{
	static const uint8_t zeros[8];
	struct iovec padding = { (void *)(uintptr_t)zeros,
		padded(ipc->gathered_bytes) - ipc->gathered_bytes };

	if (ipc->gathered_bytes == 0)
		loop_timer_set(ipc->leave, 0);
	put(ipc, &padding);
	for (size_t i = 0; i < 3; i++)
		put(ipc, &parts[i]);
}

static enum err
send_parts(struct ipc *ipc, uint32_t type, const void *fixed, size_t fixed_bytes, const void *tail,
    size_t tail_bytes, int passed_fd)
{
	size_t size_bytes = sizeof(struct ipc_header) + fixed_bytes + tail_bytes;
	struct ipc_header header = { .type = type };
	struct iovec parts[3] = { { &header, sizeof(header) },
		{ (void *)(uintptr_t)fixed, fixed_bytes },
		{ (void *)(uintptr_t)tail, tail_bytes } };
	enum err err;

	if (fixed_bytes > LIMIT_IPC_BYTES || tail_bytes > LIMIT_IPC_BYTES - fixed_bytes)
		return ERR_OVERSIZE;
	if (ipc->watch == NULL)
		return ERR_CLOSED;
	header.size_bytes = (uint32_t)(fixed_bytes + tail_bytes);
	if (ipc->queued >= LIMIT_IPC_QUEUE)
		return ERR_FULL;
	if (padded(ipc->gathered_bytes) + size_bytes > GATHER_BYTES || passed_fd != -1)
		if ((err = send_gathered(ipc)) != ERR_OK)
			return err;
	if (ipc->leave == NULL || size_bytes > GATHER_BYTES || passed_fd != -1)
		return transmit_or_enqueue(ipc, parts, 3, passed_fd);
	gather(ipc, parts);
	return ERR_OK;
}

enum err
ipc_send(struct ipc *ipc, uint32_t type, const void *fixed, size_t fixed_bytes, const void *tail,
    size_t tail_bytes)
{
	return send_parts(ipc, type, fixed, fixed_bytes, tail, tail_bytes, -1);
}

enum err
ipc_send_fd(struct ipc *ipc, uint32_t type, const void *fixed, size_t fixed_bytes, int fd)
{
	return send_parts(ipc, type, fixed, fixed_bytes, NULL, 0, fd);
}

void
ipc_gather(struct ipc *ipc)
{
	if (ipc->leave != NULL || (ipc->gathered = malloc(GATHER_BYTES)) == NULL)
		return;
	if (loop_timer_new(ipc->loop, leave, ipc, &ipc->leave) != ERR_OK) {
		free(ipc->gathered);
		ipc->gathered = NULL;
	}
}

size_t
ipc_queued(const struct ipc *ipc)
{
	return ipc->queued;
}

/* ---- receiving -------------------------------------------------------------------- */

static void
shut(struct ipc *ipc, enum err why)
{
	loop_remove(ipc->watch);
	ipc->watch = NULL;
	if (!ipc->doomed && ipc->handler.closed != NULL)
		ipc->handler.closed(ipc->handler.context, ipc, why);
}

/* A packet that receive() has checked, message by message. */
static void
deliver(
    struct ipc *ipc, struct ipc_header header, const uint8_t *payload, size_t size_bytes, int fd)
{
	for (;;) {
		struct ipc_message message = { header.type, header.size_bytes, payload, fd };
		size_t end = padded(header.size_bytes);

		ipc->handler.message(ipc->handler.context, ipc, &message);
		if (ipc->doomed || header.size_bytes == size_bytes)
			return;
		memcpy(&header, payload + end, sizeof(header));
		payload += end + sizeof(header);
		size_bytes -= end + sizeof(header);
		fd = -1;
	}
}

static enum err
drain(struct ipc *ipc)
{
	/* One a process, not one a channel: pages touched once. */
	static uint8_t *buffer;
	struct ipc_header header;
	size_t size_bytes;
	enum err err;
	int left, fd = -1;

	if (buffer == NULL && (buffer = malloc(LIMIT_IPC_BYTES)) == NULL)
		return ERR_NOMEM;
	for (left = PACKETS_A_WAKE_UP; left > 0; left--) {
		if ((err = receive(ipc->fd, &header, buffer, LIMIT_IPC_BYTES, &size_bytes,
		         ipc->handler.descriptors ? &fd : NULL)) != ERR_OK)
			return err == ERR_AGAIN ? ERR_OK : err;
		deliver(ipc, header, buffer, size_bytes, fd);
		if (ipc->doomed)
			return ERR_OK;
	}
	return ERR_OK;
}

static void
ready(void *context, unsigned what)
{
	struct ipc *ipc = context;
	enum err err = ERR_OK;

	ipc->busy = true;
	if (what & LOOP_READ) {
		err = drain(ipc);
		if (!ipc->doomed && ipc->handler.idle != NULL)
			ipc->handler.idle(ipc->handler.context, ipc);
	}
	if (!ipc->doomed && err == ERR_OK && (what & LOOP_WRITE))
		err = flush(ipc);
	if (!ipc->doomed && err != ERR_OK)
		shut(ipc, err);
	ipc->busy = false;
	if (ipc->doomed)
		ipc_free(ipc);
}

enum err
ipc_new(struct loop *loop, int fd, const struct ipc_handler *handler, struct ipc **out)
{
	struct ipc *ipc;
	enum err err;

	if ((ipc = calloc(1, sizeof(*ipc))) == NULL)
		return ERR_NOMEM;
	ipc->loop = loop;
	ipc->fd = fd;
	ipc->handler = *handler;
	ipc->last = &ipc->first;
	if ((err = loop_add(loop, fd, LOOP_READ, ready, ipc, &ipc->watch)) != ERR_OK) {
		free(ipc);
		return err;
	}
	*out = ipc;
	return ERR_OK;
}

void
ipc_free(struct ipc *ipc)
{
	if (ipc == NULL)
		return;
	loop_remove(ipc->watch);
	ipc->watch = NULL;
	if (ipc->busy) {
		ipc->doomed = true;
		return;
	}
	loop_timer_free(ipc->leave);
	while (ipc->first != NULL)
		drop_first(ipc);
	close(ipc->fd);
	free(ipc->gathered);
	free(ipc);
}

const void *
ipc_expect(
    const struct ipc_message *message, size_t fixed_bytes, const uint8_t **tail, size_t *tail_bytes)
{
	if (message->size_bytes < fixed_bytes)
		return NULL;
	if (tail == NULL)
		return message->size_bytes == fixed_bytes ? message->data : NULL;
	*tail = message->data + fixed_bytes;
	*tail_bytes = message->size_bytes - fixed_bytes;
	return message->data;
}

/* ---- without a loop ------------------------------------------------------------------ */

enum err
ipc_read_blocking(int fd, uint32_t *type, void *buffer, size_t room, size_t *size_bytes,
    int *passed_fd, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct ipc_header header;
	size_t payload_bytes;
	enum err err;
	int taken, count;

	do
		count = poll(&wait, 1, timeout_ms);
	while (count == -1 && errno == EINTR);
	if (count == 0)
		return ERR_AGAIN;
	if ((err = receive(fd, &header, buffer, room, &payload_bytes, &taken)) != ERR_OK)
		return err;
	if (header.size_bytes != payload_bytes) {
		if (taken != -1)
			close(taken);
		return ERR_MALFORMED; /* nobody gathers yet */
	}
	*type = header.type;
	*size_bytes = header.size_bytes;
	*passed_fd = taken;
	return ERR_OK;
}

enum err
ipc_write_blocking(int fd, uint32_t type, const void *fixed, size_t fixed_bytes, const void *tail,
    size_t tail_bytes, int passed_fd)
{
	struct ipc_header header = { .type = type };
	struct iovec parts[3] = { { &header, sizeof(header) },
		{ (void *)(uintptr_t)fixed, fixed_bytes },
		{ (void *)(uintptr_t)tail, tail_bytes } };

	if (fixed_bytes > LIMIT_IPC_BYTES || tail_bytes > LIMIT_IPC_BYTES - fixed_bytes)
		return ERR_OVERSIZE;
	header.size_bytes = (uint32_t)(fixed_bytes + tail_bytes);
	return transmit(fd, parts, 3, passed_fd, 0);
}

enum err
ipc_pair(int fds[2])
{
	int size_bytes = SOCKET_BYTES, pair[2], i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		log_errno("ipc: socketpair");
		return ERR_IO;
	}
	for (i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size_bytes, sizeof(size_bytes));
	fds[0] = pair[0];
	fds[1] = pair[1];
	return ERR_OK;
}
