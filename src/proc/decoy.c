/*
 * decoy: listeners that nobody has a reason to touch.  Accepts, tells the
 * engine at once, reads for a short while, serves no byte, closes.
 *
 * The way from accept to the engine is three system calls and no allocation
 * that can fail it.  Without an engine nothing is accepted: the kernel keeps
 * who knocks until there is somebody to tell.
 *
 * Spec: docs/protocol.md, "Decoys"; docs/privsep.md, "decoy".
 */
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proc/child.h"
#include "proc/decoy_hints.h"
#include "proc/profiles.h"
#include "sys/log.h"

#define ACCEPTS_A_WAKE_UP 64

/* A connection that may have more to say.  They stand oldest first. */
struct visitor {
	struct visitor *next, *previous;
	struct loop_watch *watch;
	int fd;
	uint64_t touch, leave_ms;
	uint32_t first_bytes, size_bytes; /* told with the touch, and with what came since */
	uint8_t *bytes;                   /* LIMIT_CAPTURE_BYTES of room; NULL: nothing came yet */
};

struct source {
	struct address address;
	uint64_t second;
	uint32_t touches;
};

struct listener {
	const struct child_listener *about;
	struct loop_watch *watch;
};

static struct {
	struct child *child;
	struct ipc *engine;
	struct listener listeners[LIMIT_DECOYS];
	size_t listener_count;
	struct visitor *oldest, *newest;
	size_t visitor_count;
	struct loop_timer *timer; /* when the oldest visitor must leave */
	struct source sources[LIMIT_DECOY_SOURCES];
	uint32_t salt, suppressed;
	uint64_t touches;
	bool full_reported;
} decoy;

/* ---- addresses -------------------------------------------------------------------- */

static bool
to_endpoint(const struct sockaddr_storage *from, struct endpoint *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct sockaddr_in6 *v6 = (const void *)from;
	const struct sockaddr_in *v4 = (const void *)from;

	memset(out, 0, sizeof(*out));
	if (from->ss_family == AF_INET) {
		out->address.family = 4;
		memcpy(out->address.bytes, &v4->sin_addr, 4);
		out->port = ntohs(v4->sin_port);
		return true;
	}
	if (from->ss_family != AF_INET6)
		return false;
	out->port = ntohs(v6->sin6_port);
	if (memcmp(&v6->sin6_addr, mapped, sizeof(mapped)) == 0) {
		out->address.family = 4;
		memcpy(out->address.bytes, v6->sin6_addr.s6_addr + sizeof(mapped), 4);
	} else {
		out->address.family = 6;
		memcpy(out->address.bytes, &v6->sin6_addr, 16);
	}
	return true;
}

/*
 * Direct-mapped: who collides with another only shares or resets a budget
 * that bounds work, and decides nothing.
 */
static bool
within_budget(const struct address *address)
{
	const uint64_t second = loop_now_ms() / 1000;
	struct source *source;
	uint32_t sum = decoy.salt;
	size_t i;

	for (i = 0; i < sizeof(address->bytes); i++)
		sum = (sum ^ address->bytes[i]) * 16777619u;
	source = &decoy.sources[(sum >> 16) % LIMIT_DECOY_SOURCES];
	if (source->second != second || !address_equal(&source->address, address))
		*source = (struct source){ .address = *address, .second = second };
	return source->touches++ < LIMIT_DECOY_TOUCHES;
}

/* ---- visitors ------------------------------------------------------------------------ */

static void
arm(void)
{
	loop_timer_set(decoy.timer, decoy.oldest == NULL ? UINT64_MAX : decoy.oldest->leave_ms);
}

/* All that came of a touch, of which first_bytes went with it. */
static void
tell_capture(uint64_t touch, const uint8_t *bytes, uint32_t first_bytes, uint32_t size_bytes)
{
	struct msg_capture capture = { .touch = touch, .total_bytes = size_bytes };

	decoy_hints(bytes, size_bytes, &capture.hints);
	if (decoy.engine != NULL && ipc_send(decoy.engine, MSG_CAPTURE, &capture, sizeof(capture),
	                                bytes + first_bytes, size_bytes - first_bytes) != ERR_OK)
		log_warn("capture of touch %llu is lost", (unsigned long long)touch);
}

