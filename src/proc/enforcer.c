#include "proc/enforcer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "proc/profiles.h"
#include "sys/log.h"
#include "sys/nft_rules.h"

static struct enforcer enforcer;

/* ---- to the engine ---------------------------------------------------------------- */

static void
tell(struct enforcer *e, uint32_t type, const void *data, size_t size_bytes)
{
	enum err err;

	if (e->engine == NULL)
		return;
	if ((err = ipc_send(e->engine, type, data, size_bytes, NULL, 0)) != ERR_OK)
		log_warn("engine: message %u: %s", type, err_text(err));
}

static void
tell_enforced(struct enforcer *e, const struct msg_enforced *done)
{
	tell(e, MSG_ENFORCED, done, sizeof(*done));
}

static void
tell_effective(struct enforcer *e, bool always)
{
	struct msg_effective now;
	const struct nft_features *f;

	memset(&now, 0, sizeof(now));
	now.mode = e->mode;
	if (e->mode == EFFECTIVE_ENFORCE && e->unlocked != NFT_UNLOCKED_NOTHING)
		now.mode = EFFECTIVE_UNLOCKED;
	if (e->nft != NULL) {
		f = nft_features(e->nft);
		now.netdev_ingress = f->netdev_ingress;
		now.netdev_egress = f->netdev_egress;
		now.destroy_element = f->destroy_element;
	}
	now.destroy_sockets = e->sockets != NULL;
	if (!always && memcmp(&now, &e->said, sizeof(now)) == 0)
		return;
	e->said = now;
	tell(e, MSG_EFFECTIVE, &now, sizeof(now));
}

/* ---- requests ----------------------------------------------------------------------- */

static void
told(struct enforcer *e, const struct enforcer_pending *p, uint32_t sockets)
{
	struct msg_enforced done;

	memset(&done, 0, sizeof(done));
	done.request = p->request;
	done.subject = p->subject;
	done.sockets = sockets;
	done.incident = p->incident;
	tell_enforced(e, &done);
}

static void
destroy_later(struct enforcer *e, const struct enforcer_pending *p)
{
	if (e->pending_count == ENFORCER_PENDING)
		enforcer_destroy_pending(e, told);
	e->pending[e->pending_count++] = *p;
	if (e->pending_count == 1)
		loop_timer_set(e->destroy_timer, loop_now_ms() + LIMIT_DESTROY_DELAY_MS);
}

static void
destroy_now(void *context)
{
	enforcer_destroy_pending(context, told);
}

/* Every field that later code relies on. */
static enum err
check(const struct msg_enforce *m)
{
	uint32_t i;

	if (m->strength > STRENGTH_SEVER || m->address_count > LIMIT_ADDRESSES ||
	    m->address_count == 0 || m->is_member > 1 || m->expires_ms > LIMIT_ENFORCE_MS)
		return ERR_RANGE;
	for (i = 0; i < m->address_count; i++)
		if (m->addresses[i].family != 4 && m->addresses[i].family != 6)
			return ERR_RANGE;
	return ERR_OK;
}

/* Take out what may not be blocked; the rest goes ahead. */
static enum err
sift(struct enforcer *e, struct msg_enforce *m)
{
	static const struct mac unknown;
	enum err err = ERR_OK;
	uint32_t i, kept = 0;
	char text[46];

	for (i = 0; i < m->address_count; i++) {
		struct address *a = &m->addresses[i];

		/* Whatever stands behind the four bytes would make it another key. */
		if (a->family == 4)
			memset(a->bytes + 4, 0, sizeof(a->bytes) - 4);
		if (!enforcer_protected(e, a)) {
			m->addresses[kept++] = *a;
			continue;
		}
		address_format(a, text);
		log_error("refused to block %s: protected", text);
		err = ERR_PROTECTED;
	}
	m->address_count = kept;
	if (memcmp(&m->mac, &unknown, sizeof(unknown)) != 0 && enforcer_protected_mac(e, &m->mac)) {
		log_error("refused to block a link-layer address: this host's own, or a group's");
		m->mac = unknown;
		err = ERR_PROTECTED;
	}
	return err;
}

/*
 * A severed MAC loses ARP and neighbour discovery too, unless an exempt flow of
 * the subject needs them; at CUT the mesh link does.
 */
