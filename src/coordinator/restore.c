/*
 * restore: what was on disk becomes what is in memory.  Entries are proven
 * again, since the roster may have changed; those that no longer verify go.
 */
#include <stdlib.h>
#include <string.h>
#include "coordinator/changes.h"
#include "coordinator/learn.h"
#include "sys/crypto.h"
#include "sys/log.h"
#include "sys/wholefile.h"

struct restoring {
	struct coordinator *c;
	struct hash *rejected;
	size_t rejected_count, rejected_room;
	size_t nodes, entries;
	enum err err;
};

static void
restore_node(void *context, const struct store_node *kept)
{
	struct restoring *r = context;
	const struct registry_call call = { .name = kept->name, .now_ms = r->c->started_ms };
	char dropped[LIMIT_NAME_BYTES + 1];
	struct registry_node *node;

	if (r->err != ERR_OK || !registry_is_name(kept->name) ||
	    strlen(kept->address) > REGISTRY_ADDRESS_BYTES ||
	    registry_take(r->c->registry, &call, &node, dropped) != ERR_OK)
		return;
	/* An enrolment made since then goes before who came first. */
	if (registry_prove(r->c->registry, node, &kept->key) != ERR_OK)
		return;
	strcpy(node->address, kept->address);
	node->timestamp_s = kept->timestamp_s;
	node->signature = kept->signature;
	node->is_signed = true;
	node->seen_ms = kept->seen_ms;
	r->nodes++;
}

static void
reject(struct restoring *r, const struct hash *hash)
{
	struct hash *list;
	size_t room;

	if (r->rejected_count == r->rejected_room) {
		room = r->rejected_room == 0 ? 64 : 2 * r->rejected_room;
		if ((list = reallocarray(r->rejected, room, sizeof(*list))) == NULL) {
			r->err = ERR_NOMEM;
			return;
		}
		r->rejected = list;
		r->rejected_room = room;
	}
	r->rejected[r->rejected_count++] = *hash;
}

static void
restore_entry(void *context, const struct store_entry *kept)
{
	struct restoring *r = context;
	struct store_entry placed;
	struct ledger_entry entry;

	if (r->err != ERR_OK)
		return;
	if (ledger_check(r->c->ledger, kept->envelope, &entry) != ERR_OK) {
		reject(r, &kept->hash);
		return;
	}
	placed = *kept;
	placed.incident = entry.incident;
	if (entry.subject != MEMBER_NONE && kept->incident_number == 0 &&
	    (r->err = store_place_entry(r->c->store, &placed)) != ERR_OK)
		return;
	entry.number = placed.incident_number;
	if ((r->err = ledger_apply(r->c->ledger, &entry)) == ERR_OK)
		r->entries++;
}

static enum err
drop_rejected(struct restoring *r)
{
	enum err err = store_begin(r->c->store);

	for (size_t i = 0; i < r->rejected_count && err == ERR_OK; i++)
		err = store_drop_entry(r->c->store, &r->rejected[i]);
	if (err == ERR_OK)
		err = store_commit(r->c->store);
	else
		store_rollback(r->c->store);
	return err;
}

enum err
coordinator_restore(struct coordinator *c)
{
	struct restoring r = { .c = c };
	enum err err;

	if ((err = store_each_node(c->store, restore_node, &r)) != ERR_OK)
		goto done;
	if (c->ledger != NULL && ((err = store_each_entry(c->store, restore_entry, &r)) != ERR_OK ||
	                             (err = r.err) != ERR_OK))
		goto done;
	if (r.rejected_count > 0 && (err = drop_rejected(&r)) != ERR_OK)
		goto done;
	log_info(
	    "restored nodes=%zu entries=%zu dropped=%zu", r.nodes, r.entries, r.rejected_count);

done:
	free(r.rejected);
	return err;
}

/* ---- a roster that grew --------------------------------------------------------- */

static bool
extends(const struct roster *longer, const struct roster *shorter)
{
	struct span l = roster_records(longer), s = roster_records(shorter);

	return l.size_bytes >= s.size_bytes && memcmp(l.data, s.data, s.size_bytes) == 0;
}

/* Takes the roster, which extends the one in force, on success. */
enum err
coordinator_grow(struct coordinator *c, struct roster *roster)
{
	struct roster *old_roster = c->roster;
	struct registry *old_registry = c->registry;
	struct ledger *old_ledger = c->ledger;
	enum err err;

	c->roster = roster;
	c->registry = NULL;
	c->ledger = NULL;
	if ((err = ledger_new(crypto_sodium(), roster, &c->ledger)) != ERR_OK ||
	    (err = registry_new(roster, &c->registry)) != ERR_OK ||
	    (err = coordinator_restore(c)) != ERR_OK) {
		registry_free(c->registry);
		ledger_free(c->ledger);
		c->roster = old_roster;
		c->registry = old_registry;
		c->ledger = old_ledger;
		return err;
	}
	registry_carry(old_registry, c->registry);
	registry_free(old_registry);
	ledger_free(old_ledger);
	roster_free(old_roster);
	changes_restarted(c->changes);
	return ERR_OK;
}

/* The CA's key is known from the start: its file may be out of reach by now. */
static enum err
read_roster(const struct coordinator *c, const char *path, struct roster **out)
{
	size_t size_bytes;
	uint8_t *bytes;
	enum err err;

	if ((err = wholefile_read(path, LIMIT_ROSTER_BYTES, &bytes, &size_bytes)) != ERR_OK)
		return err;
	err = roster_parse(crypto_sodium(), &c->ca, bytes, size_bytes, out);
	free(bytes);
	return err;
}

enum err
coordinator_reload(struct coordinator *c)
{
	struct roster *roster;
	enum err err;

	if (c->roster == NULL)
		return ERR_UNSUPPORTED;
	if ((err = read_roster(c, c->settings->roster_file, &roster)) != ERR_OK)
		return err;
	/* Members may have brought more than the file has. */
	if (extends(c->roster, roster)) {
		roster_free(roster);
		return ERR_OK;
	}
	err = extends(roster, c->roster) ? coordinator_grow(c, roster) : ERR_EQUIVOCATION;
	if (err != ERR_OK)
		roster_free(roster);
	else
		learn_stop(c->learn);
	return err;
}

/* ---- what members taught it ----------------------------------------------------- */

void
coordinator_recall(struct coordinator *c)
{
	char path[LEARN_PATH_ROOM];
	struct roster *learned = NULL;
	enum err err;

	learn_path(c->settings, path);
	if ((err = read_roster(c, path, &learned)) == ERR_NOT_FOUND)
		return;
	if (err == ERR_OK && extends(learned, c->roster)) {
		roster_free(c->roster);
		c->roster = learned;
		return;
	}
	if (err == ERR_OK && !extends(c->roster, learned))
		err = ERR_EQUIVOCATION;
	if (err != ERR_OK)
		log_error("roster: %s, learned from members, does not agree with %s: %s; the "
		          "latter counts",
		    path, c->settings->roster_file, err_text(err));
	roster_free(learned);
}
