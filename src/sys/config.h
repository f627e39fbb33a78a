/*
 * config: phalanx.conf (INI), the environment and flags, in that rising
 * order, as one flat struct that crosses a socketpair.  Errors name file,
 * line and remedy on standard error.
 *
 * Spec: docs/operations.md, "Configuration".
 */
#ifndef SYS_CONFIG_H
#define SYS_CONFIG_H
#include <stdbool.h>
#include "base/err.h"
#include "base/limits.h"
#include "core/types.h"
#include "sys/hook_settings.h"

enum config_policy { CONFIG_ATTRIBUTE, CONFIG_ASSUME_BREACH };
enum config_mode { CONFIG_OBSERVE, CONFIG_ENFORCE };
enum config_backend { CONFIG_OLLAMA, CONFIG_OPENAI };
enum config_analysis { CONFIG_RULES_FIRST, CONFIG_AI_FIRST };
enum decoy_kind { DECOY_TCP, DECOY_SSH, DECOY_HTTP };

struct config_decoy {
	enum decoy_kind kind;
	uint16_t port;
};

/* tcp/port from address/prefix stays open through every cut. */
struct config_management {
	struct address address;
	uint8_t prefix_bits;
	uint16_t port;
};

struct config {
	/* [node] */
	char name[LIMIT_NAME_BYTES + 1];     /* NODE_ID */
	char hostname[256];                  /* NODE_HOSTNAME */
	uint16_t p2p_port;                   /* P2P_PORT */
	bool local_mode;                     /* LOCAL_MODE */
	char state_dir[LIMIT_PATH_BYTES];
	char libexec_dir[LIMIT_PATH_BYTES];
	char control_socket[LIMIT_PATH_BYTES];
	uint32_t uid_base;                   /* 0: as we are, else role i runs as uid_base + i */
	char log_level[8];
	/* [identity] */
	char cert_file[LIMIT_PATH_BYTES];    /* CERT_FILE */
	char key_file[LIMIT_PATH_BYTES];     /* KEY_FILE */
	char ca_file[LIMIT_PATH_BYTES];      /* CA_FILE: X.509; holds the CA key */
	char identity_file[LIMIT_PATH_BYTES];/* Ed25519 secret, notary only */
	char roster_file[LIMIT_PATH_BYTES];
	/* [policy] */
	enum config_policy policy;           /* attribute */
	enum config_mode mode;               /* observe */
	uint32_t threshold;                  /* 7 */
	uint32_t corroboration;
	struct address ignored[LIMIT_IGNORED];
	uint32_t ignored_count;
	/* [decoys] */
	struct config_decoy decoys[LIMIT_DECOYS]; /* HONEYPOT_SSH_PORT, HONEYPOT_HTTP_PORT */
	uint32_t decoy_count;
	/* [exempt] */
	struct config_management management[LIMIT_MANAGEMENT];
	uint32_t management_count;
	struct address dns[LIMIT_DNS];
	uint32_t dns_count;
	/* [coordinator]; address.family 0: none configured */
	char coordinator_url[256];           /* COORDINATOR_URL */
	char coordinator_host[256];
	struct endpoint coordinator;         /* resolved by the parent at start */
	struct public_key coordinator_key;   /* COORDINATOR_KEY; zeros: the first that it shows is kept */
	/* [analyser]: the door is a unix socket, or TCP when sidecar_port is not 0 */
	char sidecar_path[LIMIT_PATH_BYTES]; /* SIDECAR_ADDR: a path; "" with TCP */
	char sidecar_host[256];              /* SIDECAR_ADDR: HOST[:PORT]; "" without TCP */
	uint16_t sidecar_port;               /* SIDECAR_PORT */
	struct address sidecar_address;      /* of sidecar_host; resolved by the parent */
	uint32_t sidecar_uid_first;          /* these may call too, ... */
	uint32_t sidecar_uid_last;           /* ... besides root and the analyser's own uid */
	enum config_backend backend;         /* ollama */
	char model_url[256];                 /* OLLAMA_URL */
	char model_host[256];                /* its parts */
	uint16_t model_port;
	struct address model_address;        /* of model_host; resolved by the parent */
	char model[LIMIT_MODEL_NAME_BYTES + 1]; /* OLLAMA_MODEL */
	char token_file[LIMIT_PATH_BYTES];   /* "": none */
	bool allow_remote_model;
	bool run_analyser;                   /* by the node's parent */
	uint32_t model_deadline_ms;          /* the whole exchange with the model */
	enum config_analysis analysis;       /* rules-first */
	uint32_t analysis_deadline_ms;       /* ai-first: the node waits so long */
	/* [hooks] */
	struct hook_settings hooks;
};

/*
 * Fill in defaults, then path (NULL: /etc/phalanx/phalanx.conf if it is
 * there), then environment, then "key=value" flags.  On error a line on
 * standard error says file, line, key, what is wrong and what to do.
 * ERR_CONFIG, ERR_IO.
 */
MUST_USE enum err config_load(const char *path, const char *const *flags, size_t flag_count,
    struct config *out);

/* Is the address within the management entry's prefix? */
bool config_management_holds(const struct config_management *, const struct address *);
/* Where the programs lie that no user starts: beside the calling one, or as installed. */
void config_libexec(char out[LIMIT_PATH_BYTES]);
/* The coordinator as "host:port" in lower case: Host, and what an HTTP signature covers. */
#define CONFIG_AUTHORITY_BYTES 264
void config_authority(const struct config *, char out[CONFIG_AUTHORITY_BYTES]);

#endif
