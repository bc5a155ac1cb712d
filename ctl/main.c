/*
 * The control client: options, the table of commands, and one exchange.
 *
 * Life cycle: find out who we are called as, read options, make a request of the words, ask the
 * daemon, print, exit. Exit status (DESIGN, Control): 0 done, 1 refused, 2 usage, 3 the daemon
 * cannot be reached where it is needed.
 */
#include "client.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"

static const struct command commands[] = {
	{"add", "ADDRESS... vif VIF [guest NAME] [uplink IF] [via ADDRESS] [mac MAC] [replace]",
		TAKES_ADDRESSES | TAKES_VIF | TAKES_GUEST | TAKES_UPLINK | TAKES_VIA | TAKES_MAC |
			TAKES_REPLACE,
		words_whole_add, NULL, offline_change},
	{"del", "ADDRESS... [vif VIF] | vif VIF | guest NAME",
		TAKES_ADDRESSES | TAKES_VIF | TAKES_GUEST, words_whole_del, NULL, offline_change},
	{"list", "[guest NAME | vif NAME | ADDRESS]", TAKES_ADDRESS | TAKES_VIF | TAKES_GUEST,
		words_whole_one, print_list, NULL},
	{"status", "", 0, NULL, print_status, NULL},
	{"stats", "[-p]", 0, NULL, print_stats, NULL},
	{"announce", "[ADDRESS... | vif NAME | guest NAME]",
		TAKES_ADDRESSES | TAKES_VIF | TAKES_GUEST, words_whole_one, NULL, NULL},
	{"flush", "", 0, NULL, NULL, flush_routes},
	{"reload", "", 0, NULL, NULL, NULL},
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

/* In the contract, and not built yet. */
static const char *const later[] = {"explain", "monitor", "doctor"};
#define NLATER (sizeof(later) / sizeof(later[0]))

void complain(const struct client *c, const char *fmt, ...)
{
	FILE *to = c->complaints ? c->complaints : stderr;
	va_list ap;

	fprintf(to, "%s: ", c->me);
	if (c->line)
		fprintf(to, "%s:%zu: ", c->batch, c->line);
	va_start(ap, fmt);
	vfprintf(to, fmt, ap);
	va_end(ap);
	fputc('\n', to);
}

const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void usage_command(const struct client *c, const struct command *cmd, FILE *to)
{
	fprintf(to, "usage: %s %s%s%s\n", c->me, cmd->name, *cmd->usage ? " " : "", cmd->usage);
}

static void usage(const struct client *c, FILE *to)
{
	fprintf(to,
		"usage: %s [-j] [-s SOCKET] [-d STATEDIR] [--skip-other-family] COMMAND ...\n"
		"       %s [-j] [-s SOCKET] [-d STATEDIR] [--skip-other-family] -b FILE|-\n",
		c->me, c->me);
	fprintf(to, "       %s -V | -h\n", c->me);
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(to, "       %s %s%s%s\n", c->me, commands[i].name,
			*commands[i].usage ? " " : "", commands[i].usage);
}

/* The first name decides on everything that differs between the two programs. */
static void client_init(struct client *c, const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *base = slash ? slash + 1 : argv0;
	const bool arp = base && !strcmp(base, "arpproxyctl");

	*c = (struct client){
		.me = arp ? "arpproxyctl" : "ndproxyctl",
		.other = arp ? "ndproxyctl" : "arpproxyctl",
		.name = arp ? "arpproxyd" : "ndproxyd",
		.family = arp ? AF_INET : AF_INET6,
		.socket = arp ? "/run/arpproxyd/ctl.sock" : "/run/ndproxyd/ctl.sock",
		.statedir = arp ? "/run/arpproxyd/guests.d" : "/run/ndproxyd/guests.d",
	};
}

#define SKIP_OTHER_FAMILY "--skip-other-family"

static const struct option long_options[] = {
	{"skip-other-family", no_argument, NULL, 'F'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* Options before the command. Returns false where the run ends here, with *ret. */
static bool read_options(struct client *c, int argc, char **argv, enum exit_status *ret)
{
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+:jps:d:b:Vh", long_options, NULL)) != -1) {
		switch (opt) {
		case 'j': c->json = true; break;
		case 'p': c->prometheus = true; break;
		case 'F': c->skip_other_family = true; break;
		case 's': c->socket = optarg; break;
		case 'd': c->statedir = optarg; break;
		case 'V': printf("%s %s\n", c->me, VERSION); return *ret = EXIT_DONE, false;
		case 'h': usage(c, stdout); return *ret = EXIT_DONE, false;
		case 'b': c->batch = optarg; break;
		case ':': complain(c, "-%c: its value is missing", optopt); goto usage;
		default:
			if (optopt)
				complain(c, "-%c: no such option", optopt);
			else
				complain(c, "%s: no such option", argv[optind - 1]);
			goto usage;
		}
	}
	return true;
usage:
	usage(c, stderr);
	*ret = EXIT_USAGE;
	return false;
}

bool words_options(struct client *c, const struct command *cmd, char **words)
{
	char **to = words;

	for (char **from = words; *from; from++) {
		if (!strcmp(*from, "-j"))
			c->json = true;
		else if (!strcmp(*from, "-p"))
			c->prometheus = true;
		else if (!strcmp(*from, SKIP_OTHER_FAMILY))
			c->skip_other_family = true;
		else
			*to++ = *from;
	}
	*to = NULL;
	if (!c->prometheus || !strcmp(cmd->name, "stats"))
		return true;
	complain(c, "-p: only with stats");
	return false;
}

const struct command *find_command(const struct client *c, const char *name)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	for (size_t i = 0; i < NLATER; i++) {
		if (strcmp(later[i], name))
			continue;
		complain(c, "%s: not in this version", name);
		return NULL;
	}
	complain(c, "\"%s\" is not a command", name);
	return NULL;
}

enum exit_status show(const struct client *c, const struct command *cmd, const json_t *reply)
{
	const json_t *data = json_object_get(reply, "data");
	const char *text = json_string_value(json_object_get(reply, "text"));

	if (number_of(reply, "exit") != 0) {
		complain(c, "%s", text_of(reply, "error"));
		return EXIT_REFUSED;
	}
	if (c->json) {
		json_t *other = data ? NULL : json_pack("{s:s*}", "text", text);

		if (json_dumpf(data ? data : other, stdout, JSON_COMPACT) == 0)
			putchar('\n');
		json_decref(other);
	} else if (data && cmd->print) {
		cmd->print(c, data);
	} else if (text) {
		puts(text);
	}
	return EXIT_DONE;
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void pause_ms(unsigned ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000L};

	nanosleep(&t, NULL);
}

/*
 * A daemon that starts or stops holds the lock and does not listen for a moment: socket and lock
 * are tried in turn until one of them is to be had.
 */
static enum exit_status run(
	const struct client *c, const struct command *cmd, const json_t *request)
{
	const uint64_t deadline = now_ms() + RETRY_MS;
	enum exit_status status = EXIT_REFUSED;
	json_t *reply = NULL;
	int r;

	for (;;) {
		r = wire_ask(c, request, &reply);
		if (!r || !cmd->offline)
			break;
		if (wire_is_stopped(r)) {
			const int err = cmd->offline(c, request, &status);

			if (!err)
				return status;
			if (err != -EWOULDBLOCK)
				return EXIT_REFUSED;
		} else if (r != -ECONNRESET) {
			break;
		}
		if (now_ms() >= deadline)
			return wire_complain_locked(c);
		pause_ms(RETRY_STEP_MS);
	}
	if (r)
		return wire_complain(c, r);
	status = show(c, cmd, reply);
	json_decref(reply);
	return status;
}

/* One command, of the words of the command line. */
static enum exit_status run_words(struct client *c, char **words)
{
	const struct command *cmd = find_command(c, *words++);
	enum exit_status status = EXIT_USAGE;
	json_t *request;

	if (!cmd) {
		usage(c, stderr);
		return EXIT_USAGE;
	}
	request = words_options(c, cmd, words) ? words_request(c, cmd, words) : NULL;
	if (!request) {
		usage_command(c, cmd, stderr);
		return EXIT_USAGE;
	}
	switch (words_family(c, request)) {
	case FAMILY_OURS: status = run(c, cmd, request); break;
	case FAMILY_NOTHING: status = EXIT_DONE; break;
	case FAMILY_REFUSED: status = EXIT_REFUSED; break;
	}
	json_decref(request);
	return status;
}

int main(int argc, char **argv)
{
	enum exit_status status = EXIT_DONE;
	struct client c;

	client_init(&c, argc > 0 ? argv[0] : NULL);
	umask(022);
	if (!read_options(&c, argc, argv, &status))
		return status;
	if (c.batch ? optind < argc || c.prometheus : optind >= argc) {
		usage(&c, stderr);
		return EXIT_USAGE;
	}
	status = c.batch ? batch_run(&c) : run_words(&c, argv + optind);
	if (fflush(stdout) || ferror(stdout)) {
		complain(&c, "standard output: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	return status;
}
