/*
 * ctl: see ctl.h. This half owns the socket: binds it, accepts, and knows who may change anything.
 * What a connection does is in ctl_client.c, and what several requests do together in ctl_batch.c.
 *
 * A socket whose name somebody has removed is of no use to anybody: inotify(7) tells of it, and it
 * is made again.
 *
 * When all places are taken, newcomers wait in the socket's backlog for one of them, and the client
 * that has been idle for longest gives its place up.
 */
#include "ctl.h"

#include <errno.h>
#include <ev.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl_client.h"
#include "log.h"

#define RETRY_SECONDS 0.5
#define BACKLOG       128
#define MAKE_SECONDS  2. /* between two tries to make the socket again */

struct ctl {
	int fd;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	dev_t dev; /* with ino: the socket that is ours at that path */
	ino_t ino;
	uid_t uid;
	gid_t gid;
	int watch; /* of inotify; -1: none to be had */
	int gone;  /* the socket is not at its path, and this -errno keeps it away; 0: it is */
	struct ctl_service service;
	struct log_limit limit;
	ev_io io;
	ev_timer retry; /* while paused */
	ev_io watch_io;
	ev_timer make; /* while it is gone */
};

/* Only root and the daemon's user change anything; the socket's group reads (DESIGN, Control). */
static bool peer_may_change(const struct ctl *ctl, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == 0 || cred.uid == ctl->uid;
}

static bool ctl_make_place(struct ctl *c)
{
	struct client *idlest;

	if (c->service.nclients - c->service.nwaiting < CTL_CLIENTS_MAX &&
		c->service.nclients < CTL_CLIENTS_MAX + CTL_WAITING_MAX)
		return true;
	idlest = client_idlest(&c->service);
	if (idlest)
		client_free(idlest);
	return idlest != NULL;
}

/* A client has left: whoever waits in the backlog is accepted. */
static void ctl_resume(void *ctl)
{
	struct ctl *c = ctl;

	ev_timer_stop(c->service.loop, &c->retry);
	if (c->gone == 0)
		ev_io_start(c->service.loop, &c->io);
}

/* Listens no more until a client leaves or the timer fires. */
static void ctl_pause(struct ctl *c)
{
	ev_io_stop(c->service.loop, &c->io);
	ev_timer_stop(c->service.loop, &c->retry);
	ev_timer_set(&c->retry, RETRY_SECONDS, 0.);
	ev_timer_start(c->service.loop, &c->retry);
}

static void ctl_ready(struct ev_loop *loop, ev_io *w, int events)
{
	struct ctl *c = w->data;
	int fd;

	(void)events;
	if (!ctl_make_place(c)) {
		ctl_pause(c);
		return;
	}
	fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		client_new(&c->service, fd, peer_may_change(c, fd));
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		if (log_limited(&c->limit, (uint64_t)(ev_now(loop) * 1000)))
			log_warning("cannot accept a control client: %m");
		ctl_pause(c);
	}
}

static void ctl_retry(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	ctl_resume(w->data);
}

