/*
 * release_ask: what phalanx release and phalanx dashboard do alike: ask the
 * node on this machine what stands against a host, and hand it the operator's
 * signed request.
 */
#ifndef CLI_RELEASE_ASK_H
#define CLI_RELEASE_ASK_H
#include "cli/control.h"
#include "cli/release_entry.h"

/* Status and members in one answer; members are the caller's to free.  Without a word. */
bool release_look(const char *socket_path, struct control_answer *out);
/* NULL: no such member. */
const struct msg_member *release_find(const struct control_answer *, const char *name);
const struct msg_member *release_find_operator(const struct control_answer *,
    const struct release_key *);
/* NULL: a Release can lift what stands against it; else why not.  Takes NULL. */
const char *release_hindrance(const struct msg_member *);
/* NULL: this is an operator's enrolment; else what to do.  Takes NULL. */
const char *release_operator_fault(const struct msg_member *);
/* Complains and returns false unless the node has taken it. */
bool release_submit(const char *socket_path, struct span envelope);
/* Sign, and hand in.  Complains and returns false. */
bool release_sign_and_submit(const char *socket_path, struct release_key *,
    const struct control_answer *, const struct msg_member *subject, enum release_kind,
    const char *reason);

#endif
