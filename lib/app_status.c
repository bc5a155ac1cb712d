/* app_status: what is not as it should be with what the daemon itself stands on, for `status`. */
#include "app_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef void each_fn(void *ctx, const char *code, const char *text);

static void warn(each_fn *each, void *ctx, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void warn(each_fn *each, void *ctx, const char *code, const char *fmt, ...)
{
	char text[CONF_WHY_MAX + 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	each(ctx, code, text);
}

/* A configuration that a restart, perhaps at night, would not take is to be known before. */
static void warn_conf(const struct app *a, each_fn *each, void *ctx)
{
	if (a->reload_failed)
		warn(each, ctx, "reload-failed",
			"%s; the configuration in force is an older one, and a restart would fail: "
			"mend "
			"it, then %s reload",
			a->reload_failed, a->codec->ctl);
	else if (conf_changed(a->conf))
		warn(each, ctx, "config-changed",
			"%s, or what it refers to, has changed since it was read: %s -n checks it, "
			"%s "
			"reload puts it in force",
			a->conf->path, a->codec->name, a->codec->ctl);
}

void app_warnings(struct app *a, each_fn *each, void *ctx)
{
	const struct wiring *w = a->wiring;
	int gone = ctl_gone(w->ctl);

	warn_conf(a, each, ctx);
	if (w->sync_error)
		warn(each, ctx, "netlink",
			"the kernel's tables could not be read (%s), so what is known of "
			"interfaces, "
			"addresses and routes may be old; tried again every second",
			strerror(-w->sync_error));
	if (gone)
		warn(each, ctx, "control",
			"the control socket %s is gone, and cannot be made again (%s): make its "
			"directory; tried again every few seconds",
			a->socket_path, strerror(-gone));
}
