/*
 * net_socket: the socket options and addresses of a link.
 */
#ifndef PROC_NET_SOCKET_H
#define PROC_NET_SOCKET_H
#include <sys/socket.h>
#include "base/err.h"
#include "core/types.h"

/* A v4-mapped IPv6 address becomes IPv4.  RANGE: neither family. */
MUST_USE enum err socket_endpoint(const struct sockaddr_storage *, struct endpoint *out);
socklen_t socket_address(const struct endpoint *, struct sockaddr_storage *out);
/* No Nagle; a far end that acknowledges nothing is given up. */
void socket_tune(int fd);
/*
 * Begin to connect, from this address (family 0: the kernel's choice) and port
 * (0: any).  AGAIN: that local port, with this far end, is taken; NOT_FOUND:
 * the address is not this host's; IO.
 */
MUST_USE enum err socket_dial(const struct endpoint *far, const struct endpoint *near, int *fd);

#endif
