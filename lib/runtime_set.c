/*
 * runtime_set: the run-time guests, their indexes, and the journal (runtime.h, runtime_set.h).
 *
 * Life cycle: runtime_new(), runtime_load(), then batches; runtime_free(). A batch is open while
 * the journal has records: rt_undo() goes back to any of them, rt_end() makes an end of it.
 */
#include "runtime_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define place_of(node) \
	((struct rt_place *)(void *)((char *)(node)-offsetof(struct rt_place, by_vif)))
#define entry_of(n) ((struct rt_entry *)(void *)((char *)(n)-offsetof(struct rt_entry, node)))

#define JOURNAL_KEEP 4096 /* records whose memory is kept between batches */

static uint64_t hash_text(const char *text)
{
	return chain_hash(text, strlen(text));
}

static uint64_t hash_prefix(const struct prefix *p)
{
	uint8_t key[sizeof(p->addr.b) + 1];

	memcpy(key, p->addr.b, sizeof(p->addr.b));
	key[sizeof(p->addr.b)] = p->len;
	return chain_hash(key, sizeof(key));
}

static struct rt_guest *guest_find(const struct runtime *rt, const char *name)
{
	struct chain_node *node = chain_find(&rt->names, hash_text(name));

	for (; node; node = chain_next(node))
		if (!strcmp(rt_guest_of(node)->head.name, name))
			return rt_guest_of(node);
	return NULL;
}

struct rt_guest *rt_guest_find(const struct runtime *rt, const char *name)
{
	struct rt_guest *g = guest_find(rt, name);

	return g && g->n ? g : NULL;
}

struct rt_entry *rt_entry_find(const struct runtime *rt, const struct prefix *p)
{
	struct chain_node *node = chain_find(&rt->prefixes, hash_prefix(p));

	for (; node; node = chain_next(node))
		if (prefix_equal(&entry_of(node)->prefix, p))
			return entry_of(node);
	return NULL;
}

struct rt_place *rt_place_next(const struct runtime *rt, const char *vif, struct rt_place *p)
{
	struct chain_node *node =
		p ? chain_next(&p->by_vif) : chain_find(&rt->vifs, hash_text(vif));

	for (; node; node = chain_next(node))
		if (!strcmp(place_of(node)->vif, vif))
			return place_of(node);
	return NULL;
}

static struct rt_place *place_get(struct runtime *rt, const struct spec *head)
{
	struct rt_place *p;

	RT_FOREACH_PLACE (p, rt, head->vif)
		if (p->ifindex == head->ifindex)
			return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	memcpy(p->vif, head->vif, sizeof(p->vif));
	p->ifindex = head->ifindex;
	LIST_INIT(&p->guests);
	chain_add(&rt->vifs, &p->by_vif, hash_text(p->vif));
	p->deserted = true; /* until somebody stays */
	SLIST_INSERT_HEAD(&rt->deserted, p, next);
	return p;
}

static void guest_place(struct runtime *rt, struct rt_guest *g, struct rt_place *p)
{
	struct rt_place *old = g->place;

	if (old == p)
		return;
	if (old) {
		LIST_REMOVE(g, of_place);
		if (LIST_EMPTY(&old->guests) && !old->deserted) {
			old->deserted = true;
			SLIST_INSERT_HEAD(&rt->deserted, old, next);
		}
	}
	g->place = p;
	if (p)
		LIST_INSERT_HEAD(&p->guests, g, of_place);
}

static void guest_free(struct rt_guest *g)
{
	struct rt_entry *e;

	while ((e = TAILQ_FIRST(&g->entries))) {
		TAILQ_REMOVE(&g->entries, e, of_guest);
		free(e);
	}
	spec_free(&g->head);
	free(g);
}

struct runtime *runtime_new(const struct runtime_lookups *lookups)
{
	struct runtime *rt = calloc(1, sizeof(*rt));

	if (!rt)
		return NULL;
	rt->lookups = *lookups;
	SLIST_INIT(&rt->deserted);
	if (!chain_init(&rt->names) || !chain_init(&rt->vifs) || !chain_init(&rt->prefixes)) {
		runtime_free(rt);
		return NULL;
	}
	return rt;
}

void runtime_free(struct runtime *rt)
{
	struct chain_node *node, *next;

	if (!rt)
		return;
	for (size_t i = 0; rt->names.buckets && i < rt->names.nbuckets; i++)
		for (node = rt->names.buckets[i]; node; node = next) {
			next = node->next;
			guest_free(rt_guest_of(node));
		}
	for (size_t i = 0; rt->vifs.buckets && i < rt->vifs.nbuckets; i++)
		for (node = rt->vifs.buckets[i]; node; node = next) {
			next = node->next;
			free(place_of(node));
		}
	chain_free(&rt->names);
	chain_free(&rt->vifs);
	chain_free(&rt->prefixes);
	free(rt->journal);
	free(rt->touched);
	free(rt->unsaved);
	free(rt->scratch);
	free(rt);
}

