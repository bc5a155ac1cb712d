/*
 * runtime_set: inside of runtime: the guests, their indexes, and the journal of the open batch.
 *
 * For runtime.c (the rules) and runtime_batch.c (the batch) alone; everybody else uses runtime.h.
 *
 * The set is changed in place. Each change leaves a record in the journal, and undoing one neither
 * allocates nor fails. What a change takes out of the set stays in memory until the batch ends,
 * whichever way. A guest that has no address is not there as far as the rules are concerned; it
 * is removed when the batch ends.
 */
#ifndef RUNTIME_SET_H
#define RUNTIME_SET_H

#include <sys/queue.h>

#include "chain.h"
#include "runtime.h"

struct rt_entry {
	struct chain_node node;
	TAILQ_ENTRY(rt_entry) of_guest;
	struct rt_guest *guest;
	struct prefix prefix;
	bool linked;
	uint32_t request; /* that added it */
};

/* The guests that registered on an interface: the same name with another index is another one. */
struct rt_place {
	struct chain_node by_vif;
	char vif[IF_NAMESIZE];
	uint32_t ifindex;
	bool deserted; /* in the list of those that may be empty */
	LIST_HEAD(, rt_guest) guests;
	SLIST_ENTRY(rt_place) next;
};

struct rt_guest {
	struct chain_node by_name;
	LIST_ENTRY(rt_guest) of_place;
	struct rt_place *place;
	struct spec head; /* all but the addresses */
	TAILQ_HEAD(rt_entries, rt_entry) entries;
	size_t n;
	uint32_t touch; /* in the open batch: the index plus one */
};

enum rt_change { RT_IN, RT_OUT, RT_HEAD };

struct rt_record {
	enum rt_change change;
	enum runtime_cause cause;
	uint32_t before; /* of the same guest: the record's index plus one; 0: none */
	struct rt_guest *guest;
	union {
		struct {
			struct rt_entry *entry, *behind; /* where it stood; NULL: first */
		};
		struct {
			struct spec *head; /* as it was */
			struct rt_place *place;
		};
	};
};

/* A guest that the batch touched. */
struct rt_touch {
	struct rt_guest *guest;
	size_t had;    /* addresses, when it was touched first */
	uint32_t last; /* its last record: the index plus one */
};

struct runtime {
	struct runtime_lookups lookups;
	struct chain names, vifs, prefixes;
	size_t nguests; /* that have addresses */
	SLIST_HEAD(, rt_place) deserted;
	uint32_t request; /* counts them */
	bool alone;       /* the batch must have no further request */
	struct rt_record *journal;
	size_t nrecords, records_room;
	struct rt_touch *touched;
	size_t ntouched, touched_room;
	/* guests whose file may be another than the set says, some named twice; or all */
	char (*unsaved)[SPEC_NAME_MAX + 1];
	size_t nunsaved;
	bool all_unsaved;
	struct prefix *scratch; /* addresses of one guest */
	size_t scratch_room;
};

#define rt_guest_of(node) \
	((struct rt_guest *)(void *)((char *)(node)-offsetof(struct rt_guest, by_name)))
struct rt_guest *rt_guest_find(const struct runtime *rt, const char *name); /* with addresses */
struct rt_entry *rt_entry_find(const struct runtime *rt, const struct prefix *p);
/* The places of this vif name, one after another: NULL starts. */
struct rt_place *rt_place_next(const struct runtime *rt, const char *vif, struct rt_place *p);
#define RT_FOREACH_PLACE(p, rt, vif) \
	for ((p) = rt_place_next(rt, vif, NULL); (p); (p) = rt_place_next(rt, vif, p))

/* Changes. Each returns 0 or -ENOMEM with nothing changed. */
/* The guest of this name, with or without addresses; a new one has no head yet. NULL: no memory. */
struct rt_guest *rt_guest_get(struct runtime *rt, const char *name);
int rt_head_set(struct runtime *rt, struct rt_guest *g, const struct spec *head);
int rt_entry_add(struct runtime *rt, struct rt_guest *g, const struct prefix *p);
/* A `via` goes with its address. */
int rt_via_lose(struct runtime *rt, struct rt_guest *g, const struct prefix *p);
int rt_entry_lose(struct runtime *rt, struct rt_entry *e, enum runtime_cause cause);

/* The guest's file may be another than the set says: runtime_repair() sees to it. */
void rt_unsaved(struct runtime *rt, const char *name);

/* Undoes all records from the n-th on. */
void rt_undo(struct runtime *rt, size_t n);
/* Ends the batch: what is in the set stays, and what is not is freed. */
void rt_end(struct runtime *rt);

/* Room for addresses in rt->scratch. */
bool rt_scratch(struct runtime *rt, size_t n);
/* The guest with its addresses, which are in rt->scratch; there must be room. */
struct spec rt_whole(struct runtime *rt, const struct rt_guest *g);

/* runtime.c: 0, -EEXIST with a sentence in why, -ENOMEM, or -EAGAIN: the batch must end first. All
 * but 0 leave the set as it was. */
int rt_add(struct runtime *rt, const struct spec *request, bool replace, char why[RUNTIME_WHY_MAX]);
int rt_del(struct runtime *rt, const struct spec *request, char why[RUNTIME_WHY_MAX]);

#endif
