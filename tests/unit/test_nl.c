/*
 * test_nl: the pure half of nl: messages made by hand are parsed, each also cut short at every
 * length; changes are built and read back with libmnl. No socket, no privileges.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>

#include "nl_change.h"
#include "nl_parse.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

static _Alignas(struct nlmsghdr) uint8_t buf[4096];

static struct nlmsghdr *message(uint16_t type, size_t head, void **ret)
{
	struct nlmsghdr *h;

	memset(buf, 0, sizeof(buf));
	h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = type;
	*ret = mnl_nlmsg_put_extra_header(h, head);
	return h;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static void put_addr(struct nlmsghdr *h, uint16_t type, const char *text)
{
	struct addr a = addr(text);

	if (addr_family(&a) == AF_INET)
		mnl_attr_put(h, type, 4, a.b + 12);
	else
		mnl_attr_put(h, type, 16, a.b);
}

static void assert_addr(const struct addr *a, const char *text)
{
	char got[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(a, got), text);
}

static void assert_prefix(const struct prefix *p, const char *text)
{
	char got[ADDR_TEXT_MAX];

	assert_string_equal(prefix_format(p, got), text);
}

/*
 * Runs `parse` on copies of h that end after every possible number of bytes, each in memory of its
 * own, so that a sanitizer sees a read past the end (of the padding, which is the message's own).
 */
static void each_cut(const struct nlmsghdr *h, void (*parse)(const struct nlmsghdr *h))
{
	for (uint32_t len = sizeof(*h); len <= h->nlmsg_len; len++) {
		struct nlmsghdr *copy = calloc(1, NLMSG_ALIGN(len));

		memcpy(copy, h, len);
		copy->nlmsg_len = len;
		parse(copy);
		free(copy);
	}
}

/* --- links --- */

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x34};

static struct nlmsghdr *link_message(uint8_t family, unsigned flags, size_t mac_len)
{
	static const uint8_t long_mac[20] = {2, 0, 0, 0, 0, 0x34};
	struct ifinfomsg *ifi;
	void *head;
	struct nlmsghdr *h = message(RTM_NEWLINK, sizeof(*ifi), &head);

	ifi = head;
	ifi->ifi_family = family;
	ifi->ifi_index = 7;
	ifi->ifi_flags = flags;
	mnl_attr_put_strz(h, IFLA_IFNAME, "vif11.0");
	mnl_attr_put(h, IFLA_ADDRESS, mac_len, long_mac);
	mnl_attr_put_u32(h, IFLA_MTU, 1400);
	return h;
}

static void test_link(void **state)
{
	static const struct {
		unsigned flags;
		bool admin_up, running, noarp;
	} cases[] = {
		{0, false, false, false},
		{IFF_UP, true, false, false},
		{IFF_LOWER_UP, false, false, false},
		{IFF_UP | IFF_LOWER_UP, true, true, false},
		{IFF_UP | IFF_LOWER_UP | IFF_NOARP, true, true, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link l;

		assert_true(nl_parse_link(link_message(AF_UNSPEC, cases[i].flags, 6), &l));
		assert_int_equal(l.index, 7);
		assert_string_equal(l.name, "vif11.0");
		assert_memory_equal(l.mac, mac, sizeof(mac));
		assert_int_equal(l.mtu, 1400);
		assert_int_equal(l.admin_up, cases[i].admin_up);
		assert_int_equal(l.running, cases[i].running);
		assert_int_equal(l.noarp, cases[i].noarp);
	}
}

static void link_cut(const struct nlmsghdr *h)
{
	struct link l;

	if (nl_parse_link(h, &l))
		assert_string_equal(l.name, "vif11.0");
	else
		assert_true(h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)) + 12);
}

