/* spec: see spec.h. Arrays grow by doubling at each power of two, so no capacity is kept. */
#include "spec.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool no(char why[SPEC_WHY_MAX], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool no(char why[SPEC_WHY_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, SPEC_WHY_MAX, fmt, ap);
	va_end(ap);
	return false;
}

const char *origin_name(enum origin o)
{
	switch (o) {
	case ORIGIN_CONFIG: return "config";
	case ORIGIN_FILE: return "file";
	case ORIGIN_COMMAND: return "command";
	}
	return "?";
}

const char *text_quote(const char *text, char buf[TEXT_QUOTE_MAX])
{
	/* the longest escape, the dots, the quote and the NUL must still fit */
	size_t n = 0, most = TEXT_QUOTE_MAX - 4 - 3 - 1 - 1;

	buf[n++] = '"';
	for (; *text && n <= most; text++) {
		unsigned char c = (unsigned char)*text;

		if (isascii(c) && isprint(c))
			buf[n++] = (char)c;
		else
			n += (size_t)sprintf(buf + n, "\\x%02x", c);
	}
	if (*text)
		n += (size_t)sprintf(buf + n, "...");
	buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}

void spec_init(struct spec *s, enum origin origin)
{
	memset(s, 0, sizeof(*s));
	s->route = true;
	s->origin = origin;
}

void spec_free(struct spec *s)
{
	free(s->macs);
	free(s->prefixes);
	s->macs = NULL;
	s->prefixes = NULL;
	s->nmacs = s->nprefixes = 0;
}

/* Room for one more of `size` bytes behind n; NULL and the array as it was where memory is short.
 */
static void *grow(void *array, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return array;
	return reallocarray(array, n ? 2 * n : 1, size);
}

/* A copy with the room that grow() takes for granted. */
static void *array_copy(const void *array, size_t n, size_t size)
{
	size_t room = 1;
	void *copy;

	while (room < n)
		room *= 2;
	copy = reallocarray(NULL, room, size);
	if (copy)
		memcpy(copy, array, n * size);
	return copy;
}

bool spec_copy(struct spec *to, const struct spec *from)
{
	*to = *from;
	to->macs = NULL;
	to->prefixes = NULL;
	to->nmacs = to->nprefixes = 0;
	if (from->nmacs) {
		to->macs = array_copy(from->macs, from->nmacs, sizeof(*to->macs));
		if (!to->macs)
			goto fail;
		to->nmacs = from->nmacs;
	}
	if (from->nprefixes) {
		to->prefixes = array_copy(from->prefixes, from->nprefixes, sizeof(*to->prefixes));
		if (!to->prefixes)
			goto fail;
		to->nprefixes = from->nprefixes;
	}
	return true;
fail:
	spec_free(to);
	return false;
}

bool ifname_check(const char *text, char why[SPEC_WHY_MAX])
{
	char q[TEXT_QUOTE_MAX];
	size_t n = strlen(text);

	if (n == 0)
		return no(why, "the name of an interface is empty; expected 1 to %d characters",
			IF_NAMESIZE - 1);
	if (n >= IF_NAMESIZE)
		return no(why, "%s is too long for an interface; expected 1 to %d characters",
			text_quote(text, q), IF_NAMESIZE - 1);
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return no(why, "%s is not the name of an interface; expected one such as vif1.0",
			text_quote(text, q));
	for (const char *c = text; *c; c++) {
		if (*c <= ' ' || *c > '~' || *c == '/' || *c == ':')
			return no(why,
				"%s is not the name of an interface; expected printable characters "
				"without "
				"blank, slash or colon",
				text_quote(text, q));
	}
	return true;
}

bool mac_parse(const char *text, uint8_t mac[6], char why[SPEC_WHY_MAX])
{
	static const uint8_t zero[6];
	char q[TEXT_QUOTE_MAX];
	uint8_t m[6];
	const char *c = text;

	for (unsigned i = 0; i < 6; i++, c += 3) {
		if (!isxdigit((unsigned char)c[0]) || !isxdigit((unsigned char)c[1]) ||
			c[2] != (i < 5 ? ':' : '\0'))
			return no(why,
				"%s is not a MAC address; expected six bytes such as "
				"00:16:3e:01:02:03",
				text_quote(text, q));
		m[i] = (uint8_t)strtoul((char[3]){c[0], c[1]}, NULL, 16);
	}
	if (m[0] & 1)
		return no(why, "%s is a multicast MAC address; expected that of one interface",
			text_quote(text, q));
	if (memcmp(m, zero, 6) == 0)
		return no(why, "the MAC address is zero; expected that of an interface");
	memcpy(mac, m, 6);
	return true;
}

