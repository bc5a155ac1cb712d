/*
 * The engine: events in, effects out, with an array as the sink. Each case of the verdict tables
 * names the rule it comes from.
 *
 * The host: uplink eth0 (2800:110:2::3/64, fe80::3, default gateway 2800:110:2::1), vif1 with guest
 * one (::34, 2001:db8:5::/64), vif2 with guest two (::36), vif3 (down) with guest three (::38).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../ndproxyd/ndp.h"
#include "engine.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MAX      4096

static const uint8_t key[16] = {9};
static const uint8_t router_mac[6] = {2, 0, 0, 0, 0, 1}, uplink_mac[6] = {2, 0, 0, 0, 0, 3},
		     guest_mac[6] = {2, 0, 0, 0, 0, 0x34},
		     vif_mac[6] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};

#define LISTED_MAX 8192

struct world {
	struct engine *e;
	struct sink sink;
	struct vif_policy policy;
	struct addr gateways[2];
	struct msg sent[MAX];
	const struct iface *sent_on[MAX];
	size_t nsent;
	struct {
		bool add;
		struct route r;
	} routes[MAX];
	size_t nroutes;
	unsigned listening, opened;
	bool deafened;                    /* listeners hear nothing any more, */
	const struct iface *unbound;      /* or that of this one */
	struct prefix listed[LISTED_MAX]; /* as the filter in the kernel is told of them */
	size_t nlisted;
	unsigned pauses;
	void (*in_pause)(struct world *w);
	uint64_t now;
};

static struct addr A(const char *text) {
	struct addr a;

	if (addr_parse(text, &a) < 0)
		fail_msg("no address: %s", text);
	return a;
}

static struct prefix
P(const char *text) {
	struct prefix p;

	if (prefix_parse(text, &p) < 0)
		fail_msg("no prefix: %s", text);
	return p;
}

static void
on_send(void *ctx, struct iface *i, const struct msg *m)
{
	struct world *w = ctx;

	assert_true(w->nsent < MAX);
	w->sent_on[w->nsent] = i;
	w->sent[w->nsent++] = *m;
}

static void on_route(void *ctx, bool add, const struct route *r)
{
	struct world *w = ctx;

	assert_true(w->nroutes < MAX);
	w->routes[w->nroutes].add = add;
	w->routes[w->nroutes++].r = *r;
}

static int on_listen(void *ctx, struct iface *i, bool on)
{
	struct world *w = ctx;

	(void)i;
	w->listening += on ? 1U : (unsigned)-1;
	w->opened += on;
	return 0;
}

static bool on_hears(void *ctx, const struct iface *i)
{
	const struct world *w = ctx;

	return i != w->unbound && !w->deafened;
}

static const struct vif_policy *on_vif_policy(void *ctx, const char *name)
{
	struct world *w = ctx;

	(void)name;
	return &w->policy;
}

static bool on_kernel_answers(void *ctx, const struct iface *i, bool here)
{
	(void)ctx;
	(void)i;
	return here;
}

static void on_expect(void *ctx, const struct prefix *p)
{
	(void)ctx;
	(void)p;
}

static void on_pause(void *ctx)
{
	struct world *w = ctx;

	w->pauses++;
	if (w->in_pause)
		w->in_pause(w);
}

static void on_listed(void *ctx, const struct prefix *p, bool on)
{
	struct world *w = ctx;
	size_t n = 0;

	if (on) {
		assert_true(w->nlisted < LISTED_MAX);
		w->listed[w->nlisted++] = *p;
		return;
	}
	while (n < w->nlisted && !prefix_equal(&w->listed[n], p))
		n++;
	assert_true(n < w->nlisted);
	w->listed[n] = w->listed[--w->nlisted];
}

static void on_note(void *ctx, bool warning, bool limited, const char *text)
{
	(void)ctx;
	(void)warning;
	(void)limited;
	assert_true(*text);
}

static struct sink sink_to(struct world *w)
{
	return (struct sink){w, on_send, on_route, on_listen, on_hears, on_vif_policy,
		on_kernel_answers, on_listed, on_expect, on_pause, on_note};
}

static void guest(struct world *w, const char *name, const char *vif, enum origin origin,
	const char *const *addresses, bool config)
{
	struct spec s;
	char why[SPEC_WHY_MAX];

	spec_init(&s, origin);
	assert_true(spec_set_name(&s, name, why));
	assert_true(spec_set_vif(&s, vif, why));
	for (; *addresses; addresses++)
		assert_true(spec_add_prefix(&s, *addresses, AF_INET6, why));
	if (config)
		assert_int_equal(engine_config_guest(w->e, w->now, &s), 0);
	else
		assert_int_equal(engine_guest(w->e, w->now, &s), 0);
	spec_free(&s);
}

static struct link link_of(
	uint32_t index, const char *name, const uint8_t mac[6], bool up, bool running)
{
	struct link l = {.index = index, .admin_up = up, .running = running};

	l.ethernet = true;
	l.mtu = 1500;
	strcpy(l.name, name);
	memcpy(l.mac, mac, 6);
	return l;
}

static void link_set(struct world *w, uint32_t index, const char *name, const uint8_t mac[6],
	bool up, bool running)
{
	struct link l = link_of(index, name, mac, up, running);

	engine_link(w->e, w->now, &l, true);
}

static void address(struct world *w, uint32_t index, const char *text, bool tentative, bool present)
{
	struct hostaddr h = {.index = index, .prefix = P(text), .tentative = tentative};

	h.network = h.prefix.addr;
	engine_address(w->e, w->now, &h, present);
}

static void kernel(struct world *w)
{
	struct route dflt = {
		.table = 254, .metric = 1024, .oif = 2, .via = A("2800:110:2::1"), .protocol = 3};

	engine_sync_begin(w->e);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	link_set(w, 11, "vif1", vif_mac, true, true);
	link_set(w, 12, "vif2", vif_mac, true, true);
	link_set(w, 13, "vif3", vif_mac, true, false);
	address(w, 2, "2800:110:2::3/64", false, true);
	address(w, 2, "fe80::3/64", false, true);
	address(w, 11, "fe80::fcff:ffff:feff:ffff/64", false, true);
	engine_route(w->e, w->now, &dflt, true);
	engine_sync_end(w->e, w->now);
}

static const struct route_policy routes = {.protocol = 168, .metric = 1024, .table = 254};
static const struct uplink_policy uplink = {.announce = 0};

static const char *const one[] = {"2800:110:2::34", "2001:db8:5::/64", NULL};
static const char *const two[] = {"2800:110:2::36", NULL};
static const char *const three[] = {"2800:110:2::38", NULL};

static void configure(struct world *w, const struct uplink_policy *p)
{
	struct config_diff diff;

	engine_config_begin(w->e, &routes, 1000);
	engine_config_uplink(w->e, "eth0", p);
	guest(w, "one", "vif1", ORIGIN_CONFIG, one, true);
	guest(w, "two", "vif2", ORIGIN_CONFIG, two, true);
	guest(w, "three", "vif3", ORIGIN_CONFIG, three, true);
	engine_config_end(w->e, w->now, &diff);
}

static struct world *world_new(const struct uplink_policy *p)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->now = 1000;
	w->sink = sink_to(w);
	w->policy = (struct vif_policy){ANSWER_ON_LINK, GUARD_ON, 1000, NULL, 0};
	w->e = engine_new(&daemon_codec, &w->sink, key);
	configure(w, p);
	kernel(w);
	return w;
}

static void count_addresses(void *ctx, struct iface *i)
{
	size_t *n = ctx;

	*n += i->naddrs;
}

static bool is_listed(const struct world *w, const struct prefix *p)
{
	for (size_t n = 0; n < w->nlisted; n++)
		if (prefix_equal(&w->listed[n], p))
			return true;
	return false;
}

/* In whatever way a test went, the filter in the kernel knows all entries and nothing else. */
static void check_listed(const struct world *w)
{
	size_t expected = table_count(engine_table(w->e));
	const struct guest *g;
	const struct listed *en;

	TABLE_FOREACH_GUEST (g, engine_table(w->e))
		GUEST_FOREACH_ENTRY (en, g)
			assert_true(is_listed(w, &en->prefix));
	engine_ifaces(w->e, count_addresses, &expected);
	assert_int_equal(w->nlisted, expected);
}

static void world_free(struct world *w)
{
	check_listed(w);
	engine_free(w->e);
	free(w);
}

static struct msg ask(const char *src, const char *target, const uint8_t mac[6])
{
	struct msg m = {.kind = MSG_ASK, .src = A(src), .target = A(target)};

	memcpy(m.eth_src, mac, 6);
	return m;
}

static enum reason hear(struct world *w, const char *iface, const struct msg *m)
{
	w->nsent = 0;
	return engine_frame(w->e, w->now, engine_iface(w->e, iface), m);
}

struct question {
	const char *rule, *on, *src, *target;
	enum reason reason;
};

static void run_questions(struct world *w, const struct question *q, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool on_uplink = strcmp(q[i].on, "eth0") == 0;
		struct msg m = ask(q[i].src, q[i].target, on_uplink ? router_mac : guest_mac);
		enum reason r = hear(w, q[i].on, &m);

		if (r != q[i].reason)
			fail_msg("%s: %s asks %s on %s: %s, expected %s", q[i].rule, q[i].src,
				q[i].target, q[i].on, reason_id(r), reason_id(q[i].reason));
		assert_int_equal(w->nsent, r == REASON_ANSWERED); /* H70 */
	}
}

static void test_verdicts(void **state)
{
	static const struct question q[] = {
		{"N01", "eth0", "2800:110:2::1", "2800:110:2::34", REASON_ANSWERED},
		{"N01 prefix", "eth0", "2800:110:2::1", "2001:db8:5::77", REASON_ANSWERED},
		{"N02 link-local", "eth0", "fe80::1", "2800:110:2::36", REASON_ANSWERED},
		{"H19", "eth0", "2001:db8:99::1", "2800:110:2::34", REASON_ANSWERED},
		{"K04", "eth0", "2800:110:2::1", "2800:110:2::38", REASON_K04},
		{"N10", "eth0", "2800:110:2::1", "2800:110:2::99", REASON_N10},
		{"N10 host", "eth0", "2800:110:2::1", "2800:110:2::3", REASON_N10},
		{"N10 gateway", "eth0", "2800:110:2::9", "2800:110:2::1", REASON_N10},
		{"N12", "eth0", "2800:110:2::34", "2800:110:2::36", REASON_N12},
		{"H17", "eth0", "2800:110:2::34", "2800:110:2::34", REASON_H17},
		{"H18", "eth0", "2800:110:2::3", "2800:110:2::34", REASON_H18},
		{"D03", "eth0", "::", "2800:110:2::34", REASON_ANSWERED},
		{"D03 free", "eth0", "::", "2800:110:2::99", REASON_N10},
		{"N20", "vif1", "2800:110:2::34", "2800:110:2::99", REASON_ANSWERED},
		{"N08", "vif1", "2800:110:2::34", "2800:110:2::1", REASON_ANSWERED},
		{"N20 own", "vif1", "fe80::34", "2800:110:2::34", REASON_N20},
		{"N20 own prefix", "vif1", "fe80::34", "2001:db8:5::9", REASON_N20},
		{"N21", "vif1", "2800:110:2::34", "fe80::9", REASON_N21},
		{"N21 the vif's", "vif1", "fe80::34", "fe80::fcff:ffff:feff:ffff", REASON_N21},
		{"N22", "vif1", "2800:110:2::34", "2001:db8:77::1", REASON_N22},
		{"N22 other guest", "vif2", "2800:110:2::36", "2001:db8:5::9", REASON_ANSWERED},
		{"N23", "vif1", "2800:110:2::34", "2800:110:2::3", REASON_ANSWERED},
		{"N24", "vif1", "2800:110:2::36", "2800:110:2::99", REASON_H61},
		{"H61 host's", "vif1", "fe80::3", "2800:110:2::99", REASON_H61},
		{"D01", "vif1", "::", "2800:110:2::34", REASON_D01},
		{"D04 host", "vif1", "::", "2800:110:2::3", REASON_ANSWERED},
		{"D04 gateway", "vif1", "::", "2800:110:2::1", REASON_ANSWERED},
		{"D04 guest", "vif1", "::", "2800:110:2::36", REASON_ANSWERED},
		{"D04 host link-local", "vif1", "::", "fe80::3", REASON_ANSWERED},
		{"D05", "vif1", "::", "2800:110:2::99", REASON_ANSWERED},
		{"D05 link-local", "vif1", "::", "fe80::9", REASON_N21},
		{"D05 off-link", "vif1", "::", "2001:db8:77::1", REASON_N22},
	};
	struct world *w = world_new(&uplink);

	(void)state;
	run_questions(w, q, COUNT(q));
	world_free(w);
}

