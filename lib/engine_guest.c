/*
 * engine_guest: guests, put in force as differences. Whole configurations are in engine_config.c.
 *
 * A guest here is one of the table's; name and origin together are its key, so a run-time guest may
 * have the name of a configured one. An address is in force once. Where two list it, the origin of
 * higher precedence has it (the configuration wins) and the other's stays aside, to come back when
 * the address becomes free. What a new configuration does not mention is swept at its end, so an
 * address that moves from one guest to another is never without an owner in between.
 */
#include "engine_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD 8 /* prefixes that are on their way from memory */

static struct iface *uplink_find(const struct engine *e, const char *name)
{
	if (!*name)
		return e->nuplinks == 1 ? e->uplinks[0] : NULL;
	for (size_t n = 0; n < e->nuplinks; n++)
		if (strcmp(e->uplinks[n]->name, name) == 0)
			return e->uplinks[n];
	return NULL;
}

void vif_behind(struct iface *i, const struct iface *uplink, int by)
{
	if (!uplink)
		return;
	i->behind[uplink->bit] += (unsigned)by;
	if (i->behind[uplink->bit])
		i->uplinks |= 1ULL << uplink->bit;
	else
		i->uplinks &= ~(1ULL << uplink->bit);
}

static void guest_leave_vif(struct engine *e, struct guest *g)
{
	struct iface *i = g->vif;

	if (!i)
		return;
	LIST_REMOVE(g, of_vif);
	vif_behind(i, g->uplink, -1);
	g->vif = NULL;
	i->nguests--;
	iface_listen(e, i);
	iface_release(e, i);
}

static int guest_enter_vif(struct engine *e, struct guest *g, const char *name)
{
	struct iface *i;

	if (!*name)
		return 0;
	i = iface_get(e, name);
	if (!i)
		return -ENOMEM;
	if (i->nguests == 0)
		i->vif = *e->sink->vif_policy(e->sink->ctx, i->name);
	g->vif = i;
	LIST_INSERT_HEAD(&i->guests, g, of_vif);
	vif_behind(i, g->uplink, 1);
	i->nguests++;
	iface_listen(e, i);
	return 0;
}

/* Nothing is left of what was said of it on its uplink. */
static void entry_leave(struct engine *e, struct listed *en)
{
	announce_cancel(e, en);
	hold_forget(e, en);
	en->silent = REASON_N10;
}

void guest_set_uplink(struct engine *e, struct guest *g)
{
	struct iface *uplink = uplink_find(e, g->uplink_name);
	struct listed *en;

	if (uplink == g->uplink)
		return;
	if (g->vif) {
		vif_behind(g->vif, g->uplink, -1);
		vif_behind(g->vif, uplink, 1);
	}
	g->uplink = uplink;
	GUEST_FOREACH_ENTRY (en, g)
		entry_leave(e, en);
}

static int guest_set_macs(struct guest *g, const struct spec *s)
{
	uint8_t(*macs)[MAC_LEN] = NULL;

	if (s->nmacs) {
		macs = malloc(s->nmacs * sizeof(*macs));
		if (!macs)
			return -ENOMEM;
		memcpy(macs, s->macs, s->nmacs * sizeof(*macs));
	}
	free(g->macs);
	g->macs = macs;
	g->nmacs = s->nmacs;
	return 0;
}

/* Everything of the guest but its addresses. */
static int guest_set(struct engine *e, struct guest *g, const struct spec *s)
{
	int r = guest_set_macs(g, s);

	if (r < 0)
		return r;
	g->route = s->route;
	g->has_via = s->has_via;
	g->via = s->via;
	memcpy(g->uplink_name, s->uplink, sizeof(g->uplink_name));
	if (strcmp(g->vif ? g->vif->name : "", s->vif) != 0) {
		guest_leave_vif(e, g);
		r = guest_enter_vif(e, g, s->vif);
	}
	guest_set_uplink(e, g);
	return r;
}

static void aside_clear(struct guest *g)
{
	struct aside *a;

	while ((a = STAILQ_FIRST(&g->aside))) {
		STAILQ_REMOVE_HEAD(&g->aside, next);
		free(a);
	}
}

static int aside_add(struct guest *g, const struct prefix *p)
{
	struct aside *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->prefix = *p;
	STAILQ_INSERT_TAIL(&g->aside, a, next);
	return 0;
}

/* Is the other one, who has what this one set aside, on the same vif? Then nobody is missing it. */
static bool aside_matters(const struct guest *g, const struct guest *other)
{
	return other->vif != g->vif;
}

static void aside_note(const struct engine *e, const struct guest *g, const struct listed *en)
{
	char text[ADDR_TEXT_MAX];

	if (aside_matters(g, en->guest))
		engine_note(e, true, false,
			"guest \"%s\": %s is set aside, because guest \"%s\" of the %s has it",
			g->name, prefix_format(&en->prefix, text), en->guest->name,
			origin_name(en->guest->origin));
}

static void entry_assign(struct engine *e, struct listed *en, struct guest *g)
{
	if (!en->guest != !g)
		e->sink->listed(e->sink->ctx, &en->prefix, g);
	table_assign(e->table, en, g);
}

void entry_hand_over(struct engine *e, struct listed *en, struct guest *to)
{
	const struct guest *from = en->guest;

	if (!from || from->uplink != to->uplink)
		entry_leave(e, en);
	entry_assign(e, en, to);
}

