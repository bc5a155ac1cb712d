/*
 * The configuration: what is refused, with which words and at which line; what is accepted; that
 * printing is a fixed point; guests-dir and guests-file. Each case is a line of a table.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"

#define U        "uplink 'e' { }\n"
#define G        "guest 'a' { vif = 'v1' addresses = { '2001:db8::1' } }\n"
#define TEMPLATE "/tmp/test_conf.XXXXXX"

static char dir[sizeof(TEMPLATE)];

static const char *path_of(const char *name)
{
	static char path[4][256];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static const char *file_put(const char *name, const char *text, size_t len)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	return path;
}

/* The configuration, guests-dir being none unless the text says otherwise. */
static struct conf *load(const char *text, size_t len, int family, char why[CONF_WHY_MAX])
{
	const char *path = file_put("t.conf", text, len);

	why[0] = '\0';
	return conf_load(path, family == AF_INET ? "arpproxyd" : "ndproxyd", family, why);
}

static void expect_refused(const char *title, const char *text, size_t len, int family,
	unsigned line, const char *fragment)
{
	char why[CONF_WHY_MAX], begin[300];
	struct conf *c = load(text, len, family, why);

	if (line)
		snprintf(begin, sizeof(begin), "%s:%u: ", path_of("t.conf"), line);
	else
		snprintf(begin, sizeof(begin), "%s: ", path_of("t.conf"));
	if (c)
		fail_msg("%s: accepted", title);
	if (strncmp(why, begin, strlen(begin)) != 0 || !strstr(why, fragment) || strchr(why, '\n'))
		fail_msg("%s: \"%s\", wanted \"%s\" and \"%s\"", title, why, begin, fragment);
}

struct bad {
	const char *title, *text;
	unsigned line;
	const char *fragment;
};

