#include "sys/feed_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "core/roster.h"

#define BODY_MARK      ",\"body\":\""
#define SIGNATURE_MARK "\",\"signature\":\""
#define LINE_END       "\"}\n"
#define YEAR_10000_MS  253402300800000ULL

struct text {
	char *at, *end;
};

/* Never overruns; FEED_PREFIX_BYTES holds every prefix. */
static void __attribute__((format(printf, 2, 3))) put(struct text *t, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(t->at, (size_t)(t->end - t->at), format, arguments);
	va_end(arguments);
	t->at += n < t->end - t->at ? n : t->end - t->at;
}

static void
put_hex(struct text *t, const char *name, const uint8_t *data, size_t size_bytes)
{
	put(t, ",\"%s\":\"", name);
	if ((size_t)(t->end - t->at) >= HEX_ROOM(size_bytes)) {
		hex_format(data, size_bytes, t->at);
		t->at += 2 * size_bytes;
	}
	put(t, "\"");
}

static void
put_endpoint(struct text *t, const char *name, const struct endpoint *e)
{
	char address[46] = "";

	if (e->address.family != 0)
		address_format(&e->address, address);
	if (e->address.family == 6)
		put(t, ",\"%s\":\"[%s]:%u\"", name, address, e->port);
	else
		put(t, ",\"%s\":\"%s:%u\"", name, address, e->port);
}

/* ASCII alone: other characters as JSON's escapes of UTF-16. */
static void
put_text(struct text *t, const char *name, const char *value)
{
	const uint8_t *at = (const uint8_t *)value;
	size_t left = strlen(value), length;
	uint32_t code;

	put(t, ",\"%s\":\"", name);
	for (; (length = utf8_decode(at, left, &code)) > 0; at += length, left -= length) {
		if (code == '"' || code == '\\')
			put(t, "\\%c", (int)code);
		else if (code >= 0x20 && code < 0x7f)
			put(t, "%c", (int)code);
		else if (code < 0x10000)
			put(t, "\\u%04" PRIx32, code);
		else
			put(t, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd7c0 + (code >> 10),
			    0xdc00 + (code & 0x3ff));
	}
	put(t, "\"");
}

static void
put_time(struct text *t, uint64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (unix_ms >= YEAR_10000_MS || gmtime_r(&seconds, &tm) == NULL) {
		put(t, ",\"time\":\"\"");
		return;
	}
	put(t, ",\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ\"", tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    (unsigned)(unix_ms % 1000));
}

static const char *
level_text(enum level level)
{
	return level == LEVEL_RELEASE ? "release" : "quarantine";
}

static void
put_incident(
    struct text *t, const struct crypto *crypto, const struct node_id *subject, uint32_t round)
{
	struct incident_id incident = incident_of(crypto, subject, round);

	put(t, ",\"round\":%" PRIu32, round);
	put_hex(t, "incident", incident.bytes, sizeof(incident.bytes));
}

/* The culprit and where it contradicts itself. */
static void
put_proof(struct text *t, const struct proof *p)
{
	struct entry_header first, second;
	struct envelope envelope;
	enum entry_kind kind;

	if (envelope_parse(p->first.data, p->first.size_bytes, &envelope) != ERR_OK ||
	    entry_peek(envelope.body, &first, &kind) != ERR_OK ||
	    envelope_parse(p->second.data, p->second.size_bytes, &envelope) != ERR_OK ||
	    entry_peek(envelope.body, &second, &kind) != ERR_OK)
		return; /* no entry that was decoded */
	put_hex(t, "subject", first.author.bytes, sizeof(first.author.bytes));
	put(t, ",\"of_incarnation\":%" PRIu64 ",\"sequences\":[%" PRIu64 ",%" PRIu64 "]",
	    first.incarnation, first.sequence, second.sequence);
}

static void
put_release(struct text *t, const struct crypto *crypto, const struct release *r)
{
	put_hex(t, "subject", r->subject.bytes, sizeof(r->subject.bytes));
	put(t, ",\"release\":\"%s\"", r->kind == RELEASE_CLEANED ? "cleaned" : "overturned");
	if (r->names_certificate)
		put_hex(t, "certificate", r->certificate.bytes, sizeof(r->certificate.bytes));
	if (r->sequence != 0)
		put(t, ",\"of_incarnation\":%" PRIu64 ",\"up_to\":%" PRIu64, r->incarnation,
		    r->sequence);
	put_text(t, "reason", r->reason);
	put_incident(t, crypto, &r->subject, r->round);
}

