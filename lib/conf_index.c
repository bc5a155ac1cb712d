/* conf_index: a hash index, so that a million guests and addresses load in linear time. */
#include <stdlib.h>
#include <string.h>

#include "conf_private.h"

void *array_grow(void *array, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return array;
	return reallocarray(array, n ? 2 * n : 1, size);
}

static bool index_resize(struct index *x, size_t cap)
{
	struct slot *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i < x->cap; i++) {
		size_t at = x->slots[i].hash & (cap - 1);

		if (x->slots[i].i == 0)
			continue;
		while (slots[at].i)
			at = (at + 1) & (cap - 1);
		slots[at] = x->slots[i];
	}
	free(x->slots);
	x->slots = slots;
	x->cap = cap;
	return true;
}

void index_reserve(struct index *x, size_t n)
{
	size_t cap = x->cap ? x->cap : 64;

	while (2 * n > cap)
		cap *= 2;
	if (cap > x->cap)
		index_resize(x, cap);
}

bool index_add(struct index *x, uint32_t hash, size_t i)
{
	size_t at;

	if (2 * (x->n + 1) > x->cap && !index_resize(x, x->cap ? 2 * x->cap : 64))
		return false;
	at = hash & (x->cap - 1);
	while (x->slots[at].i)
		at = (at + 1) & (x->cap - 1);
	x->slots[at] = (struct slot){hash, (uint32_t)i + 1};
	x->n++;
	return true;
}

const struct slot *index_next(const struct index *x, uint32_t hash, size_t *at)
{
	if (!x->cap)
		return NULL;
	for (;; (*at)++) {
		const struct slot *slot = &x->slots[(hash + *at) & (x->cap - 1)];

		if (slot->i == 0)
			return NULL;
		if (slot->hash == hash) {
			(*at)++;
			return slot;
		}
	}
}

static uint32_t hash_mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ULL;
	return (uint32_t)(h ^ (h >> 33));
}

uint32_t hash_bytes(const void *data, size_t len, uint64_t h)
{
	const unsigned char *p = data;
	uint64_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 32;
	}
	for (; len; p++, len--)
		h = (h ^ *p) * 0x9e3779b97f4a7c15ULL;
	return hash_mix(h);
}
