#include "proc/enforcer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sys/log.h"
#include "sys/netlink_host.h"

/* ---- opening ------------------------------------------------------------------ */

/*
 * phalanx unlock survives a reboot by a file.  The state directory may be
 * another process's to write, so only root's word counts, or our own user's.
 */
enum nft_unlocked
enforcer_unlocked_by_file(const struct config *config)
{
	char path[LIMIT_PATH_BYTES + sizeof("/" NFT_UNLOCKED_FILE)], word[8] = "";
	struct stat about;
	ssize_t got;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/" NFT_UNLOCKED_FILE, config->state_dir);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) == -1) {
		if (errno != ENOENT)
			log_errno("%s", path);
		return NFT_UNLOCKED_NOTHING;
	}
	got = read(fd, word, sizeof(word) - 1);
	if (fstat(fd, &about) == -1 || (about.st_uid != 0 && about.st_uid != geteuid())) {
		log_warn("%s: not root's, so it unlocks nothing", path);
		got = -1;
	}
	(void)close(fd);
	if (got <= 0)
		return NFT_UNLOCKED_NOTHING;
	return strncmp(word, "all", 3) == 0 ? NFT_UNLOCKED_ALL : NFT_UNLOCKED_LOCK;
}

static enum err
open_kernel(struct enforcer *e)
{
	enum err err;

	if ((err = nft_open(e->config, &e->nft)) != ERR_OK)
		return err;
	if ((err = nft_unlocked_get(e->nft, &e->unlocked)) != ERR_OK)
		return err;
	if (e->unlocked_file > e->unlocked) {
		if ((err = nft_unlocked_set(e->nft, e->unlocked_file)) != ERR_OK)
			return err;
		e->unlocked = e->unlocked_file;
	}
	/* From here on the kernel's word is the only one. */
	e->unlocked_file = NFT_UNLOCKED_NOTHING;
	if ((err = sockdestroy_open(&e->sockets)) != ERR_OK)
		log_warn("sockets of who is shut out are left to time out: %s", err_text(err));
	return ERR_OK;
}

enum err
enforcer_open(struct enforcer *e)
{
	enum err err;

	e->dirty = true;
	if (e->config->mode == CONFIG_OBSERVE) {
		e->mode = EFFECTIVE_OBSERVE;
		/* What an earlier run in enforce mode left behind is not ours to keep. */
		if ((err = nft_unload()) != ERR_OK && err != ERR_DENIED && err != ERR_UNSUPPORTED)
			log_warn("cuts of an earlier run stand: %s", err_text(err));
		return ERR_OK;
	}
	err = open_kernel(e);
	if (err == ERR_DENIED || err == ERR_UNSUPPORTED) {
		enforcer_shut(e);
		e->mode = EFFECTIVE_LINKS_ONLY;
		log_error("no host can be cut off here (%s): %s", err_text(err),
		    err == ERR_DENIED ? "start phalanxd with CAP_NET_ADMIN"
		                      : "this kernel needs nf_tables; see phalanx doctor");
		return ERR_OK;
	}
	e->mode = EFFECTIVE_ENFORCE;
	return err;
}

void
enforcer_shut(struct enforcer *e)
{
	nft_close(e->nft);
	sockdestroy_close(e->sockets);
	e->nft = NULL;
	e->sockets = NULL;
}

/* ---- what may not be blocked ------------------------------------------------------ */

bool
enforcer_protected(struct enforcer *e, const struct address *address)
{
	static const uint8_t zeros[16];
	const uint8_t *b = address->bytes;
	bool changed;

	if (address_is_loopback(address))
		return true;
	if (address->family == 4 && (b[0] == 0 || b[0] >= 224))
		return true;
	if (address->family == 6 && (b[0] == 0xff || memcmp(b, zeros, sizeof(zeros)) == 0))
		return true;
	if (e->nft == NULL)
		return false;
	/* If the kernel does not tell now, what it told last holds. */
	if (netlink_host_refresh(nft_host(e->nft), &changed) == ERR_OK && changed)
		e->dirty = true;
	return netlink_host_owns_address(nft_host(e->nft), address);
}

bool
enforcer_protected_mac(struct enforcer *e, const struct mac *mac)
{
	/* The group bit: multicast and broadcast. */
	if ((mac->bytes[0] & 1) != 0)
		return true;
	return e->nft != NULL && netlink_host_owns_mac(nft_host(e->nft), mac);
}

/* ---- one change --------------------------------------------------------------------- */

