/*
 * engine_route: the host route of each entry, and whether its address is answered at all.
 *
 * entry_evaluate() compares what an entry should have with what it has, and asks for the
 * difference; it may be called at any time, and does nothing where nothing changed. Own routes are
 * created exclusively and deleted by protocol, metric, table and interface, so no route of another
 * protocol is ever changed (K05); one that is in the way is respected (K09).
 */
#include "engine_private.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* The index of an address in the list of sources; 0 is none, or no room. */
static uint16_t source_index(struct engine *e, struct addr a)
{
	if (addr_is_unspecified(&a))
		return 0;
	for (uint16_t n = 1; n < e->nsources; n++)
		if (addr_equal(&e->sources[n], &a))
			return n;
	if (e->nsources == SOURCES_MAX)
		return 0;
	e->sources[e->nsources] = a;
	return e->nsources++;
}

/* K07 */
static struct addr route_source(const struct engine *e, const struct listed *en)
{
	const struct iface *u = en->guest->uplink;
	struct addr best;

	if (e->route.has_source)
		return e->source_usable ? e->route.source : addr_any;
	return u && source_best(u, false, &en->prefix.addr, true, &best) ? best : addr_any;
}

/* Should the entry have a host route now, and which? */
static bool route_wanted(struct engine *e, const struct listed *en, struct route *ret)
{
	const struct guest *g = en->guest;

	if (!g || !g->route || !g->vif || !g->vif->present || !g->vif->link.admin_up ||
		g->vif->is_uplink || en->host || hold_of(e, en) || covers_gateway(en) ||
		(prefix_is_exact(&en->prefix) && is_broadcast(e, &en->prefix.addr)))
		return false;
	*ret = (struct route){.dst = en->prefix,
		.table = e->route.table,
		.metric = e->route.metric,
		.protocol = e->route.protocol,
		.oif = g->vif->link.index,
		.source = route_source(e, en)};
	/* one that there is no room for in the list is set for none */
	if (!addr_equal(&ret->source, &e->sources[en->route_source]))
		ret->source = e->sources[source_index(e, ret->source)];
	if (g->has_via && !prefix_is_exact(&en->prefix))
		ret->via = g->via;
	return true;
}

/*
 * The next hop of a network's route, where it has one: as it was installed, which the guest's `via`
 * may be no more. There are few, so they stand beside.
 */
struct via {
	struct prefix dst;
	struct addr addr;
};

