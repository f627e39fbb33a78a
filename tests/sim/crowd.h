/*
 * crowd: many real cores on one virtual clock whose links are given, for what
 * world.h is too careful for: meshes above LIMIT_FULL_MESH, where few of all
 * pairs are linked.  Every message takes CROWD_DELAY_MS, disks and notaries
 * take no time.  Members are called by their index in the roster.
 */
#ifndef TESTS_SIM_CROWD_H
#define TESTS_SIM_CROWD_H
#include "core/core.h"
#include "tests/mesh.h"

#define CROWD_DELAY_MS 1
#define CROWD_START_MS 1000

struct crowd;

struct crowd_message {
	struct crowd_message *next;
	uint64_t at_ms;
	enum core_input input; /* CORE_MESSAGE, or the notary's CORE_APPENDED */
	member_index to, from;
	uint32_t request;
	size_t size_bytes;
	uint8_t bytes[];
};

struct crowd_node {
	struct core *core; /* NULL: down */
	bool *linked;      /* by index */
	uint64_t sequence;
	struct hash head;
	uint64_t arrived[ENTRY_ROSTER_PART + 1]; /* messages, by kind */
	uint64_t bytes;
	size_t notices[64];
	enum strength *held; /* by index */
	enum strength lock;
	struct roster *roster; /* grown under way; NULL: the crowd's */
};

struct crowd {
	struct mesh mesh;
	size_t count;
	struct crowd_node *nodes;
	uint64_t now_ms;
	struct crowd_message *first, **last;
	struct core_actions actions;
	/* NULL, or a test's say: false, and what this node sends is lost. */
	bool (*sends)(struct crowd *, member_index from, member_index to, enum entry_kind);
};

static inline void crowd_step(struct crowd *, member_index, struct core_event *);

/* Nobody is up or linked yet. */
static inline struct crowd *
crowd_new(size_t count)
{
	struct crowd *w = calloc(1, sizeof(*w));

	w->count = count;
	w->now_ms = CROWD_START_MS;
	w->last = &w->first;
	mesh_make(&w->mesh, count);
	w->nodes = calloc(count, sizeof(*w->nodes));
	for (size_t i = 0; i < count; i++) {
		w->nodes[i].linked = calloc(count, sizeof(bool));
		w->nodes[i].held = calloc(count, sizeof(enum strength));
	}
	return w;
}

static inline void
crowd_free(struct crowd *w)
{
	while (w->first != NULL) {
		struct crowd_message *next = w->first->next;

		free(w->first);
		w->first = next;
	}
	for (size_t i = 0; i < w->count; i++) {
		core_free(w->nodes[i].core);
		free(w->nodes[i].linked);
		free(w->nodes[i].held);
		roster_free(w->nodes[i].roster);
	}
	free(w->nodes);
	mesh_free(&w->mesh);
	free(w);
}

static inline void
crowd_start(struct crowd *w, member_index i)
{
	struct core_config config = {
		.roster = w->mesh.roster, .crypto = crypto_sodium(), .self = i, .seed = 7 + i
	};
	struct core_event ev = { .input = CORE_START };

	assert_ok(core_new(&config, w->now_ms, MESH_TIME_MS + w->now_ms, &w->nodes[i].core));
	ev.start.sequence = w->nodes[i].sequence;
	ev.start.hash = w->nodes[i].head;
	crowd_step(w, i, &ev);
}

static inline void
crowd_link(struct crowd *w, member_index a, member_index b, bool up)
{
	struct core_event ev = { .input = up ? CORE_LINK_UP : CORE_LINK_DOWN };

	if (a == b || w->nodes[a].linked[b] == up)
		return;
	w->nodes[a].linked[b] = w->nodes[b].linked[a] = up;
	ev.link.peer = b;
	ev.link.address = roster_member(w->mesh.roster, b)->addresses[0];
	if (w->nodes[a].core != NULL)
		crowd_step(w, a, &ev);
	ev.link.peer = a;
	ev.link.address = roster_member(w->mesh.roster, a)->addresses[0];
	if (w->nodes[b].core != NULL)
		crowd_step(w, b, &ev);
}

/* Each to the `reach` next ones, and one chord across: about 2 x reach + 2 links a node. */
static inline void
crowd_link_circle(struct crowd *w, size_t reach)
{
	for (size_t i = 0; i < w->count; i++) {
		for (size_t next = 1; next <= reach; next++)
			crowd_link(w, (member_index)i, (member_index)((i + next) % w->count), true);
		crowd_link(w, (member_index)i, (member_index)((i * 37 + 11) % w->count), true);
	}
}

