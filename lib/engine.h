/*
 * engine: (now, event) -> effects: the whole policy, and nothing but the policy.
 *
 * Events are frames (already decoded), links, addresses and routes of the kernel, guests and
 * settings of the administrator, and time. Effects go to a sink. The engine never touches a file
 * descriptor, a clock or a constant of a protocol; `now` is in milliseconds of the monotonic
 * clock, and protocol facts come with `struct codec`. One engine serves one daemon.
 *
 * Life cycle: engine_new(); a configuration (engine_config_begin() ... _end()); a sync of the
 * kernel's tables (engine_sync_begin() ... _end()); then whatever comes. Routes are asked for, and
 * addresses answered, only after the first sync has ended.
 *
 * Interfaces are known by name: an interface of a guest may be absent, and one that comes back is
 * the same. A pointer to one stays valid while it is listened on (effect `listen`).
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "msg.h"
#include "policy.h"
#include "table.h"

struct counters {
	uint64_t received, answered, announced, lost, dropped[REASON_COUNT];
};

/* An interface, by name. Read by everyone, written by the engine alone but for `listener`. */
struct iface {
	char name[IF_NAMESIZE];
	bool is_uplink;   /* the configuration's */
	unsigned nguests; /* guests whose vif this is */
	bool present;     /* the kernel has it: link is valid */
	struct link link;
	struct hostaddr *addrs;
	size_t naddrs;
	struct uplink_policy uplink;
	struct vif_policy vif;
	uint64_t uplinks;             /* of a vif: bits of the uplinks that its guests are behind */
	unsigned behind[UPLINKS_MAX]; /* of a vif: guests behind each of them */
	unsigned bit;                 /* of an uplink: its bit */
	bool ready;                   /* of an uplink: running, with a source to answer from */
	struct prefix *networks;      /* of an uplink: what is on-link there */
	size_t nnetworks;
	struct addr *gateways; /* of an uplink: next hops of the host's default routes */
	size_t ngateways;
	struct counters counters;
	LIST_HEAD(, guest) guests; /* of a vif */
	bool listening, listening_as_uplink;
	bool deaf;                              /* should be listened on, and that failed ... */
	int deaf_why;                           /* ... with this -errno */
	uint64_t lost_at, overload_at;          /* when frames were lost last, ms; 0: never */
	void *listener;                         /* the sink's own */
	uint32_t generation, config_generation; /* last mentioned by */
};

struct sink {
	void *ctx;
	/* Send this on that interface. Returns nothing: a frame that could not be sent is told with
	 * engine_not_sent(). */
	void (*send)(void *ctx, struct iface *i, const struct msg *m);
	/* Add or delete a host route; the outcome comes back by engine_route_done(). */
	void (*route)(void *ctx, bool add, const struct route *r);
	/* Open (or close) a listener on an interface that is there. 0 or -errno: not open; asked
	 * again later. */
	int (*listen)(void *ctx, struct iface *i, bool on);
	/* Does the listener still hear? Not where the interface has been away meanwhile, be it the
	 * same or another of its index. */
	bool (*hears)(void *ctx, const struct iface *i);
	/* The settings of an interface as a vif: valid until the next configuration. */
	const struct vif_policy *(*vif_policy)(void *ctx, const char *name);
	/* Does the kernel itself answer on this vif for an address of the host (here: of this vif)?
	 */
	bool (*kernel_answers)(void *ctx, const struct iface *i, bool here);
	/* A prefix of a guest, or an address of the host or of all hosts of its networks, is there
	 * once more, or once less: for whoever drops what is not, before it gets here. */
	void (*listed)(void *ctx, const struct prefix *p, bool on);
	/* A hint that this one soon will be. */
	void (*expect)(void *ctx, const struct prefix *p);
	/* Comes by again and again in a walk over very many entries: frames may be handed in
	 * meanwhile (engine_frame(), engine_drop()), and nothing else. So they may in route(). */
	void (*pause)(void *ctx);
	/* Something happened that a person may want to know. limited: may come with every frame. */
	void (*note)(void *ctx, bool warning, bool limited, const char *text);
};

struct engine;

/* key: 16 random bytes, of the hash. codec and sink are borrowed. NULL without memory. */
struct engine *engine_new(
	const struct codec *codec, const struct sink *sink, const uint8_t key[16]);
void engine_free(struct engine *e);

/*
 * A configuration, whole: begin, everything in it, end. What is not mentioned again is dropped at
 * the end; what did not change is not touched. Run-time guests are not part of it. Guests are
 * copied. At most UPLINKS_MAX uplinks.
 */
