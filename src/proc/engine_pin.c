/*
 * engine_pin: the coordinator's key between the notary, who keeps it, and net,
 * who judges by it.  The engine passes on, and tells people.
 */
#include <string.h>
#include "proc/engine.h"

static void
tell_net(struct engine *e)
{
	if (e->siblings[ROLE_NET] != NULL && e->pin_known)
		engine_tell(e, ROLE_NET, MSG_PIN, &e->pin, sizeof(e->pin), (struct span){ 0 });
}

/* Its first answer's key; the notary takes it only if it knows none. */
static void
ask_to_keep(struct engine *e)
{
	const struct msg_pin pin = { .source = PIN_KEPT, .key = e->trusted.seen };

	if (e->siblings[ROLE_NOTARY] != NULL)
		engine_tell(e, ROLE_NOTARY, MSG_PIN, &pin, sizeof(pin), (struct span){ 0 });
}

void
engine_pin(struct engine *e, const struct msg_pin *pin)
{
	const bool was_kept = e->pin_known && e->pin.source != PIN_NONE;

	/* It has not heard yet, or could not write: net's memory is what there is. */
	if (pin->source == PIN_NONE && !was_kept && e->trusted.trust == TRUST_FIRST_USE) {
		ask_to_keep(e);
		return;
	}
	e->pin = *pin;
	e->pin_known = true;
	tell_net(e);
}

void
engine_pin_again(struct engine *e)
{
	tell_net(e);
}

void
engine_trust(struct engine *e, const struct msg_coordinator *verdict)
{
	e->trusted = *verdict;
	if (verdict->trust == TRUST_FIRST_USE && e->pin_known && e->pin.source == PIN_NONE)
		ask_to_keep(e);
}
