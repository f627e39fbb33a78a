#include "http/answer.h"

#include <string.h>

bool
http_answer_is_sealed(const struct h1 *h, const struct http_question *q,
    const struct http_verifier *verifier, uint8_t key[32])
{
	const char *digest = h1_field(h, H1_CONTENT_DIGEST);
	const char *input = h1_field(h, H1_SIGNATURE_INPUT);
	const char *value = h1_field(h, H1_SIGNATURE);
	struct http_response_signature about = {
		.status = (unsigned)h1_status(h), .method = q->method, .path = q->path
	};
	char base[HTTP_SIGNATURE_BASE_BYTES];
	uint8_t signature[64], hash[32];
	const uint8_t *body;
	size_t size_bytes;

	if (digest == NULL || input == NULL || value == NULL ||
	    http_response_parse(digest, input, value, true, &about, signature) != ERR_OK ||
	    memcmp(about.nonce, q->nonce, sizeof(about.nonce)) != 0)
		return false;
	body = h1_body(h, &size_bytes);
	verifier->sha256(body, size_bytes, hash);
	if (memcmp(hash, about.content_sha256, sizeof(hash)) != 0 ||
	    http_response_base(&about, base, &size_bytes) != ERR_OK ||
	    !verifier->verify(about.key, (const uint8_t *)base, size_bytes, signature))
		return false;
	memcpy(key, about.key, sizeof(about.key));
	return true;
}
