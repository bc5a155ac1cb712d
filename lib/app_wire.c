/*
 * app_wire: the engine's effects carried out, and the kernel's events carried in.
 *
 * Effects are queued while an event is handled and carried out together in app_settle(), which
 * every entry point calls last: routes first, so that an answer never precedes its route by more
 * than a batch, then frames, then the timer.
 */
#include "app_private.h"
#include "command.h"
#include "host.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define ROUTES_MAX    65536 /* changes of routes that wait */
#define SETTLE_ROUNDS 4
#define SYNC_RETRY_S  1

uint64_t app_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- effects --- */

static void on_route_done(
	void *ctx, enum nl_op op, const struct route *r, int err, const char *text)
{
	const struct app *a = ctx;

	engine_route_done(a->engine, app_now(), op == NL_ROUTE_ADD, r, err, text);
}

static void on_route(void *ctx, bool add, const struct route *r)
{
	struct app *a = ctx;

	if (nl_route(a->wiring->nl, add ? NL_ROUTE_ADD : NL_ROUTE_DEL, r) < 0 && add)
		engine_route_done(a->engine, app_now(), add, r, -ENOMEM, "");
	/* at a million addresses the queue would be larger than the table */
	if (nl_queued(a->wiring->nl) >= ROUTES_MAX)
		nl_flush(a->wiring->nl, on_route_done, a);
}

static void on_expect(void *ctx, const struct prefix *p)
{
	const struct app *a = ctx;

	filter_expect(a->wiring->filter, p);
}

static void on_listed(void *ctx, const struct prefix *p, bool on)
{
	const struct app *a = ctx;

	if (on)
		filter_add(a->wiring->filter, p);
	else
		filter_del(a->wiring->filter, p);
}

static const struct vif_policy *on_vif_policy(void *ctx, const char *name)
{
	const struct app *a = ctx;

	return conf_vif_policy(a->conf, name);
}

static void on_note(void *ctx, bool warning, bool limited, const char *text)
{
	const struct app *a = ctx;

	if (!limited || log_limited(&a->wiring->limit, app_now()))
		log_level(warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s", text);
}

/* --- the kernel's events --- */

static void on_sync_begin(void *ctx)
{
	const struct app *a = ctx;

	engine_sync_begin(a->engine);
}

static void on_sync_end(void *ctx)
{
	const struct app *a = ctx;

	engine_sync_end(a->engine, app_now());
}

static void on_link(void *ctx, const struct link *l, bool present)
{
	const struct app *a = ctx;

	engine_link(a->engine, app_now(), l, present);
}

static void on_family_up(void *ctx, uint32_t index)
{
	const struct app *a = ctx;

	engine_family_up(a->engine, app_now(), index);
}

static void on_address(void *ctx, const struct hostaddr *h, bool present)
{
	const struct app *a = ctx;

	engine_address(a->engine, app_now(), h, present);
}

static void on_kernel_route(void *ctx, const struct route *r, bool present)
{
	const struct app *a = ctx;

	engine_route(a->engine, app_now(), r, present);
}

static void on_nexthop(void *ctx, uint32_t id)
{
	const struct app *a = ctx;

	engine_nexthop(a->engine, app_now(), id);
}

/* The kernel's tables could not be read: what we know may be old. Until it works, tried again. */
static void sync_failed(struct app *a, int err)
{
	struct wiring *w = a->wiring;

	w->sync_error = err;
	log_error("netlink: %s; the kernel's tables are read again in %d s", strerror(-err),
		SYNC_RETRY_S);
	ev_timer_stop(w->loop, &w->sync_timer);
	ev_timer_set(&w->sync_timer, SYNC_RETRY_S, 0);
	ev_timer_start(w->loop, &w->sync_timer);
}

static void sync_now(struct app *a)
{
	int r = nl_sync(a->wiring->nl);

	a->wiring->sync_error = 0;
	if (r < 0)
		sync_failed(a, r);
}

static void on_sync_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct app *a = timer->data;

	(void)loop;
	(void)events;
	sync_now(a);
	app_settle(a);
}

static void on_nl_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct app *a = io->data;
	int r = nl_receive(a->wiring->nl);

	(void)loop;
	(void)events;
	if (r < 0)
		sync_failed(a, r);
	app_settle(a);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct app *a = timer->data;

	(void)loop;
	(void)events;
	a->wiring->armed_for = UINT64_MAX;
	engine_tick(a->engine, app_now());
	app_settle(a);
}

struct filter_status app_filter(const struct app *a, const char **why)
{
	const struct wiring *w = a->wiring;

	*why = w->filter ? NULL : w->filter_why;
	return filter_status(w->filter);
}

struct warner {
	struct app *a;
	void (*each)(void *ctx, const char *code, const char *text);
	void *ctx;
};

static void warn_iface(void *ctx, struct iface *i)
{
	const struct warner *w = ctx;

	if (i->present && (i->is_uplink || i->nguests))
		host_check(w->a->codec, i->name, i->is_uplink, w->each, w->ctx);
}

static void warn_proxy(void *ctx, const struct addr *address, uint32_t index)
{
	const struct warner *w = ctx;
	const char *ifname = engine_ifname(w->a->engine, index);
	char at[ADDR_TEXT_MAX], text[256];

	if (!table_lookup_guest(engine_table(w->a->engine), address))
		return;
	addr_format(address, at);
	snprintf(text, sizeof(text),
		"the kernel's own proxy answers for %s as well; ip neigh del proxy %s dev %s", at,
		at, ifname ? ifname : "?");
	w->each(w->ctx, "K01", text);
}

