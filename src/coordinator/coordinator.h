/*
 * coordinator: what the request handlers share.  One thread, one of each.
 */
#ifndef COORDINATOR_COORDINATOR_H
#define COORDINATOR_COORDINATOR_H
#include "coordinator/asks.h"
#include "coordinator/events.h"
#include "coordinator/httpd.h"
#include "coordinator/ledger.h"
#include "coordinator/pack.h"
#include "coordinator/registry.h"
#include "coordinator/runner.h"
#include "coordinator/session.h"
#include "coordinator/settings.h"
#include "coordinator/store.h"

/* An answer that is served again for LIMIT_STATE_MS: composing one is what costs. */
struct cached {
	char *text;
	size_t size_bytes;
	uint64_t at_ms;
	struct hash digest; /* SHA-256 of the text */
	struct pack pack;   /* zeroed until somebody wants it */
};

struct coordinator {
	const struct settings *settings;
	struct loop *loop;
	int signals; /* signalfd */
	struct httpd *httpd;
	struct events *events;
	struct changes *changes;
	struct log_chain *log_chain;
	struct keeper *keeper;
	struct store *store;
	struct runner *runner; /* NULL: no hooks */
	struct identity *identity;
	struct roster *roster; /* NULL: none loaded */
	struct public_key ca;  /* who signed it */
	struct learn *learn;
	struct registry *registry;
	struct ledger *ledger; /* NULL without a roster */
	struct sessions *sessions;
	struct asks *asks;
	struct loop_timer *asks_timer; /* the next of their deadlines */
	uint64_t started_ms;   /* Unix */
	uint64_t entries_accepted, entries_refused, reports_accepted;
	size_t retellers; /* members that were asked for all entries that they hold */
	size_t turn; /* from which node on the next one that registers is told its peers */
	struct cached state, incidents, topology, peers, told_peers;
};

/* Names, keys and entries from the store into registry and ledger. */
MUST_USE enum err coordinator_restore(struct coordinator *);

/* Registry and ledger are made anew for a roster that extends the one in force; it is taken over.
 * On an error nothing is changed, and the roster is still the caller's. */
MUST_USE enum err coordinator_grow(struct coordinator *, struct roster *);
/* Read roster_file again, which must extend what is held, or be extended by it. */
MUST_USE enum err coordinator_reload(struct coordinator *);
/* Before the store is read: what members taught it beyond roster_file (learn.h). */
void coordinator_recall(struct coordinator *);

/* httpd's handler: Host and Origin are checked, then the table of endpoints. */
void api_handle(void *coordinator, const struct http_request *, struct http_reply *);

/* One endpoint each; method, host and body size were checked. */
void api_register(struct coordinator *, const struct http_request *, struct http_reply *);
void api_peers(struct coordinator *, const struct http_request *, struct http_reply *);
void api_telemetry(struct coordinator *, const struct http_request *, struct http_reply *);
void api_topology(struct coordinator *, const struct http_request *, struct http_reply *);
void api_report_submit(struct coordinator *, const struct http_request *, struct http_reply *);
void api_report(struct coordinator *, const struct http_request *, struct http_reply *);
void api_entries(struct coordinator *, const struct http_request *, struct http_reply *);
void api_state(struct coordinator *, const struct http_request *, struct http_reply *);
void api_incidents(struct coordinator *, const struct http_request *, struct http_reply *);
void api_releases(struct coordinator *, const struct http_request *, struct http_reply *);
void api_roster(struct coordinator *, const struct http_request *, struct http_reply *);
void api_learn(struct coordinator *, const struct http_request *, struct http_reply *);
void api_events(struct coordinator *, const struct http_request *, struct http_reply *);
void api_incident(struct coordinator *, const struct http_request *, struct http_reply *);
void api_bundle(struct coordinator *, const struct http_request *, struct http_reply *);
void api_node(struct coordinator *, const struct http_request *, struct http_reply *);
void api_series(struct coordinator *, const struct http_request *, struct http_reply *);
void api_feed(struct coordinator *, const struct http_request *, struct http_reply *);
void api_metrics(struct coordinator *, const struct http_request *, struct http_reply *);

/* What people are shown of a node: its peers' proven word goes before its own. */
enum node_status coordinator_status(struct coordinator *, const struct registry_node *,
    uint64_t now_ms);

#endif
