/*
 * ctl_client: one connection of the control socket. Private to ctl.c and ctl_client.c.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <ev.h>
#include <sys/queue.h>

#include "ctl.h"

struct client;
TAILQ_HEAD(client_list, client);

/* What a client needs to know of the socket it came through. */
struct ctl_service {
	struct ev_loop *loop; /* NULL before ctl_start() */
	ctl_handler *handler;
	void *ctx;
	void (*left)(void *ctl); /* a client is gone: its place is free */
	void *ctl;
	struct client_list clients;
	unsigned nclients;
};

/* Takes over the accepted descriptor. A failure closes it. */
void client_new(struct ctl_service *service, int fd, bool may_change);
void client_free(struct client *c); /* closes it at once, without calling `left` */

/* The client that has been idle for longest, and for long enough to give its place up, or NULL. */
struct client *client_idlest(const struct ctl_service *service);

#endif
