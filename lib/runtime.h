/*
 * runtime: the run-time guests as a set, and the rules of `add` and `del` (DESIGN, Control).
 *
 * Plain data: no file, no socket, no clock. The daemon and the control client (while the daemon is
 * stopped) load the state directory into a set and ask it what a request means. The answer is a
 * struct runtime_change, which names each guest that changes, as it was and as it will be; the set
 * itself is untouched until runtime_commit(), which has each guest saved first. So a refused
 * request, or one whose file cannot be written, changes nothing.
 *
 * Guests and addresses are found by hash: a request costs what the guests that it touches cost,
 * however many others there are.
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

enum runtime_cause {
	RUNTIME_ADDED,   /* new, or has more than before */
	RUNTIME_MOVED,   /* the same, now on another vif */
	RUNTIME_TAKEN,   /* lost addresses to another guest (`replace`) */
	RUNTIME_STALE,   /* its vif was created anew, and another guest registered there */
	RUNTIME_DELETED, /* lost addresses to `del` */
};

struct runtime_step {
	enum runtime_cause cause;
	const struct spec *before; /* NULL: there was none */
	const struct spec *after;  /* always there; without prefixes: the guest goes */
};

/* Both specs of a step live until runtime_change_free(), or, once committed, until the guest is
 * changed again. Guests that lose come before the one that gains. */
struct runtime_change {
	size_t n; /* 0: nothing changes */
	const struct runtime_step *steps;
};

/* NULL: no memory. The lookups are copied. */
struct runtime *runtime_new(const struct runtime_lookups *lookups);
void runtime_free(struct runtime *rt);

/*
 * Takes in guests as a state directory holds them (copied), without any rule but one: a name and an
 * address have one owner, the first; what a later guest loses is told to `lost` (may be NULL).
 * Returns 0 or -ENOMEM.
 */
int runtime_load(struct runtime *rt, const struct spec *guests, size_t n,
	void (*lost)(void *ctx, const struct spec *guest, const struct prefix *p,
		const struct spec *owner),
	void *ctx);

size_t runtime_count(const struct runtime *rt);
const struct spec *runtime_guest(const struct runtime *rt, const char *name); /* NULL: none */
const struct spec *runtime_owner(const struct runtime *rt, const struct prefix *p);
void runtime_foreach(const struct runtime *rt, void (*each)(void *ctx, const struct spec *s),
	void *ctx); /* in no order; the set must not change meanwhile */

/*
 * What an `add` means. The request is a spec with a vif and addresses; without a name the guest is
 * called as its vif. Returns 0 and *ret, which runtime_change_free() frees, or -EEXIST (refused)
 * with a sentence in why, or -ENOMEM.
 */
int runtime_add(struct runtime *rt, const struct spec *request, bool replace,
	struct runtime_change **ret, char why[RUNTIME_WHY_MAX]);

/*
 * What a `del` means: of these addresses (n of them; 0: all), what is on the vif (NULL: any) and
 * of the guest (NULL: any). At least one of the three must be given. As runtime_add(), -EEXIST
 * where nobody but the configuration has it.
 */
int runtime_del(struct runtime *rt, const struct prefix *prefixes, size_t n, const char *vif,
	const char *guest, struct runtime_change **ret, char why[RUNTIME_WHY_MAX]);

/*
 * Has each changed guest saved (state_save(); 0 or -errno) and then puts the change in force. Where
 * one cannot be saved, those before it are saved as they were, and the set stays as it was; returns
 * that errno. The change is to be freed either way.
 */
int runtime_commit(struct runtime *rt, struct runtime_change *c,
	int (*save)(void *ctx, const struct spec *guest), void *ctx);
void runtime_change_free(struct runtime_change *c); /* NULL is fine */

/* A line for people: `guest "G" moved from vif "V" to vif "W"`. Returns buf. */
const char *runtime_step_text(const struct runtime_step *s, char buf[RUNTIME_WHY_MAX]);

#endif
