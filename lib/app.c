/* app: the command line, start and stop. See app.h. */
#include "app.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_private.h"
#include "command.h"
#include "priv.h"
#include "thread.h"

#define LOCK_WAIT_S     60 /* for a control command that works in our place */
#define LOCK_HOLDER_MAX 96
#define LARGE_BYTES     (128 * 1024)

enum { EXIT_CONF = 1, EXIT_USAGE = 2, EXIT_SYSTEM = 3 };

struct options {
	bool foreground, check, verbose;
	char conf[4096], socket[4096], state[4096];
};

static int usage(const struct codec *codec)
{
	fprintf(stderr, "usage: %s [-f] [-n] [-v] [-c FILE] [-s SOCKET] [-d STATEDIR] [-V]\n",
		codec->name);
	return EXIT_USAGE;
}

/* Returns -1 to go on, or an exit status. */
static int parse_options(const struct codec *codec, struct options *o, int argc, char **argv)
{
	int c;

	snprintf(o->conf, sizeof(o->conf), SYSCONFDIR "/%s.conf", codec->name);
	snprintf(o->socket, sizeof(o->socket), "/run/%s/ctl.sock", codec->name);
	snprintf(o->state, sizeof(o->state), "/run/%s/guests.d", codec->name);
	while ((c = getopt(argc, argv, "fnvc:s:d:Vh")) != -1) {
		switch (c) {
		case 'f': o->foreground = true; break;
		case 'n': o->check = true; break;
		case 'v': o->verbose = true; break;
		case 'c': snprintf(o->conf, sizeof(o->conf), "%s", optarg); break;
		case 's': snprintf(o->socket, sizeof(o->socket), "%s", optarg); break;
		case 'd': snprintf(o->state, sizeof(o->state), "%s", optarg); break;
		case 'V': printf("%s %s\n", codec->name, VERSION); return 0;
		default: return usage(codec);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument \"%s\"\n", codec->name, argv[optind]);
		return usage(codec);
	}
	return -1;
}

/*
 * Makes a directory of ours, with those above it; whose it is to be, where we are root and it is
 * new (or, for the state directory, in any case).
 */
static int make_dir(const char *path, uid_t uid, gid_t gid, bool take)
{
	char part[4096];
	struct stat st;
	bool made = false;

	snprintf(part, sizeof(part), "%s", path);
	for (char *c = part + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*c = '/';
	}
	if (mkdir(part, 0755) == 0)
		made = true;
	else if (errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if ((made || take) && geteuid() == 0 && (st.st_uid != uid || st.st_gid != gid) &&
		chown(path, uid, gid) < 0 && errno != EROFS)
		return -errno;
	return 0;
}

static int make_socket_dir(const char *socket, uid_t uid, gid_t gid)
{
	char dir[4096];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", socket);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return make_dir(dir, uid, gid, false);
}

static json_t *on_request(void *ctx, const json_t *request, bool may_change)
{
	return command_run(ctx, request, may_change);
}

struct reading {
	const struct app *a;
	struct conf *conf;
	char *why;
	int done; /* an eventfd */
};

static void *read_conf(void *arg)
{
	struct reading *r = arg;

	r->conf = conf_load(r->a->conf_path, r->a->codec->name, r->a->codec->family, r->why);
	eventfd_write(r->done, 1);
	return NULL;
}

/* A million lines take half a second: questions are answered meanwhile, all else waits. */
static struct conf *read_while_answering(struct app *a, char why[CONF_WHY_MAX])
{
	struct reading r = {.a = a, .why = why, .done = eventfd(0, EFD_CLOEXEC)};
	pthread_t thread;

	if (r.done < 0)
		return conf_load(a->conf_path, a->codec->name, a->codec->family, why);
	if (thread_start(&thread, read_conf, &r)) {
		listen_until(a, r.done);
		pthread_join(thread, NULL);
	} else {
		read_conf(&r);
	}
	close(r.done);
	return r.conf;
}

static bool on_joins(void *ctx, const json_t *request)
{
	app_pause(ctx); /* it is asked of each of very many */
	return command_changes_guests(request);
}

static void on_requests(void *ctx, json_t *const *requests, json_t **replies, size_t n)
{
	command_run_all(ctx, requests, replies, n);
}

/* Kept for `status` until a reload succeeds. */
static void reload_result(struct app *a, const char *why)
{
	free(a->reload_failed);
	a->reload_failed = why ? strdup(why) : NULL;
	if (why)
		log_error("%s; the configuration in force stays", why);
}

bool app_reload(struct app *a, struct config_diff *ret, char why[CONF_WHY_MAX])
{
	struct conf *old = a->conf, *c;

	notify_reloading();
	c = read_while_answering(a, why);
	reload_result(a, c ? NULL : why);
	if (!c) {
		notify_reloaded(why);
		return false;
	}
	a->conf = c; /* the engine asks for vif policies while it is configured */
	nl_set_routes(a->wiring->nl, c->route.table, c->route.protocol);
	if (wire_configure(a, c, ret) < 0)
		log_error("no memory for all of the configuration");
	for (size_t n = 0; n < c->ninert; n++)
		log_warning("%s", c->inert[n]);
	conf_free(old);
	app_settle(a);
	log_info("configuration read: +%zu -%zu =%zu addresses", ret->added, ret->removed,
		ret->same);
	notify_reloaded(NULL);
	return true;
}

static void on_sighup(struct ev_loop *loop, ev_signal *s, int events)
{
	struct app *a = s->data;
	char why[CONF_WHY_MAX];
	struct config_diff diff;

	(void)loop;
	(void)events;
	app_reload(a, &diff, why);
}

static void on_stop(struct ev_loop *loop, ev_signal *s, int events)
{
	(void)s;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/*
 * What is asked for while we start is done when we have: a reload, which must not end us, and once
 * there are routes, a stop, which may have to take them back.
 */
static void hold_signal(int how, int signal)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, signal);
	sigprocmask(how, &s, NULL);
}

