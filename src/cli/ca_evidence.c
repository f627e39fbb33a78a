#include "cli/ca_evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ca_store.h"
#include "core/certificate.h"
#include "core/proof.h"
#include "sys/crypto.h"
#include "sys/feed_line.h"
#include "sys/feed_reader.h"

#define OVERTURNED_MS (30ULL * 24 * 60 * 60 * 1000)

enum fact_kind {
	FACT_MISBEHAVED,  /* by is nobody */
	FACT_QUARANTINED, /* a certificate */
	FACT_RELEASED,    /* a certificate */
	FACT_OVERTURNED,  /* an operator's word, of no effect without FACT_RELEASED */
	FACT_ACCUSED      /* by a witness */
};

/* One of a kind, subject, round and accuser: the earliest. */
struct fact {
	enum fact_kind kind;
	member_index subject;
	member_index by; /* or MEMBER_NONE */
	uint32_t round;
	uint64_t time_ms;
};

struct ca_evidence {
	const struct roster *roster;
	struct fact *list;
	size_t count, room;
	bool failed; /* out of memory */
};

struct ca_evidence *
ca_evidence_new(const struct roster *roster)
{
	struct ca_evidence *e = calloc(1, sizeof(*e));

	if (e != NULL)
		e->roster = roster;
	return e;
}

void
ca_evidence_free(struct ca_evidence *e)
{
	if (e == NULL)
		return;
	free(e->list);
	free(e);
}

static const struct fact *
find(const struct ca_evidence *e, enum fact_kind kind, member_index subject, uint32_t round)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->list[i].kind == kind && e->list[i].subject == subject &&
		    e->list[i].round == round)
			return &e->list[i];
	return NULL;
}

static void
note(struct ca_evidence *e, const struct fact *f)
{
	for (size_t i = 0; i < e->count; i++) {
		struct fact *known = &e->list[i];

		if (known->kind != f->kind || known->subject != f->subject || known->by != f->by ||
		    known->round != f->round)
			continue;
		if (f->time_ms < known->time_ms)
			known->time_ms = f->time_ms;
		return;
	}
	if (e->count == e->room) {
		size_t room = e->room == 0 ? 64 : 2 * e->room;
		struct fact *grown = reallocarray(e->list, room, sizeof(*grown));

		if (grown == NULL) {
			e->failed = true;
			return;
		}
		e->list = grown;
		e->room = room;
	}
	e->list[e->count++] = *f;
}

/* ---- reading ---------------------------------------------------------------------- */

/* The fact in an entry whose envelope is good; false: none that matters here. */
static bool
fact_in(const struct ca_evidence *e, const struct entry *entry, member_index author,
    struct fact *out, enum err *err)
{
	const struct node_id *subject = NULL;
	struct fact f = { .by = MEMBER_NONE, .time_ms = entry->header.time_ms };
	size_t checked;

	if (entry->kind == ENTRY_SELF_REPORT) {
		f.kind = FACT_MISBEHAVED;
		f.subject = author;
		*out = f;
		return entry->self_report.kind == SELF_REPORT_CONFESSION;
	}
	if (entry->kind == ENTRY_PROOF) {
		f.kind = FACT_MISBEHAVED;
		*err = proof_check(crypto_sodium(), e->roster, &entry->proof, &checked, &f.subject);
		*out = f;
		return *err == ERR_OK;
	}
	if (entry->kind == ENTRY_CERTIFICATE) {
		f.kind =
		    entry->certificate.level == LEVEL_RELEASE ? FACT_RELEASED : FACT_QUARANTINED;
		f.round = entry->certificate.round;
		subject = &entry->certificate.subject;
		*err =
		    certificate_verify(crypto_sodium(), e->roster, &entry->certificate, &checked);
	} else if (entry->kind == ENTRY_RELEASE && entry->release.kind == RELEASE_OVERTURNED) {
		f.kind = FACT_OVERTURNED;
		f.round = entry->release.round;
		subject = &entry->release.subject;
	} else if (entry->kind == ENTRY_STATEMENT) {
		f.kind = FACT_ACCUSED;
		f.by = author;
		f.round = entry->statement.round;
		subject = &entry->statement.subject;
	}
	if (subject == NULL || *err != ERR_OK)
		return false;
	f.subject = roster_find_id(e->roster, subject);
	*out = f;
	return roster_is_node(e->roster, f.subject);
}

