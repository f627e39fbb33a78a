/*
 * bundle: a proof that anyone verifies from the CA's key alone.
 *
 * {"format":"phalanx-bundle/1","ca_key":hex,
 *  "epoch":{"body":base64,"signature":base64},
 *  "enrolments":[{"body":…,"signature":…} …],  signers and subject
 *  "certificate":base64}                        a serialised Certificate
 * or, of what a member said of itself, in place of the certificate
 *  "self_report":{"body":base64,"signature":base64}   an Entry
 *
 * Spec: docs/protocol.md, "Certificate".  tests/interop/verify_bundle.mjs is
 * a second verifier, from the same text, with another library.
 */
#ifndef CLI_BUNDLE_H
#define CLI_BUNDLE_H
#include <jansson.h>
#include "core/types.h"

#define BUNDLE_BYTES (8 * 1024 * 1024)

struct bundle_verdict {
	char subject[129];   /* friendly names */
	char mesh[129];
	char level[16];      /* quarantine, release; confession, precaution: nobody voted */
	uint32_t round;
	uint64_t epoch, window;
	size_t votes, heads;
	char incident[17];
};

/* NULL when it holds, else why not.  *out is filled when it holds. */
const char *bundle_verify(const json_t *bundle, const struct public_key *ca,
    struct bundle_verdict *out);

#endif