static void test_link_odd(void **state)
{
	static const uint8_t zero[6];
	struct link l = {.index = 99};
	struct ifinfomsg *ifi;
	struct nlmsghdr *h;
	void *head;

	(void)state;
	/* a bridge telling of its port is not the link */
	assert_false(nl_parse_link(link_message(AF_BRIDGE, IFF_UP, 6), &l));
	assert_int_equal(l.index, 99);
	/* an address of another kind is none */
	assert_true(nl_parse_link(link_message(AF_UNSPEC, IFF_UP, 20), &l));
	assert_memory_equal(l.mac, zero, sizeof(zero));
	/* no name, and a name without its end or too long */
	h = message(RTM_NEWLINK, sizeof(*ifi), &head);
	ifi = head;
	ifi->ifi_index = 7;
	assert_false(nl_parse_link(h, &l));
	mnl_attr_put(h, IFLA_IFNAME, 4, "abcd");
	assert_false(nl_parse_link(h, &l));
	mnl_attr_put_strz(h, IFLA_IFNAME, "a-name-of-16-chr");
	assert_false(nl_parse_link(h, &l));
	each_cut(link_message(AF_UNSPEC, IFF_UP, 6), link_cut);
}

/* N11, A07: the kernel says that everybody is to be told anew. */
static void test_link_event(void **state)
{
	static const struct {
		uint32_t event;
		bool notify;
	} cases[] = {
		{IFLA_EVENT_NONE, false},
		{IFLA_EVENT_REBOOT, false},
		{IFLA_EVENT_FEATURES, false},
		{IFLA_EVENT_BONDING_FAILOVER, true},
		{IFLA_EVENT_NOTIFY_PEERS, true},
		{IFLA_EVENT_IGMP_RESEND, true},
		{IFLA_EVENT_BONDING_OPTIONS, false},
		{UINT32_MAX, false},
	};
	struct nlmsghdr *h;
	struct link l;

	(void)state;
	assert_true(nl_parse_link(link_message(AF_UNSPEC, IFF_UP, 6), &l));
	assert_false(l.notify_peers);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		h = link_message(AF_UNSPEC, IFF_UP, 6);
		mnl_attr_put_u32(h, IFLA_EVENT, cases[i].event);
		assert_true(nl_parse_link(h, &l));
		assert_int_equal(l.notify_peers, cases[i].notify);
		each_cut(h, link_cut);
	}
	h = link_message(AF_UNSPEC, IFF_UP, 6);
	mnl_attr_put_u16(h, IFLA_EVENT, IFLA_EVENT_NOTIFY_PEERS); /* cut short */
	assert_true(nl_parse_link(h, &l));
	assert_false(l.notify_peers);
}

/* What it is to be heard on: a port of a bridge hears nothing, that of a bond or a vrf does. */
static void test_link_kind(void **state)
{
	static const struct {
		const char *slave_kind;
		bool bridged;
	} cases[] = {{"bridge", true}, {"openvswitch", true}, {"bond", false}, {"vrf", false},
		{"bridges", false}, {"", false}};
	struct nlattr *nest;
	struct nlmsghdr *h;
	struct link l;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		h = link_message(AF_UNSPEC, IFF_UP, 6);
		nest = mnl_attr_nest_start(h, IFLA_LINKINFO);
		mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
		mnl_attr_put_strz(h, IFLA_INFO_SLAVE_KIND, cases[i].slave_kind);
		mnl_attr_put(h, IFLA_INFO_SLAVE_DATA, 3, "abc");
		mnl_attr_nest_end(h, nest);
		assert_true(nl_parse_link(h, &l));
		assert_int_equal(l.bridged, cases[i].bridged);
		each_cut(h, link_cut);
	}
	h = link_message(AF_UNSPEC, IFF_UP, 6); /* a name without its end */
	nest = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put(h, IFLA_INFO_SLAVE_KIND, 6, "bridge");
	mnl_attr_nest_end(h, nest);
	assert_true(nl_parse_link(h, &l));
	assert_false(l.bridged);
}

