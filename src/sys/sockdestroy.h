/*
 * sockdestroy: close this host's sockets with an address, by
 * SOCK_DESTROY over NETLINK_SOCK_DIAG; local programs get ECONNABORTED.
 * Call only after the drop is in force, so that no RST leaves.
 */
#ifndef SYS_SOCKDESTROY_H
#define SYS_SOCKDESTROY_H
#include "base/err.h"
#include "core/types.h"
#include "sys/config.h"

struct sockdestroy; /* opaque */

/* DENIED, UNSUPPORTED (CONFIG_INET_DIAG_DESTROY), IO. */
MUST_USE enum err sockdestroy_open(struct sockdestroy **out);
void sockdestroy_close(struct sockdestroy *); /* accepts NULL */

struct sockdestroy_filter {
	struct address far; /* family 0: every far end but this host itself */
	/*
	 * With family 0: NONE leaves a far end alone, CUT spares spare_port, SEVER
	 * does not; HOLD is as NONE.  NULL: own lock-down, all of them alike.
	 */
	enum strength (*strength)(void *context, const struct address *far);
	void *context;
	uint16_t spare_port;    /* the mesh port, local or remote; 0: spare nothing */
	const struct endpoint *spared; /* far ends of exempt outgoing flows */
	size_t spared_count;
	const struct config_management *management; /* exempt incoming flows */
	size_t management_count;
};
/* Both address families are dumped (v4 peers of [::] listeners live in AF_INET6). */
MUST_USE enum err sockdestroy_run(struct sockdestroy *, const struct sockdestroy_filter *,
    uint32_t *destroyed);

#endif
