/*
 * conf_parse: libconfuse's part: the grammar, and text -> a tree of values.
 *
 * Every option is text with the line it stands in; nothing is converted by libconfuse, which reads
 * 010 as 8 and takes any number (L03). A value is a pointer of our own (CFGT_PTR) because
 * libconfuse remembers no lines and hands no context to its callbacks. For the same reason an error
 * message waits in the `comment` of the section where it arose, which is of no other use here.
 *
 * A tree is new for each parse (L02) and dies once struct conf is made from it.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf_private.h"

#define TEXT(name)  CFG_PTR_CB(name, NULL, CFGF_NODEFAULT, value_note, free)
#define TEXTS(name) CFG_PTR_LIST_CB(name, NULL, CFGF_NODEFAULT, value_note, free)
#define TITLED      (CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES) /* L04 */

static int value_note(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	size_t n = strlen(text) + 1;
	struct value *v = malloc(sizeof(*v) + n);

	(void)opt;
	if (!v)
		return -1;
	v->line = (unsigned)cfg->line;
	memcpy(v->text, text, n);
	*(struct value **)result = v;
	return 0;
}

static void error_note(cfg_t *cfg, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void error_note(cfg_t *cfg, const char *fmt, va_list ap)
{
	if (!cfg->comment && vasprintf(&cfg->comment, fmt, ap) < 0)
		cfg->comment = NULL;
}

static cfg_t *grammar_new(bool guests_only)
{
	cfg_opt_t guest[] = {TEXT("vif"), TEXTS("addresses"), TEXTS("mac"), TEXT("uplink"),
		TEXT("route"), TEXT("via"), CFG_END()};
	cfg_opt_t uplink[] = {TEXT("announce"), TEXT("source"), TEXT("mld"), TEXT("unlisted"),
		TEXT("rate"), TEXT("probe"), TEXT("yield"), CFG_END()};
	cfg_opt_t vif[] = {
		TEXT("answer"), TEXTS("gateway"), TEXT("guard"), TEXT("rate"), CFG_END()};
	cfg_opt_t route[] = {
		TEXT("protocol"), TEXT("metric"), TEXT("table"), TEXT("source"), CFG_END()};
	/* route: several, so that a second one does not merge into the first (L07) */
	cfg_opt_t all[] = {TEXT("guests-dir"), TEXT("guests-file"), TEXT("user"), TEXT("group"),
		TEXT("keep-routes"), TEXT("pace"), CFG_SEC("uplink", uplink, TITLED),
		CFG_SEC("vif", vif, TITLED), CFG_SEC("guest", guest, TITLED),
		CFG_SEC("route", route, CFGF_MULTI), CFG_END()};
	cfg_opt_t guests[] = {CFG_SEC("guest", guest, TITLED), CFG_END()};
	cfg_t *root = cfg_init(guests_only ? guests : all, CFGF_NONE);

	if (root)
		cfg_set_error_function(root, error_note);
	return root;
}

/* The section whose message error_note() left, NULL: none. */
static cfg_t *error_find(cfg_t *cfg)
{
	if (cfg->comment)
		return cfg;
	for (cfg_opt_t *o = cfg->opts; o->name; o++) {
		for (unsigned i = 0; o->type == CFGT_SEC && i < o->nvalues; i++) {
			cfg_t *found = error_find(o->values[i]->section);

			if (found)
				return found;
		}
	}
	return NULL;
}

static bool error_unknown(const struct tree *t, const cfg_t *at, char why[CONF_WHY_MAX])
{
	char names[256] = "", in[32 + TEXT_QUOTE_MAX] = "", q[TEXT_QUOTE_MAX];
	char *name = strchr(at->comment, '\'') + 1;
	size_t n = 0;

	name[strcspn(name, "'")] = '\0';
	for (const cfg_opt_t *o = at->opts; o->name && n < sizeof(names); o++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "", o->name);
	if (at->title)
		snprintf(in, sizeof(in), " in %.16s %s", at->name, text_quote(at->title, q));
	else if (at != t->root)
		snprintf(in, sizeof(in), " in %.16s", at->name);
	return conf_fail(why, t->path, (unsigned)at->line,
		"unknown option %s%s; expected one of %s", text_quote(name, q), in, names);
}

/* libconfuse tells the title and not the kind of section: the line itself does. */
static bool error_title(
	const struct tree *t, const cfg_t *at, const char *text, char why[CONF_WHY_MAX])
{
	char q[TEXT_QUOTE_MAX], *title = strchr(at->comment, '\'') + 1, *line;

	title[strlen(title) - 1] = '\0';
	for (int i = 1; i < at->line && strchr(text, '\n'); i++)
		text = strchr(text, '\n') + 1;
	line = strndup(text, strcspn(text, "\n"));
	for (const cfg_opt_t *o = at->opts; line && o->name; o++) {
		for (unsigned i = 0; o->type == CFGT_SEC && i < o->nvalues; i++) {
			const cfg_t *first = o->values[i]->section;

			if (!first->title || strcmp(first->title, title) != 0 ||
				!strstr(line, o->name))
				continue;
			free(line);
			return conf_fail(why, t->path, (unsigned)at->line,
				"%s %s is given twice, first in line %u; expected each name once",
				o->name, text_quote(title, q), tree_line(t, first));
		}
	}
	free(line);
	return conf_fail(why, t->path, (unsigned)at->line,
		"a section %s is given twice; expected each name once", text_quote(title, q));
}

/* libconfuse's own sentence, with what it leaves to be guessed. */
static bool error_tell(const struct tree *t, const char *text, char why[CONF_WHY_MAX])
{
	static const struct {
		const char *begins, *expected;
	} hints[] = {
		{"missing equal sign", "NAME = VALUE"},
		{"missing title", "a title in quotes, such as guest \"vt2\" { }"},
		{"missing opening brace", "{ and the section's options"},
		{"premature end", "a value or a section"},
		{"attempt to append", "= for an option that is no list"},
		{"no sub-section", "an option's name"},
	};
	const char *expected = "an option, a value or a section";
	cfg_t *at = error_find(t->root);
	char q[TEXT_QUOTE_MAX];

	if (!at)
		return conf_fail(why, t->path, (unsigned)t->root->line,
			"not understood; expected %s", expected);
	if (strncmp(at->comment, "no such option '", 16) == 0)
		return error_unknown(t, at, why);
	if (strncmp(at->comment, "found duplicate title '", 23) == 0)
		return error_title(t, at, text, why);
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (strncmp(at->comment, hints[i].begins, strlen(hints[i].begins)) == 0)
			expected = hints[i].expected;
	}
	text_quote(at->comment, q);
	q[strlen(q) - 1] = '\0';
	return conf_fail(why, t->path, (unsigned)at->line, "%s; expected %s", q + 1, expected);
}

