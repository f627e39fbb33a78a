#include <inttypes.h>
#include <stdarg.h>
#include "sim/checker.h"

static void __attribute__((format(printf, 2, 3))) trace(struct world *w, const char *format, ...)
{
	char line[256];
	va_list args;
	size_t size;

	va_start(args, format);
	size = (size_t)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	w->trace = realloc(w->trace, w->trace_bytes + size + 2);
	memcpy(w->trace + w->trace_bytes, line, size);
	w->trace_bytes += size;
	w->trace[w->trace_bytes++] = '\n';
	w->trace[w->trace_bytes] = 0;
}

const char *
world_trace(struct world *w)
{
	bool empty = w->trace_bytes == 0;

	w->trace_bytes = 0;
	return empty ? "" : w->trace;
}

static char
letter(size_t node)
{
	return node == MEMBER_NONE ? '-' : (char)('a' + node);
}

const struct mesh_member *
world_member(const struct world *w, size_t node)
{
	return mesh_at(&w->mesh, (member_index)node);
}

static void
make_operator(size_t i, Protos__Enrolment *e)
{
	(void)i;
	e->role = PROTOS__ROLE__ROLE_OPERATOR;
	e->not_after_ms = UINT64_MAX;
}

static void
make_brief_operator(size_t i, Protos__Enrolment *e)
{
	make_operator(i, e);
	e->not_after_ms = MESH_TIME_MS + WORLD_BRIEF_MS;
}

static void
append_operator(struct mesh *m, bool brief)
{
	size_t i;

	m->change_enrolment = brief ? make_brief_operator : make_operator;
	i = mesh_append_member(m);
	m->members[i].role = PROTOS__ROLE__ROLE_OPERATOR;
	m->change_enrolment = NULL;
}

struct world *
world_new(const struct world_config *config)
{
	struct world *w = calloc(1, sizeof(*w));

	w->config = *config;
	w->now_ms = WORLD_START_MS;
	mesh_init(&w->mesh, config->count);
	w->mesh.precautions = config->precautions;
	w->mesh.corroboration = config->corroboration;
	w->mesh.vote_budget = config->vote_budget;
	for (size_t i = 0; i < config->weightless; i++)
		w->mesh.members[i].weight = 0;
	mesh_pack(&w->mesh);
	if (config->with_operator)
		append_operator(&w->mesh, config->brief_operator);
	assert_ok(mesh_parse(&w->mesh));
	prng_seed(&w->network.prng, config->seed);
	w->network.delay_min_ms = config->delay_min_ms;
	w->network.delay_max_ms = config->delay_max_ms;
	w->network.lost_per_1000 = config->lost_per_1000;
	w->network.doubled_per_1000 = config->doubled_per_1000;
	return w;
}

void
world_free(struct world *w)
{
	for (size_t i = 0; i < w->config.count; i++) {
		core_free(w->nodes[i].core);
		for (size_t d = 0; d < w->nodes[i].disk_count; d++)
			free(w->nodes[i].disk[d].bytes);
		free(w->nodes[i].disk);
	}
	for (size_t i = 0; i < w->recorded_count; i++)
		free(w->recorded[i].bytes);
	free(w->recorded);
	free(w->forged);
	checker_free(w);
	network_free(&w->network);
	mesh_free(&w->mesh);
	free(w->trace);
	free(w);
}

struct core_member_view
world_view(const struct world *w, size_t node, size_t of)
{
	struct core_member_view view;

	core_view_member(w->nodes[node].core, (member_index)of, &view);
	return view;
}

struct core_view
world_core_view(const struct world *w, size_t node)
{
	struct core_view view;

	core_view(w->nodes[node].core, &view);
	return view;
}

/* ---- links ------------------------------------------------------------------- */

