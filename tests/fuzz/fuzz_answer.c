/*
 * The bodies that a model's server may send, of both kinds and as a list of
 * models.  The first byte chooses.
 */
#include <stdlib.h>
#include <string.h>
#include "analyser/backend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct backend *backend;
	struct backend_model model;
	json_t *envelope;
	const char *text;
	size_t text_bytes;

	if (size == 0)
		return 0;
	if (data[0] % 4 == 3) {
		backend_find(&backend_ollama, data + 1, size - 1, "m", &model);
		if (strlen(model.digest) > LIMIT_MODEL_DIGEST_BYTES)
			abort();
		return 0;
	}
	backend = data[0] & 1 ? &backend_openai : &backend_ollama;
	if (backend_read(backend, data + 1, size - 1, (data[0] & 2) != 0, &envelope, &text,
	        &text_bytes) != REJECT_NONE)
		return 0;
	if (strlen(text) != text_bytes)
		abort(); /* no zero byte within */
	json_decref(envelope);
	return 0;
}
