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

struct wiring {
	struct ev_loop *loop;
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
bool listen_set(void *ctx, struct iface *i, bool on);
bool listen_hears(void *ctx, const struct iface *i);
bool listen_kernel_answers(void *ctx, const struct iface *i, bool here);
void listen_flush(struct app *a);
/* Answers questions until the descriptor is readable, and does nothing else. */
void listen_until(struct app *a, int fd);
/* Answers the questions that wait, where none were for a while: for long walks and long waits. */
void listen_pause(void *app);
void listen_close_all(struct app *a);

/* app_guests.c: run-time guests at start */
int guests_open(struct app *a); /* the set, and what it asks of the daemon; 0 or -errno */
int guests_load(struct app *a); /* the state directory; 0 or -errno */
void guests_close(struct app *a);

#endif
