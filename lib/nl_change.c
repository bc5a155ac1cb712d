/*
 * nl_change: see nl_change.h. A change waits in the queue, is sent within a batch, and leaves the
 * queue when its batch is through, with the kernel's answer or without one.
 *
 * The kernel works a whole batch off within sendto(2), going on after an error. Only the last
 * message of a batch asks for an acknowledgement; those before it are answered only where they
 * failed, and answers are matched by sequence number (L10). So what has no answer when the last one
 * has is done. A batch is as large as the receive buffer has room for answers to all of it, so none
 * is lost.
 */
#include "nl_change.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nl_parse.h"
#include "nl_socket.h"

#define BATCH_MAX      512
#define RECEIVE_BUFFER (2 * 1024 * 1024)
#define ANSWER_COST    1536 /* of the receive buffer, with the kernel's bookkeeping and words */
#define TIMEOUT        10   /* seconds; the answers are there when sendto(2) returns */
#define QUEUE_KEEP     4096 /* changes whose memory is kept when the queue is empty */

struct change {
	struct route route;
	enum nl_op op;
};

struct nl_change {
	struct mnl_socket *socket;
	int family;
	uint32_t seq;     /* of the next message */
	size_t batch_max; /* messages in flight */
	size_t bytes_max; /* of a batch */
	struct change *queue;
	size_t head, count, room;
	bool flushing;
	bool answered[BATCH_MAX];
	_Alignas(struct nlmsghdr) uint8_t out[NL_BUFFER_SIZE], in[NL_BUFFER_SIZE];
};

static size_t buffer_size(struct mnl_socket *s, int name)
{
	int size = 0;
	socklen_t len = sizeof(size);

	if (getsockopt(mnl_socket_get_fd(s), SOL_SOCKET, name, &size, &len) < 0 || size < 0)
		return 0;
	return (size_t)size;
}

static size_t clamp(size_t n, size_t low, size_t high)
{
	if (n < low)
		return low;
	return n > high ? high : n;
}

int nl_change_open(int family, struct nl_change **ret)
{
	struct nl_change *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	err = nl_socket_open(0, RECEIVE_BUFFER, TIMEOUT, &c->socket);
	if (err < 0) {
		free(c);
		return err;
	}
	c->batch_max = clamp(buffer_size(c->socket, SO_RCVBUF) / ANSWER_COST, 1, BATCH_MAX);
	c->bytes_max = clamp(buffer_size(c->socket, SO_SNDBUF) / 2, NL_CHANGE_SIZE, sizeof(c->out));
	c->family = family;
	c->seq = 1;
	*ret = c;
	return 0;
}

void nl_change_close(struct nl_change *c)
{
	if (!c)
		return;
	mnl_socket_close(c->socket);
	free(c->queue);
	free(c);
}

uint32_t nl_change_port(const struct nl_change *c)
{
	return mnl_socket_get_portid(c->socket);
}

int nl_change_queue(struct nl_change *c, enum nl_op op, const struct route *r)
{
	if (c->count == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct change *queue = reallocarray(c->queue, room, sizeof(*queue));

		if (!queue)
			return -ENOMEM;
		c->queue = queue;
		c->room = room;
	}
	c->queue[c->count++] = (struct change){*r, op};
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

/* What is not named here (type, source, next hop) may be anything. */
static void put_del(struct nlmsghdr *h, struct rtmsg *rtm, int family)
{
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
	if (r->oif)
		mnl_attr_put_u32(h, RTA_OIF, r->oif);
	switch (op) {
	case NL_ROUTE_ADD: put_add(h, rtm, family, r); break;
	case NL_ROUTE_DEL: put_del(h, rtm, family); break;
	}
	return h;
}

typedef void done_fn(void *ctx, enum nl_op op, const struct route *r, int err, const char *text);

/* Sends messages from the queue's head on. Returns how many, and through *err what sendto(2) said.
 */
static unsigned batch_send(struct nl_change *c, int *err)
{
	struct nlmsghdr *h = NULL;
	unsigned n = 0;
	size_t len = 0;

	while (n < c->batch_max && c->head + n < c->count && len + NL_CHANGE_SIZE <= c->bytes_max) {
		const struct change *change = &c->queue[c->head + n];

		h = nl_change_build(
			c->out + len, c->family, change->op, &change->route, c->seq + n);
		h->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
		len += NLMSG_ALIGN(h->nlmsg_len);
		n++;
	}
	h->nlmsg_flags |= NLM_F_ACK;
	memset(c->answered, 0, sizeof(c->answered));
	do {
		*err = mnl_socket_sendto(c->socket, c->out, len) < 0 ? -errno : 0;
	} while (*err == -EINTR);
	return n;
}

/* Tells of the change number i of the batch. A copy: `done` may queue more and move the queue. */
static void change_done(
	struct nl_change *c, unsigned i, int err, const char *text, done_fn *done, void *ctx)
{
	const struct change change = c->queue[c->head + i];

	c->answered[i] = true;
	done(ctx, change.op, &change.route, err, text);
}

/* Reads the answers in one datagram. */
static void answers_read(struct nl_change *c, unsigned n, int len, done_fn *done, void *ctx)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)c->in;

	for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
		uint32_t i = h->nlmsg_seq - c->seq;
		const char *text;
		int err;

		if (i >= n || c->answered[i] || !nl_parse_ack(h, &err, &text))
			continue;
		change_done(c, i, err, text, done, ctx);
	}
}

/* Waits for the last answer. Returns what keeps others from coming, or 0 where none is missing. */
static int batch_receive(struct nl_change *c, unsigned n, done_fn *done, void *ctx)
{
	int lost = 0;

	while (!c->answered[n - 1]) {
		int len =
			nl_socket_receive(c->socket, c->in, sizeof(c->in), lost ? MSG_DONTWAIT : 0);

		if (len == -EAGAIN)
			return lost ? lost : -ETIMEDOUT;
		if (len == -ENOBUFS || len == -EMSGSIZE)
			lost = -ENOBUFS; /* those before it are still there to be read */
		else if (len < 0)
			return len;
		else
			answers_read(c, n, len, done, ctx);
	}
	return lost;
}

void nl_change_flush(struct nl_change *c, done_fn *done, void *ctx)
{
	if (c->flushing)
		return; /* called by `done`: what it queued is sent by the flush that called it */
	c->flushing = true;
	while (c->head < c->count) {
		int err;
		unsigned n = batch_send(c, &err);

		if (err == 0)
			err = batch_receive(c, n, done, ctx);
		for (unsigned i = 0; i < n; i++) {
			if (!c->answered[i])
				change_done(c, i, err, "", done, ctx);
		}
		c->head += n;
		c->seq += n;
	}
	c->head = c->count = 0;
	if (c->room > QUEUE_KEEP) {
		free(c->queue);
		c->queue = NULL;
		c->room = 0;
	}
	c->flushing = false;
}
