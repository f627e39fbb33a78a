#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/tls.h"

#define URI_SCHEME "phalanx://"
#define ID_DIGITS  32

struct tls_context {
	SSL_CTX *ssl;
	const struct roster *roster;
	member_index self;
};

struct tls {
	SSL *ssl;
	const struct tls_context *context;
	struct address far;
	member_index peer;
	enum err refused; /* by the checks of the certificate */
	bool wants_write;
	bool broken; /* a fatal error: SSL_shutdown() would be wrong */
	char refusal[160];
};

static const unsigned char alpn_h2[] = { 2, 'h', '2' };

/* ---- who is the far end? ----------------------------------------------------- */

static bool
refuse(struct tls *t, enum err why, const char *sentence)
{
	t->refused = why;
	(void)snprintf(t->refusal, sizeof(t->refusal), "%s", sentence);
	return false;
}

static bool
parse_id(const char *text, struct node_id *out)
{
	size_t i;

	for (i = 0; i < ID_DIGITS; i++) {
		char c = text[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else
			return false;
		if (i % 2 == 0)
			out->bytes[i / 2] = (uint8_t)(digit << 4);
		else
			out->bytes[i / 2] |= (uint8_t)digit;
	}
	return text[ID_DIGITS] == '\0';
}

/* phalanx://MESH/NODE-ID, and nothing but that. */
static bool
parse_uri(const struct tls *t, const ASN1_IA5STRING *uri, struct node_id *out)
{
	char text[sizeof(URI_SCHEME) + LIMIT_NAME_BYTES + 1 + ID_DIGITS + 1];
	char start[sizeof(URI_SCHEME) + LIMIT_NAME_BYTES + 1];
	int size = ASN1_STRING_length(uri);
	size_t n;

	n = (size_t)snprintf(
	    start, sizeof(start), URI_SCHEME "%s/", roster_mesh_name(t->context->roster));
	if (size < 0 || (size_t)size != n + ID_DIGITS || (size_t)size >= sizeof(text))
		return false;
	memcpy(text, ASN1_STRING_get0_data(uri), (size_t)size);
	text[size] = '\0';
	return strlen(text) == (size_t)size && strncmp(text, start, n) == 0 &&
	       parse_id(text + n, out);
}

static bool
is_far(const struct tls *t, const ASN1_OCTET_STRING *ip)
{
	int size = t->far.family == 4 ? 4 : 16;

	return ASN1_STRING_length(ip) == size &&
	       memcmp(ASN1_STRING_get0_data(ip), t->far.bytes, (size_t)size) == 0;
}

static bool
check_names(struct tls *t, X509 *leaf, struct node_id *id)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	int i, uris = 0;
	bool is_ours = false, has_address = false;

	for (i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_URI) {
			uris++;
			is_ours = parse_uri(t, name->d.uniformResourceIdentifier, id);
		} else if (name->type == GEN_IPADD && is_far(t, name->d.iPAddress)) {
			has_address = true;
		}
	}
	GENERAL_NAMES_free(names);
	if (uris != 1 || !is_ours)
		return refuse(t, ERR_AUTHOR, "the certificate names no node of this mesh");
	if (!has_address)
		return refuse(t, ERR_AUTHOR, "the certificate is for another address");
	return true;
}

static bool
check_enrolment(struct tls *t, const struct node_id *id)
{
	const struct roster *roster = t->context->roster;
	member_index found = roster_find_id(roster, id);
	const struct member *member;
	uint64_t now_ms = loop_unix_ms();
	size_t i;

	if (found != MEMBER_NONE && !roster_is_node(roster, found))
		return refuse(t, ERR_AUTHOR, "operators and coordinators may not open links");
	if (found == MEMBER_NONE)
		return refuse(t, ERR_AUTHOR, "the certificate's node is not enrolled");
	if (found == t->context->self)
		return refuse(t, ERR_AUTHOR, "the certificate is our own");
	member = roster_member(roster, found);
	if (now_ms < member->not_before_ms || now_ms > member->not_after_ms)
		return refuse(t, ERR_STALE, "the enrolment is not valid now");
	for (i = 0; i < member->address_count; i++)
		if (address_equal(&member->addresses[i], &t->far))
			break;
	if (i == member->address_count)
		return refuse(t, ERR_AUTHOR, "the enrolment is for another address");
	t->peer = found;
	return true;
}

