/*
 * net_trust: is it the coordinator that this node knows?  Every answer is
 * judged by its signature before anything of it is used.
 *
 * The key is the notary's to keep; here it comes by MSG_PIN, before the first
 * post.  Spec: docs/protocol.md, "HTTP signatures"; docs/operations.md, "The
 * coordinator's key".
 */
#ifndef PROC_NET_TRUST_H
#define PROC_NET_TRUST_H
#include "http/answer.h"
#include "proc/net.h"

struct trust; /* opaque */

MUST_USE enum err trust_new(struct net *, struct trust **out);
/* A key to know, or (PIN_NONE) the one to forget. */
void trust_pin(struct trust *, const struct msg_pin *);
/* The verdict once more, for a new engine. */
void trust_tell(struct trust *);
/* Who is refused hears registrations only: enough to see it come back. */
bool trust_takes(const struct trust *, enum http_path);
/*
 * UNHEARD: not its word at all, an error of somebody in between.  GOOD and
 * FIRST_USE: use it.  UNSIGNED: its status, nothing else.  The rest: nothing.
 */
enum coordinator_trust trust_judge(struct trust *, const struct h1 *,
    const struct http_question *);

#endif
