/*
 * runtime_set: inside of runtime: the guests, their three indexes, and a change being put together.
 *
 * For runtime.c (the rules) alone; everybody else uses runtime.h.
 */
#ifndef RUNTIME_SET_H
#define RUNTIME_SET_H

#include "chain.h"
#include "runtime.h"

struct rt_guest;

struct rt_entry {
	struct chain_node node;
	struct rt_guest *guest;
	const struct prefix *prefix; /* in the guest's spec */
};

struct rt_guest {
	struct chain_node by_name, by_vif;
	struct spec spec;
	struct rt_entry *entries; /* one for each prefix */
};

struct runtime {
	struct runtime_lookups lookups;
	struct chain names, vifs, prefixes;
};

/* An address that a guest loses; `prefix` points into its spec. */
struct rt_loss {
	struct rt_guest *guest;
	const struct prefix *prefix;
	enum runtime_cause cause;
};

struct rt_losses {
	struct rt_loss *v;
	size_t n, cap;
};

struct rt_guest *rt_guest_find(const struct runtime *rt, const char *name);
struct rt_entry *rt_entry_find(const struct runtime *rt, const struct prefix *p);
/* The guests on a vif, one after another: `g` NULL starts. */
struct rt_guest *rt_guest_on_vif(const struct runtime *rt, const char *vif, struct rt_guest *g);

/* Each false: no memory. */
bool rt_losses_add(
	struct rt_losses *l, struct rt_guest *g, const struct prefix *p, enum runtime_cause cause);
bool rt_losses_add_all(struct rt_losses *l, struct rt_guest *g, enum runtime_cause cause);

struct runtime_change *rt_change_new(void); /* NULL: no memory */
/* Turns the losses (sorted on the way) into one step a guest. */
bool rt_change_lose(struct runtime_change *c, struct rt_losses *l);
/* One more step, from old (NULL: none) to `after`, which is copied. */
bool rt_change_step(struct runtime_change *c, enum runtime_cause cause, struct rt_guest *old,
	const struct spec *after);

#endif
