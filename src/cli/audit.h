/*
 * audit: what the parts of `phalanx audit` share: the logs of one state
 * directory and the roster that they are judged by.
 *
 * Everything read here may have been written by an intruder.
 */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H
#include <stdio.h>
#include "cli/command.h"
#include "core/roster.h"
#include "sys/feed_line.h"
#include "sys/feed_reader.h"

#define AUDIT_PATH_BYTES 4096

struct audit_options {
	const char *directory;   /* --dir; else the configuration's */
	const char *file;        /* --file; NULL: audit.log and received.log there */
	const char *bundle;      /* --bundle */
	const char *ca;          /* --ca FILE */
	const char *ca_key;      /* --ca-key HEX */
	const char *subject;     /* --subject NAME */
	const char *incident;    /* --incident ID */
	const char *out;         /* --out F */
	bool json;
};

struct audit {
	char directory[AUDIT_PATH_BYTES / 2];
	char control_socket[AUDIT_PATH_BYTES]; /* of the daemon that runs there */
	struct roster *roster;
	uint8_t *roster_bytes;
	size_t roster_size;
	struct public_key ca;
};

void audit_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The roster of a state directory, proven; complains and returns false if there is none. */
bool audit_open(const char *directory, struct audit *out);
void audit_close(struct audit *);
/* DIRECTORY/FILE */
void audit_path(const struct audit *, const char *file, char out[AUDIT_PATH_BYTES]);
/* A member's name, or its id in hex. */
const char *audit_name(const struct audit *, const struct node_id *, char room[33]);
/* The incident that an entry belongs to, 16 hex digits. */
void audit_incident(const struct entry *, char out[17]);

/*
 * What the mesh knows of this node's feed, by way of its daemon.  Ask first
 * and read the log afterwards: it only grows.
 */
struct audit_peers {
	bool answered;      /* the daemon did */
	struct node_id id;  /* its own */
	bool later;         /* peers hold a later feed than it does */
	uint64_t sequence;  /* its newest entry */
	unsigned links;
};
void audit_peers_ask(const struct audit *, struct audit_peers *out);
/* Does the log of author, which ends at sequence, agree?  One word for JSON, a line for people. */
enum audit_peers_say { AUDIT_PEERS_AGREE, AUDIT_PEERS_LATER, AUDIT_PEERS_NOT_ASKED };
enum audit_peers_say audit_peers_compare(const struct audit_peers *,
    const struct node_id *author, uint64_t sequence, const char **text);
const char *audit_peers_word(enum audit_peers_say);

int audit_verify(const struct audit *, const struct audit_options *);
int audit_show(const struct audit *, const struct audit_options *);
int audit_bundle(const struct audit *, const struct audit_options *);
int audit_export(const struct audit *, const struct audit_options *);
int audit_verify_bundle(const struct audit_options *);

#endif
