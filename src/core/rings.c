#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "core/rings.h"

struct rings {
	size_t member_count;
	size_t listed;
	bool *in_epoch;
	/* Of ring r and member m at [r * member_count + m]; NULL in a full mesh. */
	member_index *next;
	member_index *previous;
};

/* A member's place on one ring; hash and id are looked at when the first bytes are equal. */
struct place {
	uint64_t start;
	const struct hash *hash;
	const struct node_id *id;
	member_index member;
};

static int
compare_places(const struct place *a, const struct place *b)
{
	int order;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	order = memcmp(a->hash->bytes, b->hash->bytes, sizeof(a->hash->bytes));
	return order != 0 ? order : node_id_compare(a->id, b->id);
}

static void
sift_down(struct place *list, size_t at, size_t count)
{
	struct place moved = list[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < count && compare_places(&list[child], &list[child + 1]) < 0)
			child++;
		if (child >= count || compare_places(&moved, &list[child]) >= 0)
			break;
		list[at] = list[child];
		at = child;
	}
	list[at] = moved;
}

/* Heapsort: glibc's qsort asks the kernel how much memory there is. */
static void
sort_places(struct place *list, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift_down(list, i, count);
	for (size_t i = count; i-- > 1;) {
		struct place largest = list[0];

		list[0] = list[i];
		list[i] = largest;
		sift_down(list, 0, i);
	}
}

static void
lay_ring(struct rings *r, const struct crypto *crypto, const struct roster *roster,
    struct place *places, struct hash *hashes, uint8_t ring)
{
	member_index *next = r->next + ring * r->member_count;
	member_index *previous = r->previous + ring * r->member_count;
	uint8_t bytes[1 + sizeof(struct node_id)] = { ring };
	size_t count = 0;

	for (size_t i = 0; i < r->member_count; i++) {
		struct place *p = &places[count];

		if (!r->in_epoch[i])
			continue;
		p->member = (member_index)i;
		p->id = &roster_member(roster, p->member)->id;
		p->hash = &hashes[count];
		memcpy(bytes + 1, p->id->bytes, sizeof(p->id->bytes));
		crypto->sha256(crypto->context, DOMAIN_RING, bytes, sizeof(bytes), &hashes[count]);
		p->start = buf_load_u64(hashes[count].bytes);
		count++;
	}
	sort_places(places, count);
	for (size_t i = 0; i < count; i++) {
		const struct place *after = &places[(i + 1) % count];

		next[places[i].member] = after->member;
		previous[after->member] = places[i].member;
	}
}

static enum err
lay_rings(struct rings *r, const struct crypto *crypto, const struct roster *roster)
{
	size_t room = LIMIT_RINGS * r->member_count;
	enum err err = ERR_OK;
	struct place *places = calloc(r->listed, sizeof(*places));
	struct hash *hashes = calloc(r->listed, sizeof(*hashes));

	r->next = calloc(room, sizeof(*r->next));
	r->previous = calloc(room, sizeof(*r->previous));
	if (r->next == NULL || r->previous == NULL || places == NULL || hashes == NULL)
		err = ERR_NOMEM;
	for (uint8_t ring = 0; err == ERR_OK && ring < LIMIT_RINGS; ring++)
		lay_ring(r, crypto, roster, places, hashes, ring);
	free(places);
	free(hashes);
	return err;
}

enum err
rings_new(const struct crypto *crypto, const struct roster *roster, struct rings **out)
{
	const struct epoch *epoch = roster_current(roster);
	struct rings *r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return ERR_NOMEM;
	r->member_count = roster_count(roster);
	if ((r->in_epoch = calloc(r->member_count + 1, sizeof(*r->in_epoch))) == NULL)
		goto fail;
	for (size_t i = 0; i < r->member_count; i++) {
		r->in_epoch[i] = epoch_has(epoch, (member_index)i);
		r->listed += r->in_epoch[i];
	}
	if (r->listed > LIMIT_FULL_MESH && lay_rings(r, crypto, roster) != ERR_OK)
		goto fail;

	*out = r;
	return ERR_OK;

fail:
	rings_free(r);
	return ERR_NOMEM;
}

void
rings_free(struct rings *r)
{
	if (r == NULL)
		return;
	free(r->in_epoch);
	free(r->next);
	free(r->previous);
	free(r);
}

bool
rings_are_full_mesh(const struct rings *r)
{
	return r->next == NULL;
}

static bool
is_in(const struct rings *r, member_index m)
{
	return m < r->member_count && r->in_epoch[m];
}

bool
rings_are_neighbours(const struct rings *r, member_index a, member_index b)
{
	if (a == b || !is_in(r, a) || !is_in(r, b))
		return false;
	if (rings_are_full_mesh(r))
		return true;
	for (size_t ring = 0; ring < LIMIT_RINGS; ring++)
		if (r->next[ring * r->member_count + a] == b ||
		    r->previous[ring * r->member_count + a] == b)
			return true;
	return false;
}

/* Into an ascending list, once; false: no room. */
static bool
insert(member_index *list, size_t *count, size_t room, member_index m)
{
	size_t at = *count;

	while (at > 0 && list[at - 1] > m)
		at--;
	if (at > 0 && list[at - 1] == m)
		return true;
	if (*count == room)
		return false;
	memmove(&list[at + 1], &list[at], (*count - at) * sizeof(*list));
	list[at] = m;
	++*count;
	return true;
}

enum err
rings_neighbours(const struct rings *r, member_index of, member_index *out, size_t *count)
{
	size_t room = *count, found = 0;

	if (rings_are_full_mesh(r)) {
		for (size_t i = 0; i < r->member_count; i++)
			if (rings_are_neighbours(r, of, (member_index)i) &&
			    !insert(out, &found, room, (member_index)i))
				return ERR_OVERSIZE;
	} else if (is_in(r, of)) {
		for (size_t ring = 0; ring < LIMIT_RINGS; ring++)
			if (!insert(out, &found, room, r->next[ring * r->member_count + of]) ||
			    !insert(out, &found, room, r->previous[ring * r->member_count + of]))
				return ERR_OVERSIZE;
	}
	*count = found;
	return ERR_OK;
}
