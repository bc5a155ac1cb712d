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

static void assert_set(struct runtime *rt, const char *name, const char *want)
{
	struct listing l = {.n = 0};
	char text[4096] = "";

	assert_int_equal(runtime_foreach(rt, list_one, &l), 0);
	assert_int_equal(runtime_count(rt), l.n);
	qsort(l.line, l.n, sizeof(l.line[0]), line_compare);
	for (size_t i = 0; i < l.n; i++) {
		strcat(text, i ? "; " : "");
		strcat(text, l.line[i]);
	}
	if (strcmp(text, want))
		fail_msg("%s: the set is \"%s\", expected \"%s\"", name, text, want);
}

/*
 * A directory of files: what is written beside them, what counts, and the n-th call of a kind that
 * fails; and what the engine would have made of what it was told. Both must be what the set is.
 */
struct file {
	char name[SPEC_NAME_MAX + 1], written[256], counts[256], told[256];
	bool is_written, is_there, is_told;
};

struct disk {
	struct file files[16];
	size_t n;
	unsigned writes, puts, removes;
	unsigned fail_write, fail_put; /* the call that fails; 0: none */
	unsigned fail_for;             /* calls, from then on; 0: one */
	unsigned tells;
	char last[RUNTIME_WHY_MAX]; /* step */
	char order[256];            /* names, as they were put */
};

static struct file *disk_file(struct disk *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->files[i].name, name))
			return &d->files[i];
	assert_true(d->n < 16);
	snprintf(d->files[d->n].name, sizeof(d->files[0].name), "%s", name);
	return &d->files[d->n++];
}

static void spec_text(const struct spec *s, char text[256])
{
	struct listing l = {.n = 0};

	list_one(&l, s);
	strcpy(text, l.line[0]);
}

static bool disk_fails(const struct disk *d, unsigned call, unsigned from)
{
	return from && call >= from && call < from + (d->fail_for ? d->fail_for : 1);
}

static int disk_write(void *ctx, const struct spec *guest)
{
	struct disk *d = ctx;
	struct file *f = disk_file(d, guest->name);

	assert_true(guest->nprefixes > 0);
	if (disk_fails(d, ++d->writes, d->fail_write))
		return -ENOSPC;
	spec_text(guest, f->written);
	f->is_written = true;
	return 0;
}

static int disk_put(void *ctx, const char *name)
{
	struct disk *d = ctx;
	struct file *f = disk_file(d, name);

	assert_true(f->is_written);
	if (disk_fails(d, ++d->puts, d->fail_put))
		return -EROFS;
	strcpy(f->counts, f->written);
	f->is_written = false;
	f->is_there = true;
	if (strlen(d->order) < 200)
		strcat(strcat(d->order, " "), name);
	return 0;
}

static int disk_drop(void *ctx, const char *name)
{
	disk_file(ctx, name)->is_written = false;
	return 0;
}

static int disk_remove(void *ctx, const char *name)
{
	struct disk *d = ctx;

	d->removes++;
	disk_file(d, name)->is_there = false;
	if (strlen(d->order) < 200)
		strcat(strcat(d->order, " -"), name);
	return 0;
}

static struct runtime_store disk_store(struct disk *d)
{
	return (struct runtime_store){.ctx = d,
		.write = disk_write,
		.put = disk_put,
		.drop = disk_drop,
		.remove = disk_remove};
}

/* A word of a text that ends in a blank or the end. */
static char *find_word(char *text, const char *word)
{
	const size_t n = strlen(word);
	char *at = text;

	while ((at = strstr(at, word)) && at[n] != ' ' && at[n] != '\0')
		at++;
	return at;
}

