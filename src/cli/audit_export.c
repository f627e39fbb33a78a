/*
 * phalanx audit export: the newest certificate about a host, as its author
 * signed it, for phalanx submit on the console of a host that cannot be told.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/audit.h"
#include "core/certificate.h"
#include "sys/crypto.h"
#include "sys/wholefile.h"

struct found {
	uint8_t *bytes; /* an Envelope; NULL: none */
	size_t size_bytes;
	uint32_t round;
	enum level level;
};

static bool
is_about(const struct audit *a, const char *subject, const struct entry *e)
{
	char room[33];

	return e->kind == ENTRY_CERTIFICATE &&
	       strcmp(audit_name(a, &e->certificate.subject, room), subject) == 0;
}

/* The highest round wins; within it RELEASE. */
static bool
is_newer(const struct found *found, const struct certificate *c)
{
	return found->bytes == NULL || c->round > found->round ||
	       (c->round == found->round && c->level == LEVEL_RELEASE);
}

static enum err
consider(const struct audit *a, const struct feed_line *line, struct found *found)
{
	const struct certificate *c = &line->entry.certificate;
	struct signature signature;
	size_t checked, size_bytes = LIMIT_ENVELOPE_BYTES;
	uint8_t *bytes;
	enum err err;

	if (!is_newer(found, c) ||
	    certificate_verify(crypto_sodium(), a->roster, c, &checked) != ERR_OK ||
	    feed_signature_parse(line->signature, &signature) != ERR_OK)
		return ERR_OK;
	if ((bytes = malloc(size_bytes)) == NULL)
		return ERR_NOMEM;
	if ((err = envelope_write(line->body, &signature, bytes, &size_bytes)) != ERR_OK) {
		free(bytes);
		return err;
	}
	free(found->bytes);
	*found = (struct found){ bytes, size_bytes, c->round, c->level };
	return ERR_OK;
}

static enum err
search(const struct audit *a, const char *name, const char *subject, struct found *found)
{
	char path[AUDIT_PATH_BYTES];
	struct feed_reader reader;
	struct feed_text text;
	struct feed_line line;
	enum err err = ERR_OK;
	int fd;

	audit_path(a, name, path);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return errno == ENOENT ? ERR_OK : ERR_IO;
	feed_reader_init(&reader, fd, 0);
	while (err == ERR_OK && feed_reader_next(&reader, &text) == ERR_OK)
		if (text.complete && !text.too_long &&
		    feed_line_parse(crypto_sodium(), text.text, text.chars, &line) == ERR_OK &&
		    is_about(a, subject, &line.entry))
			err = consider(a, &line, found);
	feed_reader_free(&reader);
	close(fd);
	return err;
}

int
audit_export(const struct audit *a, const struct audit_options *o)
{
	struct found found = { 0 };
	enum err err;

	if ((err = search(a, "audit.log", o->subject, &found)) == ERR_OK)
		err = search(a, "received.log", o->subject, &found);
	if (err == ERR_OK && found.bytes == NULL)
		err = ERR_NOT_FOUND;
	if (err == ERR_OK)
		err = wholefile_replace(o->out, 0644, found.bytes, found.size_bytes);
	if (err != ERR_OK)
		audit_complain("%s: no certificate about %s in %s could be written: %s", o->out,
		    o->subject, a->directory, err_text(err));
	else
		printf("%s: the %s certificate of round %" PRIu32 " about %s; hand it in with "
		       "phalanx submit\n",
		    o->out, found.level == LEVEL_RELEASE ? "RELEASE" : "QUARANTINE", found.round,
		    o->subject);
	free(found.bytes);
	return err == ERR_OK ? EXIT_OK : EXIT_FAILED;
}
