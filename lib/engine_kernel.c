/*
 * engine_kernel: the kernel's routes as they are told, and the sync of everything.
 *
 * Of other protocols' routes two kinds matter: those to a listed destination in the table of the
 * host routes (K09), and those that make a network on-link or name a gateway.
 */
#include "engine_private.h"

#include <search.h>
#include <stdlib.h>

static int by_destination(const void *a, const void *b)
{
	const struct foreign *x = a, *y = b;
	int c = addr_compare(&x->route.dst.addr, &y->route.dst.addr);

	return c ? c : (int)x->route.dst.len - (int)y->route.dst.len;
}

struct foreign *foreign_find(const struct engine *e, const struct prefix *dst)
{
	struct foreign key = {.route.dst = *dst}, **found;

	found = tfind(&key, &e->foreign, by_destination);
	return found ? *found : NULL;
}

static void foreign_remove(struct engine *e, struct foreign *f)
{
	struct foreign *head = foreign_find(e, &f->route.dst), **at;

	if (f == head) {
		tdelete(f, &e->foreign, by_destination);
		if (f->next)
			tsearch(f->next, &e->foreign, by_destination);
	} else {
		for (at = &head->next; *at != f; at = &(*at)->next)
			;
		*at = f->next;
	}
	free(f);
}

static void foreign_add(struct engine *e, const struct route *r)
{
	struct foreign *head = foreign_find(e, &r->dst), *f = calloc(1, sizeof(*f));

	if (!f)
		return;
	f->route = *r;
	f->generation = e->sync_generation;
	if (head) {
		f->next = head->next;
		head->next = f;
	} else if (!tsearch(f, &e->foreign, by_destination)) {
		free(f);
	}
}

/*
 * Which of the routes known so far does this one speak of? One with several next hops (oif 0) was
 * one with a single one before, or is deleted as a whole; one that replaces takes the place of
 * whatever had its metric.
 */
static bool foreign_concerned(const struct route *known, const struct route *r)
{
	if (known->metric != r->metric)
		return false;
	if (r->replaces)
		return true;
	return known->protocol == r->protocol && (known->oif == r->oif || r->oif == 0);
}

/* IPv6 tells of the end of one of several next hops, and not of what remains. */
static bool loses_hop(const struct route *known, const struct route *gone)
{
	return known->metric == gone->metric && known->protocol == gone->protocol &&
	       known->oif == 0 && gone->oif != 0;
}

static void foreign_route(struct engine *e, uint64_t now, const struct route *r, bool present)
{
	struct foreign *f, *next;
	struct listed *en = table_find(e->table, &r->dst);

	for (f = foreign_find(e, &r->dst); f; f = next) {
		next = f->next;
		if (!present && loses_hop(&f->route, r) && !e->syncing)
			request_sync(e, now + SYNC_DELAY_MS);
		if (foreign_concerned(&f->route, r))
			foreign_remove(e, f);
	}
	if (present)
		foreign_add(e, r);
	if (!en || !en->guest)
		return;
	en->foreign = foreign_find(e, &r->dst) != NULL;
	if (present && r->replaces && r->metric == e->route.metric)
		route_lost(e, en);
	entry_evaluate(e, now, en);
}

static void foreign_free(void *node)
{
	struct foreign *f = node, *next;

	for (; f; f = next) {
		next = f->next;
		free(f);
	}
}

void foreign_free_all(struct engine *e)
{
	tdestroy(e->foreign, foreign_free);
}

struct stale {
	const struct engine *e;
	struct route *routes;
	size_t n;
};

static void collect_stale(const void *node, VISIT visit, void *closure)
{
	struct stale *s = closure;

	if (visit != postorder && visit != leaf)
		return;
	for (const struct foreign *f = *(struct foreign *const *)node; f; f = f->next) {
		struct route *more;

		if (f->generation == s->e->sync_generation)
			continue;
		more = realloc(s->routes, (s->n + 1) * sizeof(*more));
		if (!more)
			return; /* they stay until the next sync */
		s->routes = more;
		more[s->n++] = f->route;
	}
}

static void foreign_sweep(struct engine *e, uint64_t now)
{
	struct stale s = {.e = e};

	twalk_r(e->foreign, collect_stale, &s);
	for (size_t n = 0; n < s.n; n++)
		foreign_route(e, now, &s.routes[n], false);
	free(s.routes);
}

static bool path_same(const struct route *a, const struct route *b)
{
	return prefix_equal(&a->dst, &b->dst) && a->metric == b->metric && a->oif == b->oif &&
	       a->protocol == b->protocol && addr_equal(&a->via, &b->via);
}

