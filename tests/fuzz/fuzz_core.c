/*
 * Whatever four peers, the notary, the clocks and the network do, in whatever
 * order, core_step() keeps its promises: L2 only on grounds that somebody
 * really signed (invariant 1), certificates that verify, a voter counted once
 * (3), neither vote nor data plane before first sync (8), bounded actions,
 * objects and checks (14), and no action that names what is not there.
 *
 * The input is a script: each step begins with its kind.  A signature is a
 * keyed hash that only this harness makes, so it knows all that was ever
 * signed, and no mutation forges one.
 */
#include "tests/fuzz/core_check.h"

#define SIGNED_ITEMS 8 /* in one SyncItems */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* ---- the script ---------------------------------------------------------------- */

struct script {
	const uint8_t *at;
	size_t left;
};

static uint8_t
take(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->at++;
}

static uint16_t
take_two(struct script *s)
{
	uint8_t high = take(s);

	return (uint16_t)(high << 8 | take(s));
}

static struct span
take_bytes(struct script *s, size_t size_bytes)
{
	struct span taken = { s->at, size_bytes < s->left ? size_bytes : s->left };

	s->at += taken.size_bytes;
	s->left -= taken.size_bytes;
	return taken;
}

/* Milliseconds: 0 to 19 h, small steps as likely as large ones. */
static uint64_t
take_ms(struct script *s)
{
	uint8_t b = take(s);

	return (uint64_t)(b & 31) << (b >> 5) * 3;
}

/* ---- effects --------------------------------------------------------------------- */

static void
take_effect(struct world *w, const struct core_action *a)
{
	if (a->what == CORE_DO_APPEND) {
		struct draft *d = &w->drafts[w->draft_count];

		PROMISE(w->draft_count < LIMIT_PENDING_APPENDS);
		d->request = a->append.request;
		d->size_bytes = a->append.body.size_bytes;
		d->body = malloc(d->size_bytes);
		PROMISE(d->body != NULL);
		memcpy(d->body, a->append.body.data, d->size_bytes);
		w->draft_count++;
	} else if (a->what == CORE_DO_KEEP && w->disk_count < STEPS_MOST) {
		save(
		    &w->disk[w->disk_count++], a->keep.bytes.data, a->keep.bytes.size_bytes, false);
	} else if (a->what == CORE_DO_FLUSH) {
		w->flush_token = a->flush.token;
	}
}

static void
step(struct world *w, struct core_event *ev)
{
	ev->now_ms = w->now_ms;
	ev->unix_ms = w->unix_ms;
	core_step(w->core, ev, &w->actions);
	core_check(w);
	for (size_t i = 0; i < w->actions.count; i++)
		take_effect(w, &w->actions.list[i]);
}

static void
deliver(struct world *w, member_index from, const uint8_t *bytes, size_t size_bytes)
{
	struct core_event ev = { .input = CORE_MESSAGE };
	/* Of exactly its size, so that a byte too far is seen. */
	uint8_t *copy = malloc(size_bytes + (size_bytes == 0));

	PROMISE(copy != NULL);
	if (size_bytes > 0)
		memcpy(copy, bytes, size_bytes);
	ev.message.from = from;
	ev.message.bytes = (struct span){ copy, size_bytes };
	step(w, &ev);
	free(copy);
}

/* ---- steps: messages ----------------------------------------------------------------- */

static member_index
take_member(struct script *s)
{
	return (member_index)(take(s) % MEMBERS);
}

/* Sometimes one that does not exist. */
static member_index
take_link(struct script *s)
{
	uint8_t b = take(s);

	return b < 250 ? (member_index)(b % MEMBERS) : (member_index)(b * 256);
}

