/*
 * test_ctl: the control socket's server, on a socket in a directory of its own, driven by an event
 * loop in this process. The clients are non-blocking sockets of the same process: each wait turns
 * the loop until a condition holds, and fails after WAIT_SECONDS.
 */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl.h"
#include "log.h"

#define WAIT_SECONDS 20
#define BIG_REPLY    (4 * 1024 * 1024)

struct lab {
	char dir[32], path[64];
	struct ev_loop *loop;
	struct ctl *ctl;
	unsigned requests;
	unsigned streak, streak_max; /* requests of one turn of the loop */
	unsigned batches, largest;   /* of those that join */
	struct ctl_handler handler;
};

static json_t *handle(void *ctx, const json_t *request, bool may_change)
{
	struct lab *lab = ctx;
	const char *command = json_string_value(json_object_get(request, "command"));
	char *big;
	json_t *reply;

	lab->requests++;
	if (++lab->streak > lab->streak_max)
		lab->streak_max = lab->streak;
	if (command && strcmp(command, "big") == 0) {
		big = malloc(BIG_REPLY);
		memset(big, 'x', BIG_REPLY);
		reply = json_pack("{s:i, s:s#}", "exit", 0, "data", big, BIG_REPLY);
		free(big);
		return reply;
	}
	return json_pack("{s:i, s:O, s:b}", "exit", 0, "n", json_object_get(request, "n"), "may",
		may_change);
}

static bool joins(void *ctx, const json_t *request)
{
	(void)ctx;
	return json_object_get(request, "join");
}

static void handle_all(void *ctx, json_t *const *requests, json_t **replies, size_t n)
{
	struct lab *lab = ctx;

	assert_true(n > 0);
	lab->batches++;
	if (n > lab->largest)
		lab->largest = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		lab->requests++;
		if (json_object_get(requests[i], "later")) /* its number: ctl_reply() pays it */
			replies[i] = json_incref(json_object_get(requests[i], "later"));
		else
			replies[i] = json_pack("{s:O, s:i}", "n",
				json_object_get(requests[i], "join"), "batch", lab->batches);
	}
}

static void turn(struct lab *lab)
{
	lab->streak = 0;
	ev_run(lab->loop, EVRUN_NOWAIT);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	log_init("test_ctl");
	strcpy(lab->dir, "/tmp/test_ctl.XXXXXX");
	if (!mkdtemp(lab->dir))
		return -1;
	snprintf(lab->path, sizeof(lab->path), "%s/ctl.sock", lab->dir);
	lab->loop = ev_loop_new(EVFLAG_AUTO);
	lab->handler = (struct ctl_handler){lab, handle, joins, handle_all};
	*state = lab;
	return 0;
}

static int setup_server(void **state)
{
	struct lab *lab;

	if (setup(state) < 0)
		return -1;
	lab = *state;
	if (ctl_open(lab->path, geteuid(), getegid(), &lab->handler, &lab->ctl) < 0)
		return -1;
	ctl_start(lab->ctl, lab->loop);
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	ctl_close(lab->ctl);
	ev_loop_destroy(lab->loop);
	unlink(lab->path);
	rmdir(lab->dir);
	free(lab);
	return 0;
}

static int client_open(struct lab *lab)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(sun.sun_path, lab->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

/* Writes all of it, turning the loop; stops where the server has closed. */
static size_t client_write(struct lab *lab, int fd, const char *data, size_t len)
{
	double end = now() + WAIT_SECONDS;
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = send(fd, data + sent, len - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EAGAIN)
			break;
		turn(lab);
		assert_true(now() < end);
	}
	return sent;
}

static void client_say(struct lab *lab, int fd, const char *text)
{
	assert_int_equal(client_write(lab, fd, text, strlen(text)), strlen(text));
}

/* Reads until the n-th newline. Returns the text read, for free(3); NULL at the end of file. */
static char *client_lines(struct lab *lab, int fd, unsigned lines)
{
	size_t len = 0, size = 4096;
	char *text = malloc(size);
	double end = now() + WAIT_SECONDS;

	while (lines > 0) {
		ssize_t n;

		if (len + 1 == size)
			text = realloc(text, size *= 2);
		n = recv(fd, text + len, size - len - 1, 0);
		if (n == 0) {
			free(text);
			return NULL;
		}
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			turn(lab);
			assert_true(now() < end);
			continue;
		}
		for (ssize_t i = 0; i < n; i++)
			lines -= text[len + (size_t)i] == '\n';
		len += (size_t)n;
	}
	text[len] = '\0';
	return text;
}

