/* table: see table.h. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "siphash.h"

#define SLOTS_MIN  64
#define CHUNK_BITS 12
#define CHUNK      (1U << CHUNK_BITS)
#define CHUNK_SIZE (CHUNK * sizeof(struct listed))

/*
 * Entries live in chunks of 4,096, each aligned to its size. So from an entry's place follow its
 * chunk and its number; the first place has a head instead, which makes 0 no entry's number.
 */
union chunk {
	struct {
		struct table *table;
		uint32_t number;
	} head;
	struct listed entries[CHUNK];
};

/* A slot holds the number of an entry (0: free) and its hash, so that a probe seldom touches an
 * entry that is not the one, and neither growing nor closing a gap any. */
struct slot {
	uint32_t id, hash;
};

struct table {
	unsigned long long key[2];
	struct slot *slots;
	size_t nslots, used; /* nslots is a power of two */
	union chunk **chunks;
	size_t nchunks;
	uint32_t next_id, free_id;      /* free ones are chained through route_oif; 0: none */
	size_t lengths[ADDR_BITS + 1];  /* entries of each prefix length */
	uint8_t present[ADDR_BITS + 1]; /* the lengths that occur, longest first */
	size_t npresent;
	size_t nguest_entries;
	struct guest_list guests;
	struct chain by_name;
};

static uint32_t hash(const struct table *t, const struct prefix *p)
{
	uint64_t w[2];

	memcpy(w, p->addr.b, sizeof(w));
	return (uint32_t)(sip_prefix(t->key, w[0], w[1], p->len) >> 32);
}

static struct listed *entry_of(const struct table *t, uint32_t id)
{
	return &t->chunks[id >> CHUNK_BITS]->entries[id & (CHUNK - 1)];
}

static const union chunk *chunk_of(const struct listed *en)
{
	return (const void *)((uintptr_t)en & ~(uintptr_t)(CHUNK_SIZE - 1));
}

static uint32_t id_of(const struct listed *en)
{
	const union chunk *c = chunk_of(en);

	return c->head.number << CHUNK_BITS | (uint32_t)(en - c->entries);
}

struct listed *list_first(const struct listed_list *l)
{
	return l->first ? entry_of(l->table, l->first) : NULL;
}

struct listed *list_next(const struct listed *en, enum listed_link link)
{
	uint32_t next = en->links[link].next;

	return next ? entry_of(chunk_of(en)->head.table, next) : NULL;
}

void list_append(struct listed_list *l, struct listed *en, enum listed_link link)
{
	uint32_t id = id_of(en);

	en->links[link].next = 0;
	en->links[link].prev = l->last;
	if (l->last)
		entry_of(l->table, l->last)->links[link].next = id;
	else
		l->first = id;
	l->last = id;
}

void list_remove(struct listed_list *l, struct listed *en, enum listed_link link)
{
	uint32_t next = en->links[link].next, prev = en->links[link].prev;

	if (next)
		entry_of(l->table, next)->links[link].prev = prev;
	else
		l->last = prev;
	if (prev)
		entry_of(l->table, prev)->links[link].next = next;
	else
		l->first = next;
}

struct table *table_new(const uint8_t key[16])
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	memcpy(t->key, key, sizeof(t->key));
	TAILQ_INIT(&t->guests);
	t->nslots = SLOTS_MIN;
	t->slots = calloc(t->nslots, sizeof(*t->slots));
	if (!t->slots || !chain_init(&t->by_name)) {
		free(t->slots);
		free(t);
		return NULL;
	}
	return t;
}

static void guest_free(struct guest *g)
{
	struct aside *a;

	while ((a = STAILQ_FIRST(&g->aside))) {
		STAILQ_REMOVE_HEAD(&g->aside, next);
		free(a);
	}
	free(g->macs);
	free(g);
}

