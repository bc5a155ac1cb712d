/*
 * conf_print: struct conf -> text that reads back as the same (see conf.h).
 *
 * Strings stand in single quotes, in which libconfuse expands nothing (L09) and knows two escapes:
 * of the quote and of the backslash. cfg_print() would write double quotes. Lists have a line for
 * each value, for no line may grow too long to be read back.
 */
#include <sys/socket.h>

#include "conf_private.h"

static const char *yes_no(bool b)
{
	return b ? "true" : "false";
}

static void print_text(const char *text, FILE *to)
{
	putc('\'', to);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			putc('\\', to);
		putc(*text, to);
	}
	putc('\'', to);
}

static void print_option(const char *indent, const char *name, const char *text, FILE *to)
{
	fputs(indent, to);
	fputs(name, to);
	fputs(" = ", to);
	print_text(text ? text : "", to);
	putc('\n', to);
}

/* One of a list, which may be long: without fprintf(3) in half the time. */
static void print_item(const char *comma, const char *between, const char *text, FILE *to)
{
	fputs(comma, to);
	fputs(between, to);
	putc('\'', to);
	fputs(text, to);
	putc('\'', to);
}

static const char *source_text(const struct uplink_policy *p, char buf[ADDR_TEXT_MAX])
{
	switch (p->source) {
	case SOURCE_AUTO: return "auto";
	case SOURCE_LINK_LOCAL: return "link-local";
	case SOURCE_TARGET: return "target";
	case SOURCE_ADDRESS: return addr_format(&p->source_address, buf);
	}
	return "";
}

static const char *mld_text(enum mld mld)
{
	switch (mld) {
	case MLD_AUTO: return "auto";
	case MLD_REPORT: return "report";
	case MLD_ROUTER: return "router";
	case MLD_NONE: return "none";
	}
	return "";
}

static const char *answer_text(enum answer answer)
{
	switch (answer) {
	case ANSWER_ON_LINK: return "on-link";
	case ANSWER_ALL: return "all";
	case ANSWER_NONE: return "none";
	}
	return "";
}

static const char *guard_text(enum guard guard)
{
	switch (guard) {
	case GUARD_ON: return "true";
	case GUARD_MONITOR: return "monitor";
	case GUARD_OFF: return "false";
	}
	return "";
}

static void print_uplink(const struct conf *c, const struct conf_uplink *u, FILE *to)
{
	const struct uplink_policy *p = &u->policy;
	char buf[ADDR_TEXT_MAX];

	fputs("\nuplink ", to);
	print_text(u->name, to);
	fprintf(to, " {\n\tannounce = %u\n", p->announce);
	if (c->family == AF_INET6) {
		print_option("\t", "source", source_text(p, buf), to);
		print_option("\t", "mld", mld_text(p->mld), to);
	}
	print_option("\t", "unlisted", "ignore", to);
	fprintf(to, "\trate = %u\n\tprobe = %s\n\tyield = %s\n}\n", p->rate, yes_no(p->probe),
		yes_no(p->yield));
}

static void print_vif(const struct conf_vif *v, FILE *to)
{
	const char *between = v->policy.ngateways > 1 ? "\n\t\t" : " ";
	char buf[ADDR_TEXT_MAX];

	fputs("\nvif ", to);
	print_text(v->pattern, to);
	fputs(" {\n", to);
	print_option("\t", "answer", answer_text(v->policy.answer), to);
	fputs("\tgateway = {", to);
	for (unsigned i = 0; i < v->policy.ngateways; i++)
		fprintf(to, "%s%s'%s'", i ? "," : "", between,
			addr_format(&v->policy.gateways[i], buf));
	fputs(v->policy.ngateways > 1 ? "\n\t}\n" : " }\n", to);
	print_option("\t", "guard", guard_text(v->policy.guard), to);
	fprintf(to, "\trate = %u\n}\n", v->policy.rate);
}

void conf_print_guest(const struct spec *s, FILE *to)
{
	char buf[ADDR_TEXT_MAX], mac[MAC_TEXT_MAX];
	const char *between = s->nprefixes > 1 ? "\n\t\t" : " ";

	fputs("guest ", to);
	print_text(s->name, to);
	fputs(" {\n", to);
	print_option("\t", "vif", s->vif, to);
	fputs("\taddresses = {", to);
	for (size_t i = 0; i < s->nprefixes; i++)
		print_item(i ? "," : "", between, prefix_format(&s->prefixes[i], buf), to);
	fprintf(to, "%s}\n\tmac = {", s->nprefixes > 1 ? "\n\t" : " ");
	between = s->nmacs > 1 ? "\n\t\t" : " ";
	for (size_t i = 0; i < s->nmacs; i++)
		fprintf(to, "%s%s'%s'", i ? "," : "", between, mac_format(s->macs[i], mac));
	fprintf(to, "%s}\n", s->nmacs > 1 ? "\n\t" : " ");
	print_option("\t", "uplink", s->uplink, to);
	fprintf(to, "\troute = %s\n", yes_no(s->route));
	print_option("\t", "via", s->has_via ? addr_format(&s->via, buf) : "", to);
	fputs("}\n", to);
}

void conf_print(const struct conf *c, FILE *to)
{
	char buf[ADDR_TEXT_MAX];

	print_option("", "guests-dir", c->guests_dir, to);
	if (c->guests_dir)
		fprintf(to, "# there: %zu guests\n", c->ndir);
	print_option("", "guests-file", c->guests_file, to);
	if (c->guests_file)
		fprintf(to, "# there: %zu guests\n", c->nfile);
	print_option("", "user", c->user, to);
	print_option("", "group", c->group, to);
	fprintf(to, "keep-routes = %s\npace = %u\n", yes_no(c->keep_routes), c->pace);
	for (size_t i = 0; i < c->nuplinks; i++)
		print_uplink(c, &c->uplinks[i], to);
	for (size_t i = 0; i < c->nvifs; i++)
		print_vif(&c->vifs[i], to);
	fprintf(to, "\nroute {\n\tprotocol = %u\n\tmetric = %u\n\ttable = %u\n", c->route.protocol,
		c->route.metric, c->route.table);
	print_option(
		"\t", "source", c->route.has_source ? addr_format(&c->route.source, buf) : "", to);
	fputs("}\n", to);
	for (size_t i = 0; i < c->nmain; i++) {
		putc('\n', to);
		conf_print_guest(&c->guests[i], to);
	}
}
