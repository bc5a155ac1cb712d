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

#include "runtime.h"
#include "state.h"

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

static int save(void *ctx, const struct spec *guest)
{
	return state_save(ctx, guest);
}

static int decide(struct runtime *rt, const json_t *request, const struct spec *s,
	struct runtime_change **ret, char why[RUNTIME_WHY_MAX])
{
	if (!strcmp(text_of(request, "command"), "add"))
		return runtime_add(
			rt, s, json_is_true(json_object_get(request, "replace")), ret, why);
	return runtime_del(rt, s->prefixes, s->nprefixes, *s->vif ? s->vif : NULL,
		*s->name ? s->name : NULL, ret, why);
}

static void tell_change(const struct client *c, const struct runtime_change *change)
{
	char text[RUNTIME_WHY_MAX];

	if (!change->n) {
		complain(c, "%s is not running; nothing to change in %s", c->name, c->statedir);
		return;
	}
	complain(c, "%s is not running: the change is kept in %s for its next start", c->name,
		c->statedir);
	for (size_t i = 0; i < change->n; i++)
		complain(c, "%s", runtime_step_text(&change->steps[i], text));
}

static enum exit_status change_locked(
	const struct client *c, struct state *st, const json_t *request, const struct spec *s)
{
	const struct runtime_lookups lookups = {.ifindex = kernel_ifindex};
	struct runtime *rt = runtime_new(&lookups);
	struct runtime_change *change = NULL;
	char why[RUNTIME_WHY_MAX];
	int r;

	r = rt ? load(c, st, rt) : -ENOMEM;
	if (!r)
		r = decide(rt, request, s, &change, why);
	if (r == -EEXIST) {
		complain(c, "%s", why);
	} else {
		if (!r)
			r = runtime_commit(rt, change, save, st);
		if (r)
			complain(c, "%s is not running, and its state in %s: %s", c->name,
				c->statedir, strerror(-r));
		else
			tell_change(c, change);
	}
	runtime_change_free(change);
	runtime_free(rt);
	return r ? EXIT_REFUSED : EXIT_DONE;
}

int offline_change(const struct client *c, const json_t *request, enum exit_status *ret)
{
	struct state *st = NULL;
	struct spec s;
	int r;

	*ret = EXIT_REFUSED;
	spec_init(&s, ORIGIN_COMMAND);
	if (!read_request(c, request, &s)) {
		spec_free(&s);
		return 0;
	}
	r = offline_lock(c, true, &st);
	if (!r)
		*ret = change_locked(c, st, request, &s);
	else if (r != -EWOULDBLOCK)
		complain(c, "%s is not running, and its state directory %s: %s", c->name,
			c->statedir, strerror(-r));
	state_close(st);
	spec_free(&s);
	return r;
}