/* What a step says, applied as the engine would: by addresses where it is not `whole`. */
static void disk_tell(void *ctx, const struct runtime_step *s)
{
	struct disk *d = ctx;
	struct file *f = disk_file(d, s->guest->name);
	char word[ADDR_TEXT_MAX + 1] = " ";

	d->tells++;
	runtime_step_text(s, d->last);
	if (s->whole) {
		spec_text(s->guest, f->told);
	} else {
		assert_true(f->is_told && s->has);
		for (size_t i = 0; i < s->ngone; i++) {
			char *at;

			prefix_format(&s->gone[i], word + 1);
			at = find_word(f->told, word);
			if (at)
				memmove(at, at + strlen(word), strlen(at + strlen(word)) + 1);
		}
		for (size_t i = 0; i < s->guest->nprefixes; i++) {
			prefix_format(&s->guest->prefixes[i], word + 1);
			if (!find_word(f->told, word)) /* deleted and added again */
				strcat(f->told, word);
		}
	}
	f->is_told = s->has > 0;
}

static int word_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The engine knows no order. */
static void assert_same_words(const char *text, const char *want)
{
	const char *texts[2] = {text, want};
	char copies[2][256], sorted[2][256] = {"", ""};

	for (int i = 0; i < 2; i++) {
		char *words[32], *save = NULL;
		size_t n = 0;

		strcpy(copies[i], texts[i]);
		for (char *w = strtok_r(copies[i], " ", &save); w; w = strtok_r(NULL, " ", &save))
			words[n++] = w;
		qsort(words, n, sizeof(words[0]), word_compare);
		for (size_t j = 0; j < n; j++)
			strcat(strcat(sorted[i], " "), words[j]);
	}
	assert_string_equal(sorted[0], sorted[1]);
}

/* Everything that is in the set is on the disk, and nothing else; so with what was told. */
static void assert_disk(struct runtime *rt, struct disk *d, const char *name)
{
	struct listing l = {.n = 0};
	size_t there = 0, told = 0;

	assert_int_equal(runtime_foreach(rt, list_one, &l), 0);
	for (size_t i = 0; i < d->n; i++) {
		assert_false(d->files[i].is_written);
		there += d->files[i].is_there;
		told += d->files[i].is_told;
	}
	if (there != l.n || told != l.n)
		fail_msg("%s: %zu guests, %zu files, %zu told", name, l.n, there, told);
	for (size_t i = 0; i < l.n; i++) {
		char guest[SPEC_NAME_MAX + 1];
		const struct file *f;
		bool via = strstr(l.line[i], " via ") || strstr(l.line[i], " mac ") ||
			   strstr(l.line[i], " uplink ");

		snprintf(guest, sizeof(guest), "%.*s", (int)strcspn(l.line[i], "@"), l.line[i]);
		f = disk_file(d, guest);
		assert_string_equal(f->counts, l.line[i]);
		if (!via) /* what follows the addresses is in the way of a comparison */
			assert_same_words(f->told, l.line[i]);
	}
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

/* Requests that are run together. */
struct run {
	struct spec specs[STEPS_MAX];
	struct runtime_request requests[STEPS_MAX];
	size_t n;
};

static void run_add(struct run *r, const char *text)
{
	struct typed t;

	typed_split(&t, text);
	typed_spec(&t, &r->specs[r->n]);
	r->requests[r->n] = (struct runtime_request){
		.del = !strcmp(t.word[0], "del"),
		.replace = !strcmp(t.word[t.n - 1], "replace"),
		.spec = &r->specs[r->n],
	};
	r->n++;
}

static void run_go(struct run *r, struct runtime *rt, struct disk *d)
{
	const struct runtime_store store = disk_store(d);

	runtime_run(rt, r->requests, r->n, &store, disk_tell, d);
}

static void run_free(struct run *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->requests[i].why);
		spec_free(&r->specs[i]);
	}
	r->n = 0;
}

static void check_step(const char *name, const struct step *s, const struct runtime_request *q)
{
	if (s->refused && (q->result != -EEXIST || !strstr(q->why, s->refused)))
		fail_msg("%s: \"%s\" gave %d \"%s\", expected a refusal with \"%s\"", name,
			s->typed, q->result, q->why ? q->why : "", s->refused);
	if (!s->refused && q->result)
		fail_msg("%s: \"%s\" gave %d: %s", name, s->typed, q->result, q->why ? q->why : "");
}

