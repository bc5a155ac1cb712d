/*
 * flush: removes the host routes that a stopped daemon left (`keep-routes`).
 *
 * They are known by their protocol number and table: those of /etc/NAME.conf where that is there,
 * otherwise the defaults. The state directory's lock is held meanwhile, so that no daemon starts
 * and takes them for its own. There is no guard to remove in this version.
 */
#include "client.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "nl.h"
#include "state.h"

struct flush {
	const struct client *client;
	struct route_policy policy;
	struct route *routes; /* what the last dump found */
	size_t n, cap;
	size_t removed;
	int err; /* the first */
};

static void on_sync_begin(void *ctx)
{
	struct flush *f = ctx;

	f->n = 0;
}

static void on_sync_end(void *ctx)
{
	(void)ctx;
}

static void on_link(void *ctx, const struct link *l, bool present)
{
	(void)ctx;
	(void)l;
	(void)present;
}

static void on_address(void *ctx, const struct hostaddr *a, bool present)
{
	(void)ctx;
	(void)a;
	(void)present;
}

static void on_route(void *ctx, const struct route *r, bool present)
{
	struct flush *f = ctx;

	if (!present || r->protocol != f->policy.protocol || r->type != RTN_UNICAST)
		return;
	if (f->n == f->cap) {
		const size_t cap = f->cap ? f->cap * 2 : 256;
		struct route *routes = reallocarray(f->routes, cap, sizeof(*routes));

		if (!routes) {
			f->err = -ENOMEM;
			return;
		}
		f->routes = routes;
		f->cap = cap;
	}
	f->routes[f->n++] = *r;
}

static void on_removed(void *ctx, enum nl_op op, const struct route *r, int err, const char *text)
{
	struct flush *f = ctx;
	char dst[ADDR_TEXT_MAX];

	(void)op;
	if (!err) {
		f->removed++;
	} else if (err != -ESRCH) {
		complain(f->client, "route to %s: %s%s%s", prefix_format(&r->dst, dst),
			strerror(-err), *text ? ": " : "", text);
		f->err = err;
	}
}

/* Whose routes are the daemon's. False after a complaint. */
static bool find_policy(const struct client *c, struct route_policy *ret)
{
	char path[64], why[CONF_WHY_MAX];
	struct conf *conf;

	*ret = (struct route_policy){
		.protocol = ROUTE_PROTOCOL_DEFAULT,
		.table = ROUTE_TABLE_DEFAULT,
	};
	snprintf(path, sizeof(path), SYSCONFDIR "/%s.conf", c->name);
	if (access(path, F_OK))
		return true;
	conf = conf_load(path, c->name, c->family, why);
	if (!conf) {
		complain(c, "which routes are %s's? %s", c->name, why);
		return false;
	}
	*ret = conf->route;
	conf_free(conf);
	return true;
}

static int remove_routes(struct flush *f)
{
	const struct nl_handler handler = {
		.ctx = f,
		.sync_begin = on_sync_begin,
		.sync_end = on_sync_end,
		.link = on_link,
		.address = on_address,
		.route = on_route,
	};
	struct nl *nl;
	int r;

	r = nl_open(f->client->family, f->policy.table, f->policy.protocol, &handler, &nl);
	if (r)
		return r;
	r = nl_sync(nl);
	for (size_t i = 0; !r && i < f->n; i++)
		r = nl_route(nl, NL_ROUTE_DEL, &f->routes[i]);
	if (!r)
		nl_flush(nl, on_removed, f);
	nl_close(nl);
	return r ? r : f->err;
}

int flush_routes(const struct client *c, const json_t *request, enum exit_status *ret)
{
	struct flush f = {.client = c};
	struct state *st = NULL;
	int r;

	(void)request;
	*ret = EXIT_REFUSED;
	if (!find_policy(c, &f.policy))
		return 0;
	r = offline_lock(c, false, &st);
	if (r == -EWOULDBLOCK)
		return r;
	if (r && r != -ENOENT) {
		complain(c, "%s: %s", c->statedir, strerror(-r));
		return r;
	}
	r = remove_routes(&f);
	if (r)
		complain(c, "routes of protocol %u: %s", f.policy.protocol, strerror(-r));
	else
		*ret = EXIT_DONE;
	printf("%zu route%s of protocol %u removed\n", f.removed, f.removed == 1 ? "" : "s",
		f.policy.protocol);
	free(f.routes);
	state_close(st);
	return 0;
}