static void
put_indicator(struct text *t, const struct indicator *i)
{
	char address[46];

	address_format(&i->address, address);
	put(t, ",\"address\":\"%s\",\"ttl_s\":%" PRIu32 ",\"class\":\"%s\",\"score\":%" PRIu32,
	    address, i->ttl_s, event_class_text(i->reason), i->score);
}

static void
put_receipt(struct text *t, const struct crypto *crypto, const struct receipt *r)
{
	put_hex(t, "subject", r->subject.bytes, sizeof(r->subject.bytes));
	put_hex(t, "object", r->object.bytes, sizeof(r->object.bytes));
	put(t, ",\"held_us\":%" PRIu64, r->held_us);
	put_incident(t, crypto, &r->subject, r->round);
}

static void
put_payload(struct text *t, const struct crypto *crypto, const struct entry *e)
{
	const struct statement *s = &e->statement;
	const struct verdict *v = &e->verdict;
	const struct self_report *r = &e->self_report;
	const struct certificate *c = &e->certificate;

	switch (e->kind) {
	case ENTRY_STATEMENT:
		put_hex(t, "subject", s->subject.bytes, sizeof(s->subject.bytes));
		put(t, ",\"class\":\"%s\",\"score\":%" PRIu32 ",\"decoy\":%" PRIu32,
		    event_class_text(s->class), s->score, s->decoy);
		put_endpoint(t, "source", &s->source);
		put_endpoint(t, "destination", &s->destination);
		put_hex(t, "evidence", s->evidence_digest.bytes, sizeof(s->evidence_digest.bytes));
		put_incident(t, crypto, &s->subject, s->round);
		break;
	case ENTRY_VERDICT:
		put_hex(t, "subject", v->subject.bytes, sizeof(v->subject.bytes));
		put(t, ",\"level\":\"%s\",\"window\":%" PRIu64, level_text(v->level), v->window);
		put_incident(t, crypto, &v->subject, v->round);
		break;
	case ENTRY_SELF_REPORT:
		put(t, ",\"report\":\"%s\",\"class\":\"%s\",\"score\":%" PRIu32,
		    r->kind == SELF_REPORT_CONFESSION ? "confession" : "precaution",
		    event_class_text(r->reason), r->score);
		put_endpoint(t, "source", &r->source);
		put_hex(t, "evidence", r->evidence_digest.bytes, sizeof(r->evidence_digest.bytes));
		put_incident(t, crypto, &e->header.author, r->round);
		break;
	case ENTRY_CERTIFICATE:
		put_hex(t, "subject", c->subject.bytes, sizeof(c->subject.bytes));
		put(t, ",\"level\":\"%s\",\"votes\":%zu,\"window\":%" PRIu64, level_text(c->level),
		    c->signatures.size_bytes / sizeof(struct signature), c->window);
		put_incident(t, crypto, &c->subject, c->round);
		break;
	case ENTRY_PROOF:
		put_proof(t, &e->proof);
		break;
	case ENTRY_RELEASE:
		put_release(t, crypto, &e->release);
		break;
	case ENTRY_INDICATOR:
		put_indicator(t, &e->indicator);
		break;
	case ENTRY_RECEIPT:
		put_receipt(t, crypto, &e->receipt);
		break;
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break; /* never written down */
	}
}

/* Up to and with the quote that opens the body. */
static size_t
write_prefix(const struct crypto *crypto, const struct entry *e, const struct hash *hash,
    enum feed_form form, char out[FEED_PREFIX_BYTES])
{
	struct text t = { out, out + FEED_PREFIX_BYTES };
	const struct entry_header *h = &e->header;

	put(&t, "{\"seq\":%" PRIu64, h->sequence);
	put_time(&t, h->time_ms);
	put(&t, ",\"time_ms\":%" PRIu64 ",\"kind\":\"%s\"", h->time_ms, entry_kind_text(e->kind));
	put_hex(&t, "author", h->author.bytes, sizeof(h->author.bytes));
	put(&t, ",\"incarnation\":%" PRIu64 ",\"epoch\":%" PRIu64, h->incarnation, h->epoch);
	put_payload(&t, crypto, e);
	put_hex(&t, "hash", hash->bytes, sizeof(hash->bytes));
	put_hex(&t, "previous", h->previous.bytes, sizeof(h->previous.bytes));
	if (form != FEED_OWN)
		put(&t, ",\"standing\":%s", form == FEED_RECEIVED_STANDING ? "true" : "false");
	put(&t, BODY_MARK);
	return (size_t)(t.at - out);
}

