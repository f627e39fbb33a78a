#include "sys/nft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/log.h"
#include "sys/netlink_host.h"
#include "sys/nft_batch.h"
#include "sys/nft_dump.h"
#include "sys/nft_load.h"
#include "sys/nft_rules.h"

/*
 * An empty table that lives as long as our socket (NFT_TABLE_F_OWNER): the
 * one lock of a network namespace that no unprivileged program can take.
 */
#define OWNER_TABLE        "phalanx-owner"
#define UNLOCKED_TABLE     "phalanx-unlocked"
#define UNLOCKED_ALL_TABLE "phalanx-unlocked-all"

enum plan { SKIP, REMOVE, ADD, RENEW };

struct nft {
	struct netlink *netlink;
	struct netlink_host *host; /* NULL: attached only */
	struct config config;      /* for loading anew */
	struct nft_features features;
	bool netdev; /* the table netdev phalanx stands */
	uint16_t local_port_first, local_port_last;
	uint64_t fingerprint;
	uint32_t generation; /* seen last, or made by ourselves since */
	bool uncertain;      /* whether generation is still right */
	bool devices_changed;
	struct nft_batch batch;
	uint8_t buffer[NFT_BATCH_BYTES];
};

/* Every kind of set there is. */
static const struct nft_element kinds[] = {
	{ .set = NFT_CUT, .address.family = 4 },
	{ .set = NFT_CUT, .address.family = 6 },
	{ .set = NFT_SEVER, .address.family = 4 },
	{ .set = NFT_SEVER, .address.family = 6 },
	{ .set = NFT_CUT, .is_mac = true },
	{ .set = NFT_SEVER, .is_mac = true },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/*
 * A batch that adds something makes exactly one generation, which is ours.
 * One that removes or empties may find nothing to do and make none: counting
 * it could hide a change of somebody else's, so look once more instead.
 */
static enum err
commit(struct nft *n, bool adds)
{
	enum err err = nft_batch_commit(&n->batch);

	if (err == ERR_OK && adds)
		n->generation++;
	else
		n->uncertain = true;
	return err;
}

/* ---- loading ------------------------------------------------------------- */

struct saved {
	FILE *text;
};

static void
save_element(void *context, const struct nft_element *element)
{
	struct saved *s = context;
	const char *set;
	uint8_t family;
	char host[46];

	set = nft_batch_set(element, &family);
	if (element->is_mac) {
		const uint8_t *b = element->mac.bytes;

		(void)snprintf(host, sizeof(host), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1],
		    b[2], b[3], b[4], b[5]);
	} else {
		address_format(&element->address, host);
	}
	(void)fprintf(s->text, "add element %s %s %s { %s", element->is_mac ? "netdev" : "inet",
	    NFT_RULES_TABLE, set, host);
	if (element->timeout_ms > 0)
		(void)fprintf(s->text, " timeout %llums", (unsigned long long)element->timeout_ms);
	(void)fputs(" }\n", s->text);
}

/*
 * A table whose sets are not ours, of another version perhaps, is replaced as
 * a whole, in the same transaction, with what its sets of our names hold.
 */
static enum err
replacing(struct nft *n, const char *rules, char **script)
{
	struct saved s;
	size_t i, size_bytes;
	unsigned cut = 0, sever = 0;
	char *text = NULL;
	bool broken;

	if ((s.text = open_memstream(&text, &size_bytes)) == NULL)
		return ERR_NOMEM;
	(void)fprintf(s.text,
	    "add table inet %s\ndelete table inet %s\n"
	    "add table netdev %s\ndelete table netdev %s\n%s",
	    NFT_RULES_TABLE, NFT_RULES_TABLE, NFT_RULES_TABLE, NFT_RULES_TABLE, rules);
	/* Sets that are missing or cannot be read have nothing to give. */
	for (i = 0; i < KINDS; i++)
		if (!kinds[i].is_mac || strstr(rules, "add table netdev") != NULL)
			if (nft_dump_set(n->netlink, &kinds[i], save_element, &s) != ERR_OK)
				continue;
	if (nft_dump_lock(n->netlink, "lock_cut", &cut) == ERR_OK && cut > 0)
		(void)fprintf(
		    s.text, "add element inet %s lock_cut { ipv4, ipv6 }\n", NFT_RULES_TABLE);
	if (nft_dump_lock(n->netlink, "lock_sever", &sever) == ERR_OK && sever > 0)
		(void)fprintf(
		    s.text, "add element inet %s lock_sever { ipv4, ipv6 }\n", NFT_RULES_TABLE);
	broken = ferror(s.text) != 0;
	if (fclose(s.text) != 0 || broken) {
		free(text);
		return ERR_NOMEM;
	}
	*script = text;
	return ERR_OK;
}