/* The first line of a log names its format, not an entry. */
static enum err
take_line(struct ca_evidence *e, const struct feed_text *text)
{
	struct envelope envelope = { .is_signed = true };
	struct feed_line line;
	struct entry entry;
	member_index author;
	struct fact fact;
	enum err err;

	if (!text->complete || text->too_long)
		return ERR_TRUNCATED;
	if ((err = feed_line_parse(crypto_sodium(), text->text, text->chars, &line)) != ERR_OK)
		return err;
	if (feed_signature_is_blank(line.signature))
		return ERR_SIGNATURE;
	envelope.body = line.body;
	if ((err = feed_signature_parse(line.signature, &envelope.signature)) != ERR_OK ||
	    (err = entry_verify(crypto_sodium(), e->roster, &envelope, &entry, &author)) != ERR_OK)
		return err;
	if (fact_in(e, &entry, author, &fact, &err))
		note(e, &fact);
	return err;
}

bool
ca_evidence_read(struct ca_evidence *e, const char *path)
{
	struct feed_reader reader;
	struct feed_text text;
	unsigned long line = 0;
	enum err err, found;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		ca_complain("--evidence %s: %s", path, strerror(errno));
		return false;
	}
	feed_reader_init(&reader, fd, 0);
	while ((err = feed_reader_next(&reader, &text)) == ERR_OK)
		if (++line > 1 && (found = take_line(e, &text)) != ERR_OK)
			ca_complain("%s line %lu is ignored: %s", path, line, err_text(found));
	feed_reader_free(&reader);
	close(fd);
	if (err != ERR_NOT_FOUND || e->failed) {
		ca_complain("--evidence %s: %s", path, err_text(e->failed ? ERR_NOMEM : err));
		return false;
	}
	return true;
}

/* ---- what follows ----------------------------------------------------------------- */

/* An operator said so, and a quorum agreed. */
static const struct fact *
overturned(const struct ca_evidence *e, member_index subject, uint32_t round)
{
	if (find(e, FACT_RELEASED, subject, round) == NULL)
		return NULL;
	return find(e, FACT_OVERTURNED, subject, round);
}

/* The highest round wins, and within it the release. */
static bool
released_since(const struct ca_evidence *e, member_index subject, uint32_t round)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->list[i].kind == FACT_RELEASED && e->list[i].subject == subject &&
		    e->list[i].round >= round)
			return true;
	return false;
}

static void
be_late(uint64_t *latest_ms, uint64_t time_ms)
{
	if (time_ms > *latest_ms)
		*latest_ms = time_ms;
}

struct ca_past
ca_evidence_of(const struct ca_evidence *e, member_index m, uint64_t now_ms)
{
	struct ca_past past = { 0 };

	for (size_t i = 0; i < e->count; i++) {
		const struct fact *f = &e->list[i], *wrong;

		if (f->kind == FACT_MISBEHAVED && f->subject == m) {
			past.misbehaved = true;
		} else if (f->kind == FACT_QUARANTINED && f->subject == m) {
			past.quarantined |= !released_since(e, m, f->round);
			if (overturned(e, m, f->round) == NULL)
				be_late(&past.penalty_ms, f->time_ms);
		} else if (f->kind == FACT_ACCUSED && f->by == m &&
		           (wrong = overturned(e, f->subject, f->round)) != NULL) {
			past.overturned += wrong->time_ms + OVERTURNED_MS > now_ms;
			be_late(&past.penalty_ms, wrong->time_ms);
		}
	}
	return past;
}
