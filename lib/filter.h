/*
 * filter: the kernel-side filter of the uplinks' sockets: an eBPF program with the listed prefixes.
 *
 * What no guest lists is dropped, and counted, before it costs a copy and a wake-up; what the
 * program does exactly is said in filter.bpf.c. The daemon writes the prefixes into memory that it
 * shares with the program, so a change is in force at once, costs no system call and needs no
 * privilege after filter_open().
 *
 * A filter may be absent: built without (WITH_BPF=no), or refused by the kernel or the container.
 * Every function but filter_open() takes NULL for one that is; the sockets then have the codec's
 * classic filter.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define FILTER_WHY_MAX 256

struct filter;

/*
 * Loads the program of this name, with room for a quarter more prefixes than are expected. key: 16
 * random bytes of the hash. Needs CAP_BPF, and nothing else later. Returns 0 and *ret, or -errno
 * with a sentence in why.
 */
int filter_open(const char *program, size_t expected, const uint8_t key[16], struct filter **ret,
	char why[FILTER_WHY_MAX]);
void filter_close(struct filter *f);   /* the sockets keep theirs */
int filter_fd(const struct filter *f); /* for packet_open(); -1: there is none */

/* A prefix is listed once more, or once less; the same one may be listed several times. O(1).
 * filter_expect(): it will soon be added, a hint. */
void filter_expect(const struct filter *f, const struct prefix *p);
void filter_add(struct filter *f, const struct prefix *p);
void filter_del(struct filter *f, const struct prefix *p);

/*
 * From now on (or no more) nothing passes that comes from this interface: its questions come faster
 * than they can be answered, and each that is dropped here leaves time for another one's answer.
 */
void filter_shed(struct filter *f, uint32_t ifindex, bool on);

struct filter_status {
	size_t listed, limit; /* prefixes in the kernel, and how many there can be */
	size_t beyond;        /* found no room: while there are any, everything passes */
	uint64_t unlisted;    /* frames dropped because nothing of it is listed */
	uint64_t other;       /* frames dropped that are neither question nor claim */
	uint64_t overload;    /* frames dropped because of filter_shed() */
};
struct filter_status filter_status(const struct filter *f);

#endif
