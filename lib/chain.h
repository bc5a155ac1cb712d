/*
 * chain: a hash of intrusive nodes.
 *
 * A node lives inside what it finds, so linking and unlinking never allocate and never fail: where
 * there is no memory for more buckets, chains grow longer instead. Several nodes may have the same
 * hash; whoever walks a chain compares keys. For sets that administrators fill; what strangers can
 * fill needs a keyed hash instead (H72).
 */
#ifndef CHAIN_H
#define CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chain_node {
	struct chain_node *next;
	uint64_t hash;
};

struct chain {
	struct chain_node **buckets;
	size_t nbuckets; /* a power of two */
	size_t n;
};

bool chain_init(struct chain *c); /* false: no memory */
void chain_free(struct chain *c); /* the buckets; nodes belong to their owner */
void chain_add(struct chain *c, struct chain_node *node, uint64_t hash);
void chain_del(struct chain *c, struct chain_node *node);
struct chain_node *chain_find(const struct chain *c, uint64_t hash); /* the first with this hash */
struct chain_node *chain_next(const struct chain_node *node);        /* the next with the same */

uint64_t chain_hash(const void *data, size_t len);

#endif
