/*
 * runtime_batch: requests that wait together (runtime.h).
 *
 * Life cycle of a batch: requests are applied one after another, each refused one undone at once;
 * all guests touched are written; then what was written counts; then each is told; the end. Until
 * everything is written nothing has changed on disk, so a full disk costs nobody anything.
 */
#include "runtime_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct rt_record *record_of(const struct runtime *rt, uint32_t index)
{
	return index ? &rt->journal[index - 1] : NULL;
}

/* A guest that came and went within the batch concerns nobody. */
static bool touch_counts(const struct rt_touch *t)
{
	return t->last && (t->had || t->guest->n);
}

static bool touch_loses(const struct runtime *rt, const struct rt_touch *t)
{
	const enum runtime_cause cause = record_of(rt, t->last)->cause;

	return cause == RUNTIME_TAKEN || cause == RUNTIME_STALE;
}

static void store_pause(const struct runtime_store *store)
{
	if (store->pause)
		store->pause(store->pause_ctx);
}

/* --- saving --- */

/* Takes the first n of what was written back. */
static void batch_drop(struct runtime *rt, const struct runtime_store *store, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (touch_counts(&rt->touched[i]) && rt->touched[i].guest->n)
			store->drop(store->ctx, rt->touched[i].guest->head.name);
}

static int batch_write(struct runtime *rt, const struct runtime_store *store)
{
	for (size_t i = 0; i < rt->ntouched; i++) {
		const struct rt_guest *g = rt->touched[i].guest;
		struct spec s;
		int r = 0;

		if (!touch_counts(&rt->touched[i]))
			continue;
		/* also what telling needs: afterwards nothing may fail */
		if (!rt_scratch(rt, g->n + rt->nrecords))
			r = -ENOMEM;
		if (!r && g->n) {
			s = rt_whole(rt, g);
			r = store->write(store->ctx, &s);
		}
		if (r) {
			batch_drop(rt, store, i);
			return r;
		}
		store_pause(store);
	}
	return 0;
}

static int batch_put(struct runtime *rt, const struct runtime_store *store, bool losers)
{
	for (size_t i = 0; i < rt->ntouched; i++) {
		const struct rt_touch *t = &rt->touched[i];
		const char *name = t->guest->head.name;
		int r;

		if (!touch_counts(t) || touch_loses(rt, t) != losers)
			continue;
		r = t->guest->n ? store->put(store->ctx, name) : store->remove(store->ctx, name);
		if (r)
			return r;
		store_pause(store);
	}
	return 0;
}

/* What the set says of this guest, or that there is none. */
static int guest_save(struct runtime *rt, const struct runtime_store *store, const char *name)
{
	const struct rt_guest *g = rt_guest_find(rt, name);
	struct spec s;
	int r;

	store_pause(store);
	if (!g) {
		store->drop(store->ctx, name);
		return store->remove(store->ctx, name);
	}
	if (!rt_scratch(rt, g->n))
		return -ENOMEM;
	s = rt_whole(rt, g);
	r = store->write(store->ctx, &s);
	if (!r)
		r = store->put(store->ctx, name);
	if (r)
		store->drop(store->ctx, name);
	return r;
}

/* Some files count already, and others cannot: all as they were, now or as soon as possible. */
static void batch_restore(struct runtime *rt, const struct runtime_store *store)
{
	for (size_t i = 0; i < rt->ntouched; i++) {
		const char *name = rt->touched[i].guest->head.name;

		if (guest_save(rt, store, name))
			rt_unsaved(rt, name);
	}
}

static int all_save(struct runtime *rt, const struct runtime_store *store)
{
	for (size_t i = 0; i < rt->names.nbuckets; i++)
		for (struct chain_node *node = rt->names.buckets[i]; node; node = node->next) {
			const int r = guest_save(rt, store, rt_guest_of(node)->head.name);

			if (r)
				return r;
		}
	return 0;
}

int runtime_repair(struct runtime *rt, const struct runtime_store *store)
{
	int r = rt->all_unsaved ? all_save(rt, store) : 0;

	if (r)
		return r;
	rt->all_unsaved = false;
	while (!r && rt->nunsaved) {
		r = guest_save(rt, store, rt->unsaved[rt->nunsaved - 1]);
		rt->nunsaved -= !r;
	}
	return r;
}

static int batch_save(struct runtime *rt, const struct runtime_store *store)
{
	int r = batch_write(rt, store);

	if (r) {
		rt_undo(rt, 0);
		return r;
	}
	r = batch_put(rt, store, false);
	if (!r)
		r = batch_put(rt, store, true);
	if (r) {
		rt_undo(rt, 0);
		batch_restore(rt, store);
	}
	return r;
}

/* --- telling --- */

/* Puts into rt->scratch what is new of the guest's addresses, from its journal. */
static size_t collect_new(const struct runtime *rt, const struct rt_touch *t)
{
	const struct rt_record *r;
	size_t n = 0;

	for (r = record_of(rt, t->last); r; r = record_of(rt, r->before))
		if (r->change == RT_IN && r->entry->linked)
			rt->scratch[n++] = r->entry->prefix;
	/* the journal was read backwards */
	for (size_t i = 0; i < n / 2; i++) {
		const struct prefix p = rt->scratch[i];

		rt->scratch[i] = rt->scratch[n - 1 - i];
		rt->scratch[n - 1 - i] = p;
	}
	return n;
}

