/*
 * flow: see flow.h.
 *
 * Which question an answer belongs to: answers come in the order of the questions, whatever is
 * lost in between, so the next question of that target that has had no answer is the one, and
 * those skipped on the way there are lost. A responder that changed the order would show up as
 * stray answers, and so would one that answers twice.
 */
#include "flow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "port.h"

#define ASKED_MAX  (1U << 21)
#define READ_MAX   256       /* answers looked at between two batches */
#define BEHIND_MAX 1000000   /* ns; what is due for longer is not sent: see batch_due() */
#define QUIET      150000000 /* ns without an answer: there will be none */
#define WAKE       200000    /* ns */
#define DRAIN_MAX  3.0e9     /* ns; nobody answers for longer */

struct asked {
	uint32_t index;
	uint32_t time; /* since the window's start, in units of TIME_UNIT ns */
};
#define TIME_UNIT 8

static struct asked asked[ASKED_MAX];
static uint32_t asked_first, asked_end; /* free running */
static uint64_t owed;                   /* answers that earlier windows are still without */
static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

double flow_now(void)
{
	return (double)now_ns() * 1e-9;
}

/* xorshift64*; the same targets in every run */
static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)(((random_state * 0x2545f4914f6cdd1d) >> 32) * n >> 32);
}

/* From a file, the line that begins with `name` behind the line that begins with `section`. */
static bool line_find(const char *path, const char *section, const char *name, char line[256])
{
	FILE *f = fopen(path, "re");
	bool inside = !section, found = false;

	if (!f)
		return false;
	while (!found && fgets(line, 256, f)) {
		inside = inside || strncmp(line, section, strlen(section)) == 0;
		found = inside && strncmp(line, name, strlen(name)) == 0;
	}
	fclose(f);
	return found;
}

/*
 * Seconds that a CPU has been idle. Where ticks stop on an idle CPU, which is the rule, the kernel
 * measures that by its clock and not by ticks: /proc/timer_list has it in nanoseconds, up to when
 * the CPU last woke up (so see that it has), /proc/stat in hundredths of a second.
 */
static double cpu_idle(int cpu)
{
	char line[256], section[32], name[16];
	unsigned long long idle = 0, iowait = 0;

	snprintf(section, sizeof(section), "cpu: %d\n", cpu);
	if (line_find("/proc/timer_list", section, "  .idle_sleeptime", line) &&
		sscanf(line, "%*s : %llu", &idle) == 1 &&
		line_find("/proc/timer_list", section, "  .iowait_sleeptime", line) &&
		sscanf(line, "%*s : %llu", &iowait) == 1)
		return (double)(idle + iowait) * 1e-9;
	snprintf(name, sizeof(name), "cpu%d ", cpu);
	if (line_find("/proc/stat", NULL, name, line))
		sscanf(line, "%*s %*u %*u %*u %llu %llu", &idle, &iowait);
	return (double)(idle + iowait) / (double)sysconf(_SC_CLK_TCK);
}

static unsigned bucket_of(uint64_t ns)
{
	unsigned octave;

	if (ns < FLOW_STEPS)
		return (unsigned)ns;
	octave = 63U - (unsigned)__builtin_clzll(ns) - 7;
	ns = (ns >> octave) - FLOW_STEPS + (uint64_t)(octave + 1) * FLOW_STEPS;
	return ns < FLOW_BUCKETS ? (unsigned)ns : FLOW_BUCKETS - 1;
}

static double bucket_us(unsigned bucket)
{
	unsigned octave = bucket / FLOW_STEPS, step = bucket % FLOW_STEPS;

	if (octave == 0)
		return step * 1e-3;
	return (double)((uint64_t)(FLOW_STEPS + step) << (octave - 1)) * 1e-3;
}

static void ask(const struct wire *w, unsigned slot, bool listed, uint64_t time)
{
	uint32_t index = random_below(listed ? w->count : UNLISTED_COUNT);

	wire_ask(w, port_buffer(slot), listed, index);
	if (!listed)
		return;
	if (asked_end - asked_first == ASKED_MAX)
		asked_first++;
	asked[asked_end++ % ASKED_MAX] = (struct asked){index, (uint32_t)(time / TIME_UNIT)};
}

static void answer_seen(const struct wire *w, const struct answer *a, uint64_t time,
	uint64_t deadline, struct flow *f)
{
	const char *why = NULL;
	uint32_t index = 0;

	switch (wire_check(w, a->frame, a->len, a->csum_ok, &index, &why)) {
	case VERDICT_OTHER: return;
	case VERDICT_WRONG:
		f->wrong++;
		f->why = f->why ? f->why : why;
		return;
	case VERDICT_GOOD: break;
	}
	for (uint32_t i = asked_first; i != asked_end; i++) {
		struct asked *q = &asked[i % ASKED_MAX];

		if (q->index != index)
			continue;
		asked_first = i + 1;
		f->latency[bucket_of(time - (uint64_t)q->time * TIME_UNIT)]++;
		if (time <= deadline)
			f->answered++;
		else
			f->late++;
		return;
	}
	if (owed > 0)
		owed--;
	else
		f->stray++;
}