static const struct bad bad[] = {
	/* the text as such */
	{"empty", "", 1, "no uplink; expected at least one"},
	{"no uplink", "# nothing\n", 1, "no uplink"},
	{"no uplink but guests", G, 1, "no uplink"},
	{"unknown option", U "\nspeed = 3\n", 3,
		"unknown option \"speed\"; expected one of guests-dir"},
	{"unknown section", U "gest 'a' { }\n", 2, "unknown option \"gest\""},
	{"unknown option in a guest", U "guest 'a' {\n\n\tvfi = v1\n}\n", 4,
		"unknown option \"vfi\" in guest \"a\"; expected one of vif, addresses"},
	{"unknown option in route", U "route {\nvia = 3 }\n", 3,
		"in route; expected one of protocol"},
	{"path of an option", U "guest|vif = 3\n", 2, "unknown option"},
	{"no name of an option", U "'' = 3\n", 2, "expected"},
	{"no equal sign", U "pace 3\n", 2, "missing equal sign"},
	{"no value", U "pace =\n", 3, "premature end of file; expected a value"},
	{"two values", U "pace = 3 4\n", 2, "unknown option \"4\""},
	{"a list for a value", U "pace = { 3 }\n", 2, "unexpected token"},
	{"append", U "pace += 3\n", 2, "unexpected \"+\""},
	{"append to a list", U "guest a { addresses = 2001:db8::1 addresses += { 2001:db8::2 } }",
		2, "unexpected \"+\""},
	{"no title", U "guest { }\n", 2, "missing title"},
	{"no brace", U "guest 'a'\nvif = v\n", 3, "missing opening brace"},
	{"section in a section", U "guest 'a' { vif 'b' { } }\n", 2,
		"inside the section opened in line 2; expected"},
	{"a list in a list", U "guest 'a' { addresses = { { } } }\n", 2,
		"inside the list opened in line 2"},
	{"no equal sign before a list", U "guest 'a' { addresses { } }\n", 2,
		"or \"=\" before a list"},
	{"closing brace", U "}\n", 2, "nothing is open"},
	{"end in a section", U "\nguest 'a' {\n\tvif = v\n\n", 3, "end of file inside the section"},
	{"end in a section before another", U "guest 'a' {\n" G, 3,
		"inside the section opened in line 2; expected \"}\" to close"},
	{"end in a list", U "guest 'a' {\naddresses = { '2001:db8::1',\n", 3,
		"end of file inside the list"},
	{"end in a string", U "guest 'a", 2, "end of file inside a string"},
	{"a string over lines", U "guest 'a\n' { }\n", 2, "does not end on its line"},
	{"end in a double-quoted string", U "user = \"x\n", 2, "end of file inside a string"},
	{"end in a comment", U "\n\n/* and so\non\n\n", 4, "end of file inside the comment"},
	{"a variable that is not set", U "user = \"${NO_SUCH_THING}\"\n", 2, "is not set"},
	{"a variable without end", U "user = \"${HOME\"\n", 2, "without its end"},
	{"an escaped NUL", U "user = \"root\\0x\"\n", 2, "escape of a control character"},
	{"another escaped NUL", U "user = \"root\\x00\"\n", 2, "escape of a control character"},
	{"a bad escape", U "user = \"\\400\"\n", 2, "octal"},
	{"a star outside quotes", U "vif vif* { }\n", 2, "unexpected \"*\""},
	{"a plus outside quotes", U "vif a+b { }\n", 2, "unexpected \"+\""},
	{"a control character", U "pace = \x01\n", 2, "unexpected \"\\x01\""},
	/* twice */
	{"an option twice", U "pace = 3\n\npace = 4\n", 4, "pace is given twice, first in line 2"},
	{"a list twice, once empty",
		U "guest 'a' {\naddresses = {}\naddresses = { '2001:db8::1' } }\n", 4,
		"addresses is given twice, first in line 3"},
	{"a guest twice", U G "\n" G, 4, "guest \"a\" is given twice, first in line 2"},
	{"an uplink twice", U "vif 'e' { }\n" U, 3, "uplink \"e\" is given twice, first in line 1"},
	{"a vif section twice", U "vif 'x*' { }\nvif 'x*' { }\n", 3, "vif \"x*\" is given twice"},
	{"route twice", U "route {\n metric = 3\n}\n\nroute {\n table = 3\n}\n", 6,
		"route is given twice, first in line 2"},
	{"an address twice in a guest",
		U "guest 'a' { addresses = {\n '2001:db8::1',\n '2001:db8::2',\n '2001:db8:0::1' } "
		  "}\n",
		5, "2001:db8::1 (guest \"a\") is listed twice, first for guest \"a\" at"},
	{"an address twice", U G "guest 'b' {\n addresses = '2001:db8::1'\n}\n", 4,
		"t.conf:2; expected each address once"},
	{"a network twice",
		U "guest 'a' { addresses = 2001:db8:1::/64 }\nguest 'b' { addresses = "
		  "2001:db8:1::/64 }\n",
		3, "2001:db8:1::/64 (guest \"b\") is listed twice"},
	/* numbers and words */
	{"a negative number", U "pace = -1\n", 2,
		"pace is \"-1\"; expected a plain decimal number"},
	{"an octal number", U "pace = 010\n", 2, "plain decimal number"},
	{"a hexadecimal number", U "pace = 0x10\n", 2, "plain decimal number"},
	{"an empty number", U "pace = ''\n", 2, "plain decimal number"},
	{"a number with a blank", U "pace = ' 1'\n", 2, "plain decimal number"},
	{"a number with a sign", U "vif a { rate = '+1' }\n", 2, "vif \"a\": rate is"},
	{"a number beyond 64 bits", U "pace = 99999999999999999999999999\n", 2,
		"from 1 to 1000000"},
	{"pace 0", U "pace = 0\n", 2, "from 1 to 1000000"},
	{"pace too high", U "pace = 1000001\n", 2, "from 1 to 1000000"},
	{"announce 11", "uplink e {\n announce = 11 }\n", 2, "uplink \"e\": announce is \"11\""},
	{"rate too high", "uplink e {\n rate = 10000001 }\n", 2, "from 0 to 10000000"},
	{"no boolean", U "keep-routes = maybe\n", 2, "expected true or false"},
	{"an empty boolean", U "keep-routes = ''\n", 2, "expected true or false"},
	{"guard", U "vif a { guard = perhaps }\n", 2, "expected true, monitor or false"},
	{"answer", U "vif a { answer = on }\n", 2, "expected on-link, all or none"},
	{"mld", "uplink e { mld = v2 }\n", 1, "expected auto, report, router or none"},
	{"source", "uplink e { source = global }\n", 1, "expected auto, link-local, target or"},
	{"source IPv4", "uplink e { source = 192.0.2.1 }\n", 1, "expected an IPv6 address"},
	{"source multicast", "uplink e { source = ff02::1 }\n", 1, "multicast"},
	{"unlisted route", "uplink e { unlisted = route }\n", 1, "not in this version"},
	{"unlisted relay", "uplink e { unlisted = relay }\n", 1, "not in this version"},
	{"unlisted other", "uplink e { unlisted = drop }\n", 1, "expected ignore"},
	{"probe and yield", "uplink e {\n probe = yes\n yield = on\n}\n", 3, "excludes probe"},
	{"protocol static", U "route { protocol = 4 }\n", 2, "kernel's or an administrator's"},
	{"protocol 256", U "route { protocol = 256 }\n", 2, "route: protocol is \"256\""},
	{"table local", U "route { table = 255 }\n", 2, "host's own addresses"},
	{"metric 0", U "route { metric = 0 }\n", 2, "from 1 to 4294967295"},
	{"metric 2^32", U "route { metric = 4294967296 }\n", 2, "from 1 to 4294967295"},
	{"route source", U "route { source = eth0 }\n", 2, "expected an IPv6 address"},
	{"user", U "user = no-such-user-here\n", 2, "a user that exists"},
	{"group", U "group = no-such-group-here\n", 2, "a group that exists"},
	{"gateway IPv4", U "vif a { gateway = { fe80::1, 192.0.2.1 } }\n", 2,
		"expected an IPv6 address"},
	{"gateway with length", U "vif a { gateway = fe80::1/64 }\n", 2,
		"expected an IPv6 address"},
	{"gateway multicast", U "vif a { gateway = ff02::2 }\n", 2, "multicast"},
	/* names and addresses */
	{"uplink too long", "uplink 'abcdefghijklmnop' { }\n", 1, "too long for an interface"},
	{"uplink with a slash", "\nuplink 'a/b' {\n }\n", 2, "not the name of an interface"},
	{"uplink without a name", "uplink '' { }\n", 1, "is empty"},
	{"an empty pattern", U "vif '' { }\n", 2, "no pattern"},
	{"a guest without a name", U "guest '' { addresses = 2001:db8::1 }\n", 2, "name is empty"},
	{"a guest's name", U "guest 'a b' { addresses = 2001:db8::1 }\n", 2,
		"is not a guest's name"},
	{"no addresses", U "\nguest 'a' {\n vif = v\n}\n", 3,
		"no addresses; expected at least one"},
	{"empty addresses", U "guest 'a' { addresses = { } }\n", 2, "no addresses"},
	{"no address", U "guest 'a' { addresses = { nonsense } }\n", 2,
		"\"nonsense\" is not an address"},
	{"an IPv4 address", U "guest 'a' { addresses = 192.0.2.1 }\n", 2, "is an IPv4 address"},
	{"a v4-mapped address", U "guest 'a' { addresses = ::ffff:192.0.2.1 }\n", 2, "v4-mapped"},
	{"host bits", U "guest 'a' {\n addresses = 2001:db8::1/64 }\n", 3,
		"the network is 2001:db8::/64"},
	{"length 129", U "guest 'a' { addresses = 2001:db8::/129 }\n", 2, "is not an address"},
	{"link-local", U "guest 'a' { addresses = fe80::1 }\n", 2, "link-local"},
	{"multicast", U "guest 'a' { addresses = ff02::1 }\n", 2, "multicast"},
	{"loopback", U "guest 'a' { addresses = ::1 }\n", 2, "loopback"},
	{"unspecified", U "guest 'a' { addresses = :: }\n", 2, "unspecified"},
	{"vif", U "guest 'a' { addresses = 2001:db8::1 vif = 'a b' }\n", 2, "name of an interface"},
	{"vif is an uplink", U "guest 'a' { addresses = 2001:db8::1\n vif = e }\n", 3,
		"is an uplink"},
	{"mac", U "guest 'a' { addresses = 2001:db8::1 mac = 00:16:3e:1:2:3 }\n", 2,
		"not a MAC address"},
	{"a multicast mac", U "guest 'a' { addresses = 2001:db8::1 mac = 01:16:3e:01:02:03 }\n", 2,
		"multicast MAC"},
	{"a guest's route", U "guest 'a' { addresses = 2001:db8::1 route = 1 }\n", 2,
		"true or false"},
	{"via a stranger", U "guest 'a' { addresses = 2001:db8::1\n via = 2001:db8::2 }\n", 3,
		"not among the guest's addresses"},
	{"via a network", U "guest 'a' { addresses = 2001:db8:1::/64\n via = 2001:db8:1::/64 }\n",
		3, "exact addresses"},
	{"an uplink without a section", U "guest 'a' { addresses = 2001:db8::1\n uplink = f }\n", 3,
		"uplink \"f\" has no section"},
	{"no uplink of two", U "uplink f { }\n" G, 3, "has no uplink; expected one of the 2"},
	/* other files */
	{"no guests-dir", U "\nguests-dir = /nonexistent/dir\n", 3, "cannot be read (No such file"},
	{"guests-dir is a file", U "guests-dir = '/etc/passwd'\n", 2, "expected a directory"},
	{"no guests-file", U "guests-file = /nonexistent/file\n", 2,
		"cannot be read (No such file"},
	{"guests-file is a directory", U "guests-file = /etc\n", 2,
		"is a directory; expected a regular file"},
	{"guests-file with two uplinks", U "uplink f { }\nguests-file = /dev/null\n", 3,
		"no column"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refused(bad[i].title, bad[i].text, strlen(bad[i].text), AF_INET6,
			bad[i].line, bad[i].fragment);
}

static const struct bad bad4[] = {
	{"source", "uplink e {\n source = auto }\n", 2,
		"ndproxyd's alone; expected one of announce"},
	{"mld", "uplink e { mld = none }\n", 1, "ndproxyd's alone"},
	{"an IPv6 address", U "guest 'a' { addresses = 2001:db8::1 }\n", 2, "is an IPv6 address"},
	{"host bits", U "guest 'a' { addresses = 192.0.2.1/24 }\n", 2,
		"the network is 192.0.2.0/24"},
	{"link-local", U "guest 'a' { addresses = 169.254.0.1 }\n", 2, "link-local"},
	{"length 33", U "guest 'a' { addresses = 192.0.2.0/33 }\n", 2, "is not an address"},
	{"this network", U "guest 'a' { addresses = 0.1.2.3 }\n", 2, "0.0.0.0/8"},
	{"reserved", U "guest 'a' { addresses = 240.0.0.1 }\n", 2, "240.0.0.0/4"},
	{"v4-mapped", U "guest 'a' { addresses = ::ffff:192.0.2.1 }\n", 2, "v4-mapped"},
	{"gateway IPv6", U "vif a { gateway = fe80::1 }\n", 2, "expected an IPv4 address"},
	{"gateway v4-mapped", U "vif a { gateway = ::ffff:192.0.2.1 }\n", 2,
		"expected an IPv4 address"},
};

static void test_bad4(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad4) / sizeof(bad4[0]); i++)
		expect_refused(bad4[i].title, bad4[i].text, strlen(bad4[i].text), AF_INET,
			bad4[i].line, bad4[i].fragment);
}

