/*
 * ledger_check: is an entry what it says it is, and of which incident?
 */
#include <string.h>
#include "coordinator/ledger_internal.h"
#include "core/ballot.h"
#include "core/certificate.h"
#include "core/proof.h"

enum err
ledger_hash(const struct ledger *l, struct span bytes, struct hash *out)
{
	struct envelope envelope;
	enum err err;

	if ((err = envelope_parse(bytes.data, bytes.size_bytes, &envelope)) != ERR_OK)
		return err;
	entry_hash(l->crypto, envelope.body, out);
	return ERR_OK;
}

static enum err
find_subject(const struct ledger *l, const struct node_id *id, member_index *out)
{
	*out = roster_find_id(l->roster, id);
	return roster_is_node(l->roster, *out) ? ERR_OK : ERR_SUBJECT;
}

static bool
ballot_is_good(const struct ledger *l, const struct entry *entry, member_index author)
{
	const struct verdict *verdict = &entry->verdict;
	struct ballot ballot = {
		.level = verdict->level,
		.mesh = entry->header.mesh,
		.epoch = entry->header.epoch,
		.subject = verdict->subject,
		.round = verdict->round,
		.window = verdict->window,
	};

	return ballot_verify(
	    l->crypto, &roster_member(l->roster, author)->key, &ballot, &verdict->ballot_signature);
}

/* Whom an entry of a kind worth keeping speaks of, and whether it proves itself. */
static enum err
check_payload(const struct ledger *l, struct ledger_entry *e)
{
	size_t checked;
	enum err err;

	switch (e->entry.kind) {
	case ENTRY_STATEMENT:
		return find_subject(l, &e->entry.statement.subject, &e->subject);
	case ENTRY_VERDICT:
		e->good = ballot_is_good(l, &e->entry, e->author);
		memcpy(e->mark, e->entry.verdict.ballot_signature.bytes, sizeof(e->mark));
		return find_subject(l, &e->entry.verdict.subject, &e->subject);
	case ENTRY_SELF_REPORT:
		e->subject = e->author;
		return ERR_OK;
	case ENTRY_CERTIFICATE:
		err = certificate_verify(l->crypto, l->roster, &e->entry.certificate, &checked);
		return err != ERR_OK ? err
		                     : find_subject(l, &e->entry.certificate.subject, &e->subject);
	case ENTRY_PROOF:
		return proof_check(l->crypto, l->roster, &e->entry.proof, &checked, &e->subject);
	case ENTRY_RELEASE:
		return find_subject(l, &e->entry.release.subject, &e->subject);
	case ENTRY_INDICATOR:
		e->subject = MEMBER_NONE;
		return ERR_OK;
	case ENTRY_RECEIPT:
		return find_subject(l, &e->entry.receipt.subject, &e->subject);
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		return ERR_RANGE;
	}
	return ERR_RANGE;
}

uint32_t
ledger_round_of(const struct ledger *l, const struct ledger_entry *e)
{
	switch (e->entry.kind) {
	case ENTRY_STATEMENT:
		return e->entry.statement.round;
	case ENTRY_VERDICT:
		return e->entry.verdict.round;
	case ENTRY_SELF_REPORT:
		return e->entry.self_report.round;
	case ENTRY_PROOF:
		return (uint32_t)(l->members[e->subject].released + 1);
	case ENTRY_CERTIFICATE:
		return e->entry.certificate.round;
	case ENTRY_RELEASE:
		return e->entry.release.round;
	case ENTRY_RECEIPT:
		return e->entry.receipt.round;
	case ENTRY_INDICATOR:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return 0;
}

enum err
ledger_check(const struct ledger *l, struct span bytes, struct ledger_entry *out)
{
	struct envelope envelope;
	enum err err;

	if ((err = envelope_parse(bytes.data, bytes.size_bytes, &envelope)) != ERR_OK ||
	    (err = entry_verify(l->crypto, l->roster, &envelope, &out->entry, &out->author)) !=
	        ERR_OK)
		return err;
	out->number = 0;
	entry_hash(l->crypto, envelope.body, &out->hash);
	memcpy(out->mark, envelope.signature.bytes, sizeof(out->mark));
	out->envelope = bytes;
	out->standing = entry_is_urgent(out->entry.kind);
	out->good = true;
	if ((err = check_payload(l, out)) != ERR_OK)
		return err;
	out->incident = (struct incident_id){ 0 };
	if (out->subject != MEMBER_NONE)
		out->incident = incident_of(l->crypto, &roster_member(l->roster, out->subject)->id,
		    ledger_round_of(l, out));
	return ERR_OK;
}