static void test_guard_off(void **state)
{
	static const struct question q[] = {
		{"D05", "vif1", "::", "2800:110:2::99", REASON_D05},
		{"D04", "vif1", "::", "2800:110:2::36", REASON_ANSWERED},
		{"H61", "vif1", "2800:110:2::36", "2800:110:2::99", REASON_ANSWERED},
		{"H17", "vif1", "2800:110:2::36", "2800:110:2::36", REASON_H17},
	};
	struct world *w = world_new(&uplink);

	(void)state;
	w->policy.guard = GUARD_OFF;
	configure(w, &uplink);
	run_questions(w, q, COUNT(q));
	assert_int_equal(engine_iface(w->e, "vif1")->counters.dropped[REASON_H61], 0);
	w->policy.guard = GUARD_MONITOR;
	configure(w, &uplink);
	run_questions(w, q, COUNT(q));
	assert_int_equal(engine_iface(w->e, "vif1")->counters.dropped[REASON_H61], 2);
	world_free(w);
}

static void test_answer_modes(void **state)
{
	static const struct question all[] = {
		{"N22 all", "vif1", "fe80::34", "2001:db8:77::1", REASON_ANSWERED},
		{"N20 own", "vif1", "fe80::34", "2800:110:2::34", REASON_N20},
		{"N21", "vif1", "fe80::34", "fe80::9", REASON_N21},
	};
	static const struct question none[] = {
		{"N22 none", "vif1", "fe80::34", "2800:110:2::36", REASON_N22},
		{"N22 gateway", "vif1", "fe80::34", "2800:110:2::1", REASON_ANSWERED},
		{"N21 gateway", "vif1", "fe80::34", "fe80::ffff:1:1", REASON_ANSWERED},
		{"D04", "vif1", "::", "2800:110:2::36", REASON_ANSWERED},
		{"D05", "vif1", "::", "2800:110:2::99", REASON_ANSWERED},
		{"H61 gateway", "vif1", "fe80::ffff:1:1", "2800:110:2::1", REASON_H61},
	};
	struct world *w = world_new(&uplink);
	struct msg m;

	(void)state;
	w->policy.answer = ANSWER_ALL;
	configure(w, &uplink);
	run_questions(w, all, COUNT(all));
	w->policy.answer = ANSWER_NONE;
	w->gateways[0] = A("fe80::ffff:1:1");
	w->policy.gateways = w->gateways;
	w->policy.ngateways = 1;
	configure(w, &uplink);
	run_questions(w, none, COUNT(none));
	m = ask("fe80::34", "fe80::ffff:1:1", guest_mac);
	hear(w, "vif1", &m);
	assert_true(w->sent[0].router); /* N08 */
	world_free(w);
}

/* N01, N03, N06, N02: who is answered, from where, with what. */
static void test_answer_fields(void **state)
{
	static const struct {
		const char *requester, *source;
		enum source policy;
	} cases[] = {
		{"2800:110:2::1", "2800:110:2::3", SOURCE_AUTO},
		{"fe80::1", "fe80::3", SOURCE_AUTO},
		{"2800:110:2::1", "fe80::3", SOURCE_LINK_LOCAL},
		{"2800:110:2::1", "2800:110:2::34", SOURCE_TARGET},
		{"2800:110:2::1", "2001:db8::9", SOURCE_ADDRESS},
		{"::", "2800:110:2::3", SOURCE_AUTO},
	};
	struct world *w = world_new(&uplink);

	(void)state;
	address(w, 2, "2001:db8::9/64", false, true);
	for (size_t n = 0; n < COUNT(cases); n++) {
		struct uplink_policy p = {
			.source = cases[n].policy, .source_address = A("2001:db8::9")};
		struct msg m = ask(cases[n].requester, "2800:110:2::34", router_mac);
		struct addr source = A(cases[n].source);

		configure(w, &p);
		m.has_lladdr = true; /* another MAC than the frame's: H15 */
		memcpy(m.lladdr, guest_mac, 6);
		assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
		assert_memory_equal(w->sent[0].eth_dst, router_mac, 6);
		assert_memory_equal(w->sent[0].eth_src, uplink_mac, 6);
		assert_memory_equal(w->sent[0].lladdr, uplink_mac, 6);
		assert_true(addr_equal(&w->sent[0].src, &source));
		assert_true(addr_equal(&w->sent[0].dst, &m.src));
		assert_int_equal(w->sent[0].solicited, n != 5);
		assert_false(w->sent[0].override || w->sent[0].router);
	}
	world_free(w);
}

static void test_no_source(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);

	(void)state;
	address(w, 2, "fe80::3/64", false, false);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	address(w, 2, "2800:110:2::3/64", true, true); /* tentative */
	assert_int_equal(hear(w, "eth0", &m), REASON_N02);
	address(w, 2, "2800:110:2::3/64", false, false);
	assert_int_equal(hear(w, "eth0", &m), REASON_N02);
	world_free(w);
}

static void test_macs(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", uplink_mac);

	(void)state;
	assert_int_equal(hear(w, "eth0", &m), REASON_H16);
	assert_int_equal(hear(w, "vif1", &m), REASON_H64);
	m.eth_src[0] = 3;
	assert_int_equal(hear(w, "eth0", &m), REASON_H16);
	memcpy(m.eth_src, router_mac, 6);
	m.has_lladdr = true;
	memcpy(m.lladdr, uplink_mac, 6);
	assert_int_equal(hear(w, "eth0", &m), REASON_H14);
	world_free(w);
}

/* H60: a guest with a `mac` speaks from that alone; its link-local address too. */
static void test_guest_macs(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::40", "2800:110:2::1", guest_mac);
	struct spec s;
	char why[SPEC_WHY_MAX];

	(void)state;
	link_set(w, 14, "vif4", vif_mac, true, true);
	spec_init(&s, ORIGIN_COMMAND);
	assert_true(spec_set_name(&s, "four", why) && spec_set_vif(&s, "vif4", why) &&
		    spec_add_prefix(&s, "2800:110:2::40", AF_INET6, why) &&
		    spec_add_mac(&s, "02:00:00:00:00:34", why));
	assert_int_equal(engine_guest(w->e, w->now, &s), 0);
	assert_int_equal(hear(w, "vif4", &m), REASON_ANSWERED);
	memcpy(m.eth_src, router_mac, 6);
	assert_int_equal(hear(w, "vif4", &m), REASON_H60);
	m.src = A("fe80::40");
	assert_int_equal(hear(w, "vif4", &m), REASON_H60);
	m.src = A("::");
	m.target = A("2800:110:2::40");
	assert_int_equal(hear(w, "vif4", &m), REASON_H60);
	spec_free(&s);
	world_free(w);
}

static void test_told(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = {.kind = MSG_TELL, .src = A("2800:110:2::9"), .target = A("2800:110:2::34")};

	(void)state;
	memcpy(m.eth_src, router_mac, 6);
	assert_int_equal(hear(w, "eth0", &m), REASON_N12);
	m.target = A("2800:110:2::99");
	assert_int_equal(hear(w, "eth0", &m), REASON_N13);
	memcpy(m.eth_src, guest_mac, 6);
	m.src = A("2800:110:2::34");
	assert_int_equal(hear(w, "vif1", &m), REASON_H62);
	m.target = A("2800:110:2::34");
	assert_int_equal(hear(w, "vif1", &m), REASON_N13);
	m.target = A("fe80::34");
	assert_int_equal(hear(w, "vif1", &m), REASON_N13);
	m.target = A("fe80::3"); /* the host's */
	assert_int_equal(hear(w, "vif1", &m), REASON_H62);
	m.kind = MSG_ROUTER;
	assert_int_equal(hear(w, "vif1", &m), REASON_H63);
	assert_int_equal(hear(w, "eth0", &m), REASON_IGNORED);
	world_free(w);
}

static void test_looped_dad(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("::", "2800:110:2::34", guest_mac);

	(void)state;
	m.has_nonce = true;
	memcpy(m.nonce, "abcdef", 6);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED); /* D03: nobody here sent it */
	assert_int_equal(hear(w, "vif1", &m), REASON_D01);
	assert_int_equal(hear(w, "eth0", &m), REASON_D02);
	m.nonce[0] ^= 1;
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	world_free(w);
}

/* --- routes --- */

/* What the kernel would hold after all effects so far; -1 where an effect makes no sense. */
static int kernel_routes(const struct world *w)
{
	int n = 0;

	for (size_t i = 0; i < w->nroutes; i++)
		n += w->routes[i].add ? 1 : -1;
	return n;
}

static void test_routes_start(void **state)
{
	struct world *w = world_new(&uplink);
	struct addr source = A("2800:110:2::3");

	(void)state;
	/* vif3 is up without carrier: its route stays (K11) */
	assert_int_equal(w->nroutes, 4);
	for (size_t n = 0; n < w->nroutes; n++) {
		const struct route *r = &w->routes[n].r;

		assert_true(w->routes[n].add);
		assert_int_equal(r->protocol, 168);
		assert_int_equal(r->metric, 1024);
		assert_int_equal(r->table, 254);
		assert_true(addr_equal(&r->source, &source)); /* K07 */
		assert_true(r->oif >= 11 && r->oif <= 13);
	}
	world_free(w);
}

