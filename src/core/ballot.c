#include <string.h>
#include "base/buf.h"
#include "core/ballot.h"

void
ballot_write(const struct ballot *b, uint8_t out[BALLOT_BYTES])
{
	uint8_t *at = out;

	*at++ = (uint8_t)b->level;
	memcpy(at, b->mesh.bytes, sizeof(b->mesh.bytes));
	at += sizeof(b->mesh.bytes);
	buf_store_u64(at, b->epoch);
	at += 8;
	memcpy(at, b->subject.bytes, sizeof(b->subject.bytes));
	at += sizeof(b->subject.bytes);
	buf_store_u32(at, b->round);
	at += 4;
	buf_store_u64(at, b->window);
}

bool
ballot_verify(const struct crypto *crypto, const struct public_key *key, const struct ballot *b,
    const struct signature *signature)
{
	uint8_t bytes[BALLOT_BYTES];

	ballot_write(b, bytes);
	return crypto->verify(crypto->context, key, DOMAIN_BALLOT, bytes, sizeof(bytes), signature);
}

uint64_t
ballot_window(uint64_t unix_ms)
{
	return unix_ms / 1000 / LIMIT_WINDOW_S;
}