static int by_dst(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

static struct addr via_get(const struct engine *e, const struct listed *en)
{
	const struct via key = {.dst = en->prefix};
	struct via **found = prefix_is_exact(&en->prefix) ? NULL : tfind(&key, &e->vias, by_dst);

	return found ? (*found)->addr : addr_any;
}

static void via_set(struct engine *e, const struct listed *en, const struct addr *a)
{
	const struct via key = {.dst = en->prefix};
	struct via **found, *v;

	if (prefix_is_exact(&en->prefix))
		return;
	found = tfind(&key, &e->vias, by_dst);
	v = found ? *found : NULL;
	if (addr_is_unspecified(a)) {
		if (v)
			tdelete(v, &e->vias, by_dst);
		free(v);
		return;
	}
	if (!v && (v = calloc(1, sizeof(*v)))) {
		v->dst = en->prefix;
		if (!tsearch(v, &e->vias, by_dst)) {
			free(v);
			v = NULL;
		}
	}
	if (v)
		v->addr = *a;
}

void vias_free(struct engine *e)
{
	tdestroy(e->vias, free);
}

static struct route route_installed(const struct engine *e, const struct listed *en)
{
	return (struct route){.dst = en->prefix,
		.table = e->route.table,
		.metric = e->route.metric,
		.protocol = e->route.protocol,
		.oif = en->route_oif,
		.via = via_get(e, en),
		.source = e->sources[en->route_source]};
}

/* One through a next hop object is none that we made. */
static bool route_same(const struct route *a, const struct route *b)
{
	return a->oif == b->oif && a->nexthop == b->nexthop && a->metric == b->metric &&
	       addr_equal(&a->via, &b->via) && addr_equal(&a->source, &b->source);
}

void route_set(struct engine *e, struct listed *en, enum route_state s)
{
	e->failed += (s == ROUTE_FAILED) - (en->route == ROUTE_FAILED);
	en->route = (uint8_t)s;
	if (s != ROUTE_OURS)
		via_set(e, en, &addr_any);
}

/* Ours is this one. */
static void route_take(struct engine *e, struct listed *en, const struct route *r)
{
	route_set(e, en, ROUTE_OURS);
	en->route_oif = r->oif;
	en->route_source = source_index(e, r->source);
	via_set(e, en, &r->via);
}

void route_lost(struct engine *e, struct listed *en)
{
	if (en->route == ROUTE_OURS)
		route_set(e, en, ROUTE_NONE);
}

void entry_withdraw(struct engine *e, struct listed *en)
{
	struct route r;

	if (en->route == ROUTE_OURS) {
		r = route_installed(e, en);
		e->sink->route(e->sink->ctx, false, &r);
	}
	route_set(e, en, ROUTE_NONE);
}

/* K09: what another protocol's routes make of ours. The best of them decides where packets go. */
static enum route_state foreign_state(
	const struct engine *e, const struct listed *en, const struct route *wanted)
{
	enum route_state s = ROUTE_NONE;
	uint32_t best = wanted->metric;

	if (!en->foreign)
		return ROUTE_NONE;
	for (const struct foreign *f = foreign_find(e, &wanted->dst); f; f = f->next) {
		if (f->route.metric > best)
			continue;
		if (f->route.metric < best)
			s = ROUTE_NONE;
		best = f->route.metric;
		if (f->route.oif != wanted->oif)
			s = ROUTE_BLOCKED;
		else if (s == ROUTE_NONE)
			s = ROUTE_FOREIGN;
	}
	return s;
}

/*
 * In place of the route that there is, without a moment in which there is none: one of another
 * metric stands in while the old one goes and the new one comes. All are created exclusively, so
 * nobody else's is in danger (K05): NLM_F_REPLACE might take over another protocol's, and with
 * NLM_F_APPEND IPv6 has no second one of the same interface, for another source or next hop. Of the
 * metrics below ours none is taken (K09); 0 is one of the kernel's own choice.
 */
static void route_move(const struct engine *e, const struct route *have, const struct route *want)
{
	const struct sink *s = e->sink;
	struct route stand_in = *want;

	stand_in.metric += stand_in.metric > 1 ? -1U : 1;
	s->route(s->ctx, true, &stand_in);
	s->route(s->ctx, false, have);
	s->route(s->ctx, true, want);
	s->route(s->ctx, false, &stand_in);
}

static void route_evaluate(struct engine *e, struct listed *en)
{
	struct route want, have = route_installed(e, en);
	bool wanted = route_wanted(e, en, &want);
	enum route_state foreign = wanted ? foreign_state(e, en, &want) : ROUTE_NONE;
	bool moves;
	char text[ADDR_TEXT_MAX];

	if (en->route == ROUTE_OURS && wanted && foreign != ROUTE_BLOCKED &&
		route_same(&have, &want))
		return;
	if (!e->synced || e->syncing)
		return; /* the end of the sync comes back to it */
	moves = en->route == ROUTE_OURS && wanted && foreign == ROUTE_NONE;
	if (!moves)
		entry_withdraw(e, en);
	if (!wanted)
		return;
	if (foreign != ROUTE_NONE) {
		if (foreign == ROUTE_BLOCKED && en->silent != REASON_K09)
			engine_note(e, true, true,
				"%s: a route of another protocol leads elsewhere: not answered",
				prefix_format(&en->prefix, text));
		route_set(e, en, foreign);
		return;
	}
	route_take(e, en, &want);
	if (moves)
		route_move(e, &have, &want);
	else
		e->sink->route(e->sink->ctx, true, &want);
}

/* What keeps it from being answered as long as it is so here; REASON_ANSWERED: nothing does. */
static enum reason place_reason(const struct engine *e, const struct listed *en)
{
	const struct guest *g = en->guest;

	if (prefix_is_exact(&en->prefix) && is_broadcast(e, &en->prefix.addr))
		return e->codec->bad_target;
	if (en->host || !g->uplink || (g->vif && g->vif->is_uplink) || covers_gateway(en))
		return REASON_N10;
	if (g->vif && (!e->synced || !iface_runs(g->vif)))
		return REASON_K04;
	return REASON_ANSWERED;
}

bool entry_is_here(const struct engine *e, const struct listed *en)
{
	return place_reason(e, en) == REASON_ANSWERED;
}

static enum reason entry_reason(const struct engine *e, const struct listed *en)
{
	const struct guest *g = en->guest;
	const struct listed *held;
	enum reason r = place_reason(e, en);

	if (r != REASON_ANSWERED)
		return r;
	held = hold_of(e, en);
	if (held)
		return held->hold == HOLD_PROBING ? REASON_N11 : e->codec->conflict;
	if (en->route == ROUTE_BLOCKED || en->route == ROUTE_FAILED)
		return REASON_K09;
	if (!iface_runs(g->uplink))
		return REASON_K11;
	return REASON_ANSWERED;
}

/* An arrival is an address that was not answered and now is. */
static void reason_update(struct engine *e, struct listed *en)
{
	enum reason r = entry_reason(e, en), old = en->silent;

	if (r == old)
		return;
	en->silent = (uint8_t)r;
	if (r == REASON_ANSWERED)
		announce_schedule(e, en);
	else if (old == REASON_ANSWERED)
		announce_cancel(e, en);
}

void entry_evaluate(struct engine *e, uint64_t now, struct listed *en)
{
	(void)now;
	hold_evaluate(e, en);
	route_evaluate(e, en);
	reason_update(e, en);
}

/* The exact ones first: a route by way of one needs that one (K08). */
void guest_evaluate(struct engine *e, uint64_t now, struct guest *g)
{
	struct listed *en;
	size_t n = 0; /* prefixes */

	GUEST_FOREACH_ENTRY (en, g) {
		if (prefix_is_exact(&en->prefix))
			entry_evaluate(e, now, en);
		engine_walk(e);
		n += !prefix_is_exact(&en->prefix);
	}
	if (n == 0)
		return;
	GUEST_FOREACH_ENTRY (en, g)
		if (!prefix_is_exact(&en->prefix))
			entry_evaluate(e, now, en);
}

void vif_evaluate(struct engine *e, uint64_t now, struct iface *i)
{
	struct guest *g;

	LIST_FOREACH (g, &i->guests, of_vif)
		guest_evaluate(e, now, g);
}

struct find_source {
	const struct addr *source;
	bool usable;
};

static void find_source(void *ctx, struct iface *i)
{
	struct find_source *f = ctx;

	for (size_t n = 0; n < i->naddrs; n++)
		if (addr_equal(&i->addrs[n].prefix.addr, f->source) && i->addrs[n].seen)
			f->usable |= !i->addrs[n].tentative;
}

void source_refresh(struct engine *e)
{
	struct find_source f = {&e->route.source, false};

	if (e->route.has_source)
		engine_ifaces(e, find_source, &f);
	e->source_usable = f.usable;
}

void entry_evaluate_all(struct engine *e, uint64_t now)
{
	struct guest *g;

	source_refresh(e);
	TABLE_FOREACH_GUEST (g, e->table)
		guest_evaluate(e, now, g);
}

/*
 * A link's events are read after the fact: it may have gone down and up again, and a sync or the
 * first of two "up" have had the route made, before the "down" is read that takes it from us. So
 * what is there already may be our own, which nobody else has: it makes room for itself.
 */
static void route_renew(const struct engine *e, struct route *r)
{
	r->again = true;
	e->sink->route(e->sink->ctx, false, r);
	e->sink->route(e->sink->ctx, true, r);
}

/* There is a route that we have not heard of yet: once a second at most, however many there are. */
static void exist_sync(struct engine *e, uint64_t now)
{
	if (now < e->exist_sync_at) {
		request_sync(e, e->exist_sync_at);
		return;
	}
	request_sync(e, now);
	e->exist_sync_at = now + EXIST_SYNC_MS;
}

void engine_route_done(
	struct engine *e, uint64_t now, bool add, const struct route *r, int err, const char *text)
{
	struct listed *en;
	struct route ours;
	char dst[ADDR_TEXT_MAX];

	if (err == 0)
		return;
	if (!add) {
		if (err != -ESRCH && err != -ENODEV && err != -ENOENT)
			engine_note(e, true, true, "cannot delete the route to %s: %s%s%s",
				prefix_format(&r->dst, dst), strerror(-err), *text ? ": " : "",
				text);
		return;
	}
	en = table_find(e->table, &r->dst);
	if (!en || !en->guest || en->route != ROUTE_OURS)
		return;
	ours = route_installed(e, en);
	if (r->table != ours.table || !route_same(r, &ours))
		return; /* of an earlier wish; the answer to the last one counts */
	if (err == -EEXIST && !r->again) {
		route_renew(e, &ours);
		return;
	}
	if (e->failed == 0 && e->deaf == 0) /* or those that wait would wait ever longer */
		e->retry_at = now + RETRY_MS;
	route_set(e, en, ROUTE_FAILED);
	e->refused = err;
	if (err == -EEXIST) {
		exist_sync(e, now);
	} else if (err != -ENETDOWN && err != -ENODEV) {
		/* the two others: an event is on its way, or the next try will do */
		engine_note(e, true, true, "cannot add the route to %s: %s%s%s",
			prefix_format(&r->dst, dst), strerror(-err), *text ? ": " : "", text);
	}
	reason_update(e, en);
}

/* The one that a sync finds is right. Another of ours that it found before is not. */
static void route_found(struct engine *e, struct listed *en, const struct route *r)
{
	const struct route have = route_installed(e, en);

	if (en->route == ROUTE_OURS && en->route_seen && !route_same(&have, r))
		e->sink->route(e->sink->ctx, false, &have);
	en->route_seen = true;
	route_take(e, en, r);
	reason_update(e, en);
}

/* A route with our protocol number: right, stale, or taken away by somebody. */
void own_route(struct engine *e, uint64_t now, const struct route *r, bool present)
{
	struct listed *en = table_find(e->table, &r->dst);
	struct route want, have;
	bool wanted;

	if (!present) {
		/* one that we have replaced since is told late, and is not the one that we have */
		have = en ? route_installed(e, en) : (struct route){0};
		if (en && en->guest && en->route == ROUTE_OURS && route_same(&have, r)) {
			route_lost(e, en);
			entry_evaluate(e, now, en);
		}
		return;
	}
	wanted = en && route_wanted(e, en, &want);
	if (wanted && route_same(&want, r)) {
		route_found(e, en, r);
		return;
	}
	if (wanted && e->syncing && !en->route_seen && r->metric == want.metric && r->oif &&
		!r->nexthop) {
		/* it goes when the right one comes, and not before: at the end of the sync */
		en->route_seen = true;
		route_take(e, en, r);
		return;
	}
	if (en && en->route == ROUTE_OURS && r->metric == e->route.metric &&
		(en->route_oif == r->oif || r->replaces))
		route_lost(e, en);
	e->sink->route(e->sink->ctx, false, r);
	if (en && en->guest)
		entry_evaluate(e, now, en);
}

void engine_withdraw(struct engine *e, uint64_t now)
{
	struct guest *g;
	struct listed *en;

	(void)now;
	TABLE_FOREACH_GUEST (g, e->table)
		GUEST_FOREACH_ENTRY (en, g)
			entry_withdraw(e, en);
}
