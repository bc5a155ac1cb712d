/*
 * command_guest: `add` and `del`, of which those that wait together are done together. See
 * command.h.
 *
 * A change goes: request -> spec -> the rules of runtime -> the files of state -> the engine -> the
 * kernel -> reply. Whatever fails before the engine leaves everything as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "command.h"
#include "command_private.h"
#include "log.h"
#include "store.h"

#define LOG_STEPS 16 /* lines for the guests that change together; more are counted */

/* Several requests, and for those that are in order, what they are for runtime. */
struct command_batch {
	struct app *app;
	struct spec specs[COMMAND_BATCH_MAX];
	struct runtime_request requests[COMMAND_BATCH_MAX];
	size_t of[COMMAND_BATCH_MAX]; /* requests[i] is answered by replies[of[i]] */
	size_t n;
	size_t nsteps;
	int err; /* of the engine */
};

static bool spec_of(
	const struct app *a, const struct command_words *w, struct spec *s, char why[SPEC_WHY_MAX])
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

/* Whether the words of an `add` or `del` are in order, and what they are. */
static bool request_of(const struct app *a, const json_t *json, struct runtime_request *q,
	struct spec *s, char why[SPEC_WHY_MAX])
{
	struct command_words w;
	const char *verb;

	why[0] = '\0';
	if (!command_words(json, &w, &verb)) {
		strcpy(why, "not a request: expected an object with a command and texts");
		return false;
	}
	q->del = strcmp(verb, "del") == 0;
	q->replace = w.replace;
	if (!q->del && (!w.vif || json_array_size(w.addresses) == 0)) {
		strcpy(why, "expected addresses and the word vif with its name");
		return false;
	}
	if (q->del && !w.vif && !w.guest && json_array_size(w.addresses) == 0) {
		strcpy(why, "expected addresses, or the word vif or guest with a name");
		return false;
	}
	return spec_of(a, &w, s, why) && (q->del || ((w.guest || spec_set_name(s, w.vif, why)) &&
							    uplink_check(a->conf, s, why)));
}

/* Puts in force what has been saved. A vif's earlier guests do not go without a word. */
static void put_in_force(void *batch, const struct runtime_step *s)
{
	struct command_batch *b = batch;
	struct engine *e = b->app->engine;
	char text[RUNTIME_WHY_MAX];
	int r;

	if (b->nsteps++ < LOG_STEPS || s->cause == RUNTIME_STALE)
		log_info("%s", runtime_step_text(s, text));
	r = s->whole ? engine_guest(e, app_now(), s->guest)
		     : engine_guest_part(e, app_now(), s->guest, s->gone, s->ngone);
	if (r < 0) {
		log_error("guest \"%s\": %s", s->guest->name, strerror(-r));
		b->err = r;
	}
}

static json_t *reply_of(const struct command_batch *b, const struct runtime_request *q)
{
	char text[STATE_ERROR_MAX];

	if (q->result == -EEXIST && q->why)
		return command_refused("%s", q->why);
	if (q->result == -ENOMEM)
		return command_refused("%s", strerror(-q->result));
	if (q->result)
		return command_refused("nothing was changed: cannot write to %s: %s",
			state_dir(b->app->state), state_error(q->result, text));
	if (b->err)
		return command_refused("%s", strerror(-b->err));
	return q->del ? command_done() : command_added(b->app, q->spec);
}

/* Who adds an address says that it is here, even where nothing is new. */
static void claim(const struct command_batch *b, const struct runtime_request *q)
{
	struct listed *en;

	for (size_t n = 0; n < q->spec->nprefixes && !q->del && !q->result; n++)
		if ((en = table_find(engine_table(b->app->engine), &q->spec->prefixes[n])))
			engine_claim(b->app->engine, app_now(), en);
}

static void batch_run(struct command_batch *b, json_t **replies)
{
	struct app *a = b->app;
	struct runtime_store store = store_of(a->state);
	int err;

	store.pause = app_pause;
	store.pause_ctx = a;
	err = app_state_check(a);
	for (size_t i = 0; err < 0 && i < b->n; i++)
		b->requests[i].result = err;
	if (err == 0)
		runtime_run(a->runtime, b->requests, b->n, &store, put_in_force, b);
	if (b->nsteps > LOG_STEPS)
		log_info("%zu more guests changed by %zu requests", b->nsteps - LOG_STEPS, b->n);
	for (size_t i = 0; i < b->n; i++)
		claim(b, &b->requests[i]);
	app_settle(a);
	for (size_t i = 0; i < b->n; i++) {
		app_pause(a);
		replies[b->of[i]] = reply_of(b, &b->requests[i]);
		free(b->requests[i].why);
	}
}

bool command_changes_guests(const json_t *request)
{
	const char *verb = json_string_value(json_object_get(request, "command"));

	return verb && (strcmp(verb, "add") == 0 || strcmp(verb, "del") == 0);
}

void command_run_all(struct app *a, json_t *const *requests, json_t **replies, size_t n)
{
	struct command_batch *b = a->batch;
	char why[SPEC_WHY_MAX];

	if (!b)
		b = a->batch = malloc(sizeof(*b)); /* kept: there will be others */
	if (!b)
		return;
	b->app = a;
	b->n = b->nsteps = 0;
	b->err = 0;
	for (size_t i = 0; i < n; i++) {
		struct spec *s = &b->specs[b->n];

		app_pause(a);
		spec_init(s, ORIGIN_COMMAND);
		b->requests[b->n] = (struct runtime_request){.spec = s};
		if (request_of(a, requests[i], &b->requests[b->n], s, why)) {
			b->of[b->n++] = i;
		} else {
			replies[i] = command_refused("%s", why);
			spec_free(s);
		}
	}
	batch_run(b, replies);
	for (size_t i = 0; i < b->n; i++)
		spec_free(&b->specs[i]);
}
