/*
 * cursor: bounded reading and writing of bytes.
 *
 * Every byte of a packet is read and written through one of these two, so that a length found on
 * the wire is compared with what is left before anything is touched. Numbers are in network order.
 */
#ifndef CURSOR_H
#define CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *p;
	size_t left;
};

/* The next n bytes, or NULL (and nothing taken) where fewer are left. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (n > c->left)
		return NULL;
	c->p += n;
	c->left -= n;
	return p;
}

/* Each returns false, and leaves *ret and the cursor alone, where too few bytes are left. */
static inline bool cursor_u8(struct cursor *c, uint8_t *ret)
{
	const uint8_t *p = cursor_take(c, 1);

	if (!p)
		return false;
	*ret = p[0];
	return true;
}

static inline bool cursor_u16(struct cursor *c, uint16_t *ret)
{
	const uint8_t *p = cursor_take(c, 2);

	if (!p)
		return false;
	*ret = (uint16_t)(p[0] << 8 | p[1]);
	return true;
}

static inline bool cursor_bytes(struct cursor *c, void *ret, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	if (!p)
		return false;
	memcpy(ret, p, n);
	return true;
}

/* Writes until full; then every further write is dropped and `full` stays set. */
struct writer {
	uint8_t *p;
	size_t left;
	bool full;
};

static inline uint8_t *writer_take(struct writer *w, size_t n)
{
	uint8_t *p = w->p;

	if (w->full || n > w->left) {
		w->full = true;
		return NULL;
	}
	w->p += n;
	w->left -= n;
	return p;
}

static inline void writer_bytes(struct writer *w, const void *from, size_t n)
{
	uint8_t *p = writer_take(w, n);

	if (p)
		memcpy(p, from, n);
}

static inline void writer_zero(struct writer *w, size_t n)
{
	uint8_t *p = writer_take(w, n);

	if (p)
		memset(p, 0, n);
}

static inline void writer_u8(struct writer *w, uint8_t v)
{
	writer_bytes(w, &v, 1);
}

static inline void writer_u16(struct writer *w, uint16_t v)
{
	const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	writer_bytes(w, b, 2);
}

#endif
