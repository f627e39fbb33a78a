/*
 * phalanx audit show: the log for people, one line an entry.  Nothing of a
 * line is printed but what was decoded, and evidence is escaped.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/audit.h"
#include "cli/control.h"
#include "sys/crypto.h"

#define EVIDENCE_SHOWN 64

static void
print_endpoint(const char *name, const struct endpoint *e)
{
	char text[46] = "?";

	if (e->address.family != 0)
		address_format(&e->address, text);
	printf(e->address.family == 6 ? " %s=[%s]:%u" : " %s=%s:%u", name, text, e->port);
}

/* Printable ASCII but the quote and the backslash, else \xHH. */
static void
print_evidence(const uint8_t *data, size_t size_bytes)
{
	size_t shown = size_bytes < EVIDENCE_SHOWN ? size_bytes : EVIDENCE_SHOWN;

	fputs(" evidence=\"", stdout);
	for (size_t i = 0; i < shown; i++) {
		if (data[i] >= ' ' && data[i] <= '~' && data[i] != '"' && data[i] != '\\')
			putchar(data[i]);
		else
			printf("\\x%02x", data[i]);
	}
	fputs(shown < size_bytes ? "…\"" : "\"", stdout);
}

static const char *
level_text(enum level level)
{
	return level == LEVEL_RELEASE ? "release" : "quarantine";
}

static void
print_proof(const struct audit *a, const struct proof *p)
{
	struct entry_header first, second;
	struct envelope envelope;
	enum entry_kind kind;
	char room[33];

	if (envelope_parse(p->first.data, p->first.size_bytes, &envelope) != ERR_OK ||
	    entry_peek(envelope.body, &first, &kind) != ERR_OK ||
	    envelope_parse(p->second.data, p->second.size_bytes, &envelope) != ERR_OK ||
	    entry_peek(envelope.body, &second, &kind) != ERR_OK)
		return; /* no entry that was decoded */
	printf(" %s sequences=%" PRIu64 ",%" PRIu64, audit_name(a, &first.author, room),
	    first.sequence, second.sequence);
}

static void
print_payload(const struct audit *a, const struct entry *e)
{
	char room[33], address[46], object[65];

	switch (e->kind) {
	case ENTRY_STATEMENT:
		printf(" against %s %s score=%" PRIu32, audit_name(a, &e->statement.subject, room),
		    event_class_text(e->statement.class), e->statement.score);
		print_endpoint("source", &e->statement.source);
		print_endpoint("decoy", &e->statement.destination);
		print_evidence(e->statement.evidence, e->statement.evidence_bytes);
		break;
	case ENTRY_VERDICT:
		printf(" %s %s window=%" PRIu64, level_text(e->verdict.level),
		    audit_name(a, &e->verdict.subject, room), e->verdict.window);
		break;
	case ENTRY_SELF_REPORT:
		printf(" %s %s score=%" PRIu32,
		    e->self_report.kind == SELF_REPORT_CONFESSION ? "confession" : "precaution",
		    event_class_text(e->self_report.reason), e->self_report.score);
		print_endpoint("source", &e->self_report.source);
		break;
	case ENTRY_CERTIFICATE:
		printf(" %s %s votes=%zu window=%" PRIu64, level_text(e->certificate.level),
		    audit_name(a, &e->certificate.subject, room),
		    e->certificate.signatures.size_bytes / sizeof(struct signature),
		    e->certificate.window);
		break;
	case ENTRY_PROOF:
		print_proof(a, &e->proof);
		break;
	case ENTRY_RELEASE:
		printf(" %s %s reason=\"%s\"", audit_name(a, &e->release.subject, room),
		    e->release.kind == RELEASE_CLEANED ? "cleaned" : "overturned",
		    e->release.reason);
		break;
	case ENTRY_INDICATOR:
		address_format(&e->indicator.address, address);
		printf(" %s %s score=%" PRIu32 " ttl=%" PRIu32 "s", address,
		    event_class_text(e->indicator.reason), e->indicator.score, e->indicator.ttl_s);
		break;
	case ENTRY_RECEIPT:
		hex_format(e->receipt.object.bytes, sizeof(e->receipt.object.bytes), object);
		printf(" %s held=%" PRIu64 "us object=%s", audit_name(a, &e->receipt.subject, room),
		    e->receipt.held_us, object);
		break;
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break; /* never in a log */
	}
}

