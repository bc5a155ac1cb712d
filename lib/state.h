/*
 * state: run-time guests kept on disk, in the configuration's own syntax.
 *
 * The state directory holds NAME.conf for each run-time guest: one guest section, then a line
 * `# ifindex N` (of the vif when registered, 0: absent) and a last line `# end`, without which
 * the file counts as cut short. A change writes a new file beside it (a name that no guest can
 * have) and renames, so a reader sees the old or the new whole. Durable means over a crash or a
 * restart of the daemon, not over a reboot: nothing is synced to a disk.
 *
 * Who holds the lock (flock(2) on the file .lock in it, mode 0600) may write: a running daemon for
 * its whole life, or a control client while the daemon is stopped. The file says who that is. Where
 * it cannot be made (read-only, no room), the directory itself is locked: what can be read must not
 * keep a daemon from starting.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec.h"

struct state;

/*
 * Opens the directory and takes the lock, waiting wait_ms at most. Returns 0 and *ret, or -errno:
 * -EWOULDBLOCK where somebody else holds it, others as open(2) (the directory is not made here).
 */
int state_open(const char *dir, int family, unsigned wait_ms, struct state **ret);
/* Who holds the lock: "PROGRAM PID" into buf, or false where that is not known. */
bool state_holder(const char *dir, char *buf, size_t size);
void state_close(struct state *s); /* NULL is fine */
const char *state_dir(const struct state *s);

/*
 * Reads all guests (origin ORIGIN_COMMAND) into a new array of *n, in order of name; the caller
 * frees each with spec_free() and then the array. A file that is cut short, unreadable or wrong
 * costs that guest alone: it is moved aside to NAME.conf.bad (.bad.2 and so on where there is one;
 * or left where even that fails) and `bad` is called with its path and what is wrong with it.
 * Left-overs of a write that was cut short are removed. Returns 0 or -errno where the directory
 * itself cannot be read.
 */
int state_load(struct state *s, struct spec **ret, size_t *n,
	void (*bad)(void *ctx, const char *path, const char *why), void *ctx);

/* Calls `each` with the path of each file that an earlier load has moved aside. */
int state_aside(struct state *s, void (*each)(void *ctx, const char *path), void *ctx);

/*
 * Is what is locked still what a start would read? Somebody may have removed the lock (it is made
 * again) or the directory, or put another in its place. Returns 0; 1 where there is another
 * directory now, which is locked in place of the former, and in which nothing has been saved yet;
 * or -errno with nothing changed.
 */
int state_check(struct state *s);
/* Moves aside, as state_load() does, the files of guests that are not known: for after a 1. */
int state_sift(struct state *s, bool (*known)(void *ctx, const char *guest),
	void (*bad)(void *ctx, const char *path, const char *why), void *ctx);
/* Is there room, and may we write? Tries it. Returns 0 or -errno. */
int state_probe(struct state *s);
/* An error of writing in words, with what to do about it where that is known. Returns buf. */
#define STATE_ERROR_MAX 160
const char *state_error(int err, char buf[STATE_ERROR_MAX]);

/* Writes, or replaces, the guest's file; where it has no prefixes, removes the file (one that is
 * not there is fine). Returns 0 or -errno with the old file untouched. */
int state_save(struct state *s, const struct spec *guest);

/*
 * The same in two steps, for several guests that change together: all are written beside their
 * files first, then each takes its file's place, or is dropped. What is refused is refused by the
 * first step: state_put() needs no room. Each returns 0 or -errno; dropping or removing what is not
 * there is fine.
 */
int state_write(struct state *s, const struct spec *guest);
int state_put(struct state *s, const char *name);
int state_drop(struct state *s, const char *name);
int state_remove(struct state *s, const char *name); /* the guest's file */

/*
 * Addresses that were given up to other hosts (`yield`), and the ifindex of the vif then (0: none):
 * the file .yielded, a line `ADDRESS IFINDEX` each, which is replaced whole. What is no such line
 * is passed over. Each returns 0 or -errno; loading makes an array of *n, which the caller frees
 * (NULL where there are none, after an error too).
 */
struct state_yield {
	struct addr addr;
	uint32_t ifindex;
};
int state_yields_load(struct state *s, struct state_yield **ret, size_t *n);
int state_yields_save(struct state *s, const struct state_yield *y, size_t n);
/* A daemon starts: has one before, since the directory was made? 1 or 0, or -errno. */
int state_started(struct state *s);
/* Takes these addresses out: somebody has added them, here. */
int state_yields_forget(struct state *s, const struct prefix *p, size_t n);

#endif
