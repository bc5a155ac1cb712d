/*
 * engine_hold: addresses that another host has, or may have (`probe` and `yield`).
 *
 * With `probe`, an address that arrives is held until the uplink has been asked for it: duplicate
 * address detection (RFC 4862 section 5.4) or ARP probes (RFC 5227 section 2.1), paced as the
 * announcements are; whoever answers, or asks for it as well, has it. With `yield` an address is
 * held from the announcement of another host on. What is held is neither answered nor routed, until
 * somebody claims it here (`add`, `announce`) or its vif goes down and comes up.
 *
 * What was heard amid a walk over entries takes effect on answers at once, and on routes in the
 * next tick.
 */
#include "engine_private.h"

#include <stdio.h>
#include <string.h>

#define PROBE_MS    1000 /* a round */
#define CLAIM_MS    20   /* from a first announcement until everybody must have heard it */
#define CROSSING_MS 100  /* within which two announcements may have crossed on their way */

static void hold_set(struct engine *e, struct listed *en, enum hold h)
{
	announce_cancel(e, en);
	e->yields += h == HOLD_YIELDED || en->hold == HOLD_YIELDED;
	en->guest->nyielded += (size_t)(h == HOLD_YIELDED) - (en->hold == HOLD_YIELDED);
	e->holds++;
	en->hold = (uint8_t)h;
}

const struct listed *hold_of(const struct engine *e, const struct listed *en)
{
	const struct guest *g = en->guest;
	const struct listed *by;
	struct prefix via;

	if (prefix_is_exact(&en->prefix))
		return en->hold ? en : NULL;
	if (g->has_via) {
		via = prefix_exact(&g->via);
		by = table_find(e->table, &via);
		if (by && by->guest == g && by->hold)
			return by;
	}
	if (!g->nexact || g->nyielded < g->nexact)
		return NULL;
	GUEST_FOREACH_ENTRY (by, g)
		if (by->hold)
			return by;
	return NULL;
}

/* Of an address that is held now, or no more: what goes with it is evaluated too. */
static void evaluate_with(struct engine *e, uint64_t now, struct listed *en)
{
	const struct guest *g = en->guest;
	struct listed *network;

	entry_evaluate(e, now, en);
	if (g->nentries == g->nexact ||
		(g->nyielded + 1 < g->nexact &&
			!(g->has_via && addr_equal(&g->via, &en->prefix.addr))))
		return;
	GUEST_FOREACH_ENTRY (network, g)
		if (!prefix_is_exact(&network->prefix))
			entry_evaluate(e, now, network);
}

void hold_forget(struct engine *e, struct listed *en)
{
	en->probed = false;
	if (en->hold != HOLD_NONE)
		hold_set(e, en, HOLD_NONE);
}

void hold_evaluate(struct engine *e, struct listed *en)
{
	const struct iface *u = en->guest->uplink;

	if (!e->synced)
		return;
	if (u && !u->uplink.probe && en->hold == HOLD_NONE) {
		en->probed = false;
	} else if (!entry_is_here(e, en)) {
		hold_forget(e, en);
	} else if ((en->hold == HOLD_PROBING && !(u->ready && u->uplink.probe)) ||
		   (en->hold == HOLD_CONFLICT && !u->uplink.probe)) {
		hold_set(e, en, HOLD_NONE); /* nobody would be heard, or nobody asks any more */
	} else if (en->silent == REASON_ANSWERED) {
		en->probed = true;
	} else if (en->hold == HOLD_NONE && !en->probed && u->ready &&
		   prefix_is_exact(&en->prefix)) {
		hold_set(e, en, HOLD_PROBING);
		en->announce_left = (uint8_t)e->codec->probe_rounds;
		queue_set(e, en, QUEUE_ASKING);
	}
}

void probe_send(struct engine *e, uint64_t now, struct listed *en)
{
	struct iface *u = en->guest->uplink;
	struct msg m = {.kind = MSG_ASK, .target = en->prefix.addr};

	memcpy(m.eth_src, u->link.mac, MAC_LEN);
	e->sink->send(e->sink->ctx, u, &m);
	en->due = now + PROBE_MS;
	queue_set(e, en, QUEUE_PROBING);
}

/* A round has gone by without an answer. */
static void probe_round(struct engine *e, uint64_t now, struct listed *en)
{
	unsigned done = e->codec->probe_rounds - --en->announce_left;

	if (en->announce_left == 0) {
		hold_set(e, en, HOLD_NONE);
		en->probed = true;
		evaluate_with(e, now, en);
	} else if (done < e->codec->probes) {
		queue_set(e, en, QUEUE_ASKING);
	} else {
		en->due += PROBE_MS;
		queue_set(e, en, QUEUE_PROBING);
	}
}

void hold_tick(struct engine *e, uint64_t now)
{
	struct listed *en;

	while ((en = queue_first(e, QUEUE_HELD))) {
		queue_set(e, en, en->hold == HOLD_YIELDED ? QUEUE_YIELDED : QUEUE_NONE);
		evaluate_with(e, now, en);
	}
	while ((en = queue_first(e, QUEUE_PROBING)) && en->due <= now)
		probe_round(e, now, en);
}

