/*
 * phalanx ca and phalanx audit, as people run them: what they make, and what
 * they refuse with which words.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include "proc/messages.h"
#include "sys/ipc.h"
#include "sys/wholefile.h"
#include "tests/unit/ca_fixture.h"

/* A mesh of three and a coordinator, from nothing to files that a node can start with. */
static void
a_mesh_is_made(void **unused)
{
	struct roster *roster;
	char path[128], ca[128];

	(void)unused;
	assert_run(0, "", "$PHALANX ca init --dir ca --mesh bank");
	assert_int_equal(strlen(said), 65);
	for (char c = 'a'; c <= 'c'; c++) {
		assert_run(0, "",
		    "$PHALANX ca request --state %c --name node-%c --address 10.0.0.%d --address "
		    "fd00::%d --dns node-%c.bank >%c.json",
		    c, c, c - 'a' + 1, c - 'a' + 1, c, c);
		assert_run(0, "enrolled node-", "$PHALANX ca enrol --dir ca %c.json", c);
	}
	assert_run(0, "", "$PHALANX ca request --state k --name board --address 10.0.0.9 >k.json");
	assert_run(0, "enrolled board", "$PHALANX ca enrol --dir ca --role coordinator k.json");
	assert_run(0, "3 nodes, 3 of them heads, weight 80",
	    "$PHALANX ca epoch --dir ca --threshold 8 --weight node-b=16");
	assert_run(0, "", "$PHALANX ca bundle --dir ca node-a --out a");
	assert_run(0, "coordinator", "$PHALANX ca show --dir ca");
	assert_run(0, "\"role\": \"coordinator\"", "$PHALANX --json ca show --dir ca");
	snprintf(path, sizeof(path), "%s/a/roster", directory);
	snprintf(ca, sizeof(ca), "%s/a/certs/ca.pem", directory);
	assert_ok(identity_load_roster(path, ca, crypto_sodium(), &roster));
	assert_int_equal(roster_count(roster), 4);
	assert_false(roster_is_node(roster, roster_find_name(roster, "board")));
	assert_int_equal(epoch_parameters(roster_current(roster))->threshold, 8);
	assert_string_equal(roster_mesh_name(roster), "bank");
	roster_free(roster);
}

/* OpenSSL agrees on the leaf, for both purposes and to the letter of RFC 5280. */
static void
leaves_are_strict(void **unused)
{
	(void)unused;
	assert_run(0, "OK",
	    "openssl verify -x509_strict -purpose sslserver -CAfile a/certs/ca.pem "
	    "a/certs/peer.pem");
	assert_run(0, "OK",
	    "openssl verify -x509_strict -purpose sslclient -CAfile a/certs/ca.pem "
	    "a/certs/peer.pem");
	assert_run(0, "IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1, URI:phalanx://bank/",
	    "openssl x509 -in a/certs/peer.pem -noout -ext subjectAltName");
	assert_run(0, "prime256v1", "openssl x509 -in a/certs/peer.pem -noout -text");
	assert_run(0, "600 600", "echo $(stat -c %%a a/identity.key a/certs/peer.key)");
}

/* Nothing is enrolled, signed or overwritten twice, and it says what stands in the way. */
static void
nothing_twice(void **unused)
{
	(void)unused;
	assert_run(1, "never overwritten", "$PHALANX ca init --dir ca --mesh bank");
	assert_run(
	    1, "the name of node-a is enrolled already", "$PHALANX ca enrol --dir ca a.json");
	assert_run(0, "", "$PHALANX ca request --state a --name node-x --address 10.0.0.7 >x.json");
	assert_run(1, "the identity key of node-x is enrolled already, as node-a",
	    "$PHALANX ca enrol --dir ca x.json");
	assert_run(0, "",
	    "mkdir -p y/certs && cp a/certs/peer.key y/certs && $PHALANX ca request --state y "
	    "--name node-y --address 10.0.0.8 >y.json");
	assert_run(1, "the TLS key of node-y is enrolled already, as node-a",
	    "$PHALANX ca enrol --dir ca y.json");
	assert_run(
	    1, "is not the key that was enrolled", "$PHALANX ca bundle --dir ca node-a --out b");
	assert_run(1, "is not enrolled", "$PHALANX ca bundle --dir ca nobody --out n");
}

