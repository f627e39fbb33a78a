/*
 * ca_store: the directory of a mesh CA.
 *
 * ca.key, ca.pem      the authority
 * enrolments/NAME.enrolment  serialised Envelope of an Enrolment; NAME is
 *                     enrolled once this file is there
 * enrolments/NAME.pem its TLS certificate
 * roster              serialised Roster, once epoch 1 is signed: see ca_log.h
 *
 * One `phalanx ca` at a time holds it.  Spec: docs/operations.md, "Enrolment".
 */
#ifndef CLI_CA_STORE_H
#define CLI_CA_STORE_H
#include <stdbool.h>
#include "base/limits.h"
#include "core/types.h"
#include "sys/x509.h"
#include "phalanx.pb-c.h"

#define CA_PATH_BYTES   4096
#define CA_RECORD_BYTES (16 * 1024)

struct ca_record {
	Protos__Enrolment *enrolment;
	uint8_t *envelope;
	size_t envelope_bytes;
	struct hash tls_key; /* of its certificate */
};

struct ca_store {
	char directory[CA_PATH_BYTES / 2];
	int lock;
	struct x509_authority *authority;
	struct ca_record *records; /* ascending name */
	size_t count;
};

/* Prints why it fails, after "phalanx ca: ". */
void ca_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Locks and loads all of it, every record proven against the CA's key. */
bool ca_store_open(const char *directory, struct ca_store *out);
void ca_store_close(struct ca_store *);
const struct ca_record *ca_store_find(const struct ca_store *, const char *name); /* or NULL */
/* DIRECTORY/enrolments/NAME.ENDING; name was checked. */
void ca_store_record_path(const struct ca_store *, const char *name, const char *ending,
    char out[CA_PATH_BYTES]);
/* DIRECTORY/FILE */
void ca_store_path(const char *directory, const char *file, char out[CA_PATH_BYTES]);
/* ^[A-Za-z0-9_-]{1,128}$ */
bool ca_name_is_valid(const char *);
/* body and its signature as a serialised Envelope, malloc'ed; NULL and a complaint on failure. */
uint8_t *ca_seal(const struct ca_store *, const char *domain, const uint8_t *body,
    size_t body_bytes, size_t *envelope_bytes);
/* A whole number within bounds, or a complaint that names the option. */
bool ca_number(const char *option, const char *text, unsigned long least, unsigned long most,
    unsigned long *out);

int ca_request(int argc, char **argv);
int ca_enrol(int argc, char **argv);
int ca_renew(int argc, char **argv);
int ca_epoch(int argc, char **argv);
int ca_bundle(int argc, char **argv);
int ca_show(bool json, int argc, char **argv);

#endif
