/*
 * app_yields: addresses that were given up to other hosts (`yield`) outlive the daemon: a start
 * takes none of them back. They are few, so all are written whenever one comes or goes.
 */
#include "app_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct yields {
	struct state_yield *all;
	size_t n, room;
	bool failed;
};

static void yield_add(void *ctx, const struct listed *en)
{
	struct yields *y = ctx;
	struct state_yield *more;

	if (y->n == y->room) {
		y->room = y->room ? 2 * y->room : 16;
		more = reallocarray(y->all, y->room, sizeof(*more));
		y->failed |= !more;
		if (!more)
			return;
		y->all = more;
	}
	y->all[y->n++] = (struct state_yield){
		en->prefix.addr, en->guest->vif ? en->guest->vif->link.index : 0};
}

void yields_settle(struct app *a)
{
	struct yields y = {0};
	int err = -ENOMEM;

	if (a->yields == engine_yields(a->engine, NULL, NULL))
		return;
	a->yields = engine_yields(a->engine, yield_add, &y);
	if (!y.failed)
		err = state_yields_save(a->state, y.all, y.n);
	if (err < 0 && log_limited(&a->wiring->limit, app_now()))
		log_warning("cannot write to %s what is given up to other hosts: %s; a restart "
			    "would take it back",
			state_dir(a->state), strerror(-err));
	free(y.all);
}

/* Only where the vif is the one of then: a new one has come up since. */
void yields_load(struct app *a)
{
	struct state_yield *all;
	size_t n;
	int err = state_yields_load(a->state, &all, &n);

	if (err < 0)
		log_warning("cannot read in %s what is given up to other hosts: %s",
			state_dir(a->state), strerror(-err));
	for (size_t i = 0; i < n; i++) {
		const struct prefix p = prefix_exact(&all[i].addr);
		struct listed *en = table_find(engine_table(a->engine), &p);
		const struct iface *vif = en && en->guest ? en->guest->vif : NULL;

		if (en && en->guest && (vif ? app_ifindex(a, vif->name) : 0) == all[i].ifindex)
			engine_yielded(a->engine, en);
	}
	free(all);
}
