/* engine_status: what is not as it should be, each with the number of a rule, for `status`. */
#include "engine_private.h"

#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RECENT_MS        60000  /* of what has happened, and may happen again */
#define CONFLICT_TOLD_MS 600000 /* since another host has claimed an address */

struct out {
	const struct engine *e;
	uint64_t now;
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
		warn(o, "uplink-absent",
			"uplink \"%s\" does not exist: make it, or correct its name in the "
			"configuration (ip link shows the names) and %s reload",
			i->name, o->e->codec->ctl);
	else if (!i->link.ethernet)
		warn(o, "uplink-unfit",
			"uplink \"%s\" is no Ethernet interface: name another in the configuration",
			i->name);
	else if (i->link.bridged)
		warn(o, "uplink-unfit",
			"uplink \"%s\" is a port of a bridge, which takes all that it receives: "
			"name the bridge as the uplink",
			i->name);
	else if (!i->link.admin_up)
		warn(o, "uplink-down", "uplink \"%s\" is down: ip link set %s up", i->name,
			i->name);
	else if (!i->link.running)
		warn(o, "uplink-no-carrier",
			"uplink \"%s\" has no carrier: the cable, or the switch's port", i->name);
	else if (!iface_source(o->e, i, &addr_any, &addr_any, &any))
		warn(o, "N02",
			"uplink \"%s\" has no usable address to answer from: ip addr add "
			"ADDRESS/LENGTH dev %s, or another `source` in the configuration",
			i->name, i->name);
}

static bool has_linklocal(const struct iface *i)
{
	for (size_t n = 0; n < i->naddrs; n++)
		if (addr_is_linklocal(&i->addrs[n].prefix.addr) && !i->addrs[n].tentative)
			return true;
	return false;
}

static bool recently(const struct out *o, uint64_t at)
{
	return at && o->now - at < RECENT_MS;
}

static unsigned long long seconds(const struct out *o, uint64_t at)
{
	return (o->now - at) / 1000;
}

static void warn_deaf(const struct out *o, const struct iface *i)
{
	char what[128] = "";

	if (i->deaf_why == -EMFILE)
		snprintf(what, sizeof(what),
			": give %s more, LimitNOFILE= in its unit or prlimit --nofile",
			o->e->codec->name);
	else if (i->deaf_why == -ENFILE)
		snprintf(what, sizeof(what), ": give the host more, sysctl fs.file-max");
	warn(o, "deaf", "cannot listen on \"%s\" (%s)%s; tried again every %d s", i->name,
		strerror(-i->deaf_why), what, RETRY_MS / 1000);
}

static void warn_iface(void *ctx, struct iface *i)
{
	const struct out *o = ctx;

	if (i->is_uplink)
		warn_uplink(o, i);
	if (i->deaf)
		warn_deaf(o, i);
	if (recently(o, i->lost_at))
		warn(o, "lost",
			"frames on \"%s\" found no room and were lost, %llu so far, the last %llu "
			"s "
			"ago: the daemon had no CPU for them; see the host's load, and who floods "
			"(tcpdump -ni %s)",
			i->name, (unsigned long long)i->counters.lost, seconds(o, i->lost_at),
			i->name);
	if (recently(o, i->overload_at))
		warn(o, "overload",
			"more questions on \"%s\" than can be answered, last %llu s ago: the rest "
			"was dropped in the kernel; who floods? tcpdump -ni %s",
			i->name, seconds(o, i->overload_at), i->name);
	if (i->nguests && i->present && i->link.bridged && !i->is_uplink)
		warn(o, "vif-unfit",
			"vif \"%s\" is a port of a bridge, which takes all that it receives: "
			"ip link set %s nomaster",
			i->name, i->name);
	if (i->nguests && i->present && i->link.running && i->link.ethernet && !i->link.noarp &&
		o->e->codec->linklocal && !has_linklocal(i))
		warn(o, "K10",
			"vif \"%s\" has no usable link-local address: the kernel cannot ask for "
			"its guest; sysctl -w net.ipv6.conf.%s.disable_ipv6=0, ip link set %s "
			"addrgenmode eui64, then down and up",
			i->name, i->name, i->name);
}

/* Another host has it, or what it goes with. */
static void warn_held(const struct out *o, const struct listed *en, const struct listed *held,
	const char *address)
{
	const struct codec *c = o->e->codec;
	const char *name = en->guest->name;
	char why[SILENCE_MAX], mend[ADDR_TEXT_MAX];

	addr_format(&held->prefix.addr, mend);
	if (held->hold == HOLD_YIELDED)
		warn(o, "yield",
			"%s of guest \"%s\" is not answered: %s; %s announce %s takes it back",
			address, name, engine_silence(o->e, en, why), c->ctl, mend);
	else if (held->hold == HOLD_CONFLICT)
		warn(o, reason_id(c->conflict),
			"%s of guest \"%s\" is not answered: %s; %s announce %s has it probed "
			"again",
			address, name, engine_silence(o->e, en, why), c->ctl, mend);
}

