/* A configuration is taken whole or refused with file, line, key and remedy. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "sys/config.h"
#include "tests/check.h"

static char path[] = "/tmp/phalanx-test-config-XXXXXX";

/* Loads text as the file, with flags; what was said on standard error goes to said. */
static enum err
load(const char *text, size_t text_bytes, const char *const *flags, size_t flag_count,
    struct config *out, char said[1024])
{
	int fd, saved, ends[2];
	ssize_t size;
	enum err err;

	fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, text, text_bytes), text_bytes);
	close(fd);
	assert_int_equal(pipe(ends), 0);
	saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	err = config_load(path, flags, flag_count, out);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	size = read(ends[0], said, 1023);
	close(ends[0]);
	said[size > 0 ? size : 0] = '\0';
	return err;
}

static void
accept(const char *text, struct config *out)
{
	char said[1024];

	assert_ok(load(text, strlen(text), NULL, 0, out, said));
	assert_string_equal(said, "");
}

#define NAMED "[node]\nname = node-a\n"

/* An empty file gives the documented defaults, paths under the state directory. */
static void
defaults(void **unused)
{
	struct config c;

	(void)unused;
	accept(NAMED, &c);
	assert_string_equal(c.name, "node-a");
	assert_int_equal(c.p2p_port, 9000);
	assert_string_equal(c.key_file, "/var/lib/phalanx/certs/peer.key");
	assert_string_equal(c.control_socket, "/var/lib/phalanx/control.sock");
	assert_int_equal(c.policy, CONFIG_ATTRIBUTE);
	assert_int_equal(c.mode, CONFIG_OBSERVE);
	assert_int_equal(c.threshold, 7);
	assert_int_equal(c.decoy_count, 2);
	assert_int_equal(c.decoys[0].kind, DECOY_SSH);
	assert_int_equal(c.decoys[0].port, 2222);
	assert_int_equal(c.decoys[1].port, 8888);
	assert_string_equal(c.coordinator_host, "localhost");
	assert_int_equal(c.coordinator.port, 8090);
	assert_int_equal(c.coordinator.address.family, 0);
	assert_int_equal(c.uid_base, 0);
}

/* Every list form is read: decoys, management in both families, DNS, ignored addresses. */
static void
lists(void **unused)
{
	struct config c;

	(void)unused;
	accept(NAMED "state_dir = /s\n[decoys]\nssh_port=0\nextra = tcp:33 , http:80,ssh:22\n"
	             "[exempt]\nmanagement = 10.0.0.0/8:2022, [fd00::]/8:22,[fd00::1], 192.0.2.7\n"
	             "dns = 9.9.9.9,2620:fe::fe\n[policy]\nignore = 10.1.1.1\n"
	             "[coordinator]\nurl = http://[fd77::2]:8090/\n[identity]\nkey_file=/k\n",
	    &c);
	assert_int_equal(c.decoy_count, 4);
	assert_int_equal(c.decoys[0].port, 8888);
	assert_int_equal(c.decoys[1].port, 33);
	assert_int_equal(c.decoys[3].kind, DECOY_SSH);
	assert_int_equal(c.management_count, 4);
	assert_int_equal(c.management[0].prefix_bits, 8);
	assert_int_equal(c.management[0].port, 2022);
	assert_int_equal(c.management[1].address.family, 6);
	assert_int_equal(c.management[1].prefix_bits, 8);
	assert_int_equal(c.management[2].prefix_bits, 128);
	assert_int_equal(c.management[3].prefix_bits, 32);
	assert_int_equal(c.management[3].port, 22);
	assert_int_equal(c.dns_count, 2);
	assert_int_equal(c.ignored_count, 1);
	assert_int_equal(c.coordinator.address.family, 6);
	assert_string_equal(c.coordinator_host, "fd77::2");
	assert_string_equal(c.key_file, "/k");
	assert_string_equal(c.cert_file, "/s/certs/peer.pem");
}

