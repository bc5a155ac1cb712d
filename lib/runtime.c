/*
 * runtime: what `add` and `del` mean for the run-time guests (runtime.h; DESIGN, Control).
 *
 * Only rules here: a request is checked first, and then applied to the set. The set and its journal
 * are runtime_set.c's, batches and their commit runtime_batch.c's.
 *
 * A request that takes addresses from another guest is a batch of its own. Its files are replaced
 * one after another, those that gain first, so a crash in between leaves an address with two
 * owners, and never with none. Among the other requests of a batch there could be one that makes
 * this order impossible.
 */
#include "runtime_set.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int __attribute__((format(printf, 2, 3)))
refuse(char why[RUNTIME_WHY_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, RUNTIME_WHY_MAX, fmt, ap);
	va_end(ap);
	return -EEXIST;
}

static uint32_t ifindex_of(const struct runtime *rt, const char *vif)
{
	return *vif ? rt->lookups.ifindex(rt->lookups.ctx, vif) : 0;
}

static bool config_prefix(
	const struct runtime *rt, const struct prefix *p, const char **guest, const char **vif)
{
	const struct runtime_lookups *l = &rt->lookups;

	return l->config_prefix && l->config_prefix(l->ctx, p, guest, vif);
}

static bool config_guest(const struct runtime *rt, const char *name, const char **vif)
{
	const struct runtime_lookups *l = &rt->lookups;

	return l->config_guest && l->config_guest(l->ctx, name, vif);
}

static bool config_vif(const struct runtime *rt, const char *vif)
{
	const struct runtime_lookups *l = &rt->lookups;

	return l->config_vif && l->config_vif(l->ctx, vif);
}

/* Is what registered there a leftover, on a vif of the same name that is gone? */
static bool is_stale_place(const struct rt_place *p, uint32_t ifindex)
{
	return p->ifindex && ifindex && p->ifindex != ifindex;
}

static bool is_stale(const struct rt_guest *g, const struct spec *request, uint32_t ifindex)
{
	return !strcmp(g->head.vif, request->vif) && strcmp(g->head.name, request->name) != 0 &&
	       is_stale_place(g->place, ifindex);
}

/*
 * An address of the configuration may be registered again where it is. A guest that is called as
 * its vif was given no name, so it claims to be nobody in particular there.
 */
static int check_configured(const struct runtime *rt, const struct spec *request,
	const struct prefix *p, char why[RUNTIME_WHY_MAX])
{
	const char *guest, *vif;
	char text[ADDR_TEXT_MAX];

	if (!config_prefix(rt, p, &guest, &vif))
		return 0;
	if (!strcmp(vif, request->vif) &&
		(!strcmp(guest, request->name) || !strcmp(request->name, request->vif)))
		return 0;
	prefix_format(p, text);
	if (!*vif)
		return refuse(why,
			"%s is guest \"%s\"'s in the configuration, without a vif; guest \"%s\" on "
			"vif \"%s\" "
			"cannot have it",
			text, guest, request->name, request->vif);
	return refuse(why,
		"%s is guest \"%s\"'s on vif \"%s\" in the configuration; guest \"%s\" on vif "
		"\"%s\" "
		"cannot have it",
		text, guest, vif, request->name, request->vif);
}

/* May the guest, which is on another vif, be moved to the request's? */
static int check_move(const struct runtime *rt, const struct rt_guest *g,
	const struct spec *request, bool replace, char why[RUNTIME_WHY_MAX])
{
	if (replace || !ifindex_of(rt, g->head.vif))
		return 0;
	for (size_t i = 0; i < request->nprefixes; i++) {
		const struct rt_entry *e = rt_entry_find(rt, &request->prefixes[i]);

		if (e && e->guest == g)
			return 0;
	}
	return refuse(why,
		"guest \"%s\" is on vif \"%s\": name one of its addresses, or say replace, to move "
		"it "
		"to vif \"%s\"; for a second vif use a second name",
		g->head.name, g->head.vif, request->vif);
}

