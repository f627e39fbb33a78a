/*
 * Two ends of sys/tls over a socketpair, with the certificates of a real mesh.
 * What the net process refuses of strangers is in test_net.
 */
#include "tests/check.h"
#include "tests/net_node.h"
#include "sys/crypto.h"
#include "sys/tls.h"

static struct mesh mesh;
static struct roster *roster;
static struct tls_context *contexts[2];
static member_index members[2];
static struct address addresses[2];

static struct tls *ends[2];
static int fds[2];

static struct tls_context *
context_of(const char *certificate, const char *key)
{
	char paths[3][160];
	struct tls_context *c = NULL;

	(void)snprintf(paths[0], sizeof(paths[0]), "%s/%s/certs/peer.pem", mesh.dir, certificate);
	(void)snprintf(paths[1], sizeof(paths[1]), "%s/%s/certs/peer.key", mesh.dir, key);
	(void)snprintf(paths[2], sizeof(paths[2]), "%s/%s/certs/ca.pem", mesh.dir, certificate);
	if (tls_context_new(paths[0], paths[1], paths[2], roster,
	        roster_find_name(roster, certificate), &c) != ERR_OK)
		return NULL;
	return c;
}

/* client_sees, server_sees: the addresses at which each believes the other to be. */
static void
begin(const struct address *client_sees, const struct address *server_sees)
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_ok(tls_new(contexts[0], TLS_CLIENT, fds[0], client_sees, &ends[0]));
	assert_ok(tls_new(contexts[1], TLS_SERVER, fds[1], server_sees, &ends[1]));
}

static void
finish(void)
{
	tls_free(ends[0]);
	tls_free(ends[1]);
	close(fds[0]);
	close(fds[1]);
}

static void
shake_hands(enum err results[2], member_index peers[2])
{
	int i, side;

	results[0] = results[1] = ERR_AGAIN;
	for (i = 0; i < 10; i++)
		for (side = 0; side < 2; side++)
			if (results[side] == ERR_AGAIN)
				results[side] = tls_handshake(ends[side], &peers[side]);
}

static void
connect_both(void)
{
	enum err results[2];
	member_index peers[2];

	begin(&addresses[1], &addresses[0]);
	shake_hands(results, peers);
	assert_ok(results[0]);
	assert_ok(results[1]);
	assert_int_equal(peers[0], members[1]);
	assert_int_equal(peers[1], members[0]);
}

/* Both ends learn who the other is, and bytes cross. */
static void
both_are_known(void **unused)
{
	uint8_t in[16];
	size_t size;

	(void)unused;
	connect_both();
	assert_ok(tls_write(ends[0], (const uint8_t *)"hello", 5, &size));
	assert_int_equal(size, 5);
	assert_ok(tls_read(ends[1], in, sizeof(in), &size));
	assert_int_equal(size, 5);
	assert_memory_equal(in, "hello", 5);
	assert_err(ERR_AGAIN, tls_read(ends[1], in, sizeof(in), &size));
	assert_false(tls_wants_write(ends[1]));
	finish();
}

/* A reader with little room hears that more waits inside, where no poll can see it. */
static void
pending_is_told(void **unused)
{
	uint8_t in[4];
	size_t size;

	(void)unused;
	connect_both();
	assert_ok(tls_write(ends[0], (const uint8_t *)"12345678", 8, &size));
	assert_ok(tls_read(ends[1], in, sizeof(in), &size));
	assert_true(tls_has_pending(ends[1]));
	assert_ok(tls_read(ends[1], in, sizeof(in), &size));
	assert_false(tls_has_pending(ends[1]));
	finish();
}

/* A full socket makes a write wait, and the same bytes from elsewhere go on with it. */
static void
full_socket(void **unused)
{
	static uint8_t out[16384], copy[16384], in[16384];
	size_t size, sent = 0, received = 0;
	enum err err;

	(void)unused;
	connect_both();
	memset(out, 'x', sizeof(out));
	memset(copy, 'x', sizeof(copy));
	while ((err = tls_write(ends[0], out, sizeof(out), &size)) == ERR_OK)
		sent += size;
	assert_err(ERR_AGAIN, err);
	assert_true(tls_wants_write(ends[0]));
	while (tls_read(ends[1], in, sizeof(in), &size) == ERR_OK)
		received += size;
	assert_ok(tls_write(ends[0], copy, sizeof(copy), &size));
	sent += size;
	while (tls_read(ends[1], in, sizeof(in), &size) == ERR_OK)
		received += size;
	assert_int_equal(sent, received);
	finish();
}

