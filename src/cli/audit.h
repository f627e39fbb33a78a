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

int audit_verify(const struct audit *, const struct audit_options *);
int audit_show(const struct audit *, const struct audit_options *);
int audit_bundle(const struct audit *, const struct audit_options *);
int audit_verify_bundle(const struct audit_options *);

#endif
