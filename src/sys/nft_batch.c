#include "sys/nft_batch.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include "base/limits.h"
#include "sys/nft_rules.h"

/* MNL_ALIGN() without its signed mask. */
static size_t
padded(const struct nlmsghdr *header)
{
	return (header->nlmsg_len + 3u) & ~(size_t)3;
}

static struct nlmsghdr *
put(struct netlink *netlink, void *buffer, uint16_t type, uint16_t flags, uint8_t family,
    uint16_t resource)
{
	struct nlmsghdr *header;
	struct nfgenmsg *about;

	header = netlink_message(netlink, buffer, type, (uint16_t)(NLM_F_REQUEST | flags));
	about = mnl_nlmsg_put_extra_header(header, sizeof(*about));
	about->nfgen_family = family;
	about->version = NFNETLINK_V0;
	about->res_id = htons(resource);
	return header;
}

struct nlmsghdr *
nft_batch_request(
    struct netlink *netlink, void *buffer, uint16_t type, uint16_t flags, uint8_t family)
{
	return put(netlink, buffer, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, family, 0);
}

static struct nlmsghdr *
message(struct nft_batch *b, uint16_t type, uint16_t flags, uint8_t family)
{
	assert(b->count < NFT_BATCH_MESSAGES);
	b->last = nft_batch_request(b->netlink, b->buffer + b->used_bytes, type, flags, family);
	b->errors[b->count] = 0;
	b->sequences[b->count++] = b->last->nlmsg_seq;
	return b->last;
}

static void
finish(struct nft_batch *b)
{
	b->used_bytes += padded(b->last);
	assert(b->used_bytes < NFT_BATCH_BYTES);
}

void
nft_batch_begin(struct nft_batch *b)
{
	struct nlmsghdr *header;

	b->count = 0;
	b->last = NULL;
	header =
	    put(b->netlink, b->buffer, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	b->begin = header->nlmsg_seq;
	b->used_bytes = padded(header);
}

void
nft_batch_table(struct nft_batch *b, uint16_t type, uint16_t flags, uint8_t family,
    const char *name, uint32_t table_flags)
{
	struct nlmsghdr *header = message(b, type, flags, family);

	mnl_attr_put_strz(header, NFTA_TABLE_NAME, name);
	if (table_flags != 0)
		mnl_attr_put_u32(header, NFTA_TABLE_FLAGS, htonl(table_flags));
	finish(b);
}

const char *
nft_batch_set(const struct nft_element *element, uint8_t *family)
{
	bool sever = element->set == NFT_SEVER;

	*family = element->is_mac ? NFPROTO_NETDEV : NFPROTO_INET;
	if (element->is_mac)
		return sever ? "sever" : "cut";
	if (element->address.family == 4)
		return sever ? "sever4" : "cut4";
	return sever ? "sever6" : "cut6";
}

static void
put_key(struct nlmsghdr *header, const void *key, size_t size_bytes)
{
	struct nlattr *nest = mnl_attr_nest_start(header, NFTA_SET_ELEM_KEY);

	mnl_attr_put(header, NFTA_DATA_VALUE, size_bytes, key);
	mnl_attr_nest_end(header, nest);
}

void
nft_batch_element(
    struct nft_batch *b, uint16_t type, uint16_t flags, const struct nft_element *element)
{
	struct nlattr *list, *one;
	struct nlmsghdr *header;
	const char *set;
	uint8_t family;

	set = nft_batch_set(element, &family);
	header = message(b, type, flags, family);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, NFT_RULES_TABLE);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);
	one = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
	if (element->is_mac)
		put_key(header, element->mac.bytes, sizeof(element->mac.bytes));
	else
		put_key(header, element->address.bytes, element->address.family == 4 ? 4 : 16);
	if (type == NFT_MSG_NEWSETELEM && element->timeout_ms > 0)
		mnl_attr_put_u64(header, NFTA_SET_ELEM_TIMEOUT, htobe64(element->timeout_ms));
	mnl_attr_nest_end(header, one);
	mnl_attr_nest_end(header, list);
	finish(b);
}

void
nft_batch_lock(struct nft_batch *b, const char *set, bool add)
{
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	struct nlattr *list, *one;
	struct nlmsghdr *header;
	size_t i;

	header = message(
	    b, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, add ? NLM_F_CREATE : 0, NFPROTO_INET);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, NFT_RULES_TABLE);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, set);
	/* Without a list of elements, the deletion is of all. */
	if (add) {
		list = mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (i = 0; i < sizeof(families); i++) {
			one = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
			put_key(header, &families[i], sizeof(families[i]));
			mnl_attr_nest_end(header, one);
		}
		mnl_attr_nest_end(header, list);
	}
	finish(b);
}

/* Which error explains a batch?  One about the batch as a whole goes first. */
static enum err
collect(struct nft_batch *b)
{
	uint32_t sequence, last = b->sequences[b->count - 1];
	enum err whole = ERR_OK, err;
	int error, first = 0;
	size_t i;

	for (;;) {
		err = netlink_answer(b->netlink, b->begin, last, &sequence, &error);
		/* Nothing more waits, and the last acknowledgement never came: it was not reached. */
		if (err == ERR_AGAIN)
			break;
		if (err != ERR_OK)
			return err;
		for (i = 0; i < b->count && b->sequences[i] != sequence; i++)
			;
		if (error != 0 && i == b->count)
			whole = netlink_err(error);
		else if (error != 0) {
			b->errors[i] = error;
			first = first == 0 ? error : first;
		}
		if (sequence == last)
			return whole != ERR_OK ? whole : netlink_err(first);
	}
	if (whole != ERR_OK)
		return whole;
	return first != 0 ? netlink_err(first) : ERR_AGAIN;
}

enum err
nft_batch_commit(struct nft_batch *b)
{
	struct nlmsghdr *end;
	enum err err;

	assert(b->count > 0);
	b->last->nlmsg_flags |= NLM_F_ACK;
	end = put(b->netlink, b->buffer + b->used_bytes, NFNL_MSG_BATCH_END, 0, AF_UNSPEC,
	    NFNL_SUBSYS_NFTABLES);
	b->used_bytes += padded(end);
	if ((err = netlink_send(b->netlink, b->buffer, b->used_bytes)) != ERR_OK)
		return err;
	return collect(b);
}