static void
leave(struct visitor *visitor)
{
	if (visitor->size_bytes > 0)
		tell_capture(
		    visitor->touch, visitor->bytes, visitor->first_bytes, visitor->size_bytes);
	if (visitor->previous != NULL)
		visitor->previous->next = visitor->next;
	else
		decoy.oldest = visitor->next;
	if (visitor->next != NULL)
		visitor->next->previous = visitor->previous;
	else
		decoy.newest = visitor->previous;
	decoy.visitor_count--;
	loop_remove(visitor->watch);
	close(visitor->fd);
	free(visitor->bytes);
	free(visitor);
}

static void
on_linger(void *context)
{
	const uint64_t now_ms = loop_now_ms();

	(void)context;
	while (decoy.oldest != NULL && decoy.oldest->leave_ms <= now_ms)
		leave(decoy.oldest);
	arm();
}

static void
on_visitor(void *context, unsigned ready)
{
	struct visitor *visitor = context;
	ssize_t size;

	(void)ready;
	if (visitor->bytes == NULL && (visitor->bytes = malloc(LIMIT_CAPTURE_BYTES)) == NULL) {
		leave(visitor);
		arm();
		return;
	}
	size = recv(visitor->fd, visitor->bytes + visitor->size_bytes,
	    LIMIT_CAPTURE_BYTES - visitor->size_bytes, MSG_DONTWAIT);
	if (size == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size > 0) {
		visitor->size_bytes += (uint32_t)size;
		if (visitor->size_bytes < LIMIT_CAPTURE_BYTES)
			return;
	}
	/* The end, an error, or as much as anybody wants to know. */
	leave(visitor);
	arm();
}

static bool
keep_first(struct visitor *visitor, const uint8_t *first, uint32_t first_bytes)
{
	if (first_bytes == 0)
		return true;
	if ((visitor->bytes = malloc(LIMIT_CAPTURE_BYTES)) == NULL)
		return false;
	memcpy(visitor->bytes, first, first_bytes);
	visitor->first_bytes = visitor->size_bytes = first_bytes;
	return true;
}

static void
linger(int fd, uint64_t touch, const uint8_t *first, uint32_t first_bytes)
{
	struct visitor *visitor;

	if (decoy.visitor_count == LIMIT_DECOY_CONNECTIONS)
		leave(decoy.oldest);
	if ((visitor = calloc(1, sizeof(*visitor))) == NULL ||
	    !keep_first(visitor, first, first_bytes)) {
		free(visitor);
		close(fd);
		return;
	}
	visitor->fd = fd;
	visitor->touch = touch;
	visitor->leave_ms = loop_now_ms() + LIMIT_DECOY_LINGER_MS;
	if (loop_add(decoy.child->loop, fd, LOOP_READ, on_visitor, visitor, &visitor->watch) !=
	    ERR_OK) {
		close(fd);
		free(visitor->bytes);
		free(visitor);
		return;
	}
	visitor->previous = decoy.newest;
	if (decoy.newest != NULL)
		decoy.newest->next = visitor;
	else
		decoy.oldest = visitor;
	decoy.newest = visitor;
	decoy.visitor_count++;
	if (decoy.oldest == visitor)
		arm();
}

/* ---- touches ----------------------------------------------------------------------------- */

