/*
 * flow: one window: questions at a fixed rate for a time, whatever comes back (open loop), and
 * what came back.
 */
#ifndef BENCH_FLOW_H
#define BENCH_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

#define FLOW_STEPS   128 /* of the histogram for each doubling: one is 0.5 % wide */
#define FLOW_BUCKETS (40 * FLOW_STEPS)

struct flow_plan {
	double hits, flood; /* questions a second for listed and for unlisted targets */
	double seconds;
	double grace; /* how long after the window an answer is still in time */
	int host_cpu;
};

struct flow {
	uint64_t hits, flood;        /* questions sent */
	uint64_t answered;           /* in time, and right */
	uint64_t late, wrong, stray; /* stray: right, but nobody had asked */
	uint64_t refused;            /* questions that found the host's backlog full */
	uint64_t overrun;            /* answers that found our ring full */
	double seconds;              /* that sending took */
	double busy;                 /* CPU seconds of the host's CPU meanwhile */
	uint64_t latency[FLOW_BUCKETS];
	const char *why; /* the first wrong answer is wrong, or NULL */
};

/* Returns 0 or -errno. Returns once the last answer has been seen, late ones included. */
int flow_run(const struct wire *w, const struct flow_plan *plan, struct flow *ret);

/* Of the questions for listed targets: what share had no answer in time. */
double flow_loss(const struct flow *f);

/* Microseconds below which the share of the answers came. */
double flow_percentile(const struct flow *f, double share);

/* Seconds on a clock that only goes forward. */
double flow_now(void);

#endif