struct config_diff {
	size_t added, removed, same; /* addresses */
};
void engine_config_begin(struct engine *e, const struct route_policy *route, unsigned pace);
void engine_config_uplink(struct engine *e, const char *name, const struct uplink_policy *p);
/* So many addresses are to come: worth saying where they are very many. */
void engine_config_expect(struct engine *e, size_t addresses);
int engine_config_guest(struct engine *e, uint64_t now, const struct spec *s);
void engine_config_end(struct engine *e, uint64_t now, struct config_diff *ret);

/*
 * Puts a run-time guest in force, whole (an address not in s any more is dropped; no addresses:
 * the guest is). An address that is the configuration's, or another guest's, is set aside. 0 or
 * -ENOMEM.
 */
int engine_guest(struct engine *e, uint64_t now, const struct spec *s);
/* The same where nothing has changed but addresses, at the cost of these: s has the new ones alone,
 * `gone` (which may be sorted) those that it has no more. It keeps at least one. */
int engine_guest_part(
	struct engine *e, uint64_t now, const struct spec *s, struct prefix *gone, size_t ngone);

/* The kernel's tables: what is not mentioned between begin and end is gone. */
void engine_sync_begin(struct engine *e);
void engine_sync_end(struct engine *e, uint64_t now);
void engine_link(struct engine *e, uint64_t now, const struct link *l, bool present);
/* The family has been switched on for an interface: routes that the kernel refused are due. */
void engine_family_up(struct engine *e, uint64_t now, uint32_t index);
void engine_address(struct engine *e, uint64_t now, const struct hostaddr *a, bool present);
void engine_route(struct engine *e, uint64_t now, const struct route *r, bool present);
/* Routes through this next hop object may be others than we know. */
void engine_nexthop(struct engine *e, uint64_t now, uint32_t id);
void engine_route_done(
	struct engine *e, uint64_t now, bool add, const struct route *r, int err, const char *text);

/*
 * A frame heard on a listener. engine_frame() returns the verdict, which it has counted; a frame
 * that did not decode (or is not for us) is counted with engine_drop().
 */
enum reason engine_frame(struct engine *e, uint64_t now, struct iface *i, const struct msg *m);
void engine_drop(struct engine *e, struct iface *i, enum reason r);
void engine_not_sent(struct engine *e, struct iface *i, unsigned frames);
/* Frames that nobody has heard, for want of room; or because there were too many to be answered. */
void engine_lost(struct engine *e, uint64_t now, struct iface *i, unsigned frames);
void engine_overload(struct engine *e, uint64_t now, struct iface *i);

/* The kernel's tables should be read again: something there is not as we thought. Clears itself. */
bool engine_wants_sync(struct engine *e);

/* Does what is due. Returns when it wants to be called next: milliseconds, UINT64_MAX never. */
uint64_t engine_tick(struct engine *e, uint64_t now);
/* The same without doing anything. */
uint64_t engine_next(const struct engine *e);

/* Announces an entry's address (again), or has it probed first. Returns false for a prefix, or one
 * that is not answered for another reason than that another host has it. */
bool engine_announce(struct engine *e, uint64_t now, struct listed *en);

/* Somebody says that an address is here: where it was given up to another host, or found there by a
 * probe, it is ours again, or probed again. */
void engine_claim(struct engine *e, uint64_t now, struct listed *en);
/* Those that are given up to other hosts (each may be NULL). Returns how often that has changed. */
uint64_t engine_yields(
	const struct engine *e, void (*each)(void *ctx, const struct listed *en), void *ctx);
/* There was an earlier life: addresses whose host routes cannot tell, because they have none of
 * ours, need no probe. Before the first sync. */
void engine_resumes(struct engine *e);
/* Given up in an earlier life. Before the first sync. */
void engine_yielded(struct engine *e, struct listed *en);
/* Counts each beginning and end of such a state, and of a probe: has it changed? */
uint64_t engine_holds(const struct engine *e);
/* Why an entry is not answered, a clause for people; may use text. */
#define SILENCE_MAX 192
const char *engine_silence(const struct engine *e, const struct listed *en, char text[SILENCE_MAX]);

/* Deletes all host routes of ours (a stop with keep-routes off). */
void engine_withdraw(struct engine *e, uint64_t now);

/* For list, status, stats. */
const struct table *engine_table(const struct engine *e);
struct iface *engine_iface(const struct engine *e, const char *name); /* NULL: not known */
uint32_t engine_ifindex(const struct engine *e, const char *name);    /* 0: absent */
const char *engine_ifname(const struct engine *e, uint32_t index);    /* NULL: absent */
void engine_ifaces(const struct engine *e, void (*each)(void *ctx, struct iface *i), void *ctx);
/* The source an answer would bear on an interface for a target; false: none usable. */
bool engine_source(
	const struct engine *e, const struct iface *i, const struct addr *target, struct addr *ret);
void engine_warnings(const struct engine *e, uint64_t now,
	void (*each)(void *ctx, const char *code, const char *text), void *ctx);

#endif
