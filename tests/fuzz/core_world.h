/*
 * core_world: one core, and around it all that there is to say of the rest of
 * a mesh of five: what the notary was asked for, what lies on the disk, and
 * whatever was ever signed, by anybody.
 */
#ifndef FUZZ_CORE_WORLD_H
#define FUZZ_CORE_WORLD_H
#include "core/ballot.h"
#include "core/core.h"
#include "tests/fuzz/crypto_keyed.h"

#define MEMBERS    5
#define START_MS   1790000000000ULL
#define WINDOWS    64 /* told apart; in more of them nobody votes */
#define REMEMBERED 64 /* envelopes, to be replayed */
#define STEPS_MOST 400

struct draft {
	uint32_t request;
	size_t size_bytes;
	uint8_t *body;
};

struct saved {
	size_t size_bytes;
	uint8_t *bytes;
	bool own;
};

struct world {
	struct core *core;
	struct core_config config;
	bool started;
	uint64_t now_ms, unix_ms;
	struct core_actions actions;

	/* The notary and the disk: what was asked for, and what is written. */
	struct draft drafts[LIMIT_PENDING_APPENDS];
	size_t draft_count;
	uint64_t sequence[MEMBERS];
	struct hash head;
	struct saved disk[STEPS_MOST];
	size_t disk_count;
	uint32_t flush_token;
	struct saved seen[REMEMBERED];
	size_t seen_count;

	/* All that was ever signed, and touched. */
	bool confessed[MEMBERS], reported[MEMBERS], touched[MEMBERS];
	bool wants_confession;
	uint64_t windows[WINDOWS];
	size_t window_count;
	uint8_t voters[MEMBERS][WINDOWS];
	size_t signed_count, signed_by[MEMBERS];
	uint64_t checks;
	bool condemned[MEMBERS];
};

static struct roster *roster;
static const struct node_id *ids[MEMBERS];

/* Ballots that were really signed, in the window that has most of them. */
static inline unsigned
votes_against(const struct world *w, member_index subject)
{
	unsigned most = 0;

	for (size_t i = 0; i < w->window_count; i++) {
		unsigned votes = (unsigned)__builtin_popcount(w->voters[subject][i]);

		most = votes > most ? votes : most;
	}
	return most;
}

/* Of the four others. */
static inline bool
has_quorum(const struct world *w, member_index subject)
{
	return votes_against(w, subject) >= 3;
}

/* ---- signing ---------------------------------------------------------------------- */

static inline struct signature
sign_ballot(struct world *w, member_index voter, member_index subject, uint64_t window)
{
	struct ballot ballot = { .level = LEVEL_QUARANTINE, .mesh = *roster_mesh(roster),
		.epoch = 1, .subject = *ids[subject], .window = window };
	uint8_t bytes[BALLOT_BYTES];
	size_t at = 0;

	while (at < w->window_count && w->windows[at] != window)
		at++;
	if (at == w->window_count && at < WINDOWS)
		w->windows[w->window_count++] = window;
	ballot_write(&ballot, bytes);
	if (at == WINDOWS) {
		struct signature none = { 0 };

		return none;
	}
	if (voter != subject)
		w->voters[subject][at] |= (uint8_t)(1 << voter);
	return keyed_sign(&roster_member(roster, voter)->key, DOMAIN_BALLOT, bytes, sizeof(bytes));
}

/* Encode, sign and wrap an entry whose header is complete; 0: it has no encoding. */
static inline size_t
wrap(struct world *w, const struct entry *e, member_index author, uint8_t *out, size_t room,
    struct hash *hash)
{
	static uint8_t body[LIMIT_BODY_BYTES];
	size_t size = sizeof(body);
	struct signature signature;

	if (entry_encode(e, body, &size) != ERR_OK)
		return 0;
	signature = keyed_sign(&roster_member(roster, author)->key, DOMAIN_ENTRY, body, size);
	keyed_sha256(NULL, "", body, size, hash);
	if (envelope_write((struct span){ body, size }, &signature, out, &room) != ERR_OK)
		return 0;
	w->signed_count++;
	w->signed_by[author]++;
	if (e->kind == ENTRY_SELF_REPORT) {
		w->reported[author] = true;
		if (e->self_report.kind == SELF_REPORT_CONFESSION)
			w->confessed[author] = true;
	}
	return room;
}

static inline void
save(struct saved *to, const uint8_t *bytes, size_t size_bytes, bool own)
{
	free(to->bytes);
	to->bytes = malloc(size_bytes + 1);
	PROMISE(to->bytes != NULL);
	memcpy(to->bytes, bytes, size_bytes);
	to->size_bytes = size_bytes;
	to->own = own;
}

static inline void
remember(struct world *w, const uint8_t *bytes, size_t size_bytes)
{
	save(&w->seen[w->seen_count++ % REMEMBERED], bytes, size_bytes, false);
}

#endif
