/*
 * engine_act: the core's actions, carried out in the order in which they came.
 *
 * What must outlive a sibling is remembered here: the desired state of the
 * firewall, and the entries that the notary has not returned.
 */
#include "proc/engine.h"
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "sys/log.h"

void
engine_tell(struct engine *e, enum role_id to, uint32_t type, const void *fixed, size_t fixed_bytes,
    struct span tail)
{
	enum err err;

	if (e->siblings[to] == NULL)
		return;
	err = ipc_send(e->siblings[to], type, fixed, fixed_bytes, tail.data, tail.size_bytes);
	if (err != ERR_OK)
		log_error("message %u to role %d: %s", type, (int)to, err_text(err));
}

/* ---- enforcement ------------------------------------------------------------ */

static struct engine_outsider *
find_outsider(struct engine *e, const struct address *address)
{
	for (size_t i = 0; i < e->outsider_count; i++)
		if (address_equal(&e->outsiders[i].request.addresses[0], address))
			return &e->outsiders[i];
	return NULL;
}

uint32_t
engine_outsider_request(struct engine *e, const struct address *address)
{
	const struct engine_outsider *outsider = find_outsider(e, address);

	return outsider == NULL ? 0 : outsider->request.request;
}

/* The kernel expires them by itself; here they only have to be forgotten. */
static void
forget_expired(struct engine *e)
{
	uint64_t now_ms = loop_now_ms();
	size_t kept = 0;

	for (size_t i = 0; i < e->outsider_count; i++)
		if (e->outsiders[i].until_ms > now_ms)
			e->outsiders[kept++] = e->outsiders[i];
	e->outsider_count = kept;
}

