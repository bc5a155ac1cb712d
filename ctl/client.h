/*
 * client: the control client, one program with two names.
 *
 * One run is one command: main.c reads options and finds the command, words.c makes a request of
 * its words, wire.c has the daemon answer it, print.c and stats.c show the answer. While the daemon
 * is stopped, offline.c does add and del, and flush.c removes the routes that it left.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <jansson.h>
#include <stdbool.h>

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

int offline_change(const struct client *c, const json_t *request, enum exit_status *ret);
int flush_routes(const struct client *c, const json_t *request, enum exit_status *ret);

/*
 * Takes the state directory's lock, so that no daemon runs nor starts meanwhile. make: root makes a
 * directory that is not there. Returns 0 and *ret, or -errno (-EWOULDBLOCK: somebody holds it).
 */
struct state;
int offline_lock(const struct client *c, bool make, struct state **ret);

void print_list(const struct client *c, const json_t *data);
void print_status(const struct client *c, const json_t *data);
void print_stats(const struct client *c, const json_t *data);

/* A member of an object as text, "-" where it is null or absent. */
const char *text_of(const json_t *object, const char *key);
json_int_t number_of(const json_t *object, const char *key);

#endif
