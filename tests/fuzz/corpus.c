/*
 * corpus: valid inputs for the fuzzers to start from.
 * usage: corpus DIRECTORY (with envelope, entry, roster and certificate in it)
 */
#include "core/wire.h"
#include "tests/entries.h"

static const char *directory;

static void
save(const char *fuzzer, size_t number, const uint8_t *data, size_t size_bytes)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/valid-%zu", directory, fuzzer, number);
	if ((file = fopen(path, "wb")) == NULL || fwrite(data, 1, size_bytes, file) != size_bytes ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

/* For the fuzzer's own roster: heads whose ids begin with their number. */
static void
save_certificate(size_t heads)
{
	static const uint8_t zeros[10 * 64];
	uint8_t bytes[1024] = { (uint8_t)heads };
	uint8_t bitmap[2] = { 0xfe, (uint8_t)(heads > 8 ? (1 << (heads - 8)) - 1 : 0) };
	struct buf_out b;

	if (heads < 8)
		bitmap[0] = (uint8_t)((1 << heads) - 2);
	buf_out_init(&b, bytes, sizeof(bytes));
	buf_put(&b, &bytes[0], 1);
	wire_put_u64(&b, 1, LEVEL_QUARANTINE);
	wire_put_fixed(&b, 2, zeros, 16);
	wire_put_u64(&b, 4, 1);
	wire_put_u64(&b, 5, 7);
	wire_put_fixed(&b, 6, bitmap, (heads + 7) / 8);
	wire_put_fixed(&b, 7, zeros, 64 * (heads - 1));
	save("certificate", heads, bytes, buf_used(&b));
}

/* As tests/mesh.h makes it, but with ids and mesh as crypto_fake derives them. */
static void
save_rosters(void)
{
	for (size_t count = 1; count <= 6; count++) {
		struct mesh m;

		mesh_init(&m, count);
		memset(&m.id, 0, sizeof(m.id));
		for (size_t i = 0; i < count; i++)
			memcpy(m.members[i].id.bytes, m.members[i].key.public_key.bytes, 16);
		mesh_pack(&m);
		save("roster", count, m.bytes, m.size_bytes);
		mesh_free(&m);
	}
}

int
main(int argc, char **argv)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	struct mesh m;

	if (argc != 2) {
		fprintf(stderr, "usage: corpus DIRECTORY\n");
		return 2;
	}
	directory = argv[1];
	mesh_make(&m, 5);
	for (size_t i = 0; i < MAKERS; i++) {
		struct entry entry = makers[i](&m);
		size_t size = sizeof(bytes);

		assert_ok(entry_encode(&entry, bytes, &size));
		save("entry", i, bytes, size);
		save("envelope", i, bytes,
		    mesh_envelope(&m.members[0], &entry, bytes, sizeof(bytes)));
	}
	for (size_t heads = 3; heads <= 10; heads++)
		save_certificate(heads);
	save_rosters();
	mesh_free(&m);
	return 0;
}
