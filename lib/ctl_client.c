/*
 * ctl_client: see ctl_client.h. Life cycle: accepted, read, its lines answered one after another,
 * closed when it has closed its side and has its replies, or at the first failure.
 *
 * Nobody waits for anybody: a client whose reply does not fit into the socket is not read until it
 * does (so it holds one reply, or those of a batch), and a turn answers REQUESTS_A_TURN at most, or
 * a share of a batch, or as many as TURN_NS are enough for, and lets the loop go round. Of long
 * lines, which take milliseconds to read, there is one a turn, whosever it is.
 */
#include "ctl_client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUESTS_A_TURN 64
#define IDLE_SECONDS    3.0
#define TURN_NS         1000000
#define LONG_LINE       (16 * 1024)
#define TRIM_SECONDS    1.
#define INPUT_MIN       4096
#define INPUT_A_TURN    (384 * 1024)
#define BUFFER_KEEP     (64 * 1024) /* of an idle client's buffers */
#define LINGER_BYTES    (64 * CTL_LINE_MAX)

/* What a client's side still does. */
enum side {
	SIDE_OPEN,   /* sends requests */
	SIDE_CLOSED, /* has sent the last one */
	SIDE_REFUSED /* what it sends is thrown away */
};

/* A reply that comes later (its number instead), or that must not leave before one that does. */
struct owed {
	json_t *reply;
	STAILQ_ENTRY(owed) next;
};

struct client {
	TAILQ_ENTRY(client) link, wait;
	struct ctl_service *service;
	int fd;
	bool may_change;
	enum side side;
	ev_io io;
	ev_timer again; /* more lines are there than one turn answers */
	bool more;      /* perhaps so */
	bool lost;      /* for want of memory */
	size_t joined;  /* requests in the batch */
	STAILQ_HEAD(, owed) owed;
	size_t nowed;
	bool blocked; /* the next request must wait until nothing is owed */
	bool waiting; /* for the end of the turn */
	ev_tstamp active;
	char *in; /* [head, len) is unanswered, and up to `scanned` there is no newline in it */
	size_t in_head, in_len, in_scanned, in_size;
	char *out;
	size_t out_len, out_sent, out_size;
	size_t thrown_away;
};

static json_t *owed_take(struct client *c)
{
	struct owed *o = STAILQ_FIRST(&c->owed);
	json_t *reply = o->reply;

	STAILQ_REMOVE_HEAD(&c->owed, next);
	free(o);
	if (--c->nowed == 0)
		c->service->nwaiting--;
	return reply;
}

static int owed_add(struct client *c, json_t *reply)
{
	struct owed *o = malloc(sizeof(*o));

	if (!o) {
		json_decref(reply);
		return -ENOMEM;
	}
	o->reply = reply;
	STAILQ_INSERT_TAIL(&c->owed, o, next);
	if (c->nowed++ == 0) {
		c->service->nwaiting++;
		c->service->left(c->service->ctl); /* its place, to somebody else */
	}
	return 0;
}