/* Good-bye is told from a torn connection's end, and both from silence. */
static void
ends_are_noticed(void **unused)
{
	uint8_t in[16];
	size_t size;

	(void)unused;
	connect_both();
	tls_free(ends[0]);
	ends[0] = NULL;
	assert_err(ERR_CLOSED, tls_read(ends[1], in, sizeof(in), &size));
	finish();

	connect_both();
	close(fds[0]);
	fds[0] = -1;
	assert_err(ERR_CLOSED, tls_read(ends[1], in, sizeof(in), &size));
	assert_string_equal(tls_refusal(ends[1]), "the far end hung up");
	finish();
}

/* The server's address counts as much as the client's: the dialling end refuses too. */
static void
client_checks_the_server(void **unused)
{
	const struct address elsewhere = { .family = 4, .bytes = { 127, 0, 8, 77 } };
	enum err results[2];
	member_index peers[2];

	(void)unused;
	begin(&elsewhere, &addresses[0]);
	shake_hands(results, peers);
	assert_err(ERR_AUTHOR, results[0]);
	assert_string_equal(tls_refusal(ends[0]), "the certificate is for another address");
	assert_int_not_equal(results[1], ERR_OK);
	finish();
}

/* An IPv6 address of the same first bytes is another address. */
static void
family_counts(void **unused)
{
	struct address v6 = addresses[0];
	enum err results[2];
	member_index peers[2];

	(void)unused;
	v6.family = 6;
	begin(&addresses[1], &v6);
	shake_hands(results, peers);
	assert_err(ERR_AUTHOR, results[1]);
	finish();
}

/* A record that was changed on the way ends the connection, without a good-bye. */
static void
damage_is_fatal(void **unused)
{
	uint8_t record[256];
	size_t size;
	ssize_t n;

	(void)unused;
	connect_both();
	assert_ok(tls_write(ends[0], (const uint8_t *)"hello", 5, &size));
	n = recv(fds[1], record, sizeof(record), 0);
	assert_true(n > 20);
	record[n - 1] ^= 1;
	assert_int_equal(send(fds[0], record, (size_t)n, 0), n);
	assert_err(ERR_MALFORMED, tls_read(ends[1], record, sizeof(record), &size));
	finish();
}

/* Files that do not fit together make no context. */
static void
files_must_fit(void **unused)
{
	(void)unused;
	assert_null(context_of("node-1", "node-2"));
	assert_null(context_of("node-3", "node-3"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_are_known),
		cmocka_unit_test(pending_is_told),
		cmocka_unit_test(full_socket),
		cmocka_unit_test(ends_are_noticed),
		cmocka_unit_test(client_checks_the_server),
		cmocka_unit_test(family_counts),
		cmocka_unit_test(damage_is_fatal),
		cmocka_unit_test(files_must_fit),
	};
	static const char *const names[] = { "node-1", "node-2" };
	int i, failed;

	(void)signal(SIGPIPE, SIG_IGN);
	mesh_make(&mesh, NULL);
	mesh_enrol(&mesh, names[0], "127.0.8.1", 9000, "node");
	mesh_enrol(&mesh, names[1], "127.0.8.2", 9000, "node");
	mesh_run(&mesh, "epoch --dir D");
	for (i = 0; i < 2; i++)
		mesh_bundle(&mesh, names[i]);
	roster = mesh_roster(&mesh, crypto_sodium());
	for (i = 0; i < 2; i++) {
		node_check((contexts[i] = context_of(names[i], names[i])) != NULL);
		members[i] = roster_find_name(roster, names[i]);
		addresses[i] = roster_member(roster, members[i])->addresses[0];
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (i = 0; i < 2; i++)
		tls_context_free(contexts[i]);
	roster_free(roster);
	mesh_remove(&mesh);
	return failed;
}
