#include <inttypes.h>
#include "sim/digest.h"
#include "sim/trace.h"

void
trace_add(struct trace *t, uint64_t value)
{
	t->hash = digest_mix(t->hash ^ value, t->hash + 1);
}

void
trace_line(struct trace *t, uint64_t now_ms, const char *format, ...)
{
	va_list args;

	if (t->file == NULL)
		return;
	fprintf(t->file, "%8" PRIu64 " ", now_ms);
	va_start(args, format);
	vfprintf(t->file, format, args);
	va_end(args);
	fputc('\n', t->file);
}
