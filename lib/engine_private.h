/* engine: what its files share. Nobody else includes this. */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include "engine.h"

#define NONCES        64   /* of the guests' own DAD, remembered to know them again (D02) */
#define CONFLICTS     16   /* shown in `status` */
#define RETRY_MS      5000 /* for routes that the kernel refused */
#define SOURCES_MAX   4096 /* different preferred sources of host routes, ever */
#define EXIST_SYNC_MS 1000
#define WALK_PAUSE    4096
#define SYNC_DELAY_MS 20 /* of a sync that is asked for, so that many are one */

/* Routes of other protocols to one destination in the table of the host routes (K09). */
struct foreign {
	struct route route;
	uint32_t generation;
	struct foreign *next;
};

/* A route that makes a network on-link or names a gateway. */
struct path {
	struct route route;
	uint32_t generation;
	LIST_ENTRY(path) next;
};

/* Where an entry waits (LINK_QUEUE). */
enum queue {
	QUEUE_NONE,
	QUEUE_ASKING,   /* to be asked for (`probe`), before any announcement: somebody waits */
	QUEUE_FRESH,    /* to be announced for the first time */
	QUEUE_REPEATED, /* to be announced again, when due */
	QUEUE_PROBING,  /* asked for: for the next round, when due */
	QUEUE_HELD,     /* held since a moment ago: to be evaluated */
	QUEUE_YIELDED,  /* for ever, until it is claimed */
	QUEUE_COUNT
};

struct conflict {
	struct addr target;
	uint8_t mac[MAC_LEN];
	char iface[IF_NAMESIZE];
	uint64_t last;
	unsigned count; /* 0: free */
};

struct engine {
	const struct codec *codec;
	const struct sink *sink;
	struct table *table;
	void *by_name, *by_index; /* struct iface, tsearch(3) */
	struct iface *uplinks[UPLINKS_MAX];
	size_t nuplinks;
	struct route_policy route;
	uint32_t generation; /* counts configurations and run-time changes */
	uint32_t config_generation, sync_generation;
	struct config_diff diff; /* of the configuration that is being read */
	unsigned walked;         /* entries, in walks over many */
	bool syncing;
	bool synced;  /* the kernel's tables have been read once */
	bool resumed; /* and this is not the first life */
	bool wants_sync;
	uint64_t sync_due;  /* a sync that was asked for, a moment later so that many are one; 0:
			       none */
	bool source_usable; /* the configured source of host routes is an address of the host */
	void *foreign;      /* struct foreign by destination, tsearch(3) */
	void *vias;         /* next hops of the routes that are installed, engine_route.c's own */
	LIST_HEAD(, path) paths;
	struct addr *sources; /* see SOURCES_MAX; index 0 stands for none */
	uint16_t nsources;
	size_t failed;          /* entries with ROUTE_FAILED ... */
	int refused;            /* ... the last of them with this -errno */
	size_t deaf;            /* interfaces that should be listened on, and are not */
	uint64_t exist_sync_at; /* when a route that we have not heard of may cause a sync again */
	uint64_t retry_at;
	unsigned pace;
	struct listed_list queues[QUEUE_COUNT]; /* each in order of time */
	uint64_t pace_at;       /* when the next announcement may leave, in microseconds */
	uint64_t holds, yields; /* count changes of them */
	struct {
		struct addr target;
		uint8_t nonce[6];
		bool used;
	} nonces[NONCES];
	unsigned next_nonce;
	struct conflict conflicts[CONFLICTS];
};

/* engine_iface.c */
struct iface *iface_get(struct engine *e, const char *name); /* finds or makes */
struct iface *iface_by_index(const struct engine *e, uint32_t index);
void iface_release(struct engine *e, struct iface *i); /* frees it where nothing needs it */
void iface_free_all(struct engine *e);
void iface_listen(struct engine *e, struct iface *i); /* opens or closes as it should be */
bool iface_runs(const struct iface *i); /* present, up, and good for what it is: uplink or vif */
void source_refresh(struct engine *e);  /* e->source_usable */
bool iface_has(const struct iface *i, const struct addr *a); /* is it an address of its own? */
bool iface_is_own_mac(const struct engine *e, const struct iface *i, const uint8_t mac[MAC_LEN]);
void iface_mark(struct engine *e); /* before a sync, iface_sweep() after it */
void iface_sweep(struct engine *e, uint64_t now);

/* engine_learn.c */
/* The best of an interface's usable addresses for talking to peer, link-local ones or the others;
 * seen_only: during a sync, those that it has mentioned. */
