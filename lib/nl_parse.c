/* nl_parse: see nl_parse.h. */
#include "nl_parse.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* libmnl's own mnl_attr_for_each() takes the padding after nlmsg_len for a part of the message. */
#define attr_for_each(h, head)     \
	mnl_attr_for_each_payload( \
		mnl_nlmsg_get_payload_offset((h), (head)), (h)->nlmsg_len - NLMSG_LENGTH(head))

/* The fixed part of a message, or NULL where it is cut short. */
static const void *message_head(const struct nlmsghdr *h, size_t size)
{
	return h->nlmsg_len < NLMSG_LENGTH(size) ? NULL : mnl_nlmsg_get_payload(h);
}

static unsigned family_bits(int family)
{
	return family == AF_INET ? 32 : ADDR_BITS;
}

static uint8_t prefix_bits(int family, uint8_t len)
{
	return (uint8_t)(family == AF_INET ? ADDR_V4_BITS + len : len);
}

static bool bytes_addr(const uint8_t *b, size_t len, int family, struct addr *ret)
{
	if (family == AF_INET && len == 4)
		*ret = addr_from_v4(b);
	else if (family == AF_INET6 && len == 16)
		*ret = addr_from_v6(b);
	else
		return false;
	return true;
}

static bool attr_addr(const struct nlattr *a, int family, struct addr *ret)
{
	return bytes_addr(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), family, ret);
}

static bool attr_u32(const struct nlattr *a, uint32_t *ret)
{
	if (mnl_attr_get_payload_len(a) < sizeof(*ret))
		return false;
	*ret = mnl_attr_get_u32(a);
	return true;
}

static bool attr_is(const struct nlattr *a, const char *text)
{
	return mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0 &&
	       strcmp(mnl_attr_get_str(a), text) == 0;
}

/* IFLA_LINKINFO. The ports of other masters (bond, vrf) are heard as any interface is. */
static bool linkinfo_bridged(const struct nlattr *info)
{
	const struct nlattr *attr;
	bool bridged = false;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND)
			bridged = attr_is(attr, "bridge") || attr_is(attr, "openvswitch");
	}
	return bridged;
}

/* IFLA_EVENT: the kernel's own reasons to tell everybody anew where its addresses are. */
static bool event_notifies_peers(const struct nlattr *a)
{
	uint32_t event;

	return attr_u32(a, &event) &&
	       (event == IFLA_EVENT_BONDING_FAILOVER || event == IFLA_EVENT_NOTIFY_PEERS ||
		       event == IFLA_EVENT_IGMP_RESEND);
}

bool nl_parse_link(const struct nlmsghdr *h, struct link *ret)
{
	const struct ifinfomsg *ifi = message_head(h, sizeof(*ifi));
	struct nlattr *attr;
	struct link l = {0};

	if (!ifi || ifi->ifi_family != AF_UNSPEC || ifi->ifi_index <= 0)
		return false; /* AF_BRIDGE tells of a bridge's port, not of the link */
	l.index = (uint32_t)ifi->ifi_index;
	l.admin_up = ifi->ifi_flags & IFF_UP;
	l.running = l.admin_up && (ifi->ifi_flags & IFF_LOWER_UP);
	l.noarp = ifi->ifi_flags & IFF_NOARP;
	l.ethernet = ifi->ifi_type == ARPHRD_ETHER;
	attr_for_each(h, sizeof(*ifi))
	{
		size_t len = mnl_attr_get_payload_len(attr);

		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			if (len <= sizeof(l.name) &&
				mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
				strcpy(l.name, mnl_attr_get_str(attr));
			break;
		case IFLA_ADDRESS:
			if (len == sizeof(l.mac))
				memcpy(l.mac, mnl_attr_get_payload(attr), len);
			break;
		case IFLA_MTU: attr_u32(attr, &l.mtu); break;
		case IFLA_LINKINFO: l.bridged = linkinfo_bridged(attr); break;
		case IFLA_EVENT: l.notify_peers = event_notifies_peers(attr); break;
		}
	}
	if (!l.name[0])
		return false;
	*ret = l;
	return true;
}

bool nl_parse_family_up(const struct nlmsghdr *h, int family, uint32_t *index)
{
	const struct ifinfomsg *ifi = message_head(h, sizeof(*ifi));

	if (!ifi || h->nlmsg_type != RTM_NEWLINK || ifi->ifi_family != family ||
		ifi->ifi_index <= 0)
		return false;
	*index = (uint32_t)ifi->ifi_index;
	return true;
}

