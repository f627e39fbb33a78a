/*
 * The CA's log grows: who is enrolled later, renewed, removed, and what the
 * past of a node does to its weight, as people at the CA see it.
 */
#include "tests/unit/ca_fixture.h"

static struct roster *
roster_now(void)
{
	char path[128], ca[128];
	struct roster *roster;

	snprintf(path, sizeof(path), "%s/ca/roster", directory);
	snprintf(ca, sizeof(ca), "%s/ca/ca.pem", directory);
	assert_ok(identity_load_roster(path, ca, crypto_sodium(), &roster));
	return roster;
}

static void
enrol(char c)
{
	assert_run(0, "",
	    "$PHALANX ca request --state %c --name node-%c --address 10.0.0.%d --dns node-%c.bank "
	    ">%c.json",
	    c, c, c - 'a' + 1, c, c);
	assert_run(0, "enrolled node-", "$PHALANX ca enrol --dir ca %c.json", c);
}

static uint32_t
weight_of(const struct roster *roster, const char *name)
{
	return epoch_weight_of(roster_current(roster), roster_find_name(roster, name));
}

/* Who is enrolled after epoch 1 is in the log at once, listed by the next epoch, on probation. */
static void
a_newcomer_is_listed(void **unused)
{
	struct roster *before, *after;
	size_t known;

	(void)unused;
	assert_run(0, "", "$PHALANX ca init --dir ca --mesh bank");
	for (char c = 'a'; c <= 'e'; c++)
		enrol(c);
	assert_run(0, "5 nodes, 5 of them heads, weight 144",
	    "$PHALANX ca epoch --dir ca --threshold 8 --vote-budget 7 --weight node-b=16");
	assert_non_null(strstr(said, "  - ->  16  as you say"));
	before = roster_now();
	known = roster_records(before).size_bytes;
	enrol('f');
	assert_non_null(strstr(said, "the next phalanx ca epoch lists it"));
	after = roster_now();
	assert_int_equal(roster_count(after), 6);
	assert_int_equal(epoch_number(roster_current(after)), 1);
	assert_false(epoch_has(roster_current(after), roster_find_name(after, "node-f")));
	roster_free(after);

	assert_run(
	    0, "epoch 2: 6 nodes, 5 of them heads, weight 160", "$PHALANX ca epoch --dir ca");
	assert_non_null(strstr(said, "- ->   0  on probation for 24 h more"));
	assert_non_null(strstr(said, " 16 ->  32  0 good days"));
	after = roster_now();
	assert_memory_equal(roster_records(after).data, roster_records(before).data, known);
	assert_int_equal(epoch_number(roster_current(after)), 2);
	assert_true(epoch_has(roster_current(after), roster_find_name(after, "node-f")));
	/* What was not given stays. */
	assert_int_equal(epoch_parameters(roster_current(after))->threshold, 8);
	assert_int_equal(epoch_parameters(roster_current(after))->vote_budget, 7);
	for (member_index i = 0; i < roster_count(before); i++)
		assert_string_equal(roster_member(before, i)->name, roster_member(after, i)->name);
	roster_free(before);
	roster_free(after);
}

/* A renewal keeps key, id, addresses and names; OpenSSL agrees, and the node's keys still fit. */
static void
a_node_is_renewed(void **unused)
{
	const struct member *old, *new;
	struct roster *before = roster_now(), *after;

	(void)unused;
	assert_run(
	    0, "", "$PHALANX ca bundle --dir ca node-a --out a && cp a/certs/peer.pem old.pem");
	assert_run(0, "renewed node-a, incarnation 2, for 30 days",
	    "$PHALANX ca renew --dir ca --days 30 node-a");
	after = roster_now();
	old = roster_member(before, roster_find_name(before, "node-a"));
	new = roster_member(after, roster_find_name(after, "node-a"));
	assert_int_equal(roster_count(after), roster_count(before));
	assert_int_equal(new->incarnation, 2);
	assert_memory_equal(&new->id, &old->id, sizeof(new->id));
	assert_memory_equal(&new->key, &old->key, sizeof(new->key));
	assert_int_equal(new->enrolled_ms, old->enrolled_ms);
	assert_true(new->not_after_ms < old->not_after_ms);
	roster_free(before);
	roster_free(after);
	assert_run(0, "", "$PHALANX ca bundle --dir ca node-a --out a");
	assert_run(0, "OK",
	    "openssl verify -x509_strict -purpose sslclient -CAfile a/certs/ca.pem "
	    "a/certs/peer.pem");
	assert_run(0, "same",
	    "for f in old.pem a/certs/peer.pem; do openssl x509 -in $f -noout -pubkey -ext "
	    "subjectAltName >$f.names; done; cmp old.pem.names a/certs/peer.pem.names && ! cmp -s "
	    "old.pem a/certs/peer.pem && echo same");
	assert_run(1, "is not enrolled", "$PHALANX ca renew --dir ca nobody");
	assert_run(1, "longer than the CA", "$PHALANX ca renew --dir ca --days 36500 node-a");
	assert_run(2, "renew --dir DIR", "$PHALANX ca renew --dir ca");
}

