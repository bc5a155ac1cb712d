/*
 * conf_guest: guest sections -> struct spec, and the books of a load: who is called what, and who
 * listed which address where, so that a repetition names both places.
 *
 * A load begins zeroed, collects, and ends in load_free(); what came of it (the guests) is moved
 * out before. Two hash indexes keep a million lines linear.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf_private.h"

/* --- the books --- */

void load_free(struct load *l)
{
	for (uint32_t i = 0; i < l->nfiles; i++)
		free(l->files[i]);
	for (size_t i = 0; i < l->nguests; i++)
		spec_free(&l->guests[i]);
	free(l->files);
	free(l->guests);
	free(l->at);
	free(l->places);
	free(l->by_name.slots);
	free(l->by_address.slots);
}

bool load_file(struct load *l, const char *path)
{
	void *files = array_grow(l->files, l->nfiles, sizeof(*l->files));
	char *copy = strdup(path);

	if (files)
		l->files = files;
	if (!files || !copy) {
		free(copy);
		return conf_fail(l->why, path, 0, "out of memory");
	}
	l->files[l->nfiles++] = copy;
	return true;
}

bool load_fail(struct load *l, unsigned line, const char *fmt, ...)
{
	char text[CONF_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return conf_fail(l->why, l->files[l->nfiles - 1], line, "%s", text);
}

bool load_oom(struct load *l)
{
	return load_fail(l, 0, "out of memory");
}

struct spec *load_find(const struct load *l, const char *name)
{
	uint32_t hash = hash_bytes(name, strlen(name), 0);
	struct spec *found = NULL;
	const struct slot *slot;
	size_t at = 0;

	while ((slot = index_next(&l->by_name, hash, &at))) {
		struct spec *s = &l->guests[slot->i - 1];

		if (strcmp(s->name, name) == 0 && (!found || s > found))
			found = s;
	}
	return found;
}

struct spec *load_guest(struct load *l, const char *name, unsigned line)
{
	char why[SPEC_WHY_MAX];
	struct spec *s;
	void *more;

	more = array_grow(l->guests, l->nguests, sizeof(*l->guests));
	if (!more)
		goto oom;
	l->guests = more;
	more = array_grow(l->at, l->nguests, sizeof(*l->at));
	if (!more)
		goto oom;
	l->at = more;
	s = &l->guests[l->nguests];
	spec_init(s, l->origin);
	if (!spec_set_name(s, name, why)) {
		load_fail(l, line, "%s", why);
		return NULL;
	}
	if (!index_add(&l->by_name, hash_bytes(name, strlen(name), 0), l->nguests))
		goto oom;
	l->at[l->nguests++] = (struct where){l->nfiles - 1, line};
	return s;
oom:
	load_oom(l);
	return NULL;
}

static const struct prefix *place_prefix(const struct load *l, const struct place *p)
{
	return &l->guests[p->guest].prefixes[p->nth];
}

static bool place_twice(struct load *l, const struct place *first, const struct place *again)
{
	char text[ADDR_TEXT_MAX];

	return load_fail(l, again->line,
		"%s (guest \"%s\") is listed twice, first for guest \"%s\" at %s:%u; expected each "
		"address once",
		prefix_format(place_prefix(l, first), text), l->guests[again->guest].name,
		l->guests[first->guest].name, l->files[l->at[first->guest].file], first->line);
}

static bool place_add(struct load *l, const struct place *p, uint32_t hash)
{
	const struct slot *slot;
	size_t at = 0;
	void *more;

	while ((slot = index_next(&l->by_address, hash, &at))) {
		const struct place *other = &l->places[slot->i - 1];

		if (prefix_equal(place_prefix(l, other), place_prefix(l, p)))
			return place_twice(l, other, p);
	}
	more = array_grow(l->places, l->nplaces, sizeof(*l->places));
	if (!more)
		return load_oom(l);
	l->places = more;
	if (!index_add(&l->by_address, hash, l->nplaces))
		return load_oom(l);
	l->places[l->nplaces++] = *p;
	return true;
}

static bool late_add(struct load *l)
{
	unsigned i = l->late_first;

	l->late_first = (i + 1) % PLACES_LATE;
	l->nlate--;
	return place_add(l, &l->late[i], l->late_hash[i]);
}

bool load_places_end(struct load *l)
{
	while (l->nlate)
		if (!late_add(l))
			return false;
	return true;
}

bool load_place(struct load *l, const struct spec *guest, unsigned line)
{
	const struct prefix *p = &guest->prefixes[guest->nprefixes - 1];
	unsigned i;

	if (l->nlate == PLACES_LATE && !late_add(l))
		return false;
	i = (l->late_first + l->nlate++) % PLACES_LATE;
	l->late_hash[i] = hash_bytes(p->addr.b, sizeof(p->addr.b), p->len);
	l->late[i] =
		(struct place){(uint32_t)(guest - l->guests), (uint32_t)guest->nprefixes - 1, line};
	index_expect(&l->by_address, l->late_hash[i]);
	return true;
}

/* --- guest sections --- */

static bool guest_lists(struct load *l, cfg_t *sec, struct spec *s)
{
	const struct value *v;
	char why[SPEC_WHY_MAX];

	for (unsigned i = 0; (v = value_get(sec, "addresses", i)); i++) {
		if (!spec_add_prefix(s, v->text, l->family, why))
			return load_fail(l, v->line, "guest \"%s\": %s", s->name, why);
		if (!load_place(l, s, v->line) || !load_places_end(l))
			return false;
	}
	for (unsigned i = 0; (v = value_get(sec, "mac", i)); i++) {
		if (!spec_add_mac(s, v->text, why))
			return load_fail(l, v->line, "guest \"%s\": %s", s->name, why);
	}
	return true;
}

/* Must be one of the configured, and there where these are several. */
static bool guest_uplink(struct load *l, const struct spec *s, unsigned line)
{
	const struct conf *c = l->conf;

	if (!c)
		return true;
	for (size_t i = 0; i < c->nuplinks; i++) {
		if (s->vif[0] && strcmp(c->uplinks[i].name, s->vif) == 0)
			return load_fail(l, line,
				"guest \"%s\": vif \"%s\" is an uplink; expected the guest's own "
				"interface",
				s->name, s->vif);
	}
	if (!s->uplink[0] && c->nuplinks > 1)
		return load_fail(l, line,
			"guest \"%s\" has no uplink; expected one of the %zu uplinks to be named",
			s->name, c->nuplinks);
	for (size_t i = 0; s->uplink[0] && i < c->nuplinks; i++) {
		if (strcmp(c->uplinks[i].name, s->uplink) == 0)
			return true;
	}
	return !s->uplink[0] ||
	       load_fail(l, line,
		       "guest \"%s\": uplink \"%s\" has no section; expected the name of an uplink "
		       "section",
		       s->name, s->uplink);
}

static bool guest_fill(struct load *l, cfg_t *sec, struct spec *s, unsigned line)
{
	const struct value *vif = value_text(sec, "vif"), *via = value_text(sec, "via"),
			   *uplink = value_text(sec, "uplink"), *route = value_get(sec, "route", 0);
	char why[SPEC_WHY_MAX], q[TEXT_QUOTE_MAX];

	if (vif && !spec_set_vif(s, vif->text, why))
		return load_fail(l, vif->line, "guest \"%s\": vif: %s", s->name, why);
	if (uplink && !spec_set_uplink(s, uplink->text, why))
		return load_fail(l, uplink->line, "guest \"%s\": uplink: %s", s->name, why);
	if (via && !spec_set_via(s, via->text, l->family, why))
		return load_fail(l, via->line, "guest \"%s\": via: %s", s->name, why);
	if (route) {
		const char *word = word_normal(route->text);

		s->route = strcmp(word, "true") == 0;
		if (!s->route && strcmp(word, "false") != 0)
			return load_fail(l, route->line,
				"guest \"%s\": route is %s; expected true or false", s->name,
				text_quote(route->text, q));
	}
	if (!guest_lists(l, sec, s))
		return false;
	if (!spec_check(s, why))
		return load_fail(l, via && s->nprefixes ? via->line : line, "guest \"%s\": %s",
			s->name, why);
	return guest_uplink(l, s, uplink ? uplink->line : vif ? vif->line : line);
}

bool load_sections(struct load *l, const struct tree *t)
{
	for (unsigned i = 0; i < cfg_size(t->root, "guest"); i++) {
		cfg_t *sec = cfg_getnsec(t->root, "guest", i);
		unsigned line = tree_line(t, sec);
		const struct spec *first = load_find(l, sec->title);
		struct spec *s;

		if (first) {
			const struct where *at = &l->at[first - l->guests];

			return load_fail(l, line,
				"guest \"%s\" is given twice, first at %s:%u; expected each name "
				"once",
				first->name, l->files[at->file], at->line);
		}
		s = load_guest(l, sec->title, line);
		if (!s || !guest_fill(l, sec, s, line))
			return false;
	}
	return true;
}

/* --- guests-dir --- */

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	/* as the shell's *.conf: nothing hidden, such as an editor's lock */
	return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool load_dir_file(struct load *l, const char *path)
{
	char *text, why[CONF_WHY_MAX];
	struct tree t;
	size_t len;
	bool ok;

	if (!load_file(l, path))
		return false;
	if (!conf_read(path, CONF_FILE_MAX, &text, &len, &l->stamp, why))
		return load_fail(l, 0, "%s", why);
	ok = tree_parse(&t, text, len, path, true, l->why);
	free(text);
	if (!ok)
		return false;
	ok = load_sections(l, &t);
	tree_free(&t);
	return ok;
}

int conf_dir(const char *dir, struct dirent ***ret)
{
	return scandir(dir, ret, is_conf, by_bytes);
}

bool load_dir(struct load *l, const char *dir, unsigned option)
{
	struct dirent **names;
	int n = conf_dir(dir, &names);
	bool ok = true;

	if (n < 0)
		return conf_fail(l->why, l->conf->path, option,
			"guests-dir \"%s\" cannot be read (%s); expected a directory", dir,
			strerror(errno));
	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (ok && asprintf(&path, "%s/%s", dir, names[i]->d_name) < 0) {
			path = NULL;
			ok = load_oom(l);
		}
		ok = ok && load_dir_file(l, path);
		free(path);
		free(names[i]);
	}
	free(names);
	return ok;
}

/* Moves the load's guests behind the others, or changes nothing. */
static bool load_append(struct load *l, struct spec **guests, size_t *nguests)
{
	size_t n = *nguests;

	for (size_t i = 0; i < l->nguests; i++, n++) {
		struct spec *more = array_grow(*guests, n, sizeof(*more));

		if (!more)
			return load_oom(l);
		more[n] = l->guests[i];
		*guests = more;
	}
	*nguests = n;
	l->nguests = 0;
	return true;
}

bool conf_read_guests(const char *text, size_t len, const char *path, int family,
	enum origin origin, struct spec **guests, size_t *nguests, char why[CONF_WHY_MAX])
{
	struct load l = {.family = family, .origin = origin, .why = why};
	struct tree t;
	bool ok;

	if (!tree_parse(&t, text, len, path, true, why))
		return false;
	ok = load_file(&l, path) && load_sections(&l, &t) && load_append(&l, guests, nguests);
	tree_free(&t);
	load_free(&l);
	return ok;
}
