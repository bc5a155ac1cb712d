/*
 * ctl: the control socket's server side.
 *
 * A stream socket of the UNIX domain. One request is one JSON object on one line, and so is its
 * reply; a client may send several requests one after another on one connection, and each is
 * answered in order. The object's "command" says which; what the others mean is lib/command.h's.
 * A client costs bounded memory: at most CTL_CLIENTS_MAX at once (and CTL_WAITING_MAX of those who
 * wait for a reply that comes later, and take nobody's place), CTL_LINE_MAX bytes a request; one
 * that does not read its replies is not read from either, and delays nobody else. A request with
 * more arrays, objects and keys than any has (64) is refused unread.
 *
 * Requests that wait together, of one client or of several, can be answered together: those that
 * the handler wants to join are collected over one turn of the event loop, CTL_BATCH_MAX at most,
 * and handed over at its end, or before any other request is answered.
 */
#ifndef CTL_H
#define CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CTL_CLIENTS_MAX 64
#define CTL_WAITING_MAX 1024 /* clients that wait for a reply, besides */
#define CTL_LINE_MAX    (1024 * 1024)
#define CTL_BATCH_MAX   4096

struct ctl;
struct ev_loop;

/*
 * may_change: the peer is root or the daemon's user. Replies are new references; NULL: no memory. A
 * reply that would be very large as a tree may be the text of one, as a JSON string. One to an
 * answer_all() that is a JSON integer stands for a reply that comes later, by ctl_reply() with that
 * number; the client has its replies in order, and what does not join is not answered until then.
 */
struct ctl_handler {
	void *ctx;
	json_t *(*answer)(void *ctx, const json_t *request, bool may_change);
	/* Is it to be answered together with others? Of those that may change something alone. */
	bool (*joins)(void *ctx, const json_t *request);
	/* Answers n requests, in order: replies[i] to requests[i]. */
	void (*answer_all)(void *ctx, json_t *const *requests, json_t **replies, size_t n);
};

/*
 * Binds the socket at path (mode 0660; a left-over of an earlier daemon is replaced, a live one is
 * -EADDRINUSE) and listens. The handler is copied. uid and gid: whose the socket is, and who
 * besides root may change anything. Returns 0 and *ret, or -errno.
 */
int ctl_open(const char *path, uid_t uid, gid_t gid, const struct ctl_handler *handler,
	struct ctl **ret);
/* A reply that was owed (takes the reference); nothing happens where the client has gone. */
void ctl_reply(struct ctl *c, json_int_t number, json_t *reply);
void ctl_start(struct ctl *c, struct ev_loop *loop);
/* The socket is watched: where somebody removes it, it is made again, at once or as soon as it can
 * be. 0, or the -errno that keeps it from being there. */
int ctl_gone(const struct ctl *c);
void ctl_close(struct ctl *c); /* removes the socket */

#endif
