/*
 * engine: the process around the core.  Every message from a sibling is
 * checked here, turned into one core event, and the core's actions are carried
 * out at once and in order.
 *
 * Spec: docs/privsep.md, docs/protocol.md.
 */
#include "proc/engine.h"
#include <stdlib.h>
#include <string.h>
#include "proc/profiles.h"
#include "sys/crypto.h"
#include "sys/identity.h"
#include "sys/log.h"

static struct engine engine;

uint32_t
engine_request(struct engine *e)
{
	if (++e->next_request == 0)
		e->next_request = 1;
	return e->next_request;
}

const char *
engine_member_name(const struct engine *e, member_index member)
{
	if (member == MEMBER_NONE || member >= roster_count(e->roster))
		return "-";
	return roster_member(e->roster, member)->name;
}

/* The last cut that this step asked for. */
static uint32_t
asked_cut(struct engine *e)
{
	uint32_t request = 0;

	for (size_t i = 0; i < e->actions.count; i++) {
		const struct core_action *a = &e->actions.list[i];

		if (a->what != CORE_DO_ENFORCE || a->enforce.strength < STRENGTH_CUT)
			continue;
		request = engine_enforce_request(e, a);
	}
	return request;
}

/* Pings and answers make none, and shall not wake us a second time. */
static bool
makes_lines(const struct core_actions *actions)
{
	for (size_t i = 0; i < actions->count; i++)
		if (actions->list[i].what == CORE_DO_ENFORCE ||
		    actions->list[i].what == CORE_DO_LOCK ||
		    actions->list[i].what == CORE_DO_NOTICE)
			return true;
	return false;
}

void
engine_feed(struct engine *e, struct core_event *event)
{
	event->now_ms = loop_now_ms();
	event->unix_ms = loop_unix_ms();
	core_step(e->core, event, &e->actions);
	if (makes_lines(&e->actions)) {
		log_hold();
		engine_later(e);
	}
	for (size_t i = 0; i < e->actions.count; i++)
		engine_carry_out(e, &e->actions.list[i]);
	if (event->input == CORE_TOUCH && asked_cut(e) != 0)
		engine_await_cut(e, asked_cut(e));
	for (size_t i = 0; i < e->actions.count; i++)
		if (e->actions.list[i].what == CORE_DO_ENFORCE ||
		    e->actions.list[i].what == CORE_DO_LOCK)
			engine_log_enforce(e, &e->actions.list[i]);
	loop_timer_set(e->timer, core_deadline(e->core));
	engine_heartbeat(e);
}

static void
on_timer(void *context)
{
	struct core_event event = { .input = CORE_TIMEOUT };

	engine_feed(context, &event);
}

static void
on_later(void *context)
{
	struct engine *e = context;

	e->later_due = false;
	log_release();
	/* A notary that is away is back in a moment. */
	if (e->siblings[ROLE_NOTARY] != NULL)
		engine_keep_now(e);
	else if (e->kept_count > 0)
		engine_later(e);
	engine_enforced_later(e);
}

void
engine_later(struct engine *e)
{
	if (e->later_due)
		return;
	e->later_due = true;
	loop_timer_set(e->later_timer, loop_now_ms() + LIMIT_LATER_MS);
}

/*
 * docs/protocol.md, "First sync": a node that boots has its saved quarantines
 * in the kernel before it opens its network.
 */
void
engine_open_when_ready(struct engine *e)
{
	if (e->opened || !e->replayed || !e->enforcer_told || e->barrier != 0 ||
	    e->siblings[ROLE_NET] == NULL)
		return;
	if (ipc_send(e->siblings[ROLE_NET], MSG_OPEN, NULL, 0, NULL, 0) != ERR_OK)
		return;
	e->opened = true;
	log_info("network opens: saved state is in force");
}

/* ---- channels --------------------------------------------------------------- */

static void
on_message(void *context, struct ipc *ipc, const struct ipc_message *m)
{
	struct engine *e = &engine;
	enum role_id from = *(const enum role_id *)context;

	(void)ipc;
	switch (from) {
	case ROLE_NOTARY:
		engine_hear_notary(e, m);
		break;
	case ROLE_ENFORCER:
		engine_hear_enforcer(e, m);
		break;
	case ROLE_NET:
		engine_hear_net(e, m);
		break;
	case ROLE_DECOY:
		engine_hear_decoy(e, m);
		break;
	case ROLE_WATCH:
		engine_hear_watch(e, m);
		break;
	case ROLE_ADVICE:
		engine_hear_advice(e, m);
		break;
	case ROLE_PARENT:
	case ROLE_ENGINE:
	case ROLE_ANALYSER:
	case ROLE_HOOKS: /* it only listens */
	case ROLE_ID_COUNT:
		break;
	}
}

/* Every link is gone with the net process that held it. */
static void
forget_links(struct engine *e)
{
	for (size_t i = 0; i < roster_count(e->roster); i++) {
		struct core_member_view view;
		struct core_event event = { .input = CORE_LINK_DOWN };

		core_view_member(e->core, (member_index)i, &view);
		if (!view.linked)
			continue;
		event.link.peer = (member_index)i;
		engine_feed(e, &event);
	}
}

