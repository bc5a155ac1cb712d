/*
 * conf: a configuration file and all that it names -> struct conf (see conf.h).
 *
 * conf_load() collects guests in a struct load and moves them into the configuration at the end, so
 * a failure at any place frees all and leaves nothing (L02).
 */
#include <fnmatch.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf_private.h"

#define PACE_MAX 1000000

/* Relative to the directory of the configuration file, whatever the daemon's own. */
static bool path_absolute(struct load *l, char **path)
{
	char *given = *path, *copy, *dir, *whole = NULL;

	if (!given || given[0] == '/')
		return true;
	copy = strdup(l->conf->path);
	dir = copy ? realpath(dirname(copy), NULL) : NULL;
	if (dir && asprintf(&whole, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, given) < 0)
		whole = NULL;
	free(copy);
	free(dir);
	if (!whole)
		return load_oom(l);
	free(given);
	*path = whole;
	return true;
}

static bool top_account(const struct section *s, struct conf *c)
{
	if (!section_text(s, "user", &c->user) || !section_text(s, "group", &c->group))
		return false;
	if (c->user && !getpwnam(c->user))
		return section_wrong(s, "user", value_text(s->cfg, "user"),
			"a user that exists on this host, or \"\" to stay");
	if (c->group && !getgrnam(c->group))
		return section_wrong(s, "group", value_text(s->cfg, "group"),
			"a group that exists on this host, or \"\"");
	return true;
}

/* The default directory counts only where it exists; guests-dir = "" means none. */
static bool top_paths(const struct section *s, struct conf *c)
{
	struct stat st;

	if (!section_text(s, "guests-dir", &c->guests_dir) ||
		!section_text(s, "guests-file", &c->guests_file))
		return false;
	if (!value_get(s->cfg, "guests-dir", 0)) {
		if (asprintf(&c->guests_dir, SYSCONFDIR "/%s.d", c->name) < 0) {
			c->guests_dir = NULL;
			return load_oom(s->l);
		}
		if (stat(c->guests_dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
			free(c->guests_dir);
			c->guests_dir = NULL;
		}
	}
	return path_absolute(s->l, &c->guests_dir) && path_absolute(s->l, &c->guests_file);
}

static void section_label(struct section *s, const char *name, unsigned i)
{
	char q[TEXT_QUOTE_MAX];

	s->cfg = cfg_getnsec(s->tree->root, name, i);
	snprintf(s->label, sizeof(s->label), "%s%s%s: ", name, s->cfg->title ? " " : "",
		s->cfg->title ? text_quote(s->cfg->title, q) : "");
}

static bool top_sections(struct section *s, struct conf *c)
{
	unsigned uplinks = cfg_size(s->tree->root, "uplink"), vifs = cfg_size(s->tree->root, "vif"),
		 routes = cfg_size(s->tree->root, "route");

	if (uplinks == 0)
		return load_fail(
			s->l, 1, "no uplink; expected at least one section uplink \"IFNAME\" { }");
	if (uplinks > UPLINKS_MAX)
		return load_fail(s->l, 1, "%u uplinks; expected %u at most", uplinks, UPLINKS_MAX);
	c->uplinks = calloc(uplinks, sizeof(*c->uplinks));
	c->vifs = calloc(vifs + 1, sizeof(*c->vifs));
	if (!c->uplinks || !c->vifs)
		return load_oom(s->l);
	for (; c->nuplinks < uplinks; c->nuplinks++) {
		section_label(s, "uplink", (unsigned)c->nuplinks);
		if (!section_uplink(s, &c->uplinks[c->nuplinks]))
			return false;
	}
	while (c->nvifs < vifs) {
		section_label(s, "vif", (unsigned)c->nvifs);
		if (!section_vif(s, &c->vifs[c->nvifs++]))
			return false;
	}
	if (routes > 1)
		return load_fail(s->l, tree_line(s->tree, cfg_getnsec(s->tree->root, "route", 1)),
			"route is given twice, first in line %u; expected one section",
			tree_line(s->tree, cfg_getnsec(s->tree->root, "route", 0)));
	if (routes == 0)
		return true;
	section_label(s, "route", 0);
	return section_route(s, &c->route);
}

static bool top_guests(const struct section *s, struct conf *c)
{
	struct load *l = s->l;
	const struct value *dir = value_text(s->tree->root, "guests-dir");
	const struct value *file = value_text(s->tree->root, "guests-file");

	if (!load_sections(l, s->tree))
		return false;
	c->nmain = l->nguests;
	if (c->guests_dir && !load_dir(l, c->guests_dir, dir ? dir->line : 0))
		return false;
	if (!c->guests_file)
		return true;
	if (c->nuplinks > 1)
		return conf_fail(l->why, c->path, file->line,
			"guests-file has no column for the uplink; expected guest sections where "
			"there "
			"are several uplinks");
	return load_guests_file(l, c->guests_file, file->line);
}

static bool top_read(struct load *l, const struct tree *t, struct conf *c)
{
	struct section s = {.l = l, .tree = t, .cfg = t->root, .conf = c};

	return top_account(&s, c) && top_paths(&s, c) &&
	       section_bool(&s, "keep-routes", &c->keep_routes) &&
	       section_number(&s, "pace", 1, PACE_MAX, &c->pace) && top_sections(&s, c) &&
	       top_guests(&s, c);
}

static struct conf *conf_new(const char *path, const char *name, int family)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->family = family;
	c->keep_routes = true;
	c->pace = PACE_DEFAULT;
	c->route.protocol = ROUTE_PROTOCOL_DEFAULT;
	c->route.metric = ROUTE_METRIC_DEFAULT;
	c->route.table = ROUTE_TABLE_DEFAULT;
	c->path = strdup(path);
	c->name = strdup(name);
	if (c->path && c->name)
		return c;
	conf_free(c);
	return NULL;
}