static void test_link_type(void **state)
{
	static const struct {
		uint16_t type;
		bool ethernet;
	} cases[] = {{ARPHRD_ETHER, true}, {ARPHRD_NONE, false}, {ARPHRD_INFINIBAND, false},
		{ARPHRD_LOOPBACK, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nlmsghdr *h = link_message(AF_UNSPEC, IFF_UP, 6);
		struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);
		struct link l;

		ifi->ifi_type = cases[i].type;
		assert_true(nl_parse_link(h, &l));
		assert_int_equal(l.ethernet, cases[i].ethernet);
	}
}

/* The family's own message of a link, which is no link. */
static void test_link_family(void **state)
{
	struct nlmsghdr *h = link_message(AF_INET6, IFF_UP, 6);
	uint32_t index = 0;
	struct link l;

	(void)state;
	assert_false(nl_parse_link(h, &l));
	assert_false(nl_parse_family_up(h, AF_INET, &index));
	assert_int_equal(index, 0);
	assert_true(nl_parse_family_up(h, AF_INET6, &index));
	assert_int_equal(index, 7);
	h->nlmsg_type = RTM_DELLINK;
	assert_false(nl_parse_family_up(h, AF_INET6, &index));
	h = link_message(AF_UNSPEC, IFF_UP, 6);
	assert_false(nl_parse_family_up(h, AF_INET6, &index));
	h = link_message(AF_INET6, IFF_UP, 6);
	h->nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)) - 1;
	assert_false(nl_parse_family_up(h, AF_INET6, &index));
}

/* --- addresses --- */

struct address_case {
	const char *what;
	const char *local, *address; /* attributes; NULL: absent */
	uint8_t len;
	uint32_t flags;
	const char *own, *network; /* own NULL: no event */
	bool tentative, deprecated, temporary;
};

static struct nlmsghdr *address_message(const struct address_case *c, int family)
{
	struct ifaddrmsg *ifa;
	void *head;
	struct nlmsghdr *h = message(RTM_NEWADDR, sizeof(*ifa), &head);

	ifa = head;
	ifa->ifa_family = (uint8_t)family;
	ifa->ifa_prefixlen = c->len;
	ifa->ifa_flags = 0xff; /* the attribute counts */
	ifa->ifa_index = 3;
	if (c->address)
		put_addr(h, IFA_ADDRESS, c->address);
	if (c->local)
		put_addr(h, IFA_LOCAL, c->local);
	mnl_attr_put_u32(h, IFA_FLAGS, c->flags);
	return h;
}

static void check_address(const struct address_case *c, int family)
{
	struct hostaddr a;
	bool event = nl_parse_address(address_message(c, family), family, &a);

	if (event != (c->own != NULL))
		fail_msg("%s: event %d", c->what, event);
	if (!event)
		return;
	assert_int_equal(a.index, 3);
	assert_prefix(&a.prefix, c->own);
	assert_addr(&a.network, c->network);
	assert_int_equal(a.tentative, c->tentative);
	assert_int_equal(a.deprecated, c->deprecated);
	assert_int_equal(a.temporary, c->temporary);
}

