/*
 * The state directory: what was saved comes back; what a crash, a full disk or a person left does
 * not keep the others from coming back; one owner at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state.h"

#define TEMPLATE "/tmp/test_state.XXXXXX"

static char dir[sizeof(TEMPLATE)];
static struct state *st;

/* What state_load() complained of. */
struct complaints {
	unsigned n;
	char path[256], why[1024];
};

static void complain(void *ctx, const char *path, const char *why)
{
	struct complaints *c = ctx;

	c->n++;
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->why, sizeof(c->why), "%s", why);
}

static const char *path_of(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static bool exists(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static void file_put(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static size_t file_get(const char *name, char *buf, size_t cap)
{
	FILE *f = fopen(path_of(name), "r");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, cap, f);
	fclose(f);
	return n;
}

static void guest(struct spec *s, const char *name, const char *address)
{
	char why[SPEC_WHY_MAX];

	spec_init(s, ORIGIN_COMMAND);
	assert_true(spec_set_name(s, name, why));
	assert_true(spec_set_vif(s, "vif1.0", why));
	assert_true(spec_add_prefix(s, address, AF_INET6, why));
	s->ifindex = 4294967295u;
}

static void save(const char *name, const char *address)
{
	struct spec s;

	guest(&s, name, address);
	assert_int_equal(state_save(st, &s), 0);
	spec_free(&s);
}

static void free_all(struct spec *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		spec_free(&all[i]);
	free(all);
}

/* Loads, and returns how many; the complaints are counted into c. */
static size_t load_count(struct complaints *c)
{
	struct spec *all;
	size_t n;

	*c = (struct complaints){0};
	assert_int_equal(state_load(st, &all, &n, complain, c), 0);
	free_all(all, n);
	return n;
}

static void test_cycle(void **state)
{
	char why[SPEC_WHY_MAX], text[64];
	struct complaints c = {0};
	struct spec s, *all;
	struct stat sb;
	size_t n;

	(void)state;
	assert_int_equal(load_count(&c), 0);
	save("b", "2001:db8::b");
	save("a", "2001:db8::a");
	save("a-1", "2001:db8::a1");
	guest(&s, "..", "2001:db8::1");
	assert_true(spec_add_prefix(&s, "2001:db8:1::/48", AF_INET6, why));
	assert_true(spec_add_mac(&s, "00:16:3e:01:02:03", why));
	assert_true(spec_set_uplink(&s, "eth1", why));
	assert_true(spec_set_via(&s, "2001:db8::1", AF_INET6, why));
	s.route = false;
	assert_int_equal(state_save(st, &s), 0);
	spec_free(&s);

	assert_int_equal(stat(path_of("b.conf"), &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0644);
	assert_int_equal(state_load(st, &all, &n, complain, &c), 0);
	assert_int_equal(c.n, 0);
	assert_int_equal(n, 4);
	assert_string_equal(all[0].name, "..");
	assert_string_equal(all[1].name, "a");
	assert_string_equal(all[2].name, "a-1");
	assert_string_equal(all[3].name, "b");
	assert_string_equal(all[0].vif, "vif1.0");
	assert_string_equal(all[0].uplink, "eth1");
	assert_false(all[0].route);
	assert_true(all[0].has_via);
	assert_int_equal(all[0].nprefixes, 2);
	assert_string_equal(prefix_format(&all[0].prefixes[1], text), "2001:db8:1::/48");
	assert_int_equal(all[0].nmacs, 1);
	assert_int_equal(all[0].origin, ORIGIN_COMMAND);
	assert_int_equal(all[0].ifindex, 4294967295u);
	free_all(all, n);

	/* without prefixes: gone, and again */
	spec_init(&s, ORIGIN_COMMAND);
	assert_true(spec_set_name(&s, "b", why));
	assert_int_equal(state_save(st, &s), 0);
	assert_false(exists("b.conf"));
	assert_int_equal(state_save(st, &s), 0);
	assert_int_equal(load_count(&c), 3);
}

/* In two steps: nothing counts before it is put, and what is dropped never does. */
static void test_two_steps(void **state)
{
	struct complaints c;
	struct spec s;

	(void)state;
	save("a", "2001:db8::a");
	guest(&s, "a", "2001:db8::b");
	assert_int_equal(state_write(st, &s), 0);
	spec_free(&s);
	guest(&s, "new", "2001:db8::c");
	assert_int_equal(state_write(st, &s), 0);
	assert_int_equal(state_write(st, &s), 0); /* over what is left of the first */
	assert_true(exists("a.conf~") && exists("new.conf~") && !exists("new.conf"));
	assert_int_equal(state_drop(st, "a"), 0);
	assert_int_equal(state_drop(st, "a"), 0);
	assert_int_equal(state_put(st, "a"), -ENOENT);
	assert_int_equal(state_put(st, "new"), 0);
	assert_true(exists("new.conf") && !exists("new.conf~") && !exists("a.conf~"));
	assert_int_equal(load_count(&c), 2);
	assert_int_equal(state_remove(st, "new"), 0);
	assert_int_equal(state_remove(st, "new"), 0);
	assert_int_equal(load_count(&c), 1);
	spec_free(&s);
}

static void test_many_addresses(void **state)
{
	char why[SPEC_WHY_MAX], text[64];
	struct complaints c = {0};
	struct spec s, *all;
	size_t n;

	(void)state;
	guest(&s, "big", "2001:db8::1");
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "2001:db8:1::%x", i + 1);
		assert_true(spec_add_prefix(&s, text, AF_INET6, why));
	}
	assert_int_equal(state_save(st, &s), 0);
	spec_free(&s);
	assert_int_equal(state_load(st, &all, &n, complain, &c), 0);
	if (c.n)
		fail_msg("%s", c.why);
	assert_int_equal(n, 1);
	assert_int_equal(all[0].nprefixes, 10001);
	free_all(all, n);
}

/* A file cut at any byte is set aside, and the other guest is there. */
static void test_cut(void **state)
{
	struct complaints c;
	char text[2048];
	size_t len;

	(void)state;
	save("whole", "2001:db8::1");
	save("cut", "2001:db8::2");
	len = file_get("cut.conf", text, sizeof(text));
	assert_in_range(len, 100, sizeof(text) - 1);
	for (size_t at = 0; at < len; at++) {
		file_put("cut.conf", text, at);
		if (load_count(&c) != 1 || c.n != 1)
			fail_msg("cut at %zu of %zu: %u complaints", at, len, c.n);
		assert_string_equal(c.path, path_of("cut.conf.bad"));
		assert_int_equal(unlink(c.path), 0);
		assert_false(exists("cut.conf"));
	}
	file_put("cut.conf", text, len);
	assert_int_equal(load_count(&c), 2);
	assert_int_equal(c.n, 0);
}

static void count_aside(void *ctx, const char *path)
{
	assert_non_null(strstr(path, ".conf.bad"));
	++*(unsigned *)ctx;
}

/* What was set aside before is not lost, and can be told again; of one guest there are at most
 * nine. */
static void test_aside(void **state)
{
	struct complaints c;
	unsigned aside = 0;
	char text[8];

	(void)state;
	assert_int_equal(state_aside(st, count_aside, &aside), 0);
	assert_int_equal(aside, 0);
	for (char n = '1'; n <= '9'; n++) {
		file_put("a.conf", &n, 1);
		assert_int_equal(load_count(&c), 0);
		assert_int_equal(c.n, 1);
	}
	assert_string_equal(c.path, path_of("a.conf.bad.9"));
	assert_int_equal(file_get("a.conf.bad", text, sizeof(text)), 1);
	assert_int_equal(text[0], '1');
	file_put("a.conf", "x", 1);
	assert_int_equal(load_count(&c), 0);
	assert_string_equal(c.path, path_of("a.conf.bad.9"));
	assert_int_equal(file_get("a.conf.bad.9", text, sizeof(text)), 1);
	assert_int_equal(text[0], 'x');
	assert_int_equal(state_aside(st, count_aside, &aside), 0);
	assert_int_equal(aside, 9);
	/* where it cannot be moved it stays, and costs nobody else anything */
	assert_int_equal(mkdir(path_of("b.conf.bad.9"), 0755), 0);
	for (char n = '1'; n <= '8'; n++) {
		text[0] = 0;
		snprintf(text, sizeof(text), n > '1' ? ".%c" : "", n);
		snprintf(c.why, sizeof(c.why), "b.conf.bad%s", text);
		file_put(c.why, "", 0);
	}
	file_put("b.conf", "x", 1);
	save("good", "2001:db8::1");
	assert_int_equal(load_count(&c), 1);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.path, path_of("b.conf"));
}

