/*
 * engine_iface: interfaces by name and by index, and what the kernel tells of them.
 *
 * An interface is kept while the kernel has it, the configuration names it, or a guest is on it.
 * A renamed one is another interface to us: names are what administrators write.
 */
#include "engine_private.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct iface *)a)->name, ((const struct iface *)b)->name);
}

static int by_index(const void *a, const void *b)
{
	const struct iface *x = a, *y = b;

	return x->link.index < y->link.index ? -1 : x->link.index > y->link.index;
}

struct iface *engine_iface(const struct engine *e, const char *name)
{
	struct iface key, **found;

	if (strlen(name) >= sizeof(key.name))
		return NULL;
	strcpy(key.name, name);
	found = tfind(&key, &e->by_name, by_name);
	return found ? *found : NULL;
}

uint32_t engine_ifindex(const struct engine *e, const char *name)
{
	const struct iface *i = engine_iface(e, name);

	return i && i->present ? i->link.index : 0;
}

struct iface *iface_by_index(const struct engine *e, uint32_t index)
{
	struct iface key = {.link.index = index}, **found;

	found = tfind(&key, &e->by_index, by_index);
	return found ? *found : NULL;
}

const char *engine_ifname(const struct engine *e, uint32_t index)
{
	const struct iface *i = iface_by_index(e, index);

	return i ? i->name : NULL;
}

struct iface *iface_get(struct engine *e, const char *name)
{
	struct iface *i = engine_iface(e, name);

	if (i)
		return i;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	strncpy(i->name, name, sizeof(i->name) - 1);
	LIST_INIT(&i->guests);
	if (!tsearch(i, &e->by_name, by_name)) {
		free(i);
		return NULL;
	}
	return i;
}

static void iface_free(void *node)
{
	struct iface *i = node;

	free(i->addrs);
	free(i->networks);
	free(i->gateways);
	free(i);
}

static void no_free(void *node)
{
	(void)node;
}

void iface_free_all(struct engine *e)
{
	tdestroy(e->by_index, no_free);
	tdestroy(e->by_name, iface_free);
}

void iface_release(struct engine *e, struct iface *i)
{
	if (i->present || i->is_uplink || i->nguests)
		return;
	tdelete(i, &e->by_name, by_name);
	iface_free(i);
}

struct walk {
	void (*each)(void *ctx, struct iface *i);
	void *ctx;
};

static void walk_node(const void *node, VISIT visit, void *closure)
{
	const struct walk *w = closure;

	if (visit == postorder || visit == leaf)
		w->each(w->ctx, *(struct iface *const *)node);
}

void engine_ifaces(const struct engine *e, void (*each)(void *ctx, struct iface *i), void *ctx)
{
	struct walk w = {each, ctx};

	twalk_r(e->by_name, walk_node, &w);
}

/* A vif that knows no neighbour discovery (venet0) has routes and no listener. */
void iface_listen(struct engine *e, struct iface *i)
{
	bool want = i->present && (i->is_uplink || (i->nguests && !i->link.noarp));

	if (want == i->listening && !i->deaf && (!want || i->is_uplink == i->listening_as_uplink))
		return;
	e->deaf -= i->deaf;
	i->listening = e->sink->listen(e->sink->ctx, i, want);
	i->listening_as_uplink = i->is_uplink;
	i->deaf = want && !i->listening;
	e->deaf += i->deaf;
}

bool iface_is_own_mac(const struct engine *e, const struct iface *i, const uint8_t mac[MAC_LEN])
{
	if (memcmp(i->link.mac, mac, MAC_LEN) == 0)
		return true;
	for (size_t n = 0; n < e->nuplinks; n++)
		if (memcmp(e->uplinks[n]->link.mac, mac, MAC_LEN) == 0 && e->uplinks[n]->present)
			return true;
	return false;
}

bool iface_has(const struct iface *i, const struct addr *a)
{
	for (size_t n = 0; n < i->naddrs; n++)
		if (addr_equal(&i->addrs[n].prefix.addr, a))
			return true;
	return false;
}

