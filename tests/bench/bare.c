/*
 * bare FILE: what the machine itself takes for the three things that a cut is
 * made of.  Run in a network namespace of one's own.
 *
 * fsync  append 1 KiB to FILE and fdatasync it
 * tls    one byte there and back over TLS 1.3 on loopback
 * set    one element into an nftables set by libmnl, acknowledged; back to
 *        back, and after 50 ms of idleness
 * wake   one byte there and back between two processes over a socketpair
 *
 * A line a sample: NAME, nanoseconds.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES      500
#define COLD_SAMPLES 60
#define COLD_MS      50
#define APPEND_BYTES 1024

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void
sample(const char *name, uint64_t began_ns)
{
	printf("%s\t%" PRIu64 "\n", name, now_ns() - began_ns);
}

/* ---- fsync ------------------------------------------------------------------ */

static void
bench_fsync(const char *path)
{
	char bytes[APPEND_BYTES];
	int fd;

	memset(bytes, 'x', sizeof(bytes));
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)) == -1)
		err(1, "%s", path);
	for (int i = 0; i < SAMPLES; i++) {
		uint64_t began_ns = now_ns();

		if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes) || fdatasync(fd) == -1)
			err(1, "%s", path);
		sample("fsync", began_ns);
	}
	close(fd);
	unlink(path);
}

/* ---- tls -------------------------------------------------------------------- */

static _Noreturn void
die_tls(const char *what)
{
	ERR_print_errors_fp(stderr);
	errx(1, "%s", what);
}

static SSL_CTX *
tls_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	if (context == NULL || key == NULL || certificate == NULL ||
	    X509_gmtime_adj(X509_getm_notBefore(certificate), 0) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) == NULL ||
	    X509_set_pubkey(certificate, key) != 1 ||
	    X509_sign(certificate, key, EVP_sha256()) == 0 ||
	    SSL_CTX_use_certificate(context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(context, key) != 1 ||
	    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1)
		die_tls("context");
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

static SSL *
tls_over(SSL_CTX *context, int fd, int server)
{
	SSL *ssl = SSL_new(context);
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == -1)
		err(1, "TCP_NODELAY");
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 ||
	    (server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
		die_tls("handshake");
	return ssl;
}

static _Noreturn void
tls_echo(SSL_CTX *context, int listener)
{
	SSL *ssl = tls_over(context, accept(listener, NULL, NULL), 1);
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (SSL_read(ssl, &byte, 1) == 1 && SSL_write(ssl, &byte, 1) == 1)
		continue;
	_exit(0);
}

static void
bench_tls(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	socklen_t length = sizeof(here);
	SSL_CTX *context = tls_context();
	int listener, fd;
	SSL *ssl;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((listener = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    bind(listener, (struct sockaddr *)&here, sizeof(here)) == -1 ||
	    listen(listener, 1) == -1 ||
	    getsockname(listener, (struct sockaddr *)&here, &length) == -1)
		err(1, "listen");
	fflush(stdout);
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		tls_echo(context, listener);
	default:
		break;
	}
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(fd, (struct sockaddr *)&here, sizeof(here)) == -1)
		err(1, "connect");
	ssl = tls_over(context, fd, 0);
	for (int i = 0; i < SAMPLES; i++) {
		uint64_t began_ns = now_ns();
		char byte = 'x';

		if (SSL_write(ssl, &byte, 1) != 1 || SSL_read(ssl, &byte, 1) != 1)
			die_tls("round trip");
		sample("tls", began_ns);
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
	close(listener);
}

/* ---- wake ------------------------------------------------------------------- */

static void
bench_wake(void)
{
	int pair[2];
	char byte = 'x';

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1)
		err(1, "socketpair");
	fflush(stdout);
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		close(pair[0]);
		while (read(pair[1], &byte, 1) == 1 && write(pair[1], &byte, 1) == 1)
			continue;
		_exit(0);
	default:
		close(pair[1]);
	}
	for (int i = 0; i < SAMPLES + COLD_SAMPLES; i++) {
		uint64_t began_ns;

		if (i >= SAMPLES)
			poll(NULL, 0, COLD_MS);
		began_ns = now_ns();
		if (write(pair[0], &byte, 1) != 1 || read(pair[0], &byte, 1) != 1)
			err(1, "socketpair");
		sample(i < SAMPLES ? "wake" : "wake-cold", began_ns);
	}
	close(pair[0]);
}

/* ---- set -------------------------------------------------------------------- */

struct batch {
	char bytes[4096];
	struct mnl_nlmsg_batch *list;
	uint32_t sequence;
};

static struct nlmsghdr *
put(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b->list));
	struct nfgenmsg *generic;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = b->sequence++;
	generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));
	generic->nfgen_family = family;
	generic->version = NFNETLINK_V0;
	generic->res_id = htons(resource);
	return message;
}

static struct nlmsghdr *
put_nft(struct batch *b, enum nf_tables_msg_types type, uint16_t flags)
{
	return put(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, NFPROTO_INET, 0);
}

static void
begin(struct batch *b)
{
	b->list = mnl_nlmsg_batch_start(b->bytes, sizeof(b->bytes));
	put(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	mnl_nlmsg_batch_next(b->list);
}

/* Sends, and waits for the one acknowledgement that was asked for. */
static void
commit(struct batch *b, struct mnl_socket *netlink)
{
	char answer[8192];
	ssize_t n;

	put(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	mnl_nlmsg_batch_next(b->list);
	if (mnl_socket_sendto(
	        netlink, mnl_nlmsg_batch_head(b->list), mnl_nlmsg_batch_size(b->list)) == -1 ||
	    (n = mnl_socket_recvfrom(netlink, answer, sizeof(answer))) == -1 ||
	    mnl_cb_run(answer, (size_t)n, 0, 0, NULL, NULL) == MNL_CB_ERROR)
		err(1, "nf_tables");
	mnl_nlmsg_batch_stop(b->list);
}

static void
add_element(struct batch *b, struct mnl_socket *netlink, uint32_t address)
{
	struct nlmsghdr *message;
	struct nlattr *list, *element, *key;

	begin(b);
	message = put_nft(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, "bare");
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, "hosts");
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
	mnl_attr_put_u32(message, NFTA_DATA_VALUE, htonl(address));
	mnl_attr_nest_end(message, key);
	mnl_attr_nest_end(message, element);
	mnl_attr_nest_end(message, list);
	mnl_nlmsg_batch_next(b->list);
	commit(b, netlink);
}

static void
bench_set(void)
{
	static struct batch b;
	struct mnl_socket *netlink = mnl_socket_open(NETLINK_NETFILTER);
	uint32_t address = 0x0a000001;

	if (system("nft add table inet bare && "
	           "nft 'add set inet bare hosts { type ipv4_addr; }'") != 0)
		errx(1, "nft");
	if (netlink == NULL || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) == -1)
		err(1, "netlink");
	for (int i = 0; i < SAMPLES + COLD_SAMPLES; i++) {
		uint64_t began_ns;

		if (i >= SAMPLES)
			poll(NULL, 0, COLD_MS);
		began_ns = now_ns();
		add_element(&b, netlink, address++);
		sample(i < SAMPLES ? "set" : "set-cold", began_ns);
	}
	mnl_socket_close(netlink);
	if (system("nft delete table inet bare") != 0)
		errx(1, "nft");
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: bare FILE");
	bench_fsync(argv[1]);
	bench_wake();
	bench_tls();
	bench_set();
	return 0;
}
