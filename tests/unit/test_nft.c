/* The rules against real traffic of two hosts on one link. */
#include "tests/unit/netns.h"
#include "sys/log.h"
#include "sys/nft.h"

#define MESH 9000
#define DIAL 9001

static bool usable;
static struct config config;

/* ---- what passes, as a transcript ------------------------------------------ */

static char report[2048];

static void
line(const char *what, bool in, bool out)
{
	size_t used = strlen(report);

	(void)snprintf(report + used, sizeof(report) - used, "%-12s %-4s %s\n", what,
	    in ? "in" : "-", out ? "out" : "-");
}

/* Each kind of traffic with the subject, in both directions. */
static const char *
traffic(void)
{
	report[0] = '\0';
	line("tcp4", tcp_passes(THERE, SUBJECT4, 0, HERE4, 80),
	    tcp_passes(HERE, HERE4, 0, SUBJECT4, 80));
	line("tcp6", tcp_passes(THERE, SUBJECT6, 0, HERE6, 80),
	    tcp_passes(HERE, HERE6, 0, SUBJECT6, 80));
	line("udp4", udp_passes(THERE, SUBJECT4, 0, HERE4, 80),
	    udp_passes(HERE, HERE4, 0, SUBJECT4, 80));
	line("udp6", udp_passes(THERE, SUBJECT6, 0, HERE6, 80),
	    udp_passes(HERE, HERE6, 0, SUBJECT6, 80));
	line("icmp4", icmp_passes(THERE, SUBJECT4, HERE4), icmp_passes(HERE, HERE4, SUBJECT4));
	line("icmp6", icmp_passes(THERE, SUBJECT6, HERE6), icmp_passes(HERE, HERE6, SUBJECT6));
	line("mesh4", tcp_passes(THERE, SUBJECT4, DIAL, HERE4, MESH),
	    tcp_passes(HERE, HERE4, DIAL, SUBJECT4, MESH));
	line("mesh6", tcp_passes(THERE, SUBJECT6, DIAL, HERE6, MESH),
	    tcp_passes(HERE, HERE6, DIAL, SUBJECT6, MESH));
	line("mesh source", tcp_passes(THERE, SUBJECT4, MESH, HERE4, DIAL),
	    tcp_passes(HERE, HERE4, MESH, SUBJECT4, 80));
	return report;
}

#define OPEN                                                                    \
	"tcp4         in   out\ntcp6         in   out\nudp4         in   out\n" \
	"udp6         in   out\nicmp4        in   out\nicmp6        in   out\n" \
	"mesh4        in   out\nmesh6        in   out\nmesh source  in   out\n"
#define CUT                                                               \
	"tcp4         -    -\ntcp6         -    -\nudp4         -    -\n" \
	"udp6         -    -\nicmp4        -    -\nicmp6        -    -\n" \
	"mesh4        in   out\nmesh6        in   out\nmesh source  -    -\n"
#define SEVERED                                                           \
	"tcp4         -    -\ntcp6         -    -\nudp4         -    -\n" \
	"udp6         -    -\nicmp4        -    -\nicmp6        -    -\n" \
	"mesh4        -    -\nmesh6        -    -\nmesh source  -    -\n"

static struct nft *nft; /* closed after each test, however it ends */

static void
opened(void)
{
	assert_ok(nft_open(&config, &nft));
}

static int
close_it(void **unused)
{
	(void)unused;
	nft_close(nft);
	nft = NULL;
	return 0;
}

static void
subject(enum nft_set set, struct nft_element out[2])
{
	memset(out, 0, 2 * sizeof(*out));
	out[0] = (struct nft_element){ .set = set, .address = address(SUBJECT4) };
	out[1] = (struct nft_element){ .set = set, .address = address(SUBJECT6) };
}

static int
set_up(void **unused)
{
	(void)unused;
	log_init("", "test", LOG_LEVEL_ERROR);
	usable = hosts_make();
	config.p2p_port = MESH;
	config.coordinator = (struct endpoint){ address(OTHER4), 8090 };
	config.dns[0] = address(OTHER6);
	config.dns_count = 1;
	config.management[0] = (struct config_management){
		.address = address("10.9.0.0"), .prefix_bits = 30, .port = 22
	};
	config.management_count = 1;
	return 0;
}