static bool step_links(const struct step *s, struct world *w)
{
	struct typed t;

	typed_split(&t, s->typed);
	if (strcmp(t.word[0], "link"))
		return false;
	world_link(w, t.word[1], (uint32_t)atoi(t.word[2]));
	return true;
}

static void run_step(
	struct runtime *rt, struct world *w, struct disk *d, const char *name, const struct step *s)
{
	struct run r = {.n = 0};

	if (step_links(s, w))
		return;
	run_add(&r, s->typed);
	run_go(&r, rt, d);
	check_step(name, s, &r.requests[0]);
	run_free(&r);
}

/* The steps, up to those that are the world's, at once. */
static void run_steps(struct runtime *rt, struct world *w, struct disk *d, const struct scenario *s)
{
	struct run r = {.n = 0};
	size_t first = 0;

	for (size_t j = 0; j <= STEPS_MAX; j++) {
		const bool end = j == STEPS_MAX || !s->steps[j].typed;

		if (!end && strncmp(s->steps[j].typed, "link ", 5)) {
			if (!r.n)
				first = j;
			run_add(&r, s->steps[j].typed);
			continue;
		}
		run_go(&r, rt, d);
		for (size_t i = 0; i < r.n; i++)
			check_step(s->name, &s->steps[first + i], &r.requests[i]);
		run_free(&r);
		if (end)
			return;
		step_links(&s->steps[j], w);
	}
}

static bool is_one_batch(const struct scenario *s)
{
	for (size_t j = 0; j < STEPS_MAX && s->steps[j].typed; j++)
		if (strstr(s->steps[j].typed, "link ") || strstr(s->steps[j].typed, "replace"))
			return false;
	return s->steps[1].typed;
}

/* Each scenario step by step, then what waits together together, then on a disk that is full for
 * the first write of several, so that all are run again one by one. The same comes of it. */