static int check_name(const struct runtime *rt, const struct rt_guest *g,
	const struct spec *request, bool replace, char why[RUNTIME_WHY_MAX])
{
	const char *vif;

	if (config_guest(rt, request->name, &vif) && strcmp(vif, request->vif)) {
		if (!*vif)
			return refuse(why, "guest \"%s\" is without a vif in the configuration",
				request->name);
		return refuse(why,
			"guest \"%s\" is on vif \"%s\" in the configuration, not on \"%s\"",
			request->name, vif, request->vif);
	}
	if (g && strcmp(g->head.vif, request->vif))
		return check_move(rt, g, request, replace, why);
	return 0;
}

/* Whom an address of the request is taken from: NULL, nobody. */
static struct rt_entry *taken(
	const struct runtime *rt, const struct spec *request, const struct prefix *p)
{
	struct rt_entry *e = rt_entry_find(rt, p);

	return e && strcmp(e->guest->head.name, request->name) ? e : NULL;
}

static bool has_stale(const struct runtime *rt, const struct spec *request, uint32_t ifindex)
{
	const struct rt_guest *g;
	struct rt_place *p;

	RT_FOREACH_PLACE (p, rt, request->vif) {
		if (!is_stale_place(p, ifindex))
			continue;
		LIST_FOREACH (g, &p->guests, of_place)
			if (g->n && strcmp(g->head.name, request->name))
				return true;
	}
	return false;
}

/* May it have these addresses? *loses: somebody else has less then. */
static int check_addresses(const struct runtime *rt, const struct spec *request, bool replace,
	uint32_t ifindex, bool *loses, char why[RUNTIME_WHY_MAX])
{
	*loses = has_stale(rt, request, ifindex);
	for (size_t i = 0; i < request->nprefixes; i++) {
		const struct prefix *p = &request->prefixes[i];
		const struct rt_entry *e = taken(rt, request, p);
		const int r = check_configured(rt, request, p, why);
		char text[ADDR_TEXT_MAX];

		if (r)
			return r;
		if (!e || is_stale(e->guest, request, ifindex))
			continue;
		if (!replace)
			return refuse(why,
				"%s is guest \"%s\"'s on vif \"%s\"; guest \"%s\" on vif \"%s\" "
				"gets it "
				"only with replace",
				prefix_format(p, text), e->guest->head.name, e->guest->head.vif,
				request->name, request->vif);
		*loses = true;
	}
	return 0;
}

static int lose_all(struct runtime *rt, struct rt_guest *g, enum runtime_cause cause)
{
	struct rt_entry *e;

	while ((e = TAILQ_FIRST(&g->entries)))
		if (rt_entry_lose(rt, e, cause))
			return -ENOMEM;
	return 0;
}

/* What the others lose by this request. */
static int lose_others(struct runtime *rt, const struct spec *request, uint32_t ifindex)
{
	struct rt_guest *g;
	struct rt_place *p;

	RT_FOREACH_PLACE (p, rt, request->vif) {
		if (!is_stale_place(p, ifindex))
			continue;
		LIST_FOREACH (g, &p->guests, of_place)
			if (strcmp(g->head.name, request->name) && lose_all(rt, g, RUNTIME_STALE))
				return -ENOMEM;
	}
	for (size_t i = 0; i < request->nprefixes; i++) {
		struct rt_entry *e = taken(rt, request, &request->prefixes[i]);

		if (e && rt_entry_lose(rt, e, RUNTIME_TAKEN))
			return -ENOMEM;
	}
	return 0;
}

static bool has_mac(const struct spec *s, const uint8_t mac[6])
{
	for (size_t i = 0; i < s->nmacs; i++)
		if (!memcmp(s->macs[i], mac, 6))
			return true;
	return false;
}

