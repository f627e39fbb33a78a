/*
 * config_keys: see config_keys.h.  File, environment and flags all come
 * through these setters.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "sys/config_keys.h"
#include "sys/uids.h"

#define ITEM_BYTES 128

/* ---- plain values --------------------------------------------------------------- */

static bool
parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *out)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || value < least || value > most)
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool
parse_port(const char *text, uint32_t least, uint16_t *out)
{
	uint32_t value;

	if (!parse_number(text, least, UINT16_MAX, &value))
		return false;
	*out = (uint16_t)value;
	return true;
}

static bool
set_port(struct config_draft *draft, void *field, const char *value)
{
	(void)draft;
	return parse_port(value, 1, field);
}

static bool
set_port_or_zero(struct config_draft *draft, void *field, const char *value)
{
	(void)draft;
	return parse_port(value, 0, field);
}

static bool
set_uid(struct config_draft *draft, void *field, const char *value)
{
	(void)draft;
	if (strcmp(value, "auto") == 0) {
		*(uint32_t *)field = uids_reserved("/etc/subuid", "/etc/subgid");
		return true;
	}
	return parse_number(value, 0, INT32_MAX - 16, field);
}

static bool
set_threshold(struct config_draft *draft, void *field, const char *value)
{
	(void)draft;
	return parse_number(value, 1, 9, field);
}

static bool
set_corroboration(struct config_draft *draft, void *field, const char *value)
{
	(void)draft;
	return parse_number(value, 0, LIMIT_MEMBERS, field);
}

static bool
set_bool(struct config_draft *draft, void *field, const char *value)
{
	bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;

	(void)draft;
	if (!yes && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		return false;
	*(bool *)field = yes;
	return true;
}

static bool
set_policy(struct config_draft *draft, void *field, const char *value)
{
	(void)field;
	if (strcmp(value, "attribute") == 0)
		draft->config.policy = CONFIG_ATTRIBUTE;
	else if (strcmp(value, "assume-breach") == 0)
		draft->config.policy = CONFIG_ASSUME_BREACH;
	else
		return false;
	return true;
}

static bool
set_mode(struct config_draft *draft, void *field, const char *value)
{
	(void)field;
	if (strcmp(value, "observe") == 0)
		draft->config.mode = CONFIG_OBSERVE;
	else if (strcmp(value, "enforce") == 0)
		draft->config.mode = CONFIG_ENFORCE;
	else
		return false;
	return true;
}

static bool
set_log_level(struct config_draft *draft, void *field, const char *value)
{
	static const char *const levels[] = { "debug", "info", "warn", "error" };
	size_t i;

	(void)field;
	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(value, levels[i]) == 0) {
			snprintf(
			    draft->config.log_level, sizeof(draft->config.log_level), "%s", value);
			return true;
		}
	return false;
}