static void run_scenarios(const struct scenario *s, size_t n, bool config)
{
	for (size_t i = 0; i < 3 * n; i++) {
		const struct scenario *one = &s[i / 3];
		struct world w = {.nlinks = 0};
		struct runtime *rt = set_new(&w, config);
		struct disk d = {.fail_write = i % 3 == 2 && is_one_batch(one)};

		if (i % 3 == 0)
			for (size_t j = 0; j < STEPS_MAX && one->steps[j].typed; j++)
				run_step(rt, &w, &d, one->name, &one->steps[j]);
		else
			run_steps(rt, &w, &d, one);
		assert_set(rt, one->name, one->set);
		assert_disk(rt, &d, one->name);
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

/* A change that cannot be saved leaves disk and set as they were, whichever file it is. */
static void test_full_disk(void **state)
{
	static const char before[] = "a@v1#1 2001:db8::1 2001:db8::2";

	(void)state;
	for (unsigned fail_at = 2; fail_at <= 4; fail_at++) {
		struct disk d = {.fail_write = fail_at};
		struct world w = {.nlinks = 0};
		struct runtime *rt = set_new(&w, false);
		struct run r = {.n = 0};

		run_step(rt, &w, &d, "full",
			&(struct step){"add 2001:db8::1 2001:db8::2 vif v1 guest a", 0});
		run_add(&r, "add 2001:db8::2 vif v2 guest b replace");
		run_go(&r, rt, &d);
		assert_int_equal(r.requests[0].result, fail_at < 4 ? -ENOSPC : 0);
		run_free(&r);
		assert_set(rt, "full",
			fail_at < 4 ? before : "a@v1#1 2001:db8::1; b@v2#2 2001:db8::2");
		assert_disk(rt, &d, "full");
		runtime_free(rt);
	}
}

/* In the middle of a batch: each request gets the answer that it would have got alone. */
static void test_batch_fails(void **state)
{
	static const struct {
		const char *typed;
		int result;
	} lines[] = {
		{"add 2001:db8::1 vif v1 guest a", 0},
		{"add 2001:db8::9 vif v1 guest keep via 2001:db8::8", -EEXIST},
		{"add 2001:db8::2 vif v1 guest b", -ENOSPC},
		{"add 2001:db8::2 vif v1 guest c", 0}, /* b has it not */
		{"del guest keep", 0},
	};
	enum { N = sizeof(lines) / sizeof(lines[0]) };
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	struct disk d = {.fail_write = 3};
	struct run r = {.n = 0};

	(void)state;
	run_step(rt, &w, &d, "before", &(struct step){"add 2001:db8::7 vif v3 guest keep", 0});
	for (size_t i = 0; i < N; i++)
		run_add(&r, lines[i].typed);
	/* a is written, b is not; alone, the next is a (well), and then b again */
	d.fail_write = 3;
	run_go(&r, rt, &d);
	assert_int_equal(r.requests[0].result, 0);
	assert_int_equal(r.requests[2].result, 0);
	assert_int_equal(r.requests[3].result, -EEXIST);
	run_free(&r);
	assert_set(rt, "one failure is made good", "a@v1#1 2001:db8::1; b@v1#1 2001:db8::2");
	assert_disk(rt, &d, "one failure is made good");
	runtime_free(rt);

	rt = set_new(&w, false);
	d = (struct disk){.fail_write = 0};
	run_step(rt, &w, &d, "before", &(struct step){"add 2001:db8::7 vif v3 guest keep", 0});
	for (size_t i = 0; i < N; i++)
		run_add(&r, lines[i].typed);
	/* the first write fails, with it the batch; a alone is written, b alone is not */
	d.writes = 0;
	d.fail_write = 1;
	d.fail_for = 1;
	run_go(&r, rt, &d);
	assert_disk(rt, &d, "again");
	run_free(&r);
	runtime_free(rt);

	/* a disk that takes a's file alone: calls 3 (in the batch) and, one by one, 5 fail */
	rt = set_new(&w, false);
	d = (struct disk){.fail_write = 0};
	for (size_t i = 0; i < N; i++)
		run_add(&r, lines[i].typed);
	d.fail_write = 2;
	d.fail_for = 3; /* b in the batch, then a and b alone */
	run_go(&r, rt, &d);
	assert_int_equal(r.requests[0].result, -ENOSPC);
	assert_int_equal(r.requests[1].result, -EEXIST);
	assert_int_equal(r.requests[2].result, -ENOSPC);
	assert_int_equal(r.requests[3].result, 0); /* b does not have it */
	assert_int_equal(r.requests[4].result, 0);
	run_free(&r);
	assert_set(rt, "two failures", "c@v1#1 2001:db8::2");
	assert_disk(rt, &d, "two failures");
	runtime_free(rt);
}

/* Where a file that was written cannot take its place, those that did are put back. */
static void test_put_fails(void **state)
{
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	struct disk d = {.fail_put = 0};
	struct run r = {.n = 0};

	(void)state;
	run_step(
		rt, &w, &d, "put", &(struct step){"add 2001:db8::1 2001:db8::2 vif v1 guest a", 0});
	d.puts = 0;
	d.fail_put = 2;
	run_add(&r, "add 2001:db8::2 vif v2 guest b replace");
	run_go(&r, rt, &d);
	assert_int_equal(r.requests[0].result, -EROFS);
	run_free(&r);
	assert_set(rt, "put", "a@v1#1 2001:db8::1 2001:db8::2");
	assert_disk(rt, &d, "put");
	runtime_free(rt);
}

/* Where not even that works, it is done before anything else is, and until then nothing else. */
static void test_restore_fails(void **state)
{
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	struct disk d = {.fail_put = 0};
	struct run r = {.n = 0};

	(void)state;
	run_step(
		rt, &w, &d, "put", &(struct step){"add 2001:db8::1 2001:db8::2 vif v1 guest a", 0});
	d.puts = 0;
	d.fail_put = 2;
	d.fail_for = 4;
	run_add(&r, "add 2001:db8::2 vif v2 guest b replace");
	run_go(&r, rt, &d); /* b is put, a is not, nor is it restored */
	assert_int_equal(r.requests[0].result, -EROFS);
	run_free(&r);
	run_add(&r, "add 2001:db8::3 vif v2 guest c");
	run_go(&r, rt, &d);
	assert_int_equal(r.requests[0].result, -EROFS);
	assert_set(rt, "restore", "a@v1#1 2001:db8::1 2001:db8::2");
	run_free(&r);
	d.fail_put = 0;
	run_add(&r, "add 2001:db8::3 vif v2 guest c");
	run_go(&r, rt, &d);
	assert_int_equal(r.requests[0].result, 0);
	assert_set(rt, "restore", "a@v1#1 2001:db8::1 2001:db8::2; c@v2#2 2001:db8::3");
	assert_disk(rt, &d, "restore");
	run_free(&r);
	runtime_free(rt);
}

/* Many requests, one write and one rename for each guest; none for what changes nothing. */
static void test_one_write(void **state)
{
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	struct disk d = {.writes = 0};
	struct run r = {.n = 0};

	(void)state;
	run_add(&r, "add 2001:db8::1 vif v1 guest a");
	run_add(&r, "add 2001:db8::2 vif v1 guest a");
	run_add(&r, "add 2001:db8::2 vif v1 guest b");
	run_add(&r, "add 2001:db8::3 vif v1 guest b");
	run_add(&r, "del 2001:db8::1");
	run_add(&r, "add 2001:db8::4 vif v1 guest c");
	run_add(&r, "del guest c");
	run_go(&r, rt, &d);
	run_free(&r);
	assert_set(rt, "one write", "a@v1#1 2001:db8::2; b@v1#1 2001:db8::3");
	assert_disk(rt, &d, "one write");
	assert_int_equal(d.writes, 2);
	assert_int_equal(d.puts, 2);
	assert_int_equal(d.removes, 0);
	assert_int_equal(d.tells, 2);
	run_add(&r, "add 2001:db8::2 vif v1 guest a");
	run_add(&r, "del 2001:db8::99");
	run_go(&r, rt, &d);
	run_free(&r);
	assert_int_equal(d.writes, 2);
	assert_int_equal(d.tells, 2);
	runtime_free(rt);
}

/* What takes from others is a batch of its own, and who gains is put first: a crash in between
 * leaves an address with two owners, never with none. */
static void test_gainers_first(void **state)
{
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	struct disk d = {.writes = 0};
	struct run r = {.n = 0};

	(void)state;
	run_add(&r, "add 2001:db8::1 2001:db8::2 vif v1 guest a");
	run_add(&r, "add 2001:db8::3 2001:db8::4 vif v2 guest b");
	run_add(&r, "add 2001:db8::1 vif v2 guest b replace");
	run_add(&r, "add 2001:db8::3 vif v1 guest a replace");
	run_add(&r, "add 2001:db8::5 vif v1 guest a");
	run_go(&r, rt, &d);
	run_free(&r);
	assert_string_equal(d.order, " a b b a a b a");
	assert_disk(rt, &d, "gainers");
	d.order[0] = '\0';
	world_link(&w, "v1", 7);
	run_add(&r, "add 2001:db8::6 vif v1 guest new");
	run_go(&r, rt, &d);
	run_free(&r);
	assert_string_equal(d.order, " new -a");
	assert_disk(rt, &d, "stale");
	runtime_free(rt);
}

static void test_step_texts(void **state)
{
	static const struct {
		const char *typed, *text;
	} cases[] = {
		{"add 2001:db8::1 2001:db8::2 2001:db8::3 vif v1 guest z",
			"guest \"z\" on vif \"v1\": 3 addresses"},
		{"add 2001:db8::2 vif v2 guest b replace",
			"guest \"z\" on vif \"v1\" lost 1 of 3 addresses to another guest"},
		{"del 2001:db8::1", "guest \"z\" on vif \"v1\": 1 of 2 addresses deleted"},
		{"add 2001:db8::3 vif v3 guest z",
			"guest \"z\" moved from vif \"v1\" to vif \"v3\""},
		{"link v3 8", NULL},
		{"add 2001:db8::8 vif v3 guest n",
			"guest \"z\" is removed: vif \"v3\" is not the one it was registered on"},
		{"del guest b", "guest \"b\" on vif \"v2\": 1 of 1 addresses deleted"},
	};
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	struct disk d = {.writes = 0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_step(rt, &w, &d, "steps", &(struct step){cases[i].typed, NULL});
		if (cases[i].text && !strstr(d.last, cases[i].text))
			fail_msg("%s: \"%s\"", cases[i].typed, d.last);
	}
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
	for (size_t i = 0; i < 4; i++)
		spec_free(&guests[i]);
	runtime_free(rt);
}

/* Two files had an address: the one that does not get it must forget it, or a `del` of it would let
 * it come back at the next start. */
static void test_load_saves(void **state)
{
	static const char *const texts[] = {"x 2001:db8::1 2001:db8::2 vif v1 guest a",
		"x 2001:db8::2 2001:db8::3 vif v2 guest b", "x 2001:db8::1 vif v3 guest c"};
	struct spec guests[3];
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);
	struct disk d = {.fail_write = 1};
	const struct runtime_store store = disk_store(&d);
	struct run r = {.n = 0};
	unsigned lost = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct typed t;
		struct file *f;

		typed_split(&t, texts[i]);
		typed_spec(&t, &guests[i]);
		f = disk_file(&d, guests[i].name);
		spec_text(&guests[i], f->counts);
		f->is_there = true;
		spec_text(&guests[i], f->told);
		f->is_told = i < 2;
	}
	assert_int_equal(runtime_load(rt, guests, 3, count_lost, &lost), 0);
	assert_int_equal(runtime_repair(rt, &store), -ENOSPC);
	run_add(&r, "del 2001:db8::2");
	run_go(&r, rt, &d);
	assert_int_equal(r.requests[0].result, 0);
	run_free(&r);
	strcpy(disk_file(&d, "b")->told, "b@v2#0 2001:db8::3"); /* loading tells nobody */
	assert_set(rt, "load", "a@v1#0 2001:db8::1; b@v2#0 2001:db8::3");
	assert_disk(rt, &d, "load");
	assert_int_equal(runtime_repair(rt, &store), 0);
	assert_int_equal(d.writes, 3); /* one failed, b, a: and that was all */
	for (size_t i = 0; i < 3; i++)
		spec_free(&guests[i]);
	runtime_free(rt);
}