static enum nft_set
set_of_mac(const struct enforcer *e, const struct msg_enforce *m)
{
	uint32_t i;

	if (m->is_member && m->strength != STRENGTH_SEVER)
		return NFT_CUT;
	for (i = 0; i < m->address_count; i++)
		if (nft_rules_exempt(e->config, &m->addresses[i])) {
			log_warn("a subject is the far end of an exempt flow: the flow stays");
			return NFT_CUT;
		}
	return NFT_SEVER;
}

static void
on_enforce(struct enforcer *e, const struct msg_enforce *message)
{
	const uint64_t arrived_ns = loop_now_ns();
	struct msg_enforce m = *message;
	struct msg_enforced done;
	enum err refused, err;

	memset(&done, 0, sizeof(done));
	done.request = m.request;
	done.subject = m.subject;
	done.incident = m.incident;
	if ((err = check(&m)) != ERR_OK) {
		log_error("a request to enforce makes no sense; refused");
		done.error = (uint32_t)err;
		tell_enforced(e, &done);
		return;
	}
	refused = m.strength == STRENGTH_NONE ? ERR_OK : sift(e, &m);
	if (refused == ERR_OK || m.address_count > 0)
		err = enforcer_apply(e, &m, set_of_mac(e, &m));
	done.error = (uint32_t)(err != ERR_OK ? err : refused);
	done.kernel_ns = e->nft == NULL ? 0 : loop_now_ns() - arrived_ns;
	tell_enforced(e, &done);
	if (err != ERR_OK)
		log_error("the kernel did not take a cut: %s", err_text(err));
	/* HOLD leaves sockets to retry; before all is said, one pass at the end does for all. */
	if (err != ERR_OK || e->nft == NULL || !e->synced ||
	    (m.strength != STRENGTH_CUT && m.strength != STRENGTH_SEVER))
		return;

	struct enforcer_pending p = { .request = m.request,
		.subject = m.subject,
		.incident = m.incident,
		.strength = (enum strength)m.strength,
		.is_member = m.is_member,
		.address_count = m.address_count };
	memcpy(p.addresses, m.addresses, sizeof(p.addresses));
	destroy_later(e, &p);
}

static void
on_lock(struct enforcer *e, const struct msg_lock *m)
{
	const uint64_t arrived_ns = loop_now_ns();
	struct enforcer_pending p = { .request = m->request,
		.subject = UINT32_MAX,
		.incident = m->incident,
		.is_lock = true };
	struct msg_enforced done;
	enum err err = ERR_RANGE;

	if (m->strength <= STRENGTH_SEVER && m->strength != STRENGTH_HOLD)
		err = enforcer_lock(e, (enum strength)m->strength);
	memset(&done, 0, sizeof(done));
	done.request = m->request;
	done.subject = UINT32_MAX;
	done.incident = m->incident;
	done.error = (uint32_t)err;
	done.kernel_ns = e->nft == NULL ? 0 : loop_now_ns() - arrived_ns;
	tell_enforced(e, &done);
	if (err == ERR_DENIED && e->unlocked != NFT_UNLOCKED_NOTHING)
		log_warn("this host's own lock-down is held off by phalanx unlock");
	else if (err != ERR_OK)
		log_error("this host's own lock-down: %s", err_text(err));
	if (err != ERR_OK || e->nft == NULL || m->strength == STRENGTH_NONE)
		return;
	p.strength = (enum strength)m->strength;
	destroy_later(e, &p);
}

static void
tick(void *context)
{
	struct enforcer *e = context;
	struct msg_drift drift;

	if (enforcer_reconcile(e, &drift)) {
		log_warn("drift: missing=%u surplus=%u repaired=%u", drift.missing, drift.surplus,
		    drift.repaired);
		tell(e, MSG_DRIFT, &drift, sizeof(drift));
	}
	tell_effective(e, false);
	/* Nothing to compare, and nothing that runs out: sleep until the engine speaks. */
	loop_timer_set(e->timer, e->nft == NULL ? UINT64_MAX : loop_now_ms() + LIMIT_RECONCILE_MS);
}

/* ---- from the engine ------------------------------------------------------------------ */

