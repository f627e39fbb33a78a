/*
 * cmd_coordinator: the coordinator's key as this node knows it, and the way
 * back when it changed: trust KEY where the new one can be compared, forget
 * where the next one that it shows is to be taken.
 *
 * Spec: docs/operations.md, "The coordinator's key".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/hex.h"
#include "cli/control.h"
#include "cli/usage.h"
#include "sys/wholefile.h"

#define KEY_BYTES sizeof(((struct public_key *)0)->bytes)

static int
show(const struct cli *cli, const struct config *config)
{
	char known[HEX_ROOM(KEY_BYTES)] = "", seen[HEX_ROOM(KEY_BYTES)] = "";
	struct control_answer answer;
	const struct msg_status *s = &answer.status;
	int status;

	if ((status = control_ask(config, ASK_STATUS, &answer)) != EXIT_OK)
		return status;
	if (s->pin.source != PIN_NONE)
		hex_format(s->pin.key.bytes, KEY_BYTES, known);
	if (s->trust == TRUST_OTHER_KEY)
		hex_format(s->seen.bytes, KEY_BYTES, seen);
	if (cli->json)
		return cli_print_json(json_pack("{ss ss ss ss}", "url", config->coordinator_url,
		    "trust", control_trust_text(s->trust), "key", known, "shows", seen));
	printf("coordinator %s: %s\n", config->coordinator_url, control_trust_text(s->trust));
	printf("known key   %s%s\n", *known != '\0' ? known : "none yet: the first is kept",
	    s->pin.source == PIN_CONFIGURED ? " (from the configuration)" : "");
	if (*seen != '\0')
		printf("it shows    %s\n", seen);
	return EXIT_OK;
}

/* What the configuration says goes before the file: changing the file would change nothing. */
static bool
is_configured(const struct config *config)
{
	static const struct public_key none;

	if (memcmp(&config->coordinator_key, &none, sizeof(none)) == 0)
		return false;
	fputs("phalanx coordinator: the configuration names the key: change coordinator_key in "
	      "[coordinator], or COORDINATOR_KEY, then phalanx reload\n",
	    stderr);
	return true;
}

static bool
write_key(const char *path, const char *text)
{
	struct public_key key;
	char line[HEX_ROOM(KEY_BYTES)];
	enum err err;

	if (!hex_parse(text, strlen(text), key.bytes, KEY_BYTES)) {
		fprintf(stderr,
		    "phalanx coordinator: %s is no key; give the 64 hex digits of "
		    "coordinator_key in the coordinator's log\n",
		    text);
		return false;
	}
	hex_format(key.bytes, KEY_BYTES, line);
	line[sizeof(line) - 1] = '\n';
	if ((err = wholefile_replace(path, 0644, line, sizeof(line))) == ERR_OK)
		return true;
	fprintf(stderr, "phalanx coordinator: %s: %s\n", path,
	    err == ERR_DENIED ? "run it as root" : strerror(errno));
	return false;
}

static bool
remove_key(const char *path)
{
	if (unlink(path) == 0 || errno == ENOENT)
		return true;
	fprintf(stderr, "phalanx coordinator: %s: %s\n", path,
	    errno == EACCES || errno == EPERM ? "run it as root" : strerror(errno));
	return false;
}

int
cmd_coordinator(const struct cli *cli, int argc, char **argv)
{
	char verb[] = "reload", *reload[] = { verb, NULL };
	char path[LIMIT_PATH_BYTES + 24];
	static struct config config;
	bool forget = argc == 2 && strcmp(argv[1], "forget") == 0;
	bool trust = argc == 3 && strcmp(argv[1], "trust") == 0;
	int status;

	if (argc != 1 && !forget && !trust)
		return usage_error("coordinator");
	if ((status = cli_config(cli, &config)) != EXIT_OK)
		return status;
	if (argc == 1)
		return show(cli, &config);
	if (is_configured(&config))
		return EXIT_FAILED;
	snprintf(path, sizeof(path), "%s/coordinator.key", config.state_dir);
	if (!(trust ? write_key(path, argv[2]) : remove_key(path)))
		return EXIT_FAILED;
	if (forget)
		puts("forgotten: the next key that the coordinator shows is kept");
	else
		puts("trusted: no other key is taken");
	return cmd_reload(cli, 1, reload);
}
