/*
 * gen: asks and checks: the requester of the benchmark, one run of one mode, one line of JSON.
 * bench.py starts it; by hand it is of use where somebody makes one thing faster.
 */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "flow.h"
#include "options.h"
#include "port.h"
#include "wire.h"

#define LOSS_MAX   0.001 /* of a rate that counts as sustained */
#define NOISE_MAX  0.05  /* a window that lost less than this is tried again */
#define TRIES      3     /* of a window */
#define STEP_MIN   1.015 /* the search ends at this ratio between what went and what did not */
#define STEP_AGAIN 1.1   /* and goes on from there by this where it did go */
#define AGAIN_MAX  2     /* so many times */
#define SEARCH_MAX 30    /* steps */
#define SEARCH_S   6.0   /* s, after which no further step begins */
#define SLOW_MAX   3     /* of them with a generator that did not keep up: it is the limit */
#define SETTLE     0.02  /* s, for answers to whoever asked before us */
#define RATE_MAX   3e6
#define RATE_MIN   100.0
#define KEPT_UP    0.98   /* a generator that sent less of what it should was itself too slow */
#define WAIT_STEP  500000 /* ns between two questions of `wait` */

static struct flow flow;

static void flow_must(const struct run *r, double hits, double flood)
{
	struct flow_plan plan = {hits, flood, r->seconds, r->grace, r->host_cpu};
	int err = flow_run(&r->wire, &plan, &flow);

	if (err < 0)
		die("send", strerror(-err));
}

/* What all modes print; the caller closes the brace. */
static void print_flow(const struct run *r)
{
	uint64_t all = flow.hits + flow.flood, received = all - flow.refused;

	printf("{\"mode\": \"%s\", \"seconds\": %.3f, \"hits\": %llu, \"flood\": %llu, "
	       "\"sent_per_s\": %.0f, \"answered\": %llu, \"answered_per_s\": %.0f, "
	       "\"late\": %llu, \"refused\": %llu, \"overrun\": %llu, \"loss\": %.6f, "
	       "\"busy\": %.3f, \"cpu_per_100k_received\": %.4f, \"cpu_per_100k\": %.4f, "
	       "\"p50_us\": %.2f, \"p99_us\": %.2f, \"wrong\": %llu, \"stray\": %llu",
		r->mode, flow.seconds, (unsigned long long)flow.hits,
		(unsigned long long)flow.flood, (double)all / flow.seconds,
		(unsigned long long)flow.answered, (double)flow.answered / flow.seconds,
		(unsigned long long)flow.late, (unsigned long long)flow.refused,
		(unsigned long long)flow.overrun, flow_loss(&flow), flow.busy,
		received ? flow.busy / (double)received * 1e5 : 0,
		flow.answered ? flow.busy / (double)flow.answered * 1e5 : 0,
		flow_percentile(&flow, 0.5), flow_percentile(&flow, 0.99),
		(unsigned long long)flow.wrong, (unsigned long long)flow.stray);
	if (flow.why)
		printf(", \"why\": \"%s\"", flow.why);
}

static bool flow_right(void)
{
	return flow.wrong == 0 && flow.stray == 0;
}

static bool kept_up(double rate)
{
	return (double)(flow.hits + flow.flood) >= KEPT_UP * rate * flow.seconds;
}

enum outcome { OUTCOME_GOOD, OUTCOME_LOST, OUTCOME_SLOW };

/*
 * One step of a search. A hiccup of the machine is no limit of a responder: a near miss is tried
 * again. SLOW: nothing was lost, but the generator sent less than it should.
 */
static enum outcome sustained(const struct run *r, double rate)
{
	enum outcome o = OUTCOME_LOST;

	for (unsigned i = 0; i < TRIES; i++) {
		flow_must(r, rate, 0);
		if (!flow_right())
			return OUTCOME_LOST;
		if (flow_loss(&flow) < LOSS_MAX && kept_up(rate))
			return OUTCOME_GOOD;
		if (flow_loss(&flow) >= NOISE_MAX)
			return OUTCOME_LOST;
		o = flow_loss(&flow) < LOSS_MAX ? OUTCOME_SLOW : OUTCOME_LOST;
	}
	return o;
}

struct search {
	double low, high; /* what went, and what did not; 0: nothing yet */
	double step;
	unsigned steps, again, slow;
	struct flow best;
};

/* Where to go on, or 0: found. */
static double search_next(struct search *s)
{
	if (s->low == 0)
		return s->high / s->step >= RATE_MIN ? s->high / s->step : 0;
	if (s->high == 0)
		return s->low < RATE_MAX ? fmin(s->low * s->step, RATE_MAX) : 0;
	if (s->high / s->low > STEP_MIN)
		return sqrt(s->low * s->high);
	/* what did not go, perhaps by a disturbance, and long ago, gets another chance */
	if (s->again++ == AGAIN_MAX)
		return 0;
	s->step = STEP_AGAIN;
	return s->high;
}

