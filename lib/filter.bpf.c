/*
 * filter: the program in the kernel, attached to the daemon's sockets on the uplinks (filter.h).
 *
 * It passes what may matter: a question for something listed, or from there, every claim (they are
 * few, and counted by their kind), and whatever it cannot read or what is wrong in a way that the
 * daemon counts (H01 to H48). It drops questions of which nothing is listed, what is neither, and
 * all that comes from an interface that is behind. Filters of AF_PACKET see a frame from its
 * Ethernet header on; what is read is a byte string, so no offset is trusted to be inside.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "filter_map.h"

#define PASS 0xffffffff
#define DROP 0

#define ETH_LEN     14
#define IP6_SRC     (ETH_LEN + 8)
#define IP6_NEXT    (ETH_LEN + 6)
#define IP6_PAYLOAD (ETH_LEN + 40)
#define CHAIN       4 /* extension headers that are looked behind; longer chains pass (N15) */
#define HOPOPTS     0
#define ROUTING     43
#define FRAGMENT    44
#define ICMP6       58
#define DSTOPTS     60
#define NS          135
#define NA          136
#define ARP_LEN     28

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set when it is loaded */
	__type(key, __u32);
	__type(value, struct filter_bucket);
} buckets SEC(".maps");

struct filter_shared shared;

struct address {
	__u64 w[2];
};

static __always_inline int drop(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
	return DROP;
}

static __always_inline struct filter_counts *counts(void)
{
	return &shared.counts[bpf_get_smp_processor_id() & (FILTER_CPUS - 1)];
}

/* The cheapest that a frame can be made, so that the CPU is left for answers. */
static __always_inline bool is_shed(const struct __sk_buff *skb)
{
	if (!*(volatile __u32 *)&shared.nshed)
		return false;
#pragma unroll
	for (int i = 0; i < FILTER_SHED; i++)
		if (*(volatile __u32 *)&shared.shed[i] == skb->ifindex)
			return true;
	return false;
}

static __always_inline bool bucket_has(__u32 index, __u32 tag)
{
	const __u64 *w = bpf_map_lookup_elem(&buckets, &index);

	if (!w)
		return true;
#pragma unroll
	for (int i = 0; i < FILTER_CELLS / 2; i++) {
		const __u64 two = *(const volatile __u64 *)&w[i];

		if ((__u32)two == tag || two >> 32 == tag)
			return true;
	}
	return false;
}

/* A function of its own, which the verifier looks at once. */
__attribute__((noinline)) int is_listed(__u64 first, __u64 second)
{
	const __u32 n = *(volatile __u32 *)&shared.nlengths;
	const __u32 mask = shared.mask;

	for (__u32 i = 0; i < FILTER_LENGTHS; i++) {
		__u64 hash;
		__u32 bucket, tag;

		if (i >= n)
			break;
		hash = sip_prefix((const unsigned long long *)shared.key,
			first & shared.lengths[i].mask[0], second & shared.lengths[i].mask[1],
			(unsigned char)shared.lengths[i].len);
		bucket = (__u32)hash & mask;
		tag = filter_tag(hash);
		if (bucket_has(bucket, tag) || bucket_has(filter_other(bucket, tag, mask), tag))
			return 1;
	}
	return 0;
}

static __always_inline bool listed(const struct address *a)
{
	return is_listed(a->w[0], a->w[1]);
}

static __always_inline int judge_nd(struct __sk_buff *skb, __u32 at)
{
	struct address target, src;
	__u8 type;

	if (bpf_skb_load_bytes(skb, at, &type, 1) < 0)
		return PASS;
	if (type != NS && type != NA)
		return drop(&counts()->other);
	if (type == NA || shared.pass || bpf_skb_load_bytes(skb, at + 8, &target, 16) < 0)
		return PASS;
	if (*(__u8 *)&target == 0xff || listed(&target))
		return PASS; /* a multicast target: H09 */
	/* whoever asks claims to have the address it asks from (N12, H17, H18) */
	if (bpf_skb_load_bytes(skb, IP6_SRC, &src, 16) < 0 || listed(&src) ||
		(src.w[0] == target.w[0] && src.w[1] == target.w[1]))
		return PASS;
	return drop(&counts()->unlisted);
}

SEC("socket")
int filter_ndp(struct __sk_buff *skb)
{
	__u32 at = IP6_PAYLOAD;
	__u8 next;

	if (is_shed(skb))
		return drop(&counts()->overload);
	if (bpf_skb_load_bytes(skb, IP6_NEXT, &next, 1) < 0)
		return PASS;
	for (int i = 0; i < CHAIN; i++) {
		__u8 head[4];

		if (next == ICMP6)
			return judge_nd(skb, at);
		if (next != HOPOPTS && next != DSTOPTS && next != ROUTING && next != FRAGMENT)
			return drop(&counts()->other);
		if (bpf_skb_load_bytes(skb, at, head, 4) < 0)
			return PASS;
		/* only a first fragment has the question in it (N14) */
		if (next == FRAGMENT && (head[2] || head[3] & 0xf8))
			return drop(&counts()->other);
		at += next == FRAGMENT ? 8 : (head[1] + 1U) * 8;
		next = head[0];
	}
	return next == ICMP6 ? judge_nd(skb, at) : PASS;
}

/* An IPv4 address, v4-mapped as in the daemon's table. */
static __always_inline struct address v4(const __u8 *b)
{
	struct address a = {{0, 0}};
	__u8 *to = (__u8 *)&a;

	to[10] = to[11] = 0xff;
	to[12] = b[0];
	to[13] = b[1];
	to[14] = b[2];
	to[15] = b[3];
	return a;
}

/* None that a host can have: the daemon counts it (H44, H46). */
static __always_inline bool v4_odd(const __u8 *b)
{
	return b[0] == 0 || b[0] == 127 || b[0] >= 224;
}

SEC("socket")
int filter_arp(struct __sk_buff *skb)
{
	static const __u8 head[7] = {0, 1, 8, 0, 6, 4, 0};
	struct address target, sender;
	__u8 arp[ARP_LEN];
	bool probe;

	if (is_shed(skb))
		return drop(&counts()->overload);
	if (shared.pass || bpf_skb_load_bytes(skb, ETH_LEN, arp, sizeof(arp)) < 0)
		return PASS;
#pragma unroll
	for (unsigned i = 0; i < sizeof(head); i++)
		if (arp[i] != head[i])
			return PASS; /* H40 */
	if (arp[7] != 1)
		return PASS; /* a reply, or H40 */
	probe = !(arp[14] | arp[15] | arp[16] | arp[17]);
	if ((v4_odd(arp + 14) && !probe) || v4_odd(arp + 24))
		return PASS;
	sender = v4(arp + 14);
	target = v4(arp + 24);
	if (sender.w[1] == target.w[1]) /* it tells, and asks nobody (A05) */
		return PASS;
	if (listed(&target) || (!probe && listed(&sender)))
		return PASS;
	return drop(&counts()->unlisted);
}

char _license[] SEC("license") = "ISC";
