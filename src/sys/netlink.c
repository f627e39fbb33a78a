#include "sys/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "base/limits.h"

/* The kernel never puts more than this into one datagram unless we read with more room. */
#define ANSWER_BYTES 16384

struct netlink {
	struct mnl_socket *socket;
	unsigned port_id;
	uint32_t sequence;
	uint8_t answer[ANSWER_BYTES]; /* only what is received touches memory */
};

enum err
netlink_err(int error)
{
	switch (error) {
	case 0:
		return ERR_OK;
	case ENOENT:
	case ENODEV:
	case ESRCH:
		return ERR_NOT_FOUND;
	case EPERM:
	case EACCES:
		return ERR_DENIED;
	case EEXIST:
	case EBUSY:
		return ERR_LOCKED;
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
	case EINVAL:
		return ERR_UNSUPPORTED;
	case EAGAIN:
	case EINTR:
	case ENOBUFS:
		return ERR_AGAIN;
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_IO;
	}
}

enum err
netlink_open(int bus, unsigned groups, struct netlink **out)
{
	struct timeval limit = { LIMIT_NETLINK_MS / 1000, LIMIT_NETLINK_MS % 1000 * 1000 };
	struct netlink *n;
	enum err err;
	int on = 1, fd;

	if ((n = calloc(1, sizeof(*n))) == NULL)
		return ERR_NOMEM;
	if ((n->socket = mnl_socket_open2(bus, SOCK_CLOEXEC)) == NULL ||
	    mnl_socket_bind(n->socket, groups, MNL_SOCKET_AUTOPID) == -1) {
		err = netlink_err(errno);
		goto fail;
	}
	n->port_id = mnl_socket_get_portid(n->socket);
	/* An acknowledgement need not carry the request back. */
	(void)mnl_socket_setsockopt(n->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	fd = mnl_socket_get_fd(n->socket);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == -1) {
		err = ERR_IO;
		goto fail;
	}

	*out = n;
	return ERR_OK;

fail:
	netlink_close(n);
	return err;
}

void
netlink_close(struct netlink *n)
{
	if (n == NULL)
		return;
	if (n->socket != NULL)
		(void)mnl_socket_close(n->socket);
	free(n);
}

struct nlmsghdr *
netlink_message(struct netlink *n, void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = type;
	header->nlmsg_flags = flags;
	/* 0 is the sequence of what the kernel sends unasked. */
	if (++n->sequence == 0)
		n->sequence = 1;
	header->nlmsg_seq = n->sequence;
	return header;
}

