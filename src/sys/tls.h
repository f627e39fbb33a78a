/*
 * tls: mutual TLS 1.3 with every check of docs/protocol.md "Links" done in
 * the handshake: chain, validity, EKU, ALPN h2, and that SAN URI, SAN address
 * and enrolment name the same member.  No tickets, no resumption.
 */
#ifndef SYS_TLS_H
#define SYS_TLS_H
#include <stdbool.h>
#include "base/err.h"
#include "core/roster.h"

struct tls_context; /* opaque: key, certificate, CA, roster */
struct tls;         /* opaque: one connection, non-blocking, owns no descriptor */

enum tls_side { TLS_CLIENT, TLS_SERVER };

MUST_USE enum err tls_context_new(const char *cert_file, const char *key_file,
    const char *ca_file, const struct roster *, member_index self, struct tls_context **out);
/* One that extends the one before; outlives the context. */
void tls_context_set_roster(struct tls_context *, const struct roster *);
void tls_context_free(struct tls_context *); /* accepts NULL */

/* far: the far end's address, compared with the certificate and the enrolment. */
MUST_USE enum err tls_new(struct tls_context *, enum tls_side, int fd, const struct address *far,
    struct tls **out);
void tls_free(struct tls *); /* accepts NULL; sends close_notify only if that is safe */
/* AGAIN (see tls_wants_write), AUTHOR/SIGNATURE/STALE...: refused, tls_refusal() says why. */
MUST_USE enum err tls_handshake(struct tls *, member_index *peer);
MUST_USE enum err tls_read(struct tls *, uint8_t *out, size_t room, size_t *size_bytes);
MUST_USE enum err tls_write(struct tls *, const uint8_t *data, size_t size_bytes,
    size_t *written_bytes);
bool tls_wants_write(const struct tls *);
/* Bytes were taken from the socket and not yet handed out: read again before waiting. */
bool tls_has_pending(const struct tls *);
const char *tls_refusal(const struct tls *);

#endif
