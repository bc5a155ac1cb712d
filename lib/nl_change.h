/*
 * nl_change: the routes that nl adds and deletes: a queue, and its way to the kernel in batches.
 */
#ifndef NL_CHANGE_H
#define NL_CHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "nl.h"

struct nl_change;

/* pause: as of struct nl_handler */
int nl_change_open(int family, void (*pause)(void *ctx), void *ctx, struct nl_change **ret);
void nl_change_close(struct nl_change *c); /* what is queued is forgotten; NULL is fine */
/* nlmsg_pid of what the kernel tells of ours, of either sender: i is 0 or 1 */
uint32_t nl_change_port(const struct nl_change *c, unsigned i);

/* As nl_route() and nl_flush() of nl.h. */
int nl_change_queue(struct nl_change *c, enum nl_op op, const struct route *r);
size_t nl_change_count(const struct nl_change *c);
void nl_change_flush(struct nl_change *c,
	void (*done)(void *ctx, enum nl_op op, const struct route *r, int err, const char *text),
	void *ctx);

/* One change as a message in buf, which has NL_CHANGE_SIZE bytes at least. Pure. */
#define NL_CHANGE_SIZE 256
struct nlmsghdr *nl_change_build(
	void *buf, int family, enum nl_op op, const struct route *r, uint32_t seq);

#endif
