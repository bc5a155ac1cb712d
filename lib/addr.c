/* addr: see addr.h. */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct addr addr_any;

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

int addr_family(const struct addr *a)
{
	return memcmp(a->b, v4_mapped, sizeof(v4_mapped)) == 0 ? AF_INET : AF_INET6;
}

static bool addr_is_v4(const struct addr *a)
{
	return addr_family(a) == AF_INET;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zero[4];

	return addr_equal(a, &addr_any) || (addr_is_v4(a) && memcmp(a->b + 12, zero, 4) == 0);
}

bool addr_is_multicast(const struct addr *a)
{
	return a->b[0] == 0xff || (addr_is_v4(a) && (a->b[12] & 0xf0) == 0xe0);
}

bool addr_is_linklocal(const struct addr *a)
{
	if (addr_is_v4(a))
		return a->b[12] == 169 && a->b[13] == 254;
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

bool addr_is_loopback(const struct addr *a)
{
	static const struct addr one = {{[15] = 1}};

	return addr_equal(a, &one) || (addr_is_v4(a) && a->b[12] == 127);
}

struct addr addr_from_v4(const uint8_t b[4])
{
	struct addr a;

	memcpy(a.b, v4_mapped, sizeof(v4_mapped));
	memcpy(a.b + 12, b, 4);
	return a;
}

struct addr addr_from_v6(const uint8_t b[16])
{
	struct addr a;

	memcpy(a.b, b, sizeof(a.b));
	return a;
}

int addr_parse(const char *text, struct addr *ret)
{
	uint8_t v4[4], v6[16];

	if (inet_pton(AF_INET6, text, v6) == 1) {
		*ret = addr_from_v6(v6);
		return 0;
	}
	if (inet_pton(AF_INET, text, v4) == 1) {
		*ret = addr_from_v4(v4);
		return 0;
	}
	return -EINVAL;
}

int prefix_parse(const char *text, struct prefix *ret)
{
	char buf[ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix p;
	unsigned len = 0, bits;

	if (n >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, n);
	buf[n] = '\0';
	if (addr_parse(buf, &p.addr) < 0)
		return -EINVAL;
	bits = strchr(buf, ':') ? ADDR_BITS : ADDR_BITS - ADDR_V4_BITS;
	if (!slash) {
		p.len = ADDR_BITS;
		*ret = p;
		return 0;
	}
	/* 1 to 3 digits, no sign, no leading zero: strtoul() would take all of these */
	n = strspn(slash + 1, "0123456789");
	if (n == 0 || n > 3 || slash[1 + n] != '\0' || (n > 1 && slash[1] == '0'))
		return -EINVAL;
	for (const char *c = slash + 1; *c; c++)
		len = len * 10 + (unsigned)(*c - '0');
	if (len > bits)
		return -EINVAL;
	p.len = (uint8_t)(len + ADDR_BITS - bits);
	*ret = p;
	return 0;
}

/* The longest run of zero words, the first of several; *len 0: there is none of two or more. */
static unsigned zero_run(const uint16_t w[8], unsigned *len)
{
	unsigned best = 0, n = 0;

	*len = 0;
	for (unsigned i = 0; i < 8; i++) {
		n = w[i] ? 0 : n + 1;
		if (n >= 2 && n > *len) {
			*len = n;
			best = i + 1 - n;
		}
	}
	return best;
}

static char *put_hex(char *to, uint16_t w)
{
	unsigned shift = w > 0xfff ? 12 : w > 0xff ? 8 : w > 0xf ? 4 : 0;

	for (;; shift -= 4) {
		*to++ = "0123456789abcdef"[w >> shift & 0xf];
		if (!shift)
			return to;
	}
}

/* As inet_ntop(3), RFC 5952, several times as fast: files and lists have very many addresses. */
static void v6_format(const uint8_t b[16], char *to)
{
	unsigned run, len;
	uint16_t w[8];

	for (unsigned i = 0; i < 8; i++)
		w[i] = (uint16_t)(b[2 * i] << 8 | b[2 * i + 1]);
	run = zero_run(w, &len);
	for (unsigned i = 0; i < 8; i++) {
		if (len && i == run) {
			*to++ = ':';
			i += len - 1;
			if (i == 7)
				*to++ = ':';
			continue;
		}
		if (i)
			*to++ = ':';
		to = put_hex(to, w[i]);
	}
	*to = '\0';
}

const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	if (addr_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, buf, ADDR_TEXT_MAX);
	else if (a->b[0] || a->b[1])
		v6_format(a->b, buf);
	else /* some of these have an IPv4 address in their text */
		inet_ntop(AF_INET6, a->b, buf, ADDR_TEXT_MAX);
	return buf;
}

unsigned prefix_text_len(const struct prefix *p)
{
	if (addr_is_v4(&p->addr) && p->len >= ADDR_V4_BITS)
		return p->len - ADDR_V4_BITS;
	return p->len;
}

const char *prefix_format(const struct prefix *p, char buf[ADDR_TEXT_MAX])
{
	size_t n;

	addr_format(&p->addr, buf);
	if (prefix_is_exact(p))
		return buf;
	n = strlen(buf);
	snprintf(buf + n, ADDR_TEXT_MAX - n, "/%u", prefix_text_len(p));
	return buf;
}

struct prefix prefix_exact(const struct addr *a)
{
	return (struct prefix){*a, ADDR_BITS};
}

bool prefix_is_exact(const struct prefix *p)
{
	return p->len == ADDR_BITS;
}

struct prefix prefix_network(const struct addr *a, uint8_t len)
{
	struct prefix p = {*a, len};
	unsigned whole = len / 8;

	if (whole < sizeof(p.addr.b)) {
		p.addr.b[whole] &= (uint8_t)(0xff00 >> len % 8);
		memset(p.addr.b + whole + 1, 0, sizeof(p.addr.b) - whole - 1);
	}
	return p;
}

struct addr prefix_last(const struct prefix *p)
{
	struct addr last = p->addr;

	for (unsigned bit = p->len; bit < ADDR_BITS; bit++)
		last.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return last;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	unsigned whole = p->len / 8, rest = p->len % 8;

	if (memcmp(p->addr.b, a->b, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.b[whole] ^ a->b[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

/* What a prefix is that no guest can have; NULL where one can. */
static const char *prefix_kind(const struct prefix *p, bool v4)
{
	/* fe80::, ff00::, 127.0.0.0, 169.254.0.0 */
	static const struct addr special[] = {
		{{0xfe, 0x80}},
		{{0xff}},
		{{[10] = 0xff, 0xff, 127}},
		{{[10] = 0xff, 0xff, 169, 254}},
	};
	const struct addr *a = &p->addr;

	if (addr_is_unspecified(a))
		return prefix_is_exact(p) ? "the unspecified address" : "no guest's network";
	if (addr_is_loopback(a))
		return "a loopback address";
	if (addr_is_multicast(a))
		return "a multicast address";
	if (addr_is_linklocal(a))
		return "a link-local address";
	if (v4 && a->b[12] == 0)
		return "an address of \"this network\" (0.0.0.0/8)";
	if (v4 && a->b[12] >= 240)
		return "a reserved address (240.0.0.0/4)";
	if (v4 ? p->len < ADDR_V4_BITS + 4 : p->len < 3)
		return "wider than a guest's network can be";
	for (size_t n = 0; n < sizeof(special) / sizeof(special[0]); n++)
		if (prefix_contains(p, &special[n]))
			return "a network with link-local, loopback or multicast addresses in it";
	return NULL;
}

bool prefix_check(const struct prefix *p, int family, char why[ADDR_WHY_MAX])
{
	char text[ADDR_TEXT_MAX], net[ADDR_TEXT_MAX];
	struct prefix network = prefix_network(&p->addr, p->len);
	bool v4 = addr_is_v4(&p->addr), other = (family == AF_INET) != v4;
	bool host_bits = !prefix_equal(p, &network);
	const char *kind = other || host_bits ? NULL : prefix_kind(p, v4);

	if (!other && !host_bits && !kind)
		return true;
	prefix_format(p, text);
	if (other)
		snprintf(why, ADDR_WHY_MAX,
			"%s is an IPv%d address; expected an IPv%d address (IPv%d is %s's)", text,
			v4 ? 4 : 6, v4 ? 6 : 4, v4 ? 4 : 6, v4 ? "arpproxyd" : "ndproxyd");
	else if (host_bits)
		snprintf(why, ADDR_WHY_MAX, "%s has host bits set; the network is %s", text,
			prefix_format(&network, net));
	else
		snprintf(why, ADDR_WHY_MAX, "%s is %s; expected %s address or network of a guest",
			text, kind, v4 ? "a unicast IPv4" : "a global or unique local IPv6");
	return false;
}