static enum err
tell_kernel(struct enforcer *e, const struct enforcer_change *c)
{
	enum err err;

	if (e->nft == NULL)
		return e->mode == EFFECTIVE_OBSERVE ? ERR_OK : ERR_DENIED;
	if (e->unlocked == NFT_UNLOCKED_ALL)
		return ERR_DENIED;
	if (c->add_count + c->remove_count == 0)
		return ERR_OK;
	err = nft_change(e->nft, c->remove, c->remove_count, c->add, c->add_count);
	if (err != ERR_OK)
		e->dirty = true;
	return err;
}

enum err
enforcer_apply(struct enforcer *e, const struct msg_enforce *m, enum nft_set mac_set)
{
	struct enforcer_change change;
	enum err err;

	if ((err = enforcer_state_set(e->state, m, mac_set, loop_now_ms(), &change)) != ERR_OK)
		return err;
	return tell_kernel(e, &change);
}

enum err
enforcer_lock(struct enforcer *e, enum strength strength)
{
	enum err err;

	e->lock = strength;
	e->lock_known = true;
	if (e->nft == NULL)
		return e->mode == EFFECTIVE_OBSERVE ? ERR_OK : ERR_DENIED;
	if (strength != STRENGTH_NONE && e->unlocked != NFT_UNLOCKED_NOTHING)
		return ERR_DENIED;
	err = nft_lock(e->nft, strength);
	if (err != ERR_OK)
		e->dirty = true;
	return err;
}

/* ---- sockets ------------------------------------------------------------------------- */

/* The far ends of exempt flows, whose sockets live on. */
static size_t
exempt_ends(const struct config *config, struct endpoint out[LIMIT_DNS + 1])
{
	size_t count = 0;
	uint32_t i;

	if (config->coordinator.address.family != 0)
		out[count++] = config->coordinator;
	for (i = 0; i < config->dns_count; i++)
		out[count++] = (struct endpoint){ config->dns[i], 53 };
	return count;
}

static uint32_t
destroy(struct enforcer *e, struct sockdestroy_filter *filter)
{
	struct endpoint ends[LIMIT_DNS + 1];
	uint32_t destroyed = 0;
	enum err err;

	if (e->sockets == NULL || e->nft == NULL || e->unlocked == NFT_UNLOCKED_ALL)
		return 0;
	filter->spared = ends;
	filter->spared_count = exempt_ends(e->config, ends);
	filter->management = e->config->management;
	filter->management_count = e->config->management_count;
	if ((err = sockdestroy_run(e->sockets, filter, &destroyed)) != ERR_OK)
		log_warn("sockets of who is shut out may linger: %s", err_text(err));
	return destroyed;
}

void
enforcer_destroy_pending(struct enforcer *e,
    void (*done)(struct enforcer *, const struct enforcer_pending *, uint32_t sockets))
{
	size_t i, j;

	for (i = 0; i < e->pending_count; i++) {
		const struct enforcer_pending *p = &e->pending[i];
		bool mesh = p->strength == STRENGTH_CUT && (p->is_member || p->is_lock);
		struct sockdestroy_filter filter = { .spare_port = mesh ? e->config->p2p_port : 0 };
		uint32_t destroyed = 0;

		if (p->is_lock && e->unlocked == NFT_UNLOCKED_NOTHING)
			destroyed = destroy(e, &filter);
		for (j = 0; j < p->address_count; j++) {
			filter.far = p->addresses[j];
			destroyed += destroy(e, &filter);
		}
		done(e, p, destroyed);
	}
	e->pending_count = 0;
}

static enum strength
strength_of(void *context, const struct address *far)
{
	const struct enforcer *e = context;

	return enforcer_state_strength(e->state, far);
}

void
enforcer_settle(struct enforcer *e)
{
	struct sockdestroy_filter filter = {
		.spare_port = e->config->p2p_port, .strength = strength_of, .context = e
	};
	struct enforcer_change change;
	size_t cursor = 0;

	while (enforcer_state_stale(e->state, &cursor, loop_now_ms(), &change))
		if (tell_kernel(e, &change) != ERR_OK)
			e->dirty = true;
	if (!e->lock_known) {
		e->lock = STRENGTH_NONE;
		e->lock_known = true;
	}
	e->synced = true;
	/* Elements that nobody wants may stand from before. */
	e->dirty = true;
	if (enforcer_state_count(e->state) > 0)
		(void)destroy(e, &filter);
}

/* ---- comparing ------------------------------------------------------------------------- */

struct comparison {
	struct enforcer *enforcer;
	struct msg_drift *drift;
	uint64_t now_ms;
	struct nft_element remove[LIMIT_NETLINK_BATCH], add[LIMIT_NETLINK_BATCH];
	size_t remove_count, add_count;
	enum err err;
};