static bool
may_link(const struct world *w, size_t a, size_t b)
{
	const struct world_node *x = &w->nodes[a], *y = &w->nodes[b];

	return x->core != NULL && y->core != NULL && x->held[b] != STRENGTH_SEVER &&
	       y->held[a] != STRENGTH_SEVER && x->lock != STRENGTH_SEVER &&
	       y->lock != STRENGTH_SEVER && (w->strangers[a] >> b & 1) == 0 &&
	       (w->partition >> a & 1) == (w->partition >> b & 1);
}

static void
tell_link(struct world *w, size_t to, size_t from, bool up)
{
	struct arrival_event e = { .at_ms = w->now_ms + up,
		.kind = up ? ARRIVAL_LINK_UP : ARRIVAL_LINK_DOWN,
		.to = to,
		.from = from,
		.life = w->nodes[to].life };

	network_add(&w->network, &e, NULL);
}

static void
update_links(struct world *w)
{
	for (size_t a = 0; a < w->config.count; a++)
		for (size_t b = 0; b < a; b++) {
			bool up = may_link(w, a, b);

			if (up == w->linked[a][b])
				continue;
			w->linked[a][b] = w->linked[b][a] = up;
			w->link_life[a][b]++;
			w->link_life[b][a]++;
			tell_link(w, a, b, up);
			tell_link(w, b, a, up);
		}
}

static void
send_one(struct world *w, size_t from, size_t to, struct span bytes)
{
	struct arrival_event e = { .at_ms = w->now_ms,
		.kind = ARRIVAL_MESSAGE,
		.to = to,
		.from = from,
		.life = w->link_life[from][to],
		.size_bytes = bytes.size_bytes };

	if (to != from && w->linked[from][to])
		network_send(&w->network, &e, bytes.data);
}

/* ---- disk and notary ------------------------------------------------------------ */

static void
disk_write(struct world_node *n, bool own, struct span bytes)
{
	struct disk_entry *d;

	n->disk = reallocarray(n->disk, n->disk_count + 1, sizeof(*n->disk));
	d = &n->disk[n->disk_count++];
	*d = (struct disk_entry){ own, bytes.size_bytes, malloc(bytes.size_bytes) };
	memcpy(d->bytes, bytes.data, bytes.size_bytes);
}

static struct span
sign_entry(const struct world *w, size_t author, struct entry *e)
{
	const struct mesh_member *m = world_member(w, author);
	uint8_t *bytes = malloc(LIMIT_ENVELOPE_BYTES);

	if (e->kind == ENTRY_VERDICT) {
		struct ballot b = { .level = e->verdict.level,
			.mesh = e->header.mesh,
			.epoch = e->header.epoch,
			.subject = e->verdict.subject,
			.round = e->verdict.round,
			.window = e->verdict.window };

		e->verdict.ballot_signature = mesh_vote(m, &b);
	}
	return (struct span){ bytes, mesh_envelope(m, e, bytes, LIMIT_ENVELOPE_BYTES) };
}

/* A forged feed is a chain, too, unless a test forges one place twice. */
static struct hash
forged_before(const struct world *w, size_t author, uint64_t sequence)
{
	for (size_t i = 0; i < w->forged_count; i++)
		if (w->forged[i].author == author && w->forged[i].sequence == sequence - 1)
			return w->forged[i].hash;
	return w->nodes[author].sequence == sequence - 1 ? w->nodes[author].head
	                                                 : (struct hash){ { 0 } };
}

static void
remember_forged(struct world *w, size_t author, uint64_t sequence, struct span bytes)
{
	struct envelope envelope;
	struct forged *f;

	w->forged = reallocarray(w->forged, w->forged_count + 1, sizeof(*w->forged));
	f = &w->forged[w->forged_count++];
	f->author = author;
	f->sequence = sequence;
	assert_ok(envelope_parse(bytes.data, bytes.size_bytes, &envelope));
	entry_hash(crypto_sodium(), envelope.body, &f->hash);
}