/* A request that is not wholly its sender's is refused, as is a bad name. */
static void
bad_requests_are_refused(void **unused)
{
	(void)unused;
	assert_run(0, "", "$PHALANX ca request --state z --name node-z --address 10.0.0.6 >z.json");
	assert_run(1, "does not prove",
	    "sed s/10.0.0.6/10.0.0.5/ z.json >f.json; $PHALANX ca enrol "
	    "--dir ca f.json");
	assert_run(1, "does not prove",
	    "jq --slurpfile o a.json '.csr = $o[0].csr' z.json >f.json; $PHALANX ca enrol --dir ca "
	    "f.json");
	assert_run(1, "one too many",
	    "jq '.role = \"operator\"' z.json >f.json; $PHALANX ca enrol --dir ca f.json");
	assert_run(1, "line 2", "echo '{' >f.json; $PHALANX ca enrol --dir ca f.json");
	assert_run(1, "duplicate",
	    "sed 's/\"port\": 9000/\"port\": 9000, \"port\": 9000/' z.json "
	    ">f.json; $PHALANX ca enrol --dir ca f.json");
	assert_run(
	    2, "letters, digits", "$PHALANX ca request --state z --name ../z --address 10.0.0.6");
	assert_run(
	    2, "letters, digits", "$PHALANX ca request --state z --name '' --address 10.0.0.6");
	assert_run(
	    2, "not an IPv4 or IPv6", "$PHALANX ca request --state z --name z --address 10.0.0");
	assert_run(2, "not a DNS name",
	    "$PHALANX ca request --state z --name z --address 10.0.0.6 --dns 'a b'");
	assert_run(
	    2, "--port", "$PHALANX ca request --state z --name z --address 10.0.0.6 --port 0");
	assert_run(1, "longer than the CA", "$PHALANX ca enrol --dir ca --days 36500 z.json");
	assert_run(1, "phalanx ca init", "$PHALANX ca enrol --dir nowhere z.json");
}

/* A record that somebody put into the CA's directory is found out. */
static void
slipped_in_records_are_refused(void **unused)
{
	(void)unused;
	assert_run(0, "",
	    "$PHALANX ca init --dir evil --mesh bank && $PHALANX ca enrol --dir evil "
	    "z.json && cp evil/enrolments/node-z.* ca/enrolments/");
	assert_run(1, "is not signed by this CA", "$PHALANX ca show --dir ca");
	assert_run(0, "", "rm ca/enrolments/node-z.*; $PHALANX ca show --dir ca");
}

/* As the state directory a holds it. */
static struct roster *
mesh_roster(void)
{
	char path[128], ca[128];
	struct roster *roster;

	snprintf(path, sizeof(path), "%s/a/roster", directory);
	snprintf(ca, sizeof(ca), "%s/a/certs/ca.pem", directory);
	assert_ok(identity_load_roster(path, ca, crypto_sodium(), &roster));
	return roster;
}

/* Three entries of node-a, there. */
static void
write_feed(void)
{
	struct roster *roster = mesh_roster();
	struct fixture f = { 0 };
	char path[128];
	struct feed *feed;
	static struct notes out;

	snprintf(f.directory, sizeof(f.directory), "%s/a", directory);
	snprintf(path, sizeof(path), "%s/a/identity.key", directory);
	assert_ok(identity_load(path, &f.key));
	f.mesh.roster = roster;
	f.mesh.id = *roster_mesh(roster);
	f.config = (struct feed_config){ .directory = f.directory,
		.crypto = crypto_sodium(),
		.roster = roster,
		.self = roster_find_name(roster, "node-a"),
		.key = f.key };
	assert_ok(feed_open(&f.config, &feed));
	for (uint32_t i = 0; i < 3; i++)
		fixture_stage(&f, feed, i);
	assert_ok(feed_commit(feed, note_committed, &out));
	feed_close(feed);
	identity_free(f.key);
	roster_free(roster);
}

