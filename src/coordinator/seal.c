#include <string.h>
#include "coordinator/seal.h"
#include "sys/crypto.h"

#define STATIC_BODIES 64

/* Assets are the largest bodies and never change: each is hashed once. */
static struct {
	const void *body;
	size_t size_bytes;
	struct hash digest;
} known[STATIC_BODIES];

static void
digest_of(const struct http_reply *reply, struct hash *out)
{
	const struct crypto *crypto = crypto_sodium();
	size_t place = ((uintptr_t)reply->body >> 6) % STATIC_BODIES;
	bool is_asset = reply->is_static && reply->etag != NULL;

	if (is_asset && known[place].body == reply->body &&
	    known[place].size_bytes == reply->body_bytes) {
		*out = known[place].digest;
		return;
	}
	crypto->sha256(crypto->context, "", reply->body, reply->body_bytes, out);
	if (is_asset) {
		known[place].body = reply->body;
		known[place].size_bytes = reply->body_bytes;
		known[place].digest = *out;
	}
}

void
seal_reply(
    const struct identity *identity, const struct http_request *request, struct http_reply *reply)
{
	const struct crypto *crypto = crypto_sodium();
	struct http_response_signature about = { .status = reply->status,
		.created_s = loop_unix_ms() / 1000 };
	char base[HTTP_SIGNATURE_BASE_BYTES];
	struct signature signature;
	struct hash digest;
	size_t size_bytes = 0;

	if (reply->stream.read != NULL || reply->status == 304)
		return;
	/* RFC 9530: Content-Digest is of what is sent, and to HEAD that is nothing. */
	if (strcmp(request->method, "HEAD") == 0)
		crypto->sha256(crypto->context, "", NULL, 0, &digest);
	else if (reply->body_digest != NULL)
		digest = *reply->body_digest;
	else
		digest_of(reply, &digest);
	memcpy(about.content_sha256, digest.bytes, sizeof(about.content_sha256));
	memcpy(about.key, identity_key(identity)->bytes, sizeof(about.key));
	if (http_request_nonce(http_header(request, "Accept-Signature"),
	        http_header(request, "Signature-Input"), about.nonce)) {
		about.method = request->method;
		about.path = request->path;
	}
	if (about.method != NULL && http_response_base(&about, base, &size_bytes) != ERR_OK)
		about.method = NULL; /* a path that no base may hold: signed for itself alone */
	if (about.method == NULL && http_response_base(&about, base, &size_bytes) != ERR_OK)
		return;
	identity_seal(identity, base, size_bytes, &signature);
	reply->seal.is_set = http_response_headers(&about, signature.bytes, reply->seal.digest,
	                         reply->seal.input, reply->seal.value) == ERR_OK;
}
