/*
 * netlink: one socket of one family; a request, its acknowledgement, a dump.
 *
 * Messages are built with libmnl in the caller's buffer.  The kernel answers
 * inside sendto(), so a round trip is two system calls and never waits.
 */
#ifndef SYS_NETLINK_H
#define SYS_NETLINK_H
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct netlink; /* opaque */

/* bus: NETLINK_NETFILTER...  groups: a mask of multicast groups.  DENIED, UNSUPPORTED, IO. */
MUST_USE enum err netlink_open(int bus, unsigned groups, struct netlink **out);
void netlink_close(struct netlink *); /* accepts NULL */

/* A fresh message in buffer, with a sequence number of its own. */
struct nlmsghdr *netlink_message(struct netlink *, void *buffer, uint16_t type, uint16_t flags);
/* Was anything multicast to us, or lost, since the last call? */
MUST_USE bool netlink_heard(struct netlink *);
MUST_USE enum err netlink_send(struct netlink *, const void *data, size_t size_bytes);
/*
 * The next answer to one of the sequences from first to last.
 * *error: 0 or an errno, from an acknowledgement.  AGAIN: none is waiting.
 */
MUST_USE enum err netlink_answer(struct netlink *, uint32_t first, uint32_t last,
    uint32_t *sequence, int *error);
/*
 * Send one request and give every message of its answer to each(), which may
 * be NULL.  NOT_FOUND, DENIED, LOCKED (exists, or owned by another),
 * UNSUPPORTED, AGAIN (the dump was torn: ask again), IO.
 */
MUST_USE enum err netlink_ask(struct netlink *, struct nlmsghdr *request,
    void (*each)(void *context, const struct nlmsghdr *), void *context);
/* The first attribute of a type behind the family's own header; NULL: none, or too short. */
const struct nlattr *netlink_attribute(const struct nlmsghdr *, size_t header_bytes, uint16_t type);
/* Its value, if attr is not NULL and has exactly that size. */
bool netlink_value(const struct nlattr *attr, void *out, size_t size_bytes);
/* The attribute after previous inside a nest; NULL: the first, and at the end. */
const struct nlattr *netlink_nested(const struct nlattr *nest, const struct nlattr *previous);
/* How an errno of the kernel reads here. */
enum err netlink_err(int error);

#endif
