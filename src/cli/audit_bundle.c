/*
 * phalanx audit bundle: take a certificate out of the logs and put beside it
 * what proves it; phalanx audit verify --bundle: check one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/audit.h"
#include "cli/bundle.h"
#include "core/certificate.h"
#include "sys/bundle_make.h"
#include "sys/crypto.h"
#include "sys/identity.h"
#include "sys/wholefile.h"

/* The certificate of the latest round found so far. */
struct search {
	const struct audit_options *options;
	struct certificate found; /* spans point into found_body */
	uint8_t *found_body;
};

static bool
matches(const struct audit *a, const struct search *s, const struct entry *e)
{
	char incident[17], room[33];
	size_t checked;

	if (e->kind != ENTRY_CERTIFICATE)
		return false;
	audit_incident(e, incident);
	if (s->options->incident != NULL && strcmp(incident, s->options->incident) != 0)
		return false;
	if (s->options->subject != NULL &&
	    strcmp(audit_name(a, &e->certificate.subject, room), s->options->subject) != 0)
		return false;
	return certificate_verify(crypto_sodium(), a->roster, &e->certificate, &checked) == ERR_OK;
}

static bool
keep(struct search *s, const struct feed_line *line)
{
	struct entry e;
	uint8_t *body;

	if (s->found_body != NULL && line->entry.certificate.round < s->found.round)
		return true;
	if ((body = malloc(line->body.size_bytes)) == NULL)
		return false;
	memcpy(body, line->body.data, line->body.size_bytes);
	if (entry_decode((struct span){ body, line->body.size_bytes }, &e) != ERR_OK) {
		free(body);
		return false;
	}
	free(s->found_body);
	s->found_body = body;
	s->found = e.certificate;
	return true;
}

static bool
search_file(const struct audit *a, const char *name, struct search *s)
{
	char path[AUDIT_PATH_BYTES];
	struct feed_reader reader;
	struct feed_text text;
	struct feed_line line;
	bool good = true;
	int fd;

	audit_path(a, name, path);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		if (errno == ENOENT)
			return true;
		audit_complain("%s: %s", path, strerror(errno));
		return false;
	}
	feed_reader_init(&reader, fd, 0);
	while (good && feed_reader_next(&reader, &text) == ERR_OK)
		if (text.complete && !text.too_long &&
		    feed_line_parse(crypto_sodium(), text.text, text.chars, &line) == ERR_OK &&
		    matches(a, s, &line.entry))
			good = keep(s, &line);
	feed_reader_free(&reader);
	close(fd);
	return good;
}

static bool
write_bundle(const struct audit *a, const struct search *s)
{
	json_t *bundle = bundle_make_certificate(a->roster, &a->ca, &s->found);
	struct bundle_verdict verdict;
	char *text = bundle == NULL ? NULL : json_dumps(bundle, JSON_INDENT(1));
	const char *fault = text == NULL ? err_text(ERR_NOMEM) : NULL;
	enum err err;

	/* What leaves here was checked the way that its reader will. */
	if (fault == NULL)
		fault = bundle_verify(bundle, &a->ca, &verdict);
	if (fault == NULL &&
	    (err = wholefile_replace(s->options->out, 0644, text, strlen(text))) != ERR_OK)
		fault = err_text(err);
	if (fault != NULL)
		audit_complain("%s: %s", s->options->out, fault);
	else
		printf("%s: %s of %s, %zu of %zu heads, incident %s\n", s->options->out,
		    verdict.level, verdict.subject, verdict.votes, verdict.heads, verdict.incident);
	free(text);
	json_decref(bundle);
	return fault == NULL;
}

int
audit_bundle(const struct audit *a, const struct audit_options *o)
{
	struct search s = { .options = o };
	bool good = search_file(a, "audit.log", &s) && search_file(a, "received.log", &s);

	if (good && s.found_body == NULL) {
		audit_complain("no valid certificate for %s in %s",
		    o->subject != NULL ? o->subject : o->incident, a->directory);
		good = false;
	}
	good = good && write_bundle(a, &s);
	free(s.found_body);
	return good ? EXIT_OK : EXIT_FAILED;
}

static bool
take_ca_key(const struct audit_options *o, struct public_key *out)
{
	enum err err;

	if (o->ca != NULL) {
		if ((err = identity_ca_key(o->ca, out)) != ERR_OK)
			audit_complain("%s: %s", o->ca, err_text(err));
		return err == ERR_OK;
	}
	if (hex_parse(o->ca_key, strlen(o->ca_key), out->bytes, sizeof(out->bytes)))
		return true;
	audit_complain("--ca-key: 64 hex digits are needed");
	return false;
}

int
audit_verify_bundle(const struct audit_options *o)
{
	struct bundle_verdict verdict;
	struct public_key ca;
	json_error_t why;
	json_t *bundle;
	uint8_t *text;
	size_t size_bytes;
	const char *fault;
	enum err err;

	if (!take_ca_key(o, &ca))
		return EXIT_FAILED;
	if ((err = wholefile_read(o->bundle, BUNDLE_BYTES, &text, &size_bytes)) != ERR_OK) {
		audit_complain("%s: %s", o->bundle, err_text(err));
		return EXIT_FAILED;
	}
	bundle = json_loadb((char *)text, size_bytes, JSON_REJECT_DUPLICATES, &why);
	free(text);
	fault = bundle == NULL ? why.text : bundle_verify(bundle, &ca, &verdict);
	if (fault != NULL)
		audit_complain("%s: refused: %s", o->bundle, fault);
	else if (o->json)
		printf("{\"ok\":true,\"level\":\"%s\",\"subject\":\"%s\",\"mesh\":\"%s\",\"round\":"
		       "%" PRIu32 ",\"epoch\":%" PRIu64 ",\"window\":%" PRIu64
		       ",\"votes\":%zu,\"heads\":%zu,\"incident\":\"%s\"}\n",
		    verdict.level, verdict.subject, verdict.mesh, verdict.round, verdict.epoch,
		    verdict.window, verdict.votes, verdict.heads, verdict.incident);
	else if (verdict.votes == 0)
		printf("%s of %s in mesh %s holds: it signed so itself, epoch %" PRIu64
		       ", incident %s\n",
		    verdict.level, verdict.subject, verdict.mesh, verdict.epoch, verdict.incident);
	else
		printf("%s of %s in mesh %s holds: %zu of %zu heads signed it, epoch %" PRIu64
		       ", incident %s\n",
		    verdict.level, verdict.subject, verdict.mesh, verdict.votes, verdict.heads,
		    verdict.epoch, verdict.incident);
	json_decref(bundle);
	return fault == NULL ? EXIT_OK : EXIT_FAILED;
}