/* Copies a value of which every byte is of a set. */
static bool
copy_of(char *out, size_t room, const char *value, const char *punctuation)
{
	size_t length = strlen(value), i;

	if (length == 0 || length >= room)
		return false;
	for (i = 0; i < length; i++) {
		char c = value[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			continue;
		if (strchr(punctuation, c) == NULL)
			return false;
	}
	memcpy(out, value, length + 1);
	return true;
}

static bool
set_name(struct config_draft *draft, void *field, const char *value)
{
	(void)draft;
	return copy_of(field, LIMIT_NAME_BYTES + 1, value, "_-");
}

static bool
set_hostname(struct config_draft *draft, void *field, const char *value)
{
	(void)draft;
	return copy_of(field, 256, value, ".-:");
}

static bool
set_path(struct config_draft *draft, void *field, const char *value)
{
	size_t length = strlen(value);

	(void)draft;
	if (length == 0 || length >= LIMIT_PATH_BYTES)
		return false;
	memcpy(field, value, length + 1);
	return true;
}

/* ---- the coordinator -------------------------------------------------------------- */

bool
config_host_is_loopback(const char *host)
{
	struct address address;

	if (strcmp(host, "localhost") == 0)
		return true;
	return address_parse(host, &address) && address_is_loopback(&address);
}

bool
config_url_parse(const char *url, char host[256], uint16_t *port)
{
	static const char scheme[] = "http://";
	char copy[256], *begin = copy, *end, *text;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0 || strlen(url) >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%s", url + sizeof(scheme) - 1);
	if ((text = strchr(copy, '/')) != NULL) {
		if (text[1] != '\0')
			return false;
		*text = '\0';
	}
	if (*begin == '[') {
		begin++;
		if ((end = strchr(begin, ']')) == NULL)
			return false;
		*end++ = '\0';
		if (strchr(begin, ':') == NULL)
			return false;
	} else if ((end = strchr(begin, ':')) == NULL) {
		end = begin + strlen(begin);
	}
	if (*end == '\0') {
		*port = 80;
	} else {
		if (*end != ':' || !parse_port(end + 1, 1, port))
			return false;
		*end = '\0';
	}
	return copy_of(host, 256, begin, ".-:");
}

static bool
set_url(struct config_draft *draft, void *field, const char *value)
{
	struct config *config = &draft->config;

	(void)field;
	memset(&config->coordinator, 0, sizeof(config->coordinator));
	config->coordinator_url[0] = config->coordinator_host[0] = '\0';
	if (value[0] == '\0' || strcmp(value, "none") == 0)
		return true;
	if (!config_url_parse(value, config->coordinator_host, &config->coordinator.port))
		return false;
	snprintf(config->coordinator_url, sizeof(config->coordinator_url), "%s", value);
	/* A name is the parent's to look up. */
	(void)address_parse(config->coordinator_host, &config->coordinator.address);
	return true;
}

static bool
set_key(struct config_draft *draft, void *field, const char *value)
{
	static const struct public_key none;
	struct public_key *key = field;

	(void)draft;
	*key = none;
	if (strcmp(value, "none") == 0)
		return true;
	return hex_parse(value, strlen(value), key->bytes, sizeof(key->bytes)) &&
	       memcmp(key, &none, sizeof(none)) != 0;
}

/* ---- the analyser ------------------------------------------------------------------ */

/* With a '/', or ending in ".sock", it is a path; else HOST or HOST:PORT. */
static bool
set_sidecar(struct config_draft *draft, void *field, const char *value)
{
	struct config *config = &draft->config;
	size_t length = strlen(value);
	char url[256 + 8];

	config->sidecar_path[0] = config->sidecar_host[0] = '\0';
	config->sidecar_port = 0;
	if (strchr(value, '/') != NULL || (length > 5 && strcmp(value + length - 5, ".sock") == 0))
		return set_path(draft, field, value);
	if (length > 255)
		return false;
	snprintf(url, sizeof(url), "http://%s", value);
	if (!config_url_parse(url, config->sidecar_host, &config->sidecar_port))
		return false;
	/* No port here: SIDECAR_PORT has it, not the URL's 80. */
	if (value[length - 1] == ']' || strchr(value, ':') == NULL)
		config->sidecar_port = 0;
	return true;
}

static bool
set_uids(struct config_draft *draft, void *field, const char *value)
{
	struct config *config = &draft->config;
	const char *dash = strchr(value, '-');
	char first[16];

	(void)field;
	if (dash == NULL || (size_t)(dash - value) >= sizeof(first))
		return false;
	snprintf(first, sizeof(first), "%.*s", (int)(dash - value), value);
	return parse_number(first, 1, INT32_MAX, &config->sidecar_uid_first) &&
	       parse_number(
	           dash + 1, config->sidecar_uid_first, INT32_MAX, &config->sidecar_uid_last);
}

static bool
set_backend(struct config_draft *draft, void *field, const char *value)
{
	(void)field;
	if (strcmp(value, "ollama") == 0)
		draft->config.backend = CONFIG_OLLAMA;
	else if (strcmp(value, "openai") == 0)
		draft->config.backend = CONFIG_OPENAI;
	else
		return false;
	return true;
}

static bool
set_model_url(struct config_draft *draft, void *field, const char *value)
{
	struct config *config = &draft->config;

	if (!config_url_parse(value, config->model_host, &config->model_port))
		return false;
	memcpy(field, value, strlen(value) + 1);
	return true;
}

static bool
set_model(struct config_draft *draft, void *field, const char *value)
{
	(void)draft;
	return copy_of(field, LIMIT_MODEL_NAME_BYTES + 1, value, "._:/@-");
}

static bool
set_deadline(struct config_draft *draft, void *field, const char *value)
{
	char number[16];
	size_t length = strspn(value, "0123456789");
	uint32_t amount, *ms = field;

	(void)draft;
	if (length == 0 || length >= sizeof(number))
		return false;
	memcpy(number, value, length);
	number[length] = '\0';
	if (strcmp(value + length, "ms") == 0)
		return parse_number(number, 100, LIMIT_MODEL_DEADLINE_MS, ms);
	if (value[length] != '\0' && strcmp(value + length, "s") != 0)
		return false;
	if (!parse_number(number, 1, LIMIT_MODEL_DEADLINE_MS / 1000, &amount))
		return false;
	*ms = amount * 1000;
	return true;
}

static bool
set_analysis(struct config_draft *draft, void *field, const char *value)
{
	(void)field;
	if (strcmp(value, "rules-first") == 0)
		draft->config.analysis = CONFIG_RULES_FIRST;
	else if (strcmp(value, "ai-first") == 0)
		draft->config.analysis = CONFIG_AI_FIRST;
	else
		return false;
	return true;
}

static bool
set_run(struct config_draft *draft, void *field, const char *value)
{
	(void)draft;
	*(bool *)field = strcmp(value, "auto") == 0;
	return *(bool *)field || strcmp(value, "no") == 0;
}

/* ---- lists ------------------------------------------------------------------------- */

/* Next item of a comma list, without the space around it; false at the end or at a bad item. */
static bool
next_item(const char **rest, char item[ITEM_BYTES], bool *bad)
{
	const char *begin = *rest + strspn(*rest, " \t"), *comma = strchrnul(begin, ',');
	size_t length = (size_t)(comma - begin);

	if (*begin == '\0')
		return false;
	*rest = *comma == ',' ? comma + 1 : comma;
	while (length > 0 && (begin[length - 1] == ' ' || begin[length - 1] == '\t'))
		length--;
	if (length == 0 || length >= ITEM_BYTES) {
		*bad = true;
		return false;
	}
	memcpy(item, begin, length);
	item[length] = '\0';
	return true;
}

static bool
parse_addresses(const char *list, struct address *out, uint32_t room, uint32_t *count)
{
	char item[ITEM_BYTES];
	bool bad = false;

	for (*count = 0; next_item(&list, item, &bad); (*count)++)
		if (*count == room || !address_parse(item, &out[*count]))
			return false;
	return !bad;
}

static bool
set_ignored(struct config_draft *draft, void *field, const char *value)
{
	return parse_addresses(value, field, LIMIT_IGNORED, &draft->config.ignored_count);
}

static bool
set_dns(struct config_draft *draft, void *field, const char *value)
{
	return parse_addresses(value, field, LIMIT_DNS, &draft->config.dns_count);
}

/* 192.0.2.0/24:22 or [2001:db8::]/32:22; without prefix one address, without port 22. */
static bool
parse_management(char *item, struct config_management *out)
{
	char *address = item, *rest;
	uint32_t bits, widest;

	if (*item == '[') {
		address = item + 1;
		if ((rest = strchr(address, ']')) == NULL)
			return false;
		*rest++ = '\0';
	} else {
		rest = item + strcspn(item, "/:");
	}
	out->port = 22;
	char *port = strchr(rest, ':');
	if (port != NULL) {
		*port++ = '\0';
		if (!parse_port(port, 1, &out->port))
			return false;
	}
	char *prefix = *rest == '/' ? rest + 1 : NULL;
	if (*rest != '\0' && prefix == NULL)
		return false;
	*rest = '\0';
	if (!address_parse(address, &out->address))
		return false;
	bits = widest = out->address.family == 4 ? 32 : 128;
	if (prefix != NULL && !parse_number(prefix, 0, widest, &bits))
		return false;
	out->prefix_bits = (uint8_t)bits;
	return true;
}

static bool
set_management(struct config_draft *draft, void *field, const char *value)
{
	struct config *config = &draft->config;
	char item[ITEM_BYTES];
	bool bad = false;

	(void)field;
	for (config->management_count = 0; next_item(&value, item, &bad);
	     config->management_count++)
		if (config->management_count == LIMIT_MANAGEMENT ||
		    !parse_management(item, &config->management[config->management_count]))
			return false;
	return !bad;
}

static bool
parse_decoy(const char *item, struct config_decoy *out)
{
	static const struct {
		const char *prefix;
		enum decoy_kind kind;
	} kinds[] = { { "tcp:", DECOY_TCP }, { "ssh:", DECOY_SSH }, { "http:", DECOY_HTTP } };
	size_t i, length;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		length = strlen(kinds[i].prefix);
		if (strncmp(item, kinds[i].prefix, length) != 0)
			continue;
		out->kind = kinds[i].kind;
		return parse_port(item + length, 1, &out->port);
	}
	return false;
}

