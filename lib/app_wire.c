/*
 * app_wire: the engine's effects carried out, and the kernel's events carried in.
 *
 * Effects are queued while an event is handled and carried out together in app_settle(), which
 * every entry point calls last: routes first, so that an answer never precedes its route by more
 * than a batch, then frames, then the timer.
 */
#include "app_private.h"
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#define FD_RESERVE    16
#define ROUTES_MAX    4096 /* changes of routes that wait */
#define SETTLE_ROUNDS 4
#define SYNC_RETRY_S  1

uint64_t app_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- effects --- */

static void on_send(void *ctx, struct iface *i, const struct msg *m)
{
	struct app *a = ctx;
	struct listener *l = i->listener;
	uint8_t frame[MSG_FRAME_MAX];
	size_t len;

	if (!l) {
		engine_not_sent(a->engine, i, 1);
		return;
	}
	len = a->codec->encode(m, frame, sizeof(frame));
	packet_send(l->packet, frame, len);
	if (l->dirty)
		return;
	l->dirty = true;
	LIST_INSERT_HEAD(&a->wiring->dirty, l, next_dirty);
}

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

static void on_frame(void *ctx, const struct frame *f)
{
	struct listener *l = ctx;
	struct app *a = l->app;
	enum reason r = REASON_ANSWERED;
	struct msg m;

	if (f->has_vlan && (f->vlan_tci & 0xfff))
		r = REASON_H24;
	else if (f->other_host && f->len >= MAC_LEN)
		r = (f->data[0] & 1) || memcmp(f->data, l->iface->link.mac, MAC_LEN) == 0
			    ? REASON_H24
			    : REASON_H23;
	else if (f->truncated)
		r = REASON_H20;
	if (r == REASON_ANSWERED)
		r = a->codec->decode(f->data, f->len, f->csum_pending, &m);
	if (r == REASON_ANSWERED)
		engine_frame(a->engine, app_now(), l->iface, &m);
	else
		engine_drop(a->engine, l->iface, r);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct listener *l = io->data;

	(void)loop;
	(void)events;
	packet_receive(l->packet, on_frame, l);
	app_settle(l->app);
}

static void listener_close(struct app *a, struct iface *i)
{
	struct listener *l = i->listener;

	if (!l)
		return;
	i->listener = NULL;
	if (l->dirty)
		LIST_REMOVE(l, next_dirty);
	ev_io_stop(a->wiring->loop, &l->io);
	packet_close(l->packet);
	free(l);
}

/* Listeners leave some file descriptors for the control socket, dumps and state files. */
static bool has_room(int fd)
{
	struct rlimit l;

	return getrlimit(RLIMIT_NOFILE, &l) < 0 || (rlim_t)fd + FD_RESERVE < l.rlim_cur;
}

static int listener_open(struct app *a, struct iface *i)
{
	struct listener *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->app = a;
	l->iface = i;
	r = packet_open(i->link.index, a->codec->ethertype,
		i->is_uplink ? &a->codec->uplink_filter : &a->codec->vif_filter, &l->packet);
	if (r == 0 && !has_room(packet_fd(l->packet))) {
		packet_close(l->packet);
		r = -EMFILE;
	}
	if (r < 0) {
		free(l);
		return r;
	}
	i->listener = l;
	ev_io_init(&l->io, on_readable, packet_fd(l->packet), EV_READ);
	l->io.data = l;
	ev_io_start(a->wiring->loop, &l->io);
	return 0;
}

static bool on_listen(void *ctx, struct iface *i, bool on)
{
	struct app *a = ctx;
	int r;

	listener_close(a, i);
	if (!on)
		return false;
	r = listener_open(a, i);
	/* the interface may be gone again already; its event is on the way */
	if (r < 0 && r != -ENODEV && r != -ENXIO && log_limited(&a->wiring->limit, app_now()))
		log_error("cannot listen on %s: %s", i->name, strerror(-r));
	else if (r == 0)
		log_debug("listening on %s", i->name);
	return r == 0;
}

