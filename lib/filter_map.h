/*
 * filter_map: what the daemon (filter.c) and the program in the kernel (filter.bpf.c) share.
 *
 * The listed prefixes stand in the kernel as tags of 32 bits, in buckets of FILTER_CELLS. A prefix
 * has two buckets, either of which can hold its tag; from one bucket and the tag the other follows,
 * so prefixes of the same tag have both buckets in common or none, and any of their cells may go
 * when one of them goes. A cell is written once and never moved: at no moment is a listed prefix
 * not found. A tag of somebody else's lets a frame pass that the daemon then drops: one in some
 * hundred millions.
 */
#ifndef FILTER_MAP_H
#define FILTER_MAP_H

#include <linux/types.h>

#include "siphash.h"

#define FILTER_CELLS   8
#define FILTER_LENGTHS 129 /* of prefixes: 0 to 128 */
#define FILTER_CPUS    64  /* counters; a power of two */
#define FILTER_SHED    8   /* interfaces that can be behind at the same time */

struct filter_bucket {
	__u32 cells[FILTER_CELLS]; /* 0: free */
};

struct filter_counts {
	__u64 unlisted; /* questions of which nothing is listed */
	__u64 other;    /* neither question nor claim */
	__u64 overload; /* of an interface whose questions come faster than they are answered */
	__u64 pad[5];   /* a cache line each */
};

struct filter_length {
	__u64 mask[2]; /* over an address as it stands in memory */
	__u64 len;
};

/* Memory that both sides see; the daemon writes all but the counts. */
struct filter_shared {
	__u64 key[2];
	__u32 mask;              /* buckets - 1 */
	__u32 pass;              /* not 0: every question and claim passes */
	__u32 nshed;             /* interfaces in shed */
	__u32 shed[FILTER_SHED]; /* by index, 0: free: nothing passes that comes from there */
	/* the lengths that ever occurred; nlengths is written after them */
	__u32 nlengths;
	struct filter_length lengths[FILTER_LENGTHS];
	struct filter_counts counts[FILTER_CPUS] __attribute__((aligned(64)));
};

static inline __attribute__((always_inline)) __u32 filter_tag(__u64 hash)
{
	__u32 tag = (__u32)(hash >> 32);

	return tag ? tag : 1;
}

/* The other bucket of a tag. Its own inverse. */
static inline __attribute__((always_inline)) __u32 filter_other(__u32 bucket, __u32 tag, __u32 mask)
{
	return bucket ^ ((tag * 0x9e3779b1U >> 7) & mask);
}

#endif
