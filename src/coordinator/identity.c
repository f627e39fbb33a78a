#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/hex.h"
#include "base/limits.h"
#include "coordinator/identity.h"
#include "sys/identity.h"
#include "sys/log.h"
#include "sys/wholefile.h"

#define FILE_NAME   "identity.key"
#define PUBLIC_NAME "coordinator.key"

struct identity {
	struct secret_key *secret;
	struct public_key key;
	uint64_t since_ms;
};

/* Whole under its name or not there at all: a crash between leaves no half of a key. */
static enum err
make(const char *path)
{
	struct secret_key *secret = NULL;
	enum err err;

	if ((err = identity_generate(&secret)) != ERR_OK)
		return err;
	err = identity_save(secret, path);
	identity_free(secret);
	if (err != ERR_OK)
		log_error("%s: cannot be written: %s", path, err_text(err));
	else
		log_warn("%s: a new key was made; nodes that know another one of this coordinator "
		         "refuse it until they are told (phalanx coordinator trust)",
		    path);
	return err;
}

/* For people to carry to the nodes, and to the CA's directory for its bundles. */
static void
publish(const char *directory, const struct public_key *key)
{
	char path[LIMIT_PATH_BYTES + sizeof(PUBLIC_NAME) + 1];
	char text[HEX_ROOM(sizeof(key->bytes))];
	enum err err;

	snprintf(path, sizeof(path), "%s/" PUBLIC_NAME, directory);
	hex_format(key->bytes, sizeof(key->bytes), text);
	log_info("coordinator_key = %s", text);
	text[sizeof(text) - 1] = '\n';
	if ((err = wholefile_replace(path, 0644, text, sizeof(text))) != ERR_OK)
		log_warn("%s: %s; the line above has it too", path, err_text(err));
}

static void
explain(const char *path, enum err err, mode_t mode)
{
	if (err == ERR_DENIED && (mode & 077) != 0)
		log_error("%s: others may read it (mode %03o); nodes trust this key: run chmod "
		          "600, and make a new one if somebody did",
		    path, (unsigned)(mode & 0777));
	else if (err == ERR_MALFORMED)
		log_error("%s: torn or not a key; put it back from a backup, or move it away to "
		          "start with a new key, which each node must then be told (phalanx "
		          "coordinator trust)",
		    path);
	else
		log_error("%s: %s", path, err_text(err));
}

enum err
identity_open(const char *directory, struct identity **out)
{
	struct stat st = { .st_mode = 0 };
	struct identity *identity;
	char path[LIMIT_PATH_BYTES + sizeof(FILE_NAME) + 1];
	enum err err;

	if (snprintf(path, sizeof(path), "%s/%s", directory, FILE_NAME) >= (int)sizeof(path))
		return ERR_OVERSIZE;
	if ((identity = calloc(1, sizeof(*identity))) == NULL)
		return ERR_NOMEM;
	err = identity_load(path, &identity->secret);
	if (err == ERR_NOT_FOUND && (err = make(path)) == ERR_OK)
		err = identity_load(path, &identity->secret);
	if (stat(path, &st) == -1 && err == ERR_OK)
		err = ERR_IO;
	if (err != ERR_OK) {
		explain(path, err, st.st_mode);
		goto fail;
	}
	identity_public(identity->secret, &identity->key);
	identity->since_ms =
	    (uint64_t)st.st_mtim.tv_sec * 1000 + (uint64_t)st.st_mtim.tv_nsec / 1000000;
	publish(directory, &identity->key);
	*out = identity;
	return ERR_OK;

fail:
	identity_close(identity);
	return err;
}

void
identity_close(struct identity *identity)
{
	if (identity == NULL)
		return;
	identity_free(identity->secret);
	free(identity);
}

const struct public_key *
identity_key(const struct identity *identity)
{
	return &identity->key;
}

uint64_t
identity_since_ms(const struct identity *identity)
{
	return identity->since_ms;
}

void
identity_seal(
    const struct identity *identity, const char *text, size_t size_bytes, struct signature *out)
{
	identity_sign(identity->secret, "", (const uint8_t *)text, size_bytes, out);
}
