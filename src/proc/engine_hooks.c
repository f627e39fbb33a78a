/*
 * engine_hooks: what the operator's command is told.  An object counts when
 * the core has accepted it and holds its subject quarantined; this host is
 * never its own subject, and says nothing while it is locked down itself:
 * what it sees from there is not evidence.
 */
#include "proc/engine.h"
#include <string.h>
#include "sys/hook_event.h"
#include "sys/log.h"

bool
engine_hooks_wanted(const struct engine *e)
{
	return e->config->hooks.command[0] != '\0';
}

/* Of whom a standing object speaks. */
static member_index
subject_of(const struct engine *e, const struct entry *entry)
{
	struct envelope envelope;
	struct entry_header header;
	enum entry_kind kind;

	switch (entry->kind) {
	case ENTRY_SELF_REPORT:
		return roster_find_id(e->roster, &entry->header.author);
	case ENTRY_CERTIFICATE:
		return roster_find_id(e->roster, &entry->certificate.subject);
	case ENTRY_PROOF:
		if (envelope_parse(entry->proof.first.data, entry->proof.first.size_bytes,
		        &envelope) != ERR_OK ||
		    entry_peek(envelope.body, &header, &kind) != ERR_OK)
			return MEMBER_NONE;
		return roster_find_id(e->roster, &header.author);
	case ENTRY_STATEMENT:
	case ENTRY_VERDICT:
	case ENTRY_RELEASE:
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return MEMBER_NONE;
}

/* Does the core hold the subject for this, and not for something else? */
static bool
stands(const struct core_member_view *view, const struct hook_event *event)
{
	switch ((enum hook_evidence)event->evidence) {
	case HOOK_CERTIFICATE:
		return view->certified && view->round == event->round;
	case HOOK_PROOF:
		return view->proven;
	case HOOK_CONFESSION:
		return view->confessed;
	case HOOK_PRECAUTION:
		return view->precaution_stands && view->round == event->round;
	}
	return false;
}

void
engine_hooks_object(struct engine *e, struct span object)
{
	static struct hook_event event;
	struct core_member_view view;
	struct core_view all;
	struct envelope envelope;
	struct entry entry;
	member_index subject;

	if (e->siblings[ROLE_HOOKS] == NULL ||
	    envelope_parse(object.data, object.size_bytes, &envelope) != ERR_OK ||
	    entry_decode(envelope.body, &entry) != ERR_OK ||
	    (subject = subject_of(e, &entry)) == MEMBER_NONE || subject == e->self)
		return;
	core_view(e->core, &all);
	core_view_member(e->core, subject, &view);
	if (all.locked != STRENGTH_NONE || view.status != STATUS_QUARANTINED ||
	    hook_event_fill(e->roster, &entry, subject, &view.incident, &event) != ERR_OK ||
	    !stands(&view, &event))
		return;
	if (object.size_bytes > LIMIT_HOOK_CERTIFICATE_BYTES)
		object.size_bytes = 0;
	engine_tell(e, ROLE_HOOKS, MSG_HOOK_EVENT, &event, sizeof(event), object);
}

void
engine_hooks_again(struct engine *e)
{
	if (!e->replayed)
		return;
	for (size_t i = 0; i < e->object_count; i++)
		engine_hooks_object(
		    e, (struct span){ e->objects[i].bytes, e->objects[i].size_bytes });
}
