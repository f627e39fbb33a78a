#include <inttypes.h>
#include "sim/summary.h"

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
	fprintf(out,
	    "\ntouches %" PRIu64 ", statements %" PRIu64 ", verdicts %" PRIu64
	    ", self-reports %" PRIu64 ", certificates %" PRIu64 ", convicted %" PRIu64 "\n",
	    c->touches, c->statements, c->verdicts, c->self_reports, c->certificates,
	    c->quarantines);
	fprintf(out, "trace %016" PRIx64 "\n", s->trace.hash);
}
