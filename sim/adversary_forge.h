/*
 * adversary_forge: what liars write and do; each function is one behaviour of
 * one of them, now.
 */
#ifndef SIM_ADVERSARY_FORGE_H
#define SIM_ADVERSARY_FORGE_H
#include "sim/adversary.h"

#define ADVERSARY_HEARD 64

struct adversaries {
	member_index victim; /* of those that frame; or MEMBER_NONE */
	member_index stolen; /* whose key they have; or MEMBER_NONE */
	/* By member: the last sequence that they used, far beyond its core's. */
	uint64_t *sequences;
	struct payload *heard[ADVERSARY_HEARD];
	size_t heard_count;
};

/* Against one honest host, together: statements, ballots, and the certificate if they suffice. */
void adversary_frames(struct sim *, struct prng *, size_t host);
void adversary_accuses(struct sim *, struct prng *, size_t host);
void adversary_equivocates(struct sim *, struct prng *, size_t host);
void adversary_replays(struct sim *, struct prng *, size_t host);
void adversary_floods(struct sim *, struct prng *, size_t host);
void adversary_spoofs(struct sim *, struct prng *, size_t host);
void adversary_steals(struct sim *, struct prng *, size_t host);
void adversary_reports(struct sim *, struct prng *, size_t host);
void adversary_stuffs(struct sim *, struct prng *, size_t host);
void adversary_maims(struct sim *, struct prng *, size_t host);
/* May this message go out as it is?  The CA's records may not, and more of them are claimed. */
bool adversary_forges_records(struct sim *, size_t host, size_t to, const struct payload *);
void adversary_crafts(struct sim *, struct prng *, size_t host);

/* For those that compose their own. */
struct entry adversary_accusation(struct sim *, member_index author, member_index subject);
void adversary_tells(struct sim *, size_t host, struct entry *);
void adversary_sends_copy(struct sim *, size_t host, const struct payload *);
struct payload *adversary_forges_as(struct sim *, member_index author, const struct record *place);

#endif
