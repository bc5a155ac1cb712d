/*
 * app_notify: what the service manager is told (sd_notify(3)), where there is one.
 *
 * It is told that we are ready, reading the configuration again, or stopping. Where it has a
 * watchdog, it wants to hear of us in time or ends us: a timer of the loop tells it, so that a loop
 * that hangs is noticed. Long walks, during which the loop does not go round, come by
 * notify_alive(). Before "ready" and while stopping the same call asks for more time, which
 * otherwise ends at TimeoutStartSec and TimeoutStopSec.
 */
#include "app_private.h"

#include <systemd/sd-daemon.h>

#define EXTEND_EVERY_MS 500
#define EXTEND_BY       "EXTEND_TIMEOUT_USEC=30000000"

static void alive(struct notify *n, uint64_t now)
{
	n->told = now;
	sd_notify(0, n->ready ? "WATCHDOG=1" : EXTEND_BY);
}

void notify_alive(struct notify *n, uint64_t now)
{
	if (n->interval && now - n->told >= n->interval)
		alive(n, now);
}

int notify_wait(const struct notify *n, uint64_t now)
{
	uint64_t since = now - n->told;

	if (!n->interval)
		return -1;
	return since < n->interval ? (int)(n->interval - since) : 0;
}

static void on_watchdog(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	alive(timer->data, app_now());
}

void notify_init(struct notify *n)
{
	*n = (struct notify){.interval = EXTEND_EVERY_MS, .told = app_now()};
	ev_timer_init(&n->timer, on_watchdog, 0, 0);
	n->timer.data = n;
}

void notify_ready(struct notify *n, struct ev_loop *loop)
{
	uint64_t usec;

	n->ready = true;
	n->interval = 0;
	sd_notify(0, "READY=1");
	if (sd_watchdog_enabled(0, &usec) <= 0)
		return;
	n->interval = usec / 2000;
	ev_now_update(loop);
	ev_timer_set(&n->timer, (double)n->interval / 1000, (double)n->interval / 1000);
	ev_timer_start(loop, &n->timer);
	alive(n, app_now());
}

void notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)app_now() * 1000);
}

void notify_reloaded(const char *failure)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s%s",
		failure ? "the configuration in force is an older one: " : "",
		failure ? failure : "");
}

void notify_stopping(struct notify *n, struct ev_loop *loop, const char *status)
{
	ev_timer_stop(loop, &n->timer);
	n->ready = false;
	n->interval = EXTEND_EVERY_MS;
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}