static bool
check_leaf(struct tls *t, X509 *leaf)
{
	const uint32_t both = XKU_SSL_SERVER | XKU_SSL_CLIENT;
	struct node_id id;

	if (leaf == NULL)
		return refuse(t, ERR_SIGNATURE, "no certificate was sent");
	if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) == 0 ||
	    (X509_get_extended_key_usage(leaf) & both) != both)
		return refuse(
		    t, ERR_SIGNATURE, "the certificate is not for server and client both");
	return check_names(t, leaf, &id) && check_enrolment(t, &id);
}

/* Replaces the whole verification, so that nothing is accepted by default. */
static int
verify_certificate(X509_STORE_CTX *store, void *unused)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);

	(void)unused;
	if (X509_verify_cert(store) != 1) {
		int error = X509_STORE_CTX_get_error(store);
		bool is_time =
		    error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;

		refuse(
		    t, is_time ? ERR_STALE : ERR_SIGNATURE, X509_verify_cert_error_string(error));
		return 0;
	}
	if (!check_leaf(t, X509_STORE_CTX_get0_cert(store))) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	return 1;
}

/* ---- context ------------------------------------------------------------------- */

static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_bytes,
    const unsigned char *offered, unsigned offered_bytes, void *unused)
{
	unsigned char *chosen;

	(void)ssl;
	(void)unused;
	if (SSL_select_next_proto(&chosen, out_bytes, alpn_h2, sizeof(alpn_h2), offered,
	        offered_bytes) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
set_protocol(SSL_CTX *ssl)
{
	if (SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set1_groups_list(ssl, "X25519:P-256") != 1 ||
	    SSL_CTX_set1_sigalgs_list(ssl, "ECDSA+SHA256:ed25519") != 1 ||
	    SSL_CTX_set_alpn_protos(ssl, alpn_h2, sizeof(alpn_h2)) != 0)
		return false;
	SSL_CTX_set_alpn_select_cb(ssl, select_alpn, NULL);
	/* A resumed session would skip verify_certificate(). */
	SSL_CTX_set_options(
	    ssl, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	if (SSL_CTX_set_num_tickets(ssl, 0) != 1)
		return false;
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ssl, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	/* One read(2) a record instead of two. */
	SSL_CTX_set_read_ahead(ssl, 1);
	/* Leaves are signed by the CA itself. */
	SSL_CTX_set_verify_depth(ssl, 0);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, verify_certificate, NULL);
	return true;
}

enum err
tls_context_new(const char *cert_file, const char *key_file, const char *ca_file,
    const struct roster *roster, member_index self, struct tls_context **out)
{
	struct tls_context *c;
	enum err err = ERR_CONFIG;

	/* Checking a validity asks for the time zone: read it while files are open to us. */
	tzset();
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_SSL_STRINGS |
	                         OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS,
	        NULL) != 1 ||
	    (c = calloc(1, sizeof(*c))) == NULL)
		return ERR_NOMEM;
	c->roster = roster;
	c->self = self;
	if ((c->ssl = SSL_CTX_new(TLS_method())) == NULL || !set_protocol(c->ssl)) {
		err = ERR_NOMEM;
		goto fail;
	}
	if (SSL_CTX_use_certificate_file(c->ssl, cert_file, SSL_FILETYPE_PEM) != 1) {
		log_error("tls: %s is no PEM certificate; enrol this node again", cert_file);
		goto fail;
	}
	if (SSL_CTX_use_PrivateKey_file(c->ssl, key_file, SSL_FILETYPE_PEM) != 1) {
		log_error("tls: %s is no PEM key, or not that of %s", key_file, cert_file);
		goto fail;
	}
	if (SSL_CTX_load_verify_file(c->ssl, ca_file) != 1) {
		log_error("tls: %s is no PEM certificate of a CA", ca_file);
		goto fail;
	}
	*out = c;
	return ERR_OK;

fail:
	ERR_clear_error();
	tls_context_free(c);
	return err;
}

void
tls_context_set_roster(struct tls_context *c, const struct roster *roster)
{
	c->roster = roster;
}

void
tls_context_free(struct tls_context *c)
{
	if (c == NULL)
		return;
	SSL_CTX_free(c->ssl);
	free(c);
}

/* ---- a connection ---------------------------------------------------------------- */