static void start_signals(struct app *a)
{
	struct wiring *w = a->wiring;

	ev_signal_init(&w->sighup, on_sighup, SIGHUP);
	ev_signal_init(&w->sigterm, on_stop, SIGTERM);
	ev_signal_init(&w->sigint, on_stop, SIGINT);
	w->sighup.data = a;
	ev_signal_start(w->loop, &w->sighup);
	ev_signal_start(w->loop, &w->sigterm);
	ev_signal_start(w->loop, &w->sigint);
	signal(SIGPIPE, SIG_IGN);
	hold_signal(SIG_UNBLOCK, SIGHUP);
	hold_signal(SIG_UNBLOCK, SIGTERM);
	hold_signal(SIG_UNBLOCK, SIGINT);
}

static void log_host_warning(void *ctx, const char *code, const char *text)
{
	(void)ctx;
	log_warning("%s: %s", code, text);
}

static void check_uplink(void *ctx, struct iface *i)
{
	(void)ctx;
	if (i->is_uplink && !i->present)
		log_warning("uplink \"%s\" does not exist yet", i->name);
}

/* A listener for each vif: what the administrator's hard limit lets us have. */
static void raise_file_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* Is it one of us who holds the lock? Then for its whole life. */
static bool held_by_daemon(const struct app *a, const char *holder)
{
	const size_t n = strlen(a->codec->name);

	return strncmp(holder, a->codec->name, n) == 0 && holder[n] == ' ';
}

/*
 * A control command that registers very many guests in our place holds the lock for a while: it is
 * waited for, because a start in the middle of that must not fail. Another daemon is not. Returns 0
 * or an exit status.
 */
static int lock_state(struct app *a)
{
	char holder[LOCK_HOLDER_MAX];
	int r;

	for (unsigned s = 1; s <= LOCK_WAIT_S; s++) {
		r = state_open(a->state_dir, a->codec->family, 1000, &a->state);
		if (r != -EWOULDBLOCK || !state_holder(a->state_dir, holder, sizeof(holder)) ||
			held_by_daemon(a, holder))
			break;
		if (s == 1)
			log_warning("waiting for %s, which %s has locked", a->state_dir, holder);
	}
	if (r == 0)
		return 0;
	if (r == -EWOULDBLOCK)
		log_error("cannot lock %s: %s has locked it%s", a->state_dir,
			*holder ? holder : "somebody",
			held_by_daemon(a, holder) ? "; another instance is running" : "");
	else
		log_error("cannot lock %s: %s", a->state_dir, strerror(-r));
	return EXIT_SYSTEM;
}

/* Everything that needs more than the two capabilities. Returns 0 or an exit status. */
static int acquire(struct app *a)
{
	const struct ctl_handler handler = {a, on_request, on_joins, on_requests};
	char why[PRIV_WHY_MAX];
	uid_t uid;
	gid_t gid;
	int r;

	if (priv_lookup(a->conf->user, a->conf->group, &uid, &gid, why) < 0) {
		log_error("%s", why);
		return EXIT_CONF;
	}
	r = make_dir(a->state_dir, uid, gid, true);
	if (r == 0)
		r = make_socket_dir(a->socket_path, uid, gid);
	if (r < 0) {
		log_error("cannot make %s or the directory of %s: %s", a->state_dir, a->socket_path,
			strerror(-r));
		return EXIT_SYSTEM;
	}
	r = lock_state(a);
	if (r)
		return r;
	r = wire_open(a);
	if (r < 0) {
		log_error("cannot open netlink sockets: %s", strerror(-r));
		return EXIT_SYSTEM;
	}
	r = ctl_open(a->socket_path, uid, gid, &handler, &a->wiring->ctl);
	if (r < 0) {
		log_error("cannot listen on %s: %s", a->socket_path, strerror(-r));
		return EXIT_SYSTEM;
	}
	if (priv_drop(uid, gid, why) < 0) {
		log_error("cannot drop privileges: %s", why);
		return EXIT_SYSTEM;
	}
	return 0;
}