static void path_replaced(struct engine *e, const struct route *by)
{
	struct path *p, *next;

	for (p = LIST_FIRST(&e->paths); p; p = next) {
		next = LIST_NEXT(p, next);
		if (!prefix_equal(&p->route.dst, &by->dst) || p->route.metric != by->metric)
			continue;
		LIST_REMOVE(p, next);
		free(p);
	}
}

/* Default routes and networks that are directly connected: what the uplinks' guests see. */
static void path_route(struct engine *e, uint64_t now, const struct route *r, bool present)
{
	struct path *p;

	LIST_FOREACH (p, &e->paths, next)
		if (path_same(&p->route, r))
			break;
	if (present && p) {
		p->generation = e->sync_generation;
		return;
	}
	if (!present && !p)
		return;
	if (present) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return;
		p->route = *r;
		p->generation = e->sync_generation;
		LIST_INSERT_HEAD(&e->paths, p, next);
	} else {
		LIST_REMOVE(p, next);
		free(p);
	}
	if (!e->syncing && iface_learn(e))
		entry_evaluate_all(e, now);
}

void engine_route(struct engine *e, uint64_t now, const struct route *r, bool present)
{
	uint8_t none = e->codec->family == AF_INET ? ADDR_V4_BITS : 0;
	bool connected = addr_is_unspecified(&r->via) && r->oif && !prefix_is_exact(&r->dst);

	if (r->protocol == e->route.protocol) {
		if (r->table == e->route.table && r->dst.len != none)
			own_route(e, now, r, present);
		else if (present && r->dst.len != none) /* of an earlier configuration */
			e->sink->route(e->sink->ctx, false, r);
		return;
	}
	if (addr_is_multicast(&r->dst.addr) || addr_is_linklocal(&r->dst.addr))
		return;
	if (r->table == ROUTE_TABLE_DEFAULT && present && r->replaces)
		path_replaced(e, r);
	/* of several default routes it is not told which one remains */
	if (r->dst.len == none && !e->syncing && (!present || r->replaces))
		request_sync(e, now + SYNC_DELAY_MS);
	if (r->table == ROUTE_TABLE_DEFAULT && (r->dst.len == none || connected))
		path_route(e, now, r, present);
	if (r->table == e->route.table && r->dst.len != none)
		foreign_route(e, now, r, present);
}

struct find_nexthop {
	uint32_t id;
	bool found;
};

static void find_nexthop(const void *node, VISIT visit, void *closure)
{
	struct find_nexthop *n = closure;

	if (visit != postorder && visit != leaf)
		return;
	for (const struct foreign *f = *(struct foreign *const *)node; f; f = f->next)
		n->found |= f->route.nexthop == n->id;
}

void engine_nexthop(struct engine *e, uint64_t now, uint32_t id)
{
	struct find_nexthop n = {.id = id};
	const struct path *p;

	LIST_FOREACH (p, &e->paths, next)
		n.found |= p->route.nexthop == id;
	twalk_r(e->foreign, find_nexthop, &n);
	if (n.found)
		request_sync(e, now + SYNC_DELAY_MS);
}

void request_sync(struct engine *e, uint64_t at)
{
	if (!e->sync_due || at < e->sync_due)
		e->sync_due = at;
}

static void entry_mark(struct engine *e, struct listed *en)
{
	en->route_seen = false;
	engine_walk(e);
}

static void entry_sweep(struct engine *e, struct listed *en)
{
	const struct guest *g = en->guest;
	bool tells = g->vif && g->route && !en->foreign; /* its route does, whether it was ours */

	if (!en->route_seen)
		route_lost(e, en);
	if (!e->synced)
		en->probed = en->route_seen || (e->resumed && !tells);
	engine_walk(e);
}

void engine_sync_begin(struct engine *e)
{
	struct guest *g;
	struct listed *en;

	e->syncing = true;
	e->sync_due = 0;
	e->sync_generation++;
	iface_mark(e);
	TABLE_FOREACH_GUEST (g, e->table)
		GUEST_FOREACH_ENTRY (en, g)
			entry_mark(e, en);
}

void engine_sync_end(struct engine *e, uint64_t now)
{
	struct path *p, *next;
	struct guest *g;
	struct listed *en;

	iface_sweep(e, now);
	for (p = LIST_FIRST(&e->paths); p; p = next) {
		next = LIST_NEXT(p, next);
		if (p->generation != e->sync_generation) {
			LIST_REMOVE(p, next);
			free(p);
		}
	}
	foreign_sweep(e, now);
	TABLE_FOREACH_GUEST (g, e->table)
		GUEST_FOREACH_ENTRY (en, g)
			entry_sweep(e, en);
	e->syncing = false;
	e->synced = true;
	iface_learn(e);
	entry_evaluate_all(e, now);
}
