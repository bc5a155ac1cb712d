/*
 * app_guests: run-time guests at start, and what their rules ask of the daemon.
 *
 * Run-time guests never keep the daemon from starting: a bad file costs its guest alone, and where
 * the configuration lists the same address, the configuration wins.
 */
#include "app_private.h"
#include "store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* As of now: events of the kernel may still wait to be read. if_nametoindex(3) would make a socket
 * each time. */
uint32_t app_ifindex(void *ctx, const char *vif)
{
	const struct app *a = ctx;
	struct ifreq r = {0};

	if (a->ifindex_fd < 0)
		return if_nametoindex(vif);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", vif);
	return ioctl(a->ifindex_fd, SIOCGIFINDEX, &r) < 0 ? 0 : (uint32_t)r.ifr_ifindex;
}

static bool lookup_prefix(void *ctx, const struct prefix *p, const char **guest, const char **vif)
{
	const struct app *a = ctx;
	const struct listed *en = table_find(engine_table(a->engine), p);

	if (!en || !en->guest || en->guest->origin == ORIGIN_COMMAND)
		return false;
	*guest = en->guest->name;
	*vif = en->guest->vif ? en->guest->vif->name : "";
	return true;
}

static bool lookup_guest(void *ctx, const char *name, const char **vif)
{
	const struct app *a = ctx;
	const struct guest *g = table_guest(engine_table(a->engine), name, ORIGIN_CONFIG);

	if (!g)
		g = table_guest(engine_table(a->engine), name, ORIGIN_FILE);
	if (!g)
		return false;
	*vif = g->vif ? g->vif->name : "";
	return true;
}

static bool lookup_vif(void *ctx, const char *vif)
{
	const struct app *a = ctx;
	const struct iface *i = engine_iface(a->engine, vif);
	const struct guest *g;

	if (!i)
		return false;
	LIST_FOREACH (g, &i->guests, of_vif)
		if (g->origin != ORIGIN_COMMAND)
			return true;
	return false;
}

int guests_open(struct app *a)
{
	const struct runtime_lookups lookups = {
		a, app_ifindex, lookup_prefix, lookup_guest, lookup_vif};

	a->ifindex_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	a->runtime = runtime_new(&lookups);
	return a->runtime ? 0 : -ENOMEM;
}

/* A file that was set aside: warned of until it is there no more, or is another one. */
struct state_warning {
	STAILQ_ENTRY(state_warning) next;
	dev_t dev;
	ino_t ino;
	char *path, *text;
};

static void warning_free(struct state_warning *w)
{
	free(w->path);
	free(w->text);
	free(w);
}

/* What stands in a damaged file, or is its name, may be anything. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void on_bad_file(void *ctx, const char *path, const char *why)
{
	struct app *a = ctx;
	struct state_warning *w;
	struct stat st;
	char text[1024];

	snprintf(text, sizeof(text), "%s is set aside: %s", path, why);
	make_printable(text);
	log_warning("%s", text);
	w = lstat(path, &st) < 0 ? NULL : calloc(1, sizeof(*w));
	if (!w)
		return;
	*w = (struct state_warning){
		.dev = st.st_dev, .ino = st.st_ino, .path = strdup(path), .text = strdup(text)};
	if (w->path && w->text)
		STAILQ_INSERT_TAIL(&a->state_warnings, w, next);
	else
		warning_free(w);
}

static void on_aside(void *ctx, const char *path)
{
	on_bad_file(ctx, path,
		"damaged when an earlier start read it; remove it, or mend it and take the end off "
		"its name while the daemon is stopped");
}

/* Whether it is still so. */
static bool warning_holds(const struct state_warning *w)
{
	struct stat st;

	return lstat(w->path, &st) == 0 && st.st_dev == w->dev && st.st_ino == w->ino;
}

static bool is_known(void *ctx, const char *guest)
{
	const struct app *a = ctx;

	return runtime_has(a->runtime, guest);
}

int app_state_check(struct app *a)
{
	int r = state_check(a->state);

	if (r <= 0)
		return r;
	log_warning(
		"%s is another directory now: all run-time guests are written to it", a->state_dir);
	runtime_unsaved(a->runtime);
	a->yields = UINT64_MAX; /* what is given up is written there too */
	return state_sift(a->state, is_known, on_bad_file, a);
}

/* Could a run-time guest be changed now? 0 or -errno. */
static int state_problem(struct app *a)
{
	const struct runtime_store store = store_of(a->state);
	int r = app_state_check(a);

	if (r == 0)
		r = runtime_repair(a->runtime, &store);
	return r == 0 ? state_probe(a->state) : r;
}

/* Returns false where there is nothing to tell. */
static bool state_problem_text(struct app *a, char *text, size_t size)
{
	char error[STATE_ERROR_MAX];
	const int r = state_problem(a);

	if (r < 0)
		snprintf(text, size, "run-time guests cannot be changed: cannot write to %s: %s",
			a->state_dir, state_error(r, error));
	return r < 0;
}

void app_state_warnings(
	struct app *a, void (*each)(void *ctx, const char *code, const char *text), void *ctx)
{
	struct state_warning *w, *next;
	char text[PATH_MAX + 256];

	if (state_problem_text(a, text, sizeof(text)))
		each(ctx, "state-dir", text);
	for (w = STAILQ_FIRST(&a->state_warnings); w; w = next) {
		next = STAILQ_NEXT(w, next);
		if (warning_holds(w)) {
			each(ctx, "state-file", w->text);
		} else {
			STAILQ_REMOVE(&a->state_warnings, w, state_warning, next);
			warning_free(w);
		}
	}
}

/* Of a change that was cut short between two files: the other one's is written anew. */
static void on_lost(
	void *ctx, const struct spec *guest, const struct prefix *p, const struct spec *owner)
{
	char address[ADDR_TEXT_MAX];

	(void)ctx;
	log_warning("%s of run-time guest \"%s\" is left out: guest \"%s\" has it",
		prefix_format(p, address), guest->name, owner->name);
}

static void put_in_force(void *ctx, const struct spec *s)
{
	const struct app *a = ctx;

	if (engine_guest(a->engine, app_now(), s) < 0)
		log_error("guest \"%s\": no memory", s->name);
}

int guests_load(struct app *a)
{
	struct spec *guests = NULL;
	char text[PATH_MAX + 256];
	size_t n = 0;
	int r = state_aside(a->state, on_aside, a);

	if (r == 0)
		r = state_load(a->state, &guests, &n, on_bad_file, a);
	if (r < 0)
		return r;
	r = runtime_load(a->runtime, guests, n, on_lost, a);
	for (size_t i = 0; i < n; i++)
		spec_free(&guests[i]);
	free(guests);
	if (r == 0 && state_problem_text(a, text, sizeof(text)))
		log_warning("%s", text);
	if (r == 0)
		r = runtime_foreach(a->runtime, put_in_force, a);
	if (r == 0)
		yields_load(a);
	if (r == 0 && state_started(a->state) > 0)
		engine_resumes(a->engine);
	return r;
}

void guests_close(struct app *a)
{
	struct state_warning *w;

	while ((w = STAILQ_FIRST(&a->state_warnings))) {
		STAILQ_REMOVE_HEAD(&a->state_warnings, next);
		warning_free(w);
	}
	runtime_free(a->runtime);
	state_close(a->state);
	if (a->ifindex_fd >= 0)
		close(a->ifindex_fd);
}