static void test_address_v6(void **state)
{
	static const struct address_case cases[] = {
		{"plain", NULL, "2001:db8::3", 64, IFA_F_PERMANENT, "2001:db8::3/64",
			"2001:db8::", false, false, false},
		{"peer", "2001:db8:1::1", "2001:db8:2::1", 64, 0, "2001:db8:1::1/64",
			"2001:db8:2::", false, false, false},
		{"tentative", NULL, "fe80::1", 64, IFA_F_TENTATIVE, "fe80::1/64", "fe80::", true,
			false, false},
		{"optimistic", NULL, "fe80::1", 64, IFA_F_TENTATIVE | IFA_F_OPTIMISTIC,
			"fe80::1/64", "fe80::", false, false, false},
		{"failed", NULL, "fe80::1", 64, IFA_F_DADFAILED | IFA_F_OPTIMISTIC, "fe80::1/64",
			"fe80::", true, false, false},
		{"old", NULL, "2001:db8::3", 64, IFA_F_DEPRECATED | IFA_F_TEMPORARY,
			"2001:db8::3/64", "2001:db8::", false, true, true},
		{"exact", NULL, "2001:db8::3", 128, 0, "2001:db8::3", "2001:db8::3", false, false,
			false},
		{"too long", NULL, "2001:db8::3", 129, 0, NULL, NULL, false, false, false},
		{"of the other family", NULL, "192.0.2.1", 64, 0, NULL, NULL, false, false, false},
		{"none", NULL, NULL, 64, 0, NULL, NULL, false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_address(&cases[i], AF_INET6);
}

static void test_address_v4(void **state)
{
	static const struct address_case cases[] = {
		{"plain", "192.0.2.3", "192.0.2.3", 24, 0, "192.0.2.3/24", "192.0.2.0", false,
			false, false},
		{"peer", "192.0.2.3", "198.51.100.9", 24, 0, "192.0.2.3/24", "198.51.100.0", false,
			false, false},
		{"secondary", "192.0.2.3", "192.0.2.3", 24, IFA_F_SECONDARY, "192.0.2.3/24",
			"192.0.2.0", false, false, true},
		{"too long", "192.0.2.3", "192.0.2.3", 33, 0, NULL, NULL, false, false, false},
	};
	struct hostaddr a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_address(&cases[i], AF_INET);
	assert_false(nl_parse_address(address_message(&cases[0], AF_INET), AF_INET6, &a));
}

static void address_cut(const struct nlmsghdr *h)
{
	struct hostaddr a;

	if (nl_parse_address(h, AF_INET6, &a))
		assert_addr(&a.prefix.addr, "2001:db8::3");
	else
		assert_true(h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)) + 20);
}

static void test_address_cut(void **state)
{
	static const struct address_case c = {.address = "2001:db8::3", .len = 64};

	(void)state;
	each_cut(address_message(&c, AF_INET6), address_cut);
}

/* --- routes --- */

struct seen {
	struct route routes[8];
	unsigned n;
};

static void route_seen(void *ctx, const struct route *r)
{
	struct seen *s = ctx;

	assert_true(s->n < 8);
	s->routes[s->n++] = *r;
}

static struct seen parse_route(const struct nlmsghdr *h, int family, uint32_t table)
{
	struct seen s = {.n = 0};

	nl_parse_route(h, family, table, 250, route_seen, &s);
	return s;
}

static struct nlmsghdr *route_message(int family, uint8_t len, uint8_t type, uint8_t table)
{
	struct rtmsg *rtm;
	void *head;
	struct nlmsghdr *h = message(RTM_NEWROUTE, sizeof(*rtm), &head);

	rtm = head;
	rtm->rtm_family = (uint8_t)family;
	rtm->rtm_dst_len = len;
	rtm->rtm_type = type;
	rtm->rtm_table = table;
	rtm->rtm_protocol = 168;
	return h;
}

static void test_route(void **state)
{
	struct nlmsghdr *h = route_message(AF_INET6, 64, RTN_UNICAST, RT_TABLE_MAIN);
	struct seen s;

	(void)state;
	put_addr(h, RTA_DST, "2001:db8::");
	put_addr(h, RTA_GATEWAY, "fe80::1");
	put_addr(h, RTA_PREFSRC, "2001:db8::3");
	mnl_attr_put_u32(h, RTA_PRIORITY, 1024);
	mnl_attr_put_u32(h, RTA_OIF, 4);
	s = parse_route(h, AF_INET6, 254);
	assert_int_equal(s.n, 1);
	assert_prefix(&s.routes[0].dst, "2001:db8::/64");
	assert_addr(&s.routes[0].via, "fe80::1");
	assert_addr(&s.routes[0].source, "2001:db8::3");
	assert_int_equal(s.routes[0].metric, 1024);
	assert_int_equal(s.routes[0].oif, 4);
	assert_int_equal(s.routes[0].table, 254);
	assert_int_equal(s.routes[0].protocol, 168);
	assert_int_equal(s.routes[0].type, RTN_UNICAST);
	assert_int_equal(parse_route(h, AF_INET, 254).n, 0);
}