static void expect_line(struct lab *lab, int fd, const char *want)
{
	char *line = client_lines(lab, fd, 1);

	assert_non_null(line);
	assert_string_equal(line, want);
	free(line);
}

static void expect_closed(struct lab *lab, int fd)
{
	assert_null(client_lines(lab, fd, 1));
	close(fd);
}

static void expect_error(struct lab *lab, int fd, const char *words)
{
	char *line = client_lines(lab, fd, 1);
	json_t *reply;

	assert_non_null(line);
	reply = json_loads(line, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(reply, "exit")), 1);
	assert_non_null(strstr(json_string_value(json_object_get(reply, "error")), words));
	json_decref(reply);
	free(line);
}

static void test_requests_in_order(void **state)
{
	struct lab *lab = *state;
	int fd = client_open(lab);
	char *text;

	client_say(lab, fd, "{\"command\":\"a\",\"n\":1}\n");
	expect_line(lab, fd, "{\"exit\":0,\"n\":1,\"may\":true}\n");
	/* two at once, and one that comes in pieces */
	client_say(lab, fd, "{\"n\":2}\n{\"n\":3}\n{\"n\"");
	text = client_lines(lab, fd, 2);
	assert_string_equal(
		text, "{\"exit\":0,\"n\":2,\"may\":true}\n{\"exit\":0,\"n\":3,\"may\":true}\n");
	free(text);
	client_say(lab, fd, ":4}\n");
	expect_line(lab, fd, "{\"exit\":0,\"n\":4,\"may\":true}\n");
	close(fd);
}

/* A client that has sent its last request still gets every reply. */
static void test_half_closed(void **state)
{
	struct lab *lab = *state;
	int fd = client_open(lab);
	char *text;

	client_say(lab, fd, "{\"n\":1}\n{\"n\":2}\n");
	shutdown(fd, SHUT_WR);
	text = client_lines(lab, fd, 2);
	assert_non_null(text);
	free(text);
	expect_closed(lab, fd);
	assert_int_equal(lab->requests, 2);

	fd = client_open(lab);
	client_say(lab, fd, "{\"n\":1}");
	shutdown(fd, SHUT_WR);
	expect_error(lab, fd, "newline");
	expect_closed(lab, fd);
	assert_int_equal(lab->requests, 2);
}

static void test_rubbish(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{"\n", "not JSON"},
		{"rubbish\n", "not JSON"},
		{"{\n", "not JSON"},
		{"{\"a\":1,\"a\":2}\n", "not JSON"},
		{"{\"a\":1} {}\n", "not JSON"},
		{"\xff\xfe\x80\n", "not JSON"},
		{"[1,2]\n", "not a JSON object"},
	};
	struct lab *lab = *state;
	int fd = client_open(lab);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		client_say(lab, fd, cases[i].line);
		expect_error(lab, fd, cases[i].words);
	}
	assert_int_equal(lab->requests, 0);
	client_say(lab, fd, "{\"n\":9}\n");
	expect_line(lab, fd, "{\"exit\":0,\"n\":9,\"may\":true}\n");
	close(fd);
}

/* The longest request allowed is answered; one byte more is an error, and the end. */
static void test_long_line(void **state)
{
	static const char head[] = "{\"n\":5,\"pad\":\"", tail[] = "\"}";
	struct lab *lab = *state;
	size_t size = CTL_LINE_MAX + 1;
	char *line = malloc(size + 1);
	int fd = client_open(lab);

	memset(line, 'x', size + 1);
	memcpy(line, head, strlen(head));
	memcpy(line + CTL_LINE_MAX - strlen(tail), tail, strlen(tail));
	line[CTL_LINE_MAX] = '\n';
	assert_int_equal(client_write(lab, fd, line, size), size);
	expect_line(lab, fd, "{\"exit\":0,\"n\":5,\"may\":true}\n");

	memset(line, 'x', size);
	for (int i = 0; i < 3; i++)
		assert_int_equal(client_write(lab, fd, line, size), size);
	expect_error(lab, fd, "too long");
	expect_closed(lab, fd);
	assert_int_equal(lab->requests, 1);
	free(line);
}

