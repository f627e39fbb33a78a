#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ca_log.h"
#include "cli/command.h"
#include "cli/usage.h"
#include "sys/wholefile.h"

#define DAY_MS       86400000ULL
#define BACKDATE_MS  300000ULL /* the node's clock may run behind the CA's */
#define DEFAULT_DAYS 365

/* The certificate with another validity; the key and all names stay. */
static bool
certify(const struct ca_store *store, const Protos__Enrolment *e, struct x509_text *out)
{
	char path[CA_PATH_BYTES];
	size_t size_bytes;
	uint8_t *pem;
	enum err err;

	ca_store_record_path(store, e->name, ".pem", path);
	if ((err = wholefile_read(path, CA_RECORD_BYTES, &pem, &size_bytes)) == ERR_OK) {
		err = x509_renew(
		    store->authority, (const char *)pem, e->not_before_ms, e->not_after_ms, out);
		free(pem);
	}
	if (err != ERR_OK)
		ca_complain("%s: %s %s", path, err_text(err), x509_reason());
	return err == ERR_OK;
}

/* The certificate first: only the enrolment file makes it count. */
static bool
replace(const struct ca_store *store, const char *name, const struct x509_text *certificate,
    const uint8_t *envelope, size_t envelope_bytes)
{
	char path[CA_PATH_BYTES];
	enum err err;

	ca_store_record_path(store, name, ".pem", path);
	err = wholefile_replace(path, 0644, certificate->text, certificate->size_bytes);
	if (err == ERR_OK) {
		ca_store_record_path(store, name, ".enrolment", path);
		err = wholefile_replace(path, 0644, envelope, envelope_bytes);
	}
	if (err != ERR_OK)
		ca_complain("%s: %s", path, err_text(err));
	return err == ERR_OK;
}

static bool
renew(const struct ca_store *store, const struct ca_record *record, unsigned long days,
    struct ca_log *log)
{
	uint64_t now_ms = (uint64_t)time(NULL) * 1000;
	Protos__Enrolment e = *record->enrolment;
	struct x509_text certificate = { 0 };
	uint8_t *body = NULL, *envelope = NULL;
	size_t body_bytes, envelope_bytes;
	bool done = false;

	e.incarnation++;
	e.not_before_ms = now_ms - BACKDATE_MS;
	e.not_after_ms = now_ms + days * DAY_MS;
	if (e.not_after_ms > x509_authority_not_after_ms(store->authority)) {
		ca_complain("--days %lu: that is longer than the CA's own certificate lasts", days);
		return false;
	}
	if ((body = malloc(protos__enrolment__get_packed_size(&e))) == NULL) {
		ca_complain("%s", err_text(ERR_NOMEM));
		return false;
	}
	body_bytes = protos__enrolment__pack(&e, body);
	if ((envelope = ca_seal(store, DOMAIN_ENROLMENT, body, body_bytes, &envelope_bytes)) ==
	        NULL ||
	    !certify(store, &e, &certificate) ||
	    !replace(store, e.name, &certificate, envelope, envelope_bytes))
		goto done;
	/* Before epoch 1 there is no log yet. */
	if (log->roster != NULL &&
	    (!ca_log_add(log, CA_ENROLMENT, envelope, envelope_bytes) || !ca_log_commit(log)))
		goto done;
	printf("renewed %s, incarnation %llu, for %lu days; give it its bundle again\n", e.name,
	    (unsigned long long)e.incarnation, days);
	done = true;

done:
	free(body);
	free(envelope);
	x509_text_free(&certificate);
	return done;
}

int
ca_renew(int argc, char **argv)
{
	static const struct option options[] = { { "dir", required_argument, NULL, 'd' },
		{ "days", required_argument, NULL, 'n' }, { 0 } };
	unsigned long days = DEFAULT_DAYS;
	const char *directory = NULL;
	const struct ca_record *record;
	struct ca_log log = { 0 };
	struct ca_store store;
	bool good = true;
	int c;

	optind = 0;
	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			directory = optarg;
		else if (c == 'n')
			good = ca_number("--days", optarg, 1, 36500, &days);
		else
			good = false;
	}
	if (!good)
		return EXIT_USAGE;
	if (directory == NULL || optind != argc - 1)
		return usage_error("ca renew");
	if (!ca_store_open(directory, &store))
		return EXIT_FAILED;
	if ((record = ca_store_find(&store, argv[optind])) == NULL)
		ca_complain("%s is not enrolled in %s; phalanx ca show names who is", argv[optind],
		    directory);
	good = record != NULL && ca_log_open(&store, &log) &&
	       (log.roster == NULL || ca_log_catch_up(&log)) && renew(&store, record, days, &log);
	ca_log_close(&log);
	ca_store_close(&store);
	return good ? EXIT_OK : EXIT_FAILED;
}
