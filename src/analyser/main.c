/*
 * phalanx-analyser: what a language model thinks of an event, within bounds.
 *
 * Run by the node's parent it is a child like the others; run by hand it reads
 * the configuration itself.  Either way it is in its sandbox before it reads
 * the first byte of a caller or of the model.  Spec: docs/analyser.md.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analyser/explain.h"
#include "analyser/role.h"
#include "analyser/service.h"
#include "proc/parent.h"
#include "proc/profiles.h"
#include "sys/log.h"

#define BAD_EVENT 2
#define BAD_USAGE 2

/* Run by hand: everything but the child's beginning. */
static struct {
	struct child child; /* as far as a profile looks at it */
	struct service service;
	struct event event;
	const char *explain; /* FILE or "-"; NULL: serve */
} self;

static int
usage(int status)
{
	fputs(
	    "usage: phalanx-analyser [-c FILE] [key=value ...]\n"
	    "       phalanx-analyser [-c FILE] --explain FILE|- [key=value ...]\n"
	    "Keys as in phalanx.conf, section [analyser].  --explain scores one event, as JSON.\n",
	    status == 0 ? stdout : stderr);
	return status;
}

/* ---- the model's name -------------------------------------------------------------- */

/* Once, by a child of its own, while nothing is sandboxed yet. */
static void
look_up_model(struct config *c)
{
	struct resolver *resolver;

	if (strcmp(c->model_host, "localhost") == 0)
		(void)address_parse("127.0.0.1", &c->model_address);
	else
		(void)address_parse(c->model_host, &c->model_address);
	if (c->model_address.family != 0)
		return;
	if (resolver_start(c->model_host, &resolver) != ERR_OK)
		return;
	if (resolver_take(resolver, LIMIT_RESOLVE_MS, &c->model_address) != ERR_OK)
		log_warn("%s: name not found; rules answer until a restart", c->model_host);
	resolver_free(resolver);
}

/* ---- one event ----------------------------------------------------------------------- */

/* Not through stdio, which would look at the descriptor first: the sandbox has no use for that. */
static bool
print_line(const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	for (; left > 0; text += n, left -= (size_t)n)
		if ((n = write(STDOUT_FILENO, text, left)) == -1) {
			if (errno != EINTR)
				return false;
			n = 0;
		}
	return write(STDOUT_FILENO, "\n", 1) == 1;
}

static void
explained(void *context, const struct advice *advice)
{
	char *text = explain_format(&self.event, advice);
	int status = 1;

	(void)context;
	if (text != NULL && print_line(text))
		status = 0;
	free(text);
	loop_stop(self.child.loop, status);
}

/* The sandbox closes files to us but not what is open already. */
static int
read_event(int fd)
{
	static char text[EXPLAIN_EVENT_BYTES + 1];
	const char *complaint = "longer than 64 KiB";
	size_t used = 0;
	ssize_t n;

	while (used < sizeof(text) && (n = read(fd, text + used, sizeof(text) - used)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			fprintf(stderr, "phalanx-analyser: the event cannot be read: %s\n",
			    strerrordesc_np(errno));
			return BAD_EVENT;
		}
		used += (size_t)n;
	}
	if (used == sizeof(text) || explain_parse(text, used, &self.event, &complaint) != ERR_OK) {
		fprintf(stderr, "phalanx-analyser: the event: %s\n", complaint);
		return BAD_EVENT;
	}
	return 0;
}

/* ---- run by hand ------------------------------------------------------------------------ */

static enum err
open_input(int *out)
{
	if (self.explain == NULL)
		return door_listen(&self.child.config, out);
	if (strcmp(self.explain, "-") == 0) {
		*out = STDIN_FILENO;
		return ERR_OK;
	}
	if ((*out = open(self.explain, O_RDONLY | O_CLOEXEC)) == -1) {
		fprintf(stderr, "phalanx-analyser: %s: %s\n", self.explain, strerrordesc_np(errno));
		return ERR_IO;
	}
	return ERR_OK;
}

static enum err
confine(void)
{
	struct sandbox_profile profile;

	profile_analyser(&self.child, &profile);
	return sandbox_enter(&profile, NULL);
}

static int
run(void)
{
	struct adviser_waiter *waiter;
	struct child *child = &self.child;
	int input, status;

	look_up_model(&child->config);
	if (open_input(&input) != ERR_OK)
		return self.explain != NULL ? BAD_EVENT : 1;
	if (loop_new(&child->loop) != ERR_OK ||
	    service_prepare(child->loop, &child->config, true, &self.service) != ERR_OK ||
	    confine() != ERR_OK)
		return 1;
	if (self.explain != NULL && (status = read_event(input)) != 0)
		return status;
	if (service_start(&self.service, self.explain == NULL ? input : -1, self.explain == NULL) !=
	    ERR_OK)
		return 1;
	if (self.explain != NULL)
		adviser_ask(self.service.adviser, &self.event, explained, NULL, &waiter);
	else
		log_info("ready at %s, model %s at %s",
		    child->config.sidecar_path[0] != '\0' ? child->config.sidecar_path
		                                          : child->config.sidecar_host,
		    child->config.model, child->config.model_url);
	status = loop_run(child->loop);
	service_free(&self.service);
	loop_free(child->loop);
	return status;
}

/* -c FILE, --explain FILE, and key=value in any order; false: neither. */
static bool
parse_arguments(int argc, char **argv, const char **path, const char **flags, size_t *flag_count)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			*path = argv[++i];
		else if (strcmp(argv[i], "--explain") == 0 && i + 1 < argc)
			self.explain = argv[++i];
		else if (argv[i][0] != '-' && strchr(argv[i], '=') != NULL)
			flags[(*flag_count)++] = argv[i];
		else
			return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	const char *path = NULL, **flags;
	size_t flag_count = 0;
	enum err err;

	if (argc == 1 && role_is_child())
		return role_main(argc, argv);
	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
		return usage(0);
	if ((flags = calloc((size_t)argc + 1, sizeof(*flags))) == NULL)
		return 1;
	if (!parse_arguments(argc, argv, &path, flags, &flag_count)) {
		free(flags);
		return usage(BAD_USAGE);
	}
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return 1;
	umask(077);
	err = config_load(path, flags, flag_count, &self.child.config);
	free(flags);
	if (err != ERR_OK)
		return BAD_USAGE;
	log_init(self.child.config.name, "analyser",
	    self.explain != NULL ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO);
	return run();
}
