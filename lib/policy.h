/*
 * policy: what an administrator sets, as plain values (DESIGN: the configuration's options).
 *
 * No functions: conf fills these in, the engine obeys them, neither knows the other.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

/* The source of an answer on the uplink (N02). */
enum source { SOURCE_AUTO, SOURCE_LINK_LOCAL, SOURCE_TARGET, SOURCE_ADDRESS };

enum mld { MLD_AUTO, MLD_REPORT, MLD_ROUTER, MLD_NONE };

/* What a vif's guest is answered (N20 to N22). */
enum answer { ANSWER_ON_LINK, ANSWER_ALL, ANSWER_NONE };

/* Whether frames that a guest may not send are dropped, only counted, or neither (H60 to H64). */
enum guard { GUARD_ON, GUARD_MONITOR, GUARD_OFF };

struct uplink_policy {
	unsigned announce; /* announcements for an arrival, 0 to 10 */
	enum source source;
	struct addr source_address; /* with SOURCE_ADDRESS */
	enum mld mld;
	unsigned rate; /* answers a second to one requester; 0: no limit */
	bool probe;
	bool yield;
};

struct vif_policy {
	enum answer answer;
	enum guard guard;
	unsigned rate;
	const struct addr
		*gateways; /* answered as a router's; belongs to whoever made the policy */
	unsigned ngateways;
};

/* Of the host routes. */
struct route_policy {
	uint8_t protocol;
	uint32_t metric;
	uint32_t table;
	bool has_source; /* false: the uplink's address of the guest's network (K07) */
	struct addr source;
};

#define UPLINKS_MAX             64
#define UPLINK_ANNOUNCE_DEFAULT 3
#define UPLINK_ANNOUNCE_MAX     10
#define UPLINK_RATE_DEFAULT     50000
#define VIF_RATE_DEFAULT        1000
#define PACE_DEFAULT            1000
#define ROUTE_PROTOCOL_DEFAULT  168
#define ROUTE_METRIC_DEFAULT    1024
#define ROUTE_TABLE_DEFAULT     254

#endif
