/* wire: see wire.h. Offsets are those of plain frames: no VLAN tag, no extension headers. */
#include "wire.h"

#include <string.h>

#define ETH_SRC        6
#define ETH_TYPE       12
#define IP6            14
#define IP6_LEN        (IP6 + 4)
#define IP6_NEXT       (IP6 + 6)
#define IP6_HOPS       (IP6 + 7)
#define IP6_SRC        (IP6 + 8)
#define IP6_DST        (IP6 + 24)
#define ICMP           54
#define ICMP_SUM       (ICMP + 2)
#define ICMP_FLAGS     (ICMP + 4)
#define ICMP_TARGET    (ICMP + 8)
#define ICMP_OPTION    (ICMP + 24)
#define ICMP_MAC       (ICMP_OPTION + 2)
#define ND_LEN         32 /* an NS with SLLAO, an NA with TLLAO */
#define ND_FRAME       (ICMP + ND_LEN)
#define NEXT_ICMP6     58
#define TYPE_NS        135
#define TYPE_NA        136
#define OPTION_SLLAO   1
#define OPTION_TLLAO   2
#define FLAG_SOLICITED 0x40

#define ARP        14
#define ARP_OP     (ARP + 6)
#define ARP_SHA    (ARP + 8)
#define ARP_SPA    (ARP + 14)
#define ARP_THA    (ARP + 18)
#define ARP_TPA    (ARP + 24)
#define ARP_END    (ARP + 28)
#define ARP_FRAME  60
#define OP_REQUEST 1
#define OP_REPLY   2

static const uint8_t arp_head[6] = {0, 1, 8, 0, 6, 4};

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static void put64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

/* RFC 1071 in the machine's own byte order, which the sum does not mind. n: a multiple of four. */
static uint64_t sum_add(uint64_t sum, const uint8_t *p, size_t n)
{
	for (; n; p += 4, n -= 4) {
		uint32_t v;

		memcpy(&v, p, sizeof(v));
		sum += v;
	}
	return sum;
}

static uint16_t sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Of a whole ND frame; 0 where what stands in it is right. */
static uint16_t nd_checksum(const uint8_t *frame)
{
	static const uint8_t pseudo[8] = {0, 0, 0, ND_LEN, 0, 0, 0, NEXT_ICMP6};
	uint64_t sum = sum_add(0, pseudo, sizeof(pseudo));

	sum = sum_add(sum, frame + IP6_SRC, 32);
	return sum_fold(sum_add(sum, frame + ICMP, ND_LEN));
}

static void put_type(uint8_t *frame, uint16_t type)
{
	frame[ETH_TYPE] = (uint8_t)(type >> 8);
	frame[ETH_TYPE + 1] = (uint8_t)type;
}

size_t wire_template(const struct wire *w, uint8_t frame[WIRE_FRAME_MAX])
{
	static const uint8_t group[13] = {0xff, 0x02, [11] = 1, [12] = 0xff};

	memset(frame, 0, WIRE_FRAME_MAX);
	memcpy(frame + ETH_SRC, w->mac, 6);
	if (w->arp) {
		memset(frame, 0xff, 6);
		put_type(frame, 0x0806);
		memcpy(frame + ARP, arp_head, sizeof(arp_head));
		frame[ARP_OP + 1] = OP_REQUEST;
		memcpy(frame + ARP_SHA, w->mac, 6);
		memcpy(frame + ARP_SPA, w->addr, 4);
		return ARP_FRAME;
	}
	memcpy(frame, "\x33\x33\xff", 3);
	put_type(frame, 0x86dd);
	frame[IP6] = 6 << 4;
	frame[IP6_LEN + 1] = ND_LEN;
	frame[IP6_NEXT] = NEXT_ICMP6;
	frame[IP6_HOPS] = 255;
	memcpy(frame + IP6_SRC, w->addr, 16);
	memcpy(frame + IP6_DST, group, sizeof(group));
	frame[ICMP] = TYPE_NS;
	memcpy(frame + ICMP_TARGET, w->first, 16);
	frame[ICMP_OPTION] = OPTION_SLLAO;
	frame[ICMP_OPTION + 1] = 1;
	memcpy(frame + ICMP_MAC, w->mac, 6);
	return ND_FRAME;
}