const char *mac_format(const uint8_t mac[6], char *ret)
{
	snprintf(ret, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
	return ret;
}

bool spec_set_name(struct spec *s, const char *text, char why[SPEC_WHY_MAX])
{
	char q[TEXT_QUOTE_MAX];
	size_t n = strlen(text);

	if (n == 0)
		return no(why, "the guest's name is empty; expected 1 to %d characters",
			SPEC_NAME_MAX);
	if (n > SPEC_NAME_MAX)
		return no(why, "the guest's name %s is too long; expected 1 to %d characters",
			text_quote(text, q), SPEC_NAME_MAX);
	for (const char *c = text; *c; c++) {
		if (!isascii(*c) || (!isalnum(*c) && !strchr("._:@-", *c)))
			return no(why,
				"%s is not a guest's name; expected letters, digits and . _ : @ - "
				"alone",
				text_quote(text, q));
	}
	memcpy(s->name, text, n + 1);
	return true;
}

static bool ifname_set(char to[IF_NAMESIZE], const char *text, char why[SPEC_WHY_MAX])
{
	if (!ifname_check(text, why))
		return false;
	strcpy(to, text);
	return true;
}

bool spec_set_vif(struct spec *s, const char *text, char why[SPEC_WHY_MAX])
{
	return ifname_set(s->vif, text, why);
}

bool spec_set_uplink(struct spec *s, const char *text, char why[SPEC_WHY_MAX])
{
	return ifname_set(s->uplink, text, why);
}

/* The text of an address or prefix that a guest of this family may have. */
static bool prefix_read(const char *text, int family, struct prefix *p, char why[SPEC_WHY_MAX])
{
	char q[TEXT_QUOTE_MAX];
	bool v4 = family == AF_INET;

	if (prefix_parse(text, p) < 0)
		return no(why,
			"%s is not an address; expected an %s address or network, such as %s",
			text_quote(text, q), v4 ? "IPv4" : "IPv6",
			v4 ? "192.0.2.5 or 198.51.100.0/24" : "2001:db8::5 or 2001:db8:1::/64");
	/* what is v4-mapped in text comes out of the parser as IPv4 */
	if (strchr(text, ':') && addr_family(&p->addr) == AF_INET)
		return no(why, "%s is a v4-mapped IPv6 address; expected an %s address",
			text_quote(text, q), v4 ? "IPv4" : "IPv6");
	return prefix_check(p, family, why);
}

bool spec_set_via(struct spec *s, const char *text, int family, char why[SPEC_WHY_MAX])
{
	char q[TEXT_QUOTE_MAX];
	struct prefix p;

	if (!prefix_read(text, family, &p, why))
		return false;
	if (!prefix_is_exact(&p))
		return no(why, "via is the network %s; expected one of the guest's exact addresses",
			text_quote(text, q));
	s->has_via = true;
	s->via = p.addr;
	return true;
}

bool spec_add_mac(struct spec *s, const char *text, char why[SPEC_WHY_MAX])
{
	uint8_t mac[6];
	void *macs;

	if (!mac_parse(text, mac, why))
		return false;
	macs = grow(s->macs, s->nmacs, sizeof(*s->macs));
	if (!macs)
		return no(why, "out of memory");
	s->macs = macs;
	memcpy(s->macs[s->nmacs++], mac, 6);
	return true;
}

bool spec_add_prefix(struct spec *s, const char *text, int family, char why[SPEC_WHY_MAX])
{
	struct prefix p;
	void *prefixes;

	if (!prefix_read(text, family, &p, why))
		return false;
	prefixes = grow(s->prefixes, s->nprefixes, sizeof(*s->prefixes));
	if (!prefixes)
		return no(why, "out of memory");
	s->prefixes = prefixes;
	s->prefixes[s->nprefixes++] = p;
	return true;
}

static int prefix_order(const void *a, const void *b)
{
	const struct prefix *p = a, *q = b;
	int order = addr_compare(&p->addr, &q->addr);

	return order ? order : (int)p->len - (int)q->len;
}

static bool none_twice(const struct spec *s, char why[SPEC_WHY_MAX])
{
	char text[ADDR_TEXT_MAX];
	struct prefix *sorted;
	bool ok = true;

	if (s->nprefixes < 2)
		return true;
	sorted = array_copy(s->prefixes, s->nprefixes, sizeof(*sorted));
	if (!sorted)
		return no(why, "out of memory");
	qsort(sorted, s->nprefixes, sizeof(*sorted), prefix_order);
	for (size_t i = 1; ok && i < s->nprefixes; i++) {
		if (prefix_equal(&sorted[i - 1], &sorted[i]))
			ok = no(why, "%s is listed twice; expected each address once",
				prefix_format(&sorted[i], text));
	}
	free(sorted);
	return ok;
}

bool spec_check(const struct spec *s, char why[SPEC_WHY_MAX])
{
	char text[ADDR_TEXT_MAX];
	struct prefix via;

	if (s->nprefixes == 0)
		return no(why, "no addresses; expected at least one");
	if (!none_twice(s, why))
		return false;
	if (!s->has_via)
		return true;
	via = prefix_exact(&s->via);
	if (!spec_has_prefix(s, &via))
		return no(why,
			"via %s is not among the guest's addresses; expected one of its exact "
			"addresses",
			addr_format(&s->via, text));
	return true;
}

static size_t prefix_find(const struct spec *s, const struct prefix *p)
{
	size_t i;

	for (i = 0; i < s->nprefixes; i++) {
		if (prefix_equal(&s->prefixes[i], p))
			break;
	}
	return i;
}

bool spec_has_prefix(const struct spec *s, const struct prefix *p)
{
	return prefix_find(s, p) < s->nprefixes;
}

bool spec_del_prefix(struct spec *s, const struct prefix *p)
{
	size_t i = prefix_find(s, p);

	if (i == s->nprefixes)
		return false;
	s->nprefixes--;
	memmove(s->prefixes + i, s->prefixes + i + 1, (s->nprefixes - i) * sizeof(*s->prefixes));
	return true;
}