static bool
set_extra(struct config_draft *draft, void *field, const char *value)
{
	char item[ITEM_BYTES];
	bool bad = false;

	(void)field;
	for (draft->extra_count = 0; next_item(&value, item, &bad); draft->extra_count++)
		if (draft->extra_count == LIMIT_DECOYS - 2 ||
		    !parse_decoy(item, &draft->extra[draft->extra_count]))
			return false;
	return !bad;
}

/* That it is there and nobody else's is looked at when it is to be run. */
static bool
set_hook(struct config_draft *draft, void *field, const char *value)
{
	struct hook_arguments arguments;

	(void)draft;
	if (hook_split(value, &arguments) != ERR_OK)
		return false;
	strcpy(field, value);
	return true;
}

static bool
set_hook_timeout(struct config_draft *draft, void *field, const char *value)
{
	uint32_t seconds;

	(void)draft;
	if (!parse_number(value, 1, LIMIT_HOOK_TIMEOUT_S, &seconds))
		return false;
	*(uint32_t *)field = seconds * 1000;
	return true;
}

/* ---- the table ---------------------------------------------------------------------- */

#define FIELD(name) offsetof(struct config_draft, name)
#define A_PORT      "a port from 1 to 65535"
#define A_PATH      "a path of at most 255 bytes"
#define A_DEADLINE  "a time as 10s or 2500ms, up to 60s"

