/*
 * engine_enforce: what the core wants of the firewall.  It is remembered here,
 * since the enforcer may die at any instant and a new one is told everything;
 * and it is measured how long the kernel took, which a receipt will say.
 */
#include "proc/engine.h"
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "sys/log.h"

#define SWEEP_LEAST 64 /* outsiders, before any are looked through for those that ran out */

/* ---- members ------------------------------------------------------------------ */

enum strength
engine_strength(const struct engine *e, member_index member)
{
	const struct engine_member *held = e->members[member];

	return held == NULL ? STRENGTH_NONE : (enum strength)held->request.strength;
}

static struct engine_member *
take_member(struct engine *e, member_index member)
{
	if (e->members[member] == NULL)
		e->members[member] = calloc(1, sizeof(*e->members[member]));
	return e->members[member];
}

void
engine_release_votes(struct engine *e, member_index member, uint32_t votes)
{
	struct engine_member *held = take_member(e, member);

	if (held != NULL)
		held->release_votes = votes;
}

/* "A later enrolment of an unquarantined identity": a replacement on the old address works. */
static bool
is_taken_over(const struct engine *e, member_index subject, const struct address *address)
{
	member_index heir = 0;

	while ((heir = roster_successor(e->roster, subject, address, heir)) != MEMBER_NONE)
		if (engine_strength(e, heir++) < STRENGTH_CUT)
			return true;
	return false;
}

static void
fill_addresses(const struct engine *e, member_index subject, struct msg_enforce *out)
{
	const struct member *member = roster_member(e->roster, subject);

	out->address_count = 0;
	memset(out->addresses, 0, sizeof(out->addresses));
	for (size_t i = 0; i < member->address_count; i++)
		if (!is_taken_over(e, subject, &member->addresses[i]))
			out->addresses[out->address_count++] = member->addresses[i];
	/* A host that was installed anew has the network card that it had. */
	if (out->address_count < member->address_count)
		out->mac = (struct mac){ { 0 } };
}

static void
send_member(struct engine *e, struct engine_member *held)
{
	struct msg_enforce message;

	held->request.request = engine_request(e);
	message = held->request;
	/* All of its addresses are somebody else's now: nothing is left to block. */
	if (message.address_count == 0) {
		message.strength = STRENGTH_NONE;
		message.expires_ms = 0;
		message.address_count = 1;
		message.addresses[0] =
		    roster_member(e->roster, (member_index)message.subject)->addresses[0];
	}
	engine_tell(e, ROLE_ENFORCER, MSG_ENFORCE, &message, sizeof(message), (struct span){ 0 });
}

static void
enforce_member(struct engine *e, const struct core_action *action)
{
	struct msg_close_link close = { .peer = action->enforce.subject, .error = ERR_SUBJECT };
	struct engine_member *held = take_member(e, action->enforce.subject);
	struct msg_enforce *request;
	enum strength was;

	if (held == NULL) {
		log_error("no memory to cut %s", engine_member_name(e, action->enforce.subject));
		return;
	}
	request = &held->request;
	was = (enum strength)request->strength;
	if (action->enforce.strength < STRENGTH_CUT)
		held->asked_ns = 0;
	else if ((uint32_t)action->enforce.strength > request->strength)
		held->asked_ns = loop_now_ns();
	request->strength = (uint32_t)action->enforce.strength;
	request->expires_ms = action->enforce.expires_ms;
	held->until_ms =
	    request->expires_ms == 0 ? UINT64_MAX : loop_now_ms() + request->expires_ms;
	request->incident = action->incident;
	request->subject = action->enforce.subject;
	request->mac = action->enforce.mac;
	fill_addresses(e, action->enforce.subject, request);
	request->is_member = 1;
	send_member(e, held);
	/* Let go, it may have its predecessor's address to itself. */
	if (was >= STRENGTH_CUT && action->enforce.strength < STRENGTH_CUT)
		engine_enforce_roster(e);
	if (action->enforce.strength == STRENGTH_SEVER)
		engine_tell(e, ROLE_NET, MSG_CLOSE_LINK, &close, sizeof(close), (struct span){ 0 });
}

/*
 * Receipts are for people: the core hears of the kernel's word a moment later,
 * when what protects is done.
 */
