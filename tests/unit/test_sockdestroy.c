/* Sockets with a far end die, no packet says so, and what is exempt lives. */
#include "tests/unit/netns.h"
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include "sys/log.h"
#include "sys/nft.h"
#include "sys/sockdestroy.h"

#define MESH 9000
#define DIAL 9001

static bool usable;
static struct config config;
static struct nft *nft;
static struct sockdestroy *sockets;

static int
set_up(void **unused)
{
	(void)unused;
	log_init("", "test", LOG_LEVEL_ERROR);
	usable = hosts_make();
	config.p2p_port = MESH;
	return 0;
}

static int
open_both(void **unused)
{
	(void)unused;
	if (usable) {
		assert_ok(nft_open(&config, &nft));
		assert_ok(sockdestroy_open(&sockets));
	}
	return 0;
}

static int
close_both(void **unused)
{
	(void)unused;
	nft_close(nft);
	nft = NULL;
	sockdestroy_close(sockets);
	sockets = NULL;
	return usable && nft_unload() != ERR_OK ? -1 : 0;
}

#define SKIP_UNLESS_USABLE()    \
	do {                    \
		if (!usable)    \
			skip(); \
	} while (0)

static int
error_of(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == -1 ? errno : 0;
}

static void
assert_dead(int fd)
{
	assert_int_equal(error_of(fd), ECONNABORTED);
}

static void
assert_alive(int fd)
{
	assert_int_equal(error_of(fd), EAGAIN);
}

static uint32_t
run(const char *far, uint16_t spare_port)
{
	struct sockdestroy_filter filter = { .spare_port = spare_port };
	uint32_t destroyed = 0;

	filter.far = address(far);
	assert_ok(sockdestroy_run(sockets, &filter, &destroyed));
	return destroyed;
}

/* The far end's sockets die at this end, IPv4, IPv6 and IPv4 behind [::]; the neighbour's do not. */
static void
subjects_sockets_die(void **unused)
{
	struct connection in4, out4, in6, other;
	struct sockaddr_storage to;
	int dual, off = 0, mapped_client, mapped;
	socklen_t size;

	(void)unused;
	SKIP_UNLESS_USABLE();
	in4 = tcp(THERE, SUBJECT4, 0, HERE4, 80);
	out4 = tcp(HERE, HERE4, 0, SUBJECT4, 81);
	in6 = tcp(THERE, SUBJECT6, 0, HERE6, 80);
	other = tcp(THERE, OTHER4, 0, HERE4, 80);
	dual = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(dual, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	size = socket_address(HERE, "::", 82, &to);
	assert_int_equal(bind(dual, (struct sockaddr *)&to, size), 0);
	assert_int_equal(listen(dual, 4), 0);
	mapped_client = bound_socket(THERE, SOCK_STREAM, 0, SUBJECT4, 0);
	size = socket_address(THERE, HERE4, 82, &to);
	assert_int_equal(connect(mapped_client, (struct sockaddr *)&to, size), 0);
	mapped = accept4(dual, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	assert_int_equal(run(SUBJECT4, 0), 3);
	assert_dead(in4.server);
	assert_dead(out4.client);
	assert_dead(mapped);
	assert_alive(in6.server);
	assert_int_equal(run(SUBJECT6, 0), 1);
	assert_dead(in6.server);
	assert_alive(other.server);
	/* The listener goes on. */
	assert_true(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_int_equal(run(SUBJECT4, 0), 0);
	hang_up(&in4);
	hang_up(&out4);
	hang_up(&in6);
	hang_up(&other);
	(void)close(dual);
	(void)close(mapped);
	(void)close(mapped_client);
}

/* Hundreds of connections die as one does: killing while looking misses none. */
static void
hundreds_die(void **unused)
{
	static struct connection many[400];
	size_t i;

	(void)unused;
	SKIP_UNLESS_USABLE();
	for (i = 0; i < 400; i++)
		many[i] = tcp(THERE, SUBJECT4, 0, HERE4, 80);
	assert_int_equal(run(SUBJECT4, 0), 400);
	for (i = 0; i < 400; i++) {
		assert_dead(many[i].server);
		hang_up(&many[i]);
	}
}

/* A connected UDP socket of the subject's dies too. */
static void
udp_dies(void **unused)
{
	struct sockaddr_storage to;
	socklen_t size;
	char byte;
	int fd;

	(void)unused;
	SKIP_UNLESS_USABLE();
	fd = bound_socket(HERE, SOCK_DGRAM | SOCK_NONBLOCK, 0, HERE4, 0);
	size = socket_address(HERE, SUBJECT4, 514, &to);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, size), 0);
	assert_int_equal(run(SUBJECT4, MESH), 1);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNABORTED);
	(void)close(fd);
}

/* A cut spares the mesh link, whichever end dialled it; a sever does not. */
static void
mesh_link_spared(void **unused)
{
	struct connection dialled, accepted;

	(void)unused;
	SKIP_UNLESS_USABLE();
	dialled = tcp(HERE, HERE4, DIAL, SUBJECT4, MESH);
	accepted = tcp(THERE, SUBJECT4, DIAL, HERE4, MESH);
	assert_int_equal(run(SUBJECT4, MESH), 0);
	assert_alive(dialled.client);
	assert_alive(accepted.server);
	assert_int_equal(run(SUBJECT4, 0), 2);
	assert_dead(dialled.client);
	assert_dead(accepted.server);
	hang_up(&dialled);
	hang_up(&accepted);
}