/* A line of very many parts is refused without reading it as JSON; in a text they are no parts. */
static void test_parts(void **state)
{
	static const char *const pieces[] = {"[],", "{},", "\"a\":1,"};
	struct lab *lab = *state;
	int fd = client_open(lab);
	char line[2048];

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		strcpy(line, "{\"n\":1,\"x\":[");
		for (int n = 0; n < 70; n++)
			strcat(line, pieces[i]);
		strcat(line, "1]}\n");
		client_say(lab, fd, line);
		expect_error(lab, fd, "more parts");
	}
	strcpy(line, "{\"n\":1,\"x\":\"\\\"");
	for (int n = 0; n < 70; n++)
		strcat(line, "[{:");
	strcat(line, "\"}\n");
	client_say(lab, fd, line);
	expect_line(lab, fd, "{\"exit\":0,\"n\":1,\"may\":true}\n");
	assert_int_equal(lab->requests, 1);
	close(fd);
}

/* What several clients have sent is answered together, and to each what it asked. */
static void test_together(void **state)
{
	struct lab *lab = *state;
	int fds[3] = {client_open(lab), client_open(lab), client_open(lab)};
	const char *const asked[] = {
		"{\"join\":1}\n{\"join\":2}\n", "{\"join\":3}\n", "{\"join\":4}\n"};

	for (int i = 0; i < 3; i++)
		turn(lab); /* all are accepted */
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(fds[i], asked[i], strlen(asked[i]), 0), strlen(asked[i]));
	close(fds[1]); /* it is done, and nobody to answer */
	while (lab->requests < 4)
		turn(lab);
	assert_int_equal(lab->batches, 1);
	expect_line(lab, fds[2], "{\"n\":4,\"batch\":1}\n");
	free(client_lines(lab, fds[0], 2));
	close(fds[0]);
	close(fds[2]);
}

/* A request that does not join sees what those before it did, and its reply keeps its place. */
static void test_order(void **state)
{
	struct lab *lab = *state;
	int fd = client_open(lab);
	char *text;

	client_say(lab, fd,
		"{\"join\":1}\n{\"join\":2}\n{\"n\":3}\n{\"join\":4}\nrubbish\n{\"join\":5}\n");
	shutdown(fd, SHUT_WR);
	text = client_lines(lab, fd, 6);
	assert_non_null(text);
	assert_ptr_equal(strstr(text, "{\"n\":1,\"batch\":1}\n{\"n\":2,\"batch\":1}\n"
				      "{\"exit\":0,\"n\":3,\"may\":true}\n{\"n\":4,\"batch\":2}\n"
				      "{\"exit\":1,"),
		text);
	assert_non_null(strstr(text, "\n{\"n\":5,\"batch\":3}\n"));
	free(text);
	expect_closed(lab, fd);
}

/* Replies that come later keep their places too, and nobody else waits for them. */
static void test_later(void **state)
{
	struct lab *lab = *state;
	int fd = client_open(lab), other = client_open(lab), gone = client_open(lab);
	char *text;

	client_say(lab, fd,
		"{\"join\":1}\n{\"join\":2,\"later\":12}\n{\"join\":3}\n{\"n\":4}\n"
		"{\"join\":5,\"later\":15}\n{\"join\":6,\"later\":16}\n{\"n\":7}\n");
	shutdown(fd, SHUT_WR);
	client_say(lab, gone, "{\"join\":1,\"later\":99}\n");
	expect_line(lab, fd, "{\"n\":1,\"batch\":1}\n");
	client_say(lab, other, "{\"n\":8}\n");
	expect_line(lab, other, "{\"exit\":0,\"n\":8,\"may\":true}\n");
	assert_int_equal(recv(fd, &(char){0}, 1, 0), -1);
	close(gone);
	for (int i = 0; i < 5; i++)
		turn(lab);
	ctl_reply(lab->ctl, 99, json_pack("{}"));
	ctl_reply(lab->ctl, 12, json_pack("{s:i}", "paid", 2));
	text = client_lines(lab, fd, 3);
	assert_string_equal(text, "{\"paid\":2}\n{\"n\":3,\"batch\":1}\n"
				  "{\"exit\":0,\"n\":4,\"may\":true}\n");
	free(text);
	while (lab->batches < 3)
		turn(lab);
	for (int i = 0; i < 5; i++)
		turn(lab);
	ctl_reply(lab->ctl, 16, json_pack("{s:i}", "paid", 6));
	turn(lab);
	assert_int_equal(recv(fd, &(char){0}, 1, 0), -1);
	ctl_reply(lab->ctl, 15, NULL);
	text = client_lines(lab, fd, 3);
	assert_string_equal(text, "{\"exit\":1,\"error\":\"out of memory\"}\n{\"paid\":6}\n"
				  "{\"exit\":0,\"n\":7,\"may\":true}\n");
	free(text);
	expect_closed(lab, fd);
	close(other);
}