static inline void
crowd_put(struct crowd *w, const struct crowd_message *m, struct span bytes)
{
	struct crowd_message *copy = malloc(sizeof(*copy) + bytes.size_bytes), **at = w->last;

	*copy = *m;
	copy->next = NULL;
	copy->size_bytes = bytes.size_bytes;
	if (bytes.size_bytes > 0)
		memcpy(copy->bytes, bytes.data, bytes.size_bytes);
	/* What a notary returns is due at once, before what is under way. */
	if (w->first != NULL && m->at_ms == w->now_ms)
		for (at = &w->first; *at != NULL && (*at)->at_ms <= m->at_ms;)
			at = &(*at)->next;
	copy->next = at == w->last ? NULL : *at;
	*at = copy;
	if (at == w->last)
		w->last = &copy->next;
}

static inline enum entry_kind
crowd_kind(struct span bytes)
{
	struct envelope envelope;
	struct entry_header header;
	enum entry_kind kind;

	assert_ok(envelope_parse(bytes.data, bytes.size_bytes, &envelope));
	assert_ok(entry_peek(envelope.body, &header, &kind));
	return kind;
}

static inline void
crowd_send(struct crowd *w, member_index from, const struct core_action *a)
{
	struct crowd_message m = { .at_ms = w->now_ms + CROWD_DELAY_MS,
		.input = CORE_MESSAGE,
		.from = from };
	enum entry_kind kind = crowd_kind(a->send.bytes);

	for (m.to = 0; m.to < w->count; m.to++)
		if (w->nodes[from].linked[m.to] && w->nodes[m.to].core != NULL &&
		    (a->send.to == m.to || (a->send.to == MEMBER_NONE && a->send.except != m.to)) &&
		    (w->sends == NULL || w->sends(w, from, m.to, kind)))
			crowd_put(w, &m, a->send.bytes);
}

/* Complete the header, as a notary would; the envelope's size. */
static inline size_t
crowd_sign(struct crowd *w, member_index i, struct entry *e, uint8_t *out, size_t room)
{
	const struct mesh_member *author = mesh_at(&w->mesh, i);
	struct crowd_node *n = &w->nodes[i];
	struct envelope envelope;
	size_t size;

	e->header.author = author->id;
	e->header.incarnation = 1;
	e->header.sequence = ++n->sequence;
	e->header.previous = n->head;
	if (e->kind == ENTRY_VERDICT) {
		struct ballot b = { e->verdict.level, e->header.mesh, e->header.epoch,
			e->verdict.subject, e->verdict.round, e->verdict.window };

		e->verdict.ballot_signature = mesh_vote(author, &b);
	}
	size = mesh_envelope(author, e, out, room);
	assert_ok(envelope_parse(out, size, &envelope));
	entry_hash(crypto_sodium(), envelope.body, &n->head);
	return size;
}

static inline void
crowd_append(struct crowd *w, member_index i, const struct core_action *a)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	struct crowd_message m = { .at_ms = w->now_ms,
		.input = CORE_APPENDED,
		.to = i,
		.request = a->append.request };
	struct entry e;

	assert_ok(entry_decode(a->append.body, &e));
	crowd_put(w, &m, (struct span){ bytes, crowd_sign(w, i, &e, bytes, sizeof(bytes)) });
}

static inline void
crowd_act(struct crowd *w, member_index i, const struct core_action *a)
{
	struct crowd_message m = { .at_ms = w->now_ms, .input = CORE_FLUSHED, .to = i };

	if (a->what == CORE_DO_SEND) {
		crowd_send(w, i, a);
	} else if (a->what == CORE_DO_APPEND) {
		crowd_append(w, i, a);
	} else if (a->what == CORE_DO_ENFORCE && a->enforce.subject < w->count) {
		w->nodes[i].held[a->enforce.subject] = a->enforce.strength;
	} else if (a->what == CORE_DO_LOCK) {
		w->nodes[i].lock = a->lock.strength;
	} else if (a->what == CORE_DO_FLUSH) {
		m.request = a->flush.token;
		crowd_put(w, &m, (struct span){ NULL, 0 });
	} else if (a->what == CORE_DO_ROSTER) {
		crowd_put(w, &(struct crowd_message){ .at_ms = w->now_ms, .input = CORE_ROSTER, .to = i },
		    a->roster.records);
	} else if (a->what == CORE_DO_NOTICE) {
		w->nodes[i].notices[a->notice.notice]++;
	}
}

