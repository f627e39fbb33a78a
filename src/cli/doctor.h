/*
 * doctor: what this host offers and what this node has, one line a finding,
 * each with a remedy where something is wrong.  Changes nothing.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H
#include "sys/config.h"

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct doctor; /* opaque: collects findings */

/* what: a short name; detail: what was found; remedy: NULL when nothing is to be done. */
void doctor_say(struct doctor *, enum finding, const char *what, const char *remedy,
    const char *detail, ...) __attribute__((format(printf, 5, 6)));

/* Kernel, sandbox, firewall; config may be NULL. */
void doctor_kernel(struct doctor *, const struct config *);
/* Files, keys, ports, clock. */
void doctor_node(struct doctor *, const struct config *);

#endif
