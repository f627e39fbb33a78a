/*
 * bundle_make: what one word of a mesh needs beside it, so that a stranger
 * proves it from the CA's key alone: the epoch in which it was said, and the
 * enrolments of those who signed it.
 *
 * Spec: docs/protocol.md, "Certificate".
 */
#ifndef SYS_BUNDLE_MAKE_H
#define SYS_BUNDLE_MAKE_H
#include <jansson.h>
#include "core/message.h"
#include "core/roster.h"

/*
 * Of a certificate that certificate_verify() took, or of a self-report, as the
 * envelope of an entry that entry_verify() took.  The roster holds its epoch.
 * NULL: no memory.
 */
json_t *bundle_make_certificate(const struct roster *, const struct public_key *ca,
    const struct certificate *);
json_t *bundle_make_self_report(const struct roster *, const struct public_key *ca,
    const struct envelope *, const struct entry *);

#endif
