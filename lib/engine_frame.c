/*
 * engine_frame: the verdict on a frame, and the answer.
 *
 * What holds everywhere first (whose MAC is it?), then what holds on its side: the uplink, where
 * strangers ask for guests, or a vif, where a guest asks for everybody else and is not trusted.
 */
#include "engine_private.h"

#include <string.h>

/* N12: nothing is sent, and no state changes but what `status` shows. */
static void conflict_seen(struct engine *e, uint64_t now, const struct iface *i,
	const struct addr *a, const uint8_t *mac)
{
	struct conflict *c = NULL, *oldest = &e->conflicts[0];
	char text[ADDR_TEXT_MAX], by[MAC_TEXT_MAX];

	for (unsigned n = 0; n < CONFLICTS; n++) {
		struct conflict *x = &e->conflicts[n];

		if (x->count && addr_equal(&x->target, a) && memcmp(x->mac, mac, MAC_LEN) == 0)
			c = x;
		if (x->last < oldest->last)
			oldest = x;
	}
	if (!c) {
		c = oldest;
		*c = (struct conflict){.target = *a};
		memcpy(c->mac, mac, MAC_LEN);
		memcpy(c->iface, i->name, sizeof(c->iface));
	}
	c->count++;
	c->last = now;
	engine_note(e, true, true, "conflict: %s claims %s on %s", mac_format(mac, by),
		addr_format(a, text), i->name);
}

static void nonce_remember(struct engine *e, const struct msg *m)
{
	unsigned n = e->next_nonce++ % NONCES;

	if (!m->has_nonce)
		return;
	e->nonces[n].used = true;
	e->nonces[n].target = m->target;
	memcpy(e->nonces[n].nonce, m->nonce, sizeof(m->nonce));
}

static bool nonce_known(const struct engine *e, const struct msg *m)
{
	if (!m->has_nonce)
		return false;
	for (unsigned n = 0; n < NONCES; n++)
		if (e->nonces[n].used && addr_equal(&e->nonces[n].target, &m->target) &&
			memcmp(e->nonces[n].nonce, m->nonce, sizeof(m->nonce)) == 0)
			return true;
	return false;
}

/* An address of the host itself; a link-local one only where this interface or, for a vif, one of
 * its uplinks has it: other links may have the same. */
static bool is_hosts(const struct engine *e, const struct iface *i, const struct addr *a)
{
	struct prefix p = prefix_exact(a);
	const struct listed *en;

	if (!addr_is_linklocal(a)) {
		en = table_find(e->table, &p);
		return en && en->host;
	}
	if (iface_has(i, a))
		return true;
	for (size_t u = 0; u < e->nuplinks && !i->is_uplink; u++)
		if ((i->uplinks & 1ULL << e->uplinks[u]->bit) && iface_has(e->uplinks[u], a))
			return true;
	return false;
}

/* Entries that are mistakes (the gateway's, the LAN's own network) claim nothing. */
static bool claimable(const struct listed *en, const struct iface *uplink)
{
	return en->guest && !en->host && en->guest->uplink == uplink && en->silent != REASON_N10 &&
	       en->silent != REASON_K09;
}

static enum reason judge_uplink(
	struct engine *e, uint64_t now, struct iface *i, const struct msg *m)
{
	bool dad = addr_is_unspecified(&m->src);
	struct listed *en = table_lookup(e->table, &m->target), *claimed;

	if (m->kind == MSG_ROUTER)
		return REASON_IGNORED;
	if (m->kind == MSG_TELL) {
		if (!en || !claimable(en, i))
			return m->announcement ? e->codec->announced : REASON_N13;
		conflict_seen(e, now, i, &m->target, m->eth_src);
		hold_heard(e, now, i, en, m);
		return e->codec->conflict;
	}
	claimed = dad ? NULL : table_lookup(e->table, &m->src);
	if (!dad && is_hosts(e, i, &m->src)) {
		conflict_seen(e, now, i, &m->src, m->eth_src);
		return REASON_H18;
	}
	if (claimed && claimable(claimed, i)) {
		conflict_seen(e, now, i, &m->src, m->eth_src);
		hold_heard(e, now, i, claimed, m);
		return addr_equal(&m->src, &m->target) ? REASON_H17 : e->codec->conflict;
	}
	if (addr_equal(&m->src, &m->target))
		return REASON_H17;
	if (!en || en->host || en->guest->uplink != i)
		return REASON_N10;
	for (size_t n = 0; n < i->ngateways; n++)
		if (addr_equal(&i->gateways[n], &m->target))
			return REASON_N10;
	if (dad && nonce_known(e, m))
		return REASON_D02;
	if (dad && en->hold == HOLD_PROBING) { /* two probe for it at once: RFC 4862 5.4.3 */
		conflict_seen(e, now, i, &m->target, m->eth_src);
		hold_heard(e, now, i, en, m);
	}
	return en->silent; /* D03 where it is DAD */
}

