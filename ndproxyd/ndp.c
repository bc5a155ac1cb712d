/*
 * ndp: Neighbor Solicitations and Advertisements, from and to whole Ethernet frames.
 *
 * Decoding walks down: Ethernet, IPv6 and its extension headers, ICMPv6, options; the first thing
 * that is wrong is the verdict, and nothing is stored before all is read. No byte is looked at
 * but through a cursor. Encoding builds the whole frame, so that no neighbour lookup of the kernel
 * is ever needed to send (N06).
 */
#include "ndp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "cursor.h"

#define ETH_IPV6          0x86dd
#define HOP_LIMIT         255 /* RFC 4861 section 7.1: anything less has passed a router */
#define NEXT_HOPOPTS      0
#define NEXT_ROUTING      43
#define NEXT_FRAGMENT     44
#define NEXT_ICMP6        58
#define NEXT_DSTOPTS      60
#define EXTENSIONS_MAX    8 /* N15: a bounded chain */
#define TYPE_RA           134
#define TYPE_NS           135
#define TYPE_NA           136
#define MESSAGE_MIN       24 /* NS and NA: 8 bytes, and the target */
#define FLAG_ROUTER       0x80
#define FLAG_SOLICITED    0x40
#define FLAG_OVERRIDE     0x20
#define OPTION_SLLAO      1
#define OPTION_TLLAO      2
#define OPTION_NONCE      14
#define OPTION_UNIT       8
#define NA_FRAME_LEN      86 /* 14 Ethernet, 40 IPv6, 24 NA, 8 TLLAO */
#define NA_PAYLOAD        32
#define NS_FRAME_LEN      78 /* without an option */
#define NS_PAYLOAD        24
#define ANNOUNCE_INTERVAL 1000 /* RFC 4861 RetransTimer; N11 */
#define PROBES            1    /* RFC 4862 section 5.1 DupAddrDetectTransmits */

static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 0x01};
static const uint8_t solicited_node[13] = {0xff, 0x02, [11] = 0x01, 0xff}; /* and 24 bits */
static const uint8_t all_nodes_mac[MAC_LEN] = {0x33, 0x33, 0, 0, 0, 0x01};

struct ip6 {
	struct addr src, dst;
	uint8_t next, hop_limit;
	struct cursor payload;
};

/*
 * RFC 1071, in the machine's byte order (section 2 (B)) and 32 bits at a time (C): a sum of at most
 * 64 KiB cannot overflow. An odd last byte counts as if followed by zero.
 */
static uint64_t checksum_add(uint64_t sum, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint32_t word = 0;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, p, n);
	return sum + word;
}