void table_free(struct table *t)
{
	struct guest *g;

	if (!t)
		return;
	while ((g = TAILQ_FIRST(&t->guests))) {
		TAILQ_REMOVE(&t->guests, g, next);
		guest_free(g);
	}
	for (size_t i = 0; i < t->nchunks; i++)
		free(t->chunks[i]);
	free(t->chunks);
	free(t->slots);
	chain_free(&t->by_name);
	free(t);
}

size_t table_count(const struct table *t)
{
	return t->nguest_entries;
}

static uint64_t name_hash(const char *name)
{
	return chain_hash(name, strlen(name));
}

static struct guest *guest_of(struct chain_node *node)
{
	return (struct guest *)((char *)node - offsetof(struct guest, node));
}

struct guest *table_guest(const struct table *t, const char *name, enum origin origin)
{
	struct chain_node *node = chain_find(&t->by_name, name_hash(name));

	for (; node; node = chain_next(node)) {
		struct guest *g = guest_of(node);

		if (g->origin == origin && strcmp(g->name, name) == 0)
			return g;
	}
	return NULL;
}

struct guest *table_guest_add(struct table *t, const char *name, enum origin origin)
{
	struct chain_node *node = chain_find(&t->by_name, name_hash(name));
	struct guest *g;

	if (strlen(name) > SPEC_NAME_MAX)
		return NULL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	strcpy(g->name, name);
	g->origin = origin;
	g->entries.table = t;
	STAILQ_INIT(&g->aside);
	g->namesake = g;
	for (; node && g->namesake == g; node = chain_next(node)) {
		struct guest *other = guest_of(node);

		if (strcmp(other->name, name) != 0)
			continue;
		g->namesake = other->namesake;
		other->namesake = g;
	}
	chain_add(&t->by_name, &g->node, name_hash(name));
	TAILQ_INSERT_TAIL(&t->guests, g, next);
	return g;
}

void table_guest_del(struct table *t, struct guest *g)
{
	struct guest *before = g;

	while (before->namesake != g)
		before = before->namesake;
	before->namesake = g->namesake;
	chain_del(&t->by_name, &g->node);
	TAILQ_REMOVE(&t->guests, g, next);
	guest_free(g);
}

const struct guest_list *table_guests(const struct table *t)
{
	return &t->guests;
}

/* The slot of the prefix, or the free one where it would go. */
static size_t slot_find(const struct table *t, const struct prefix *p, uint32_t h)
{
	size_t i = h & (t->nslots - 1);

	for (; t->slots[i].id; i = (i + 1) & (t->nslots - 1))
		if (t->slots[i].hash == h && prefix_equal(&entry_of(t, t->slots[i].id)->prefix, p))
			break;
	return i;
}

void table_expect(const struct table *t, const struct prefix *p)
{
	__builtin_prefetch(&t->slots[hash(t, p) & (t->nslots - 1)]);
}

struct listed *table_find(const struct table *t, const struct prefix *p)
{
	size_t i = slot_find(t, p, hash(t, p));

	return t->slots[i].id ? entry_of(t, t->slots[i].id) : NULL;
}

static struct listed *lookup(const struct table *t, const struct addr *a, bool guests_only)
{
	for (size_t i = 0; i < t->npresent; i++) {
		struct prefix p = prefix_network(a, t->present[i]);
		struct listed *en = table_find(t, &p);

		if (en && (en->guest || !guests_only))
			return en;
	}
	return NULL;
}

struct listed *table_lookup(const struct table *t, const struct addr *a)
{
	return lookup(t, a, false);
}

struct listed *table_lookup_guest(const struct table *t, const struct addr *a)
{
	return lookup(t, a, true);
}