/* Adds to s the MACs of the request that it has not. Returns 1 where there were any, 0, -ENOMEM. */
static int merge_macs(struct spec *s, const struct spec *request)
{
	const size_t n = s->nmacs;
	uint8_t(*macs)[6] = reallocarray(s->macs, n + request->nmacs, sizeof(*macs));

	if (!macs)
		return -ENOMEM;
	s->macs = macs;
	for (size_t i = 0; i < request->nmacs; i++)
		if (!has_mac(s, request->macs[i]))
			memcpy(s->macs[s->nmacs++], request->macs[i], 6);
	return s->nmacs > n;
}

/* All of the guest but its addresses, in *ret (to be freed): 1 other than before, 0 not, -ENOMEM.
 */
static int merge(
	const struct rt_guest *g, const struct spec *request, uint32_t ifindex, struct spec *ret)
{
	int changed = !g->n, r;

	spec_init(ret, ORIGIN_COMMAND);
	if (g->n && !spec_copy(ret, &g->head)) {
		spec_init(ret, ORIGIN_COMMAND);
		return -ENOMEM;
	}
	memcpy(ret->name, request->name, sizeof(ret->name));
	changed |= strcmp(ret->vif, request->vif) || ret->ifindex != ifindex;
	memcpy(ret->vif, request->vif, sizeof(ret->vif));
	ret->ifindex = ifindex;
	if (*request->uplink) {
		changed |= strcmp(ret->uplink, request->uplink) != 0;
		memcpy(ret->uplink, request->uplink, sizeof(ret->uplink));
	}
	if (request->has_via) {
		changed |= !ret->has_via || !addr_equal(&ret->via, &request->via);
		ret->has_via = true;
		ret->via = request->via;
	}
	if (!request->nmacs)
		return changed;
	r = merge_macs(ret, request);
	return r < 0 ? r : changed | r;
}

static int add_addresses(struct runtime *rt, struct rt_guest *g, const struct spec *request,
	char why[RUNTIME_WHY_MAX])
{
	char text[ADDR_TEXT_MAX];

	rt->request++;
	for (size_t i = 0; i < request->nprefixes; i++) {
		const struct prefix *p = &request->prefixes[i];
		const struct rt_entry *e = rt_entry_find(rt, p);

		if (e && e->request == rt->request)
			return refuse(why,
				"guest \"%s\": %s is listed twice; expected each address once",
				g->head.name, prefix_format(p, text));
		if (!e && rt_entry_add(rt, g, p))
			return -ENOMEM;
	}
	return 0;
}

static int check_via(const struct runtime *rt, const struct rt_guest *g, char why[RUNTIME_WHY_MAX])
{
	const struct prefix via = prefix_exact(&g->head.via);
	const struct rt_entry *e = g->head.has_via ? rt_entry_find(rt, &via) : NULL;
	char text[ADDR_TEXT_MAX];

	if (!g->head.has_via || (e && e->guest == g))
		return 0;
	return refuse(why,
		"guest \"%s\": via %s is not among the guest's addresses; expected one of its "
		"exact addresses",
		g->head.name, addr_format(&via.addr, text));
}

static int add_apply(
	struct runtime *rt, const struct spec *request, uint32_t ifindex, char why[RUNTIME_WHY_MAX])
{
	struct rt_guest *g = rt_guest_get(rt, request->name);
	struct spec head;
	int r;

	if (!g)
		return -ENOMEM;
	r = merge(g, request, ifindex, &head);
	if (r > 0)
		r = rt_head_set(rt, g, &head);
	spec_free(&head);
	if (!r)
		r = add_addresses(rt, g, request, why);
	return r ? r : check_via(rt, g, why);
}

/* The request with a name. */
static int add_named(
	struct runtime *rt, const struct spec *request, bool replace, char why[RUNTIME_WHY_MAX])
{
	const uint32_t ifindex = ifindex_of(rt, request->vif);
	const size_t open = rt->nrecords;
	bool loses;
	int r;

