/*
 * config: see config.h.  Where values come from, and whether they agree with
 * each other; what each key accepts is in config_keys.c.
 */
#include <sys/un.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sys/config_keys.h"

#define DEFAULT_PATH "/etc/phalanx/phalanx.conf"
#define LINE_BYTES   4096
#define KEYS_MOST    64
#define SIDECAR_PORT 50052

struct loading {
	struct config_draft draft;
	const char *path;
	FILE *file;
	unsigned line;
	bool reported;
	bool seen[KEYS_MOST]; /* keys of the file */
};

static void complain(struct loading *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
complain(struct loading *loading, const char *format, ...)
{
	va_list arguments;

	loading->reported = true;
	fputs("phalanx: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static bool
set(struct loading *loading, const struct config_key *key, const char *value, const char *where)
{
	if (key->set(&loading->draft, (char *)&loading->draft + key->offset, value))
		return true;
	complain(loading, "%s: [%s] %s: \"%.128s\" is refused; give %s", where, key->section,
	    key->name, value, key->allowed);
	return false;
}

/* ---- the file ---------------------------------------------------------------------- */

/* fgets() for inih, which counts lines and refuses what cannot be text. */
static char *
read_line(char *out, int room, void *context)
{
	struct loading *loading = context;
	int used = 0, c;

	loading->line++;
	while ((c = getc(loading->file)) != EOF) {
		if (c == '\0' || used + 2 > room) {
			complain(loading, "%s:%u: %s", loading->path, loading->line,
			    c == '\0' ? "a zero byte; this is no text file"
			              : "longer than 4,000 bytes; shorten the line");
			return NULL;
		}
		out[used++] = (char)c;
		if (c == '\n')
			break;
	}
	out[used] = '\0';
	return used > 0 ? out : NULL;
}

static const struct config_key *
find(const char *section, const char *name)
{
	const struct config_key *key;

	for (key = config_keys(); key->name != NULL; key++)
		if (strcmp(key->name, name) == 0 &&
		    (section == NULL || strcmp(key->section, section) == 0))
			return key;
	return NULL;
}

/* The keys of a section, or the sections if there is no such. */
static void
list_known(const char *section, char *out, size_t room)
{
	const struct config_key *key;
	const char *last = "";
	size_t used = 0;
	bool known = false;

	for (key = config_keys(); key->name != NULL; key++)
		known = known || strcmp(key->section, section) == 0;
	for (key = config_keys(); key->name != NULL && used < room; key++) {
		if (known ? strcmp(key->section, section) != 0 : strcmp(key->section, last) == 0)
			continue;
		used += (size_t)snprintf(out + used, room - used, known ? " %s" : " [%s]",
		    known ? key->name : key->section);
		last = key->section;
	}
}

static int
on_pair(void *context, const char *section, const char *name, const char *value)
{
	struct loading *loading = context;
	const struct config_key *key = find(section, name);
	char where[LIMIT_PATH_BYTES + 16], known[512] = "";
	size_t index;

	snprintf(where, sizeof(where), "%s:%u", loading->path, loading->line);
	if (key == NULL) {
		list_known(section, known, sizeof(known));
		complain(
		    loading, "%s: [%s] %s: no such key; known are%s", where, section, name, known);
		return 0;
	}
	index = (size_t)(key - config_keys());
	if (loading->seen[index]) {
		complain(loading, "%s: [%s] %s: given twice; keep one line", where, section, name);
		return 0;
	}
	loading->seen[index] = true;
	return set(loading, key, value, where);
}

static enum err
load_file(struct loading *loading, const char *path)
{
	int first_error;
	bool failed;

	loading->path = path != NULL ? path : DEFAULT_PATH;
	if ((loading->file = fopen(loading->path, "re")) == NULL) {
		if (path == NULL && errno == ENOENT)
			return ERR_OK;
		complain(loading, "%s: %s", loading->path, strerror(errno));
		return ERR_IO;
	}
	ini_use_stack = false;
	ini_initial_alloc = ini_max_line = LINE_BYTES;
	ini_allow_multiline = false;
	ini_stop_on_first_error = true;
	first_error = ini_parse_stream(read_line, loading, on_pair, loading);
	failed = ferror(loading->file) != 0;
	fclose(loading->file);
	if (failed) {
		complain(loading, "%s: cannot be read; give a text file", loading->path);
		return ERR_IO;
	}
	if (first_error != 0 && !loading->reported)
		complain(loading, "%s:%d: neither \"[section]\" nor \"key = value\"", loading->path,
		    first_error);
	return loading->reported ? ERR_CONFIG : ERR_OK;
}

/* ---- environment and flags ------------------------------------------------------------ */

static enum err
load_environment(struct loading *loading)
{
	const struct config_key *key;
	const char *value;
	char where[64];

	for (key = config_keys(); key->name != NULL; key++) {
		/* Compose files pass variables on that nobody set: empty means unset. */
		if ((value = getenv(key->environment)) == NULL || *value == '\0')
			continue;
		snprintf(where, sizeof(where), "environment %s", key->environment);
		if (!set(loading, key, value, where))
			return ERR_CONFIG;
	}
	return ERR_OK;
}

static enum err
load_flag(struct loading *loading, const char *flag)
{
	const char *equals = strchr(flag, '='), *dot;
	char name[64], section[32], where[192];
	const struct config_key *key = NULL;

	if (equals != NULL && (size_t)(equals - flag) < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)(equals - flag), flag);
		if ((dot = strchr(name, '.')) == NULL) {
			key = find(NULL, name);
		} else if ((size_t)(dot - name) < sizeof(section)) {
			snprintf(section, sizeof(section), "%.*s", (int)(dot - name), name);
			key = find(section, dot + 1);
		}
	}
	if (key == NULL) {
		complain(loading,
		    "argument \"%.128s\": no such setting; give key=value or section.key=value "
		    "with a key of phalanx.conf",
		    flag);
		return ERR_CONFIG;
	}
	snprintf(where, sizeof(where), "argument \"%.128s\"", flag);
	return set(loading, key, equals + 1, where) ? ERR_OK : ERR_CONFIG;
}

/* ---- the whole -------------------------------------------------------------------------- */

static void
set_defaults(struct config_draft *draft)
{
	struct config *config = &draft->config;
	const struct config_key *key;
	char host[LIMIT_NAME_BYTES + 1] = "";

	memset(draft, 0, sizeof(*draft));
	if (gethostname(host, sizeof(host) - 1) == 0) {
		host[strcspn(host, ".")] = '\0';
		key = find("node", "name");
		if (!key->set(draft, config->name, host))
			config->name[0] = '\0';
	}
	strcpy(config->hostname, "localhost");
	config->p2p_port = 9000;
	strcpy(config->state_dir, "/var/lib/phalanx");
	strcpy(config->control_socket, "control.sock");
	strcpy(config->log_level, "info");
	strcpy(config->cert_file, "certs/peer.pem");
	strcpy(config->key_file, "certs/peer.key");
	strcpy(config->ca_file, "certs/ca.pem");
	strcpy(config->identity_file, "identity.key");
	strcpy(config->roster_file, "roster");
	config->policy = CONFIG_ATTRIBUTE;
	config->mode = CONFIG_OBSERVE;
	config->threshold = 7;
	draft->ssh_port = 2222;
	draft->http_port = 8888;
	key = find("coordinator", "url");
	(void)key->set(draft, config->coordinator_url, "http://localhost:8090");
	strcpy(config->sidecar_path, "analyser.sock");
	key = find("analyser", "ollama_url");
	(void)key->set(draft, config->model_url, "http://localhost:11434");
	/* Apache 2.0, 1 GB, follows a schema, thinks no hidden tokens: docs/analyser.md. */
	strcpy(config->model, "qwen2.5:1.5b-instruct");
	config->run_analyser = true;
	config->model_deadline_ms = config->analysis_deadline_ms = 10 * 1000;
	config->hooks.timeout_ms = HOOK_TIMEOUT_DEFAULT_MS;
}

/* Makes a path absolute: under base, or under the working directory. */
static bool
absolute(char path[LIMIT_PATH_BYTES], const char *base)
{
	char joined[2 * LIMIT_PATH_BYTES + 2], here[LIMIT_PATH_BYTES];

	if (path[0] == '/')
		return true;
	if (base == NULL) {
		if (getcwd(here, sizeof(here)) == NULL)
			return false;
		base = here;
	}
	if (snprintf(joined, sizeof(joined), "%s/%s", base, path) >= LIMIT_PATH_BYTES)
		return false;
	strcpy(path, joined);
	return true;
}

/* The folder of this very program if the others lie beside it, else where they are installed. */
void
config_libexec(char out[LIMIT_PATH_BYTES])
{
	char engine[LIMIT_PATH_BYTES + 16], *slash;
	ssize_t length;

	length = readlink("/proc/self/exe", out, LIMIT_PATH_BYTES - 1);
	if (length > 0) {
		out[length] = '\0';
		if ((slash = strrchr(out, '/')) != NULL) {
			*slash = '\0';
			snprintf(engine, sizeof(engine), "%s/phalanx-engine", out);
			if (access(engine, X_OK) == 0)
				return;
		}
	}
	snprintf(out, LIMIT_PATH_BYTES, "%s", PHALANX_LIBEXEC);
}

static bool
socket_fits(struct loading *loading, const char *key, const char *path)
{
	if (strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
		return true;
	complain(loading,
	    "%s: %s is longer than the 107 bytes of a socket's name; give a shorter one, as in "
	    "/run/phalanx.sock",
	    key, path);
	return false;
}

static enum err
finish_paths(struct loading *loading)
{
	struct config *config = &loading->draft.config;
	char *const in_state[] = { config->control_socket, config->cert_file, config->key_file,
		config->ca_file, config->identity_file, config->roster_file };
	size_t i;

	if (!absolute(config->state_dir, NULL))
		goto too_long;
	if (config->libexec_dir[0] == '\0')
		config_libexec(config->libexec_dir);
	else if (!absolute(config->libexec_dir, NULL))
		goto too_long;
	for (i = 0; i < sizeof(in_state) / sizeof(in_state[0]); i++)
		if (!absolute(in_state[i], config->state_dir))
			goto too_long;
	if (config->sidecar_path[0] != '\0' && !absolute(config->sidecar_path, config->state_dir))
		goto too_long;
	if (config->token_file[0] != '\0' && !absolute(config->token_file, config->state_dir))
		goto too_long;
	if (!socket_fits(loading, "[node] control_socket", config->control_socket) ||
	    !socket_fits(loading, "[analyser] sidecar_addr", config->sidecar_path))
		return ERR_CONFIG;
	return ERR_OK;

too_long:
	complain(loading, "[node] state_dir: with the names under it longer than 255 bytes; "
	                  "give a shorter one");
	return ERR_CONFIG;
}

static enum err
finish_decoys(struct loading *loading)
{
	struct config_draft *draft = &loading->draft;
	struct config *config = &draft->config;
	uint32_t i, j;

	config->decoy_count = 0;
	if (draft->ssh_port != 0)
		config->decoys[config->decoy_count++] =
		    (struct config_decoy){ DECOY_SSH, draft->ssh_port };
	if (draft->http_port != 0)
		config->decoys[config->decoy_count++] =
		    (struct config_decoy){ DECOY_HTTP, draft->http_port };
	for (i = 0; i < draft->extra_count; i++)
		config->decoys[config->decoy_count++] = draft->extra[i];
	for (i = 0; i < config->decoy_count; i++) {
		bool taken = config->decoys[i].port == config->p2p_port;

		for (j = 0; j < i; j++)
			taken = taken || config->decoys[i].port == config->decoys[j].port;
		if (taken) {
			complain(loading,
			    "[decoys]: port %u is also the mesh's or another decoy's; give each "
			    "its own",
			    config->decoys[i].port);
			return ERR_CONFIG;
		}
	}
	return ERR_OK;
}

/* TCP where SIDECAR_ADDR names a host; where only SIDECAR_PORT is given, on loopback. */
static void
finish_sidecar(struct config_draft *draft)
{
	struct config *config = &draft->config;

	if (config->sidecar_host[0] == '\0' && draft->sidecar_port != 0) {
		config->sidecar_path[0] = '\0';
		strcpy(config->sidecar_host, "localhost");
	}
	if (config->sidecar_host[0] != '\0' && config->sidecar_port == 0)
		config->sidecar_port =
		    draft->sidecar_port != 0 ? draft->sidecar_port : SIDECAR_PORT;
}

static enum err
finish(struct loading *loading)
{
	const struct config *config = &loading->draft.config;
	enum err err;

	if (config->name[0] == '\0') {
		complain(loading,
		    "[node] name: missing, and the host's own name does not fit; give "
		    "1 to 128 letters, digits, '_' or '-' there or in NODE_ID");
		return ERR_CONFIG;
	}
	if (config->local_mode && (!config_host_is_loopback(config->hostname) ||
	                              (config->coordinator_host[0] != '\0' &&
	                                  !config_host_is_loopback(config->coordinator_host)))) {
		complain(loading, "[node] local_mode: skips mutual TLS and is refused off "
		                  "loopback; set it to false, or hostname and coordinator to "
		                  "localhost");
		return ERR_CONFIG;
	}
	if ((err = finish_paths(loading)) != ERR_OK)
		return err;
	finish_sidecar(&loading->draft);
	return finish_decoys(loading);
}

enum err
config_load(const char *path, const char *const *flags, size_t flag_count, struct config *out)
{
	struct loading *loading;
	enum err err;
	size_t i;

	if ((loading = calloc(1, sizeof(*loading))) == NULL)
		return ERR_NOMEM;
	set_defaults(&loading->draft);
	err = load_file(loading, path);
	if (err == ERR_OK)
		err = load_environment(loading);
	for (i = 0; i < flag_count && err == ERR_OK; i++)
		err = load_flag(loading, flags[i]);
	if (err == ERR_OK)
		err = finish(loading);
	if (err == ERR_OK)
		*out = loading->draft.config;
	free(loading);
	return err;
}

bool
config_management_holds(const struct config_management *m, const struct address *address)
{
	unsigned i, bits;
	uint8_t mask;

	if (m->address.family != address->family)
		return false;
	for (i = 0; 8 * i < m->prefix_bits && i < sizeof(address->bytes); i++) {
		bits = m->prefix_bits - 8 * i;
		mask = (uint8_t)(bits >= 8 ? 0xffu : 0xff00u >> bits);
		if (((m->address.bytes[i] ^ address->bytes[i]) & mask) != 0)
			return false;
	}
	return true;
}
