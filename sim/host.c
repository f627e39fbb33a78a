#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/adversary.h"
#include "sim/digest.h"
#include "sim/invariants.h"
#include "sim/sim.h"

#define KEEP_SYNC_MS 5 /* as the notary's */

void
host_init(struct sim *s, size_t index, member_index member)
{
	struct host *h = &s->hosts[index];
	bool observed = index < OBSERVED_MAX && index < s->count && !s->options.unjudged;

	*h = (struct host){ .member = member,
		.observed = observed ? (int)index : -1,
		.liar = index < s->count && s->authority->members[member].liar,
		.roster = s->authority->roster,
		.known = s->authority->roster,
		.deadline_ms = UINT64_MAX,
		.timer = index };
	if ((h->kernel = calloc(s->host_count, 1)) == NULL)
		abort();
}

void
host_free(struct host *h)
{
	core_free(h->core);
	disk_free(&h->disk);
	free(h->kernel);
}

uint64_t
host_unix_ms(const struct sim *s, const struct host *h)
{
	int64_t drift_ms = (int64_t)s->now_ms * h->clock_ppm / 1000000;

	return (uint64_t)((int64_t)(AUTHORITY_TIME_MS + s->now_ms) + h->clock_offset_ms + drift_ms);
}

/* ---- the heap of timers -------------------------------------------------------------- */

static bool
is_before(const struct sim *s, uint32_t a, uint32_t b)
{
	uint64_t left = s->hosts[a].deadline_ms, right = s->hosts[b].deadline_ms;

	return left != right ? left < right : a < b;
}

static void
place(struct sim *s, size_t at, uint32_t host)
{
	s->timers[at] = host;
	s->hosts[host].timer = at;
}