	r = check_name(rt, rt_guest_find(rt, request->name), request, replace, why);
	if (!r)
		r = check_addresses(rt, request, replace, ifindex, &loses, why);
	if (!r && loses && open)
		r = -EAGAIN;
	if (r)
		return r;
	if (loses)
		r = lose_others(rt, request, ifindex);
	if (!r)
		r = add_apply(rt, request, ifindex, why);
	if (r)
		rt_undo(rt, open);
	rt->alone |= !r && loses;
	return r;
}

int rt_add(struct runtime *rt, const struct spec *request, bool replace, char why[RUNTIME_WHY_MAX])
{
	struct spec named = *request; /* borrows the lists */
	char wrong[SPEC_WHY_MAX];

	if (!*request->vif)
		return refuse(why, "no vif is given");
	if (!request->nprefixes)
		return refuse(why, "no address is given");
	if (!*named.name && !spec_set_name(&named, named.vif, wrong))
		return refuse(
			why, "the vif's name will not do for the guest (%s): give it one", wrong);
	return add_named(rt, &named, replace, why);
}

static bool selected(const char *wanted, const char *is)
{
	return !*wanted || !strcmp(wanted, is);
}

static struct rt_entry *del_find(
	const struct runtime *rt, const struct spec *request, const struct prefix *p)
{
	struct rt_entry *e = rt_entry_find(rt, p);

	return e && selected(request->vif, e->guest->head.vif) &&
			       selected(request->name, e->guest->head.name)
		       ? e
		       : NULL;
}

/* Addresses by name: each is either registered, or the configuration's (refused), or not there. */
static int del_prefixes(struct runtime *rt, const struct spec *request, char why[RUNTIME_WHY_MAX])
{
	for (size_t i = 0; i < request->nprefixes; i++) {
		const struct prefix *p = &request->prefixes[i];
		const char *owner, *on;
		char text[ADDR_TEXT_MAX];

		if (!del_find(rt, request, p) && config_prefix(rt, p, &owner, &on) &&
			selected(request->vif, on) && selected(request->name, owner))
			return refuse(why, "%s (guest \"%s\") is listed in the configuration",
				prefix_format(p, text), owner);
	}
	for (size_t i = 0; i < request->nprefixes; i++) {
		struct rt_entry *e = del_find(rt, request, &request->prefixes[i]);

		if (e && rt_entry_lose(rt, e, RUNTIME_DELETED))
			return -ENOMEM;
	}
	return 0;
}

static int del_guest(struct runtime *rt, const struct spec *request, char why[RUNTIME_WHY_MAX])
{
	struct rt_guest *g = rt_guest_find(rt, request->name);
	const char *on;

	if (g && selected(request->vif, g->head.vif))
		return lose_all(rt, g, RUNTIME_DELETED);
	if (config_guest(rt, request->name, &on) && selected(request->vif, on))
		return refuse(why, "guest \"%s\" is listed in the configuration", request->name);
	return 0;
}

static int del_vif(struct runtime *rt, const struct spec *request, char why[RUNTIME_WHY_MAX])
{
	const size_t open = rt->nrecords;
	struct rt_guest *g;
	struct rt_place *p;

	RT_FOREACH_PLACE (p, rt, request->vif)
		LIST_FOREACH (g, &p->guests, of_place)
			if (lose_all(rt, g, RUNTIME_DELETED))
				return -ENOMEM;
	if (rt->nrecords == open && config_vif(rt, request->vif))
		return refuse(why, "the guests on vif \"%s\" are listed in the configuration",
			request->vif);
	return 0;
}

int rt_del(struct runtime *rt, const struct spec *request, char why[RUNTIME_WHY_MAX])
{
	const size_t open = rt->nrecords;
	int r;

	if (request->nprefixes)
		r = del_prefixes(rt, request, why);
	else if (*request->name)
		r = del_guest(rt, request, why);
	else if (*request->vif)
		r = del_vif(rt, request, why);
	else
		r = refuse(why, "no address, vif or guest is given");
	if (r)
		rt_undo(rt, open);
	return r;
}
