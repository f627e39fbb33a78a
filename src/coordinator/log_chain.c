#include <stdlib.h>
#include <string.h>
#include "coordinator/log_chain.h"
#include "sys/crypto.h"
#include "sys/loop.h"

struct end {
	uint64_t number;
	struct hash hash;
	const char *kind; /* a literal of the caller's */
};

struct log_chain {
	struct store *store;
	struct end settled, added;
};

static void
take_last(void *context, const struct store_line *line)
{
	struct log_chain *l = context;

	l->settled.number = line->number;
	l->settled.hash = line->hash;
}

enum err
log_chain_open(struct store *store, struct log_chain **out)
{
	struct log_chain *l = calloc(1, sizeof(*l));
	enum err err;

	if (l == NULL)
		return ERR_NOMEM;
	l->store = store;
	l->settled.kind = "";
	if ((err = store_last_line(store, take_last, l)) != ERR_OK) {
		log_chain_close(l);
		return err;
	}
	l->added = l->settled;
	*out = l;
	return ERR_OK;
}

void
log_chain_close(struct log_chain *l)
{
	free(l);
}

/* SHA-256 of the hash before and the text. */
static enum err
link_to(const struct hash *previous, const char *body, struct hash *out)
{
	const struct crypto *crypto = crypto_sodium();
	size_t length = strlen(body);
	uint8_t *bytes = malloc(sizeof(previous->bytes) + length);

	if (bytes == NULL)
		return ERR_NOMEM;
	memcpy(bytes, previous->bytes, sizeof(previous->bytes));
	memcpy(bytes + sizeof(previous->bytes), body, length);
	crypto->sha256(crypto->context, "", bytes, sizeof(previous->bytes) + length, out);
	free(bytes);
	return ERR_OK;
}

static enum err
add_body(struct log_chain *l, struct store_line *line, const json_t *object)
{
	char *body = json_dumps(
	    object, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
	enum err err = ERR_NOMEM;

	line->body = body;
	if (body != NULL && (err = link_to(&line->previous, body, &line->hash)) == ERR_OK &&
	    (err = store_add_line(l->store, line)) == ERR_OK)
		l->added = (struct end){ line->number, line->hash, line->kind };
	free(body);
	return err;
}

enum err
log_chain_add(
    struct log_chain *l, const char *kind, const char *node, const char *incident, json_t *more)
{
	struct store_line line = { .number = l->added.number + 1,
		.time_ms = loop_unix_ms(),
		.kind = kind,
		.node = node,
		.incident = incident,
		.previous = l->added.hash };
	json_t *object = json_pack("{s:I, s:I, s:s, s:s, s:s}", "n", (json_int_t)line.number, "t",
	    (json_int_t)line.time_ms, "kind", kind, "node", node, "incident", incident);
	enum err err = ERR_NOMEM;

	if (object != NULL && more != NULL && json_object_update_missing(object, more) == 0)
		err = add_body(l, &line, object);
	json_decref(object);
	json_decref(more);
	return err;
}

void
log_chain_settle(struct log_chain *l, bool committed)
{
	if (committed)
		l->settled = l->added;
	else
		l->added = l->settled;
}

uint64_t
log_chain_count(const struct log_chain *l)
{
	return l->settled.number;
}

const struct hash *
log_chain_head(const struct log_chain *l)
{
	return &l->settled.hash;
}

const char *
log_chain_kind(const struct log_chain *l)
{
	return l->settled.kind;
}
