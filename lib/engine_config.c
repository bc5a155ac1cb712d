/*
 * engine_config: a configuration, put in force as a difference. What a new one does not mention is
 * swept at its end, so what moves from one section to another goes from hand to hand.
 */
#include "engine_private.h"

#include <stdlib.h>
#include <string.h>

void engine_config_begin(struct engine *e, const struct route_policy *route, unsigned pace)
{
	struct guest *g;
	struct listed *en;

	e->config_generation = ++e->generation;
	e->pace = pace;
	if (route->protocol != e->route.protocol || route->metric != e->route.metric ||
		route->table != e->route.table) {
		/* routes of the old kind go; the new kind's are asked for at the end */
		TABLE_FOREACH_GUEST (g, e->table)
			GUEST_FOREACH_ENTRY (en, g)
				entry_withdraw(e, en);
		foreign_free_all(e);
		e->foreign = NULL;
		e->wants_sync = e->synced;
	}
	e->route = *route;
	e->nuplinks = 0; /* and nothing waits before the last of them is there again */
}

void engine_config_uplink(struct engine *e, const char *name, const struct uplink_policy *p)
{
	struct iface *i = iface_get(e, name);

	if (!i || e->nuplinks == UPLINKS_MAX)
		return;
	i->is_uplink = true;
	i->uplink = *p;
	i->generation = e->sync_generation;
	i->config_generation = e->config_generation;
	i->bit = (unsigned)e->nuplinks;
	e->uplinks[e->nuplinks++] = i;
	iface_listen(e, i);
}

void engine_config_expect(struct engine *e, size_t addresses)
{
	table_reserve(e->table, addresses);
}

int engine_config_guest(struct engine *e, uint64_t now, const struct spec *s)
{
	struct guest *g;

	(void)now;
	return guest_apply(e, s, e->config_generation, &e->diff.added, &g);
}

static void uplink_retire(void *ctx, struct iface *i)
{
	struct engine *e = ctx;

	if (!i->is_uplink || i->config_generation == e->config_generation)
		return;
	i->is_uplink = false;
	i->ready = false;
	iface_listen(e, i);
}

static void behind_clear(void *ctx, struct iface *i)
{
	(void)ctx;
	memset(i->behind, 0, sizeof(i->behind));
	i->uplinks = 0;
}

static void vif_refresh_each(void *ctx, struct iface *i)
{
	const struct engine *e = ctx;

	if (i->nguests)
		i->vif = *e->sink->vif_policy(e->sink->ctx, i->name);
}

/* Uplinks may have come, gone, or other bits than before. */
static void uplinks_recount(struct engine *e)
{
	struct guest *g;

	TABLE_FOREACH_GUEST (g, e->table)
		guest_set_uplink(e, g);
	engine_ifaces(e, behind_clear, NULL);
	TABLE_FOREACH_GUEST (g, e->table)
		if (g->vif)
			vif_behind(g->vif, g->uplink, 1);
}

struct find_unneeded {
	struct iface *found;
};

static void find_unneeded(void *ctx, struct iface *i)
{
	struct find_unneeded *f = ctx;

	if (!i->present && !i->is_uplink && !i->nguests)
		f->found = i;
}

/* Uplinks of an earlier configuration that the kernel does not have and no guest is on. */
static void uplinks_release(struct engine *e)
{
	struct find_unneeded f;

	do {
		f.found = NULL;
		engine_ifaces(e, find_unneeded, &f);
		if (f.found)
			iface_release(e, f.found);
	} while (f.found);
}

/* What was aside takes the place of what the new configuration does not mention: the address goes
 * from hand to hand. Returns how many. */
static size_t aside_inherit(struct engine *e, struct guest *g)
{
	struct aside_list old = STAILQ_HEAD_INITIALIZER(old);
	struct aside *a;
	size_t n = 0;

	STAILQ_CONCAT(&old, &g->aside);
	while ((a = STAILQ_FIRST(&old))) {
		struct listed *en = table_find(e->table, &a->prefix);

		STAILQ_REMOVE_HEAD(&old, next);
		if (!en || !en->guest || en->guest->origin == ORIGIN_COMMAND ||
			en->generation == e->config_generation) {
			STAILQ_INSERT_TAIL(&g->aside, a, next);
			continue;
		}
		entry_hand_over(e, en, g);
		en->generation = g->generation;
		free(a);
		n++;
	}
	return n;
}

/* What was aside comes back where its address has become free. */
static void aside_retry(struct engine *e, struct guest *g)
{
	struct aside_list old = STAILQ_HEAD_INITIALIZER(old);
	struct aside *a;
	size_t added = 0;

	STAILQ_CONCAT(&old, &g->aside);
	while ((a = STAILQ_FIRST(&old))) {
		struct listed *en = table_find(e->table, &a->prefix);

		STAILQ_REMOVE_HEAD(&old, next);
		if (en && en->guest)
			STAILQ_INSERT_TAIL(&g->aside, a, next);
		else if (guest_take(e, g, &a->prefix, g->generation, &added) == 0)
			free(a);
	}
}

void engine_config_end(struct engine *e, uint64_t now, struct config_diff *ret)
{
	struct guest *g, *next;

	engine_ifaces(e, uplink_retire, e);
	TABLE_FOREACH_GUEST (g, e->table)
		if (g->origin == ORIGIN_COMMAND)
			e->diff.removed += aside_inherit(e, g);
	for (g = TAILQ_FIRST(table_guests(e->table)); g; g = next) {
		next = TAILQ_NEXT(g, next);
		if (g->origin != ORIGIN_COMMAND)
			e->diff.removed += guest_sweep(e, now, g, e->config_generation);
	}
	uplinks_recount(e);
	TABLE_FOREACH_GUEST (g, e->table) {
		if (g->origin == ORIGIN_COMMAND)
			aside_retry(e, g);
		else
			e->diff.same += g->nentries;
	}
	e->diff.same -= e->diff.added;
	uplinks_release(e);
	engine_ifaces(e, vif_refresh_each, e);
	iface_learn(e);
	entry_evaluate_all(e, now);
	e->yields += queue_first(e, QUEUE_YIELDED) != NULL; /* one may be on another vif now */
	*ret = e->diff;
	e->diff = (struct config_diff){0};
}
