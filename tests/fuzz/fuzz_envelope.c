/* An envelope that parses is written back as it was. */
#include "core/message.h"
#include "tests/fuzz/crypto_fake.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	static uint8_t again[LIMIT_ENVELOPE_BYTES];
	struct envelope envelope;
	size_t size = sizeof(again);

	if (envelope_parse(data, size_bytes, &envelope) != ERR_OK)
		return 0;
	PROMISE(envelope_write(envelope.body, envelope.is_signed ? &envelope.signature : NULL,
	            again, &size) == ERR_OK);
	PROMISE(size == size_bytes && memcmp(again, data, size) == 0);
	return 0;
}
