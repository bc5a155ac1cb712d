/* options: see options.h. */
#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: gen [OPTION...] MODE\n"
	"modes: search    most questions a second with a loss below 0.1 %, from --rate on\n"
	"       rate      --rate for listed targets, with --flood for unlisted ones meanwhile\n"
	"       overload  twice --rate\n"
	"       wait      asks for the last target until it is answered, at most --seconds\n"
	"  --if IF --proto ndp|arp --host-mac MAC --addr ADDRESS   of the requester\n"
	"  --first ADDRESS --count N    the listed targets\n"
	"  --unlisted ADDRESS           the first of 2^20 unlisted ones\n"
	"  --source ADDRESS             an advertisement may come from (twice at most; default: "
	"any)\n"
	"  --flags N                    of an advertisement, exactly (default 0x40: solicited)\n"
	"  --rate N --flood N           questions a second (100000, 0)\n"
	"  --windows N --best WHAT      of so many (1) by cpu, latency or loss (the default)\n"
	"  --step N                     of a search, from --rate on (2)\n"
	"  --seconds S --grace S        a window's length (1), and how late an answer counts "
	"(0.01)\n"
	"  --cpu N --host-cpu N         ours (1), and whose idle time is told (0)\n";

static const struct option options[] = {
	{"if", required_argument, NULL, 'i'},
	{"proto", required_argument, NULL, 'p'},
	{"host-mac", required_argument, NULL, 'm'},
	{"addr", required_argument, NULL, 'a'},
	{"first", required_argument, NULL, 't'},
	{"count", required_argument, NULL, 'n'},
	{"unlisted", required_argument, NULL, 'u'},
	{"source", required_argument, NULL, 's'},
	{"flags", required_argument, NULL, 'f'},
	{"rate", required_argument, NULL, 'r'},
	{"flood", required_argument, NULL, 'F'},
	{"step", required_argument, NULL, 'e'},
	{"windows", required_argument, NULL, 'w'},
	{"best", required_argument, NULL, 'b'},
	{"seconds", required_argument, NULL, 'S'},
	{"grace", required_argument, NULL, 'g'},
	{"cpu", required_argument, NULL, 'c'},
	{"host-cpu", required_argument, NULL, 'C'},
	{NULL, 0, NULL, 0},
};

void die(const char *what, const char *why)
{
	fprintf(stderr, "gen: %s: %s\n", what, why);
	exit(2);
}

static void parse_addr(const char *text, uint8_t ret[16])
{
	if (inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, ret) != 1)
		die(text, "not an address");
}

static void parse_mac(const char *text, uint8_t ret[6])
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &ret[0], &ret[1], &ret[2], &ret[3],
		    &ret[4], &ret[5]) != 6)
		die(text, "not a MAC");
}

static double parse_number(const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end || n < 0)
		die(text, "not a number");
	return n;
}

static void parse_option(int c, const char *arg, struct run *r)
{
	struct wire *w = &r->wire;

	switch (c) {
	case 'i': r->ifname = arg; break;
	case 'p': w->arp = strcmp(arg, "arp") == 0; break;
	case 'm': parse_mac(arg, w->host_mac); break;
	case 'a': parse_addr(arg, w->addr); break;
	case 't': parse_addr(arg, w->first); break;
	case 'n': w->count = (uint32_t)parse_number(arg); break;
	case 'u': parse_addr(arg, w->unlisted); break;
	case 's':
		if (w->nsources == WIRE_SOURCES)
			die(arg, "too many sources");
		parse_addr(arg, w->sources[w->nsources++]);
		break;
	case 'f': w->flags = (uint8_t)parse_number(arg); break;
	case 'r': r->rate = parse_number(arg); break;
	case 'F': r->flood = parse_number(arg); break;
	case 'e': r->step = parse_number(arg); break;
	case 'w': r->windows = (unsigned)parse_number(arg); break;
	case 'b': r->best = arg; break;
	case 'S': r->seconds = parse_number(arg); break;
	case 'g': r->grace = parse_number(arg); break;
	case 'c': r->cpu = (int)parse_number(arg); break;
	case 'C': r->host_cpu = (int)parse_number(arg); break;
	default: fputs(usage, stderr); exit(2);
	}
}

void options_parse(int argc, char **argv, struct run *ret)
{
	struct run r = {.ifname = "eth0",
		.rate = 100000,
		.seconds = 1,
		.grace = 0.01,
		.step = 2,
		.windows = 1,
		.best = "loss",
		.cpu = 1,
		.wire = {.count = 1, .flags = 0x40}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		parse_option(c, optarg, &r);
	if (optind != argc - 1 || r.wire.count == 0 || r.windows == 0 || r.step <= 1) {
		fputs(usage, stderr);
		exit(2);
	}
	r.mode = argv[optind];
	*ret = r;
}
