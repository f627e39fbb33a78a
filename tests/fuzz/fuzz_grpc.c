/*
 * gRPC framing: the pieces that a stream comes in change nothing about its
 * messages or its refusal.  The first byte is the size of the pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include "http/grpc.h"

#define CAP_BYTES 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum err err;
	size_t messages, bytes;
	uint64_t digest;
};

static bool
digest(void *context, const uint8_t *data, size_t size_bytes)
{
	struct outcome *o = context;
	size_t i;

	if (size_bytes > CAP_BYTES)
		abort();
	o->messages++;
	o->bytes += size_bytes;
	for (i = 0; i < size_bytes; i++)
		o->digest = o->digest * 31 + data[i];
	return true;
}

static struct outcome
run(const uint8_t *data, size_t size, size_t step)
{
	struct outcome o = { .err = ERR_OK };
	struct grpc_reader r;
	size_t take;

	grpc_reader_init(&r, CAP_BYTES);
	for (; size > 0 && o.err == ERR_OK; size -= take, data += take) {
		take = step < size ? step : size;
		o.err = grpc_read(&r, data, take, digest, &o);
		if (r.room_bytes > CAP_BYTES)
			abort();
	}
	grpc_reader_free(&r);
	return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, pieces;

	if (size < 2)
		return 0;
	whole = run(data + 1, size - 1, size - 1);
	pieces = run(data + 1, size - 1, (size_t)data[0] % 16 + 1);
	if (whole.err != pieces.err || whole.messages != pieces.messages ||
	    whole.bytes != pieces.bytes || whole.digest != pieces.digest)
		abort();
	return 0;
}
