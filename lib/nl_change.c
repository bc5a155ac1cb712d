/*
 * nl_change: see nl_change.h. A change waits in the queue until a flush, which hands it to a lane
 * (nl_lane.h) and tells of the outcome when all that were sent with it are through.
 *
 * From Linux 6.16 on the kernel adds IPv6 routes for several senders at once. So where very many
 * are to be added, and none needs another to be there first (K08), a second lane in a thread of its
 * own takes half of them: a million in two thirds of the time. The thread lives as long as the
 * flush.
 */
#include "nl_change.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "nl_lane.h"
#include "thread.h"

#define QUEUE_KEEP   4096  /* changes whose memory is kept when the queue is empty */
#define FLUSH_MAX    65536 /* changes between two tellings of outcomes */
#define PARALLEL_MIN 4096  /* changes that are worth a thread */
#define WAIT_NS      2000000

struct nl_change {
	struct nl_lane *lanes[2];
	void (*pause)(void *ctx);
	void *ctx;
	struct nl_change_item *queue;
	size_t head, count, room;
	bool flushing;
	bool parallel; /* worth trying: IPv4 routes are added one at a time, however many send them
			*/
};

int nl_change_open(int family, void (*pause)(void *ctx), void *ctx, struct nl_change **ret)
{
	struct nl_change *c = calloc(1, sizeof(*c));
	int err = c ? 0 : -ENOMEM;

	for (unsigned i = 0; i < 2 && err == 0; i++)
		err = nl_lane_open(family, &c->lanes[i]);
	if (err == 0)
		c->parallel = family == AF_INET6;
	if (err < 0) {
		nl_change_close(c);
		return err;
	}
	c->pause = pause;
	c->ctx = ctx;
	*ret = c;
	return 0;
}

void nl_change_close(struct nl_change *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < 2; i++)
		nl_lane_close(c->lanes[i]);
	free(c->queue);
	free(c);
}

uint32_t nl_change_port(const struct nl_change *c, unsigned i)
{
	return nl_lane_port(c->lanes[i]);
}

int nl_change_queue(struct nl_change *c, enum nl_op op, const struct route *r)
{
	if (c->count == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct nl_change_item *queue = reallocarray(c->queue, room, sizeof(*queue));

		if (!queue)
			return -ENOMEM;
		c->queue = queue;
		c->room = room;
	}
	c->queue[c->count++] = (struct nl_change_item){*r, op};
	return 0;
}

size_t nl_change_count(const struct nl_change *c)
{
	return c->count - c->head;
}

static void put_addr(struct nlmsghdr *h, uint16_t type, int family, const struct addr *a)
{
	if (family == AF_INET)
		mnl_attr_put(h, type, 4, a->b + 12);
	else
		mnl_attr_put(h, type, 16, a->b);
}

static void put_via(struct nlmsghdr *h, int family, const struct addr *via)
{
	struct {
		uint16_t family;
		uint8_t b[16];
	} other = {.family = AF_INET6};

	if (addr_family(via) == family) {
		put_addr(h, RTA_GATEWAY, family, via);
		return;
	}
	memcpy(other.b, via->b, sizeof(other.b));
	mnl_attr_put(h, RTA_VIA, sizeof(other), &other);
}

static void put_add(struct nlmsghdr *h, struct rtmsg *rtm, int family, const struct route *r)
{
	bool direct = addr_is_unspecified(&r->via);

	h->nlmsg_type = RTM_NEWROUTE;
	h->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_scope = family == AF_INET && direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (!direct)
		put_via(h, family, &r->via);
	if (!addr_is_unspecified(&r->source))
		put_addr(h, RTA_PREFSRC, family, &r->source);
}

/*
 * What is not named here (type, source) may be anything. A gateway is named: without it, IPv6 would
 * take all next hops of a route, and one that another protocol has appended would go with ours.
 */
static void put_del(struct nlmsghdr *h, struct rtmsg *rtm, int family, const struct route *r)
{
	if (r->nexthop)
		mnl_attr_put_u32(h, RTA_NH_ID, r->nexthop);
	else if (!addr_is_unspecified(&r->via))
		put_via(h, family, &r->via);
	h->nlmsg_type = RTM_DELROUTE;
	rtm->rtm_type = RTN_UNSPEC;
	rtm->rtm_scope = family == AF_INET ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;
}