/* To the target's solicited-node group, as a router asks when it knows nothing. */
void wire_ask(const struct wire *w, uint8_t *frame, bool listed, uint32_t index)
{
	const uint8_t *base = listed ? w->first : w->unlisted;
	uint8_t *target = frame + ICMP_TARGET;
	uint16_t sum;

	if (w->arp) {
		put32(frame + ARP_TPA, get32(base) + index);
		return;
	}
	memcpy(target, base, 8);
	put64(target + 8, get64(base + 8) + index);
	memcpy(frame + 3, target + 13, 3);
	memcpy(frame + IP6_DST + 13, target + 13, 3);
	memset(frame + ICMP_SUM, 0, 2);
	sum = nd_checksum(frame);
	memcpy(frame + ICMP_SUM, &sum, 2);
}

static bool source_allowed(const struct wire *w, const uint8_t *src)
{
	for (unsigned i = 0; i < w->nsources; i++)
		if (memcmp(w->sources[i], src, 16) == 0)
			return true;
	return w->nsources == 0;
}

/* What is wrong with an NA, or NULL. */
static const char *na_fault(const struct wire *w, const uint8_t *f, size_t len, bool csum_ok)
{
	static const uint8_t reserved[3];

	if (len != ND_FRAME || f[IP6_LEN] || f[IP6_LEN + 1] != ND_LEN)
		return "length";
	if (memcmp(f, w->mac, 6) != 0)
		return "Ethernet destination";
	if (memcmp(f + ETH_SRC, w->host_mac, 6) != 0)
		return "Ethernet source";
	if (f[IP6_HOPS] != 255)
		return "hop limit";
	if (memcmp(f + IP6_DST, w->addr, 16) != 0)
		return "destination";
	if (!source_allowed(w, f + IP6_SRC))
		return "source";
	if (f[ICMP + 1] != 0)
		return "code";
	if (f[ICMP_FLAGS] != w->flags || memcmp(f + ICMP_FLAGS + 1, reserved, 3) != 0)
		return "flags";
	if (f[ICMP_OPTION] != OPTION_TLLAO || f[ICMP_OPTION + 1] != 1)
		return "option";
	if (memcmp(f + ICMP_MAC, w->host_mac, 6) != 0)
		return "target link-layer address";
	if (!csum_ok && nd_checksum(f) != 0)
		return "checksum";
	return NULL;
}

static enum verdict check_nd(const struct wire *w, const uint8_t *f, size_t len, bool csum_ok,
	uint32_t *ret_index, const char **why)
{
	const uint8_t *target = f + ICMP_TARGET;
	uint64_t index;

	if (len < ICMP_OPTION || f[IP6_NEXT] != NEXT_ICMP6 || f[ICMP] != TYPE_NA)
		return VERDICT_OTHER;
	if (f[IP6_DST] == 0xff && !(f[ICMP_FLAGS] & FLAG_SOLICITED))
		return VERDICT_OTHER; /* an announcement */
	*why = na_fault(w, f, len, csum_ok);
	if (*why)
		return VERDICT_WRONG;
	index = get64(target + 8) - get64(w->first + 8);
	if (memcmp(target, w->first, 8) != 0 || index >= w->count) {
		*why = "target";
		return VERDICT_WRONG;
	}
	*ret_index = (uint32_t)index;
	return VERDICT_GOOD;
}

static enum verdict check_arp(
	const struct wire *w, const uint8_t *f, size_t len, uint32_t *ret_index, const char **why)
{
	uint32_t index;

	if (len < ARP_END || f[ARP_OP + 1] != OP_REPLY)
		return VERDICT_OTHER;
	index = get32(f + ARP_SPA) - get32(w->first);
	*why = NULL;
	if (memcmp(f, w->mac, 6) != 0)
		*why = "Ethernet destination";
	else if (memcmp(f + ETH_SRC, w->host_mac, 6) != 0)
		*why = "Ethernet source";
	else if (memcmp(f + ARP, arp_head, sizeof(arp_head)) != 0 || f[ARP_OP] != 0)
		*why = "header";
	else if (memcmp(f + ARP_SHA, w->host_mac, 6) != 0)
		*why = "sender hardware address";
	else if (memcmp(f + ARP_THA, w->mac, 6) != 0)
		*why = "target hardware address";
	else if (memcmp(f + ARP_TPA, w->addr, 4) != 0)
		*why = "target protocol address";
	else if (index >= w->count)
		*why = "sender protocol address";
	*ret_index = index;
	return *why ? VERDICT_WRONG : VERDICT_GOOD;
}

enum verdict wire_check(const struct wire *w, const uint8_t *frame, size_t len, bool csum_ok,
	uint32_t *ret_index, const char **why)
{
	if (w->arp)
		return check_arp(w, frame, len, ret_index, why);
	return check_nd(w, frame, len, csum_ok, ret_index, why);
}