/* A restart: right routes are not touched, stale ones go, missing ones come. */
static void test_routes_read_back(void **state)
{
	struct world *w = world_new(&uplink);
	struct route right = w->routes[0].r, stale = right, elsewhere = right;
	struct world *v = calloc(1, sizeof(*v));

	(void)state;
	assert_non_null(v);
	v->now = 5;
	v->sink = sink_to(v);
	v->policy = w->policy;
	v->e = engine_new(&daemon_codec, &v->sink, key);
	configure(v, &uplink);
	stale.dst = P("2800:110:2::77");
	elsewhere.dst = P("2800:110:2::36");
	elsewhere.oif = 11;
	engine_sync_begin(v->e);
	link_set(v, 2, "eth0", uplink_mac, true, true);
	link_set(v, 11, "vif1", vif_mac, true, true);
	link_set(v, 12, "vif2", vif_mac, true, true);
	address(v, 2, "2800:110:2::3/64", false, true);
	engine_route(v->e, v->now, &right, true);
	engine_route(v->e, v->now, &stale, true);
	engine_route(v->e, v->now, &elsewhere, true);
	engine_sync_end(v->e, v->now);
	/* one deleted, ::36 moved, the prefix added; vif3 is absent */
	assert_int_equal(v->nroutes, 6);
	for (size_t n = 0; n < v->nroutes; n++)
		assert_false(prefix_equal(&v->routes[n].r.dst, &right.dst));
	world_free(w);
	world_free(v);
}

static void test_routes_follow_vif(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);
	struct link gone = {.index = 11};

	(void)state;
	strcpy(gone.name, "vif1");
	w->nroutes = 0;
	link_set(w, 11, "vif1", vif_mac, true, false); /* carrier lost: K11 */
	assert_int_equal(w->nroutes, 0);
	assert_int_equal(hear(w, "eth0", &m), REASON_K04);
	link_set(w, 11, "vif1", vif_mac, false, false); /* the kernel took them: K04 */
	assert_int_equal(w->nroutes, 0);
	link_set(w, 11, "vif1", vif_mac, true, true);
	assert_int_equal(w->nroutes, 2);
	assert_int_equal(kernel_routes(w), 2);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	engine_link(w->e, w->now, &gone, false);
	assert_int_equal(w->nroutes, 2);
	assert_int_equal(hear(w, "eth0", &m), REASON_K04);
	link_set(w, 21, "vif1", vif_mac, true, true);
	assert_int_equal(w->nroutes, 4);
	assert_int_equal(w->routes[3].r.oif, 21);
	w->nroutes = 0;
	link_set(w, 21, "other", vif_mac, true, true); /* renamed: nobody's vif any more */
	assert_int_equal(kernel_routes(w), -2);
	assert_int_equal(hear(w, "eth0", &m), REASON_K04);
	world_free(w);
}

static void test_routes_source(void **state)
{
	struct world *w = world_new(&uplink);

	(void)state;
	w->nroutes = 0;
	address(w, 2, "2800:110:2::3/64", false, true); /* again: nothing new */
	assert_int_equal(w->nroutes, 0);
	address(w, 2, "2800:110:2::3/64", false, false);
	assert_int_equal(w->nroutes, 16); /* four moves of four steps */
	assert_true(addr_is_unspecified(&w->routes[14].r.source));
	w->nroutes = 0;
	address(w, 2, "2800:110:2::3/64", true, true); /* tentative: not yet */
	assert_int_equal(w->nroutes, 0);
	address(w, 2, "2800:110:2::3/64", false, true);
	assert_int_equal(w->nroutes, 16);
	assert_false(addr_is_unspecified(&w->routes[14].r.source));
	world_free(w);
}

/* K09, seen before and after; K05: taken away by somebody, put back. */
static void test_routes_foreign(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);
	struct route ours = w->routes[0].r, foreign = ours;

	(void)state;
	w->nroutes = 0;
	engine_route(w->e, w->now, &ours, false);
	assert_int_equal(w->nroutes, 1);
	assert_true(w->routes[0].add);
	foreign.protocol = 4;
	foreign.oif = 12;
	foreign.metric = 2000; /* ours is preferred: harmless */
	engine_route(w->e, w->now, &foreign, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	foreign.metric = 100;
	engine_route(w->e, w->now, &foreign, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_K09);
	engine_route(w->e, w->now, &foreign, false);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	w->nroutes = 0;
	ours.again = true; /* what is there is none of ours */
	engine_route_done(w->e, w->now, true, &ours, -EEXIST, "");
	engine_tick(w->e, engine_next(w->e));
	assert_true(engine_wants_sync(w->e));
	assert_int_equal(hear(w, "eth0", &m), REASON_K09);
	foreign.metric = 1024;
	foreign.oif = 11; /* through the same vif: as good as ours */
	engine_route(w->e, w->now, &foreign, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	assert_int_equal(w->nroutes, 0);
	world_free(w);
}

/*
 * Follows what was asked for from effect `from` on, beside routes that were there before: at no
 * moment is there none to the destination. Returns the one that is left, which is alone.
 */
static struct route never_without(const struct world *w, const struct route *before, size_t n)
{
	struct route have[8];

	memcpy(have, before, n * sizeof(*have));
	for (size_t i = 0; i < w->nroutes; i++) {
		const struct route *r = &w->routes[i].r;
		size_t at = 0;

		if (!prefix_equal(&r->dst, &before->dst))
			continue;
		while (at < n && (have[at].metric != r->metric ||
					 (!w->routes[i].add && have[at].oif != r->oif)))
			at++;
		if (w->routes[i].add) {
			assert_int_equal(at, n); /* NLM_F_EXCL would refuse it */
			have[n++] = *r;
			continue;
		}
		assert_true(at < n);
		have[at] = have[--n];
		assert_true(n > 0);
	}
	assert_int_equal(n, 1);
	return have[0];
}

/* An address that moves is never without a route, by whatever it moves. */
static void test_routes_without_gap(void **state)
{
	static const char *const moved[] = {"2800:110:2::36", "2800:110:2::34", NULL};
	static const char *const run[] = {"2800:110:2::61", NULL};
	struct world *w = world_new(&uplink);
	struct route before, after, at34 = w->routes[0].r;
	struct route_policy sourced = routes;
	struct config_diff diff;

	(void)state;
	/* a reload */
	w->nroutes = 0;
	engine_config_begin(w->e, &routes, 1000);
	engine_config_uplink(w->e, "eth0", &uplink);
	guest(w, "two", "vif2", ORIGIN_CONFIG, moved, true);
	engine_config_end(w->e, w->now, &diff);
	after = never_without(w, &at34, 1);
	assert_int_equal(after.oif, 12);
	assert_int_equal(after.metric, 1024);
	/* an `add` */
	guest(w, "run", "vif1", ORIGIN_COMMAND, run, false);
	before = w->routes[w->nroutes - 1].r;
	w->nroutes = 0;
	guest(w, "run", "vif2", ORIGIN_COMMAND, run, false);
	before = never_without(w, &before, 1);
	assert_int_equal(before.oif, 12);
	/* an `add ... replace` of another guest */
	w->nroutes = 0;
	guest(w, "other", "vif1", ORIGIN_COMMAND, run, false);
	before = never_without(w, &before, 1);
	assert_int_equal(before.oif, 11);
	/* from the configuration to the run-time guest who has set it aside */
	guest(w, "aside", "vif1", ORIGIN_COMMAND, one, false);
	w->nroutes = 0;
	engine_config_begin(w->e, &routes, 1000);
	engine_config_uplink(w->e, "eth0", &uplink);
	engine_config_end(w->e, w->now, &diff);
	after = never_without(w, &after, 1);
	assert_int_equal(after.oif, 11);
	assert_int_equal(diff.removed, 2); /* ::36 as well */
	/* another source (K07) */
	w->nroutes = 0;
	address(w, 2, "2800:110:2::3/64", false, false);
	before = never_without(w, &before, 1);
	assert_true(addr_is_unspecified(&before.source));
	address(w, 2, "2800:110:2::3/64", false, true);
	address(w, 2, "2800:110:2::4/64", false, true);
	/* the one that a reload says */
	before.source = A("2800:110:2::3");
	sourced.has_source = true;
	sourced.source = A("2800:110:2::4");
	w->nroutes = 0;
	engine_config_begin(w->e, &sourced, 1000);
	engine_config_uplink(w->e, "eth0", &uplink);
	engine_config_end(w->e, w->now, &diff);
	before = never_without(w, &before, 1);
	assert_true(addr_equal(&before.source, &sourced.source));
	world_free(w);
}

/* What refuses a step of a move: the address has a route by the last one, or none and is not
 * answered. */
static void test_routes_move_refused(void **state)
{
	static const char *const run[] = {"2800:110:2::61", NULL};
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::61", router_mac);

	(void)state;
	guest(w, "run", "vif1", ORIGIN_COMMAND, run, false);
	w->nroutes = 0;
	guest(w, "run", "vif2", ORIGIN_COMMAND, run, false);
	for (size_t n = 0; n < w->nroutes; n++)
		if (w->routes[n].r.metric != 1024 || !w->routes[n].add)
			engine_route_done(w->e, w->now, w->routes[n].add, &w->routes[n].r,
				w->routes[n].add ? -EEXIST : -ESRCH, "");
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	assert_false(engine_wants_sync(w->e));
	for (size_t n = 0; n < w->nroutes; n++)
		if (w->routes[n].r.metric == 1024 && w->routes[n].add)
			engine_route_done(w->e, w->now, true, &w->routes[n].r, -ENODEV, "");
	assert_int_equal(hear(w, "eth0", &m), REASON_K09);
	w->nroutes = 0;
	engine_tick(w->e, w->now += 5000); /* and tried again */
	assert_int_equal(kernel_routes(w), 1);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	world_free(w);
}

/* The kernel's tables as a crash, or a change while the daemon was stopped, left them for ::34. */
static struct route restart(const struct route *left, size_t n, size_t *effects)
{
	struct world *w = calloc(1, sizeof(*w));
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);
	struct route last;

	assert_non_null(w);
	w->now = 5;
	w->sink = sink_to(w);
	w->policy = (struct vif_policy){ANSWER_ON_LINK, GUARD_ON, 1000, NULL, 0};
	w->e = engine_new(&daemon_codec, &w->sink, key);
	configure(w, &uplink);
	engine_sync_begin(w->e);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	link_set(w, 11, "vif1", vif_mac, true, true);
	link_set(w, 12, "vif2", vif_mac, true, true);
	address(w, 2, "2800:110:2::3/64", false, true);
	for (size_t i = 0; i < n; i++)
		engine_route(w->e, w->now, &left[i], true);
	engine_sync_end(w->e, w->now);
	last = never_without(w, left, n);
	*effects = 0;
	for (size_t i = 0; i < w->nroutes; i++)
		*effects += prefix_equal(&w->routes[i].r.dst, &left->dst);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	world_free(w);
	return last;
}

static void test_routes_restart_without_gap(void **state)
{
	struct world *w = world_new(&uplink);
	const struct route right = w->routes[0].r;
	struct route elsewhere = right, stand_in = right, last;
	size_t effects;

	(void)state;
	elsewhere.oif = 12; /* moved while the daemon was stopped */
	stand_in.metric--;  /* of a move that was cut short */
	{
		const struct route left[][3] = {
			{elsewhere},
			{elsewhere, stand_in},
			{right, stand_in},
			{stand_in, right},
			{right, elsewhere},
			{elsewhere, right},
		};

		for (size_t n = 0; n < COUNT(left); n++) {
			size_t count = 1 + (left[n][1].oif != 0);

			last = restart(left[n], count, &effects);
			assert_int_equal(last.oif, 11);
			assert_int_equal(last.metric, 1024);
			if (n >= 2)
				assert_int_equal(effects, 1); /* the right one is not touched */
		}
	}
	world_free(w);
}

