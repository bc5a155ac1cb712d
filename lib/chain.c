/*
 * chain: a hash of intrusive nodes (chain.h).
 *
 * Life cycle: chain_init(), nodes come and go, chain_free() once their owner has freed them.
 */
#include "chain.h"

#include <stdlib.h>

#define CHAIN_BUCKETS_MIN 64

bool chain_init(struct chain *c)
{
	c->n = 0;
	c->nbuckets = CHAIN_BUCKETS_MIN;
	c->buckets = calloc(c->nbuckets, sizeof(*c->buckets));
	return c->buckets;
}

void chain_free(struct chain *c)
{
	free(c->buckets);
	c->buckets = NULL;
}

static struct chain_node **bucket_of(const struct chain *c, uint64_t hash)
{
	return &c->buckets[hash & (c->nbuckets - 1)];
}

static void chain_grow(struct chain *c)
{
	struct chain bigger = {.nbuckets = c->nbuckets * 2};

	bigger.buckets = calloc(bigger.nbuckets, sizeof(*bigger.buckets));
	if (!bigger.buckets)
		return;
	for (size_t i = 0; i < c->nbuckets; i++) {
		struct chain_node *node = c->buckets[i];

		while (node) {
			struct chain_node *next = node->next;
			struct chain_node **to = bucket_of(&bigger, node->hash);

			node->next = *to;
			*to = node;
			node = next;
		}
	}
	free(c->buckets);
	c->buckets = bigger.buckets;
	c->nbuckets = bigger.nbuckets;
}

void chain_add(struct chain *c, struct chain_node *node, uint64_t hash)
{
	struct chain_node **to;

	if (c->n >= c->nbuckets)
		chain_grow(c);
	to = bucket_of(c, hash);
	node->hash = hash;
	node->next = *to;
	*to = node;
	c->n++;
}

void chain_del(struct chain *c, struct chain_node *node)
{
	struct chain_node **at = bucket_of(c, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	c->n--;
}

struct chain_node *chain_find(const struct chain *c, uint64_t hash)
{
	struct chain_node *node = *bucket_of(c, hash);

	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct chain_node *chain_next(const struct chain_node *node)
{
	const uint64_t hash = node->hash;
	struct chain_node *next = node->next;

	while (next && next->hash != hash)
		next = next->next;
	return next;
}

/* FNV-1a with the finaliser of MurmurHash3, because the buckets are taken from the low bits. */
uint64_t chain_hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccd;
	h ^= h >> 33;
	return h;
}
