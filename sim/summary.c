#include <inttypes.h>
#include "sim/summary.h"

static const char *const shelves[SHELF_COUNT] = {
	[SHELF_STATEMENT] = "statements",
	[SHELF_VERDICT] = "verdicts",
	[SHELF_SELF_REPORT] = "self-reports",
	[SHELF_PROOF] = "proofs",
	[SHELF_CERTIFICATE] = "certificates",
	[SHELF_RELEASE] = "releases",
	[SHELF_OTHER] = "others",
};

void
summary_print(const struct sim *s, FILE *out)
{
	const struct counts *c = &s->counts;

	fprintf(out,
	    "%zu nodes, %" PRIu32 " byzantine, %" PRIu64 ".%03" PRIu64 " s, %s signatures\n",
	    s->count, s->options.byzantine, s->now_ms / 1000, s->now_ms % 1000,
	    s->keys.sodium ? "libsodium's" : "fast");
	fprintf(out,
	    "steps %" PRIu64 ", messages %" PRIu64 " sent, %" PRIu64 " delivered, entries %zu\n",
	    s->steps, c->messages, c->delivered, s->ledger->count);
	fputs("faults:", out);
	for (enum fault f = 0; f < FAULT_COUNT; f++)
		if ((s->options.faults >> f & 1) != 0)
			fprintf(out, " %s %" PRIu64, fault_text(f), c->faults[f]);
	fputs("\nattacks:", out);
	for (enum adversary a = 0; a < ADVERSARY_COUNT; a++)
		if (s->options.byzantine > 0 && (s->options.adversaries >> a & 1) != 0)
			fprintf(out, " %s %" PRIu64, adversary_text(a), c->attacks[a]);
	fprintf(out, "\ntouches %" PRIu64, c->touches);
	for (size_t i = 0; i < SHELF_COUNT; i++)
		if (c->entries[i] > 0)
			fprintf(out, ", %s %" PRIu64, shelves[i], c->entries[i]);
	fprintf(out, "; convicted %" PRIu64 ", released %" PRIu64 "\n", c->convicted, c->released);
	fprintf(out, "trace %016" PRIx64 "\n", s->trace.hash);
}
