/*
 * flip_bundle FILE CA-KEY-HEX: our own verifier accepts the bundle, and
 * refuses it after every single bit flip of its decoded content.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/base64.h"
#include "cli/bundle.h"

static unsigned flips, accepted;

static void
flip_text(const json_t *bundle, const struct public_key *ca, json_t *text, const char *where)
{
	size_t chars = json_string_length(text), size = chars;
	uint8_t *bytes = malloc(size + 1);
	char *original = strdup(json_string_value(text)), *flipped = calloc(1, chars + 1);
	struct bundle_verdict verdict;

	if (base64_decode(original, chars, bytes, &size) != ERR_OK)
		exit(1);
	for (size_t bit = 0; bit < 8 * size; bit++, flips++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		json_string_setn(text, flipped, base64_encode(bytes, size, flipped));
		if (bundle_verify(bundle, ca, &verdict) == NULL) {
			fprintf(stderr, "%s: bit %zu: accepted\n", where, bit);
			accepted++;
		}
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	json_string_set(text, original);
	free(original);
	free(flipped);
	free(bytes);
}

static void
flip_record(const json_t *bundle, const struct public_key *ca, json_t *record, const char *where)
{
	flip_text(bundle, ca, json_object_get(record, "body"), where);
	flip_text(bundle, ca, json_object_get(record, "signature"), where);
}

int
main(int argc, char **argv)
{
	struct bundle_verdict verdict;
	struct public_key ca;
	const char *fault;
	json_t *bundle, *record;
	size_t i, used;

	if (argc != 3 || sodium_init() == -1 ||
	    sodium_hex2bin(ca.bytes, 32, argv[2], strlen(argv[2]), NULL, &used, NULL) != 0)
		return 2;
	if ((bundle = json_load_file(argv[1], 0, NULL)) == NULL)
		return 2;
	if ((fault = bundle_verify(bundle, &ca, &verdict)) != NULL) {
		fprintf(stderr, "refused as it is: %s\n", fault);
		return 1;
	}
	flip_record(bundle, &ca, json_object_get(bundle, "epoch"), "epoch");
	json_array_foreach(json_object_get(bundle, "enrolments"), i, record)
	    flip_record(bundle, &ca, record, "enrolment");
	flip_text(bundle, &ca, json_object_get(bundle, "certificate"), "certificate");
	ca.bytes[0] ^= 1;
	if (bundle_verify(bundle, &ca, &verdict) == NULL) {
		fprintf(stderr, "accepted with another CA key\n");
		accepted++;
	}
	json_decref(bundle);
	printf("%u single bit flips, %u accepted\n", flips, accepted);
	return accepted == 0 && flips > 0 ? 0 : 1;
}