/* A host that does not let us listen at all is told now, not packet by packet. */
static int check_listening(void)
{
	struct packet *p;
	const struct sock_filter none = {BPF_RET | BPF_K, 0, 0, 0};
	struct sock_filter copy = none;
	const struct sock_fprog filter = {1, &copy};
	int r = packet_open(1, 0, &filter, -1, false, &p);

	if (r == 0)
		packet_close(p);
	return r == -EPERM || r == -EACCES || r == -EAFNOSUPPORT ? r : 0;
}

static int start(struct app *a)
{
	struct config_diff diff;
	int r = acquire(a);

	if (r)
		return r;
	r = check_listening();
	if (r < 0) {
		log_error("cannot open a packet socket: %s; CAP_NET_RAW is needed", strerror(-r));
		return EXIT_SYSTEM;
	}
	hold_signal(SIG_BLOCK, SIGTERM);
	hold_signal(SIG_BLOCK, SIGINT);
	r = guests_open(a);
	if (r == 0)
		r = wire_configure(a, a->conf, &diff);
	if (r == 0)
		r = guests_load(a);
	if (r == 0)
		r = wire_start(a);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		return EXIT_SYSTEM;
	}
	return 0;
}

/* What a stop leaves on the host must be no surprise. */
static void say_stopping(struct app *a)
{
	char text[128];

	snprintf(text, sizeof(text),
		a->conf->keep_routes ? "host routes stay (keep-routes); %s flush removes them"
				     : "host routes are removed (keep-routes = false)",
		a->codec->ctl);
	log_info("stopping: %s", text);
	notify_stopping(&a->wiring->notify, a->wiring->loop, text);
}

static int run(struct app *a, const struct options *o)
{
	struct wiring *w = a->wiring;
	int r = start(a);

	if (r)
		return r;
	start_signals(a);
	ctl_start(w->ctl, w->loop);
	log_open(o->foreground, o->verbose);
	for (size_t n = 0; n < a->conf->ninert; n++)
		log_warning("%s", a->conf->inert[n]);
	app_host_warnings(a, log_host_warning, NULL);
	engine_ifaces(a->engine, check_uplink, NULL);
	log_info("ready: %zu addresses, %s", table_count(engine_table(a->engine)), VERSION);
	notify_ready(&w->notify, w->loop);
	ev_run(w->loop, 0);
	say_stopping(a);
	if (!a->conf->keep_routes) {
		engine_withdraw(a->engine, app_now());
		app_settle(a);
	}
	log_info("stopped");
	return 0;
}

int app_main(const struct codec *codec, int argc, char **argv)
{
	struct options o = {0};
	struct wiring w = {.hearing = -1};
	struct app a = {.codec = codec,
		.conf_path = o.conf,
		.socket_path = o.socket,
		.state_dir = o.state,
		.state_warnings = STAILQ_HEAD_INITIALIZER(a.state_warnings),
		.waiting = STAILQ_HEAD_INITIALIZER(a.waiting),
		.ifindex_fd = -1,
		.wiring = &w};
	char why[CONF_WHY_MAX];
	int r;

	/* our threads are few and short: one heap, given back whole; and what is large not from it,
	 * also after something large has been given back */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	log_init(codec->name);
	r = parse_options(codec, &o, argc, argv);
	if (r >= 0)
		return r;
	hold_signal(SIG_BLOCK, SIGHUP);
	a.conf = conf_load(o.conf, codec->name, codec->family, why);
	if (!a.conf) {
		log_error("%s", why);
		return EXIT_CONF;
	}
	if (o.check) {
		if (o.verbose)
			conf_print(a.conf, stdout);
		conf_free(a.conf);
		return 0;
	}
	a.started = app_now();
	raise_file_limit();
	w.loop = ev_default_loop(EVFLAG_AUTO);
	if (!w.loop) {
		log_error("cannot make an event loop: %s", strerror(errno));
		conf_free(a.conf);
		return EXIT_SYSTEM;
	}
	notify_init(&w.notify);
	r = run(&a, &o);
	ctl_close(w.ctl);
	wire_close(&a);
	command_close(&a);
	guests_close(&a);
	ev_loop_destroy(w.loop);
	conf_free(a.conf);
	free(a.reload_failed);
	return r;
}
