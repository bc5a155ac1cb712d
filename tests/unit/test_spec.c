/* A guest's specification: what each setter takes and refuses, and the check of the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "spec.h"

enum field { NAME, VIF, UPLINK, VIA4, VIA6, MAC, PREFIX4, PREFIX6 };

#define S64 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz.123456789_@"

static const struct {
	enum field field;
	const char *text, *why; /* NULL: taken */
} values[] = {
	{NAME, "vt2", NULL},
	{NAME, "A.b_c:d@e-9", NULL},
	{NAME, "..", NULL},
	{NAME, S64, NULL},
	{NAME, S64 "x", "too long"},
	{NAME, "", "empty"},
	{NAME, "a b", "letters, digits"},
	{NAME, "a/b", "letters, digits"},
	{NAME, "a~", "letters, digits"},
	{NAME, "a\n", "\"a\\x0a\" is not"},
	{NAME, "caf\xc3\xa9", "\"caf\\xc3\\xa9\" is not"},
	{VIF, "vif11.0", NULL},
	{VIF, "abcdefghijklmno", NULL},
	{VIF, "abcdefghijklmnop", "too long"},
	{VIF, "", "empty"},
	{VIF, ".", "not the name"},
	{VIF, "..", "not the name"},
	{VIF, "...", NULL},
	{VIF, "a/b", "not the name"},
	{VIF, "a:1", "not the name"},
	{VIF, "a b", "not the name"},
	{VIF, "a\tb", "not the name"},
	{VIF, "a\x7f", "not the name"},
	{VIF, "\xff", "not the name"},
	{UPLINK, "eth0", NULL},
	{UPLINK, "a/b", "not the name"},
	{VIA6, "2001:db8::1", NULL},
	{VIA6, "2001:db8::1/128", NULL},
	{VIA6, "2001:db8::/64", "exact addresses"},
	{VIA6, "192.0.2.1", "is an IPv4 address"},
	{VIA6, "fe80::1", "link-local"},
	{VIA6, "", "is not an address"},
	{VIA4, "192.0.2.1", NULL},
	{VIA4, "2001:db8::1", "is an IPv6 address"},
	{MAC, "00:16:3e:01:02:03", NULL},
	{MAC, "FE:FF:FF:FF:FF:FF", NULL},
	{MAC, "0:16:3e:01:02:03", "not a MAC address"},
	{MAC, "00:16:3e:01:02", "not a MAC address"},
	{MAC, "00:16:3e:01:02:", "not a MAC address"},
	{MAC, "00:16:3e:01:02:0", "not a MAC address"},
	{MAC, "00:16:3e:01:02:03:04", "not a MAC address"},
	{MAC, "00-16-3e-01-02-03", "not a MAC address"},
	{MAC, "00:16:3e:01:02:0g", "not a MAC address"},
	{MAC, "", "not a MAC address"},
	{MAC, "01:16:3e:01:02:03", "multicast"},
	{MAC, "ff:ff:ff:ff:ff:ff", "multicast"},
	{MAC, "00:00:00:00:00:00", "zero"},
	{PREFIX6, "2001:db8::1", NULL},
	{PREFIX6, "2001:db8::/64", NULL},
	{PREFIX6, "2001:db8::1/64", "the network is 2001:db8::/64"},
	{PREFIX6, "192.0.2.1", "is an IPv4 address"},
	{PREFIX6, "::ffff:192.0.2.1", "v4-mapped"},
	{PREFIX6, "ff02::1", "multicast"},
	{PREFIX6, "::1", "loopback"},
	{PREFIX6, "x", "expected an IPv6 address or network"},
	{PREFIX4, "192.0.2.1", NULL},
	{PREFIX4, "192.0.2.0/24", NULL},
	{PREFIX4, "192.0.2.1/24", "the network is 192.0.2.0/24"},
	{PREFIX4, "::ffff:192.0.2.1", "v4-mapped"},
	{PREFIX4, "2001:db8::1", "is an IPv6 address"},
	{PREFIX4, "169.254.1.1", "link-local"},
	{PREFIX4, "192.0.2", "expected an IPv4 address or network"},
};

static bool set(struct spec *s, enum field field, const char *text, char why[SPEC_WHY_MAX])
{
	switch (field) {
	case NAME: return spec_set_name(s, text, why);
	case VIF: return spec_set_vif(s, text, why);
	case UPLINK: return spec_set_uplink(s, text, why);
	case VIA4: return spec_set_via(s, text, AF_INET, why);
	case VIA6: return spec_set_via(s, text, AF_INET6, why);
	case MAC: return spec_add_mac(s, text, why);
	case PREFIX4: return spec_add_prefix(s, text, AF_INET, why);
	case PREFIX6: return spec_add_prefix(s, text, AF_INET6, why);
	}
	return false;
}

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char why[SPEC_WHY_MAX] = "";
		struct spec s, before;
		bool ok;

		spec_init(&s, ORIGIN_COMMAND);
		before = s;
		ok = set(&s, values[i].field, values[i].text, why);
		if (ok != !values[i].why || (!ok && !strstr(why, values[i].why)))
			fail_msg("\"%s\": \"%s\"", values[i].text, why);
		if (!ok) /* refused: nothing set */
			assert_memory_equal(&s, &before, sizeof(s));
		spec_free(&s);
	}
}

