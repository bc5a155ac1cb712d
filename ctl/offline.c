/*
 * offline: add and del while the daemon is stopped.
 *
 * The state directory is changed under its lock, by the same rules (lib/runtime.h) that the daemon
 * follows; it reads the directory when it starts. What its configuration says is not known here:
 * a run-time guest that is in its way is set aside then, and named in `status`.
 */
#include "client.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

#define LOCK_WAIT_MS 100

/* As `mkdir -p -m 755`. */
static int make_directory(const char *path)
{
	char *copy = strdup(path);
	int r = 0;

	if (!copy)
		return -ENOMEM;
	for (char *slash = copy + 1; !r && *slash; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		if (mkdir(copy, 0755) && errno != EEXIST)
			r = -errno;
		*slash = '/';
	}
	if (!r && mkdir(copy, 0755) && errno != EEXIST)
		r = -errno;
	free(copy);
	return r;
}

int offline_lock(const struct client *c, bool make, struct state **ret)
{
	int r = state_open(c->statedir, c->family, LOCK_WAIT_MS, ret);

	if (r == -ENOENT && make && geteuid() == 0) {
		r = make_directory(c->statedir);
		if (!r)
			r = state_open(c->statedir, c->family, LOCK_WAIT_MS, ret);
	}
	return r;
}

static uint32_t kernel_ifindex(void *ctx, const char *vif)
{
	(void)ctx;
	return if_nametoindex(vif);
}

static void tell_bad(void *ctx, const char *path, const char *why)
{
	complain(ctx, "%s is left out: %s", path, why);
}

/* Nothing is written for it: the daemon comes to the same result at its start. */
static void tell_lost(
	void *ctx, const struct spec *guest, const struct prefix *p, const struct spec *owner)
{
	char text[ADDR_TEXT_MAX];

	complain(ctx, "%s of guest \"%s\" is left out: guest \"%s\" has it", prefix_format(p, text),
		guest->name, owner->name);
}

static int load(const struct client *c, struct state *st, struct runtime *rt)
{
	struct client mine = *c;
	struct spec *guests = NULL;
	size_t n = 0;
	int r;

	r = state_load(st, &guests, &n, tell_bad, &mine);
	if (r)
		return r;
	r = runtime_load(rt, guests, n, tell_lost, &mine);
	for (size_t i = 0; i < n; i++)
		spec_free(&guests[i]);
	free(guests);
	return r;
}

/* The addresses and the text values of a request, as a spec. False after a complaint. */
static bool read_request(const struct client *c, const json_t *request, struct spec *s)
{
	const json_t *list = json_object_get(request, "addresses"), *item;
	const char *vif = json_string_value(json_object_get(request, "vif"));
	const char *guest = json_string_value(json_object_get(request, "guest"));
	const char *uplink = json_string_value(json_object_get(request, "uplink"));
	const char *via = json_string_value(json_object_get(request, "via"));
	char why[SPEC_WHY_MAX];
	size_t i;

	json_array_foreach (list, i, item)
		if (!spec_add_prefix(s, json_string_value(item), c->family, why))
			goto wrong;
	list = json_object_get(request, "mac");
	json_array_foreach (list, i, item)
		if (!spec_add_mac(s, json_string_value(item), why))
			goto wrong;
	if ((!vif || spec_set_vif(s, vif, why)) && (!guest || spec_set_name(s, guest, why)) &&
		(!uplink || spec_set_uplink(s, uplink, why)) &&
		(!via || spec_set_via(s, via, c->family, why)))
		return true;
wrong:
	complain(c, "%s", why);
	return false;
}

struct offline_line {
	struct spec spec;
	size_t line;
};

struct offline {
	struct client client;
	struct state *state;
	struct runtime *runtime;
	struct offline_line *lines;
	struct runtime_request *requests; /* requests[i] is of lines[i] */
	size_t n, room;
	size_t changed; /* guests */
	enum exit_status status;
};

static void offline_free(struct offline *o)
{
	runtime_free(o->runtime);
	state_close(o->state);
	free(o->lines);
	free(o->requests);
	free(o);
}