static void
fill_header(struct world *w, struct script *s, struct entry *e, member_index author)
{
	uint8_t how = take(s);

	e->header = (struct entry_header){ .mesh = *roster_mesh(roster),
		.epoch = 1,
		.author = *ids[author],
		.incarnation = 1,
		.sequence = ++w->sequence[author],
		.time_ms = w->unix_ms };
	memset(e->header.previous.bytes, e->header.sequence == 1 ? 0 : 1, 32);
	if ((how & 1) != 0)
		e->header.time_ms -= take_ms(s);
	if ((how & 2) != 0)
		e->header.time_ms += take_ms(s);
	if ((how & 4) != 0)
		e->header.sequence = take_two(s) + 1U;
	if ((how & 8) != 0)
		e->header.incarnation = take(s);
	if ((how & 16) != 0)
		e->header.epoch = take(s);
	if (e->header.sequence == 1)
		memset(e->header.previous.bytes, 0, 32);
}

static void
fill_certificate(struct world *w, struct script *s, struct entry *e, member_index subject)
{
	static uint8_t voters[1], signatures[8 * 64];
	uint64_t window = ballot_window(w->unix_ms) + take(s) % 4 - 1;
	size_t count = 0;

	voters[0] = take(s);
	for (member_index m = 0; m < 8; m++) {
		struct signature signature = { 0 };

		if ((voters[0] >> m & 1) == 0)
			continue;
		if (m < MEMBERS && take(s) < 240)
			signature = sign_ballot(w, m, subject, window);
		memcpy(signatures + 64 * count++, signature.bytes, 64);
	}
	e->certificate = (struct certificate){ .level = LEVEL_QUARANTINE,
		.subject = *ids[subject],
		.epoch = 1,
		.window = window,
		.voters = { voters, 1 },
		.signatures = { signatures, 64 * count } };
}

static void
fill_statement(struct world *w, struct script *s, struct entry *e, member_index subject)
{
	member_index author = roster_find_id(roster, &e->header.author);
	uint8_t how = take(s);

	e->statement = (struct statement){ .subject = *ids[subject],
		.class = CLASS_HONEYPOT_TRIPPED,
		.source = { roster_member(roster, subject)->addresses[0], 40000 },
		.destination = { roster_member(roster, author)->addresses[0], 2222 },
		.decoy = how % 16U,
		.evidence_bytes = how % 8U,
		.score = how % 11U,
		.seen_ms = w->unix_ms };
	if (how >= 200) {
		e->statement.class = (enum event_class)(1 + take(s) % 11);
		e->statement.source.address = roster_member(roster, take_member(s))->addresses[0];
		e->statement.evidence_bytes = take_two(s) % (LIMIT_EVIDENCE_BYTES + 1U);
		e->statement.seen_ms -= take_ms(s);
		e->statement.round = take(s) & 1;
	}
	keyed_sha256(NULL, "", e->statement.evidence, e->statement.evidence_bytes,
	    &e->statement.evidence_digest);
}

/* An entry by any member, mostly one that is worth something; its size, or 0. */
static size_t
forge(struct world *w, struct script *s, uint8_t *out, size_t room)
{
	static const enum entry_kind kinds[] = { ENTRY_STATEMENT, ENTRY_VERDICT, ENTRY_SELF_REPORT,
		ENTRY_CERTIFICATE };
	static struct entry e;
	member_index author = take_member(s), subject = take_member(s);
	uint8_t how = take(s);
	struct hash hash;
	size_t size;

	memset(&e, 0, sizeof(e));
	e.kind = kinds[how % 4];
	fill_header(w, s, &e, author);
	switch (e.kind) {
	case ENTRY_STATEMENT:
		fill_statement(w, s, &e, subject);
		break;
	case ENTRY_VERDICT:
		e.verdict.level = (how & 64) == 0 ? LEVEL_QUARANTINE : LEVEL_RELEASE;
		e.verdict.subject = *ids[subject];
		e.verdict.window = ballot_window(w->unix_ms) + take(s) % 4 - 1;
		e.verdict.round = (how & 128) != 0;
		if ((how & 32) == 0)
			e.verdict.ballot_signature =
			    sign_ballot(w, author, subject, e.verdict.window);
		else /* a ballot of another's, or nobody's */
			e.verdict.ballot_signature = sign_ballot(
			    w, take_member(s), take_member(s), e.verdict.window + take(s) % 2);
		break;
	case ENTRY_CERTIFICATE:
		fill_certificate(w, s, &e, subject);
		break;
	case ENTRY_SELF_REPORT:
	case ENTRY_PROOF:
	case ENTRY_RELEASE:
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		e.self_report.kind =
		    (how & 64) == 0 ? SELF_REPORT_PRECAUTION : SELF_REPORT_CONFESSION;
		e.self_report.reason = (enum event_class)(1 + take(s) % 11);
		e.self_report.round = (how & 128) != 0;
		e.self_report.source =
		    (struct endpoint){ roster_member(roster, subject)->addresses[0], take(s) };
		break;
	}
	size = wrap(w, &e, author, out, room, &hash);
	if (size > 0)
		remember(w, out, size);
	return size;
}

