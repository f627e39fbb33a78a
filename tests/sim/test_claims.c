/*
 * The arithmetic of docs/safety.md is what the core computes: how many must
 * collude to frame, to veto, to exhaust a cap.  `test_claims print` writes the
 * table as it should stand there.
 */
#include "sim/authority.h"
#include "tests/check.h"

#define DOCUMENT "docs/safety.md"
#define HEAVIEST 64
#define FOUNDER  32

static const size_t sizes[] = { 4, 5, 10, 30, 100, 1000, 10000 };

/* A mesh of N heads of equal weight, and an epoch of it as the core reads it. */
struct electors {
	struct keys keys;
	struct authority *authority;
	const struct epoch *epoch;
	member_index subject;
	size_t heads, others;
};

static void
electors_make(size_t heads, struct electors *out)
{
	struct options options = { .nodes = (uint32_t)heads };
	struct prng prng;

	out->keys = keys_new(false);
	for (uint64_t seed = 1;; seed++) {
		prng_seed(&prng, seed);
		out->authority = authority_new(&out->keys, &options, &prng);
		out->epoch = roster_current(out->authority->roster);
		if (epoch_weight(out->epoch) == FOUNDER * heads)
			break;
		authority_free(out->authority);
	}
	assert_int_equal(epoch_heads(out->epoch), heads);
	out->subject = epoch_head_at(out->epoch, 0);
	out->heads = heads;
	out->others = heads - 1;
}

static size_t
quorum(const struct electors *e)
{
	size_t voters = 0;

	while (!epoch_is_quorum(e->epoch, e->subject, voters, FOUNDER * voters))
		voters++;
	return voters;
}

/* The fewest who, by silence, leave no quorum. */
static size_t
veto(const struct electors *e)
{
	size_t silent = 0;

	while (epoch_is_quorum(
	    e->epoch, e->subject, e->others - silent, FOUNDER * (e->others - silent)))
		silent++;
	return silent;
}

/*
 * Likewise when the silent have earned the most weight that there is and all
 * others the least.  Weights are no part of this epoch, so the rule is written
 * out once more; with equal weights it has to agree with the core's.
 */
static bool
speak_enough(size_t heads, size_t others, size_t silent, uint64_t weight_of_silent)
{
	uint64_t said = FOUNDER * (others - silent);
	uint64_t all = said + weight_of_silent * silent;

	if (heads <= 4)
		return silent == 0;
	return others - silent >= 2 && 2 * (others - silent) > others && 2 * said > all;
}

static size_t
veto_by_heaviest(const struct electors *e)
{
	size_t silent = 0;

	for (size_t s = 0; s < e->others; s++)
		assert_int_equal(speak_enough(e->heads, e->others, s, FOUNDER),
		    epoch_is_quorum(
		        e->epoch, e->subject, e->others - s, FOUNDER * (e->others - s)));
	while (speak_enough(e->heads, e->others, silent, HEAVIEST))
		silent++;
	return silent;
}

/* How many members one honest voter votes out in 24 h: a sixth of the base, or one. */
static size_t
budget(const struct electors *e)
{
	return e->heads / 6 > 1 ? e->heads / 6 : 1;
}

/*
 * k colluders sign everything; each certificate needs so many honest ballots
 * beside, and all honest voters together have so many to give.
 */
static size_t
most_framed(const struct electors *e)
{
	size_t liars = epoch_k(e->epoch, 0), needed = quorum(e) - liars;
	size_t framed = (e->heads - liars) * budget(e) / needed;

	return framed < e->heads - liars ? framed : e->heads - liars;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void
write_row(const struct electors *e, char *out, size_t room)
{
	size_t k = epoch_k(e->epoch, 0), cap = epoch_restrictions(e->epoch);

	snprintf(out, room,
	    "| %zu | %zu | %zu | %zu of %zu | %zu | %zu | %zu | %zu | %zu | %zu | %zu | %zu | %zu "
	    "|\n",
	    e->heads, epoch_f(e->epoch), k, quorum(e), e->others, smaller(k, quorum(e)), quorum(e),
	    veto(e), veto_by_heaviest(e), most_framed(e), epoch_precautions(e->epoch), cap, cap * k,
	    epoch_f(e->epoch) + 1);
}

static char *
table(void)
{
	static char text[8192];
	size_t used;

	used = (size_t)snprintf(text, sizeof(text),
	    "| heads | f | k | quorum | frame one | frame by votes alone | veto | veto, heaviest | "
	    "framed a day by k | fill the precautions | RESTRICT cap | fill it | block an address "
	    "|\n"
	    "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct electors e;

		electors_make(sizes[i], &e);
		write_row(&e, text + used, sizeof(text) - used);
		used += strlen(text + used);
		authority_free(e.authority);
	}
	return text;
}

/* The document holds this very table. */
static void
the_document_says_so(void **state)
{
	static char document[256 * 1024];
	FILE *file = fopen(DOCUMENT, "r");
	size_t size;

	(void)state;
	assert_non_null(file);
	size = fread(document, 1, sizeof(document) - 1, file);
	fclose(file);
	document[size] = '\0';
	if (strstr(document, table()) == NULL)
		fail_msg("%s should hold:\n%s", DOCUMENT, table());
}

/* f liars reach neither k nor, from five heads on, a veto; and nobody a quorum alone. */
static void
tolerable_minorities_do_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct electors e;
		size_t f;

		electors_make(sizes[i], &e);
		f = epoch_f(e.epoch);
		assert_true(f < epoch_k(e.epoch, 0));
		assert_true(f < quorum(&e));
		if (e.heads > 4)
			assert_true(f < veto_by_heaviest(&e));
		assert_true(epoch_local_cuts(e.epoch) * 2 < e.heads);
		authority_free(e.authority);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_says_so),
		cmocka_unit_test(tolerable_minorities_do_nothing),
	};

	if (argc == 2 && strcmp(argv[1], "print") == 0) {
		fputs(table(), stdout);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