static inline void
crowd_step(struct crowd *w, member_index i, struct core_event *ev)
{
	/* A step of one core never begins inside that of another. */
	ev->now_ms = w->now_ms;
	ev->unix_ms = MESH_TIME_MS + w->now_ms;
	core_step(w->nodes[i].core, ev, &w->actions);
	for (size_t a = 0; a < w->actions.count; a++)
		crowd_act(w, i, &w->actions.list[a]);
}

/* What an engine does with records: prove them, keep them, say so. */
static inline void
crowd_extend(struct crowd *w, member_index i, struct span records)
{
	struct crowd_node *n = &w->nodes[i];
	struct roster *old = n->roster, *next = NULL;
	struct core_event ev = { .input = CORE_ROSTER };

	ev.roster.error = roster_extend(old == NULL ? w->mesh.roster : old, crypto_sodium(),
	    &w->mesh.ca.public_key, records, &next);
	ev.roster.next = next;
	if (next != NULL)
		n->roster = next;
	crowd_step(w, i, &ev);
	if (next != NULL)
		roster_free(old);
}

static inline void
crowd_deliver(struct crowd *w, struct crowd_message *m)
{
	struct crowd_node *n = &w->nodes[m->to];
	struct core_event ev = { .input = m->input };

	if (n->core == NULL)
		return;
	if (m->input == CORE_MESSAGE) {
		if (!n->linked[m->from])
			return;
		ev.message.from = m->from;
		ev.message.bytes = (struct span){ m->bytes, m->size_bytes };
		n->arrived[crowd_kind(ev.message.bytes)]++;
		n->bytes += m->size_bytes;
	} else if (m->input == CORE_FLUSHED) {
		ev.flushed.token = m->request;
	} else if (m->input == CORE_ROSTER) {
		crowd_extend(w, m->to, (struct span){ m->bytes, m->size_bytes });
		return;
	} else {
		ev.appended.request = m->request;
		ev.appended.bytes = (struct span){ m->bytes, m->size_bytes };
	}
	crowd_step(w, m->to, &ev);
}

static inline void
crowd_run(struct crowd *w, uint64_t duration_ms)
{
	for (uint64_t end_ms = w->now_ms + duration_ms; w->now_ms < end_ms;) {
		uint64_t next_ms = w->first == NULL ? UINT64_MAX : w->first->at_ms;

		for (size_t i = 0; i < w->count; i++)
			if (w->nodes[i].core != NULL &&
			    core_deadline(w->nodes[i].core) < next_ms)
				next_ms = core_deadline(w->nodes[i].core);
		if (next_ms > end_ms)
			next_ms = end_ms;
		if (next_ms > w->now_ms)
			w->now_ms = next_ms;
		while (w->first != NULL && w->first->at_ms <= w->now_ms) {
			struct crowd_message *m = w->first;

			if ((w->first = m->next) == NULL)
				w->last = &w->first;
			crowd_deliver(w, m);
			free(m);
		}
		for (size_t i = 0; i < w->count; i++)
			while (w->nodes[i].core != NULL &&
			       core_deadline(w->nodes[i].core) <= w->now_ms)
				crowd_step(w, (member_index)i,
				    &(struct core_event){ .input = CORE_TIMEOUT });
	}
}

/* All of them, each with each, at rest. */
static inline struct crowd *
crowd_full_mesh(size_t count)
{
	struct crowd *w = crowd_new(count);

	for (size_t i = 0; i < count; i++)
		crowd_start(w, (member_index)i);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			crowd_link(w, (member_index)i, (member_index)j, true);
	crowd_run(w, 3000);
	return w;
}

static inline struct core_view
crowd_view(const struct crowd *w, member_index i)
{
	struct core_view view;

	core_view(w->nodes[i].core, &view);
	return view;
}

/* How many nodes that are up have the same root as node i. */
static inline size_t
crowd_agree(const struct crowd *w, member_index i)
{
	uint64_t root = crowd_view(w, i).root;
	size_t agree = 0;

	for (size_t other = 0; other < w->count; other++)
		if (w->nodes[other].core != NULL)
			agree += crowd_view(w, (member_index)other).root == root;
	return agree;
}

#endif
