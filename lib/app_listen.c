/*
 * app_listen: the listeners: a packet socket for each uplink, and each vif with guests.
 *
 * One is opened and closed as the engine says (listen_set), and hangs on its struct iface. Frames
 * to send are queued in it and flushed when the event that made them has been handled.
 */
#include "app_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "host.h"

#define FD_RESERVE          16
#define HEARD_MAX           16     /* listeners that are heard at a time outside the loop */
#define PAUSE_MS            2      /* between two pauses that are made use of */
#define MODERATION_RATE     50000  /* frames a second from which on turns are spaced ... */
#define MODERATION_INTERVAL 200e-6 /* ... by this many seconds */
#define SHED_FROM           1536 /* frames that wait, after a hiccup: the ring has room for it ... */
#define SHED_AGAIN          256 /* ... and where it has just happened: a short queue is a fast one */
#define SHED_UNTIL          128
#define SHED_MS             100  /* what "just" means */
#define MODERATION_MS       4    /* over which frames are counted */
#define COUNT_MS            1000 /* between two looks at what was lost, while much comes */

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
		engine_frame(a->engine, l->now, l->iface, &m);
	else
		engine_drop(a->engine, l->iface, r);
}

/*
 * A queue that grows is cut off in the kernel until it is short again. Every frame costs the CPU
 * before it gets here; so at twice what can be answered, those that only wait to be lost would take
 * most of the time from those that are answered.
 */
static void shed(struct listener *l, bool full_batch)
{
	unsigned from = l->now < l->crowded_until ? SHED_AGAIN : SHED_FROM;
	bool on = l->shedding ? packet_behind(l->packet, SHED_UNTIL)
			      : full_batch && packet_behind(l->packet, from);

	if (on)
		l->crowded_until = l->now + SHED_MS;
	if (on && l->app->wiring->filter)
		engine_overload(l->app->engine, l->now, l->iface);
	if (on == l->shedding)
		return;
	l->shedding = on;
	filter_shed(l->app->wiring->filter, l->index, on);
}

static void count_lost(struct listener *l)
{
	l->counted = l->now;
	engine_lost(l->app->engine, l->now, l->iface, packet_lost(l->packet));
}

/* One batch at most; returns how many frames it had. */
static int hear(struct listener *l)
{
	int frames;

	l->now = app_now();
	frames = packet_receive(l->packet, on_frame, l);
	shed(l, frames == PACKET_BATCH);
	if (frames == PACKET_BATCH && l->now - l->counted >= COUNT_MS)
		count_lost(l);
	return frames;
}

/*
 * As a network card moderates its interrupts: at thousands of frames a second each of them would
 * wake us, so we look less often and find several. Never behind a full batch, where more wait.
 */
static void moderate(struct app *a, int frames)
{
	struct moderation *m = &a->wiring->moderation;
	uint64_t now = app_now();

	m->frames += frames > 0 ? (unsigned)frames : 0;
	if (now - m->since >= MODERATION_MS) {
		m->busy = m->frames >= MODERATION_RATE / 1000 * (now - m->since);
		m->since = now;
		m->frames = 0;
	}
	ev_set_io_collect_interval(
		a->wiring->loop, m->busy && frames < PACKET_BATCH ? MODERATION_INTERVAL : 0.);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct listener *l = io->data;
	int frames = hear(l);

	(void)loop;
	(void)events;
	app_settle(l->app);
	moderate(l->app, frames);
}

