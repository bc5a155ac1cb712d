/*
 * options: the generator's command line.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "wire.h"

struct run {
	const char *mode, *ifname;
	struct wire wire;
	double rate, flood, seconds, grace;
	double step; /* of a search */
	unsigned windows;
	const char *best;
	int cpu, host_cpu;
};

/* Exits with a message where it makes no sense. */
void options_parse(int argc, char **argv, struct run *ret);

_Noreturn void die(const char *what, const char *why);

#endif