struct conf *conf_load(const char *path, const char *name, int family, char why[CONF_WHY_MAX])
{
	struct load l = {.family = family, .origin = ORIGIN_CONFIG, .why = why};
	char *text = NULL, trouble[CONF_WHY_MAX];
	struct conf *c = NULL;
	struct tree t = {0};
	bool ok = false;
	size_t len;

	if (!conf_read(path, CONF_FILE_MAX, &text, &len, &l.stamp, trouble)) {
		conf_fail(why, path, 0, "%s", trouble);
		return NULL;
	}
	if (!tree_parse(&t, text, len, path, false, why))
		goto out;
	c = conf_new(path, name, family);
	if (!c) {
		conf_fail(why, path, 0, "out of memory");
		goto out;
	}
	l.conf = c;
	ok = load_file(&l, path) && top_read(&l, &t, c);
out:
	if (ok) {
		c->stamp = l.stamp;
		c->guests = l.guests;
		c->nguests = l.nguests;
		for (size_t i = 0; i < c->nguests; i++)
			c->nfile += c->guests[i].origin == ORIGIN_FILE;
		c->ndir = c->nguests - c->nmain - c->nfile;
		l.guests = NULL;
		l.nguests = 0;
	} else {
		conf_free(c);
		c = NULL;
	}
	load_free(&l);
	tree_free(&t);
	free(text);
	return c;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->nvifs; i++) {
		free(c->vifs[i].pattern);
		free(c->vifs[i].gateways);
	}
	for (size_t i = 0; i < c->nguests; i++)
		spec_free(&c->guests[i]);
	for (size_t i = 0; i < c->ninert; i++)
		free(c->inert[i]);
	free(c->path);
	free(c->name);
	free(c->guests_dir);
	free(c->guests_file);
	free(c->user);
	free(c->group);
	free(c->uplinks);
	free(c->vifs);
	free(c->guests);
	free(c->inert);
	free(c);
}

void conf_release(struct conf *c)
{
	struct spec *fewer;

	for (size_t i = c->nmain; i < c->nguests; i++)
		spec_free(&c->guests[i]);
	c->nguests = c->nmain;
	fewer = reallocarray(c->guests, c->nmain ? c->nmain : 1, sizeof(*fewer));
	if (fewer)
		c->guests = fewer;
}

size_t conf_addresses(const struct conf *c)
{
	size_t total = 0;

	for (size_t i = 0; i < c->nguests; i++)
		total += c->guests[i].nprefixes;
	return total;
}

const struct vif_policy *conf_vif_policy(const struct conf *c, const char *vif)
{
	static const struct vif_policy defaults = {
		ANSWER_ON_LINK, GUARD_ON, VIF_RATE_DEFAULT, NULL, 0};

	for (size_t i = 0; i < c->nvifs; i++) {
		if (fnmatch(c->vifs[i].pattern, vif, 0) == 0)
			return &c->vifs[i].policy;
	}
	return &defaults;
}