static void warn_entry(const struct out *o, const struct listed *en)
{
	const struct listed *held;
	char text[ADDR_TEXT_MAX];

	if (en->silent == REASON_ANSWERED)
		return;
	prefix_format(&en->prefix, text);
	held = hold_of(o->e, en);
	if (held)
		warn_held(o, en, held, text);
	else if (en->silent == REASON_N10 && en->guest->uplink && covers_gateway(en))
		warn(o, "N10",
			"%s of guest \"%s\" is not answered: a gateway of the host is in it; "
			"list less",
			text, en->guest->name);
	else if (en->host)
		warn(o, "N10",
			"%s of guest \"%s\" is an address of the host itself: ip addr show to %s, "
			"and ip addr del, or take it from the guest",
			text, en->guest->name, text);
	else if (en->route == ROUTE_BLOCKED)
		warn(o, "K09",
			"%s of guest \"%s\" is not answered: a route of another protocol to it "
			"leads elsewhere; ip %s route show %s, and ip route del that",
			text, en->guest->name, strchr(text, ':') ? "-6" : "-4", text);
	else if (en->route == ROUTE_FAILED)
		warn(o, "K09",
			"%s of guest \"%s\" is not answered: the kernel refused its route (%s); "
			"tried again every %d s",
			text, en->guest->name, strerror(-o->e->refused), RETRY_MS / 1000);
}

static void warn_guest(const struct out *o, const struct guest *g)
{
	const struct listed *en;
	const struct aside *a;
	char text[ADDR_TEXT_MAX];

	if (g->vif && g->vif->is_uplink)
		warn(o, "vif-is-uplink",
			"guest \"%s\" is set aside: its vif \"%s\" is an uplink; give it another "
			"vif, or take the uplink out of the configuration",
			g->name, g->vif->name);
	if (!g->uplink && !*g->uplink_name)
		warn(o, "uplink-unknown",
			"guest \"%s\" is not answered for: there are several uplinks, and it does "
			"not "
			"say which; register it again with the word uplink and a name (a guest of "
			"the "
			"configuration: uplink = \"NAME\")",
			g->name);
	else if (!g->uplink)
		warn(o, "uplink-unknown",
			"guest \"%s\" is not answered for: it is behind uplink \"%s\", which the "
			"configuration does not have; add uplink \"%s\" { } there and %s reload, "
			"or "
			"register the guest with another",
			g->name, g->uplink_name, g->uplink_name, o->e->codec->ctl);
	GUEST_FOREACH_ENTRY (en, g)
		warn_entry(o, en);
	STAILQ_FOREACH (a, &g->aside, next) {
		en = table_find(o->e->table, &a->prefix);
		if (en && en->guest && en->guest->vif != g->vif)
			warn(o, "set-aside",
				"%s of run-time guest \"%s\" is set aside: guest \"%s\" "
				"of the %s has it; %s del guest %s, or take it from the other",
				prefix_format(&a->prefix, text), g->name, en->guest->name,
				origin_name(en->guest->origin), o->e->codec->ctl, g->name);
	}
}

void engine_warnings(const struct engine *e, uint64_t now,
	void (*each)(void *ctx, const char *code, const char *text), void *ctx)
{
	struct out o = {e, now, each, ctx};
	const struct guest *g;
	char text[ADDR_TEXT_MAX], mac[MAC_TEXT_MAX];

	engine_ifaces(e, warn_iface, &o);
	TABLE_FOREACH_GUEST (g, e->table)
		warn_guest(&o, g);
	if (e->route.has_source && !e->source_usable)
		warn(&o, "K07",
			"route source %s is no address of this host, so host routes have none: ip "
			"addr add it, or correct `source` of `route` in the configuration",
			addr_format(&e->route.source, text));
	for (unsigned n = 0; n < CONFLICTS; n++) {
		const struct conflict *c = &e->conflicts[n];

		if (c->count && now - c->last < CONFLICT_TOLD_MS)
			warn(&o, reason_id(e->codec->conflict),
				"conflict: %s claimed %s on %s, %u times, last %llu s ago",
				mac_format(c->mac, mac), addr_format(&c->target, text), c->iface,
				c->count, (unsigned long long)(now - c->last) / 1000);
	}
}
