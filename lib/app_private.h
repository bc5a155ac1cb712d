/* app: what its files share. Nobody else includes this. */
#ifndef APP_PRIVATE_H
#define APP_PRIVATE_H

#include <ev.h>

#include "app.h"
#include "ctl.h"
#include "filter.h"
#include "host.h"
#include "log.h"
#include "nl.h"
#include "packet.h"

struct listener {
	struct app *app;
	struct iface *iface;
	struct packet *packet;
	uint32_t index;                   /* of the interface that it hears */
	uint64_t now;                     /* ms: when the batch being handled was read */
	uint64_t crowded_until;           /* ms: it has been shedding just before */
	uint64_t counted;                 /* ms: when it was asked last for what was lost */
	bool shedding;                    /* the filter drops what comes, for there is too much */
	bool dirty;                       /* frames wait to be flushed */
	enum host_answers kernel_answers; /* as of before kernel_answers_until (ms) */
	uint64_t kernel_answers_until;
	LIST_ENTRY(listener) next_dirty;
	ev_io io;
};

struct moderation {
	uint64_t since; /* ms */
	unsigned frames;
	bool busy;
};

/* The service manager. */
struct notify {
	bool ready;
	uint64_t interval; /* ms between two signs of life that it wants; 0: it wants none */
	uint64_t told;     /* when the last one was given, ms */
	ev_timer timer;
};

struct wiring {
	struct ev_loop *loop;
	struct notify notify;
	struct sink sink;
	struct nl *nl;
	struct ctl *ctl;
	struct filter *filter; /* NULL: the sockets have the classic one */
	char filter_why[FILTER_WHY_MAX];
	LIST_HEAD(, listener) dirty;
	int hearing;     /* an epoll of all listeners, for when the loop does not go round; -1 */
	uint64_t paused; /* when questions were answered last without it, ms */
	struct log_limit limit;
	struct moderation moderation;
	ev_io nl_io;
	ev_timer timer;
	uint64_t armed_for; /* when `timer` fires, ms; UINT64_MAX: it does not */
	ev_timer sync_timer;
	int sync_error; /* the kernel's tables could not be read: -errno; 0: they were */
	ev_signal sighup, sigterm, sigint;
};

/* app_wire.c: the sink, netlink, the timers */
int wire_open(struct app *a);  /* 0 or -errno: engine and netlink */
int wire_start(struct app *a); /* reads the kernel's tables, starts to listen; 0 or -errno */
void wire_close(struct app *a);
/* Hands the configuration to the engine; its guests are then the engine's alone. */
int wire_configure(struct app *a, struct conf *c, struct config_diff *ret);

/* app_listen.c: what the sink has to do with listeners */
void listen_send(void *ctx, struct iface *i, const struct msg *m);
int listen_set(void *ctx, struct iface *i, bool on);
bool listen_hears(void *ctx, const struct iface *i);
bool listen_kernel_answers(void *ctx, const struct iface *i, bool here);
void listen_flush(struct app *a);
/* Answers questions until the descriptor is readable, and does nothing else. */
void listen_until(struct app *a, int fd);
void listen_close_all(struct app *a);

/* app_yields.c: what was given up to other hosts, at start and kept */
void yields_load(struct app *a);
void yields_settle(struct app *a);
/* app_notify.c: the service manager, where there is one */
void notify_init(struct notify *n); /* before the start: it may take long */
void notify_ready(struct notify *n, struct ev_loop *loop);
void notify_reloading(void);
void notify_reloaded(const char *failure); /* NULL: the new configuration is in force */
void notify_stopping(struct notify *n, struct ev_loop *loop, const char *status);
/* Where the loop does not go round for long: a sign of life, if it is time for one. */
void notify_alive(struct notify *n, uint64_t now);
int notify_wait(const struct notify *n, uint64_t now); /* ms until then; -1: for ever */

/* app_guests.c: run-time guests at start */
uint32_t app_ifindex(void *app, const char *name); /* the kernel's, as of now; 0: absent */
int guests_open(struct app *a); /* the set, and what it asks of the daemon; 0 or -errno */
int guests_load(struct app *a); /* the state directory; 0 or -errno */
void guests_close(struct app *a);

#endif
