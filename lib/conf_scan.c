/*
 * conf_scan: a look at the text before libconfuse parses it, for what libconfuse lets pass: end of
 * file inside a section, a list, a string or a comment (L06), an option given twice (L07), the
 * escapes that make a NUL byte (L08), variables that are not set (L05), and characters that its
 * lexer drops without a word. The text is changed in place: comments become blanks, since
 * libconfuse neither counts lines right behind a C comment nor takes any comment inside a list.
 *
 * It knows words, strings and braces only; what they mean is conf_parse.c's.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf_private.h"

#define SCAN_DEPTH 2  /* a section, and a list in it */
#define SCAN_SEEN  32 /* options of one section that are remembered, more than there are */

struct token {
	const char *text;
	size_t len;
	unsigned line;
};

struct scan {
	char *p, *end;
	unsigned line;
	const char *path;
	char *why;
	unsigned open[SCAN_DEPTH]; /* lines of the braces that are open */
	bool list[SCAN_DEPTH];
	unsigned depth;
	bool assigned;     /* the last token was an equal sign */
	struct token last; /* the last word or string */
	struct token seen[SCAN_DEPTH + 1][SCAN_SEEN];
	unsigned nseen[SCAN_DEPTH + 1];
	struct extent *extents;
	size_t nextents;
};

static bool is_word(char c)
{
	return c && !strchr(" #\"'\t\n\r={}()+,*", c) && !iscntrl((unsigned char)c);
}

static bool is_comment(const struct scan *s)
{
	return *s->p == '#' || (s->p[0] == '/' && (s->p[1] == '/' || s->p[1] == '*'));
}

static bool scan_comment(struct scan *s)
{
	unsigned begin = s->line;

	if (s->p[0] == '#' || s->p[1] == '/') {
		while (s->p < s->end && *s->p != '\n')
			*s->p++ = ' ';
		return true;
	}
	for (*s->p++ = ' ', *s->p++ = ' '; s->p < s->end; s->p++) {
		if (s->p[0] == '*' && s->p[1] == '/') {
			*s->p++ = ' ';
			*s->p++ = ' ';
			return true;
		}
		if (*s->p == '\n')
			s->line++;
		else
			*s->p = ' ';
	}
	return conf_fail(s->why, s->path, begin,
		"end of file inside the comment opened in this line; expected */");
}

/* ${NAME} or ${NAME:-DEFAULT}, on one line; what follows is libconfuse's to expand (L05, L09). */
static bool scan_variable(struct scan *s)
{
	const char *name = s->p + 2;
	size_t n = strcspn(name, "}\n\"'"), len = n;
	char q[TEXT_QUOTE_MAX], *text;
	bool ok = true;

	if (name[n] != '}')
		return conf_fail(s->why, s->path, s->line,
			"\"${\" without its end; expected ${NAME} with a variable's name");
	text = strndup(name, n);
	if (!text)
		return conf_fail(s->why, s->path, s->line, "out of memory");
	if (!strstr(text, ":-") && !getenv(text))
		ok = conf_fail(s->why, s->path, s->line,
			"the variable %s is not set; expected one of the daemon's environment, or "
			"single quotes around a text that is not to be expanded",
			text_quote(text, q));
	free(text);
	s->p += 2 + len + 1;
	return ok;
}

static bool scan_string(struct scan *s)
{
	char quote = *s->p;

	s->last = (struct token){s->p + 1, 0, s->line};
	s->p++;
	while (s->p < s->end && *s->p != '\n') {
		if (*s->p == quote) {
			s->last.len = (size_t)(s->p - s->last.text);
			s->p++;
			return true;
		}
		if (quote == '"' && s->p[0] == '$' && s->p[1] == '{') {
			if (!scan_variable(s))
				return false;
			continue;
		}
		/* L08: \0 and \x00 would end the value */
		if (quote == '"' && s->p[0] == '\\' &&
			(s->p[1] == '0' || (s->p[1] == 'x' && s->p[2] == '0')))
			return conf_fail(s->why, s->path, s->line,
				"an escape of a control character in a string; expected text");
		if (*s->p == '\\' && s->p + 1 < s->end && s->p[1] != '\n')
			s->p++;
		s->p++;
	}
	/* the text always ends in a newline: this is the file's end */
	if (s->p + 1 >= s->end)
		return conf_fail(s->why, s->path, s->line,
			"end of file inside a string; expected %c", quote);
	return conf_fail(s->why, s->path, s->line,
		"a string that does not end on its line; expected %c", quote);
}