/* Removes a left-over socket: one that nobody answers at. Returns 0 or -errno. */
static int leftover_remove(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, err;

	if (lstat(sun->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 ? errno : 0;
	close(fd);
	if (err == 0 || err == EAGAIN) /* EAGAIN: alive, with a full backlog */
		return -EADDRINUSE;
	if (err != ECONNREFUSED)
		return -err;
	return unlink(sun->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Binds with mode 0660 from the first moment on, and hands the socket over. */
static int ctl_bind(struct ctl *c, const struct sockaddr_un *sun)
{
	mode_t mask = umask(S_IXUSR | S_IXGRP | S_IRWXO);
	int err = bind(c->fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 ? -errno : 0;
	struct stat st;

	umask(mask);
	if (err < 0)
		return err;
	if (lstat(c->path, &st) < 0)
		return -errno;
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	if ((st.st_uid != c->uid || st.st_gid != c->gid) && lchown(c->path, c->uid, c->gid) < 0)
		return -errno;
	/* a name less, or another name: tells of itself by its inode */
	if (c->watch >= 0)
		inotify_add_watch(c->watch, c->path, IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
	return listen(c->fd, BACKLOG) < 0 ? -errno : 0;
}

static bool ctl_is_there(const struct ctl *c)
{
	struct stat st;

	return c->ino && lstat(c->path, &st) == 0 && st.st_dev == c->dev && st.st_ino == c->ino;
}

/* Makes the socket at its path and listens on it. 0 or -errno. */
static int ctl_make(struct ctl *c)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int err;

	strcpy(sun.sun_path, c->path);
	err = leftover_remove(&sun);
	if (err < 0)
		return err;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return c->fd < 0 ? -errno : ctl_bind(c, &sun);
}

/* Whoever is connected stays. */
static void ctl_make_again(struct ctl *c)
{
	ev_io_stop(c->service.loop, &c->io);
	if (c->fd >= 0)
		close(c->fd);
	c->ino = 0;
	c->gone = ctl_make(c);
	if (c->gone == 0) {
		log_warning("the control socket %s was gone, and is there again", c->path);
		ev_timer_stop(c->service.loop, &c->make);
		ev_io_set(&c->io, c->fd, EV_READ);
		ev_io_start(c->service.loop, &c->io);
	} else if (!ev_is_active(&c->make)) {
		log_error("the control socket %s is gone, and cannot be made: %s", c->path,
			strerror(-c->gone));
		ev_timer_start(c->service.loop, &c->make);
	}
}

static void ctl_make_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	ctl_make_again(w->data);
}

static void ctl_watched(struct ev_loop *loop, ev_io *w, int events)
{
	_Alignas(struct inotify_event) char buf[1024];
	struct ctl *c = w->data;

	(void)loop;
	(void)events;
	while (read(c->watch, buf, sizeof(buf)) > 0)
		;
	if (c->gone == 0 && !ctl_is_there(c))
		ctl_make_again(c);
}

int ctl_gone(const struct ctl *c)
{
	return c->gone;
}

int ctl_open(
	const char *path, uid_t uid, gid_t gid, const struct ctl_handler *handler, struct ctl **ret)
{
	struct ctl *c;
	int err;

	if (strlen(path) >= sizeof(c->path))
		return -ENAMETOOLONG;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	strcpy(c->path, path);
	c->uid = uid;
	c->gid = gid;
	c->fd = -1;
	c->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	c->limit = (struct log_limit){.what = "control errors", .burst = 1, .seconds = 60};
	c->service.handler = *handler;
	c->service.left = ctl_resume;
	c->service.ctl = c;
	TAILQ_INIT(&c->service.clients);
	batch_init(&c->service);
	err = ctl_make(c);
	if (err < 0) {
		ctl_close(c);
		return err;
	}
	*ret = c;
	return 0;
}

void ctl_reply(struct ctl *c, json_int_t number, json_t *reply)
{
	client_pay(&c->service, number, reply);
}

static void ctl_trim(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)w;
	(void)events;
	malloc_trim(0);
}

void ctl_start(struct ctl *c, struct ev_loop *loop)
{
	c->service.loop = loop;
	ev_timer_init(&c->service.trim, ctl_trim, 0., 0.);
	batch_start(&c->service);
	ev_io_init(&c->io, ctl_ready, c->fd, EV_READ);
	c->io.data = c;
	ev_timer_init(&c->retry, ctl_retry, 0., 0.);
	c->retry.data = c;
	ev_timer_init(&c->make, ctl_make_timer, MAKE_SECONDS, MAKE_SECONDS);
	c->make.data = c;
	ev_io_start(loop, &c->io);
	ev_io_init(&c->watch_io, ctl_watched, c->watch, EV_READ);
	c->watch_io.data = c;
	if (c->watch >= 0)
		ev_io_start(loop, &c->watch_io);
	else
		log_warning("the control socket is not watched: no inotify to be had");
}

void ctl_close(struct ctl *c)
{
	struct client *client;

	if (!c)
		return;
	while ((client = TAILQ_FIRST(&c->service.clients)))
		client_free(client);
	if (c->service.loop) {
		batch_stop(&c->service);
		ev_timer_stop(c->service.loop, &c->service.trim);
		ev_io_stop(c->service.loop, &c->io);
		ev_timer_stop(c->service.loop, &c->retry);
		ev_io_stop(c->service.loop, &c->watch_io);
		ev_timer_stop(c->service.loop, &c->make);
	}
	/* only ours: not what somebody has put in its place */
	if (ctl_is_there(c))
		unlink(c->path);
	if (c->watch >= 0)
		close(c->watch);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}
