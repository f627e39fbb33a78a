/*
 * Who is to blame for a touch: every row of the table.
 */
#include "core/blame.h"
#include "tests/mesh.h"

static struct mesh mesh;
static struct core_config config;
static struct mac link_macs[5];

static int
make(void **unused)
{
	(void)unused;
	mesh_init(&mesh, 5);
	/* Two members behind one address. */
	memcpy(mesh.members[4].address, mesh.members[3].address, 4);
	mesh_pack(&mesh);
	assert_ok(mesh_parse(&mesh));
	config = (struct core_config){ .roster = mesh.roster, .self = mesh.members[0].index };
	assert_true(address_parse("10.99.0.1", &config.own[0]));
	config.own_count = 1;
	assert_true(address_parse("10.50.0.9", &config.ignored[0]));
	config.ignored_count = 1;
	return 0;
}

static int
unmake(void **unused)
{
	(void)unused;
	mesh_free(&mesh);
	return 0;
}

static struct blame
blame(const char *source, struct mac mac)
{
	struct address a;

	assert_true(address_parse(source, &a));
	return blame_of(&config, &a, &mac, link_macs);
}

static void
expect(const char *source, enum cause cause, bool this_host)
{
	struct blame b = blame(source, (struct mac){ { 0 } });

	if (b.cause != cause || b.this_host != this_host)
		fail_msg("%s: cause %d, this host %d", source, b.cause, b.this_host);
	assert_int_equal(b.member, MEMBER_NONE);
}

static void
who_is_no_member_is_not_accused(void **unused)
{
	(void)unused;
	expect("10.77.0.66", CAUSE_INSIDE, false);
	expect("192.168.1.1", CAUSE_INSIDE, false);
	expect("172.31.255.255", CAUSE_INSIDE, false);
	expect("100.64.0.1", CAUSE_INSIDE, false);
	expect("fe80::1", CAUSE_INSIDE, false);
	expect("fd00::1", CAUSE_INSIDE, false);
	expect("127.0.0.1", CAUSE_INSIDE, true);
	expect("127.8.8.8", CAUSE_INSIDE, true);
	expect("::1", CAUSE_INSIDE, true);
	expect("10.77.0.1", CAUSE_INSIDE, true); /* enrolled as ours */
	expect("10.99.0.1", CAUSE_INSIDE, true);
	expect("198.51.100.7", CAUSE_OUTSIDE, false);
	expect("172.32.0.1", CAUSE_OUTSIDE, false);
	expect("2001:db8::1", CAUSE_OUTSIDE, false);
	expect("10.50.0.9", CAUSE_IGNORED, false);
	expect("10.77.0.4", CAUSE_AMBIGUOUS, false); /* shared by two members */
}

static void
a_member_is_accused_unless_its_link_says_otherwise(void **unused)
{
	struct mac none = { { 0 } }, hers = { { 2, 0, 0, 0, 0, 2 } }, other = { { 2, 9 } };
	member_index subject = mesh.members[1].index;

	(void)unused;
	assert_int_equal(blame("10.77.0.2", none).cause, CAUSE_MEMBER);
	assert_int_equal(blame("10.77.0.2", none).member, subject);
	assert_int_equal(blame("10.77.0.2", other).cause, CAUSE_MEMBER);
	link_macs[subject] = hers;
	assert_int_equal(blame("10.77.0.2", none).cause, CAUSE_MEMBER);
	assert_int_equal(blame("10.77.0.2", hers).cause, CAUSE_MEMBER);
	assert_int_equal(blame("10.77.0.2", other).cause, CAUSE_AMBIGUOUS);
}

/* The rules' floor of each event, as documented. */
static void
the_rules_score(void **unused)
{
	static const uint32_t scores[] = { [CLASS_UNKNOWN] = 0,
		[CLASS_HONEYPOT_TRIPPED] = 9,
		[CLASS_HONEYTOKEN_USED] = 10,
		[CLASS_CPU_SPIKE] = 4,
		[CLASS_RAM_SPIKE] = 4,
		[CLASS_NET_SPIKE] = 4,
		[CLASS_SENSOR] = 7,
		[CLASS_PEER_SILENT] = 3,
		[CLASS_PEER_BAD_SIGNATURES] = 6,
		[CLASS_PEER_FLOOD] = 6,
		[CLASS_TAMPER] = 10,
		[CLASS_OPERATOR] = 10 };

	(void)unused;
	for (size_t i = 0; i < sizeof(scores) / sizeof(*scores); i++)
		assert_int_equal(rules_score((enum event_class)i), scores[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_no_member_is_not_accused),
		cmocka_unit_test(a_member_is_accused_unless_its_link_says_otherwise),
		cmocka_unit_test(the_rules_score),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
