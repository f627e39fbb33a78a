/*
 * engine_standing: what stands, kept to be told again: to a coordinator that
 * comes back, to hooks that start anew.  It is bounded, and when it is full who
 * wrote most of it loses its oldest: one member's words push out no other's.
 */
#include <stdlib.h>
#include <string.h>
#include "proc/engine.h"

/* Is anybody there to be told? */
static bool
is_wanted(const struct engine *e)
{
	return e->config->coordinator_host[0] != '\0' || engine_hooks_wanted(e);
}

static size_t
count_of(const struct engine *e, const struct node_id *author)
{
	size_t count = 0;

	for (size_t i = 0; i < e->object_count; i++)
		count += memcmp(&e->objects[i].author, author, sizeof(*author)) == 0;
	return count;
}

/* The oldest of the author that has most. */
static void
drop_one(struct engine *e)
{
	size_t at = 0, most = 0;

	for (size_t i = 0; i < e->object_count; i++) {
		size_t count = count_of(e, &e->objects[i].author);

		if (count > most) {
			most = count;
			at = i;
		}
	}
	free(e->objects[at].bytes);
	e->object_count--;
	memmove(
	    &e->objects[at], &e->objects[at + 1], (e->object_count - at) * sizeof(e->objects[0]));
}

static void
add(struct engine *e, struct span object, const struct node_id *author)
{
	uint8_t *bytes;

	for (size_t i = 0; i < e->object_count; i++)
		if (e->objects[i].size_bytes == object.size_bytes &&
		    memcmp(e->objects[i].bytes, object.data, object.size_bytes) == 0)
			return;
	if ((bytes = malloc(object.size_bytes)) == NULL)
		return;
	memcpy(bytes, object.data, object.size_bytes);
	if (e->object_count == ENGINE_OBJECTS)
		drop_one(e);
	e->objects[e->object_count++] = (struct engine_object){
		.author = *author, .size_bytes = object.size_bytes, .bytes = bytes
	};
}

void
engine_standing_add(struct engine *e, struct span object)
{
	struct envelope envelope;
	struct entry_header header;
	enum entry_kind kind;

	if (is_wanted(e) && envelope_parse(object.data, object.size_bytes, &envelope) == ERR_OK &&
	    entry_peek(envelope.body, &header, &kind) == ERR_OK && entry_is_urgent(kind))
		add(e, object, &header.author);
}
