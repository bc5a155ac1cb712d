/*
 * print: list and status for people. Programs take -j, which is the reply's data as it came.
 */
#include "client.h"

#include <stdio.h>
#include <string.h>

static void print_pair(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	if (value)
		printf(" %s %s", key, value);
}

void print_list(const struct client *c, const json_t *data)
{
	const json_t *entry;
	size_t i;

	(void)c;
	json_array_foreach (data, i, entry) {
		const char *reason = json_string_value(json_object_get(entry, "reason"));

		printf("%s", text_of(entry, "address"));
		print_pair(entry, "guest");
		print_pair(entry, "vif");
		print_pair(entry, "uplink");
		print_pair(entry, "via");
		print_pair(entry, "origin");
		if (json_is_true(json_object_get(entry, "answering")))
			printf(" answering\n");
		else
			printf(" not answering%s%s\n", reason ? ": " : "", reason ? reason : "");
	}
}

static void print_names(const json_t *list, const char *heading)
{
	const json_t *item;
	size_t i;

	if (!json_array_size(list))
		return;
	printf("    %s", heading);
	json_array_foreach (list, i, item)
		printf(" %s", json_string_value(item));
	putchar('\n');
}

static void print_interface(const char *kind, const json_t *i)
{
	const bool there = number_of(i, "ifindex") > 0;

	printf("%s %s: ", kind, text_of(i, "name"));
	if (there)
		printf("%s, index %" JSON_INTEGER_FORMAT ", MAC %s",
			json_is_true(json_object_get(i, "up")) ? "up" : "down",
			number_of(i, "ifindex"), text_of(i, "mac"));
	else
		printf("absent");
	if (json_is_string(json_object_get(i, "source")))
		printf(", answers from %s", text_of(i, "source"));
	putchar('\n');
}

static void print_filter(const json_t *f)
{
	if (json_is_string(json_object_get(f, "reason")))
		printf("filter in the kernel: none (%s)\n", text_of(f, "reason"));
	else
		printf("filter in the kernel: eBPF, %" JSON_INTEGER_FORMAT
		       " prefixes, room for %" JSON_INTEGER_FORMAT "\n",
			number_of(f, "listed"), number_of(f, "limit"));
}

static void print_uptime(json_int_t s)
{
	if (s >= 86400)
		printf("%" JSON_INTEGER_FORMAT "d ", s / 86400);
	printf("%02d:%02d:%02d", (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
}

static void print_configuration(const char *text)
{
	puts("configuration in force:");
	while (*text) {
		const size_t len = strcspn(text, "\n");

		printf("%s%.*s\n", len ? "    " : "", (int)len, text);
		text += len;
		text += *text == '\n';
	}
}

void print_status(const struct client *c, const json_t *data)
{
	const char *text = json_string_value(json_object_get(data, "configuration"));
	const json_t *item;
	size_t i;

	(void)c;
	printf("%s %s, pid %" JSON_INTEGER_FORMAT ", running for ", text_of(data, "name"),
		text_of(data, "version"), number_of(data, "pid"));
	print_uptime(number_of(data, "uptime"));
	printf("\n%" JSON_INTEGER_FORMAT " guests, %" JSON_INTEGER_FORMAT " addresses\n",
		number_of(data, "guests"), number_of(data, "addresses"));
	printf("configuration %s\nrun-time guests in %s\n", text_of(data, "config"),
		text_of(data, "statedir"));
	json_array_foreach (json_object_get(data, "uplinks"), i, item) {
		print_interface("uplink", item);
		print_names(json_object_get(item, "networks"), "networks");
		print_names(json_object_get(item, "gateways"), "gateways");
	}
	json_array_foreach (json_object_get(data, "vifs"), i, item) {
		print_interface("vif", item);
		print_names(json_object_get(item, "guests"), "guests");
		printf("    addresses %" JSON_INTEGER_FORMAT "\n", number_of(item, "addresses"));
	}
	print_filter(json_object_get(data, "filter"));
	if (text)
		print_configuration(text);
	json_array_foreach (json_object_get(data, "warnings"), i, item)
		printf("warning %s: %s\n", text_of(item, "code"), text_of(item, "text"));
}
