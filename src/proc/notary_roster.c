#include "proc/notary_roster.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/roster_parts.h"
#include "sys/crypto.h"
#include "sys/identity.h"
#include "sys/log.h"
#include "sys/wholefile.h"

/* The other processes of the node read it when they start; it is no secret. */
#define ROSTER_MODE 0644

static enum err
store(const struct notary_roster *n, const struct roster *roster)
{
	struct span records = roster_records(roster);
	enum err err;

	err = wholefile_replace(n->path, ROSTER_MODE, records.data, records.size_bytes);
	if (err != ERR_OK)
		log_error("roster: %s cannot be written: %s; the node goes on with what it had",
		    n->path, strerror(errno));
	return err;
}

static enum err
put_in_force(struct notary_roster *n, struct roster *next)
{
	enum err err;

	if ((err = n->changing(n->context, next)) != ERR_OK)
		return err;
	roster_free(n->roster);
	n->roster = next;
	return ERR_OK;
}

uint64_t
notary_roster_bytes(const struct notary_roster *n)
{
	return roster_records(n->roster).size_bytes + n->parts.used;
}

enum err
notary_roster_take(struct notary_roster *n, uint64_t offset, struct span part)
{
	struct roster *next;
	enum err err;

	if ((err = roster_parts_put(&n->parts, n->roster, offset, part)) != ERR_OK ||
	    (err = roster_parts_prove(&n->parts, n->roster, &n->ca, &next)) != ERR_OK ||
	    next == NULL)
		return err;
	if ((err = store(n, next)) == ERR_OK)
		err = put_in_force(n, next);
	if (err != ERR_OK) {
		roster_parts_drop(&n->parts);
		roster_free(next);
	}
	return err;
}

/* ---- the file again --------------------------------------------------------------- */

static void
stop_reading(struct notary_roster *n)
{
	roster_parts_drop(&n->file);
	roster_free(n->proven);
	n->proven = NULL;
}

/* Some of what the file has more; false: no more, or no good. */
static bool
prove_some(struct notary_roster *n)
{
	const struct roster *base = n->proven != NULL ? n->proven : n->roster;
	struct roster *next;
	enum err err;

	err = roster_parts_prove(&n->file, base, &n->ca, &next);
	if (err == ERR_OK && next == NULL && n->file.used > 0)
		err = ERR_TRUNCATED;
	if (err != ERR_OK) {
		log_error("roster: %s: a record behind byte %zu: %s; nothing is changed; copy it "
		          "from the CA again: phalanx ca bundle",
		    n->path, roster_records(base).size_bytes, err_text(err));
		stop_reading(n);
		return false;
	}
	if (next == NULL)
		return false;
	roster_free(n->proven);
	n->proven = next;
	return true;
}

static bool
extends(const struct roster *longer, const struct roster *shorter)
{
	struct span l = roster_records(longer), s = roster_records(shorter);

	return l.size_bytes > s.size_bytes && memcmp(l.data, s.data, s.size_bytes) == 0;
}

static void
read_on(void *context)
{
	struct notary_roster *n = context;
	struct roster *whole;

	if (prove_some(n)) {
		loop_timer_set(n->timer, loop_now_ms());
		return;
	}
	if ((whole = n->proven) == NULL)
		return;
	n->proven = NULL;
	/* The engine may have brought records meanwhile. */
	if (!extends(whole, n->roster) || put_in_force(n, whole) != ERR_OK) {
		roster_free(whole);
		return;
	}
	log_info("roster: %s held more: %zu bytes", n->path, roster_records(n->roster).size_bytes);
	n->reread(n->context);
}

/* It stays, as evidence: if it is no mistake, then the CA has signed two histories. */
static void
refuse_file(const struct notary_roster *n, size_t at)
{
	char aside[LIMIT_PATH_BYTES + 16];

	(void)snprintf(aside, sizeof(aside), "%s.refused", n->path);
	log_error("roster: %s contradicts at byte %zu what this node holds: of another mesh, or "
	          "the CA has signed two histories; nothing is changed, and it is kept as %s",
	    n->path, at, aside);
	if (rename(n->path, aside) == -1)
		log_errno("roster: rename to %s", aside);
}

/* How far the file agrees with what we hold, and what it has more. */
static enum err
compare(struct notary_roster *n, struct span file)
{
	struct span ours = roster_records(n->roster);
	size_t common = ours.size_bytes < file.size_bytes ? ours.size_bytes : file.size_bytes;
	size_t same = 0;

	while (same < common && ours.data[same] == file.data[same])
		same++;
	if (same == common && file.size_bytes == ours.size_bytes)
		return ERR_OK;
	if (same == common && file.size_bytes > ours.size_bytes) {
		loop_timer_set(n->timer, loop_now_ms());
		return roster_parts_put(&n->file, n->roster, 0, file);
	}
	/* Whoever starts next must find what is in force. */
	if (same < common)
		refuse_file(n, same);
	else
		log_warn(
		    "roster: %s is older than what this node holds; it is written again", n->path);
	return store(n, n->roster);
}

void
notary_roster_reread(struct notary_roster *n)
{
	uint8_t *data;
	size_t size_bytes;
	enum err err;

	stop_reading(n);
	if ((err = wholefile_read(n->path, LIMIT_ROSTER_BYTES, &data, &size_bytes)) == ERR_OK) {
		err = compare(n, (struct span){ data, size_bytes });
		free(data);
	}
	if (err != ERR_OK)
		log_error("roster: %s: %s; nothing is changed; copy it from the CA: phalanx ca "
		          "bundle",
		    n->path, err_text(err));
}

/* ---- coming and going ---------------------------------------------------------------- */

enum err
notary_roster_load(struct notary_roster *n, const char *path, const char *ca_path)
{
	enum err err;

	n->path = path;
	if ((err = identity_ca_key(ca_path, &n->ca)) != ERR_OK)
		log_error("%s: %s", ca_path, err_text(err));
	else if ((err = identity_load_roster(path, ca_path, crypto_sodium(), &n->roster)) != ERR_OK)
		log_error("%s, %s: %s", path, ca_path, err_text(err));
	return err;
}

enum err
notary_roster_start(struct notary_roster *n, struct loop *loop)
{
	return loop_timer_new(loop, read_on, n, &n->timer);
}

void
notary_roster_free(struct notary_roster *n)
{
	stop_reading(n);
	roster_parts_drop(&n->parts);
	roster_free(n->roster);
	n->roster = NULL;
}
