/*
 * nl_lane: see nl_lane.h.
 *
 * The kernel works a whole batch off within sendto(2), going on after an error. Only the last
 * message of a batch asks for an acknowledgement; those before it are answered only where they
 * failed, and answers are matched by sequence number (L10). So what has no answer when the last one
 * has is done. A batch is as large as the receive buffer has room for answers to all of it, so none
 * is lost.
 */
#include "nl_lane.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nl_change.h"
#include "nl_parse.h"
#include "nl_socket.h"

#define BATCH_MAX      512
#define RECEIVE_BUFFER (2 * 1024 * 1024)
#define ANSWER_COST    1536 /* of the receive buffer, with the kernel's bookkeeping and words */
#define TIMEOUT        10   /* seconds; the answers are there when sendto(2) returns */

struct nl_lane {
	struct mnl_socket *socket;
	int family;
	uint32_t seq;     /* of the next message */
	size_t batch_max; /* messages in flight */
	size_t bytes_max; /* of a batch */
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

int nl_lane_open(int family, struct nl_lane **ret)
{
	struct nl_lane *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	err = nl_socket_open(0, RECEIVE_BUFFER, TIMEOUT, &l->socket);
	if (err < 0) {
		free(l);
		return err;
	}
	l->batch_max = clamp(buffer_size(l->socket, SO_RCVBUF) / ANSWER_COST, 1, BATCH_MAX);
	l->bytes_max = clamp(buffer_size(l->socket, SO_SNDBUF) / 2, NL_CHANGE_SIZE, sizeof(l->out));
	l->family = family;
	l->seq = 1;
	*ret = l;
	return 0;
}

void nl_lane_close(struct nl_lane *l)
{
	if (!l)
		return;
	mnl_socket_close(l->socket);
	free(l);
}

uint32_t nl_lane_port(const struct nl_lane *l)
{
	return mnl_socket_get_portid(l->socket);
}

/* Sends a batch. Returns how many of the items it has, and through *err what sendto(2) said. */
static unsigned batch_send(
	struct nl_lane *l, const struct nl_change_item *items, size_t left, int *err)
{
	struct nlmsghdr *h = NULL;
	unsigned n = 0;
	size_t len = 0;

	while (n < l->batch_max && n < left && len + NL_CHANGE_SIZE <= l->bytes_max) {
		h = nl_change_build(
			l->out + len, l->family, items[n].op, &items[n].route, l->seq + n);
		h->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
		len += NLMSG_ALIGN(h->nlmsg_len);
		n++;
	}
	h->nlmsg_flags |= NLM_F_ACK;
	memset(l->answered, 0, sizeof(l->answered));
	do {
		*err = mnl_socket_sendto(l->socket, l->out, len) < 0 ? -errno : 0;
	} while (*err == -EINTR);
	return n;
}

/* Reads the answers in one datagram. */
static void answers_read(struct nl_lane *l, unsigned n, int len, struct nl_outcome *ret)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)l->in;

	for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
		uint32_t i = h->nlmsg_seq - l->seq;
		const char *text;
		int err;

		if (i >= n || l->answered[i] || !nl_parse_ack(h, &err, &text))
			continue;
		l->answered[i] = true;
		ret[i].err = err;
		ret[i].text = *text ? strndup(text, NL_OUTCOME_TEXT) : NULL;
	}
}

/* Waits for the last answer. Returns what keeps others from coming, or 0 where none is missing. */
static int batch_receive(struct nl_lane *l, unsigned n, struct nl_outcome *ret)
{
	int lost = 0;

	while (!l->answered[n - 1]) {
		int len =
			nl_socket_receive(l->socket, l->in, sizeof(l->in), lost ? MSG_DONTWAIT : 0);

		if (len == -EAGAIN)
			return lost ? lost : -ETIMEDOUT;
		if (len == -ENOBUFS || len == -EMSGSIZE)
			lost = -ENOBUFS; /* those before it are still there to be read */
		else if (len < 0)
			return len;
		else
			answers_read(l, n, len, ret);
	}
	return lost;
}

void nl_lane_run(struct nl_lane *l, const struct nl_change_item *items, size_t n,
	struct nl_outcome *ret, void (*pause)(void *ctx), void *ctx)
{
	for (unsigned sent; n > 0; items += sent, ret += sent, n -= sent) {
		int err;

		sent = batch_send(l, items, n, &err);
		if (err == 0)
			err = batch_receive(l, sent, ret);
		for (unsigned i = 0; i < sent; i++)
			if (!l->answered[i])
				ret[i].err = err;
		l->seq += sent;
		if (pause)
			pause(ctx);
	}
}
