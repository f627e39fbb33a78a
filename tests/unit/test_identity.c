/* The keys of a node and of a CA, on disk. */
#include <sys/stat.h>
#include <unistd.h>
#include "sys/wholefile.h"
#include "sys/x509.h"
#include "tests/unit/feed_fixture.h"

static char directory[64];

static int
make_directory(void **unused)
{
	(void)unused;
	strcpy(directory, "/tmp/phalanx-test.XXXXXX");
	return sodium_init() == -1 || mkdtemp(directory) == NULL;
}

static int
drop_directory(void **unused)
{
	(void)unused;
	return nftw(directory, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *
path_of(const char *name)
{
	static char path[2][128];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
	return path[turn];
}

static void
write_text(const char *name, const void *text, size_t size)
{
	assert_ok(wholefile_replace(path_of(name), 0600, text, size));
}

/* A key comes back as it was saved, is private, and is never overwritten. */
static void
key_comes_back(void **unused)
{
	struct secret_key *key, *again;
	struct public_key public, public_again;
	struct signature signature;
	struct stat st;

	(void)unused;
	assert_ok(identity_generate(&key));
	assert_ok(identity_save(key, path_of("identity.key")));
	assert_int_equal(stat(path_of("identity.key"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_err(ERR_LOCKED, identity_save(key, path_of("identity.key")));
	assert_ok(identity_load(path_of("identity.key"), &again));
	identity_public(key, &public);
	identity_public(again, &public_again);
	assert_memory_equal(&public, &public_again, sizeof(public));
	identity_sign(again, "domain", (const uint8_t *)"data", 4, &signature);
	assert_int_equal(crypto_sign_verify_detached(
	                     signature.bytes, (const uint8_t *)"domaindata", 10, public.bytes),
	    0);
	identity_free(key);
	identity_free(again);
}

/* A key that others may read, a broken one and one with a foreign public half are refused. */
static void
bad_keys_are_refused(void **unused)
{
	struct secret_key *key;
	uint8_t *text;
	size_t size;

	(void)unused;
	assert_err(ERR_NOT_FOUND, identity_load(path_of("none"), &key));
	assert_ok(wholefile_read(path_of("identity.key"), 1000, &text, &size));
	write_text("short", text, size - 2);
	assert_err(ERR_MALFORMED, identity_load(path_of("short"), &key));
	write_text("long", "", 0);
	assert_err(ERR_MALFORMED, identity_load(path_of("long"), &key));
	text[127] = text[127] == '0' ? '1' : '0';
	write_text("other-half", text, size);
	assert_err(ERR_MALFORMED, identity_load(path_of("other-half"), &key));
	free(text);
	assert_int_equal(chmod(path_of("identity.key"), 0640), 0);
	assert_err(ERR_DENIED, identity_load(path_of("identity.key"), &key));
}

/* The CA's key, read without a TLS library, is the one that OpenSSL wrote. */
static void
ca_key_is_read(void **unused)
{
	struct x509_authority *authority, *loaded;
	struct public_key key;

	(void)unused;
	assert_ok(x509_authority_new("a-mesh", 10, &authority));
	assert_ok(x509_authority_save(authority, path_of("ca.key"), path_of("ca.pem")));
	assert_err(
	    ERR_LOCKED, x509_authority_save(authority, path_of("ca.key"), path_of("ca2.pem")));
	assert_ok(identity_ca_key(path_of("ca.pem"), &key));
	assert_memory_equal(&key, x509_authority_key(authority), sizeof(key));
	assert_ok(x509_authority_load(path_of("ca.key"), path_of("ca.pem"), &loaded));
	assert_string_equal(x509_authority_mesh(loaded), "a-mesh");
	assert_int_equal(chmod(path_of("ca.key"), 0644), 0);
	x509_authority_free(loaded);
	assert_err(ERR_DENIED, x509_authority_load(path_of("ca.key"), path_of("ca.pem"), &loaded));
	assert_int_equal(chmod(path_of("ca.key"), 0600), 0);
	x509_authority_free(authority);
}

/* No damaged certificate yields a key other than the CA's: cut short or changed anywhere. */
static void
damaged_ca_is_refused(void **unused)
{
	struct public_key key, good;
	uint8_t *pem;
	size_t size;

	(void)unused;
	assert_ok(identity_ca_key(path_of("ca.pem"), &good));
	assert_ok(wholefile_read(path_of("ca.pem"), 8192, &pem, &size));
	for (size_t at = 0; at + 1 < size; at += 3) {
		enum err err;

		pem[at] ^= 1;
		write_text("damaged.pem", pem, size);
		err = identity_ca_key(path_of("damaged.pem"), &key);
		/* Outside the signed part (a label, a line's end) nothing is lost. */
		if (err == ERR_OK)
			assert_memory_equal(&key, &good, sizeof(key));
		pem[at] ^= 1;
		write_text("damaged.pem", pem, at);
		assert_int_not_equal(ERR_OK, identity_ca_key(path_of("damaged.pem"), &key));
	}
	free(pem);
	write_text("empty.pem", "", 0);
	assert_err(ERR_MALFORMED, identity_ca_key(path_of("empty.pem"), &key));
}

/* A request proves its TLS key; another curve, another signature and noise do not pass. */
static void
requests_are_checked(void **unused)
{
	struct x509_text key, csr;
	struct hash of_request, of_key;
	char *at, command[512];

	(void)unused;
	assert_ok(x509_key_new(&key));
	assert_ok(x509_request_new(key.text, &csr));
	assert_ok(x509_request_check(csr.text, &of_request));
	assert_ok(x509_private_key(key.text, &of_key));
	assert_memory_equal(&of_request, &of_key, sizeof(of_key));
	/* Late in the base64: in the signature. */
	at = strstr(csr.text, "\n-----END") - 12;
	*at = *at == 'A' ? 'B' : 'A';
	assert_int_not_equal(ERR_OK, x509_request_check(csr.text, &of_request));
	assert_err(ERR_MALFORMED, x509_request_check("", &of_request));
	assert_err(ERR_MALFORMED, x509_request_check(key.text, &of_request));
	x509_text_free(&csr);
	x509_text_free(&key);
	snprintf(command, sizeof(command),
	    "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes "
	    "-keyout /dev/null -subj /CN=x -out %s 2>/dev/null",
	    path_of("p384.pem"));
	assert_int_equal(system(command), 0);
	assert_ok(
	    wholefile_read(path_of("p384.pem"), 8192, (uint8_t **)&csr.text, &csr.size_bytes));
	assert_err(ERR_UNSUPPORTED, x509_request_check(csr.text, &of_request));
	x509_text_free(&csr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_comes_back),
		cmocka_unit_test(bad_keys_are_refused),
		cmocka_unit_test(ca_key_is_read),
		cmocka_unit_test(damaged_ca_is_refused),
		cmocka_unit_test(requests_are_checked),
	};

	return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
