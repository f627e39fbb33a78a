/* An entry that decodes has one encoding, ours and protobuf-c's. */
#include "core/message.h"
#include "phalanx.pb-c.h"
#include "tests/fuzz/crypto_fake.h"

static void
reference_agrees(const uint8_t *data, size_t size_bytes)
{
	static uint8_t again[LIMIT_BODY_BYTES];
	Protos__Entry *entry = protos__entry__unpack(NULL, size_bytes, data);

	PROMISE(entry != NULL);
	PROMISE(protos__entry__get_packed_size(entry) == size_bytes);
	protos__entry__pack(entry, again);
	PROMISE(memcmp(again, data, size_bytes) == 0);
	protos__entry__free_unpacked(entry, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	static uint8_t again[LIMIT_BODY_BYTES];
	struct span body = { data, size_bytes };
	struct entry_header header;
	size_t size = sizeof(again);
	enum entry_kind kind;
	struct entry entry;
	enum err peeked = entry_peek(body, &header, &kind);

	if (entry_decode(body, &entry) != ERR_OK)
		return 0;
	PROMISE(peeked == ERR_OK && kind == entry.kind);
	PROMISE(entry_encode(&entry, again, &size) == ERR_OK);
	PROMISE(size == size_bytes && memcmp(again, data, size) == 0);
	reference_agrees(data, size_bytes);
	return 0;
}