/* Questions that claim to come from the host, or from all hosts, are heard too (H18, H44, H46). */
static void hostaddr_listed(const struct engine *e, const struct hostaddr *h, bool on)
{
	struct prefix p = prefix_exact(&h->prefix.addr);

	e->sink->listed(e->sink->ctx, &p, on);
	p.addr = h->broadcast;
	if (!addr_equal(&p.addr, &addr_any))
		e->sink->listed(e->sink->ctx, &p, on);
}

static struct addr broadcast_of(const struct engine *e, const struct hostaddr *h)
{
	const struct prefix net = {h->network, h->prefix.len};
	struct addr last = prefix_last(&net);

	return e->codec->is_broadcast && e->codec->is_broadcast(&last, &net) ? last : addr_any;
}

/*
 * One more, or one less, interface of the host has this address. A link-local one means nothing
 * beyond its own link, where iface_has() finds it.
 */
static void host_count(struct engine *e, uint64_t now, const struct hostaddr *h, int by)
{
	struct prefix p = prefix_exact(&h->prefix.addr);
	struct listed *en;

	hostaddr_listed(e, h, by > 0);
	if (addr_is_linklocal(&p.addr))
		return;
	en = by > 0 ? table_add(e->table, &p) : table_find(e->table, &p);
	if (!en)
		return;
	en->host = (uint16_t)(en->host + by);
	if (en->guest)
		entry_evaluate(e, now, en);
	else if (!en->host)
		table_del(e->table, en);
}

static void addrs_drop(struct engine *e, uint64_t now, struct iface *i)
{
	for (size_t n = 0; n < i->naddrs; n++)
		host_count(e, now, &i->addrs[n], -1);
	i->naddrs = 0;
}

/* deleted: the kernel has the interface no more, and its routes neither. */
static void iface_gone(struct engine *e, uint64_t now, struct iface *i, bool deleted)
{
	struct guest *g;
	struct listed *en;

	tdelete(i, &e->by_index, by_index);
	i->present = false;
	iface_listen(e, i);
	addrs_drop(e, now, i);
	LIST_FOREACH (g, &i->guests, of_vif)
		GUEST_FOREACH_ENTRY (en, g)
			if (deleted)
				route_lost(e, en);
	vif_evaluate(e, now, i);
	if (i->is_uplink) {
		iface_learn(e);
		entry_evaluate_all(e, now);
	}
	memset(&i->link, 0, sizeof(i->link));
	iface_release(e, i);
}

static void iface_appears(struct engine *e, struct iface *i, const struct link *l)
{
	i->present = true;
	i->link = *l;
	tsearch(i, &e->by_index, by_index);
	iface_listen(e, i);
}

static void iface_changed(struct engine *e, uint64_t now, struct iface *i, const struct link *l)
{
	struct link old = i->link;
	struct guest *g;
	struct listed *en;

	i->link = *l;
	iface_listen(e, i);
	if (old.admin_up && !l->admin_up && e->codec->silent_route_loss)
		request_sync(e, now + SYNC_DELAY_MS);
	if (old.admin_up && !l->admin_up) /* K04, K11: the kernel has taken the routes */
		LIST_FOREACH (g, &i->guests, of_vif)
			GUEST_FOREACH_ENTRY (en, g)
				route_lost(e, en);
	if (old.admin_up != l->admin_up || old.running != l->running || old.mtu != l->mtu)
		vif_evaluate(e, now, i);

	if (i->is_uplink && memcmp(old.mac, l->mac, MAC_LEN) != 0)
		i->ready = false; /* so that everything is announced again */
}