static void
set_deadline(struct sim *s, size_t index, uint64_t at_ms)
{
	struct host *h = &s->hosts[index];
	uint32_t me = (uint32_t)index;
	size_t at = h->timer;

	if (at_ms == h->deadline_ms)
		return;
	h->deadline_ms = at_ms;
	while (at > 0 && is_before(s, me, s->timers[(at - 1) / 2])) {
		place(s, at, s->timers[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < s->host_count &&
		    is_before(s, s->timers[child + 1], s->timers[child]))
			child++;
		if (child >= s->host_count || !is_before(s, s->timers[child], me))
			break;
		place(s, at, s->timers[child]);
		at = child;
	}
	place(s, at, me);
}

static void
update_deadline(struct sim *s, size_t index)
{
	const struct host *h = &s->hosts[index];
	uint64_t at_ms = h->core == NULL ? UINT64_MAX : core_deadline(h->core);

	if (at_ms < h->stalled_until_ms)
		at_ms = h->stalled_until_ms;
	set_deadline(s, index, at_ms);
}

/* ---- dying --------------------------------------------------------------------------- */

void
host_crash(struct sim *s, size_t index, bool power)
{
	struct host *h = &s->hosts[index];

	if (h->core == NULL)
		return;
	core_free(h->core);
	h->core = NULL;
	h->life++;
	h->doom.set = false;
	h->stalled_until_ms = 0;
	trace_line(&s->trace, s->now_ms, "n%zu %s", index, power ? "loses power" : "is killed");
	if (power) {
		disk_lose_power(&h->disk, &s->fault_prng[FAULT_POWER]);
		memset(h->kernel, 0, s->host_count);
		h->lock = STRENGTH_NONE;
	}
	invariants_crashed(s, index, power);
	update_deadline(s, index);
	/* A killed process resets its connections; a dark host just falls silent. */
	fabric_update(s, index, power ? 1000 : 0);
	if (!h->waits_to_boot) {
		struct happening boot = { .kind = HAPPEN_BOOT, .to = (uint16_t)index };

		h->waits_to_boot = true;
		queue_add(&s->queue, s->now_ms + sim_between(&s->prng, 50, 8000), &boot);
	}
}

/* Its hour has come?  True: it is dead. */
static bool
is_doomed(struct sim *s, size_t index, enum point point)
{
	struct doom *d = &s->hosts[index].doom;

	if (!d->set || d->point != point || d->countdown-- > 0)
		return false;
	host_crash(s, index, d->power);
	return true;
}

/* ---- sending ------------------------------------------------------------------------- */

static void
find_records(struct sim *s, struct payload *p, struct span bytes)
{
	struct envelope envelope;
	struct entry_header header;
	enum entry_kind kind;
	struct entry e;
	struct span single[1] = { bytes }, *items = single;
	size_t count = 1;

	if (envelope_parse(bytes.data, bytes.size_bytes, &envelope) != ERR_OK ||
	    entry_peek(envelope.body, &header, &kind) != ERR_OK)
		return;
	if (kind == ENTRY_SYNC_ITEMS &&
	    entry_decode_rest(envelope.body, &header, kind, &e) == ERR_OK) {
		items = e.sync_items.items;
		count = e.sync_items.count;
	} else if (entry_is_link_message(kind))
		return;
	if ((p->records = calloc(count, sizeof(struct record *))) == NULL)
		abort();
	for (size_t i = 0; i < count; i++) {
		struct record *r = ledger_enter(s->ledger, items[i], s->now_ms);

		if (r == NULL)
			continue;
		p->records[p->record_count++] = r;
	}
}

struct payload *
sim_payload(struct sim *s, struct span bytes)
{
	struct payload *p = payload_new(bytes.data, bytes.size_bytes);

	find_records(s, p, bytes);
	return p;
}

void
host_send(struct sim *s, size_t index, struct span bytes, member_index to, member_index except)
{
	const struct fabric_host *net = &s->fabric.hosts[index];
	struct payload *p = sim_payload(s, bytes);
	struct host *h = &s->hosts[index];

	for (size_t i = 0; i < net->link_count && !(h->drops && p->record_count > 0); i++) {
		member_index peer = s->hosts[net->peers[i]].member;

		if ((to != MEMBER_NONE && to != peer) || peer == except ||
		    (h->liar && !adversary_sends(s, index, net->peers[i], p)))
			continue;
		h->sent_messages++;
		h->sent_bytes += p->size_bytes;
		fabric_send(s, index, net->links[i], p);
	}
	payload_drop(p);
}

/* ---- actions ----------------------------------------------------------------------------- */

static void
to_disk(struct sim *s, size_t index, enum happening_kind kind, uint32_t number, struct span bytes)
{
	struct host *h = &s->hosts[index];
	struct happening e = { .kind = kind,
		.to = (uint16_t)index,
		.number = number,
		.life = h->life,
		.payload = payload_new(bytes.data, bytes.size_bytes) };

	queue_add(&s->queue, s->now_ms + prng_below(&s->fabric.prng, 2), &e);
}

static void
keep_records(struct sim *s, size_t index, uint64_t offset, struct span records)
{
	struct happening e = { .kind = HAPPEN_RECORDS,
		.to = (uint16_t)index,
		.number = (uint32_t)offset,
		.life = s->hosts[index].life,
		.payload = payload_new(records.data, records.size_bytes) };

	queue_add(&s->queue, s->now_ms + 1, &e);
}

void
host_hand_roster(struct sim *s, size_t index)
{
	const struct authority *a = s->authority;
	size_t held = roster_records(s->hosts[index].roster).size_bytes;

	if (s->hosts[index].core != NULL && held < a->log_bytes)
		keep_records(s, index, held, (struct span){ a->log + held, a->log_bytes - held });
}

static void
enforce(struct sim *s, size_t index, const struct core_action *a)
{
	struct host *h = &s->hosts[index];

	/* An address, or a newcomer that has no host here. */
	if (a->enforce.subject >= s->host_count)
		return;
	h->kernel[a->enforce.subject] = (uint8_t)a->enforce.strength;
	invariants_enforced(s, index, a);
	if (a->enforce.strength >= STRENGTH_CUT)
		trace_line(&s->trace, s->now_ms, "n%zu %ss n%u", index,
		    strength_text(a->enforce.strength), a->enforce.subject);
	fabric_update_pair(s, index, a->enforce.subject);
}

static void
perform(struct sim *s, size_t index, const struct core_action *a)
{
	struct host *h = &s->hosts[index];
	struct happening flushed = {
		.kind = HAPPEN_FLUSHED, .to = (uint16_t)index, .life = h->life
	};
	size_t link;

	trace_add(&s->trace, (uint64_t)a->what);
	if (a->what != CORE_DO_SEND)
		h->dirty = true;
	switch (a->what) {
	case CORE_DO_ENFORCE:
		trace_add(&s->trace, (uint64_t)a->enforce.subject << 8 | a->enforce.strength);
		enforce(s, index, a);
		break;
	case CORE_DO_LOCK:
		trace_add(&s->trace, a->lock.strength);
		trace_line(&s->trace, s->now_ms, "n%zu locks itself: %s", index,
		    strength_text(a->lock.strength));
		if (!h->liar)
			h->lock = a->lock.strength;
		fabric_update(s, index, 0);
		break;
	case CORE_DO_APPEND:
		invariants_draft(s, index, a->append.body);
		to_disk(s, index, HAPPEN_WRITE, a->append.request, a->append.body);
		break;
	case CORE_DO_SEND:
		host_send(s, index, a->send.bytes, a->send.to, a->send.except);
		break;
	case CORE_DO_KEEP:
		invariants_kept(s, index, a);
		to_disk(s, index, HAPPEN_KEEP, 0, a->keep.bytes);
		break;
	case CORE_DO_FLUSH:
		flushed.number = a->flush.token;
		queue_add(&s->queue, fabric_arrived_ms(s, index) + 1, &flushed);
		break;
	case CORE_DO_ROSTER:
		trace_add(&s->trace, a->roster.offset);
		keep_records(s, index, a->roster.offset, a->roster.records);
		break;
	case CORE_DO_CLOSE:
		admission_link(s, index, a->close.peer);
		trace_line(&s->trace, s->now_ms, "n%zu closes n%u: %s", index, a->close.peer,
		    err_text(a->close.error));
		if ((link = fabric_find(s, index, a->close.peer)) != SIZE_MAX)
			fabric_break(s, link, 0);
		break;
	case CORE_DO_PUBLISH:
		break; /* there is no coordinator in this world */
	case CORE_DO_NOTICE:
		trace_add(&s->trace, (uint64_t)a->notice.notice << 16 | a->notice.subject);
		invariants_notice(s, index, a);
		if (s->trace.file != NULL)
			trace_line(&s->trace, s->now_ms, "n%zu: %s n%u from n%u %s%s%s", index,
			    notice_text(a->notice.notice), a->notice.subject, a->notice.peer,
			    cause_text(a->notice.cause), a->notice.error == ERR_OK ? "" : ": ",
			    a->notice.error == ERR_OK ? "" : err_text(a->notice.error));
		break;
	}
}

void
host_step(struct sim *s, size_t index, struct core_event *ev)
{
	struct host *h = &s->hosts[index];
	uint32_t life = h->life;

	if (h->core == NULL)
		return;
	s->steps++;
	ev->now_ms = s->now_ms;
	ev->unix_ms = host_unix_ms(s, h);
	trace_add(&s->trace, digest_mix(s->now_ms, index << 8 | (uint64_t)ev->input));
	core_step(h->core, ev, &s->actions);
	for (size_t i = 0; i < s->actions.count; i++) {
		if (i > 0 && is_doomed(s, index, POINT_ACTION))
			return;
		perform(s, index, &s->actions.list[i]);
	}
	if (h->life != life || h->starting)
		return;
	invariants_step(s, index);
	update_deadline(s, index);
}

/* ---- booting ------------------------------------------------------------------------------ */

static void
restore(struct sim *s, size_t index)
{
	struct host *h = &s->hosts[index];
	struct core_event ev = { .input = CORE_RESTORED };

	h->starting = true;
	for (int own = 1; own >= 0; own--)
		for (size_t i = 0; i < h->disk.count; i++) {
			const struct disk_line *line = &h->disk.lines[i];

			if (line->own != own)
				continue;
			ev.restored.own = own;
			ev.restored.bytes =
			    (struct span){ line->bytes->bytes, line->bytes->size_bytes };
			host_step(s, index, &ev);
		}
	h->starting = false;
}

void
host_boot(struct sim *s, size_t index)
{
	struct host *h = &s->hosts[index];
	struct core_config config = { .roster = h->roster,
		.crypto = s->keys.crypto,
		.self = h->member,
		.policy = s->policy,
		.seed = digest_mix(s->options.seed, index) };
	struct core_event ev = { .input = CORE_START };

	h->waits_to_boot = false;
	if (h->core != NULL)
		return;
	trace_line(&s->trace, s->now_ms, "n%zu boots", index);
	disk_open(&h->disk, roster_member(h->roster, h->member)->incarnation);
	h->known = h->roster;
	if (core_new(&config, s->now_ms, host_unix_ms(s, h), &h->core) != ERR_OK)
		abort();
	restore(s, index);
	/* The enforcer reconciles: what nobody asks for any more goes. */
	memset(h->kernel, 0, s->host_count);
	h->lock = STRENGTH_NONE;
	ev.start.sequence = h->disk.sequence;
	ev.start.hash = h->disk.head;
	invariants_booted(s, index);
	host_step(s, index, &ev);
}

void
host_join(struct sim *s, size_t index)
{
	struct happening boot = { .kind = HAPPEN_BOOT, .to = (uint16_t)index };
	struct host *h = &s->hosts[index];

	h->roster = h->known = s->authority->roster;
	h->waits_to_boot = true;
	fabric_join(s, index);
	queue_add(&s->queue, s->now_ms + sim_between(&s->prng, 50, 8000), &boot);
}

void
host_stall(struct sim *s, size_t index, uint64_t until_ms)
{
	struct host *h = &s->hosts[index];

	/* What waited is still heard before what comes later: a link goes down before it comes back. */
	if (until_ms < h->stalled_until_ms)
		queue_hasten(&s->queue, (uint16_t)index, h->stalled_until_ms, until_ms);
	h->stalled_until_ms = until_ms;
	update_deadline(s, index);
}

/* ---- the roster grows ------------------------------------------------------------------------ */

/* The notary does one thing at a time; what it is at may itself have stood still until now. */
static void
wait_for_disk(struct sim *s, const struct happening *e)
{
	uint64_t at_ms = s->hosts[e->to].disk.busy_until_ms;
	struct happening again = *e;

	again.payload = payload_share(e->payload);
	queue_add(&s->queue, at_ms > s->now_ms ? at_ms : s->now_ms, &again);
}

/* The notary proves records, keeps them, begins the feed of a new incarnation, and says so. */
static void
notary_records(struct sim *s, const struct happening *e)
{
	struct host *h = &s->hosts[e->to];
	struct happening next = { .kind = HAPPEN_ROSTER, .to = e->to, .life = h->life };
	struct span log = roster_records(h->roster);
	struct authority *a = s->authority;
	size_t size_bytes = log.size_bytes + e->payload->size_bytes;
	uint64_t incarnation;
	struct roster *forged;

	if (h->disk.busy) {
		wait_for_disk(s, e);
		return;
	}
	if (h->disk.full || e->number != log.size_bytes)
		return;
	if (size_bytes <= a->log_bytes &&
	    memcmp(a->log + log.size_bytes, e->payload->bytes, e->payload->size_bytes) == 0)
		h->roster = authority_roster(a, size_bytes);
	else {
		next.number = roster_extend(h->roster, a->keys->crypto, &a->ca.public_key,
		    (struct span){ e->payload->bytes, e->payload->size_bytes }, &forged);
		if (next.number == ERR_OK)
			violated(s, 10, "n%u takes records that no CA signed", e->to);
	}
	if (h->roster == NULL)
		violated(s, 14, "n%u hands out records that are not whole", e->to);
	incarnation = roster_member(h->roster, h->member)->incarnation;
	if (incarnation != h->disk.incarnation)
		disk_open(&h->disk, incarnation);
	queue_add(&s->queue, s->now_ms, &next);
}

static void
hear_roster(struct sim *s, const struct happening *e)
{
	struct host *h = &s->hosts[e->to];
	struct core_event ev = { .input = CORE_ROSTER };

	ev.roster.error = (enum err)e->number;
	ev.roster.next = e->number == ERR_OK ? h->roster : NULL;
	trace_line(&s->trace, s->now_ms, "n%u holds epoch %" PRIu64 " and %zu bytes of the log",
	    e->to, epoch_number(roster_current(h->roster)), roster_records(h->roster).size_bytes);
	h->dirty = true;
	if (e->number == ERR_OK)
		h->known = h->roster;
	host_step(s, e->to, &ev);
	fabric_update(s, e->to, 0);
}

/* ---- what happens to it ---------------------------------------------------------------------- */

static void
notary_write(struct sim *s, const struct happening *e)
{
	struct host *h = &s->hosts[e->to];
	struct happening next = {
		.kind = HAPPEN_SYNC, .to = e->to, .number = e->number, .life = h->life
	};

	if (is_doomed(s, e->to, POINT_WRITE))
		return;
	if (h->disk.busy) {
		wait_for_disk(s, e);
		return;
	}
	if (!h->disk.full)
		next.payload = disk_write(&h->disk, s->authority, h->member,
		    (struct span){ e->payload->bytes, e->payload->size_bytes });
	if (next.payload == NULL)
		next.kind = HAPPEN_APPENDED;
	else
		h->disk.busy = true;
	h->disk.busy_until_ms = s->now_ms + 1 + prng_below(&s->fabric.prng, 2);
	queue_add(&s->queue, h->disk.busy_until_ms, &next);
}

static void
notary_sync(struct sim *s, const struct happening *e)
{
	struct host *h = &s->hosts[e->to];
	struct happening next = *e;

	if (is_doomed(s, e->to, POINT_WRITTEN))
		return;
	next.kind = HAPPEN_APPENDED;
	next.payload = NULL;
	h->disk.busy = false;
	if (h->disk.full)
		disk_take_back(&h->disk);
	else {
		disk_make_durable(&h->disk, true);
		next.payload = payload_share(e->payload);
	}
	queue_add(&s->queue, s->now_ms, &next);
}

static void
hear_message(struct sim *s, const struct happening *e)
{
	struct core_event ev = { .input = CORE_MESSAGE };
	const struct link_ends *l = &s->fabric.links[e->number];

	if (!l->up || l->life != e->life)
		return;
	s->counts.delivered++;
	if (s->heard != NULL)
		s->heard(s, e->to, e->from, e->payload);
	trace_add(&s->trace, e->payload->digest);
	ev.message.from = s->hosts[e->from].member;
	ev.message.bytes = (struct span){ e->payload->bytes, e->payload->size_bytes };
	if (s->hosts[e->to].liar)
		adversary_hears(s, e->to, e->payload);
	invariants_delivered(s, e->to, e->from, e->payload);
	host_step(s, e->to, &ev);
}

/* One network segment: the kernel knows every far end's link layer. */
static void
hear_neighbour(struct sim *s, size_t index, member_index member)
{
	struct core_event ev = { .input = CORE_NEIGHBOUR };

	ev.neighbour.address = s->authority->members[member].address;
	ev.neighbour.mac = s->authority->members[member].mac;
	host_step(s, index, &ev);
}

static void
hear_link(struct sim *s, const struct happening *e)
{
	const struct link_ends *l = &s->fabric.links[e->number];
	struct core_event ev = { .input =
		                     e->kind == HAPPEN_LINK_UP ? CORE_LINK_UP : CORE_LINK_DOWN };

	if (e->kind == HAPPEN_LINK_UP ? !l->up || l->life != e->life
	                              : s->hosts[e->to].life != e->life)
		return;
	if (e->kind == HAPPEN_LINK_UP)
		hear_neighbour(s, e->to, s->hosts[e->from].member);
	ev.link.peer = s->hosts[e->from].member;
	admission_link(s, e->to, ev.link.peer);
	ev.link.address = s->authority->members[ev.link.peer].address;
	host_step(s, e->to, &ev);
}

static void
hear_disk(struct sim *s, const struct happening *e)
{
	struct host *h = &s->hosts[e->to];
	struct core_event ev = { .input = CORE_APPENDED };
	struct happening kept = { .kind = HAPPEN_KEPT, .to = e->to, .life = h->life };

	switch (e->kind) {
	case HAPPEN_WRITE:
		notary_write(s, e);
		break;
	case HAPPEN_SYNC:
		notary_sync(s, e);
		break;
	case HAPPEN_KEEP:
		if (h->disk.full || is_doomed(s, e->to, POINT_KEEP))
			break;
		disk_keep(&h->disk, e->payload);
		queue_add(&s->queue, s->now_ms + KEEP_SYNC_MS, &kept);
		break;
	case HAPPEN_KEPT:
		disk_make_durable(&h->disk, false);
		break;
	case HAPPEN_APPENDED:
		if (is_doomed(s, e->to, POINT_DURABLE))
			break;
		ev.appended.request = e->number;
		if (e->payload == NULL)
			ev.input = CORE_APPEND_FAILED;
		else {
			ev.appended.bytes =
			    (struct span){ e->payload->bytes, e->payload->size_bytes };
			trace_add(&s->trace, e->payload->digest);
			invariants_signed(s, e->to, ev.appended.bytes);
		}
		host_step(s, e->to, &ev);
		break;
	case HAPPEN_MESSAGE:
	case HAPPEN_LINK_UP:
	case HAPPEN_LINK_DOWN:
	case HAPPEN_FLUSHED:
	case HAPPEN_RECORDS:
	case HAPPEN_ROSTER:
	case HAPPEN_BOOT:
	case HAPPEN_FAULT:
	case HAPPEN_RESUME:
		break;
	}
}

void
host_happen(struct sim *s, struct happening *e)
{
	struct host *h = &s->hosts[e->to];
	struct core_event ev = { .input = CORE_FLUSHED };

	if (h->stalled_until_ms > s->now_ms && e->kind != HAPPEN_BOOT) {
		queue_add(&s->queue, h->stalled_until_ms, e);
		e->payload = NULL;
		return;
	}
	switch (e->kind) {
	case HAPPEN_MESSAGE:
		hear_message(s, e);
		break;
	case HAPPEN_LINK_UP:
	case HAPPEN_LINK_DOWN:
		hear_link(s, e);
		break;
	case HAPPEN_RECORDS:
		if (e->life == h->life)
			notary_records(s, e);
		break;
	case HAPPEN_ROSTER:
		if (e->life == h->life)
			hear_roster(s, e);
		break;
	case HAPPEN_WRITE:
	case HAPPEN_SYNC:
	case HAPPEN_APPENDED:
	case HAPPEN_KEEP:
	case HAPPEN_KEPT:
		if (e->life == h->life)
			hear_disk(s, e);
		break;
	case HAPPEN_FLUSHED:
		ev.flushed.token = e->number;
		if (e->life == h->life)
			host_step(s, e->to, &ev);
		break;
	case HAPPEN_BOOT:
		host_boot(s, e->to);
		break;
	case HAPPEN_FAULT:
	case HAPPEN_RESUME:
		break;
	}
}