static void listener_close(struct app *a, struct iface *i)
{
	struct listener *l = i->listener;

	if (!l)
		return;
	i->listener = NULL;
	l->now = app_now();
	count_lost(l);
	if (l->shedding)
		filter_shed(a->wiring->filter, l->index, false);
	if (l->dirty)
		LIST_REMOVE(l, next_dirty);
	ev_io_stop(a->wiring->loop, &l->io);
	epoll_ctl(a->wiring->hearing, EPOLL_CTL_DEL, packet_fd(l->packet), NULL);
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
	l->index = i->link.index;
	r = packet_open(i->link.index, a->codec->ethertype,
		i->is_uplink ? &a->codec->uplink_filter : &a->codec->vif_filter,
		i->is_uplink ? filter_fd(a->wiring->filter) : -1, i->is_uplink, &l->packet);
	if (r == 0 && !has_room(packet_fd(l->packet))) {
		packet_close(l->packet);
		r = -EMFILE;
	}
	if (r < 0) {
		free(l);
		return r;
	}
	i->listener = l;
	epoll_ctl(a->wiring->hearing, EPOLL_CTL_ADD, packet_fd(l->packet),
		&(struct epoll_event){.events = EPOLLIN, .data.ptr = l});
	ev_io_init(&l->io, on_readable, packet_fd(l->packet), EV_READ);
	l->io.data = l;
	ev_io_start(a->wiring->loop, &l->io);
	return 0;
}

int listen_set(void *ctx, struct iface *i, bool on)
{
	struct app *a = ctx;
	int r;

	listener_close(a, i);
	if (!on)
		return 0;
	r = listener_open(a, i);
	/* the interface may be gone again already; its event is on the way */
	if (r < 0 && r != -ENODEV && r != -ENXIO && log_limited(&a->wiring->limit, app_now()))
		log_error("cannot listen on %s: %s", i->name, strerror(-r));
	else if (r == 0)
		log_debug("listening on %s", i->name);
	return r;
}

bool listen_hears(void *ctx, const struct iface *i)
{
	const struct listener *l = i->listener;

	(void)ctx;
	return l && packet_is_bound(l->packet);
}

void listen_send(void *ctx, struct iface *i, const struct msg *m)
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

/* Asked only where a guest asks for an address of the host itself; an administrator may change it
 * at any time and nobody is told, so it is read again, once a second at most. */
bool listen_kernel_answers(void *ctx, const struct iface *i, bool here)
{
	struct app *a = ctx;
	struct listener *l = i->listener;
	uint64_t now = app_now();

	if (!a->codec->host_answer_sysctl || !l)
		return here;
	if (now >= l->kernel_answers_until) {
		l->kernel_answers = host_answers(a->codec, i->name);
		l->kernel_answers_until = now + 1000;
	}
	return l->kernel_answers == HOST_ANSWERS_ALL ||
	       (here && l->kernel_answers == HOST_ANSWERS_HERE);
}

void listen_flush(struct app *a)
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

/* Outside the loop: frames are answered, and nothing else happens. */
static void hear_all(struct app *a, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++)
		if (events[i].data.ptr)
			hear(events[i].data.ptr);
	listen_flush(a);
}

void listen_until(struct app *a, int fd)
{
	struct epoll_event events[HEARD_MAX], done = {.events = EPOLLIN};
	bool over = epoll_ctl(a->wiring->hearing, EPOLL_CTL_ADD, fd, &done) < 0;

	while (!over) {
		int n = epoll_wait(a->wiring->hearing, events, HEARD_MAX,
			notify_wait(&a->wiring->notify, app_now()));

		over = n < 0 && errno != EINTR;
		for (int i = 0; i < n; i++)
			over |= !events[i].data.ptr;
		hear_all(a, events, n);
		notify_alive(&a->wiring->notify, app_now());
	}
	epoll_ctl(a->wiring->hearing, EPOLL_CTL_DEL, fd, NULL);
}

void app_pause(void *app)
{
	struct app *a = app;
	struct epoll_event events[HEARD_MAX];
	uint64_t now = app_now();

	if (now < a->wiring->paused + PAUSE_MS)
		return;
	a->wiring->paused = now;
	notify_alive(&a->wiring->notify, now);
	hear_all(a, events, epoll_wait(a->wiring->hearing, events, HEARD_MAX, 0));
}

static void count_each(void *ctx, struct iface *i)
{
	struct listener *l = i->listener;

	(void)ctx;
	if (!l)
		return;
	l->now = app_now();
	count_lost(l);
}

void app_count_lost(struct app *a)
{
	engine_ifaces(a->engine, count_each, a);
}

static void close_each(void *ctx, struct iface *i)
{
	listener_close(ctx, i);
}

void listen_close_all(struct app *a)
{
	engine_ifaces(a->engine, close_each, a);
	packet_close_wait();
}