struct span
world_forge(struct world *w, size_t author, struct entry *e, uint64_t sequence)
{
	struct span bytes;

	e->header.mesh = w->mesh.id;
	e->header.epoch = epoch_number(roster_current(w->mesh.roster));
	e->header.author = world_member(w, author)->id;
	e->header.incarnation = world_member(w, author)->incarnation;
	e->header.sequence = sequence;
	if (e->header.time_ms == 0)
		e->header.time_ms = MESH_TIME_MS + w->now_ms;
	e->header.previous = forged_before(w, author, sequence);
	bytes = sign_entry(w, author, e);
	remember_forged(w, author, sequence, bytes);
	return bytes;
}

/* Write first, sign after; then the way back. */
static void
notary_write(struct world *w, const struct arrival_event *draft)
{
	struct world_node *n = &w->nodes[draft->to];
	struct arrival_event back = { .at_ms = w->now_ms,
		.kind = ARRIVAL_APPENDED,
		.to = draft->to,
		.number = draft->number,
		.life = n->life };
	struct envelope envelope;
	struct entry e;
	struct span bytes;

	if (w->config.disk_ms > 0)
		back.at_ms += prng_below(&w->network.prng, w->config.disk_ms + 1);
	if (n->append_fails) {
		network_add(&w->network, &back, NULL);
		return;
	}
	assert_ok(entry_decode((struct span){ draft->bytes, draft->size_bytes }, &e));
	e.header.author = world_member(w, draft->to)->id;
	e.header.incarnation = world_member(w, draft->to)->incarnation;
	e.header.sequence = ++n->sequence;
	e.header.previous = n->head;
	bytes = sign_entry(w, draft->to, &e);
	assert_ok(envelope_parse(bytes.data, bytes.size_bytes, &envelope));
	entry_hash(crypto_sodium(), envelope.body, &n->head);
	disk_write(n, true, bytes);
	back.size_bytes = bytes.size_bytes;
	network_add(&w->network, &back, bytes.data);
	free((void *)(uintptr_t)bytes.data);
}

void
world_truncate(struct world *w, size_t node, size_t entries)
{
	struct world_node *n = &w->nodes[node];

	for (size_t i = n->disk_count; i > 0 && entries > 0; i--) {
		if (!n->disk[i - 1].own)
			continue;
		free(n->disk[i - 1].bytes);
		memmove(&n->disk[i - 1], &n->disk[i], (n->disk_count - i) * sizeof(*n->disk));
		n->disk_count--;
		n->sequence--;
		entries--;
	}
	n->head = (struct hash){ { 0 } };
	for (size_t i = 0; i < n->disk_count; i++) {
		struct envelope envelope;

		if (!n->disk[i].own)
			continue;
		assert_ok(envelope_parse(n->disk[i].bytes, n->disk[i].size_bytes, &envelope));
		entry_hash(crypto_sodium(), envelope.body, &n->head);
	}
}

/* ---- actions ----------------------------------------------------------------------- */

static void
trace_notice(struct world *w, size_t node, const struct core_action *a)
{
	char source[46] = "";
	bool link = a->notice.notice >= NOTICE_PEER_ALIVE && a->notice.notice <= NOTICE_FIRST_SYNC;

	if (link && !w->trace_links)
		return;
	if (a->notice.notice == NOTICE_TOUCH || a->notice.notice == NOTICE_INDICATOR)
		address_format(&a->notice.source.address, source);
	trace(w, "%c: %s%s %c from %c%s%s%s%s%s%s", letter(node),
	    a->notice.notice == NOTICE_VERDICT && a->notice.level == LEVEL_RELEASE ? "release-"
	                                                                           : "",
	    notice_text(a->notice.notice), letter(a->notice.subject), letter(a->notice.peer),
	    a->notice.cause == CAUSE_NONE ? "" : " ",
	    a->notice.cause == CAUSE_NONE ? "" : cause_text(a->notice.cause),
	    source[0] == 0 ? "" : " ", source, a->notice.standing ? " stands" : "",
	    a->notice.error == ERR_OK ? "" : " error");
	if (a->notice.error != ERR_OK)
		trace(w, "   %s", err_text(a->notice.error));
}

