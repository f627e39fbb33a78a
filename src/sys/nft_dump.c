#include "sys/nft_dump.h"

#include <endian.h>
#include <string.h>
#include "sys/nft_batch.h"
#include "sys/nft_rules.h"

#define REQUEST_BYTES 256

static const struct nlattr *
attribute(const struct nlmsghdr *message, uint16_t type)
{
	return netlink_attribute(message, sizeof(struct nfgenmsg), type);
}

static const struct nlattr *
nested(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr = NULL;

	while ((attr = netlink_nested(nest, attr)) != NULL)
		if (mnl_attr_get_type(attr) == type)
			break;
	return attr;
}

static void
each_generation(void *context, const struct nlmsghdr *message)
{
	uint32_t id;

	if (netlink_value(attribute(message, NFTA_GEN_ID), &id, sizeof(id)))
		*(uint32_t *)context = ntohl(id);
}

enum err
nft_dump_generation(struct netlink *netlink, uint32_t *out)
{
	uint8_t buffer[REQUEST_BYTES];

	return netlink_ask(netlink,
	    nft_batch_request(netlink, buffer, NFT_MSG_GETGEN, 0, AF_UNSPEC), each_generation, out);
}

enum err
nft_dump_table(struct netlink *netlink, uint8_t family, const char *name)
{
	uint8_t buffer[REQUEST_BYTES];
	struct nlmsghdr *request;

	request = nft_batch_request(netlink, buffer, NFT_MSG_GETTABLE, 0, family);
	mnl_attr_put_strz(request, NFTA_TABLE_NAME, name);
	return netlink_ask(netlink, request, NULL, NULL);
}

struct elements {
	struct nft_element kind;
	void (*each)(void *, const struct nft_element *);
	void *context;
	unsigned count;
};

static void
element(struct elements *e, const struct nlattr *nest)
{
	const struct nlattr *key = nested(nest, NFTA_SET_ELEM_KEY);
	struct nft_element found = e->kind;
	uint64_t left_ms;
	bool fits;

	if (key == NULL || (key = nested(key, NFTA_DATA_VALUE)) == NULL)
		return;
	e->count++;
	if (e->each == NULL)
		return;
	fits = found.is_mac
	           ? netlink_value(key, found.mac.bytes, sizeof(found.mac.bytes))
	           : netlink_value(key, found.address.bytes, found.address.family == 4 ? 4 : 16);
	if (!fits)
		return;
	if (netlink_value(nested(nest, NFTA_SET_ELEM_EXPIRATION), &left_ms, sizeof(left_ms)))
		found.timeout_ms = be64toh(left_ms);
	e->each(e->context, &found);
}

static void
each_elements(void *context, const struct nlmsghdr *message)
{
	const struct nlattr *list = attribute(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	const struct nlattr *one = NULL;

	while (list != NULL && (one = netlink_nested(list, one)) != NULL)
		element(context, one);
}

static enum err
ask_set(struct netlink *netlink, uint8_t family, const char *set, struct elements *e)
{
	uint8_t buffer[REQUEST_BYTES];
	struct nlmsghdr *request;

	request = nft_batch_request(netlink, buffer, NFT_MSG_GETSETELEM, NLM_F_DUMP, family);
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, NFT_RULES_TABLE);
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set);
	return netlink_ask(netlink, request, each_elements, e);
}

enum err
nft_dump_set(struct netlink *netlink, const struct nft_element *kind,
    void (*each)(void *context, const struct nft_element *), void *context)
{
	struct elements e = { .kind = *kind, .each = each, .context = context };
	const char *set;
	uint8_t family;

	set = nft_batch_set(kind, &family);
	return ask_set(netlink, family, set, &e);
}

enum err
nft_dump_lock(struct netlink *netlink, const char *set, unsigned *count)
{
	struct elements e = { .count = 0 };
	enum err err;

	if ((err = ask_set(netlink, NFPROTO_INET, set, &e)) == ERR_OK)
		*count = e.count;
	return err;
}