#define OK_GUEST "guest 'x' { vif = 'v' addresses = { '2001:db8::9' } }\n"
#define TAIL     "# ifindex 3\n# end\n"

static const struct {
	const char *title, *file, *text, *why;
} bad[] = {
	{"empty", "x.conf", "", "cut short"},
	{"the tail alone", "x.conf", TAIL, "the line before the last"},
	{"no section", "x.conf", "\n" TAIL, "not one section"},
	{"two sections", "x.conf", OK_GUEST "guest 'y' { addresses = { '2001:db8::8' } }\n" TAIL,
		"not one section"},
	{"another guest", "y.conf", OK_GUEST TAIL, "whose name the file has"},
	{"the start of a name", "xx.conf", OK_GUEST TAIL, "whose name the file has"},
	{"no ifindex", "x.conf", OK_GUEST "# end\n", "ifindex"},
	{"no number", "x.conf", OK_GUEST "# ifindex \n# end\n", "no number"},
	{"a negative number", "x.conf", OK_GUEST "# ifindex -1\n# end\n", "no number"},
	{"too large a number", "x.conf", OK_GUEST "# ifindex 4294967296\n# end\n", "too large"},
	{"a long number", "x.conf", OK_GUEST "# ifindex 11111111111\n# end\n", "no number"},
	{"something behind the end", "x.conf", OK_GUEST TAIL "\n", "cut short"},
	{"an option of elsewhere", "x.conf", "pace = 3\n" OK_GUEST TAIL,
		"x.conf:1: unknown option"},
	{"a wrong address", "x.conf", "guest 'x' { addresses = { 'fe80::1' } }\n" TAIL,
		"link-local"},
	{"the other family", "x.conf", "guest 'x' { addresses = { '192.0.2.1' } }\n" TAIL, "IPv4"},
	{"end inside the section", "x.conf", "guest 'x' {\naddresses = { '2001:db8::1' }\n" TAIL,
		"end of file inside the section"},
	{"no name", ".conf", OK_GUEST TAIL, NULL}, /* no guest's file: left alone */
	{"another suffix", "x.conf.rpmnew", "", NULL},
};