static void test_routes_via(void **state)
{
	struct world *w = world_new(&uplink);
	struct spec s;
	char why[SPEC_WHY_MAX];
	struct addr via = A("2800:110:2::50");

	(void)state;
	link_set(w, 15, "vif5", vif_mac, true, true);
	spec_init(&s, ORIGIN_COMMAND);
	assert_true(spec_set_name(&s, "five", why) && spec_set_vif(&s, "vif5", why) &&
		    spec_add_prefix(&s, "2001:db8:50::/64", AF_INET6, why) &&
		    spec_add_prefix(&s, "2800:110:2::50", AF_INET6, why) &&
		    spec_set_via(&s, "2800:110:2::50", AF_INET6, why));
	w->nroutes = 0;
	assert_int_equal(engine_guest(w->e, w->now, &s), 0);
	assert_int_equal(w->nroutes, 2); /* the exact one first: K08 */
	assert_true(addr_is_unspecified(&w->routes[0].r.via));
	assert_true(addr_equal(&w->routes[1].r.via, &via));
	spec_free(&s);
	world_free(w);
}

/* Another next hop of the same guest: the prefix goes there, the rest stays. */
static void test_routes_via_other(void **state)
{
	static const char *const vias[] = {"2800:110:2::50", "2800:110:2::51"};
	struct world *w = world_new(&uplink);
	struct addr first = A("2800:110:2::50"), last = A("2800:110:2::51");

	(void)state;
	link_set(w, 15, "vif5", vif_mac, true, true);
	for (unsigned n = 0; n < 2; n++) {
		struct spec s;
		char why[SPEC_WHY_MAX];

		spec_init(&s, ORIGIN_COMMAND);
		assert_true(spec_set_name(&s, "five", why) && spec_set_vif(&s, "vif5", why) &&
			    spec_add_prefix(&s, "2001:db8:50::/64", AF_INET6, why) &&
			    spec_add_prefix(&s, "2800:110:2::50", AF_INET6, why) &&
			    spec_add_prefix(&s, "2800:110:2::51", AF_INET6, why) &&
			    spec_set_via(&s, vias[n], AF_INET6, why));
		w->nroutes = 0;
		assert_int_equal(engine_guest(w->e, w->now, &s), 0);
		spec_free(&s);
	}
	assert_int_equal(w->nroutes, 4);
	assert_true(
		!w->routes[1].add && addr_equal(&w->routes[1].r.via, &first)); /* as it was made */
	assert_true(w->routes[2].add && addr_equal(&w->routes[2].r.via, &last));
	world_free(w);
}

/* A difference of a run-time guest: its addresses alone, whoever else lists them. */
static int part(struct world *w, const char *new, const char *gone)
{
	struct prefix p[2] = {P("2001:db8:9999::1")};
	struct spec s;
	char why[SPEC_WHY_MAX];
	int r;

	spec_init(&s, ORIGIN_COMMAND);
	assert_true(spec_set_name(&s, "six", why) && spec_set_vif(&s, "vif6", why));
	if (new)
		assert_true(spec_add_prefix(&s, new, AF_INET6, why));
	if (gone)
		p[1] = P(gone);
	w->nroutes = 0;
	r = engine_guest_part(w->e, w->now, &s, p, gone ? 2 : 0);
	spec_free(&s);
	return r;
}

static void test_guest_part(void **state)
{
	static const char *const six[] = {"2800:110:2::60", "2001:db8:60::/64", NULL};
	static const char *const seven[] = {"2800:110:2::61", NULL};
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::61", router_mac);

	(void)state;
	link_set(w, 16, "vif6", vif_mac, true, true);
	link_set(w, 17, "vif7", vif_mac, true, true);
	guest(w, "six", "vif6", ORIGIN_COMMAND, six, false);
	assert_int_equal(hear(w, "eth0", &m), REASON_N10);
	assert_int_equal(part(w, "2800:110:2::61", NULL), 0);
	assert_int_equal(w->nroutes, 1);
	assert_int_equal(w->routes[0].r.oif, 16);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	assert_int_equal(part(w, "2800:110:2::61", NULL), 0); /* it has it */
	assert_int_equal(w->nroutes, 0);
	/* another's since: not to be dropped by this one */
	guest(w, "seven", "vif7", ORIGIN_COMMAND, seven, false);
	assert_int_equal(part(w, NULL, "2800:110:2::61"), 0);
	assert_int_equal(w->nroutes, 0);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	assert_int_equal(part(w, NULL, "2001:db8:60::/64"), 0);
	assert_int_equal(w->nroutes, 1);
	assert_false(w->routes[0].add);
	/* the configuration's: set aside, and forgotten with the registration */
	m.target = A("2800:110:2::36");
	assert_int_equal(part(w, "2800:110:2::36", NULL), 0);
	assert_int_equal(w->nroutes, 0);
	assert_int_equal(part(w, NULL, "2800:110:2::36"), 0);
	engine_config_begin(w->e, &routes, 1000);
	engine_config_uplink(w->e, "eth0", &uplink);
	engine_config_end(w->e, w->now, &(struct config_diff){0});
	assert_int_equal(hear(w, "eth0", &m), REASON_N10);
	world_free(w);
}

/* --- configurations --- */

static void ask_in_pause(struct world *w)
{
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);

	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
}

static void configure_many(struct world *w)
{
	struct config_diff diff;
	char why[SPEC_WHY_MAX], text[ADDR_TEXT_MAX];
	struct spec s;

	engine_config_begin(w->e, &routes, 1000);
	engine_config_expect(w->e, 7003);
	engine_config_uplink(w->e, "eth0", &uplink);
	guest(w, "one", "vif1", ORIGIN_CONFIG, one, true);
	spec_init(&s, ORIGIN_FILE);
	assert_true(spec_set_name(&s, "many", why) && spec_set_vif(&s, "vif2", why));
	s.route = false;
	for (unsigned n = 1; n <= 7000; n++) {
		snprintf(text, sizeof(text), "2001:db8:77::%x", n);
		assert_true(spec_add_prefix(&s, text, AF_INET6, why));
	}
	assert_int_equal(engine_config_guest(w->e, w->now, &s), 0);
	spec_free(&s);
	engine_config_end(w->e, w->now, &diff);
}

/* Whatever walks over very many entries lets questions be answered meanwhile. */
static void test_pause(void **state)
{
	struct world *w = world_new(&uplink);
	unsigned before;

	(void)state;
	configure_many(w);
	w->in_pause = ask_in_pause;
	before = w->pauses;
	configure_many(w);
	assert_true(w->pauses > before);
	before = w->pauses;
	kernel(w);
	assert_true(w->pauses > before);
	before = w->pauses;
	address(w, 2, "2800:110:2::4/64", false, true);
	assert_true(w->pauses > before);
	world_free(w);
}

static void test_reload(void **state)
{
	static const char *const moved[] = {"2800:110:2::36", "2800:110:2::34", NULL};
	struct world *w = world_new(&uplink);
	struct config_diff diff;

	(void)state;
	w->nroutes = 0;
	configure(w, &uplink);
	assert_int_equal(w->nroutes, 0); /* what did not change is not touched */
	engine_config_begin(w->e, &routes, 1000);
	engine_config_uplink(w->e, "eth0", &uplink);
	guest(w, "two", "vif2", ORIGIN_CONFIG, moved, true);
	engine_config_end(w->e, w->now, &diff);
	assert_int_equal(diff.removed, 2); /* the prefix, and ::38 */
	assert_int_equal(diff.same, 2);    /* ::36, and ::34, which moved */
	assert_int_equal(table_count(engine_table(w->e)), 2);
	assert_int_equal(kernel_routes(w), -2);
	assert_int_equal(w->listening, 2); /* eth0, vif2 */
	world_free(w);
}

/* The configuration wins; what a run-time guest loses comes back. */
static void test_precedence(void **state)
{
	static const char *const mine[] = {"2800:110:2::34", "2800:110:2::60", NULL};
	struct world *w = world_new(&uplink);
	struct prefix p = P("2800:110:2::34");
	struct config_diff diff;
	const struct listed *en;

	(void)state;
	guest(w, "run", "vif2", ORIGIN_COMMAND, mine, false);
	en = table_find(engine_table(w->e), &p);
	assert_string_equal(en->guest->name, "one");
	engine_config_begin(w->e, &routes, 1000);
	engine_config_uplink(w->e, "eth0", &uplink);
	engine_config_end(w->e, w->now, &diff);
	en = table_find(engine_table(w->e), &p);
	assert_string_equal(en->guest->name, "run");
	configure(w, &uplink);
	en = table_find(engine_table(w->e), &p);
	assert_string_equal(en->guest->name, "one");
	guest(w, "run", "vif2", ORIGIN_COMMAND, (const char *const[]){NULL}, false);
	assert_null(table_guest(engine_table(w->e), "run", ORIGIN_COMMAND));
	world_free(w);
}

/* --- announcements --- */

static size_t tick_until(struct world *w, uint64_t end)
{
	w->nsent = 0;
	for (uint64_t next; (next = engine_next(w->e)) <= end;) {
		w->now = next > w->now ? next : w->now;
		engine_tick(w->e, w->now);
	}
	return w->nsent;
}

static void test_announce(void **state)
{
	const struct uplink_policy p = {.announce = 3};
	struct world *w = world_new(&p);

	(void)state;
	/* ::34 and ::36; the prefix cannot be announced, vif3 is down; 1 s apart */
	assert_int_equal(tick_until(w, 1100), 2);
	assert_true(w->sent[0].announcement && w->sent[0].override && !w->sent[0].solicited);
	assert_memory_equal(w->sent[0].lladdr, uplink_mac, 6);
	assert_int_equal(tick_until(w, 1990), 0);
	assert_int_equal(tick_until(w, 100000), 4);
	link_set(w, 13, "vif3", vif_mac, true, true); /* arrives */
	assert_int_equal(tick_until(w, 200000), 3);
	link_set(w, 2, "eth0", uplink_mac, true, false);
	assert_int_equal(tick_until(w, 300000), 0);
	link_set(w, 2, "eth0", uplink_mac, true, true); /* all of them */
	assert_int_equal(tick_until(w, 400000), 9);
	world_free(w);
}

static void test_announce_pace(void **state)
{
	const struct uplink_policy p = {.announce = 1};
	struct world *w = world_new(&p);
	char text[2000][32];
	const char *list[2001] = {NULL};

	(void)state;
	tick_until(w, 10000);
	for (unsigned n = 0; n < 2000; n++) {
		snprintf(text[n], sizeof(text[n]), "2800:110:2:0:1::%x", n + 1);
		list[n] = text[n];
	}
	w->now = 20000;
	guest(w, "many", "vif1", ORIGIN_COMMAND, list, false);
	assert_in_range(tick_until(w, 20499), 480, 520); /* 1,000 a second */
	assert_in_range(tick_until(w, 20999), 480, 520);
	tick_until(w, 30000);
	assert_int_equal(engine_next(w->e), UINT64_MAX);
	world_free(w);
}

