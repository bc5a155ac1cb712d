/*
 * runtime: the run-time guests as a set, and the rules of `add` and `del` (DESIGN, Control).
 *
 * Plain data: no file, no socket, no clock. The daemon and the control client (while the daemon is
 * stopped) load the state directory into a set and have it run requests. Requests that wait
 * together are one batch: each is applied in memory by the rules, then every guest that the batch
 * touched is saved once, and told once. So a request costs what it adds or deletes, and a batch
 * what the guests that it touches cost, however many others there are.
 *
 * A refused request changes nothing, whatever stands before it in the batch. A batch that cannot be
 * saved is undone, in memory and on disk, and its requests are run again one by one, so that each
 * gets the answer that is its own.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "spec.h"

#define RUNTIME_WHY_MAX 1024

struct runtime;

/* What the set must know of the world. Those about the configuration may be NULL: not known. */
struct runtime_lookups {
	void *ctx;
	/* The kernel's index of the interface now, 0 where it is absent. */
	uint32_t (*ifindex)(void *ctx, const char *vif);
	/* Does the configuration list exactly this prefix? Then whose, and on which vif ("": none).
	 */
	bool (*config_prefix)(
		void *ctx, const struct prefix *p, const char **guest, const char **vif);
	/* Does the configuration have a guest of this name? Then on which vif. */
	bool (*config_guest)(void *ctx, const char *name, const char **vif);
	/* Does the configuration have guests on this vif? */
	bool (*config_vif)(void *ctx, const char *vif);
};

/* NULL: no memory. The lookups are copied. */
struct runtime *runtime_new(const struct runtime_lookups *lookups);
void runtime_free(struct runtime *rt);

/*
 * Takes in guests as a state directory holds them (copied), without any rule but one: a name and an
 * address have one owner, the first; what a later guest loses is told to `lost` (may be NULL), and
 * runtime_repair() takes it from its file. Returns 0 or -ENOMEM.
 */
int runtime_load(struct runtime *rt, const struct spec *guests, size_t n,
	void (*lost)(void *ctx, const struct spec *guest, const struct prefix *p,
		const struct spec *owner),
	void *ctx);

size_t runtime_count(const struct runtime *rt);
bool runtime_has(const struct runtime *rt, const char *guest);
/* In no order; the set must not change meanwhile. Returns 0 or -ENOMEM. */
int runtime_foreach(struct runtime *rt, void (*each)(void *ctx, const struct spec *s), void *ctx);

/* Where guests are kept (lib/state.h). Each returns 0 or -errno. */
struct runtime_store {
	void *ctx;
	/* Writes a guest, so that put() has nothing more to do that a full disk could refuse. */
	int (*write)(void *ctx, const struct spec *guest);
	int (*put)(void *ctx, const char *name);    /* makes what was written count */
	int (*drop)(void *ctx, const char *name);   /* forgets what was written */
	int (*remove)(void *ctx, const char *name); /* the guest; one that is not there is fine */
	/* Comes by between two guests, for what must not wait; may be NULL. */
	void (*pause)(void *pause_ctx);
	void *pause_ctx;
};

enum runtime_cause {
	RUNTIME_ADDED,   /* new, or has more than before, or something else of it is new */
	RUNTIME_TAKEN,   /* lost addresses to another guest (`replace`) */
	RUNTIME_STALE,   /* its vif was created anew, and another guest registered there */
	RUNTIME_DELETED, /* lost addresses to `del` */
};

/* What a batch made of one guest. */
struct runtime_step {
	enum runtime_cause cause; /* of the last change */
	size_t had, has;          /* addresses before and now; now 0: the guest is gone */
	size_t lost;              /* of those that it had */
	const char *was_on;       /* moved: the vif before; or NULL */
	bool whole;               /* more has changed than which addresses it has */
	/* The guest as it is, but of its addresses, unless `whole`, the new ones alone. */
	const struct spec *guest;
	struct prefix *gone; /* the addresses that it has no more; may be sorted */
	size_t ngone;
};

struct runtime_request {
	bool del, replace;
	/*
	 * add: a guest with a vif and addresses; without a name it is called as its vif.
	 * del: of these addresses (none: all), what is on that vif ("": any) and of the guest of
	 * that name ("": any). At least one of the three must be given.
	 */
	const struct spec *spec;
	/* The answer: 0, -EEXIST (refused, a sentence in why), or -errno (nothing was changed). */
	int result;
	char *why; /* free(3) it; NULL where there is no memory */
};

/*
 * Saves those guests whose files do not say what the set does: loading took something from them, or
 * a batch could neither be saved nor undone on disk. Returns 0, or -errno with some still to be
 * saved; runtime_run() does it first, and where it fails refuses all requests with that.
 */
int runtime_repair(struct runtime *rt, const struct runtime_store *store);
/* None of the files is what the set says (the directory is another one): all are to be saved. */
void runtime_unsaved(struct runtime *rt);

/*
 * Runs requests in order, and answers them all. What is answered with 0 is saved, and has been
 * told: one call for each guest that changed, those that gain before those that lose.
 */
void runtime_run(struct runtime *rt, struct runtime_request *requests, size_t n,
	const struct runtime_store *store, void (*tell)(void *ctx, const struct runtime_step *s),
	void *ctx);

/* A line for people: `guest "G" moved from vif "V" to vif "W"`. Returns buf. */
const char *runtime_step_text(const struct runtime_step *s, char buf[RUNTIME_WHY_MAX]);

#endif
