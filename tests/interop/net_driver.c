/*
 * net_driver: a real net process with an engine that echoes envelopes and
 * counts votes, for clients of other hands.  Prints one JSON object a line,
 * the first of them where to connect and as whom; ends with its standard input.
 *
 * usage: net_driver DIRECTORY-OF-BINARIES
 */
#include <poll.h>
#include "tests/net_node.h"
#include "sys/crypto.h"

#define CLIENT_ADDRESS "127.0.0.1"
#define SERVER_ADDRESS "127.0.8.2"

static void
print_hex(const char *name, const uint8_t *bytes, size_t size_bytes)
{
	size_t i;

	printf(", \"%s\": \"", name);
	for (i = 0; i < size_bytes; i++)
		printf("%02x", bytes[i]);
	printf("\"");
}

static void
introduce(const struct mesh *mesh, const struct roster *roster, const struct member *client,
    const struct member *server)
{
	printf("{\"dir\": \"%s\", \"target\": \"%s:%u\", \"client\": \"%s\", \"server\": \"%s\"",
	    mesh->dir, SERVER_ADDRESS, mesh->port, client->name, server->name);
	print_hex("mesh", roster_mesh(roster)->bytes, sizeof(roster_mesh(roster)->bytes));
	print_hex("clientId", client->id.bytes, sizeof(client->id));
	print_hex("serverId", server->id.bytes, sizeof(server->id));
	printf(", \"clientIndex\": %u", roster_find_id(roster, &client->id));
	printf("}\n");
	fflush(stdout);
}

static void
serve(struct node *node)
{
	const struct msg_envelope *envelope = (const struct msg_envelope *)(void *)node->data;
	const struct msg_vote *vote = (const struct msg_vote *)(void *)node->data;
	const struct msg_link *link = (const struct msg_link *)(void *)node->data;
	const struct msg_alarm *alarm = (const struct msg_alarm *)(void *)node->data;
	struct msg_vote_ack ack = { .received = 1, .reason = "counted" };
	struct msg_send echo = { .except = MSG_ALL };
	uint32_t type;

	node_check(node_next(node, &type, NODE_WAIT_MS));
	switch (type) {
	case MSG_ENVELOPE:
		echo.to = envelope->peer;
		node_send(node, MSG_SEND, &echo, sizeof(echo), envelope + 1,
		    node->size_bytes - sizeof(*envelope));
		break;
	case MSG_VOTE:
		ack.call = vote->call;
		node_send(node, MSG_VOTE_ACK, &ack, sizeof(ack), NULL, 0);
		break;
	case MSG_LINK:
		printf("{\"link\": %u, \"peer\": %u}\n", link->change, link->peer);
		break;
	case MSG_ALARM:
		printf("{\"alarm\": \"%s\"}\n", alarm->detail);
		break;
	default:
		break;
	}
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static struct mesh mesh;
	static struct node node;
	const struct member *client, *server;
	struct roster *roster;
	struct pollfd ready[2];

	if (argc != 2)
		return 2;
	mesh_make(&mesh, argv[1]);
	/* Either may turn out to have the smaller id, so both may be at both places. */
	mesh_enrol(&mesh, "node-1", CLIENT_ADDRESS " --address " SERVER_ADDRESS, mesh.port, "node");
	mesh_enrol(&mesh, "node-2", CLIENT_ADDRESS " --address " SERVER_ADDRESS, mesh.port, "node");
	mesh_run(&mesh, "epoch --dir D");
	mesh_bundle(&mesh, "node-1");
	mesh_bundle(&mesh, "node-2");
	roster = mesh_roster(&mesh, crypto_sodium());
	/* The smaller id dials. */
	client = roster_member(roster, 0);
	server = roster_member(roster, 1);
	if (node_id_compare(&client->id, &server->id) > 0) {
		client = server;
		server = roster_member(roster, 0);
	}
	node_start(&node, &mesh, server->name, SERVER_ADDRESS);
	node_open(&node);
	introduce(&mesh, roster, client, server);

	for (;;) {
		ready[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
		ready[1] = (struct pollfd){ .fd = node.engine, .events = POLLIN };
		node_check(poll(ready, 2, -1) > 0);
		if (ready[1].revents != 0) {
			do
				serve(&node);
			while (node.packet_at < node.packet_bytes);
		}
		if (ready[0].revents != 0)
			break;
	}
	node_stop(&node);
	roster_free(roster);
	mesh_remove(&mesh);
	return 0;
}
