/*
 * nl_lane: one socket through which routes are changed, a batch after another. For nl_change alone.
 */
#ifndef NL_LANE_H
#define NL_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "nl.h"

#define NL_OUTCOME_TEXT 96

struct nl_lane;

struct nl_change_item {
	struct route route;
	enum nl_op op;
};

struct nl_outcome {
	int err;    /* 0, or -errno */
	char *text; /* the kernel's own words, which the receiver frees, or NULL */
};

int nl_lane_open(int family, struct nl_lane **ret);
void nl_lane_close(struct nl_lane *l); /* NULL is fine */
uint32_t nl_lane_port(const struct nl_lane *l);

/*
 * Sends n changes in their order, waits for the kernel's answers, and says what came of each
 * in ret, whose n members were zero. Touches nothing but the lane and ret, so that two lanes may
 * run at the same time. `pause` comes by after each batch; NULL: none.
 */
void nl_lane_run(struct nl_lane *l, const struct nl_change_item *items, size_t n,
	struct nl_outcome *ret, void (*pause)(void *ctx), void *ctx);

#endif
