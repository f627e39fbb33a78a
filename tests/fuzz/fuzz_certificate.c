/*
 * A certificate that verifies is what a tally of its ballots makes, and more
 * than half of the others stand behind it.  Input: a serialised Certificate
 * after one byte that picks the number of heads.
 */
#include "core/certificate.h"
#include "core/wire.h"
#include "tests/fuzz/crypto_fake.h"

#define MOST_HEADS 10 /* names are one digit */

/* Heads whose ids are their number, signed by a CA that anybody can be. */
static struct roster *
make_roster(size_t heads)
{
	static uint8_t bytes[MOST_HEADS * 256];
	static const uint8_t zeros[64];
	struct public_key ca = { { 0 } };
	struct roster *roster;
	size_t record, body, inner;
	struct buf_out b;

	buf_out_init(&b, bytes, sizeof(bytes));
	for (size_t i = 0; i < heads; i++) {
		uint8_t key[32] = { (uint8_t)i };

		record = wire_open(&b, 1);
		body = wire_open(&b, 1);
		wire_put_fixed(&b, 1, zeros, 16);
		wire_put_fixed(&b, 2, (const uint8_t *)"mesh", 4);
		wire_put_fixed(&b, 3, &(uint8_t){ (uint8_t)('0' + i) }, 1);
		wire_put_fixed(&b, 4, key, 16);
		wire_put_fixed(&b, 5, key, 32);
		wire_put_fixed(&b, 6, zeros, 16);
		wire_put_fixed(&b, 7, zeros, 16);
		wire_put_fixed(&b, 8, key, 4);
		wire_put_u64(&b, 9, 9000);
		wire_put_u64(&b, 12, 1);
		wire_put_u64(&b, 13, ROLE_NODE);
		wire_close(&b, body);
		wire_put_fixed(&b, 2, zeros, 64);
		wire_close(&b, record);
	}
	record = wire_open(&b, 2);
	body = wire_open(&b, 1);
	wire_put_fixed(&b, 1, zeros, 16);
	wire_put_u64(&b, 2, 1);
	wire_put_fixed(&b, 3, zeros, 32);
	for (size_t i = 0; i < heads; i++) {
		uint8_t id[16] = { (uint8_t)i };

		inner = wire_open(&b, 5);
		wire_put_fixed(&b, 1, id, 16);
		wire_put_u64(&b, 2, 1 + i % 3);
		wire_close(&b, inner);
	}
	wire_close(&b, body);
	wire_put_fixed(&b, 2, zeros, 64);
	wire_close(&b, record);
	PROMISE(b.err == ERR_OK);
	PROMISE(roster_parse(&crypto_fake, &ca, bytes, buf_used(&b), &roster) == ERR_OK);
	return roster;
}

/* Wrap a Certificate's bytes as a draft, which is how one gets decoded. */
static enum err
decode(const uint8_t *data, size_t size_bytes, struct entry *out)
{
	static uint8_t bytes[LIMIT_BODY_BYTES];
	static const uint8_t mesh[16];
	struct buf_out b;
	size_t opened;

	buf_out_init(&b, bytes, sizeof(bytes));
	opened = wire_open(&b, 1);
	wire_put_u64(&b, 1, MESSAGE_VERSION);
	wire_put_fixed(&b, 2, mesh, sizeof(mesh));
	wire_close(&b, opened);
	wire_put_fixed(&b, ENTRY_CERTIFICATE, data, size_bytes);
	return b.err != ERR_OK ? b.err : entry_decode((struct span){ bytes, buf_used(&b) }, out);
}

static void
check_valid(const struct roster *roster, const struct certificate *c, size_t checked)
{
	struct ballot ballot = { .level = c->level,
		.mesh = *roster_mesh(roster),
		.epoch = c->epoch,
		.subject = c->subject,
		.round = c->round,
		.window = c->window };
	struct certificate made;
	struct tally *tally;
	size_t voter = 0;

	PROMISE(checked >= 2 && 2 * checked > epoch_heads(roster_current(roster)) - 1);
	PROMISE(tally_new(roster, &ballot, &tally) == ERR_OK);
	for (size_t bit = 0; bit < epoch_heads(roster_current(roster)); bit++) {
		struct signature signature;

		if (!(c->voters.data[bit / 8] >> bit % 8 & 1))
			continue;
		memcpy(&signature, c->signatures.data + 64 * voter++, 64);
		PROMISE(tally_add(tally, roster, epoch_head_at(roster_current(roster), bit),
		            &signature) == ERR_OK);
	}
	PROMISE(voter == checked);
	PROMISE(tally_certificate(tally, roster, &made) == ERR_OK);
	PROMISE(made.voters.size_bytes == c->voters.size_bytes &&
	        memcmp(made.voters.data, c->voters.data, c->voters.size_bytes) == 0);
	PROMISE(made.signatures.size_bytes == c->signatures.size_bytes &&
	        memcmp(made.signatures.data, c->signatures.data, c->signatures.size_bytes) == 0);
	tally_free(tally);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	static struct roster *rosters[MOST_HEADS + 1];
	struct roster **roster;
	struct entry entry;
	size_t checked;

	if (size_bytes == 0)
		return 0;
	roster = &rosters[data[0] % (MOST_HEADS + 1)];
	if (*roster == NULL)
		*roster = make_roster(data[0] % (MOST_HEADS + 1));
	if (decode(data + 1, size_bytes - 1, &entry) != ERR_OK)
		return 0;
	if (certificate_verify(&crypto_fake, *roster, &entry.certificate, &checked) == ERR_OK)
		check_valid(*roster, &entry.certificate, checked);
	return 0;
}