/*
 * Random requests of a few guests and addresses, in batches on a disk that often fails: whatever
 * comes of them, set, disk and what was told are the same, and so is what an honest set makes of
 * those that were done, one by one.
 */
static void random_request(char text[128])
{
	static const char *const vifs[] = {"v1", "v2", "later"};
	const int kind = rand() % 8, a = rand() % 6, b = rand() % 6;
	const char *vif = vifs[rand() % 3];

	if (kind < 5)
		snprintf(text, 128, "add 2001:db8::%d 2001:db8:%d::/64 vif %s guest g%d%s", a, b,
			vif, rand() % 4, rand() % 3 ? "" : " replace");
	else if (kind == 5)
		snprintf(text, 128, "del 2001:db8::%d 2001:db8:%d::/64", a, b);
	else if (kind == 6)
		snprintf(text, 128, "del vif %s", vif);
	else
		snprintf(text, 128, "del guest g%d", rand() % 4);
}

static void random_run(
	struct runtime *rt, struct runtime *honest, struct disk *d, struct disk *well)
{
	const struct runtime_store store = disk_store(d);
	char texts[STEPS_MAX][128];
	struct run r = {.n = 0};

	while (r.n < STEPS_MAX) {
		random_request(texts[r.n]);
		run_add(&r, texts[r.n]);
	}
	d->fail_write = rand() % 3 ? 0 : d->writes + 1 + (unsigned)rand() % 8;
	d->fail_put = rand() % 3 ? 0 : d->puts + 1 + (unsigned)rand() % 8;
	d->fail_for = 1 + (unsigned)rand() % 6;
	run_go(&r, rt, d);
	d->fail_write = d->fail_put = 0;
	assert_int_equal(runtime_repair(rt, &store), 0);
	for (size_t i = 0; i < r.n; i++) {
		struct run one = {.n = 0};

		if (r.requests[i].result == -ENOSPC || r.requests[i].result == -EROFS)
			continue;
		run_add(&one, texts[i]);
		run_go(&one, honest, well);
		assert_int_equal(one.requests[0].result, r.requests[i].result);
		run_free(&one);
	}
	run_free(&r);
	assert_disk(rt, d, "random");
}

