/*
 * runtime_set: the run-time guests, their indexes, and changes of them (runtime.h, runtime_set.h).
 *
 * Life cycle: runtime_new(), runtime_load(), then changes; runtime_free(). Everything that a change
 * needs is allocated while it is put together, so that putting it in force cannot fail half way:
 * a commit saves, then unlinks the old guests and links the new ones. What a change does not
 * leave in the set is freed with it.
 */
#include "runtime_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define guest_of(node, member) \
	((struct rt_guest *)(void *)((char *)(node)-offsetof(struct rt_guest, member)))

/* What runtime.h shows of a change is its first member. */
struct change {
	struct runtime_change shown;
	struct runtime_step *steps;
	struct rt_guest **old, **new;
	size_t cap;
	bool committed;
};

static struct change *change_of(struct runtime_change *c)
{
	return (struct change *)(void *)c;
}

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

struct rt_guest *rt_guest_find(const struct runtime *rt, const char *name)
{
	struct chain_node *node = chain_find(&rt->names, hash_text(name));

	for (; node; node = chain_next(node))
		if (!strcmp(guest_of(node, by_name)->spec.name, name))
			return guest_of(node, by_name);
	return NULL;
}

struct rt_guest *rt_guest_on_vif(const struct runtime *rt, const char *vif, struct rt_guest *g)
{
	struct chain_node *node =
		g ? chain_next(&g->by_vif) : chain_find(&rt->vifs, hash_text(vif));

	for (; node; node = chain_next(node))
		if (!strcmp(guest_of(node, by_vif)->spec.vif, vif))
			return guest_of(node, by_vif);
	return NULL;
}

struct rt_entry *rt_entry_find(const struct runtime *rt, const struct prefix *p)
{
	struct chain_node *node = chain_find(&rt->prefixes, hash_prefix(p));

	for (; node; node = chain_next(node)) {
		struct rt_entry *e = (struct rt_entry *)(void *)node;

		if (prefix_equal(e->prefix, p))
			return e;
	}
	return NULL;
}

static void guest_free(struct rt_guest *g)
{
	if (!g)
		return;
	spec_free(&g->spec);
	free(g->entries);
	free(g);
}

static struct rt_guest *guest_new(const struct spec *s)
{
	struct rt_guest *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->entries = calloc(s->nprefixes ? s->nprefixes : 1, sizeof(*g->entries));
	if (!g->entries || !spec_copy(&g->spec, s)) {
		free(g->entries);
		free(g);
		return NULL;
	}
	for (size_t i = 0; i < g->spec.nprefixes; i++) {
		g->entries[i].guest = g;
		g->entries[i].prefix = &g->spec.prefixes[i];
	}
	return g;
}

static void guest_link(struct runtime *rt, struct rt_guest *g)
{
	chain_add(&rt->names, &g->by_name, hash_text(g->spec.name));
	chain_add(&rt->vifs, &g->by_vif, hash_text(g->spec.vif));
	for (size_t i = 0; i < g->spec.nprefixes; i++)
		chain_add(&rt->prefixes, &g->entries[i].node, hash_prefix(g->entries[i].prefix));
}

static void guest_unlink(struct runtime *rt, struct rt_guest *g)
{
	chain_del(&rt->names, &g->by_name);
	chain_del(&rt->vifs, &g->by_vif);
	for (size_t i = 0; i < g->spec.nprefixes; i++)
		chain_del(&rt->prefixes, &g->entries[i].node);
}

struct runtime *runtime_new(const struct runtime_lookups *lookups)
{
	struct runtime *rt = calloc(1, sizeof(*rt));

	if (!rt)
		return NULL;
	rt->lookups = *lookups;
	if (!chain_init(&rt->names) || !chain_init(&rt->vifs) || !chain_init(&rt->prefixes)) {
		runtime_free(rt);
		return NULL;
	}
	return rt;
}