const struct config_key *
config_keys(void)
{
	static const struct config_key keys[] = {
		{ "node", "name", "NODE_ID", FIELD(config.name), set_name,
		    "1 to 128 letters, digits, '_' or '-'" },
		{ "node", "hostname", "NODE_HOSTNAME", FIELD(config.hostname), set_hostname,
		    "a host name or address" },
		{ "node", "p2p_port", "P2P_PORT", FIELD(config.p2p_port), set_port, A_PORT },
		{ "node", "local_mode", "LOCAL_MODE", FIELD(config.local_mode), set_bool,
		    "true or false" },
		{ "node", "state_dir", "PHALANX_STATE_DIR", FIELD(config.state_dir), set_path,
		    A_PATH },
		{ "node", "libexec_dir", "PHALANX_LIBEXEC_DIR", FIELD(config.libexec_dir), set_path,
		    A_PATH },
		{ "node", "control_socket", "PHALANX_CONTROL_SOCKET", FIELD(config.control_socket),
		    set_path, A_PATH },
		{ "node", "uid_base", "PHALANX_UID_BASE", FIELD(config.uid_base), set_uid,
		    "0, auto, or the first of nine unused uids" },
		{ "node", "log_level", "PHALANX_LOG_LEVEL", FIELD(config.log_level), set_log_level,
		    "debug, info, warn or error" },
		{ "identity", "cert_file", "CERT_FILE", FIELD(config.cert_file), set_path, A_PATH },
		{ "identity", "key_file", "KEY_FILE", FIELD(config.key_file), set_path, A_PATH },
		{ "identity", "ca_file", "CA_FILE", FIELD(config.ca_file), set_path, A_PATH },
		{ "identity", "identity_file", "PHALANX_IDENTITY_FILE", FIELD(config.identity_file),
		    set_path, A_PATH },
		{ "identity", "roster_file", "PHALANX_ROSTER_FILE", FIELD(config.roster_file),
		    set_path, A_PATH },
		{ "policy", "policy", "PHALANX_POLICY", FIELD(config.policy), set_policy,
		    "attribute or assume-breach" },
		{ "policy", "mode", "PHALANX_MODE", FIELD(config.mode), set_mode,
		    "observe or enforce" },
		{ "policy", "threshold", "PHALANX_THRESHOLD", FIELD(config.threshold),
		    set_threshold, "a score from 1 to 9" },
		{ "policy", "corroboration", "PHALANX_CORROBORATION", FIELD(config.corroboration),
		    set_corroboration, "a number of witnesses; 0: the mesh's own" },
		{ "policy", "ignore", "PHALANX_IGNORE", FIELD(config.ignored), set_ignored,
		    "at most 32 addresses, separated by commas" },
		{ "decoys", "ssh_port", "HONEYPOT_SSH_PORT", FIELD(ssh_port), set_port_or_zero,
		    A_PORT ", or 0 for none" },
		{ "decoys", "http_port", "HONEYPOT_HTTP_PORT", FIELD(http_port), set_port_or_zero,
		    A_PORT ", or 0 for none" },
		{ "decoys", "extra", "PHALANX_DECOYS", FIELD(extra), set_extra,
		    "at most 14 of tcp:PORT, ssh:PORT, http:PORT, separated by commas" },
		{ "exempt", "management", "PHALANX_MANAGEMENT", FIELD(config.management),
		    set_management,
		    "at most 32 of ADDRESS/PREFIX:PORT (IPv6: [ADDRESS]/PREFIX:PORT), separated by "
		    "commas" },
		{ "exempt", "dns", "PHALANX_DNS", FIELD(config.dns), set_dns,
		    "at most 8 addresses, separated by commas" },
		{ "coordinator", "url", "COORDINATOR_URL", FIELD(config.coordinator_url), set_url,
		    "http://HOST:PORT (https is not offered: every answer is signed), or none" },
		{ "coordinator", "coordinator_key", "COORDINATOR_KEY",
		    FIELD(config.coordinator_key), set_key,
		    "the 64 hex digits of coordinator_key in the coordinator's log, or none" },
		{ "analyser", "sidecar_addr", "SIDECAR_ADDR", FIELD(config.sidecar_path),
		    set_sidecar, "the path of a unix socket, or HOST or HOST:PORT for TCP" },
		{ "analyser", "sidecar_port", "SIDECAR_PORT", FIELD(sidecar_port), set_port,
		    A_PORT },
		{ "analyser", "sidecar_uids", "PHALANX_SIDECAR_UIDS",
		    FIELD(config.sidecar_uid_first), set_uids, "FIRST-LAST, two uids" },
		{ "analyser", "backend", "PHALANX_MODEL_BACKEND", FIELD(config.backend),
		    set_backend, "ollama or openai" },
		{ "analyser", "ollama_url", "OLLAMA_URL", FIELD(config.model_url), set_model_url,
		    "http://HOST:PORT" },
		{ "analyser", "ollama_model", "OLLAMA_MODEL", FIELD(config.model), set_model,
		    "a model's name, at most 128 letters, digits and ._:/@-" },
		{ "analyser", "token_file", "PHALANX_MODEL_TOKEN_FILE", FIELD(config.token_file),
		    set_path, A_PATH },
		{ "analyser", "allow_remote_model", "PHALANX_ALLOW_REMOTE_MODEL",
		    FIELD(config.allow_remote_model), set_bool, "true or false" },
		{ "analyser", "deadline", "PHALANX_MODEL_DEADLINE", FIELD(config.model_deadline_ms),
		    set_deadline, A_DEADLINE },
		{ "analyser", "analysis", "PHALANX_ANALYSIS", FIELD(config.analysis), set_analysis,
		    "rules-first or ai-first" },
		{ "analyser", "analysis_deadline", "PHALANX_ANALYSIS_DEADLINE",
		    FIELD(config.analysis_deadline_ms), set_deadline, A_DEADLINE },
		{ "analyser", "run", "PHALANX_ANALYSER_RUN", FIELD(config.run_analyser), set_run,
		    "auto or no" },
		{ "hooks", "on_quarantine", "PHALANX_ON_QUARANTINE", FIELD(config.hooks.command),
		    set_hook, "an absolute path and arguments, at most 1023 bytes, quotes closed" },
		{ "hooks", "hook_timeout_s", "PHALANX_HOOK_TIMEOUT_S",
		    FIELD(config.hooks.timeout_ms), set_hook_timeout, "1 to 3600 seconds" },
		{ "hooks", "on_precaution", "PHALANX_ON_PRECAUTION",
		    FIELD(config.hooks.on_precaution), set_bool, "true or false" },
		{ NULL, NULL, NULL, 0, NULL, NULL },
	};

	return keys;
}
