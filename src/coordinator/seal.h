/*
 * seal: every answer of known length is signed with the coordinator's key
 * (RFC 9421, label "coordinator"), bound to the request's nonce if it brought
 * one.  Streams and 304 have no body to sign and go without.
 *
 * Spec: docs/protocol.md, "HTTP signatures".
 */
#ifndef COORDINATOR_SEAL_H
#define COORDINATOR_SEAL_H
#include "coordinator/httpd.h"
#include "coordinator/identity.h"

/* Fills in reply->seal.  The last thing done to a reply: body and status stay as they are. */
void seal_reply(const struct identity *, const struct http_request *, struct http_reply *);

#endif