/* Puts those that it has no more behind them. */
static size_t collect_gone(const struct runtime *rt, const struct rt_touch *t, size_t at)
{
	const struct rt_record *r;
	size_t n = 0;

	for (r = record_of(rt, t->last); r; r = record_of(rt, r->before)) {
		const struct rt_entry *now;

		if (r->change != RT_OUT)
			continue;
		now = rt_entry_find(rt, &r->entry->prefix);
		if (!now || now->guest != t->guest)
			rt->scratch[at + n++] = r->entry->prefix;
	}
	return n;
}

static void tell_touch(struct runtime *rt, const struct rt_touch *t,
	void (*tell)(void *ctx, const struct runtime_step *s), void *ctx)
{
	const struct rt_guest *g = t->guest;
	struct runtime_step s = {.cause = record_of(rt, t->last)->cause,
		.had = t->had,
		.has = g->n,
		.whole = !t->had || !g->n};
	const struct rt_record *r, *first = NULL;
	struct spec spec = g->head;

	for (r = record_of(rt, t->last); r; r = record_of(rt, r->before))
		if (r->change == RT_HEAD)
			first = r;
	s.whole |= first != NULL;
	if (first && t->had && g->n && strcmp(first->head->vif, g->head.vif))
		s.was_on = first->head->vif;
	spec.prefixes = rt->scratch;
	if (s.whole)
		spec = rt_whole(rt, g);
	else
		spec.nprefixes = collect_new(rt, t);
	s.guest = &spec;
	s.gone = rt->scratch + spec.nprefixes;
	s.ngone = collect_gone(rt, t, spec.nprefixes);
	s.lost = t->had + (s.whole ? 0 : spec.nprefixes) - g->n;
	if (s.whole)
		s.lost = s.ngone < t->had ? s.ngone : t->had;
	tell(ctx, &s);
}

static void batch_tell(struct runtime *rt, const struct runtime_store *store,
	void (*tell)(void *ctx, const struct runtime_step *s), void *ctx)
{
	for (int losers = 0; losers < 2; losers++)
		for (size_t i = 0; i < rt->ntouched; i++) {
			const struct rt_touch *t = &rt->touched[i];

			if (!touch_counts(t) || touch_loses(rt, t) != losers)
				continue;
			tell_touch(rt, t, tell, ctx);
			store_pause(store);
		}
}

/* --- running --- */

static int request_apply(struct runtime *rt, struct runtime_request *q)
{
	char why[RUNTIME_WHY_MAX];

	q->result = q->del ? rt_del(rt, q->spec, why) : rt_add(rt, q->spec, q->replace, why);
	if (q->result == -EEXIST)
		q->why = strdup(why);
	return q->result;
}

/* Applies requests until one must be in another batch, and commits. Returns how many. */
static size_t batch_run(struct runtime *rt, struct runtime_request *q, size_t n, int *err,
	const struct runtime_store *store, void (*tell)(void *ctx, const struct runtime_step *s),
	void *ctx)
{
	size_t i = 0;

	while (i < n && !rt->alone && request_apply(rt, &q[i]) != -EAGAIN)
		i++;
	*err = batch_save(rt, store);
	if (!*err)
		batch_tell(rt, store, tell, ctx);
	rt_end(rt);
	return i;
}

void runtime_run(struct runtime *rt, struct runtime_request *requests, size_t n,
	const struct runtime_store *store, void (*tell)(void *ctx, const struct runtime_step *s),
	void *ctx)
{
	size_t single = 0; /* requests that are run one by one */
	const int broken = runtime_repair(rt, store);

	for (size_t i = 0; broken && i < n; i++)
		requests[i].result = broken;
	if (broken)
		return;
	for (size_t at = 0; at < n;) {
		struct runtime_request *q = &requests[at];
		int err;
		size_t done = batch_run(rt, q, single ? 1 : n - at, &err, store, tell, ctx);

		if (err && done > 1) {
			for (size_t i = 0; i < done; i++) {
				free(q[i].why);
				q[i].why = NULL;
			}
			single = done;
			continue;
		}
		if (err)
			q->result = err;
		at += done;
		single -= single ? done : 0;
	}
}

const char *runtime_step_text(const struct runtime_step *s, char buf[RUNTIME_WHY_MAX])
{
	const struct spec *g = s->guest;
	const char *es = s->has == 1 ? "" : "es";

	if (s->was_on) {
		snprintf(buf, RUNTIME_WHY_MAX, "guest \"%s\" moved from vif \"%s\" to vif \"%s\"",
			g->name, s->was_on, g->vif);
		return buf;
	}
	switch (s->cause) {
	case RUNTIME_ADDED:
		snprintf(buf, RUNTIME_WHY_MAX, "guest \"%s\" on vif \"%s\": %zu address%s", g->name,
			g->vif, s->has, es);
		break;
	case RUNTIME_TAKEN:
		snprintf(buf, RUNTIME_WHY_MAX,
			"guest \"%s\" on vif \"%s\" lost %zu of %zu addresses to another guest",
			g->name, g->vif, s->lost, s->had);
		break;
	case RUNTIME_STALE:
		snprintf(buf, RUNTIME_WHY_MAX,
			"guest \"%s\" is removed: vif \"%s\" is not the one it was registered on, "
			"and "
			"another guest has it now",
			g->name, g->vif);
		break;
	case RUNTIME_DELETED:
		snprintf(buf, RUNTIME_WHY_MAX,
			"guest \"%s\" on vif \"%s\": %zu of %zu addresses deleted", g->name, g->vif,
			s->lost, s->had);
		break;
	}
	return buf;
}