static void
on_closed(void *context, struct ipc *ipc, enum err why)
{
	struct engine *e = &engine;
	enum role_id from = *(const enum role_id *)context;

	log_warn("a sibling is gone: role %d: %s", (int)from, err_text(why));
	if (e->siblings[from] != ipc)
		return;
	e->siblings[from] = NULL;
	ipc_free(ipc);
	if (from == ROLE_NET) {
		e->opened = false;
		forget_links(e);
	}
}

static void
channel(struct child *child, enum role_id far, int fd)
{
	static const enum role_id roles[ROLE_ID_COUNT] = { ROLE_PARENT, ROLE_NOTARY, ROLE_ENFORCER,
		ROLE_NET, ROLE_DECOY, ROLE_WATCH, ROLE_ENGINE, ROLE_ADVICE, ROLE_ANALYSER,
		ROLE_HOOKS };
	struct engine *e = &engine;
	struct ipc_handler handler = { .message = on_message, .closed = on_closed };
	enum err err;

	handler.context = (void *)(uintptr_t)&roles[far];
	if (e->siblings[far] != NULL) {
		ipc_free(e->siblings[far]);
		e->siblings[far] = NULL;
		if (far == ROLE_NET) {
			e->opened = false;
			forget_links(e);
		}
	}
	if ((err = ipc_new(child->loop, fd, &handler, &e->siblings[far])) != ERR_OK) {
		log_error("channel to role %d: %s", (int)far, err_text(err));
		return;
	}
	if (far == ROLE_NET)
		ipc_gather(e->siblings[far]);
	if (far == ROLE_NOTARY)
		engine_tell(e, far, MSG_REPLAY, NULL, 0, (struct span){ 0 });
	else if (far == ROLE_ENFORCER && e->replayed)
		engine_enforce_again(e);
	else if (far == ROLE_ADVICE)
		engine_advice_again(e);
	else if (far == ROLE_NET)
		engine_pin_again(e);
	else if (far == ROLE_HOOKS)
		engine_hooks_again(e);
	engine_open_when_ready(e);
}

/* ---- start ------------------------------------------------------------------- */

static enum err
prepare(struct child *child)
{
	enum err err;

	if ((err = identity_ca_key(child->config.ca_file, &engine.ca)) != ERR_OK) {
		log_error("%s: %s; copy it from the CA: phalanx ca bundle", child->config.ca_file,
		    err_text(err));
		return err;
	}
	err = identity_load_roster(
	    child->config.roster_file, child->config.ca_file, crypto_sodium(), &engine.roster);
	if (err != ERR_OK)
		log_error("roster %s: %s; copy it from the CA: phalanx ca bundle",
		    child->config.roster_file, err_text(err));
	return err;
}

static enum err
start(struct child *child)
{
	static struct core_config config;
	struct engine *e = &engine;
	enum err err;

	e->loop = child->loop;
	e->config = &child->config;
	e->started_ms = loop_now_ms();
	e->self = roster_find_name(e->roster, child->config.name);
	if (!roster_is_node(e->roster, e->self)) {
		log_error("node name %s is not in the roster of mesh %s", child->config.name,
		    roster_mesh_name(e->roster));
		return ERR_CONFIG;
	}
	config.roster = e->roster;
	config.crypto = crypto_sodium();
	config.self = e->self;
	config.policy =
	    child->config.policy == CONFIG_ASSUME_BREACH ? POLICY_ASSUME_BREACH : POLICY_ATTRIBUTE;
	config.threshold = child->config.threshold;
	config.corroboration = child->config.corroboration;
	config.seed = loop_now_ns() ^ loop_unix_ms();
	memcpy(config.ignored, child->config.ignored, sizeof(config.ignored));
	config.ignored_count = child->config.ignored_count;

	if ((err = engine_enforce_grow(e, roster_count(e->roster))) != ERR_OK)
		return err;
	if ((err = core_new(&config, loop_now_ms(), loop_unix_ms(), &e->core)) != ERR_OK)
		return err;
	if ((err = loop_timer_new(e->loop, on_timer, e, &e->timer)) != ERR_OK)
		return err;
	if ((err = loop_timer_new(e->loop, on_later, e, &e->later_timer)) != ERR_OK ||
	    (err = engine_roster_start(e)) != ERR_OK || (err = engine_tell_start(e)) != ERR_OK ||
	    (err = engine_post_start(e)) != ERR_OK || (err = engine_advice_start(e)) != ERR_OK)
		return err;
	loop_timer_set(e->timer, core_deadline(e->core));
	log_info("engine of %s: mesh %s epoch %llu, %zu members, %zu heads", child->config.name,
	    roster_mesh_name(e->roster),
	    (unsigned long long)epoch_number(roster_current(e->roster)), roster_count(e->roster),
	    epoch_heads(roster_current(e->roster)));
	return ERR_OK;
}

static void
control(struct child *child, int fd)
{
	(void)child;
	engine_control(&engine, fd);
}

/* What the core was made with needs a restart; the rest is read where it is used. */
static void
reload(struct child *child, const struct config *config)
{
	(void)child;
	(void)config;
	engine.reloads++;
}

static void
stop(struct child *child)
{
	(void)child;
	engine_keep_now(&engine);
	log_release();
}

int
main(int argc, char **argv)
{
	static const struct child_role role = {
		.id = ROLE_ENGINE,
		.name = "engine",
		.prepare = prepare,
		.profile = profile_engine,
		.start = start,
		.channel = channel,
		.control = control,
		.reload = reload,
		.stop = stop,
	};

	return child_main(argc, argv, &role);
}
