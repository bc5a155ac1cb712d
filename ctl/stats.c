/*
 * stats: the counters, for people and in the text format of Prometheus (version 0.0.4).
 *
 * The reasons are the numbers of CONFORMANCE.md; the word beside each is lib/msg.h's. A reason that
 * a newer daemon has and we do not know is shown without a word.
 */
#include "client.h"

#include <stdio.h>
#include <string.h>

#include "msg.h"

static const char *const kinds[] = {"uplink", "vif"};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct counter {
	const char *key, *help;
} counters[] = {
	{"received", "Frames read."},
	{"answered", "Answers sent."},
	{"announced", "Announcements sent."},
	{"lost", "Frames that were not read, for want of room."},
};
#define NCOUNTERS (sizeof(counters) / sizeof(counters[0]))

/* what the filter in the kernel drops */
static const struct counter kernel[] = {
	{"unlisted", "Questions for unlisted targets, dropped in the kernel."},
	{"other", "What is no question, dropped in the kernel."},
	{"overload", "Questions beyond what can be answered, dropped in the kernel."},
};
#define NKERNEL (sizeof(kernel) / sizeof(kernel[0]))

static const char *word_of(const char *id)
{
	for (enum reason r = 0; r < REASON_COUNT; r++)
		if (!strcmp(reason_id(r), id))
			return reason_word(r);
	return "";
}

/* jansson's iterators take no const object, and change none. */
static void *first_member(const json_t *object)
{
	json_t *o;

	memcpy(&o, &object, sizeof(o));
	return json_object_iter(o);
}

static void *next_member(const json_t *object, void *iter)
{
	json_t *o;

	memcpy(&o, &object, sizeof(o));
	return json_object_iter_next(o, iter);
}

static void print_dropped(const json_t *dropped)
{
	for (void *m = first_member(dropped); m; m = next_member(dropped, m)) {
		const char *id = json_object_iter_key(m);
		const json_int_t n = json_integer_value(json_object_iter_value(m));

		if (n)
			printf("    dropped %s %s %" JSON_INTEGER_FORMAT "\n", id, word_of(id), n);
	}
}

static void print_text(const json_t *data)
{
	for (size_t k = 0; k < NKINDS; k++) {
		const json_t *ifaces = json_object_get(data, kinds[k]);

		for (void *m = first_member(ifaces); m; m = next_member(ifaces, m)) {
			const json_t *i = json_object_iter_value(m);

			printf("%s %s:", kinds[k], json_object_iter_key(m));
			for (size_t n = 0; n < NCOUNTERS; n++)
				printf(" %s %" JSON_INTEGER_FORMAT, counters[n].key,
					number_of(i, counters[n].key));
			putchar('\n');
			print_dropped(json_object_get(i, "dropped"));
		}
	}
	printf("kernel:");
	for (size_t n = 0; n < NKERNEL; n++)
		printf(" %s %" JSON_INTEGER_FORMAT, kernel[n].key,
			number_of(json_object_get(data, "kernel"), kernel[n].key));
	putchar('\n');
}

/* A label's value: backslash, quote and newline are escaped. */
static void print_label(const char *name, const char *value)
{
	printf("%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", stdout);
		else if (*value == '\\' || *value == '"')
			printf("\\%c", *value);
		else
			putchar(*value);
	}
	putchar('"');
}

static void print_help(const struct client *c, const char *key, const char *help)
{
	printf("# HELP %s_%s_total %s\n# TYPE %s_%s_total counter\n", c->name, key, help, c->name,
		key);
}

static void print_sample_start(
	const struct client *c, const char *key, const char *kind, const char *ifname)
{
	printf("%s_%s_total{", c->name, key);
	print_label("kind", kind);
	putchar(',');
	print_label("interface", ifname);
}

static void print_dropped_samples(
	const struct client *c, const char *kind, const char *ifname, const json_t *dropped)
{
	for (void *m = first_member(dropped); m; m = next_member(dropped, m)) {
		const char *id = json_object_iter_key(m);

		print_sample_start(c, "dropped", kind, ifname);
		putchar(',');
		print_label("reason", id);
		putchar(',');
		print_label("word", word_of(id));
		printf("} %" JSON_INTEGER_FORMAT "\n",
			json_integer_value(json_object_iter_value(m)));
	}
}

/* Of one metric all samples stand together, so the interfaces are gone through for each. `key`
 * NULL: the dropped ones. */
static void print_metric(const struct client *c, const json_t *data, const char *key)
{
	for (size_t k = 0; k < NKINDS; k++) {
		const json_t *ifaces = json_object_get(data, kinds[k]);

		for (void *m = first_member(ifaces); m; m = next_member(ifaces, m)) {
			const char *ifname = json_object_iter_key(m);
			const json_t *i = json_object_iter_value(m);

			if (!key) {
				print_dropped_samples(
					c, kinds[k], ifname, json_object_get(i, "dropped"));
				continue;
			}
			print_sample_start(c, key, kinds[k], ifname);
			printf("} %" JSON_INTEGER_FORMAT "\n", number_of(i, key));
		}
	}
}

static void print_kernel(
	const struct client *c, const json_t *data, const char *key, const char *help)
{
	char name[32];

	snprintf(name, sizeof(name), "kernel_%s", key);
	print_help(c, name, help);
	printf("%s_%s_total %" JSON_INTEGER_FORMAT "\n", c->name, name,
		number_of(json_object_get(data, "kernel"), key));
}

static void print_prometheus(const struct client *c, const json_t *data)
{
	for (size_t n = 0; n < NCOUNTERS; n++) {
		print_help(c, counters[n].key, counters[n].help);
		print_metric(c, data, counters[n].key);
	}
	print_help(c, "dropped", "Frames not answered, by the number of the rule.");
	print_metric(c, data, NULL);
	for (size_t n = 0; n < NKERNEL; n++)
		print_kernel(c, data, kernel[n].key, kernel[n].help);
}

void print_stats(const struct client *c, const json_t *data)
{
	if (c->prometheus)
		print_prometheus(c, data);
	else
		print_text(data);
}