bool tree_parse(struct tree *t, const char *text, size_t len, const char *path, bool guests_only,
	char why[CONF_WHY_MAX])
{
	char *copy = NULL;
	FILE *f = NULL;
	bool ok = false;

	*t = (struct tree){.path = path};
	if (!conf_bytes_check(text, len, path, why))
		return false;
	copy = malloc(len + 2);
	if (!copy)
		return conf_fail(why, path, 0, "out of memory");
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (len == 0 || copy[len - 1] != '\n') {
		memcpy(copy + len, "\n", 2);
		len++;
	}
	if (!conf_scan(copy, len, path, &t->extents, &t->nextents, why))
		goto out;
	t->root = grammar_new(guests_only);
	f = fmemopen(copy, len, "r");
	if (t->root && f)
		t->root->filename = strdup(path);
	if (!t->root || !f || !t->root->filename) {
		conf_fail(why, path, 0, "out of memory");
		goto out;
	}
	ok = cfg_parse_fp(t->root, f) == CFG_SUCCESS || error_tell(t, copy, why);
out:
	if (f)
		fclose(f);
	free(copy);
	if (!ok)
		tree_free(t);
	return ok;
}

void tree_free(struct tree *t)
{
	if (t->root)
		cfg_free(t->root);
	free(t->extents);
	*t = (struct tree){0};
}

unsigned tree_line(const struct tree *t, const cfg_t *section)
{
	unsigned close = (unsigned)section->line;
	size_t low = 0, high = t->nextents;

	/* libconfuse knows where a section ended; the first extent that ends there */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->extents[mid].close < close)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->nextents && t->extents[low].close == close ? t->extents[low].open : close;
}

const struct value *value_get(cfg_t *section, const char *option, unsigned i)
{
	if (i >= cfg_size(section, option))
		return NULL;
	return cfg_getnptr(section, option, i);
}

const struct value *value_text(cfg_t *section, const char *option)
{
	const struct value *v = value_get(section, option, 0);

	return v && v->text[0] ? v : NULL;
}

const char *word_normal(const char *text)
{
	static const char *const words[][4] = {{"true", "yes", "on"}, {"false", "no", "off"}};

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; words[i][k]; k++) {
			if (strcasecmp(text, words[i][k]) == 0)
				return words[i][0];
		}
	}
	return text;
}
