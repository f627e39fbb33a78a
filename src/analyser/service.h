/*
 * service: the analyser's parts put together, as a child of a node's parent or
 * by itself.
 */
#ifndef ANALYSER_SERVICE_H
#define ANALYSER_SERVICE_H
#include "analyser/adviser.h"
#include "analyser/door.h"

struct service {
	struct loop *loop;
	const struct config *config;
	char *token;
	struct adviser *adviser;
	struct door *door;
	struct loop_watch *signals;
	int signal_fd;
};

/*
 * Before the sandbox: the bearer token, libraries that want chance, SIGUSR1 and
 * where stops is true SIGTERM and SIGINT, which then stop the loop.  Loop and
 * config are the caller's and stay.  IO, DENIED, CONFIG; told in the log.
 */
MUST_USE enum err service_prepare(struct loop *, const struct config *, bool stops,
    struct service *out);
/* In the sandbox.  listener -1: no door. */
MUST_USE enum err service_start(struct service *, int listener, bool warm_up);
void service_free(struct service *); /* all but the loop */

#endif