static bool mac_in(const struct guest *g, const uint8_t *mac)
{
	for (size_t n = 0; n < g->nmacs; n++)
		if (memcmp(g->macs[n], mac, MAC_LEN) == 0)
			return true;
	return false;
}

/* A guest without MACs may have any. One of several origins has the MACs of all of them. */
static bool guest_mac_given(const struct guest *g, const uint8_t *mac)
{
	const struct guest *x = g;
	bool any = false;

	do {
		if (mac_in(x, mac))
			return true;
		any |= x->nmacs > 0;
		x = x->namesake;
	} while (x != g);
	return !any;
}

/* Is this MAC one of the guest's or, where we cannot know which, of any guest's on the vif? */
static bool mac_given(const struct iface *i, const struct guest *g, const uint8_t *mac)
{
	const struct guest *x;

	if (g)
		return guest_mac_given(g, mac);
	LIST_FOREACH (x, &i->guests, of_vif)
		if (guest_mac_given(x, mac))
			return true;
	return false;
}

static const struct guest *own_guest(
	const struct engine *e, const struct iface *i, const struct addr *a)
{
	const struct listed *en = table_lookup(e->table, a);

	return en && !en->host && en->guest->vif == i ? en->guest : NULL;
}

/* H60 to H63: what a guest may not send. */
static enum reason guard(const struct engine *e, const struct iface *i, const struct msg *m)
{
	bool probe = addr_is_unspecified(&m->src);
	const struct guest *g = own_guest(e, i, probe ? &m->target : &m->src);

	if (m->kind == MSG_ROUTER)
		return REASON_H63;
	if (!mac_given(i, g, m->eth_src))
		return REASON_H60;
	if (m->kind == MSG_TELL && !own_guest(e, i, &m->target) &&
		(!addr_is_linklocal(&m->target) || iface_is_gateway(e, i, &m->target) ||
			is_hosts(e, i, &m->target)))
		return REASON_H62;
	if (!probe && !g &&
		(!addr_is_linklocal(&m->src) || iface_is_gateway(e, i, &m->src) ||
			is_hosts(e, i, &m->src)))
		return REASON_H61;
	return REASON_ANSWERED;
}

static bool is_others(const struct engine *e, const struct iface *i, const struct addr *a)
{
	const struct listed *en = table_lookup(e->table, a);

	return en && !en->host && en->guest->vif != i;
}

static enum reason judge_vif_dad(struct engine *e, const struct iface *i, const struct msg *m,
	const struct listed *en, bool gateway)
{
	if (gateway || (en && (en->host || en->guest)) || is_hosts(e, i, &m->target))
		return REASON_ANSWERED; /* D04 */
	if (addr_is_linklocal(&m->target))
		return REASON_N21;
	if (!e->codec->defends_off_link && !iface_on_link(e, i, &m->target))
		return REASON_N22;
	return i->vif.guard == GUARD_ON ? REASON_ANSWERED : REASON_D05;
}

static enum reason judge_vif(
	struct engine *e, const struct iface *i, const struct msg *m, bool gateway)
{
	bool dad = addr_is_unspecified(&m->src);
	const struct listed *en = table_lookup(e->table, &m->target);