static void
print_line(const struct audit *a, const struct feed_line *line)
{
	const struct entry_header *h = &line->entry.header;
	char time[24], incident[17], room[33];

	/* Later than year 9999: a lie. */
	control_time(h->time_ms < UINT64_C(253402300800000) ? h->time_ms : 0, time);
	audit_incident(&line->entry, incident);
	printf("%s %s %" PRIu64 " %s incident=%s", time, audit_name(a, &h->author, room),
	    h->sequence, entry_kind_text(line->entry.kind), incident);
	print_payload(a, &line->entry);
	putchar('\n');
}

/* The line's own JSON, whose every byte was compared with the body, and names. */
static void
print_json(const struct audit *a, const struct feed_line *line, const char *text, size_t chars)
{
	const struct entry *e = &line->entry;
	json_t *object = json_loadb(text, chars, JSON_REJECT_DUPLICATES, NULL);
	const struct node_id *subject = NULL;
	char room[33];

	if (object == NULL)
		return;
	if (e->kind == ENTRY_STATEMENT)
		subject = &e->statement.subject;
	else if (e->kind == ENTRY_VERDICT)
		subject = &e->verdict.subject;
	else if (e->kind == ENTRY_CERTIFICATE)
		subject = &e->certificate.subject;
	else if (e->kind == ENTRY_RELEASE)
		subject = &e->release.subject;
	else if (e->kind == ENTRY_RECEIPT)
		subject = &e->receipt.subject;
	json_object_set_new(
	    object, "author_name", json_string(audit_name(a, &e->header.author, room)));
	if (subject != NULL)
		json_object_set_new(
		    object, "subject_name", json_string(audit_name(a, subject, room)));
	if (json_dumpf(object, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	json_decref(object);
}

static bool
show_line(const struct audit *a, bool json, unsigned number, const struct feed_text *text)
{
	char *copy = text->too_long ? NULL : strndup(text->text, text->chars);
	struct feed_line line;
	enum err err = ERR_TRUNCATED;

	if (text->complete && !text->too_long && copy != NULL)
		err = feed_line_parse(crypto_sodium(), text->text, text->chars, &line);
	if (err == ERR_OK && json)
		print_json(a, &line, copy, text->chars);
	else if (err == ERR_OK)
		print_line(a, &line);
	else
		audit_complain("line %u: %s", number,
		    err == ERR_EQUIVOCATION ? "contradicts its signed body" : err_text(err));
	free(copy);
	return err == ERR_OK;
}

static bool
show_file(const struct audit *a, const char *path, bool json)
{
	struct feed_reader reader;
	struct feed_text text;
	unsigned line = 0;
	bool good = true;
	enum err err;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		audit_complain("%s: %s", path, strerror(errno));
		return false;
	}
	feed_reader_init(&reader, fd, 0);
	while ((err = feed_reader_next(&reader, &text)) == ERR_OK)
		if (++line > 1)
			good &= show_line(a, json, line, &text);
	feed_reader_free(&reader);
	close(fd);
	if (err != ERR_NOT_FOUND)
		audit_complain("%s: %s", path, err_text(err));
	return good && err == ERR_NOT_FOUND;
}

int
audit_show(const struct audit *a, const struct audit_options *o)
{
	char path[AUDIT_PATH_BYTES];
	bool good;

	audit_path(a, "audit.log", path);
	good = show_file(a, o->file != NULL ? o->file : path, o->json);
	return good && fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}
