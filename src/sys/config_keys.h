/*
 * config_keys: the table of every key, and what each accepts.  Private to
 * config.c.
 */
#ifndef SYS_CONFIG_KEYS_H
#define SYS_CONFIG_KEYS_H
#include "sys/config.h"

/* A configuration under construction: decoys come from three keys. */
struct config_draft {
	struct config config;
	uint16_t ssh_port, http_port;
	struct config_decoy extra[LIMIT_DECOYS];
	uint32_t extra_count;
	uint16_t sidecar_port; /* 0: not given */
};

struct config_key {
	const char *section, *name;
	const char *environment;
	size_t offset; /* of the field, in struct config_draft */
	/* false: the value is refused, the draft may hold part of it. */
	bool (*set)(struct config_draft *, void *field, const char *value);
	const char *allowed; /* completes "give ..." */
};

/* Ended by a key without name. */
const struct config_key *config_keys(void);
/* "http://host:port" into its parts; false: not of that form. */
bool config_url_parse(const char *url, char host[256], uint16_t *port);
/* localhost, 127.0.0.0/8 or ::1. */
bool config_host_is_loopback(const char *host);

#endif
