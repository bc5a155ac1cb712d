/*
 * The rules of `add` and `del` (DESIGN, Control), as tables: what is typed, what comes of it, and
 * what the set holds afterwards.
 *
 * The world: interfaces v1 (index 1), v2 (2), v3 (3) and vc (9) exist, all others do not. "link v1
 * 7" makes v1 anew. The configuration has guest "cfg" on vif "vc" and guest "bare" without a vif.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime.h"

#define STEPS_MAX 8
#define WORDS_MAX 16

struct step {
	const char *typed;
	const char *refused; /* a part of the reason; NULL: done */
};

struct scenario {
	const char *name;
	struct step steps[STEPS_MAX];
	const char *set; /* "guest@vif#ifindex address ...; ..." in order of name */
};

struct world {
	struct {
		char name[IF_NAMESIZE];
		uint32_t index;
	} links[8];
	size_t nlinks;
};

static uint32_t world_ifindex(void *ctx, const char *vif)
{
	const struct world *w = ctx;

	for (size_t i = 0; i < w->nlinks; i++)
		if (!strcmp(w->links[i].name, vif))
			return w->links[i].index;
	return 0;
}

static void world_link(struct world *w, const char *name, uint32_t index)
{
	size_t i = 0;

	while (i < w->nlinks && strcmp(w->links[i].name, name))
		i++;
	if (i == w->nlinks)
		w->nlinks++;
	snprintf(w->links[i].name, sizeof(w->links[i].name), "%s", name);
	w->links[i].index = index;
}

static const struct {
	const char *prefix, *guest, *vif;
} configured[] = {
	{"2001:db8:c::1", "cfg", "vc"},
	{"2001:db8:c:1::/64", "cfg", "vc"},
	{"2001:db8:c::9", "bare", ""},
};
#define NCONFIGURED (sizeof(configured) / sizeof(configured[0]))

static bool world_config_prefix(
	void *ctx, const struct prefix *p, const char **guest, const char **vif)
{
	char text[ADDR_TEXT_MAX];

	(void)ctx;
	prefix_format(p, text);
	for (size_t i = 0; i < NCONFIGURED; i++) {
		if (strcmp(configured[i].prefix, text))
			continue;
		*guest = configured[i].guest;
		*vif = configured[i].vif;
		return true;
	}
	return false;
}

static bool world_config_guest(void *ctx, const char *name, const char **vif)
{
	(void)ctx;
	for (size_t i = 0; i < NCONFIGURED; i++) {
		if (strcmp(configured[i].guest, name))
			continue;
		*vif = configured[i].vif;
		return true;
	}
	return false;
}

static bool world_config_vif(void *ctx, const char *vif)
{
	(void)ctx;
	return !strcmp(vif, "vc");
}

static struct runtime *set_new(struct world *w, bool config)
{
	const struct runtime_lookups l = {
		.ctx = w,
		.ifindex = world_ifindex,
		.config_prefix = config ? world_config_prefix : NULL,
		.config_guest = config ? world_config_guest : NULL,
		.config_vif = config ? world_config_vif : NULL,
	};
	struct runtime *rt = runtime_new(&l);

	assert_non_null(rt);
	world_link(w, "v1", 1);
	world_link(w, "v2", 2);
	world_link(w, "v3", 3);
	world_link(w, "vc", 9);
	return rt;
}

/* The set as text. */
struct listing {
	char line[16][256];
	size_t n;
};

static void list_one(void *ctx, const struct spec *s)
{
	struct listing *l = ctx;
	char *line = l->line[l->n++], text[ADDR_TEXT_MAX];
	size_t at;

	assert_true(l->n < 16);
	at = (size_t)sprintf(line, "%s@%s#%u", s->name, s->vif, s->ifindex);
	for (size_t i = 0; i < s->nprefixes; i++)
		at += (size_t)sprintf(line + at, " %s", prefix_format(&s->prefixes[i], text));
	if (*s->uplink)
		at += (size_t)sprintf(line + at, " uplink %s", s->uplink);
	if (s->has_via)
		at += (size_t)sprintf(line + at, " via %s", addr_format(&s->via, text));
	for (size_t i = 0; i < s->nmacs; i++)
		at += (size_t)sprintf(line + at, " mac %s", mac_format(s->macs[i], text));
}

