/*
 * spec: a guest as somebody specifies it: a section of the configuration, a line of the
 * guests-file, a file of the state directory, an `add` on the control socket.
 *
 * Life cycle: spec_init(), the setters, spec_check(), handed to the engine (which copies), then
 * spec_free(). The setters check each value by itself, spec_check() the whole. Each returns true,
 * or false with a sentence in why that says what is wrong and what was expected (no file, no line,
 * no final dot: the caller knows where).
 */
#ifndef SPEC_H
#define SPEC_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define SPEC_NAME_MAX 64 /* characters of a guest's name */
#define SPEC_WHY_MAX  512

/* Where an address comes from, in order of precedence: a smaller one wins. */
enum origin { ORIGIN_CONFIG, ORIGIN_FILE, ORIGIN_COMMAND };

const char *origin_name(enum origin o); /* "config", "file", "command" */

struct spec {
	char name[SPEC_NAME_MAX + 1];
	char vif[IF_NAMESIZE];    /* "": none, answered and not routed */
	char uplink[IF_NAMESIZE]; /* "": the only one */
	bool route;
	bool has_via;
	struct addr via;
	uint8_t (*macs)[6];
	size_t nmacs;
	struct prefix *prefixes;
	size_t nprefixes;
	enum origin origin;
	uint32_t ifindex; /* run-time guests: of the vif when registered; 0: it was absent */
};

void spec_init(struct spec *s, enum origin origin);       /* route true, all else empty */
void spec_free(struct spec *s);                           /* what it owns, not s itself */
bool spec_copy(struct spec *to, const struct spec *from); /* to: uninitialised; false: no memory */

bool spec_set_name(struct spec *s, const char *text, char why[SPEC_WHY_MAX]);
bool spec_set_vif(struct spec *s, const char *text, char why[SPEC_WHY_MAX]);
bool spec_set_uplink(struct spec *s, const char *text, char why[SPEC_WHY_MAX]);
bool spec_set_via(struct spec *s, const char *text, int family, char why[SPEC_WHY_MAX]);
bool spec_add_mac(struct spec *s, const char *text, char why[SPEC_WHY_MAX]);
bool spec_add_prefix(struct spec *s, const char *text, int family, char why[SPEC_WHY_MAX]);

/* Is this the name of an interface (1 to 15 printable ASCII characters, no slash, colon or blank,
 * not "." or "..")? */
bool ifname_check(const char *text, char why[SPEC_WHY_MAX]);
/* 6 bytes in hexadecimal with colons; refuses multicast and zero addresses. */
bool mac_parse(const char *text, uint8_t mac[6], char why[SPEC_WHY_MAX]);
/* ret: at least 18 bytes; returns it */
const char *mac_format(const uint8_t mac[6], char *ret);
#define MAC_TEXT_MAX 18

/* The whole: addresses present, none twice, via one of the exact addresses. O(n log n). */
bool spec_check(const struct spec *s, char why[SPEC_WHY_MAX]);

/*
 * For messages: text between double quotes, on one line and in ASCII whatever it holds (bytes that
 * do not print as \xNN), and cut where it is long. Writes into buf and returns it.
 */
#define TEXT_QUOTE_MAX 96
const char *text_quote(const char *text, char buf[TEXT_QUOTE_MAX]);

bool spec_has_prefix(const struct spec *s, const struct prefix *p);
/* Drops p from the list; false where it is not there. */
bool spec_del_prefix(struct spec *s, const struct prefix *p);

#endif
