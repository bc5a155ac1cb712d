/*
 * ctl: the control socket's server side.
 *
 * A stream socket of the UNIX domain. One request is one JSON object on one line, and so is its
 * reply; a client may send several requests one after another on one connection, and each is
 * answered in order. The object's "command" says which; what the others mean is lib/command.h's.
 * A client costs bounded memory: at most CTL_CLIENTS_MAX at once, CTL_LINE_MAX bytes a request; one
 * that does not read its replies is not read from either, and delays nobody else.
 */
#ifndef CTL_H
#define CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CTL_CLIENTS_MAX 64
#define CTL_LINE_MAX    (1024 * 1024)

struct ctl;
struct ev_loop;

/* Answers one request. may_change: the peer is root or the daemon's user. Returns a new reference.
 */
typedef json_t *ctl_handler(void *ctx, const json_t *request, bool may_change);

/*
 * Binds the socket at path (mode 0660; a left-over of an earlier daemon is replaced, a live one is
 * -EADDRINUSE) and listens. uid and gid: whose the socket is, and who besides root may change
 * anything. Returns 0 and *ret, or -errno.
 */
int ctl_open(
	const char *path, uid_t uid, gid_t gid, ctl_handler *handler, void *ctx, struct ctl **ret);
void ctl_start(struct ctl *c, struct ev_loop *loop);
void ctl_close(struct ctl *c); /* removes the socket */

#endif
