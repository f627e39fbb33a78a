#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/prng.h"
#include "sim/options.h"

#define HOUR_MS ((uint64_t)60 * 60 * 1000)

static const char *const faults[FAULT_COUNT] = {
	[FAULT_DELAY] = "delay",
	[FAULT_LOSS] = "loss",
	[FAULT_DOUBLE] = "double",
	[FAULT_REORDER] = "reorder",
	[FAULT_PARTITION] = "partition",
	[FAULT_ONE_WAY] = "one-way",
	[FAULT_FLAP] = "flap",
	[FAULT_SLOW] = "slow",
	[FAULT_DEAF] = "deaf",
	[FAULT_STALL] = "stall",
	[FAULT_RESET] = "reset",
	[FAULT_KILL] = "kill",
	[FAULT_POWER] = "power",
	[FAULT_FULL] = "full",
	[FAULT_OLD_DISK] = "old-disk",
	[FAULT_CLONE] = "clone",
	[FAULT_SKEW] = "skew",
	[FAULT_JUMP] = "jump",
	[FAULT_DRIFT] = "drift",
	[FAULT_ROSTER] = "roster",
	[FAULT_EXPIRY] = "expiry",
};

static const char *const adversaries[ADVERSARY_COUNT] = {
	[ADVERSARY_SILENCE] = "silence",
	[ADVERSARY_SELECTIVE] = "selective",
	[ADVERSARY_WITHHOLD] = "withhold",
	[ADVERSARY_FRAME] = "frame",
	[ADVERSARY_ACCUSE] = "accuse",
	[ADVERSARY_EQUIVOCATE] = "equivocate",
	[ADVERSARY_REPLAY] = "replay",
	[ADVERSARY_FLOOD] = "flood",
	[ADVERSARY_SPOOF] = "spoof",
	[ADVERSARY_TOKEN] = "token",
	[ADVERSARY_STOLEN_KEY] = "stolen-key",
	[ADVERSARY_REPORTS] = "reports",
	[ADVERSARY_STUFF] = "stuff",
	[ADVERSARY_MALFORMED] = "malformed",
	[ADVERSARY_RECORDS] = "records",
};

const char *
fault_text(enum fault fault)
{
	return faults[fault];
}

const char *
adversary_text(enum adversary adversary)
{
	return adversaries[adversary];
}

static bool
parse_list(const char *list, const char *const *names, size_t count, uint32_t *out)
{
	uint32_t bits = 0;

	if (strcmp(list, "none") == 0 || strcmp(list, "all") == 0) {
		*out = list[0] == 'n' ? 0 : (1u << count) - 1;
		return true;
	}
	while (*list != 0) {
		size_t length = strcspn(list, ","), i = 0;

		while (i < count &&
		       (strlen(names[i]) != length || strncmp(names[i], list, length) != 0))
			i++;
		if (i == count)
			return false;
		bits |= 1u << i;
		list += length + (list[length] == ',');
	}
	*out = bits;
	return true;
}

bool
options_faults(const char *list, uint32_t *out)
{
	return parse_list(list, faults, FAULT_COUNT, out);
}

bool
options_adversaries(const char *list, uint32_t *out)
{
	return parse_list(list, adversaries, ADVERSARY_COUNT, out);
}

bool
options_hours(const char *text, uint64_t *ms)
{
	uint64_t whole, part = 0, scale = 1;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	whole = strtoull(text, &end, 10);
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9' && scale < 1000000000; end++) {
			part = part * 10 + (uint64_t)(*end - '0');
			scale *= 10;
		}
	if (*end != 0 || whole > 1000000)
		return false;
	*ms = whole * HOUR_MS + part * HOUR_MS / scale;
	return *ms > 0;
}

/* A few of them: most runs are a mix of two to five. */
static uint32_t
choose_bits(struct prng *prng, size_t count, size_t most)
{
	uint32_t bits = 0;

	for (size_t n = prng_below(prng, most + 1); n > 0; n--)
		bits |= 1u << prng_below(prng, count);
	return bits;
}

void
options_choose(struct options *o)
{
	struct prng prng;
	uint32_t chosen_faults, chosen_adversaries, chosen_byzantine;
	uint64_t chosen_ms;

	/* Drawn whether they are needed or not: giving one leaves the others as they are. */
	prng_seed(&prng, o->seed);
	chosen_faults = choose_bits(&prng, FAULT_ROSTER, 5);
	/* ADVERSARY_RECORDS, the last, is for who asks for it. */
	chosen_adversaries = choose_bits(&prng, ADVERSARY_RECORDS, 4);
	chosen_ms = 30000 + prng_below(&prng, 90000);
	o->sodium = prng_below(&prng, 50) == 0;
	if (!o->nodes_given)
		o->nodes = 5;
	/* Mostly within what the mesh promises to bear, sometimes beyond it. */
	chosen_byzantine = (uint32_t)prng_below(&prng, (uint64_t)o->nodes / 4 + 2);
	if (prng_below(&prng, 8) == 0)
		chosen_byzantine = (uint32_t)prng_below(&prng, (uint64_t)o->nodes / 2 + 1);
	/* They came last: with draws of their own they leave the others as they were. */
	if (prng_below(&prng, 6) == 0)
		chosen_faults |= 1u << FAULT_ROSTER;
	if (prng_below(&prng, 8) == 0)
		chosen_faults |= 1u << FAULT_EXPIRY;
	if (!o->byzantine_given)
		o->byzantine = chosen_byzantine;
	if (!o->faults_given)
		o->faults = chosen_faults;
	if (!o->adversaries_given)
		o->adversaries = chosen_adversaries;
	if (!o->duration_given)
		o->duration_ms = chosen_ms;
	if (!o->steps_given)
		o->steps = UINT64_MAX;
}

static void
print_list(uint32_t bits, const char *const *names, size_t count, FILE *out)
{
	const char *comma = "";

	if (bits == 0)
		fputs("none", out);
	for (size_t i = 0; i < count; i++)
		if ((bits >> i & 1) != 0) {
			fprintf(out, "%s%s", comma, names[i]);
			comma = ",";
		}
}

void
options_print_faults(uint32_t bits, FILE *out)
{
	print_list(bits, faults, FAULT_COUNT, out);
}

void
options_print_adversaries(uint32_t bits, FILE *out)
{
	print_list(bits, adversaries, ADVERSARY_COUNT, out);
}

static void
print_hours(uint64_t ms, FILE *out)
{
	/* Rounded up to the digits that reading takes in full. */
	uint64_t millionths = (ms % HOUR_MS * 10000000 + HOUR_MS - 1) / HOUR_MS;

	fprintf(out, " --hours %" PRIu64 ".%07" PRIu64, ms / HOUR_MS, millionths);
}

void
options_print_command(const struct options *o, FILE *out)
{
	fprintf(out, "phalanx-sim --seed %" PRIu64, o->seed);
	if (o->nodes_given)
		fprintf(out, " --nodes %" PRIu32, o->nodes);
	if (o->duration_given)
		print_hours(o->duration_ms, out);
	if (o->byzantine_given)
		fprintf(out, " --byzantine %" PRIu32, o->byzantine);
	if (o->faults_given) {
		fputs(" --faults ", out);
		options_print_faults(o->faults, out);
	}
	if (o->adversaries_given) {
		fputs(" --adversary ", out);
		options_print_adversaries(o->adversaries, out);
	}
	if (o->steps_given)
		fprintf(out, " --steps %" PRIu64, o->steps);
	fputc('\n', out);
}
