#include "coordinator/learn.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/crypto.h"
#include "sys/log.h"
#include "sys/roster_parts.h"
#include "sys/wholefile.h"

#define FILE_NAME "roster.learned"

struct learn {
	struct coordinator *c;
	struct roster_parts parts; /* behind next, or behind the coordinator's roster */
	struct roster *next;       /* proven, while more is to come; NULL: none */
	member_index from;         /* who is being asked; MEMBER_NONE: nobody */
	uint64_t until_ms;         /* so long */
	member_index refused;      /* who brought what proves nothing, last */
	uint64_t refused_until_ms;
};

void
learn_path(const struct settings *s, char out[LEARN_PATH_ROOM])
{
	(void)snprintf(out, LEARN_PATH_ROOM, "%s/%s", s->state_dir, FILE_NAME);
}

static const struct roster *
base_of(const struct learn *l)
{
	return l->next != NULL ? l->next : l->c->roster;
}

static uint64_t
held_bytes(const struct learn *l)
{
	return roster_records(base_of(l)).size_bytes + l->parts.used;
}

void
learn_stop(struct learn *l)
{
	roster_parts_drop(&l->parts);
	roster_free(l->next);
	l->next = NULL;
	l->from = MEMBER_NONE;
}

bool
learn_wants(struct learn *l, member_index member, uint64_t held, uint64_t *from)
{
	uint64_t now_ms = loop_now_ms();

	if (l->from != MEMBER_NONE && l->from != member && l->until_ms > now_ms)
		return false;
	if (l->refused == member && l->refused_until_ms > now_ms)
		return false;
	if (l->from != member)
		learn_stop(l);
	if (held <= held_bytes(l))
		return false;
	l->from = member;
	l->until_ms = now_ms + LIMIT_ROSTER_ASK_MS;
	*from = held_bytes(l);
	return true;
}

/* On disk first: entries of the new epoch are to be proven at the next start, too. */
static enum err
adopt(struct learn *l)
{
	struct span records = roster_records(l->next);
	char path[LEARN_PATH_ROOM];
	struct roster *next = l->next;
	enum err err;

	learn_path(l->c->settings, path);
	err = wholefile_replace(path, 0600, records.data, records.size_bytes);
	if (err != ERR_OK)
		log_warn("roster: %s: %s; what was learned is learned again after a restart", path,
		    err_text(err));
	if ((err = coordinator_grow(l->c, next)) != ERR_OK)
		return err;
	l->next = NULL;
	log_info("roster: records learned from node=%s; members=%zu epoch=%llu",
	    roster_member(l->c->roster, l->from)->name, roster_count(l->c->roster),
	    (unsigned long long)epoch_number(roster_current(l->c->roster)));
	return ERR_OK;
}

/* All whole records that are there. */
static enum err
prove(struct learn *l)
{
	struct roster *more;
	enum err err;

	while (l->parts.used > 0) {
		err = roster_parts_prove(&l->parts, base_of(l), &l->c->ca, &more);
		if (err != ERR_OK || more == NULL)
			return err;
		roster_free(l->next);
		l->next = more;
	}
	return l->next != NULL ? adopt(l) : ERR_OK;
}

enum err
learn_take(struct learn *l, member_index member, uint64_t offset, struct span part, uint64_t *from)
{
	uint64_t now_ms = loop_now_ms();
	enum err err;

	if (l->from != member)
		return ERR_AGAIN;
	/* Nothing is dropped for a part that comes twice. */
	if (offset < held_bytes(l) && offset + part.size_bytes <= held_bytes(l)) {
		*from = held_bytes(l);
		return ERR_OK;
	}
	if ((err = roster_parts_put(&l->parts, base_of(l), offset, part)) != ERR_OK ||
	    (err = prove(l)) != ERR_OK) {
		log_error("roster: records of node=%s are refused: %s%s",
		    roster_member(l->c->roster, member)->name, err_text(err),
		    err == ERR_EQUIVOCATION
		        ? "; the CA has signed two histories: find out which one is true, and "
		          "who else holds its key"
		        : "");
		learn_stop(l);
		l->refused = member;
		l->refused_until_ms = now_ms + LIMIT_ROSTER_RETRY_MS;
		return err;
	}
	l->until_ms = now_ms + LIMIT_ROSTER_ASK_MS;
	*from = held_bytes(l);
	return ERR_OK;
}

enum err
learn_new(struct coordinator *c, struct learn **out)
{
	struct learn *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return ERR_NOMEM;
	l->c = c;
	l->from = l->refused = MEMBER_NONE;
	*out = l;
	return ERR_OK;
}

void
learn_free(struct learn *l)
{
	if (l == NULL)
		return;
	learn_stop(l);
	free(l);
}