/* Returns whether there was any. */
static bool answers_read(const struct wire *w, uint64_t start, uint64_t deadline, struct flow *f)
{
	struct answer a;
	unsigned n = 0;

	for (; n < READ_MAX && port_next(&a); n++)
		answer_seen(w, &a, now_ns() - start, deadline, f);
	return n > 0;
}

static void answers_drain(const struct wire *w, uint64_t start, uint64_t deadline, struct flow *f)
{
	uint64_t seen = deadline, now;

	do {
		now = now_ns() - start;
		if (answers_read(w, start, deadline, f))
			seen = now;
		if (f->answered + f->late >= f->hits)
			return;
	} while (now < deadline || (now - seen < QUIET && (double)(now - deadline) < DRAIN_MAX));
	owed += f->hits - f->answered - f->late;
}

/* The host's CPU gets a frame that nobody answers, and time enough to wake up and see it. */
static double host_idle(const struct wire *w, int cpu)
{
	uint64_t from = now_ns();

	wire_ask(w, port_buffer(0), false, 0);
	port_send(1);
	while (now_ns() - from < WAKE)
		continue;
	return cpu_idle(cpu);
}

static uint64_t due(double rate, uint64_t time, uint64_t sent)
{
	uint64_t total = (uint64_t)(rate * (double)time * 1e-9) + (rate > 0);

	return total > sent ? total - sent : 0;
}

struct batch {
	uint64_t time;    /* since the window's start */
	uint64_t skipped; /* of it, what was not made up for */
	uint64_t hits, flood;
};

/*
 * What the clock asks for. A generator that was kept from its CPU does not throw at the responder
 * all that it has missed, which would be its own burst and not the rate that it is to send: it
 * goes on from where it is, and has sent less.
 */
static void batch_due(struct batch *b, const struct flow_plan *plan, const struct flow *f)
{
	double behind;

	b->hits = due(plan->hits, b->time - b->skipped, f->hits);
	b->flood = due(plan->flood, b->time - b->skipped, f->flood);
	behind = (double)(b->hits + b->flood) / (plan->hits + plan->flood) * 1e9;
	if (behind > BEHIND_MAX && b->hits + b->flood > PORT_BATCH)
		b->skipped += (uint64_t)behind;
}

/* Listed and unlisted in turn as far as both are due. */
static unsigned batch_fill(const struct wire *w, struct batch *b, struct flow *f)
{
	unsigned n = 0;

	while (n < PORT_BATCH && b->hits + b->flood > 0) {
		bool listed = b->hits > 0 && (b->flood == 0 || n % 2 == 0);

		ask(w, n++, listed, b->time);
		if (listed) {
			b->hits--;
			f->hits++;
		} else {
			b->flood--;
			f->flood++;
		}
	}
	return n;
}

int flow_run(const struct wire *w, const struct flow_plan *plan, struct flow *ret)
{
	uint64_t start, end = (uint64_t)(plan->seconds * 1e9);
	double idle = host_idle(w, plan->host_cpu), idle_from = flow_now();
	struct batch b = {.skipped = 0};

	memset(ret, 0, sizeof(*ret));
	asked_first = asked_end = 0;
	port_overrun();
	start = now_ns();
	for (b.time = 0; b.time < end; b.time = now_ns() - start) {
		unsigned n;

		batch_due(&b, plan, ret);
		n = batch_fill(w, &b, ret);
		if (n > 0) {
			int refused = port_send(n);

			if (refused < 0)
				return refused;
			ret->refused += (uint64_t)refused;
		}
		answers_read(w, start, UINT64_MAX, ret);
	}
	ret->seconds = (double)b.time * 1e-9;
	idle = host_idle(w, plan->host_cpu) - idle;
	ret->busy = fmax(flow_now() - idle_from - idle, 0);
	answers_drain(w, start, b.time + (uint64_t)(plan->grace * 1e9), ret);
	ret->overrun = port_overrun();
	return 0;
}

double flow_loss(const struct flow *f)
{
	return f->hits ? 1 - (double)f->answered / (double)f->hits : 0;
}

double flow_percentile(const struct flow *f, double share)
{
	uint64_t total = 0, sum = 0;

	for (unsigned i = 0; i < FLOW_BUCKETS; i++)
		total += f->latency[i];
	for (unsigned i = 0; i < FLOW_BUCKETS; i++) {
		sum += f->latency[i];
		if (sum > 0 && (double)sum >= share * (double)total)
			return bucket_us(i);
	}
	return 0;
}