void runtime_free(struct runtime *rt)
{
	if (!rt)
		return;
	for (size_t i = 0; rt->names.buckets && i < rt->names.nbuckets; i++) {
		struct chain_node *node = rt->names.buckets[i];

		while (node) {
			struct rt_guest *g = guest_of(node, by_name);

			node = node->next;
			guest_free(g);
		}
	}
	chain_free(&rt->names);
	chain_free(&rt->vifs);
	chain_free(&rt->prefixes);
	free(rt);
}

/* A `via` goes with its address. */
static void drop_lost_via(struct spec *s)
{
	if (!s->has_via)
		return;
	for (size_t i = 0; i < s->nprefixes; i++)
		if (prefix_is_exact(&s->prefixes[i]) && addr_equal(&s->prefixes[i].addr, &s->via))
			return;
	s->has_via = false;
	s->via = addr_any;
}

/* Takes one guest in without the addresses, or all, that somebody else has. */
static int load_one(struct runtime *rt, const struct spec *s,
	void (*lost)(void *ctx, const struct spec *guest, const struct prefix *p,
		const struct spec *owner),
	void *ctx)
{
	const struct rt_guest *namesake = rt_guest_find(rt, s->name);
	struct rt_guest *g = NULL;
	struct spec copy;
	size_t kept = 0;

	if (!spec_copy(&copy, s))
		return -ENOMEM;
	for (size_t i = 0; i < s->nprefixes; i++) {
		const struct rt_entry *e = rt_entry_find(rt, &s->prefixes[i]);
		const struct rt_guest *owner = namesake ? namesake : e ? e->guest : NULL;

		if (!owner)
			copy.prefixes[kept++] = s->prefixes[i];
		else if (lost)
			lost(ctx, s, &s->prefixes[i], &owner->spec);
	}
	copy.nprefixes = kept;
	drop_lost_via(&copy);
	if (kept)
		g = guest_new(&copy);
	spec_free(&copy);
	if (g)
		guest_link(rt, g);
	return kept && !g ? -ENOMEM : 0;
}

int runtime_load(struct runtime *rt, const struct spec *guests, size_t n,
	void (*lost)(void *ctx, const struct spec *guest, const struct prefix *p,
		const struct spec *owner),
	void *ctx)
{
	for (size_t i = 0; i < n; i++) {
		const int r = load_one(rt, &guests[i], lost, ctx);

		if (r)
			return r;
	}
	return 0;
}

size_t runtime_count(const struct runtime *rt)
{
	return rt->names.n;
}

const struct spec *runtime_guest(const struct runtime *rt, const char *name)
{
	const struct rt_guest *g = rt_guest_find(rt, name);

	return g ? &g->spec : NULL;
}

const struct spec *runtime_owner(const struct runtime *rt, const struct prefix *p)
{
	const struct rt_entry *e = rt_entry_find(rt, p);

	return e ? &e->guest->spec : NULL;
}

void runtime_foreach(
	const struct runtime *rt, void (*each)(void *ctx, const struct spec *s), void *ctx)
{
	for (size_t i = 0; i < rt->names.nbuckets; i++)
		for (struct chain_node *node = rt->names.buckets[i]; node; node = node->next)
			each(ctx, &guest_of(node, by_name)->spec);
}

