#include "cli/release_entry.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "sys/crypto.h"

#define PATH_BYTES     4096
#define SEQUENCE_BYTES 24

struct release_key {
	struct secret_key *key;
	char sequence_path[PATH_BYTES + 16];
	int sequence_fd; /* locked while one is taken */
};

static bool
complain(const char *path, const char *what)
{
	fprintf(stderr, "phalanx release: %s: %s\n", path, what);
	return false;
}

/* ---- the key ------------------------------------------------------------------- */

static bool
key_path(const char *path, char out[PATH_BYTES])
{
	struct stat status;
	bool is_directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);

	if (snprintf(out, PATH_BYTES, is_directory ? "%s/identity.key" : "%s", path) >= PATH_BYTES)
		return complain(path, "too long a name");
	return true;
}

static bool
open_sequence(struct release_key *k)
{
	k->sequence_fd = open(k->sequence_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return k->sequence_fd != -1 || complain(k->sequence_path, strerror(errno));
}

bool
release_key_open(const char *path, struct release_key **out)
{
	char file[PATH_BYTES];
	struct release_key *k;
	enum err err;

	if (!key_path(path, file) || (k = calloc(1, sizeof(*k))) == NULL)
		return false;
	k->sequence_fd = -1;
	if ((err = identity_load(file, &k->key)) != ERR_OK) {
		(void)complain(file, err == ERR_DENIED
		                         ? "must be readable by its owner alone: chmod 600"
		                         : err_text(err));
		goto fail;
	}
	(void)snprintf(k->sequence_path, sizeof(k->sequence_path), "%s.sequence", file);
	if (!open_sequence(k))
		goto fail;
	*out = k;
	return true;

fail:
	release_key_close(k);
	return false;
}

void
release_key_close(struct release_key *k)
{
	if (k == NULL)
		return;
	if (k->sequence_fd != -1)
		close(k->sequence_fd);
	identity_free(k->key);
	free(k);
}

void
release_key_public(const struct release_key *k, struct public_key *out)
{
	identity_public(k->key, out);
}

/* ---- sequences ------------------------------------------------------------------ */

/*
 * max(last + 1, Unix ms): a key that comes back from a backup without this file
 * still does not go back.  On disk before anything is signed with it.
 */
static bool
next_sequence(struct release_key *k, uint64_t now_ms, uint64_t *out)
{
	char text[SEQUENCE_BYTES] = "";
	uint64_t last = 0, next;
	ssize_t n = pread(k->sequence_fd, text, sizeof(text) - 1, 0);
	int chars;

	if (n == -1)
		return complain(k->sequence_path, strerror(errno));
	if (n > 0 && sscanf(text, "%" SCNu64, &last) != 1)
		return complain(k->sequence_path, "is damaged: write the last sequence into it, or "
		                                  "remove it if the clock has not gone back");
	next = last + 1 > now_ms ? last + 1 : now_ms;
	chars = snprintf(text, sizeof(text), "%020" PRIu64 "\n", next);
	if (pwrite(k->sequence_fd, text, (size_t)chars, 0) != chars || fsync(k->sequence_fd) == -1)
		return complain(k->sequence_path, strerror(errno));
	*out = next;
	return true;
}

static bool
take_sequence(struct release_key *k, uint64_t now_ms, uint64_t *out)
{
	bool taken;

	if (flock(k->sequence_fd, LOCK_EX) == -1)
		return complain(k->sequence_path, strerror(errno));
	taken = next_sequence(k, now_ms, out);
	(void)flock(k->sequence_fd, LOCK_UN);
	return taken;
}

/* ---- the entry ------------------------------------------------------------------- */

static void
fill(struct entry *e, const struct msg_status *status, const struct msg_member *by,
    const struct msg_member *subject)
{
	e->kind = ENTRY_RELEASE;
	e->header.mesh = status->mesh_id;
	e->header.epoch = status->epoch;
	e->header.author = by->id;
	e->header.incarnation = by->incarnation;
	e->release.subject = subject->id;
	e->release.round = subject->round;
	if (subject->has_certificate) {
		e->release.names_certificate = true;
		e->release.certificate = subject->certificate;
	}
	if (subject->report_sequence != 0) {
		e->release.incarnation = subject->report_incarnation;
		e->release.sequence = subject->report_sequence;
	}
}

bool
release_entry_sign(struct release_key *k, const struct msg_status *status,
    const struct msg_member *by, const struct msg_member *subject, enum release_kind kind,
    const char *reason, uint8_t *out, size_t *size_bytes)
{
	static uint8_t body[LIMIT_BODY_BYTES];
	static struct entry e;
	struct timespec now;
	struct signature signature;
	struct span span = { body, sizeof(body) };
	enum err err;

	clock_gettime(CLOCK_REALTIME, &now);
	memset(&e, 0, sizeof(e));
	fill(&e, status, by, subject);
	e.header.time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	e.release.kind = kind;
	(void)snprintf(e.release.reason, sizeof(e.release.reason), "%s", reason);
	if (!take_sequence(k, e.header.time_ms, &e.header.sequence))
		return false;
	if ((err = entry_encode(&e, body, &span.size_bytes)) == ERR_OK) {
		identity_sign(k->key, DOMAIN_ENTRY, span.data, span.size_bytes, &signature);
		err = envelope_write(span, &signature, out, size_bytes);
	}
	return err == ERR_OK ||
	       complain(
	           "--reason", err == ERR_MALFORMED ? "plain UTF-8 text, please" : err_text(err));
}

/* ---- requests to the coordinator ---------------------------------------------------- */

bool
release_key_sign_request(
    const struct release_key *k, struct http_signature_input *about, struct http_signed *out)
{
	char base[HTTP_SIGNATURE_BASE_BYTES];
	struct public_key public;
	struct signature signature;
	struct hash hash;
	size_t chars;

	release_key_public(k, &public);
	crypto_sodium()->sha256(NULL, "", public.bytes, sizeof(public.bytes), &hash);
	memcpy(about->key_id, hash.bytes, sizeof(about->key_id));
	if (http_signature_base(about, base, &chars) != ERR_OK)
		return false;
	identity_sign(k->key, "", (const uint8_t *)base, chars, &signature);
	return http_signature_headers(
	           about, signature.bytes, out->digest, out->input, out->value) == ERR_OK;
}