	if (m->kind != MSG_ASK)
		return m->announcement ? e->codec->announced : REASON_N13;
	if (addr_equal(&m->src, &m->target))
		return REASON_H17;
	if (!dad && is_hosts(e, i, &m->src))
		return REASON_H18;
	if (e->codec->asking_claims && !dad && is_others(e, i, &m->src))
		return e->codec->conflict;
	if ((iface_has(i, &m->target) || (en && en->host)) &&
		e->sink->kernel_answers(e->sink->ctx, i, iface_has(i, &m->target)))
		return REASON_N21; /* A12 */
	if (en && !en->host && en->guest->vif == i) {
		if (!dad)
			return REASON_N20;
		nonce_remember(e, m);
		return REASON_D01;
	}
	if (dad)
		return judge_vif_dad(e, i, m, en, gateway);
	if (gateway)
		return REASON_ANSWERED;
	if (addr_is_linklocal(&m->target))
		return REASON_N21;
	if (i->vif.answer == ANSWER_NONE)
		return REASON_N22;
	if (addr_is_unspecified(&m->target) || addr_is_loopback(&m->target))
		return REASON_N22;
	if (i->vif.answer == ANSWER_ALL || (en && en->guest) || iface_on_link(e, i, &m->target))
		return REASON_ANSWERED;
	return REASON_N22;
}

static enum reason judge(
	struct engine *e, uint64_t now, struct iface *i, const struct msg *m, bool *ret_router)
{
	bool own = iface_is_own_mac(e, i, m->eth_src);
	enum reason r;

	*ret_router = false;
	if (own && !i->is_uplink && i->vif.guard != GUARD_OFF)
		return REASON_H64;
	if (own || (m->eth_src[0] & 1))
		return REASON_H16;
	if (m->has_lladdr && m->kind != MSG_ROUTER && iface_is_own_mac(e, i, m->lladdr))
		return e->codec->own_lladdr;
	if (is_broadcast(e, &m->src))
		return e->codec->bad_source;
	if (is_broadcast(e, &m->target))
		return e->codec->bad_target;
	if (i->is_uplink)
		return judge_uplink(e, now, i, m);
	if (i->vif.guard != GUARD_OFF && (r = guard(e, i, m)) != REASON_ANSWERED) {
		if (i->vif.guard == GUARD_ON || m->kind == MSG_ROUTER)
			return r;
		i->counters.dropped[r]++; /* monitor: counted, and let through */
	}
	*ret_router = iface_is_gateway(e, i, &m->target); /* N08 */
	return judge_vif(e, i, m, *ret_router);
}

enum reason engine_frame(struct engine *e, uint64_t now, struct iface *i, const struct msg *m)
{
	struct msg a = {.kind = MSG_TELL, .target = m->target, .dst = m->src};
	enum reason r = judge(e, now, i, m, &a.router);

	if (r == REASON_ANSWERED &&
		!iface_source(e, i, addr_is_unspecified(&m->src) ? &m->target : &m->src, &m->target,
			&a.src))
		r = REASON_N02;
	if (r != REASON_ANSWERED) {
		engine_drop(e, i, r);
		return r;
	}
	i->counters.received++;
	i->counters.answered++;
	a.solicited = !addr_is_unspecified(&m->src); /* RFC 4861 section 7.2.4 */
	a.has_lladdr = true;
	memcpy(a.eth_dst, m->eth_src, MAC_LEN); /* N06 */
	memcpy(a.asker, m->has_lladdr ? m->lladdr : m->eth_src, MAC_LEN);
	memcpy(a.eth_src, i->link.mac, MAC_LEN);
	memcpy(a.lladdr, i->link.mac, MAC_LEN);
	e->sink->send(e->sink->ctx, i, &a);
	return r;
}

void engine_drop(struct engine *e, struct iface *i, enum reason r)
{
	(void)e;
	if (r == REASON_IGNORED)
		return;
	i->counters.received++;
	i->counters.dropped[r]++;
}

void engine_lost(struct engine *e, uint64_t now, struct iface *i, unsigned frames)
{
	(void)e;
	if (frames == 0)
		return;
	i->counters.lost += frames;
	i->lost_at = now;
}

void engine_overload(struct engine *e, uint64_t now, struct iface *i)
{
	(void)e;
	i->overload_at = now;
}

void engine_not_sent(struct engine *e, struct iface *i, unsigned frames)
{
	(void)e;
	i->counters.dropped[REASON_TX] += frames;
}