/* Own lock-down ends every connection but loopback's and the exempt flows'. */
static void
lock_down_spares(void **unused)
{
	struct connection subject, coordinator, managed, scanner;
	struct endpoint exempt;
	struct config_management management = { .prefix_bits = 32, .port = 22 };
	struct sockdestroy_filter filter = { .spare_port = MESH,
		.spared = &exempt,
		.spared_count = 1,
		.management = &management,
		.management_count = 1 };
	int listener, near, far;
	struct sockaddr_storage to;
	uint32_t destroyed;
	socklen_t size;

	(void)unused;
	SKIP_UNLESS_USABLE();
	management.address = address(OTHER4);
	exempt = (struct endpoint){ address(OTHER4), 8090 };
	subject = tcp(THERE, SUBJECT6, 0, HERE6, 80);
	coordinator = tcp(HERE, HERE4, 0, OTHER4, 8090);
	managed = tcp(THERE, OTHER4, 0, HERE4, 22);
	scanner = tcp(THERE, SUBJECT4, 0, HERE4, 22);
	listener = bound_socket(HERE, SOCK_STREAM, 0, HERE4, 83);
	assert_int_equal(listen(listener, 1), 0);
	near = bound_socket(HERE, SOCK_STREAM, 0, HERE4, 0);
	size = socket_address(HERE, HERE4, 83, &to);
	assert_int_equal(connect(near, (struct sockaddr *)&to, size), 0);
	far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	assert_ok(sockdestroy_run(sockets, &filter, &destroyed));
	assert_int_equal(destroyed, 2);
	assert_dead(subject.server);
	assert_dead(scanner.server);
	assert_alive(coordinator.client);
	assert_alive(managed.server);
	assert_alive(near);
	assert_alive(far);
	hang_up(&subject);
	hang_up(&coordinator);
	hang_up(&managed);
	hang_up(&scanner);
	(void)close(listener);
	(void)close(near);
	(void)close(far);
}

static enum strength
by_address(void *context, const struct address *far)
{
	const struct address cut = address(SUBJECT4), sever = address(SUBJECT6);

	(void)context;
	if (address_equal(far, &cut))
		return STRENGTH_CUT;
	return address_equal(far, &sever) ? STRENGTH_SEVER : STRENGTH_HOLD;
}

/* One pass for many subjects asks for each far end's strength; HOLD leaves sockets to retry. */
static void
one_pass_for_many(void **unused)
{
	struct sockdestroy_filter filter = { .spare_port = MESH, .strength = by_address };
	struct connection cut, cut_mesh, severed_mesh, held;
	uint32_t destroyed;

	(void)unused;
	SKIP_UNLESS_USABLE();
	cut = tcp(THERE, SUBJECT4, 0, HERE4, 80);
	cut_mesh = tcp(HERE, HERE4, DIAL, SUBJECT4, MESH);
	severed_mesh = tcp(HERE, HERE6, DIAL, SUBJECT6, MESH);
	held = tcp(THERE, OTHER4, 0, HERE4, 80);
	assert_ok(sockdestroy_run(sockets, &filter, &destroyed));
	assert_int_equal(destroyed, 2);
	assert_dead(cut.server);
	assert_dead(severed_mesh.client);
	assert_alive(cut_mesh.client);
	assert_alive(held.server);
	hang_up(&cut);
	hang_up(&cut_mesh);
	hang_up(&severed_mesh);
	hang_up(&held);
}

/* IPv4 frames with a TCP RST in them that reach or leave the far host from now on. */
static unsigned
resets(int sniffer)
{
	unsigned count = 0;
	uint8_t frame[256];

	while (ready(sniffer, POLLIN, PATIENCE_MS)) {
		ssize_t got = recv(sniffer, frame, sizeof(frame), MSG_DONTWAIT);

		/* Ethernet type, IPv4 protocol, TCP flags; no IP options here. */
		if (got >= 14 + 20 + 20 && frame[12] == 8 && frame[13] == 0 &&
		    frame[14 + 9] == IPPROTO_TCP && (frame[14 + 20 + 13] & 4) != 0)
			count++;
	}
	return count;
}

static int
sniff(void)
{
	struct sockaddr_ll any = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd;

	host_enter(THERE);
	any.sll_ifindex = (int)link_index[THERE];
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&any, sizeof(any)) == -1)
		fail_msg("sniffer: %s", strerror(errno));
	host_enter(HERE);
	return fd;
}

/* The drop first, then the sockets: no RST tells the subject.  The other way round one does. */
static void
no_reset_leaves(void **unused)
{
	struct nft_element cut = { .set = NFT_CUT };
	struct connection c;
	int sniffer;

	(void)unused;
	SKIP_UNLESS_USABLE();
	cut.address = address(SUBJECT4);
	sniffer = sniff();
	c = tcp(THERE, SUBJECT4, 0, HERE4, 80);
	assert_int_equal(run(SUBJECT4, 0), 1);
	assert_int_equal(resets(sniffer), 1); /* the sniffer can see one */
	hang_up(&c);

	c = tcp(THERE, SUBJECT4, 0, HERE4, 80);
	(void)resets(sniffer);
	assert_ok(nft_add(nft, &cut, 1));
	assert_int_equal(run(SUBJECT4, 0), 1);
	assert_dead(c.server);
	assert_int_equal(resets(sniffer), 0);
	hang_up(&c);
	(void)close(sniffer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(subjects_sockets_die, open_both, close_both),
		cmocka_unit_test_setup_teardown(hundreds_die, open_both, close_both),
		cmocka_unit_test_setup_teardown(udp_dies, open_both, close_both),
		cmocka_unit_test_setup_teardown(mesh_link_spared, open_both, close_both),
		cmocka_unit_test_setup_teardown(lock_down_spares, open_both, close_both),
		cmocka_unit_test_setup_teardown(one_pass_for_many, open_both, close_both),
		cmocka_unit_test_setup_teardown(no_reset_leaves, open_both, close_both),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
