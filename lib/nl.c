/*
 * nl: see nl.h. Life cycle: nl_open() joins the groups, the first nl_sync() dumps, nl_receive()
 * follows. The socket of a dump lives as long as the dump, so that one that was cut short leaves
 * no half of an answer behind for the next.
 *
 * A dump is newer than every event queued before it began. Therefore, when events were lost, what
 * is still queued is thrown away before the dump: the kernel delivers nothing more to a socket that
 * has overflowed until its queue is empty, and an old "up" must not be read after a newer "down".
 * What comes during the dump is read after it; the last event of each object is then the newest.
 */
#include "nl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include "nl_change.h"
#include "nl_parse.h"
#include "nl_socket.h"

#ifndef EVENT_BUFFER
#define EVENT_BUFFER (8 * 1024 * 1024)
#endif
#define DUMP_BUFFER     (1024 * 1024)
#define DUMP_TIMEOUT    10 /* seconds without an answer */
#define SYNC_TRIES      10
#define RECEIVE_MAX     64 /* datagrams a call */
#define GROUP_NEXTHOP   (1U << (RTNLGRP_NEXTHOP - 1))
#define SKIP_STATISTICS (1 << 3) /* RTEXT_FILTER_SKIP_STATS */

struct nl {
	struct nl_handler handler;
	int family;
	uint32_t table;
	uint8_t protocol;
	struct mnl_socket *events;
	struct nl_change *change;
	uint32_t seq;                                                   /* of the last dump */
	void (*proxy)(void *ctx, const struct addr *a, uint32_t index); /* during nl_proxies() */
	void *proxy_ctx;
	_Alignas(struct nlmsghdr) uint8_t buf[NL_BUFFER_SIZE];
};

/*
 * The kernel tells everybody of our own changes, us too. At a million routes they would overflow
 * the event socket, so they are dropped before they are queued: nlmsg_pid == one of our senders'.
 * (BPF loads are in network order, the field is not.)
 */
static int events_filter(const struct nl *n)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(nl_change_port(n->change, 0)), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(nl_change_port(n->change, 1)), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog fprog = {sizeof(code) / sizeof(code[0]), code};

	if (setsockopt(mnl_socket_get_fd(n->events), SOL_SOCKET, SO_ATTACH_FILTER, &fprog,
		    sizeof(fprog)) < 0)
		return -errno;
	return 0;
}

int nl_open(int family, uint32_t table, uint8_t protocol, const struct nl_handler *handler,
	struct nl **ret)
{
	unsigned groups =
		GROUP_NEXTHOP | RTMGRP_LINK |
		(family == AF_INET ? RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE
				   : RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_IFINFO);
	struct nl *n = calloc(1, sizeof(*n));
	int err;

	if (!n)
		return -ENOMEM;
	n->family = family;
	nl_set_routes(n, table, protocol);
	n->handler = *handler;
	err = nl_change_open(family, handler->pause, handler->ctx, &n->change);
	if (err == 0)
		err = nl_socket_open(groups, EVENT_BUFFER, 0, &n->events);
	if (err == 0)
		err = events_filter(n);
	if (err < 0) {
		nl_close(n);
		return err;
	}
	*ret = n;
	return 0;
}

void nl_close(struct nl *n)
{
	if (!n)
		return;
	if (n->events)
		mnl_socket_close(n->events);
	nl_change_close(n->change);
	free(n);
}

void nl_set_routes(struct nl *n, uint32_t table, uint8_t protocol)
{
	n->table = table;
	n->protocol = protocol;
}

int nl_fd(const struct nl *n)
{
	return mnl_socket_get_fd(n->events);
}

static void route_present(void *ctx, const struct route *r)
{
	const struct nl *n = ctx;

	n->handler.route(n->handler.ctx, r, true);
}

static void route_absent(void *ctx, const struct route *r)
{
	const struct nl *n = ctx;

	n->handler.route(n->handler.ctx, r, false);
}

static void message_handle(struct nl *n, const struct nlmsghdr *h)
{
	struct hostaddr address;
	struct link link;
	struct addr proxied;
	uint32_t index;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (nl_parse_link(h, &link))
			n->handler.link(n->handler.ctx, &link, h->nlmsg_type == RTM_NEWLINK);
		else if (n->handler.family_up && nl_parse_family_up(h, n->family, &index))
			n->handler.family_up(n->handler.ctx, index);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (nl_parse_address(h, n->family, &address))
			n->handler.address(n->handler.ctx, &address, h->nlmsg_type == RTM_NEWADDR);
		break;
	case RTM_NEWNEIGH:
		if (n->proxy && nl_parse_proxy(h, n->family, &proxied, &index))
			n->proxy(n->proxy_ctx, &proxied, index);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		if (n->handler.nexthop && nl_parse_nexthop(h, &index))
			n->handler.nexthop(n->handler.ctx, index);
		break;
	case RTM_NEWROUTE:
		nl_parse_route(h, n->family, n->table, n->protocol, route_present, n);
		break;
	case RTM_DELROUTE:
		nl_parse_route(h, n->family, n->table, n->protocol, route_absent, n);
		break;
	}
}

