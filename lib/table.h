/*
 * table: guests, and the addresses and prefixes that are listed; exact and longest-prefix lookup.
 *
 * An entry is one address or prefix, and stands here once. It belongs to a guest, or is an address
 * of the host itself, or (a mistake that is told) both. Entries live in one open-addressing hash
 * with a keyed hash function (SipHash), so that nobody on the wire can choose addresses that
 * collide (H72); a lookup tries the prefix lengths that occur, longest first, so it costs the same
 * at one address and at a million. Pointers to entries and guests stay valid until removed.
 *
 * An entry is one cache line, for a million of them must neither fill the memory nor miss the cache
 * twice; so entries know each other by number, and lists of them are walked with the functions
 * here.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "addr.h"
#include "chain.h"
#include "msg.h"
#include "spec.h"

struct iface;

/* What the kernel has of the entry's host route, as far as we know. */
enum route_state {
	ROUTE_NONE,
	ROUTE_OURS,    /* installed by us: route_oif, route_source */
	ROUTE_FOREIGN, /* another protocol's through the same vif: as good as ours (K09) */
	ROUTE_BLOCKED, /* another protocol's to elsewhere (K09) */
	ROUTE_FAILED,  /* the kernel refused it; tried again on every event and every few seconds */
};

/* Why an address is neither answered nor routed although its guest is there: another host has it.
 */
enum hold {
	HOLD_NONE,
	HOLD_PROBING,  /* it is being asked whether one has (`probe`) */
	HOLD_CONFLICT, /* one has answered */
	HOLD_YIELDED,  /* given up to one that announced it (`yield`) */
};

struct table;
struct guest;

/* Lists that an entry is in: its guest's, and one of the engine's queues. */
enum listed_link { LINK_GUEST, LINK_QUEUE, LINK_COUNT };

struct listed {
	struct guest *guest; /* NULL: the host's own only */
	uint64_t due;        /* in a queue, ms */
	struct {
		uint32_t next, prev;
	} links[LINK_COUNT];
	uint32_t generation; /* of the configuration that last mentioned it */
	uint32_t route_oif;
	uint16_t route_source; /* of the engine's list of sources; 0: none */
	uint16_t host;         /* interfaces of the host that have this very address */
	struct prefix prefix;
	uint8_t silent : 7;        /* enum reason: what a question on the uplink is told, cached */
	uint8_t contested : 1;     /* announced by another host as well, at about the same time */
	uint8_t announce_left : 4; /* announcements still to be sent, or rounds of a probe */
	uint8_t hold : 2;          /* enum hold */
	uint8_t probed : 1;        /* nobody else has it: it was asked for, or ours all the time */
	uint8_t route_seen : 1;    /* in the dump of a sync */
	uint8_t route : 3;         /* enum route_state */
	uint8_t queued : 3;        /* enum queue of the engine */
	uint8_t foreign : 1;       /* other protocols have routes to it, perhaps */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct listed) == 64, "an entry is a cache line");
_Static_assert(REASON_COUNT <= 128, "a reason fits");

struct listed_list {
	struct table *table;
	uint32_t first, last;
};
struct listed *list_first(const struct listed_list *l); /* NULL: none */
struct listed *list_next(const struct listed *en, enum listed_link link);
void list_append(struct listed_list *l, struct listed *en, enum listed_link link);
void list_remove(struct listed_list *l, struct listed *en, enum listed_link link);

/* An address that a guest lists and does not get, because another entry of it is in force. */
struct aside {
	struct prefix prefix;
	STAILQ_ENTRY(aside) next;
};
STAILQ_HEAD(aside_list, aside);

struct guest {
	struct chain_node node; /* the table's own: by name */
	char name[SPEC_NAME_MAX + 1];
	enum origin origin; /* name and origin together are the key */
	bool route;
	bool has_via;
	struct addr via;
	uint8_t (*macs)[MAC_LEN];
	size_t nmacs;
	struct iface *vif;             /* NULL: none */
	struct iface *uplink;          /* NULL: the configuration has none of this name */
	char uplink_name[IF_NAMESIZE]; /* "": the only one */
	uint32_t generation;
	struct listed_list entries;
	struct aside_list aside;
	size_t nentries;
	size_t nexact;          /* of them, single addresses; */
	size_t nyielded;        /* of those, given up to other hosts */
	struct guest *namesake; /* a ring of the guests of this name, by origin; alone: itself */
	TAILQ_ENTRY(guest) next;
	LIST_ENTRY(guest) of_vif;
};
TAILQ_HEAD(guest_list, guest);

/* key: 16 random bytes. Every function that makes something returns NULL without memory. */
struct table *table_new(const uint8_t key[16]);
void table_free(struct table *t);          /* with all entries and guests */
size_t table_count(const struct table *t); /* entries of guests */
/* Makes room for so many entries at once, rather than by and by. Without memory nothing happens. */
void table_reserve(struct table *t, size_t n);

struct guest *table_guest(const struct table *t, const char *name, enum origin origin);
struct guest *table_guest_add(struct table *t, const char *name, enum origin origin);
void table_guest_del(struct table *t, struct guest *g);       /* its entries must be gone */
const struct guest_list *table_guests(const struct table *t); /* in the order they came */
#define TABLE_FOREACH_GUEST(g, t) TAILQ_FOREACH (g, table_guests(t), next)
#define GUEST_FOREACH_ENTRY(en, g) \
	for ((en) = list_first(&(g)->entries); (en); (en) = list_next((en), LINK_GUEST))

/* It will soon be looked for: a hint, while something else is done. */
void table_expect(const struct table *t, const struct prefix *p);
/* The entry of exactly this prefix, or NULL. */
struct listed *table_find(const struct table *t, const struct prefix *p);
/* The longest entry that contains the address, or NULL. */
struct listed *table_lookup(const struct table *t, const struct addr *a);
/* The same, without the host's own addresses. */
struct listed *table_lookup_guest(const struct table *t, const struct addr *a);
/* Finds or makes the entry. Give it a guest or a host count, or remove it again. */
struct listed *table_add(struct table *t, const struct prefix *p);
void table_del(struct table *t, struct listed *en);
/* Who an entry belongs to: guest NULL takes it away. */
void table_assign(struct table *t, struct listed *en, struct guest *g);

#endif