/* A resync: what the kernel does not mention again is gone. */
static void test_resync(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);
	struct route kept = w->routes[0].r;

	(void)state;
	w->nroutes = 0;
	engine_sync_begin(w->e);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	link_set(w, 11, "vif1", vif_mac, true, true);
	address(w, 2, "2800:110:2::4/64", false, true); /* instead of ::3 */
	kept.source = A("2800:110:2::4");
	engine_route(w->e, w->now, &kept, true);
	engine_sync_end(w->e, w->now);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	assert_int_equal(engine_ifindex(w->e, "vif2"), 0);
	m = ask("2800:110:2::1", "2800:110:2::36", router_mac);
	assert_int_equal(hear(w, "eth0", &m), REASON_K04);
	m = ask("2800:110:2::1", "2800:110:2::3", router_mac);
	assert_int_equal(hear(w, "eth0", &m), REASON_N10);
	assert_null(table_lookup(engine_table(w->e), &m.target));
	for (size_t n = 0; n < w->nroutes; n++) /* only the prefix's route was missing */
		assert_int_equal(w->routes[n].r.dst.len, 64);
	world_free(w);
}

/* An address the uplink does not have is no source; one that is tentative is none either. */
/* An interface that was away while events were lost, and is back with its index, left its listener
 * deaf. */
static void test_resync_deaf(void **state)
{
	struct world *w = world_new(&uplink);

	(void)state;
	w->opened = 0;
	kernel(w);
	assert_int_equal(w->opened, 0);
	w->deafened = true;
	kernel(w);
	assert_int_equal(w->opened, 4);
	world_free(w);
}

static void test_source_address(void **state)
{
	const struct uplink_policy p = {
		.source = SOURCE_ADDRESS, .source_address = A("2001:db8::9")};
	struct world *w = world_new(&p);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);

	(void)state;
	assert_int_equal(hear(w, "eth0", &m), REASON_N02);
	address(w, 2, "2001:db8::9/64", true, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_N02);
	address(w, 2, "2001:db8::9/64", false, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	world_free(w);
}

/* fe80::1 on a vif is not the uplink's: the router may be fe80::1 too. */
static void test_linklocal_is_per_link(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("fe80::1", "2800:110:2::34", router_mac);

	(void)state;
	address(w, 12, "fe80::1/64", false, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	m = ask("fe80::3", "2800:110:2::34", router_mac);
	assert_int_equal(hear(w, "eth0", &m), REASON_H18);
	m = ask("::", "fe80::1", guest_mac); /* another vif's: none of this guest's business */
	assert_int_equal(hear(w, "vif1", &m), REASON_N21);
	world_free(w);
}

/* Whoever lists the gateway, or a network with it, must not cut the host off (N10). */
static void test_covers_gateway(void **state)
{
	static const char *const lists[][2] = {
		{"2800:110:2::1", NULL}, {"2800:110:2::/120", NULL}, {"2800:110:2::/64", NULL}};
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);
	struct route dflt = {
		.table = 254, .metric = 1024, .oif = 2, .via = A("2800:110:2::1"), .protocol = 3};

	(void)state;
	for (size_t n = 0; n < COUNT(lists); n++) {
		w->nroutes = 0;
		guest(w, "bad", "vif2", ORIGIN_COMMAND, lists[n], false);
		assert_int_equal(w->nroutes, 0);
		assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	}
	engine_route(w->e, w->now, &dflt, false); /* no gateway any more: as good as any */
	assert_int_equal(w->nroutes, 1);
	world_free(w);
}

/* `ip route replace`: the kernel tells of the new one alone. */
static void test_routes_replaced(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);
	struct msg to_gateway = ask("2800:110:2::34", "fe80::9", guest_mac);
	struct route foreign = w->routes[0].r, dflt = {.table = 254,
						       .metric = 1024,
						       .oif = 2,
						       .via = A("fe80::9"),
						       .protocol = 3,
						       .replaces = true};

	(void)state;
	foreign.protocol = 4;
	foreign.replaces = true;
	w->nroutes = 0;
	engine_route(w->e, w->now, &foreign, true); /* ours is gone; this one is as good */
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	engine_route(w->e, w->now, &foreign, false);
	assert_int_equal(w->nroutes, 1);
	assert_true(w->routes[0].add);
	foreign.oif = 2;
	engine_route(w->e, w->now, &foreign, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_K09);
	foreign.oif = 11;
	engine_route(w->e, w->now, &foreign, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	engine_route(w->e, w->now, &dflt, true);
	assert_int_equal(hear(w, "vif1", &to_gateway), REASON_ANSWERED);
	to_gateway = ask("2800:110:2::34", "2800:110:2::1", guest_mac);
	hear(w, "vif1", &to_gateway);
	assert_false(w->sent[0].router); /* on-link, and no gateway any more */
	world_free(w);
}

/* Of several foreign routes the best decides. */
static void test_routes_foreign_best(void **state)
{
	struct world *w = world_new(&uplink);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);
	struct route foreign = w->routes[0].r;

	(void)state;
	foreign.protocol = 4;
	foreign.metric = 60;
	foreign.oif = 12;
	engine_route(w->e, w->now, &foreign, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_K09);
	foreign.metric = 50;
	foreign.oif = 11;
	engine_route(w->e, w->now, &foreign, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	foreign.oif = 12; /* as good, and elsewhere: who knows */
	engine_route(w->e, w->now, &foreign, true);
	assert_int_equal(hear(w, "eth0", &m), REASON_K09);
	world_free(w);
}

static bool wants_sync(struct world *w)
{
	uint64_t next = engine_next(w->e);

	if (next != UINT64_MAX)
		engine_tick(w->e, next);
	return engine_wants_sync(w->e);
}

/* What the kernel does not tell: what is left of several next hops, and what a next hop object's
 * end or change does to routes. */
static void test_routes_silent(void **state)
{
	struct world *w = world_new(&uplink);
	struct route foreign = w->routes[0].r;

	(void)state;
	foreign.protocol = 4;
	foreign.oif = 0;
	foreign.nexthop = 7;
	engine_route(w->e, w->now, &foreign, true);
	assert_false(wants_sync(w));
	engine_nexthop(w->e, w->now, 8);
	assert_false(wants_sync(w));
	engine_nexthop(w->e, w->now, 7);
	assert_true(wants_sync(w));
	foreign.oif = 12;
	foreign.nexthop = 0;
	engine_route(w->e, w->now, &foreign, false);
	assert_true(wants_sync(w));
	world_free(w);
}

/* One with our number that somebody put in the place of ours goes, and ours comes back. */
static void test_routes_replaced_as_ours(void **state)
{
	struct world *w = world_new(&uplink);
	struct route other = w->routes[0].r;

	(void)state;
	other.replaces = true;
	for (unsigned n = 0; n < 2; n++) {
		other.oif = n ? 11 : 12;
		other.nexthop = n; /* to the right vif, and yet not ours */
		w->nroutes = 0;
		engine_route(w->e, w->now, &other, true);
		assert_int_equal(w->nroutes, 2);
		assert_false(w->routes[0].add);
		assert_int_equal(w->routes[0].r.oif, other.oif);
		assert_int_equal(w->routes[0].r.nexthop, n);
		assert_true(w->routes[1].add);
		assert_int_equal(w->routes[1].r.oif, 11);
	}
	world_free(w);
}

/* The answer to an earlier wish is not taken for the answer to the last one. */
static void test_routes_late_answer(void **state)
{
	struct world *w = world_new(&uplink);
	struct route before = w->routes[0].r;

	(void)state;
	address(w, 2, "2800:110:2::3/64", false, false);
	engine_route_done(w->e, w->now, true, &before, -EINVAL, "");
	assert_true(engine_next(w->e) == UINT64_MAX); /* nothing to try again */
	world_free(w);
}

/* An address that moves between a section and the guests-file is never lost, nor its guest left. */
static void test_reload_between_origins(void **state)
{
	static const char *const list[] = {"2800:110:2::34", NULL};
	struct world *w = world_new(&uplink);
	struct prefix p = P("2800:110:2::34");
	struct config_diff diff;

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		enum origin origin = n % 2 ? ORIGIN_CONFIG : ORIGIN_FILE;
		const char *name = n % 2 ? "section" : "line";

		w->nroutes = 0;
		engine_config_begin(w->e, &routes, 1000);
		engine_config_uplink(w->e, "eth0", &uplink);
		guest(w, name, "vif1", origin, list, true);
		engine_config_end(w->e, w->now, &diff);
		assert_string_equal(table_find(engine_table(w->e), &p)->guest->name, name);
		assert_int_equal(table_count(engine_table(w->e)), 1);
		assert_int_equal(engine_iface(w->e, "vif1")->nguests, 1);
		if (n)
			assert_int_equal(w->nroutes, 0);
	}
	world_free(w);
}

/* A configured source of host routes: right routes are recognised at start, and it is not used
 * while it is tentative (K07). */
static void test_routes_configured_source(void **state)
{
	struct route_policy policy = routes;
	struct world *w = world_new(&uplink);
	struct config_diff diff;
	struct route right;

	(void)state;
	policy.has_source = true;
	policy.source = A("2800:110:2::77");
	address(w, 12, "2800:110:2::77/128", true, true);
	w->nroutes = 0;
	engine_config_begin(w->e, &policy, 1000);
	engine_config_uplink(w->e, "eth0", &uplink);
	guest(w, "one", "vif1", ORIGIN_CONFIG, (const char *const[]){"2800:110:2::34", NULL}, true);
	engine_config_end(w->e, w->now, &diff);
	engine_sync_begin(w->e);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	link_set(w, 11, "vif1", vif_mac, true, true);
	link_set(w, 12, "vif2", vif_mac, true, true);
	address(w, 2, "2800:110:2::3/64", false, true);
	address(w, 12, "2800:110:2::77/128", false, true);
	right = w->routes[w->nroutes - 2].r; /* before its stand-in goes */
	right.source = policy.source;
	w->nroutes = 0;
	engine_route(w->e, w->now, &right, true);
	engine_sync_end(w->e, w->now);
	assert_int_equal(w->nroutes, 0);
	address(w, 12, "2800:110:2::77/128", true, true); /* tentative again */
	assert_true(w->nroutes == 4 && addr_is_unspecified(&w->routes[2].r.source));
	world_free(w);
}

