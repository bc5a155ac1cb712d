/*
 * conf_read: a file into memory, and what is refused whatever it means.
 *
 * libconfuse would open the file itself and exit the process when it is a directory (L01), wait for
 * ever on a FIFO, and end a string at a NUL byte (L08): so it is handed memory alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_private.h"

bool conf_fail(char why[CONF_WHY_MAX], const char *path, unsigned line, const char *fmt, ...)
{
	va_list ap;
	int n = 0;

	if (path && line)
		n = snprintf(why, CONF_WHY_MAX, "%s:%u: ", path, line);
	else if (path)
		n = snprintf(why, CONF_WHY_MAX, "%s: ", path);
	va_start(ap, fmt);
	if (n < CONF_WHY_MAX)
		vsnprintf(why + n, (size_t)(CONF_WHY_MAX - n), fmt, ap);
	va_end(ap);
	return false;
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return "a directory";
	case S_IFIFO: return "a pipe";
	case S_IFSOCK: return "a socket";
	}
	return "a device";
}

static bool size_check(const struct stat *st, size_t max, char why[CONF_WHY_MAX])
{
	if (!S_ISREG(st->st_mode))
		return conf_fail(
			why, NULL, 0, "is %s; expected a regular file", kind_of(st->st_mode));
	if (st->st_size > (off_t)max)
		return conf_fail(why, NULL, 0, "has %lld bytes; expected at most %zu MiB",
			(long long)st->st_size, max >> 20);
	return true;
}

static bool fd_read(int fd, char *buf, size_t room, size_t *len, char why[CONF_WHY_MAX])
{
	size_t n = 0;

	while (n < room) {
		ssize_t got = read(fd, buf + n, room - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return conf_fail(why, NULL, 0,
				"cannot be read (%s); expected a readable file", strerror(errno));
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*len = n;
	return true;
}

bool conf_read(const char *path, size_t max, char **ret, size_t *len, uint64_t *stamp,
	char why[CONF_WHY_MAX])
{
	struct stat st;
	char *buf = NULL;
	bool ok = false;
	int fd;

	/* before open(2), which does things to a device or a FIFO */
	if (stat(path, &st) < 0)
		return conf_fail(why, NULL, 0, "cannot be read (%s); expected a readable file",
			strerror(errno));
	if (!size_check(&st, max, why))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return conf_fail(why, NULL, 0, "cannot be read (%s); expected a readable file",
			strerror(errno));
	if (fstat(fd, &st) < 0) {
		conf_fail(why, NULL, 0, "cannot be read (%s)", strerror(errno));
		goto out;
	}
	if (!size_check(&st, max, why))
		goto out;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf) {
		conf_fail(why, NULL, 0, "cannot be read (out of memory)");
		goto out;
	}
	if (!fd_read(fd, buf, (size_t)st.st_size, len, why))
		goto out;
	buf[*len] = '\0';
	conf_stamp_add(stamp, &st);
	*ret = buf;
	buf = NULL;
	ok = true;
out:
	free(buf);
	close(fd);
	return ok;
}

bool conf_bytes_check(const char *text, size_t len, const char *path, char why[CONF_WHY_MAX])
{
	const char *end = text + len;
	unsigned line = 1;

	for (const char *p = text; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (memchr(p, '\0', n))
			return conf_fail(why, path, line, "a NUL byte in the line; expected text");
		if (n > CONF_LINE_MAX)
			return conf_fail(why, path, line,
				"a line of %zu bytes; expected at most %u KiB a line", n,
				CONF_LINE_MAX >> 10);
		p += n + 1;
	}
	return true;
}
