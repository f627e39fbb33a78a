/*
 * net_dial: a link to every neighbour with a larger id.  Each of its addresses is
 * tried in turn, from a local port of the range that the enforcer lets replies
 * into, p2p_port + 1 to p2p_port + LIMIT_DIAL_PORTS.
 */
#include <sys/random.h>
#include <stdlib.h>
#include <string.h>
#include "base/prng.h"
#include "proc/net_links.h"
#include "proc/net_socket.h"
#include "sys/log.h"

#define PORT_TRIES 8

struct target {
	uint64_t next_ms; /* UINT64_MAX: connected or connecting */
	uint32_t delay_ms;
	uint32_t attempts; /* picks far and near address */
};

struct dialler {
	struct net *net;
	bool open;
	struct prng prng;
	struct loop_timer *timer;
	struct target *targets; /* by member; used of peers */
	member_index *peers;    /* whom this side dials */
	size_t peer_count;
	size_t room; /* members that both have room for */
};

static void
arm(struct dialler *d)
{
	uint64_t next_ms = UINT64_MAX;
	size_t i;

	for (i = 0; d->open && i < d->peer_count; i++)
		if (d->targets[d->peers[i]].next_ms < next_ms)
			next_ms = d->targets[d->peers[i]].next_ms;
	loop_timer_set(d->timer, next_ms);
}

/* Half to all of the delay, so that a mesh that restarts does not dial in step. */
static void
wait_a_while(struct dialler *d, struct target *target)
{
	uint32_t half = target->delay_ms / 2;

	target->next_ms = loop_now_ms() + half + prng_below(&d->prng, half + 1);
	target->delay_ms += half;
	if (target->delay_ms > LIMIT_DIAL_MAX_MS)
		target->delay_ms = LIMIT_DIAL_MAX_MS;
}

/* One of this node's own addresses of that family; family 0: it has none. */
static struct address
pick_near(const struct dialler *d, uint8_t family, uint32_t attempts)
{
	const struct member *self = roster_member(d->net->roster, d->net->self);
	struct address fitting[LIMIT_ADDRESSES];
	size_t i, count = 0;

	for (i = 0; i < self->address_count; i++)
		if (self->addresses[i].family == family)
			fitting[count++] = self->addresses[i];
	return count == 0 ? (struct address){ 0 } : fitting[attempts % count];
}

static enum err
dial_from_range(struct dialler *d, const struct endpoint *far, struct endpoint *near, int *fd)
{
	uint16_t first = (uint16_t)prng_below(&d->prng, LIMIT_DIAL_PORTS);
	enum err err = ERR_AGAIN;
	uint16_t i;

	for (i = 0; i < PORT_TRIES && err == ERR_AGAIN; i++) {
		if (d->net->tls != NULL)
			near->port = (uint16_t)(d->net->config->p2p_port + 1 +
			                        (first + i) % LIMIT_DIAL_PORTS);
		err = socket_dial(far, near, fd);
		/* Enrolled under an address that is translated on the way: let the kernel choose. */
		if (err == ERR_NOT_FOUND && near->address.family != 0) {
			near->address.family = 0;
			err = ERR_AGAIN;
		}
	}
	return err;
}

static enum err
dial(struct dialler *d, member_index peer)
{
	struct target *target = &d->targets[peer];
	const struct member *member = roster_member(d->net->roster, peer);
	struct endpoint far = { .port = member->p2p_port }, near = { .port = 0 };
	enum err err;
	int fd;

	if (member->address_count == 0)
		return ERR_NOT_FOUND;
	far.address = member->addresses[target->attempts % member->address_count];
	near.address =
	    pick_near(d, far.address.family, target->attempts / (uint32_t)member->address_count);
	target->attempts++;
	if (d->net->tls == NULL && !address_is_loopback(&far.address))
		return ERR_DENIED;
	if ((err = dial_from_range(d, &far, &near, &fd)) != ERR_OK)
		return err;
	return conn_new(d->net->conns, fd, CONN_DIALLED, &far, peer);
}

static void
dial_due(void *context)
{
	struct dialler *d = context;
	uint64_t now_ms = loop_now_ms();
	enum err err;
	size_t i;

	for (i = 0; d->open && i < d->peer_count; i++) {
		member_index peer = d->peers[i];

		if (d->targets[peer].next_ms > now_ms)
			continue;
		d->targets[peer].next_ms = UINT64_MAX;
		if ((err = dial(d, peer)) != ERR_OK) {
			log_debug("dial peer=%s: %s", roster_member(d->net->roster, peer)->name,
			    err_text(err));
			wait_a_while(d, &d->targets[peer]);
		}
	}
	arm(d);
}

void
dialler_gone(struct dialler *d, member_index peer, bool was_up)
{
	struct target *target = &d->targets[peer];

	if (was_up) {
		target->delay_ms = LIMIT_DIAL_MIN_MS;
		target->attempts--; /* the address that worked */
	}
	wait_a_while(d, target);
	arm(d);
}

enum err
dialler_grow(struct dialler *d, size_t members)
{
	struct target *targets;
	member_index *peers;

	if (members <= d->room)
		return ERR_OK;
	if ((targets = realloc(d->targets, members * sizeof(*targets))) == NULL)
		return ERR_NOMEM;
	d->targets = targets;
	if ((peers = realloc(d->peers, members * sizeof(*peers))) == NULL)
		return ERR_NOMEM;
	d->peers = peers;
	memset(targets + d->room, 0, (members - d->room) * sizeof(*targets));
	d->room = members;
	return ERR_OK;
}

void
dialler_look_again(struct dialler *d)
{
	size_t i;

	d->peer_count = 0;
	for (i = 0; i < d->room; i++) {
		if (!net_dials(d->net, (member_index)i))
			continue;
		d->peers[d->peer_count++] = (member_index)i;
		if (d->targets[i].delay_ms == 0)
			d->targets[i].delay_ms = LIMIT_DIAL_MIN_MS;
	}
	arm(d);
}

void
dialler_set_open(struct dialler *d, bool open)
{
	d->open = open;
	arm(d);
}

enum err
dialler_new(struct net *net, struct dialler **out)
{
	struct dialler *d;
	uint64_t seed;
	enum err err;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return ERR_IO;
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return ERR_NOMEM;
	d->net = net;
	prng_seed(&d->prng, seed);
	if ((err = dialler_grow(d, roster_count(net->roster))) != ERR_OK ||
	    (err = loop_timer_new(net->loop, dial_due, d, &d->timer)) != ERR_OK) {
		free(d->peers);
		free(d->targets);
		free(d);
		return err;
	}
	dialler_look_again(d);
	*out = d;
	return ERR_OK;
}