static int line_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void assert_set(const struct runtime *rt, const char *name, const char *want)
{
	struct listing l = {.n = 0};
	char text[4096] = "";

	runtime_foreach(rt, list_one, &l);
	assert_int_equal(runtime_count(rt), l.n);
	qsort(l.line, l.n, sizeof(l.line[0]), line_compare);
	for (size_t i = 0; i < l.n; i++) {
		strcat(text, i ? "; " : "");
		strcat(text, l.line[i]);
	}
	if (strcmp(text, want))
		fail_msg("%s: the set is \"%s\", expected \"%s\"", name, text, want);
}

static int save_well(void *ctx, const struct spec *guest)
{
	(void)ctx;
	(void)guest;
	return 0;
}

struct typed {
	char text[512];
	char *word[WORDS_MAX];
	size_t n;
};

static void typed_split(struct typed *t, const char *text)
{
	char *save = NULL;

	snprintf(t->text, sizeof(t->text), "%s", text);
	t->n = 0;
	for (char *w = strtok_r(t->text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true(t->n < WORDS_MAX);
		t->word[t->n++] = w;
	}
}

static const char *typed_value(const struct typed *t, const char *key)
{
	for (size_t i = 1; i + 1 < t->n; i++)
		if (!strcmp(t->word[i], key))
			return t->word[i + 1];
	return NULL;
}

/* The request that the words make; keys follow the addresses. */
static void typed_spec(const struct typed *t, struct spec *ret)
{
	const char *vif = typed_value(t, "vif"), *guest = typed_value(t, "guest");
	const char *via = typed_value(t, "via"), *mac = typed_value(t, "mac");
	const char *uplink = typed_value(t, "uplink");
	char why[SPEC_WHY_MAX];

	spec_init(ret, ORIGIN_COMMAND);
	for (size_t i = 1; i < t->n && strchr(t->word[i], ':'); i++)
		assert_true(spec_add_prefix(ret, t->word[i], AF_INET6, why));
	assert_true(!vif || spec_set_vif(ret, vif, why));
	assert_true(!guest || spec_set_name(ret, guest, why));
	assert_true(!uplink || spec_set_uplink(ret, uplink, why));
	assert_true(!via || spec_set_via(ret, via, AF_INET6, why));
	assert_true(!mac || spec_add_mac(ret, mac, why));
}

static int typed_run(struct runtime *rt, struct world *w, const char *text,
	struct runtime_change **ret, char why[RUNTIME_WHY_MAX])
{
	struct typed t;
	struct spec s;
	int r;

	typed_split(&t, text);
	if (!strcmp(t.word[0], "link")) {
		world_link(w, t.word[1], (uint32_t)atoi(t.word[2]));
		return 0;
	}
	typed_spec(&t, &s);
	if (!strcmp(t.word[0], "add"))
		r = runtime_add(rt, &s, !strcmp(t.word[t.n - 1], "replace"), ret, why);
	else
		r = runtime_del(rt, s.prefixes, s.nprefixes, typed_value(&t, "vif"),
			typed_value(&t, "guest"), ret, why);
	spec_free(&s);
	return r;
}

static void run_step(struct runtime *rt, struct world *w, const char *name, const struct step *s)
{
	char why[RUNTIME_WHY_MAX] = "";
	struct runtime_change *c = NULL;
	const int r = typed_run(rt, w, s->typed, &c, why);

	if (s->refused) {
		if (r != -EEXIST || !strstr(why, s->refused))
			fail_msg("%s: \"%s\" gave %d \"%s\", expected a refusal with \"%s\"", name,
				s->typed, r, why, s->refused);
		assert_null(c);
		return;
	}
	if (r)
		fail_msg("%s: \"%s\" was refused: %s", name, s->typed, why);
	if (c)
		assert_int_equal(runtime_commit(rt, c, save_well, NULL), 0);
	runtime_change_free(c);
}

static void run_scenarios(const struct scenario *s, size_t n, bool config)
{
	for (size_t i = 0; i < n; i++) {
		struct world w = {.nlinks = 0};
		struct runtime *rt = set_new(&w, config);

		for (size_t j = 0; j < STEPS_MAX && s[i].steps[j].typed; j++)
			run_step(rt, &w, s[i].name, &s[i].steps[j]);
		assert_set(rt, s[i].name, s[i].set);
		runtime_free(rt);
	}
}
#define RUN(table, config) run_scenarios(table, sizeof(table) / sizeof((table)[0]), config)

static const struct scenario adds[] = {
	{"the guest is called as its vif", {{"add 2001:db8::1 vif v1", NULL}},
		"v1@v1#1 2001:db8::1"},
	{"add adds to what is there",
		{{"add 2001:db8::1 vif v1 guest g", NULL},
			{"add 2001:db8::2 2001:db8:1::/64 vif v1 guest g", NULL}},
		"g@v1#1 2001:db8::1 2001:db8::2 2001:db8:1::/64"},
	{"the same again changes nothing",
		{{"add 2001:db8::1 vif v1 guest g", NULL},
			{"add 2001:db8::1 vif v1 guest g", NULL}},
		"g@v1#1 2001:db8::1"},
	{"an absent vif is accepted", {{"add 2001:db8::1 vif later", NULL}},
		"later@later#0 2001:db8::1"},
	{"and its index learned by the next add",
		{{"add 2001:db8::1 vif later", NULL}, {"link later 5", NULL},
			{"add 2001:db8::1 vif later", NULL}},
		"later@later#5 2001:db8::1"},
	{"two guests on one vif",
		{{"add 2001:db8::1 vif v1 guest a", NULL},
			{"add 2001:db8::2 vif v1 guest b", NULL}},
		"a@v1#1 2001:db8::1; b@v1#1 2001:db8::2"},
	{"a prefix around another guest's address is another entry",
		{{"add 2001:db8::1 vif v1 guest a", NULL},
			{"add 2001:db8::/64 vif v2 guest b", NULL}},
		"a@v1#1 2001:db8::1; b@v2#2 2001:db8::/64"},
	{"no vif", {{"add 2001:db8::1 guest g", "no vif"}}, ""},
	{"no address", {{"add vif v1", "no address"}}, ""},
	{"the options stay until others are given",
		{{"add 2001:db8::1 vif v1 guest g uplink e0 via 2001:db8::1 mac 02:00:00:00:00:01",
			 NULL},
			{"add 2001:db8:1::/64 vif v1 guest g", NULL},
			{"add 2001:db8::1 vif v1 guest g uplink e1 mac 02:00:00:00:00:02", NULL}},
		"g@v1#1 2001:db8::1 2001:db8:1::/64 uplink e1 via 2001:db8::1 "
		"mac 02:00:00:00:00:01 mac 02:00:00:00:00:02"},
	{"via an address of an earlier add",
		{{"add 2001:db8::1 vif v1 guest g", NULL},
			{"add 2001:db8:1::/64 vif v1 guest g via 2001:db8::1", NULL}},
		"g@v1#1 2001:db8::1 2001:db8:1::/64 via 2001:db8::1"},
	{"via nobody's address",
		{{"add 2001:db8:1::/64 vif v1 guest g via 2001:db8::1", "guest \"g\": "}}, ""},
};

static const struct scenario moves[] = {
	{"an address of the guest names the move, and all of it moves",
		{{"add 2001:db8::1 2001:db8::2 vif v1 guest g", NULL},
			{"add 2001:db8::2 vif v2 guest g", NULL}},
		"g@v2#2 2001:db8::1 2001:db8::2"},
	{"other addresses alone do not",
		{{"add 2001:db8::1 vif v1 guest g", NULL},
			{"add 2001:db8::2 vif v2 guest g", "guest \"g\" is on vif \"v1\""}},
		"g@v1#1 2001:db8::1"},
	{"unless replace is said",
		{{"add 2001:db8::1 vif v1 guest g", NULL},
			{"add 2001:db8::2 vif v2 guest g replace", NULL}},
		"g@v2#2 2001:db8::1 2001:db8::2"},
	{"or the old vif is gone",
		{{"add 2001:db8::1 vif v1 guest g", NULL}, {"link v1 0", NULL},
			{"add 2001:db8::2 vif v2 guest g", NULL}},
		"g@v2#2 2001:db8::1 2001:db8::2"},
	{"another's address does not name a move",
		{{"add 2001:db8::1 vif v1 guest g", NULL}, {"add 2001:db8::2 vif v3 guest h", NULL},
			{"add 2001:db8::2 vif v2 guest g", "guest \"g\" is on vif \"v1\""}},
		"g@v1#1 2001:db8::1; h@v3#3 2001:db8::2"},
};

static const struct scenario conflicts[] = {
	{"another guest's address on another vif",
		{{"add 2001:db8::1 vif v1 guest a", NULL},
			{"add 2001:db8::1 vif v2 guest b", "2001:db8::1 is guest \"a\"'s on vif "
							   "\"v1\"; guest \"b\" on vif \"v2\""}},
		"a@v1#1 2001:db8::1"},
	{"and on the same vif",
		{{"add 2001:db8::1 vif v1 guest a", NULL},
			{"add 2001:db8::1 vif v1 guest b", "guest \"a\"'s"}},
		"a@v1#1 2001:db8::1"},
	{"one conflict among many refuses all",
		{{"add 2001:db8::1 vif v1 guest a", NULL},
			{"add 2001:db8::5 2001:db8::1 2001:db8::6 vif v2 guest b", "2001:db8::1"}},
		"a@v1#1 2001:db8::1"},
	{"replace takes what it needs",
		{{"add 2001:db8::1 2001:db8::2 2001:db8::3 vif v1 guest a", NULL},
			{"add 2001:db8::3 2001:db8::1 vif v2 guest b replace", NULL}},
		"a@v1#1 2001:db8::2; b@v2#2 2001:db8::3 2001:db8::1"},
	{"a guest that lost all is gone",
		{{"add 2001:db8::1 vif v1 guest a", NULL},
			{"add 2001:db8::1 vif v2 guest b replace", NULL}},
		"b@v2#2 2001:db8::1"},
	{"from several guests at once",
		{{"add 2001:db8::1 2001:db8::11 vif v1 guest a", NULL},
			{"add 2001:db8::2 2001:db8::12 vif v2 guest b", NULL},
			{"add 2001:db8::1 2001:db8::2 vif v3 guest c replace", NULL}},
		"a@v1#1 2001:db8::11; b@v2#2 2001:db8::12; c@v3#3 2001:db8::1 2001:db8::2"},
	{"a via goes with its address",
		{{"add 2001:db8::1 2001:db8:1::/64 vif v1 guest a via 2001:db8::1", NULL},
			{"add 2001:db8::1 vif v2 guest b replace", NULL}},
		"a@v1#1 2001:db8:1::/64; b@v2#2 2001:db8::1"},
};

static const struct scenario recreated[] = {
	{"a new guest on a vif created since: the earlier one goes",
		{{"add 2001:db8::1 vif v1 guest a", NULL}, {"link v1 7", NULL},
			{"add 2001:db8::2 vif v1 guest b", NULL}},
		"b@v1#7 2001:db8::2"},
	{"and its addresses are free without replace",
		{{"add 2001:db8::1 vif v1 guest a", NULL}, {"link v1 7", NULL},
			{"add 2001:db8::1 vif v1 guest b", NULL}},
		"b@v1#7 2001:db8::1"},
	{"the same guest stays",
		{{"add 2001:db8::1 vif v1 guest a", NULL}, {"link v1 7", NULL},
			{"add 2001:db8::2 vif v1 guest a", NULL}},
		"a@v1#7 2001:db8::1 2001:db8::2"},
	{"a vif that is absent now was not created since",
		{{"add 2001:db8::1 vif v1 guest a", NULL}, {"link v1 0", NULL},
			{"add 2001:db8::2 vif v1 guest b", NULL}},
		"a@v1#1 2001:db8::1; b@v1#0 2001:db8::2"},
	{"a guest registered before its vif came stays",
		{{"add 2001:db8::1 vif later guest a", NULL}, {"link later 5", NULL},
			{"add 2001:db8::2 vif later guest b", NULL}},
		"a@later#0 2001:db8::1; b@later#5 2001:db8::2"},
	{"guests of other vifs stay",
		{{"add 2001:db8::1 vif v1 guest a", NULL}, {"add 2001:db8::3 vif v2 guest c", NULL},
			{"link v1 7", NULL}, {"add 2001:db8::2 vif v1 guest b", NULL}},
		"b@v1#7 2001:db8::2; c@v2#2 2001:db8::3"},
	{"a refusal removes nobody",
		{{"add 2001:db8::1 vif v1 guest a", NULL}, {"add 2001:db8::3 vif v2 guest c", NULL},
			{"link v1 7", NULL}, {"add 2001:db8::3 vif v1 guest b", "guest \"c\"'s"}},
		"a@v1#1 2001:db8::1; c@v2#2 2001:db8::3"},
};

static const struct scenario with_config[] = {
	{"the configuration's address again where it is",
		{{"add 2001:db8:c::1 vif vc guest cfg", NULL}}, "cfg@vc#9 2001:db8:c::1"},
	{"also by the vif's name", {{"add 2001:db8:c::1 vif vc", NULL}}, "vc@vc#9 2001:db8:c::1"},
	{"for another guest of that vif",
		{{"add 2001:db8:c::1 vif vc guest other",
			"2001:db8:c::1 is guest \"cfg\"'s on vif \"vc\" in the configuration"}},
		""},
	{"on another vif, even with replace",
		{{"add 2001:db8:c::1 vif v1 guest g replace",
			"2001:db8:c::1 is guest \"cfg\"'s on vif \"vc\" in the configuration"}},
		""},
	{"of a guest without a vif",
		{{"add 2001:db8:c::9 vif v1 guest g", "guest \"bare\"'s in the configuration"}},
		""},
	{"a configured guest gets more", {{"add 2001:db8::1 vif vc guest cfg", NULL}},
		"cfg@vc#9 2001:db8::1"},
	{"but not on another vif",
		{{"add 2001:db8::1 vif v1 guest cfg replace",
			"guest \"cfg\" is on vif \"vc\" in the configuration"}},
		""},
	{"nor one without a vif on any",
		{{"add 2001:db8::1 vif v1 guest bare", "without a vif in the configuration"}}, ""},
	{"an address inside a configured prefix is another entry",
		{{"add 2001:db8:c:1::5 vif v1 guest g", NULL}}, "g@v1#1 2001:db8:c:1::5"},
	{"del of what only the configuration lists",
		{{"del 2001:db8:c::1", "2001:db8:c::1 (guest \"cfg\") is listed in the config"}},
		""},
	{"there on another vif: not there", {{"del 2001:db8:c::1 vif v1", NULL}}, ""},
	{"del of a registration beside the configuration's",
		{{"add 2001:db8:c::1 vif vc", NULL}, {"del 2001:db8:c::1", NULL},
			{"del 2001:db8:c::1", "listed in the configuration"}},
		""},
	{"one configured address among many refuses all",
		{{"add 2001:db8::1 vif v1", NULL},
			{"del 2001:db8::1 2001:db8:c::1", "2001:db8:c::1"}},
		"v1@v1#1 2001:db8::1"},
	{"a vif with configured guests only", {{"del vif vc", "listed in the configuration"}}, ""},
	{"a vif with both", {{"add 2001:db8::1 vif vc guest g", NULL}, {"del vif vc", NULL}}, ""},
	{"a configured guest", {{"del guest cfg", "listed in the configuration"}}, ""},
	{"a guest with both", {{"add 2001:db8::1 vif vc guest cfg", NULL}, {"del guest cfg", NULL}},
		""},
};

static const struct scenario dels[] = {
	{"addresses",
		{{"add 2001:db8::1 2001:db8::2 2001:db8::3 vif v1 guest g", NULL},
			{"del 2001:db8::1 2001:db8::3", NULL}},
		"g@v1#1 2001:db8::2"},
	{"the last one takes the guest with it",
		{{"add 2001:db8::1 vif v1 guest g", NULL}, {"del 2001:db8::1", NULL}}, ""},
	{"of several guests",
		{{"add 2001:db8::1 2001:db8::2 vif v1 guest a", NULL},
			{"add 2001:db8::3 vif v2 guest b", NULL},
			{"del 2001:db8::3 2001:db8::1", NULL}},
		"a@v1#1 2001:db8::2"},
	{"only what is on that vif",
		{{"add 2001:db8::1 vif v1 guest a", NULL}, {"add 2001:db8::2 vif v2 guest b", NULL},
			{"del 2001:db8::1 2001:db8::2 vif v2", NULL}},
		"a@v1#1 2001:db8::1"},
	{"an address named twice",
		{{"add 2001:db8::1 2001:db8::2 vif v1 guest g", NULL},
			{"del 2001:db8::1 2001:db8::1", NULL}},
		"g@v1#1 2001:db8::2"},
	{"never a part of a prefix",
		{{"add 2001:db8::/64 vif v1", NULL}, {"del 2001:db8::5", NULL},
			{"del 2001:db8::/65", NULL}},
		"v1@v1#1 2001:db8::/64"},
	{"nor a prefix's addresses by the prefix",
		{{"add 2001:db8::5 vif v1", NULL}, {"del 2001:db8::/64", NULL}},
		"v1@v1#1 2001:db8::5"},
	{"a whole prefix",
		{{"add 2001:db8::/64 2001:db8:: vif v1", NULL}, {"del 2001:db8::/64", NULL}},
		"v1@v1#1 2001:db8::"},
	{"a vif",
		{{"add 2001:db8::1 vif v1 guest a", NULL}, {"add 2001:db8::2 vif v1 guest b", NULL},
			{"add 2001:db8::3 vif v2 guest c", NULL}, {"del vif v1", NULL}},
		"c@v2#2 2001:db8::3"},
	{"a guest",
		{{"add 2001:db8::1 vif v1 guest a", NULL}, {"add 2001:db8::2 vif v1 guest b", NULL},
			{"del guest a", NULL}},
		"b@v1#1 2001:db8::2"},
	{"what is not there",
		{{"del 2001:db8::1", NULL}, {"del vif v1", NULL}, {"del guest g", NULL}}, ""},
	{"a via goes with its address",
		{{"add 2001:db8::1 2001:db8:1::/64 vif v1 guest a via 2001:db8::1", NULL},
			{"del 2001:db8::1", NULL}},
		"a@v1#1 2001:db8:1::/64"},
	{"nothing is named", {{"del", "no address, vif or guest"}}, ""},
};

static void test_add(void **state)
{
	(void)state;
	RUN(adds, true);
	RUN(adds, false);
}

static void test_move(void **state)
{
	(void)state;
	RUN(moves, true);
}

static void test_conflict(void **state)
{
	(void)state;
	RUN(conflicts, true);
}

static void test_recreated_vif(void **state)
{
	(void)state;
	RUN(recreated, true);
}

static void test_configuration(void **state)
{
	(void)state;
	RUN(with_config, true);
}

static void test_del(void **state)
{
	(void)state;
	RUN(dels, true);
	RUN(dels, false);
}

/* Fails at the n-th call, and remembers what was saved last for a and b. */
struct disk {
	unsigned calls, fail_at;
	size_t a, b; /* addresses in the file of each */
};

static int save_to(void *ctx, const struct spec *guest)
{
	struct disk *d = ctx;

	if (++d->calls == d->fail_at)
		return -ENOSPC;
	*(guest->name[0] == 'a' ? &d->a : &d->b) = guest->nprefixes;
	return 0;
}

/* A change that cannot be saved leaves disk and set as they were, whichever file it is. */
static void test_commit_fails(void **state)
{
	static const char before[] = "a@v1#1 2001:db8::1 2001:db8::2";

	(void)state;
	for (unsigned fail_at = 1; fail_at <= 3; fail_at++) {
		struct disk d = {.fail_at = fail_at, .a = 2};
		struct world w = {.nlinks = 0};
		struct runtime *rt = set_new(&w, false);
		char why[RUNTIME_WHY_MAX];
		struct runtime_change *c;

		run_step(rt, &w, "commit",
			&(struct step){"add 2001:db8::1 2001:db8::2 vif v1 guest a", 0});
		assert_int_equal(
			typed_run(rt, &w, "add 2001:db8::2 vif v2 guest b replace", &c, why), 0);
		assert_int_equal(c->n, 2);
		assert_set(rt, "not yet", before);
		assert_int_equal(runtime_commit(rt, c, save_to, &d), fail_at < 3 ? -ENOSPC : 0);
		runtime_change_free(c);
		assert_set(rt, "after",
			fail_at < 3 ? before : "a@v1#1 2001:db8::1; b@v2#2 2001:db8::2");
		assert_int_equal(d.a, fail_at < 3 ? 2 : 1);
		assert_int_equal(d.b, fail_at < 3 ? 0 : 1);
		runtime_free(rt);
	}
}

/* Steps name guests as they were and will be, losers first. */
static void test_steps(void **state)
{
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	char why[RUNTIME_WHY_MAX];
	struct runtime_change *c;

	(void)state;
	run_step(rt, &w, "steps", &(struct step){"add 2001:db8::1 2001:db8::2 vif v1 guest z", 0});
	assert_int_equal(typed_run(rt, &w, "add 2001:db8::2 vif v2 guest b replace", &c, why), 0);
	assert_int_equal(c->n, 2);
	assert_int_equal(c->steps[0].cause, RUNTIME_TAKEN);
	assert_int_equal(c->steps[0].before->nprefixes, 2);
	assert_int_equal(c->steps[0].after->nprefixes, 1);
	assert_string_equal(runtime_step_text(&c->steps[0], why),
		"guest \"z\" on vif \"v1\" lost 1 of 2 addresses to another guest");
	assert_int_equal(c->steps[1].cause, RUNTIME_ADDED);
	assert_null(c->steps[1].before);
	assert_string_equal(c->steps[1].after->name, "b");
	runtime_change_free(c); /* without a commit */
	assert_set(rt, "dropped", "z@v1#1 2001:db8::1 2001:db8::2");

	assert_int_equal(typed_run(rt, &w, "add 2001:db8::1 vif v1 guest z", &c, why), 0);
	assert_int_equal(c->n, 0);
	runtime_change_free(c);
	runtime_free(rt);
}

static void count_lost(
	void *ctx, const struct spec *guest, const struct prefix *p, const struct spec *owner)
{
	(void)p;
	assert_string_not_equal(guest->vif, owner->vif);
	++*(unsigned *)ctx;
}

static void test_load(void **state)
{
	static const char *const texts[] = {"x 2001:db8::1 2001:db8::2 vif v1 guest a",
		"x 2001:db8::2 2001:db8::3 vif v2 guest b", "x 2001:db8::1 vif v3 guest c",
		"x 2001:db8::7 vif v2 guest a"};
	struct spec guests[4];
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	unsigned lost = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct typed t;

		typed_split(&t, texts[i]);
		typed_spec(&t, &guests[i]);
	}
	assert_int_equal(runtime_load(rt, guests, 4, count_lost, &lost), 0);
	assert_int_equal(lost, 3);
	assert_set(rt, "load", "a@v1#0 2001:db8::1 2001:db8::2; b@v2#0 2001:db8::3");
	assert_string_equal(runtime_owner(rt, &guests[2].prefixes[0])->name, "a");
	assert_string_equal(runtime_guest(rt, "b")->vif, "v2");
	assert_null(runtime_guest(rt, "c"));
	for (size_t i = 0; i < 4; i++)
		spec_free(&guests[i]);
	runtime_free(rt);
}

/* 100,000 guests one after another, then all deleted: a matter of a second, not of minutes. */
static void test_many(void **state)
{
	enum { MANY = 100000 };
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	char text[128];

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "add 2001:db8::%x:%x vif n%u", i >> 16, i & 0xffff, i);
		run_step(rt, &w, "many", &(struct step){text, 0});
	}
	assert_int_equal(runtime_count(rt), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "del 2001:db8::%x:%x", i >> 16, i & 0xffff);
		run_step(rt, &w, "many", &(struct step){text, 0});
	}
	assert_int_equal(runtime_count(rt), 0);
	runtime_free(rt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_recreated_vif),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_del),
		cmocka_unit_test(test_commit_fails),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
