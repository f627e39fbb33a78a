/*
 * make_certificate SUBJECT STATE...: the nodes whose state directories are
 * given vote SUBJECT out, and the first one writes the certificate into its
 * feed, with the code and the files of a real mesh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/ballot.h"
#include "core/certificate.h"
#include "sys/crypto.h"
#include "sys/feed.h"
#include "sys/log.h"
#include "sys/loop.h"

static void
must(enum err err, const char *what)
{
	if (err == ERR_OK)
		return;
	fprintf(stderr, "make_certificate: %s: %s\n", what, err_text(err));
	exit(1);
}

static struct secret_key *
key_of(const char *state)
{
	char path[512];
	struct secret_key *key;

	snprintf(path, sizeof(path), "%s/identity.key", state);
	must(identity_load(path, &key), path);
	return key;
}

static member_index
member_of(const struct roster *roster, const struct secret_key *key)
{
	struct public_key public;

	identity_public(key, &public);
	for (size_t i = 0; i < roster_count(roster); i++)
		if (memcmp(roster_member(roster, (member_index)i)->key.bytes, public.bytes, 32) ==
		    0)
			return (member_index)i;
	must(ERR_AUTHOR, "key");
	return MEMBER_NONE;
}

static void
vote(struct tally *tally, const struct roster *roster, const struct ballot *ballot,
    const char *state)
{
	struct secret_key *key = key_of(state);
	uint8_t bytes[BALLOT_BYTES];
	struct signature signature;

	ballot_write(ballot, bytes);
	identity_sign(key, DOMAIN_BALLOT, bytes, sizeof(bytes), &signature);
	must(tally_add(tally, roster, member_of(roster, key), &signature), state);
	identity_free(key);
}

static void
ignore(void *context, uint32_t ticket, struct span envelope)
{
	(void)context;
	(void)ticket;
	(void)envelope;
}

static void
append(const struct roster *roster, const char *state, const struct certificate *certificate)
{
	struct secret_key *key = key_of(state);
	struct feed_config config = { .directory = state,
		.crypto = crypto_sodium(),
		.roster = roster,
		.self = member_of(roster, key),
		.key = key };
	struct entry e = { .kind = ENTRY_CERTIFICATE, .certificate = *certificate };
	static uint8_t draft[LIMIT_BODY_BYTES];
	size_t size = sizeof(draft);
	struct feed *feed;
	uint32_t ticket;

	e.header = (struct entry_header){ .mesh = *roster_mesh(roster),
		.epoch = epoch_number(roster_current(roster)),
		.time_ms = loop_unix_ms() };
	must(entry_encode(&e, draft, &size), "draft");
	must(feed_open(&config, &feed), state);
	must(feed_stage(feed, (struct span){ draft, size }, &ticket), "stage");
	must(feed_commit(feed, ignore, NULL), "commit");
	feed_close(feed);
	identity_free(key);
}

int
main(int argc, char **argv)
{
	char roster_path[512], ca_path[512];
	struct certificate certificate;
	struct ballot ballot = {
		.level = LEVEL_QUARANTINE, .round = 3, .window = ballot_window(loop_unix_ms())
	};
	struct roster *roster;
	struct tally *tally;
	member_index subject;

	if (argc < 3)
		return 2;
	log_init("", "make_certificate", LOG_LEVEL_WARN);
	snprintf(roster_path, sizeof(roster_path), "%s/roster", argv[2]);
	snprintf(ca_path, sizeof(ca_path), "%s/certs/ca.pem", argv[2]);
	must(identity_load_roster(roster_path, ca_path, crypto_sodium(), &roster), roster_path);
	if ((subject = roster_find_name(roster, argv[1])) == MEMBER_NONE)
		must(ERR_SUBJECT, argv[1]);
	ballot.mesh = *roster_mesh(roster);
	ballot.epoch = epoch_number(roster_current(roster));
	ballot.subject = roster_member(roster, subject)->id;
	must(tally_new(roster, &ballot, &tally), "tally");
	for (int i = 2; i < argc; i++)
		vote(tally, roster, &ballot, argv[i]);
	must(tally_certificate(tally, roster, &certificate), "certificate");
	append(roster, argv[2], &certificate);
	tally_free(tally);
	roster_free(roster);
	return 0;
}
