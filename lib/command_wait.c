/*
 * command_wait: what an `add` is told, which may take the seconds of a probe (`probe`).
 *
 * A request that waits keeps its addresses; it is answered when none of them is being probed any
 * more, whatever came of them.
 */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "command.h"
#include "command_private.h"

#define TEXT_MAX 2048

struct command_wait {
	json_int_t number; /* of the reply that is owed (lib/ctl.h) */
	struct prefix *prefixes;
	size_t n;
	STAILQ_ENTRY(command_wait) next;
};

static bool any_held(const struct app *a, const struct prefix *p, size_t n, enum hold h)
{
	const struct listed *en;

	for (size_t i = 0; i < n; i++)
		if ((en = table_find(engine_table(a->engine), &p[i])) && en->hold == h)
			return true;
	return false;
}

/* Is this what the one who added the address must hear of? An absent vif or uplink is no mistake:
 * it is waited for. */
static bool is_hint(const struct listed *en)
{
	return en->silent != REASON_ANSWERED && en->silent != REASON_K04 &&
	       en->silent != REASON_K11;
}

static json_t *add_outcome(const struct app *a, const struct prefix *p, size_t n)
{
	char address[ADDR_TEXT_MAX], why[SILENCE_MAX], text[TEXT_MAX];
	bool conflict = any_held(a, p, n, HOLD_CONFLICT);
	size_t len = 0;

	for (size_t i = 0; i < n && len < sizeof(text) / 2; i++) {
		const struct listed *en = table_find(engine_table(a->engine), &p[i]);

		if (!en || !is_hint(en) || (conflict && en->hold != HOLD_CONFLICT))
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s is not answered: %s",
			len ? "\n" : "", prefix_format(&p[i], address),
			engine_silence(a->engine, en, why));
	}
	if (conflict)
		return command_refused("%s; it stays listed, and add or announce has it probed "
				       "again",
			text);
	return len ? command_text(text) : command_done();
}

json_t *command_added(struct app *a, const struct spec *s)
{
	struct command_wait *w;

	if (!any_held(a, s->prefixes, s->nprefixes, HOLD_PROBING))
		return add_outcome(a, s->prefixes, s->nprefixes);
	w = calloc(1, sizeof(*w));
	if (!w || !(w->prefixes = malloc(s->nprefixes * sizeof(*w->prefixes)))) {
		free(w);
		return NULL;
	}
	memcpy(w->prefixes, s->prefixes, s->nprefixes * sizeof(*w->prefixes));
	w->n = s->nprefixes;
	w->number = ++a->waited;
	STAILQ_INSERT_TAIL(&a->waiting, w, next);
	return json_integer(w->number);
}

static void wait_free(struct app *a)
{
	struct command_wait *w = STAILQ_FIRST(&a->waiting);

	STAILQ_REMOVE_HEAD(&a->waiting, next);
	free(w->prefixes);
	free(w);
}

/* They end in the order in which they began, or nearly so. */
void command_settle(struct app *a)
{
	struct command_wait *w;

	if (STAILQ_EMPTY(&a->waiting) || a->holds == engine_holds(a->engine))
		return;
	a->holds = engine_holds(a->engine);
	while ((w = STAILQ_FIRST(&a->waiting)) && !any_held(a, w->prefixes, w->n, HOLD_PROBING)) {
		app_reply(a, w->number, add_outcome(a, w->prefixes, w->n));
		wait_free(a);
	}
}

void command_close(struct app *a)
{
	while (!STAILQ_EMPTY(&a->waiting))
		wait_free(a);
	free(a->batch);
}
