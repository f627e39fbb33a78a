#include "cli/ca_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sys/crypto.h"
#include "sys/wholefile.h"

#define TAG_ROOM 16 /* a tag and a length */

static enum err
parse(const struct ca_log *log, const uint8_t *bytes, size_t size_bytes, struct roster **out)
{
	return roster_parse(
	    crypto_sodium(), x509_authority_key(log->store->authority), bytes, size_bytes, out);
}

bool
ca_log_open(const struct ca_store *store, struct ca_log *out)
{
	struct ca_log log = { .store = store };
	char path[CA_PATH_BYTES];
	uint8_t *bytes = NULL;
	size_t size_bytes;
	enum err err;

	ca_store_path(store->directory, "roster", path);
	err = wholefile_read(path, LIMIT_ROSTER_BYTES, &bytes, &size_bytes);
	if (err == ERR_OK)
		err = parse(&log, bytes, size_bytes, &log.roster);
	else if (err == ERR_NOT_FOUND)
		err = ERR_OK;
	free(bytes);
	if (err != ERR_OK) {
		ca_complain(
		    "%s: %s; any node's state directory has a copy of it", path, err_text(err));
		return false;
	}
	*out = log;
	return true;
}

void
ca_log_close(struct ca_log *log)
{
	roster_free(log->roster);
	free(log->news);
	*log = (struct ca_log){ 0 };
}

bool
ca_log_add(struct ca_log *log, enum ca_record_kind kind, const uint8_t *envelope, size_t size_bytes)
{
	uint8_t *news = realloc(log->news, log->news_bytes + TAG_ROOM + size_bytes);
	struct buf_out b;

	if (news == NULL) {
		ca_complain("%s", err_text(ERR_NOMEM));
		return false;
	}
	log->news = news;
	buf_out_init(&b, news + log->news_bytes, TAG_ROOM + size_bytes);
	buf_put_varint(&b, (uint64_t)kind << 3 | 2);
	buf_put_varint(&b, size_bytes);
	buf_put(&b, envelope, size_bytes);
	log->news_bytes += buf_used(&b);
	return b.err == ERR_OK;
}

static bool
has_record(const struct ca_log *log, const Protos__Enrolment *e)
{
	struct node_id id;
	member_index m;

	if (log->roster == NULL)
		return false;
	memcpy(id.bytes, e->id.data, sizeof(id.bytes));
	m = roster_find_id(log->roster, &id);
	return m != MEMBER_NONE && roster_member(log->roster, m)->incarnation >= e->incarnation;
}

bool
ca_log_catch_up(struct ca_log *log)
{
	for (size_t i = 0; i < log->store->count; i++) {
		const struct ca_record *r = &log->store->records[i];

		if (!has_record(log, r->enrolment) &&
		    !ca_log_add(log, CA_ENROLMENT, r->envelope, r->envelope_bytes))
			return false;
	}
	return true;
}

static enum err
extend(const struct ca_log *log, struct roster **out)
{
	struct span news = { log->news, log->news_bytes };

	if (log->roster == NULL)
		return parse(log, log->news, log->news_bytes, out);
	return roster_extend(
	    log->roster, crypto_sodium(), x509_authority_key(log->store->authority), news, out);
}

bool
ca_log_commit(struct ca_log *log)
{
	struct roster *roster;
	char path[CA_PATH_BYTES];
	struct span all;
	enum err err;

	if (log->news_bytes == 0)
		return true;
	/* What every node will do with it, before any node gets it. */
	if ((err = extend(log, &roster)) != ERR_OK) {
		ca_complain("the roster would not hold: %s", err_text(err));
		return false;
	}
	all = roster_records(roster);
	ca_store_path(log->store->directory, "roster", path);
	if ((err = wholefile_replace(path, 0644, all.data, all.size_bytes)) != ERR_OK) {
		ca_complain("%s: %s", path, err_text(err));
		roster_free(roster);
		return false;
	}
	roster_free(log->roster);
	log->roster = roster;
	log->news_bytes = 0;
	return true;
}