/* What a sum says, as it stands in a packet; 0 where it covers a right checksum. */
static uint16_t checksum_end(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Of an ICMPv6 message with its pseudo header (RFC 8200 section 8.1); 0 where it is right. */
static uint16_t checksum(const struct addr *src, const struct addr *dst, const uint8_t *p, size_t n)
{
	uint64_t sum = checksum_add(htonl((uint32_t)n), &(uint32_t){htonl(NEXT_ICMP6)}, 4);

	sum = checksum_add(sum, src->b, sizeof(src->b));
	sum = checksum_add(sum, dst->b, sizeof(dst->b));
	return checksum_end(checksum_add(sum, p, n));
}

static bool mac_is_group(const uint8_t mac[MAC_LEN])
{
	return mac[0] & 1;
}

static bool mac_is_zero(const uint8_t mac[MAC_LEN])
{
	static const uint8_t zero[MAC_LEN];

	return memcmp(mac, zero, MAC_LEN) == 0;
}

static bool addr_is_solicited_node(const struct addr *a)
{
	return memcmp(a->b, solicited_node, sizeof(solicited_node)) == 0;
}

static enum reason decode_ip6(struct cursor *c, struct ip6 *ip)
{
	uint8_t version, flow[3], raw[16];
	uint16_t len;

	if (!cursor_u8(c, &version))
		return REASON_H20;
	if (version >> 4 != 6)
		return REASON_H21;
	if (!cursor_bytes(c, flow, sizeof(flow)) || !cursor_u16(c, &len) ||
		!cursor_u8(c, &ip->next) || !cursor_u8(c, &ip->hop_limit) ||
		!cursor_bytes(c, raw, 16))
		return REASON_H20;
	ip->src = addr_from_v6(raw);
	if (!cursor_bytes(c, raw, 16))
		return REASON_H20;
	ip->dst = addr_from_v6(raw);
	/* what is left behind the payload is Ethernet padding, and legal (H25) */
	if (len == 0 || len > c->left)
		return REASON_H20;
	ip->payload = (struct cursor){c->p, len};
	return REASON_ANSWERED;
}

/* Leaves the payload at the ICMPv6 header. RFC 8200 section 4; RFC 6980 section 5. */
static enum reason decode_extensions(struct ip6 *ip)
{
	for (unsigned i = 0; ip->next != NEXT_ICMP6; i++) {
		uint8_t next, units;

		if (ip->next == NEXT_FRAGMENT)
			return REASON_N14;
		if (ip->next == NEXT_ROUTING)
			return REASON_N15;
		if (ip->next != NEXT_HOPOPTS && ip->next != NEXT_DSTOPTS)
			return REASON_IGNORED;
		if (i == EXTENSIONS_MAX)
			return REASON_N15;
		if (!cursor_u8(&ip->payload, &next) || !cursor_u8(&ip->payload, &units) ||
			!cursor_take(&ip->payload, units * 8U + 6))
			return REASON_H20;
		ip->next = next;
	}
	return REASON_ANSWERED;
}

static enum reason decode_options(struct cursor *c, uint8_t lladdr_type, struct msg *m)
{
	while (c->left) {
		uint8_t type, units;
		const uint8_t *body;

		if (c->left == 1)
			return REASON_H08;
		cursor_u8(c, &type);
		cursor_u8(c, &units);
		if (units == 0)
			return REASON_H05;
		body = cursor_take(c, units * OPTION_UNIT - 2U);
		if (!body)
			return REASON_H06;
		if (type == lladdr_type && !m->has_lladdr) { /* of two the first counts: H27 */
			if (units != 1)
				return REASON_H07;
			m->has_lladdr = true;
			memcpy(m->lladdr, body, MAC_LEN);
		} else if (type == OPTION_NONCE && units == 1) {
			m->has_nonce = true;
			memcpy(m->nonce, body, sizeof(m->nonce));
		}
	}
	return REASON_ANSWERED;
}

/* What holds for an NS and an NA alike, and for an NS alone: RFC 4861 sections 7.1.1, 7.1.2. */
static enum reason check(const struct msg *m)
{
	if (addr_is_multicast(&m->target))
		return REASON_H09;
	if (addr_is_multicast(&m->src) || addr_is_loopback(&m->src))
		return REASON_H10;
	if (m->kind == MSG_ASK && addr_is_unspecified(&m->src) &&
		(m->has_lladdr || !addr_is_solicited_node(&m->dst)))
		return REASON_H12;
	if (m->has_lladdr && (mac_is_group(m->lladdr) || mac_is_zero(m->lladdr)))
		return REASON_H13;
	return REASON_ANSWERED;
}

static enum reason decode_icmp6(struct ip6 *ip, bool csum_ok, struct msg *m)
{
	struct cursor c = ip->payload;
	uint8_t type, code, flags, raw[16];
	uint16_t sum;
	enum reason r;

	if (!cursor_u8(&c, &type))
		return REASON_H04;
	if (type != TYPE_NS && type != TYPE_NA && type != TYPE_RA)
		return REASON_IGNORED;
	if (ip->hop_limit != HOP_LIMIT)
		return REASON_H01;
	if (!csum_ok && checksum(&ip->src, &ip->dst, ip->payload.p, ip->payload.left) != 0)
		return REASON_H03;
	if (!cursor_u8(&c, &code))
		return REASON_H04;
	if (code != 0)
		return REASON_H02;
	m->src = ip->src;
	m->dst = ip->dst;
	if (type == TYPE_RA) {
		m->kind = MSG_ROUTER;
		return REASON_ANSWERED;
	}
	if (ip->payload.left < MESSAGE_MIN)
		return REASON_H04;
	cursor_u16(&c, &sum);
	cursor_u8(&c, &flags);
	cursor_take(&c, 3);
	cursor_bytes(&c, raw, 16);
	m->target = addr_from_v6(raw);
	m->kind = type == TYPE_NS ? MSG_ASK : MSG_TELL;
	if (type == TYPE_NA) {
		m->router = flags & FLAG_ROUTER;
		m->solicited = flags & FLAG_SOLICITED;
		m->override = flags & FLAG_OVERRIDE;
		m->announcement = !m->solicited;
	}
	r = decode_options(&c, type == TYPE_NS ? OPTION_SLLAO : OPTION_TLLAO, m);
	return r == REASON_ANSWERED ? check(m) : r;
}

static enum reason ndp_decode(const uint8_t *frame, size_t len, bool csum_ok, struct msg *ret)
{
	struct cursor c = {frame, len};
	struct msg m = {.kind = MSG_ASK};
	struct ip6 ip;
	uint16_t type;
	enum reason r = msg_ethernet(&c, m.eth_dst, m.eth_src, &type);

	if (r != REASON_ANSWERED)
		return r;
	if (type != ETH_IPV6)
		return REASON_IGNORED;
	if ((r = decode_ip6(&c, &ip)) != REASON_ANSWERED ||
		(r = decode_extensions(&ip)) != REASON_ANSWERED ||
		(r = decode_icmp6(&ip, csum_ok, &m)) != REASON_ANSWERED)
		return r;
	*ret = m;
	return REASON_ANSWERED;
}

/* An NA with TLLAO (RFC 4861 section 4.4), as far as it is always the same; where the rest goes. */
enum {
	AT_ETH_DST = 0,
	AT_ETH_SRC = 6,
	AT_IP = 14,
	AT_SRC = AT_IP + 8,
	AT_DST = AT_SRC + 16,
	AT_ICMP = AT_DST + 16,
	AT_SUM = AT_ICMP + 2,
	AT_FLAGS = AT_ICMP + 4,
	AT_TARGET = AT_ICMP + 8,
	AT_OPTION = AT_TARGET + 16,
	AT_LLADDR = AT_OPTION + 2,
};
static const uint8_t na_frame[NA_FRAME_LEN] = {
	[12] = ETH_IPV6 >> 8,
	[13] = ETH_IPV6 & 0xff,
	[AT_IP] = 6 << 4,
	[AT_IP + 5] = NA_PAYLOAD,
	[AT_IP + 6] = NEXT_ICMP6,
	[AT_IP + 7] = HOP_LIMIT,
	[AT_ICMP] = TYPE_NA,
	[AT_OPTION] = OPTION_TLLAO,
	[AT_OPTION + 1] = 1,
};

/* The addresses of the pseudo header and the message, with a checksum of 0 yet, stand in a row. */
static inline void sum_set(uint8_t *frame, uint16_t payload)
{
	uint64_t sum = htonl(payload) + (uint64_t)htonl(NEXT_ICMP6);
	uint16_t folded = checksum_end(
		checksum_add(sum, frame + AT_SRC, (size_t)(AT_ICMP - AT_SRC) + payload));

	memcpy(frame + AT_SUM, &folded, sizeof(folded));
}

/* Duplicate address detection (RFC 4862 section 5.4.2): from ::, without SLLAO. */
static size_t encode_probe(const struct msg *m, uint8_t *buf, size_t cap)
{
	if (!addr_is_unspecified(&m->src) || cap < NS_FRAME_LEN)
		return 0;
	memcpy(buf, na_frame, NS_FRAME_LEN);
	memcpy(buf + AT_ETH_DST, (const uint8_t[]){0x33, 0x33, 0xff}, 3);
	memcpy(buf + AT_ETH_DST + 3, m->target.b + 13, 3);
	memcpy(buf + AT_ETH_SRC, m->eth_src, MAC_LEN);
	buf[AT_IP + 5] = NS_PAYLOAD;
	buf[AT_ICMP] = TYPE_NS;
	memcpy(buf + AT_DST, solicited_node, sizeof(solicited_node));
	memcpy(buf + AT_DST + 13, m->target.b + 13, 3);
	memcpy(buf + AT_TARGET, m->target.b, 16);
	sum_set(buf, NS_PAYLOAD);
	return NS_FRAME_LEN;
}

/*
 * Where dst is unspecified, whoever asked had no address, or nobody asked: it goes to all nodes
 * (RFC 4861 sections 7.2.4, 7.2.6).
 */
static size_t ndp_encode(const struct msg *m, uint8_t *buf, size_t cap)
{
	bool everyone = addr_is_unspecified(&m->dst);

	if (m->kind == MSG_ASK)
		return encode_probe(m, buf, cap);
	if (m->kind != MSG_TELL || cap < NA_FRAME_LEN)
		return 0;
	memcpy(buf, na_frame, NA_FRAME_LEN);
	memcpy(buf + AT_ETH_DST, everyone ? all_nodes_mac : m->eth_dst, MAC_LEN);
	memcpy(buf + AT_ETH_SRC, m->eth_src, MAC_LEN);
	memcpy(buf + AT_SRC, m->src.b, 16);
	memcpy(buf + AT_DST, everyone ? all_nodes : m->dst.b, 16);
	buf[AT_FLAGS] =
		(uint8_t)((m->router ? FLAG_ROUTER : 0) | (m->solicited ? FLAG_SOLICITED : 0) |
			  (m->override ? FLAG_OVERRIDE : 0));
	memcpy(buf + AT_TARGET, m->target.b, 16);
	memcpy(buf + AT_LLADDR, m->lladdr, MAC_LEN);
	sum_set(buf, NA_PAYLOAD);
	return NA_FRAME_LEN;
}

/* RFC 4291 appendix A: the modified EUI-64 of the MAC. */
static struct addr ndp_linklocal(const uint8_t mac[MAC_LEN])
{
	const uint8_t b[16] = {
		0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};

	return addr_from_v6(b);
}

/*
 * The filters, in tcpdump's words: `icmp6[0] = 135 or icmp6[0] = 136` (and 134 on a vif), behind up
 * to four extension headers. Longer chains, and what is wrong in whatever way, pass: the daemon
 * judges and counts it. A fragment passes only if it is a first one.
 *
 * At the start of a step A holds the type of the next header and X its offset in the frame.
 */
#define TYPE_OFFSET       20 /* of the IPv6 header's next header */
#define FIRST_OFFSET      54 /* behind the IPv6 header */
#define PASS              0xffffffff
#define IS(what, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, what, yes, no)
/* clang-format off */
#define STEP(also)                                                                                 \
	IS(NEXT_ICMP6, 0, 6),                                                                      \
	BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),                                                     \
	IS(TYPE_NS, 3, 0), IS(TYPE_NA, 2, 0), IS(also, 1, 0),                                      \
	BPF_STMT(BPF_RET | BPF_K, 0),                                                              \
	BPF_STMT(BPF_RET | BPF_K, PASS),                                                           \
	IS(NEXT_HOPOPTS, 6, 0), IS(NEXT_DSTOPTS, 5, 0), IS(NEXT_ROUTING, 4, 0),                    \
	IS(NEXT_FRAGMENT, 0, 2),                                                                   \
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2), /* the fragment's offset */                         \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0xfff8, 0, 1),                                        \
	BPF_STMT(BPF_RET | BPF_K, 0),                                                              \
	BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1), /* its length: X += (A + 1) * 8 */                  \
	BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),                                                    \
	BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 3),                                                    \
	BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),                                                    \
	BPF_STMT(BPF_ST, 0),                                                                       \
	BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),                                                     \
	BPF_STMT(BPF_LDX | BPF_MEM, 0)
