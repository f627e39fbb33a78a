/*
 * parent_names: see parent.h.
 */
#include <string.h>
#include "proc/parent.h"
#include "sys/log.h"

#define NAMES 3

struct name {
	const char *what, *host; /* "" when there is nothing to look up */
	struct address *address;
	struct resolver *resolver;
	struct loop_watch *watch;
	struct loop_timer *again;
};

static struct {
	struct loop *loop;
	void (*found)(void);
	struct name each[NAMES];
} names;

static bool
take_answer(struct name *name, int timeout_ms)
{
	enum err err = resolver_take(name->resolver, timeout_ms, name->address);

	if (err == ERR_AGAIN)
		return false;
	loop_remove(name->watch);
	name->watch = NULL;
	resolver_free(name->resolver);
	name->resolver = NULL;
	if (err == ERR_OK)
		return true;
	log_warn("%s %s: name not found; going on without, next try in %d s", name->what,
	    name->host, LIMIT_RESOLVE_RETRY_MS / 1000);
	loop_timer_set(name->again, loop_now_ms() + LIMIT_RESOLVE_RETRY_MS);
	return false;
}

static void
on_answer(void *context, unsigned ready)
{
	(void)ready;
	if (take_answer(context, 0))
		names.found();
}

static enum err
ask(struct name *name)
{
	enum err err;

	if ((err = resolver_start(name->host, &name->resolver)) != ERR_OK)
		return err;
	err = loop_add(
	    names.loop, resolver_fd(name->resolver), LOOP_READ, on_answer, name, &name->watch);
	if (err != ERR_OK) {
		resolver_free(name->resolver);
		name->resolver = NULL;
	}
	return err;
}

static void
on_again(void *context)
{
	struct name *name = context;

	if (ask(name) != ERR_OK)
		loop_timer_set(name->again, loop_now_ms() + LIMIT_RESOLVE_RETRY_MS);
}

/* An address needs no name server, and neither does this host. */
static bool
is_known(struct name *name)
{
	if (name->host[0] == '\0' || name->address->family != 0 ||
	    address_parse(name->host, name->address))
		return true;
	return strcmp(name->host, "localhost") == 0 && address_parse("127.0.0.1", name->address);
}

enum err
names_start(struct loop *loop, struct config *config, void (*found)(void))
{
	enum err err;
	size_t i;

	names.loop = loop;
	names.found = found;
	names.each[0] = (struct name){ .what = "coordinator",
		.host = config->coordinator_host,
		.address = &config->coordinator.address };
	names.each[1] = (struct name){ .what = "analyser",
		.host = config->sidecar_host,
		.address = &config->sidecar_address };
	names.each[2] = (struct name){ .what = "model",
		.host = config->run_analyser && config->sidecar_port == 0 ? config->model_host : "",
		.address = &config->model_address };
	for (i = 0; i < NAMES; i++) {
		struct name *name = &names.each[i];

		if ((err = loop_timer_new(loop, on_again, name, &name->again)) != ERR_OK)
			return err;
		if (!is_known(name) && (err = ask(name)) != ERR_OK)
			return err;
	}
	for (i = 0; i < NAMES; i++)
		if (names.each[i].resolver != NULL)
			(void)take_answer(&names.each[i], LIMIT_RESOLVE_MS);
	return ERR_OK;
}