static void test_route_v4(void **state)
{
	struct nlmsghdr *h = route_message(AF_INET, 0, RTN_UNICAST, RT_TABLE_MAIN);
	struct {
		uint16_t family;
		uint8_t b[16];
	} via = {AF_INET6, {0xfe, 0x80, [15] = 9}};
	struct seen s;

	(void)state;
	/* no destination at all: the default route, whose length is that of the mapping */
	mnl_attr_put(h, RTA_VIA, sizeof(via), &via);
	mnl_attr_put_u32(h, RTA_OIF, 4);
	s = parse_route(h, AF_INET, 254);
	assert_int_equal(s.n, 1);
	assert_prefix(&s.routes[0].dst, "0.0.0.0/0");
	assert_int_equal(s.routes[0].dst.len, ADDR_V4_BITS);
	assert_addr(&s.routes[0].via, "fe80::9");
	assert_int_equal(s.routes[0].metric, 0);

	h = route_message(AF_INET, 33, RTN_UNICAST, RT_TABLE_MAIN);
	put_addr(h, RTA_DST, "192.0.2.1");
	assert_int_equal(parse_route(h, AF_INET, 254).n, 0);
}

static void test_route_selection(void **state)
{
	static const struct {
		const char *what;
		uint8_t type, table;
		uint32_t table_attr; /* 0: none */
		unsigned flags, src_len, events, oif;
	} cases[] = {
		{"main", RTN_UNICAST, 254, 0, 0, 0, 1, 4},
		{"ours", RTN_UNICAST, RT_TABLE_UNSPEC, 300, 0, 0, 1, 4},
		{"the attribute counts", RTN_UNICAST, 254, 301, 0, 0, 0, 0},
		{"another", RTN_UNICAST, 100, 0, 0, 0, 0, 0},
		{"local", RTN_UNICAST, 255, 0, 0, 0, 0, 0},
		{"local, by type", RTN_LOCAL, 254, 0, 0, 0, 1, 0},
		{"throw", RTN_THROW, 254, 0, 0, 0, 1, 0},
		{"multicast", RTN_MULTICAST, 254, 0, 0, 0, 0, 0},
		{"blackhole", RTN_BLACKHOLE, 254, 0, 0, 0, 1, 0},
		{"unreachable", RTN_UNREACHABLE, 254, 0, 0, 0, 1, 0},
		{"prohibit", RTN_PROHIBIT, 254, 0, 0, 0, 1, 0},
		{"cloned", RTN_UNICAST, 254, 0, RTM_F_CLONED, 0, 0, 0},
		{"by source", RTN_UNICAST, 254, 0, 0, 32, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nlmsghdr *h = route_message(AF_INET6, 128, cases[i].type, cases[i].table);
		struct rtmsg *rtm = mnl_nlmsg_get_payload(h);
		struct seen s;

		rtm->rtm_flags = cases[i].flags;
		rtm->rtm_src_len = (uint8_t)cases[i].src_len;
		put_addr(h, RTA_DST, "2001:db8::34");
		mnl_attr_put_u32(h, RTA_OIF, 4);
		if (cases[i].table_attr)
			mnl_attr_put_u32(h, RTA_TABLE, cases[i].table_attr);
		s = parse_route(h, AF_INET6, 300);
		if (s.n != cases[i].events)
			fail_msg("%s: %u events", cases[i].what, s.n);
		if (s.n > 0 && s.routes[0].oif != cases[i].oif)
			fail_msg("%s: oif %u", cases[i].what, s.routes[0].oif);
	}
}

/* Two next hops: through 4 with fe80::1, through 5 with fe80::2. */
static struct nlmsghdr *multipath_message(uint8_t len)
{
	struct nlmsghdr *h = route_message(AF_INET6, len, RTN_UNICAST, RT_TABLE_MAIN);
	struct nlattr *nest;

	if (len > 0)
		put_addr(h, RTA_DST, "2001:db8::");
	nest = mnl_attr_nest_start(h, RTA_MULTIPATH);
	for (int i = 0; i < 2; i++) {
		struct rtnexthop *nh = mnl_nlmsg_get_payload_tail(h);

		nh->rtnh_ifindex = 4 + i;
		h->nlmsg_len += sizeof(*nh);
		put_addr(h, RTA_GATEWAY, i == 0 ? "fe80::1" : "fe80::2");
		nh->rtnh_len = (uint16_t)((uint8_t *)mnl_nlmsg_get_payload_tail(h) - (uint8_t *)nh);
	}
	mnl_attr_nest_end(h, nest);
	return h;
}

static void multipath_cut(const struct nlmsghdr *h)
{
	struct seen s = parse_route(h, AF_INET6, 254);

	for (unsigned i = 0; i < s.n; i++)
		assert_true(s.routes[i].oif == 0 || s.routes[i].oif == 4 + i);
}

static void test_route_multipath(void **state)
{
	struct nlmsghdr *h = multipath_message(0);
	struct seen s = parse_route(h, AF_INET6, 254);
	struct rtnexthop *nh =
		(void *)(buf + NLMSG_LENGTH(sizeof(struct rtmsg)) + sizeof(struct nlattr));

	(void)state;
	assert_int_equal(s.n, 2);
	assert_int_equal(s.routes[0].oif, 4);
	assert_addr(&s.routes[0].via, "fe80::1");
	assert_int_equal(s.routes[1].oif, 5);
	assert_addr(&s.routes[1].via, "fe80::2");
	each_cut(h, multipath_cut);
	/* a next hop of length 0, and one past the end */
	nh->rtnh_len = 0;
	assert_int_equal(parse_route(h, AF_INET6, 254).n, 0);
	nh->rtnh_len = 1000;
	assert_int_equal(parse_route(h, AF_INET6, 254).n, 0);

	s = parse_route(multipath_message(64), AF_INET6, 254);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.routes[0].oif, 0);

	/* of ours each next hop is told */
	h = multipath_message(64);
	((struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_protocol = 250;
	s = parse_route(h, AF_INET6, 254);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.routes[1].oif, 5);
}

static void nexthop_cut(const struct nlmsghdr *h)
{
	uint32_t id = 7;

	assert_true(!nl_parse_nexthop(h, &id) || id == 7);
}

static void test_nexthop(void **state)
{
	void *head;
	struct nlmsghdr *h = message(RTM_DELNEXTHOP, sizeof(struct nhmsg), &head);
	uint32_t id = 0;

	(void)state;
	assert_false(nl_parse_nexthop(h, &id));
	mnl_attr_put_u32(h, NHA_ID, 7);
	assert_true(nl_parse_nexthop(h, &id));
	assert_int_equal(id, 7);
	each_cut(h, nexthop_cut);

	h = route_message(AF_INET6, 128, RTN_UNICAST, RT_TABLE_MAIN);
	put_addr(h, RTA_DST, "2001:db8::34");
	mnl_attr_put_u32(h, RTA_NH_ID, 7);
	assert_int_equal(parse_route(h, AF_INET6, 254).routes[0].nexthop, 7);
}

static void route_cut(const struct nlmsghdr *h)
{
	struct seen s = parse_route(h, AF_INET6, 254);

	if (s.n > 0)
		assert_prefix(&s.routes[0].dst, "2001:db8::34");
	else
		assert_true(h->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)) + 20);
}

