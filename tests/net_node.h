/*
 * net_node: the real net process, with the test in the place of its parent and
 * of its engine.  A mesh is made with the real phalanx ca.
 */
#ifndef TESTS_NET_NODE_H
#define TESTS_NET_NODE_H
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proc/messages.h"
#include "sys/identity.h"
#include "sys/ipc.h"
#include "sys/spawn.h"

#define NODE_WAIT_MS 8000

struct mesh {
	char dir[64]; /* D: the CA, NAME: a node's state */
	char bin[256];
	uint16_t port;
};

struct node {
	const struct mesh *mesh;
	char name[16], address[16];
	pid_t pid;
	int control, engine;
	/* the message last seen by node_expect() */
	uint8_t data[LIMIT_IPC_BYTES] __attribute__((aligned(8)));
	size_t size_bytes;
	/* one packet of the engine's channel, and how far it was read */
	uint8_t packet[sizeof(struct ipc_header) + LIMIT_IPC_BYTES] __attribute__((aligned(8)));
	size_t packet_bytes, packet_at;
};

#define node_check(condition)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline void
mesh_run(const struct mesh *mesh, const char *arguments)
{
	char line[1024];

	(void)snprintf(line, sizeof(line), "cd %s && { %s/phalanx ca %s; } >>ca.log 2>&1", mesh->dir,
	    mesh->bin, arguments);
	if (system(line) != 0) {
		fprintf(stderr, "failed: %s; see %s/ca.log\n", line, mesh->dir);
		abort();
	}
}

/* A port that is free on 127.0.0.0/8 now, with those for dialling above it. */
static inline uint16_t
mesh_free_port(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	uint16_t port = (uint16_t)(20000 + getpid() * 300 % 12000);
	int fd;

	for (;; port = (uint16_t)(port + 300)) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		any.sin_port = htons(port);
		if (bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0)
			break;
		close(fd);
	}
	close(fd);
	return port;
}

static inline void
mesh_enrol(const struct mesh *mesh, const char *name, const char *address, uint16_t port,
    const char *role)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "request --state %s --name %s --address %s --port %u >%s.json",
	    name, name, address, port, name);
	mesh_run(mesh, line);
	(void)snprintf(line, sizeof(line), "enrol --dir D --role %s %s.json", role, name);
	mesh_run(mesh, line);
}

static inline void
mesh_bundle(const struct mesh *mesh, const char *name)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "bundle --dir D %s --out %s", name, name);
	mesh_run(mesh, line);
}

/* bin: the directory of the binaries; NULL: ../bin of this program. */
static inline void
mesh_make(struct mesh *mesh, const char *bin)
{
	char self[256];
	ssize_t n;

	memset(mesh, 0, sizeof(*mesh));
	(void)snprintf(mesh->dir, sizeof(mesh->dir), "/tmp/phalanx-test-XXXXXX");
	node_check(mkdtemp(mesh->dir) != NULL);
	if (bin == NULL) {
		n = readlink("/proc/self/exe", self, sizeof(self) - 1);
		node_check(n > 0);
		self[n] = '\0';
		(void)snprintf(mesh->bin, sizeof(mesh->bin), "%s/../bin", dirname(self));
	} else {
		(void)snprintf(mesh->bin, sizeof(mesh->bin), "%s", bin);
	}
	mesh->port = mesh_free_port();
	mesh_run(mesh, "init --dir D --mesh test");
}

static inline void
mesh_remove(const struct mesh *mesh)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "rm -r %s", mesh->dir);
	if (system(line) != 0)
		fprintf(stderr, "%s remains\n", mesh->dir);
}

static inline struct roster *
mesh_roster(const struct mesh *mesh, const struct crypto *crypto)
{
	char roster[128], ca[128];
	struct roster *out = NULL;

	(void)snprintf(roster, sizeof(roster), "%s/D/roster", mesh->dir);
	(void)snprintf(ca, sizeof(ca), "%s/D/ca.pem", mesh->dir);
	node_check(identity_load_roster(roster, ca, crypto, &out) == ERR_OK);
	return out;
}