/* L08, and what no one writes by hand. */
static void test_bad_bytes(void **state)
{
	static const char nul[] = U "guest 'a' {\n vif = 'v\0 1'\n}\n";
	size_t n = 1u << 20;
	char *line = malloc(n + 64);

	(void)state;
	expect_refused("a NUL byte", nul, sizeof(nul) - 1, AF_INET6, 3, "NUL byte");
	assert_non_null(line);
	strcpy(line, "#\n# ");
	memset(line + 4, 'x', n);
	strcpy(line + 4 + n, "\n" U);
	expect_refused("1 MB on a line", line, 4 + n, AF_INET6, 2, "64 KiB a line");
	free(line);
}

/* L01: neither exits nor waits. */
static void test_bad_files(void **state)
{
	static const struct {
		const char *path, *fragment;
	} files[] = {
		{"/", "is a directory; expected a regular file"},
		{"/dev/null", "is a device"},
		{"/nonexistent/x.conf", "No such file"},
		{NULL, "is a pipe"},
		{NULL, "at most 16 MiB"},
	};
	char why[CONF_WHY_MAX];
	const char *path;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path = files[i].path ? files[i].path : path_of(i == 3 ? "fifo" : "large");
		if (i == 3)
			assert_int_equal(mkfifo(path, 0600), 0);
		if (i == 4) {
			file_put("large", "", 0);
			assert_int_equal(truncate(path, (16 << 20) + 1), 0);
		}
		assert_null(conf_load(path, "ndproxyd", AF_INET6, why));
		assert_int_equal(strncmp(why, path, strlen(path)), 0);
		if (!strstr(why, files[i].fragment))
			fail_msg("%s: \"%s\"", path, why);
	}
}