/* Only the kernel may answer: any local process can send to our port. */
static enum err
receive(struct netlink *n, int flags, size_t *size_bytes)
{
	struct sockaddr_nl from;
	struct iovec part = { n->answer, sizeof(n->answer) };
	struct msghdr message = { .msg_name = &from, .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t got;

	for (;;) {
		message.msg_namelen = sizeof(from);
		got = recvmsg(mnl_socket_get_fd(n->socket), &message, flags);
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return netlink_err(errno);
		if (message.msg_namelen != sizeof(from) || from.nl_pid != 0)
			continue;
		if ((message.msg_flags & MSG_TRUNC) != 0)
			return ERR_OVERSIZE;
		*size_bytes = (size_t)got;
		return ERR_OK;
	}
}

bool
netlink_heard(struct netlink *n)
{
	bool heard = false;
	size_t size_bytes;

	for (;;) {
		errno = 0;
		if (receive(n, MSG_DONTWAIT, &size_bytes) == ERR_AGAIN && errno != ENOBUFS)
			return heard;
		heard = true;
		if (errno != 0 && errno != ENOBUFS)
			return heard;
	}
}

enum err
netlink_send(struct netlink *n, const void *data, size_t size_bytes)
{
	if (mnl_socket_sendto(n->socket, data, size_bytes) == -1)
		return netlink_err(errno);
	return ERR_OK;
}

enum err
netlink_answer(struct netlink *n, uint32_t first, uint32_t last, uint32_t *sequence, int *error)
{
	const struct nlmsghdr *header;
	const struct nlmsgerr *ack;
	size_t size_bytes;
	int left;
	enum err err;

	for (;;) {
		if ((err = receive(n, MSG_DONTWAIT, &size_bytes)) != ERR_OK)
			return err;
		header = (const struct nlmsghdr *)(const void *)n->answer;
		left = (int)size_bytes;
		if (!mnl_nlmsg_ok(header, left) || header->nlmsg_type != NLMSG_ERROR ||
		    mnl_nlmsg_get_payload_len(header) < sizeof(*ack) - sizeof(struct nlmsghdr))
			continue;
		/* Serial arithmetic: the counter may have wrapped between the two. */
		if (header->nlmsg_seq - first > last - first)
			continue;
		ack = mnl_nlmsg_get_payload(header);
		*sequence = header->nlmsg_seq;
		*error = ack->error < 0 ? -ack->error : ack->error;
		return ERR_OK;
	}
}

/* One datagram of an answer.  *done: it was the last. */
static enum err
digest(struct netlink *n, uint32_t sequence, int left,
    void (*each)(void *, const struct nlmsghdr *), void *context, bool *torn, bool *done)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)n->answer;
	int code;

	for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
		if (header->nlmsg_seq != sequence)
			continue;
		if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0)
			*torn = true;
		if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE) {
			*done = true;
			if (mnl_nlmsg_get_payload_len(header) < sizeof(code))
				return ERR_OK;
			memcpy(&code, mnl_nlmsg_get_payload(header), sizeof(code));
			return netlink_err(code < 0 ? -code : code);
		}
		if (header->nlmsg_type < NLMSG_MIN_TYPE)
			continue;
		if (each != NULL)
			each(context, header);
		/* A single answer without a DONE behind it. */
		if ((header->nlmsg_flags & NLM_F_MULTI) == 0)
			*done = true;
	}
	return ERR_OK;
}

enum err
netlink_ask(struct netlink *n, struct nlmsghdr *request,
    void (*each)(void *context, const struct nlmsghdr *), void *context)
{
	bool torn = false, done = false;
	size_t size_bytes;
	enum err err;

	if ((err = netlink_send(n, request, request->nlmsg_len)) != ERR_OK)
		return err;
	while (!done) {
		if ((err = receive(n, 0, &size_bytes)) != ERR_OK)
			return err;
		err = digest(n, request->nlmsg_seq, (int)size_bytes, each, context, &torn, &done);
		if (err != ERR_OK)
			return err;
	}
	return torn ? ERR_AGAIN : ERR_OK;
}

const struct nlattr *
netlink_attribute(const struct nlmsghdr *message, size_t header_bytes, uint16_t type)
{
	const char *end = mnl_nlmsg_get_payload_tail(message);
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(message) < header_bytes)
		return NULL;
	attr = mnl_nlmsg_get_payload_offset(message, header_bytes);
	while (mnl_attr_ok(attr, (int)(end - (const char *)attr))) {
		if (mnl_attr_get_type(attr) == type)
			return attr;
		attr = mnl_attr_next(attr);
	}
	return NULL;
}

bool
netlink_value(const struct nlattr *attr, void *out, size_t size_bytes)
{
	if (attr == NULL || mnl_attr_get_payload_len(attr) != size_bytes)
		return false;
	memcpy(out, mnl_attr_get_payload(attr), size_bytes);
	return true;
}

const struct nlattr *
netlink_nested(const struct nlattr *nest, const struct nlattr *previous)
{
	const char *end = (const char *)mnl_attr_get_payload(nest) + mnl_attr_get_payload_len(nest);
	const struct nlattr *attr;

	attr = previous == NULL ? mnl_attr_get_payload(nest) : mnl_attr_next(previous);
	return mnl_attr_ok(attr, (int)(end - (const char *)attr)) ? attr : NULL;
}
