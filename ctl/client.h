/*
 * client: the control client, one program with two names.
 *
 * One run is one command: main.c reads options and finds the command, words.c makes a request of
 * its words, wire.c has the daemon answer it, print.c and stats.c show the answer. While the daemon
 * is stopped, offline.c does add and del, and flush.c removes the routes that it left. With -b one
 * run is a command a line: batch.c, with the lines from lines.c.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define RETRY_MS      5000 /* for a daemon that is just starting or stopping */
#define RETRY_STEP_MS 50
#define TIMEOUT_S \
	120 /* a reload of very many guests takes its time; a hung daemon takes for ever */

/* In order of weight: of a batch the heaviest counts. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
};

struct client {
	const char *me;   /* "ndproxyctl", "arpproxyctl" */
	const char *name; /* of the daemon */
	int family;
	const char *other; /* the command for the other family */
	const char *socket, *statedir;
	bool json, prometheus;
	bool skip_other_family; /* addresses of the other family are passed over, not refused */
	const char *batch;      /* the file of commands, "-": standard input; NULL: none */
	size_t line;            /* of it, that a complaint is about; 0: none */
	FILE *complaints;       /* NULL: standard error */
};

/* What may follow the command's name. */
enum {
	TAKES_ADDRESSES = 1 << 0, /* "addresses": any number */
	TAKES_ADDRESS = 1 << 1,   /* "address": one */
	TAKES_VIF = 1 << 2,
	TAKES_GUEST = 1 << 3,
	TAKES_UPLINK = 1 << 4,
	TAKES_VIA = 1 << 5,
	TAKES_MAC = 1 << 6,
	TAKES_REPLACE = 1 << 7,
};

struct command {
	const char *name;
	const char *usage; /* what follows the name */
	unsigned takes;
	/* Is the request whole? NULL: always. */
	bool (*whole)(const json_t *request);
	/* Shows "data" of the reply; NULL: there is none. */
	void (*print)(const struct client *c, const json_t *data);
	/* What is done where nobody answers; NULL: nothing can be. -EWOULDBLOCK: ask again. */
	int (*offline)(const struct client *c, const json_t *request, enum exit_status *ret);
};

void complain(const struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The command of that name, or NULL after a complaint. */
const struct command *find_command(const struct client *c, const char *name);
/* -j, -p and --skip-other-family are taken behind the command too; what is left ends in NULL. False
 * after a complaint: -p means nothing to this command. */
bool words_options(struct client *c, const struct command *cmd, char **words);
/* Shows what the daemon said. */
enum exit_status show(const struct client *c, const struct command *cmd, const json_t *reply);

uint64_t now_ms(void);
void pause_ms(unsigned ms);

/* The request that the words make (lib/command.h), or NULL after a complaint. */
json_t *words_request(const struct client *c, const struct command *cmd, char **words);

/*
 * Addresses of the other family: passed over with skip_other_family, otherwise refused after a
 * complaint that names the other command. FAMILY_NOTHING: there were addresses, and none is left.
 */
enum family_verdict { FAMILY_OURS, FAMILY_NOTHING, FAMILY_REFUSED };
enum family_verdict words_family(const struct client *c, json_t *request);

bool words_whole_add(const json_t *request);
bool words_whole_del(const json_t *request);
bool words_whole_one(const json_t *request); /* at most one way to select */

/* Asks the daemon. Returns 0 and *ret, or -errno: -ENOENT and -ECONNREFUSED where none listens,
 * -ECONNRESET where it went away without an answer, -EBADMSG where the answer is none. */
int wire_ask(const struct client *c, const json_t *request, json_t **ret);
int wire_connect(const char *path);               /* the socket or -errno */
int wire_error(int err);                          /* what a failed send or receive means: -errno */
json_t *wire_reply(const char *text, size_t len); /* NULL: it is none */
bool wire_is_stopped(int err);
/* Says why nobody answers. */
enum exit_status wire_complain(const struct client *c, int err);
enum exit_status wire_complain_locked(const struct client *c);

/*
 * add and del while the daemon is stopped: what is added to it is done by offline_run(), together
 * where it is several. offline_open() returns 0, -EWOULDBLOCK (somebody holds the lock), or another
 * -errno after a complaint.
 */
struct offline;
int offline_open(const struct client *c, struct offline **ret);
/* line: of the batch. Returns the number that wait to be run. */
size_t offline_add(struct offline *o, const json_t *request, size_t line);
void offline_run(struct offline *o);
/* Runs what waits, says what was done, frees it. */
enum exit_status offline_close(struct offline *o);

int offline_change(const struct client *c, const json_t *request, enum exit_status *ret);
int flush_routes(const struct client *c, const json_t *request, enum exit_status *ret);

/*
 * Takes the state directory's lock, so that no daemon runs nor starts meanwhile. make: root makes a
 * directory that is not there. Returns 0 and *ret, or -errno (-EWOULDBLOCK: somebody holds it).
 */
struct state;
int offline_lock(const struct client *c, bool make, struct state **ret);

/* Runs the commands of c->batch. */
enum exit_status batch_run(const struct client *c);

/* Lines of a file descriptor. */
struct lines {
	int fd;
	char *text;
	size_t head, len, room, scanned;
	bool end;      /* of the file */
	size_t number; /* of the line returned last */
	char **words;  /* of that line, NULL behind them */
	size_t words_room;
};
/*
 * The words of the next line that has any, in l->words, until the next call. Returns 1, 0 where it
 * has not been read yet (or, with l->end, where there is none), -EMSGSIZE, -EILSEQ (a NUL byte;
 * these two are of one line), -ENOMEM.
 */
int lines_next(struct lines *l);
int lines_read(struct lines *l); /* reads once: 0 or -errno */
void lines_free(struct lines *l);

void print_list(const struct client *c, const json_t *data);
void print_status(const struct client *c, const json_t *data);
void print_stats(const struct client *c, const json_t *data);

/* A member of an object as text, "-" where it is null or absent. */
const char *text_of(const json_t *object, const char *key);
json_int_t number_of(const json_t *object, const char *key);

#endif
