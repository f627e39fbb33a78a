#include "sys/netlink_host.h"

#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/limits.h"
#include "sys/log.h"
#include "sys/netlink.h"

struct netlink_host {
	struct netlink *events;
	struct netlink *requests;
	bool known; /* read at least once since the last announcement */
	struct netlink_device *devices;
	size_t device_count;
	size_t devices_missed;
	struct address *addresses;
	size_t address_count;
	bool failed; /* a dump ran out of memory or room */
};

enum err
netlink_host_open(struct netlink_host **out)
{
	const unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
	struct netlink_host *h;
	enum err err;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return ERR_NOMEM;
	if ((err = netlink_open(NETLINK_ROUTE, groups, &h->events)) != ERR_OK ||
	    (err = netlink_open(NETLINK_ROUTE, 0, &h->requests)) != ERR_OK) {
		netlink_host_close(h);
		return err;
	}
	*out = h;
	return ERR_OK;
}

void
netlink_host_close(struct netlink_host *h)
{
	if (h == NULL)
		return;
	netlink_close(h->events);
	netlink_close(h->requests);
	free(h->devices);
	free(h->addresses);
	free(h);
}

/* One more element, or NULL; the array doubles. */
static void *
grow(void **array, size_t count, size_t element_bytes)
{
	void *larger;

	if (count == 0 || (count >= 8 && (count & (count - 1)) == 0)) {
		larger = reallocarray(*array, count == 0 ? 8 : 2 * count, element_bytes);
		if (larger == NULL)
			return NULL;
		*array = larger;
	}
	return (uint8_t *)*array + count * element_bytes;
}

static void
each_link(void *context, const struct nlmsghdr *message)
{
	struct netlink_host *h = context;
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct netlink_device device = { 0 }, *room;
	const struct nlattr *name;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*link) || link->ifi_type != ARPHRD_ETHER)
		return;
	name = netlink_attribute(message, sizeof(*link), IFLA_IFNAME);
	if (name == NULL || mnl_attr_get_payload_len(name) > sizeof(device.name))
		return;
	memcpy(device.name, mnl_attr_get_payload(name), mnl_attr_get_payload_len(name));
	(void)netlink_value(netlink_attribute(message, sizeof(*link), IFLA_ADDRESS),
	    device.mac.bytes, sizeof(device.mac.bytes));
	device.name[sizeof(device.name) - 1] = '\0';
	/* The name goes into a script: nothing in it may end a string or match other devices. */
	if (device.name[0] == '\0' || strpbrk(device.name, "\"\\*") != NULL)
		return;
	if (h->device_count == LIMIT_DEVICES) {
		h->devices_missed++;
		return;
	}
	room = grow((void **)&h->devices, h->device_count, sizeof(device));
	if (room == NULL) {
		h->failed = true;
		return;
	}
	*room = device;
	h->device_count++;
}

static void
each_address(void *context, const struct nlmsghdr *message)
{
	struct netlink_host *h = context;
	const struct ifaddrmsg *about = mnl_nlmsg_get_payload(message);
	struct address address = { 0 }, *room;
	size_t size_bytes;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*about) ||
	    (about->ifa_family != AF_INET && about->ifa_family != AF_INET6))
		return;
	address.family = about->ifa_family == AF_INET ? 4 : 6;
	size_bytes = address.family == 4 ? 4 : 16;
	/* IFA_ADDRESS is the far end on a point-to-point link; IFA_LOCAL, where it is there, is ours. */
	if (!netlink_value(
	        netlink_attribute(message, sizeof(*about), IFA_LOCAL), address.bytes, size_bytes) &&
	    !netlink_value(
	        netlink_attribute(message, sizeof(*about), IFA_ADDRESS), address.bytes, size_bytes))
		return;
	if (h->address_count == LIMIT_OWN_ADDRESSES ||
	    (room = grow((void **)&h->addresses, h->address_count, sizeof(address))) == NULL) {
		h->failed = true;
		return;
	}
	*room = address;
	h->address_count++;
}

static enum err
dump(struct netlink_host *h, uint16_t type, void (*each)(void *, const struct nlmsghdr *))
{
	uint8_t buffer[128];
	struct nlmsghdr *request;

	request = netlink_message(h->requests, buffer, type, NLM_F_REQUEST | NLM_F_DUMP);
	/* ifinfomsg and ifaddrmsg both begin with the family; AF_UNSPEC asks for all. */
	if (type == RTM_GETLINK)
		(void)mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	else
		(void)mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	return netlink_ask(h->requests, request, each, h);
}

static enum err
read_all(struct netlink_host *h)
{
	enum err err = ERR_AGAIN;
	int i;

	for (i = 0; err == ERR_AGAIN && i < LIMIT_NETLINK_RETRIES; i++) {
		h->device_count = h->devices_missed = h->address_count = 0;
		h->failed = false;
		if ((err = dump(h, RTM_GETLINK, each_link)) == ERR_OK)
			err = dump(h, RTM_GETADDR, each_address);
	}
	if (err == ERR_OK && h->failed)
		err = ERR_FULL;
	return err;
}

static bool
same_devices(const struct netlink_host *h, const struct netlink_device *old, size_t old_count)
{
	size_t i;

	if (old_count != h->device_count)
		return false;
	for (i = 0; i < old_count; i++)
		if (strcmp(old[i].name, h->devices[i].name) != 0)
			return false;
	return true;
}

enum err
netlink_host_refresh(struct netlink_host *h, bool *changed)
{
	struct netlink_device *old = NULL;
	size_t old_count = h->device_count;
	enum err err;

	if (!netlink_heard(h->events) && h->known) {
		*changed = false;
		return ERR_OK;
	}
	if (old_count > 0 && (old = calloc(old_count, sizeof(*old))) == NULL)
		return ERR_NOMEM;
	if (old != NULL)
		memcpy(old, h->devices, old_count * sizeof(*old));
	h->known = false;
	if ((err = read_all(h)) == ERR_OK) {
		h->known = true;
		*changed = !same_devices(h, old, old_count);
		if (h->devices_missed > 0 && *changed)
			log_warn("netlink: %zu devices beyond the first %d stay without link-layer "
			         "rules",
			    h->devices_missed, LIMIT_DEVICES);
	}
	free(old);
	return err;
}

const struct netlink_device *
netlink_host_devices(const struct netlink_host *h, size_t *count)
{
	*count = h->device_count;
	return h->devices;
}

bool
netlink_host_owns_address(const struct netlink_host *h, const struct address *address)
{
	size_t i;

	for (i = 0; i < h->address_count; i++)
		if (address_equal(&h->addresses[i], address))
			return true;
	return false;
}

bool
netlink_host_owns_mac(const struct netlink_host *h, const struct mac *mac)
{
	size_t i;

	for (i = 0; i < h->device_count; i++)
		if (memcmp(&h->devices[i].mac, mac, sizeof(*mac)) == 0)
			return true;
	return false;
}