/* The analyser's door is a unix socket until an address or a port of TCP is given. */
static void
analyser(void **unused)
{
	struct config c;

	(void)unused;
	accept(NAMED, &c);
	assert_string_equal(c.sidecar_path, "/var/lib/phalanx/analyser.sock");
	assert_string_equal(c.sidecar_host, "");
	assert_int_equal(c.sidecar_port, 0);
	assert_string_equal(c.model_host, "localhost");
	assert_int_equal(c.model_port, 11434);
	assert_int_equal(c.model_deadline_ms, 10000);
	assert_int_equal(c.analysis, CONFIG_RULES_FIRST);
	assert_true(c.run_analyser);
	assert_false(c.allow_remote_model);
	accept(NAMED "[analyser]\nsidecar_addr = other.sock\ntoken_file = t\nrun = no\n", &c);
	assert_string_equal(c.sidecar_path, "/var/lib/phalanx/other.sock");
	assert_string_equal(c.token_file, "/var/lib/phalanx/t");
	assert_false(c.run_analyser);
	accept(NAMED "[analyser]\nsidecar_port = 50099\n", &c);
	assert_string_equal(c.sidecar_path, "");
	assert_string_equal(c.sidecar_host, "localhost");
	assert_int_equal(c.sidecar_port, 50099);
	accept(NAMED "[analyser]\nsidecar_port = 50099\nsidecar_addr = [::1]\n", &c);
	assert_string_equal(c.sidecar_host, "::1");
	assert_int_equal(c.sidecar_port, 50099);
	accept(NAMED "[analyser]\nsidecar_addr = localhost\n", &c);
	assert_int_equal(c.sidecar_port, 50052);
	accept(NAMED "[analyser]\nsidecar_addr = ai:50001\nollama_url = http://[fd00::1]:80/\n"
	             "ollama_model = dolphin-llama3\nbackend = openai\ndeadline = 2500ms\n"
	             "analysis = ai-first\nanalysis_deadline = 3\nsidecar_uids = 7-9\n",
	    &c);
	assert_string_equal(c.sidecar_host, "ai");
	assert_int_equal(c.sidecar_port, 50001);
	assert_string_equal(c.model_host, "fd00::1");
	assert_int_equal(c.model_port, 80);
	assert_string_equal(c.model, "dolphin-llama3");
	assert_int_equal(c.backend, CONFIG_OPENAI);
	assert_int_equal(c.model_deadline_ms, 2500);
	assert_int_equal(c.analysis, CONFIG_AI_FIRST);
	assert_int_equal(c.analysis_deadline_ms, 3000);
	assert_int_equal(c.sidecar_uid_first, 7);
	assert_int_equal(c.sidecar_uid_last, 9);
}

/* Flags go before the environment, the environment before the file; empty means unset. */
static void
order_of_sources(void **unused)
{
	static const char *const flags[] = { "node.p2p_port=9003" };
	static const char text[] = NAMED "p2p_port = 9001\n";
	struct config c;
	char said[1024];

	(void)unused;
	setenv("P2P_PORT", "9002", 1);
	setenv("NODE_HOSTNAME", "", 1);
	accept(text, &c);
	assert_int_equal(c.p2p_port, 9002);
	assert_string_equal(c.hostname, "localhost");
	assert_ok(load(text, strlen(text), flags, 1, &c, said));
	assert_int_equal(c.p2p_port, 9003);
	setenv("P2P_PORT", "x", 1);
	assert_err(ERR_CONFIG, load(text, strlen(text), NULL, 0, &c, said));
	assert_non_null(strstr(said, "environment P2P_PORT: [node] p2p_port: \"x\" is refused"));
	unsetenv("P2P_PORT");
	unsetenv("NODE_HOSTNAME");
}

