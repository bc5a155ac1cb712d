/* state_yield: the file .yielded of the state directory. See state.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state_private.h"

#define FILE_NAME ".yielded"
#define FILE_TEMP ".yielded~"

/* As text, for free(3); NULL: no memory. */
static char *yields_print(const struct state_yield *y, size_t n, size_t *len)
{
	char *all = NULL, text[ADDR_TEXT_MAX];
	FILE *f = open_memstream(&all, len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s %" PRIu32 "\n", addr_format(&y[i].addr, text), y[i].ifindex);
	if (fclose(f) == 0)
		return all;
	free(all);
	return NULL;
}

int state_yields_save(struct state *s, const struct state_yield *y, size_t n)
{
	size_t len;
	char *text;
	int err;

	if (n == 0)
		return unlinkat(s->fd, FILE_NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
	text = yields_print(y, n, &len);
	if (!text)
		return -ENOMEM;
	err = state_file_write(s, FILE_TEMP, text, len);
	free(text);
	if (!err && renameat(s->fd, FILE_TEMP, s->fd, FILE_NAME) < 0)
		err = -errno;
	return err;
}

static bool line_parse(char *line, struct state_yield *y)
{
	char *space = strchr(line, ' '), *end;
	unsigned long index;

	if (!space)
		return false;
	*space = '\0';
	errno = 0;
	index = strtoul(space + 1, &end, 10);
	y->ifindex = (uint32_t)index;
	return errno == 0 && index <= UINT32_MAX && strcmp(end, "\n") == 0 &&
	       addr_parse(line, &y->addr) == 0;
}

static int yields_read(FILE *f, struct state_yield **ret, size_t *n)
{
	struct state_yield *all = NULL, y;
	char line[ADDR_TEXT_MAX + 16];
	size_t count = 0, room = 0;

	while (fgets(line, sizeof(line), f)) {
		if (!line_parse(line, &y))
			continue;
		if (count == room) {
			struct state_yield *more =
				reallocarray(all, room = room ? 2 * room : 16, sizeof(*more));

			if (!more) {
				free(all);
				return -ENOMEM;
			}
			all = more;
		}
		all[count++] = y;
	}
	*ret = all;
	*n = count;
	return 0;
}

int state_yields_load(struct state *s, struct state_yield **ret, size_t *n)
{
	int fd = openat(s->fd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err;
	FILE *f;

	*ret = NULL;
	*n = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	err = yields_read(f, ret, n);
	fclose(f);
	return err;
}

static bool is_among(const struct addr *a, const struct prefix *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_is_exact(&p[i]) && addr_equal(&p[i].addr, a))
			return true;
	return false;
}

int state_yields_forget(struct state *s, const struct prefix *p, size_t n)
{
	struct state_yield *y;
	size_t ny, kept = 0;
	int err = state_yields_load(s, &y, &ny);

	for (size_t i = 0; i < ny; i++)
		if (!is_among(&y[i].addr, p, n))
			y[kept++] = y[i];
	if (!err && kept < ny)
		err = state_yields_save(s, y, kept);
	free(y);
	return err;
}
