/*
 * door: AISidecar.AnalyzeTelemetry over HTTP/2 in plain text, on a unix socket
 * or TCP.
 *
 * On a unix socket the kernel says who calls: root, this process's own uid, the
 * node's uids and those that are configured; others are closed unheard.  Spec:
 * docs/analyser.md, "The door".
 */
#ifndef ANALYSER_DOOR_H
#define ANALYSER_DOOR_H
#include "analyser/adviser.h"
#include "sys/config.h"
#include "sys/loop.h"

struct door; /* opaque */

/*
 * The listening socket as configured: the unix socket's file is replaced if
 * nobody listens there.  DENIED, LOCKED (in use), CONFIG (no address of this
 * host), IO; told in the log.
 */
MUST_USE enum err door_listen(const struct config *, int *out);
/* Takes over the listening socket.  NOMEM, IO. */
MUST_USE enum err door_new(struct loop *, const struct config *, struct adviser *, int fd,
    struct door **out);
void door_free(struct door *); /* accepts NULL; hangs up on everybody */

#endif
