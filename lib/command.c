/*
 * command: the verbs of the control socket. See command.h.
 *
 * A change goes: request -> spec -> the rules of runtime -> the files of state -> the engine -> the
 * kernel -> reply. Whatever fails before the engine leaves everything as it was.
 */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "command_private.h"
#include "log.h"

static json_t *done(void)
{
	return json_pack("{s:i}", "exit", 0);
}

json_t *command_data(json_t *data)
{
	return json_pack("{s:i,s:o}", "exit", 0, "data", data);
}

static json_t *with_text(const char *text)
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

static bool words_of(const json_t *request, struct command_words *w)
{
	w->replace = json_is_true(json_object_get(request, "replace"));
	return text_of(request, "vif", &w->vif) && text_of(request, "guest", &w->guest) &&
	       text_of(request, "uplink", &w->uplink) && text_of(request, "via", &w->via) &&
	       text_of(request, "address", &w->address) &&
	       texts_of(request, "addresses", &w->addresses) && texts_of(request, "mac", &w->macs);
}

static bool spec_of(const struct app *a, const struct command_words *w, struct spec *s, char *why)
{
	size_t n;
	const json_t *item;

	if (w->guest && !spec_set_name(s, w->guest, why))
		return false;
	if (w->vif && !spec_set_vif(s, w->vif, why))
		return false;
	if (w->uplink && !spec_set_uplink(s, w->uplink, why))
		return false;
	json_array_foreach (w->addresses, n, item)
		if (!spec_add_prefix(s, json_string_value(item), a->codec->family, why))
			return false;
	json_array_foreach (w->macs, n, item)
		if (!spec_add_mac(s, json_string_value(item), why))
			return false;
	return !w->via || spec_set_via(s, w->via, a->codec->family, why);
}

static bool is_uplink(const struct conf *c, const char *name)
{
	for (size_t n = 0; n < c->nuplinks; n++)
		if (strcmp(c->uplinks[n].name, name) == 0)
			return true;
	return false;
}

static bool uplink_check(const struct conf *c, const struct spec *s, char *why)
{
	if (is_uplink(c, s->vif)) {
		snprintf(why, SPEC_WHY_MAX, "\"%s\" is an uplink, not a guest's vif", s->vif);
		return false;
	}
	if (*s->uplink && !is_uplink(c, s->uplink)) {
		snprintf(why, SPEC_WHY_MAX, "the configuration has no uplink \"%s\"", s->uplink);
		return false;
	}
	if (!*s->uplink && c->nuplinks > 1) {
		snprintf(why, SPEC_WHY_MAX,
			"there are several uplinks; expected the word uplink and the name of one");
		return false;
	}
	return true;
}

static int save(void *ctx, const struct spec *guest)
{
	return state_save(ctx, guest);
}

/* Makes a change durable, then puts it in force. */
static json_t *commit(struct app *a, struct runtime_change *c)
{
	char text[RUNTIME_WHY_MAX];
	int r = runtime_commit(a->runtime, c, save, a->state);

	if (r < 0) {
		runtime_change_free(c);
		return command_refused("cannot write to %s: %s; nothing was changed",
			state_dir(a->state), strerror(-r));
	}
	for (size_t n = 0; n < c->n; n++) {
		log_info("%s", runtime_step_text(&c->steps[n], text));
		r = engine_guest(a->engine, app_now(), c->steps[n].after);
		if (r < 0)
			log_error("guest \"%s\": %s", c->steps[n].after->name, strerror(-r));
	}
	runtime_change_free(c);
	app_settle(a);
	return r < 0 ? command_refused("%s", strerror(-r)) : done();
}

/* What was asked for is in force, and yet something keeps it from being answered. */
static json_t *add_hints(const struct app *a, const struct spec *s)
{
	char address[ADDR_TEXT_MAX], text[2048];
	size_t len = 0;

	for (size_t n = 0; n < s->nprefixes && len < sizeof(text) / 2; n++) {
		const struct listed *en = table_find(engine_table(a->engine), &s->prefixes[n]);

		/* an absent vif or uplink is no mistake: it is waited for */
		if (!en || en->silent == REASON_ANSWERED || en->silent == REASON_K04 ||
			en->silent == REASON_K11)
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s is not answered: %s",
			len ? "\n" : "", prefix_format(&s->prefixes[n], address),
			reason_text(en->silent));
	}
	if (len)
		return with_text(text);
	return done();
}

static json_t *run_add(struct app *a, const struct command_words *w)
{
	char why[SPEC_WHY_MAX], refusal[RUNTIME_WHY_MAX];
	struct runtime_change *c = NULL;
	struct spec s;
	json_t *reply = NULL;
	int r;

	spec_init(&s, ORIGIN_COMMAND);
	if (!w->vif || json_array_size(w->addresses) == 0) {
		reply = command_refused("expected addresses and the word vif with its name");
		goto out;
	}
	if (!spec_of(a, w, &s, why) || (!w->guest && !spec_set_name(&s, w->vif, why)) ||
		!uplink_check(a->conf, &s, why)) {
		reply = command_refused("%s", why);
		goto out;
	}
	r = runtime_add(a->runtime, &s, w->replace, &c, refusal);
	if (r < 0) {
		reply = command_refused("%s", r == -EEXIST ? refusal : strerror(-r));
		goto out;
	}
	reply = commit(a, c);
	if (json_integer_value(json_object_get(reply, "exit")) == 0) {
		json_decref(reply);
		reply = add_hints(a, &s);
	}
out:
	spec_free(&s);
	return reply;
}

static json_t *run_del(struct app *a, const struct command_words *w)
{
	char why[SPEC_WHY_MAX], refusal[RUNTIME_WHY_MAX];
	struct runtime_change *c = NULL;
	struct spec s;
	json_t *reply;
	int r;

	spec_init(&s, ORIGIN_COMMAND);
	if (!w->vif && !w->guest && json_array_size(w->addresses) == 0) {
		reply = command_refused("expected addresses, or the word vif or guest with a name");
	} else if (!spec_of(a, w, &s, why)) {
		reply = command_refused("%s", why);
	} else {
		r = runtime_del(a->runtime, s.prefixes, s.nprefixes, w->vif, w->guest, &c, refusal);
		reply = r < 0 ? command_refused("%s", r == -EEXIST ? refusal : strerror(-r))
			      : commit(a, c);
	}
	spec_free(&s);
	return reply;
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
	char text[96];

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
		if (en->silent != REASON_ANSWERED)
			return command_refused(
				"%s is not answered: %s", address, reason_text(en->silent));
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

	if (!json_is_object(request) || !text_of(request, "command", &command) || !command ||
		!words_of(request, &w))
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
	if (strcmp(command, "add") == 0)
		return run_add(a, &w);
	if (strcmp(command, "del") == 0)
		return run_del(a, &w);
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
