/*
 * engine_roster: the roster grows while the node runs.
 *
 * Records come from a peer (by way of the core), from a console, or from the
 * file (by way of the notary).  In any case: prove them, a part at a time, so
 * that a cut never waits for more than one part; have the notary keep them;
 * and only then is the new roster in force here, and soon in net.
 *
 * Spec: docs/privsep.md, "The roster grows".
 */
#include "proc/engine.h"
#include "sys/log.h"

static uint64_t
bytes_of(const struct roster *roster)
{
	return roster_records(roster).size_bytes;
}

/* The core gave them: it is to know, and to judge who brought them. */
static void
tell_core(struct engine *e, enum err err)
{
	struct core_event event = { .input = CORE_ROSTER };

	event.roster.error = err;
	engine_feed(e, &event);
}

static void
log_refused(const struct engine *e, member_index from, enum err err)
{
	log_error("roster: records of %s are refused: %s%s", engine_member_name(e, from),
	    err_text(err),
	    err == ERR_EQUIVOCATION ? "; the CA has signed two histories: find out which one is "
	                              "true, and who else holds its key"
	                            : "");
}

/* ---- to notary and net -------------------------------------------------------------- */

/* What that process lacks, one part; its answer asks for the next. */
static void
push(struct engine *e, enum role_id to)
{
	const struct roster *roster =
	    to == ROLE_NOTARY && e->growth.next != NULL ? e->growth.next : e->roster;
	struct msg_roster message = { .offset = e->growth.held[to] };
	struct span part = roster_parts_cut(roster_records(roster), message.offset);

	if (part.size_bytes > 0)
		engine_tell(e, to, MSG_ROSTER, &message, sizeof(message), part);
}

static void
log_roster(const struct engine *e)
{
	const struct epoch *epoch = roster_current(e->roster);

	log_info("roster: %zu members, epoch %llu with %zu heads", roster_count(e->roster),
	    (unsigned long long)epoch_number(epoch), epoch_heads(epoch));
}

/* The file held more than we do. */
static void
ask_more(struct engine *e)
{
	struct msg_roster_ask ask = { .offset = bytes_of(e->roster) + e->growth.parts.used };

	if (e->growth.next == NULL && e->growth.held[ROLE_NOTARY] > ask.offset)
		engine_tell(e, ROLE_NOTARY, MSG_ROSTER_ASK, &ask, sizeof(ask), (struct span){ 0 });
}

/* It is on disk: from here on it counts. */
static void
adopt(struct engine *e)
{
	struct core_event event = { .input = CORE_ROSTER };
	struct roster *before = e->roster;

	if (e->growth.next == NULL || !e->replayed ||
	    e->growth.held[ROLE_NOTARY] < bytes_of(e->growth.next))
		return;
	if (engine_enforce_grow(e, roster_count(e->growth.next)) != ERR_OK) {
		log_error("no memory for a larger roster");
		return;
	}
	e->roster = e->growth.next;
	e->growth.next = NULL;
	event.roster.next = e->roster;
	engine_feed(e, &event);
	roster_free(before);
	log_roster(e);
	engine_enforce_roster(e);
	engine_append_waiting(e);
	push(e, ROLE_NET);
	if (e->growth.parts.used > 0)
		loop_timer_set(e->growth.timer, loop_now_ms());
	else
		ask_more(e);
}

void
engine_roster_held(struct engine *e, enum role_id from, const struct msg_roster_held *held)
{
	e->growth.held[from] = held->bytes;
	if (held->error != ERR_OK) {
		log_error("role %d did not take records of the roster: %s", (int)from,
		    err_text((enum err)held->error));
		/* The core asks again; so does who holds them. */
		if (from == ROLE_NOTARY) {
			roster_free(e->growth.next);
			e->growth.next = NULL;
			engine_append_waiting(e);
		}
		return;
	}
	push(e, from);
	if (from != ROLE_NOTARY)
		return;
	adopt(e);
	ask_more(e);
}

bool
engine_roster_is_waiting(const struct engine *e)
{
	const struct roster *next = e->growth.next;

	return next != NULL && roster_member(next, e->self)->incarnation !=
	                           roster_member(e->roster, e->self)->incarnation;
}

/* ---- from anywhere -------------------------------------------------------------------- */

enum err
engine_roster_offer(struct engine *e, member_index from, uint64_t offset, struct span part)
{
	enum err err;

	/* One at a time: whoever is turned away comes again. */
	if (e->growth.next != NULL)
		return ERR_AGAIN;
	if (part.size_bytes == 0 || part.size_bytes > LIMIT_ROSTER_BYTES)
		return ERR_OVERSIZE;
	err = roster_parts_put(&e->growth.parts, e->roster, offset, part);
	if (err != ERR_OK && err != ERR_RANGE) /* a gap: one before it was lost, or turned away */
		log_refused(e, from, err);
	e->growth.refused = err;
	e->growth.from = from;
	loop_timer_set(e->growth.timer, loop_now_ms());
	return err;
}

enum err
engine_roster_prove(struct engine *e)
{
	enum err err;

	if (e->growth.next != NULL)
		return ERR_AGAIN;
	err = roster_parts_prove(&e->growth.parts, e->roster, &e->ca, &e->growth.next);
	if (err != ERR_OK) {
		log_refused(e, e->growth.from, err);
		return err;
	}
	if (e->growth.next == NULL) {
		ask_more(e); /* of a record that is not whole yet, if it came from the file */
		return ERR_OK;
	}
	push(e, ROLE_NOTARY);
	adopt(e); /* the notary may have it from the file */
	return ERR_OK;
}

static void
on_part(void *context)
{
	struct engine *e = context;
	enum err err = e->growth.refused != ERR_OK ? e->growth.refused : engine_roster_prove(e);

	e->growth.refused = ERR_OK;
	if (err == ERR_AGAIN)
		log_debug("roster: the notary is writing; what is here waits");
	else if (err != ERR_OK && e->growth.from != MEMBER_NONE)
		tell_core(e, err);
}

void
engine_roster_again(struct engine *e)
{
	adopt(e);
}

enum err
engine_roster_start(struct engine *e)
{
	return loop_timer_new(e->loop, on_part, e, &e->growth.timer);
}
