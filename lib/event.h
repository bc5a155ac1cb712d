/*
 * event: what the kernel tells of its links, addresses and routes, as plain values.
 *
 * No functions: nl fills these in from netlink messages, the engine consumes them, neither knows
 * the other.
 */
#ifndef EVENT_H
#define EVENT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct link {
	uint32_t index;
	char name[IF_NAMESIZE];
	uint8_t mac[6]; /* zero where the interface has none of 6 bytes */
	bool admin_up;  /* IFF_UP: the kernel keeps routes through it */
	bool running;   /* IFF_UP and IFF_LOWER_UP: frames pass */
	bool noarp;     /* IFF_NOARP: no neighbour discovery on it (venet0) */
	bool ethernet;  /* its frames have Ethernet's header */
	bool bridged;   /* a port of a bridge, which takes all that it receives */
	uint32_t mtu;
	/* Of this event: those who hear us are others than before (a bond has another active port,
	 * the host runs on another machine), so they must be told where everybody is. */
	bool notify_peers;
};

struct hostaddr {
	uint32_t index;       /* of its link */
	struct prefix prefix; /* the address with the length of its network, host bits kept */
	struct addr network;  /* the network's address (a peer's network where there is one) */
	bool tentative;       /* not usable yet, or duplicate address detection failed */
	bool deprecated;      /* usable, but not preferred */
	bool temporary;       /* a privacy address, or a secondary one of IPv4: not preferred */
	/* the receiver's own: */
	struct addr broadcast; /* of the network; unspecified: it has none */
	bool seen;             /* a mark, for its sweep */
};

struct route {
	struct prefix dst;
	uint32_t table, metric;
	uint32_t oif;       /* 0: none (blackhole) or several */
	struct addr via;    /* unspecified: directly connected */
	struct addr source; /* preferred source; unspecified: none */
	uint32_t nexthop;   /* the id of the next hop object that it uses, 0: none */
	uint8_t protocol;
	uint8_t type;  /* RTN_UNICAST ... */
	bool replaces; /* what else had its dst, table and metric is gone (NLM_F_REPLACE) */
	bool again;    /* of a change that is asked for: the second try */
};

#endif