static void
enforce(struct world *w, size_t node, const struct core_action *a)
{
	char address[46];

	if (a->enforce.subject != MEMBER_NONE) {
		assert_true(roster_is_node(w->mesh.roster, a->enforce.subject));
		w->nodes[node].held[a->enforce.subject] = a->enforce.strength;
		if (a->enforce.strength != STRENGTH_HOLD &&
		    (a->enforce.strength != STRENGTH_NONE || w->trace_links))
			trace(w, "%c: enforce %c %s", letter(node), letter(a->enforce.subject),
			    strength_text(a->enforce.strength));
		return;
	}
	address_format(&a->enforce.address, address);
	trace(w, "%c: enforce %s %s", letter(node), address, strength_text(a->enforce.strength));
}

static void
after(struct world *w, size_t node, enum arrival_kind kind, uint32_t number, struct span bytes)
{
	struct arrival_event e = { .at_ms = w->now_ms,
		.kind = kind,
		.to = node,
		.number = number,
		.life = w->nodes[node].life,
		.size_bytes = bytes.size_bytes };

	if (w->config.disk_ms > 0)
		e.at_ms += prng_below(&w->network.prng, w->config.disk_ms + 1);
	network_add(&w->network, &e, bytes.data);
}

static void
perform(struct world *w, size_t node, const struct core_action *a)
{
	checker_action(w, node, a);
	switch (a->what) {
	case CORE_DO_ENFORCE:
		enforce(w, node, a);
		break;
	case CORE_DO_LOCK:
		w->nodes[node].lock = a->lock.strength;
		trace(w, "%c: lock %s", letter(node), strength_text(a->lock.strength));
		break;
	case CORE_DO_APPEND:
		after(w, node, ARRIVAL_WRITE, a->append.request, a->append.body);
		break;
	case CORE_DO_SEND:
		for (size_t i = 0; i < w->config.count; i++)
			if ((a->send.to == MEMBER_NONE || a->send.to == i) && a->send.except != i)
				send_one(w, node, i, a->send.bytes);
		break;
	case CORE_DO_KEEP:
		after(w, node, ARRIVAL_KEEP, 0, a->keep.bytes);
		break;
	case CORE_DO_FLUSH:
		after(w, node, ARRIVAL_FLUSHED, a->flush.token, (struct span){ NULL, 0 });
		break;
	case CORE_DO_CLOSE:
		trace(w, "%c: close %c", letter(node), letter(a->close.peer));
		break;
	case CORE_DO_ROSTER:
		trace(w, "%c: records from %c", letter(node), letter(a->roster.from));
		break;
	case CORE_DO_PUBLISH:
		trace(w, "%c: publish", letter(node));
		break;
	case CORE_DO_NOTICE:
		trace_notice(w, node, a);
		break;
	}
}

void
world_event(struct world *w, size_t node, struct core_event *ev)
{
	struct world_node *n = &w->nodes[node];
	struct core_actions *actions = &w->actions;
	size_t count;

	if (n->core == NULL)
		return;
	ev->now_ms = w->now_ms;
	ev->unix_ms = (uint64_t)((int64_t)(MESH_TIME_MS + w->now_ms) + n->clock_skew_ms);
	core_step(n->core, ev, actions);
	count = actions->count;
	if (n->crash_after_steps != 0 && ++n->steps >= n->crash_after_steps &&
	    count > n->crash_after_actions)
		count = n->crash_after_actions;
	for (size_t i = 0; i < count; i++)
		perform(w, node, &actions->list[i]);
	if (n->crash_after_steps != 0 && n->steps >= n->crash_after_steps) {
		n->crash_after_steps = 0;
		world_crash(w, node);
		return;
	}
	checker_step(w, node);
	update_links(w);
}

/* ---- life --------------------------------------------------------------------------- */

void
world_crash(struct world *w, size_t node)
{
	struct world_node *n = &w->nodes[node];

	core_free(n->core);
	n->core = NULL;
	n->life++;
	trace(w, "%c: crash", letter(node));
	update_links(w);
}