/* H60: what a guest's MACs are holds for its addresses of every origin. */
static void test_namesake_macs(void **state)
{
	struct world *w = world_new(&uplink);
	struct config_diff diff;
	struct msg m = ask("2800:110:2::41", "2800:110:2::1", router_mac);
	struct spec s;
	char why[SPEC_WHY_MAX];

	(void)state;
	engine_config_begin(w->e, &routes, 1000);
	engine_config_uplink(w->e, "eth0", &uplink);
	spec_init(&s, ORIGIN_CONFIG);
	assert_true(spec_set_name(&s, "one", why) && spec_set_vif(&s, "vif1", why) &&
		    spec_add_prefix(&s, "2800:110:2::34", AF_INET6, why) &&
		    spec_add_mac(&s, "02:00:00:00:00:34", why));
	assert_int_equal(engine_config_guest(w->e, w->now, &s), 0);
	engine_config_end(w->e, w->now, &diff);
	spec_free(&s);
	guest(w, "one", "vif1", ORIGIN_COMMAND, (const char *const[]){"2800:110:2::41", NULL},
		false);
	assert_int_equal(hear(w, "vif1", &m), REASON_H60);
	m.src = A("fe80::1234");
	assert_int_equal(hear(w, "vif1", &m), REASON_H60);
	memcpy(m.eth_src, guest_mac, 6);
	assert_int_equal(hear(w, "vif1", &m), REASON_ANSWERED);
	world_free(w);
}

/* A renamed interface keeps its addresses, and nobody tells them again: a sync must. */
static void test_rename_wants_sync(void **state)
{
	struct world *w = world_new(&uplink);

	(void)state;
	assert_false(engine_wants_sync(w->e));
	link_set(w, 2, "tmp0", uplink_mac, true, true);
	assert_true(engine_wants_sync(w->e));
	assert_false(engine_wants_sync(w->e));
	world_free(w);
}

/* K11: with the uplink down nothing is answered there, and `list` says so; back up, announced. */
static void test_uplink_down(void **state)
{
	struct world *w = world_new(&uplink);
	struct prefix p = P("2800:110:2::34");

	(void)state;
	link_set(w, 2, "eth0", uplink_mac, true, false);
	assert_int_equal(table_find(engine_table(w->e), &p)->silent, REASON_K11);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	assert_int_equal(table_find(engine_table(w->e), &p)->silent, REASON_ANSWERED);
	world_free(w);
}

/* N11: behind another port of a bond, or with another MAC, everybody is told anew where all are;
 * and of nothing else that may be told of an uplink. */
static void test_announce_anew(void **state)
{
	static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 5};
	const struct uplink_policy p = {.announce = 1};
	struct world *w = world_new(&p);
	struct link l = link_of(2, "eth0", uplink_mac, true, true);

	(void)state;
	assert_int_equal(tick_until(w, 10000), 2);
	engine_link(w->e, w->now, &l, true);
	assert_int_equal(tick_until(w, 20000), 0);
	l.notify_peers = true; /* two events of one fail-over: each is told once */
	engine_link(w->e, w->now, &l, true);
	engine_link(w->e, w->now, &l, true);
	assert_int_equal(tick_until(w, 30000), 2);
	l.notify_peers = false;
	engine_link(w->e, w->now, &l, true);
	assert_int_equal(tick_until(w, 40000), 0);
	memcpy(l.mac, other_mac, sizeof(l.mac));
	engine_link(w->e, w->now, &l, true);
	assert_int_equal(tick_until(w, 50000), 2);
	assert_memory_equal(w->sent[0].lladdr, other_mac, 6);
	l.notify_peers = true; /* without a carrier there is nobody to be told */
	l.running = false;
	engine_link(w->e, w->now, &l, true);
	assert_int_equal(tick_until(w, 60000), 0);
	l = link_of(11, "vif1", vif_mac, true, true); /* a guest knows no more than its router */
	l.notify_peers = true;
	engine_link(w->e, w->now, &l, true);
	assert_int_equal(tick_until(w, 70000), 0);
	world_free(w);
}

/* An interface that was away while events were lost has the same index, and a dead listener. */
static void test_away_unseen(void **state)
{
	const struct uplink_policy p = {.announce = 1};
	struct world *w = world_new(&p);
	struct msg m = ask("2800:110:2::1", "2800:110:2::34", router_mac);
	unsigned listening;

	(void)state;
	assert_int_equal(tick_until(w, 10000), 2);
	listening = w->listening;
	w->unbound = engine_iface(w->e, "eth0");
	link_set(w, 2, "eth0", uplink_mac, true, true);
	assert_int_equal(w->listening, listening);
	w->unbound = NULL;
	assert_true(engine_wants_sync(w->e)); /* its addresses are not told */
	kernel(w);
	assert_false(engine_wants_sync(w->e));
	assert_int_equal(tick_until(w, 20000), 2);
	w->unbound = engine_iface(w->e, "vif1"); /* and in the middle of a dump */
	w->nroutes = 0;
	engine_sync_begin(w->e);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	link_set(w, 11, "vif1", vif_mac, true, true);
	w->unbound = NULL;
	link_set(w, 12, "vif2", vif_mac, true, true);
	address(w, 2, "2800:110:2::3/64", false, true);
	engine_sync_end(w->e, w->now);
	assert_false(engine_wants_sync(w->e));
	assert_int_equal(w->nroutes, 3); /* none was in the dump */
	assert_int_equal(hear(w, "eth0", &m), REASON_ANSWERED);
	world_free(w);
}

/* A port of a bridge hears nothing: nothing is answered and nobody listens, until it is one no
 * more. */
static void test_bridged(void **state)
{
	const struct uplink_policy p = {.announce = 1};
	struct world *w = world_new(&p);
	struct prefix one34 = P("2800:110:2::34"), two36 = P("2800:110:2::36");
	struct link up = link_of(2, "eth0", uplink_mac, true, true),
		    vif = link_of(11, "vif1", vif_mac, true, true);
	const struct table *t = engine_table(w->e);
	unsigned listening = w->listening;

	(void)state;
	assert_int_equal(tick_until(w, 10000), 2);
	vif.bridged = true;
	engine_link(w->e, w->now, &vif, true);
	assert_int_equal(table_find(t, &one34)->silent, REASON_K04);
	assert_int_equal(w->listening, listening - 1);
	up.bridged = true;
	engine_link(w->e, w->now, &up, true);
	assert_int_equal(table_find(t, &two36)->silent, REASON_K11);
	assert_int_equal(w->listening, listening - 2);
	up.bridged = vif.bridged = false;
	engine_link(w->e, w->now, &up, true);
	engine_link(w->e, w->now, &vif, true);
	assert_int_equal(w->listening, listening);
	assert_int_equal(tick_until(w, 20000), 2);
	world_free(w);
}

/* Frames of other kinds of links are not Ethernet's: no uplink; a vif has routes and no listener.
 */
static void test_no_ethernet(void **state)
{
	struct world *w = world_new(&uplink);
	struct prefix one34 = P("2800:110:2::34");
	struct link up = link_of(2, "eth0", uplink_mac, true, true),
		    vif = link_of(11, "vif1", vif_mac, true, true);
	const struct listed *en = table_find(engine_table(w->e), &one34);
	unsigned listening = w->listening;

	(void)state;
	w->nroutes = 0;
	vif.ethernet = false;
	engine_link(w->e, w->now, &vif, true);
	assert_int_equal(w->nroutes, 0);
	assert_int_equal(en->silent, REASON_ANSWERED);
	assert_int_equal(w->listening, listening - 1);
	up.ethernet = false;
	engine_link(w->e, w->now, &up, true);
	assert_int_equal(en->silent, REASON_K11);
	assert_int_equal(w->listening, listening - 2);
	up.ethernet = vif.ethernet = true;
	engine_link(w->e, w->now, &up, true);
	engine_link(w->e, w->now, &vif, true);
	assert_int_equal(en->silent, REASON_ANSWERED);
	assert_int_equal(w->listening, listening);
	world_free(w);
}

/* A route of ours that we have lost sight of makes room for itself; of another's the kernel is
 * asked, a second later at most, however many there were before. */
static void test_route_exists(void **state)
{
	struct world *w = world_new(&uplink);
	struct prefix p = P("2800:110:2::34");
	const struct listed *en = table_find(engine_table(w->e), &p);
	struct route r = w->routes[0].r;

	(void)state;
	assert_true(prefix_equal(&r.dst, &p));
	for (unsigned n = 0; n < 5; n++) {
		w->nroutes = 0;
		engine_route_done(w->e, w->now, true, &r, -EEXIST, "");
		assert_int_equal(en->silent, REASON_ANSWERED);
		assert_int_equal(w->nroutes, 2);
		assert_true(!w->routes[0].add && w->routes[1].add);
		assert_true(prefix_equal(&w->routes[1].r.dst, &p) && w->routes[1].r.oif == r.oif);
		engine_route_done(w->e, w->now, false, &w->routes[0].r, -ESRCH, "");
		engine_route_done(w->e, w->now, true, &w->routes[1].r, -EEXIST, "");
		assert_int_equal(en->silent, REASON_K09);
		assert_true(engine_next(w->e) <= w->now + 1000);
		kernel(w);
		assert_int_equal(en->silent, REASON_ANSWERED);
	}
	world_free(w);
}

/* disable_ipv6: the kernel takes the route and refuses another; when it would not, it says so. */
static void test_family_up(void **state)
{
	struct world *w = world_new(&uplink);
	struct route r = w->routes[0].r;

	(void)state;
	w->nroutes = 0;
	engine_route(w->e, w->now, &r, false);
	assert_int_equal(w->nroutes, 1);
	engine_route_done(w->e, w->now, true, &r, -EACCES, "IPv6 is disabled");
	engine_family_up(w->e, w->now, 999);
	engine_family_up(w->e, w->now, 12);
	assert_int_equal(w->nroutes, 1);
	engine_family_up(w->e, w->now, 11);
	assert_int_equal(w->nroutes, 2);
	assert_true(w->routes[1].add && prefix_equal(&w->routes[1].r.dst, &r.dst));
	engine_family_up(w->e, w->now, 11);
	assert_int_equal(w->nroutes, 2);
	world_free(w);
}

/* Behind another uplink a guest's addresses are arrivals (N11). */
static void test_uplink_changed(void **state)
{
	static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 5};
	const struct uplink_policy p = {.announce = 1};
	struct world *w = world_new(&p);
	struct config_diff diff;
	struct spec s;
	char why[SPEC_WHY_MAX];

	(void)state;
	link_set(w, 5, "eth1", other_mac, true, true);
	tick_until(w, 10000);
	for (unsigned n = 0; n < 3; n++) {
		engine_config_begin(w->e, &routes, 1000);
		engine_config_uplink(w->e, n % 2 ? "eth1" : "eth0", &p);
		engine_config_uplink(w->e, n % 2 ? "eth0" : "eth1", &p);
		spec_init(&s, ORIGIN_CONFIG);
		assert_true(spec_set_name(&s, "one", why) && spec_set_vif(&s, "vif1", why) &&
			    spec_set_uplink(&s, n ? "eth1" : "eth0", why) &&
			    spec_add_prefix(&s, "2800:110:2::34", AF_INET6, why));
		assert_int_equal(engine_config_guest(w->e, w->now, &s), 0);
		engine_config_end(w->e, w->now, &diff);
		spec_free(&s);
		address(w, 5, "fe80::5/64", false, true);
		tick_until(w, w->now + 5000);
		assert_int_equal(w->nsent, n == 1); /* only when it has moved */
		if (n == 1)
			assert_string_equal(w->sent_on[0]->name, "eth1");
	}
	world_free(w);
}

