/* conf_section: the sections uplink, vif and route -> their policies. */
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conf_private.h"

#define RATE_MAX 10000000

/* --- uplinks --- */

static bool uplink_source(const struct section *s, struct uplink_policy *p)
{
	static const struct word words[] = {{"auto", SOURCE_AUTO},
		{"link-local", SOURCE_LINK_LOCAL}, {"target", SOURCE_TARGET}, {NULL, 0}};
	const struct value *v = value_get(s->cfg, "source", 0);
	struct addr address;
	int word;

	if (!v)
		return true;
	if (addr_parse(v->text, &address) == 0) {
		p->source = SOURCE_ADDRESS;
		return section_address(s, "source", v, &p->source_address);
	}
	if (!section_word(s, "source", words, "auto, link-local, target or an IPv6 address", &word))
		return false;
	p->source = (enum source)word;
	return true;
}

static bool uplink_mld(const struct section *s, struct uplink_policy *p)
{
	static const struct word words[] = {{"auto", MLD_AUTO}, {"true", MLD_AUTO},
		{"report", MLD_REPORT}, {"router", MLD_ROUTER}, {"none", MLD_NONE},
		{"false", MLD_NONE}, {NULL, 0}};
	const struct value *v = value_get(s->cfg, "mld", 0);
	char q[TEXT_QUOTE_MAX];
	int word;

	if (!v)
		return true;
	if (!section_word(s, "mld", words, "auto, report, router or none", &word))
		return false;
	p->mld = (enum mld)word;
	return word == MLD_NONE || section_inert(s, "mld", text_quote(v->text, q));
}

static bool uplink_unlisted(const struct section *s)
{
	const struct value *v = value_get(s->cfg, "unlisted", 0);

	if (!v || strcmp(v->text, "ignore") == 0)
		return true;
	if (strcmp(v->text, "route") != 0 && strcmp(v->text, "relay") != 0)
		return section_wrong(
			s, "unlisted", v, "ignore (route and relay are not in this version)");
	return load_fail(s->l, v->line,
		"%sunlisted = \"%s\" is not in this version; expected ignore", s->label, v->text);
}

/* What ARP has no twin of. */
static bool uplink_family(const struct section *s)
{
	static const char *const options[] = {"source", "mld"};

	for (unsigned i = 0; s->l->family == AF_INET && i < 2; i++) {
		const struct value *v = value_get(s->cfg, options[i], 0);

		if (v)
			return load_fail(s->l, v->line,
				"%sunknown option \"%s\", which is ndproxyd's alone; expected one "
				"of "
				"announce, unlisted, rate, probe, yield",
				s->label, options[i]);
	}
	return true;
}

/* What is set to a value that would change something, were it built. */
static bool uplink_inert(const struct section *s, const struct uplink_policy *p)
{
	const struct value *rate = value_get(s->cfg, "rate", 0);

	return !rate || !p->rate || section_inert(s, "rate", rate->text);
}

bool section_uplink(const struct section *s, struct conf_uplink *u)
{
	struct uplink_policy *p = &u->policy;
	char why[SPEC_WHY_MAX];

	if (!ifname_check(s->cfg->title, why))
		return load_fail(s->l, tree_line(s->tree, s->cfg), "uplink: %s", why);
	strcpy(u->name, s->cfg->title);
	p->announce = UPLINK_ANNOUNCE_DEFAULT;
	p->rate = UPLINK_RATE_DEFAULT;
	if (!uplink_family(s) || !uplink_source(s, p) || !uplink_mld(s, p) || !uplink_unlisted(s) ||
		!section_number(s, "announce", 0, UPLINK_ANNOUNCE_MAX, &p->announce) ||
		!section_number(s, "rate", 0, RATE_MAX, &p->rate) ||
		!section_bool(s, "probe", &p->probe) || !section_bool(s, "yield", &p->yield))
		return false;
	if (p->probe && p->yield)
		return load_fail(s->l, value_get(s->cfg, "yield", 0)->line,
			"%syield = true excludes probe = true; expected one of them at most",
			s->label);
	return uplink_inert(s, p);
}

/* --- vifs --- */

static bool vif_gateways(const struct section *s, struct conf_vif *v)
{
	unsigned n = cfg_size(s->cfg, "gateway");

	if (n == 0)
		return true;
	v->gateways = calloc(n, sizeof(*v->gateways));
	if (!v->gateways)
		return load_oom(s->l);
	for (unsigned i = 0; i < n; i++) {
		if (!section_address(
			    s, "gateway", value_get(s->cfg, "gateway", i), &v->gateways[i]))
			return false;
	}
	v->policy.gateways = v->gateways;
	v->policy.ngateways = n;
	return true;
}

static bool vif_pattern(const struct section *s, struct conf_vif *v)
{
	const char *c = s->cfg->title;

	while ((unsigned char)*c > ' ' && *c != 0x7f)
		c++;
	if (c == s->cfg->title || *c)
		return load_fail(s->l, tree_line(s->tree, s->cfg),
			"%sthis is no pattern of interface names; expected one such as \"vif*\"",
			s->label);
	v->pattern = strdup(s->cfg->title);
	return v->pattern || load_oom(s->l);
}

bool section_vif(const struct section *s, struct conf_vif *v)
{
	static const struct word answers[] = {
		{"on-link", ANSWER_ON_LINK}, {"all", ANSWER_ALL}, {"none", ANSWER_NONE}, {NULL, 0}};
	static const struct word guards[] = {
		{"true", GUARD_ON}, {"monitor", GUARD_MONITOR}, {"false", GUARD_OFF}, {NULL, 0}};
	const struct value *rate = value_get(s->cfg, "rate", 0);
	int answer = ANSWER_ON_LINK, guard = GUARD_ON;

	v->policy.rate = VIF_RATE_DEFAULT;
	if (!vif_pattern(s, v) ||
		!section_word(s, "answer", answers, "on-link, all or none", &answer) ||
		!section_word(s, "guard", guards, "true, monitor or false", &guard) ||
		!section_number(s, "rate", 0, RATE_MAX, &v->policy.rate) || !vif_gateways(s, v))
		return false;
	v->policy.answer = (enum answer)answer;
	v->policy.guard = (enum guard)guard;
	return !rate || !v->policy.rate || section_inert(s, "rate", rate->text);
}

/* --- route --- */

bool section_route(const struct section *s, struct route_policy *r)
{
	const struct value *protocol = value_get(s->cfg, "protocol", 0);
	const struct value *table = value_get(s->cfg, "table", 0);
	const struct value *source = value_text(s->cfg, "source");
	uint32_t number = r->protocol;

	if (!section_number(s, "protocol", 0, 255, &number) ||
		!section_number(s, "metric", 1, UINT32_MAX, &r->metric) ||
		!section_number(s, "table", 1, UINT32_MAX, &r->table))
		return false;
	/* rtnetlink(7): up to RTPROT_STATIC; ours must be told from all others (K05) */
	if (number <= RTPROT_STATIC)
		return load_fail(s->l, protocol->line,
			"%sprotocol %u is the kernel's or an administrator's own; expected 5 to "
			"255",
			s->label, number);
	if (r->table == RT_TABLE_LOCAL)
		return load_fail(s->l, table->line,
			"%stable %u holds the host's own addresses; expected another table",
			s->label, r->table);
	r->protocol = (uint8_t)number;
	r->has_source = source != NULL;
	return !source || section_address(s, "source", source, &r->source);
}