void app_host_warnings(
	struct app *a, void (*each)(void *ctx, const char *code, const char *text), void *ctx)
{
	struct warner w = {a, each, ctx};
	int r;

	host_check(a->codec, NULL, false, each, ctx);
	engine_ifaces(a->engine, warn_iface, &w);
	r = nl_proxies(a->wiring->nl, warn_proxy, &w);
	if (r < 0 && log_limited(&a->wiring->limit, app_now()))
		log_error("netlink: cannot read the kernel's proxy entries: %s", strerror(-r));
}

void app_reply(struct app *a, json_int_t number, json_t *reply)
{
	ctl_reply(a->wiring->ctl, number, reply);
}

static void arm_timer(struct app *a)
{
	struct wiring *w = a->wiring;
	uint64_t next = engine_next(a->engine), now;

	if (next == w->armed_for)
		return;
	w->armed_for = next;
	ev_timer_stop(w->loop, &w->timer);
	if (next == UINT64_MAX)
		return;
	now = app_now();
	ev_now_update(w->loop);
	ev_timer_set(&w->timer, next > now ? (double)(next - now) / 1000 : 0, 0);
	ev_timer_start(w->loop, &w->timer);
}

void app_settle(struct app *a)
{
	struct wiring *w = a->wiring;

	nl_flush(w->nl, on_route_done, a);
	for (unsigned n = 0; n < SETTLE_ROUNDS && engine_wants_sync(a->engine); n++) {
		sync_now(a);
		nl_flush(w->nl, on_route_done, a);
	}
	listen_flush(a);
	arm_timer(a);
	yields_settle(a);
	command_settle(a);
}

/* --- life --- */

int wire_configure(struct app *a, struct conf *c, struct config_diff *ret)
{
	int r = 0;

	engine_config_begin(a->engine, &c->route, c->pace);
	engine_config_expect(a->engine, conf_addresses(c));
	for (size_t n = 0; n < c->nuplinks; n++)
		engine_config_uplink(a->engine, c->uplinks[n].name, &c->uplinks[n].policy);
	for (size_t n = 0; n < c->nguests; n++)
		if (engine_config_guest(a->engine, app_now(), &c->guests[n]) < 0)
			r = -ENOMEM;
	engine_config_end(a->engine, app_now(), ret);
	conf_release(c);
	malloc_trim(0); /* what a load of very many leaves would stay ours for ever */
	return r;
}

/* Without it all works, and costs more: `status` says so. */
static void open_filter(struct app *a, const uint8_t key[16])
{
	struct wiring *w = a->wiring;
	if (filter_open(a->codec->filter_program, conf_addresses(a->conf), key, &w->filter,
		    w->filter_why) < 0)
		log_info("no filter in the kernel: %s", w->filter_why);
}

int wire_open(struct app *a)
{
	struct wiring *w = a->wiring;
	const struct nl_handler handler = {.ctx = a,
		.sync_begin = on_sync_begin,
		.sync_end = on_sync_end,
		.link = on_link,
		.family_up = on_family_up,
		.address = on_address,
		.route = on_kernel_route,
		.nexthop = on_nexthop,
		.pause = app_pause};
	uint8_t key[16];

	w->sink = (struct sink){a, listen_send, on_route, listen_set, listen_hears, on_vif_policy,
		listen_kernel_answers, on_listed, on_expect, app_pause, on_note};
	w->limit = (struct log_limit){
		.what = "warnings about frames and routes", .burst = 10, .seconds = 10};
	LIST_INIT(&w->dirty);
	w->hearing = epoll_create1(EPOLL_CLOEXEC);
	if (w->hearing < 0)
		return -errno;
	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return -errno;
	open_filter(a, key);
	a->engine = engine_new(a->codec, &w->sink, key);
	if (!a->engine)
		return -ENOMEM;
	w->armed_for = UINT64_MAX;
	ev_timer_init(&w->timer, on_timer, 0, 0);
	/* frames first: one of them may say that an announcement which is due must not leave */
	ev_set_priority(&w->timer, EV_MINPRI);
	w->timer.data = a;
	ev_timer_init(&w->sync_timer, on_sync_timer, 0, 0);
	w->sync_timer.data = a;
	return nl_open(
		a->codec->family, a->conf->route.table, a->conf->route.protocol, &handler, &w->nl);
}

int wire_start(struct app *a)
{
	struct wiring *w = a->wiring;
	int r = nl_sync(w->nl);

	if (r < 0)
		return r;
	ev_io_init(&w->nl_io, on_nl_readable, nl_fd(w->nl), EV_READ);
	w->nl_io.data = a;
	/* what has happened comes before what was asked after it: an answer to a question behind a
	 * change of the uplink's MAC must not bear the old one */
	ev_set_priority(&w->nl_io, EV_MAXPRI);
	ev_io_start(w->loop, &w->nl_io);
	app_settle(a);
	return 0;
}

void wire_close(struct app *a)
{
	struct wiring *w = a->wiring;

	if (a->engine)
		listen_close_all(a);
	nl_close(w->nl);
	engine_free(a->engine);
	a->engine = NULL;
	filter_close(w->filter);
	if (w->hearing >= 0)
		close(w->hearing);
}