static void
mutate(struct script *s, uint8_t *bytes, size_t size_bytes)
{
	for (unsigned i = 0; i < 3 && size_bytes > 0; i++)
		bytes[take_two(s) % size_bytes] ^= take(s);
}

static void
step_entry(struct world *w, struct script *s, bool mutated)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	size_t size = forge(w, s, bytes, sizeof(bytes));

	if (mutated)
		mutate(s, bytes, size);
	deliver(w, take_link(s), bytes, size);
}

static void
step_replay(struct world *w, struct script *s, bool mutated)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	size_t count = w->seen_count < REMEMBERED ? w->seen_count : REMEMBERED;
	const struct saved *old;

	if (count == 0)
		return;
	old = &w->seen[take(s) % count];
	memcpy(bytes, old->bytes, old->size_bytes);
	if (mutated)
		mutate(s, bytes, old->size_bytes);
	deliver(w, take_link(s), bytes, old->size_bytes);
}

static struct feed_head
take_head(struct world *w, struct script *s)
{
	member_index author = take_member(s);
	struct feed_head head = { .author = *ids[author],
		.incarnation = 1 + (take(s) > 250),
		.sequence = w->sequence[author] + take(s) % 3U };

	memset(head.hash.bytes, take(s), sizeof(head.hash.bytes));
	if (author == w->config.self && take(s) < 200)
		head.hash = w->head;
	return head;
}

static void
fill_items(struct world *w, struct script *s, struct sync_items *items)
{
	static uint8_t room[SIGNED_ITEMS][4096];

	for (unsigned n = take(s) % SIGNED_ITEMS; items->count < n;) {
		size_t count = w->seen_count < REMEMBERED ? w->seen_count : REMEMBERED;
		uint8_t *out = room[items->count];
		size_t size = 0;

		if (take(s) < 128 || count == 0) {
			size = forge(w, s, out, sizeof(room[0]));
		} else {
			const struct saved *old = &w->seen[take(s) % count];

			size = old->size_bytes;
			memcpy(out, old->bytes, size);
		}
		if (size == 0)
			break;
		if (take(s) >= 240)
			mutate(s, out, size);
		items->items[items->count++] = (struct span){ out, size };
	}
}

