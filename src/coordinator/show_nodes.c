/*
 * show_nodes: one row a node.
 */
#include <stdlib.h>
#include "base/hex.h"
#include "coordinator/show.h"

static uint16_t
tenths(double number, double most)
{
	return (uint16_t)(10 * (number < most ? number : most) + 0.5);
}

struct node_row
show_node(struct coordinator *c, const struct registry_node *node, uint64_t now_ms)
{
	return (struct node_row){
		.listed =
		    node->member != MEMBER_NONE || node->seen_ms + LIMIT_STRANGER_SHOWN_MS > now_ms,
		.status = (uint8_t)coordinator_status(c, node, now_ms),
		.mode = (uint8_t)node->mode,
		.drift = node->drift,
		.decoys = (uint8_t)node->decoys,
		.score = (uint8_t)tenths(
		    node->score_ms + LIMIT_GROUNDS_MS > now_ms ? node->score : 0, 10),
		.cpu = tenths(node->cpu, 100),
		.ram = tenths(node->ram, 100),
	};
}

void
show_row(struct json_text *t, size_t index, const struct node_row *row, bool all)
{
	json_text_put(t, "[");
	json_text_number(t, index);
	json_text_put(t, ",");
	json_text_number(t, row->status);
	json_text_put(t, ",");
	json_text_tenths(t, row->score);
	json_text_put(t, ",");
	json_text_tenths(t, row->cpu);
	json_text_put(t, ",");
	json_text_tenths(t, row->ram);
	if (all) {
		json_text_put(t, ",");
		json_text_number(t, row->mode);
		json_text_put(t, row->drift ? ",1," : ",0,");
		json_text_number(t, row->decoys);
	}
	json_text_put(t, "]");
}

static json_t *
id_json(const struct registry_node *node)
{
	char hex[HEX_ROOM(sizeof(node->key_id))];

	return json_string_nocheck(
	    node->proven ? hex_format(node->key_id, sizeof(node->key_id), hex) : "");
}

json_t *
show_join(size_t index, const struct registry_node *node, const struct node_row *row)
{
	return json_pack("{s:I, s:o, s:s, s:i, s:i, s:i, s:i, s:i, s:I}", "idx", (json_int_t)index,
	    "id", id_json(node), "name", node->name, "zone", (int)node->zone, "enrolled",
	    node->member != MEMBER_NONE ? 1 : 0, "mode", (int)row->mode, "drift",
	    row->drift ? 1 : 0, "hp", (int)row->decoys, "seen", (json_int_t)node->seen_ms);
}

/* ---- columns -------------------------------------------------------------------- */

struct column {
	const char *name;
	void (*put)(struct json_text *, const struct registry_node *, const struct node_row *);
};

static void
put_id(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	char hex[HEX_ROOM(sizeof(node->key_id))];

	json_text_word(t,
	    row->listed && node->proven ? hex_format(node->key_id, sizeof(node->key_id), hex) : "");
}

static void
put_name(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	json_text_word(t, row->listed ? node->name : "");
}

static void
put_zone(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)row;
	json_text_number(t, node->zone);
}

static void
put_status(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)node;
	json_text_number(t, row->status);
}

static void
put_score(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)node;
	json_text_tenths(t, row->score);
}

static void
put_cpu(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)node;
	json_text_tenths(t, row->cpu);
}

static void
put_ram(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)node;
	json_text_tenths(t, row->ram);
}

static void
put_decoys(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)node;
	json_text_number(t, row->decoys);
}

/* Whole seconds: the page tells nobody more, and milliseconds do not compress. */
static void
put_seen(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)row;
	json_text_number(t, node->seen_ms / 1000 * 1000);
}

static void
put_enrolled(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)row;
	json_text_number(t, node->member != MEMBER_NONE);
}

static void
put_mode(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)node;
	json_text_number(t, row->mode);
}

static void
put_drift(struct json_text *t, const struct registry_node *node, const struct node_row *row)
{
	(void)node;
	json_text_number(t, row->drift);
}

static const struct column columns[] = {
	{ "\"id\":[", put_id }, /* first, so that it can be left out */
	{ "\"name\":[", put_name },
	{ "\"zone\":[", put_zone },
	{ "\"st\":[", put_status },
	{ "\"score\":[", put_score },
	{ "\"cpu\":[", put_cpu },
	{ "\"ram\":[", put_ram },
	{ "\"hp\":[", put_decoys },
	{ "\"seen\":[", put_seen },
	{ "\"enrolled\":[", put_enrolled },
	{ "\"mode\":[", put_mode },
	{ "\"drift\":[", put_drift },
};

void
show_nodes(struct coordinator *c, uint64_t now_ms, struct json_text *t)
{
	const size_t count = registry_count(c->registry);
	struct node_row *rows = calloc(count + 1, sizeof(*rows));
	/* A hash does not compress: ten thousand of them are more than all the rest. */
	const size_t first = count > LIMIT_IDS_SHOWN ? 1 : 0;

	if (rows == NULL) {
		t->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		rows[i] = show_node(c, registry_at(c->registry, i), now_ms);
	json_text_put(t, "{");
	for (size_t k = first; k < sizeof(columns) / sizeof(columns[0]); k++) {
		json_text_comma(t, k - first);
		json_text_put(t, columns[k].name);
		for (size_t i = 0; i < count; i++) {
			json_text_comma(t, i);
			columns[k].put(t, registry_at(c->registry, i), &rows[i]);
		}
		json_text_put(t, "]");
	}
	json_text_put(t, "}");
	free(rows);
}

void
show_zones(const struct coordinator *c, struct json_text *t)
{
	char name[REGISTRY_ZONE_BYTES];

	json_text_put(t, "[");
	for (size_t i = 0; i < registry_zone_count(c->registry); i++) {
		registry_zone_name(c->registry, i, name);
		json_text_comma(t, i);
		json_text_word(t, name);
	}
	json_text_put(t, "]");
}
