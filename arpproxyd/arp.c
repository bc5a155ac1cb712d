/*
 * arp: ARP requests and replies, from and to whole Ethernet frames.
 *
 * A request asks; a reply tells. A packet whose two protocol addresses are the same asks nobody,
 * whatever its opcode says: it tells (A05, RFC 5227 section 3), and so does a reply. What it tells
 * of is its sender's address.
 */
#include "arp.h"

#include <sys/socket.h>

#include "cursor.h"

#define ETH_ARP           0x0806
#define ETH_IPV4          0x0800
#define ETH_FRAME_MIN     60 /* what shorter frames are padded to; ours with zeros (A11) */
#define HARDWARE_ETHERNET 1
#define ADDR_LEN          4
#define OP_REQUEST        1
#define OP_REPLY          2
#define ANNOUNCE_INTERVAL 2000 /* RFC 5227 section 2.3 ANNOUNCE_INTERVAL; A07 */
#define PROBES            3    /* section 2.1.1: PROBE_NUM, PROBE_MIN apart, */
#define PROBE_ROUNDS      4    /* and ANNOUNCE_WAIT behind the last */

static const uint8_t broadcast_mac[MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct arp {
	uint16_t op;
	uint8_t sha[MAC_LEN], spa[ADDR_LEN], tpa[ADDR_LEN];
};

/* H40, A10: types and lengths before the opcode. What is behind the packet is padding (H48). */
static enum reason decode_arp(struct cursor *c, struct arp *a)
{
	uint16_t hrd, pro;
	uint8_t hln, pln;

	if (!cursor_u16(c, &hrd) || !cursor_u16(c, &pro) || !cursor_u8(c, &hln) ||
		!cursor_u8(c, &pln))
		return REASON_H40;
	if (hrd != HARDWARE_ETHERNET || pro != ETH_IPV4 || hln != MAC_LEN || pln != ADDR_LEN)
		return REASON_H40;
	if (!cursor_u16(c, &a->op) || (a->op != OP_REQUEST && a->op != OP_REPLY))
		return REASON_H40;
	/* tha means nothing in a request (RFC 826; H48) */
	if (!cursor_bytes(c, a->sha, MAC_LEN) || !cursor_bytes(c, a->spa, ADDR_LEN) ||
		!cursor_take(c, MAC_LEN) || !cursor_bytes(c, a->tpa, ADDR_LEN))
		return REASON_H40;
	return REASON_ANSWERED;
}

static enum reason check(const struct arp *a)
{
	static const uint8_t zero[MAC_LEN];
	bool probe = memcmp(a->spa, zero, ADDR_LEN) == 0;

	if ((a->sha[0] & 1) || memcmp(a->sha, zero, MAC_LEN) == 0)
		return REASON_H42;
	if (a->spa[0] == 127 || (a->spa[0] == 0 && !probe) || a->spa[0] >= 224)
		return REASON_H44;
	if (probe && a->op == OP_REPLY)
		return REASON_H44; /* nobody is at 0.0.0.0 */
	if (a->op == OP_REQUEST && (a->tpa[0] == 127 || a->tpa[0] == 0 || a->tpa[0] >= 224))
		return REASON_H46;
	return REASON_ANSWERED;
}

static enum reason arp_decode(const uint8_t *frame, size_t len, bool csum_ok, struct msg *ret)
{
	struct cursor c = {frame, len};
	struct msg m = {.kind = MSG_ASK, .has_lladdr = true};
	struct arp a;
	uint16_t type;
	enum reason r;

	(void)csum_ok;
	r = msg_ethernet(&c, m.eth_dst, m.eth_src, &type);
	if (r != REASON_ANSWERED)
		return r;
	if (type != ETH_ARP)
		return REASON_IGNORED;
	if ((r = decode_arp(&c, &a)) != REASON_ANSWERED || (r = check(&a)) != REASON_ANSWERED)
		return r;
	memcpy(m.lladdr, a.sha, MAC_LEN);
	m.src = addr_from_v4(a.spa);
	m.announcement = memcmp(a.spa, a.tpa, ADDR_LEN) == 0;
	m.dst = m.target = addr_from_v4(a.tpa);
	if (a.op == OP_REPLY || m.announcement) {
		m.kind = MSG_TELL;
		m.target = m.src;
		m.override = m.announcement;
	}
	*ret = m;
	return REASON_ANSWERED;
}

/* As far as the two protocol addresses. */
static void write_head(struct writer *w, const uint8_t *dst, const uint8_t *src, uint16_t op)
{
	writer_bytes(w, dst, MAC_LEN);
	writer_bytes(w, src, MAC_LEN);
	writer_u16(w, ETH_ARP);
	writer_u16(w, HARDWARE_ETHERNET);
	writer_u16(w, ETH_IPV4);
	writer_u8(w, MAC_LEN);
	writer_u8(w, ADDR_LEN);
	writer_u16(w, op);
}

/* RFC 5227 section 2.1.1. */
static size_t encode_probe(const struct msg *m, uint8_t *buf, size_t cap)
{
	struct writer w = {buf, cap, false};

	if (!addr_is_unspecified(&m->src) || addr_family(&m->target) != AF_INET)
		return 0;
	write_head(&w, broadcast_mac, m->eth_src, OP_REQUEST);
	writer_bytes(&w, m->eth_src, MAC_LEN);
	writer_zero(&w, ADDR_LEN + MAC_LEN);
	writer_bytes(&w, m->target.b + ADDR_V4_BITS / 8, ADDR_LEN);
	writer_zero(&w, ETH_FRAME_MIN - (size_t)(w.p - buf));
	return w.full ? 0 : ETH_FRAME_MIN;
}

/*
 * A reply (RFC 826), of a probe too: RFC 5227 section 2.1.1 needs no more than to see the address
 * in use, so tpa is what was asked from, 0.0.0.0 (A02). An announcement is a request (A07).
 */
static size_t arp_encode(const struct msg *m, uint8_t *buf, size_t cap)
{
	struct writer w = {buf, cap, false};
	const uint8_t *target = m->target.b + ADDR_V4_BITS / 8;
	const uint8_t *asker = m->dst.b + ADDR_V4_BITS / 8; /* zero where unspecified */

	if (m->kind == MSG_ASK)
		return encode_probe(m, buf, cap);
	if (m->kind != MSG_TELL || addr_family(&m->target) != AF_INET)
		return 0;
	write_head(&w, m->announcement ? broadcast_mac : m->eth_dst, m->eth_src,
		m->announcement ? OP_REQUEST : OP_REPLY);
	writer_bytes(&w, m->lladdr, MAC_LEN);
	writer_bytes(&w, target, ADDR_LEN);
	if (m->announcement)
		writer_zero(&w, MAC_LEN);
	else
		writer_bytes(&w, m->asker, MAC_LEN);
	writer_bytes(&w, m->announcement ? target : asker, ADDR_LEN);
	writer_zero(&w, ETH_FRAME_MIN - (size_t)(w.p - buf));
	return w.full ? 0 : ETH_FRAME_MIN;
}

/* The address of all hosts of a network of more than two: neither asks nor is asked for. */
static bool arp_is_broadcast(const struct addr *a, const struct prefix *network)
{
	struct addr last = prefix_last(network);

	return network->len < ADDR_BITS - 1 && addr_equal(&last, a);
}

/* All that a socket bound to the ethertype hears: `arp`. */
static struct sock_filter filter[] = {BPF_STMT(BPF_RET | BPF_K, 0xffffffff)};

static const struct sysctl_check arp_checks[] = {
	{"net/ipv4/ip_forward", "1", "K02", .all = true,
		.why = "the host does not forward between uplink and guests"},
	{"net/ipv4/conf/%s/forwarding", "1", "K02", .uplink = true, .vif = true,
		.why = "the host does not forward on this interface"},
	{"net/ipv4/conf/all/proxy_arp", "0", "K01", .all = true,
		.why = "the kernel's own proxy answers as well"},
	{"net/ipv4/conf/%s/proxy_arp", "0", "K01", .uplink = true, .vif = true,
		.why = "the kernel's own proxy answers as well"},
	{"net/ipv4/conf/all/proxy_arp_pvlan", "0", "K01", .all = true,
		.why = "the kernel's own proxy answers as well"},
	{"net/ipv4/conf/%s/proxy_arp_pvlan", "0", "K01", .uplink = true, .vif = true,
		.why = "the kernel's own proxy answers as well"},
	{.path = NULL},
};

const struct codec daemon_codec = {
	.name = "arpproxyd",
	.ctl = "arpproxyctl",
	.other_ctl = "ndproxyctl",
	.family = AF_INET,
	.ethertype = ETH_ARP,
	.uplink_filter = {sizeof(filter) / sizeof(filter[0]), filter},
	.vif_filter = {sizeof(filter) / sizeof(filter[0]), filter},
	.filter_program = "filter_arp",
	.announce_interval_ms = ANNOUNCE_INTERVAL,
	.probes = PROBES,
	.probe_rounds = PROBE_ROUNDS,
	.defends_off_link = true,
	.asking_claims = true,
	.silent_route_loss = true,
	.host_answer_sysctl = "net/ipv4/conf/%s/arp_ignore",
	.is_broadcast = arp_is_broadcast,
	.own_lladdr = REASON_H43,
	.conflict = REASON_H45,
	.announced = REASON_A05,
	.bad_source = REASON_H44,
	.bad_target = REASON_H46,
	.checks = arp_checks,
	.decode = arp_decode,
	.encode = arp_encode,
};