uint64_t hold_next(const struct engine *e)
{
	const struct listed *probing = queue_first(e, QUEUE_PROBING);

	if (queue_first(e, QUEUE_HELD))
		return 0;
	return probing ? probing->due : UINT64_MAX;
}

static void hold_now(struct engine *e, struct listed *en, enum hold h)
{
	hold_set(e, en, h);
	en->silent = (uint8_t)e->codec->conflict;
	queue_set(e, en, QUEUE_HELD);
}

/* How long ago the last announcement left; they wait for their interval behind it, the last too. */
static bool announced_within(
	const struct engine *e, uint64_t now, const struct listed *en, unsigned ms)
{
	return en->queued == QUEUE_REPEATED && now + e->codec->announce_interval_ms < en->due + ms;
}

/*
 * Of two hosts that announce one address the later has it. An announcement that comes while ours is
 * the first one and new may be one that the other only repeats, and gives up when it hears ours; so
 * ours stands. If both are new, both stand, until one of them repeats it and the other hears. Where
 * even these may have crossed, the one with the lower MAC has it.
 */
static bool ours_stands(const struct engine *e, uint64_t now, const struct iface *i,
	struct listed *en, const uint8_t *mac)
{
	unsigned times = i->uplink.announce ? i->uplink.announce : 1;
	bool is_first = en->announce_left + 1U == times;

	if (en->queued == QUEUE_FRESH || (is_first && announced_within(e, now, en, CLAIM_MS))) {
		en->contested = true;
		return true;
	}
	return en->contested && announced_within(e, now, en, CROSSING_MS) &&
	       memcmp(i->link.mac, mac, MAC_LEN) < 0;
}

void hold_heard(struct engine *e, uint64_t now, const struct iface *i, struct listed *en,
	const struct msg *m)
{
	char address[ADDR_TEXT_MAX], mac[MAC_TEXT_MAX];

	if (!prefix_is_exact(&en->prefix))
		return;
	if (en->hold == HOLD_PROBING) {
		hold_now(e, en, HOLD_CONFLICT);
	} else if (i->uplink.yield && en->silent == REASON_ANSWERED && m->kind == MSG_TELL &&
		   m->announcement && m->override && !ours_stands(e, now, i, en, m->eth_src)) {
		hold_now(e, en, HOLD_YIELDED);
		engine_note(e, false, true, "%s is given up to %s, which announced it on %s",
			addr_format(&en->prefix.addr, address), mac_format(m->eth_src, mac),
			i->name);
	}
}

void engine_claim(struct engine *e, uint64_t now, struct listed *en)
{
	if (!en->guest || (en->hold != HOLD_CONFLICT && en->hold != HOLD_YIELDED))
		return;
	hold_forget(e, en);
	evaluate_with(e, now, en);
}

uint64_t engine_holds(const struct engine *e)
{
	return e->holds;
}

uint64_t engine_yields(
	const struct engine *e, void (*each)(void *ctx, const struct listed *en), void *ctx)
{
	static const enum queue queues[] = {QUEUE_HELD, QUEUE_YIELDED};

	for (unsigned q = 0; q < 2 && each; q++)
		for (const struct listed *en = queue_first(e, queues[q]); en;
			en = list_next(en, LINK_QUEUE))
			if (en->hold == HOLD_YIELDED)
				each(ctx, en);
	return e->yields;
}

void engine_resumes(struct engine *e)
{
	e->resumed = true;
}

void engine_yielded(struct engine *e, struct listed *en)
{
	hold_set(e, en, HOLD_YIELDED);
	queue_set(e, en, QUEUE_YIELDED);
}

/* The last one that has been seen to claim it; false: forgotten since. */
static bool claimant(const struct engine *e, const struct addr *a, char *mac, const char **iface)
{
	const struct conflict *last = NULL;

	for (unsigned n = 0; n < CONFLICTS; n++) {
		const struct conflict *c = &e->conflicts[n];

		if (c->count && addr_equal(&c->target, a) && (!last || c->last >= last->last))
			last = c;
	}
	if (!last)
		return false;
	mac_format(last->mac, mac);
	*iface = last->iface;
	return true;
}

const char *engine_silence(const struct engine *e, const struct listed *en, char text[SILENCE_MAX])
{
	const struct listed *held = hold_of(e, en);
	char mac[MAC_TEXT_MAX], address[ADDR_TEXT_MAX] = "";
	const char *iface;

	if (!held || held->hold == HOLD_PROBING || en->silent != e->codec->conflict)
		return reason_text(en->silent);
	if (!claimant(e, &held->prefix.addr, mac, &iface)) {
		strcpy(mac, "another host");
		iface = en->guest->uplink->name;
	}
	if (held != en)
		addr_format(&held->prefix.addr, address);
	snprintf(text, SILENCE_MAX,
		held->hold == HOLD_CONFLICT ? "%s%s%s has it on %s, as a probe has found"
					    : "%s%sgiven up to %s, which announced it on %s",
		address, *address ? " of its guest: " : "", mac, iface);
	return text;
}