static int
fresh(void **unused)
{
	struct nft *console;

	(void)unused;
	if (!usable)
		return 0;
	assert_ok(nft_attach(&console));
	assert_ok(nft_unlocked_set(console, NFT_UNLOCKED_NOTHING));
	nft_close(console);
	assert_ok(nft_unload());
	return 0;
}

#define SKIP_UNLESS_USABLE()    \
	do {                    \
		if (!usable)    \
			skip(); \
	} while (0)

/* ---- subjects ------------------------------------------------------------------ */

/* A cut leaves the mesh port, to it and from it; a sever leaves nothing; removal gives all back. */
static void
cut_and_sever(void **unused)
{
	struct nft_element cut[2], sever[2];

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	subject(NFT_CUT, cut);
	subject(NFT_SEVER, sever);
	assert_string_equal(traffic(), OPEN);
	assert_ok(nft_add(nft, cut, 2));
	assert_string_equal(traffic(), CUT);
	assert_ok(nft_change(nft, cut, 2, sever, 2));
	assert_string_equal(traffic(), SEVERED);
	assert_ok(nft_change(nft, sever, 2, cut, 2));
	assert_string_equal(traffic(), CUT);
	/* The neighbour on the same link never notices. */
	assert_true(tcp_passes(THERE, OTHER4, 0, HERE4, 80));
	assert_true(tcp_passes(HERE, HERE6, 0, OTHER6, 80));
	assert_ok(nft_remove(nft, cut, 2));
	assert_ok(nft_remove(nft, cut, 2)); /* once more is no error */
	assert_string_equal(traffic(), OPEN);
}

/* An established connection falls silent in both directions at once. */
static void
established_stops(void **unused)
{
	struct nft_element cut[2];
	struct connection in, out, mesh;

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	subject(NFT_CUT, cut);
	in = tcp(THERE, SUBJECT4, 0, HERE4, 80);
	out = tcp(HERE, HERE6, 0, SUBJECT6, 80);
	mesh = tcp(HERE, HERE4, DIAL, SUBJECT4, MESH);
	assert_true(says(in.client, in.server) && says(out.client, out.server));
	assert_ok(nft_add(nft, cut, 2));
	assert_false(says(in.client, in.server));
	assert_false(says(in.server, in.client));
	assert_false(says(out.client, out.server));
	assert_false(says(out.server, out.client));
	assert_true(says(mesh.client, mesh.server));
	assert_true(says(mesh.server, mesh.client));
	cut[0].set = NFT_SEVER;
	assert_ok(nft_add(nft, cut, 1));
	assert_false(says(mesh.client, mesh.server));
	assert_false(says(mesh.server, mesh.client));
	hang_up(&in);
	hang_up(&out);
	hang_up(&mesh);
}

/* Dropped by its MAC, a host gains nothing by link-local, a second or a new address. */
static void
link_layer(void **unused)
{
	struct nft_element mac = { .set = NFT_CUT, .is_mac = true, .mac = mac_of_there() };

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	if (!nft_features(nft)->netdev_ingress || !nft_features(nft)->netdev_egress)
		fail_msg("no netdev hooks: this kernel is expected to have them");
	assert_true(tcp_passes(THERE, THERE_LINK, 0, HERE_LINK, 80));
	assert_ok(nft_add(nft, &mac, 1));
	assert_false(tcp_passes(THERE, THERE_LINK, 0, HERE_LINK, 80));
	assert_false(udp_passes(HERE, HERE_LINK, 0, THERE_LINK, 80));
	assert_false(icmp_passes(THERE, THERE_LINK, HERE_LINK));
	assert_false(tcp_passes(THERE, OTHER4, 0, HERE4, 80));
	/* ARP, neighbour discovery and the mesh port are spared at CUT. */
	shell("ip neigh flush dev v0");
	assert_true(tcp_passes(HERE, HERE4, DIAL, SUBJECT4, MESH));
	assert_true(tcp_passes(THERE, SUBJECT6, DIAL, HERE6, MESH));
	assert_true(tcp_passes(HERE, HERE4, 0, OTHER4, 8090));
	/* At SEVER nothing is, but the configured exempt flows while the neighbour is known. */
	mac.set = NFT_SEVER;
	assert_ok(nft_add(nft, &mac, 1));
	assert_false(tcp_passes(HERE, HERE4, DIAL, SUBJECT4, MESH));
	assert_true(tcp_passes(HERE, HERE4, 0, OTHER4, 8090));
	shell("ip neigh flush dev v0");
	assert_false(tcp_passes(HERE, HERE4, 0, OTHER4, 8090));
}