static void test_route_cut(void **state)
{
	struct nlmsghdr *h = route_message(AF_INET6, 128, RTN_UNICAST, RT_TABLE_MAIN);

	(void)state;
	put_addr(h, RTA_DST, "2001:db8::34");
	mnl_attr_put_u32(h, RTA_OIF, 4);
	put_addr(h, RTA_GATEWAY, "fe80::1");
	each_cut(h, route_cut);
	/* of a length that no address has */
	h = route_message(AF_INET6, 128, RTN_UNICAST, RT_TABLE_MAIN);
	mnl_attr_put(h, RTA_DST, 3, "abc");
	assert_int_equal(parse_route(h, AF_INET6, 254).n, 0);
}

/* --- acknowledgements --- */

static struct nlmsghdr *ack_message(int error, unsigned flags, size_t echo)
{
	struct nlmsgerr *e;
	void *head;
	struct nlmsghdr *h = message(NLMSG_ERROR, sizeof(*e), &head);

	e = head;
	e->error = error;
	e->msg.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + 28);
	h->nlmsg_flags = (uint16_t)flags;
	if (echo)
		mnl_nlmsg_put_extra_header(h, echo);
	return h;
}

static void ack_cut(const struct nlmsghdr *h)
{
	const char *text;
	int err;

	if (nl_parse_ack(h, &err, &text))
		assert_true(!*text || strcmp(text, "Invalid gateway") == 0);
	else
		assert_true(h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)));
}

