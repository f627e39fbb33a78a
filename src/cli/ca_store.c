#include "cli/ca_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/crypto.h"
#include "sys/wholefile.h"
#include "sys/identity.h"

#define ENDING ".enrolment"

void
ca_complain(const char *format, ...)
{
	va_list arguments;

	fputs("phalanx ca: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void
ca_store_path(const char *directory, const char *file, char out[CA_PATH_BYTES])
{
	snprintf(out, CA_PATH_BYTES, "%s/%s", directory, file);
}

void
ca_store_record_path(
    const struct ca_store *store, const char *name, const char *ending, char out[CA_PATH_BYTES])
{
	snprintf(out, CA_PATH_BYTES, "%s/enrolments/%s%s", store->directory, name, ending);
}

bool
ca_name_is_valid(const char *name)
{
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                             "0123456789_-");

	return length >= 1 && length <= LIMIT_NAME_BYTES && name[length] == '\0';
}

bool
ca_number(const char *option, const char *text, unsigned long least, unsigned long most,
    unsigned long *out)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] < '0' || text[0] > '9' ||
	    number < least || number > most) {
		ca_complain(
		    "%s %s: a whole number from %lu to %lu is needed", option, text, least, most);
		return false;
	}
	*out = number;
	return true;
}

/* Signature, mesh and id: a record that somebody slipped into the directory is refused. */
static const char *
record_fault(const struct x509_authority *authority, const Protos__Envelope *envelope,
    const Protos__Enrolment *e)
{
	const struct public_key *ca = x509_authority_key(authority);
	uint8_t message[sizeof(DOMAIN_ENROLMENT) + CA_RECORD_BYTES];
	size_t prefix = sizeof(DOMAIN_ENROLMENT) - 1;
	struct public_key key;
	struct mesh_id mesh;
	struct node_id id;

	if (envelope->signature.len != crypto_sign_BYTES)
		return "has no signature";
	memcpy(message, DOMAIN_ENROLMENT, prefix);
	memcpy(message + prefix, envelope->body.data, envelope->body.len);
	if (crypto_sign_verify_detached(
	        envelope->signature.data, message, prefix + envelope->body.len, ca->bytes) != 0)
		return "is not signed by this CA";
	identity_mesh_id(ca, &mesh);
	if (e->mesh.len != sizeof(mesh) || memcmp(e->mesh.data, mesh.bytes, sizeof(mesh)) != 0)
		return "is of another mesh";
	if (e->key.len != sizeof(key) || e->nonce.len != 16 || e->id.len != sizeof(id) ||
	    e->group.len != 16)
		return "is malformed";
	memcpy(key.bytes, e->key.data, sizeof(key));
	identity_node_id(&key, e->nonce.data, &id);
	if (memcmp(id.bytes, e->id.data, sizeof(id)) != 0)
		return "has an id that is not its key's";
	return ca_name_is_valid(e->name) ? NULL : "has a bad name";
}

static bool
load_tls_key(const struct ca_store *store, struct ca_record *record)
{
	char path[CA_PATH_BYTES];
	uint8_t *pem;
	size_t size_bytes;
	enum err err;

	ca_store_record_path(store, record->enrolment->name, ".pem", path);
	if ((err = wholefile_read(path, CA_RECORD_BYTES, &pem, &size_bytes)) == ERR_OK) {
		err = x509_certificate_key((char *)pem, &record->tls_key);
		free(pem);
	}
	if (err != ERR_OK)
		ca_complain("%s: %s", path, err_text(err));
	return err == ERR_OK;
}

static bool
load_record(struct ca_store *store, const char *file, struct ca_record *out)
{
	struct ca_record record = { 0 };
	Protos__Envelope *envelope = NULL;
	char path[CA_PATH_BYTES];
	const char *fault = "is malformed";
	enum err err;

	snprintf(path, sizeof(path), "%s/enrolments/%s", store->directory, file);
	if ((err = wholefile_read(
	         path, CA_RECORD_BYTES, &record.envelope, &record.envelope_bytes)) != ERR_OK) {
		ca_complain("%s: %s", path, err_text(err));
		return false;
	}
	envelope = protos__envelope__unpack(NULL, record.envelope_bytes, record.envelope);
	if (envelope == NULL)
		goto fail;
	record.enrolment = protos__enrolment__unpack(NULL, envelope->body.len, envelope->body.data);
	if (record.enrolment == NULL)
		goto fail;
	if ((fault = record_fault(store->authority, envelope, record.enrolment)) != NULL)
		goto fail;
	protos__envelope__free_unpacked(envelope, NULL);
	if (!load_tls_key(store, &record)) {
		protos__enrolment__free_unpacked(record.enrolment, NULL);
		free(record.envelope);
		return false;
	}
	*out = record;
	return true;

fail:
	ca_complain("%s %s", path, fault);
	protos__envelope__free_unpacked(envelope, NULL);
	protos__enrolment__free_unpacked(record.enrolment, NULL);
	free(record.envelope);
	return false;
}