/* Those who wait for a reply take nobody's place; and what they send meanwhile is not held up. */
static void test_many_wait(void **state)
{
	struct lab *lab = *state;
	int fds[3 * CTL_CLIENTS_MAX / 2], other;
	const unsigned n = sizeof(fds) / sizeof(fds[0]);
	char text[64], *both;

	for (unsigned i = 0; i < n; i++) {
		fds[i] = client_open(lab);
		snprintf(text, sizeof(text),
			"{\"join\":1,\"later\":%u}\n{\"join\":2,\"later\":%u}\n", 100 + i, 300 + i);
		client_say(lab, fds[i], text);
	}
	while (lab->requests < 2 * n)
		turn(lab);
	snprintf(text, sizeof(text), "{\"join\":3,\"later\":500}\n");
	client_say(lab, fds[0], text);
	while (lab->requests < 2 * n + 1)
		turn(lab);
	other = client_open(lab);
	client_say(lab, other, "{\"n\":8}\n");
	expect_line(lab, other, "{\"exit\":0,\"n\":8,\"may\":true}\n");
	for (unsigned i = 0; i < n; i++) {
		ctl_reply(lab->ctl, 300 + i, json_pack("{s:i}", "paid", 2));
		ctl_reply(lab->ctl, 100 + i, json_pack("{s:i}", "paid", 1));
		both = client_lines(lab, fds[i], 2);
		assert_string_equal(both, "{\"paid\":1}\n{\"paid\":2}\n");
		free(both);
	}
	ctl_reply(lab->ctl, 500, json_pack("{s:i}", "paid", 3));
	expect_line(lab, fds[0], "{\"paid\":3}\n");
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
	close(other);
}

/* Very many: in batches of a bounded size, in order, while somebody else is served too. */
static void test_many_join(void **state)
{
	enum { MANY = 20000 };
	struct lab *lab = *state;
	int fd = client_open(lab), other = client_open(lab);
	char *requests = malloc(MANY * 24), *p = requests, *text, *at, want[64];
	size_t sent = 0, got = 0, room = MANY * 48;
	unsigned others = 0;

	for (int i = 0; i < MANY; i++)
		p += sprintf(p, "{\"join\":%d}\n", i);
	text = malloc(room);
	/* reads while it writes; the other one asks again and again */
	for (double end = now() + WAIT_SECONDS; got == 0 || !strstr(text, "{\"n\":19999,");) {
		ssize_t n = send(fd, requests + sent, (size_t)(p - requests) - sent, MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		if (others < 10 && send(other, "{\"join\":-1}\n", 12, 0) == 12)
			others++;
		turn(lab);
		n = recv(fd, text + got, room - got - 1, 0);
		got += n > 0 ? (size_t)n : 0;
		text[got] = '\0';
		assert_true(now() < end);
	}
	at = text;
	for (int i = 0; i < MANY; i++) {
		int len = snprintf(want, sizeof(want), "{\"n\":%d,", i);

		assert_int_equal(strncmp(at, want, (size_t)len), 0);
		at = strchr(at, '\n') + 1;
	}
	free(client_lines(lab, other, others));
	assert_int_equal(lab->requests, MANY + others);
	assert_in_range(lab->largest, 100, CTL_BATCH_MAX);
	free(text);
	free(requests);
	close(fd);
	close(other);
}

static void test_slow_reader(void **state)
{
	struct lab *lab = *state;
	int slow = client_open(lab), quick = client_open(lab);
	char *text;

	client_say(lab, slow, "{\"command\":\"big\"}\n{\"command\":\"big\"}\n");
	for (int i = 0; i < 100; i++)
		turn(lab);
	/* its second request waits for its first reply to be read */
	assert_int_equal(lab->requests, 1);
	client_say(lab, quick, "{\"n\":1}\n");
	expect_line(lab, quick, "{\"exit\":0,\"n\":1,\"may\":true}\n");
	text = client_lines(lab, slow, 2);
	assert_non_null(text);
	assert_int_equal(strlen(text), 2 * (BIG_REPLY + strlen("{\"exit\":0,\"data\":\"\"}\n")));
	assert_int_equal(lab->requests, 3);
	free(text);
	/* and one that leaves without reading */
	client_say(lab, slow, "{\"command\":\"big\"}\n");
	close(slow);
	client_say(lab, quick, "{\"n\":2}\n");
	expect_line(lab, quick, "{\"exit\":0,\"n\":2,\"may\":true}\n");
	close(quick);
}

/* A thousand requests in one write are answered in several turns of the loop. */
static void test_turns(void **state)
{
	struct lab *lab = *state;
	int fd = client_open(lab);
	char *requests = malloc(1000 * 16), *p = requests, *text;

	for (int i = 0; i < 1000; i++)
		p += sprintf(p, "{\"n\":%d}\n", i);
	assert_int_equal(client_write(lab, fd, requests, (size_t)(p - requests)), p - requests);
	text = client_lines(lab, fd, 1000);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"n\":999,"));
	assert_int_equal(lab->requests, 1000);
	assert_in_range(lab->streak_max, 1, 64);
	free(text);
	free(requests);
	close(fd);
}

