/* Addresses and prefixes of both families: text, kinds, containment, what a guest may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "addr.h"

static const struct {
	const char *text;
	const char *printed; /* NULL: refused */
	int family;
} addresses[] = {
	{"2001:db8::1", "2001:db8::1", AF_INET6},
	{"2001:DB8:0:0::1", "2001:db8::1", AF_INET6},
	{"::", "::", AF_INET6},
	{"::1", "::1", AF_INET6},
	{"192.0.2.1", "192.0.2.1", AF_INET},
	{"0.0.0.0", "0.0.0.0", AF_INET},
	{"::ffff:192.0.2.1", "192.0.2.1", AF_INET},
	{"", NULL, 0},
	{"2001:db8::1/64", NULL, 0},
	{"2001:db8::1 ", NULL, 0},
	{"2001:db8::1::", NULL, 0},
	{"fe80::1%eth0", NULL, 0},
	{"192.0.2", NULL, 0},
	{"192.0.2.256", NULL, 0},
	{"192.0.2.01", NULL, 0},
	{"localhost", NULL, 0},
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct addr a, before;
		char text[ADDR_TEXT_MAX];
		int err;

		memset(&before, 0x5a, sizeof(before));
		a = before;
		err = addr_parse(addresses[i].text, &a);
		if ((err == 0) != (addresses[i].printed != NULL))
			fail_msg("\"%s\": %d", addresses[i].text, err);
		if (err < 0) {
			assert_int_equal(err, -EINVAL);
			assert_memory_equal(&a, &before, sizeof(a));
			continue;
		}
		assert_string_equal(addr_format(&a, text), addresses[i].printed);
		assert_int_equal(addr_family(&a), addresses[i].family);
	}
}

static const struct {
	const char *text;
	int len; /* of 128 bits; -1: refused */
	const char *printed;
} prefixes[] = {
	{"2001:db8::/32", 32, "2001:db8::/32"},
	{"2001:db8::1", 128, "2001:db8::1"},
	{"2001:db8::1/128", 128, "2001:db8::1"},
	{"2001:db8::1/64", 64, "2001:db8::1/64"},
	{"::/0", 0, "::/0"},
	{"192.0.2.0/24", 120, "192.0.2.0/24"},
	{"192.0.2.1", 128, "192.0.2.1"},
	{"192.0.2.1/32", 128, "192.0.2.1"},
	{"0.0.0.0/0", 96, "0.0.0.0/0"},
	{"2001:db8::/129", -1, NULL},
	{"192.0.2.0/33", -1, NULL},
	{"2001:db8::/", -1, NULL},
	{"2001:db8::/064", -1, NULL},
	{"2001:db8::/+64", -1, NULL},
	{"2001:db8::/ 64", -1, NULL},
	{"2001:db8::/64x", -1, NULL},
	{"2001:db8::/64/64", -1, NULL},
	{"2001:db8::/4294967360", -1, NULL},
	{"/64", -1, NULL},
	{"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/1", -1, NULL},
};

static void test_prefix_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		char text[ADDR_TEXT_MAX];
		struct prefix p;
		int err = prefix_parse(prefixes[i].text, &p);

		if ((err == 0) != (prefixes[i].len >= 0))
			fail_msg("\"%s\": %d", prefixes[i].text, err);
		if (err < 0)
			continue;
		assert_int_equal(p.len, prefixes[i].len);
		assert_string_equal(prefix_format(&p, text), prefixes[i].printed);
	}
}

enum { UNSPECIFIED = 1, MULTICAST = 2, LINKLOCAL = 4, LOOPBACK = 8 };

static const struct {
	const char *text;
	int kinds;
} kinds[] = {
	{"::", UNSPECIFIED},
	{"0.0.0.0", UNSPECIFIED},
	{"::1", LOOPBACK},
	{"::2", 0},
	{"127.0.0.1", LOOPBACK},
	{"127.255.255.255", LOOPBACK},
	{"128.0.0.1", 0},
	{"ff02::1", MULTICAST},
	{"fe00::1", 0},
	{"224.0.0.1", MULTICAST},
	{"239.255.255.255", MULTICAST},
	{"240.0.0.1", 0},
	{"223.255.255.255", 0},
	{"fe80::1", LINKLOCAL},
	{"febf::1", LINKLOCAL},
	{"fec0::1", 0},
	{"fe7f::1", 0},
	{"169.254.0.1", LINKLOCAL},
	{"169.253.0.1", 0},
	{"2001:db8::1", 0},
	{"192.0.2.1", 0},
};

static void test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct addr a;
		int k;

		assert_int_equal(addr_parse(kinds[i].text, &a), 0);
		k = (addr_is_unspecified(&a) ? UNSPECIFIED : 0) |
		    (addr_is_multicast(&a) ? MULTICAST : 0) |
		    (addr_is_linklocal(&a) ? LINKLOCAL : 0) | (addr_is_loopback(&a) ? LOOPBACK : 0);
		if (k != kinds[i].kinds)
			fail_msg("%s: %d, wanted %d", kinds[i].text, k, kinds[i].kinds);
	}
}