static void test_random(void **state)
{
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false), *honest = set_new(&w, false);
	struct disk d = {.n = 0}, well = {.n = 0};

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 3000; i++) {
		struct listing l = {.n = 0};
		char text[4096] = "";

		if (i % 100 == 99)
			world_link(&w, i % 200 == 99 ? "v1" : "later", i);
		random_run(rt, honest, &d, &well);
		assert_int_equal(runtime_foreach(honest, list_one, &l), 0);
		qsort(l.line, l.n, sizeof(l.line[0]), line_compare);
		for (size_t j = 0; j < l.n; j++)
			strcat(strcat(text, j ? "; " : ""), l.line[j]);
		assert_set(rt, "random", text);
	}
	runtime_free(rt);
	runtime_free(honest);
}

static int write_well(void *ctx, const struct spec *guest)
{
	*(size_t *)ctx += guest->nprefixes;
	return 0;
}

static int name_well(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return 0;
}

static void tell_nobody(void *ctx, const struct runtime_step *s)
{
	(void)ctx;
	(void)s;
}

enum { MANY = 100000, TOGETHER = 1000 };

/* Runs MANY requests, TOGETHER at a time. */
static void run_many(
	struct runtime *rt, const char *network, bool del, bool own_vif, bool own_guest)
{
	size_t written = 0;
	const struct runtime_store store = {.ctx = &written,
		.write = write_well,
		.put = name_well,
		.drop = name_well,
		.remove = name_well};
	static struct spec specs[TOGETHER];
	static struct runtime_request requests[TOGETHER];
	char text[128], why[SPEC_WHY_MAX];