static void
step_link_message(struct world *w, struct script *s)
{
	static const enum entry_kind kinds[] = { ENTRY_HELLO, ENTRY_PING, ENTRY_SYNC_BUCKETS,
		ENTRY_SYNC_ITEMS, ENTRY_ROSTER_ASK, ENTRY_ROSTER_PART };
	static uint8_t body[LIMIT_BODY_BYTES], bytes[LIMIT_ENVELOPE_BYTES];
	static struct entry e;
	size_t body_size = sizeof(body), size = sizeof(bytes);
	struct core_view view;
	uint8_t how = take(s);
	uint64_t root;

	core_view(w->core, &view);
	root = (how & 128) == 0 ? view.root : take_two(s);
	memset(&e, 0, sizeof(e));
	e.kind = kinds[how % 6];
	e.header.mesh = *roster_mesh(roster);
	switch (e.kind) {
	case ENTRY_HELLO:
		e.hello =
		    (struct hello){ .incarnation = 1, .root = root, .roster_bytes = take_two(s) };
		if ((how & 16) != 0)
			e.hello.yours = take_head(w, s);
		if ((how & 32) != 0)
			e.hello.mine = take_head(w, s);
		break;
	case ENTRY_PING:
		e.ping = (struct ping){ .nonce = how,
			.answer = (how & 8) != 0,
			.root = root,
			.time_ms = w->unix_ms + take_ms(s) - ((how & 16) != 0 ? take_ms(s) : 0) };
		for (unsigned n = take(s) % (LIMIT_PING_HEADS + 1); e.ping.head_count < n;)
			e.ping.heads[e.ping.head_count++] = take_head(w, s);
		break;
	case ENTRY_SYNC_BUCKETS:
		e.sync_buckets.answer = (how & 8) != 0;
		for (unsigned n = take(s) % 8; n > 0; n--)
			e.sync_buckets.digests[take(s)] = take_two(s);
		break;
	case ENTRY_ROSTER_ASK:
		e.roster_ask.offset = take_two(s);
		break;
	case ENTRY_ROSTER_PART:
		e.roster_part.offset = take_two(s);
		e.roster_part.records = take_bytes(s, take(s));
		e.roster_part.total =
		    e.roster_part.offset + e.roster_part.records.size_bytes + take(s);
		break;
	case ENTRY_SYNC_ITEMS:
	case ENTRY_STATEMENT:
	case ENTRY_VERDICT:
	case ENTRY_SELF_REPORT:
	case ENTRY_PROOF:
	case ENTRY_CERTIFICATE:
	case ENTRY_RELEASE:
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
		fill_items(w, s, &e.sync_items);
		break;
	}
	if (entry_encode(&e, body, &body_size) != ERR_OK ||
	    envelope_write((struct span){ body, body_size }, NULL, bytes, &size) != ERR_OK)
		return;
	if ((how & 64) != 0 && take(s) >= 128)
		mutate(s, bytes, size);
	deliver(w, take_link(s), bytes, size);
}

static void
step_garbage(struct world *w, struct script *s)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	member_index from = take_link(s), key = take_member(s);
	uint8_t how = take(s);
	struct span raw = take_bytes(s, take_two(s) % 2048);
	size_t size = sizeof(bytes);
	struct signature signature;

	if ((how & 1) == 0 || raw.size_bytes == 0) {
		deliver(w, from, raw.data, raw.size_bytes);
		return;
	}
	/* Signed nonsense gets further. */
	signature =
	    keyed_sign(&roster_member(roster, key)->key, DOMAIN_ENTRY, raw.data, raw.size_bytes);
	w->signed_count++;
	w->signed_by[key]++;
	if (envelope_write(raw, (how & 2) == 0 ? &signature : NULL, bytes, &size) == ERR_OK)
		deliver(w, from, bytes, size);
}

/* ---- steps: everything else --------------------------------------------------------- */

static struct address
take_address(struct world *w, struct script *s)
{
	static const char *const others[] = { "198.51.100.7", "10.0.0.9", "127.0.0.1", "::1",
		"fe80::1", "2001:db8::7", "192.0.2.66", "100.64.0.1" };
	uint8_t b = take(s);
	struct address a = { 0 };

	if (b < 128)
		return roster_member(roster, (member_index)(b % MEMBERS))->addresses[b / 8 % 2];
	if (b >= 252)
		return a; /* none */
	PROMISE(address_parse(others[b % 8], &a));
	if (b >= 200)
		a.bytes[3] = take(s);
	(void)w;
	return a;
}

static void
step_touch(struct world *w, struct script *s)
{
	struct core_event ev = { .input = CORE_TOUCH };
	size_t holders;
	member_index source;

	ev.touch.source = (struct endpoint){ take_address(w, s), take_two(s) };
	ev.touch.destination =
	    (struct endpoint){ roster_member(roster, w->config.self)->addresses[0], 2222 };
	ev.touch.decoy = take(s) % 16U;
	ev.touch.seen_ms = w->unix_ms;
	ev.touch.data_seen = (take(s) & 1) != 0;
	ev.touch.evidence = take_bytes(s, take(s));
	source = roster_find_address(roster, &ev.touch.source.address, &holders);
	if (holders == 1)
		w->touched[source] = true;
	step(w, &ev);
}

