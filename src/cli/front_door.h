/*
 * front_door: the coordinator's front door as an operator's machine speaks to
 * it: a session, what is asked in it, and the answers.  Requests are signed
 * with the operator's key; answers are taken from the coordinator's key only.
 *
 * Spec: docs/operations.md and docs/threats.md, "Release from the page".
 */
#ifndef CLI_FRONT_DOOR_H
#define CLI_FRONT_DOOR_H
#include "cli/release_entry.h"
#include "cli/web.h"

struct front_door; /* opaque */

struct front_door_config {
	const struct web_place *place;
	const struct release_key *key;
	struct public_key coordinator; /* zeros: the first that it shows is taken, with a word */
	bool is_viewer;
};

struct front_door_ask {
	uint64_t number;
	char incident[17]; /* hex */
	char name[LIMIT_NAME_BYTES + 1];
	char by[LIMIT_NAME_BYTES + 1];
	char from[46];
	char reason[LIMIT_REASON_BYTES + 1];
	enum release_kind kind;
	uint64_t asked_ms;   /* Unix */
	uint64_t expires_ms; /* loop_now_ms() scale */
};

MUST_USE enum err front_door_new(const struct front_door_config *, struct front_door **out);
void front_door_free(struct front_door *); /* accepts NULL; ends no session */

/*
 * A new session; the link is valid until the next call.  Complains.  AGAIN:
 * the coordinator is not there; DENIED: it refuses; SIGNATURE: its answer
 * is not its own.
 */
MUST_USE enum err front_door_enter(struct front_door *, const char **link);
/* Ends it at the coordinator too.  Without a word. */
void front_door_leave(struct front_door *);

/* Wait for what is asked beyond the last that was taken.  AGAIN: not there. */
MUST_USE enum err front_door_listen(struct front_door *);
/* To poll for reading; -1: nothing is waited for. */
int front_door_fd(const struct front_door *);
/*
 * When readable: *count of asks, 0 at the end of a wait without one; room is
 * LIMIT_ASKS_EACH.  *whole: the wait is over, listen anew.  AGAIN: the
 * coordinator went away; NOT_FOUND: the session has ended; others as above.
 */
MUST_USE enum err front_door_take(struct front_door *, struct front_door_ask *, size_t *count,
    bool *whole);
/* Was the link followed, as far as is known? */
bool front_door_is_followed(const struct front_door *);
/* Complains and returns an error if it is not taken. */
MUST_USE enum err front_door_answer(struct front_door *, uint64_t number, bool confirmed,
    const char *why);

#endif
