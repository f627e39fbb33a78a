/*
 * A server, and a client with a call under way, before bytes that need not be
 * HTTP/2.  The first byte picks the side; the client's preface is given, so
 * that the fuzzer begins where frames do.
 */
#include <nghttp2/nghttp2.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/limits.h"
#include "http/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct h2 *h;
static enum h2_side side;

static void
headers(void *context, int32_t stream, const char *path, const char *content_type, int status)
{
	(void)context;
	(void)content_type;
	(void)status;
	if (side == H2_CLIENT)
		return;
	if (path[0] == '/' && path[1] == 'x')
		(void)!h2_finish(h, stream, 12, "unknown method");
	else
		(void)!h2_accept(h, stream, "claim", 1000);
}

static void
message(void *context, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	(void)context;
	if (size_bytes > 1000)
		abort();
	(void)!h2_send(h, stream, data, size_bytes);
}

static void
ended(void *context, int32_t stream)
{
	(void)context;
	(void)!h2_finish(h, stream, 0, "");
}

static void
closed(void *context, int32_t stream, int grpc_status, const char *reason)
{
	(void)context;
	(void)stream;
	(void)reason;
	if (grpc_status < -1 || grpc_status > 16)
		abort();
}

static void
drain(void)
{
	uint8_t out[4096];
	size_t size;

	while (h2_output(h, out, sizeof(out), &size) == ERR_OK && size > 0)
		;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct h2_handler handler = {
		.headers = headers, .message = message, .ended = ended, .closed = closed
	};
	size_t take;
	int32_t stream;

	if (size < 2)
		return 0;
	side = data[0] % 2 == 0 ? H2_SERVER : H2_CLIENT;
	if (h2_new(side, &handler, &h) != ERR_OK)
		abort();
	if (side == H2_CLIENT)
		(void)!h2_call(h, "/x", "h", NULL, NULL, 1000, &stream);
	else
		(void)!h2_receive(
		    h, (const uint8_t *)NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
	drain();
	for (data++, size--; size > 0; data += take, size -= take) {
		take = size < 700 ? size : 700;
		if (h2_receive(h, data, take) != ERR_OK)
			break;
		drain();
	}
	if (h2_queued_bytes(h) > LIMIT_LINK_QUEUE_BYTES + 32768)
		abort();
	h2_free(h);
	return 0;
}
