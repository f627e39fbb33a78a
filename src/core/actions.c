#include <stdlib.h>
#include <string.h>
#include "core/actions.h"

#define CHUNK_BYTES   4096
#define NOTICE_ROOM   128  /* of the list, kept free of reports */
#define SMALL_MESSAGE 4096 /* every link message but SyncItems and RosterPart */

struct arena_chunk {
	struct arena_chunk *next;
	size_t size_bytes;
	size_t used;
	uint8_t bytes[];
};

enum err
actions_new(struct outbox *o)
{
	o->scratch = malloc(LIMIT_CORE_ACTIONS * sizeof(*o->scratch));
	return o->scratch == NULL ? ERR_NOMEM : ERR_OK;
}

static void
release_arena(struct outbox *o)
{
	struct arena_chunk *next;

	for (; o->arena != NULL; o->arena = next) {
		next = o->arena->next;
		free(o->arena);
	}
}

void
actions_free(struct outbox *o)
{
	release_arena(o);
	free(o->scratch);
}

void
actions_begin(struct outbox *o, struct core_actions *out)
{
	/* One chunk of the usual size stays: most steps then allocate nothing. */
	if (o->arena != NULL && o->arena->next == NULL && o->arena->size_bytes == CHUNK_BYTES)
		o->arena->used = 0;
	else
		release_arena(o);
	o->out = out;
	out->count = 0;
}

/* Cut first, forward second, persist third, report last. */
static unsigned
phase(enum core_do what)
{
	switch (what) {
	case CORE_DO_ENFORCE:
	case CORE_DO_LOCK:
		return 0;
	case CORE_DO_SEND:
		return 1;
	case CORE_DO_FLUSH:
	case CORE_DO_CLOSE:
	case CORE_DO_ROSTER:
		return 2;
	case CORE_DO_KEEP:
	case CORE_DO_APPEND:
		return 3;
	case CORE_DO_PUBLISH:
	case CORE_DO_NOTICE:
		return 4;
	}
	return 4;
}

void
actions_end(struct outbox *o)
{
	struct core_actions *out = o->out;
	size_t from[5] = { 0 }, total = 0;
	bool ordered = true;

	for (size_t i = 0; i < out->count; i++) {
		from[phase(out->list[i].what)]++;
		if (i > 0 && phase(out->list[i - 1].what) > phase(out->list[i].what))
			ordered = false;
	}
	if (ordered)
		return;
	for (unsigned i = 0; i < 5; i++) {
		size_t count = from[i];

		from[i] = total;
		total += count;
	}
	for (size_t i = 0; i < out->count; i++)
		o->scratch[from[phase(out->list[i].what)]++] = out->list[i];
	memcpy(out->list, o->scratch, out->count * sizeof(out->list[0]));
}

struct core_action *
actions_add(struct outbox *o, enum core_do what)
{
	size_t room = LIMIT_CORE_ACTIONS - (what == CORE_DO_NOTICE ? NOTICE_ROOM : 0);
	struct core_action *a = &o->overflow;

	if (o->out->count < room)
		a = &o->out->list[o->out->count++];
	else
		o->dropped++;
	memset(a, 0, sizeof(*a));
	a->what = what;
	return a;
}

struct core_action *
actions_notice(struct outbox *o, enum notice notice, member_index subject)
{
	struct core_action *a = actions_add(o, CORE_DO_NOTICE);

	a->notice.notice = notice;
	a->notice.subject = subject;
	a->notice.peer = MEMBER_NONE;
	return a;
}

bool
actions_have_room(const struct outbox *o, size_t count)
{
	return o->out->count + count <= LIMIT_CORE_ACTIONS;
}

uint8_t *
actions_bytes(struct outbox *o, size_t size_bytes)
{
	size_t room = size_bytes > CHUNK_BYTES ? size_bytes : CHUNK_BYTES;
	struct arena_chunk *chunk = o->arena;
	uint8_t *bytes;

	if (chunk == NULL || chunk->size_bytes - chunk->used < size_bytes) {
		if ((chunk = malloc(sizeof(*chunk) + room)) == NULL)
			return NULL;
		chunk->next = o->arena;
		chunk->size_bytes = room;
		chunk->used = 0;
		o->arena = chunk;
	}
	bytes = chunk->bytes + chunk->used;
	chunk->used += size_bytes;
	return bytes;
}

void
actions_send(struct outbox *o, struct span bytes, member_index to, member_index except)
{
	struct core_action *a = actions_add(o, CORE_DO_SEND);

	a->send.to = to;
	a->send.except = except;
	a->send.bytes = bytes;
}

bool
actions_send_link_message(struct outbox *o, const struct entry *entry, member_index to)
{
	bool large = entry->kind == ENTRY_SYNC_ITEMS || entry->kind == ENTRY_ROSTER_PART;
	size_t body_room = large ? LIMIT_BODY_BYTES : SMALL_MESSAGE;
	size_t body_bytes = body_room, size_bytes;
	uint8_t *body, *bytes;

	if ((body = malloc(body_room)) == NULL)
		return false;
	if (entry_encode(entry, body, &body_bytes) != ERR_OK)
		goto fail;
	size_bytes = body_bytes + 16;
	if ((bytes = actions_bytes(o, size_bytes)) == NULL)
		goto fail;
	if (envelope_write((struct span){ body, body_bytes }, NULL, bytes, &size_bytes) != ERR_OK)
		goto fail;
	free(body);
	actions_send(o, (struct span){ bytes, size_bytes }, to, MEMBER_NONE);
	return true;

fail:
	free(body);
	return false;
}