static void
on_message(void *context, struct ipc *ipc, const struct ipc_message *message)
{
	struct enforcer *e = context;
	const void *data;

	(void)ipc;
	if (message->fd != -1)
		(void)close(message->fd);
	switch (message->type) {
	case MSG_ENFORCE:
		if (message->size_bytes == sizeof(struct msg_enforce) &&
		    (data = ipc_expect(message, sizeof(struct msg_enforce), NULL, NULL)) != NULL) {
			on_enforce(e, data);
			return;
		}
		break;
	case MSG_LOCK:
		if (message->size_bytes == sizeof(struct msg_lock) &&
		    (data = ipc_expect(message, sizeof(struct msg_lock), NULL, NULL)) != NULL) {
			on_lock(e, data);
			return;
		}
		break;
	case MSG_ENFORCE_ALL:
		if (message->size_bytes == 0) {
			enforcer_settle(e);
			tick(e);
			return;
		}
		break;
	default:
		break;
	}
	log_error("engine: message %u of %zu bytes refused", message->type, message->size_bytes);
}

static void
on_idle(void *context, struct ipc *ipc)
{
	struct enforcer *e = context;

	(void)ipc;
	/* A cut that the kernel did not take is not left for the next period. */
	if (e->dirty && e->nft != NULL && e->unlocked != NFT_UNLOCKED_ALL)
		loop_timer_set(e->timer, loop_now_ms() + LIMIT_ENFORCE_RETRY_MS);
}

static void
on_closed(void *context, struct ipc *ipc, enum err why)
{
	struct enforcer *e = context;

	log_warn("the engine is gone (%s); what stands stays", err_text(why));
	ipc_free(ipc);
	e->engine = NULL;
}

/* A new engine knows nothing of what we were told: it says everything again. */
static void
channel(struct child *child, enum role_id far, int fd)
{
	const struct ipc_handler handler = {
		.message = on_message, .idle = on_idle, .closed = on_closed, .context = &enforcer
	};
	enum err err;

	if (far != ROLE_ENGINE) {
		(void)close(fd);
		return;
	}
	ipc_free(enforcer.engine);
	enforcer.engine = NULL;
	enforcer.synced = false;
	enforcer.lock_known = false;
	enforcer_state_begin(enforcer.state);
	if ((err = ipc_new(child->loop, fd, &handler, &enforcer.engine)) != ERR_OK) {
		log_error("engine: %s", err_text(err));
		return;
	}
	tell_effective(&enforcer, true);
}

/* ---- life ---------------------------------------------------------------------------------- */

static enum err
prepare(struct child *child)
{
	uint64_t seed;
	enum err err;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return ERR_IO;
	enforcer.config = &child->config;
	enforcer.loop = child->loop;
	if ((err = enforcer_state_new(seed, &enforcer.state)) != ERR_OK)
		return err;
	enforcer.unlocked_file = enforcer_unlocked_by_file(enforcer.config);
	return enforcer_open(&enforcer);
}

static enum err
start(struct child *child)
{
	enum err err;

	if ((err = loop_timer_new(child->loop, tick, &enforcer, &enforcer.timer)) != ERR_OK ||
	    (err = loop_timer_new(child->loop, destroy_now, &enforcer, &enforcer.destroy_timer)) !=
	        ERR_OK)
		return err;
	if (enforcer.nft != NULL)
		loop_timer_set(enforcer.timer, loop_now_ms() + LIMIT_RECONCILE_MS);
	return ERR_OK;
}

/* Rules name what the configuration exempts, so they are loaded anew; elements stay. */
static void
reload(struct child *child, const struct config *config)
{
	enum err err;

	child->config = *config;
	enforcer_shut(&enforcer);
	if ((err = enforcer_open(&enforcer)) != ERR_OK) {
		log_error("cannot enforce as newly configured: %s; starting over", err_text(err));
		loop_stop(child->loop, 1);
		return;
	}
	tick(&enforcer);
}

static void
stop(struct child *child)
{
	(void)child;
	/* Fail-secure: the kernel keeps what it holds. */
	enforcer_shut(&enforcer);
	enforcer_state_free(enforcer.state);
	ipc_free(enforcer.engine);
	loop_timer_free(enforcer.timer);
	loop_timer_free(enforcer.destroy_timer);
	memset(&enforcer, 0, sizeof(enforcer));
}

int
main(int argc, char **argv)
{
	static const struct child_role role = {
		.id = ROLE_ENFORCER,
		.name = "enforcer",
		.prepare = prepare,
		.profile = profile_enforcer,
		.start = start,
		.channel = channel,
		.reload = reload,
		.stop = stop,
	};

	return child_main(argc, argv, &role);
}
