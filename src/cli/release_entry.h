/*
 * release_entry: an operator's signed request to readmit a subject.
 *
 * The operator's key lies on the operator's machine; a file beside it says
 * which sequence was used last, and is locked while one is taken: one key
 * never signs two entries under one sequence.  What the key signs is composed
 * here, an entry or an HTTP request, and one never passes for the other.
 * Spec: docs/protocol.md, "Release"; docs/operations.md, "Release".
 */
#ifndef CLI_RELEASE_ENTRY_H
#define CLI_RELEASE_ENTRY_H
#include "core/message.h"
#include "http/signature.h"
#include "proc/messages.h"
#include "sys/identity.h"

struct release_key; /* opaque: a secret key and its sequences */

/* A key file, or a directory with identity.key; complains and returns false. */
bool release_key_open(const char *path, struct release_key **out);
void release_key_close(struct release_key *); /* accepts NULL */
void release_key_public(const struct release_key *, struct public_key *out);

/*
 * The signed Envelope of a Release of all that stands against the subject, by
 * the operator whose key this is.  *size_bytes in: room, out: filled.
 * Complains and returns false.
 */
bool release_entry_sign(struct release_key *, const struct msg_status *,
    const struct msg_member *by, const struct msg_member *subject, enum release_kind,
    const char *reason, uint8_t *out, size_t *size_bytes);

struct http_signed {
	char digest[HTTP_SIGNATURE_HEADER_BYTES], input[HTTP_SIGNATURE_HEADER_BYTES],
	    value[HTTP_SIGNATURE_HEADER_BYTES];
};

/* RFC 9421, for the coordinator; fills in the keyid.  false: nothing that can be signed. */
bool release_key_sign_request(const struct release_key *, struct http_signature_input *,
    struct http_signed *out);

#endif