static struct engine_outsider *
new_outsider(struct engine *e)
{
	if (e->outsider_count == e->outsider_room)
		forget_expired(e);
	if (e->outsider_count == e->outsider_room) {
		size_t room = e->outsider_room == 0 ? 16 : e->outsider_room * 2;
		struct engine_outsider *grown;

		if (room > LIMIT_LOCAL_CUTS)
			return NULL;
		grown = realloc(e->outsiders, room * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		e->outsiders = grown;
		e->outsider_room = room;
	}
	memset(&e->outsiders[e->outsider_count], 0, sizeof(*e->outsiders));
	return &e->outsiders[e->outsider_count++];
}

static void
enforce_member(struct engine *e, const struct core_action *action)
{
	const struct member *member = roster_member(e->roster, action->enforce.subject);
	struct msg_enforce *request = &e->members[action->enforce.subject];
	struct msg_close_link close = { .peer = action->enforce.subject, .error = ERR_SUBJECT };

	request->request = engine_request(e);
	request->strength = (uint32_t)action->enforce.strength;
	request->expires_ms = action->enforce.expires_ms;
	request->incident = action->incident;
	request->subject = action->enforce.subject;
	request->address_count = (uint32_t)member->address_count;
	memcpy(request->addresses, member->addresses, sizeof(request->addresses));
	request->mac = action->enforce.mac;
	request->is_member = 1;
	engine_tell(e, ROLE_ENFORCER, MSG_ENFORCE, request, sizeof(*request), (struct span){ 0 });
	if (action->enforce.strength == STRENGTH_SEVER)
		engine_tell(e, ROLE_NET, MSG_CLOSE_LINK, &close, sizeof(close), (struct span){ 0 });
}

static void
enforce_outsider(struct engine *e, const struct core_action *action)
{
	struct engine_outsider *outsider = find_outsider(e, &action->enforce.address);

	if (outsider == NULL && (outsider = new_outsider(e)) == NULL) {
		log_error("no room to remember a blocked address: %d stand", LIMIT_LOCAL_CUTS);
		return;
	}
	outsider->request.request = engine_request(e);
	outsider->request.strength = (uint32_t)action->enforce.strength;
	outsider->request.expires_ms = action->enforce.expires_ms;
	outsider->request.incident = action->incident;
	outsider->request.subject = UINT32_MAX;
	outsider->request.address_count = 1;
	outsider->request.addresses[0] = action->enforce.address;
	outsider->request.mac = action->enforce.mac;
	outsider->until_ms = loop_now_ms() + action->enforce.expires_ms;
	engine_tell(e, ROLE_ENFORCER, MSG_ENFORCE, &outsider->request, sizeof(outsider->request),
	    (struct span){ 0 });
	if (action->enforce.strength == STRENGTH_NONE)
		*outsider = e->outsiders[--e->outsider_count];
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

static void
lock(struct engine *e, const struct core_action *action)
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

	if (e->siblings[ROLE_ENFORCER] == NULL)
		return;
	forget_expired(e);
	for (size_t i = 0; i < roster_count(e->roster); i++) {
		struct msg_enforce *request = &e->members[i];

		if (request->strength == STRENGTH_NONE)
			continue;
		request->request = engine_request(e);
		engine_tell(e, ROLE_ENFORCER, MSG_ENFORCE, request, sizeof(*request), none);
		e->barrier = request->request;
	}
	for (size_t i = 0; i < e->outsider_count; i++) {
		struct engine_outsider *outsider = &e->outsiders[i];

		outsider->request.request = engine_request(e);
		outsider->request.expires_ms = outsider->until_ms - loop_now_ms();
		engine_tell(e, ROLE_ENFORCER, MSG_ENFORCE, &outsider->request,
		    sizeof(outsider->request), none);
	}
	e->lock.request = engine_request(e);
	engine_tell(e, ROLE_ENFORCER, MSG_LOCK, &e->lock, sizeof(e->lock), none);
	engine_tell(e, ROLE_ENFORCER, MSG_ENFORCE_ALL, NULL, 0, none);
	if (e->effective.mode == EFFECTIVE_OBSERVE || e->effective.mode == EFFECTIVE_LINKS_ONLY)
		e->barrier = 0;
	e->enforcer_told = true;
}

/* ---- entries ------------------------------------------------------------------ */

static void
send_append(struct engine *e, const struct engine_append *append)
{
	struct msg_append message = { .request = append->request };

	engine_tell(e, ROLE_NOTARY, MSG_APPEND, &message, sizeof(message),
	    (struct span){ append->body, append->size_bytes });
}

static void
append(struct engine *e, const struct core_action *action)
{
	struct engine_append *entry;

	if (e->append_count == LIMIT_PENDING_APPENDS) {
		log_error("notary: %d entries wait already, one is dropped", LIMIT_PENDING_APPENDS);
		return;
	}
	entry = &e->appends[e->append_count];
	if ((entry->body = malloc(action->append.body.size_bytes)) == NULL) {
		log_error("notary: no memory for an entry");
		return;
	}
	memcpy(entry->body, action->append.body.data, action->append.body.size_bytes);
	entry->size_bytes = action->append.body.size_bytes;
	entry->request = action->append.request;
	e->append_count++;
	send_append(e, entry);
}

static void
remove_append(struct engine *e, size_t i)
{
	free(e->appends[i].body);
	e->append_count--;
	memmove(&e->appends[i], &e->appends[i + 1], (e->append_count - i) * sizeof(e->appends[0]));
}

bool
engine_append_done(struct engine *e, uint32_t request)
{
	for (size_t i = 0; i < e->append_count; i++)
		if (e->appends[i].request == request) {
			remove_append(e, i);
			return true;
		}
	return false;
}

/*
 * Is the entry what the draft asked for?  The notary filled in author, place
 * and a vote's ballot signature; without them the two must be the same.
 */
static bool
is_answer(const struct entry *entry, const struct engine_append *append)
{
	uint8_t *bytes;
	size_t size_bytes = append->size_bytes + 1;
	struct entry bare = *entry;
	struct entry draft;
	bool same;

	if (entry_decode((struct span){ append->body, append->size_bytes }, &draft) != ERR_OK)
		return false;
	bare.header = draft.header;
	if (entry->header.time_ms != draft.header.time_ms)
		return false;
	if (bare.kind == ENTRY_VERDICT && draft.kind == ENTRY_VERDICT)
		bare.verdict.ballot_signature = draft.verdict.ballot_signature;
	if ((bytes = malloc(size_bytes)) == NULL)
		return false;
	same = entry_encode(&bare, bytes, &size_bytes) == ERR_OK &&
	       size_bytes == append->size_bytes && memcmp(bytes, append->body, size_bytes) == 0;
	free(bytes);
	return same;
}

void
engine_append_matched(struct engine *e, struct span bytes)
{
	struct core_event event = { .input = CORE_APPENDED };
	struct envelope envelope;
	struct entry entry;

	if (envelope_parse(bytes.data, bytes.size_bytes, &envelope) != ERR_OK ||
	    entry_decode(envelope.body, &entry) != ERR_OK)
		return;
	for (size_t i = 0; i < e->append_count; i++) {
		if (!is_answer(&entry, &e->appends[i]))
			continue;
		event.appended.request = e->appends[i].request;
		event.appended.bytes = bytes;
		remove_append(e, i);
		engine_feed(e, &event);
		return;
	}
}

void
engine_append_again(struct engine *e)
{
	for (size_t i = 0; i < e->append_count; i++)
		send_append(e, &e->appends[i]);
}

/* ---- all of them ------------------------------------------------------------------ */

/*
 * Cut first, forward second, persist third: what peers said waits a moment, so
 * that writing it down does not compete with the cuts of the peers.  What a
 * crash of this process loses in that moment, peers still hold.
 */
static void
keep(struct engine *e, const struct core_action *action)
{
	struct engine_kept *kept;

	if (e->kept_count == ENGINE_KEPT)
		engine_keep_now(e);
	kept = &e->kept[e->kept_count];
	if ((kept->bytes = malloc(action->keep.bytes.size_bytes)) == NULL) {
		log_error(
		    "no memory to keep an entry of %s", engine_member_name(e, action->keep.author));
		return;
	}
	memcpy(kept->bytes, action->keep.bytes.data, action->keep.bytes.size_bytes);
	kept->size_bytes = action->keep.bytes.size_bytes;
	kept->about =
	    (struct msg_keep){ .author = action->keep.author, .standing = action->keep.standing };
	e->kept_count++;
	engine_later(e);
}

void
engine_keep_now(struct engine *e)
{
	for (size_t i = 0; i < e->kept_count; i++) {
		struct engine_kept *kept = &e->kept[i];

		engine_tell(e, ROLE_NOTARY, MSG_KEEP, &kept->about, sizeof(kept->about),
		    (struct span){ kept->bytes, kept->size_bytes });
		free(kept->bytes);
	}
	e->kept_count = 0;
}

static void
send_out(struct engine *e, const struct core_action *action)
{
	struct msg_send message = { .to = MSG_ALL, .except = MSG_ALL };

	if (action->send.to != MEMBER_NONE)
		message.to = action->send.to;
	if (action->send.except != MEMBER_NONE)
		message.except = action->send.except;
	engine_tell(e, ROLE_NET, MSG_SEND, &message, sizeof(message), action->send.bytes);
}

void
engine_carry_out(struct engine *e, const struct core_action *action)
{
	struct msg_flush flush = { 0 };
	struct msg_close_link close = { 0 };

	switch (action->what) {
	case CORE_DO_ENFORCE:
		if (action->enforce.subject != MEMBER_NONE)
			enforce_member(e, action);
		else
			enforce_outsider(e, action);
		break;
	case CORE_DO_LOCK:
		lock(e, action);
		break;
	case CORE_DO_APPEND:
		append(e, action);
		break;
	case CORE_DO_SEND:
		send_out(e, action);
		break;
	case CORE_DO_KEEP:
		keep(e, action);
		break;
	case CORE_DO_FLUSH:
		flush.token = action->flush.token;
		engine_tell(e, ROLE_NET, MSG_FLUSH, &flush, sizeof(flush), (struct span){ 0 });
		break;
	case CORE_DO_CLOSE:
		close.peer = action->close.peer;
		close.error = action->close.error;
		engine_tell(e, ROLE_NET, MSG_CLOSE_LINK, &close, sizeof(close), (struct span){ 0 });
		break;
	case CORE_DO_ROSTER:
		log_info("roster: peer %u has %zu bytes more", action->roster.from,
		    action->roster.records.size_bytes);
		break;
	case CORE_DO_PUBLISH:
		engine_post_entry(e, action->publish.bytes);
		break;
	case CORE_DO_NOTICE:
		engine_notice(e, action);
		break;
	}
}
