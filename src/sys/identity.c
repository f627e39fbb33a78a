#include "sys/identity.h"

#include <assert.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/wholefile.h"

#define KEY_BYTES    crypto_sign_SECRETKEYBYTES
#define KEY_HEX      (2 * KEY_BYTES)
#define DOMAIN_BYTES 64 /* room for the longest domain string */

struct secret_key {
	uint8_t bytes[KEY_BYTES]; /* seed, then public key */
};

/* Its own guarded pages, locked, kept from core dumps and from children. */
static struct secret_key *
allocate(void)
{
	struct secret_key *key;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	if (sodium_init() == -1 || (key = sodium_malloc(sizeof(*key))) == NULL)
		return NULL;
	if (madvise((void *)((uintptr_t)key & ~(page - 1)), page, MADV_DONTFORK) == -1) {
		sodium_free(key);
		return NULL;
	}
	return key;
}

enum err
identity_generate(struct secret_key **out)
{
	struct secret_key *key;
	uint8_t public[crypto_sign_PUBLICKEYBYTES];

	if ((key = allocate()) == NULL)
		return ERR_NOMEM;
	crypto_sign_keypair(public, key->bytes);
	*out = key;
	return ERR_OK;
}

/* Hex digits and at most a line feed, and a public half that fits the secret one. */
static enum err
parse(const char *text, size_t size_bytes, struct secret_key *out)
{
	uint8_t seed[crypto_sign_SEEDBYTES], public[crypto_sign_PUBLICKEYBYTES];
	uint8_t again[KEY_BYTES];
	size_t used;
	bool good;

	if (size_bytes == KEY_HEX + 1 && text[KEY_HEX] == '\n')
		size_bytes--;
	if (size_bytes != KEY_HEX ||
	    sodium_hex2bin(out->bytes, KEY_BYTES, text, size_bytes, NULL, &used, NULL) == -1 ||
	    used != KEY_BYTES)
		return ERR_MALFORMED;
	crypto_sign_ed25519_sk_to_seed(seed, out->bytes);
	crypto_sign_seed_keypair(public, again, seed);
	good = sodium_memcmp(again, out->bytes, KEY_BYTES) == 0;
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(again, sizeof(again));
	return good ? ERR_OK : ERR_MALFORMED;
}

enum err
identity_load(const char *path, struct secret_key **out)
{
	struct secret_key *key = NULL;
	uint8_t *text = NULL;
	size_t size_bytes = 0;
	struct stat st;
	enum err err;

	if ((err = wholefile_read(path, KEY_HEX + 1, &text, &size_bytes)) != ERR_OK)
		return err == ERR_OVERSIZE ? ERR_MALFORMED : err;
	if (stat(path, &st) == -1) {
		err = ERR_IO;
		goto fail;
	}
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		err = ERR_DENIED;
		goto fail;
	}
	if ((key = allocate()) == NULL) {
		err = ERR_NOMEM;
		goto fail;
	}
	if ((err = parse((const char *)text, size_bytes, key)) != ERR_OK)
		goto fail;
	sodium_memzero(text, size_bytes);
	free(text);
	*out = key;
	return ERR_OK;

fail:
	sodium_memzero(text, size_bytes);
	free(text);
	identity_free(key);
	return err;
}

enum err
identity_save(const struct secret_key *key, const char *path)
{
	char text[KEY_HEX + 1];
	enum err err;

	sodium_bin2hex(text, sizeof(text), key->bytes, KEY_BYTES);
	text[KEY_HEX] = '\n';
	err = wholefile_create(path, 0600, text, sizeof(text));
	sodium_memzero(text, sizeof(text));
	return err;
}

void
identity_free(struct secret_key *key)
{
	sodium_free(key);
}

void
identity_public(const struct secret_key *key, struct public_key *out)
{
	memcpy(out->bytes, key->bytes + crypto_sign_SEEDBYTES, sizeof(out->bytes));
}

void
identity_sign(const struct secret_key *key, const char *domain, const uint8_t *data,
    size_t size_bytes, struct signature *out)
{
	uint8_t message[DOMAIN_BYTES + LIMIT_ENVELOPE_BYTES];
	size_t prefix = strlen(domain);

	assert(prefix <= DOMAIN_BYTES && size_bytes <= LIMIT_ENVELOPE_BYTES);
	memcpy(message, domain, prefix);
	if (size_bytes > 0)
		memcpy(message + prefix, data, size_bytes);
	crypto_sign_detached(out->bytes, NULL, message, prefix + size_bytes, key->bytes);
}

/* The first 16 bytes of SHA-256(domain || data || more). */
static void
derive(const char *domain, const uint8_t data[32], const uint8_t *more, size_t more_bytes,
    uint8_t out[16])
{
	crypto_hash_sha256_state state;
	uint8_t hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)domain, strlen(domain));
	crypto_hash_sha256_update(&state, data, 32);
	crypto_hash_sha256_update(&state, more, more_bytes);
	crypto_hash_sha256_final(&state, hash);
	memcpy(out, hash, 16);
}

void
identity_node_id(const struct public_key *key, const uint8_t nonce[16], struct node_id *out)
{
	derive(DOMAIN_ID, key->bytes, nonce, 16, out->bytes);
}

void
identity_mesh_id(const struct public_key *ca, struct mesh_id *out)
{
	derive(DOMAIN_MESH, ca->bytes, NULL, 0, out->bytes);
}

enum err
identity_load_roster(const char *roster_path, const char *ca_pem_path, const struct crypto *crypto,
    struct roster **out)
{
	struct public_key ca;
	uint8_t *bytes;
	size_t size_bytes;
	enum err err;

	if ((err = identity_ca_key(ca_pem_path, &ca)) != ERR_OK ||
	    (err = wholefile_read(roster_path, LIMIT_ROSTER_BYTES, &bytes, &size_bytes)) != ERR_OK)
		return err;
	err = roster_parse(crypto, &ca, bytes, size_bytes, out);
	free(bytes);
	return err;
}
