/*
 * engine_learn: what the addresses and routes of the uplinks mean: which networks are on-link,
 * which addresses are gateways, and from which address an answer is sent.
 */
#include "engine_private.h"

#include <stdlib.h>
#include <string.h>

bool iface_on_link(const struct engine *e, const struct iface *vif, const struct addr *a)
{
	for (size_t u = 0; u < e->nuplinks; u++) {
		const struct iface *i = e->uplinks[u];

		if (!(vif->uplinks & 1ULL << i->bit))
			continue;
		for (size_t n = 0; n < i->nnetworks; n++)
			if (prefix_contains(&i->networks[n], a))
				return true;
	}
	return false;
}

bool iface_is_gateway(const struct engine *e, const struct iface *vif, const struct addr *a)
{
	for (unsigned n = 0; n < vif->vif.ngateways; n++)
		if (addr_equal(&vif->vif.gateways[n], a))
			return true;
	for (size_t u = 0; u < e->nuplinks; u++) {
		const struct iface *i = e->uplinks[u];

		if (!(vif->uplinks & 1ULL << i->bit))
			continue;
		for (size_t n = 0; n < i->ngateways; n++)
			if (addr_equal(&i->gateways[n], a))
				return true;
	}
	return false;
}

/* How well an address serves as a source for talking to `peer`; 0: not at all. */
static unsigned source_rank(const struct hostaddr *a, bool linklocal, const struct addr *peer)
{
	const struct prefix net = {a->network, a->prefix.len};

	if (a->tentative || addr_is_linklocal(&a->prefix.addr) != linklocal)
		return 0;
	return 1 + 4 * prefix_contains(&net, peer) + 2 * !a->deprecated + !a->temporary;
}

/* Of equals the lowest, so that the choice is the same after a restart. */
bool source_best(const struct iface *i, bool linklocal, const struct addr *peer, bool seen_only,
	struct addr *ret)
{
	unsigned best = 0;

	for (size_t n = 0; n < i->naddrs; n++) {
		const struct hostaddr *a = &i->addrs[n];
		unsigned rank = seen_only && !a->seen ? 0 : source_rank(a, linklocal, peer);

		if (rank == 0 || rank < best ||
			(rank == best && addr_compare(&a->prefix.addr, ret) > 0))
			continue;
		best = rank;
		*ret = a->prefix.addr;
	}
	return best > 0;
}

bool is_broadcast(const struct engine *e, const struct addr *a)
{
	if (!e->codec->is_broadcast)
		return false;
	for (size_t u = 0; u < e->nuplinks; u++) {
		const struct iface *i = e->uplinks[u];

		for (size_t n = 0; n < i->naddrs; n++)
			if (addr_equal(&i->addrs[n].broadcast, a))
				return true;
	}
	return false;
}

static bool vif_source(const struct engine *e, const struct iface *i, struct addr *ret)
{
	if (source_best(i, true, &addr_any, false, ret))
		return true;
	if (!e->codec->linklocal)
		return false;
	*ret = e->codec->linklocal(i->link.mac); /* N25 */
	return true;
}

static bool usable(const struct iface *i, const struct addr *a)
{
	for (size_t n = 0; n < i->naddrs; n++)
		if (addr_equal(&i->addrs[n].prefix.addr, a))
			return !i->addrs[n].tentative;
	return false;
}

/* N02; where nobody asked, or somebody without an address, the requester is the target itself. */
bool iface_source(const struct engine *e, const struct iface *i, const struct addr *requester,
	const struct addr *target, struct addr *ret)
{
	if (!e->codec->needs_source) {
		*ret = *target;
		return true;
	}
	if (!i->is_uplink)
		return vif_source(e, i, ret);
	switch (i->uplink.source) {
	case SOURCE_TARGET: *ret = *target; return true;
	case SOURCE_ADDRESS: *ret = i->uplink.source_address; return usable(i, ret);
	case SOURCE_LINK_LOCAL: return source_best(i, true, requester, false, ret);
	case SOURCE_AUTO: break;
	}
	return source_best(i, addr_is_linklocal(requester), requester, false, ret) ||
	       source_best(i, !addr_is_linklocal(requester), requester, false, ret);
}

bool engine_source(
	const struct engine *e, const struct iface *i, const struct addr *target, struct addr *ret)
{
	return iface_source(e, i, target, target, ret);
}

static bool is_default(const struct engine *e, const struct prefix *p)
{
	return p->len == (e->codec->family == AF_INET ? ADDR_V4_BITS : 0);
}

static void network_add(struct iface *i, const struct addr *a, uint8_t len)
{
	struct prefix p = prefix_network(a, len), *more;

	if (addr_is_linklocal(a) || addr_is_multicast(a))
		return;
	for (size_t n = 0; n < i->nnetworks; n++)
		if (prefix_equal(&i->networks[n], &p))
			return;
	more = realloc(i->networks, (i->nnetworks + 1) * sizeof(*more));
	if (!more)
		return;
	i->networks = more;
	more[i->nnetworks++] = p;
}

static void gateway_add(struct iface *i, const struct addr *a)
{
	struct addr *more;

	for (size_t n = 0; n < i->ngateways; n++)
		if (addr_equal(&i->gateways[n], a))
			return;
	more = realloc(i->gateways, (i->ngateways + 1) * sizeof(*more));
	if (!more)
		return;
	i->gateways = more;
	more[i->ngateways++] = *a;
}

bool covers_gateway(const struct listed *en)
{
	const struct iface *u = en->guest->uplink;

	for (size_t n = 0; u && n < u->ngateways; n++)
		if (prefix_contains(&en->prefix, &u->gateways[n]))
			return true;
	return false;
}

static void learn_networks(const struct engine *e, struct iface *i)
{
	const struct path *p;

	i->nnetworks = 0;
	for (size_t n = 0; n < i->naddrs; n++)
		network_add(i, &i->addrs[n].network, i->addrs[n].prefix.len);
	LIST_FOREACH (p, &e->paths, next)
		if (i->present && p->route.oif == i->link.index &&
			addr_is_unspecified(&p->route.via) && !is_default(e, &p->route.dst))
			network_add(i, &p->route.dst.addr, p->route.dst.len);
}

/* Returns whether they are others than before. */
static bool learn_gateways(const struct engine *e, struct iface *i)
{
	struct addr *old = i->gateways;
	size_t nold = i->ngateways;
	const struct path *p;
	bool changed;

	i->gateways = NULL;
	i->ngateways = 0;
	LIST_FOREACH (p, &e->paths, next)
		if (i->present && p->route.oif == i->link.index &&
			!addr_is_unspecified(&p->route.via))
			gateway_add(i, &p->route.via);
	changed = nold != i->ngateways ||
		  (nold && memcmp(old, i->gateways, nold * sizeof(*old)) != 0);
	free(old);
	return changed;
}

bool iface_learn(struct engine *e)
{
	bool changed = false;

	for (size_t u = 0; u < e->nuplinks; u++) {
		struct iface *i = e->uplinks[u];
		struct addr any;
		bool ready;

		learn_networks(e, i);
		changed |= learn_gateways(e, i);
		ready = iface_runs(i) && (i->uplink.source == SOURCE_TARGET ||
						 iface_source(e, i, &addr_any, &addr_any, &any));
		if (ready && !i->ready) {
			i->ready = true;
			announce_uplink(e, i);
		}
		i->ready = ready;
	}
	return changed;
}
