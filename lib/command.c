/* command: the verbs of the control socket, but for add and del. See command.h. */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "command_private.h"
#include "log.h"

json_t *command_done(void)
{
	return json_pack("{s:i}", "exit", 0);
}

json_t *command_data(json_t *data)
{
	return json_pack("{s:i,s:o}", "exit", 0, "data", data);
}

json_t *command_text(const char *text)
{
	return json_pack("{s:i,s:s}", "exit", 0, "text", text);
}

json_t *command_refused(const char *fmt, ...)
{
	char text[RUNTIME_WHY_MAX + 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *c = text; *c; c++) /* what a file holds need not be UTF-8, a reply must be */
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	return json_pack("{s:i,s:s}", "exit", 1, "error", text);
}

/* The text of a key; NULL where it is absent or null. False where it is something else. */
static bool text_of(const json_t *request, const char *key, const char **ret)
{
	const json_t *v = json_object_get(request, key);

	*ret = NULL;
	if (!v || json_is_null(v))
		return true;
	if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
		return false;
	*ret = json_string_value(v);
	return true;
}

static bool texts_of(const json_t *request, const char *key, const json_t **ret)
{
	const json_t *v = json_object_get(request, key), *item;
	size_t n;

	*ret = NULL;
	if (!v || json_is_null(v))
		return true;
	if (!json_is_array(v))
		return false;
	json_array_foreach (v, n, item)
		if (!json_is_string(item) ||
			strlen(json_string_value(item)) != json_string_length(item))
			return false;
	*ret = v;
	return true;
}

bool command_words(const json_t *request, struct command_words *w, const char **verb)
{
	if (!json_is_object(request) || !text_of(request, "command", verb) || !*verb)
		return false;
	w->replace = json_is_true(json_object_get(request, "replace"));
	return text_of(request, "vif", &w->vif) && text_of(request, "guest", &w->guest) &&
	       text_of(request, "uplink", &w->uplink) && text_of(request, "via", &w->via) &&
	       text_of(request, "address", &w->address) &&
	       texts_of(request, "addresses", &w->addresses) && texts_of(request, "mac", &w->macs);
}

static json_t *run_reload(struct app *a)
{
	char why[CONF_WHY_MAX], text[96];
	struct config_diff diff;

	if (!app_reload(a, &diff, why))
		return command_refused("%s", why);
	snprintf(text, sizeof(text), "+%zu -%zu =%zu", diff.added, diff.removed, diff.same);
	return json_pack("{s:i,s:s,s:{s:I,s:I,s:I}}", "exit", 0, "text", text, "data", "added",
		(json_int_t)diff.added, "removed", (json_int_t)diff.removed, "same",
		(json_int_t)diff.same);
}

static bool announce_chosen(const struct command_words *w, const struct guest *g)
{
	if (w->guest)
		return strcmp(w->guest, g->name) == 0;
	if (w->vif)
		return g->vif && strcmp(w->vif, g->vif->name) == 0;
	return true;
}

static json_t *run_announce(struct app *a, const struct command_words *w)
{
	const struct table *t = engine_table(a->engine);
	const struct guest *g;
	const json_t *item;
	struct listed *en;
	struct prefix p;
	size_t n, scheduled = 0;
	char text[96], why[SILENCE_MAX];

	json_array_foreach (w->addresses, n, item) {
		const char *address = json_string_value(item);

		if (prefix_parse(address, &p) < 0)
			return command_refused("%s is no address", address);
		en = table_find(t, &p);
		if (!en || !en->guest)
			return command_refused("%s is not listed", address);
		if (!prefix_is_exact(&p))
			return command_refused(
				"%s is a network; only single addresses are announced", address);
		if (en->silent != REASON_ANSWERED && !en->hold)
			return command_refused("%s is not answered: %s", address,
				engine_silence(a->engine, en, why));
	}
	json_array_foreach (w->addresses, n, item) {
		prefix_parse(json_string_value(item), &p);
		scheduled += engine_announce(a->engine, app_now(), table_find(t, &p));
	}
	if (!json_array_size(w->addresses))
		TABLE_FOREACH_GUEST (g, t)
			if (announce_chosen(w, g))
				GUEST_FOREACH_ENTRY (en, g)
					scheduled += engine_announce(a->engine, app_now(), en);
	app_settle(a);
	snprintf(text, sizeof(text), "%zu address%s to announce", scheduled,
		scheduled == 1 ? "" : "es");
	return json_pack("{s:i,s:s,s:{s:I}}", "exit", 0, "text", text, "data", "scheduled",
		(json_int_t)scheduled);
}

json_t *command_run(struct app *a, const json_t *request, bool may_change)
{
	const char *command;
	struct command_words w;

	if (!command_words(request, &w, &command))
		return command_refused(
			"not a request: expected an object with a command and texts");
	if (strcmp(command, "list") == 0)
		return command_list(a, &w);
	if (strcmp(command, "status") == 0)
		return command_status(a);
	if (strcmp(command, "stats") == 0)
		return command_stats(a);
	if (!may_change)
		return command_refused("only root and the daemon's user may do this");
	if (strcmp(command, "announce") == 0)
		return run_announce(a, &w);
	if (strcmp(command, "reload") == 0)
		return run_reload(a);
	if (strcmp(command, "flush") == 0)
		return command_refused(
			"%s is running, and its routes are in use; flush is for what a stopped "
			"daemon left",
			a->codec->name);
	return command_refused("there is no command \"%s\" in this version", command);
}