/* Who is removed stays out until somebody says otherwise. */
static void
a_node_is_removed(void **unused)
{
	struct roster *roster;

	(void)unused;
	assert_run(
	    0, "epoch 3: 5 nodes", "$PHALANX ca epoch --dir ca --remove node-d --threshold 9");
	assert_non_null(strstr(said, " 32 ->   -  as you say"));
	assert_run(0, "epoch 4: 5 nodes", "$PHALANX ca epoch --dir ca");
	assert_null(strstr(said, "node-d"));
	assert_run(
	    1, "no node of that name is in the mesh", "$PHALANX ca epoch --dir ca --remove node-d");
	assert_run(
	    1, "no node of that name is in the mesh", "$PHALANX ca epoch --dir ca --remove x");
	assert_run(0, "epoch 5: 6 nodes", "$PHALANX ca epoch --dir ca --weight node-d=3");
	roster = roster_now();
	assert_int_equal(weight_of(roster, "node-d"), 3);
	assert_int_equal(epoch_parameters(roster_current(roster))->threshold, 9);
	roster_free(roster);
	assert_run(1, "nobody would have a vote",
	    "$PHALANX ca epoch --dir ca --weight node-a=0 --weight node-b=0 --weight node-c=0 "
	    "--weight node-d=0 --weight node-e=0");
	assert_run(1, "NAME=W is needed", "$PHALANX ca epoch --dir ca --weight node-a");
	assert_run(1, "--weight", "$PHALANX ca epoch --dir ca --weight node-a=65");
}

/* A certificate in a node's log takes its subject's vote; what does not verify is ignored. */
static void
evidence_counts(void **unused)
{
	struct roster *roster;

	(void)unused;
	for (char c = 'a'; c <= 'e'; c++)
		assert_run(0, "", "$PHALANX ca bundle --dir ca node-%c --out %c", c, c);
	assert_run(0, "", "$(dirname $PHALANX)/../tests/make_certificate node-e a b c d");
	assert_run(0, "epoch 6",
	    "sed '2s/\"signature\":\"..../\"signature\":\"AAAA/' a/audit.log >f.log; "
	    "$PHALANX ca epoch --dir ca --evidence f.log");
	assert_non_null(strstr(said, "f.log line 2 is ignored: "));
	roster = roster_now();
	assert_int_equal(weight_of(roster, "node-e"), 32);
	roster_free(roster);
	/* A certificate of epoch 5, shown when epoch 7 is made. */
	assert_run(0, "it is quarantined",
	    "$PHALANX ca epoch --dir ca --evidence f.log a/audit.log --weight node-d=32");
	roster = roster_now();
	assert_int_equal(epoch_number(roster_current(roster)), 7);
	assert_int_equal(weight_of(roster, "node-e"), 0);
	roster_free(roster);
	assert_run(1, "No such file", "$PHALANX ca epoch --dir ca --evidence nothing.log");
	assert_run(0, "holds",
	    "$PHALANX audit bundle --dir a --subject node-e --out b.json && "
	    "$PHALANX audit verify --bundle b.json --ca ca/ca.pem");
}

/* What an interrupted command left out of the log is caught up with; nothing is lost in a crowd. */
static void
nothing_is_lost(void **unused)
{
	struct roster *roster;

	(void)unused;
	assert_run(0, "", "cp ca/roster before");
	enrol('g');
	assert_run(0, "", "cp before ca/roster"); /* as if it had ended in between */
	for (char c = 'h'; c <= 'j'; c++)
		assert_run(0, "",
		    "$PHALANX ca request --state %c --name node-%c --address 10.0.0.%d >%c.json", c,
		    c, c - 'a' + 1, c);
	assert_run(0, "",
	    "$PHALANX ca enrol --dir ca h.json & $PHALANX ca enrol --dir ca i.json & $PHALANX ca "
	    "renew --dir ca node-b & $PHALANX ca enrol --dir ca j.json & wait");
	assert_run(0, "epoch 8: 10 nodes", "$PHALANX ca epoch --dir ca");
	roster = roster_now();
	assert_int_equal(roster_count(roster), 10);
	assert_int_equal(roster_member(roster, roster_find_name(roster, "node-b"))->incarnation, 2);
	roster_free(roster);
	assert_run(1, "any node's state directory has a copy",
	    "cp ca/roster keep; head -c 1000 keep >ca/roster; $PHALANX ca epoch --dir ca");
	assert_run(0, "epoch 9", "cp keep ca/roster; $PHALANX ca epoch --dir ca");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newcomer_is_listed),
		cmocka_unit_test(a_node_is_renewed),
		cmocka_unit_test(a_node_is_removed),
		cmocka_unit_test(evidence_counts),
		cmocka_unit_test(nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