#define FILTER(also)                                                                               \
	{                                                                                          \
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TYPE_OFFSET),                                   \
		BPF_STMT(BPF_LDX | BPF_IMM, FIRST_OFFSET),                                         \
		STEP(also), STEP(also), STEP(also), STEP(also),                                    \
		BPF_STMT(BPF_RET | BPF_K, PASS),                                                   \
	}
/* clang-format on */

static struct sock_filter uplink_filter[] = FILTER(TYPE_NA);
static struct sock_filter vif_filter[] = FILTER(TYPE_RA);

static const struct sysctl_check ndp_checks[] = {
	{"net/ipv6/conf/all/forwarding", "1", "K02", .all = true,
		.why = "the host does not forward between uplink and guests"},
	{"net/ipv6/conf/%s/forwarding", "1", "K02", .uplink = true, .vif = true,
		.why = "the host does not forward on this interface"},
	{"net/ipv6/conf/all/proxy_ndp", "0", "K01", .all = true,
		.why = "the kernel's own proxy answers as well"},
	{"net/ipv6/conf/%s/proxy_ndp", "0", "K01", .uplink = true, .vif = true,
		.why = "the kernel's own proxy answers as well"},
	{"net/ipv6/route/skip_notify_on_dev_down", "0", "K04", .all = true,
		.why = "nothing is told of the routes that go with an interface: one of another "
		       "protocol that was in a guest's way seems to stay"},
	{.path = NULL},
};

const struct codec daemon_codec = {
	.name = "ndproxyd",
	.ctl = "ndproxyctl",
	.other_ctl = "arpproxyctl",
	.family = AF_INET6,
	.ethertype = ETH_IPV6,
	.uplink_filter = {sizeof(uplink_filter) / sizeof(uplink_filter[0]), uplink_filter},
	.vif_filter = {sizeof(vif_filter) / sizeof(vif_filter[0]), vif_filter},
	.filter_program = "filter_ndp",
	.announce_interval_ms = ANNOUNCE_INTERVAL,
	.probes = PROBES,
	.probe_rounds = PROBES,
	.needs_source = true,
	.linklocal = ndp_linklocal,
	.own_lladdr = REASON_H14,
	.conflict = REASON_N12,
	.announced = REASON_N13,
	.checks = ndp_checks,
	.decode = ndp_decode,
	.encode = ndp_encode,
};
