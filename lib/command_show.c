/* command_show: the verbs that only tell: list, stats, status. See command.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "command_private.h"

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *list_entry(const struct app *a, const struct listed *en)
{
	const struct guest *g = en->guest;
	char address[ADDR_TEXT_MAX], via[ADDR_TEXT_MAX], why[SILENCE_MAX], reason[256];
	bool answering = en->silent == REASON_ANSWERED;

	snprintf(reason, sizeof(reason), "%s: %s", reason_id(en->silent),
		engine_silence(a->engine, en, why));
	return json_pack("{s:s,s:s,s:o,s:o,s:o,s:s,s:b,s:o}", "address",
		prefix_format(&en->prefix, address), "guest", g->name, "vif",
		text_or_null(g->vif ? g->vif->name : NULL), "uplink",
		text_or_null(g->uplink ? g->uplink->name : g->uplink_name), "via",
		text_or_null(g->has_via && !prefix_is_exact(&en->prefix) ? addr_format(&g->via, via)
									 : NULL),
		"origin", origin_name(g->origin), "answering", answering, "reason",
		answering ? json_null() : json_string(reason));
}

static json_t *list_one(const struct app *a, const char *address)
{
	const struct table *t = engine_table(a->engine);
	const struct listed *en;
	struct prefix p;
	json_t *list;

	if (prefix_parse(address, &p) < 0)
		return command_refused("%s is no address", address);
	en = table_find(t, &p);
	if ((!en || !en->guest) && prefix_is_exact(&p))
		en = table_lookup_guest(t, &p.addr);
	list = json_array();
	if (en && en->guest)
		json_array_append_new(list, list_entry(a, en));
	return command_data(list);
}

static bool list_selects(const struct command_words *w, const struct guest *g)
{
	if (w->guest && strcmp(w->guest, g->name) != 0)
		return false;
	return !w->vif || (g->vif && strcmp(w->vif, g->vif->name) == 0);
}

/* A million entries are 1.3 GB as a tree, 200 MB as text, and seconds of work: questions are
 * answered meanwhile. */
static void list_write(struct app *a, const struct command_words *w, FILE *to)
{
	const char *comma = "";
	const struct guest *g;
	const struct listed *en;

	TABLE_FOREACH_GUEST (g, engine_table(a->engine)) {
		if (!list_selects(w, g))
			continue;
		GUEST_FOREACH_ENTRY (en, g) {
			json_t *entry = list_entry(a, en);

			fputs(comma, to);
			json_dumpf(entry, to, JSON_COMPACT);
			json_decref(entry);
			comma = ",";
			app_pause(a);
		}
	}
}

json_t *command_list(struct app *a, const struct command_words *w)
{
	char *text = NULL;
	size_t len = 0;
	json_t *reply;
	FILE *f;

	if (w->address)
		return list_one(a, w->address);
	f = open_memstream(&text, &len);
	if (!f)
		return NULL;
	fputs("{\"exit\":0,\"data\":[", f);
	list_write(a, w, f);
	fputs("]}", f);
	reply = fclose(f) == 0 ? json_stringn_nocheck(text, len) : NULL;
	free(text);
	return reply;
}

static void stats_iface(void *ctx, struct iface *i)
{
	json_t *stats = ctx, *dropped;

	if (!i->is_uplink && !i->nguests)
		return;
	dropped = json_object();
	for (unsigned r = REASON_IGNORED + 1; r < REASON_COUNT; r++)
		json_object_set_new(
			dropped, reason_id(r), json_integer((json_int_t)i->counters.dropped[r]));
	json_object_set_new(json_object_get(stats, i->is_uplink ? "uplink" : "vif"), i->name,
		json_pack("{s:I,s:I,s:I,s:I,s:o}", "received", (json_int_t)i->counters.received,
			"answered", (json_int_t)i->counters.answered, "announced",
			(json_int_t)i->counters.announced, "lost", (json_int_t)i->counters.lost,
			"dropped", dropped));
}

json_t *command_stats(struct app *a)
{
	const char *why;
	const struct filter_status f = app_filter(a, &why);
	json_t *stats = json_pack("{s:{},s:{},s:{s:I,s:I,s:I}}", "uplink", "vif", "kernel",
		"unlisted", (json_int_t)f.unlisted, "other", (json_int_t)f.other, "overload",
		(json_int_t)f.overload);

	app_count_lost(a);
	engine_ifaces(a->engine, stats_iface, stats);
	return command_data(stats);
}

static void warning_add(void *ctx, const char *code, const char *text)
{
	json_array_append_new(ctx, json_pack("{s:s,s:s}", "code", code, "text", text));
}