/* Each refusal says where, what and what would be accepted, and leaves the output alone. */
static void
refusals(void **unused)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ NAMED "nmae = x\n", ":3: [node] nmae: no such key; known are name" },
		{ "[nod]\nname = x\n", ":2: [nod] name: no such key; known are [node] [identity]" },
		{ "name = x\n", ":1: [] name: no such key" },
		{ NAMED "name = b\n", ":3: [node] name: given twice" },
		{ NAMED "what\n", ":3: neither \"[section]\" nor \"key = value\"" },
		{ "[node\nname = a\n", ":1: neither" },
		{ "[node]\nname = a b\n", "give 1 to 128 letters" },
		{ "[node]\nname = ../x\n", "give 1 to 128 letters" },
		{ NAMED "p2p_port = 0\n", "give a port from 1 to 65535" },
		{ NAMED "p2p_port = 65536\n", "give a port" },
		{ NAMED "p2p_port = -1\n", "give a port" },
		{ NAMED "p2p_port = 22x\n", "give a port" },
		{ NAMED "p2p_port = 99999999999999999999\n", "give a port" },
		{ NAMED "local_mode = maybe\n", "give true or false" },
		{ NAMED "[analyser]\nsidecar_addr = a b\n", "give the path of a unix socket, or" },
		{ NAMED "[analyser]\nsidecar_addr = h:0\n", "give the path of a unix socket, or" },
		{ NAMED "[analyser]\nsidecar_uids = 9-7\n", "give FIRST-LAST" },
		{ NAMED "[analyser]\nbackend = gpt\n", "give ollama or openai" },
		{ NAMED "[analyser]\nollama_url = https://h\n", "give http://HOST:PORT" },
		{ NAMED "[analyser]\nollama_model = a\"b\n", "give a model's name" },
		{ NAMED "[analyser]\ndeadline = 61\n", "give a time as 10s" },
		{ NAMED "[analyser]\ndeadline = 1m\n", "give a time as 10s" },
		{ NAMED "[analyser]\nanalysis = both\n", "give rules-first or ai-first" },
		{ NAMED "[analyser]\nrun = yes\n", "give auto or no" },
		{ NAMED "local_mode = true\nhostname = 10.0.0.1\n", "refused off loopback" },
		{ NAMED "local_mode = true\n[coordinator]\nurl = http://10.0.0.1:1\n",
		    "refused off loopback" },
		{ NAMED "log_level = loud\n", "give debug, info, warn or error" },
		{ NAMED "[policy]\npolicy = trust\n", "give attribute or assume-breach" },
		{ NAMED "[policy]\nmode = on\n", "give observe or enforce" },
		{ NAMED "[policy]\nthreshold = 10\n", "give a score from 1 to 9" },
		{ NAMED "[policy]\nignore = 10.0.0.0/8\n", "give at most 32 addresses" },
		{ NAMED "[policy]\nignore = 10.0.0.1,,10.0.0.2\n", "give at most 32 addresses" },
		{ NAMED "[decoys]\nextra = udp:53\n", "give at most 14 of tcp:PORT" },
		{ NAMED "[decoys]\nssh_port = 9000\n", "port 9000 is also the mesh's" },
		{ NAMED "[decoys]\nextra = tcp:8888\n", "port 8888 is also" },
		{ NAMED "[exempt]\nmanagement = 10.0.0.0/33:22\n", "give at most 32 of ADDRESS" },
		{ NAMED "[exempt]\nmanagement = [fd00::/8:22\n", "give at most 32 of ADDRESS" },
		{ NAMED "[exempt]\nmanagement = 10.0.0.1:22:22\n", "give at most 32 of ADDRESS" },
		{ NAMED "[exempt]\nmanagement = 10.0.0.1:22/8\n", "give at most 32 of ADDRESS" },
		{ NAMED "[exempt]\ndns = 1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5,6.6.6.6,7.7.7.7,"
		        "8.8.8.8,9.9.9.9\n",
		    "give at most 8 addresses" },
		{ NAMED "[coordinator]\nurl = https://c:8090\n", "https is not offered" },
		{ NAMED "[coordinator]\nurl = http://c:8090/x\n", "give http://HOST:PORT" },
		{ NAMED "[coordinator]\nurl = http://a b:1\n", "give http://HOST:PORT" },
	};
	struct config before, c;
	char said[1024], where[64];
	size_t i;

	(void)unused;
	memset(&before, 0x5a, sizeof(before));
	snprintf(where, sizeof(where), "phalanx: %s", path);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = before;
		if (load(cases[i].text, strlen(cases[i].text), NULL, 0, &c, said) != ERR_CONFIG)
			fail_msg("accepted: %s", cases[i].text);
		if (strstr(said, cases[i].said) == NULL)
			fail_msg("%s\nsaid: %s\nnot: %s", cases[i].text, said, cases[i].said);
		assert_memory_equal(&c, &before, sizeof(c));
	}
}

/* What is no text, is too long, is a folder or is missing is refused, never half read. */
static void
not_a_text_file(void **unused)
{
	static const char zero[] = NAMED "p2p_port = 1\0\n";
	static const char *const flags[] = { "p2p_prt=1" };
	char *longest = malloc(6000), said[1024];
	struct config c;

	(void)unused;
	assert_err(ERR_CONFIG, load(zero, sizeof(zero) - 1, NULL, 0, &c, said));
	assert_non_null(strstr(said, ":3: a zero byte"));
	memset(longest, 'a', 6000);
	assert_err(ERR_CONFIG, load(longest, 6000, NULL, 0, &c, said));
	assert_non_null(strstr(said, ":1: longer than"));
	assert_err(ERR_CONFIG, load(NAMED, strlen(NAMED), flags, 1, &c, said));
	assert_non_null(strstr(said, "argument \"p2p_prt=1\": no such setting"));
	free(longest);
	assert_err(ERR_IO, config_load("/tmp", NULL, 0, &c));
	assert_err(ERR_IO, config_load("/nonexistent.conf", NULL, 0, &c));
}

static int
make_file(void **unused)
{
	int fd = mkstemp(path);

	(void)unused;
	close(fd);
	return fd == -1;
}

static int
remove_file(void **unused)
{
	(void)unused;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(lists),
		cmocka_unit_test(analyser),
		cmocka_unit_test(order_of_sources),
		cmocka_unit_test(refusals),
		cmocka_unit_test(not_a_text_file),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
