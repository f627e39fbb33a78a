#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "coordinator/settings.h"

#define DEFAULT_PATH "/etc/phalanx/coordinator.conf"

struct reading {
	struct settings *settings;
	const char *file; /* "the environment", "the command line" */
	FILE *stream;
	int line; /* 0: no lines there */
	bool failed;
};

static bool
complain(struct reading *r, const char *key, const char *value, const char *remedy)
{
	r->failed = true;
	if (r->line > 0)
		fprintf(stderr, "%s:%d: %s = %s: %s\n", r->file, r->line, key, value, remedy);
	else
		fprintf(stderr, "%s: %s=%s: %s\n", r->file, key, value, remedy);
	return false;
}

static bool
read_bool(const char *value, bool *out)
{
	if (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0 ||
	    strcasecmp(value, "yes") == 0)
		*out = true;
	else if (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0 ||
	         strcasecmp(value, "no") == 0)
		*out = false;
	else
		return false;
	return true;
}

static bool
read_port(const char *value, uint16_t *out)
{
	char *end;
	unsigned long port;

	if (*value < '0' || *value > '9')
		return false;
	errno = 0;
	port = strtoul(value, &end, 10);
	if (errno != 0 || *end != '\0' || port > 65535)
		return false;
	*out = (uint16_t)port;
	return true;
}

static bool
read_days(const char *value, unsigned *out)
{
	char *end;
	unsigned long days;

	if (*value < '0' || *value > '9')
		return false;
	errno = 0;
	days = strtoul(value, &end, 10);
	if (errno != 0 || *end != '\0' || days < 1 || days > 36500)
		return false;
	*out = (unsigned)days;
	return true;
}

static bool
read_text(const char *value, char *out, size_t room)
{
	if (strlen(value) >= room)
		return false;
	strcpy(out, value);
	return true;
}

/* "10.0.0.1", "10.0.0.1:8090", "fd00::1", "[fd00::1]:8090"; without a port: 0. */
static bool
read_endpoint(char *text, struct endpoint *out)
{
	char *host = text, *port = NULL, *close;

	out->port = 0;
	if (*text == '[') {
		host = text + 1;
		if ((close = strchr(host, ']')) == NULL || (close[1] != '\0' && close[1] != ':'))
			return false;
		port = close[1] == ':' ? close + 2 : NULL;
		*close = '\0';
	} else if ((port = strchr(text, ':')) != NULL) {
		if (strchr(port + 1, ':') != NULL)
			port = NULL; /* bare IPv6 */
		else
			*port++ = '\0';
	}
	if (port != NULL && !read_port(port, &out->port))
		return false;
	return address_parse(host, &out->address);
}

/* Calls item for every trimmed part of a comma list. */
static bool
each_part(const char *list, struct settings *s, bool (*item)(struct settings *, char *part))
{
	char copy[2048], *rest = copy, *part, *end;

	if (!read_text(list, copy, sizeof(copy)))
		return false;
	while ((part = strsep(&rest, ",")) != NULL) {
		part += strspn(part, " \t");
		end = part + strlen(part);
		while (end > part && (end[-1] == ' ' || end[-1] == '\t'))
			*--end = '\0';
		if (*part != '\0' && !item(s, part))
			return false;
	}
	return true;
}

static bool
add_listen(struct settings *s, char *part)
{
	return s->listen_count < SETTINGS_LISTENERS &&
	       read_endpoint(part, &s->listen[s->listen_count]) && ++s->listen_count > 0;
}

static bool
add_host(struct settings *s, char *part)
{
	return s->host_count < SETTINGS_HOSTS &&
	       read_text(part, s->hosts[s->host_count], SETTINGS_HOST_BYTES) && ++s->host_count > 0;
}

