/*
 * batch: -b, a command a line.
 *
 * Requests go out one after another over one connection, without waiting for replies, so that the
 * daemon can do those together that wait together; replies come back in the same order. Neither
 * side holds more than a window of them. A line that is wrong is told and passed over, and all
 * others are done.
 *
 * Life cycle of a line: its words become a request; that joins the queue; it is sent, answered and
 * shown; it leaves the queue. What is wrong with a line that is not sent waits in the queue too, so
 * that everything is told in the order of lines. The first request of a connection goes alone: a
 * daemon that is just starting or stopping lets it go unanswered, and then it is tried again, with
 * the daemon or without it. While it is stopped, lines go to offline.c.
 */
#include "batch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_MAX     (64 * 1024) /* bytes that wait to be sent, before another line is taken */
#define OFFLINE_IDLE 200         /* ms without a line, after which a daemon may start */

void batch_weigh(struct batch *b, enum exit_status status)
{
	if (status > b->status)
		b->status = status;
}

void batch_give_up(struct batch *b, enum exit_status status)
{
	batch_weigh(b, status);
	b->over = true;
}

static struct item *queue_put(struct batch *b)
{
	struct item *item = &b->queue[(b->first + b->n++) % WINDOW];

	*item = (struct item){.line = b->lines.number};
	return item;
}

struct item *batch_head(struct batch *b)
{
	return &b->queue[b->first];
}

void batch_drop(struct batch *b)
{
	free(batch_head(b)->said);
	b->first = (b->first + 1) % WINDOW;
	b->n--;
}

/* Tells of the lines at the head that are not sent. */
void batch_tell(struct batch *b)
{
	while (b->n && !batch_head(b)->cmd) {
		if (batch_head(b)->said)
			fputs(batch_head(b)->said, stderr);
		batch_weigh(b, batch_head(b)->status);
		batch_drop(b);
	}
}

void batch_offline_end(struct batch *b)
{
	if (b->offline)
		batch_weigh(b, offline_close(b->offline));
	b->offline = NULL;
}

/* A line that needs no answer, or can have none; what was said of it goes with it. */
static void line_unsent(struct batch *b, struct item *item, enum exit_status status)
{
	fflush(b->said);
	if (b->said_len)
		item->said = strndup(b->said_text, b->said_len);
	rewind(b->said);
	item->cmd = NULL;
	item->status = status;
}

/* The request of the line's words, or NULL with the line's end in *ret. */
static json_t *line_request(struct batch *b, struct item *item, char **words, enum exit_status *ret)
{
	struct client c = b->client;
	json_t *request;

	c.line = item->line;
	c.complaints = b->said;
	*ret = EXIT_USAGE;
	item->cmd = find_command(&c, words[0]);
	if (!item->cmd || !words_options(&c, item->cmd, words + 1))
		return NULL;
	request = words_request(&c, item->cmd, words + 1);
	if (!request)
		return NULL;
	item->json = c.json;
	item->prometheus = c.prometheus;
	switch (words_family(&c, request)) {
	case FAMILY_OURS: return request;
	case FAMILY_NOTHING: *ret = EXIT_DONE; break;
	case FAMILY_REFUSED: *ret = EXIT_REFUSED; break;
	}
	json_decref(request);
	return NULL;
}

static void line_take(struct batch *b)
{
	struct item *item = queue_put(b);
	enum exit_status status;
	json_t *request = line_request(b, item, b->lines.words, &status);

	if (!request) {
		line_unsent(b, item, status);
		return;
	}
	if (b->offline && item->cmd->offline != offline_change)
		batch_offline_end(b);
	if (b->offline || b->fd >= 0) {
		batch_ask(b, request);
		json_decref(request);
		return;
	}
	batch_tell(b); /* without a connection this is the first that is to be sent */
	json_decref(b->alone);
	b->alone = request;
	b->until = now_ms() + RETRY_MS;
	batch_reach(b, request);
}

static void line_wrong(struct batch *b, int err)
{
	struct item *item = queue_put(b);
	struct client c = b->client;

	c.line = item->line;
	c.complaints = b->said;
	if (err == -EMSGSIZE)
		complain(&c, "the line is too long");
	else if (err == -EILSEQ)
		complain(&c, "the line has a NUL byte in it");
	else
		complain(&c, "%s", strerror(-err));
	line_unsent(b, item, EXIT_USAGE);
}

/* May another line be taken? The first request of a connection goes alone. */
static bool may_take(const struct batch *b)
{
	if (b->over || b->half)
		return false;
	if (b->fd >= 0 && !b->answered)
		return false;
	return b->n < WINDOW && b->out.len - b->out.head < SEND_MAX;
}

/* Takes lines. Returns whether more must be read for the next one. */
static bool lines_take(struct batch *b)
{
	while (may_take(b)) {
		const int r = lines_next(&b->lines);

		if (r == 0)
			return !b->lines.end;
		if (r > 0)
			line_take(b);
		else
			line_wrong(b, r);
		batch_tell(b);
	}
	return false;
}

static void wait_for_something(struct batch *b, bool read_lines)
{
	struct pollfd p[2] = {
		{.fd = read_lines ? b->lines.fd : -1, .events = POLLIN},
		{.fd = b->fd, .events = POLLIN},
	};
	int timeout = -1, r;

	if (b->out.head < b->out.len && !b->half)
		p[1].events |= POLLOUT;
	if (b->n)
		timeout = TIMEOUT_S * 1000;
	else if (b->offline)
		timeout = OFFLINE_IDLE;
	r = poll(p, 2, 0);
	if (r == 0) {
		fflush(stdout); /* whoever reads it may be whom we wait for */
		r = poll(p, 2, timeout);
	}
	if (r == 0 && b->n)
		batch_give_up(b, wire_complain(&b->client, -ETIMEDOUT));
	else if (r == 0)
		batch_offline_end(b);
	if (r <= 0)
		return;
	if (p[1].revents)
		batch_receive(b);
	if (p[1].revents & POLLOUT && b->fd >= 0)
		batch_send(b);
	if (p[0].revents) {
		r = lines_read(&b->lines);
		if (r < 0) {
			complain(&b->client, "%s: %s", b->client.batch, strerror(-r));
			batch_give_up(b, EXIT_REFUSED);
		}
	}
}

static void batch_free(struct batch *b)
{
	batch_disconnect(b);
	while (b->n)
		batch_drop(b);
	json_decref(b->alone);
	lines_free(&b->lines);
	free(b->out.text);
	free(b->in.text);
	if (b->said)
		fclose(b->said);
	free(b->said_text);
	if (b->lines.fd > STDIN_FILENO)
		close(b->lines.fd);
	free(b);
}

enum exit_status batch_run(const struct client *c)
{
	struct batch *b = calloc(1, sizeof(*b));
	enum exit_status status;

	if (!b) {
		complain(c, "out of memory");
		return EXIT_REFUSED;
	}
	b->client = *c;
	b->fd = -1;
	b->said = open_memstream(&b->said_text, &b->said_len);
	b->lines.fd = strcmp(c->batch, "-") ? open(c->batch, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (b->lines.fd < 0 || !b->said) {
		complain(c, "%s: %s", c->batch, strerror(errno));
		batch_give_up(b, EXIT_REFUSED);
	}
	while (!b->over) {
		const bool more = lines_take(b);

		if (!b->over && !more && b->lines.end && !b->n && b->lines.head == b->lines.len)
			break;
		if (!b->over)
			wait_for_something(b, more);
	}
	batch_offline_end(b);
	status = b->status;
	batch_free(b);
	return status;
}