static bool scan_word(struct scan *s)
{
	s->last = (struct token){s->p, 0, s->line};
	while (is_word(*s->p) && !is_comment(s)) {
		if (s->p[0] == '$' && s->p[1] == '{') {
			if (!scan_variable(s))
				return false;
			continue;
		}
		s->p++;
	}
	s->last.len = (size_t)(s->p - s->last.text);
	return true;
}

/* L07: an equal sign gives a value to the option named just before it. */
static bool scan_assign(struct scan *s)
{
	struct token *seen = s->seen[s->depth];
	const struct token *t = &s->last;

	s->p++;
	s->assigned = true;
	if (memchr(t->text, '|', t->len))
		return conf_fail(s->why, s->path, s->line,
			"unknown option \"%.*s\"; expected a name of letters and hyphens",
			(int)(t->len < 64 ? t->len : 64), t->text);
	for (unsigned i = 0; i < s->nseen[s->depth]; i++) {
		if (seen[i].len == t->len && memcmp(seen[i].text, t->text, t->len) == 0)
			return conf_fail(s->why, s->path, s->line,
				"the option %.*s is given twice, first in line %u; expected it "
				"once",
				(int)(t->len < 64 ? t->len : 64), t->text, seen[i].line);
	}
	if (s->nseen[s->depth] < SCAN_SEEN)
		seen[s->nseen[s->depth]++] = *t;
	return true;
}

static bool scan_open(struct scan *s)
{
	if (s->depth > 0 && !s->assigned)
		return conf_fail(s->why, s->path, s->line,
			"\"{\" inside the %s opened in line %u; expected \"}\" to close that "
			"first, or "
			"\"=\" before a list",
			s->list[s->depth - 1] ? "list" : "section", s->open[s->depth - 1]);
	if (s->depth == SCAN_DEPTH)
		return conf_fail(s->why, s->path, s->line, "\"{\" inside a list; expected values");
	s->open[s->depth] = s->line;
	s->list[s->depth] = s->assigned;
	s->depth++;
	s->nseen[s->depth] = 0;
	s->assigned = false;
	s->p++;
	return true;
}

static bool scan_close(struct scan *s)
{
	struct extent *more;

	if (s->depth == 0)
		return conf_fail(s->why, s->path, s->line,
			"\"}\" where nothing is open; expected an option or a section");
	s->depth--;
	s->p++;
	s->assigned = false;
	if (s->depth > 0)
		return true;
	more = array_grow(s->extents, s->nextents, sizeof(*more));
	if (!more)
		return conf_fail(s->why, s->path, s->line, "out of memory");
	s->extents = more;
	s->extents[s->nextents++] = (struct extent){s->open[0], s->line};
	return true;
}

static bool scan_stray(const struct scan *s)
{
	char text[2] = {*s->p}, q[TEXT_QUOTE_MAX];

	return conf_fail(s->why, s->path, s->line,
		"unexpected %s; expected text that holds it in quotes", text_quote(text, q));
}

static bool scan_token(struct scan *s)
{
	if (is_comment(s))
		return scan_comment(s);
	switch (*s->p) {
	case '\n':
		s->line++;
		/* fall through */
	case ' ':
	case '\t':
	case ',':
	case '(':
	case ')': s->p++; return true;
	case '\r':
		if (s->p[1] != '\n')
			return scan_stray(s);
		*s->p++ = ' ';
		return true;
	case '"':
	case '\'': s->assigned = false; return scan_string(s);
	case '{': return scan_open(s);
	case '}': return scan_close(s);
	case '=': return scan_assign(s);
	}
	if (!is_word(*s->p))
		return scan_stray(s);
	s->assigned = false;
	return scan_word(s);
}

bool conf_scan(char *text, size_t len, const char *path, struct extent **ret, size_t *n,
	char why[CONF_WHY_MAX])
{
	struct scan s = {.p = text, .end = text + len, .line = 1, .path = path, .why = why};
	bool ok = true;

	s.last.text = text;
	while (ok && s.p < s.end)
		ok = scan_token(&s);
	if (ok && s.depth > 0)
		ok = conf_fail(why, path, s.open[s.depth - 1],
			"end of file inside the %s opened in this line; expected \"}\"",
			s.list[s.depth - 1] ? "list" : "section");
	if (!ok) {
		free(s.extents);
		return false;
	}
	*ret = s.extents;
	*n = s.nextents;
	return true;
}