/* FNV-1a: what it guards against is accidents; root in this namespace needs no collision. */
static uint64_t
digest(uint64_t sum, const void *data, size_t size_bytes)
{
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < size_bytes; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3u;
	return sum;
}

struct fingerprint {
	uint64_t sum;
	const uint16_t *attributes; /* to look at, ended by 0 */
};

static void
each_part(void *context, const struct nlmsghdr *message)
{
	struct fingerprint *f = context;
	const struct nlattr *attr;
	const uint16_t *type;

	for (type = f->attributes; *type != 0; type++)
		if ((attr = attribute(message, *type)) != NULL)
			f->sum = digest(f->sum, attr, attr->nla_len);
}

static enum err
add_part(
    struct netlink *netlink, struct nlmsghdr *request, const uint16_t *attributes, uint64_t *sum)
{
	struct fingerprint f = { *sum, attributes };
	enum err err;

	err = netlink_ask(netlink, request, each_part, &f);
	if (err == ERR_NOT_FOUND) {
		f.sum = digest(f.sum, "gone", 4);
		err = ERR_OK;
	}
	if (err == ERR_OK)
		*sum = f.sum;
	return err;
}

static enum err
once(struct netlink *netlink, uint64_t *out)
{
	static const struct {
		uint8_t family;
		const char *name;
	} chains[] = {
		{ NFPROTO_INET, "prerouting" },
		{ NFPROTO_INET, "output" },
		{ NFPROTO_INET, "postrouting" },
		{ NFPROTO_NETDEV, "ingress" },
		{ NFPROTO_NETDEV, "egress" },
	};
	static const uint8_t families[] = { NFPROTO_INET, NFPROTO_NETDEV };
	static const uint16_t of_table[] = { NFTA_TABLE_NAME, NFTA_TABLE_FLAGS, 0 };
	static const uint16_t of_chain[] = { NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY,
		NFTA_CHAIN_TYPE, 0 };
	static const uint16_t of_rule[] = { NFTA_RULE_CHAIN, NFTA_RULE_HANDLE,
		NFTA_RULE_EXPRESSIONS, 0 };
	uint64_t sum = 0xcbf29ce484222325u;
	uint8_t buffer[REQUEST_BYTES];
	struct nlmsghdr *request;
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; i < sizeof(families) && err == ERR_OK; i++) {
		request = nft_batch_request(netlink, buffer, NFT_MSG_GETTABLE, 0, families[i]);
		mnl_attr_put_strz(request, NFTA_TABLE_NAME, NFT_RULES_TABLE);
		err = add_part(netlink, request, of_table, &sum);
	}
	for (i = 0; i < sizeof(chains) / sizeof(chains[0]) && err == ERR_OK; i++) {
		request = nft_batch_request(netlink, buffer, NFT_MSG_GETCHAIN, 0, chains[i].family);
		mnl_attr_put_strz(request, NFTA_CHAIN_TABLE, NFT_RULES_TABLE);
		mnl_attr_put_strz(request, NFTA_CHAIN_NAME, chains[i].name);
		err = add_part(netlink, request, of_chain, &sum);
	}
	for (i = 0; i < sizeof(families) && err == ERR_OK; i++) {
		request =
		    nft_batch_request(netlink, buffer, NFT_MSG_GETRULE, NLM_F_DUMP, families[i]);
		mnl_attr_put_strz(request, NFTA_RULE_TABLE, NFT_RULES_TABLE);
		err = add_part(netlink, request, of_rule, &sum);
	}
	if (err == ERR_OK)
		*out = sum;
	return err;
}

enum err
nft_dump_fingerprint(struct netlink *netlink, uint64_t *out)
{
	enum err err = ERR_AGAIN;
	int i;

	for (i = 0; err == ERR_AGAIN && i < LIMIT_NETLINK_RETRIES; i++)
		err = once(netlink, out);
	return err;
}
