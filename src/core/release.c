#include <stdlib.h>
#include <string.h>
#include "core/state.h"

/* Operators count their sequences in Unix milliseconds, so they can be compared. */
static bool
is_earlier(const struct entry_header *a, const struct hash *a_hash, const struct object *b)
{
	if (a->sequence != b->header.sequence)
		return a->sequence < b->header.sequence;
	return memcmp(a_hash->bytes, b->hash.bytes, sizeof(b->hash.bytes)) < 0;
}

/* The earliest when there are as many as may be. */
static const struct object *
earliest_of_too_many(const struct incident *in)
{
	const struct object *earliest = NULL;
	size_t count = 0;

	for (const struct request *r = in->requests; r != NULL; r = r->next, count++)
		if (earliest == NULL || is_earlier(&r->object->header, &r->object->hash, earliest))
			earliest = r->object;
	return count < LIMIT_RELEASES ? NULL : earliest;
}

enum err
release_check(
    const struct core *c, const struct entry *e, const struct hash *hash, member_index author)
{
	const struct object *earliest;
	member_index subject;
	enum err err;

	if ((err = ballots_check_subject(c, &e->release.subject, e->release.round, &subject)) !=
	    ERR_OK)
		return err;
	if (rounds_is_final(c, subject))
		return ERR_SUBJECT;
	/* A key of an operator's that left is good for nothing once its enrolment has ended. */
	if (e->header.time_ms >= member_of(c, author)->not_after_ms)
		return ERR_AUTHOR;
	earliest = earliest_of_too_many(&peer_of(c, subject)->incident);
	return earliest != NULL && is_earlier(&e->header, hash, earliest) ? ERR_FULL : ERR_OK;
}

enum err
release_accept(struct core *c, struct object *o, const struct release *release)
{
	struct incident *in = &peer_of(c, o->subject)->incident;
	const struct object *earliest = earliest_of_too_many(in);
	struct request *r;

	if (members_add(&c->incidents, o->subject) != ERR_OK || (r = calloc(1, sizeof(*r))) == NULL)
		return ERR_NOMEM;
	r->object = o;
	r->names_certificate = release->names_certificate;
	r->certificate = release->certificate;
	r->incarnation = release->incarnation;
	r->sequence = release->sequence;
	r->next = in->requests;
	in->requests = r;
	if (earliest != NULL)
		prune_object(c, (struct object *)(uintptr_t)earliest);
	return ERR_OK;
}

void
release_forget(struct core *c, const struct object *o)
{
	struct incident *in = &peer_of(c, o->subject)->incident;

	for (struct request **at = &in->requests; *at != NULL; at = &(*at)->next) {
		struct request *r = *at;

		if (r->object != o)
			continue;
		*at = r->next;
		free(r);
		return;
	}
}

void
release_free(struct request *list)
{
	struct request *next;

	for (; list != NULL; list = next) {
		next = list->next;
		free(list);
	}
}

/* The precautions of the round end with the one that it names; no certificate but the one that it names. */
static bool
covers(const struct incident *in, const struct request *r)
{
	const struct object *last = selfreport_last(in);

	if (r->names_certificate != (in->certificate != NULL) ||
	    (r->sequence != 0) != (last != NULL))
		return false;
	if (r->names_certificate && !hash_equal(&r->certificate, &in->certificate_ballot))
		return false;
	return last == NULL ||
	       (last->header.incarnation == r->incarnation && last->header.sequence == r->sequence);
}

bool
release_is_covered(const struct core *c, member_index subject)
{
	const struct incident *in = &peer_of(c, subject)->incident;

	for (const struct request *r = in->requests; r != NULL; r = r->next)
		if (covers(in, r))
			return true;
	return false;
}