/* --- probe and yield --- */

static const struct uplink_policy probing = {.announce = 2, .probe = true};
static const struct uplink_policy yielding = {.announce = 2, .yield = true};
static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 9}, lower_mac[6] = {2, 0, 0, 0, 0, 2};

static struct listed *entry(const struct world *w, const char *address)
{
	struct prefix p = P(address);
	struct listed *en = table_find(engine_table(w->e), &p);

	assert_non_null(en);
	return en;
}

/* Time goes by, a little at a time, and what is due is done. */
static void pass(struct world *w, unsigned ms)
{
	for (; ms; ms--, w->now++)
		engine_tick(w->e, w->now);
}

/* Frames sent since, of a kind, about an address (NULL: any). */
static size_t sent(const struct world *w, enum msg_kind kind, const char *target)
{
	size_t count = 0;

	for (size_t n = 0; n < w->nsent; n++) {
		struct addr t = target ? A(target) : w->sent[n].target;

		count += w->sent[n].kind == kind && addr_equal(&w->sent[n].target, &t);
	}
	return count;
}

/* Does the kernel have the host route, as far as it was told? */
static bool routed(const struct world *w, const char *address)
{
	struct prefix p = P(address);
	bool there = false;

	for (size_t n = 0; n < w->nroutes; n++)
		if (prefix_equal(&w->routes[n].r.dst, &p))
			there = w->routes[n].add;
	return there;
}

static struct msg announcement(const char *target, const uint8_t mac[6])
{
	struct msg m = {.kind = MSG_TELL, .target = A(target), .src = A("fe80::99")};

	m.announcement = m.override = true;
	memcpy(m.eth_src, mac, 6);
	return m;
}

static enum reason verdict(struct world *w, const char *target)
{
	struct msg m = ask("2800:110:2::1", target, router_mac);

	return engine_frame(w->e, w->now, engine_iface(w->e, "eth0"), &m);
}

static void add_four(struct world *w)
{
	static const char *const four[] = {"2800:110:2::44", "2001:db8:6::/64", NULL};

	w->nsent = w->nroutes = 0;
	guest(w, "four", "vif2", ORIGIN_COMMAND, four, false);
}

/* RFC 4862 section 5.4: asked for once; after a second without an answer it is ours. */
static void test_probe_passes(void **state)
{
	struct world *w = world_new(&probing);

	(void)state;
	pass(w, 5000);
	add_four(w);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_N11);
	assert_int_equal(
		verdict(w, "2001:db8:6::1"), REASON_ANSWERED); /* networks are not asked for */
	assert_false(routed(w, "2800:110:2::44"));
	w->nsent = 0;
	pass(w, 1000);
	assert_int_equal(sent(w, MSG_ASK, "2800:110:2::44"), 1);
	assert_int_equal(w->nsent, 1);
	assert_true(addr_is_unspecified(&w->sent[0].src));
	assert_memory_equal(w->sent[0].eth_src, uplink_mac, 6);
	assert_int_equal(entry(w, "2800:110:2::44")->silent, REASON_N11);
	w->nsent = 0;
	pass(w, 3000);
	assert_int_equal(sent(w, MSG_TELL, "2800:110:2::44"), 2);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_ANSWERED);
	assert_true(routed(w, "2800:110:2::44"));
	assert_int_equal(sent(w, MSG_ASK, NULL), 0);
	world_free(w);
}

/* Whoever tells of it, comes from it, or asks for it as well, has it. */
static void test_probe_conflicts(void **state)
{
	struct msg tell = announcement("2800:110:2::44", other_mac),
		   from = ask("2800:110:2::44", "2800:110:2::1", other_mac),
		   dad = ask("::", "2800:110:2::44", other_mac);
	const struct msg *const claims[] = {&tell, &from, &dad};

	(void)state;
	tell.announcement = false; /* an answer to the probe, O=0 or O=1 */
	tell.solicited = true;
	for (size_t n = 0; n < COUNT(claims); n++) {
		struct world *w = world_new(&probing);
		char why[SILENCE_MAX];

		pass(w, 5000);
		add_four(w);
		pass(w, 500);
		hear(w, "eth0", claims[n]);
		assert_int_equal(w->nsent, 0);
		assert_int_equal(verdict(w, "2800:110:2::44"), REASON_N12);
		pass(w, 5000);
		assert_int_equal(w->nsent, 0);
		assert_int_equal(verdict(w, "2800:110:2::44"), REASON_N12);
		assert_false(routed(w, "2800:110:2::44"));
		assert_string_equal(engine_silence(w->e, entry(w, "2800:110:2::44"), why),
			"02:00:00:00:00:09 has it on eth0, as a probe has found");
		/* said to be here: asked for again, and now nobody answers */
		engine_claim(w->e, w->now, entry(w, "2800:110:2::44"));
		assert_int_equal(verdict(w, "2800:110:2::44"), REASON_N11);
		pass(w, 1100);
		assert_int_equal(verdict(w, "2800:110:2::44"), REASON_ANSWERED);
		assert_true(routed(w, "2800:110:2::44"));
		world_free(w);
	}
}

/* Asked for when its vif comes up, and not where its route says that it was ours before a start,
 * nor again because the uplink was down or the configuration is read again. */
static void test_probe_when(void **state)
{
	struct world *w = world_new(&probing);
	struct route r = {.dst = P("2800:110:2::34"),
		.table = 254,
		.metric = 1024,
		.protocol = 168,
		.oif = 11,
		.source = A("2800:110:2::3")};

	(void)state;
	assert_int_equal(sent(w, MSG_ASK, NULL), 0);
	pass(w, 2000);
	assert_int_equal(sent(w, MSG_ASK, NULL), 2); /* one and two, which have no route yet */
	link_set(w, 12, "vif2", vif_mac, true, false);
	link_set(w, 12, "vif2", vif_mac, true, true);
	w->nsent = 0;
	pass(w, 2000);
	assert_int_equal(sent(w, MSG_ASK, "2800:110:2::36"), 1);
	assert_int_equal(verdict(w, "2800:110:2::36"), REASON_ANSWERED);
	link_set(w, 2, "eth0", uplink_mac, true, false);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	configure(w, &uplink);
	configure(w, &probing);
	w->nsent = 0;
	pass(w, 5000);
	assert_int_equal(sent(w, MSG_ASK, NULL), 0);
	assert_int_equal(verdict(w, "2800:110:2::36"), REASON_ANSWERED);
	world_free(w);

	w = calloc(1, sizeof(*w));
	w->now = 1000;
	w->sink = sink_to(w);
	w->policy = (struct vif_policy){ANSWER_ON_LINK, GUARD_ON, 1000, NULL, 0};
	w->e = engine_new(&daemon_codec, &w->sink, key);
	configure(w, &probing);
	engine_sync_begin(w->e);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	link_set(w, 11, "vif1", vif_mac, true, true);
	address(w, 2, "2800:110:2::3/64", false, true);
	engine_route(w->e, w->now, &r, true);
	engine_sync_end(w->e, w->now);
	assert_int_equal(verdict(w, "2800:110:2::34"), REASON_ANSWERED);
	world_free(w);
}

/* An uplink that goes down amid a probe: nobody could answer, so it is done again. */
static void test_probe_uplink_down(void **state)
{
	struct world *w = world_new(&probing);

	(void)state;
	pass(w, 5000);
	add_four(w);
	pass(w, 900);
	link_set(w, 2, "eth0", uplink_mac, true, false);
	pass(w, 500);
	assert_int_equal(entry(w, "2800:110:2::44")->silent, REASON_K11);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	w->nsent = 0;
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_N11);
	pass(w, 1100);
	assert_int_equal(sent(w, MSG_ASK, "2800:110:2::44"), 1);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_ANSWERED);
	world_free(w);
}

/* A guest that goes amid a probe leaves nothing behind. */
static void test_probe_deleted(void **state)
{
	static const char *const none[] = {NULL};
	struct world *w = world_new(&probing);

	(void)state;
	pass(w, 5000);
	add_four(w);
	pass(w, 100);
	guest(w, "four", "vif2", ORIGIN_COMMAND, none, false);
	w->nsent = 0;
	pass(w, 5000);
	assert_int_equal(w->nsent, 0);
	assert_int_equal(engine_next(w->e), UINT64_MAX);
	world_free(w);
}

/* N12: with `yield` an announcement of another host takes answers and route away ... */
static void test_yield(void **state)
{
	struct world *w = world_new(&yielding);
	struct msg m = announcement("2800:110:2::34", other_mac), weak = m, net = m;
	char why[SILENCE_MAX];

	(void)state;
	pass(w, 5000);
	assert_true(routed(w, "2800:110:2::34"));
	weak.override = false; /* an NA with O=0 only tells */
	assert_int_equal(hear(w, "eth0", &weak), REASON_N12);
	net.target = A("2001:db8:5::1"); /* and a network is never given up */
	assert_int_equal(hear(w, "eth0", &net), REASON_N12);
	pass(w, 10);
	assert_int_equal(verdict(w, "2800:110:2::34"), REASON_ANSWERED);
	assert_int_equal(verdict(w, "2001:db8:5::1"), REASON_ANSWERED);

	assert_int_equal(hear(w, "eth0", &m), REASON_N12);
	assert_int_equal(verdict(w, "2800:110:2::34"), REASON_N12);
	assert_int_equal(engine_next(w->e), 0); /* the route is to go */
	pass(w, 1);
	assert_false(routed(w, "2800:110:2::34"));
	pass(w, 60000);
	assert_int_equal(w->nsent, 0);
	assert_string_equal(engine_silence(w->e, entry(w, "2800:110:2::34"), why),
		"given up to 02:00:00:00:00:09, which announced it on eth0");

	/* ... which neither a reload nor the uplink brings back ... */
	configure(w, &yielding);
	link_set(w, 2, "eth0", uplink_mac, true, false);
	link_set(w, 2, "eth0", uplink_mac, true, true);
	pass(w, 10);
	assert_int_equal(verdict(w, "2800:110:2::34"), REASON_N12);
	/* ... but its vif that comes up, ... */
	link_set(w, 11, "vif1", vif_mac, true, false);
	link_set(w, 11, "vif1", vif_mac, true, true);
	assert_int_equal(verdict(w, "2800:110:2::34"), REASON_ANSWERED);
	pass(w, 5000);
	/* ... an `announce`, ... */
	hear(w, "eth0", &m);
	assert_true(engine_announce(w->e, w->now, entry(w, "2800:110:2::34")));
	assert_int_equal(verdict(w, "2800:110:2::34"), REASON_ANSWERED);
	assert_true(routed(w, "2800:110:2::34"));
	w->nsent = 0;
	pass(w, 5000);
	assert_int_equal(sent(w, MSG_TELL, "2800:110:2::34"), 2);
	/* ... and an `add`. */
	hear(w, "eth0", &m);
	engine_claim(w->e, w->now, entry(w, "2800:110:2::34"));
	assert_int_equal(verdict(w, "2800:110:2::34"), REASON_ANSWERED);
	world_free(w);

	/* without `yield` it is a conflict */
	w = world_new(&uplink);
	assert_int_equal(hear(w, "eth0", &m), REASON_N12);
	assert_int_equal(verdict(w, "2800:110:2::34"), REASON_ANSWERED);
	world_free(w);
}

