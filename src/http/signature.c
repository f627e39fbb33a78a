#include "http/signature.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"

#define LABEL           "phalanx"
#define COMPONENTS      "(\"@method\" \"@authority\" \"@path\" \"content-digest\")"
#define DIGEST          "sha-256"
#define HASH_CHARS      BASE64_CHARS(32)
#define SIGNATURE_CHARS BASE64_CHARS(64)

enum { CREATED = 1, NONCE, KEY_ID, ALGORITHM };

/* RFC 9421, 2.3: the parameters in the order of the Signature-Input they stand in. */
static enum err
write_parameters(const struct http_signature_input *in, char out[HTTP_SIGNATURE_HEADER_BYTES],
    size_t *size_bytes)
{
	static const uint8_t usual[HTTP_SIGNATURE_PARAMETERS] = { CREATED, NONCE, KEY_ID,
		ALGORITHM };
	const uint8_t *order = in->order[0] == 0 ? usual : in->order;
	size_t used = sizeof(COMPONENTS) - 1;
	char hex[HEX_ROOM(16)];

	memcpy(out, COMPONENTS, sizeof(COMPONENTS));
	for (size_t i = 0; i < HTTP_SIGNATURE_PARAMETERS; i++) {
		char *at = out + used;
		size_t room = HTTP_SIGNATURE_HEADER_BYTES - used;

		switch (order[i]) {
		case CREATED:
			used += (size_t)snprintf(at, room, ";created=%" PRIu64, in->created_s);
			break;
		case NONCE:
			used += (size_t)snprintf(at, room, ";nonce=\"%s\"",
			    hex_format(in->nonce, sizeof(in->nonce), hex));
			break;
		case KEY_ID:
			used += (size_t)snprintf(at, room, ";keyid=\"%s\"",
			    hex_format(in->key_id, sizeof(in->key_id), hex));
			break;
		case ALGORITHM:
			used += (size_t)snprintf(at, room, ";alg=\"ed25519\"");
			break;
		default:
			return ERR_RANGE;
		}
	}
	*size_bytes = used;
	return ERR_OK;
}

static void
write_digest(const struct http_signature_input *in, char out[HTTP_SIGNATURE_HEADER_BYTES])
{
	char hash[HASH_CHARS + 1];

	hash[base64_encode(in->content_sha256, sizeof(in->content_sha256), hash)] = '\0';
	snprintf(out, HTTP_SIGNATURE_HEADER_BYTES, DIGEST "=:%s:", hash);
}

