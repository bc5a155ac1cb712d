/*
 * engine_announce: unsolicited announcements, paced over all addresses (N11).
 *
 * An address that becomes answered is announced as often as its uplink's `announce` says, an
 * interval of the codec apart. Fresh ones wait in one queue and repeats in another; both are in
 * order of time, so the next one is always at a head. The questions of a probe are paced with them.
 * While an uplink is not ready nothing waits: all of it is announced when it becomes ready.
 */
#include "engine_private.h"

#include <string.h>

#define CATCH_UP_US 10000 /* how much of a late timer is made good in one burst */

void queue_set(struct engine *e, struct listed *en, enum queue q)
{
	if (en->queued != QUEUE_NONE)
		list_remove(&e->queues[en->queued], en, LINK_QUEUE);
	en->queued = (uint8_t)q;
	if (q != QUEUE_NONE)
		list_append(&e->queues[q], en, LINK_QUEUE);
}

struct listed *queue_first(const struct engine *e, enum queue q)
{
	return list_first(&e->queues[q]);
}

void announce_cancel(struct engine *e, struct listed *en)
{
	queue_set(e, en, QUEUE_NONE);
	en->announce_left = 0;
	en->contested = false;
}

void announce_schedule(struct engine *e, struct listed *en)
{
	const struct iface *u = en->guest->uplink;

	announce_cancel(e, en);
	if (!u || !u->ready || u->uplink.announce == 0 || !prefix_is_exact(&en->prefix))
		return;
	en->announce_left = (uint8_t)u->uplink.announce;
	queue_set(e, en, QUEUE_FRESH);
}

static void announce_arrival(struct engine *e, struct listed *en)
{
	if (en->silent == REASON_ANSWERED)
		announce_schedule(e, en);
	engine_walk(e);
}

void announce_uplink(struct engine *e, const struct iface *uplink)
{
	const struct guest *g;
	struct listed *en;

	TABLE_FOREACH_GUEST (g, e->table) {
		if (g->uplink != uplink)
			continue;
		GUEST_FOREACH_ENTRY (en, g)
			announce_arrival(e, en);
	}
}

bool engine_announce(struct engine *e, uint64_t now, struct listed *en)
{
	engine_claim(e, now, en);
	if (en->hold == HOLD_PROBING)
		return true;
	if (!en->guest || en->silent != REASON_ANSWERED || !prefix_is_exact(&en->prefix) ||
		!en->guest->uplink || !en->guest->uplink->ready)
		return false;
	announce_schedule(e, en);
	if (en->queued == QUEUE_NONE) { /* `announce = 0`, and yet asked for by hand */
		en->announce_left = 1;
		queue_set(e, en, QUEUE_FRESH);
	}
	return true;
}

static void announce_send(struct engine *e, uint64_t now, struct listed *en)
{
	struct iface *u = en->guest->uplink;
	struct msg m = {.kind = MSG_TELL,
		.target = en->prefix.addr,
		.announcement = true,
		.override = true,
		.has_lladdr = true};

	if (!u || !u->ready || !iface_source(e, u, &m.target, &m.target, &m.src)) {
		announce_cancel(e, en);
		return;
	}
	memcpy(m.eth_src, u->link.mac, MAC_LEN);
	memcpy(m.lladdr, u->link.mac, MAC_LEN);
	e->sink->send(e->sink->ctx, u, &m);
	u->counters.announced++;
	en->announce_left--;
	en->due = now + e->codec->announce_interval_ms;
	queue_set(e, en, QUEUE_REPEATED);
}

uint64_t announce_next(const struct engine *e)
{
	const struct listed *repeat = queue_first(e, QUEUE_REPEATED);
	uint64_t pace_at = (e->pace_at + 999) / 1000;

	if (queue_first(e, QUEUE_ASKING) || queue_first(e, QUEUE_FRESH))
		return pace_at;
	if (!repeat)
		return UINT64_MAX;
	return repeat->due > pace_at ? repeat->due : pace_at;
}

void announce_tick(struct engine *e, uint64_t now)
{
	while (announce_next(e) <= now) {
		struct listed *en = queue_first(e, QUEUE_ASKING);

		if (!en && (en = queue_first(e, QUEUE_REPEATED)) && en->due > now)
			en = NULL;
		if (!en)
			en = queue_first(e, QUEUE_FRESH);
		if (!en)
			break;
		if (en->queued == QUEUE_REPEATED && en->announce_left == 0) {
			announce_cancel(e, en); /* its last one has been heard */
			continue;
		}
		if (e->pace_at + CATCH_UP_US < now * 1000)
			e->pace_at = now * 1000 - CATCH_UP_US;
		e->pace_at += 1000000 / e->pace;
		if (en->queued == QUEUE_ASKING)
			probe_send(e, now, en);
		else
			announce_send(e, now, en);
	}
}