static enum err
try_load(struct nft *n, bool ingress, bool egress, bool replace, enum nft_load_tone tone)
{
	struct nft_rules_options options = {
		.netdev_ingress = ingress,
		.netdev_egress = egress,
		.local_port_first = n->local_port_first,
		.local_port_last = n->local_port_last,
	};
	char *rules = NULL, *script = NULL;
	enum err err;

	options.devices = netlink_host_devices(n->host, &options.device_count);
	if ((err = nft_rules_write(&n->config, &options, &rules)) != ERR_OK)
		return err;
	if (replace && (err = replacing(n, rules, &script)) != ERR_OK) {
		free(rules);
		return err;
	}
	err = nft_load(script != NULL ? script : rules, tone);
	free(script);
	free(rules);
	if (err == ERR_OK) {
		n->netdev = ingress || egress;
		n->features.netdev_ingress = ingress && options.device_count > 0;
		n->features.netdev_egress = egress && options.device_count > 0;
	}
	return err;
}

/*
 * From the most that a kernel may offer to the least that we accept; each over
 * what stands, and instead of it.  Only a refusal leads to the next: less
 * must not be loaded because a loader died.
 */
static enum err
load(struct nft *n)
{
	static const struct {
		bool ingress, egress, replace;
	} attempts[] = {
		{ true, true, false },
		{ true, true, true },
		{ true, false, false },
		{ true, false, true },
		{ false, false, false },
		{ false, false, true },
	};
	const size_t count = sizeof(attempts) / sizeof(attempts[0]);
	enum err err = ERR_UNSUPPORTED;
	size_t i;

	for (i = 0; i < count && err == ERR_UNSUPPORTED; i++)
		err = try_load(n, attempts[i].ingress, attempts[i].egress, attempts[i].replace,
		    i + 1 == count ? NFT_LOAD_LOUD : NFT_LOAD_QUIET);
	if (err == ERR_OK)
		err = nft_dump_fingerprint(n->netlink, &n->fingerprint);
	if (err == ERR_OK)
		err = nft_dump_generation(n->netlink, &n->generation);
	n->devices_changed = err != ERR_OK;
	return err;
}

/* ---- opening ------------------------------------------------------------- */