/* Strict checking wants the header of the very type, and the rest zero (K05). */
static struct nlmsghdr *dump_request(struct nl *n, uint16_t type)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(n->buf);
	struct ifaddrmsg *ifa;
	struct rtmsg *rtm;
	struct ndmsg *ndm;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++n->seq;
	switch (type) {
	case RTM_GETLINK:
		mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
		mnl_attr_put_u32(h, IFLA_EXT_MASK, SKIP_STATISTICS);
		break;
	case RTM_GETADDR:
		ifa = mnl_nlmsg_put_extra_header(h, sizeof(*ifa));
		ifa->ifa_family = (uint8_t)n->family;
		break;
	case RTM_GETNEIGH:
		ndm = mnl_nlmsg_put_extra_header(h, sizeof(*ndm));
		ndm->ndm_family = (uint8_t)n->family;
		ndm->ndm_flags = NTF_PROXY;
		break;
	case RTM_GETROUTE:
		rtm = mnl_nlmsg_put_extra_header(h, sizeof(*rtm));
		rtm->rtm_family = (uint8_t)n->family;
		break;
	}
	return h;
}

/*
 * One datagram of a dump. Returns 1 where more is to come, 0 at the end, or -errno. *interrupted is
 * set when the kernel says that something changed meanwhile, on whatever message it does so.
 */
static int dump_read(struct nl *n, int len, bool *interrupted)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)n->buf;

	for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
		if (h->nlmsg_seq != n->seq)
			continue;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		/* both begin with an error of 0 or below */
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) {
			int32_t err = 0;

			if (mnl_nlmsg_get_payload_len(h) >= sizeof(err))
				memcpy(&err, mnl_nlmsg_get_payload(h), sizeof(err));
			return err < 0 ? err : 0;
		}
		message_handle(n, h);
	}
	return 1;
}

/* Returns 0, -EINTR where the dump was interrupted, or another -errno. */
static int dump(struct nl *n, struct mnl_socket *s, uint16_t type)
{
	const struct nlmsghdr *request = dump_request(n, type);
	bool interrupted = false;
	int more;

	if (mnl_socket_sendto(s, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		int len = nl_socket_receive(s, n->buf, sizeof(n->buf), 0);

		if (len < 0)
			return len == -EAGAIN ? -ETIMEDOUT : len;
		more = dump_read(n, len, &interrupted);
		if (n->handler.pause)
			n->handler.pause(n->handler.ctx);
	} while (more > 0);
	return more == 0 && interrupted ? -EINTR : more;
}

static int dump_all(struct nl *n)
{
	struct mnl_socket *s;
	int err = nl_socket_open(0, DUMP_BUFFER, DUMP_TIMEOUT, &s);

	if (err < 0)
		return err;
	err = dump(n, s, RTM_GETLINK);
	if (err == 0)
		err = dump(n, s, RTM_GETADDR);
	/* Of all tables: there may be routes of ours that an earlier configuration left in others.
	 * One for each table, and one for ours in all, would have a million of ours twice. */
	if (err == 0)
		err = dump(n, s, RTM_GETROUTE);
	mnl_socket_close(s);
	return err;
}

int nl_sync(struct nl *n)
{
	int err = -EINTR;

	for (int i = 0; i < SYNC_TRIES && err == -EINTR; i++) {
		n->handler.sync_begin(n->handler.ctx);
		err = dump_all(n);
	}
	if (err < 0)
		return err == -EINTR ? -EAGAIN : err;
	n->handler.sync_end(n->handler.ctx);
	return 0;
}

int nl_proxies(
	struct nl *n, void (*each)(void *ctx, const struct addr *a, uint32_t index), void *ctx)
{
	struct mnl_socket *s;
	int err = nl_socket_open(0, DUMP_BUFFER, DUMP_TIMEOUT, &s);

	if (err < 0)
		return err;
	n->proxy = each;
	n->proxy_ctx = ctx;
	err = dump(n, s, RTM_GETNEIGH);
	n->proxy = NULL;
	mnl_socket_close(s);
	return err == -EINTR ? 0 : err; /* a change meanwhile: what is missed is seen next time */
}

/* Throws away what is queued: until it is empty nothing new comes in (see above). */
static void events_drain(struct nl *n)
{
	int len;

	do {
		len = nl_socket_receive(n->events, n->buf, sizeof(n->buf), MSG_DONTWAIT);
	} while (len >= 0 || len == -ENOBUFS || len == -EMSGSIZE);
}

int nl_receive(struct nl *n)
{
	for (int i = 0; i < RECEIVE_MAX; i++) {
		int len = nl_socket_receive(n->events, n->buf, sizeof(n->buf), MSG_DONTWAIT);
		const struct nlmsghdr *h = (const struct nlmsghdr *)n->buf;

		if (len == -EAGAIN)
			return 0;
		if (len == -ENOBUFS || len == -EMSGSIZE) {
			events_drain(n);
			return nl_sync(n);
		}
		if (len < 0)
			return len;
		for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len))
			message_handle(n, h);
	}
	return 0;
}

int nl_route(struct nl *n, enum nl_op op, const struct route *r)
{
	return nl_change_queue(n->change, op, r);
}

size_t nl_queued(const struct nl *n)
{
	return nl_change_count(n->change);
}

void nl_flush(struct nl *n,
	void (*done)(void *ctx, enum nl_op op, const struct route *r, int err, const char *text),
	void *ctx)
{
	nl_change_flush(n->change, done, ctx);
}
