/*
 * The fields of signed requests and answers, from whoever sends them: what is
 * taken is written again as the same text, and its base holds no more lines
 * than components.  The input is three texts, each ended by a zero byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "http/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
check_lines(const char *base, size_t size_bytes, size_t wanted)
{
	size_t lines = 1;

	for (size_t i = 0; i < size_bytes; i++)
		lines += base[i] == '\n';
	check(lines == wanted);
}

static void
try_request(const char *const text[3])
{
	struct http_signature_input in = { .method = "POST", .authority = "h:1", .path = "/x" };
	char base[HTTP_SIGNATURE_BASE_BYTES], digest[HTTP_SIGNATURE_HEADER_BYTES],
	    input[HTTP_SIGNATURE_HEADER_BYTES], value[HTTP_SIGNATURE_HEADER_BYTES];
	uint8_t signature[64];
	size_t size_bytes;

	if (http_signature_parse(text[0], text[1], text[2], &in, signature) != ERR_OK)
		return;
	check(http_signature_base(&in, base, &size_bytes) == ERR_OK);
	check_lines(base, size_bytes, 5);
	check(http_signature_headers(&in, signature, digest, input, value) == ERR_OK);
	check(strcmp(digest, text[0]) == 0 && strcmp(value, text[2]) == 0);
}

static void
try_response(const char *const text[3], bool has_nonce)
{
	struct http_response_signature in = { .status = 200 };
	char base[HTTP_SIGNATURE_BASE_BYTES], digest[HTTP_SIGNATURE_HEADER_BYTES],
	    input[HTTP_SIGNATURE_HEADER_BYTES], value[HTTP_SIGNATURE_HEADER_BYTES];
	uint8_t signature[64];
	size_t size_bytes;

	if (has_nonce) {
		in.method = "GET";
		in.path = "/x";
	}
	if (http_response_parse(text[0], text[1], text[2], has_nonce, &in, signature) != ERR_OK)
		return;
	check(http_response_base(&in, base, &size_bytes) == ERR_OK);
	check_lines(base, size_bytes, has_nonce ? 5 : 3);
	check(http_response_headers(&in, signature, digest, input, value) == ERR_OK);
	check(strcmp(digest, text[0]) == 0 && strcmp(value, text[2]) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text[3];
	uint8_t nonce[16];
	char *copy, *end;

	if ((copy = malloc(size + 3)) == NULL)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	memset(copy + size, 0, 3);
	end = copy + size;
	text[0] = copy;
	for (size_t i = 1; i < 3; i++) {
		text[i] = text[i - 1] + strlen(text[i - 1]);
		if (text[i] < end)
			text[i]++;
	}
	try_request(text);
	try_response(text, false);
	try_response(text, true);
	(void)http_request_nonce(text[0], NULL, nonce);
	(void)http_request_nonce(NULL, text[1], nonce);
	free(copy);
	return 0;
}
