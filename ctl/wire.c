/*
 * wire: one request to the daemon and its reply, a line each (lib/ctl.h).
 *
 * Life cycle: one connection a request, closed before wire_ask() returns.
 */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "state.h"

#define READ_MIN 65536

int wire_connect(const char *path)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, r;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
		connect(fd, (const struct sockaddr *)&sun, sizeof(sun))) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int wire_error(int err)
{
	switch (err) {
	case EPIPE:
	case ECONNRESET: return -ECONNRESET;
	case EAGAIN: return -ETIMEDOUT;
	default: return -err;
	}
}

static int wire_send(int fd, const char *text, size_t len)
{
	while (len) {
		const ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return wire_error(errno);
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads up to the newline, into a buffer for the caller to free. */
static int wire_receive(int fd, char **ret, size_t *ret_len)
{
	size_t len = 0, cap = 0;
	char *buf = NULL;
	int r;

	for (;;) {
		ssize_t n;

		if (cap - len < READ_MIN) {
			char *bigger = realloc(buf, cap ? cap * 2 : 2 * READ_MIN);

			r = -ENOMEM;
			if (!bigger)
				break;
			buf = bigger;
			cap = cap ? cap * 2 : 2 * READ_MIN;
		}
		n = recv(fd, buf + len, cap - len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? wire_error(errno) : -ECONNRESET;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (memchr(buf + len - n, '\n', (size_t)n)) {
			*ret = buf;
			*ret_len = len;
			return 0;
		}
	}
	free(buf);
	return r;
}

json_t *wire_reply(const char *text, size_t len)
{
	json_t *reply = json_loadb(text, len, JSON_DISABLE_EOF_CHECK, NULL);

	if (json_is_object(reply) && json_is_integer(json_object_get(reply, "exit")))
		return reply;
	json_decref(reply);
	return NULL;
}

static int wire_exchange(int fd, const char *line, json_t **ret)
{
	char *text = NULL;
	size_t len = 0;
	json_t *reply;
	int r;

	r = wire_send(fd, line, strlen(line));
	if (!r)
		r = wire_send(fd, "\n", 1);
	/* a daemon that refuses to read may have said why before it closed */
	if (!r || r == -ECONNRESET)
		r = wire_receive(fd, &text, &len);
	if (r)
		return r;
	reply = wire_reply(text, len);
	free(text);
	if (!reply)
		return -EBADMSG;
	*ret = reply;
	return 0;
}

int wire_ask(const struct client *c, const json_t *request, json_t **ret)
{
	char *line;
	int fd = wire_connect(c->socket), r;

	if (fd < 0)
		return fd;
	line = json_dumps(request, JSON_COMPACT);
	r = line ? wire_exchange(fd, line, ret) : -ENOMEM;
	free(line);
	close(fd);
	return r;
}

bool wire_is_stopped(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED;
}

enum exit_status wire_complain(const struct client *c, int err)
{
	if (wire_is_stopped(err))
		complain(c, "%s is not running (%s: %s)", c->name, c->socket, strerror(-err));
	else if (err == -EBADMSG)
		complain(c, "%s: what came back is not an answer", c->socket);
	else
		complain(c, "%s: %s", c->socket, strerror(-err));
	return err == -EACCES ? EXIT_REFUSED : EXIT_UNREACHABLE;
}

enum exit_status wire_complain_locked(const struct client *c)
{
	char holder[96];

	complain(c, "nobody answers at %s, and %s has locked %s", c->socket,
		state_holder(c->statedir, holder, sizeof(holder)) ? holder : "another process",
		c->statedir);
	return EXIT_UNREACHABLE;
}