static bool slots_resize(struct table *t, size_t n)
{
	struct slot *slots = calloc(n, sizeof(*slots)), *old = t->slots;
	size_t nold = t->nslots;

	if (!slots)
		return false;
	t->slots = slots;
	t->nslots = n;
	for (size_t i = 0; i < nold; i++) {
		size_t at;

		if (!old[i].id)
			continue;
		at = old[i].hash & (n - 1);
		while (t->slots[at].id)
			at = (at + 1) & (n - 1);
		t->slots[at] = old[i];
	}
	free(old);
	return true;
}

void table_reserve(struct table *t, size_t n)
{
	size_t nslots = t->nslots;

	while (n * 4 > nslots * 3)
		nslots *= 2;
	if (nslots > t->nslots)
		slots_resize(t, nslots);
}

static bool chunk_add(struct table *t)
{
	union chunk **chunks = realloc(t->chunks, (t->nchunks + 1) * sizeof(union chunk *));
	union chunk *c;

	if (!chunks)
		return false;
	t->chunks = chunks;
	c = aligned_alloc(CHUNK_SIZE, CHUNK_SIZE);
	if (!c)
		return false;
	c->head.table = t;
	c->head.number = (uint32_t)t->nchunks;
	chunks[t->nchunks++] = c;
	t->next_id = c->head.number << CHUNK_BITS | 1;
	return true;
}

/* A fresh entry, zeroed. */
static struct listed *entry_new(struct table *t)
{
	struct listed *en;

	if (t->free_id) {
		en = entry_of(t, t->free_id);
		t->free_id = en->route_oif;
	} else {
		if ((t->next_id & (CHUNK - 1)) == 0 && !chunk_add(t))
			return NULL;
		en = entry_of(t, t->next_id++);
	}
	memset(en, 0, sizeof(*en));
	return en;
}

static void lengths_update(struct table *t)
{
	t->npresent = 0;
	for (unsigned l = ADDR_BITS + 1; l-- > 0;)
		if (t->lengths[l])
			t->present[t->npresent++] = (uint8_t)l;
}

struct listed *table_add(struct table *t, const struct prefix *p)
{
	uint32_t h = hash(t, p);
	size_t i = slot_find(t, p, h);
	struct listed *en;

	if (t->slots[i].id)
		return entry_of(t, t->slots[i].id);
	if ((t->used + 1) * 4 > t->nslots * 3) {
		if (!slots_resize(t, t->nslots * 2))
			return NULL;
		i = slot_find(t, p, h);
	}
	en = entry_new(t);
	if (!en)
		return NULL;
	en->prefix = *p;
	t->slots[i] = (struct slot){id_of(en), h};
	t->used++;
	if (t->lengths[p->len]++ == 0)
		lengths_update(t);
	return en;
}

void table_del(struct table *t, struct listed *en)
{
	size_t mask = t->nslots - 1;
	size_t hole = slot_find(t, &en->prefix, hash(t, &en->prefix));

	table_assign(t, en, NULL);
	/* close the gap: move back whoever was pushed past it (Knuth 6.4, algorithm R) */
	for (size_t i = (hole + 1) & mask; t->slots[i].id; i = (i + 1) & mask) {
		size_t home = t->slots[i].hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole].id = 0;
	t->used--;
	if (--t->lengths[en->prefix.len] == 0)
		lengths_update(t);
	en->route_oif = t->free_id;
	t->free_id = id_of(en);
}

static void guest_count(struct guest *g, const struct listed *en, int by)
{
	g->nentries += (size_t)by;
	if (!prefix_is_exact(&en->prefix))
		return;
	g->nexact += (size_t)by;
	if (en->hold == HOLD_YIELDED)
		g->nyielded += (size_t)by;
}

void table_assign(struct table *t, struct listed *en, struct guest *g)
{
	if (en->guest) {
		list_remove(&en->guest->entries, en, LINK_GUEST);
		guest_count(en->guest, en, -1);
		t->nguest_entries--;
	}
	en->guest = g;
	if (g) {
		list_append(&g->entries, en, LINK_GUEST);
		guest_count(g, en, 1);
		t->nguest_entries++;
	}
}