static void test_bad(void **state)
{
	struct complaints c;

	(void)state;
	save("good", "2001:db8::1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char aside[64];

		file_put(bad[i].file, bad[i].text, strlen(bad[i].text));
		snprintf(aside, sizeof(aside), "%s.bad", bad[i].file);
		assert_int_equal(load_count(&c), 1);
		if (!bad[i].why) {
			assert_int_equal(c.n, 0);
			assert_true(exists(bad[i].file));
			continue;
		}
		if (c.n != 1 || !strstr(c.why, bad[i].why))
			fail_msg("%s: %u, \"%s\"", bad[i].title, c.n, c.why);
		assert_true(exists(aside));
		assert_false(exists(bad[i].file));
		/* told of once */
		assert_int_equal(load_count(&c), 1);
		assert_int_equal(c.n, 0);
	}
}

/* What is no file at all. */
static void test_not_files(void **state)
{
	struct complaints c;

	(void)state;
	save("good", "2001:db8::1");
	assert_int_equal(mkdir(path_of("d.conf"), 0755), 0);
	assert_int_equal(load_count(&c), 1);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.path, path_of("d.conf.bad"));
	assert_int_equal(mkfifo(path_of("f.conf"), 0644), 0);
	assert_int_equal(load_count(&c), 1);
	assert_int_equal(c.n, 1);
	assert_int_equal(symlink("good.conf", path_of("l.conf")), 0);
	assert_int_equal(load_count(&c), 1);
	assert_int_equal(c.n, 1);
	assert_true(exists("good.conf"));
}