/* --- what is accepted --- */

static char *print(const struct conf *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	conf_print(c, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static struct conf *expect_good(const char *title, const char *text, int family)
{
	char why[CONF_WHY_MAX];
	struct conf *c = load(text, strlen(text), family, why);

	if (!c)
		fail_msg("%s: %s", title, why);
	return c;
}

static const struct {
	const char *title, *text;
	int family;
	const char *printed; /* a part of the text printed back */
} good[] = {
	{"the least", U, AF_INET6, "pace = 1000\n\nuplink 'e' {\n\tannounce = 3\n"},
	{"no newline at the end", "uplink e { }", AF_INET6, "uplink 'e' {"},
	{"carriage returns", "uplink 'e' {\r\n announce = 5\r\n}\r\n", AF_INET6, "announce = 5\n"},
	{"comments",
		"/* one */ uplink e { // two\n announce = 4 # three }\n}\n"
		"guest a { addresses = { /* four\n*/ 2001:db8::1, # five\n 2001:db8::2 } }",
		AF_INET6, "'2001:db8::2'\n"},
	{"several uplinks", U "uplink f { }\nguest a { uplink = f addresses = 2001:db8::1 }",
		AF_INET6, "uplink = 'f'\n"},
	{"booleans", U "keep-routes = No\nvif a { guard = off }\nvif b { guard = on }", AF_INET6,
		"keep-routes = false\n"},
	{"off is false", U "vif a { guard = off }", AF_INET6, "guard = 'false'\n"},
	{"monitor", U "vif a { guard = monitor }", AF_INET6, "guard = 'monitor'\n"},
	{"mld true is auto", "uplink e { mld = true }", AF_INET6, "mld = 'auto'\n"},
	{"mld false is none", "uplink e { mld = no }", AF_INET6, "mld = 'none'\n"},
	{"source", "uplink e { source = fe80::1 }", AF_INET6, "source = 'fe80::1'\n"},
	{"source target", "uplink e { source = target }", AF_INET6, "source = 'target'\n"},
	{"gateways", U "vif 'v*' { gateway = { fe80::1, 2001:db8::1 } }", AF_INET6,
		"\t\t'fe80::1',\n\t\t'2001:db8::1'\n"},
	{"no source in arpproxyd", U, AF_INET, "announce = 3\n\tunlisted = 'ignore'\n"},
	{"an IPv4 gateway", U "vif 'v*' { gateway = 169.254.0.1 }", AF_INET, "{ '169.254.0.1' }"},
	{"an IPv4 guest",
		U "guest a { addresses = { 192.0.2.5, 198.51.100.0/24 } via = 192.0.2.5 }", AF_INET,
		"'198.51.100.0/24'\n"},
	{"quotes", U "vif 'a\\'b\\\\c${HOME}\"' { }", AF_INET6, "vif 'a\\'b\\\\c${HOME}\"' {"},
	{"a variable", U "vif \"${NO_SUCH:-vif}*\" { }", AF_INET6, "vif 'vif*' {"},
	{"route", U "route { protocol = 255 metric = 4294967295 table = 1 source = 2001:db8::1 }",
		AF_INET6,
		"protocol = 255\n\tmetric = 4294967295\n\ttable = 1\n\tsource = '2001:db8::1'"},
	{"a guest without a vif", U "guest a { addresses = 2001:db8::1 }", AF_INET6, "vif = ''\n"},
	{"a network and another's address in it", U "guest b { addresses = 2001:db8::/64 }\n" G,
		AF_INET6, "'2001:db8::/64'"},
	{"macs",
		U "guest a { addresses = 2001:db8::1 mac = { 00:16:3E:01:02:03, 02:00:00:00:00:01 "
		  "} }",
		AF_INET6, "'00:16:3e:01:02:03',\n"},
	{"user", U "user = root group = root", AF_INET6, "user = 'root'\ngroup = 'root'\n"},
	{"everything",
		U "pace = 1 vif 'a*' { rate = 0 answer = all gateway = { } }\n"
		  "route { source = '' }\n"
		  "guest b { route = no vif = v addresses = { 2001:db8:1::1, 2001:db8:2::/48 } "
		  "via = 2001:db8:1::1 }\n" G,
		AF_INET6, "route = false\n\tvia = '2001:db8:1::1'\n"},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char *first, *second;
		struct conf *c;

		c = expect_good(good[i].title, good[i].text, good[i].family);
		first = print(c);
		conf_free(c);
		if (!strstr(first, good[i].printed))
			fail_msg("%s: printed\n%s", good[i].title, first);
		c = expect_good(good[i].title, first, good[i].family);
		second = print(c);
		conf_free(c);
		assert_string_equal(first, second);
		free(first);
		free(second);
	}
}

static void test_values(void **state)
{
	struct conf *c = expect_good("values",
		"uplink e { announce = 0 source = 2001:db8::1 rate = 7 }\n"
		"vif 'vif1*' { answer = none gateway = fe80::1 }\nvif 'vif*' { guard = monitor }\n"
		"guest b { vif = vif1.0 addresses = { 2001:db8::2, 2001:db8:5::/64 } }\n" G,
		AF_INET6);
	const struct vif_policy *p;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(c->nuplinks, 1);
	assert_int_equal(c->uplinks[0].policy.announce, 0);
	assert_int_equal(c->uplinks[0].policy.source, SOURCE_ADDRESS);
	assert_int_equal(c->uplinks[0].policy.rate, 7);
	p = conf_vif_policy(c, "vif12.0");
	assert_int_equal(p->answer, ANSWER_NONE);
	assert_int_equal(p->ngateways, 1);
	assert_string_equal(addr_format(&p->gateways[0], text), "fe80::1");
	assert_int_equal(conf_vif_policy(c, "vif2.0")->guard, GUARD_MONITOR);
	p = conf_vif_policy(c, "tap0");
	assert_int_equal(p->guard, GUARD_ON);
	assert_int_equal(p->rate, VIF_RATE_DEFAULT);
	assert_int_equal(c->nguests, 2);
	assert_int_equal(c->nmain, 2);
	assert_string_equal(c->guests[0].name, "b");
	assert_string_equal(c->guests[0].vif, "vif1.0");
	assert_int_equal(c->guests[0].nprefixes, 2);
	assert_int_equal(c->guests[0].origin, ORIGIN_CONFIG);
	assert_true(c->keep_routes);
	assert_int_equal(c->route.protocol, 168);
	conf_free(c);
}

static const struct {
	const char *options, *inert;
} inert[] = {
	{"mld = report", "uplink \"e\": mld = \"report\" is not in force in this version"},
	{"mld = auto", "uplink \"e\": mld = \"auto\" is not in force in this version"},
	{"mld = none", NULL},
	{"rate = 100", "uplink \"e\": rate = 100 is not in force in this version"},
	{"rate = 0", NULL},
	{"probe = on", NULL},
	{"probe = off", NULL},
	{"yield = yes", NULL},
	{"announce = 9", NULL},
	{"} vif 'v' { rate = 5", "vif \"v\": rate = 5 is not in force in this version"},
	{"} vif 'v' { rate = 0 guard = no answer = all", NULL},
};

static void test_inert(void **state)
{
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(inert) / sizeof(inert[0]); i++) {
		struct conf *c;

		snprintf(text, sizeof(text), "uplink e { %s }\n", inert[i].options);
		c = expect_good(inert[i].options, text, AF_INET6);
		assert_int_equal(c->ninert, inert[i].inert != NULL);
		if (inert[i].inert)
			assert_string_equal(c->inert[0], inert[i].inert);
		conf_free(c);
	}
}