/* false: the kernel has nobody more to give. */
static bool
take_one(const struct child_listener *listener)
{
	static uint8_t first[LIMIT_CAPTURE_BYTES];
	struct sockaddr_storage far, near;
	socklen_t far_bytes = sizeof(far), near_bytes = sizeof(near);
	struct msg_touch touch = { .decoy = listener->about.index };
	uint32_t first_bytes;
	bool lingers;
	ssize_t size;
	enum err err;
	int fd;

	fd = accept4(
	    listener->fd, (struct sockaddr *)&far, &far_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			if (!decoy.full_reported)
				log_errno("accept");
			decoy.full_reported = true;
			if (decoy.oldest != NULL)
				leave(decoy.oldest);
			return false;
		}
		/* A visitor that reset before it was taken is none: no handshake to prove. */
		return errno != EAGAIN;
	}
	if (!to_endpoint(&far, &touch.source) ||
	    getsockname(fd, (struct sockaddr *)&near, &near_bytes) == -1 ||
	    !to_endpoint(&near, &touch.destination)) {
		close(fd);
		return true;
	}
	if (!within_budget(&touch.source.address)) {
		decoy.suppressed++;
		close(fd);
		return true;
	}
	size = recv(fd, first, sizeof(first), MSG_DONTWAIT);
	touch.touch = ++decoy.touches;
	touch.seen_ms = loop_unix_ms();
	touch.suppressed = decoy.suppressed;
	first_bytes = size > 0 ? (uint32_t)size : 0;
	lingers = first_bytes < sizeof(first) && (size > 0 || (size == -1 && errno == EAGAIN));
	touch.more = lingers || first_bytes > 0;
	err = ipc_send(decoy.engine, MSG_TOUCH, &touch, sizeof(touch), first, first_bytes);
	decoy.suppressed = err == ERR_OK ? 0 : decoy.suppressed + 1;
	if (lingers) {
		linger(fd, touch.touch, first, first_bytes);
		return true;
	}
	if (first_bytes > 0)
		tell_capture(touch.touch, first, first_bytes, first_bytes);
	close(fd);
	return true;
}

static void
on_knock(void *context, unsigned ready)
{
	const struct listener *listener = context;
	int left;

	(void)ready;
	for (left = ACCEPTS_A_WAKE_UP; left > 0 && decoy.engine != NULL; left--)
		if (!take_one(listener->about))
			return;
}

/* ---- the process ------------------------------------------------------------------------------ */

static void
listen_all(bool open)
{
	size_t i;

	for (i = 0; i < decoy.listener_count; i++)
		if (loop_change(decoy.listeners[i].watch, open ? LOOP_READ : 0) != ERR_OK)
			loop_stop(decoy.child->loop, 1);
}

static void
from_engine(void *context, struct ipc *ipc, const struct ipc_message *message)
{
	(void)context;
	(void)ipc;
	log_warn("message %u from the engine is refused", message->type);
}

static void
engine_gone(void *context, struct ipc *ipc, enum err why)
{
	(void)context;
	(void)why;
	ipc_free(ipc);
	decoy.engine = NULL;
	listen_all(false);
}

static void
channel(struct child *child, enum role_id far, int fd)
{
	const struct ipc_handler handler = { .message = from_engine, .closed = engine_gone };

	if (far != ROLE_ENGINE) {
		close(fd);
		return;
	}
	ipc_free(decoy.engine);
	decoy.engine = NULL;
	if (ipc_new(child->loop, fd, &handler, &decoy.engine) != ERR_OK) {
		close(fd);
		loop_stop(child->loop, 1);
		return;
	}
	listen_all(true);
}

static enum err
start(struct child *child)
{
	enum err err;
	size_t i;

	decoy.child = child;
	if (getrandom(&decoy.salt, sizeof(decoy.salt), 0) != sizeof(decoy.salt))
		return ERR_IO;
	if ((err = loop_timer_new(child->loop, on_linger, NULL, &decoy.timer)) != ERR_OK)
		return err;
	for (i = 0; i < child->listener_count && decoy.listener_count < LIMIT_DECOYS; i++) {
		struct listener *listener = &decoy.listeners[decoy.listener_count];

		listener->about = &child->listeners[i];
		err = loop_add(
		    child->loop, listener->about->fd, 0, on_knock, listener, &listener->watch);
		if (err != ERR_OK)
			return err;
		decoy.listener_count++;
	}
	return ERR_OK;
}

int
main(int argc, char **argv)
{
	static const struct child_role role = {
		.id = ROLE_DECOY,
		.name = "decoy",
		.profile = profile_decoy,
		.start = start,
		.channel = channel,
	};

	return child_main(argc, argv, &role);
}
