/*
 * conf: the configuration file -> an immutable struct conf, and printed back.
 *
 * Read with libconfuse into a new tree each time; a failure leaves nothing behind, so a reload
 * that fails changes nothing (CONFORMANCE L01 to L12 name the library's traps, and conf.c says
 * where each is met). An error is one sentence that begins with FILE:LINE: and says what was
 * expected.
 */
#ifndef CONF_H
#define CONF_H

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>

#include "addr.h"
#include "policy.h"
#include "spec.h"

#define CONF_WHY_MAX 1024

struct conf_uplink {
	char name[IF_NAMESIZE];
	struct uplink_policy policy;
};

struct conf_vif {
	char *pattern; /* of fnmatch(3) */
	struct vif_policy policy;
	struct addr *gateways; /* what the policy's point at */
};

struct conf {
	char *path; /* the file it was read from */
	char *name; /* "ndproxyd" or "arpproxyd" */
	int family;
	char *guests_dir;   /* as given, made absolute, or the default; NULL: none */
	char *guests_file;  /* likewise */
	char *user, *group; /* NULL: stay */
	bool keep_routes;
	unsigned pace; /* announcements a second */
	struct route_policy route;
	struct conf_uplink *uplinks;
	size_t nuplinks;
	struct conf_vif *vifs;
	size_t nvifs;
	struct spec *guests; /* in order of appearance: sections (of which the first nmain stand in
			      * the file itself, the rest in guests-dir), then the guests-file's */
	size_t nguests, nmain;
	size_t ndir, nfile; /* how many guests-dir and the guests-file have, even when released */
	char **inert; /* options set by the file that are checked, and not in force in this version:
		       * one sentence each, such as `uplink "eth0": rate = 100` */
	size_t ninert;
	uint64_t stamp; /* of the files as they were read, for conf_changed() */
};

/*
 * Reads path (and guests-dir, guests-file). name and family (AF_INET, AF_INET6) are the daemon's.
 * Returns the configuration, which conf_free() frees, or NULL with a sentence in why.
 */
struct conf *conf_load(const char *path, const char *name, int family, char why[CONF_WHY_MAX]);
void conf_free(struct conf *c);

/*
 * Writes the configuration with every option spelled out and strings in single quotes (L09);
 * reading that back and printing it again gives the same text. Guests of guests-dir and
 * guests-file are not repeated: these two options are printed, and a comment counts them.
 */
void conf_print(const struct conf *c, FILE *to);

/* A guest section, as conf_print() and the state directory write it. */
void conf_print_guest(const struct spec *s, FILE *to);

/*
 * Reads a text (len bytes) that holds guest sections only, as a file of guests-dir or of the
 * state directory; `path` is for messages. Appends to *guests, which grows by doubling (NULL and 0
 * at first, then what an earlier call left). Returns false with a sentence in why and nothing
 * appended.
 */
bool conf_read_guests(const char *text, size_t len, const char *path, int family,
	enum origin origin, struct spec **guests, size_t *nguests, char why[CONF_WHY_MAX]);

/* Gives up the guests of guests-dir and guests-file, once they are in force: the memory that a
 * million addresses take. */
void conf_release(struct conf *c);

/* Are the files that it was read from others now? */
bool conf_changed(const struct conf *c);

size_t conf_addresses(const struct conf *c); /* of all guests */

/* The first vif section that matches the name, or the defaults. Never NULL. */
const struct vif_policy *conf_vif_policy(const struct conf *c, const char *vif);

#endif