/* The notary answers one of the drafts: written and signed, or not. */
static void
step_notary(struct world *w, struct script *s, bool fails)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	static struct entry e;
	struct core_event ev = { .input = fails ? CORE_APPEND_FAILED : CORE_APPENDED };
	member_index self = w->config.self;
	struct draft d;
	size_t at, size;

	if (w->draft_count == 0) {
		ev.input = CORE_APPEND_FAILED;
		ev.appended.request = take_two(s);
		step(w, &ev);
		return;
	}
	at = take(s) % w->draft_count;
	d = w->drafts[at];
	w->drafts[at] = w->drafts[--w->draft_count];
	ev.appended.request = d.request;
	if (!fails && w->disk_count < STEPS_MOST) {
		struct hash hash;

		PROMISE(entry_decode((struct span){ d.body, d.size_bytes }, &e) == ERR_OK);
		e.header.author = *ids[self];
		e.header.incarnation = 1;
		e.header.sequence = ++w->sequence[self];
		if (e.header.sequence > 1)
			e.header.previous = w->head;
		if (e.kind == ENTRY_VERDICT)
			e.verdict.ballot_signature = sign_ballot(
			    w, self, roster_find_id(roster, &e.verdict.subject), e.verdict.window);
		size = wrap(w, &e, self, bytes, sizeof(bytes), &hash);
		PROMISE(size > 0);
		w->head = hash;
		save(&w->disk[w->disk_count++], bytes, size, true);
		remember(w, bytes, size);
		ev.appended.bytes = (struct span){ bytes, size };
	} else {
		ev.input = CORE_APPEND_FAILED;
	}
	step(w, &ev);
	free(d.body);
}

static void
boot(struct world *w)
{
	PROMISE(core_new(&w->config, w->now_ms, w->unix_ms, &w->core) == ERR_OK);
	w->started = false;
	w->checks = 0;
	w->wants_confession = false;
	memset(w->condemned, 0, sizeof(w->condemned));
	while (w->draft_count > 0)
		free(w->drafts[--w->draft_count].body);
}

/* A crash: what the disk holds comes back, or only its older part. */
static void
step_restart(struct world *w, struct script *s)
{
	size_t kept = take(s) < 200 ? w->disk_count : take(s) % (w->disk_count + 1);

	core_free(w->core);
	boot(w);
	for (size_t i = 0; i < kept; i++) {
		struct core_event ev = { .input = CORE_RESTORED };

		ev.restored.bytes = (struct span){ w->disk[i].bytes, w->disk[i].size_bytes };
		ev.restored.own = w->disk[i].own;
		step(w, &ev);
	}
}

static void
step_start(struct world *w, struct script *s)
{
	struct core_event ev = { .input = CORE_START };

	ev.start.sequence = w->sequence[w->config.self];
	ev.start.hash = w->head;
	ev.start.lost_state = take(s) >= 250;
	w->started = true;
	step(w, &ev);
}

static void
step_link(struct world *w, struct script *s, enum core_input input)
{
	struct core_event ev = { .input = input };

	ev.link.peer = take_link(s);
	ev.link.address = take_address(w, s);
	step(w, &ev);
}

static void
step_time(struct world *w, struct script *s)
{
	struct core_event ev = { .input = CORE_TIMEOUT };
	uint64_t deadline = core_deadline(w->core);
	uint8_t how = take(s);
	uint64_t passed_ms = take_ms(s);

	if ((how & 1) != 0 && deadline != UINT64_MAX && deadline > w->now_ms)
		passed_ms = deadline - w->now_ms;
	w->now_ms += passed_ms;
	w->unix_ms += passed_ms;
	if ((how & 2) != 0) /* the wall clock jumps */
		w->unix_ms += take_ms(s);
	if ((how & 4) != 0)
		w->unix_ms -= take_ms(s);
	step(w, &ev);
}

