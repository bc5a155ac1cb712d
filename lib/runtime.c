/*
 * runtime: what `add` and `del` mean for the run-time guests (runtime.h; DESIGN, Control).
 *
 * Only rules here: each function looks at the set, which it never changes, and puts a change
 * together. The set, its indexes and the commit are runtime_set.c's.
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

/* Registered by another guest on a vif of the same name that is gone: a leftover. */
static bool is_stale(const struct rt_guest *g, const struct spec *request, uint32_t ifindex)
{
	return !strcmp(g->spec.vif, request->vif) && strcmp(g->spec.name, request->name) &&
	       g->spec.ifindex && ifindex && g->spec.ifindex != ifindex;
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
static int check_move(const struct runtime *rt, const struct spec *now, const struct spec *request,
	bool replace, char why[RUNTIME_WHY_MAX])
{
	if (replace || !ifindex_of(rt, now->vif))
		return 0;
	for (size_t i = 0; i < request->nprefixes; i++) {
		const struct rt_entry *e = rt_entry_find(rt, &request->prefixes[i]);

		if (e && &e->guest->spec == now)
			return 0;
	}
	return refuse(why,
		"guest \"%s\" is on vif \"%s\": name one of its addresses, or say replace, to move "
		"it "
		"to vif \"%s\"; for a second vif use a second name",
		now->name, now->vif, request->vif);
}

static int check_name(const struct runtime *rt, const struct rt_guest *old,
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
	if (old && strcmp(old->spec.vif, request->vif))
		return check_move(rt, &old->spec, request, replace, why);
	return 0;
}

/* What the others lose by this request. */
static int collect_losses(const struct runtime *rt, const struct spec *request, bool replace,
	uint32_t ifindex, struct rt_losses *ret, char why[RUNTIME_WHY_MAX])
{
	struct rt_guest *g = NULL;

	while ((g = rt_guest_on_vif(rt, request->vif, g)))
		if (is_stale(g, request, ifindex) && !rt_losses_add_all(ret, g, RUNTIME_STALE))
			return -ENOMEM;

	for (size_t i = 0; i < request->nprefixes; i++) {
		const struct prefix *p = &request->prefixes[i];
		const struct rt_entry *e = rt_entry_find(rt, p);
		const struct spec *owner = e ? &e->guest->spec : NULL;
		const int r = check_configured(rt, request, p, why);
		char text[ADDR_TEXT_MAX];

		if (r)
			return r;
		if (!owner || !strcmp(owner->name, request->name) ||
			is_stale(e->guest, request, ifindex))
			continue;
		if (!replace)
			return refuse(why,
				"%s is guest \"%s\"'s on vif \"%s\"; guest \"%s\" on vif \"%s\" "
				"gets it "
				"only with replace",
				prefix_format(p, text), owner->name, owner->vif, request->name,
				request->vif);
		if (!rt_losses_add(ret, e->guest, e->prefix, RUNTIME_TAKEN))
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

/* Adds to s what the request has and it has not. Returns 1 where that was something, 0, -ENOMEM. */
static int merge_lists(const struct runtime *rt, struct spec *s, const struct spec *request)
{
	const size_t nprefixes = s->nprefixes, nmacs = s->nmacs;
	struct prefix *prefixes;
	uint8_t(*macs)[6];

	prefixes = reallocarray(s->prefixes, nprefixes + request->nprefixes, sizeof(*prefixes));
	if (!prefixes)
		return -ENOMEM;
	s->prefixes = prefixes;
	for (size_t i = 0; i < request->nprefixes; i++) {
		const struct rt_entry *e = rt_entry_find(rt, &request->prefixes[i]);

		if (!e || strcmp(e->guest->spec.name, s->name))
			s->prefixes[s->nprefixes++] = request->prefixes[i];
	}
	if (request->nmacs) {
		macs = reallocarray(s->macs, nmacs + request->nmacs, sizeof(*macs));
		if (!macs)
			return -ENOMEM;
		s->macs = macs;
		for (size_t i = 0; i < request->nmacs; i++)
			if (!has_mac(s, request->macs[i]))
				memcpy(s->macs[s->nmacs++], request->macs[i], 6);
	}
	return s->nprefixes > nprefixes || s->nmacs > nmacs;
}

/* The guest as it will be, in *ret (to be freed whatever is returned): 1 changed, 0 not, -ENOMEM.
 */
static int merge(const struct runtime *rt, const struct rt_guest *old, const struct spec *request,
	uint32_t ifindex, struct spec *ret)
{
	const struct spec *now = old ? &old->spec : NULL;
	bool changed = !old;
	int r;

	spec_init(ret, ORIGIN_COMMAND);
	if (now && !spec_copy(ret, now)) {
		spec_init(ret, ORIGIN_COMMAND);
		return -ENOMEM;
	}
	memcpy(ret->name, request->name, sizeof(ret->name));
	r = merge_lists(rt, ret, request);
	if (r < 0)
		return r;
	changed |= r;
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
	return changed;
}

static int add_step(const struct runtime *rt, struct rt_guest *old, const struct spec *request,
	uint32_t ifindex, struct runtime_change *c, char why[RUNTIME_WHY_MAX])
{
	const bool moved = old && strcmp(old->spec.vif, request->vif);
	char wrong[SPEC_WHY_MAX];
	struct spec after;
	int r;

	r = merge(rt, old, request, ifindex, &after);
	if (r > 0 && !spec_check(&after, wrong))
		r = refuse(why, "guest \"%s\": %s", after.name, wrong);
	if (r > 0)
		r = rt_change_step(c, moved ? RUNTIME_MOVED : RUNTIME_ADDED, old, &after) ? 0
											  : -ENOMEM;
	spec_free(&after);
	return r;
}

/* The request with a name and the kernel's index of its vif. */
static int add_named(struct runtime *rt, const struct spec *request, bool replace,
	struct runtime_change *c, char why[RUNTIME_WHY_MAX])
{
	struct rt_guest *old = rt_guest_find(rt, request->name);
	const uint32_t ifindex = ifindex_of(rt, request->vif);
	struct rt_losses losses = {0};
	int r;

	r = check_name(rt, old, request, replace, why);
	if (!r)
		r = collect_losses(rt, request, replace, ifindex, &losses, why);
	if (!r && !rt_change_lose(c, &losses))
		r = -ENOMEM;
	if (!r)
		r = add_step(rt, old, request, ifindex, c, why);
	free(losses.v);
	return r;
}

int runtime_add(struct runtime *rt, const struct spec *request, bool replace,
	struct runtime_change **ret, char why[RUNTIME_WHY_MAX])
{
	struct spec named = *request; /* borrows the lists */
	char wrong[SPEC_WHY_MAX];
	struct runtime_change *c;
	int r;

	if (!*request->vif)
		return refuse(why, "no vif is given");
	if (!request->nprefixes)
		return refuse(why, "no address is given");
	if (!*named.name && !spec_set_name(&named, named.vif, wrong))
		return refuse(
			why, "the vif's name will not do for the guest (%s): give it one", wrong);
	c = rt_change_new();
	if (!c)
		return -ENOMEM;
	r = add_named(rt, &named, replace, c, why);
	if (r) {
		runtime_change_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

static bool selected(const char *wanted, const char *is)
{
	return !wanted || !strcmp(wanted, is);
}

/* Addresses by name: each is either registered, or the configuration's (refused), or not there. */
static int del_prefixes(const struct runtime *rt, const struct prefix *prefixes, size_t n,
	const char *vif, const char *guest, struct rt_losses *l, char why[RUNTIME_WHY_MAX])
{
	for (size_t i = 0; i < n; i++) {
		const struct rt_entry *e = rt_entry_find(rt, &prefixes[i]);
		const char *owner, *on;
		char text[ADDR_TEXT_MAX];

		if (e && selected(vif, e->guest->spec.vif) &&
			selected(guest, e->guest->spec.name)) {
			if (!rt_losses_add(l, e->guest, e->prefix, RUNTIME_DELETED))
				return -ENOMEM;
			continue;
		}
		if (config_prefix(rt, &prefixes[i], &owner, &on) && selected(vif, on) &&
			selected(guest, owner))
			return refuse(why, "%s (guest \"%s\") is listed in the configuration",
				prefix_format(&prefixes[i], text), owner);
	}
	return 0;
}

static int del_guest(const struct runtime *rt, const char *vif, const char *guest,
	struct rt_losses *l, char why[RUNTIME_WHY_MAX])
{
	struct rt_guest *g = rt_guest_find(rt, guest);
	const char *on;

	if (g && selected(vif, g->spec.vif))
		return rt_losses_add_all(l, g, RUNTIME_DELETED) ? 0 : -ENOMEM;
	if (config_guest(rt, guest, &on) && selected(vif, on))
		return refuse(why, "guest \"%s\" is listed in the configuration", guest);
	return 0;
}

static int del_vif(
	const struct runtime *rt, const char *vif, struct rt_losses *l, char why[RUNTIME_WHY_MAX])
{
	struct rt_guest *g = NULL;

	while ((g = rt_guest_on_vif(rt, vif, g)))
		if (!rt_losses_add_all(l, g, RUNTIME_DELETED))
			return -ENOMEM;
	if (!l->n && config_vif(rt, vif))
		return refuse(why, "the guests on vif \"%s\" are listed in the configuration", vif);
	return 0;
}

int runtime_del(struct runtime *rt, const struct prefix *prefixes, size_t n, const char *vif,
	const char *guest, struct runtime_change **ret, char why[RUNTIME_WHY_MAX])
{
	struct rt_losses losses = {0};
	struct runtime_change *c;
	int r;

	if (n)
		r = del_prefixes(rt, prefixes, n, vif, guest, &losses, why);
	else if (guest)
		r = del_guest(rt, vif, guest, &losses, why);
	else if (vif)
		r = del_vif(rt, vif, &losses, why);
	else
		r = refuse(why, "no address, vif or guest is given");

	c = r ? NULL : rt_change_new();
	if (!r && (!c || !rt_change_lose(c, &losses)))
		r = -ENOMEM;
	free(losses.v);
	if (r) {
		runtime_change_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

const char *runtime_step_text(const struct runtime_step *s, char buf[RUNTIME_WHY_MAX])
{
	const struct spec *a = s->after, *b = s->before;
	const size_t had = b ? b->nprefixes : 0;

	switch (s->cause) {
	case RUNTIME_ADDED:
		snprintf(buf, RUNTIME_WHY_MAX, "guest \"%s\" on vif \"%s\": %zu address%s", a->name,
			a->vif, a->nprefixes, a->nprefixes == 1 ? "" : "es");
		break;
	case RUNTIME_MOVED:
		snprintf(buf, RUNTIME_WHY_MAX, "guest \"%s\" moved from vif \"%s\" to vif \"%s\"",
			a->name, b->vif, a->vif);
		break;
	case RUNTIME_TAKEN:
		snprintf(buf, RUNTIME_WHY_MAX,
			"guest \"%s\" on vif \"%s\" lost %zu of %zu addresses to another guest",
			a->name, a->vif, had - a->nprefixes, had);
		break;
	case RUNTIME_STALE:
		snprintf(buf, RUNTIME_WHY_MAX,
			"guest \"%s\" is removed: vif \"%s\" is not the one it was registered on, "
			"and "
			"another guest has it now",
			a->name, a->vif);
		break;
	case RUNTIME_DELETED:
		snprintf(buf, RUNTIME_WHY_MAX,
			"guest \"%s\" on vif \"%s\": %zu of %zu addresses deleted", a->name, a->vif,
			had - a->nprefixes, had);
		break;
	}
	return buf;
}