static int
is_record(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name), ending = strlen(ENDING);

	return length > ending && strcmp(entry->d_name + length - ending, ENDING) == 0;
}

static bool
load_records(struct ca_store *store)
{
	struct dirent **files;
	char path[CA_PATH_BYTES];
	bool good = true;
	int count;

	ca_store_path(store->directory, "enrolments", path);
	if ((count = scandir(path, &files, is_record, alphasort)) == -1) {
		ca_complain("%s: %s", path, strerror(errno));
		return false;
	}
	store->records = calloc((size_t)count + 1, sizeof(*store->records));
	if (store->records == NULL) {
		ca_complain("%s", err_text(ERR_NOMEM));
		good = false;
	}
	for (int i = 0; i < count; i++) {
		good = good && load_record(store, files[i]->d_name, &store->records[store->count]);
		if (good)
			store->count++;
		free(files[i]);
	}
	free(files);
	return good;
}

bool
ca_store_open(const char *directory, struct ca_store *out)
{
	struct ca_store store = { .lock = -1 };
	char key[CA_PATH_BYTES], certificate[CA_PATH_BYTES];
	enum err err;

	if (strlen(directory) >= sizeof(store.directory) || sodium_init() == -1) {
		ca_complain("%s: the path is too long", directory);
		return false;
	}
	strcpy(store.directory, directory);
	store.lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store.lock == -1) {
		ca_complain("%s: %s; make a CA with: phalanx ca init --dir DIR --mesh NAME",
		    directory, strerror(errno));
		return false;
	}
	if (flock(store.lock, LOCK_EX) == -1) {
		ca_complain("%s: %s", directory, strerror(errno));
		goto fail;
	}
	ca_store_path(directory, "ca.key", key);
	ca_store_path(directory, "ca.pem", certificate);
	if ((err = x509_authority_load(key, certificate, &store.authority)) != ERR_OK) {
		ca_complain("%s and ca.pem: %s %s", key, err_text(err), x509_reason());
		goto fail;
	}
	if (!load_records(&store))
		goto fail;
	*out = store;
	return true;

fail:
	ca_store_close(&store);
	return false;
}

void
ca_store_close(struct ca_store *store)
{
	for (size_t i = 0; i < store->count; i++) {
		protos__enrolment__free_unpacked(store->records[i].enrolment, NULL);
		free(store->records[i].envelope);
	}
	free(store->records);
	x509_authority_free(store->authority);
	if (store->lock != -1)
		close(store->lock);
	*store = (struct ca_store){ .lock = -1 };
}

const struct ca_record *
ca_store_find(const struct ca_store *store, const char *name)
{
	for (size_t i = 0; i < store->count; i++)
		if (strcmp(store->records[i].enrolment->name, name) == 0)
			return &store->records[i];
	return NULL;
}

uint8_t *
ca_seal(const struct ca_store *store, const char *domain, const uint8_t *body, size_t body_bytes,
    size_t *envelope_bytes)
{
	Protos__Envelope envelope = PROTOS__ENVELOPE__INIT;
	struct signature signature;
	uint8_t *out;
	enum err err;

	err = x509_authority_sign(store->authority, domain, body, body_bytes, &signature);
	if (err != ERR_OK) {
		ca_complain("sign: %s %s", err_text(err), x509_reason());
		return NULL;
	}
	envelope.body = (ProtobufCBinaryData){ body_bytes, (uint8_t *)body };
	envelope.signature = (ProtobufCBinaryData){ sizeof(signature.bytes), signature.bytes };
	if ((out = malloc(protos__envelope__get_packed_size(&envelope))) == NULL) {
		ca_complain("%s", err_text(ERR_NOMEM));
		return NULL;
	}
	*envelope_bytes = protos__envelope__pack(&envelope, out);
	return out;
}
