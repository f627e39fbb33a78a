#include "sim/adversary.h"

void
adversaries_init(struct sim *s)
{
	(void)s;
}
void
adversaries_free(struct sim *s)
{
	(void)s;
}
bool
adversary_sends(struct sim *s, size_t host, size_t to, const struct payload *p)
{
	(void)s;
	(void)host;
	(void)to;
	(void)p;
	return true;
}
void
adversary_hears(struct sim *s, size_t host, struct payload *p)
{
	(void)s;
	(void)host;
	(void)p;
}
void
adversaries_tick(struct sim *s)
{
	(void)s;
}