void
world_start(struct world *w, size_t node)
{
	struct world_node *n = &w->nodes[node];
	struct core_config config = { .roster = w->mesh.roster,
		.crypto = crypto_sodium(),
		.self = (member_index)node,
		.policy = w->config.policy,
		.seed = w->config.seed * 31 + node };
	struct core_event ev = { .input = CORE_RESTORED };

	assert_ok(core_new(&config, w->now_ms, MESH_TIME_MS + w->now_ms, &n->core));
	/* The host went down with its kernel's sets. */
	memset(n->held, 0, sizeof(n->held));
	n->lock = STRENGTH_NONE;
	ev.now_ms = w->now_ms;
	ev.unix_ms = (uint64_t)((int64_t)(MESH_TIME_MS + w->now_ms) + n->clock_skew_ms);
	for (int own = 1; own >= 0; own--)
		for (size_t i = 0; i < n->disk_count; i++) {
			if (n->disk[i].own != own)
				continue;
			ev.restored.own = own;
			ev.restored.bytes =
			    (struct span){ n->disk[i].bytes, n->disk[i].size_bytes };
			core_step(n->core, &ev, &w->actions);
			for (size_t a = 0; a < w->actions.count; a++)
				perform(w, node, &w->actions.list[a]);
		}
	ev = (struct core_event){ .input = CORE_START };
	ev.start.sequence = n->sequence;
	ev.start.hash = n->head;
	world_event(w, node, &ev);
}

void
world_start_all(struct world *w)
{
	for (size_t i = 0; i < w->config.count; i++)
		world_start(w, i);
}

void
world_partition(struct world *w, uint32_t nodes)
{
	w->partition = nodes;
	update_links(w);
}

void
world_estrange(struct world *w, size_t a, size_t b)
{
	w->strangers[a] |= 1u << b;
	w->strangers[b] |= 1u << a;
	update_links(w);
}

/* ---- time ----------------------------------------------------------------------------- */

static void
record(struct world *w, const struct arrival_event *e)
{
	struct recorded *r;

	w->recorded = reallocarray(w->recorded, w->recorded_count + 1, sizeof(*w->recorded));
	r = &w->recorded[w->recorded_count++];
	*r = (struct recorded){ e->to, e->from, e->size_bytes, malloc(e->size_bytes) };
	memcpy(r->bytes, e->bytes, e->size_bytes);
}

static void
arrive(struct world *w, const struct arrival_event *e)
{
	struct core_event ev = { .input = CORE_MESSAGE };
	struct span bytes = { e->bytes, e->size_bytes };

	if (e->kind == ARRIVAL_MESSAGE) {
		if (e->life != w->link_life[e->from][e->to] || !w->linked[e->from][e->to])
			return;
		if (w->record)
			record(w, e);
		world_deliver(w, e->to, e->from, bytes);
		return;
	}
	if (e->life != w->nodes[e->to].life)
		return;
	switch (e->kind) {
	case ARRIVAL_LINK_UP:
	case ARRIVAL_LINK_DOWN:
		if (e->kind == ARRIVAL_LINK_UP && !w->linked[e->to][e->from])
			return;
		ev.input = e->kind == ARRIVAL_LINK_UP ? CORE_LINK_UP : CORE_LINK_DOWN;
		ev.link.peer = (member_index)e->from;
		ev.link.address =
		    roster_member(w->mesh.roster, (member_index)e->from)->addresses[0];
		break;
	case ARRIVAL_WRITE:
		notary_write(w, e);
		return;
	case ARRIVAL_KEEP:
		disk_write(&w->nodes[e->to], false, bytes);
		return;
	case ARRIVAL_APPENDED:
		ev.input = e->size_bytes == 0 ? CORE_APPEND_FAILED : CORE_APPENDED;
		ev.appended.request = e->number;
		ev.appended.bytes = bytes;
		break;
	case ARRIVAL_FLUSHED:
		ev.input = CORE_FLUSHED;
		ev.flushed.token = e->number;
		break;
	case ARRIVAL_MESSAGE:
		return;
	}
	world_event(w, e->to, &ev);
}