/* --- guests-dir and guests-file --- */

#define PUT(name, text) file_put(name, text, strlen(text))

static void test_dir(void **state)
{
	static const char text[] = U "guests-dir = d\n" G;
	char why[CONF_WHY_MAX], *printed;
	struct conf *c;

	(void)state;
	assert_int_equal(mkdir(path_of("d"), 0755), 0);
	PUT("d/20-b.conf", "guest b { addresses = 2001:db8::b }\n");
	PUT("d/10-c.conf", "guest c { addresses = 2001:db8::c }\n");
	PUT("d/.hidden.conf", "nonsense");
	PUT("d/other", "nonsense");
	c = expect_good("guests-dir", text, AF_INET6);
	assert_int_equal(c->nmain, 1);
	assert_int_equal(c->nguests, 3);
	assert_string_equal(c->guests[1].name, "c");
	assert_string_equal(c->guests[2].name, "b");
	assert_string_equal(c->guests_dir, path_of("d"));
	printed = print(c);
	assert_non_null(strstr(printed, "# there: 2 guests\n"));
	assert_null(strstr(printed, "guest 'b'"));
	free(printed);
	conf_free(c);

	PUT("d/30.conf", "\nguest d { addresses = 2001:db8::1 }\n");
	assert_null(load(text, strlen(text), AF_INET6, why));
	assert_non_null(strstr(why, "d/30.conf:2: 2001:db8::1 (guest \"d\") is listed twice"));
	assert_non_null(strstr(why, "t.conf:3; expected"));
	PUT("d/30.conf", "\n\nguest b { addresses = 2001:db8::d }\n");
	assert_null(load(text, strlen(text), AF_INET6, why));
	assert_non_null(strstr(why, "d/30.conf:3: guest \"b\" is given twice, first at"));
	assert_non_null(strstr(why, "d/20-b.conf:1"));
	PUT("d/30.conf", "pace = 3\n");
	assert_null(load(text, strlen(text), AF_INET6, why));
	assert_non_null(strstr(why, "d/30.conf:1: unknown option \"pace\"; expected one of guest"));
	unlink(path_of("d/30.conf"));
	assert_int_equal(mkdir(path_of("d/30.conf"), 0755), 0);
	assert_null(load(text, strlen(text), AF_INET6, why));
	assert_non_null(strstr(why, "d/30.conf: is a directory"));
}