int guest_take(struct engine *e, struct guest *g, const struct prefix *p, uint32_t generation,
	size_t *added)
{
	struct listed *en = table_add(e->table, p);
	struct guest *other;
	int r = 0;

	if (!en)
		return -ENOMEM;
	other = en->guest;
	if (other && other != g && g->origin == ORIGIN_COMMAND && other->origin != ORIGIN_COMMAND) {
		r = aside_add(g, p);
		aside_note(e, g, en);
		return r;
	}
	if (other != g) {
		if (other && other->origin == ORIGIN_COMMAND && g->origin != ORIGIN_COMMAND)
			r = aside_add(other, p);
		if (!other)
			en->foreign = foreign_find(e, p) != NULL;
		entry_hand_over(e, en, g);
		if (other && other->origin == ORIGIN_COMMAND && g->origin != ORIGIN_COMMAND)
			aside_note(e, other, en);
		*added += !other;
	}
	en->generation = generation;
	return r;
}

static void entry_drop(struct engine *e, uint64_t now, struct listed *en)
{
	(void)now;
	entry_withdraw(e, en);
	entry_leave(e, en);
	entry_assign(e, en, NULL);
	if (!en->host)
		table_del(e->table, en);
}

size_t guest_sweep(struct engine *e, uint64_t now, struct guest *g, uint32_t generation)
{
	struct listed *en, *next;
	size_t n = 0;

	for (en = list_first(&g->entries); en; en = next) {
		next = list_next(en, LINK_GUEST);
		engine_walk(e);
		if (en->generation == generation)
			continue;
		entry_drop(e, now, en);
		n++;
	}
	if (g->nentries == 0 && STAILQ_EMPTY(&g->aside)) {
		guest_leave_vif(e, g);
		table_guest_del(e->table, g);
	}
	return n;
}

/* At a million, most of the time goes by in waiting for memory. */
static void prefix_expect(const struct engine *e, const struct prefix *p, bool fresh)
{
	table_expect(e->table, p);
	if (fresh)
		e->sink->expect(e->sink->ctx, p);
}

int guest_apply(struct engine *e, const struct spec *s, uint32_t generation, size_t *added,
	struct guest **ret)
{
	struct guest *g = table_guest(e->table, s->name, s->origin);
	bool fresh;
	int r = 0;

	if (!g)
		g = table_guest_add(e->table, s->name, s->origin);
	if (!g)
		return -ENOMEM;
	*ret = g;
	g->generation = generation;
	aside_clear(g);
	r = guest_set(e, g, s);
	fresh = g->nentries == 0;
	for (size_t n = 0; n < s->nprefixes && r == 0; n++) {
		if (n + AHEAD < s->nprefixes)
			prefix_expect(e, &s->prefixes[n + AHEAD], fresh);
		r = guest_take(e, g, &s->prefixes[n], generation, added);
		engine_walk(e);
	}
	return r;
}

int engine_guest(struct engine *e, uint64_t now, const struct spec *s)
{
	uint32_t generation = ++e->generation;
	struct guest *g = table_guest(e->table, s->name, s->origin);
	size_t added = 0;
	int r;

	if (!g && s->nprefixes == 0)
		return 0;
	r = guest_apply(e, s, generation, &added, &g);
	if (r < 0)
		return r;
	guest_evaluate(e, now, g);
	guest_sweep(e, now, g, generation);
	return 0;
}

static int prefix_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

/* Forgets what is aside of these, which are sorted for it. */
static void aside_drop(struct guest *g, struct prefix *gone, size_t n)
{
	struct aside_list old = STAILQ_HEAD_INITIALIZER(old);
	struct aside *a;

	if (STAILQ_EMPTY(&g->aside) || n == 0)
		return;
	qsort(gone, n, sizeof(*gone), prefix_order);
	STAILQ_CONCAT(&old, &g->aside);
	while ((a = STAILQ_FIRST(&old))) {
		STAILQ_REMOVE_HEAD(&old, next);
		if (bsearch(&a->prefix, gone, n, sizeof(*gone), prefix_order))
			free(a);
		else
			STAILQ_INSERT_TAIL(&g->aside, a, next);
	}
}

/* The exact ones first, or the others: as guest_evaluate(). */
static void part_evaluate(
	struct engine *e, uint64_t now, const struct guest *g, const struct spec *s, bool exact)
{
	for (size_t n = 0; n < s->nprefixes; n++) {
		struct listed *en;

		engine_walk(e);
		if (prefix_is_exact(&s->prefixes[n]) != exact)
			continue;
		en = table_find(e->table, &s->prefixes[n]);
		if (en && en->guest == g)
			entry_evaluate(e, now, en);
	}
}

int engine_guest_part(
	struct engine *e, uint64_t now, const struct spec *s, struct prefix *gone, size_t ngone)
{
	struct guest *g = table_guest(e->table, s->name, s->origin);
	size_t added = 0;
	int r = 0;

	if (!g)
		return engine_guest(e, now, s);
	for (size_t n = 0; n < s->nprefixes && r == 0; n++)
		r = guest_take(e, g, &s->prefixes[n], g->generation, &added);
	part_evaluate(e, now, g, s, true);
	part_evaluate(e, now, g, s, false);
	for (size_t n = 0; n < ngone; n++) {
		struct listed *en = table_find(e->table, &gone[n]);

		engine_walk(e);
		if (en && en->guest == g)
			entry_drop(e, now, en);
	}
	aside_drop(g, gone, ngone);
	return r;
}