/*
 * IFA_LOCAL is the own address and IFA_ADDRESS the peer's. Without a peer, IPv4 has both and they
 * are equal, and IPv6 has IFA_ADDRESS alone.
 */
bool nl_parse_address(const struct nlmsghdr *h, int family, struct hostaddr *ret)
{
	const struct ifaddrmsg *ifa = message_head(h, sizeof(*ifa));
	bool has_local = false, has_address = false;
	struct addr local, address;
	struct nlattr *attr;
	struct hostaddr i = {0};
	uint32_t flags;

	if (!ifa || ifa->ifa_family != family || ifa->ifa_prefixlen > family_bits(family) ||
		ifa->ifa_index == 0)
		return false;
	flags = ifa->ifa_flags;
	attr_for_each(h, sizeof(*ifa))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFA_LOCAL: has_local = attr_addr(attr, family, &local); break;
		case IFA_ADDRESS: has_address = attr_addr(attr, family, &address); break;
		case IFA_FLAGS: attr_u32(attr, &flags); break;
		}
	}
	if (!has_local && !has_address)
		return false;
	i.index = ifa->ifa_index;
	i.prefix.addr = has_local ? local : address;
	i.prefix.len = prefix_bits(family, ifa->ifa_prefixlen);
	i.network = prefix_network(has_address ? &address : &local, i.prefix.len).addr;
	i.tentative = (flags & IFA_F_DADFAILED) ||
		      ((flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC));
	i.deprecated = flags & IFA_F_DEPRECATED;
	i.temporary = flags & IFA_F_TEMPORARY; /* for IPv4 the same bit: secondary */
	*ret = i;
	return true;
}

bool nl_parse_proxy(const struct nlmsghdr *h, int family, struct addr *a, uint32_t *index)
{
	const struct ndmsg *ndm = message_head(h, sizeof(*ndm));
	struct nlattr *attr;
	bool found = false;

	if (!ndm || ndm->ndm_family != family || !(ndm->ndm_flags & NTF_PROXY))
		return false;
	attr_for_each(h, sizeof(*ndm))
	{
		if (mnl_attr_get_type(attr) == NDA_DST)
			found = attr_addr(attr, family, a);
	}
	if (found)
		*index = (uint32_t)ndm->ndm_ifindex;
	return found;
}

bool nl_parse_nexthop(const struct nlmsghdr *h, uint32_t *id)
{
	struct nlattr *attr;

	if (!message_head(h, sizeof(struct nhmsg)))
		return false;
	attr_for_each(h, sizeof(struct nhmsg))
	{
		if (mnl_attr_get_type(attr) == NHA_ID)
			return attr_u32(attr, id);
	}
	return false;
}

/* RTA_VIA: a next hop of another family than the route's (RFC 8950 section 3). */
static bool attr_via(const struct nlattr *a, struct addr *ret)
{
	const uint8_t *b = mnl_attr_get_payload(a);
	size_t len = mnl_attr_get_payload_len(a);
	uint16_t family;

	if (len < sizeof(family))
		return false;
	memcpy(&family, b, sizeof(family));
	return bytes_addr(b + sizeof(family), len - sizeof(family), family, ret);
}

static void nexthop_attr(const struct nlattr *a, int family, struct route *r)
{
	switch (mnl_attr_get_type(a)) {
	case RTA_GATEWAY: attr_addr(a, family, &r->via); break;
	case RTA_VIA: attr_via(a, &r->via); break;
	}
}

static bool route_is_default(const struct route *r, int family)
{
	return r->dst.len == prefix_bits(family, 0);
}

static void nexthops_each(const struct nlattr *multipath, int family, const struct route *base,
	void (*each)(void *ctx, const struct route *r), void *ctx)
{
	uint8_t *p = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);

	while (left >= sizeof(struct rtnexthop)) {
		struct route r = *base;
		struct rtnexthop nh;
		struct nlattr *attr;
		void *attrs = p + sizeof(nh);
		size_t step;

		memcpy(&nh, p, sizeof(nh));
		if (nh.rtnh_len < sizeof(nh) || nh.rtnh_len > left)
			return;
		r.oif = (uint32_t)nh.rtnh_ifindex;
		r.replaces &= p == mnl_attr_get_payload(multipath); /* the others belong to it */
		mnl_attr_for_each_payload(attrs, nh.rtnh_len - sizeof(nh))
			nexthop_attr(attr, family, &r);
		each(ctx, &r);
		step = NLMSG_ALIGN((size_t)nh.rtnh_len);
		if (step >= left)
			return;
		p += step;
		left -= step;
	}
}