static const struct {
	const char *addresses[4], *via, *why;
} wholes[] = {
	{{"2001:db8::1"}, NULL, NULL},
	{{"2001:db8::1", "2001:db8::2", "2001:db8::/64"}, "2001:db8::2", NULL},
	{{NULL}, NULL, "no addresses"},
	{{"2001:db8::1", "2001:db8::2", "2001:db8:0::1"}, NULL, "2001:db8::1 is listed twice"},
	{{"2001:db8::/64", "2001:db8::1", "2001:db8::/64"}, NULL, "2001:db8::/64 is listed twice"},
	{{"2001:db8::", "2001:db8::/64"}, NULL, NULL},
	{{"2001:db8::1"}, "2001:db8::2", "via 2001:db8::2 is not among"},
	{{"2001:db8::/64"}, "2001:db8::2", "is not among"},
};

static void test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
		char why[SPEC_WHY_MAX] = "";
		struct spec s;
		bool ok;

		spec_init(&s, ORIGIN_CONFIG);
		for (unsigned k = 0; k < 4 && wholes[i].addresses[k]; k++)
			assert_true(spec_add_prefix(&s, wholes[i].addresses[k], AF_INET6, why));
		if (wholes[i].via)
			assert_true(spec_set_via(&s, wholes[i].via, AF_INET6, why));
		ok = spec_check(&s, why);
		if (ok != !wholes[i].why || (!ok && !strstr(why, wholes[i].why)))
			fail_msg("%zu: \"%s\"", i, why);
		spec_free(&s);
	}
}

static void test_prefixes(void **state)
{
	char why[SPEC_WHY_MAX], text[ADDR_TEXT_MAX];
	struct spec s, copy;
	struct prefix p;

	(void)state;
	spec_init(&s, ORIGIN_FILE);
	assert_true(s.route);
	for (unsigned i = 1; i <= 100; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x", i);
		assert_true(spec_add_prefix(&s, text, AF_INET6, why));
	}
	assert_true(spec_add_mac(&s, "00:16:3e:01:02:03", why));
	assert_true(spec_copy(&copy, &s));
	/* the copy is its own, and grows on */
	for (unsigned i = 1; i <= 100; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x", i);
		assert_int_equal(prefix_parse(text, &p), 0);
		assert_true(spec_has_prefix(&s, &p));
		assert_true(spec_del_prefix(&s, &p));
		assert_false(spec_has_prefix(&s, &p));
		assert_false(spec_del_prefix(&s, &p));
		assert_true(spec_has_prefix(&copy, &p));
		snprintf(text, sizeof(text), "2001:db8:1::%x", i);
		assert_true(spec_add_prefix(&copy, text, AF_INET6, why));
		if (i % 3 == 0)
			assert_true(spec_add_prefix(&s, text, AF_INET6, why));
	}
	assert_int_equal(s.nprefixes, 33);
	assert_int_equal(copy.nprefixes, 200);
	assert_int_equal(copy.nmacs, 1);
	assert_true(spec_check(&copy, why));
	assert_string_equal(mac_format(copy.macs[0], text), "00:16:3e:01:02:03");
	spec_free(&s);
	spec_free(&copy);
	assert_int_equal(copy.nprefixes, 0);
}

static void test_text(void **state)
{
	static const struct {
		const char *text, *quoted;
	} texts[] = {
		{"", "\"\""},
		{"abc", "\"abc\""},
		{"a\nb\x7f\xff", "\"a\\x0ab\\x7f\\xff\""},
	};
	char buf[TEXT_QUOTE_MAX], lots[500];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(text_quote(texts[i].text, buf), texts[i].quoted);
	for (int fill = 1; fill < 256; fill += 50) {
		memset(lots, fill, sizeof(lots) - 1);
		lots[sizeof(lots) - 1] = '\0';
		text_quote(lots, buf);
		assert_in_range(strlen(buf), 80, TEXT_QUOTE_MAX - 1);
		assert_non_null(strstr(buf, "...\""));
	}
	assert_string_equal(origin_name(ORIGIN_CONFIG), "config");
	assert_string_equal(origin_name(ORIGIN_FILE), "file");
	assert_string_equal(origin_name(ORIGIN_COMMAND), "command");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_text),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
