/*
 * conf_option: one option of a section -> a number, a word, an address, a text.
 *
 * Each returns true, leaving *ret alone where the option is absent, or false with the sentence
 * written.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conf_private.h"

bool section_inert(const struct section *s, const char *option, const char *value)
{
	struct conf *c = s->conf;
	char **more = array_grow(c->inert, c->ninert, sizeof(*more));

	if (!more)
		return load_oom(s->l);
	c->inert = more;
	if (asprintf(&more[c->ninert], "%.*s: %s = %s is not in force in this version",
		    (int)strlen(s->label) - 2, s->label, option, value) < 0)
		return load_oom(s->l);
	c->ninert++;
	return true;
}

bool section_wrong(
	const struct section *s, const char *option, const struct value *v, const char *expected)
{
	char q[TEXT_QUOTE_MAX];

	return load_fail(s->l, v->line, "%s%s is %s; expected %s", s->label, option,
		text_quote(v->text, q), expected);
}

/* Decimal, no sign, no leading zero (L03). */
bool section_number(
	const struct section *s, const char *option, uint32_t min, uint32_t max, uint32_t *ret)
{
	const struct value *v = value_get(s->cfg, option, 0);
	size_t digits = v ? strspn(v->text, "0123456789") : 0;
	char expected[80];
	uint64_t n = 0;

	if (!v)
		return true;
	snprintf(expected, sizeof(expected), "a plain decimal number from %u to %u", min, max);
	if (digits == 0 || digits > 10 || v->text[digits] || (digits > 1 && v->text[0] == '0'))
		return section_wrong(s, option, v, expected);
	for (const char *c = v->text; *c; c++)
		n = n * 10 + (unsigned)(*c - '0');
	if (n < min || n > max)
		return section_wrong(s, option, v, expected);
	*ret = (uint32_t)n;
	return true;
}

bool section_bool(const struct section *s, const char *option, bool *ret)
{
	const struct value *v = value_get(s->cfg, option, 0);
	const char *word = v ? word_normal(v->text) : NULL;

	if (!v)
		return true;
	if (strcmp(word, "true") != 0 && strcmp(word, "false") != 0)
		return section_wrong(s, option, v, "true or false");
	*ret = word[0] == 't';
	return true;
}

bool section_word(const struct section *s, const char *option, const struct word *words,
	const char *expected, int *ret)
{
	const struct value *v = value_get(s->cfg, option, 0);
	const char *word = v ? word_normal(v->text) : NULL;

	if (!v)
		return true;
	for (; words->text; words++) {
		if (strcmp(word, words->text) == 0) {
			*ret = words->value;
			return true;
		}
	}
	return section_wrong(s, option, v, expected);
}

/* A unicast address of the family; link-local ones are fine, unlike a guest's. */
bool section_address(
	const struct section *s, const char *option, const struct value *v, struct addr *ret)
{
	bool v4 = s->l->family == AF_INET;
	char why[ADDR_WHY_MAX];
	struct prefix p;

	if (addr_parse(v->text, &p.addr) < 0 || (strchr(v->text, ':') != NULL) == v4)
		return section_wrong(s, option, v, v4 ? "an IPv4 address" : "an IPv6 address");
	p.len = ADDR_BITS;
	if (!(addr_family(&p.addr) == s->l->family && addr_is_linklocal(&p.addr)) &&
		!prefix_check(&p, s->l->family, why))
		return load_fail(s->l, v->line, "%s%s: %s", s->label, option, why);
	*ret = p.addr;
	return true;
}

/* Text that goes to the system or back into a file: no control characters. "" is none. */
bool section_text(const struct section *s, const char *option, char **ret)
{
	const struct value *v = value_text(s->cfg, option);

	if (!v)
		return true;
	for (const char *c = v->text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return section_wrong(s, option, v, "text without control characters");
	}
	*ret = strdup(v->text);
	return *ret || load_oom(s->l);
}
