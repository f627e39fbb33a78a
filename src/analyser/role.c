#include <sys/socket.h>
#include "analyser/role.h"
#include "analyser/service.h"
#include "proc/child.h"
#include "proc/profiles.h"
#include "sys/log.h"
#include "sys/spawn.h"

/* It stands back for everything that cuts. */
#define NICE 10

static struct service service;

bool
role_is_child(void)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return getsockopt(SPAWN_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

static enum err
prepare(struct child *child)
{
	return service_prepare(child->loop, &child->config, false, &service);
}

static enum err
start(struct child *child)
{
	if (child->listener_count != 1 || child->listeners[0].about.kind != LISTENER_ANALYSER) {
		log_error("the parent passed no door");
		return ERR_MALFORMED;
	}
	return service_start(&service, child->listeners[0].fd, true);
}

/* The address of the model's server is known at last: begin again with it. */
static void
reload(struct child *child, const struct config *config)
{
	if (!address_equal(&child->config.model_address, &config->model_address))
		loop_stop(child->loop, 0);
}

static void
stop(struct child *child)
{
	(void)child;
	service_free(&service);
}

int
role_main(int argc, char **argv)
{
	static const struct child_role role = { .id = ROLE_ANALYSER,
		.name = "analyser",
		.nice = NICE,
		.prepare = prepare,
		.profile = profile_analyser,
		.start = start,
		.reload = reload,
		.stop = stop };

	return child_main(argc, argv, &role);
}