void
world_deliver(struct world *w, size_t to, size_t from, struct span bytes)
{
	struct core_event ev = { .input = CORE_MESSAGE };

	ev.message.from = (member_index)from;
	ev.message.bytes = bytes;
	world_event(w, to, &ev);
}

void
world_submit(struct world *w, size_t node, struct span bytes)
{
	struct core_event ev = { .input = CORE_SUBMITTED, .submitted.bytes = bytes };

	world_event(w, node, &ev);
}

void
world_run(struct world *w, uint64_t duration_ms)
{
	uint64_t until_ms = w->now_ms + duration_ms;

	for (;;) {
		uint64_t next_ms = network_next(&w->network);
		size_t timed = SIZE_MAX;
		struct arrival_event *e;

		for (size_t i = 0; i < w->config.count; i++)
			if (w->nodes[i].core != NULL && core_deadline(w->nodes[i].core) < next_ms) {
				next_ms = core_deadline(w->nodes[i].core);
				timed = i;
			}
		if (next_ms > until_ms)
			break;
		if (next_ms > w->now_ms)
			w->now_ms = next_ms;
		if (timed != SIZE_MAX) {
			struct core_event ev = { .input = CORE_TIMEOUT };

			world_event(w, timed, &ev);
			continue;
		}
		e = network_take(&w->network);
		arrive(w, e);
		free(e);
	}
	w->now_ms = until_ms;
}

void
world_settle(struct world *w)
{
	for (unsigned i = 0; i < 600; i++) {
		bool synced = true;

		world_run(w, 100);
		for (size_t n = 0; n < w->config.count; n++)
			if (w->nodes[n].core != NULL && !world_core_view(w, n).synced)
				synced = false;
		if (synced)
			return;
	}
	fail_msg("seed %" PRIu64 ": no first sync within a minute", w->config.seed);
}

void
world_touch(struct world *w, size_t node, const char *source)
{
	const struct member *m = roster_member(w->mesh.roster, (member_index)node);
	struct core_event ev = { .input = CORE_TOUCH };

	assert_true(address_parse(source, &ev.touch.source.address));
	ev.touch.source.port = 40000;
	ev.touch.destination.address = m->addresses[0];
	ev.touch.destination.port = 2222;
	ev.touch.seen_ms = MESH_TIME_MS + w->now_ms;
	ev.touch.evidence = (struct span){ (const uint8_t *)"SCAN", 4 };
	world_event(w, node, &ev);
}

void
world_touch_from(struct world *w, size_t node, size_t from)
{
	char source[46];

	address_format(&roster_member(w->mesh.roster, (member_index)from)->addresses[0], source);
	w->touched_others[from] = true;
	world_touch(w, node, source);
}

void
world_extend(struct world *w)
{
	struct roster *old = w->mesh.roster, *next;
	size_t before = roster_count(old);

	assert_ok(roster_extend(
	    old, crypto_sodium(), &w->mesh.ca.public_key, mesh_news(&w->mesh, old), &next));
	w->mesh.roster = next;
	for (size_t i = 0; i < w->mesh.count; i++)
		w->mesh.members[i].index = roster_find_id(next, &w->mesh.members[i].id);
	for (size_t i = 0; i < before; i++) {
		struct core_event ev = { .input = CORE_ROSTER, .roster.next = next };
		member_index m = (member_index)i;

		if (roster_member(old, m)->incarnation != roster_member(next, m)->incarnation) {
			w->nodes[i].sequence = 0;
			w->nodes[i].head = (struct hash){ { 0 } };
		}
		if (i < w->config.count && w->nodes[i].core != NULL)
			world_event(w, i, &ev);
	}
	for (size_t i = before; i < roster_count(next); i++)
		w->config.count += roster_is_node(next, (member_index)i);
	roster_free(old);
}