void
engine_enforced(struct engine *e, const struct msg_enforced *done)
{
	struct engine_member *held =
	    done->subject < e->member_room ? e->members[done->subject] : NULL;

	if (held == NULL || held->asked_ns == 0 || held->request.request != done->request ||
	    done->error != ERR_OK || done->kernel_ns == 0)
		return;
	held->held_us = (loop_now_ns() - held->asked_ns) / 1000;
	held->asked_ns = 0;
	e->receipts_due = true;
	engine_later(e);
}

void
engine_enforced_later(struct engine *e)
{
	struct core_event event = { .input = CORE_ENFORCED };

	if (!e->receipts_due)
		return;
	e->receipts_due = false;
	for (size_t i = 0; i < roster_count(e->roster); i++) {
		struct engine_member *held = e->members[i];

		if (held == NULL || held->held_us == 0)
			continue;
		event.enforced.subject = (member_index)i;
		event.enforced.held_us = held->held_us;
		held->held_us = 0;
		engine_feed(e, &event);
	}
}

/* What is left of a timed cut; false: nothing. */
static bool
still_holds(struct engine_member *held)
{
	uint64_t now_ms = loop_now_ms();

	if (held == NULL || held->request.strength == STRENGTH_NONE || held->until_ms <= now_ms)
		return false;
	held->request.expires_ms = held->until_ms == UINT64_MAX ? 0 : held->until_ms - now_ms;
	return true;
}

enum err
engine_enforce_grow(struct engine *e, size_t members)
{
	struct engine_member **grown;

	if (members <= e->member_room)
		return ERR_OK;
	if ((grown = realloc(e->members, members * sizeof(struct engine_member *))) == NULL)
		return ERR_NOMEM;
	for (size_t i = e->member_room; i < members; i++)
		grown[i] = NULL;
	e->members = grown;
	e->member_room = members;
	return ERR_OK;
}

void
engine_enforce_roster(struct engine *e)
{
	for (size_t i = 0; i < roster_count(e->roster); i++) {
		struct engine_member *held = e->members[i];
		struct msg_enforce fresh;

		if (!still_holds(held))
			continue;
		fresh = held->request;
		fill_addresses(e, (member_index)i, &fresh);
		if (fresh.address_count == held->request.address_count &&
		    memcmp(fresh.addresses, held->request.addresses, sizeof(fresh.addresses)) == 0)
			continue;
		/* The enforcer takes it for the same subject, and lets go of what it lost. */
		held->request = fresh;
		send_member(e, held);
	}
}

/* ---- addresses outside the mesh ------------------------------------------------- */

static struct engine_outsider *
find_outsider(const struct engine *e, const struct address *address)
{
	return e->outsiders == NULL ? NULL : map_get(e->outsiders, address);
}

/* The kernel expires them by itself; here they only have to be forgotten. */
static void
forget_expired(struct engine *e)
{
	uint64_t now_ms = loop_now_ms();
	size_t cursor = 0;
	const void *key;
	void *value;

	while (e->outsiders != NULL && map_next(e->outsiders, &cursor, &key, &value)) {
		struct engine_outsider *outsider = value;

		if (outsider->until_ms > now_ms)
			continue;
		(void)map_remove(e->outsiders, &outsider->address);
		free(outsider);
	}
	e->sweep_at = e->outsiders == NULL ? 0 : 2 * map_count(e->outsiders);
	if (e->sweep_at < SWEEP_LEAST)
		e->sweep_at = SWEEP_LEAST;
}

static struct engine_outsider *
new_outsider(struct engine *e, const struct address *address)
{
	struct engine_outsider *outsider;

	if (e->outsiders == NULL &&
	    map_new(sizeof(struct address), loop_now_ns(), &e->outsiders) != ERR_OK)
		return NULL;
	if (map_count(e->outsiders) >= e->sweep_at)
		forget_expired(e);
	if (map_count(e->outsiders) >= LIMIT_LOCAL_CUTS ||
	    (outsider = calloc(1, sizeof(*outsider))) == NULL)
		return NULL;
	outsider->address = *address;
	if (map_put(e->outsiders, address, outsider) != ERR_OK) {
		free(outsider);
		return NULL;
	}
	return outsider;
}

static void
send_outsider(struct engine *e, struct engine_outsider *outsider, uint64_t expires_ms)
{
	struct msg_enforce request = { .request = engine_request(e),
		.strength = (uint32_t)outsider->strength,
		.expires_ms = expires_ms,
		.incident = outsider->incident,
		.subject = UINT32_MAX,
		.address_count = 1,
		.addresses = { outsider->address },
		.mac = outsider->mac };

	outsider->request = request.request;
	engine_tell(e, ROLE_ENFORCER, MSG_ENFORCE, &request, sizeof(request), (struct span){ 0 });
}

