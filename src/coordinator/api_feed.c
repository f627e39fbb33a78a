/*
 * api_feed: the coordinator's own log, line by line, for who checks its chain.
 */
#include "base/hex.h"
#include "coordinator/log_chain.h"
#include "coordinator/reply.h"

struct page {
	json_t *lines;
	uint64_t next;
};

static void
append_line(void *context, const struct store_line *line)
{
	struct page *page = context;

	json_array_append_new(page->lines,
	    json_pack("{s:I, s:I, s:s, s:s, s:s, s:o, s:o, s:s}", "n", (json_int_t)line->number,
	        "t", (json_int_t)line->time_ms, "kind", line->kind, "node", line->node, "incident",
	        line->incident, "hash", json_hex(line->hash.bytes, sizeof(line->hash.bytes)),
	        "prev", json_hex(line->previous.bytes, sizeof(line->previous.bytes)), "body",
	        line->body));
	page->next = line->number + 1;
}

/* GET /api/v1/feed?from=N&limit=N */
void
api_feed(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	uint64_t from = 1, limit = LIMIT_LINES_PAGE;
	struct page page;

	if (!query_number(request, "from", 0, INT64_MAX, &from, reply) ||
	    !query_number(request, "limit", 1, LIMIT_LINES_PAGE, &limit, reply))
		return;
	page = (struct page){ json_array(), from };
	if (store_each_line(c->store, from, limit, append_line, &page) != ERR_OK) {
		json_decref(page.lines);
		reply_error(reply, 503, "the store does not answer; see the log");
		return;
	}
	reply_json(reply,
	    json_pack("{s:o, s:I, s:I, s:o}", "entries", page.lines, "next", (json_int_t)page.next,
	        "count", (json_int_t)log_chain_count(c->log_chain), "head",
	        json_hex(log_chain_head(c->log_chain)->bytes,
	            sizeof(log_chain_head(c->log_chain)->bytes))));
	reply_pack(request, reply);
}