	for (unsigned i = 0; i < MANY; i++) {
		struct spec *s = &specs[i % TOGETHER];

		spec_init(s, ORIGIN_COMMAND);
		snprintf(text, sizeof(text), "%s%x:%x", network, i >> 16, i & 0xffff);
		assert_true(spec_add_prefix(s, text, AF_INET6, why));
		snprintf(text, sizeof(text), "n%u", own_vif ? i : 0);
		if (!del)
			assert_true(spec_set_vif(s, text, why));
		snprintf(text, sizeof(text), "g%u", own_guest ? i : 0);
		if (!del)
			assert_true(spec_set_name(s, text, why));
		requests[i % TOGETHER] = (struct runtime_request){.del = del, .spec = s};
		if (i % TOGETHER < TOGETHER - 1)
			continue;
		runtime_run(rt, requests, TOGETHER, &store, tell_nobody, NULL);
		for (size_t j = 0; j < TOGETHER; j++) {
			assert_int_equal(requests[j].result, 0);
			spec_free(&specs[j]);
		}
	}
}

/* 100,000 in one guest, in many on one vif, in many on many vifs: a matter of a second each, not of
 * minutes. */
static void test_many(void **state)
{
	struct world w = {.nlinks = 0};
	struct runtime *rt = set_new(&w, false);

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		run_many(rt, "2001:db8::", false, kind == 2, kind > 0);
		assert_int_equal(runtime_count(rt), kind ? MANY : 1);
		run_many(rt, "2001:db8::", true, false, false);
		assert_int_equal(runtime_count(rt), 0);
	}
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
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_batch_fails),
		cmocka_unit_test(test_put_fails),
		cmocka_unit_test(test_restore_fails),
		cmocka_unit_test(test_one_write),
		cmocka_unit_test(test_gainers_first),
		cmocka_unit_test(test_step_texts),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_load_saves),
		cmocka_unit_test(test_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