/* Port 0: any. */
static inline int
node_listen(const char *address, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	const int on = 1;
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (is_v4) {
		node_check(bind(fd, (struct sockaddr *)&v4, sizeof(v4)) == 0);
	} else {
		/* Dual-stack, as the parent's: IPv4 peers appear mapped. */
		node_check(strcmp(address, "::") == 0 ||
		    inet_pton(AF_INET6, address, &v6.sin6_addr) == 1);
		node_check(bind(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0);
	}
	node_check(listen(fd, 64) == 0);
	return fd;
}

/* A new engine channel, as after the engine's restart. */
static inline void
node_connect_engine(struct node *node)
{
	const struct msg_channel about = { .role = ROLE_ENGINE };
	int pair[2];

	if (node->engine != -1)
		close(node->engine);
	node->packet_bytes = node->packet_at = 0;
	node_check(ipc_pair(pair) == ERR_OK);
	node_check(ipc_write_blocking(node->control, MSG_CHANNEL, &about, sizeof(about), NULL, 0,
	               pair[1]) == ERR_OK);
	close(pair[1]);
	node->engine = pair[0];
}

static inline void
node_send(struct node *node, enum message_type type, const void *fixed, size_t fixed_bytes,
    const void *tail, size_t tail_bytes)
{
	node_check(ipc_write_blocking(node->engine, type, fixed, fixed_bytes, tail, tail_bytes,
	               -1) == ERR_OK);
}

/* The next message into node->data; net gathers several in a packet. */
static inline bool
node_next(struct node *node, uint32_t *type, int timeout_ms)
{
	struct pollfd wait = { .fd = node->engine, .events = POLLIN };
	struct ipc_header header;
	ssize_t n;

	if (node->packet_at >= node->packet_bytes) {
		if (poll(&wait, 1, timeout_ms) != 1 ||
		    (n = recv(node->engine, node->packet, sizeof(node->packet), 0)) <= 0)
			return false;
		node->packet_bytes = (size_t)n;
		node->packet_at = 0;
	}
	memcpy(&header, node->packet + node->packet_at, sizeof(header));
	node->packet_at += sizeof(header);
	node_check(header.size_bytes <= node->packet_bytes - node->packet_at);
	memcpy(node->data, node->packet + node->packet_at, header.size_bytes);
	node->packet_at += (header.size_bytes + 7) & ~(size_t)7;
	node->size_bytes = header.size_bytes;
	*type = header.type;
	return true;
}

/* The next message of that type; others before it are passed over. */
static inline bool
node_wait(struct node *node, enum message_type type, int timeout_ms)
{
	uint32_t got;

	while (node_next(node, &got, timeout_ms))
		if (got == type)
			return true;
	return false;
}

static inline const void *
node_expect(struct node *node, enum message_type type)
{
	if (!node_wait(node, type, NODE_WAIT_MS)) {
		fprintf(stderr, "%s: no message %d\n", node->name, type);
		abort();
	}
	return node->data;
}

static inline void
node_configure(const struct node *node, struct config *out)
{
	const char *dir = node->mesh->dir;

	memset(out, 0, sizeof(*out));
	(void)snprintf(out->name, sizeof(out->name), "%s", node->name);
	(void)snprintf(out->log_level, sizeof(out->log_level), "%s",
	    getenv("TEST_LOG") != NULL ? getenv("TEST_LOG") : "error");
	out->p2p_port = node->mesh->port;
	(void)snprintf(out->state_dir, sizeof(out->state_dir), "%.63s/%.15s", dir, node->name);
	(void)snprintf(out->cert_file, sizeof(out->cert_file), "%.63s/%.15s/certs/peer.pem", dir,
	    node->name);
	(void)snprintf(
	    out->key_file, sizeof(out->key_file), "%.63s/%.15s/certs/peer.key", dir, node->name);
	(void)snprintf(out->ca_file, sizeof(out->ca_file), "%.63s/%.15s/certs/ca.pem", dir, node->name);
	(void)snprintf(
	    out->roster_file, sizeof(out->roster_file), "%.63s/%.15s/roster", dir, node->name);
}

/* Spawned, configured and sandboxed, with an engine; the network is still shut. */
static inline void
node_start_with(struct node *node, const struct mesh *mesh, const struct config *config)
{
	static struct msg_config message;
	struct msg_listener listener = { .kind = LISTENER_P2P };
	char path[512];
	uint8_t buffer[256];
	uint32_t type;
	size_t size;
	int pair[2], fd;

	node->engine = -1;
	message.version = MESSAGES_VERSION;
	message.role = ROLE_NET;
	message.config = *config;
	listener.bound.port = config->p2p_port;
	node_check(address_parse(node->address, &listener.bound.address));
	node_check(ipc_pair(pair) == ERR_OK);
	(void)snprintf(path, sizeof(path), "%s/phalanx-net", mesh->bin);
	node_check(spawn_process(path, "phalanx-net", pair[1], &node->pid) == ERR_OK);
	close(pair[1]);
	node->control = pair[0];
	node_check(ipc_write_blocking(node->control, MSG_CONFIG, &message, sizeof(message), NULL, 0,
	               -1) == ERR_OK);
	fd = node_listen(node->address, config->p2p_port);
	node_check(ipc_write_blocking(node->control, MSG_LISTENER, &listener, sizeof(listener), NULL,
	               0, fd) == ERR_OK);
	close(fd);
	node_check(ipc_write_blocking(node->control, MSG_GO, NULL, 0, NULL, 0, -1) == ERR_OK);
	node_check(ipc_read_blocking(node->control, &type, buffer, sizeof(buffer), &size, &fd,
	               NODE_WAIT_MS) == ERR_OK);
	node_check(type == MSG_READY);
	node_connect_engine(node);
}

static inline void
node_start(struct node *node, const struct mesh *mesh, const char *name, const char *address)
{
	static struct config config;

	memset(node, 0, sizeof(*node));
	node->mesh = mesh;
	(void)snprintf(node->name, sizeof(node->name), "%s", name);
	(void)snprintf(node->address, sizeof(node->address), "%s", address);
	node_configure(node, &config);
	node_start_with(node, mesh, &config);
}

static inline void
node_open(struct node *node)
{
	node_send(node, MSG_OPEN, NULL, 0, NULL, 0);
}

static inline void
node_stop(struct node *node)
{
	int status = -1;

	if (node->pid <= 0)
		return;
	node_check(
	    ipc_write_blocking(node->control, MSG_STOP, NULL, 0, NULL, 0, -1) == ERR_OK);
	node_check(waitpid(node->pid, &status, 0) == node->pid);
#if defined(__SANITIZE_ADDRESS__)
	/* The search for leaks at exit is what the sandbox is there to prevent. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		status = 0;
#endif
	node_check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(node->control);
	close(node->engine);
	node->pid = 0;
}

#endif