void client_free(struct client *c)
{
	struct ctl_service *service = c->service;

	ev_io_stop(service->loop, &c->io);
	ev_timer_stop(service->loop, &c->again);
	TAILQ_REMOVE(&service->clients, c, link);
	service->nclients--;
	if (c->waiting)
		TAILQ_REMOVE(&service->batch.waiting, c, wait);
	if (c->joined)
		batch_forget(service, c);
	while (!STAILQ_EMPTY(&c->owed))
		json_decref(owed_take(c));
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

static void client_leave(struct client *c)
{
	struct ctl_service *service = c->service;

	client_free(c);
	service->left(service->ctl);
}

static void client_watch(struct client *c, int events)
{
	if ((c->io.events & (EV_READ | EV_WRITE)) == events && ev_is_active(&c->io))
		return;
	ev_io_stop(c->service->loop, &c->io);
	ev_io_set(&c->io, c->fd, events);
	ev_io_start(c->service->loop, &c->io);
}

/* Sends what it can. Returns 0 where all is sent, -EAGAIN, or -errno where the client is lost. */
static int client_send(struct client *c)
{
	while (c->out_sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		c->out_sent += (size_t)n;
		c->active = ev_now(c->service->loop);
	}
	c->out_len = c->out_sent = 0;
	if (c->out_size > BUFFER_KEEP) {
		free(c->out);
		c->out = NULL;
		c->out_size = 0;
	}
	return 0;
}

static bool client_out_room(struct client *c, size_t n)
{
	size_t size = c->out_size ? c->out_size : 256;
	char *out;

	if (n <= c->out_size - c->out_len)
		return true;
	while (size - c->out_len < n)
		size *= 2;
	out = realloc(c->out, size);
	if (!out)
		return false;
	c->out = out;
	c->out_size = size;
	return true;
}

static int client_put(const char *text, size_t len, void *client)
{
	struct client *c = client;

	if (!client_out_room(c, len))
		return -1;
	memcpy(c->out + c->out_len, text, len);
	c->out_len += len;
	return 0;
}

/* Makes the reply ready to send; takes the reference. Returns 0 or -ENOMEM. */
static int client_reply(struct client *c, json_t *reply)
{
	int err = !reply;

	if (json_is_string(reply)) /* ready made (ctl.h) */
		err = client_put(json_string_value(reply), json_string_length(reply), c) < 0;
	else if (reply)
		err = json_dump_callback(reply, client_put, c, JSON_COMPACT) < 0;
	err = err || client_put("\n", 1, c) < 0;

	json_decref(reply);
	return err ? -ENOMEM : 0;
}

/* A client that joins waits for the end of the turn. False: not in this one. */
static bool client_join(struct client *c, json_t *request)
{
	struct batch *b = &c->service->batch;

	b->wanting += !c->waiting;
	if (!c->waiting)
		TAILQ_INSERT_TAIL(&b->waiting, c, wait);
	c->waiting = true;
	if (c->joined >= b->share || !batch_join(c->service, c, request)) {
		c->more = true;
		return false;
	}
	c->joined++;
	return true;
}

void client_answered(struct client *c, json_t *reply)
{
	c->joined--;
	if (!reply)
		reply = request_refused("out of memory");
	if (json_is_integer(reply) || c->nowed)
		c->lost |= owed_add(c, reply) < 0;
	else
		c->lost |= client_reply(c, reply) < 0;
}

/* The heap keeps what a long line took, in pieces between others: it is given back a moment later.
 */
static void long_line_noted(struct ctl_service *s)
{
	s->long_line = true;
	if (ev_is_active(&s->trim))
		return;
	ev_timer_set(&s->trim, TRIM_SECONDS, 0.);
	ev_timer_start(s->loop, &s->trim);
}

/* Answers a line, or has it join the batch. Returns 1, 0 where that must wait for the next turn, or
 * -errno as client_send(). */
static int line_answer(struct client *c, const char *line, size_t len)
{
	const struct ctl_handler *h = &c->service->handler;
	json_t *request, *reply;
	int err;

	if (len > LONG_LINE && c->service->long_line) {
		c->more = true;
		return 0;
	}
	if (len > LONG_LINE)
		long_line_noted(c->service);
	request = request_read(line, len, &reply);
	if (request && c->may_change && h->joins(h->ctx, request)) {
		if (client_join(c, request))
			return 1;
		json_decref(request);
		return 0;
	}
	batch_end(c->service); /* also because replies come in the order of requests */
	if (c->nowed) {
		c->blocked = true;
		json_decref(request ? request : reply);
		return 0;
	}
	if (request)
		reply = h->answer(h->ctx, request, c->may_change);
	json_decref(request);
	c->lost |= client_reply(c, reply ? reply : request_refused("out of memory")) < 0;
	err = c->lost ? -ENOMEM : client_send(c);
	return err ? err : 1;
}

/*
 * The next request, and where it ends. Returns its length (without the newline), -EAGAIN where its
 * end has not come yet, -EMSGSIZE where it cannot come any more.
 */
static ssize_t client_line(struct client *c)
{
	size_t from = c->in_scanned > c->in_head ? c->in_scanned : c->in_head;
	const char *end = c->in_len > from ? memchr(c->in + from, '\n', c->in_len - from) : NULL;

	c->in_scanned = c->in_len;
	if (!end)
		return c->in_len - c->in_head > CTL_LINE_MAX ? -EMSGSIZE : -EAGAIN;
	c->in_scanned = (size_t)(end - c->in);
	return end - (c->in + c->in_head);
}

/* Drops what is answered, and memory that is not needed while idle. */
static void client_compact(struct client *c)
{
	size_t left = c->in_len - c->in_head;

	if (left > 0 && c->in_head > 0)
		memmove(c->in, c->in + c->in_head, left);
	c->in_scanned = c->in_scanned > c->in_head ? c->in_scanned - c->in_head : 0;
	c->in_len = left;
	c->in_head = 0;
	if (left == 0 && c->in_size > BUFFER_KEEP) {
		free(c->in);
		c->in = NULL;
		c->in_size = 0;
	}
}

/* Answers one request. Returns 1, 0 where none is there or it must wait, or -errno as
 * client_send().
 */
static int client_answer(struct client *c)
{
	const ssize_t len = client_line(c);
	int err;

	if (len == -EAGAIN && (c->side != SIDE_CLOSED || c->in_head == c->in_len))
		return 0;
	if (len >= 0) {
		err = line_answer(c, c->in + c->in_head, (size_t)len);
		if (err)
			c->in_head += (size_t)len + 1;
		return err;
	}
	batch_end(c->service);
	if (c->nowed) {
		c->blocked = true;
		return 0;
	}
	c->in_head = c->in_len;
	c->side = SIDE_REFUSED;
	c->lost |= client_reply(c,
			   request_refused(len == -EMSGSIZE
						   ? "the request is too long"
						   : "the request does not end in a newline")) < 0;
	err = c->lost ? -ENOMEM : client_send(c);
	return err ? err : 1;
}

/* Says when this client is looked at again, or that it never is; err: what came of sending. */
static void client_next(struct client *c, int err)
{
	client_compact(c);
	if (err == -EAGAIN) {
		client_watch(c, EV_WRITE);
	} else if (err < 0 || c->lost) {
		client_leave(c);
	} else if (c->nowed && (c->blocked || c->nowed >= CTL_BATCH_MAX)) {
		ev_io_stop(c->service->loop, &c->io);
	} else if (c->more) {
		ev_timer_stop(c->service->loop, &c->again);
		ev_timer_set(&c->again, 0., 0.);
		ev_timer_start(c->service->loop, &c->again);
		ev_io_stop(c->service->loop, &c->io);
	} else if (c->nowed && c->side != SIDE_OPEN) {
		ev_io_stop(c->service->loop, &c->io);
	} else if (c->side == SIDE_CLOSED) {
		client_leave(c);
	} else {
		if (c->side == SIDE_REFUSED)
			shutdown(c->fd, SHUT_WR);
		client_watch(c, EV_READ);
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void client_serve(struct client *c)
{
	int err = client_send(c); /* of an earlier turn */
	const uint64_t until = now_ns() + TURN_NS;

	c->more = c->blocked = false;
	for (int cost = 0; err >= 0 && c->side != SIDE_REFUSED && c->nowed < CTL_BATCH_MAX;) {
		const size_t joined = c->joined;

		if (cost >= CTL_BATCH_MAX || (cost > 0 && now_ns() > until)) {
			c->more = true;
			break;
		}
		err = client_answer(c);
		if (err == 0)
			break;
		c->active = ev_now(c->service->loop); /* half a line is no activity */
		cost += c->joined > joined ? 1 : CTL_BATCH_MAX / REQUESTS_A_TURN;
	}
	if (c->waiting)
		ev_io_stop(c->service->loop, &c->io);
	else
		client_next(c, err < 0 ? err : 0);
}

void client_resume(struct client *c)
{
	TAILQ_REMOVE(&c->service->batch.waiting, c, wait);
	c->waiting = false;
	client_next(c, client_send(c));
}

static struct owed *owed_find(const struct client *c, json_int_t number)
{
	struct owed *o;

	STAILQ_FOREACH (o, &c->owed, next)
		if (json_is_integer(o->reply) && json_integer_value(o->reply) == number)
			break;
	return o;
}

void client_pay(struct ctl_service *service, json_int_t number, json_t *reply)
{
	struct owed *o = NULL;
	struct client *c;

	TAILQ_FOREACH (c, &service->clients, link)
		if ((o = owed_find(c, number)))
			break;
	if (!o) {
		json_decref(reply);
		return;
	}
	json_decref(o->reply);
	o->reply = reply ? reply : request_refused("out of memory");
	while ((o = STAILQ_FIRST(&c->owed)) && !json_is_integer(o->reply))
		c->lost |= client_reply(c, owed_take(c)) < 0;
	c->more = true; /* requests may be there, read and not answered */
	c->blocked = false;
	if (!c->waiting)
		client_next(c, client_send(c));
}

static bool client_room(struct client *c)
{
	size_t size = c->in_size ? 2 * c->in_size : INPUT_MIN;
	char *in;

	if (c->in_len < c->in_size)
		return true;
	if (size > CTL_LINE_MAX + 1)
		size = CTL_LINE_MAX + 1;
	in = realloc(c->in, size);
	if (!in)
		return false;
	c->in = in;
	c->in_size = size;
	return true;
}

/* A refused client may still be writing: closed now, it would lose the reply that says why. */
static void client_throw_away(struct client *c)
{
	static char scratch[16 * 1024];
	ssize_t n = recv(c->fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->thrown_away += (size_t)n;
	if (n <= 0 || c->thrown_away > LINGER_BYTES)
		client_leave(c);
}

static void client_read(struct client *c)
{
	ssize_t n;

	if (c->side == SIDE_REFUSED) {
		client_throw_away(c);
		return;
	}
	do {
		if (!client_room(c)) {
			client_leave(c);
			return;
		}
		n = recv(c->fd, c->in + c->in_len, c->in_size - c->in_len, MSG_DONTWAIT);
		if (n > 0)
			c->in_len += (size_t)n;
	} while (n > 0 && c->in_len < INPUT_A_TURN);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		client_leave(c);
		return;
	}
	if (n == 0)
		c->side = SIDE_CLOSED;
	client_serve(c);
}

static void client_ready(struct ev_loop *loop, ev_io *w, int events)
{
	struct client *c = w->data;

	(void)loop;
	if (events & EV_WRITE)
		client_serve(c);
	else
		client_read(c);
}

static void client_again(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	client_serve(w->data);
}

void client_new(struct ctl_service *service, int fd, bool may_change)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	c->service = service;
	STAILQ_INIT(&c->owed);
	c->fd = fd;
	c->may_change = may_change;
	c->active = ev_now(service->loop);
	ev_io_init(&c->io, client_ready, fd, EV_READ);
	c->io.data = c;
	ev_timer_init(&c->again, client_again, 0., 0.);
	c->again.data = c;
	TAILQ_INSERT_TAIL(&service->clients, c, link);
	service->nclients++;
	client_watch(c, EV_READ);
}

/* Has nothing happened for long, and is nothing waiting for us to look at it either? */
static bool client_is_idle(struct client *c)
{
	struct pollfd p = {.fd = c->fd, .events = c->out_len ? POLLOUT : POLLIN};

	return ev_now(c->service->loop) - c->active > IDLE_SECONDS && !ev_is_active(&c->again) &&
	       !c->nowed && poll(&p, 1, 0) == 0;
}

struct client *client_idlest(const struct ctl_service *service)
{
	struct client *c, *oldest = NULL;

	TAILQ_FOREACH (c, &service->clients, link) {
		if ((!oldest || c->active < oldest->active) && client_is_idle(c))
			oldest = c;
	}
	return oldest;
}