size_t
feed_line_room(size_t body_bytes)
{
	return FEED_PREFIX_BYTES + BASE64_CHARS(body_bytes) + sizeof(SIGNATURE_MARK) - 1 +
	       FEED_SIGNATURE_CHARS + FEED_LINE_END_BYTES;
}

size_t
feed_line_write(const struct crypto *crypto, const struct entry *e, struct span body,
    const struct hash *hash, enum feed_form form, const struct signature *signature, char *out)
{
	char *at = out + write_prefix(crypto, e, hash, form, out);

	at += base64_encode(body.data, body.size_bytes, at);
	memcpy(at, SIGNATURE_MARK, sizeof(SIGNATURE_MARK) - 1);
	at += sizeof(SIGNATURE_MARK) - 1;
	if (signature != NULL)
		base64_encode(signature->bytes, sizeof(signature->bytes), at);
	else
		memset(at, ' ', FEED_SIGNATURE_CHARS);
	at += FEED_SIGNATURE_CHARS;
	memcpy(at, LINE_END, FEED_LINE_END_BYTES);
	return (size_t)(at - out) + FEED_LINE_END_BYTES;
}

enum err
feed_line_parse(const struct crypto *crypto, char *text, size_t chars, struct feed_line *out)
{
	static const size_t behind_body =
	    sizeof(SIGNATURE_MARK) - 1 + FEED_SIGNATURE_CHARS + FEED_LINE_END_BYTES - 1;
	char prefix[FEED_PREFIX_BYTES], *body, *end;
	struct feed_line line = { .form = FEED_OWN };
	size_t body_bytes, prefix_bytes;
	enum err err;

	if (chars < behind_body + sizeof(BODY_MARK))
		return ERR_MALFORMED;
	end = text + chars - behind_body;
	if (memcmp(text + chars - 2, LINE_END, 2) != 0 ||
	    memcmp(end, SIGNATURE_MARK, sizeof(SIGNATURE_MARK) - 1) != 0)
		return ERR_MALFORMED;
	body = memmem(text, (size_t)(end - text), BODY_MARK, sizeof(BODY_MARK) - 1);
	if (body == NULL)
		return ERR_MALFORMED;
	body += sizeof(BODY_MARK) - 1;
	prefix_bytes = (size_t)(body - text);

	/* In place: every character decoded was read before. */
	body_bytes = (size_t)(end - body);
	if ((err = base64_decode(body, body_bytes, (uint8_t *)body, &body_bytes)) != ERR_OK)
		return err;
	line.body = (struct span){ (uint8_t *)body, body_bytes };
	line.signature = end + sizeof(SIGNATURE_MARK) - 1;
	if ((err = entry_decode(line.body, &line.entry)) != ERR_OK)
		return err;
	if (line.entry.header.sequence == 0 || entry_is_link_message(line.entry.kind))
		return ERR_MALFORMED;
	entry_hash(crypto, line.body, &line.hash);

	for (;; line.form++) {
		if (line.form > FEED_RECEIVED_STANDING)
			return ERR_EQUIVOCATION;
		if (write_prefix(crypto, &line.entry, &line.hash, line.form, prefix) ==
		        prefix_bytes &&
		    memcmp(prefix, text, prefix_bytes) == 0)
			break;
	}
	*out = line;
	return ERR_OK;
}

bool
feed_signature_is_blank(const char signature[FEED_SIGNATURE_CHARS])
{
	for (size_t i = 0; i < FEED_SIGNATURE_CHARS; i++)
		if (signature[i] != ' ')
			return false;
	return true;
}

enum err
feed_signature_parse(const char signature[FEED_SIGNATURE_CHARS], struct signature *out)
{
	struct signature found;
	size_t size_bytes = sizeof(found.bytes);

	if (base64_decode(signature, FEED_SIGNATURE_CHARS, found.bytes, &size_bytes) != ERR_OK ||
	    size_bytes != sizeof(found.bytes))
		return ERR_MALFORMED;
	*out = found;
	return ERR_OK;
}