/* What a crash in the middle of a write leaves. */
static void test_leftovers(void **state)
{
	struct complaints c;

	(void)state;
	save("a", "2001:db8::1");
	file_put("a.conf~", "guest 'a", 8);
	file_put("b.conf~", OK_GUEST TAIL, strlen(OK_GUEST TAIL));
	file_put("notes~", "", 0);
	assert_int_equal(load_count(&c), 1);
	assert_int_equal(c.n, 0);
	assert_false(exists("a.conf~"));
	assert_false(exists("b.conf~"));
	assert_true(exists("notes~"));
	/* nor is one in the way of the next write, or followed */
	assert_int_equal(symlink("notes~", path_of("a.conf~")), 0);
	save("a", "2001:db8::2");
	assert_false(exists("a.conf~"));
	assert_int_equal(load_count(&c), 1);
}

/* A full disk: the old file is untouched, and nothing is left beside it. */
static void test_full(void **state)
{
	struct rlimit old, none = {50, 50};
	char before[2048], after[2048];
	struct complaints c;
	struct spec s;
	size_t len;
	int err;

	(void)state;
	save("a", "2001:db8::1");
	len = file_get("a.conf", before, sizeof(before));
	guest(&s, "a", "2001:db8::2");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	err = state_save(st, &s);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	spec_free(&s);
	assert_int_equal(err, -EFBIG);
	assert_int_equal(file_get("a.conf", after, sizeof(after)), len);
	assert_memory_equal(before, after, len);
	assert_false(exists("a.conf~"));
	assert_int_equal(load_count(&c), 1);
}

