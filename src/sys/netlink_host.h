/*
 * netlink_host: this host's own addresses and Ethernet devices, as the kernel
 * tells them; read again only after it announced a change.
 */
#ifndef SYS_NETLINK_HOST_H
#define SYS_NETLINK_HOST_H
#include <net/if.h>
#include "base/err.h"
#include "core/types.h"

struct netlink_host; /* opaque */

struct netlink_device {
	char name[IFNAMSIZ];
	struct mac mac;
};

MUST_USE enum err netlink_host_open(struct netlink_host **out);
void netlink_host_close(struct netlink_host *); /* accepts NULL */
/* Costs one system call while nothing changes.  *changed: devices came, went or were renamed. */
MUST_USE enum err netlink_host_refresh(struct netlink_host *, bool *changed);
/* Ethernet devices that are up or down, at most LIMIT_DEVICES; the rest is logged. */
const struct netlink_device *netlink_host_devices(const struct netlink_host *, size_t *count);
/* Of the last refresh. */
bool netlink_host_owns_address(const struct netlink_host *, const struct address *);
bool netlink_host_owns_mac(const struct netlink_host *, const struct mac *);

#endif