/* Each way to doctor a log is found, with the line and the kind of the fault. */
static void
audits_find_it(void **unused)
{
	(void)unused;
	write_feed();
	assert_run(0, "3 entries hold", "$PHALANX audit verify --dir a");
	assert_run(0, "\"ok\": true", "$PHALANX audit verify --dir a --json");
	assert_run(0, "score=9", "$PHALANX audit show --dir a");
	assert_run(0, "\"author_name\":\"node-a\"", "$PHALANX --json audit show --dir a");
	assert_run(1, "f.log:3: deletion: sequences 2 to 2 of node-a are missing",
	    "sed 3d a/audit.log >f.log; $PHALANX audit verify --dir a --file f.log");
	assert_run(0, "2 entries hold",
	    "head -3 a/audit.log >f.log; $PHALANX audit verify --dir a --file f.log");
	assert_run(1, "f.log:2: summary:",
	    "sed '2s/\"score\":9/\"score\":1/' a/audit.log >f.log; $PHALANX audit verify --dir a "
	    "--file f.log");
	assert_run(1, "f.log:3: signature:",
	    "sed '3s/\"signature\":\"..../\"signature\":\"AAAA/' a/audit.log >f.log; $PHALANX "
	    "audit "
	    "verify --dir a --file f.log");
	assert_run(1, "f.log:3: order:",
	    "sed -n '1p;3p' a/audit.log >f.log; sed -n 2p a/audit.log >>f.log; $PHALANX audit "
	    "verify "
	    "--dir a --file f.log");
	assert_run(1, "f.log:1: header:",
	    "sed '1s/[0-9a-f]\\{32\\}/00000000000000000000000000000000/' a/audit.log >f.log; "
	    "$PHALANX audit verify --dir a --file f.log");
	assert_run(1, "f.log:5: torn:",
	    "(cat a/audit.log; printf '{\"seq\":4') >f.log; $PHALANX audit verify --dir a --file "
	    "f.log");
	assert_run(1, "contradicts",
	    "sed '2s/HONEYPOT_TRIPPED/\\x1b[31mfake/' a/audit.log >f.log; $PHALANX audit show "
	    "--dir a "
	    "--file f.log");
	assert_null(strchr(said, '\x1b'));
}

/* ---- a daemon that answers one question -------------------------------------------- */

static pid_t
answer_once(const struct msg_status *status)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	struct msg_answered end = { ERR_OK };
	struct msg_ask ask;
	size_t size;
	uint32_t type;
	pid_t pid;
	int fd, listener, passed = -1;

	snprintf(where.sun_path, sizeof(where.sun_path), "%s/a/control.sock", directory);
	unlink(where.sun_path);
	assert_int_not_equal(listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), -1);
	assert_int_equal(bind(listener, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_not_equal(pid = fork(), -1);
	if (pid > 0) {
		close(listener);
		return pid;
	}
	alarm(20);
	fd = accept(listener, NULL, NULL);
	if (ipc_read_blocking(fd, &type, &ask, sizeof(ask), &size, &passed, 5000) != ERR_OK ||
	    type != MSG_ASK || ask.ask != ASK_STATUS ||
	    ipc_write_blocking(fd, MSG_STATUS, status, sizeof(*status), NULL, 0, -1) != ERR_OK ||
	    ipc_write_blocking(fd, MSG_ANSWERED, &end, sizeof(end), NULL, 0, -1) != ERR_OK)
		_exit(1);
	_exit(0);
}

static void
assert_answered(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* That the end of a log was cut off, only peers can tell; without them nothing is claimed. */
static void
peers_know_the_end(void **unused)
{
	struct roster *roster = mesh_roster();
	struct msg_status status = { .sequence = 3, .links = 2 };
	pid_t pid;

	(void)unused;
	status.id = roster_member(roster, roster_find_name(roster, "node-a"))->id;
	assert_run(
	    0, "peers: not asked: the daemon does not answer", "$PHALANX audit verify --dir a");
	assert_run(0, "\"answer\": \"not-asked\"", "$PHALANX --json audit verify --dir a");

	pid = answer_once(&status);
	assert_run(0, "peers: agree, 2 links\n", "$PHALANX audit verify --dir a");
	assert_answered(pid);
	pid = answer_once(&status);
	assert_run(0, "\"answer\": \"agree\"", "$PHALANX --json audit verify --dir a");
	assert_answered(pid);

	status.links = 0;
	pid = answer_once(&status);
	assert_run(0, "peers: not asked: no link is up", "$PHALANX audit verify --dir a");
	assert_answered(pid);

	status.sequence = 4;
	pid = answer_once(&status);
	assert_run(1, "peers: hold a later feed: entries are missing from the end",
	    "$PHALANX audit verify --dir a");
	assert_answered(pid);

	status.sequence = 3;
	status.lost_state = 1;
	pid = answer_once(&status);
	assert_run(1, "\"answer\": \"later\"", "$PHALANX --json audit verify --dir a");
	assert_answered(pid);

	/* Of a log from elsewhere the daemon here knows nothing. */
	status.id = roster_member(roster, roster_find_name(roster, "node-b"))->id;
	pid = answer_once(&status);
	assert_run(
	    0, "peers: not asked: the daemon is another node's", "$PHALANX audit verify --dir a");
	assert_answered(pid);
	roster_free(roster);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mesh_is_made),
		cmocka_unit_test(leaves_are_strict),
		cmocka_unit_test(nothing_twice),
		cmocka_unit_test(bad_requests_are_refused),
		cmocka_unit_test(slipped_in_records_are_refused),
		cmocka_unit_test(audits_find_it),
		cmocka_unit_test(peers_know_the_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
