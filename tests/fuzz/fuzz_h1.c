/*
 * Answers of a hostile coordinator: bounded, and the same in any pieces.  The
 * first byte is the size of the pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include "http/h1.h"

#define CAP_BYTES 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	bool done;
	int status;
	size_t body_bytes;
};

static struct outcome
run(const uint8_t *data, size_t size, size_t step)
{
	const struct h1_request request = { .path = "/", .authority = "h", .content_type = "t" };
	struct outcome o = { .done = false };
	enum err err = ERR_OK;
	struct h1 *h;
	uint8_t *bytes;
	size_t take;

	if (h1_new(CAP_BYTES, &h) != ERR_OK)
		abort();
	if (h1_post(h, &request, &bytes, &take) != ERR_OK)
		abort();
	free(bytes);
	for (; size > 0 && err == ERR_OK && !o.done; size -= take, data += take) {
		take = step < size ? step : size;
		err = h1_receive(h, data, take, &o.done);
	}
	if (err == ERR_OK && !o.done)
		(void)!h1_eof(h, &o.done);
	if (o.done) {
		o.status = h1_status(h);
		(void)h1_body(h, &o.body_bytes);
		if (o.body_bytes > CAP_BYTES)
			abort();
	}
	h1_free(h);
	return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, pieces;

	if (size < 2)
		return 0;
	whole = run(data + 1, size - 1, size - 1);
	pieces = run(data + 1, size - 1, (size_t)data[0] + 1);
	/* The head's limit counts whole pieces, so only what both accept is compared. */
	if (whole.done && pieces.done &&
	    (whole.status != pieces.status || whole.body_bytes != pieces.body_bytes))
		abort();
	return 0;
}