static const struct {
	const char *prefix, *address;
	bool within;
} within[] = {
	{"2001:db8::/32", "2001:db8:ffff::1", true},
	{"2001:db8::/32", "2001:db9::1", false},
	{"2001:db8::/33", "2001:db8:7fff::1", true},
	{"2001:db8::/33", "2001:db8:8000::1", false},
	{"2001:db8::1", "2001:db8::1", true},
	{"2001:db8::1", "2001:db8::2", false},
	{"::/0", "2001:db8::1", true},
	{"192.0.2.0/25", "192.0.2.127", true},
	{"192.0.2.0/25", "192.0.2.128", false},
	{"0.0.0.0/0", "203.0.113.9", true},
	{"0.0.0.0/0", "2001:db8::1", false},
};

static void test_contains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(within) / sizeof(within[0]); i++) {
		struct prefix p;
		struct addr a;

		assert_int_equal(prefix_parse(within[i].prefix, &p), 0);
		assert_int_equal(addr_parse(within[i].address, &a), 0);
		if (prefix_contains(&p, &a) != within[i].within)
			fail_msg("%s in %s", within[i].address, within[i].prefix);
	}
}

static void test_network(void **state)
{
	struct prefix p, q;
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse("2001:db8:ffff:ffff:ffff::1", &a), 0);
	for (unsigned len = 0; len <= ADDR_BITS; len++) {
		p = prefix_network(&a, (uint8_t)len);
		assert_true(prefix_contains(&p, &a));
		q = prefix_network(&p.addr, (uint8_t)len);
		assert_true(prefix_equal(&p, &q));
	}
	p = prefix_network(&a, 33);
	assert_int_equal(prefix_parse("2001:db8:8000::/33", &q), 0);
	assert_true(prefix_equal(&p, &q));
	assert_true(prefix_is_exact(&(struct prefix){a, 128}));
	p = prefix_exact(&a);
	assert_int_equal(p.len, 128);
	assert_int_equal(prefix_parse("192.0.2.0/24", &p), 0);
	assert_int_equal(prefix_text_len(&p), 24);
}

static const struct {
	const char *text;
	int family;
	const char *why; /* NULL: a guest may have it */
} checks[] = {
	{"2001:db8::1", AF_INET6, NULL},
	{"2001:db8::/64", AF_INET6, NULL},
	{"fd00::/8", AF_INET6, NULL},
	{"192.0.2.1", AF_INET, NULL},
	{"10.0.0.0/8", AF_INET, NULL},
	{"255.255.255.255", AF_INET, "reserved"},
	{"192.0.2.1", AF_INET6, "expected an IPv6 address"},
	{"2001:db8::1", AF_INET, "expected an IPv4 address"},
	{"::ffff:192.0.2.1", AF_INET6, "expected an IPv6 address"},
	{"2001:db8::1/64", AF_INET6, "the network is 2001:db8::/64"},
	{"192.0.2.1/24", AF_INET, "the network is 192.0.2.0/24"},
	{"::", AF_INET6, "unspecified"},
	{"::/0", AF_INET6, "no guest's network"},
	{"0.0.0.0", AF_INET, "unspecified"},
	{"0.0.0.0/0", AF_INET, "no guest's network"},
	{"::1", AF_INET6, "loopback"},
	{"127.0.0.0/8", AF_INET, "loopback"},
	{"ff02::1", AF_INET6, "multicast"},
	{"224.0.0.0/24", AF_INET, "multicast"},
	{"fe80::1", AF_INET6, "link-local"},
	{"169.254.0.0/16", AF_INET, "link-local"},
	{"0.1.2.3", AF_INET, "0.0.0.0/8"},
	{"8000::/1", AF_INET6, "wider"},
};

static void test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		char why[ADDR_WHY_MAX] = "";
		struct prefix p;
		bool ok;

		assert_int_equal(prefix_parse(checks[i].text, &p), 0);
		ok = prefix_check(&p, checks[i].family, why);
		if (ok != !checks[i].why || (!ok && !strstr(why, checks[i].why)))
			fail_msg("%s: \"%s\"", checks[i].text, why);
	}
}

static void test_order(void **state)
{
	struct addr a, b;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", &a), 0);
	b = addr_from_v4((const uint8_t[]){192, 0, 2, 1});
	assert_true(addr_equal(&a, &b));
	b = addr_from_v4((const uint8_t[]){192, 0, 2, 2});
	assert_true(addr_compare(&a, &b) < 0);
	assert_false(addr_equal(&a, &b));
	b = addr_from_v6(a.b);
	assert_true(addr_equal(&a, &b));
	assert_true(addr_is_unspecified(&addr_any));
}

/* Every pattern of zero words, with words of every width: as inet_ntop(3) has it. */
static void test_format(void **state)
{
	static const uint16_t words[] = {0x1, 0x1f, 0x1ff, 0x1fff, 0xf000, 0x2001};
	char want[INET6_ADDRSTRLEN], got[ADDR_TEXT_MAX];

	(void)state;
	for (unsigned zeros = 0; zeros < 256; zeros++)
		for (unsigned shift = 0; shift < 6; shift++) {
			struct addr a;

			for (unsigned i = 0; i < 8; i++) {
				uint16_t w = zeros >> i & 1 ? 0 : words[(i + shift) % 6];

				a.b[2 * i] = (uint8_t)(w >> 8);
				a.b[2 * i + 1] = (uint8_t)w;
			}
			if (addr_family(&a) == AF_INET)
				continue;
			inet_ntop(AF_INET6, a.b, want, sizeof(want));
			assert_string_equal(addr_format(&a, got), want);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_prefix_parse),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_format),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
