/*
 * log: see log.h. A record is one line, whatever text from outside it carries: control characters
 * are replaced before it leaves, so nobody can forge a second record or move a terminal's cursor.
 */
#include "log.h"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

enum sink { SINK_STDERR, SINK_JOURNAL, SINK_SYSLOG };

static const char *log_name = "proxyd";
static enum sink log_sink = SINK_STDERR;
static bool log_verbose;

void log_init(const char *name)
{
	log_name = name;
}

void log_open(bool foreground, bool verbose)
{
	log_verbose = verbose;
	if (foreground) {
		log_sink = SINK_STDERR;
	} else if (access(JOURNAL_SOCKET, W_OK) == 0) {
		log_sink = SINK_JOURNAL;
	} else {
		openlog(log_name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
		log_sink = SINK_SYSLOG;
	}
}

static int level_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return LOG_ERR;
	case LOG_LEVEL_WARNING: return LOG_WARNING;
	case LOG_LEVEL_INFO: return LOG_INFO;
	case LOG_LEVEL_DEBUG: return LOG_DEBUG;
	}
	return LOG_ERR;
}

static void text_clean(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

/* One write, so that the lines of several processes do not mix. */
static void stderr_line(const char *text)
{
	char line[LINE_MAX_BYTES + 64];
	int n = snprintf(line, sizeof(line) - 1, "%s: %s", log_name, text);
	ssize_t written;

	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line) - 1)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	written = write(STDERR_FILENO, line, (size_t)n);
	(void)written; /* there is nowhere left to complain */
}

static void log_text(enum log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void log_text(enum log_level level, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES];

	if (level == LOG_LEVEL_DEBUG && !log_verbose)
		return;
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		return;
	text_clean(text);
	switch (log_sink) {
	case SINK_STDERR: stderr_line(text); break;
	case SINK_JOURNAL:
		sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", level_priority(level),
			"SYSLOG_IDENTIFIER=%s", log_name, NULL);
		break;
	case SINK_SYSLOG: syslog(level_priority(level), "%s", text); break;
	}
}

void log_level(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_text(level, fmt, ap);
	va_end(ap);
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_text(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_text(LOG_LEVEL_WARNING, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_text(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_text(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}

bool log_limited(struct log_limit *l, uint64_t now)
{
	if (now - l->since >= (uint64_t)l->seconds * 1000) {
		if (l->count > l->burst)
			log_info("%u more lines of %s suppressed", l->count - l->burst, l->what);
		l->since = now;
		l->count = 0;
	}
	if (l->count < UINT32_MAX)
		l->count++;
	return l->count <= l->burst;
}
