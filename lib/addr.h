/*
 * addr: an address of either family, and a prefix of addresses.
 *
 * An IPv4 address is kept v4-mapped (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2), so that table,
 * engine and state need one path only. A prefix length always counts in the 128 bits: the IPv4
 * prefix 192.0.2.0/24 has len 120. Text is the only place where the two families differ.
 */
#ifndef ADDR_H
#define ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ADDR_BITS     128
#define ADDR_V4_BITS  96  /* what the v4-mapped prefix takes */
#define ADDR_TEXT_MAX 56  /* longest text of an address or a prefix, with its NUL */
#define ADDR_WHY_MAX  256 /* room for a sentence of prefix_check() */

struct addr {
	uint8_t b[16];
};

struct prefix {
	struct addr addr;
	uint8_t len; /* 0 to 128 */
};

extern const struct addr addr_any; /* the unspecified address :: */

/* The family of an address, AF_INET where it is v4-mapped, otherwise AF_INET6. */
int addr_family(const struct addr *a);

/*
 * Kinds of addresses, for both families. The unspecified IPv4 address is 0.0.0.0 (v4-mapped);
 * link-local is fe80::/10 or 169.254/16; loopback ::1 or 127/8; multicast ff00::/8 or 224/4.
 */
bool addr_is_unspecified(const struct addr *a);
bool addr_is_multicast(const struct addr *a);
bool addr_is_linklocal(const struct addr *a);
bool addr_is_loopback(const struct addr *a);

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}
int addr_compare(const struct addr *a, const struct addr *b); /* as memcmp(3) */

/* From wire order: 4 bytes (mapped) or 16. */
struct addr addr_from_v4(const uint8_t b[4]);
struct addr addr_from_v6(const uint8_t b[16]);

/*
 * Reads an address, or an address with or without /LEN. Returns 0 or -EINVAL and leaves *ret
 * untouched. Host bits are kept: prefix_check() tells of them.
 */
int addr_parse(const char *text, struct addr *ret);
int prefix_parse(const char *text, struct prefix *ret);

/* Writes the usual text into buf (ADDR_TEXT_MAX bytes) and returns buf. An exact prefix is written
 * without its length. */
const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX]);
const char *prefix_format(const struct prefix *p, char buf[ADDR_TEXT_MAX]);

/*
 * May a guest have this prefix in the given family (AF_INET, AF_INET6)? Returns true, or false
 * with a sentence in why (ADDR_WHY_MAX bytes): other family, host bits (names the network),
 * link-local, multicast, loopback, unspecified, v4-mapped, 0/8 and 240/4.
 */
bool prefix_check(const struct prefix *p, int family, char why[ADDR_WHY_MAX]);

/* The length as people write it: of an IPv4 prefix 0 to 32. */
unsigned prefix_text_len(const struct prefix *p);

struct prefix prefix_exact(const struct addr *a);
bool prefix_is_exact(const struct prefix *p);
struct prefix prefix_network(const struct addr *a, uint8_t len); /* host bits cleared */
struct addr prefix_last(const struct prefix *p);                 /* its last address */
bool prefix_contains(const struct prefix *p, const struct addr *a);
static inline bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

#endif
