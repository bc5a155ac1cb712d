/*
 * engine: life and time. See engine.h. Its files:
 *
 *   engine.c           life, time
 *   engine_frame.c     verdicts on frames: the rules N, D and H of CONFORMANCE.md
 *   engine_iface.c     interfaces and their addresses
 *   engine_learn.c     networks, gateways, and the source of an answer
 *   engine_guest.c     guests as differences
 *   engine_config.c    configurations as differences
 *   engine_route.c     host routes, and whether an address is answered at all (K04 to K11)
 *   engine_kernel.c    other routes of the kernel; the sync
 *   engine_announce.c  announcements, paced (N11)
 *   engine_hold.c      addresses that another host has: `probe` and `yield`
 *   engine_status.c    warnings
 */
#include "engine_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct engine *engine_new(const struct codec *codec, const struct sink *sink, const uint8_t key[16])
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->codec = codec;
	e->sink = sink;
	e->table = table_new(key);
	e->sources = calloc(SOURCES_MAX, sizeof(*e->sources));
	if (!e->table || !e->sources) {
		engine_free(e);
		return NULL;
	}
	e->nsources = 1;
	e->pace = PACE_DEFAULT;
	LIST_INIT(&e->paths);
	for (unsigned q = 0; q < QUEUE_COUNT; q++)
		e->queues[q].table = e->table;
	return e;
}

void engine_free(struct engine *e)
{
	struct path *p;

	if (!e)
		return;
	while ((p = LIST_FIRST(&e->paths))) {
		LIST_REMOVE(p, next);
		free(p);
	}
	foreign_free_all(e);
	vias_free(e);
	iface_free_all(e);
	table_free(e->table);
	free(e->sources);
	free(e);
}

void engine_note(const struct engine *e, bool warning, bool limited, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	e->sink->note(e->sink->ctx, warning, limited, text);
}

uint64_t engine_next(const struct engine *e)
{
	uint64_t next = announce_next(e), held = hold_next(e);

	if (held < next)
		next = held;
	if (e->sync_due && e->sync_due < next)
		next = e->sync_due;

	if ((e->failed || e->deaf) && e->retry_at < next)
		next = e->retry_at;
	return next;
}

static void listen_again(void *ctx, struct iface *i)
{
	if (i->deaf)
		iface_listen(ctx, i);
}

uint64_t engine_tick(struct engine *e, uint64_t now)
{
	if ((e->failed || e->deaf) && now >= e->retry_at) {
		e->retry_at = now + RETRY_MS;
		engine_ifaces(e, listen_again, e);
		entry_evaluate_all(e, now);
	}
	if (e->sync_due && now >= e->sync_due) {
		e->sync_due = 0;
		e->wants_sync = true;
	}
	hold_tick(e, now);
	announce_tick(e, now);
	return engine_next(e);
}

bool engine_wants_sync(struct engine *e)
{
	bool w = e->wants_sync;

	e->wants_sync = false;
	return w;
}

const struct table *engine_table(const struct engine *e)
{
	return e->table;
}
