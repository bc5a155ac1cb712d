/* nl_socket: see nl_socket.h. */
#include "nl_socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

static void options_set(struct mnl_socket *s, int rcvbuf)
{
	static const int options[] = {NETLINK_GET_STRICT_CHK, NETLINK_EXT_ACK, NETLINK_CAP_ACK};
	int fd = mnl_socket_get_fd(s), on = 1;

	/* each makes an answer shorter or clearer, none makes it right */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		mnl_socket_setsockopt(s, options[i], &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
}

int nl_socket_open(unsigned groups, int rcvbuf, int timeout, struct mnl_socket **ret)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct timeval tv = {.tv_sec = timeout};
	int err;

	if (!s)
		return -errno;
	options_set(s, rcvbuf);
	if (setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0 ||
		mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		mnl_socket_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

int nl_socket_receive(struct mnl_socket *s, void *buf, size_t size, int flags)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {buf, size};
		struct msghdr h = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
		};
		ssize_t n = recvmsg(mnl_socket_get_fd(s), &h, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (from.nl_pid != 0)
			continue;
		return h.msg_flags & MSG_TRUNC ? -EMSGSIZE : (int)n;
	}
}
