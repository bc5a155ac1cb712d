/* runtime_load: the run-time guests as they were kept (runtime.h). */
#include "runtime_set.h"

#include <errno.h>

/* Takes one guest in without the addresses, or all, that somebody else has. */
static int load_one(struct runtime *rt, const struct spec *s,
	void (*lost)(void *ctx, const struct spec *guest, const struct prefix *p,
		const struct spec *owner),
	void *ctx)
{
	const struct rt_guest *namesake = rt_guest_find(rt, s->name);
	const struct prefix via = prefix_exact(&s->via);
	struct rt_guest *g = namesake ? NULL : rt_guest_get(rt, s->name);
	struct spec head = *s; /* borrows the list */
	int err = namesake || g ? 0 : -ENOMEM;

	head.prefixes = NULL;
	head.nprefixes = 0;
	if (g)
		err = rt_head_set(rt, g, &head);
	for (size_t i = 0; !err && i < s->nprefixes; i++) {
		const struct rt_entry *e = rt_entry_find(rt, &s->prefixes[i]);
		const struct rt_guest *owner = namesake ? namesake : e ? e->guest : NULL;

		if (!owner)
			err = rt_entry_add(rt, g, &s->prefixes[i]);
		else
			rt_unsaved(rt, s->name);
		if (owner && lost)
			lost(ctx, s, &s->prefixes[i], &owner->head);
	}
	if (!err && g && head.has_via) {
		const struct rt_entry *e = rt_entry_find(rt, &via);

		if (!e || e->guest != g)
			err = rt_via_lose(rt, g, &via);
	}
	rt_end(rt);
	return err;
}

int runtime_load(struct runtime *rt, const struct spec *guests, size_t n,
	void (*lost)(void *ctx, const struct spec *guest, const struct prefix *p,
		const struct spec *owner),
	void *ctx)
{
	for (size_t i = 0; i < n; i++) {
		const int r = load_one(rt, &guests[i], lost, ctx);

		if (r)
			return r;
	}
	return 0;
}