/* H74: two announcements that cross on the wire, or ours still to come: one of the two has it. */
static void test_yield_crossing(void **state)
{
	struct world *w = world_new(&yielding);
	struct msg higher = announcement("2800:110:2::44", other_mac),
		   lower = announcement("2800:110:2::44", lower_mac);

	(void)state;
	pass(w, 5000);
	add_four(w); /* ours is about to leave: it will be the later one */
	hear(w, "eth0", &lower);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_ANSWERED);
	pass(w, 10); /* ours has just left, and theirs may be an old one, repeated */
	hear(w, "eth0", &lower);
	hear(w, "eth0", &higher);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_ANSWERED);
	pass(w, 1020); /* ours has been repeated: of two new ones that may have crossed, the lower
			*/
	hear(w, "eth0", &higher);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_ANSWERED);
	hear(w, "eth0", &lower);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_N12);

	/* one that nobody contested when it was new is old, however often repeated */
	engine_claim(w->e, w->now, entry(w, "2800:110:2::44"));
	pass(w, 1050);
	hear(w, "eth0", &higher);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_N12);
	w->nsent = 0;
	pass(w, 5000); /* and ours are not repeated any more */
	assert_int_equal(w->nsent, 0);

	/* and so is one that has been repeated for the last time */
	engine_claim(w->e, w->now, entry(w, "2800:110:2::44"));
	pass(w, 10);
	hear(w, "eth0", &higher);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_ANSWERED);
	pass(w, 3000);
	assert_int_equal(engine_next(w->e), UINT64_MAX);
	hear(w, "eth0", &higher);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_N12);
	world_free(w);
}

static void add_networks(struct world *w, const char *via)
{
	struct spec s;
	char why[SPEC_WHY_MAX];

	spec_init(&s, ORIGIN_COMMAND);
	assert_true(spec_set_name(&s, "six", why) && spec_set_vif(&s, "vif2", why) &&
		    spec_add_prefix(&s, "2800:110:2::61", AF_INET6, why) &&
		    spec_add_prefix(&s, "2800:110:2::62", AF_INET6, why) &&
		    spec_add_prefix(&s, "2001:db8:61::/64", AF_INET6, why) &&
		    (!via || spec_set_via(&s, via, AF_INET6, why)));
	assert_int_equal(engine_guest(w->e, w->now, &s), 0);
	spec_free(&s);
}

/* K08: a network by way of an address that is probed waits for it, and for nothing else. */
static void test_probe_via(void **state)
{
	struct world *w = world_new(&probing);

	(void)state;
	pass(w, 5000);
	w->nroutes = 0;
	add_networks(w, "2800:110:2::61");
	assert_false(routed(w, "2001:db8:61::/64"));
	assert_int_equal(verdict(w, "2001:db8:61::1"), REASON_N11);
	pass(w, 1010);
	assert_true(routed(w, "2800:110:2::61") && routed(w, "2001:db8:61::/64"));
	assert_true(w->routes[w->nroutes - 1].add);
	assert_int_equal(verdict(w, "2001:db8:61::1"), REASON_ANSWERED);
	world_free(w);
}

/* A guest's networks go with their next hop, or where there is none with the last of its addresses.
 */
static void test_yield_networks(void **state)
{
	static const char *const vias[] = {"2800:110:2::61", NULL};
	struct msg first = announcement("2800:110:2::61", other_mac),
		   second = announcement("2800:110:2::62", other_mac);

	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		struct world *w = world_new(&yielding);
		char why[SILENCE_MAX];

		pass(w, 5000);
		w->nroutes = 0;
		add_networks(w, vias[n]);
		pass(w, 5000);
		hear(w, "eth0", &first);
		pass(w, 1);
		assert_false(routed(w, "2800:110:2::61"));
		assert_int_equal(routed(w, "2001:db8:61::/64"), !vias[n]);
		hear(w, "eth0", &second);
		pass(w, 1);
		assert_false(routed(w, "2001:db8:61::/64"));
		assert_int_equal(verdict(w, "2001:db8:61::1"), REASON_N12);
		assert_string_equal(engine_silence(w->e, entry(w, "2001:db8:61::/64"), why),
			"2800:110:2::61 of its guest: given up to 02:00:00:00:00:09, which "
			"announced "
			"it on eth0");
		engine_claim(w->e, w->now, entry(w, "2800:110:2::61"));
		assert_true(routed(w, "2001:db8:61::/64"));
		assert_int_equal(verdict(w, "2001:db8:61::1"), REASON_ANSWERED);
		world_free(w);
	}
}

/* Somebody waits for a probe: it goes before announcements. And it ends with `probe`. */
static void test_probe_first(void **state)
{
	static const struct uplink_policy busy = {.announce = 10, .probe = true};
	struct world *w = world_new(&busy);
	struct msg dad = ask("::", "2800:110:2::44", other_mac);
	struct config_diff diff;

	(void)state;
	pass(w, 1500);
	engine_config_begin(w->e, &routes, 2); /* half a second between any two */
	engine_config_uplink(w->e, "eth0", &busy);
	guest(w, "one", "vif1", ORIGIN_CONFIG, one, true);
	guest(w, "two", "vif2", ORIGIN_CONFIG, two, true);
	engine_config_end(w->e, w->now, &diff);
	assert_true(engine_announce(w->e, w->now, entry(w, "2800:110:2::34")));
	assert_true(engine_announce(w->e, w->now, entry(w, "2800:110:2::36")));
	add_four(w);
	pass(w, 600);
	assert_int_equal(sent(w, MSG_ASK, "2800:110:2::44"), 1);
	hear(w, "eth0", &dad);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_N12);
	configure(w, &uplink);
	assert_int_equal(verdict(w, "2800:110:2::44"), REASON_ANSWERED);
	world_free(w);
}

static void on_pause_yield(struct world *w)
{
	struct msg m = announcement("2800:110:2::36", other_mac);

	engine_frame(w->e, w->now, engine_iface(w->e, "eth0"), &m);
}

/* Heard amid a walk over very many, when nothing but frames may be handed in. */
static void test_yield_in_walk(void **state)
{
	struct world *w = world_new(&yielding);
	static char text[5000][32];
	static const char *many[5001];

	(void)state;
	for (unsigned n = 0; n < 5000; n++) {
		snprintf(text[n], sizeof(text[n]), "2001:db8:7::%x", n + 1);
		many[n] = text[n];
	}
	pass(w, 5000);
	w->nroutes = 0;
	w->in_pause = on_pause_yield;
	many[2000] = NULL; /* routes fit */
	for (unsigned n = 0; n < 8; n++) {
		guest(w, "many", "vif1", ORIGIN_COMMAND, many, false);
		w->nroutes = w->nroutes > 3000 ? 0 : w->nroutes;
	}
	assert_true(w->pauses > 0);
	assert_int_equal(verdict(w, "2800:110:2::36"), REASON_N12);
	w->nroutes = 0;
	engine_tick(w->e, w->now);
	assert_int_equal(w->nroutes, 1);
	assert_false(routed(w, "2800:110:2::36"));
	world_free(w);
}

struct heard {
	const char *code;
	unsigned times;
};

static void hear_code(void *ctx, const char *code, const char *text)
{
	struct heard *h = ctx;

	(void)text;
	h->times += strcmp(code, h->code) == 0;
}

static unsigned warnings_at(const struct world *w, uint64_t now, const char *code)
{
	struct heard h = {code, 0};

	engine_warnings(w->e, now, hear_code, &h);
	return h.times;
}

/* What has happened is told for a minute. */
static void test_lost(void **state)
{
	const struct uplink_policy p = {.announce = 1};
	struct world *w = world_new(&p);
	struct iface *i = engine_iface(w->e, "eth0");

	(void)state;
	engine_lost(w->e, w->now, i, 0);
	assert_int_equal(warnings_at(w, w->now, "lost"), 0);
	engine_lost(w->e, w->now, i, 7);
	engine_lost(w->e, w->now, i, 2);
	engine_lost(w->e, w->now + 500, i, 0);
	assert_int_equal(i->counters.lost, 9);
	assert_int_equal(warnings_at(w, w->now + 59999, "lost"), 1);
	assert_int_equal(warnings_at(w, w->now + 60000, "lost"), 0);
	assert_int_equal(warnings_at(w, w->now, "overload"), 0);
	engine_overload(w->e, w->now, i);
	assert_int_equal(warnings_at(w, w->now + 59999, "overload"), 1);
	assert_int_equal(warnings_at(w, w->now + 60000, "overload"), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_guard_off),
		cmocka_unit_test(test_answer_modes),
		cmocka_unit_test(test_answer_fields),
		cmocka_unit_test(test_no_source),
		cmocka_unit_test(test_macs),
		cmocka_unit_test(test_guest_macs),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_looped_dad),
		cmocka_unit_test(test_routes_start),
		cmocka_unit_test(test_routes_read_back),
		cmocka_unit_test(test_routes_follow_vif),
		cmocka_unit_test(test_routes_source),
		cmocka_unit_test(test_routes_foreign),
		cmocka_unit_test(test_routes_without_gap),
		cmocka_unit_test(test_routes_move_refused),
		cmocka_unit_test(test_routes_restart_without_gap),
		cmocka_unit_test(test_routes_via),
		cmocka_unit_test(test_routes_via_other),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_guest_part),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_announce),
		cmocka_unit_test(test_announce_pace),
		cmocka_unit_test(test_announce_anew),
		cmocka_unit_test(test_away_unseen),
		cmocka_unit_test(test_bridged),
		cmocka_unit_test(test_no_ethernet),
		cmocka_unit_test(test_route_exists),
		cmocka_unit_test(test_family_up),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_resync_deaf),
		cmocka_unit_test(test_source_address),
		cmocka_unit_test(test_linklocal_is_per_link),
		cmocka_unit_test(test_covers_gateway),
		cmocka_unit_test(test_routes_replaced),
		cmocka_unit_test(test_routes_foreign_best),
		cmocka_unit_test(test_routes_silent),
		cmocka_unit_test(test_routes_replaced_as_ours),
		cmocka_unit_test(test_routes_late_answer),
		cmocka_unit_test(test_reload_between_origins),
		cmocka_unit_test(test_routes_configured_source),
		cmocka_unit_test(test_namesake_macs),
		cmocka_unit_test(test_rename_wants_sync),
		cmocka_unit_test(test_uplink_down),
		cmocka_unit_test(test_uplink_changed),
		cmocka_unit_test(test_probe_passes),
		cmocka_unit_test(test_probe_conflicts),
		cmocka_unit_test(test_probe_when),
		cmocka_unit_test(test_probe_uplink_down),
		cmocka_unit_test(test_probe_deleted),
		cmocka_unit_test(test_yield),
		cmocka_unit_test(test_yield_crossing),
		cmocka_unit_test(test_yield_in_walk),
		cmocka_unit_test(test_probe_via),
		cmocka_unit_test(test_yield_networks),
		cmocka_unit_test(test_probe_first),
		cmocka_unit_test(test_lost),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