static const struct bad lines[] = {
	{"no vif", "\n2001:db8::5\n", 2, "without a vif; expected ADDRESS[/LEN] VIF [GUEST]"},
	{"four words", "2001:db8::5 v g x\n", 1, "more than three words"},
	{"no address", "# x\nnonsense v\n", 2, "is not an address"},
	{"host bits", "2001:db8::5/64 v\n", 1, "the network is 2001:db8::/64"},
	{"a vif's name", "2001:db8::5 a/b g\n", 1, "not the name of an interface"},
	{"a guest's name", "2001:db8::5 v a*b\n", 1, "is not a guest's name"},
	{"the uplink", "2001:db8::5 e\n", 1, "is an uplink"},
	{"twice", "2001:db8::5 v\n\n2001:db8::5 w\n", 3, "guests:1; expected each address once"},
	{"twice, and worse behind it", "2001:db8::5 v\n2001:db8::5 v\nnonsense\n", 2, "twice"},
	{"twice, and many behind it",
		"2001:db8::5 v\n2001:db8::5 v\n2001:db8::11 v\n2001:db8::12 v\n2001:db8::13 v\n"
		"2001:db8::14 v\n2001:db8::15 v\n2001:db8::16 v\n2001:db8::17 v\n2001:db8::18 v\n"
		"2001:db8::19 v\n2001:db8::1a v\n2001:db8::1b v\n2001:db8::1c v\n2001:db8::1d v\n"
		"2001:db8::1e v\n2001:db8::1f v\n2001:db8::20 v\n2001:db8::21 v\n2001:db8::22 v\n",
		2, "twice"},
	{"twice, once in a section", "2001:db8::5 v\n2001:db8::1 w\n", 2, "for guest \"a\" at"},
	{"two vifs", "2001:db8::5 v g\n2001:db8::6 v g\n2001:db8::7 w g\n", 3, "on \"v\" at"},
	{"another vif than the section's", "2001:db8::5 v2 a\n", 1, "expected the same vif"},
	{"a long word", "2001:db8::5 abcdefghijklmnopq\n", 1, "too long"},
};