static void
read_local_ports(struct nft *n)
{
	unsigned first = 32768, last = 60999;
	FILE *file;

	if ((file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re")) != NULL) {
		if (fscanf(file, "%u %u", &first, &last) != 2 || first == 0 || last < first ||
		    last > 65535) {
			first = 32768;
			last = 60999;
		}
		(void)fclose(file);
	}
	n->local_port_first = (uint16_t)first;
	n->local_port_last = (uint16_t)last;
}

static enum err
own(struct nft *n)
{
	enum err err;

	nft_batch_begin(&n->batch);
	nft_batch_table(&n->batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, NFPROTO_INET,
	    OWNER_TABLE, NFT_TABLE_F_OWNER);
	err = commit(n, true);
	/* That we may commit at all was asked before: a refusal here is another owner. */
	if (err == ERR_DENIED || err == ERR_LOCKED) {
		log_error(
		    "nft: another phalanxd enforces in this network namespace; stop it first");
		return ERR_LOCKED;
	}
	return err;
}

static void
detect_destroy(struct nft *n)
{
	static const struct nft_element nobody = { .set = NFT_CUT, .address.family = 4 };

	nft_batch_begin(&n->batch);
	nft_batch_element(&n->batch, NFT_MESSAGE_DESTROYSETELEM, 0, &nobody);
	/* A batch that changes nothing makes no generation. */
	n->features.destroy_element = nft_batch_commit(&n->batch) == ERR_OK;
}

enum err
nft_attach(struct nft **out)
{
	struct nft *n;
	enum err err;

	if ((n = calloc(1, sizeof(*n))) == NULL)
		return ERR_NOMEM;
	if ((err = netlink_open(NETLINK_NETFILTER, 0, &n->netlink)) != ERR_OK)
		goto fail;
	n->batch.netlink = n->netlink;
	n->batch.buffer = n->buffer;
	/* nf_tables answers nobody without CAP_NET_ADMIN. */
	if ((err = nft_dump_generation(n->netlink, &n->generation)) != ERR_OK)
		goto fail;
	*out = n;
	return ERR_OK;

fail:
	nft_close(n);
	return err;
}

enum err
nft_open(const struct config *config, struct nft **out)
{
	enum nft_unlocked unlocked;
	struct nft *n;
	bool changed;
	enum err err;

	if ((err = nft_attach(&n)) != ERR_OK)
		return err;
	n->config = *config;
	read_local_ports(n);
	if ((err = own(n)) != ERR_OK || (err = netlink_host_open(&n->host)) != ERR_OK ||
	    (err = netlink_host_refresh(n->host, &changed)) != ERR_OK ||
	    (err = nft_unlocked_get(n, &unlocked)) != ERR_OK)
		goto fail;
	if (unlocked != NFT_UNLOCKED_ALL) {
		if ((err = load(n)) != ERR_OK) {
			err = err == ERR_NOT_FOUND ? ERR_UNSUPPORTED : err;
			goto fail;
		}
		detect_destroy(n);
	}
	*out = n;
	return ERR_OK;

fail:
	nft_close(n);
	return err;
}

void
nft_close(struct nft *n)
{
	if (n == NULL)
		return;
	netlink_close(n->netlink);
	netlink_host_close(n->host);
	free(n);
}

const struct nft_features *
nft_features(const struct nft *n)
{
	return &n->features;
}

struct netlink_host *
nft_host(struct nft *n)
{
	return n->host;
}

/* ---- elements ------------------------------------------------------------ */

struct change {
	const struct nft_element *element;
	enum plan plan;
	size_t first; /* message in the batch; RENEW has two */
};

/* Does it add anything? */
static bool
build(struct nft *n, struct change *changes, size_t count)
{
	uint16_t delete =
	    n->features.destroy_element ? NFT_MESSAGE_DESTROYSETELEM : NFT_MSG_DELSETELEM;
	bool adds = false;
	size_t i;

	nft_batch_begin(&n->batch);
	for (i = 0; i < count; i++) {
		struct change *c = &changes[i];

		c->first = n->batch.count;
		if (c->plan == REMOVE || c->plan == RENEW)
			nft_batch_element(&n->batch, delete, 0, c->element);
		if (c->plan == ADD || c->plan == RENEW)
			nft_batch_element(
			    &n->batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, c->element);
		adds |= c->plan == ADD || c->plan == RENEW;
	}
	return adds;
}

/*
 * Learn from the kernel's refusals: what is there already is renewed (adding
 * over it would keep the old timeout), what is gone needs no removal.
 * False: nothing to learn.
 */
static bool
learn(const struct nft_batch *b, struct change *changes, size_t count)
{
	bool learnt = false;
	size_t i;

	for (i = 0; i < count; i++) {
		struct change *c = &changes[i];
		int error = c->plan == SKIP ? 0 : b->errors[c->first];
		enum plan plan = c->plan;

		if (plan == ADD && error == EEXIST)
			c->plan = RENEW;
		else if (plan == REMOVE && error == ENOENT)
			c->plan = SKIP;
		else if (plan == RENEW && error == ENOENT)
			c->plan = ADD;
		learnt |= c->plan != plan;
	}
	return learnt;
}

static enum err
change_batch(struct nft *n, struct change *changes, size_t count)
{
	enum err err;
	int attempt = 0;
	bool adds;

	for (;;) {
		adds = build(n, changes, count);
		if (n->batch.count == 0)
			return ERR_OK;
		if ((err = commit(n, adds)) == ERR_OK)
			return ERR_OK;
		/* Each change can be learnt about twice at most, whatever the kernel says. */
		if (++attempt == LIMIT_NETLINK_RETRIES)
			break;
		if (!learn(&n->batch, changes, count) && err != ERR_AGAIN && err != ERR_NOMEM)
			break;
	}
	return err;
}

static bool
applies(const struct nft *n, const struct nft_element *element)
{
	return !element->is_mac || n->netdev;
}

static enum err
change_all(struct nft *n, const struct nft_element *remove, size_t remove_count,
    const struct nft_element *add, size_t add_count)
{
	/* An aborted batch costs milliseconds (synchronize_rcu), one more message a microsecond. */
	const enum plan add_plan = n->features.destroy_element ? RENEW : ADD;
	struct change changes[LIMIT_NETLINK_BATCH];
	size_t i, total = add_count + remove_count, count = 0;
	enum err err;

	for (i = 0; i < total; i++) {
		const struct nft_element *e = i < add_count ? &add[i] : &remove[i - add_count];

		if (applies(n, e))
			changes[count++] = (struct change){ .element = e,
				.plan = i < add_count ? add_plan : REMOVE };
		if (count == LIMIT_NETLINK_BATCH || (count > 0 && i + 1 == total)) {
			if ((err = change_batch(n, changes, count)) != ERR_OK)
				return err;
			count = 0;
		}
	}
	return ERR_OK;
}

enum err
nft_change(struct nft *n, const struct nft_element *remove, size_t remove_count,
    const struct nft_element *add, size_t add_count)
{
	bool reloaded;
	enum err err;

	err = change_all(n, remove, remove_count, add, add_count);
	/* The table is gone under us: do not wait for the next reconcile. */
	if (err == ERR_NOT_FOUND && n->host != NULL && (err = nft_verify(n, &reloaded)) == ERR_OK)
		err = change_all(n, remove, remove_count, add, add_count);
	return err;
}

enum err
nft_add(struct nft *n, const struct nft_element *elements, size_t count)
{
	return nft_change(n, NULL, 0, elements, count);
}

enum err
nft_remove(struct nft *n, const struct nft_element *elements, size_t count)
{
	return nft_change(n, elements, count, NULL, 0);
}

static enum err
lock_once(struct nft *n, enum strength strength)
{
	nft_batch_begin(&n->batch);
	if (strength == STRENGTH_SEVER)
		nft_batch_lock(&n->batch, "lock_sever", true);
	else
		nft_batch_lock(&n->batch, "lock_sever", false);
	nft_batch_lock(&n->batch, "lock_cut", strength == STRENGTH_CUT);
	return commit(n, false);
}

enum err
nft_lock(struct nft *n, enum strength strength)
{
	enum nft_unlocked unlocked;
	bool reloaded;
	enum err err;
	int i;

	if (strength == STRENGTH_HOLD)
		return ERR_RANGE;
	if (strength != STRENGTH_NONE) {
		if ((err = nft_unlocked_get(n, &unlocked)) != ERR_OK)
			return err;
		if (unlocked != NFT_UNLOCKED_NOTHING)
			return ERR_DENIED;
	}
	for (i = 0; i < LIMIT_NETLINK_RETRIES; i++) {
		if ((err = lock_once(n, strength)) == ERR_NOT_FOUND && n->host != NULL &&
		    (err = nft_verify(n, &reloaded)) == ERR_OK)
			err = ERR_AGAIN;
		if (err != ERR_AGAIN)
			break;
	}
	return err;
}

/* ---- looking ------------------------------------------------------------- */

enum err
nft_dump(struct nft *n, void (*each)(void *context, const struct nft_element *), void *context,
    enum strength *lock)
{
	unsigned cut, sever;
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; i < KINDS; i++) {
		err = nft_dump_set(n->netlink, &kinds[i], each, context);
		if (err == ERR_NOT_FOUND && kinds[i].is_mac)
			continue;
		if (err != ERR_OK)
			return err;
	}
	if ((err = nft_dump_lock(n->netlink, "lock_cut", &cut)) != ERR_OK ||
	    (err = nft_dump_lock(n->netlink, "lock_sever", &sever)) != ERR_OK)
		return err;
	/* Half of a lock is none: the next nft_lock() completes it. */
	*lock = sever == 2 ? STRENGTH_SEVER : cut == 2 ? STRENGTH_CUT : STRENGTH_NONE;
	return ERR_OK;
}