static const struct vif_policy *on_vif_policy(void *ctx, const char *name)
{
	const struct app *a = ctx;

	return conf_vif_policy(a->conf, name);
}

/* Asked only where a guest asks for an address of the host itself; an administrator may change it
 * at any time and nobody is told, so it is read again, once a second at most. */
static bool on_kernel_answers(void *ctx, const struct iface *i)
{
	struct app *a = ctx;
	struct listener *l = i->listener;
	uint64_t now = app_now();

	if (!l || !a->codec->host_answer_sysctl)
		return false;
	if (now >= l->kernel_answers_until) {
		l->kernel_answers = host_answers(a->codec, i->name);
		l->kernel_answers_until = now + 1000;
	}
	return l->kernel_answers;
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

/* The kernel's tables could not be read: what we know may be old. Until it works, tried again. */
static void sync_failed(struct app *a, int err)
{
	struct wiring *w = a->wiring;

	log_error("netlink: %s; the kernel's tables are read again in %d s", strerror(-err),
		SYNC_RETRY_S);
	ev_timer_stop(w->loop, &w->sync_timer);
	ev_timer_set(&w->sync_timer, SYNC_RETRY_S, 0);
	ev_timer_start(w->loop, &w->sync_timer);
}

static void sync_now(struct app *a)
{
	int r = nl_sync(a->wiring->nl);

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
	engine_tick(a->engine, app_now());
	app_settle(a);
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

static void flush_frames(struct app *a)
{
	struct listener *l;

	while ((l = LIST_FIRST(&a->wiring->dirty))) {
		unsigned lost = packet_flush(l->packet);

		LIST_REMOVE(l, next_dirty);
		l->dirty = false;
		if (lost)
			engine_not_sent(a->engine, l->iface, lost);
	}
}

static void arm_timer(struct app *a)
{
	struct wiring *w = a->wiring;
	uint64_t next = engine_next(a->engine), now = app_now();

	ev_timer_stop(w->loop, &w->timer);
	if (next == UINT64_MAX)
		return;
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
	flush_frames(a);
	arm_timer(a);
}

/* --- life --- */

int wire_configure(struct app *a, const struct conf *c, struct config_diff *ret)
{
	int r = 0;

	engine_config_begin(a->engine, &c->route, c->pace);
	for (size_t n = 0; n < c->nuplinks; n++)
		engine_config_uplink(a->engine, c->uplinks[n].name, &c->uplinks[n].policy);
	for (size_t n = 0; n < c->nguests; n++)
		if (engine_config_guest(a->engine, app_now(), &c->guests[n]) < 0)
			r = -ENOMEM;
	engine_config_end(a->engine, app_now(), ret);
	return r;
}

int wire_open(struct app *a)
{
	struct wiring *w = a->wiring;
	const struct nl_handler handler = {.ctx = a,
		.sync_begin = on_sync_begin,
		.sync_end = on_sync_end,
		.link = on_link,
		.address = on_address,
		.route = on_kernel_route};
	uint8_t key[16];

	w->sink = (struct sink){
		a, on_send, on_route, on_listen, on_vif_policy, on_kernel_answers, on_note};
	w->limit = (struct log_limit){
		.what = "warnings about frames and routes", .burst = 10, .seconds = 10};
	LIST_INIT(&w->dirty);
	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return -errno;
	a->engine = engine_new(a->codec, &w->sink, key);
	if (!a->engine)
		return -ENOMEM;
	ev_timer_init(&w->timer, on_timer, 0, 0);
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
	ev_io_start(w->loop, &w->nl_io);
	app_settle(a);
	return 0;
}

static void close_each(void *ctx, struct iface *i)
{
	listener_close(ctx, i);
}

void wire_close(struct app *a)
{
	struct wiring *w = a->wiring;

	if (a->engine)
		engine_ifaces(a->engine, close_each, a);
	nl_close(w->nl);
	engine_free(a->engine);
	a->engine = NULL;
}