/* Newcomers wait for a place; one that leaves makes it, and so does one that is idle for long. */
static void test_many_clients(void **state)
{
	struct lab *lab = *state;
	int fds[CTL_CLIENTS_MAX], waiting, later;
	char line;

	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		fds[i] = client_open(lab);
		client_say(lab, fds[i], "{\"n\":1}\n");
		expect_line(lab, fds[i], "{\"exit\":0,\"n\":1,\"may\":true}\n");
	}
	waiting = client_open(lab);
	client_say(lab, waiting, "{\"n\":2}\n");
	for (int i = 0; i < 100; i++)
		turn(lab);
	assert_int_equal(lab->requests, CTL_CLIENTS_MAX);
	close(fds[7]);
	expect_line(lab, waiting, "{\"exit\":0,\"n\":2,\"may\":true}\n");

	later = client_open(lab);
	client_say(lab, later, "{\"n\":3}\n");
	expect_line(lab, later, "{\"exit\":0,\"n\":3,\"may\":true}\n");
	assert_int_equal(recv(fds[0], &line, 1, 0), 0); /* the idlest has lost its place */
	assert_int_equal(recv(fds[63], &line, 1, 0), -1);
	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		if (i != 7)
			close(fds[i]);
	}
	close(waiting);
	close(later);
}

static void test_socket_file(void **state)
{
	struct lab *lab = *state;
	struct ctl *other = NULL;
	struct stat st;
	mode_t mask = umask(0);
	int fd;

	/* a plain file is nobody's left-over */
	fd = open(lab->path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(
		ctl_open(lab->path, geteuid(), getegid(), &lab->handler, &lab->ctl), -EEXIST);
	assert_int_equal(lstat(lab->path, &st), 0);
	unlink(lab->path);

	assert_int_equal(ctl_open(lab->path, geteuid(), getegid(), &lab->handler, &lab->ctl), 0);
	assert_int_equal(umask(mask), 0);
	assert_int_equal(lstat(lab->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	assert_int_equal(
		ctl_open(lab->path, geteuid(), getegid(), &lab->handler, &other), -EADDRINUSE);
	assert_null(other);
	assert_int_equal(lstat(lab->path, &st), 0);

	ctl_close(lab->ctl);
	lab->ctl = NULL;
	assert_int_equal(lstat(lab->path, &st), -1);
}

/* A daemon that was killed leaves its socket behind; another's socket is not removed by us. */
static void test_left_over(void **state)
{
	struct lab *lab = *state;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, lab->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	assert_int_equal(ctl_open(lab->path, geteuid(), getegid(), &lab->handler, &lab->ctl), 0);
	ctl_start(lab->ctl, lab->loop);
	fd = client_open(lab);
	client_say(lab, fd, "{\"n\":1}\n");
	expect_line(lab, fd, "{\"exit\":0,\"n\":1,\"may\":true}\n");
	close(fd);

	unlink(lab->path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ctl_close(lab->ctl);
	lab->ctl = NULL;
	assert_int_equal(lstat(lab->path, &st), 0);
	close(fd);
}

static void test_path(void **state)
{
	struct lab *lab = *state;
	char path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(
		ctl_open(path, geteuid(), getegid(), &lab->handler, &lab->ctl), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/absent/ctl.sock", lab->dir);
	assert_int_equal(ctl_open(path, geteuid(), getegid(), &lab->handler, &lab->ctl), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_requests_in_order, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_half_closed, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_rubbish, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_long_line, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_parts, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_slow_reader, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_together, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_later, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_many_wait, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_many_join, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_turns, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_many_clients, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_socket_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_path, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