static json_t *filter_json(const struct filter_status *f, const char *why)
{
	return json_pack("{s:s,s:o,s:I,s:I,s:I}", "kind", why ? "classic" : "ebpf", "reason",
		text_or_null(why), "listed", (json_int_t)f->listed, "limit", (json_int_t)f->limit,
		"beyond", (json_int_t)f->beyond);
}

static void filter_warn(const struct filter_status *f, const char *why, json_t *warnings)
{
	char text[FILTER_WHY_MAX + 128];

	if (why) {
		snprintf(text, sizeof(text),
			"no filter in the kernel (%s): what no guest lists is read and dropped "
			"here, which costs CPU and nothing else",
			why);
		warning_add(warnings, "filter", text);
	}
	if (f->beyond) {
		snprintf(text, sizeof(text),
			"%zu prefixes more than the %zu that the filter in the kernel has room "
			"for: "
			"it lets everything pass; a restart makes room",
			f->beyond, f->limit);
		warning_add(warnings, "filter-full", text);
	}
}

struct status {
	struct app *a;
	json_t *uplinks, *vifs, *warnings;
};

/* An ARP reply has no source but its target: null then. */
static json_t *iface_base(const struct engine *e, bool needs_source, const struct iface *i)
{
	char mac[MAC_TEXT_MAX], text[ADDR_TEXT_MAX];
	struct addr source;
	bool has = i->present && needs_source && engine_source(e, i, &addr_any, &source);

	return json_pack("{s:s,s:I,s:o,s:b,s:o}", "name", i->name, "ifindex",
		(json_int_t)i->link.index, "mac",
		i->present ? json_string(mac_format(i->link.mac, mac)) : json_null(), "up",
		i->present && i->link.running, "source",
		has ? json_string(addr_format(&source, text)) : json_null());
}

static void status_iface(void *ctx, struct iface *i)
{
	struct status *s = ctx;
	json_t *o, *list;
	char text[ADDR_TEXT_MAX];
	const struct guest *g;
	size_t addresses = 0;

	if (!i->is_uplink && !i->nguests)
		return;
	o = iface_base(s->a->engine, s->a->codec->needs_source, i);
	list = json_array();
	if (i->is_uplink) {
		json_t *gateways = json_array();

		for (size_t n = 0; n < i->nnetworks; n++)
			json_array_append_new(
				list, json_string(prefix_format(&i->networks[n], text)));
		for (size_t n = 0; n < i->ngateways; n++)
			json_array_append_new(
				gateways, json_string(addr_format(&i->gateways[n], text)));
		json_object_set_new(o, "networks", list);
		json_object_set_new(o, "gateways", gateways);
		json_array_append_new(s->uplinks, o);
	} else {
		LIST_FOREACH (g, &i->guests, of_vif) {
			json_array_append_new(list, json_string(g->name));
			addresses += g->nentries;
		}
		json_object_set_new(o, "guests", list);
		json_object_set_new(o, "addresses", json_integer((json_int_t)addresses));
		json_array_append_new(s->vifs, o);
	}
}

static json_t *configuration(const struct conf *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	json_t *o;

	if (!f)
		return json_null();
	conf_print(c, f);
	fclose(f);
	o = json_stringn(text, len);
	free(text);
	return o ? o : json_null();
}

json_t *command_status(struct app *a)
{
	struct status s = {a, json_array(), json_array(), json_array()};
	const char *why;
	const struct filter_status f = app_filter(a, &why);
	const struct guest *g;
	size_t n, guests = 0;

	TABLE_FOREACH_GUEST (g, engine_table(a->engine))
		guests++;
	for (n = 0; n < a->conf->ninert; n++)
		warning_add(s.warnings, "not-in-force", a->conf->inert[n]);
	app_warnings(a, warning_add, s.warnings);
	app_state_warnings(a, warning_add, s.warnings);
	app_host_warnings(a, warning_add, s.warnings);
	filter_warn(&f, why, s.warnings);
	engine_ifaces(a->engine, status_iface, &s);
	engine_warnings(a->engine, app_now(), warning_add, s.warnings);
	return command_data(json_pack("{s:s,s:s,s:I,s:I,s:s,s:s,s:I,s:I,s:o,s:o,s:o,s:o,s:o}",
		"name", a->codec->name, "version", VERSION, "pid", (json_int_t)getpid(), "uptime",
		(json_int_t)((app_now() - a->started) / 1000), "config", a->conf->path, "statedir",
		state_dir(a->state), "guests", (json_int_t)guests, "addresses",
		(json_int_t)table_count(engine_table(a->engine)), "uplinks", s.uplinks, "vifs",
		s.vifs, "filter", filter_json(&f, why), "configuration", configuration(a->conf),
		"warnings", s.warnings));
}