enum err
tls_new(
    struct tls_context *c, enum tls_side side, int fd, const struct address *far, struct tls **out)
{
	struct tls *t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return ERR_NOMEM;
	t->context = c;
	t->far = *far;
	t->peer = MEMBER_NONE;
	ERR_clear_error();
	if ((t->ssl = SSL_new(c->ssl)) == NULL || SSL_set_fd(t->ssl, fd) != 1 ||
	    SSL_set_app_data(t->ssl, t) != 1) {
		t->broken = true;
		tls_free(t);
		return ERR_NOMEM;
	}
	if (side == TLS_SERVER)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	*out = t;
	return ERR_OK;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	ERR_clear_error();
	if (!t->broken && SSL_is_init_finished(t->ssl))
		(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	SSL_free(t->ssl);
	free(t);
}

/* The sentences for what the library refuses; its own strings are not loaded. */
static const char *
reason_text(unsigned long error)
{
	switch (ERR_GET_REASON(error)) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return "the far end does not speak TLS 1.3";
	case SSL_R_NO_APPLICATION_PROTOCOL:
	case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
		return "the far end does not speak h2";
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return "no certificate was sent";
	case SSL_R_HTTP_REQUEST:
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
		return "this is not TLS";
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return "the far end hung up";
	default:
		return NULL;
	}
}

static enum err
failed(struct tls *t, int rc)
{
	int why = SSL_get_error(t->ssl, rc);
	unsigned long error;
	const char *text;

	t->wants_write = why == SSL_ERROR_WANT_WRITE;
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return ERR_AGAIN;
	if (why == SSL_ERROR_ZERO_RETURN)
		return ERR_CLOSED;
	t->broken = true;
	error = ERR_peek_error();
	if (t->refusal[0] == '\0') {
		if (error == 0)
			(void)snprintf(t->refusal, sizeof(t->refusal), "the far end hung up");
		else if ((text = reason_text(error)) != NULL)
			(void)snprintf(t->refusal, sizeof(t->refusal), "%s", text);
		else if (ERR_GET_REASON(error) > SSL_AD_REASON_OFFSET)
			(void)snprintf(t->refusal, sizeof(t->refusal),
			    "the far end refused us with TLS alert %d",
			    ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET);
		else
			(void)snprintf(
			    t->refusal, sizeof(t->refusal), "TLS error %d", ERR_GET_REASON(error));
	}
	ERR_clear_error();
	if (t->refused != ERR_OK)
		return t->refused;
	return why == SSL_ERROR_SYSCALL || error == 0 ||
	               ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING
	           ? ERR_CLOSED
	           : ERR_MALFORMED;
}

enum err
tls_handshake(struct tls *t, member_index *peer)
{
	const unsigned char *alpn;
	unsigned alpn_bytes;
	int rc;

	ERR_clear_error();
	if ((rc = SSL_do_handshake(t->ssl)) != 1)
		return failed(t, rc);
	t->wants_write = false;
	/* A client that offers no protocol at all is never asked by select_alpn(). */
	SSL_get0_alpn_selected(t->ssl, &alpn, &alpn_bytes);
	if (alpn_bytes != 2 || memcmp(alpn, "h2", 2) != 0) {
		refuse(t, ERR_MALFORMED, "the far end does not speak h2");
		return ERR_MALFORMED;
	}
	if (t->peer == MEMBER_NONE) {
		refuse(t, ERR_AUTHOR, "no certificate was checked");
		return ERR_AUTHOR;
	}
	*peer = t->peer;
	return ERR_OK;
}

enum err
tls_read(struct tls *t, uint8_t *out, size_t room, size_t *size_bytes)
{
	int rc;

	ERR_clear_error();
	if ((rc = SSL_read_ex(t->ssl, out, room, size_bytes)) != 1)
		return failed(t, rc);
	t->wants_write = false;
	return ERR_OK;
}

enum err
tls_write(struct tls *t, const uint8_t *data, size_t size_bytes, size_t *written_bytes)
{
	int rc;

	ERR_clear_error();
	if ((rc = SSL_write_ex(t->ssl, data, size_bytes, written_bytes)) != 1)
		return failed(t, rc);
	t->wants_write = false;
	return ERR_OK;
}

bool
tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

bool
tls_has_pending(const struct tls *t)
{
	return SSL_has_pending(t->ssl) == 1;
}

const char *
tls_refusal(const struct tls *t)
{
	return t->refusal;
}