void rt_unsaved(struct runtime *rt, const char *name)
{
	char(*more)[SPEC_NAME_MAX + 1];

	more = reallocarray(rt->unsaved, rt->nunsaved + 1, sizeof(*more));
	if (!more) {
		rt->all_unsaved = true;
		return;
	}
	rt->unsaved = more;
	snprintf(more[rt->nunsaved++], sizeof(*more), "%s", name);
}

void runtime_unsaved(struct runtime *rt)
{
	rt->all_unsaved = true;
}

size_t runtime_count(const struct runtime *rt)
{
	return rt->nguests;
}

bool runtime_has(const struct runtime *rt, const char *guest)
{
	return rt_guest_find(rt, guest);
}

bool rt_scratch(struct runtime *rt, size_t n)
{
	size_t room = rt->scratch_room ? rt->scratch_room : 64;
	struct prefix *scratch;

	if (n <= rt->scratch_room)
		return true;
	while (room < n)
		room *= 2;
	scratch = reallocarray(rt->scratch, room, sizeof(*scratch));
	if (!scratch)
		return false;
	rt->scratch = scratch;
	rt->scratch_room = room;
	return true;
}

struct spec rt_whole(struct runtime *rt, const struct rt_guest *g)
{
	struct spec s = g->head;
	const struct rt_entry *e;

	s.prefixes = rt->scratch;
	TAILQ_FOREACH (e, &g->entries, of_guest)
		s.prefixes[s.nprefixes++] = e->prefix;
	return s;
}

int runtime_foreach(struct runtime *rt, void (*each)(void *ctx, const struct spec *s), void *ctx)
{
	for (size_t i = 0; i < rt->names.nbuckets; i++)
		for (struct chain_node *node = rt->names.buckets[i]; node; node = node->next) {
			const struct rt_guest *g = rt_guest_of(node);
			struct spec s;

			if (!rt_scratch(rt, g->n))
				return -ENOMEM;
			s = rt_whole(rt, g);
			if (g->n)
				each(ctx, &s);
		}
	return 0;
}

/* --- the journal --- */

/* The next record, of this guest, which is not counted yet. NULL: no memory. */
static struct rt_record *journal_room(struct runtime *rt, struct rt_guest *g)
{
	if (rt->nrecords == rt->records_room) {
		const size_t room = rt->records_room ? 2 * rt->records_room : 64;
		struct rt_record *journal = reallocarray(rt->journal, room, sizeof(*journal));

		if (!journal)
			return NULL;
		rt->journal = journal;
		rt->records_room = room;
	}
	if (!g->touch && rt->ntouched == rt->touched_room) {
		const size_t room = rt->touched_room ? 2 * rt->touched_room : 64;
		struct rt_touch *touched = reallocarray(rt->touched, room, sizeof(*touched));

		if (!touched)
			return NULL;
		rt->touched = touched;
		rt->touched_room = room;
	}
	return &rt->journal[rt->nrecords];
}

/* Called before the change; *r is journal_room()'s. */
static void journal_add(struct runtime *rt, struct rt_record *r)
{
	struct rt_guest *g = r->guest;

	if (!g->touch) {
		rt->touched[rt->ntouched] = (struct rt_touch){.guest = g, .had = g->n};
		g->touch = (uint32_t)++rt->ntouched;
	}
	r->before = rt->touched[g->touch - 1].last;
	rt->touched[g->touch - 1].last = (uint32_t)++rt->nrecords;
}

static void entry_link(struct runtime *rt, struct rt_entry *e)
{
	chain_add(&rt->prefixes, &e->node, hash_prefix(&e->prefix));
	e->linked = true;
	rt->nguests += e->guest->n++ == 0;
}

static void entry_unlink(struct runtime *rt, struct rt_entry *e)
{
	chain_del(&rt->prefixes, &e->node);
	TAILQ_REMOVE(&e->guest->entries, e, of_guest);
	e->linked = false;
	rt->nguests -= --e->guest->n == 0;
}

struct rt_guest *rt_guest_get(struct runtime *rt, const char *name)
{
	struct rt_guest *g = guest_find(rt, name);

	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	spec_init(&g->head, ORIGIN_COMMAND);
	strcpy(g->head.name, name);
	TAILQ_INIT(&g->entries);
	if (!journal_room(rt, g)) {
		free(g);
		return NULL;
	}
	/* touched, so that it goes at the end if nothing comes of it */
	rt->touched[rt->ntouched] = (struct rt_touch){.guest = g};
	g->touch = (uint32_t)++rt->ntouched;
	chain_add(&rt->names, &g->by_name, hash_text(name));
	return g;
}