bool rt_losses_add(
	struct rt_losses *l, struct rt_guest *g, const struct prefix *p, enum runtime_cause cause)
{
	if (l->n == l->cap) {
		const size_t cap = l->cap ? l->cap * 2 : 16;
		struct rt_loss *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return false;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = (struct rt_loss){.guest = g, .prefix = p, .cause = cause};
	return true;
}

bool rt_losses_add_all(struct rt_losses *l, struct rt_guest *g, enum runtime_cause cause)
{
	for (size_t i = 0; i < g->spec.nprefixes; i++)
		if (!rt_losses_add(l, g, &g->spec.prefixes[i], cause))
			return false;
	return true;
}

/* By guest, and of one guest in the order of its addresses. */
static int loss_compare(const void *a, const void *b)
{
	const struct rt_loss *x = a, *y = b;
	const int by_name = strcmp(x->guest->spec.name, y->guest->spec.name);

	if (by_name)
		return by_name;
	return (x->prefix > y->prefix) - (x->prefix < y->prefix);
}

/* One guest's losses, in the order of its addresses. */
static bool lose_one(struct runtime_change *c, const struct rt_loss *l, size_t n)
{
	const struct spec *before = &l->guest->spec;
	struct spec after;
	size_t kept = 0, lost = 0;
	bool ok;

	if (!spec_copy(&after, before))
		return false;
	for (size_t i = 0; i < before->nprefixes; i++) {
		const struct prefix *p = &before->prefixes[i];

		while (lost < n && l[lost].prefix < p)
			lost++;
		if (lost == n || l[lost].prefix != p)
			after.prefixes[kept++] = *p;
	}
	after.nprefixes = kept;
	drop_lost_via(&after);
	ok = rt_change_step(c, l->cause, l->guest, &after);
	spec_free(&after);
	return ok;
}

bool rt_change_lose(struct runtime_change *c, struct rt_losses *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), loss_compare);
	for (size_t i = 0, next; i < l->n; i = next) {
		for (next = i + 1; next < l->n && l->v[next].guest == l->v[i].guest;)
			next++;
		if (!lose_one(c, &l->v[i], next - i))
			return false;
	}
	return true;
}

struct runtime_change *rt_change_new(void)
{
	struct change *c = calloc(1, sizeof(*c));

	return c ? &c->shown : NULL;
}

static bool change_reserve(struct change *c)
{
	const size_t cap = c->cap ? c->cap * 2 : 4;
	struct rt_guest **old, **new;
	struct runtime_step *steps;

	if (c->shown.n < c->cap)
		return true;
	steps = reallocarray(c->steps, cap, sizeof(*steps));
	if (steps)
		c->shown.steps = c->steps = steps;
	old = reallocarray(c->old, cap, sizeof(struct rt_guest *));
	if (old)
		c->old = old;
	new = reallocarray(c->new, cap, sizeof(struct rt_guest *));
	if (new)
		c->new = new;
	if (!steps || !old || !new)
		return false;
	c->cap = cap;
	return true;
}

bool rt_change_step(struct runtime_change *shown, enum runtime_cause cause, struct rt_guest *old,
	const struct spec *after)
{
	struct change *c = change_of(shown);
	struct rt_guest *new;

	if (!change_reserve(c))
		return false;
	new = guest_new(after);
	if (!new)
		return false;
	c->steps[shown->n] = (struct runtime_step){
		.cause = cause,
		.before = old ? &old->spec : NULL,
		.after = &new->spec,
	};
	c->old[shown->n] = old;
	c->new[shown->n] = new;
	shown->n++;
	return true;
}

int runtime_commit(struct runtime *rt, struct runtime_change *shown,
	int (*save)(void *ctx, const struct spec *guest), void *ctx)
{
	struct change *c = change_of(shown);

	for (size_t i = 0; i < shown->n; i++) {
		const int r = save(ctx, c->steps[i].after);

		if (!r)
			continue;
		while (i--) {
			struct spec none = *c->steps[i].after;

			none.nprefixes = 0;
			save(ctx, c->steps[i].before ? c->steps[i].before : &none);
		}
		return r;
	}
	for (size_t i = 0; i < shown->n; i++)
		if (c->old[i])
			guest_unlink(rt, c->old[i]);
	for (size_t i = 0; i < shown->n; i++)
		if (c->new[i]->spec.nprefixes)
			guest_link(rt, c->new[i]);
	c->committed = true;
	return 0;
}

void runtime_change_free(struct runtime_change *shown)
{
	struct change *c;

	if (!shown)
		return;
	c = change_of(shown);
	for (size_t i = 0; i < shown->n; i++) {
		if (c->committed)
			guest_free(c->old[i]);
		if (!c->committed || !c->new[i]->spec.nprefixes)
			guest_free(c->new[i]);
	}
	free(c->steps);
	free(c->old);
	free(c->new);
	free(c);
}