/* Fills in what the whole route has; returns its RTA_MULTIPATH through *multipath. */
static bool route_read(const struct nlmsghdr *h, const struct rtmsg *rtm, struct route *r,
	const struct nlattr **multipath)
{
	int family = rtm->rtm_family;
	bool has_dst = rtm->rtm_dst_len == 0;
	struct nlattr *attr;

	attr_for_each(h, sizeof(*rtm))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST: has_dst = attr_addr(attr, family, &r->dst.addr); break;
		case RTA_TABLE: attr_u32(attr, &r->table); break;
		case RTA_PRIORITY: attr_u32(attr, &r->metric); break;
		case RTA_OIF: attr_u32(attr, &r->oif); break;
		case RTA_PREFSRC: attr_addr(attr, family, &r->source); break;
		case RTA_NH_ID: attr_u32(attr, &r->nexthop); break;
		case RTA_MULTIPATH: *multipath = attr; break;
		default: nexthop_attr(attr, family, r); break;
		}
	}
	return has_dst;
}

/* Whatever stands where a host route of ours would: blackhole, throw, local ... have no way out. */
static bool route_type_wanted(uint8_t type)
{
	return type != RTN_MULTICAST && type != RTN_BROADCAST;
}

void nl_parse_route(const struct nlmsghdr *h, int family, uint32_t table, uint8_t protocol,
	void (*each)(void *ctx, const struct route *r), void *ctx)
{
	static const uint8_t zero[4];
	const struct rtmsg *rtm = message_head(h, sizeof(*rtm));
	const struct nlattr *multipath = NULL;
	struct route r = {0};

	if (!rtm || rtm->rtm_family != family || rtm->rtm_dst_len > family_bits(family) ||
		rtm->rtm_src_len != 0 || rtm->rtm_tos != 0 || (rtm->rtm_flags & RTM_F_CLONED) ||
		!route_type_wanted(rtm->rtm_type))
		return;
	r.dst.addr = family == AF_INET ? addr_from_v4(zero) : addr_any;
	r.dst.len = prefix_bits(family, rtm->rtm_dst_len);
	r.table = rtm->rtm_table;
	r.protocol = rtm->rtm_protocol;
	r.type = rtm->rtm_type;
	r.replaces = h->nlmsg_type == RTM_NEWROUTE && (h->nlmsg_flags & NLM_F_REPLACE);
	if (!route_read(h, rtm, &r, &multipath))
		return;
	if (r.table == RT_TABLE_LOCAL ||
		(r.table != RT_TABLE_MAIN && r.table != table && r.protocol != protocol))
		return;
	if (r.type != RTN_UNICAST)
		r.oif = 0; /* IPv6 names the loopback interface there */
	if (!multipath) {
		each(ctx, &r);
	} else if (route_is_default(&r, family) || r.protocol == protocol) {
		nexthops_each(multipath, family, &r, each, ctx);
	} else {
		r.oif = 0;
		each(ctx, &r);
	}
}

bool nl_parse_ack(const struct nlmsghdr *h, int *err, const char **text)
{
	const struct nlmsgerr *e = message_head(h, sizeof(*e));
	size_t echoed, offset;
	struct nlattr *attr;

	if (!e || h->nlmsg_type != NLMSG_ERROR)
		return false;
	*err = e->error;
	*text = "";
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return true;
	/* the request is echoed after its header, unless NETLINK_CAP_ACK spared us that */
	echoed = 0;
	if (!(h->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > NLMSG_HDRLEN)
		echoed = e->msg.nlmsg_len - NLMSG_HDRLEN;
	offset = sizeof(*e) + NLMSG_ALIGN(echoed);
	if (NLMSG_LENGTH(offset) > h->nlmsg_len)
		return true;
	attr_for_each(h, offset)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
			mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			*text = mnl_attr_get_str(attr);
	}
	return true;
}