int rt_head_set(struct runtime *rt, struct rt_guest *g, const struct spec *head)
{
	struct rt_record *r = journal_room(rt, g);
	struct rt_place *place = place_get(rt, head);
	struct spec *old = malloc(sizeof(*old)), new;

	if (!r || !place || !old || !spec_copy(&new, head)) {
		free(old);
		return -ENOMEM;
	}
	*old = g->head;
	*r = (struct rt_record){.change = RT_HEAD, .guest = g, .head = old, .place = g->place};
	journal_add(rt, r);
	g->head = new;
	guest_place(rt, g, place);
	return 0;
}

int rt_entry_add(struct runtime *rt, struct rt_guest *g, const struct prefix *p)
{
	struct rt_record *r = journal_room(rt, g);
	struct rt_entry *e = r ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return -ENOMEM;
	e->guest = g;
	e->prefix = *p;
	e->request = rt->request;
	*r = (struct rt_record){.change = RT_IN, .cause = RUNTIME_ADDED, .guest = g, .entry = e};
	journal_add(rt, r);
	TAILQ_INSERT_TAIL(&g->entries, e, of_guest);
	entry_link(rt, e);
	return 0;
}

int rt_via_lose(struct runtime *rt, struct rt_guest *g, const struct prefix *p)
{
	struct spec head = g->head; /* borrows the list */

	if (!head.has_via || !prefix_is_exact(p) || !addr_equal(&head.via, &p->addr))
		return 0;
	head.has_via = false;
	head.via = addr_any;
	return rt_head_set(rt, g, &head);
}

int rt_entry_lose(struct runtime *rt, struct rt_entry *e, enum runtime_cause cause)
{
	const int err = rt_via_lose(rt, e->guest, &e->prefix);
	struct rt_record *r = err ? NULL : journal_room(rt, e->guest);

	if (!r)
		return -ENOMEM;
	*r = (struct rt_record){.change = RT_OUT,
		.cause = cause,
		.guest = e->guest,
		.entry = e,
		.behind = TAILQ_PREV(e, rt_entries, of_guest)};
	journal_add(rt, r);
	entry_unlink(rt, e);
	return 0;
}

static void record_undo(struct runtime *rt, const struct rt_record *r)
{
	struct rt_guest *g = r->guest;

	switch (r->change) {
	case RT_IN:
		entry_unlink(rt, r->entry);
		free(r->entry);
		break;
	case RT_OUT:
		if (r->behind)
			TAILQ_INSERT_AFTER(&g->entries, r->behind, r->entry, of_guest);
		else
			TAILQ_INSERT_HEAD(&g->entries, r->entry, of_guest);
		entry_link(rt, r->entry);
		break;
	case RT_HEAD:
		spec_free(&g->head);
		g->head = *r->head;
		free(r->head);
		guest_place(rt, g, r->place);
		break;
	}
	rt->touched[g->touch - 1].last = r->before;
}

void rt_undo(struct runtime *rt, size_t n)
{
	while (rt->nrecords > n)
		record_undo(rt, &rt->journal[--rt->nrecords]);
}

static void record_forget(const struct rt_record *r)
{
	switch (r->change) {
	case RT_IN: break;
	case RT_OUT: free(r->entry); break;
	case RT_HEAD:
		spec_free(r->head);
		free(r->head);
		break;
	}
}

void rt_end(struct runtime *rt)
{
	struct rt_place *p;

	for (size_t i = 0; i < rt->nrecords; i++)
		record_forget(&rt->journal[i]);
	for (size_t i = 0; i < rt->ntouched; i++) {
		struct rt_guest *g = rt->touched[i].guest;

		g->touch = 0;
		if (g->n)
			continue;
		chain_del(&rt->names, &g->by_name);
		guest_place(rt, g, NULL);
		guest_free(g);
	}
	while ((p = SLIST_FIRST(&rt->deserted))) {
		SLIST_REMOVE_HEAD(&rt->deserted, next);
		p->deserted = false;
		if (!LIST_EMPTY(&p->guests))
			continue;
		chain_del(&rt->vifs, &p->by_vif);
		free(p);
	}
	rt->nrecords = rt->ntouched = 0;
	rt->alone = false;
	if (rt->records_room > JOURNAL_KEEP) {
		free(rt->journal);
		rt->journal = NULL;
		rt->records_room = 0;
	}
	if (rt->touched_room > JOURNAL_KEEP) {
		free(rt->touched);
		rt->touched = NULL;
		rt->touched_room = 0;
	}
	if (rt->scratch_room > JOURNAL_KEEP) {
		free(rt->scratch);
		rt->scratch = NULL;
		rt->scratch_room = 0;
	}
}
