/* state: see state.h. Here reading; the lock is in state_lock.c, writing in state_write.c. */
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "state_private.h"

#define FILE_MAX (256u << 20) /* bytes of a guest's file */
#define END      "\n# end\n"
#define IFINDEX  "\n# ifindex "
#define BAD      STATE_SUFFIX ".bad"
#define BAD_MAX  9 /* of one guest; then the last is replaced */

int state_open(const char *dir, int family, unsigned wait_ms, struct state **ret)
{
	struct state *s = calloc(1, sizeof(*s));
	const mode_t mask = umask(0);
	int err = -ENOMEM;

	umask(mask);
	if (!s)
		return -ENOMEM;
	s->masked = mask & STATE_FILE_MODE;
	s->family = family;
	s->fd = s->lock = -1;
	s->dir = strdup(dir);
	if (s->dir)
		err = state_lock_dir(s, wait_ms);
	if (err < 0) {
		state_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	state_text_close(s);
	if (s->lock >= 0)
		close(s->lock);
	if (s->fd >= 0)
		close(s->fd);
	free(s->dir);
	free(s);
}

const char *state_dir(const struct state *s)
{
	return s->dir;
}

/* --- reading --- */

static bool no(char why[CONF_WHY_MAX], const char *text)
{
	snprintf(why, CONF_WHY_MAX, "%s", text);
	return false;
}

static bool fd_read(int fd, char **ret, size_t *len, char why[CONF_WHY_MAX])
{
	struct stat st;
	size_t n = 0;
	char *text;

	if (fstat(fd, &st) < 0)
		return no(why, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return no(why, "not a regular file");
	if (st.st_size > FILE_MAX)
		return no(why, "too large");
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return no(why, "out of memory");
	while (n < (size_t)st.st_size) {
		ssize_t got = read(fd, text + n, (size_t)st.st_size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(text);
			return no(why, strerror(errno));
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	text[n] = '\0';
	*ret = text;
	*len = n;
	return true;
}

/* The two last lines, `# ifindex N` and `# end`, without which the file was cut short. */
static bool tail_parse(const char *text, size_t len, uint32_t *ifindex, char why[CONF_WHY_MAX])
{
	const char *end, *line;
	uint64_t n = 0;

	if (len < strlen(END) || strcmp(text + len - strlen(END), END) != 0)
		return no(why, "cut short: the last line is not \"# end\"");
	end = text + len - strlen(END);
	line = memrchr(text, '\n', (size_t)(end - text));
	if (!line || strncmp(line, IFINDEX, strlen(IFINDEX)) != 0)
		return no(why, "the line before the last is not \"# ifindex N\"");
	line += strlen(IFINDEX);
	if (line == end || end - line > 10)
		return no(why, "no number behind \"# ifindex\"");
	for (; line < end; line++) {
		if (*line < '0' || *line > '9')
			return no(why, "no number behind \"# ifindex\"");
		n = n * 10 + (unsigned)(*line - '0');
	}
	if (n > UINT32_MAX)
		return no(why, "the number behind \"# ifindex\" is too large");
	*ifindex = (uint32_t)n;
	return true;
}

/* Appends the guest of the text, which must be the one that the file's name says. */
static bool text_load(const struct state *s, const char *file, const char *text, size_t len,
	struct spec **all, size_t *n, char why[CONF_WHY_MAX])
{
	size_t before = *n, name_len = strlen(file) - strlen(STATE_SUFFIX);
	uint32_t ifindex;
	struct spec *g;

	if (!tail_parse(text, len, &ifindex, why))
		return false;
	if (!conf_read_guests(text, len, file, s->family, ORIGIN_COMMAND, all, n, why))
		return false;
	if (*n == before + 1) {
		g = *all + before;
		if (strlen(g->name) == name_len && memcmp(g->name, file, name_len) == 0) {
			g->ifindex = ifindex;
			return true;
		}
	}
	while (*n > before)
		spec_free(&(*all)[--*n]);
	return no(why, "not one section of the guest whose name the file has");
}

static bool file_load(const struct state *s, const char *file, struct spec **all, size_t *n,
	char why[CONF_WHY_MAX])
{
	int fd = openat(s->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	size_t len;
	bool ok;

	if (fd < 0)
		return no(why, strerror(errno));
	ok = fd_read(fd, &text, &len, why);
	close(fd);
	ok = ok && text_load(s, file, text, len, all, n, why);
	free(text);
	return ok;
}

/* Where bad files are told of. */
struct sink {
	void (*bad)(void *ctx, const char *path, const char *why);
	void *ctx;
};

static void tell(const struct state *s, const struct sink *sink, const char *file, const char *why)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", s->dir, file);
	sink->bad(sink->ctx, path, why);
}

/* Renames the file to one that there is not, if there is room for another. */
static bool rename_aside(const struct state *s, const char *file, char aside[NAME_MAX + 8])
{
	snprintf(aside, NAME_MAX + 8, "%s.bad", file);
	for (unsigned n = 2; n <= BAD_MAX; n++) {
		if (renameat2(s->fd, file, s->fd, aside, RENAME_NOREPLACE) == 0)
			return true;
		if (errno != EEXIST)
			break; /* or EINVAL: the file system knows no such flag */
		snprintf(aside, NAME_MAX + 8, "%s.bad.%u", file, n);
	}
	return renameat(s->fd, file, s->fd, aside) == 0;
}

static void move_aside(
	const struct state *s, const struct sink *sink, const char *file, const char *why)
{
	char aside[NAME_MAX + 8];

	tell(s, sink, rename_aside(s, file, aside) ? aside : file, why);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

static int by_name(const void *a, const void *b)
{
	const struct spec *s = a, *t = b;

	return strcmp(s->name, t->name);
}

int state_aside(struct state *s, void (*each)(void *ctx, const char *path), void *ctx)
{
	struct dirent **files;
	const int count = scandirat(s->fd, ".", &files, NULL, NULL);

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		if (strstr(files[i]->d_name, BAD)) {
			snprintf(path, sizeof(path), "%s/%s", s->dir, files[i]->d_name);
			each(ctx, path);
		}
		free(files[i]);
	}
	free(files);
	return 0;
}

int state_sift(struct state *s, bool (*known)(void *ctx, const char *guest),
	void (*bad)(void *ctx, const char *path, const char *why), void *ctx)
{
	const struct sink sink = {bad, ctx};
	struct dirent **files;
	const int count = scandirat(s->fd, ".", &files, NULL, NULL);

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		const char *file = files[i]->d_name;
		char guest[NAME_MAX + 1];

		snprintf(guest, sizeof(guest), "%s", file);
		if (ends_with(file, STATE_SUFFIX)) {
			guest[strlen(file) - strlen(STATE_SUFFIX)] = '\0';
			if (!known(ctx, guest))
				move_aside(s, &sink, file,
					"it came with the directory, and the running daemon has no "
					"such guest");
		}
		free(files[i]);
	}
	free(files);
	return 0;
}

int state_load(struct state *s, struct spec **ret, size_t *n,
	void (*bad)(void *ctx, const char *path, const char *why), void *ctx)
{
	struct sink sink = {bad, ctx};
	struct dirent **files;
	int count;
	struct spec *all = NULL;
	size_t total = 0;
	char why[CONF_WHY_MAX];

	/* the whole list first: files are renamed on the way */
	count = scandirat(s->fd, ".", &files, NULL, NULL);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		const char *file = files[i]->d_name;

		if (ends_with(file, STATE_SUFFIX "~") && unlinkat(s->fd, file, 0) < 0)
			tell(s, &sink, file, strerror(errno));
		if (ends_with(file, STATE_SUFFIX) && !file_load(s, file, &all, &total, why))
			move_aside(s, &sink, file, why);
		free(files[i]);
	}
	free(files);
	if (total)
		qsort(all, total, sizeof(*all), by_name);
	*ret = all;
	*n = total;
	return 0;
}
