/*
 * batch_wire: who does the lines of a batch: the daemon, over one connection, or offline.c.
 *
 * Life cycle of a connection: made for the first line that needs one, and closed when it is lost.
 * Lost with lines unanswered it ends the batch, but for the first of it, which is tried again.
 */
#include "batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_MIN (64 * 1024)
#define SEND_ROOM   (512 * 1024) /* what waits together is done together */
#define OFFLINE_MAX 8192         /* lines that are done together */

static bool bytes_room(struct bytes *y, size_t n)
{
	size_t room = y->room ? y->room : 2 * RECEIVE_MIN;
	char *text;

	if (y->head) {
		memmove(y->text, y->text + y->head, y->len - y->head);
		y->len -= y->head;
		y->head = 0;
	}
	if (y->room - y->len >= n)
		return true;
	while (room - y->len < n)
		room *= 2;
	text = realloc(y->text, room);
	if (!text)
		return false;
	y->text = text;
	y->room = room;
	return true;
}

static int out_put(const char *text, size_t len, void *batch)
{
	struct bytes *out = &((struct batch *)batch)->out;

	if (out->room - out->len < len && !bytes_room(out, len))
		return -1;
	memcpy(out->text + out->len, text, len);
	out->len += len;
	return 0;
}

static void show_reply(struct batch *b, const json_t *reply)
{
	const struct item *item = batch_head(b);
	struct client c = b->client;

	c.line = item->line;
	c.json = item->json;
	c.prometheus = item->prometheus;
	batch_weigh(b, show(&c, item->cmd, reply));
	b->done = item->line;
	b->answered = true;
	json_decref(b->alone);
	b->alone = NULL;
	batch_drop(b);
}

void batch_disconnect(struct batch *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	b->answered = b->half = false;
	b->out.head = b->out.len = b->in.head = b->in.len = 0;
}

/* Sends what has been made of the head of the queue, or does it without the daemon. */
void batch_ask(struct batch *b, const json_t *request)
{
	if (b->offline) {
		if (offline_add(b->offline, request, batch_head(b)->line) >= OFFLINE_MAX)
			offline_run(b->offline);
		b->done = batch_head(b)->line;
		batch_drop(b);
	} else if (json_dump_callback(request, out_put, b, JSON_COMPACT) || out_put("\n", 1, b)) {
		complain(&b->client, "out of memory");
		batch_give_up(b, EXIT_REFUSED);
	}
}

/*
 * Finds somebody for the only request of the queue: the daemon, or while it is stopped ourselves.
 * As with a single command (main.c), both are tried in turn for a while.
 */
void batch_reach(struct batch *b, const json_t *request)
{
	const struct item *item = batch_head(b);
	struct client c = b->client;
	enum exit_status status = EXIT_REFUSED;
	const int room = SEND_ROOM;

	c.line = item->line;
	for (;;) {
		int r = wire_connect(c.socket);

		if (r >= 0) {
			b->fd = r;
			fcntl(b->fd, F_SETFL, O_NONBLOCK);
			setsockopt(b->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
			batch_ask(b, request);
			return;
		}
		if (!wire_is_stopped(r) && r != -ECONNRESET) {
			batch_give_up(b, wire_complain(&c, r));
			return;
		}
		if (wire_is_stopped(r) && !item->cmd->offline) {
			batch_weigh(b, wire_complain(&c, r));
			batch_drop(b);
			return;
		}
		if (wire_is_stopped(r) && item->cmd->offline == offline_change) {
			r = offline_open(&b->client, &b->offline);
			if (!r) {
				batch_ask(b, request);
				return;
			}
			if (r != -EWOULDBLOCK) {
				batch_give_up(b, EXIT_REFUSED);
				return;
			}
		} else if (wire_is_stopped(r)) {
			r = item->cmd->offline(&c, request, &status);
			if (r != -EWOULDBLOCK) {
				batch_weigh(b, status);
				batch_drop(b);
				return;
			}
		}
		if (now_ms() >= b->until) {
			batch_give_up(b, wire_complain_locked(&c));
			return;
		}
		pause_ms(RETRY_STEP_MS);
	}
}

/* Nobody is there any more. What has no answer yet may have been done or not. */
static void connection_lost(struct batch *b)
{
	struct client c = b->client;

	batch_disconnect(b);
	if (b->alone && now_ms() < b->until) {
		pause_ms(RETRY_STEP_MS);
		batch_reach(b, b->alone);
		return;
	}
	if (!b->n)
		return; /* a new one for the next line */
	c.line = batch_head(b)->line;
	if (b->done)
		complain(
			&c, "%s went away; the last line that it answered is %zu", c.name, b->done);
	else
		complain(&c, "%s went away without an answer", c.name);
	batch_give_up(b, EXIT_UNREACHABLE);
}

void batch_send(struct batch *b)
{
	struct bytes *out = &b->out;

	while (out->head < out->len) {
		const ssize_t n =
			send(b->fd, out->text + out->head, out->len - out->head, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		/* what it has answered before is still to be read */
		if (n < 0 && errno != EAGAIN)
			b->half = true;
		if (n < 0)
			return;
		out->head += (size_t)n;
	}
	out->head = out->len = 0;
}

/* Shows the replies that are there. `from`: before it there is no newline. */
static void replies_take(struct batch *b, size_t from)
{
	struct bytes *in = &b->in;
	const char *end;

	while (!b->over && (end = memchr(in->text + from, '\n', in->len - from))) {
		const char *line = in->text + in->head;
		json_t *reply = wire_reply(line, (size_t)(end - line));

		if (!reply || !b->n) {
			batch_give_up(b, wire_complain(&b->client, -EBADMSG));
			json_decref(reply);
			return;
		}
		show_reply(b, reply);
		json_decref(reply);
		in->head = from = (size_t)(end - in->text) + 1;
		batch_tell(b);
	}
}

void batch_receive(struct batch *b)
{
	struct bytes *in = &b->in;
	ssize_t n;

	if (!bytes_room(in, RECEIVE_MIN)) {
		complain(&b->client, "out of memory");
		batch_give_up(b, EXIT_REFUSED);
		return;
	}
	n = recv(b->fd, in->text + in->len, in->room - in->len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		connection_lost(b);
		return;
	}
	in->len += (size_t)n;
	replies_take(b, in->len - (size_t)n);
}