static void test_ack(void **state)
{
	const char *text;
	struct nlmsghdr *h;
	int err;

	(void)state;
	assert_true(nl_parse_ack(ack_message(0, 0, 0), &err, &text));
	assert_int_equal(err, 0);
	assert_string_equal(text, "");
	assert_true(nl_parse_ack(ack_message(-17, NLM_F_CAPPED, 0), &err, &text));
	assert_int_equal(err, -17);
	/* the kernel's words, with the request echoed before them and without */
	h = ack_message(-22, NLM_F_CAPPED | NLM_F_ACK_TLVS, 0);
	mnl_attr_put_strz(h, NLMSGERR_ATTR_MSG, "Invalid gateway");
	assert_true(nl_parse_ack(h, &err, &text));
	assert_string_equal(text, "Invalid gateway");
	each_cut(h, ack_cut);
	h = ack_message(-22, NLM_F_ACK_TLVS, 28);
	mnl_attr_put_strz(h, NLMSGERR_ATTR_MSG, "Invalid gateway");
	assert_true(nl_parse_ack(h, &err, &text));
	assert_string_equal(text, "Invalid gateway");
	each_cut(h, ack_cut);
	/* words without an end, an echo that is not there, and no acknowledgement at all */
	h = ack_message(-22, NLM_F_CAPPED | NLM_F_ACK_TLVS, 0);
	mnl_attr_put(h, NLMSGERR_ATTR_MSG, 3, "abc");
	assert_true(nl_parse_ack(h, &err, &text));
	assert_string_equal(text, "");
	h = ack_message(-22, NLM_F_ACK_TLVS, 0);
	assert_true(nl_parse_ack(h, &err, &text));
	assert_string_equal(text, "");
	h->nlmsg_type = NLMSG_DONE;
	assert_false(nl_parse_ack(h, &err, &text));
}

/* --- changes --- */

static const struct nlattr *attr_find(const struct nlmsghdr *h, uint16_t type)
{
	struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(a) == type)
			return a;
	}
	return NULL;
}

static struct route host_route(const char *dst)
{
	return (struct route){
		.dst = prefix(dst),
		.table = 254,
		.metric = 1024,
		.oif = 4,
		.protocol = 168,
		.type = RTN_UNICAST,
	};
}