/* Most per second: in steps from the given rate until it is between two, then bisecting. */
static bool mode_search(const struct run *r)
{
	static struct search s;
	double rate = r->rate, until = flow_now() + SEARCH_S;

	s.step = r->step;
	while (s.steps < SEARCH_MAX && rate > 0 && s.slow < SLOW_MAX && flow_now() < until) {
		enum outcome o = sustained(r, rate);

		s.steps++;
		if (!flow_right())
			break;
		if (o == OUTCOME_LOST) {
			s.again = rate == s.high ? AGAIN_MAX : s.again;
			s.high = rate;
			/* a disturbance the other way round: what once went no longer does */
			s.low = s.low < rate ? s.low : 0;
		} else {
			s.slow += o == OUTCOME_SLOW;
			if (o == OUTCOME_SLOW)
				rate = (double)flow.hits / flow.seconds;
			s.low = fmax(s.low, rate);
			s.high = s.high > rate ? s.high : 0;
			s.best = flow;
		}
		rate = search_next(&s);
	}
	if (flow_right())
		flow = s.best;
	print_flow(r);
	printf(", \"rate\": %.0f, \"steps\": %u, \"generator_limited\": %s}\n", s.low, s.steps,
		s.slow == SLOW_MAX ? "true" : "false");
	return flow_right();
}

/* The less, the better the window. */
static double badness(const char *best)
{
	if (strcmp(best, "cpu") == 0)
		return flow.busy / (double)(flow.hits + flow.flood - flow.refused);
	if (strcmp(best, "latency") == 0)
		return flow_percentile(&flow, 0.5);
	return flow_loss(&flow);
}

/* What else the machine does meanwhile only ever adds: of some windows the best one counts. */
static bool windows_run(const struct run *r, double hits, double flood)
{
	static struct flow best;

	for (unsigned i = 0; i < r->windows; i++) {
		double least = i ? badness(r->best) : 0;

		best = flow;
		flow_must(r, hits, flood);
		if (!flow_right())
			return false;
		if (i && badness(r->best) >= least)
			flow = best;
	}
	return true;
}

static bool mode_rate(const struct run *r)
{
	bool right = windows_run(r, r->rate, r->flood);

	print_flow(r);
	printf(", \"rate\": %.0f, \"kept_up\": %s}\n", r->rate,
		kept_up(r->rate + r->flood) ? "true" : "false");
	return right;
}

static bool mode_overload(const struct run *r)
{
	bool right = windows_run(r, 2 * r->rate, 0);

	print_flow(r);
	printf(", \"rate\": %.0f, \"offered\": %.2f, \"goodput\": %.4f, \"kept_up\": %s}\n",
		r->rate, (double)flow.hits / flow.seconds / r->rate,
		(double)flow.answered / flow.seconds / r->rate,
		kept_up(2 * r->rate) ? "true" : "false");
	return right;
}

/* Asks for the last target until there is an answer; tells when, by CLOCK_MONOTONIC. */
static bool mode_wait(const struct run *r)
{
	double from = flow_now();
	const char *why = NULL;

	while (flow_now() - from < r->seconds) {
		struct answer a;
		uint32_t index;
		double sent = flow_now();

		wire_ask(&r->wire, port_buffer(0), true, r->wire.count - 1);
		port_send(1);
		while (flow_now() - sent < WAIT_STEP * 1e-9)
			if (port_next(&a) && wire_check(&r->wire, a.frame, a.len, a.csum_ok, &index,
						     &why) == VERDICT_GOOD) {
				printf("{\"mode\": \"wait\", \"answered_at\": %.6f, \"wrong\": 0, "
				       "\"stray\": 0}\n",
					flow_now());
				return true;
			}
	}
	printf("{\"mode\": \"wait\", \"answered_at\": null, \"wrong\": 0, \"stray\": 0, \"why\": "
	       "\"%s\"}\n",
		why ? why : "silence");
	return false;
}

static const struct {
	const char *name;
	bool (*run)(const struct run *r);
} modes[] = {
	{"search", mode_search},
	{"rate", mode_rate},
	{"overload", mode_overload},
	{"wait", mode_wait},
};

static void run_prepare(struct run *r)
{
	uint8_t frame[WIRE_FRAME_MAX];
	cpu_set_t cpus;
	int err;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)r->cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		die("CPU", strerror(errno));
	err = port_open(r->ifname, r->wire.arp, r->wire.mac);
	if (err < 0)
		die(r->ifname, strerror(-err));
	port_template(frame, wire_template(&r->wire, frame));
}

static void settle(void)
{
	double from = flow_now();
	struct answer a;

	while (flow_now() - from < SETTLE)
		port_next(&a);
}

int main(int argc, char **argv)
{
	struct run r;

	options_parse(argc, argv, &r);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(r.mode, modes[i].name) == 0) {
			run_prepare(&r);
			if (modes[i].run != mode_wait)
				settle();
			return modes[i].run(&r) ? 0 : 1;
		}
	die(r.mode, "no such mode");
}