void engine_link(struct engine *e, uint64_t now, const struct link *l, bool present)
{
	struct iface *i = iface_by_index(e, l->index), *named;

	if (i && (!present || strcmp(i->name, l->name) != 0)) {
		e->wants_sync |= present; /* renamed: its addresses are not told again */
		iface_gone(e, now, i, !present);
		i = NULL;
	}
	if (!present)
		return;
	if (!i) {
		named = iface_get(e, l->name);
		if (!named)
			return;
		/* the same name with another index: its end has been missed */
		if (named->present)
			iface_gone(e, now, named, true);
		i = iface_get(e, l->name);
		if (!i)
			return;
		iface_appears(e, i, l);
		vif_evaluate(e, now, i);
	} else {
		/* it may have been another one of the same name and index, or away: not told */
		if (e->syncing && i->listening)
			i->listening = e->sink->hears(e->sink->ctx, i);
		iface_changed(e, now, i, l);
	}
	i->generation = e->sync_generation;
	if (i->is_uplink && !e->syncing) {
		iface_learn(e);
		entry_evaluate_all(e, now);
	}
}

struct sweep {
	struct engine *e;
	uint64_t now;
	struct iface *victim;
};

static void find_stale(void *ctx, struct iface *i)
{
	struct sweep *s = ctx;

	if (i->present && i->generation != s->e->sync_generation)
		s->victim = i;
}

static void addrs_mark(void *ctx, struct iface *i)
{
	(void)ctx;
	for (size_t n = 0; n < i->naddrs; n++)
		i->addrs[n].seen = false;
}

void iface_mark(struct engine *e)
{
	engine_ifaces(e, addrs_mark, NULL);
}

static void addrs_sweep(void *ctx, struct iface *i)
{
	const struct sweep *s = ctx;

	for (size_t n = 0; n < i->naddrs;) {
		struct hostaddr a = i->addrs[n];

		if (i->addrs[n].seen) {
			n++;
			continue;
		}
		i->addrs[n] = i->addrs[--i->naddrs];
		host_count(s->e, s->now, &a, -1);
	}
}

void iface_sweep(struct engine *e, uint64_t now)
{
	for (;;) {
		struct sweep s = {e, now, NULL};

		engine_ifaces(e, find_stale, &s);
		if (!s.victim) {
			engine_ifaces(e, addrs_sweep, &s);
			return;
		}
		iface_gone(e, now, s.victim, true);
	}
}

static bool hostaddr_same(const struct hostaddr *a, const struct hostaddr *b)
{
	return addr_equal(&a->network, &b->network) && a->tentative == b->tentative &&
	       a->deprecated == b->deprecated && a->temporary == b->temporary;
}

void engine_address(struct engine *e, uint64_t now, const struct hostaddr *a, bool present)
{
	struct iface *i = iface_by_index(e, a->index);
	struct hostaddr *more, own = *a;
	size_t n;

	if (!i)
		return;
	own.broadcast = broadcast_of(e, a);
	for (n = 0; n < i->naddrs; n++)
		if (prefix_equal(&i->addrs[n].prefix, &a->prefix))
			break;
	if (present && n == i->naddrs) {
		more = realloc(i->addrs, (n + 1) * sizeof(*more));
		if (!more)
			return;
		i->addrs = more;
		i->addrs[i->naddrs++] = own;
		host_count(e, now, &own, 1);
	} else if (present) {
		if (!e->syncing && hostaddr_same(&i->addrs[n], a))
			return; /* its lifetime was prolonged */
		hostaddr_listed(e, &i->addrs[n], false);
		i->addrs[n] = own;
		hostaddr_listed(e, &own, true);
	} else if (n < i->naddrs) {
		struct hostaddr gone = i->addrs[n];

		i->addrs[n] = i->addrs[--i->naddrs];
		host_count(e, now, &gone, -1);
		if (e->codec->silent_route_loss)
			request_sync(e, now + SYNC_DELAY_MS);
	} else {
		return;
	}
	if (present)
		i->addrs[n].seen = true;
	if (e->route.has_source && addr_equal(&e->route.source, &a->prefix.addr))
		source_refresh(e);
	if (e->syncing)
		return; /* all of it is learned at the end */
	if (!i->is_uplink &&
		!(e->route.has_source && addr_equal(&e->route.source, &a->prefix.addr)))
		return;
	iface_learn(e);
	entry_evaluate_all(e, now); /* K07 */
}