int offline_open(const struct client *c, struct offline **ret)
{
	const struct runtime_lookups lookups = {.ifindex = kernel_ifindex};
	struct offline *o = calloc(1, sizeof(*o));
	char text[STATE_ERROR_MAX];
	int r;

	if (!o)
		return -ENOMEM;
	o->client = *c;
	o->client.line = 0;
	r = offline_lock(c, true, &o->state);
	if (!r) {
		o->runtime = runtime_new(&lookups);
		r = o->runtime ? load(&o->client, o->state, o->runtime) : -ENOMEM;
	}
	if (!r) {
		*ret = o;
		return 0;
	}
	if (r != -EWOULDBLOCK)
		complain(&o->client, "%s is not running, and its state directory %s: %s", c->name,
			c->statedir, state_error(r, text));
	offline_free(o);
	return r;
}

static bool offline_room(struct offline *o)
{
	const size_t room = o->room ? 2 * o->room : 1;
	struct runtime_request *requests;
	struct offline_line *lines;

	if (o->n < o->room)
		return true;
	lines = reallocarray(o->lines, room, sizeof(*lines));
	if (lines)
		o->lines = lines;
	requests = reallocarray(o->requests, room, sizeof(*requests));
	if (requests)
		o->requests = requests;
	if (!lines || !requests)
		return false;
	o->room = room;
	return true;
}

size_t offline_add(struct offline *o, const json_t *request, size_t line)
{
	struct client c = o->client;
	struct offline_line *l;

	c.line = line;
	if (!offline_room(o)) {
		complain(&c, "out of memory");
		o->status = EXIT_REFUSED;
		return o->n;
	}
	l = &o->lines[o->n];
	l->line = line;
	spec_init(&l->spec, ORIGIN_COMMAND);
	if (!read_request(&c, request, &l->spec)) {
		spec_free(&l->spec);
		o->status = EXIT_REFUSED;
		return o->n;
	}
	o->requests[o->n] = (struct runtime_request){
		.del = !strcmp(text_of(request, "command"), "del"),
		.replace = json_is_true(json_object_get(request, "replace")),
	};
	return ++o->n;
}

/* A batch tells how many guests changed; one whose vif has another guest now is named there too. */
static void tell_step(void *ctx, const struct runtime_step *s)
{
	struct offline *o = ctx;
	const struct client *c = &o->client;
	char text[RUNTIME_WHY_MAX];

	if (o->changed++ == 0)
		complain(c, "%s is not running: %s kept in %s for its next start", c->name,
			c->batch ? "changes are" : "the change is", c->statedir);
	if (!c->batch || s->cause == RUNTIME_STALE)
		complain(c, "%s", runtime_step_text(s, text));
}

static void tell_result(struct offline *o, const struct runtime_request *q, size_t line)
{
	char text[STATE_ERROR_MAX];
	struct client c = o->client;

	if (!q->result)
		return;
	o->status = EXIT_REFUSED;
	c.line = line;
	if (q->result == -EEXIST && q->why)
		complain(&c, "%s", q->why);
	else
		complain(&c, "%s is not running, and nothing was changed: cannot write to %s: %s",
			c.name, c.statedir,
			state_error(q->result == -EEXIST ? -ENOMEM : q->result, text));
}

void offline_run(struct offline *o)
{
	const struct runtime_store store = store_of(o->state);

	/* their array may have moved while it grew */
	for (size_t i = 0; i < o->n; i++)
		o->requests[i].spec = &o->lines[i].spec;
	runtime_run(o->runtime, o->requests, o->n, &store, tell_step, o);
	for (size_t i = 0; i < o->n; i++) {
		tell_result(o, &o->requests[i], o->lines[i].line);
		if (!o->requests[i].del && !o->requests[i].result)
			state_yields_forget(
				o->state, o->lines[i].spec.prefixes, o->lines[i].spec.nprefixes);
		free(o->requests[i].why);
		spec_free(&o->lines[i].spec);
	}
	o->n = 0;
}

enum exit_status offline_close(struct offline *o)
{
	const struct client *c = &o->client;
	enum exit_status status;

	offline_run(o);
	status = o->status;
	if (!o->changed && !status)
		complain(c, "%s is not running; nothing to change in %s", c->name, c->statedir);
	if (o->changed && c->batch)
		complain(c, "%zu change%s of a guest's file", o->changed,
			o->changed == 1 ? "" : "s");
	offline_free(o);
	return status;
}

int offline_change(const struct client *c, const json_t *request, enum exit_status *ret)
{
	struct offline *o;
	const int r = offline_open(c, &o);

	*ret = EXIT_REFUSED;
	if (r)
		return r;
	offline_add(o, request, 0);
	*ret = offline_close(o);
	return 0;
}
