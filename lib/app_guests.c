/*
 * app_guests: run-time guests at start, and what their rules ask of the daemon.
 *
 * Run-time guests never keep the daemon from starting: a bad file costs its guest alone, and where
 * the configuration lists the same address, the configuration wins.
 */
#include "app_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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
	a->state_warnings = json_array();
	a->runtime = runtime_new(&lookups);
	return a->runtime && a->state_warnings ? 0 : -ENOMEM;
}

static void warn(struct app *a, const char *text)
{
	log_warning("%s", text);
	json_array_append_new(a->state_warnings, json_string(text));
}

static void on_bad_file(void *ctx, const char *path, const char *why)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s is set aside: %s", path, why);
	warn(ctx, text);
}

static void on_lost(
	void *ctx, const struct spec *guest, const struct prefix *p, const struct spec *owner)
{
	char text[512], address[ADDR_TEXT_MAX];

	snprintf(text, sizeof(text),
		"%s of run-time guest \"%s\" is set aside: guest \"%s\" has it",
		prefix_format(p, address), guest->name, owner->name);
	warn(ctx, text);
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
	size_t n = 0;
	int r = state_load(a->state, &guests, &n, on_bad_file, a);

	if (r < 0)
		return r;
	r = runtime_load(a->runtime, guests, n, on_lost, a);
	for (size_t i = 0; i < n; i++)
		spec_free(&guests[i]);
	free(guests);
	if (r == 0)
		r = runtime_foreach(a->runtime, put_in_force, a);
	if (r == 0)
		yields_load(a);
	return r;
}

void guests_close(struct app *a)
{
	runtime_free(a->runtime);
	state_close(a->state);
	json_decref(a->state_warnings);
	if (a->ifindex_fd >= 0)
		close(a->ifindex_fd);
}
