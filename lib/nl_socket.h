/*
 * nl_socket: what the rtnetlink sockets of nl have in common.
 */
#ifndef NL_SOCKET_H
#define NL_SOCKET_H

#include <libmnl/libmnl.h>
#include <stddef.h>

#define NL_BUFFER_SIZE (64 * 1024) /* more than the kernel ever puts into one answer (L10) */

/*
 * Opens and binds a socket with strict checks, extended acknowledgements without echo, and a
 * receive buffer as near to rcvbuf as we may have. timeout: seconds that a receive waits; 0: for
 * ever. Returns 0 and *ret, or -errno.
 */
int nl_socket_open(unsigned groups, int rcvbuf, int timeout, struct mnl_socket **ret);

/*
 * Receives one datagram of the kernel's (another process's is thrown away). Returns its length,
 * or -errno: -EAGAIN where there is none, -EMSGSIZE where it was longer than the buffer.
 */
int nl_socket_receive(struct mnl_socket *s, void *buf, size_t size, int flags);

#endif
