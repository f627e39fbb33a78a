/*
 * profiles: the sandbox of each role, in one place, so that a test can run a
 * probe under exactly what ships.  Spec: docs/privsep.md.
 */
#ifndef PROC_PROFILES_H
#define PROC_PROFILES_H
#include "proc/child.h"

void profile_notary(const struct child *, struct sandbox_profile *out);
void profile_enforcer(const struct child *, struct sandbox_profile *out);
void profile_net(const struct child *, struct sandbox_profile *out);
void profile_decoy(const struct child *, struct sandbox_profile *out);
void profile_watch(const struct child *, struct sandbox_profile *out);
void profile_engine(const struct child *, struct sandbox_profile *out);
void profile_advice(const struct child *, struct sandbox_profile *out);
void profile_analyser(const struct child *, struct sandbox_profile *out);
void profile_parent(const struct config *, struct sandbox_profile *out);

#endif
