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
#define RESPONSE_LABEL  "coordinator"
#define RESPONSE_ALONE  "(\"@status\" \"content-digest\")"
#define RESPONSE_BOUND  "(\"@status\" \"content-digest\" \"@method\";req \"@path\";req)"
#define DIGEST          "sha-256"
#define HASH_CHARS      BASE64_CHARS(32)
#define SIGNATURE_CHARS BASE64_CHARS(64)

enum { CREATED = 1, NONCE, KEY_ID, ALGORITHM };

/* ---- writing ---------------------------------------------------------------- */

/* RFC 9421, 2.3: the parameters in the order of the Signature-Input they stand in. */
static enum err
write_parameters(const struct http_signature_input *in, char out[HTTP_SIGNATURE_HEADER_BYTES])
{
	static const uint8_t usual[HTTP_SIGNATURE_PARAMETERS] = { CREATED, NONCE, KEY_ID,
		ALGORITHM };
	const uint8_t *order = in->order[0] == 0 ? usual : in->order;
	char hex[HEX_ROOM(16)];
	size_t used = 0;

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
	return ERR_OK;
}

static void
write_response_parameters(
    const struct http_response_signature *in, char out[HTTP_SIGNATURE_HEADER_BYTES])
{
	char nonce[HEX_ROOM(16)], key[HEX_ROOM(32)];

	hex_format(in->nonce, sizeof(in->nonce), nonce);
	hex_format(in->key, sizeof(in->key), key);
	snprintf(out, HTTP_SIGNATURE_HEADER_BYTES,
	    ";created=%" PRIu64 "%s%s%s;keyid=\"%s\";alg=\"ed25519\"", in->created_s,
	    in->method != NULL ? ";nonce=\"" : "", in->method != NULL ? nonce : "",
	    in->method != NULL ? "\"" : "", key);
}

static void
write_digest(const uint8_t content_sha256[32], char out[HTTP_SIGNATURE_HEADER_BYTES])
{
	char hash[HASH_CHARS + 1];

	hash[base64_encode(content_sha256, 32, hash)] = '\0';
	snprintf(out, HTTP_SIGNATURE_HEADER_BYTES, DIGEST "=:%s:", hash);
}

static void
write_signature(
    const char *label, const uint8_t signature[64], char out[HTTP_SIGNATURE_HEADER_BYTES])
{
	char text[SIGNATURE_CHARS + 1];

	text[base64_encode(signature, 64, text)] = '\0';
	snprintf(out, HTTP_SIGNATURE_HEADER_BYTES, "%s=:%s:", label, text);
}

/* Nothing that could begin a line of its own. */
static bool
is_plain(const char *text, char least)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text < least || *text > '~')
			return false;
	return true;
}

enum err
http_signature_compose(const struct http_component *components, size_t count,
    const char *parameters, char out[HTTP_SIGNATURE_BASE_BYTES], size_t *size_bytes)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_plain(components[i].value, ' '))
			return ERR_MALFORMED;
		used += (size_t)snprintf(out + used, HTTP_SIGNATURE_BASE_BYTES - used, "%s: %s\n",
		    components[i].name, components[i].value);
		if (used >= HTTP_SIGNATURE_BASE_BYTES)
			return ERR_OVERSIZE;
	}
	used += (size_t)snprintf(
	    out + used, HTTP_SIGNATURE_BASE_BYTES - used, "\"@signature-params\": (");
	for (size_t i = 0; i < count && used < HTTP_SIGNATURE_BASE_BYTES; i++)
		used += (size_t)snprintf(out + used, HTTP_SIGNATURE_BASE_BYTES - used, "%s%s",
		    i > 0 ? " " : "", components[i].name);
	if (used < HTTP_SIGNATURE_BASE_BYTES)
		used += (size_t)snprintf(
		    out + used, HTTP_SIGNATURE_BASE_BYTES - used, ")%s", parameters);
	if (used >= HTTP_SIGNATURE_BASE_BYTES)
		return ERR_OVERSIZE;
	*size_bytes = used;
	return ERR_OK;
}

enum err
http_signature_base(
    const struct http_signature_input *in, char out[HTTP_SIGNATURE_BASE_BYTES], size_t *size_bytes)
{
	char parameters[HTTP_SIGNATURE_HEADER_BYTES], digest[HTTP_SIGNATURE_HEADER_BYTES];
	char authority[256];
	const struct http_component components[] = { { "\"@method\"", in->method },
		{ "\"@authority\"", authority }, { "\"@path\"", in->path },
		{ "\"content-digest\"", digest } };
	size_t length = strlen(in->authority);
	enum err err;

	if (!is_plain(in->method, '!') || !is_plain(in->authority, '!') || !is_plain(in->path, '!'))
		return ERR_MALFORMED;
	if (length >= sizeof(authority))
		return ERR_OVERSIZE;
	/* RFC 9421, 2.2.3: the authority is normalised to lower case. */
	for (size_t i = 0; i <= length; i++)
		authority[i] = (char)tolower((unsigned char)in->authority[i]);
	if ((err = write_parameters(in, parameters)) != ERR_OK)
		return err;
	write_digest(in->content_sha256, digest);
	return http_signature_compose(components, 4, parameters, out, size_bytes);
}

