/*
 * conf_file: the guests-file -> struct spec.
 *
 * A line is `ADDRESS[/LEN] VIF [GUEST]`; a million of them must not take a second, so they do not
 * go through libconfuse (L11): the text is cut into words in place.
 */
#include <stdlib.h>
#include <string.h>

#include "conf_private.h"

#define WORDS 3

/* Cuts the line (ended by a NUL) into words; returns how many, WORDS + 1 where there are more. */
static unsigned words_cut(char *p, char *words[WORDS])
{
	unsigned n = 0;

	for (;;) {
		p += strspn(p, " \t\r");
		if (*p == '\0' || *p == '#')
			return n;
		if (n == WORDS)
			return n + 1;
		words[n++] = p;
		p += strcspn(p, " \t\r");
		if (*p)
			*p++ = '\0';
	}
}

/* What holds for a guest of a section holds for the addresses that the file adds to it. */
static bool inherit(struct spec *to, const struct spec *section)
{
	to->route = section->route;
	to->has_via = section->has_via;
	to->via = section->via;
	if (section->nmacs == 0)
		return true;
	to->macs = malloc(section->nmacs * sizeof(*to->macs));
	if (!to->macs)
		return false;
	memcpy(to->macs, section->macs, section->nmacs * sizeof(*to->macs));
	to->nmacs = section->nmacs;
	return true;
}

/* A new guest of the file; one named like a section must be on the same vif. */
static struct spec *file_guest(struct load *l, const char *name, const char *vif,
	const struct spec *section, unsigned line)
{
	struct spec like, *s;
	char why[SPEC_WHY_MAX];
	bool ok;

	if (section && strcmp(section->vif, vif) != 0) {
		const struct where *at = &l->at[section - l->guests];

		load_fail(l, line,
			"guest \"%s\" is on vif \"%s\" here and on \"%s\" at %s:%u; expected the "
			"same vif, or "
			"another name",
			name, vif, section->vif, l->files[at->file], at->line);
		return NULL;
	}
	for (size_t i = 0; i < l->conf->nuplinks; i++) {
		if (strcmp(l->conf->uplinks[i].name, vif) == 0) {
			load_fail(l, line,
				"vif \"%s\" is an uplink; expected the guest's own interface", vif);
			return NULL;
		}
	}
	spec_init(&like, ORIGIN_FILE);
	if (section && !inherit(&like, section)) {
		load_fail(l, line, "out of memory");
		return NULL;
	}
	/* this may move the array, and `section` with it */
	s = load_guest(l, name, line);
	if (!s) {
		spec_free(&like);
		return NULL;
	}
	s->route = like.route;
	s->has_via = like.has_via;
	s->via = like.via;
	s->macs = like.macs;
	s->nmacs = like.nmacs;
	ok = spec_set_vif(s, vif, why);
	if (ok)
		return s;
	load_fail(l, line, "%s", why);
	return NULL;
}

static bool file_line(struct load *l, char *text, unsigned line)
{
	char *words[WORDS], why[SPEC_WHY_MAX], q[TEXT_QUOTE_MAX];
	unsigned n = words_cut(text, words);
	struct spec *s;

	if (n == 0)
		return true;
	if (n == 1)
		return load_fail(l, line, "%s without a vif; expected ADDRESS[/LEN] VIF [GUEST]",
			text_quote(words[0], q));
	if (n > WORDS)
		return load_fail(
			l, line, "more than three words; expected ADDRESS[/LEN] VIF [GUEST]");
	if (n == 2)
		words[2] = words[1];
	/* a guest's lines mostly follow each other */
	s = l->nguests ? &l->guests[l->nguests - 1] : NULL;
	if (!s || strcmp(s->name, words[2]) != 0)
		s = load_find(l, words[2]);
	/* one of a section is not the file's to add to */
	if (!s || s->origin != ORIGIN_FILE)
		s = file_guest(l, words[2], words[1], s, line);
	if (!s)
		return false;
	if (strcmp(s->vif, words[1]) != 0) {
		const struct where *at = &l->at[s - l->guests];

		return load_fail(l, line,
			"guest \"%s\" is on vif \"%s\" here and on \"%s\" at %s:%u; expected one "
			"vif, or two "
			"names",
			s->name, words[1], s->vif, l->files[at->file], at->line);
	}
	if (!spec_add_prefix(s, words[0], l->family, why))
		return load_fail(l, line, "guest \"%s\": %s", s->name, why);
	return load_place(l, s, line);
}

static size_t lines_count(const char *text, size_t len)
{
	size_t n = 0;

	for (const char *p = text; (p = memchr(p, '\n', (size_t)(text + len - p))); p++)
		n++;
	return n;
}

bool load_guests_file(struct load *l, const char *path, unsigned option)
{
	char *text, why[CONF_WHY_MAX];
	unsigned line = 1;
	size_t len;
	bool ok;

	if (!conf_read(path, CONF_GUESTS_MAX, &text, &len, &l->stamp, why))
		return conf_fail(l->why, l->conf->path, option, "guests-file \"%s\" %s", path, why);
	l->origin = ORIGIN_FILE;
	index_reserve(&l->by_address, l->nplaces + lines_count(text, len));
	ok = load_file(l, path) && conf_bytes_check(text, len, path, l->why);
	for (char *p = text, *next; ok && p < text + len; p = next, line++) {
		char *nl = memchr(p, '\n', (size_t)(text + len - p));

		next = nl ? nl + 1 : text + len;
		if (nl)
			*nl = '\0';
		ok = file_line(l, p, line);
	}
	ok = load_places_end(l) && ok;
	free(text);
	return ok;
}
