#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "coordinator/auth.h"
#include "coordinator/reply.h"
#include "http/signature.h"
#include "sys/crypto.h"
#include "sys/log.h"

bool
auth_takes_unsigned(const struct coordinator *c, const struct http_request *request)
{
	return !c->settings->require_signed ||
	       (c->settings->local_mode && address_is_loopback(&request->peer));
}

static bool
is_fresh(uint64_t then_s, uint64_t now_s)
{
	return then_s <= now_s + LIMIT_REGISTER_AHEAD_S && then_s + LIMIT_REGISTER_AGE_S >= now_s;
}

/* Does the signature hold for this very request: host, path, body and key? */
static bool
holds(const struct http_request *request, struct http_signature_input *input,
    const struct public_key *key, const uint8_t bytes[64])
{
	const struct crypto *crypto = crypto_sodium();
	char base[HTTP_SIGNATURE_BASE_BYTES];
	struct signature signature;
	struct hash body;
	size_t size_bytes;

	crypto->sha256(crypto->context, "", request->body, request->body_bytes, &body);
	if (memcmp(body.bytes, input->content_sha256, sizeof(body.bytes)) != 0)
		return false;
	input->method = request->method;
	input->authority = request->host;
	input->path = request->path;
	if (http_signature_base(input, base, &size_bytes) != ERR_OK)
		return false;
	memcpy(signature.bytes, bytes, sizeof(signature.bytes));
	return crypto->verify(
	    crypto->context, key, "", (const uint8_t *)base, size_bytes, &signature);
}

static bool
note_nonce(struct signer *signer, uint64_t now_s, struct http_reply *reply)
{
	enum err err = registry_note_nonce(signer->node, signer->nonce, signer->created_s, now_s);

	if (err == ERR_OK)
		return true;
	if (err == ERR_REPLAY)
		reply_error(reply, 401,
		    "this signature was used before; sign every request with a new nonce");
	else if (err == ERR_FULL)
		reply_error(reply, 429,
		    "more than %d signed requests in %d s; send fewer, entries in batches",
		    LIMIT_HTTP_NONCES, LIMIT_REGISTER_AGE_S);
	else
		reply_error(reply, 503, "%s; try again later", err_text(err));
	return false;
}

bool
auth_request(struct coordinator *c, const struct http_request *request, struct signer *out,
    struct http_reply *reply)
{
	const char *digest = http_header(request, "Content-Digest");
	const char *fields = http_header(request, "Signature-Input");
	const char *value = http_header(request, "Signature");
	struct http_signature_input input;
	uint8_t bytes[64];
	uint64_t now_s = loop_unix_ms() / 1000;

	memset(out, 0, sizeof(*out));
	if (digest == NULL && fields == NULL && value == NULL) {
		if (auth_takes_unsigned(c, request))
			return true;
		reply_error(reply, 401,
		    "unsigned; sign with the node's identity key (RFC 9421, ed25519, label "
		    "phalanx)");
		return false;
	}
	if (digest == NULL || fields == NULL || value == NULL ||
	    http_signature_parse(digest, fields, value, &input, bytes) != ERR_OK) {
		reply_error(reply, 401,
		    "signature not understood; cover \"@method\" \"@authority\" \"@path\" "
		    "\"content-digest\" with created, nonce, keyid and alg=\"ed25519\"");
		return false;
	}
	if (!is_fresh(input.created_s, now_s)) {
		reply_error(reply, 401,
		    "created is %" PRId64 " s off this clock (%d behind to %d ahead "
		    "is taken); set the clocks right",
		    (int64_t)(input.created_s - now_s), LIMIT_REGISTER_AGE_S,
		    LIMIT_REGISTER_AHEAD_S);
		return false;
	}
	out->node = registry_find_key_id(c->registry, input.key_id);
	if (out->node == NULL || !out->node->proven) {
		reply_error(
		    reply, 401, "keyid is not known here; enrol the node, or POST /register first");
		return false;
	}
	if (!holds(request, &input, &out->node->key, bytes)) {
		reply_error(
		    reply, 401, "the signature does not verify for this host, path and body");
		return false;
	}
	out->is_signed = true;
	out->key = out->node->key;
	memcpy(out->nonce, input.nonce, sizeof(out->nonce));
	out->created_s = input.created_s;
	return note_nonce(out, now_s, reply);
}

bool
auth_speaks_for(
    struct coordinator *c, const struct signer *signer, const char *name, struct http_reply *reply)
{
	const struct registry_node *node;

	if (!signer->is_signed)
		return true;
	node = registry_find(c->registry, name);
	if (node != NULL && node->proven &&
	    memcmp(&node->key, &signer->key, sizeof(signer->key)) == 0)
		return true;
	log_warn("signer=%s spoke for node=%s: refused", signer->node->name, name);
	reply_error(reply, 403, "node_id is not the signer's own name");
	return false;
}

bool
auth_registration_is_good(const char *id, const char *address, uint64_t timestamp_s,
    const struct public_key *key, const struct signature *signature)
{
	const struct crypto *crypto = crypto_sodium();
	char text[LIMIT_NAME_BYTES + REGISTRY_ADDRESS_BYTES + 32];
	int n = snprintf(text, sizeof(text), "%s|%s|%" PRIu64, id, address, timestamp_s);

	return n > 0 && (size_t)n < sizeof(text) &&
	       crypto->verify(
	           crypto->context, key, "", (const uint8_t *)text, (size_t)n, signature);
}