enum err
http_response_base(const struct http_response_signature *in, char out[HTTP_SIGNATURE_BASE_BYTES],
    size_t *size_bytes)
{
	char parameters[HTTP_SIGNATURE_HEADER_BYTES], digest[HTTP_SIGNATURE_HEADER_BYTES];
	char status[16];
	const struct http_component components[] = { { "\"@status\"", status },
		{ "\"content-digest\"", digest }, { "\"@method\";req", in->method },
		{ "\"@path\";req", in->path } };

	if (in->method != NULL && (!is_plain(in->method, '!') || !is_plain(in->path, '!')))
		return ERR_MALFORMED;
	snprintf(status, sizeof(status), "%u", in->status);
	write_response_parameters(in, parameters);
	write_digest(in->content_sha256, digest);
	return http_signature_compose(
	    components, in->method != NULL ? 4 : 2, parameters, out, size_bytes);
}

enum err
http_signature_headers(const struct http_signature_input *in, const uint8_t signature[64],
    char digest[HTTP_SIGNATURE_HEADER_BYTES], char input[HTTP_SIGNATURE_HEADER_BYTES],
    char value[HTTP_SIGNATURE_HEADER_BYTES])
{
	char parameters[HTTP_SIGNATURE_HEADER_BYTES];
	enum err err;

	if ((err = write_parameters(in, parameters)) != ERR_OK)
		return err;
	if (snprintf(input, HTTP_SIGNATURE_HEADER_BYTES, LABEL "=" COMPONENTS "%s", parameters) >=
	    HTTP_SIGNATURE_HEADER_BYTES)
		return ERR_OVERSIZE;
	write_digest(in->content_sha256, digest);
	write_signature(LABEL, signature, value);
	return ERR_OK;
}

enum err
http_response_headers(const struct http_response_signature *in, const uint8_t signature[64],
    char digest[HTTP_SIGNATURE_HEADER_BYTES], char input[HTTP_SIGNATURE_HEADER_BYTES],
    char value[HTTP_SIGNATURE_HEADER_BYTES])
{
	char parameters[HTTP_SIGNATURE_HEADER_BYTES];

	write_response_parameters(in, parameters);
	if (snprintf(input, HTTP_SIGNATURE_HEADER_BYTES, RESPONSE_LABEL "=%s%s",
	        in->method != NULL ? RESPONSE_BOUND : RESPONSE_ALONE,
	        parameters) >= HTTP_SIGNATURE_HEADER_BYTES)
		return ERR_OVERSIZE;
	write_digest(in->content_sha256, digest);
	write_signature(RESPONSE_LABEL, signature, value);
	return ERR_OK;
}

void
http_accept_signature(const uint8_t nonce[16], char out[HTTP_SIGNATURE_HEADER_BYTES])
{
	char hex[HEX_ROOM(16)];

	snprintf(out, HTTP_SIGNATURE_HEADER_BYTES,
	    RESPONSE_LABEL "=" RESPONSE_BOUND ";created;nonce=\"%s\";keyid;alg=\"ed25519\"",
	    hex_format(nonce, 16, hex));
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
read_hex(const char **at, uint8_t *out, size_t size_bytes)
{
	size_t digits = 2 * size_bytes;

	if (!step(at, "\"") || strlen(*at) <= digits || !hex_parse(*at, digits, out, size_bytes))
		return false;
	*at += digits;
	return step(at, "\"");
}

/* One parameter behind its semicolon; its number, or 0. */
static uint8_t
read_parameter(const char **at, struct http_signature_input *out)
{
	if (step(at, "created="))
		return read_number(at, &out->created_s) ? CREATED : 0;
	if (step(at, "nonce="))
		return read_hex(at, out->nonce, sizeof(out->nonce)) ? NONCE : 0;
	if (step(at, "keyid="))
		return read_hex(at, out->key_id, sizeof(out->key_id)) ? KEY_ID : 0;
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

static enum err
read_response_input(const char *at, bool has_nonce, struct http_response_signature *out)
{
	if (!step(&at, RESPONSE_LABEL "=") ||
	    !step(&at, has_nonce ? RESPONSE_BOUND : RESPONSE_ALONE))
		return ERR_MALFORMED;
	if (!step(&at, ";created=") || !read_number(&at, &out->created_s))
		return ERR_UNKNOWN_FIELD;
	if (has_nonce && (!step(&at, ";nonce=") || !read_hex(&at, out->nonce, sizeof(out->nonce))))
		return ERR_UNKNOWN_FIELD;
	if (!step(&at, ";keyid=") || !read_hex(&at, out->key, sizeof(out->key)))
		return ERR_UNKNOWN_FIELD;
	return strcmp(at, ";alg=\"ed25519\"") == 0 ? ERR_OK : ERR_UNKNOWN_FIELD;
}

enum err
http_response_parse(const char *digest, const char *input, const char *value, bool has_nonce,
    struct http_response_signature *out, uint8_t signature[64])
{
	struct http_response_signature found = *out;
	uint8_t bytes[64];
	enum err err;

	if ((err = read_bytes(digest, DIGEST, found.content_sha256, 32)) != ERR_OK ||
	    (err = read_response_input(input, has_nonce, &found)) != ERR_OK ||
	    (err = read_bytes(value, RESPONSE_LABEL, bytes, sizeof(bytes))) != ERR_OK)
		return err;
	*out = found;
	memcpy(signature, bytes, sizeof(bytes));
	return ERR_OK;
}

bool
http_request_nonce(const char *accept, const char *input, uint8_t out[16])
{
	static const char name[] = ";nonce=";
	const char *text = input != NULL ? input : accept;
	const char *label = input != NULL ? LABEL "=(" : RESPONSE_LABEL "=(";
	const char *at;
	uint8_t nonce[16];

	if (text == NULL || strncmp(text, label, strlen(label)) != 0 ||
	    (at = strstr(text, name)) == NULL)
		return false;
	at += sizeof(name) - 1;
	if (!read_hex(&at, nonce, sizeof(nonce)))
		return false;
	memcpy(out, nonce, sizeof(nonce));
	return true;
}
