/*
 * nl: rtnetlink through libmnl: dump, follow, resync; routes added and deleted in batches.
 *
 * Three sockets: one for events (joined to the multicast groups before the first dump, so nothing
 * is missed between the two), one for dumps, one for changes of routes. On ENOBUFS, or an
 * interrupted dump, everything is dumped again: the receiver marks what it knows at sync_begin and
 * sweeps what was not mentioned again at sync_end (K05). NETLINK_NO_ENOBUFS is never used.
 */
#ifndef NL_H
#define NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"

struct nl;

/* Each is called from nl_sync(), nl_receive(), and pause from nl_flush() too; what they point at is
 * valid during the call. */
struct nl_handler {
	void *ctx;
	void (*sync_begin)(void *ctx);
	void (*sync_end)(void *ctx);
	void (*link)(void *ctx, const struct link *l, bool present);
	/* The family has been switched on for an interface (disable_ipv6, an MTU that had been
	 * too small), which is told after its link, and on other occasions too. NULL: of no
	 * interest. */
	void (*family_up)(void *ctx, uint32_t index);
	void (*address)(void *ctx, const struct hostaddr *a, bool present);
	/* routes of the main table and of `table` (nl_open) that are unicast or refuse (blackhole,
	 * unreachable, prohibit: oif 0), except the kernel's local table, source-specific ones and
	 * multicast. A default route with several next hops, or one of `protocol`, is reported once
	 * for each, any other such route once with oif 0. Own changes are not reported. */
	void (*route)(void *ctx, const struct route *r, bool present);
	/* A next hop object is there, another one than before, or gone. The kernel does not tell of
	 * all that this does to routes. NULL: of no interest. */
	void (*nexthop)(void *ctx, uint32_t id);
	/* Comes by again and again where the kernel takes its time, for whoever has something to do
	 * meanwhile, which must not be a call of nl. NULL: nobody has. */
	void (*pause)(void *ctx);
};

/*
 * Opens the sockets. family: whose addresses and routes are followed (AF_INET, AF_INET6; addresses
 * and destinations are v4-mapped for AF_INET). table and protocol: of the host routes; routes of
 * this protocol are told of in whatever table they are. Returns 0 and *ret, or -errno. Keeps the
 * handler (copied).
 */
int nl_open(int family, uint32_t table, uint8_t protocol, const struct nl_handler *handler,
	struct nl **ret);
void nl_close(struct nl *n);
void nl_set_routes(struct nl *n, uint32_t table, uint8_t protocol); /* then call nl_sync() */
int nl_fd(const struct nl *n); /* readable: call nl_receive() */

/* Dumps links, addresses and routes, between sync_begin and sync_end. Repeats a dump that was
 * interrupted. Returns 0 or -errno; then the caller tries again later. */
int nl_sync(struct nl *n);

/* Dumps the kernel's own proxy entries (`ip neigh show proxy`; K01). Returns 0 or -errno. */
int nl_proxies(
	struct nl *n, void (*each)(void *ctx, const struct addr *a, uint32_t index), void *ctx);

/* Reads events that wait (bounded per call), and does nl_sync() where the kernel lost some. Returns
 * 0 or -errno. */
int nl_receive(struct nl *n);

/*
 * Queues a change. add: created with NLM_F_EXCL; del: by destination, protocol, metric, table and
 * interface, so nobody else's route is ever touched (K05). For 'op' see enum nl_op. Returns 0 or
 * -ENOMEM, with nothing queued.
 */
enum nl_op { NL_ROUTE_ADD, NL_ROUTE_DEL };
int nl_route(struct nl *n, enum nl_op op, const struct route *r);
size_t nl_queued(const struct nl *n); /* changes that wait for nl_flush() */

/*
 * Sends what is queued, in as few sends as possible, in the order queued, waits for the kernel's
 * acknowledgements and calls `done` for each change with its error: 0 or a negative errno, and the
 * kernel's own words (EXT_ACK) where it gave some, otherwise "". `done` may queue more; they are
 * sent too before this returns. The kernel goes on after an error (L10).
 */
void nl_flush(struct nl *n,
	void (*done)(void *ctx, enum nl_op op, const struct route *r, int err, const char *text),
	void *ctx);

#endif