static void
enforce_outsider(struct engine *e, const struct core_action *action)
{
	struct engine_outsider *outsider = find_outsider(e, &action->enforce.address);

	if (outsider == NULL && (outsider = new_outsider(e, &action->enforce.address)) == NULL) {
		log_error("no room to remember a blocked address: at most %d", LIMIT_LOCAL_CUTS);
		return;
	}
	outsider->strength = action->enforce.strength;
	outsider->incident = action->incident;
	outsider->mac = action->enforce.mac;
	outsider->until_ms = loop_now_ms() + action->enforce.expires_ms;
	send_outsider(e, outsider, action->enforce.expires_ms);
	if (action->enforce.strength == STRENGTH_NONE)
		free(map_remove(e->outsiders, &action->enforce.address));
}

/* ---- all of it -------------------------------------------------------------------- */

void
engine_enforce(struct engine *e, const struct core_action *action)
{
	if (action->enforce.subject != MEMBER_NONE)
		enforce_member(e, action);
	else
		enforce_outsider(e, action);
}

uint32_t
engine_enforce_request(const struct engine *e, const struct core_action *action)
{
	const struct engine_outsider *outsider;

	if (action->enforce.subject != MEMBER_NONE)
		return e->members[action->enforce.subject] == NULL
		           ? 0
		           : e->members[action->enforce.subject]->request.request;
	outsider = find_outsider(e, &action->enforce.address);
	return outsider == NULL ? 0 : outsider->request;
}

void
engine_lock(struct engine *e, const struct core_action *action)
{
	e->lock.request = engine_request(e);
	e->lock.strength = (uint32_t)action->lock.strength;
	e->lock.incident = action->incident;
	engine_tell(e, ROLE_ENFORCER, MSG_LOCK, &e->lock, sizeof(e->lock), (struct span){ 0 });
}

void
engine_enforce_again(struct engine *e)
{
	struct span none = { 0 };
	size_t cursor = 0;
	void *value;

	if (e->siblings[ROLE_ENFORCER] == NULL)
		return;
	forget_expired(e);
	for (size_t i = 0; i < roster_count(e->roster); i++) {
		if (!still_holds(e->members[i]))
			continue;
		send_member(e, e->members[i]);
		e->barrier = e->members[i]->request.request;
	}
	while (e->outsiders != NULL && map_next(e->outsiders, &cursor, NULL, &value)) {
		struct engine_outsider *outsider = value;

		send_outsider(e, outsider, outsider->until_ms - loop_now_ms());
	}
	e->lock.request = engine_request(e);
	engine_tell(e, ROLE_ENFORCER, MSG_LOCK, &e->lock, sizeof(e->lock), none);
	engine_tell(e, ROLE_ENFORCER, MSG_ENFORCE_ALL, NULL, 0, none);
	if (e->effective.mode == EFFECTIVE_OBSERVE || e->effective.mode == EFFECTIVE_LINKS_ONLY)
		e->barrier = 0;
	e->enforcer_told = true;
}

void
engine_log_enforce(const struct engine *e, const struct core_action *action)
{
	const char *would = e->config->mode == CONFIG_OBSERVE ? "would " : "";
	char incident[HEX_ROOM(sizeof(action->incident.bytes))], address[46];

	hex_format(action->incident.bytes, sizeof(action->incident.bytes), incident);
	if (action->what == CORE_DO_LOCK) {
		log_info("incident=%s %slock this host strength=%s", incident, would,
		    strength_text(action->lock.strength));
		return;
	}
	/* Before first sync every member is held; that is no incident. */
	if (action->enforce.strength == STRENGTH_HOLD)
		return;
	if (action->enforce.subject != MEMBER_NONE) {
		log_info("incident=%s %sisolate subject=%s strength=%s", incident, would,
		    engine_member_name(e, action->enforce.subject),
		    strength_text(action->enforce.strength));
		return;
	}
	address_format(&action->enforce.address, address);
	log_info("incident=%s %sblock address=%s strength=%s seconds=%llu", incident, would,
	    address, strength_text(action->enforce.strength),
	    (unsigned long long)(action->enforce.expires_ms / 1000));
}