/* More self-reports than count, by one author, in whatever order. */
static void
step_storm(struct world *w, struct script *s)
{
	static uint8_t bytes[4096];
	static struct entry e;
	member_index author = take_member(s), from = take_member(s);
	uint8_t stride = take(s) | 1, kind = take(s);
	struct hash hash;

	for (unsigned i = 0; i < 2 * LIMIT_SELF_REPORTS; i++) {
		memset(&e, 0, sizeof(e));
		e.kind = ENTRY_SELF_REPORT;
		e.header = (struct entry_header){ .mesh = *roster_mesh(roster),
			.epoch = 1,
			.author = *ids[author],
			.incarnation = 1,
			.sequence = 2 + i * stride % 251U,
			.time_ms = w->unix_ms + i % 4 * 1000U };
		memset(e.header.previous.bytes, 1, 32);
		e.self_report =
		    (struct self_report){ .kind = (kind & 1) == 0 ? SELF_REPORT_PRECAUTION
			                                          : SELF_REPORT_CONFESSION,
			    .reason = CLASS_HONEYPOT_TRIPPED };
		deliver(w, from, bytes, wrap(w, &e, author, bytes, sizeof(bytes), &hash));
		w->now_ms += kind / 2;
		w->unix_ms += kind / 2;
	}
}

static void
step_other(struct world *w, struct script *s)
{
	struct core_event ev = { .input = CORE_FLUSHED };
	uint8_t how = take(s);

	if (how % 16 == 2) {
		step_storm(w, s);
		return;
	}
	if (how % 4 == 0) {
		ev.flushed.token = how < 200 ? w->flush_token : take_two(s);
	} else if (how % 4 == 1) {
		ev.input = CORE_NEIGHBOUR;
		ev.neighbour.address = take_address(w, s);
		memset(ev.neighbour.mac.bytes, take(s) % 4, sizeof(ev.neighbour.mac.bytes));
	} else if (how >= 240) {
		ev.input = CORE_CONFESS;
		ev.confess.reason = CLASS_TAMPER;
		w->wants_confession = true;
	}
	step(w, &ev);
}

static void
run_one(struct world *w, struct script *s)
{
	switch (take(s) % 16) {
	case 0:
	case 1:
		step_entry(w, s, false);
		break;
	case 2:
		step_entry(w, s, true);
		break;
	case 3:
		step_replay(w, s, take(s) >= 192);
		break;
	case 4:
	case 5:
		step_link_message(w, s);
		break;
	case 6:
		step_garbage(w, s);
		break;
	case 7:
	case 8:
		step_touch(w, s);
		break;
	case 9:
		step_notary(w, s, take(s) >= 224);
		break;
	case 10:
		step_link(w, s, CORE_LINK_UP);
		break;
	case 11:
		step_link(w, s, CORE_LINK_DOWN);
		break;
	case 12:
	case 13:
		step_time(w, s);
		break;
	case 14:
		step_other(w, s);
		break;
	case 15:
		if (take(s) < 192)
			step_start(w, s);
		else
			step_restart(w, s);
		break;
	}
}

/* ---- a run --------------------------------------------------------------------------- */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	roster = keyed_roster(MEMBERS);
	PROMISE(roster != NULL);
	for (member_index m = 0; m < MEMBERS; m++)
		ids[m] = &roster_member(roster, m)->id;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	static struct world w;
	struct script script = { data, size_bytes }, *s = &script;
	uint8_t how = take(s);

	memset(&w, 0, sizeof(w));
	w.now_ms = 1000;
	w.unix_ms = START_MS;
	w.config = (struct core_config){ .roster = roster,
		.crypto = &crypto_keyed,
		.self = (member_index)(how % MEMBERS),
		.policy = (how & 128) != 0 ? POLICY_ASSUME_BREACH : POLICY_ATTRIBUTE,
		.corroboration = how >> 5 & 3,
		.seed = how,
		.ignored_count = 1 };
	PROMISE(address_parse("192.0.2.66", &w.config.ignored[0]));
	boot(&w);
	if (take(s) < 192)
		step_start(&w, s);
	for (size_t i = 0; i < STEPS_MOST && s->left > 0; i++)
		run_one(&w, s);
	core_free(w.core);
	while (w.draft_count > 0)
		free(w.drafts[--w.draft_count].body);
	for (size_t i = 0; i < STEPS_MOST; i++)
		free(w.disk[i].bytes);
	for (size_t i = 0; i < REMEMBERED; i++)
		free(w.seen[i].bytes);
	return 0;
}