/* A timed element leaves by itself; renewed, it stays; what is permanent is not made timed. */
static void
timeouts(void **unused)
{
	struct nft_element cut[2];

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	subject(NFT_CUT, cut);
	cut[0].timeout_ms = 400;
	assert_ok(nft_add(nft, cut, 1));
	cut[0].timeout_ms = 1200;
	assert_ok(nft_add(nft, cut, 1));
	usleep(600 * 1000);
	assert_false(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	usleep(800 * 1000);
	assert_true(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	cut[0].timeout_ms = 0;
	assert_ok(nft_add(nft, cut, 1));
	usleep(20 * 1000);
	assert_false(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
}

/* ---- own lock-down ----------------------------------------------------------------- */

/* Locked, a host keeps its exempt flows with their replies, and the mesh port while it is cut. */
static void
lock_down(void **unused)
{
	enum strength strength;

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	for (strength = STRENGTH_CUT; strength <= STRENGTH_SEVER; strength++) {
		assert_ok(nft_lock(nft, strength));
		assert_string_equal(traffic(), strength == STRENGTH_CUT ? CUT : SEVERED);
		/* coordinator: out, and only to its port */
		assert_true(tcp_passes(HERE, HERE4, 0, OTHER4, 8090));
		assert_false(tcp_passes(HERE, HERE4, 0, OTHER4, 8091));
		assert_false(tcp_passes(THERE, OTHER4, 8090, HERE4, 40000));
		/* DNS: both protocols, to the configured server */
		assert_true(tcp_passes(HERE, HERE6, 0, OTHER6, 53));
		assert_true(udp_passes(HERE, HERE6, 0, OTHER6, 53));
		assert_true(udp_passes(THERE, OTHER6, 53, HERE6, 40000));
		assert_false(udp_passes(THERE, OTHER6, 53, HERE6, 500));
		assert_false(udp_passes(HERE, HERE6, 0, SUBJECT6, 53));
		/* management: in, from the prefix, and never back out as a connection */
		assert_true(tcp_passes(THERE, OTHER4, 0, HERE4, 22));
		assert_false(tcp_passes(THERE, OTHER4, 0, HERE4, 23));
		assert_false(tcp_passes(THERE, OTHER6, 0, HERE6, 22));
		assert_false(tcp_passes(HERE, HERE4, 22, OTHER4, 80));
	}
	/* Loopback is this host's own. */
	{
		int listener = bound_socket(HERE, SOCK_STREAM, 0, HERE4, 81);
		int client = bound_socket(HERE, SOCK_STREAM, 0, "127.0.0.1", 0);
		struct sockaddr_storage to;
		socklen_t size = socket_address(HERE, HERE4, 81, &to);

		assert_int_equal(listen(listener, 1), 0);
		(void)close(client);
		client = bound_socket(HERE, SOCK_STREAM, 0, HERE4, 0);
		assert_int_equal(connect(client, (struct sockaddr *)&to, size), 0);
		(void)close(client);
		(void)close(listener);
	}
	assert_ok(nft_lock(nft, STRENGTH_NONE));
	assert_string_equal(traffic(), OPEN);
	assert_err(ERR_RANGE, nft_lock(nft, STRENGTH_HOLD));
}

/* ---- who holds the table --------------------------------------------------------------- */

/* Rules and elements outlive the daemon; the next one loads rules anew and finds them. */
static void
restart_keeps(void **unused)
{
	struct nft_element cut[2];
	struct nft *second;

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	subject(NFT_CUT, cut);
	assert_ok(nft_add(nft, cut, 2));
	assert_ok(nft_lock(nft, STRENGTH_SEVER));
	assert_err(ERR_LOCKED, nft_open(&config, &second));
	(void)close_it(NULL);
	assert_false(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	opened();
	assert_ok(nft_lock(nft, STRENGTH_NONE));
	assert_string_equal(traffic(), CUT);
}

static void
count(void *context, const struct nft_element *element)
{
	(void)element;
	++*(unsigned *)context;
}

/* A table of another version is replaced in one transaction, its elements carried over. */
static void
foreign_table_replaced(void **unused)
{
	enum strength lock;
	unsigned found = 0;

	(void)unused;
	SKIP_UNLESS_USABLE();
	shell("nft 'add table inet phalanx; "
	      "add set inet phalanx cut4 { type ipv4_addr; flags timeout; }; "
	      "add element inet phalanx cut4 { 10.9.0.2 timeout 1h }; "
	      "add set inet phalanx cut6 { type ipv4_addr; }'");
	opened();
	assert_ok(nft_dump(nft, count, &found, &lock));
	assert_int_equal(found, 1);
	assert_int_equal(lock, STRENGTH_NONE);
	assert_false(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
}

/* Whatever others do to rules, hooks or tables is seen and undone; our own changes are not. */
static void
tampering_seen(void **unused)
{
	static const char *const tampering[] = {
		"nft flush chain inet phalanx prerouting",
		"nft insert rule inet phalanx output accept",
		"nft 'flush table inet phalanx; delete chain inet phalanx output'",
		"nft 'add table inet phalanx { flags dormant; }'",
		"nft flush ruleset",
		"nft delete table netdev phalanx",
		"nft delete chain netdev phalanx ingress",
		"ip link add d0 type veth peer name d1",
		"ip link del d0",
	};
	struct nft_element cut[2];
	bool disturbed, reloaded;
	size_t i;

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	subject(NFT_CUT, cut);
	for (i = 0; i < sizeof(tampering) / sizeof(tampering[0]); i++) {
		assert_ok(nft_disturbed(nft, &disturbed));
		assert_ok(nft_add(nft, cut, 2));
		assert_ok(nft_disturbed(nft, &disturbed));
		if (disturbed)
			fail_msg("our own change seen as a disturbance after %zu", i);
		shell(tampering[i]);
		assert_ok(nft_disturbed(nft, &disturbed));
		if (!disturbed)
			fail_msg("not noticed: %s", tampering[i]);
		assert_ok(nft_verify(nft, &reloaded));
		if (!reloaded)
			fail_msg("not repaired: %s", tampering[i]);
		assert_ok(nft_add(nft, cut, 2));
		assert_false(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
		assert_false(udp_passes(HERE, HERE6, 0, SUBJECT6, 80));
	}
	/* Others' business is a disturbance, but no reason to load anew. */
	shell("nft add table inet elsewhere");
	assert_ok(nft_disturbed(nft, &disturbed));
	assert_true(disturbed);
	assert_ok(nft_verify(nft, &reloaded));
	assert_false(reloaded);
	shell("nft delete table inet elsewhere");
	/* A cut asked for while the table is gone brings it back by itself. */
	shell("nft delete table inet phalanx");
	assert_ok(nft_add(nft, cut, 2));
	assert_false(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
}

/* Break-glass holds against a live daemon, until it is undone. */
static void
unlocking(void **unused)
{
	enum nft_unlocked unlocked;
	struct nft_element cut[2];
	struct nft *console;
	bool reloaded;

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	subject(NFT_CUT, cut);
	assert_ok(nft_add(nft, cut, 2));
	assert_ok(nft_lock(nft, STRENGTH_SEVER));

	assert_ok(nft_attach(&console));
	assert_ok(nft_unlocked_set(console, NFT_UNLOCKED_LOCK));
	assert_true(tcp_passes(HERE, HERE4, 0, OTHER4, 80));
	assert_false(tcp_passes(HERE, HERE4, 0, SUBJECT4, 80));
	assert_err(ERR_DENIED, nft_lock(nft, STRENGTH_CUT));

	assert_ok(nft_unlocked_set(console, NFT_UNLOCKED_ALL));
	assert_string_equal(traffic(), OPEN);
	assert_err(ERR_DENIED, nft_add(nft, cut, 2));
	assert_err(ERR_DENIED, nft_lock(nft, STRENGTH_CUT));
	assert_err(ERR_DENIED, nft_verify(nft, &reloaded));
	assert_ok(nft_unlocked_get(nft, &unlocked));
	assert_int_equal(unlocked, NFT_UNLOCKED_ALL);

	assert_ok(nft_unlocked_set(console, NFT_UNLOCKED_NOTHING));
	assert_ok(nft_add(nft, cut, 2));
	assert_string_equal(traffic(), CUT);
	nft_close(console);
}

/* ---- many, and an older kernel ------------------------------------------------------------ */

static void
fill(struct nft_element *elements, size_t total)
{
	size_t i;

	for (i = 0; i < total; i++)
		elements[i] = (struct nft_element){ .set = NFT_CUT,
			.address = { 4, { 172, 16, (uint8_t)(i >> 8), (uint8_t)i } } };
}

/* Ten thousand subjects go in, are all there, do not disturb each other, and leave. */
static void
ten_thousand(void **unused)
{
	const size_t total = 10000;
	struct nft_element *elements, cut[2];
	enum strength lock;
	unsigned found = 0;

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	elements = calloc(total, sizeof(*elements));
	assert_non_null(elements);
	fill(elements, total);
	subject(NFT_CUT, cut);
	assert_ok(nft_add(nft, elements, total));
	assert_ok(nft_add(nft, cut, 1));
	assert_ok(nft_dump(nft, count, &found, &lock));
	assert_int_equal(found, total + 1);
	assert_false(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_true(udp_passes(THERE, OTHER4, 0, HERE4, 80));
	assert_ok(nft_remove(nft, elements, total));
	found = 0;
	assert_ok(nft_dump(nft, count, &found, &lock));
	assert_int_equal(found, 1);
	free(elements);
}

/* Without DESTROYSETELEM (before Linux 6.3) the same changes come out the same. */
static void
older_kernel(void **unused)
{
	struct nft_element cut[2], sever[2], many[300];
	enum strength lock;
	unsigned found = 0;

	(void)unused;
	SKIP_UNLESS_USABLE();
	opened();
	((struct nft_features *)(uintptr_t)nft_features(nft))->destroy_element = false;
	subject(NFT_CUT, cut);
	subject(NFT_SEVER, sever);
	fill(many, 300);
	assert_ok(nft_remove(nft, cut, 2));
	assert_ok(nft_add(nft, cut, 1));
	assert_ok(nft_add(nft, cut, 2)); /* one is there, one is not */
	assert_ok(nft_change(nft, cut, 2, sever, 2));
	assert_ok(nft_change(nft, cut, 2, sever, 2));
	assert_string_equal(traffic(), SEVERED);
	assert_ok(nft_add(nft, many, 200));
	assert_ok(nft_change(nft, many, 300, cut, 2));
	assert_ok(nft_remove(nft, sever, 2));
	assert_ok(nft_dump(nft, count, &found, &lock));
	assert_int_equal(found, 2);
	assert_string_equal(traffic(), CUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cut_and_sever, fresh, close_it),
		cmocka_unit_test_setup_teardown(established_stops, fresh, close_it),
		cmocka_unit_test_setup_teardown(link_layer, fresh, close_it),
		cmocka_unit_test_setup_teardown(timeouts, fresh, close_it),
		cmocka_unit_test_setup_teardown(lock_down, fresh, close_it),
		cmocka_unit_test_setup_teardown(restart_keeps, fresh, close_it),
		cmocka_unit_test_setup_teardown(foreign_table_replaced, fresh, close_it),
		cmocka_unit_test_setup_teardown(tampering_seen, fresh, close_it),
		cmocka_unit_test_setup_teardown(unlocking, fresh, close_it),
		cmocka_unit_test_setup_teardown(ten_thousand, fresh, close_it),
		cmocka_unit_test_setup_teardown(older_kernel, fresh, close_it),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