static bool
set_value(struct reading *r, const char *key, const char *value)
{
	struct settings *s = r->settings;

	if (strcmp(key, "port") == 0)
		return read_port(value, &s->port) ||
		       complain(r, key, value, "give a port number from 0 (any) to 65535");
	if (strcmp(key, "listen") == 0) {
		s->listen_count = 0;
		s->listen_given = true;
		return each_part(value, s, add_listen) ||
		       complain(r, key, value,
		           "give a comma list of at most 16 ADDRESS:PORT, IPv6 in brackets");
	}
	if (strcmp(key, "hosts") == 0) {
		s->host_count = 0;
		return each_part(value, s, add_host) ||
		       complain(r, key, value, "give a comma list of at most 16 host names");
	}
	if (strcmp(key, "state_dir") == 0)
		return (*value == '/' && read_text(value, s->state_dir, sizeof(s->state_dir))) ||
		       complain(r, key, value, "give an absolute path of at most 255 bytes");
	if (strcmp(key, "roster_file") == 0)
		return read_text(value, s->roster_file, sizeof(s->roster_file)) ||
		       complain(r, key, value, "the path is too long");
	if (strcmp(key, "ca_file") == 0)
		return read_text(value, s->ca_file, sizeof(s->ca_file)) ||
		       complain(r, key, value, "the path is too long");
	if (strcmp(key, "allowed_origin") == 0)
		return ((strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0) &&
		           strpbrk(value, " \t\r\n") == NULL &&
		           read_text(value, s->allowed_origin, sizeof(s->allowed_origin))) ||
		       complain(r, key, value, "give one origin such as https://mesh.example.org");
	if (strcmp(key, "require_signed_registration") == 0)
		return read_bool(value, &s->require_signed) ||
		       complain(r, key, value, "give true or false");
	if (strcmp(key, "local_mode") == 0)
		return read_bool(value, &s->local_mode) ||
		       complain(r, key, value, "give true or false");
	if (strcmp(key, "viewers") == 0) {
		s->viewers_sign_in = strcmp(value, "signed-in") == 0;
		return s->viewers_sign_in || strcmp(value, "anyone") == 0 ||
		       complain(r, key, value, "give anyone or signed-in");
	}
	if (strcmp(key, "keep_days") == 0)
		return read_days(value, &s->keep_days) ||
		       complain(r, key, value, "give a number of days from 1 to 36500");
	if (strcmp(key, "log_level") == 0)
		return ((strcmp(value, "debug") == 0 || strcmp(value, "info") == 0 ||
		            strcmp(value, "warn") == 0 || strcmp(value, "error") == 0) &&
		           read_text(value, s->log_level, sizeof(s->log_level))) ||
		       complain(r, key, value, "give debug, info, warn or error");
	return complain(r, key, value,
	    "no such key; there are port, listen, hosts, state_dir, roster_file, ca_file, "
	    "allowed_origin, require_signed_registration, local_mode, viewers, keep_days, "
	    "log_level");
}

/* That the command is there and nobody else's is looked at when it is to be run. */
static bool
set_hook(struct reading *r, const char *key, const char *value)
{
	struct hook_settings *hooks = &r->settings->hooks;
	struct hook_arguments arguments;
	char *end;
	unsigned long seconds;

	if (strcmp(key, "on_quarantine") == 0) {
		if (hook_split(value, &arguments) != ERR_OK)
			return complain(r, key, value,
			    "give an absolute path and arguments, at most 1023 bytes, quotes "
			    "closed");
		strcpy(hooks->command, value);
		return true;
	}
	if (strcmp(key, "hook_timeout_s") == 0) {
		seconds = *value >= '0' && *value <= '9' ? strtoul(value, &end, 10) : 0;
		if (seconds < 1 || seconds > LIMIT_HOOK_TIMEOUT_S || *end != '\0')
			return complain(r, key, value, "give 1 to 3600 seconds");
		hooks->timeout_ms = (uint32_t)seconds * 1000;
		return true;
	}
	if (strcmp(key, "on_precaution") == 0)
		return read_bool(value, &hooks->on_precaution) ||
		       complain(r, key, value, "give true or false");
	return complain(
	    r, key, value, "no such key; there are on_quarantine, hook_timeout_s, on_precaution");
}

static int
on_value(void *context, const char *section, const char *key, const char *value)
{
	struct reading *r = context;

	if (strcmp(section, "hooks") == 0)
		return set_hook(r, key, value);
	if (strcmp(section, "coordinator") != 0)
		return complain(
		    r, section, key, "no such section; there are [coordinator] and [hooks]");
	return set_value(r, key, value);
}

/* inih does not tell the line, so count what it reads. */
static char *
read_line(char *out, int room, void *context)
{
	struct reading *r = context;

	r->line++;
	return fgets(out, room, r->stream);
}

static enum err
load_file(struct reading *r, const char *path)
{
	int bad_line;

	r->file = path != NULL ? path : DEFAULT_PATH;
	if ((r->stream = fopen(r->file, "re")) == NULL) {
		if (path == NULL && errno == ENOENT)
			return ERR_OK;
		fprintf(stderr, "%s: %s; name a readable file with -c\n", r->file, strerror(errno));
		return ERR_IO;
	}
	r->line = 0;
	bad_line = ini_parse_stream(read_line, r, on_value, r);
	fclose(r->stream);
	r->line = 0;
	if (bad_line != 0 && !r->failed)
		fprintf(
		    stderr, "%s:%d: not a section, a comment or key = value\n", r->file, bad_line);
	return bad_line == 0 ? ERR_OK : ERR_CONFIG;
}