/* What is added is what comes back in the kernel's event. */
static void test_change_add(void **state)
{
	struct route r = host_route("2001:db8::34");
	const struct nlmsghdr *h;
	struct seen s;

	(void)state;
	r.via = addr("2001:db8::7");
	r.source = addr("2001:db8::3");
	r.table = 300;
	h = nl_change_build(buf, AF_INET6, NL_ROUTE_ADD, &r, 5);
	assert_int_equal(h->nlmsg_type, RTM_NEWROUTE);
	assert_int_equal(h->nlmsg_seq, 5);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	assert_int_equal(
		((const struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_table, RT_TABLE_UNSPEC);
	s = parse_route(h, AF_INET6, 300);
	assert_int_equal(s.n, 1);
	assert_prefix(&s.routes[0].dst, "2001:db8::34");
	assert_addr(&s.routes[0].via, "2001:db8::7");
	assert_addr(&s.routes[0].source, "2001:db8::3");
	assert_int_equal(s.routes[0].table, 300);
	assert_int_equal(s.routes[0].metric, 1024);
	assert_int_equal(s.routes[0].oif, 4);
	assert_int_equal(s.routes[0].protocol, 168);
	assert_true(h->nlmsg_len <= NL_CHANGE_SIZE);
}

static void test_change_scope(void **state)
{
	static const struct {
		const char *dst, *via;
		uint8_t scope;
	} cases[] = {
		{"192.0.2.5", "0.0.0.0", RT_SCOPE_LINK},
		{"192.0.2.0/28", "192.0.2.5", RT_SCOPE_UNIVERSE},
		{"2001:db8::5", "::", RT_SCOPE_UNIVERSE},
		{"2001:db8:1::/64", "2001:db8::5", RT_SCOPE_UNIVERSE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct route r = host_route(cases[i].dst);
		int family = addr_family(&r.dst.addr);
		const struct nlmsghdr *h;
		struct seen s;

		r.via = addr(cases[i].via);
		h = nl_change_build(buf, family, NL_ROUTE_ADD, &r, 1);
		assert_int_equal(((const struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_scope,
			cases[i].scope);
		s = parse_route(h, family, 254);
		assert_int_equal(s.n, 1);
		assert_prefix(&s.routes[0].dst, cases[i].dst);
		assert_int_equal(
			addr_is_unspecified(&s.routes[0].via), addr_is_unspecified(&r.via));
		assert_null(attr_find(h, RTA_PREFSRC));
	}
}

/* Deleted by destination, protocol, metric, table and interface: K05. */
static void test_change_del(void **state)
{
	struct route r = host_route("192.0.2.5");
	const struct nlmsghdr *h;
	const struct rtmsg *rtm;

	(void)state;
	r.via = addr("192.0.2.9");
	r.source = addr("192.0.2.3");
	h = nl_change_build(buf, AF_INET, NL_ROUTE_DEL, &r, 1);
	rtm = mnl_nlmsg_get_payload(h);
	assert_int_equal(h->nlmsg_type, RTM_DELROUTE);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	assert_int_equal(rtm->rtm_dst_len, 32);
	assert_int_equal(rtm->rtm_protocol, 168);
	assert_int_equal(rtm->rtm_table, 254);
	assert_int_equal(rtm->rtm_scope, RT_SCOPE_NOWHERE);
	assert_int_equal(mnl_attr_get_u32(attr_find(h, RTA_PRIORITY)), 1024);
	assert_int_equal(mnl_attr_get_u32(attr_find(h, RTA_OIF)), 4);
	assert_int_equal(mnl_attr_get_u32(attr_find(h, RTA_TABLE)), 254);
	assert_non_null(attr_find(h, RTA_GATEWAY)); /* this next hop, and no other */
	assert_null(attr_find(h, RTA_PREFSRC));
	/* a next hop object excludes both */
	r.nexthop = 9;
	h = nl_change_build(buf, AF_INET, NL_ROUTE_DEL, &r, 1);
	assert_int_equal(mnl_attr_get_u32(attr_find(h, RTA_NH_ID)), 9);
	assert_null(attr_find(h, RTA_GATEWAY));
	assert_null(attr_find(h, RTA_OIF));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_link_odd),
		cmocka_unit_test(test_link_event),
		cmocka_unit_test(test_link_kind),
		cmocka_unit_test(test_link_type),
		cmocka_unit_test(test_link_family),
		cmocka_unit_test(test_address_v6),
		cmocka_unit_test(test_address_v4),
		cmocka_unit_test(test_address_cut),
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_route_v4),
		cmocka_unit_test(test_route_selection),
		cmocka_unit_test(test_route_multipath),
		cmocka_unit_test(test_nexthop),
		cmocka_unit_test(test_route_cut),
		cmocka_unit_test(test_ack),
		cmocka_unit_test(test_change_add),
		cmocka_unit_test(test_change_scope),
		cmocka_unit_test(test_change_del),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
