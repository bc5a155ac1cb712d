/*
 * ctl_client: one connection of the control socket. Private to ctl.c and ctl_*.c.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <ev.h>
#include <sys/queue.h>

#include "ctl.h"

struct client;
TAILQ_HEAD(client_list, client);

/* Requests that wait to be answered together, and who waits for the replies. */
struct batch {
	ev_prepare turn; /* ends it */
	struct client_list waiting;
	size_t n;
	struct client *client[CTL_BATCH_MAX]; /* NULL: gone meanwhile */
	json_t *request[CTL_BATCH_MAX], *reply[CTL_BATCH_MAX];
	unsigned wanting; /* clients that wanted to join in this turn */
	size_t share;     /* of the batch, for one client, as many as wanted to join the last one */
};

/* What a client needs to know of the socket it came through. */
struct ctl_service {
	struct ev_loop *loop; /* NULL before ctl_start() */
	struct ctl_handler handler;
	void (*left)(void *ctl); /* a client is gone: its place is free */
	void *ctl;
	struct client_list clients;
	unsigned nclients, nwaiting; /* of them, for replies that come later */
	bool long_line;              /* one has been read in this turn of the loop */
	ev_timer trim;               /* gives back what long lines took of the heap */
	struct batch batch;
};

/* Takes over the accepted descriptor. A failure closes it. */
void client_new(struct ctl_service *service, int fd, bool may_change);
void client_free(struct client *c); /* closes it at once, without calling `left` */

/* The client that has been idle for longest, and for long enough to give its place up, or NULL. */
struct client *client_idlest(const struct ctl_service *service);

/* For a batch that has ended: a reply (takes the reference), and on with the next requests. */
void client_answered(struct client *c, json_t *reply);
void client_resume(struct client *c);
void client_pay(struct ctl_service *service, json_int_t number, json_t *reply); /* ctl_reply() */

/* ctl_request.c */
/* The object that a line is, or NULL, and a reply that says why not (NULL: no memory). */
json_t *request_read(const char *line, size_t len, json_t **ret_refusal);
json_t *request_refused(const char *text); /* a reply; NULL: no memory */

/* ctl_batch.c */
void batch_init(struct ctl_service *service);
void batch_start(struct ctl_service *service);
void batch_stop(struct ctl_service *service);
/* Takes the reference to the request. False: no room in this turn (and no reference taken). */
bool batch_join(struct ctl_service *service, struct client *c, json_t *request);
/* Has what waits answered. Clients are resumed at the end of the turn. */
void batch_end(struct ctl_service *service);
/* Forgets a client, though not its requests. */
void batch_forget(struct ctl_service *service, const struct client *c);

#endif