static enum err
load_environment(struct reading *r)
{
	static const struct {
		const char *name, *key;
	} variables[] = {
		{ "COORDINATOR_PORT", "port" },
		{ "COORDINATOR_LISTEN", "listen" },
		{ "COORDINATOR_HOSTS", "hosts" },
		{ "COORDINATOR_STATE_DIR", "state_dir" },
		{ "ROSTER_FILE", "roster_file" },
		{ "CA_FILE", "ca_file" },
		{ "ALLOWED_ORIGIN", "allowed_origin" },
		{ "REQUIRE_SIGNED_REGISTRATION", "require_signed_registration" },
		{ "LOCAL_MODE", "local_mode" },
		{ "VIEWERS", "viewers" },
		{ "KEEP_DAYS", "keep_days" },
	};
	const char *value;

	r->file = "the environment";
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		value = getenv(variables[i].name);
		if (value != NULL && *value != '\0' && !set_value(r, variables[i].key, value))
			return ERR_CONFIG;
	}
	return ERR_OK;
}

static enum err
load_flags(struct reading *r, const char *const *flags, size_t count)
{
	char key[64];
	const char *equals;

	r->file = "the command line";
	for (size_t i = 0; i < count; i++) {
		equals = strchr(flags[i], '=');
		if (equals == NULL || (size_t)(equals - flags[i]) >= sizeof(key)) {
			complain(r, flags[i], "", "write key=value");
			return ERR_CONFIG;
		}
		memcpy(key, flags[i], (size_t)(equals - flags[i]));
		key[equals - flags[i]] = '\0';
		if (!set_value(r, key, equals + 1))
			return ERR_CONFIG;
	}
	return ERR_OK;
}

/* A file's path is relative to state_dir unless absolute. */
static bool
settle_path(const struct settings *s, char path[LIMIT_PATH_BYTES])
{
	char whole[2 * LIMIT_PATH_BYTES];

	if (*path == '\0' || *path == '/')
		return true;
	snprintf(whole, sizeof(whole), "%s/%s", s->state_dir, path);
	return read_text(whole, path, LIMIT_PATH_BYTES);
}

static enum err
settle(struct settings *s)
{
	if (!settle_path(s, s->roster_file) || !settle_path(s, s->ca_file)) {
		fprintf(stderr, "roster_file or ca_file: too long under state_dir\n");
		return ERR_CONFIG;
	}
	if ((*s->roster_file == '\0') != (*s->ca_file == '\0')) {
		fprintf(stderr, "roster_file and ca_file belong together: set both, or neither\n");
		return ERR_CONFIG;
	}
	for (size_t i = 0; i < s->listen_count; i++) {
		if (s->listen[i].port == 0)
			s->listen[i].port = s->port;
		if (s->local_mode && !address_is_loopback(&s->listen[i].address)) {
			fprintf(stderr,
			    "local_mode takes unsigned words and so listens on loopback only: "
			    "take local_mode or the other listen addresses out\n");
			return ERR_CONFIG;
		}
	}
	if (*s->allowed_origin == '\0')
		snprintf(
		    s->allowed_origin, sizeof(s->allowed_origin), "http://localhost:%u", s->port);
	return ERR_OK;
}

enum err
settings_load(const char *path, const char *const *flags, size_t flag_count, struct settings *out)
{
	struct settings s = { .port = 8090,
		.require_signed = true,
		.keep_days = LIMIT_KEEP_DAYS,
		.hooks.timeout_ms = HOOK_TIMEOUT_DEFAULT_MS };
	struct reading r = { .settings = &s };
	enum err err;

	strcpy(s.state_dir, "/var/lib/phalanx-coordinator");
	strcpy(s.log_level, "info");
	if ((err = load_file(&r, path)) != ERR_OK || (err = load_environment(&r)) != ERR_OK ||
	    (err = load_flags(&r, flags, flag_count)) != ERR_OK)
		return err;
	if (!s.listen_given) {
		s.listen[0] = (struct endpoint){ .address = { 4, { 127, 0, 0, 1 } } };
		s.listen[1] = (struct endpoint){ .address = { 6, { [15] = 1 } } };
		s.listen_count = 2;
	}
	if ((err = settle(&s)) != ERR_OK)
		return err;
	*out = s;
	return ERR_OK;
}