struct nlmsghdr *nl_change_build(
	void *buf, int family, enum nl_op op, const struct route *r, uint32_t seq)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(h, sizeof(*rtm));

	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = seq;
	rtm->rtm_family = (uint8_t)family;
	rtm->rtm_dst_len = (uint8_t)(family == AF_INET ? r->dst.len - ADDR_V4_BITS : r->dst.len);
	rtm->rtm_table = (uint8_t)(r->table <= UINT8_MAX ? r->table : RT_TABLE_UNSPEC);
	rtm->rtm_protocol = r->protocol;
	put_addr(h, RTA_DST, family, &r->dst.addr);
	mnl_attr_put_u32(h, RTA_TABLE, r->table);
	mnl_attr_put_u32(h, RTA_PRIORITY, r->metric);
	if (r->oif && !r->nexthop) /* the object says which */
		mnl_attr_put_u32(h, RTA_OIF, r->oif);
	switch (op) {
	case NL_ROUTE_ADD: put_add(h, rtm, family, r); break;
	case NL_ROUTE_DEL: put_del(h, rtm, family, r); break;
	}
	return h;
}

struct half {
	struct nl_lane *lane;
	const struct nl_change_item *items;
	size_t n;
	struct nl_outcome *ret;
};

static void *half_run(void *half)
{
	const struct half *h = half;

	nl_lane_run(h->lane, h->items, h->n, h->ret, NULL, NULL);
	return NULL;
}

/* May they be worked off in any order? */
static bool independent(const struct nl_change_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].op != NL_ROUTE_ADD || !addr_is_unspecified(&items[i].route.via))
			return false;
	return true;
}

/* Waits for it a little. */
static bool thread_over(pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

static void items_run(
	struct nl_change *c, const struct nl_change_item *items, size_t n, struct nl_outcome *ret)
{
	struct half second = {c->lanes[1], items + n / 2, n - n / 2, ret + n / 2};
	pthread_t thread;

	if (!c->parallel || n < PARALLEL_MIN || !independent(items, n) ||
		!thread_start(&thread, half_run, &second)) {
		nl_lane_run(c->lanes[0], items, n, ret, c->pause, c->ctx);
		return;
	}
	nl_lane_run(c->lanes[0], items, n / 2, ret, c->pause, c->ctx);
	while (!thread_over(thread))
		if (c->pause)
			c->pause(c->ctx);
}

typedef void done_fn(void *ctx, enum nl_op op, const struct route *r, int err, const char *text);

/* One item is a copy: `done` may queue more, and move the queue. */
static void outcomes_tell(
	struct nl_change *c, size_t n, struct nl_outcome *outcomes, done_fn *done, void *ctx)
{
	for (size_t i = 0; i < n; i++) {
		const struct nl_change_item item = c->queue[c->head + i];

		done(ctx, item.op, &item.route, outcomes[i].err,
			outcomes[i].text ? outcomes[i].text : "");
		free(outcomes[i].text);
	}
}

void nl_change_flush(struct nl_change *c, done_fn *done, void *ctx)
{
	if (c->flushing)
		return; /* called by `done`: what it queued is sent by the flush that called it */
	c->flushing = true;
	while (c->head < c->count) {
		size_t n = c->count - c->head;
		struct nl_outcome one = {0}, *outcomes;

		if (n > FLUSH_MAX)
			n = FLUSH_MAX;
		outcomes = calloc(n, sizeof(*outcomes));
		if (!outcomes)
			n = 1;
		items_run(c, c->queue + c->head, n, outcomes ? outcomes : &one);
		outcomes_tell(c, n, outcomes ? outcomes : &one, done, ctx);
		free(outcomes);
		c->head += n;
	}
	c->head = c->count = 0;
	if (c->room > QUEUE_KEEP) {
		free(c->queue);
		c->queue = NULL;
		c->room = 0;
	}
	c->flushing = false;
}