static void test_file_bad(void **state)
{
	static const char text[] = U "guests-file = guests\n" G,
			  nul[] = "2001:db8::5 v\n\n2001\0\n";
	char why[CONF_WHY_MAX], begin[300];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *path = PUT("guests", lines[i].text);

		snprintf(begin, sizeof(begin), "%s:%u: ", path, lines[i].line);
		assert_null(load(text, strlen(text), AF_INET6, why));
		if (strncmp(why, begin, strlen(begin)) != 0 || !strstr(why, lines[i].fragment))
			fail_msg("%s: \"%s\", wanted \"%s\" and \"%s\"", lines[i].title, why, begin,
				lines[i].fragment);
	}
	file_put("guests", nul, sizeof(nul) - 1);
	assert_null(load(text, strlen(text), AF_INET6, why));
	assert_non_null(strstr(why, "guests:3: a NUL byte"));
}

static void test_file(void **state)
{
	static const char text[] = U "guests-file = guests\nguest a { vif = v1 route = no "
				     "addresses = 2001:db8::1 }\n";
	struct conf *c;

	(void)state;
	PUT("guests", "# head\n\n2001:db8::5 v2 # its first\r\n\t2001:db8:5::/64  v2\tv2\n"
		      "2001:db8::6 v1 a\n2001:db8::7 v2 other");
	c = expect_good("guests-file", text, AF_INET6);
	assert_int_equal(c->nmain, 1);
	assert_int_equal(c->nguests, 4);
	assert_string_equal(c->guests[1].name, "v2");
	assert_int_equal(c->guests[1].nprefixes, 2);
	assert_int_equal(c->guests[1].origin, ORIGIN_FILE);
	/* the section's guest, and what the file adds to it */
	assert_string_equal(c->guests[2].name, "a");
	assert_int_equal(c->guests[2].origin, ORIGIN_FILE);
	assert_false(c->guests[2].route);
	assert_string_equal(c->guests[3].name, "other");
	assert_string_equal(c->guests[3].vif, "v2");
	conf_free(c);
}

