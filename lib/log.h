/*
 * log: levels, a rate limit, and where to: stderr, the journal or syslog.
 *
 * Until log_open() everything goes to stderr, "NAME: text". Afterwards to the journal where its
 * socket is there, otherwise to syslog(3), or to stderr with `foreground`. The only module with
 * global state.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* name: the daemon's, borrowed for ever. */
void log_init(const char *name);
void log_open(bool foreground, bool verbose);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* with verbose only */
void log_level(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * May one more line of this kind be logged? At most `burst` lines in each `seconds` (H75). When
 * lines were swallowed, the first line let through again is preceded by one that counts them.
 * now in milliseconds of the monotonic clock.
 */
struct log_limit {
	const char *what; /* names the kind in "N more lines of WHAT suppressed" */
	unsigned burst, seconds;
	uint64_t since;
	unsigned count;
};
bool log_limited(struct log_limit *l, uint64_t now);

#endif
