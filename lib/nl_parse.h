/*
 * nl_parse: rtnetlink messages -> the plain values of event.h. Pure: no socket, no state.
 *
 * Each takes a message whose nlmsg_len was checked against the buffer (mnl_nlmsg_ok), and believes
 * nothing else in it. What is cut short, of another family, or not of our business is no event.
 */
#ifndef NL_PARSE_H
#define NL_PARSE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "event.h"

/* RTM_NEWLINK, RTM_DELLINK. false: no event, *ret untouched. */
bool nl_parse_link(const struct nlmsghdr *h, struct link *ret);

/* RTM_NEWLINK of the family alone (RTNLGRP_IPV6_IFINFO): the interface has it, perhaps again. */
bool nl_parse_family_up(const struct nlmsghdr *h, int family, uint32_t *index);

/* RTM_NEWADDR, RTM_DELADDR of the family. */
bool nl_parse_address(const struct nlmsghdr *h, int family, struct hostaddr *ret);

/* RTM_NEWNEIGH: an entry of the kernel's own proxy. */
bool nl_parse_proxy(const struct nlmsghdr *h, int family, struct addr *a, uint32_t *index);

/* RTM_NEWNEXTHOP, RTM_DELNEXTHOP: a next hop object, of whatever family. */
bool nl_parse_nexthop(const struct nlmsghdr *h, uint32_t *id);

/*
 * RTM_NEWROUTE, RTM_DELROUTE of the family, of the main table, of `table`, or of `protocol`. Calls
 * `each` once; for a default route with several next hops once for each, because each is a gateway,
 * and so for one of `protocol`, because to IPv6 each is a route, and perhaps not all are ours;
 * otherwise such a route has oif 0.
 */
void nl_parse_route(const struct nlmsghdr *h, int family, uint32_t table, uint8_t protocol,
	void (*each)(void *ctx, const struct route *r), void *ctx);

/* NLMSG_ERROR: the error (0: an acknowledgement), and the kernel's words within h, or "". */
bool nl_parse_ack(const struct nlmsghdr *h, int *err, const char **text);

#endif
