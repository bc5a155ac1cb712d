/* engine_status: what is not as it should be, each with the number of a rule, for `status`. */
#include "engine_private.h"

#include <stdarg.h>
#include <stdio.h>

struct out {
	const struct engine *e;
	void (*each)(void *ctx, const char *code, const char *text);
	void *ctx;
};

static void warn(const struct out *o, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void warn(const struct out *o, const char *code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o->each(o->ctx, code, text);
}

static void warn_uplink(const struct out *o, const struct iface *i)
{
	struct addr any;

	if (!i->present)
		warn(o, "uplink-absent", "uplink \"%s\" does not exist", i->name);
	else if (!i->link.ethernet)
		warn(o, "uplink-unfit", "uplink \"%s\" is no Ethernet interface", i->name);
	else if (i->link.bridged)
		warn(o, "uplink-unfit",
			"uplink \"%s\" is a port of a bridge, which takes all that it receives: "
			"name the bridge as the uplink",
			i->name);
	else if (!i->link.admin_up)
		warn(o, "uplink-down", "uplink \"%s\" is down: ip link set %s up", i->name,
			i->name);
	else if (!i->link.running)
		warn(o, "uplink-down", "uplink \"%s\" has no carrier", i->name);
	else if (!iface_source(o->e, i, &addr_any, &addr_any, &any))
		warn(o, "N02", "uplink \"%s\" has no usable address to answer from (source)",
			i->name);
}

static bool has_linklocal(const struct iface *i)
{
	for (size_t n = 0; n < i->naddrs; n++)
		if (addr_is_linklocal(&i->addrs[n].prefix.addr) && !i->addrs[n].tentative)
			return true;
	return false;
}

static void warn_iface(void *ctx, struct iface *i)
{
	const struct out *o = ctx;

	if (i->is_uplink)
		warn_uplink(o, i);
	if (i->deaf)
		warn(o, "deaf", "cannot listen on \"%s\"; the log says why; tried again", i->name);
	if (i->nguests && i->present && i->link.bridged && !i->is_uplink)
		warn(o, "vif-unfit",
			"vif \"%s\" is a port of a bridge, which takes all that it receives: "
			"ip link set %s nomaster",
			i->name, i->name);
	if (i->nguests && i->present && i->link.running && i->link.ethernet && !i->link.noarp &&
		o->e->codec->linklocal && !has_linklocal(i))
		warn(o, "K10",
			"vif \"%s\" has no usable link-local address: the kernel cannot ask for "
			"its guest",
			i->name);
}

static void warn_entry(const struct out *o, const struct listed *en)
{
	char text[ADDR_TEXT_MAX];

	if (en->silent == REASON_ANSWERED)
		return;
	prefix_format(&en->prefix, text);
	if (en->silent == REASON_N10 && en->guest->uplink && covers_gateway(en))
		warn(o, "N10", "%s of guest \"%s\" is not answered: a gateway of the host is in it",
			text, en->guest->name);
	else if (en->host)
		warn(o, "N10", "%s of guest \"%s\" is an address of the host itself", text,
			en->guest->name);
	else if (en->route == ROUTE_BLOCKED)
		warn(o, "K09",
			"%s of guest \"%s\" is not answered: a route of another protocol to it "
			"leads elsewhere (ip route show %s)",
			text, en->guest->name, text);
	else if (en->route == ROUTE_FAILED)
		warn(o, "K09", "%s of guest \"%s\" is not answered: the kernel refused its route",
			text, en->guest->name);
}

static void warn_guest(const struct out *o, const struct guest *g)
{
	const struct listed *en;
	const struct aside *a;
	char text[ADDR_TEXT_MAX];

	if (g->vif && g->vif->is_uplink)
		warn(o, "vif-is-uplink", "guest \"%s\" is set aside: its vif \"%s\" is an uplink",
			g->name, g->vif->name);
	if (!g->uplink)
		warn(o, "uplink-unknown", "guest \"%s\" is behind uplink \"%s\", which is none",
			g->name, g->uplink_name);
	GUEST_FOREACH_ENTRY (en, g)
		warn_entry(o, en);
	STAILQ_FOREACH (a, &g->aside, next) {
		en = table_find(o->e->table, &a->prefix);
		if (en && en->guest && en->guest->vif != g->vif)
			warn(o, "set-aside",
				"%s of run-time guest \"%s\" is set aside: guest \"%s\" "
				"of the %s has it",
				prefix_format(&a->prefix, text), g->name, en->guest->name,
				origin_name(en->guest->origin));
	}
}

void engine_warnings(const struct engine *e, uint64_t now,
	void (*each)(void *ctx, const char *code, const char *text), void *ctx)
{
	struct out o = {e, each, ctx};
	const struct guest *g;
	char text[ADDR_TEXT_MAX], mac[MAC_TEXT_MAX];

	if (e->syncing)
		warn(&o, "netlink", "the kernel's tables could not be read; tried again");
	engine_ifaces(e, warn_iface, &o);
	TABLE_FOREACH_GUEST (g, e->table)
		warn_guest(&o, g);
	if (e->route.has_source && !e->source_usable)
		warn(&o, "K07", "route source %s is no address of this host",
			addr_format(&e->route.source, text));
	for (unsigned n = 0; n < CONFLICTS; n++) {
		const struct conflict *c = &e->conflicts[n];

		if (c->count)
			warn(&o, reason_id(e->codec->conflict),
				"conflict: %s claimed %s on %s, %u times, last %llu s ago",
				mac_format(c->mac, mac), addr_format(&c->target, text), c->iface,
				c->count, (unsigned long long)(now - c->last) / 1000);
	}
}