/* A directory that takes no more files: by its mode, or for root by having gone. */
static void test_unwritable(void **state)
{
	struct spec s;
	int err;

	(void)state;
	guest(&s, "a", "2001:db8::2");
	if (geteuid() != 0) {
		assert_int_equal(chmod(dir, 0500), 0);
		err = state_save(st, &s);
		assert_int_equal(chmod(dir, 0700), 0);
		assert_int_equal(err, -EACCES);
	}
	assert_int_equal(unlink(path_of(".lock")), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(state_save(st, &s), -ENOENT);
	assert_int_equal(mkdir(dir, 0700), 0);
	spec_free(&s);
}

/* The lock: not while another process has it, but as soon as that one ends. */
static void test_lock(void **state)
{
	struct state *other = NULL;
	int ready[2], done[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(state_open(dir, AF_INET6, 0, &other), -EWOULDBLOCK);
	assert_int_equal(state_open(dir, AF_INET6, 30, &other), -EWOULDBLOCK);
	assert_null(other);
	state_close(st);
	st = NULL;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(done), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		close(done[1]);
		if (state_open(dir, AF_INET6, 0, &other) < 0)
			_exit(1);
		if (write(ready[1], "x", 1) != 1 || read(done[0], &byte, 1) != 0)
			_exit(1);
		_exit(0);
	}
	close(ready[1]);
	close(done[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(state_open(dir, AF_INET6, 20, &st), -EWOULDBLOCK);
	close(done[1]);
	assert_int_equal(state_open(dir, AF_INET6, 60000, &st), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	assert_string_equal(state_dir(st), dir);
}

/* Who else has opened it, in a process of its own: a lock is a process's here. */
static int lock_elsewhere(void)
{
	struct state *other = NULL;
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(state_open(dir, AF_INET6, 0, &other) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

/* The lock is removed: made again, unless somebody else was faster. */
static void test_lock_removed(void **state)
{
	struct state *other = NULL;
	char holder[64], me[64];

	(void)state;
	snprintf(me, sizeof(me), "%s %d", program_invocation_short_name, (int)getpid());
	assert_true(state_holder(dir, holder, sizeof(holder)));
	assert_string_equal(holder, me);
	assert_int_equal(state_check(st), 0);
	assert_int_equal(unlink(path_of(".lock")), 0);
	assert_false(state_holder(dir, holder, sizeof(holder)));
	assert_int_equal(state_check(st), 0);
	assert_int_equal(lock_elsewhere(), 1);
	assert_true(state_holder(dir, holder, sizeof(holder)));
	assert_string_equal(holder, me);
	assert_int_equal(unlink(path_of(".lock")), 0);
	assert_int_equal(state_open(dir, AF_INET6, 0, &other), 0);
	assert_int_equal(state_check(st), -EWOULDBLOCK);
	state_close(other);
	assert_int_equal(state_check(st), 0);
	assert_int_equal(lock_elsewhere(), 1);
}

static bool knows_a(void *ctx, const char *guest)
{
	(void)ctx;
	return strcmp(guest, "a") == 0;
}

/* The directory goes, and another one comes. */
static void test_directory_renewed(void **state)
{
	struct complaints c = {0};

	(void)state;
	save("a", "2001:db8::1");
	assert_int_equal(unlink(path_of("a.conf")), 0);
	assert_int_equal(unlink(path_of(".lock")), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(state_check(st), -ENOENT);
	assert_int_equal(state_probe(st), -ENOENT);
	assert_int_equal(mkdir(dir, 0700), 0);
	file_put("a.conf", "", 0);
	file_put("b.conf", "", 0);
	assert_int_equal(state_check(st), 1);
	assert_int_equal(state_check(st), 0);
	assert_int_equal(lock_elsewhere(), 1);
	assert_int_equal(state_probe(st), 0);
	assert_int_equal(state_sift(st, knows_a, complain, &c), 0);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.path, path_of("b.conf.bad"));
	save("a", "2001:db8::1");
	assert_int_equal(load_count(&c), 1);
	assert_int_equal(c.n, 0);
}

static void test_probe(void **state)
{
	struct rlimit old, none = {50, 50};

	(void)state;
	assert_int_equal(state_probe(st), 0);
	assert_false(exists("~.conf~"));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(state_probe(st), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_false(exists("~.conf~"));
}

static void test_open(void **state)
{
	struct state *other = NULL;

	(void)state;
	assert_int_equal(state_open("/nonexistent/dir", AF_INET6, 0, &other), -ENOENT);
	assert_int_equal(state_open("/etc/passwd", AF_INET6, 0, &other), -ENOTDIR);
	assert_null(other);
	state_close(NULL);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, TEMPLATE);
	if (!mkdtemp(dir))
		return -1;
	return state_open(dir, AF_INET6, 0, &st);
}

static int teardown(void **state)
{
	DIR *d = opendir(dir);

	(void)state;
	state_close(st);
	st = NULL;
	for (struct dirent *e; d && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove(path_of(e->d_name));
	}
	if (d)
		closedir(d);
	return rmdir(dir);
}

/* What is given up to other hosts: replaced whole; what is no line of it is passed over. */
static void test_yields(void **state)
{
	static const char text[] = "rubbish\n2001:db8::1 x\n2001:db8::1\n2001:db8::1 99999999999\n"
				   "2001:db8::7 12\n192.0.2.1 0\n2001:db8::8 1";
	struct state_yield y[2] = {{.ifindex = 7}, {.ifindex = 0}}, *got;
	struct prefix p;
	size_t n;

	(void)state;
	assert_int_equal(state_yields_load(st, &got, &n), 0);
	assert_int_equal(n, 0);
	addr_parse("2001:db8::7", &y[0].addr);
	addr_parse("192.0.2.1", &y[1].addr);
	assert_int_equal(state_yields_save(st, y, 2), 0);
	assert_int_equal(state_yields_load(st, &got, &n), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(got, y, sizeof(y));
	free(got);
	assert_false(exists(".yielded~"));

	prefix_parse("2001:db8::7", &p);
	assert_int_equal(state_yields_forget(st, &p, 1), 0);
	assert_int_equal(state_yields_load(st, &got, &n), 0);
	assert_int_equal(n, 1);
	assert_memory_equal(got, &y[1], sizeof(*y));
	free(got);
	assert_int_equal(state_yields_save(st, NULL, 0), 0);
	assert_false(exists(".yielded"));
	assert_int_equal(state_yields_forget(st, &p, 1), 0);

	file_put(".yielded", text, strlen(text));
	assert_int_equal(state_yields_load(st, &got, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(got[0].ifindex, 12);
	assert_true(addr_equal(&got[1].addr, &y[1].addr));
	free(got);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cycle),
		TEST(test_two_steps),
		TEST(test_many_addresses),
		TEST(test_cut),
		TEST(test_aside),
		TEST(test_bad),
		TEST(test_not_files),
		TEST(test_leftovers),
		TEST(test_full),
		TEST(test_unwritable),
		TEST(test_lock),
		TEST(test_lock_removed),
		TEST(test_directory_renewed),
		TEST(test_probe),
		TEST(test_open),
		TEST(test_yields),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