static void test_file_many(void **state)
{
	FILE *f = fopen(path_of("guests"), "w");
	struct conf *c;

	(void)state;
	assert_non_null(f);
	for (unsigned i = 0; i < 20000; i++)
		fprintf(f, "2001:db8:1::%x vif%u.0\n", i + 1, i / 4);
	assert_int_equal(fclose(f), 0);
	c = expect_good("20,000 lines", U "guests-file = guests\n", AF_INET6);
	assert_int_equal(c->nguests, 5000);
	for (size_t i = 0; i < c->nguests; i++)
		assert_int_equal(c->guests[i].nprefixes, 4);
	conf_free(c);
}

static void test_read_guests(void **state)
{
	static const char one[] = "guest b { addresses = 2001:db8::2 }\n", two[] = G G,
			  other[] = "pace = 3\n";
	char why[CONF_WHY_MAX];
	struct spec *all = NULL;
	size_t n = 0;

	(void)state;
	assert_true(conf_read_guests(G, strlen(G), "x", AF_INET6, ORIGIN_COMMAND, &all, &n, why));
	assert_true(
		conf_read_guests(one, strlen(one), "x", AF_INET6, ORIGIN_COMMAND, &all, &n, why));
	assert_int_equal(n, 2);
	assert_int_equal(all[1].origin, ORIGIN_COMMAND);
	assert_false(
		conf_read_guests(two, strlen(two), "x", AF_INET6, ORIGIN_COMMAND, &all, &n, why));
	assert_string_equal(why,
		"x:2: guest \"a\" is given twice, first in line 1; expected each name "
		"once");
	assert_false(conf_read_guests(
		other, strlen(other), "x", AF_INET6, ORIGIN_COMMAND, &all, &n, why));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++)
		spec_free(&all[i]);
	free(all);
}

/* --- the temporary directory --- */

static int setup(void **state)
{
	(void)state;
	strcpy(dir, TEMPLATE);
	return mkdtemp(dir) ? 0 : -1;
}

static void remove_all(const char *path)
{
	char inner[600];
	DIR *d = opendir(path);

	for (struct dirent *e; d && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
		if (unlink(inner) < 0)
			remove_all(inner);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

static int teardown(void **state)
{
	(void)state;
	remove_all(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad4, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inert, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_many, setup, teardown),
		cmocka_unit_test(test_read_guests),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