enum err
nft_disturbed(struct nft *n, bool *disturbed)
{
	uint32_t generation = n->generation;
	bool changed = false;
	enum err err;

	if ((err = netlink_host_refresh(n->host, &changed)) != ERR_OK ||
	    (err = nft_dump_generation(n->netlink, &generation)) != ERR_OK)
		return err;
	n->devices_changed |= changed;
	*disturbed = n->devices_changed || n->uncertain || generation != n->generation;
	n->generation = generation;
	n->uncertain = false;
	return ERR_OK;
}

enum err
nft_verify(struct nft *n, bool *reloaded)
{
	enum nft_unlocked unlocked;
	uint64_t fingerprint = 0;
	enum err err;

	if ((err = nft_unlocked_get(n, &unlocked)) != ERR_OK)
		return err;
	if (unlocked == NFT_UNLOCKED_ALL)
		return ERR_DENIED;
	if (!n->devices_changed) {
		if ((err = nft_dump_fingerprint(n->netlink, &fingerprint)) != ERR_OK)
			return err;
		if (fingerprint == n->fingerprint) {
			*reloaded = false;
			return ERR_OK;
		}
	}
	if ((err = load(n)) != ERR_OK)
		return err;
	detect_destroy(n);
	*reloaded = true;
	return ERR_OK;
}