/* Nothing that could begin a line of its own. */
static bool
is_plain(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

enum err
http_signature_base(
    const struct http_signature_input *in, char out[HTTP_SIGNATURE_BASE_BYTES], size_t *size_bytes)
{
	char parameters[HTTP_SIGNATURE_HEADER_BYTES], digest[HTTP_SIGNATURE_HEADER_BYTES];
	char authority[256];
	size_t unused, length = strlen(in->authority);
	enum err err;
	int n;

	if (!is_plain(in->method) || !is_plain(in->authority) || !is_plain(in->path))
		return ERR_MALFORMED;
	if (length >= sizeof(authority))
		return ERR_OVERSIZE;
	/* RFC 9421, 2.2.3: the authority is normalised to lower case. */
	for (size_t i = 0; i <= length; i++)
		authority[i] = (char)tolower((unsigned char)in->authority[i]);
	if ((err = write_parameters(in, parameters, &unused)) != ERR_OK)
		return err;
	write_digest(in, digest);
	n = snprintf(out, HTTP_SIGNATURE_BASE_BYTES,
	    "\"@method\": %s\n\"@authority\": %s\n\"@path\": %s\n\"content-digest\": %s\n"
	    "\"@signature-params\": %s",
	    in->method, authority, in->path, digest, parameters);
	if (n >= HTTP_SIGNATURE_BASE_BYTES)
		return ERR_OVERSIZE;
	*size_bytes = (size_t)n;
	return ERR_OK;
}

enum err
http_signature_headers(const struct http_signature_input *in, const uint8_t signature[64],
    char digest[HTTP_SIGNATURE_HEADER_BYTES], char input[HTTP_SIGNATURE_HEADER_BYTES],
    char value[HTTP_SIGNATURE_HEADER_BYTES])
{
	char parameters[HTTP_SIGNATURE_HEADER_BYTES], text[SIGNATURE_CHARS + 1];
	size_t used;
	enum err err;
	int n;

	if ((err = write_parameters(in, parameters, &used)) != ERR_OK)
		return err;
	n = snprintf(input, HTTP_SIGNATURE_HEADER_BYTES, LABEL "=%s", parameters);
	if (n >= HTTP_SIGNATURE_HEADER_BYTES)
		return ERR_OVERSIZE;
	write_digest(in, digest);
	text[base64_encode(signature, 64, text)] = '\0';
	snprintf(value, HTTP_SIGNATURE_HEADER_BYTES, LABEL "=:%s:", text);
	return ERR_OK;
}

/* ---- reading ---------------------------------------------------------------- */

/* Steps over literal if it stands there. */
static bool
step(const char **at, const char *literal)
{
	size_t length = strlen(literal);

	if (strncmp(*at, literal, length) != 0)
		return false;
	*at += length;
	return true;
}

/* name=:base64: and nothing behind it. */
static enum err
read_bytes(const char *text, const char *name, uint8_t *out, size_t size_bytes)
{
	size_t chars = BASE64_CHARS(size_bytes), used = size_bytes;

	if (!step(&text, name) || !step(&text, "=:") || strlen(text) != chars + 1 ||
	    text[chars] != ':')
		return ERR_MALFORMED;
	if (base64_decode(text, chars, out, &used) != ERR_OK || used != size_bytes)
		return ERR_MALFORMED;
	return ERR_OK;
}

/* RFC 8941, 3.3.1: at most 15 digits. */
static bool
read_number(const char **at, uint64_t *out)
{
	size_t digits = strspn(*at, "0123456789");

	if (digits == 0 || digits > 15 || (digits > 1 && **at == '0'))
		return false;
	*out = 0;
	for (; digits > 0; digits--)
		*out = *out * 10 + (uint64_t)(*(*at)++ - '0');
	return true;
}

static bool
read_hex(const char **at, uint8_t out[16])
{
	if (!step(at, "\"") || strlen(*at) < 33 || !hex_parse(*at, 32, out, 16))
		return false;
	*at += 32;
	return step(at, "\"");
}

/* One parameter behind its semicolon; its number, or 0. */
static uint8_t
read_parameter(const char **at, struct http_signature_input *out)
{
	if (step(at, "created="))
		return read_number(at, &out->created_s) ? CREATED : 0;
	if (step(at, "nonce="))
		return read_hex(at, out->nonce) ? NONCE : 0;
	if (step(at, "keyid="))
		return read_hex(at, out->key_id) ? KEY_ID : 0;
	return step(at, "alg=\"ed25519\"") ? ALGORITHM : 0;
}

static enum err
read_input(const char *at, struct http_signature_input *out)
{
	unsigned seen = 0;

	if (!step(&at, LABEL "=" COMPONENTS))
		return ERR_MALFORMED;
	for (size_t i = 0; i < HTTP_SIGNATURE_PARAMETERS; i++) {
		if (!step(&at, ";"))
			return ERR_MALFORMED;
		while (*at == ' ')
			at++;
		out->order[i] = read_parameter(&at, out);
		if (out->order[i] == 0 || (seen & 1u << out->order[i]) != 0)
			return ERR_UNKNOWN_FIELD;
		seen |= 1u << out->order[i];
	}
	return *at == '\0' ? ERR_OK : ERR_UNKNOWN_FIELD;
}

enum err
http_signature_parse(const char *digest, const char *input, const char *value,
    struct http_signature_input *out, uint8_t signature[64])
{
	struct http_signature_input found = { 0 };
	uint8_t bytes[64];
	enum err err;

	if ((err = read_bytes(digest, DIGEST, found.content_sha256, 32)) != ERR_OK ||
	    (err = read_input(input, &found)) != ERR_OK ||
	    (err = read_bytes(value, LABEL, bytes, sizeof(bytes))) != ERR_OK)
		return err;
	memcpy(out->content_sha256, found.content_sha256, sizeof(found.content_sha256));
	memcpy(out->nonce, found.nonce, sizeof(found.nonce));
	memcpy(out->key_id, found.key_id, sizeof(found.key_id));
	memcpy(out->order, found.order, sizeof(found.order));
	out->created_s = found.created_s;
	memcpy(signature, bytes, sizeof(bytes));
	return ERR_OK;
}