static void
flush(struct comparison *c)
{
	enum err err;

	if (c->remove_count + c->add_count == 0)
		return;
	err = nft_change(c->enforcer->nft, c->remove, c->remove_count, c->add, c->add_count);
	if (err == ERR_OK)
		c->drift->repaired += (uint32_t)(c->remove_count + c->add_count);
	else
		c->err = err;
	c->remove_count = c->add_count = 0;
}

/* While the dump runs, only collect: the answers must not mix. */
static void
each_found(void *context, const struct nft_element *found)
{
	struct comparison *c = context;
	struct nft_element wanted;

	switch (enforcer_state_compare_seen(c->enforcer->state, found, c->now_ms, &wanted)) {
	case SEEN_WANTED:
		break;
	case SEEN_STALE:
		c->drift->missing++;
		if (c->add_count < LIMIT_NETLINK_BATCH)
			c->add[c->add_count++] = wanted;
		break;
	case SEEN_SURPLUS:
		if (!c->enforcer->synced)
			break;
		c->drift->surplus++;
		if (c->remove_count < LIMIT_NETLINK_BATCH)
			c->remove[c->remove_count++] = *found;
		break;
	}
}

static void
repair_lock(struct comparison *c, enum strength found)
{
	struct enforcer *e = c->enforcer;
	enum strength wanted = e->unlocked == NFT_UNLOCKED_NOTHING ? e->lock : STRENGTH_NONE;
	enum err err;

	if (!e->lock_known || found == wanted)
		return;
	if (wanted > found)
		c->drift->missing++;
	else
		c->drift->surplus++;
	if ((err = nft_lock(e->nft, wanted)) == ERR_OK)
		c->drift->repaired++;
	else
		c->err = err;
}

/* One pass over what the kernel holds.  More than a batch of repairs takes another. */
static bool
compare(struct comparison *c)
{
	struct enforcer *e = c->enforcer;
	enum strength lock = STRENGTH_NONE;
	size_t cursor = 0;
	bool full;

	c->now_ms = loop_now_ms();
	enforcer_state_compare_begin(e->state);
	if ((c->err = nft_dump(e->nft, each_found, c, &lock)) != ERR_OK)
		return false;
	full = c->add_count == LIMIT_NETLINK_BATCH || c->remove_count == LIMIT_NETLINK_BATCH;
	flush(c);
	repair_lock(c, lock);
	while (
	    enforcer_state_compare_missing(e->state, &cursor, c->now_ms, &c->add[c->add_count])) {
		c->drift->missing++;
		if (++c->add_count == LIMIT_NETLINK_BATCH)
			flush(c);
	}
	flush(c);
	return full && c->err == ERR_OK;
}

/* Did people run phalanx unlock, or its --undo? */
static void
look_unlocked(struct enforcer *e)
{
	enum nft_unlocked before = e->unlocked;

	if (nft_unlocked_get(e->nft, &e->unlocked) != ERR_OK || e->unlocked == before)
		return;
	switch (e->unlocked) {
	case NFT_UNLOCKED_NOTHING:
		log_warn("phalanx unlock is undone: enforcing again");
		break;
	case NFT_UNLOCKED_LOCK:
		log_warn("phalanx unlock: this host's own lock-down is not applied");
		break;
	case NFT_UNLOCKED_ALL:
		log_warn("phalanx unlock --all: nobody is cut off by this host");
		break;
	}
}

bool
enforcer_reconcile(struct enforcer *e, struct msg_drift *drift)
{
	struct comparison c = { .enforcer = e, .drift = drift };
	bool disturbed = true, reloaded = false;
	int pass;

	memset(drift, 0, sizeof(*drift));
	enforcer_state_expire(e->state, loop_now_ms());
	if (e->nft == NULL)
		return false;
	if (nft_disturbed(e->nft, &disturbed) == ERR_OK && !disturbed && !e->dirty)
		return false;
	look_unlocked(e);
	if (e->unlocked == NFT_UNLOCKED_ALL) {
		e->dirty = true;
		return false;
	}
	c.err = nft_verify(e->nft, &reloaded);
	if (reloaded) {
		log_warn("the rules were not as loaded, or devices changed: loaded anew");
		drift->repaired++;
	}
	for (pass = 0; c.err == ERR_OK && pass < LIMIT_ENFORCED / LIMIT_NETLINK_BATCH; pass++)
		if (!compare(&c))
			break;
	e->dirty = c.err != ERR_OK;
	if (e->dirty)
		log_error("the kernel may not hold every cut: %s", err_text(c.err));
	return drift->missing + drift->surplus + drift->repaired > 0;
}