/* ---- break-glass ----------------------------------------------------------- */

static enum err
stands(struct nft *n, uint8_t family, const char *table, bool *out)
{
	enum err err = nft_dump_table(n->netlink, family, table);

	if (err == ERR_OK || err == ERR_NOT_FOUND) {
		*out = err == ERR_OK;
		return ERR_OK;
	}
	return err;
}

enum err
nft_unlocked_get(struct nft *n, enum nft_unlocked *out)
{
	bool all, lock = false;
	enum err err;

	if ((err = stands(n, NFPROTO_INET, UNLOCKED_ALL_TABLE, &all)) != ERR_OK ||
	    (err = stands(n, NFPROTO_INET, UNLOCKED_TABLE, &lock)) != ERR_OK)
		return err;
	*out = all ? NFT_UNLOCKED_ALL : lock ? NFT_UNLOCKED_LOCK : NFT_UNLOCKED_NOTHING;
	return ERR_OK;
}

static enum err
set_once(struct nft *n, enum nft_unlocked wanted)
{
	bool inet, netdev, lock, all;
	enum err err;

	if ((err = stands(n, NFPROTO_INET, NFT_RULES_TABLE, &inet)) != ERR_OK ||
	    (err = stands(n, NFPROTO_NETDEV, NFT_RULES_TABLE, &netdev)) != ERR_OK ||
	    (err = stands(n, NFPROTO_INET, UNLOCKED_TABLE, &lock)) != ERR_OK ||
	    (err = stands(n, NFPROTO_INET, UNLOCKED_ALL_TABLE, &all)) != ERR_OK)
		return err;
	nft_batch_begin(&n->batch);
	if (wanted == NFT_UNLOCKED_LOCK && inet) {
		nft_batch_lock(&n->batch, "lock_sever", false);
		nft_batch_lock(&n->batch, "lock_cut", false);
	}
	if (wanted == NFT_UNLOCKED_ALL && inet)
		nft_batch_table(&n->batch, NFT_MSG_DELTABLE, 0, NFPROTO_INET, NFT_RULES_TABLE, 0);
	if (wanted == NFT_UNLOCKED_ALL && netdev)
		nft_batch_table(&n->batch, NFT_MSG_DELTABLE, 0, NFPROTO_NETDEV, NFT_RULES_TABLE, 0);
	if (lock != (wanted == NFT_UNLOCKED_LOCK))
		nft_batch_table(&n->batch, lock ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE,
		    lock ? 0 : NLM_F_CREATE, NFPROTO_INET, UNLOCKED_TABLE, 0);
	if (all != (wanted == NFT_UNLOCKED_ALL))
		nft_batch_table(&n->batch, all ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE,
		    all ? 0 : NLM_F_CREATE, NFPROTO_INET, UNLOCKED_ALL_TABLE, 0);
	return n->batch.count == 0 ? ERR_OK : commit(n, false);
}

enum err
nft_unlocked_set(struct nft *n, enum nft_unlocked wanted)
{
	enum err err = ERR_AGAIN;
	int i;

	/* NOT_FOUND: something went between the look and the commit. */
	for (i = 0; (err == ERR_AGAIN || err == ERR_NOT_FOUND) && i < LIMIT_NETLINK_RETRIES; i++)
		err = set_once(n, wanted);
	return err;
}

enum err
nft_unload(void)
{
	bool inet, netdev;
	struct nft *n;
	enum err err;

	if ((err = nft_attach(&n)) != ERR_OK)
		return err;
	if ((err = stands(n, NFPROTO_INET, NFT_RULES_TABLE, &inet)) != ERR_OK ||
	    (err = stands(n, NFPROTO_NETDEV, NFT_RULES_TABLE, &netdev)) != ERR_OK)
		goto out;
	if (!inet && !netdev)
		goto out;
	if ((err = own(n)) != ERR_OK)
		goto out;
	nft_batch_begin(&n->batch);
	if (inet)
		nft_batch_table(&n->batch, NFT_MSG_DELTABLE, 0, NFPROTO_INET, NFT_RULES_TABLE, 0);
	if (netdev)
		nft_batch_table(&n->batch, NFT_MSG_DELTABLE, 0, NFPROTO_NETDEV, NFT_RULES_TABLE, 0);
	err = commit(n, false);
out:
	nft_close(n);
	return err;
}