bool source_best(const struct iface *i, bool linklocal, const struct addr *peer, bool seen_only,
	struct addr *ret);
/* Is it the broadcast address of a network of an uplink's own address? */
bool is_broadcast(const struct engine *e, const struct addr *a);
bool iface_learn(struct engine *e); /* true: gateways are others than before */
/* Does the prefix contain a gateway of its guest's uplink? */
bool covers_gateway(const struct listed *en);
/* networks and gateways of the uplinks, anew */
bool iface_on_link(const struct engine *e, const struct iface *vif, const struct addr *a);
bool iface_is_gateway(const struct engine *e, const struct iface *vif, const struct addr *a);
bool iface_source(const struct engine *e, const struct iface *i, const struct addr *requester,
	const struct addr *target, struct addr *ret);

/* engine_guest.c */
/* Which uplinks the guests of a vif are behind: counted, because one vif may have many guests. */
void vif_behind(struct iface *i, const struct iface *uplink, int by);
/* Behind another uplink all of the guest's addresses are arrivals. */
void guest_set_uplink(struct engine *e, struct guest *g);
/* Gives the guest one address, or sets it aside. Counts what is new in *added. */
int guest_take(struct engine *e, struct guest *g, const struct prefix *p, uint32_t generation,
	size_t *added);
/* To a guest behind the same uplink, the address is no arrival and stays in its queue. */
void entry_hand_over(struct engine *e, struct listed *en, struct guest *to);
/* Makes the guest be as the spec says, but for addresses that it has no more. */
int guest_apply(struct engine *e, const struct spec *s, uint32_t generation, size_t *added,
	struct guest **ret);
/* Drops those, which are of another generation; the guest too, where none is left. How many? */
size_t guest_sweep(struct engine *e, uint64_t now, struct guest *g, uint32_t generation);

/* engine_route.c */
void vias_free(struct engine *e);
void vif_evaluate(struct engine *e, uint64_t now, struct iface *i); /* all its guests' entries */
void guest_evaluate(struct engine *e, uint64_t now, struct guest *g);
void entry_evaluate(struct engine *e, uint64_t now, struct listed *en);
/* Is its guest there, so that only what other hosts say can keep it from being answered? */
bool entry_is_here(const struct engine *e, const struct listed *en);
void entry_evaluate_all(struct engine *e, uint64_t now);
void entry_withdraw(struct engine *e, struct listed *en); /* its route, if we installed one */
void route_lost(struct engine *e, struct listed *en);     /* the kernel has it no more */
void route_set(struct engine *e, struct listed *en, enum route_state s);
/* A route with our protocol number: right, stale, or taken away by somebody. */
void own_route(struct engine *e, uint64_t now, const struct route *r, bool present);

/* engine_kernel.c */
void request_sync(struct engine *e, uint64_t at);
struct foreign *foreign_find(const struct engine *e, const struct prefix *dst); /* a list */
void foreign_free_all(struct engine *e);

/* engine_announce.c */
void queue_set(struct engine *e, struct listed *en, enum queue q); /* out of one, into another */
struct listed *queue_first(const struct engine *e, enum queue q);
void announce_schedule(struct engine *e, struct listed *en);
void announce_cancel(struct engine *e, struct listed *en); /* a probe too */
void announce_uplink(struct engine *e, const struct iface *uplink);
void announce_tick(struct engine *e, uint64_t now);
uint64_t announce_next(const struct engine *e);

/* engine_hold.c */
/* Before anything else of an entry is evaluated: does it begin to be probed, is it held no more? */
void hold_evaluate(struct engine *e, struct listed *en);
/* Another host claims the entry's address: may be called amid a walk. */
void hold_heard(struct engine *e, uint64_t now, const struct iface *i, struct listed *en,
	const struct msg *m);
void hold_forget(struct engine *e, struct listed *en); /* the address is here no more */
/* The entry whose hold keeps this one from being answered: itself; of a network its next hop
 * (`via`), or where all addresses of its guest are given up, for it has moved, one of them. NULL:
 * none. */
const struct listed *hold_of(const struct engine *e, const struct listed *en);
void probe_send(struct engine *e, uint64_t now, struct listed *en);
void hold_tick(struct engine *e, uint64_t now);
uint64_t hold_next(const struct engine *e);

/* At each entry of a walk that may be over very many. */
static inline void engine_walk(struct engine *e)
{
	if (++e->walked % WALK_PAUSE == 0)
		e->sink->pause(e->sink->ctx);
}

void engine_note(const struct engine *e, bool warning, bool limited, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
